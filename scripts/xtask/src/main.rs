//! Tasks of the developers: `cargo xtask TASK …`.

mod compare_ast;
mod compare_bytecode;
mod oracle;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("compare-ast") => compare_ast::run(&arguments[1..]),
        Some("compare-bytecode") => compare_bytecode::run(&arguments[1..]),
        _ => {
            eprintln!("usage: cargo xtask compare-ast [DIR | FILE | --snippets FILE | --speed]…");
            eprintln!("       cargo xtask compare-bytecode [DIR | FILE | --snippets FILE | --symbols | --first N | -O LEVEL]…");
            ExitCode::from(2)
        }
    }
}
