//! Options of the command line and `PYTHON*` variables, as a [`Config`] and what to run.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use pyrt_runtime::FREE_THREADED;
use pyrt_runtime::interpreter::{CheckHashBasedPycs, Config};

use crate::help;

/// What is run.
pub enum Task {
    /// `-c`
    Command(OsString),
    /// `-m`
    Module(OsString),
    /// A script, a folder or a zip file.
    File(OsString),
    StandardInput,
}

/// Why nothing is run.
pub enum Stop {
    /// The text is for standard output; all is well.
    Print(String),
    /// A wrong command line: the text for standard error, exit code 2.
    Usage(String),
    /// CPython's fatal error at start-up: function, message, state.
    Fatal(&'static str, String, &'static str),
}

/// What the command line asks for.
pub struct Options {
    pub task: Task,
    /// `-x`
    pub skip_first_line: bool,
    pub home: Option<OsString>,
    pub python_path: Option<OsString>,
    /// `PYTHONPLATLIBDIR`
    pub platform_library: Option<OsString>,
}

/// What was given, before variables are looked at.
#[derive(Default)]
struct Given {
    command: Option<OsString>,
    module: Option<OsString>,
    warnings: Vec<OsString>,
    versions: u32,
    skip_first_line: bool,
    /// `-R`
    random_hashes: bool,
    /// Index of the first argument that is not an option.
    rest: usize,
}

fn config_error(function: &'static str, text: impl Into<String>) -> Stop {
    Stop::Fatal(function, text.into(), "preinitialized")
}

/// Reads arguments and variables.
pub fn read(arguments: &[OsString], config: &mut Config) -> Result<Options, Stop> {
    let program = arguments.first().map_or("python".into(), |name| name.to_string_lossy().into_owned());
    let given = parse(arguments, &program, config)?;
    if given.versions > 0 {
        let text = if given.versions > 1 { pyrt_stdlib::version::text() } else { pyrt_stdlib::version::NUMBER.to_string() };
        return Err(Stop::Print(format!("Python {text}\n")));
    }
    if config.isolated {
        config.ignore_environment = true;
        config.no_user_site = true;
        config.safe_path = true;
    }
    let utf8_mode = read_utf8_mode(config)?;
    let locale = pyrt_stdlib::locale::adopt_environment(config.ignore_environment);
    config.utf8_mode = utf8_mode.unwrap_or(locale.is_c);
    read_environment(config)?;
    read_x_options(config)?;
    if given.random_hashes {
        config.hash_seed = None;
    }
    // The development mode shows where a crash was.
    config.faulthandler |= config.dev_mode;
    let env_warnings = if config.ignore_environment { None } else { variable("PYTHONWARNINGS") };
    if config.dev_mode {
        config.warn_options.push("default".into());
    }
    if let Some(text) = env_warnings {
        config.warn_options.extend(text.to_string_lossy().split(',').filter(|one| !one.is_empty()).map(str::to_string));
    }
    config.warn_options.extend(given.warnings.iter().map(|text| text.to_string_lossy().into_owned()));
    match config.bytes_warning {
        0 => {}
        1 => config.warn_options.push("default::BytesWarning".into()),
        _ => config.warn_options.push("error::BytesWarning".into()),
    }
    let rest = &arguments[given.rest.min(arguments.len())..];
    let (task, argv) = match (given.command, given.module) {
        (Some(command), _) => (Task::Command(command), with_first("-c", rest)),
        (None, Some(module)) => (Task::Module(module), with_first("-m", rest)),
        (None, None) => match rest.first() {
            None => (Task::StandardInput, vec![OsString::new()]),
            Some(name) if name == "-" => (Task::StandardInput, rest.to_vec()),
            Some(name) => (Task::File(name.clone()), rest.to_vec()),
        },
    };
    config.argv = argv;
    config.orig_argv = arguments.to_vec();
    let from_environment = |name: &str| if config.ignore_environment { None } else { variable(name) };
    Ok(Options {
        task,
        skip_first_line: given.skip_first_line,
        home: from_environment("PYTHONHOME"),
        python_path: from_environment("PYTHONPATH"),
        platform_library: from_environment("PYTHONPLATLIBDIR"),
    })
}

