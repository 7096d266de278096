//! `cargo xtask conformance FILE…`: CPython's own test files on both binaries, method by method against the oracle.
//!
//! The files are those of the installed oracle (or of `--cpython-lib DIR`); nothing of them is kept here. The library
//! is the oracle's too, with `stdlib/Lib` on top, so that tests and library are of one version. Each file runs in its own
//! process with limits on time and memory; when a process dies, the method that ran counts as crashed and the rest goes
//! on in a new one. A method passes when it ends as on the oracle; one that the oracle runs and we skip has failed.
//! The files of `test_free_threading` run on the binary without a GIL alone; since the oracle, which has one, skips them,
//! all their methods must pass there.
//! `tests/conformance/excluded.toml` names methods that are left out, each with its reason; without FILE, the files of
//! `tests/conformance/floors.toml` run, and must reach the shares that stand there.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::{dist, oracle};

const RUNNER: &str = include_str!("conformance_runner.py");
const ROOT: &str = "target/conformance";
/// A whole file may take this long, and this much memory (address space: stacks and heaps are reserved generously).
const LIMIT: Duration = Duration::from_secs(600);
const MEMORY: u64 = 32 << 30;
/// One method may be silent this long.
const METHOD_LIMIT: Duration = Duration::from_secs(60);
/// The binary that the files of `test_free_threading` run on.
const FREE_THREADED_BINARY: &str = "pyrt-t";
/// A file whose processes die more often than this is given up.
const MAX_RESTARTS: usize = 40;

/// What became of each method, by its id without `test.`.
type Outcomes = BTreeMap<String, String>;

pub fn run(arguments: &[String]) -> ExitCode {
    match conformance(arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("xtask conformance: {message}");
            ExitCode::FAILURE
        }
    }
}

fn conformance(arguments: &[String]) -> Result<bool, String> {
    let Some(command) = oracle::available() else {
        return Err("no CPython 3.14 is installed: run scripts/install-cpython".into());
    };
    let mut files = Vec::new();
    let (mut library, mut verbose, mut only) = (None, false, None);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--cpython-lib" => library = Some(PathBuf::from(rest.next().ok_or("--cpython-lib needs a folder")?)),
            "--only" => only = Some(rest.next().ok_or("--only needs the name of a binary")?.clone()),
            "-v" | "--verbose" => verbose = true,
            name => files.push(name.trim_end_matches(".py").to_string()),
        }
    }
    let floors = read_floors()?;
    let checks_floors = files.is_empty();
    if checks_floors {
        files = floors.keys().cloned().collect();
    }
    if files.is_empty() {
        return Err("no FILE, and no file in tests/conformance/floors.toml".into());
    }
    let library = match library {
        Some(library) => library,
        None => oracle_library(&command)?,
    };
    let excluded = read_excluded()?;
    dist::lay_out()?;
    lay_out_library(&library)?;
    let mut fine = true;
    println!("{:<28} {:>7}  {:>16}  {:>16}", "file", "methods", "pyrt", "pyrt-t");
    for file in &files {
        let needs_free_threads = file.starts_with("test_free_threading.");
        let mut expected = if needs_free_threads { Outcomes::new() } else { on_oracle(&command, file)? };
        expected.retain(|id, _| excluded_reason(&excluded, id).is_none());
        let mut cells = Vec::new();
        for (name, _, _) in dist::BINARIES {
            if only.as_ref().is_some_and(|only| only != name) || (needs_free_threads && name != FREE_THREADED_BINARY) {
                cells.push("-".to_string());
                continue;
            }
            let binary = std::path::absolute(Path::new(dist::ROOT).join("bin").join(name)).map_err(|error| error.to_string())?;
            let log = Path::new(ROOT).join(format!("{file}.{name}.log"));
            let got = outcomes(Interpreter::Ours(&binary), file, &log)?;
            if needs_free_threads {
                let ids = got.keys().filter(|id| excluded_reason(&excluded, id).is_none());
                expected = ids.map(|id| (id.clone(), "passed".to_string())).collect();
            }
            let methods: Vec<&String> = expected.keys().collect();
            let wrong: Vec<_> = methods.iter().filter(|id| got.get(**id) != expected.get(**id)).collect();
            let passed = methods.len() - wrong.len();
            let share = if methods.is_empty() { 0.0 } else { 100.0 * passed as f64 / methods.len() as f64 };
            cells.push(format!("{passed:>6} {share:>6.1} %"));
            if verbose {
                for id in &wrong {
                    let missing = "missing".to_string();
                    println!("  {name} {id}: {} (oracle: {})", got.get(**id).unwrap_or(&missing), expected[**id]);
                }
            }
            if methods.is_empty() {
                fine = false;
            }
            if checks_floors && share < floors[file] {
                println!("  {name} {file}: {share:.1} % is below the floor of {} %; {}", floors[file], log.display());
                fine = false;
            }
        }
        println!("{file:<28} {:>7}  {:>16}  {:>16}", expected.len(), cells[0], cells[1]);
    }
    Ok(fine)
}

