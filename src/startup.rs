//! The stages of a run: interpreter, import, standard streams, `site`, the program, the end.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use pyrt_runtime::builtins::source::{self, SourceOptions};
use pyrt_runtime::codecs::fs_decode;
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interp::call_frame;
use pyrt_runtime::interpreter::Config;
use pyrt_runtime::lifecycle;
use pyrt_runtime::protocol::{attribute, call};
use pyrt_runtime::threads::gil;
use pyrt_runtime::types::builtin_types::shapes;
use pyrt_runtime::types::dict::DictObject;
use pyrt_runtime::types::module;
use pyrt_runtime::{Owned, PyResult, Thread, import, names};
use pyrt_stdlib::frozen;

use crate::options::{Options, Task};
use crate::{paths, prompt, streams};

/// Runs to the end; the exit code.
pub fn run(options: Options, config: Config) -> i32 {
    let wants_gil = config.gil;
    let Ok(mut thread) = lifecycle::start(config) else {
        eprintln!("Fatal Python error: the interpreter cannot be started");
        return 1;
    };
    if wants_gil == Some(true) {
        gil::enable();
    }
    let thread = &mut *thread;
    if let Err(failure) = initialize(thread) {
        return failure.report(thread);
    }
    let runs_code = !matches!(options.task, Task::StandardInput);
    prompt::print_banner(runs_code, thread);
    prompt::import_readline(runs_code, thread);
    let code = run_task(&options, thread);
    let code = prompt::after_program(code, thread);
    let ended = lifecycle::finish(thread);
    if thread.interpreter.config.read().malloc_stats {
        pyrt_stdlib::sys::print_memory_statistics();
    }
    if code == lifecycle::EXIT_BY_SIGINT {
        return pyrt_stdlib::signal::die_of_interrupt();
    }
    if ended { code } else { 120 }
}

/// A start that could not be completed: what is said, before the exception that is raised.
struct Failure {
    text: &'static str,
    state: &'static str,
    /// Whether the paths are shown: the library was not found.
    shows_paths: bool,
}

impl Failure {
    const NO_LIBRARY: Failure = Failure { text: "Failed to import encodings module", state: "core initialized", shows_paths: true };
    const NO_STREAMS: Failure =
        Failure { text: "init_sys_streams: can't initialize sys standard streams", state: "core initialized", shows_paths: false };
    const NO_ENCODING: Failure = Failure {
        text: "init_stdio_encoding: failed to get the Python codec name of the stdio encoding",
        state: "core initialized",
        shows_paths: false,
    };
    const NO_SITE: Failure =
        Failure { text: "init_import_site: Failed to import the site module", state: "initialized", shows_paths: false };

    /// Says so on standard error; the exit code.
    fn report(&self, thread: &mut Thread) -> i32 {
        let exception = thread.take_exception();
        let details = exception.map(|exception| pyrt_runtime::exceptions::display::render(*exception, thread)).unwrap_or_default();
        let mut text = String::new();
        if self.shows_paths {
            text.push_str(&paths::description(&thread.interpreter.config.read()));
        }
        text.push_str(&format!("Fatal Python error: {}\nPython runtime state: {}\n{details}\n", self.text, self.state));
        if self.state == "core initialized" {
            // SAFETY: asks for the calling thread's own number.
            let number = unsafe { libc::pthread_self() };
            let name = std::fs::read_to_string("/proc/self/comm").unwrap_or_default();
            text.push_str(&format!("Current thread {number:#018x} [{}] (most recent call first):\n  <no Python frame>\n", name.trim_end()));
        }
        eprint!("{text}");
        1
    }
}

fn initialize(thread: &mut Thread) -> Result<(), Failure> {
    initialize_core(thread).map_err(|_| Failure::NO_LIBRARY)?;
    if let Err(raised) = streams::open(thread) {
        let unknown = thread.catch(raised, &exc::LOOKUP_ERROR);
        let Ok(unknown) = unknown else { return Err(Failure::NO_STREAMS) };
        thread.set_exception(unknown);
        return Err(Failure::NO_ENCODING);
    }
    initialize_main(thread).map_err(|_| Failure::NO_SITE)
}

