//! Project tasks: `cargo xtask <task>`.
#[cfg(feature = "unicode-tables")]
mod unicode_tables;

fn main() {
    let task = std::env::args().nth(1).unwrap_or_default();
    let result = match task.as_str() {
        "unicode-tables" => unicode_tables(),
        other => Err(format!("unknown task {other:?}; tasks: unicode-tables")),
    };
    if let Err(message) = result {
        eprintln!("xtask: {message}");
        std::process::exit(1);
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