fn oracle_library(command: &str) -> Result<PathBuf, String> {
    let output = Command::new(command).args(["-c", "import os; print(os.path.dirname(os.__file__))"]).output().map_err(|error| error.to_string())?;
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

/// A tree of links to the library's files under [`ROOT`], with our own files instead of theirs where we have them.
fn lay_out_library(library: &Path) -> Result<(), String> {
    let target = Path::new(ROOT).join("lib/python3.14");
    let _ = std::fs::remove_dir_all(&target);
    link_tree(library, &[Path::new("stdlib/Lib"), Path::new("tests/conformance/lib")], &target).map_err(|error| format!("{}: {error}", target.display()))?;
    let link = Path::new(ROOT).join("lib/python3.14t");
    if link.symlink_metadata().is_err() {
        std::os::unix::fs::symlink("python3.14", &link).map_err(|error| error.to_string())?;
    }
    Ok(())
}

fn link_tree(library: &Path, ours: &[&Path], target: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(target)?;
    let mut names = BTreeSet::new();
    for folder in [&[library], ours].concat() {
        if folder.is_dir() {
            for entry in std::fs::read_dir(folder)? {
                names.insert(entry?.file_name());
            }
        }
    }
    for name in names.iter().filter(|name| *name != "__pycache__" && *name != "lib-dynload") {
        let (theirs, to) = (library.join(name), target.join(name));
        let own: Vec<PathBuf> = ours.iter().map(|folder| folder.join(name)).filter(|path| path.exists()).collect();
        if theirs.is_dir() && own.iter().any(|path| path.is_dir()) {
            let own: Vec<&Path> = own.iter().map(PathBuf::as_path).collect();
            link_tree(&theirs, &own, &to)?;
        } else {
            let source = own.into_iter().next().unwrap_or(theirs);
            std::os::unix::fs::symlink(std::path::absolute(source)?, to)?;
        }
    }
    Ok(())
}

/// The oracle's outcomes, which are kept from run to run.
fn on_oracle(command: &str, file: &str) -> Result<Outcomes, String> {
    let version = Command::new(command).arg("-VV").output().map_err(|error| error.to_string())?.stdout;
    let version: String = String::from_utf8_lossy(&version).chars().map(|ch| if ch.is_ascii_alphanumeric() { ch } else { '-' }).collect();
    let kept = Path::new(ROOT).join("oracle").join(format!("{file}.{}.txt", version.trim_matches('-')));
    if let Ok(text) = std::fs::read_to_string(&kept) {
        return Ok(text.lines().filter_map(|line| line.split_once('\t')).map(|(outcome, id)| (id.to_string(), outcome.to_string())).collect());
    }
    std::fs::create_dir_all(Path::new(ROOT).join("oracle")).map_err(|error| error.to_string())?;
    let found = outcomes(Interpreter::Oracle(command), file, &Path::new(ROOT).join(format!("{file}.oracle.log")))?;
    if found.is_empty() {
        return Err(format!("{file}: the oracle runs no test of that name"));
    }
    let text: String = found.iter().map(|(id, outcome)| format!("{outcome}\t{id}\n")).collect();
    std::fs::write(&kept, text).map_err(|error| error.to_string())?;
    Ok(found)
}

#[derive(Clone, Copy)]
enum Interpreter<'a> {
    Oracle(&'a str),
    Ours(&'a Path),
}

/// Runs a file, again after each death of the process, until all its methods have an outcome.
fn outcomes(interpreter: Interpreter<'_>, file: &str, log: &Path) -> Result<Outcomes, String> {
    let _ = std::fs::remove_file(log);
    let mut outcomes = Outcomes::new();
    let deadline = Instant::now() + LIMIT;
    for _ in 0..MAX_RESTARTS {
        let (report, timed_out) = run_once(interpreter, file, &outcomes, log, deadline)?;
        let mut running = None;
        let mut ended = false;
        for line in report.lines() {
            let Some((outcome, id)) = line.split_once('\t') else { continue };
            let id = id.strip_prefix("test.").unwrap_or(id).to_string();
            match outcome {
                "start" => running = Some(id),
                "found" => {}
                "end" => ended = true,
                _ => {
                    running = None;
                    outcomes.insert(id, outcome.to_string());
                }
            }
        }
        if ended {
            break;
        }
        match running {
            Some(id) => {
                let outcome = if timed_out { "timeout" } else { "crash" };
                outcomes.insert(id, outcome.to_string());
            }
            // It died outside any method: again it would be the same.
            None => break,
        }
        if Instant::now() >= deadline {
            break;
        }
    }
    Ok(outcomes)
}

/// One process: what it wrote, and whether it was stopped for want of time.
fn run_once(interpreter: Interpreter<'_>, file: &str, known: &Outcomes, log: &Path, deadline: Instant) -> Result<(String, bool), String> {
    let describe = |error: std::io::Error| error.to_string();
    let (runner, leave_out) = (Path::new(ROOT).join("runner.py"), Path::new(ROOT).join(format!("{file}.leave-out")));
    std::fs::write(&runner, RUNNER).map_err(describe)?;
    let ids: Vec<String> = known.keys().flat_map(|id| [id.clone(), format!("test.{id}")]).collect();
    std::fs::write(&leave_out, ids.join("\n")).map_err(describe)?;
    let (mut reader, writer) = std::io::pipe().map_err(describe)?;
    let descriptor = writer.as_raw_fd();
    let log_file = std::fs::OpenOptions::new().create(true).append(true).open(log).map_err(describe)?;
    let mut command = match interpreter {
        Interpreter::Oracle(name) => Command::new(name),
        Interpreter::Ours(binary) => {
            let mut command = Command::new(binary);
            command.env("PYTHONHOME", std::path::absolute(ROOT).map_err(describe)?);
            command
        }
    };
    command
        .arg(std::path::absolute(&runner).map_err(describe)?)
        .args([file, "9"])
        .arg(std::path::absolute(&leave_out).map_err(describe)?)
        .env("PYTHONPYCACHEPREFIX", std::path::absolute(Path::new(ROOT).join("pycache")).map_err(describe)?)
        .env("PYTHONHASHSEED", "0")
        .env_remove("PYTHONDONTWRITEBYTECODE")
        .env_remove("PYTHONUNBUFFERED")
        .stdin(Stdio::null())
        .stdout(log_file.try_clone().map_err(describe)?)
        .stderr(log_file)
        .process_group(0);
    // SAFETY: only calls that may be made between fork and exec.
    unsafe {
        command.pre_exec(move || {
            let limit = libc::rlimit { rlim_cur: MEMORY, rlim_max: MEMORY };
            // Whoever starts this in the background has it ignore SIGINT, which tests send.
            libc::signal(libc::SIGINT, libc::SIG_DFL);
            if libc::dup2(descriptor, 9) < 0 || libc::setrlimit(libc::RLIMIT_AS, &limit) < 0 {
                return Err(std::io::Error::last_os_error());
            }
            Ok(())
        });
    }
    let mut child = command.spawn().map_err(describe)?;
    drop(writer);
    let group = child.id() as i32;
    let mut timed_out = false;
    let last_sign = Arc::new(Mutex::new(Instant::now()));
    let sign = Arc::clone(&last_sign);
    let collector = std::thread::spawn(move || {
        let (mut text, mut part) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = reader.read(&mut part) {
            text.extend_from_slice(&part[..count]);
            if let Ok(mut last) = sign.lock() {
                *last = Instant::now();
            }
        }
        String::from_utf8_lossy(&text).into_owned()
    });
    loop {
        if child.try_wait().map_err(describe)?.is_some() {
            break;
        }
        let is_silent = last_sign.lock().is_ok_and(|last| last.elapsed() > METHOD_LIMIT);
        if is_silent || Instant::now() >= deadline {
            timed_out = true;
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    // Children that a test left behind hold the pipe open.
    // SAFETY: a signal to the process group made above.
    unsafe { libc::kill(-group, libc::SIGKILL) };
    let _ = child.wait();
    let text = collector.join().map_err(|_| "the collector of results has failed".to_string())?;
    Ok((text, timed_out))
}

/// The tables of a TOML file of ours.
fn read_table(path: &str) -> Result<toml::Table, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    text.parse().map_err(|error| format!("{path}: {error}"))
}

/// Patterns of methods that are left out, with the reasons.
fn read_excluded() -> Result<Vec<(String, String)>, String> {
    let table = read_table("tests/conformance/excluded.toml")?;
    let mut excluded = Vec::new();
    for (method, reason) in table {
        let reason = reason.as_str().filter(|reason| !reason.is_empty()).ok_or_else(|| format!("excluded.toml: {method} has no reason"))?;
        excluded.push((method, reason.to_string()));
    }
    Ok(excluded)
}

fn excluded_reason<'e>(excluded: &'e [(String, String)], id: &str) -> Option<&'e str> {
    let fits = |pattern: &str| match pattern.strip_suffix('*') {
        Some(prefix) => id.starts_with(prefix),
        None => id == pattern,
    };
    excluded.iter().find(|(pattern, _)| fits(pattern)).map(|(_, reason)| reason.as_str())
}

/// The least share of methods per file, in percent.
fn read_floors() -> Result<BTreeMap<String, f64>, String> {
    let table = read_table("tests/conformance/floors.toml")?;
    table
        .into_iter()
        .map(|(file, floor)| match floor.as_float().or_else(|| floor.as_integer().map(|floor| floor as f64)) {
            Some(floor) => Ok((file, floor)),
            None => Err(format!("floors.toml: the floor of {file} is no number")),
        })
        .collect()
}