fn with_first(first: &str, rest: &[OsString]) -> Vec<OsString> {
    std::iter::once(first.into()).chain(rest.iter().cloned()).collect()
}

/// A variable that is set and not empty.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn parse(arguments: &[OsString], program: &str, config: &mut Config) -> Result<Given, Stop> {
    let mut given = Given { rest: arguments.len(), ..Given::default() };
    let mut i = 1;
    while let Some(argument) = arguments.get(i) {
        let bytes = argument.as_bytes();
        if bytes.len() < 2 || bytes[0] != b'-' {
            given.rest = i;
            return Ok(given);
        }
        if bytes == b"--" {
            given.rest = i + 1;
            return Ok(given);
        }
        i += 1;
        if let Some(long) = bytes.strip_prefix(b"--") {
            match long {
                b"help" => return Err(Stop::Print(help::usage(program))),
                b"help-env" => return Err(Stop::Print(help::VARIABLES.to_string())),
                b"help-xoptions" => return Err(Stop::Print(help::X_OPTIONS.to_string())),
                b"help-all" => return Err(Stop::Print(format!("{}\n{}\n{}", help::usage(program), help::VARIABLES, help::X_OPTIONS))),
                b"version" => given.versions += 1,
                b"check-hash-based-pycs" => {
                    let Some(value) = arguments.get(i) else {
                        return Err(usage("Argument expected for the --check-hash-based-pycs options", program));
                    };
                    i += 1;
                    config.check_hash_based_pycs = match value.as_bytes() {
                        b"always" => CheckHashBasedPycs::Always,
                        b"never" => CheckHashBasedPycs::Never,
                        b"default" => CheckHashBasedPycs::Default,
                        _ => {
                            return Err(usage("--check-hash-based-pycs must be one of 'default', 'always', or 'never'", program));
                        }
                    };
                }
                _ => {
                    return Err(usage(&format!("Unknown option: {}", argument.to_string_lossy()), program));
                }
            }
            continue;
        }
        let mut at = 1;
        while let Some(&letter) = bytes.get(at) {
            at += 1;
            let mut value = || {
                // The rest of the argument, or the next one.
                let tail = &bytes[at..];
                at = bytes.len();
                if !tail.is_empty() {
                    return Ok(OsString::from_vec(tail.to_vec()));
                }
                let next = arguments.get(i).cloned();
                i += 1;
                next.ok_or_else(|| usage(&format!("Argument expected for the -{} option", letter as char), program))
            };
            match letter {
                b'c' => {
                    given.command = Some(value()?);
                    given.rest = i;
                    return Ok(given);
                }
                b'm' => {
                    given.module = Some(value()?);
                    given.rest = i;
                    return Ok(given);
                }
                b'W' => given.warnings.push(value()?),
                b'X' => {
                    let text = value()?.to_string_lossy().into_owned();
                    config.x_options.push(match text.split_once('=') {
                        Some((name, value)) => (name.to_string(), Some(value.to_string())),
                        None => (text, None),
                    });
                }
                b'b' => config.bytes_warning += 1,
                b'B' => config.dont_write_bytecode = true,
                b'd' => config.parser_debug = true,
                b'E' => config.ignore_environment = true,
                b'h' | b'?' => return Err(Stop::Print(help::usage(program))),
                b'i' => {
                    config.inspect = true;
                    config.interactive = true;
                }
                b'I' => config.isolated = true,
                b'O' => config.optimize += 1,
                b'P' => config.safe_path = true,
                b'q' => config.quiet = true,
                b'R' => given.random_hashes = true,
                b't' => {}
                b's' => config.no_user_site = true,
                b'S' => config.no_site = true,
                b'u' => config.unbuffered = true,
                b'v' => config.verbose += 1,
                b'V' => given.versions += 1,
                b'x' => given.skip_first_line = true,
                _ => return Err(usage(&format!("Unknown option: -{}", letter as char), program)),
            }
        }
    }
    Ok(given)
}

