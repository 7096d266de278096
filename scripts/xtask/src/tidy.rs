//! `cargo xtask tidy`: rules that no compiler checks.
//!
//! * Only `runtime/src/sync.rs` names the atomics of std or loom.
//! * `cfg(feature = "free-threaded")` stands in the files that DESIGN allows it in.
//! * No file of generic names, no trailing white space in Rust files.

use std::path::{Path, PathBuf};

const ALLOWED_CFG: [&str; 5] =
    ["runtime/src/object/refcount.rs", "runtime/src/object/lock.rs", "runtime/src/memory/", "runtime/src/threads/", "runtime/src/sync.rs"];
const BAD_NAMES: [&str; 4] = ["util.rs", "utils.rs", "helpers.rs", "misc.rs"];

pub fn run() -> Result<(), String> {
    let mut files = Vec::new();
    for folder in ["src", "compiler/src", "unicode/src", "runtime/src", "stdlib/src", "loom-tests", "scripts/xtask/src"] {
        collect(Path::new(folder), &mut files);
    }
    let mut faults = Vec::new();
    for file in &files {
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        let name = file.to_string_lossy();
        if BAD_NAMES.iter().any(|bad| name.ends_with(&format!("/{bad}"))) {
            faults.push(format!("{name}: a noun says what the file holds, this name does not"));
        }
        let is_runtime = name.starts_with("runtime/src") || name.starts_with("stdlib/src");
        for (number, line) in text.lines().enumerate() {
            let at = || format!("{name}:{}", number + 1);
            if line.ends_with(' ') {
                faults.push(format!("{}: trailing white space", at()));
            }
            if is_runtime && !name.ends_with("/sync.rs") && line.trim_start().starts_with("use std::sync::atomic") {
                faults.push(format!("{}: atomics come from crate::sync", at()));
            }
            let is_cfg = line.contains("cfg(feature = \"free-threaded\")") || line.contains("cfg!(feature = \"free-threaded\")");
            if is_runtime && is_cfg && !ALLOWED_CFG.iter().any(|allowed| name.starts_with(allowed)) {
                faults.push(format!("{}: use `if FREE_THREADED`, so that both arms are checked", at()));
            }
        }
    }
    if files.is_empty() {
        return Err("no Rust file found: run it from the root of the repository".into());
    }
    if faults.is_empty() {
        println!("tidy: {} files", files.len());
        return Ok(());
    }
    Err(faults.join("\n"))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
