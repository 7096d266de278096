//! Frozen modules: those that must run before files can be imported (`importlib`'s two halves, `zipimport`), and those
//! that every start imports, which are found here without a search.
//!
//! Their code comes from the library's own files (by way of `__pycache__`, as for any module) and is named `<frozen …>`,
//! as tracebacks and `importlib` know it. `-X frozen_modules=off` leaves only the first.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use pyrt_runtime::builtins::source::{self, SourceOptions};
use pyrt_runtime::interp::call_frame;
use pyrt_runtime::sync::{AtomicI32, Ordering};
use pyrt_runtime::types::builtin_types::shapes;
use pyrt_runtime::types::code::CodeObject;
use pyrt_runtime::types::dict::DictObject;
use pyrt_runtime::types::module;
use pyrt_runtime::{Owned, PyResult, Thread};

use crate::imp;

/// A frozen module.
pub struct Frozen {
    pub name: &'static str,
    /// The module of the library that it is. A `<` in front: the body of that package under another name.
    pub original: &'static str,
    /// Its file, from the library's folder, without `.py`.
    file: &'static str,
    pub is_package: bool,
    /// Frozen whatever `-X frozen_modules` says.
    is_essential: bool,
}

const fn essential(name: &'static str, original: &'static str, file: &'static str) -> Frozen {
    Frozen { name, original, file, is_package: false, is_essential: true }
}

const fn plain(name: &'static str, file: &'static str) -> Frozen {
    Frozen { name, original: name, file, is_package: false, is_essential: false }
}

const fn alias(name: &'static str, original: &'static str, file: &'static str) -> Frozen {
    Frozen { name, original, file, is_package: false, is_essential: false }
}

const fn package(name: &'static str, original: &'static str, file: &'static str) -> Frozen {
    Frozen { name, original, file, is_package: true, is_essential: false }
}

pub static MODULES: &[Frozen] = &[
    essential("_frozen_importlib", "importlib._bootstrap", "importlib/_bootstrap"),
    essential("_frozen_importlib_external", "importlib._bootstrap_external", "importlib/_bootstrap_external"),
    essential("zipimport", "zipimport", "zipimport"),
    plain("abc", "abc"),
    plain("codecs", "codecs"),
    plain("io", "io"),
    plain("_collections_abc", "_collections_abc"),
    plain("_sitebuiltins", "_sitebuiltins"),
    plain("genericpath", "genericpath"),
    plain("ntpath", "ntpath"),
    plain("posixpath", "posixpath"),
    plain("os", "os"),
    plain("site", "site"),
    plain("stat", "stat"),
    plain("importlib.util", "importlib/util"),
    plain("importlib.machinery", "importlib/machinery"),
    plain("runpy", "runpy"),
    plain("__hello__", "__hello__"),
    alias("__hello_alias__", "__hello__", "__hello__"),
    package("__phello_alias__", "__hello__", "__hello__"),
    alias("__phello_alias__.spam", "__hello__", "__hello__"),
    package("__phello__", "__phello__", "__phello__/__init__"),
    alias("__phello__.__init__", "<__phello__", "__phello__/__init__"),
    package("__phello__.ham", "__phello__.ham", "__phello__/ham/__init__"),
    alias("__phello__.ham.__init__", "<__phello__.ham", "__phello__/ham/__init__"),
    plain("__phello__.ham.eggs", "__phello__/ham/eggs"),
    plain("__phello__.spam", "__phello__/spam"),
];

/// What `_imp._override_frozen_modules_for_tests` said: above 0 all are frozen, below 0 the essential ones.
pub static OVERRIDE: AtomicI32 = AtomicI32::new(0);

/// Whether the modules that need not be frozen are.
fn is_enabled(thread: &Thread) -> bool {
    match OVERRIDE.load(Ordering::Relaxed) {
        0 => thread.interpreter.config.read().frozen_modules != Some(false),
        forced => forced > 0,
    }
}

/// The entry of a name, whether it is in force or not.
pub fn known(name: &str) -> Option<&'static Frozen> {
    MODULES.iter().find(|frozen| frozen.name == name)
}

/// The entry of a name that is to be imported from here.
pub fn find(name: &str, thread: &Thread) -> Option<&'static Frozen> {
    known(name).filter(|frozen| frozen.is_essential || is_enabled(thread) && source_path(frozen, thread).is_file())
}

