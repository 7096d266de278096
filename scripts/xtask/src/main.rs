//! Tasks of the developers: `cargo xtask TASK …`.

mod compare_ast;
mod compare_bytecode;
mod conformance;
mod demo;
mod dist;
mod oracle;
mod programs;
mod scaling;
mod tidy;
#[cfg(feature = "unicode-tables")]
mod unicode_tables;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("compare-ast") => compare_ast::run(&arguments[1..]),
        Some("compare-bytecode") => compare_bytecode::run(&arguments[1..]),
        Some("has-oracle") => if oracle::available().is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE },
        Some("conformance") => conformance::run(&arguments[1..]),
        Some("demo") => report(demo::run()),
        Some("dist") => report(dist::run(&arguments[1..])),
        Some("scaling") => report(scaling::run(&arguments[1..])),
        Some("test") => programs::run(&arguments[1..]),
        Some("tidy") => report(tidy::run()),
        Some("unicode-tables") => report(unicode_tables()),
        _ => {
            eprintln!("usage: cargo xtask test [--quick] [--bless]");
            eprintln!("       cargo xtask conformance [-v] [--only BINARY] [--cpython-lib DIR] [FILE…]");
            eprintln!("       cargo xtask demo | dist");
            eprintln!("       cargo xtask scaling [--python COMMAND] [--threads 1,2,…] [--runs N] [--only PATTERN,…]");
            eprintln!("       cargo xtask tidy");
            eprintln!("       cargo xtask compare-ast [DIR | FILE | --snippets FILE | --speed]…");
            eprintln!("       cargo xtask compare-bytecode [DIR | FILE | --snippets FILE | --symbols | --first N | -O LEVEL]…");
            eprintln!("       cargo xtask unicode-tables");
            ExitCode::from(2)
        }
    }
}

fn report(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(feature = "unicode-tables")]
fn unicode_tables() -> Result<(), String> {
    unicode_tables::run()
}

/// The generator needs crates that no other task needs: build it with them and run that.
#[cfg(not(feature = "unicode-tables"))]
fn unicode_tables() -> Result<(), String> {
    let status = std::process::Command::new("cargo")
        .args(["run", "--quiet", "--package", "xtask", "--features", "unicode-tables", "--", "unicode-tables"])
        .status()
        .map_err(|e| e.to_string())?;
    if status.success() { Ok(()) } else { Err("the generator failed".into()) }
}
