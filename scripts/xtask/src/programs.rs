//! `cargo xtask test`: the Python programs of `tests/python/` on both binaries, against the oracle.
//!
//! A program's standard output and exit code must equal the oracle's. Where no oracle is installed they are compared
//! with the outputs in `tests/python/expected/`, which `--bless` writes from the oracle; the last line says which.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use crate::{dist, oracle};

/// What a program did.
#[derive(PartialEq, Eq)]
struct Outcome {
    output: String,
    code: Option<i32>,
}

const LIMIT: Duration = Duration::from_secs(60);

pub fn run(arguments: &[String]) -> ExitCode {
    match test(arguments) {
        Ok((0, _)) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("xtask test: {message}");
            ExitCode::FAILURE
        }
    }
}

fn test(arguments: &[String]) -> Result<(usize, usize), String> {
    let bless = arguments.iter().any(|argument| argument == "--bless");
    let quick = arguments.iter().any(|argument| argument == "--quick");
    if !quick && !bless {
        cargo_tests()?;
    }
    let mut binaries = Vec::new();
    dist::lay_out()?;
    for (name, _, _) in dist::BINARIES {
        binaries.push((name, std::path::absolute(Path::new(dist::ROOT).join("bin").join(name)).map_err(|error| error.to_string())?));
    }
    let oracle = oracle::available();
    if bless && oracle.is_none() {
        return Err("--bless needs an oracle: scripts/install-cpython".into());
    }
    let (mut failed, mut passed) = (0, 0);
    for program in programs()? {
        let name = program.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let stored = Path::new("tests/python/expected").join(format!("{name}.txt"));
        let expected = match &oracle {
            Some(command) => run_program(Path::new(command), &program)?,
            None => read_outcome(&stored)?,
        };
        if bless {
            write_outcome(&stored, &expected)?;
        }
        for (binary, path) in &binaries {
            let got = run_program(path, &program)?;
            if got == expected {
                passed += 1;
            } else {
                failed += 1;
                report(&name, binary, &expected, &got);
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if oracle.is_none() {
        println!("compared with the outputs in tests/python/expected: no CPython 3.14 is installed (scripts/install-cpython)");
    } else {
        println!("compared with {}", oracle.unwrap_or_default());
    }
    if passed + failed == 0 {
        return Err("there is no program to run".into());
    }
    Ok((failed, passed))
}

/// The unit tests of the crates.
fn cargo_tests() -> Result<(), String> {
    let status = Command::new("cargo")
        .args(["test", "--quiet", "--workspace", "--exclude", "pyrt-loom-tests"])
        .status()
        .map_err(|error| format!("cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err("unit tests fail".into()) }
}

fn programs() -> Result<Vec<PathBuf>, String> {
    let mut found: Vec<PathBuf> = std::fs::read_dir("tests/python")
        .map_err(|error| format!("tests/python: {error}"))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
        .collect();
    found.sort();
    Ok(found)
}

fn run_program(interpreter: &Path, program: &Path) -> Result<Outcome, String> {
    let start = Instant::now();
    let mut child = Command::new(interpreter)
        .arg(program)
        .env("PYTHONHASHSEED", "0")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", interpreter.display()))?;
    let mut stdout = child.stdout.take().ok_or("no pipe")?;
    let mut stderr = child.stderr.take().ok_or("no pipe")?;
    let reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stdout, &mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let error_reader = std::thread::spawn(move || {
        let mut text = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stderr, &mut text);
        String::from_utf8_lossy(&text).into_owned()
    });
    let code = loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            break status.code();
        }
        if start.elapsed() > LIMIT {
            let _ = child.kill();
            let _ = child.wait();
            break Some(-1000);
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let mut output = reader.join().unwrap_or_default();
    let errors = error_reader.join().unwrap_or_default();
    // Tracebacks belong to the outcome: the last line of standard error, which names the exception.
    if let Some(last) = errors.lines().last() {
        output.push_str(&format!("[stderr] {last}\n"));
    }
    Ok(Outcome { output, code })
}

fn read_outcome(path: &Path) -> Result<Outcome, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let (first, output) = text.split_once('\n').ok_or("empty expectation")?;
    Ok(Outcome { output: output.to_string(), code: first.strip_prefix("exit ").and_then(|code| code.parse().ok()) })
}

fn write_outcome(path: &Path, outcome: &Outcome) -> Result<(), String> {
    let text = format!("exit {}\n{}", outcome.code.unwrap_or(-1), outcome.output);
    std::fs::create_dir_all("tests/python/expected").map_err(|error| error.to_string())?;
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

fn report(name: &str, binary: &str, expected: &Outcome, got: &Outcome) {
    println!("FAILED {name} on {binary} (exit {:?}, expected {:?})", got.code, expected.code);
    let (mut wanted, mut given) = (expected.output.lines(), got.output.lines());
    let mut shown = 0;
    for line in 1.. {
        match (wanted.next(), given.next()) {
            (None, None) => break,
            (a, b) if a != b => {
                println!("  line {line}: expected {:?}", a.unwrap_or("<end>"));
                println!("  line {line}:      got {:?}", b.unwrap_or("<end>"));
                shown += 1;
                if shown >= 3 {
                    break;
                }
            }
            _ => {}
        }
    }
}