fn source_path(frozen: &Frozen, thread: &Thread) -> PathBuf {
    Path::new(&thread.interpreter.config.read().home_lib).join(format!("{}.py", frozen.file))
}

/// The code of a frozen module.
pub fn load(frozen: &'static Frozen, thread: &mut Thread) -> PyResult {
    let writes = {
        let config = thread.interpreter.config.read();
        !config.dont_write_bytecode && config.pycache_prefix.is_none()
    };
    let path = source_path(frozen, thread);
    let name = format!("<frozen {}>", frozen.original.trim_start_matches('<'));
    let cached = cache_path(&path, thread);
    let code = match cached.as_deref().and_then(|cached| read_cached(cached, &path)) {
        Some(data) => crate::marshal::loads_bytes(&data, thread).ok().filter(|code| code.has_shape(shapes::CODE)),
        None => None,
    };
    drop(thread.take_exception());
    let code = match code {
        Some(code) => code,
        None => {
            let source_bytes = std::fs::read(&path).map_err(|error| {
                let file = Owned::str(&path.to_string_lossy());
                thread.raise_os_error(error.raw_os_error().unwrap_or(0), Some(*file), None)
            })?;
            let text = source::decode_source(&source_bytes, &name, thread)?;
            // Compiled under the file's own name, which is what the cache is to hold.
            let code = source::compile_text(&text, &path.to_string_lossy(), SourceOptions::module(thread), thread)?;
            if let Some(cached) = cached.filter(|_| writes) {
                write_cached(&cached, &path, &crate::marshal::dumps_bytes(*code, thread)?);
            }
            code
        }
    };
    let old = CodeObject::of(*code).filename();
    let new = pyrt_runtime::types::string::intern_str(&name);
    imp::fix_filename(*code, *old, *new);
    Ok(code)
}

/// Makes the module and runs its code, without `importlib`.
pub fn import(frozen: &'static Frozen, thread: &mut Thread) -> PyResult {
    let code = load(frozen, thread)?;
    let made = module::new(frozen.name);
    if let Some(modules) = thread.interpreter.modules_dict() {
        DictObject::of(*modules).set_by_text(frozen.name, made.clone());
    }
    let Some(namespace) = module::dict_of(*made) else { return Ok(made) };
    if let Some(builtins) = thread.interpreter.load(&thread.interpreter.builtins_module) {
        DictObject::of(*namespace).set_by_text("__builtins__", builtins);
    }
    module::add(*made, "__origname__", Owned::str(frozen.original));
    call_frame::run_code(*code, *namespace, *namespace, thread)?;
    Ok(made)
}

fn cache_path(path: &Path, thread: &Thread) -> Option<PathBuf> {
    let optimize = thread.interpreter.config.read().optimize;
    let stem = path.file_stem()?.to_str()?;
    let suffix = if optimize > 0 { format!(".opt-{optimize}") } else { String::new() };
    Some(path.parent()?.join("__pycache__").join(format!("{stem}.{}{suffix}.pyc", crate::version::CACHE_TAG)))
}

/// The code in a cache file that belongs to the source file as it is now (PEP 552, times and sizes).
fn read_cached(cached: &Path, path: &Path) -> Option<Vec<u8>> {
    let mut data = std::fs::read(cached).ok()?;
    if data.get(..16)? != header(path)? {
        return None;
    }
    data.drain(..16);
    Some(data)
}

fn header(path: &Path) -> Option<[u8; 16]> {
    let source = std::fs::metadata(path).ok()?;
    let mut header = [0; 16];
    header[..4].copy_from_slice(&imp::MAGIC_NUMBER_TOKEN.to_le_bytes());
    header[8..12].copy_from_slice(&(source.mtime() as u32).to_le_bytes());
    header[12..].copy_from_slice(&(source.size() as u32).to_le_bytes());
    Some(header)
}

/// Writes a cache file by renaming a complete one; a failure costs the next start a compilation, no more.
fn write_cached(cached: &Path, path: &Path, code: &[u8]) {
    let Some(header) = header(path) else { return };
    let Some(folder) = cached.parent() else { return };
    if std::fs::create_dir_all(folder).is_err() {
        return;
    }
    let temporary = cached.with_extension(format!("pyc.{}", std::process::id()));
    if std::fs::write(&temporary, [&header[..], code].concat()).is_err() || std::fs::rename(&temporary, cached).is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
}
