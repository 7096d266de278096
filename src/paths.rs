//! Where the executable and the library are: `sys.executable`, `sys.prefix`, `sys.path`.
//!
//! The library is in `lib/python3.14` beside the folder of the executable or above it; in a virtual environment
//! (`pyvenv.cfg`), beside the executable that its `home` names.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use pyrt_runtime::FREE_THREADED;
use pyrt_runtime::interpreter::Config;

use crate::options::Options;

/// The library's folder under a prefix: `lib/python3.14`, with `t` in the build without a GIL.
fn library_folder(config: &Config) -> PathBuf {
    Path::new(&config.platform_library).join(if FREE_THREADED { "python3.14t" } else { "python3.14" })
}

/// A file that every library has.
const LANDMARK: &str = "os.py";

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// The path from the root, without the `.` and `..` of its start.
pub fn absolute(path: &Path) -> PathBuf {
    if path.is_absolute() {
        return path.to_path_buf();
    }
    match std::env::current_dir() {
        Ok(current) => current.join(path.strip_prefix("./").unwrap_or(path)),
        Err(_) => path.to_path_buf(),
    }
}

/// The program's own file: by its name if that has a folder in it, else by `PATH`.
fn program(name: &OsStr) -> Option<PathBuf> {
    if name.as_bytes().contains(&b'/') {
        return Some(absolute(Path::new(name)));
    }
    let found = std::env::var_os("PATH").and_then(|path| {
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|candidate| is_executable(candidate))
    });
    found.map(|found| absolute(&found)).or_else(|| std::env::current_exe().ok())
}

/// The value of `home` in a `pyvenv.cfg`.
fn venv_home(executable: &Path) -> Option<(PathBuf, PathBuf)> {
    let folder = executable.parent()?;
    for root in [Some(folder), folder.parent()].into_iter().flatten() {
        let Ok(text) = std::fs::read_to_string(root.join("pyvenv.cfg")) else { continue };
        for line in text.lines() {
            if let Some((name, value)) = line.split_once('=') {
                if name.trim().eq_ignore_ascii_case("home") {
                    return Some((root.to_path_buf(), PathBuf::from(value.trim())));
                }
            }
        }
    }
    None
}

/// The prefix that has the library, from a folder upwards.
fn prefix_from(folder: &Path, library: &Path) -> Option<PathBuf> {
    folder.ancestors().find(|ancestor| ancestor.join(library).join(LANDMARK).is_file()).map(Path::to_path_buf)
}

/// What a file `…._pth` beside the executable says: the whole search path, and that nothing else counts.
struct ListedPaths {
    search: Vec<OsString>,
    imports_site: bool,
}

fn listed_paths(executable: &Path) -> Option<ListedPaths> {
    let mut name = executable.as_os_str().to_owned();
    name.push("._pth");
    let text = std::fs::read_to_string(name).ok()?;
    let folder = executable.parent()?;
    let mut listed = ListedPaths { search: Vec::new(), imports_site: false };
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        match line {
            "" => {}
            "import site" => listed.imports_site = true,
            _ if line.starts_with("import ") => eprintln!("unsupported 'import' line in ._pth file"),
            _ => listed.search.push(without_dots(&folder.join(line)).into_os_string()),
        }
    }
    Some(listed)
}