fn usage(text: &str, program: &str) -> Stop {
    Stop::Usage(format!(
        "{text}\nusage: {program} [option] ... [-c cmd | -m mod | file | -] [arg] ...\nTry `python -h' for more information.\n"
    ))
}

/// A variable that counts: a number, or 1 for any other text.
fn level(name: &str) -> Option<i32> {
    let text = variable(name)?;
    Some(text.to_str().and_then(|text| text.parse::<i32>().ok()).filter(|number| *number >= 0).unwrap_or(1))
}

fn read_environment(config: &mut Config) -> Result<(), Stop> {
    if config.ignore_environment {
        return Ok(());
    }
    let is_set = |name: &str| level(name).is_some_and(|level| level > 0);
    config.optimize = config.optimize.max(level("PYTHONOPTIMIZE").unwrap_or(0));
    config.verbose = config.verbose.max(level("PYTHONVERBOSE").unwrap_or(0));
    config.parser_debug |= is_set("PYTHONDEBUG");
    config.inspect |= variable("PYTHONINSPECT").is_some();
    config.unbuffered |= is_set("PYTHONUNBUFFERED");
    config.dont_write_bytecode |= is_set("PYTHONDONTWRITEBYTECODE");
    config.no_user_site |= is_set("PYTHONNOUSERSITE");
    config.safe_path |= variable("PYTHONSAFEPATH").is_some();
    config.dev_mode |= variable("PYTHONDEVMODE").is_some();
    config.warn_default_encoding |= variable("PYTHONWARNDEFAULTENCODING").is_some();
    config.malloc_stats |= variable("PYTHONMALLOCSTATS").is_some();
    config.remote_debug &= variable("PYTHON_DISABLE_REMOTE_DEBUG").is_none();
    config.faulthandler |= variable("PYTHONFAULTHANDLER").is_some();
    config.code_debug_ranges &= variable("PYTHONNODEBUGRANGES").is_none();
    if let Some(prefix) = variable("PYTHONPYCACHEPREFIX") {
        config.pycache_prefix = Some(prefix.to_string_lossy().into_owned());
    }
    if let Some(text) = variable("PYTHONIOENCODING") {
        let text = text.to_string_lossy().into_owned();
        let (encoding, errors) = match text.split_once(':') {
            Some((encoding, errors)) => (encoding.to_string(), Some(errors.to_string())),
            None => (text, None),
        };
        config.stdio_encoding = Some(encoding).filter(|text| !text.is_empty());
        config.stdio_errors = errors.filter(|text| !text.is_empty());
        if config.stdio_encoding.is_some() && config.stdio_errors.is_none() {
            config.stdio_errors = Some("strict".into());
        }
    }
    if let Some(text) = variable("PYTHONHASHSEED") {
        config.hash_seed = match text.to_str() {
            Some("random") => None,
            Some(text) => Some(text.parse().map_err(|_| hash_seed_error())?),
            None => return Err(hash_seed_error()),
        };
    }
    if let Some(text) = variable("PYTHONINTMAXSTRDIGITS") {
        config.int_max_str_digits = digits(&text).ok_or_else(|| {
            config_error("config_init_int_max_str_digits", "PYTHONINTMAXSTRDIGITS: invalid limit; must be >= 640 or 0 for unlimited.")
        })?;
    }
    if let Some(text) = variable("PYTHON_GIL") {
        config.gil = Some(gil(&text)?);
    }
    if let Some(text) = variable("PYTHON_CPU_COUNT") {
        config.cpu_count = cpu_count(text.to_str()).ok_or_else(|| {
            config_error("config_init_cpu_count", "-X cpu_count=n option: n is missing or an invalid number, n must be greater than 0")
        })?;
    }
    if let Some(on) = flag_variable("PYTHON_THREAD_INHERIT_CONTEXT") {
        config.thread_inherit_context =
            on.ok_or_else(|| config_error("config_init_thread_inherit_context", "PYTHON_THREAD_INHERIT_CONTEXT=N: N is missing or invalid"))?;
    }
    if let Some(on) = flag_variable("PYTHON_CONTEXT_AWARE_WARNINGS") {
        config.context_aware_warnings =
            on.ok_or_else(|| config_error("config_init_context_aware_warnings", "PYTHON_CONTEXT_AWARE_WARNINGS=N: N is missing or invalid"))?;
    }
    if let Some(text) = variable("PYTHONPROFILEIMPORTTIME") {
        config.import_time = import_time(text.to_str(), "PYTHONPROFILEIMPORTTIME: numeric values")?;
    }
    if let Some(text) = variable("PYTHON_FROZEN_MODULES") {
        config.frozen_modules = Some(on_or_off(text.to_str(), "PYTHON_FROZEN_MODULES")?);
    }
    if let Some(text) = variable("PYTHONTRACEMALLOC") {
        config.tracemalloc = trace_depth(text.to_str(), "PYTHONTRACEMALLOC")?;
    }
    if let Some(text) = variable("PYTHON_TLBC").filter(|_| FREE_THREADED) {
        thread_local_bytecode(text.to_str()).ok_or_else(|| config_error("config_init_tlbc", "PYTHON_TLBC=N: N is missing or invalid"))?;
    }
    if let Some(text) = variable("PYTHONMALLOC") {
        if !ALLOCATORS.iter().any(|known| text == *known) {
            return Err(Stop::Fatal("preconfig_init_allocator", "PYTHONMALLOC: unknown allocator".into(), "preinitializing"));
        }
    }
    Ok(())
}