/// Everything up to the first module that comes from a file by a search.
fn initialize_core(thread: &mut Thread) -> PyResult<()> {
    pyrt_stdlib::register(thread.interpreter);
    pyrt_stdlib::warnings::install(thread.interpreter);
    pyrt_stdlib::sys::install(thread)?;
    if let Some(sys) = thread.interpreter.load(&thread.interpreter.sys_module) {
        module::add_functions(*sys, prompt::FUNCTIONS);
    }
    install_importlib(thread)?;
    pyrt_stdlib::signal::install(thread)?;
    import::import_module("encodings", thread)?;
    Ok(())
}

fn initialize_main(thread: &mut Thread) -> PyResult<()> {
    make_main(thread)?;
    let (has_warn_options, skips_site, wants_faulthandler, trace_depth) = {
        let config = thread.interpreter.config.read();
        (!config.warn_options.is_empty(), config.no_site, config.faulthandler, config.tracemalloc)
    };
    if wants_faulthandler && thread.interpreter.native_module("faulthandler").is_some() {
        let handler = import::import_module("faulthandler", thread)?;
        call::call_method(*handler, *names::interned("enable"), &[], thread)?;
    }
    if trace_depth > 0 && thread.interpreter.native_module("_tracemalloc").is_some() {
        let tracer = import::import_module("_tracemalloc", thread)?;
        let depth = Owned::int(i64::from(trace_depth));
        call::call_method(*tracer, *names::interned("start"), &[*depth], thread)?;
    }
    if has_warn_options {
        import::import_module("warnings", thread)?;
    }
    if !skips_site {
        // Its body does what it is for.
        import::import_module("site", thread)?;
    }
    Ok(())
}

/// `importlib._bootstrap` and its other half, `zipimport` in front of the path hooks.
fn install_importlib(thread: &mut Thread) -> PyResult<()> {
    let interpreter = thread.interpreter;
    let Some(bootstrap) = frozen::known("_frozen_importlib") else { return Ok(()) };
    let bootstrap = frozen::import(bootstrap, thread)?;
    let imp = import::import_module("_imp", thread)?;
    let sys = interpreter.load(&interpreter.sys_module).unwrap_or_else(Owned::none);
    call::call_method(*bootstrap, names::names()._install, &[*sys, *imp], thread)?;
    interpreter.store(&interpreter.importlib, Some(bootstrap.clone()));
    call::call_method(*bootstrap, names::names()._install_external_importers, &[], thread)?;
    let zipimport = import::import_module("zipimport", thread)?;
    let importer = attribute::get(*zipimport, names::names().zipimporter, thread)?;
    let hooks = attribute::get(*sys, names::names().path_hooks, thread)?;
    let zero = Owned::int(0);
    call::call_method(*hooks, names::names().insert, &[*zero, *importer], thread)?;
    Ok(())
}

/// `__main__` with a loader, as code run by `-c` or typed in sees it.
fn make_main(thread: &mut Thread) -> PyResult<()> {
    let namespace = lifecycle::main_namespace(thread)?;
    let interpreter = thread.interpreter;
    if let Some(bootstrap) = interpreter.load(&interpreter.importlib) {
        let loader = attribute::get_by_text(*bootstrap, "BuiltinImporter", thread)?;
        DictObject::of(*namespace).set_by_text("__loader__", loader);
    }
    Ok(())
}

fn prepend_path(folder: &OsStr, thread: &mut Thread) -> PyResult<()> {
    let path = thread.interpreter.sys_get(names::names().path);
    if let Some(path) = path {
        let (zero, folder) = (Owned::int(0), fs_decode(folder.as_bytes()));
        call::call_method(*path, names::names().insert, &[*zero, *folder], thread)?;
    }
    Ok(())
}

/// Runs what was asked for; the exit code.
fn run_task(options: &Options, thread: &mut Thread) -> i32 {
    let result: PyResult<()> = match &options.task {
        Task::Command(command) => run_command(command, thread),
        Task::Module(name) => run_module(name, thread),
        Task::File(file) => match run_file(file, options.skip_first_line, thread) {
            Ok(code) => return finish_task(Ok(()), thread, code),
            Err(raised) => Err(raised),
        },
        Task::StandardInput => {
            if let Err(_raised) = prepend_empty_path(thread) {
                return lifecycle::handle_uncaught(thread);
            }
            if prompt::is_interactive(thread) {
                return prompt::from_standard_input(thread);
            }
            run_standard_input(options.skip_first_line, thread)
        }
    };
    finish_task(result, thread, 0)
}

fn finish_task(result: PyResult<()>, thread: &mut Thread, code: i32) -> i32 {
    match result {
        Ok(()) => code,
        Err(_) => lifecycle::handle_uncaught(thread),
    }
}

