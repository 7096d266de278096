//! `cargo xtask dist`: both binaries and the library, laid out as CPython lays itself out:
//! `target/dist/bin/{pyrt,pyrt-t}`, `target/dist/lib/python3.14`, and `lib/python3.14t`, a link to it.

use std::collections::BTreeMap;
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

/// Lines of the crate's library that are RustPython's, and what stands there in CPython's or ours.
const EDITS: &[(&str, &str, &str)] = &[
    ("site.py", "return 'RustPython' # XXX: RUSTPYTHON; for site-packages", "return 'Python'"),
    ("site.py", "/lib/rustpython{version[0]}", "/lib/python{version[0]}"),
    ("sysconfig/__init__.py", "return 'RustPython'  # XXX: RUSTPYTHON; For site-packages", "return 'Python'"),
];

/// The folder that everything is laid out in.
pub const ROOT: &str = "target/dist";

/// Builds and lays out.
pub fn run(_arguments: &[String]) -> Result<(), String> {
    lay_out()?;
    println!("{ROOT}");
    Ok(())
}

/// Builds both binaries and brings the folder up to date.
pub fn lay_out() -> Result<(), String> {
    let root = Path::new(ROOT);
    let describe = |error: std::io::Error| error.to_string();
    std::fs::create_dir_all(root.join("bin")).map_err(describe)?;
    for (name, arguments, folder) in BINARIES {
        let built = build(name, arguments, folder, "release")?;
        let to = root.join("bin").join(name);
        let is_current = std::fs::read(&to).ok() == std::fs::read(&built).ok();
        if !is_current {
            // A running binary cannot be written, but it can be replaced.
            let _ = std::fs::remove_file(&to);
            std::fs::copy(&built, &to).map_err(describe)?;
        }
    }
    let library = root.join("lib/python3.14");
    let mut wanted = BTreeMap::new();
    list_tree(Path::new(rustpython_pylib::LIB_PATH), Path::new(""), &mut wanted).map_err(describe)?;
    list_tree(Path::new("stdlib/Lib"), Path::new(""), &mut wanted).map_err(describe)?;
    let mut present = BTreeMap::new();
    list_tree(&library, Path::new(""), &mut present).map_err(describe)?;
    for (name, file) in present.iter().filter(|(name, _)| !wanted.contains_key(*name)) {
        std::fs::remove_file(file).map_err(|error| format!("{}: {error}", name.display()))?;
    }
    for (name, source) in &wanted {
        copy_if_changed(source, &library.join(name), name).map_err(|error| format!("{}: {error}", name.display()))?;
    }
    let link = root.join("lib/python3.14t");
    if link.symlink_metadata().is_err() {
        std::os::unix::fs::symlink("python3.14", &link).map_err(describe)?;
    }
    Ok(())
}

/// The files of a tree by their path in it; a later call overrides. Compiled files are left out.
fn list_tree(from: &Path, prefix: &Path, files: &mut BTreeMap<PathBuf, PathBuf>) -> std::io::Result<()> {
    if !from.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let name = prefix.join(entry.file_name());
        if !entry.file_type()?.is_dir() {
            files.insert(name, entry.path());
        } else if entry.file_name() != "__pycache__" {
            list_tree(&entry.path(), &name, files)?;
        }
    }
    Ok(())
}

/// Copies a file unless the target has the same contents, so that compiled files stay valid.
fn copy_if_changed(from: &Path, to: &Path, name: &Path) -> std::io::Result<()> {
    let mut contents = std::fs::read(from)?;
    for (_, old, new) in EDITS.iter().filter(|(file, _, _)| name == Path::new(file)) {
        let text = String::from_utf8_lossy(&contents).into_owned();
        if !text.contains(old) {
            return Err(std::io::Error::other(format!("the line to edit is not there: {old}")));
        }
        contents = text.replace(old, new).into_bytes();
    }
    if std::fs::read(to).is_ok_and(|old| old == contents) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(to, contents)
}