/// What `PYTHONMALLOC` may be. There is one allocator for objects, whatever it says.
const ALLOCATORS: &[&str] =
    &["default", "debug", "malloc", "malloc_debug", "mimalloc", "mimalloc_debug", "pymalloc", "pymalloc_debug"];

/// There are no copies of bytecode for each thread, but the option is checked.
fn thread_local_bytecode(text: Option<&str>) -> Option<()> {
    matches!(text, Some("0" | "1")).then_some(())
}

/// UTF-8 mode, where an option or a variable says whether it is on.
fn read_utf8_mode(config: &Config) -> Result<Option<bool>, Stop> {
    let wrong = |text: &str| Stop::Fatal("preconfig_init_utf8_mode", text.into(), "preinitializing");
    if let Some((_, value)) = config.x_options.iter().rev().find(|(name, _)| name == "utf8") {
        return match value.as_deref() {
            None | Some("1") => Ok(Some(true)),
            Some("0") => Ok(Some(false)),
            _ => Err(wrong("invalid -X utf8 option value")),
        };
    }
    match if config.ignore_environment { None } else { variable("PYTHONUTF8") } {
        None => Ok(None),
        Some(text) if text == "0" => Ok(Some(false)),
        Some(text) if text == "1" => Ok(Some(true)),
        Some(_) => Err(wrong("invalid PYTHONUTF8 environment variable value")),
    }
}

fn import_time(text: Option<&str>, what: &str) -> Result<i32, Stop> {
    match text.map(str::parse::<i32>) {
        Some(Ok(level @ 0..=2)) => Ok(level),
        Some(Ok(_)) => Err(config_error("config_init_import_time", format!("{what} other than 1 and 2 are reserved for future use."))),
        _ => Ok(1),
    }
}

fn on_or_off(text: Option<&str>, what: &str) -> Result<bool, Stop> {
    match text {
        None | Some("" | "on") => Ok(true),
        Some("off") => Ok(false),
        // CPython names no function here.
        _ => Err(Stop::Fatal("", format!("bad value for {what} (expected \"on\" or \"off\")"), "preinitialized")),
    }
}

fn trace_depth(text: Option<&str>, what: &str) -> Result<i32, Stop> {
    match text.map(str::parse::<u16>) {
        None => Ok(1),
        Some(Ok(depth)) => Ok(i32::from(depth)),
        Some(Err(_)) => Err(config_error("config_init_tracemalloc", format!("{what}: invalid number of frames"))),
    }
}