fn safe_path(thread: &Thread) -> bool {
    thread.interpreter.config.read().safe_path
}

/// `sys.path[0]` for code that has no file: the current folder, whichever it is at the time.
fn prepend_empty_path(thread: &mut Thread) -> PyResult<()> {
    if !safe_path(thread) {
        prepend_path(OsStr::new(""), thread)?;
    }
    Ok(())
}

fn run_command(command: &OsStr, thread: &mut Thread) -> PyResult<()> {
    let text = fs_decode(command.as_bytes());
    pyrt_stdlib::sys::hooks::audit_event("cpython.run_command", &[*text], thread)?;
    prepend_empty_path(thread)?;
    let Some(command) = command.to_str() else {
        eprintln!("Unable to decode the command from the command line:");
        let encoding = Owned::str("utf-8");
        call::call_method(*text, names::names().encode, &[*encoding], thread)?;
        return Ok(());
    };
    let text = format!("{}\n", dedent(command));
    let code = source::compile_text(&text, "<string>", SourceOptions::module(thread), thread)?;
    remember_source(&code, &text, "<string>", thread)?;
    lifecycle::run_main(*code, thread).map(drop)
}

/// Tells `linecache` the text of code that has no file, for tracebacks.
pub fn remember_source(code: &Owned, text: &str, filename: &str, thread: &mut Thread) -> PyResult<()> {
    let linecache = match import::import_module("linecache", thread) {
        Ok(linecache) => linecache,
        Err(raised) => {
            drop::<Owned>(thread.catch(raised, &exc::EXCEPTION)?);
            return Ok(());
        }
    };
    let (text, filename) = (Owned::str(text), Owned::str(filename));
    call::call_method(*linecache, *names::interned("_register_code"), &[**code, *text, *filename], thread)?;
    Ok(())
}

/// The text without the indentation that all its lines share; blank lines become empty.
fn dedent(text: &str) -> String {
    let is_blank = |line: &str| line.bytes().all(|byte| byte == b' ' || byte == b'\t' || byte == b'\r');
    let indent = |line: &str| line.len() - line.trim_start_matches([' ', '\t']).len();
    let mut margin: Option<&str> = None;
    for line in text.split('\n').filter(|line| !is_blank(line)) {
        let own = &line[..indent(line)];
        margin = Some(match margin {
            None => own,
            Some(margin) => {
                let shared = margin.bytes().zip(own.bytes()).take_while(|(a, b)| a == b).count();
                &margin[..shared]
            }
        });
    }
    let cut = margin.map_or(0, str::len);
    if cut == 0 {
        return text.to_string();
    }
    let lines: Vec<&str> = text.split('\n').map(|line| if is_blank(line) { "" } else { &line[cut..] }).collect();
    lines.join("\n")
}

fn run_module(name: &OsStr, thread: &mut Thread) -> PyResult<()> {
    if !safe_path(thread) {
        let folder = std::env::current_dir().unwrap_or_default();
        prepend_path(folder.as_os_str(), thread)?;
    }
    let name = fs_decode(name.as_bytes());
    pyrt_stdlib::sys::hooks::audit_event("cpython.run_module", &[*name], thread)?;
    let runpy = import::import_module("runpy", thread)?;
    let run = *names::interned("_run_module_as_main");
    call::call_method(*runpy, run, &[*name, *Owned::true_()], thread).map(drop)
}

/// Runs a script, or a folder or zip file with `__main__`. An exit code where the file cannot be read.
fn run_file(file: &OsStr, skip_first_line: bool, thread: &mut Thread) -> PyResult<i32> {
    if is_import_location(file, thread)? {
        prepend_path(file, thread)?;
        let name = Owned::str("__main__");
        let runpy = import::import_module("runpy", thread)?;
        let run = *names::interned("_run_module_as_main");
        call::call_method(*runpy, run, &[*name, *Owned::false_()], thread)?;
        return Ok(0);
    }
    let path = paths::absolute(Path::new(file));
    let executable = thread.interpreter.config.read().orig_argv.first().cloned().unwrap_or_default();
    let (shown, program) = (path.display().to_string(), executable.to_string_lossy().into_owned());
    if !safe_path(thread) {
        prepend_path(&paths::script_folder(&path), thread)?;
    }
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if path.is_dir() => {
            let _ = error;
            eprintln!("{program}: can't find '__main__' module in '{shown}'");
            return Ok(1);
        }
        Err(error) => {
            let code = error.raw_os_error().unwrap_or(0);
            let text = pyrt_runtime::exceptions::raise::system_error_text(code);
            eprintln!("{program}: can't open file '{shown}': [Errno {code}] {text}");
            return Ok(2);
        }
    };
    let filename = fs_decode(path.as_os_str().as_bytes());
    pyrt_stdlib::sys::hooks::audit_event("cpython.run_file", &[*filename], thread)?;
    run_file_bytes(&path, bytes, skip_first_line, thread)?;
    Ok(0)
}

