//! `cargo xtask dist`: both binaries and the library, laid out as CPython lays itself out:
//! `target/dist/bin/{pyrt,pyrt-t}`, `target/dist/lib/python3.14`, and `lib/python3.14t`, a link to it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The two binaries: name, extra cargo arguments, target folder.
pub const BINARIES: [(&str, &[&str], &str); 2] =
    [("pyrt", &[], "target"), ("pyrt-t", &["--features", "free-threaded"], "target/free-threaded")];

/// Builds one binary and gives its path. Cargo unifies features over one build, hence a target folder each.
pub fn build(name: &str, arguments: &[&str], folder: &str, profile: &str) -> Result<PathBuf, String> {
    let mut command = Command::new("cargo");
    command.args(["build", "--quiet", "--package", "pyrt", "--bin", name, "--target-dir", folder, "--profile", profile]);
    command.args(arguments);
    let status = command.status().map_err(|error| format!("cargo: {error}"))?;
    if !status.success() {
        return Err(format!("{name} does not build"));
    }
    let place = if profile == "dev" { "debug" } else { profile };
    Ok(Path::new(folder).join(place).join(name))
}

/// Builds and lays out.
pub fn run(_arguments: &[String]) -> Result<(), String> {
    let root = Path::new("target/dist");
    let describe = |error: std::io::Error| error.to_string();
    std::fs::create_dir_all(root.join("bin")).map_err(describe)?;
    for (name, arguments, folder) in BINARIES {
        let built = build(name, arguments, folder, "release")?;
        std::fs::copy(&built, root.join("bin").join(name)).map_err(describe)?;
    }
    let library = root.join("lib/python3.14");
    let _ = std::fs::remove_dir_all(&library);
    copy_tree(Path::new(rustpython_pylib::LIB_PATH), &library).map_err(describe)?;
    copy_tree(Path::new("stdlib/Lib"), &library).map_err(describe)?;
    let link = root.join("lib/python3.14t");
    if link.symlink_metadata().is_err() {
        std::os::unix::fs::symlink("python3.14", &link).map_err(describe)?;
    }
    println!("{}", root.display());
    Ok(())
}

/// Copies the files of a tree, overwriting; compiled files stay behind.
fn copy_tree(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "__pycache__" {
                copy_tree(&source, &target)?;
            }
        } else {
            std::fs::copy(&source, &target)?;
        }
    }
    Ok(())
}