/// The path without `.` and `..`, as text: links are not looked at.
fn without_dots(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

/// Fills in everything that depends on where things are.
pub fn configure(config: &mut Config, options: &Options) {
    let (home, python_path) = (options.home.as_deref(), options.python_path.as_deref());
    config.platform_library = options.platform_library.clone().unwrap_or_else(|| "lib".into());
    let library = library_folder(config);
    let prefix_from = |folder: &Path| prefix_from(folder, &library);
    let name = config.orig_argv.first().cloned().unwrap_or_else(|| "python".into());
    let executable = program(&name).unwrap_or_default();
    let mut base_executable = executable.clone();
    let mut venv = None;
    if home.is_none() {
        if let Some((root, home)) = venv_home(&executable) {
            if let Some(name) = executable.file_name() {
                base_executable = home.join(name);
            }
            if !is_executable(&base_executable) {
                base_executable = executable.canonicalize().unwrap_or(base_executable);
            }
            venv = Some((root, home));
        }
    }
    let base_prefix = match (home, &venv) {
        (Some(home), _) => Some(PathBuf::from(OsStr::from_bytes(home.as_bytes().split(|byte| *byte == b':').next().unwrap_or_default()))),
        (None, Some((_, home))) => prefix_from(home).or_else(|| prefix_from(base_executable.canonicalize().ok()?.parent()?)),
        (None, None) => {
            let by_name = executable.parent().and_then(&prefix_from);
            by_name.or_else(|| prefix_from(executable.canonicalize().or_else(|_| std::env::current_exe()).ok()?.parent()?))
        }
    };
    let base_prefix = base_prefix.unwrap_or_else(|| {
        eprintln!("Could not find platform independent libraries <prefix>");
        PathBuf::from("/usr/local")
    });
    let prefix = venv.map_or_else(|| base_prefix.clone(), |(root, _)| root);
    let library = base_prefix.join(&library);
    let mut search: Vec<OsString> = Vec::new();
    if let Some(python_path) = python_path {
        search.extend(python_path.as_bytes().split(|byte| *byte == b':').map(|part| absolute(Path::new(OsStr::from_bytes(part))).into_os_string()));
    }
    search.push(base_prefix.join(&config.platform_library).join(if FREE_THREADED { "python314t.zip" } else { "python314.zip" }).into_os_string());
    search.push(library.clone().into_os_string());
    if let Some(listed) = listed_paths(&executable) {
        config.isolated = true;
        config.ignore_environment = true;
        config.safe_path = true;
        config.no_site = !listed.imports_site;
        search = listed.search;
    }
    config.executable = executable.into_os_string();
    config.base_executable = base_executable.into_os_string();
    config.prefix = prefix.into_os_string();
    config.base_prefix = base_prefix.into_os_string();
    config.home_lib = library.into_os_string();
    config.module_search_paths = search;
}

/// The configuration of the paths, for who looks why the library is not found.
pub fn description(config: &Config) -> String {
    let quoted = |text: &OsStr| format!("'{}'", text.to_string_lossy());
    let variable = |name: &str| {
        let value = std::env::var_os(name).filter(|value| !value.is_empty() && !config.ignore_environment);
        value.map_or_else(|| "(not set)".to_string(), |value| quoted(&value))
    };
    let number = |flag: bool| i32::from(flag);
    let program = config.orig_argv.first().map_or_else(String::new, |name| quoted(name));
    let mut out = format!("Python path configuration:\n  PYTHONHOME = {}\n  PYTHONPATH = {}\n  program name = {program}\n", variable("PYTHONHOME"), variable("PYTHONPATH"));
    out.push_str(&format!(
        "  isolated = {}\n  environment = {}\n  user site = {}\n  safe_path = {}\n  import site = {}\n  is in build tree = 0\n",
        number(config.isolated),
        number(!config.ignore_environment),
        number(!config.no_user_site),
        number(config.safe_path),
        number(!config.no_site)
    ));
    out.push_str(&format!("  stdlib dir = {}\n  sys.path[0] = (not set)\n", quoted(&config.home_lib)));
    for (name, value) in [
        ("sys._base_executable", &config.base_executable),
        ("sys.base_prefix", &config.base_prefix),
        ("sys.base_exec_prefix", &config.base_prefix),
        ("sys.platlibdir", &config.platform_library),
        ("sys.executable", &config.executable),
        ("sys.prefix", &config.prefix),
        ("sys.exec_prefix", &config.prefix),
    ] {
        out.push_str(&format!("  {name} = {}\n", quoted(value)));
    }
    out.push_str("  sys.path = [\n");
    for folder in &config.module_search_paths {
        out.push_str(&format!("    {},\n", quoted(folder)));
    }
    out.push_str("  ]\n");
    out
}

/// What `sys.path[0]` is for a script: the folder of the file that a link leads to.
pub fn script_folder(script: &Path) -> OsString {
    let resolved = match script.read_link() {
        Ok(target) => script.parent().map_or(target.clone(), |parent| parent.join(&target)),
        Err(_) => script.to_path_buf(),
    };
    let folder = absolute(&resolved).canonicalize().ok().and_then(|path| path.parent().map(Path::to_path_buf));
    folder.map_or_else(|| OsString::from_vec(Vec::new()), PathBuf::into_os_string)
}