fn hash_seed_error() -> Stop {
    config_error("config_init_hash_seed", "PYTHONHASHSEED must be \"random\" or an integer in range [0; 4294967295]")
}

fn digits(text: &OsStr) -> Option<i32> {
    text.to_str()?.parse::<i32>().ok().filter(|number| *number == 0 || *number >= 640)
}

fn flag_variable(name: &str) -> Option<Option<bool>> {
    variable(name).map(|text| match text.as_bytes() {
        b"0" => Some(false),
        b"1" => Some(true),
        _ => None,
    })
}

fn gil(text: &OsStr) -> Result<bool, Stop> {
    match text.as_bytes() {
        b"1" => Ok(true),
        b"0" if FREE_THREADED => Ok(false),
        b"0" => Err(config_error("config_read_gil", "Disabling the GIL is not supported by this build")),
        _ => Err(config_error("config_read_gil", "PYTHON_GIL / -X gil must be \"0\" or \"1\"")),
    }
}

fn cpu_count(text: Option<&str>) -> Option<Option<i64>> {
    match text? {
        "default" => Some(None),
        number => number.parse::<i64>().ok().filter(|count| *count > 0).map(Some),
    }
}

/// Defaults that depend on the build.
pub fn defaults() -> Config {
    Config {
        int_max_str_digits: 4300,
        thread_inherit_context: FREE_THREADED,
        context_aware_warnings: FREE_THREADED,
        utf8_mode: false,
        code_debug_ranges: true,
        remote_debug: true,
        ..Config::default()
    }
}

fn read_x_options(config: &mut Config) -> Result<(), Stop> {
    for (name, value) in config.x_options.clone() {
        let value = value.as_deref();
        match name.as_str() {
            "dev" => config.dev_mode = true,
            "faulthandler" => config.faulthandler = true,
            "zeal" => config.zeal = true,
            "warn_default_encoding" => config.warn_default_encoding = true,
            "no_debug_ranges" => config.code_debug_ranges = false,
            "pycache_prefix" => config.pycache_prefix = value.filter(|value| !value.is_empty()).map(str::to_string),
            "gil" => {
                config.gil = Some(gil(OsStr::new(value.unwrap_or("")))?);
            }
            "importtime" => config.import_time = import_time(value, "-X importtime: values")?,
            "frozen_modules" => config.frozen_modules = Some(on_or_off(value, "option -X frozen_modules")?),
            "tracemalloc" => config.tracemalloc = trace_depth(value, "-X tracemalloc=NFRAME")?,
            "tlbc" if FREE_THREADED => {
                thread_local_bytecode(value).ok_or_else(|| config_error("config_init_tlbc", "-X tlbc=n: n is missing or invalid"))?;
            }
            "disable-remote-debug" | "disable_remote_debug" => config.remote_debug = false,
            "int_max_str_digits" => {
                config.int_max_str_digits = value.and_then(|value| digits(OsStr::new(value))).ok_or_else(|| {
                    config_error("config_init_int_max_str_digits", "-X int_max_str_digits: invalid limit; must be >= 640 or 0 for unlimited.")
                })?;
            }
            "cpu_count" => {
                config.cpu_count = cpu_count(value).ok_or_else(|| {
                    config_error("config_init_cpu_count", "-X cpu_count=n option: n is missing or an invalid number, n must be greater than 0")
                })?;
            }
            "thread_inherit_context" => {
                config.thread_inherit_context = flag(value)
                    .ok_or_else(|| config_error("config_init_thread_inherit_context", "-X thread_inherit_context=n: n is missing or invalid"))?;
            }
            "context_aware_warnings" => {
                config.context_aware_warnings = flag(value)
                    .ok_or_else(|| config_error("config_init_context_aware_warnings", "-X context_aware_warnings=n: n is missing or invalid"))?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn flag(value: Option<&str>) -> Option<bool> {
    match value {
        Some("1") => Some(true),
        Some("0") => Some(false),
        _ => None,
    }
}