/// Runs the contents of a file as the body of `__main__`, which has its name meanwhile.
pub fn run_file_bytes(path: &Path, bytes: Vec<u8>, skip_first_line: bool, thread: &mut Thread) -> PyResult<()> {
    let shown = path.display().to_string();
    let namespace = lifecycle::main_namespace(thread)?;
    let dict = DictObject::of(*namespace);
    let filename = fs_decode(path.as_os_str().as_bytes());
    // A module that ran before a prompt keeps its own.
    let names_file = dict.get_by_text("__file__").is_none();
    if names_file {
        dict.set_by_text("__file__", filename.clone());
        dict.set_by_text("__cached__", Owned::none());
    }
    let is_compiled = bytes.get(..4) == Some(&pyrt_stdlib::imp::MAGIC_NUMBER_TOKEN.to_le_bytes()[..]);
    let loader_class = if is_compiled { "SourcelessFileLoader" } else { "SourceFileLoader" };
    let external = import::import_module("_frozen_importlib_external", thread)?;
    let class = attribute::get_by_text(*external, loader_class, thread)?;
    let main = Owned::str("__main__");
    let loader = call::call(*class, &[*main, *filename], thread)?;
    dict.set_by_text("__loader__", loader);
    let code = if is_compiled {
        let code = pyrt_stdlib::marshal::loads_bytes(bytes.get(16..).unwrap_or_default(), thread)?;
        if !code.has_shape(shapes::CODE) {
            return Err(thread.raise(&exc::RUNTIME_ERROR, "Bad code object in .pyc file"));
        }
        code
    } else {
        let bytes = if skip_first_line { without_first_line(bytes) } else { bytes };
        let text = source::decode_source(&bytes, &shown, thread)?;
        source::check_file_text(&text, &shown, thread)?;
        source::compile_text(&text, &shown, SourceOptions::module(thread), thread)?
    };
    let result = call_frame::run_code(*code, *namespace, *namespace, thread);
    // An exception's traceback is shown with the names in place, by whoever shows it; a prompt that follows has none.
    if names_file && (result.is_ok() || thread.interpreter.config.read().inspect) {
        for name in ["__file__", "__cached__"] {
            let name = names::interned(name);
            drop(dict.remove_str(*name));
        }
    }
    result.map(drop)
}

fn without_first_line(bytes: Vec<u8>) -> Vec<u8> {
    // The line end stays, so that line numbers are right.
    let at = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    bytes[at..].to_vec()
}

/// Whether a path hook takes the file: a folder with `__main__.py`, a zip file.
fn is_import_location(file: &OsStr, thread: &mut Thread) -> PyResult<bool> {
    let external = import::import_module("_frozen_importlib_external", thread)?;
    let finder = attribute::get_by_text(*external, "PathFinder", thread)?;
    let name = fs_decode(file.as_bytes());
    let hooks = *names::interned("_path_hooks");
    let Some(hook) = attribute::get_optional(*finder, hooks, thread)? else { return Ok(false) };
    let importer = call::call(*hook, &[*name], thread)?;
    Ok(!importer.is_none())
}

fn run_standard_input(skip_first_line: bool, thread: &mut Thread) -> PyResult<()> {
    pyrt_stdlib::sys::hooks::audit_event("cpython.run_stdin", &[], thread)?;
    let mut bytes = Vec::new();
    let read = std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes);
    if let Err(error) = read {
        return Err(thread.raise_os_error(error.raw_os_error().unwrap_or(0), None, None));
    }
    let bytes = if skip_first_line { without_first_line(bytes) } else { bytes };
    let text = source::decode_source(&bytes, "<stdin>", thread)?;
    source::check_file_text(&text, "<stdin>", thread)?;
    let code = source::compile_text(&text, "<stdin>", SourceOptions::module(thread), thread)?;
    lifecycle::run_main(*code, thread).map(drop)
}
