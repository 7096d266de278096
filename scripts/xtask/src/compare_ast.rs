//! `cargo xtask compare-ast`: our parser against the oracle's `ast.parse`, byte for byte.
//!
//! Without arguments: every `.py` file of the oracle's library and test suite. `--snippets FILE`: a line per source,
//! `MODE<tab>HEX`, where MODE is a mode of `compile` with optional suffixes `+ded` (don't imply dedents), `+inc`
//! (incomplete input), `+tc` (type comments) and `+fvN` (the grammar of Python 3.N), in this order; the mode `tokens`
//! compares `_tokenize.TokenizerIter`. `--tokens` does so with all files, `--text` compares the lines that errors show
//! too, `--speed` only measures ours.
//!
//! What the oracle says of a file is kept under the target directory, as making its dumps takes minutes.

use crate::oracle::Oracle;
use pyrt_compiler::syntax::error::{SyntaxError, SyntaxErrorKind};
use pyrt_compiler::syntax::{self, Mode, ParseOptions};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const SCRIPT: &str = include_str!("compare_ast.py");
/// How many differences are shown in full.
const SHOWN: usize = 15;

/// A source to compare.
enum Subject {
    File(PathBuf),
    Snippet { mode: String, text: String },
}

/// What a parser says of a source.
#[derive(PartialEq)]
enum Verdict {
    Tree { length: usize, checksum: u32 },
    Error(String),
}

pub fn run(arguments: &[String]) -> ExitCode {
    // Dumps of deep trees recurse.
    let arguments = arguments.to_vec();
    let worker = std::thread::Builder::new().stack_size(1 << 30).spawn(move || compare(&arguments));
    match worker.map(|thread| thread.join()) {
        Ok(Ok(Ok(true))) => ExitCode::SUCCESS,
        Ok(Ok(Ok(false))) => ExitCode::FAILURE,
        Ok(Ok(Err(problem))) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
        _ => ExitCode::FAILURE,
    }
}

fn compare(arguments: &[String]) -> std::io::Result<bool> {
    let oracle = RefCell::new(Oracle::start(SCRIPT)?);
    let speed_only = arguments.iter().any(|argument| argument == "--speed");
    let file_mode = if arguments.iter().any(|argument| argument == "--tokens") { "tokens" } else { "exec" };
    let show_text = arguments.iter().any(|argument| argument == "--text");
    let mut subjects = Vec::new();
    let is_switch = |argument: &str| matches!(argument, "--speed" | "--text" | "--tokens");
    let mut rest = arguments.iter().filter(|argument| !is_switch(argument));
    while let Some(argument) = rest.next() {
        if argument == "--snippets" {
            let Some(path) = rest.next() else { return Err(std::io::Error::other("--snippets needs a file")) };
            read_snippets(Path::new(path), &mut subjects)?;
        } else {
            collect_files(Path::new(argument), &mut subjects)?;
        }
    }
    if subjects.is_empty() {
        let library = oracle.borrow_mut().ask("LIBRARY")?;
        collect_files(Path::new(&library), &mut subjects)?;
    }
    if speed_only {
        return measure(&subjects);
    }
    let mut cache = Cache::open()?;
    let names: RefCell<HashMap<String, Option<u32>>> = RefCell::default();
    let character_by_name = |name: &str| -> Option<u32> {
        if name.contains(['\n', '\t']) {
            return None;
        }
        *names.borrow_mut().entry(name.to_owned()).or_insert_with(|| {
            oracle.borrow_mut().ask(&format!("NAME\t{name}")).ok().and_then(|code| code.parse().ok())
        })
    };
    let decode = |encoding: &str, bytes: &[u8]| -> Result<String, String> {
        let request = format!("DECODE\t{encoding}\t{}", hex(bytes));
        let answer = oracle.borrow_mut().ask(&request).map_err(|problem| problem.to_string())?;
        match answer.split_once('\t') {
            Some(("OK", text)) => Ok(unhex(text)),
            Some((_, message)) => Err(unhex(message)),
            None => Err(answer),
        }
    };
    let hooks = ParseOptions {
        character_by_name: Some(&character_by_name),
        decode: Some(&decode),
        ..ParseOptions::default()
    };
    let mut different = 0;
    let mut rejected = 0;
    for subject in &subjects {
        let (request, ours) = match subject {
            Subject::File(path) => {
                let bytes = std::fs::read(path)?;
                let request = format!("FILE\t{file_mode}\t{}", path.display());
                (request, parse(Source::Bytes(&bytes), file_mode, hooks))
            }
            Subject::Snippet { mode, text } => {
                (format!("TEXT\t{mode}\t{}", hex(text.as_bytes())), parse(Source::Text(text), mode, hooks))
            }
        };
        let theirs = match cache.get(subject, &request) {
            Some(answer) => answer,
            None => {
                let answer = oracle.borrow_mut().ask(&request)?;
                cache.put(subject, &request, &answer)?;
                answer
            }
        };
        let theirs = verdict(&theirs, show_text);
        if matches!(theirs, Verdict::Error(_)) {
            rejected += 1;
        }
        let our_verdict = match &ours {
            Ok(text) => Verdict::Tree { length: text.len(), checksum: crc32(text.as_bytes()) },
            Err(error) => Verdict::Error(describe(error, show_text)),
        };
        if our_verdict == theirs {
            continue;
        }
        different += 1;
        if different <= SHOWN || std::env::var_os("SHOW_ALL").is_some() {
            show(subject, &request, ours, &our_verdict, &theirs, &mut oracle.borrow_mut())?;
        }
    }
    println!(
        "{} sources compared, {} different; the oracle rejects {rejected}",
        subjects.len(),
        different
    );
    Ok(different == 0)
}

enum Source<'s> {
    Bytes(&'s [u8]),
    Text(&'s str),
}

fn parse(source: Source, mode: &str, hooks: ParseOptions) -> Result<String, SyntaxError> {
    if mode == "tokens" {
        return match source {
            Source::Bytes(bytes) => tokens(&String::from_utf8_lossy(bytes)),
            Source::Text(text) => tokens(text),
        };
    }
    let mut options = hooks;
    let mut parts = mode.split('+');
    options.mode = match parts.next() {
        Some("eval") => Mode::Eval,
        Some("single") => Mode::Single,
        Some("func_type") => Mode::FunctionType,
        _ => Mode::Exec,
    };
    for part in parts {
        match part {
            "tc" => options.type_comments = true,
            "inc" => options.allow_incomplete_input = true,
            "ded" => options.dont_imply_dedent = true,
            _ => {
                if let Some(version) = part.strip_prefix("fv") {
                    options.feature_version = version.parse().unwrap_or(14);
                }
            }
        }
    }
    let arena = bumpalo::Bump::new();
    let decoded;
    let text = match source {
        Source::Text(text) => text,
        Source::Bytes(bytes) => {
            decoded = syntax::decode(bytes, options.decode, None)?;
            &decoded
        }
    };
    let mut warnings = Vec::new();
    let result = syntax::parse_with_warnings(&arena, text, options, &mut warnings);
    let listed: String = warnings
        .iter()
        .map(|warning| {
            let class = if warning.is_syntax_warning { "SyntaxWarning" } else { "DeprecationWarning" };
            format!("\n{class}: {}: {}", warning.line, warning.message)
        })
        .collect();
    match result {
        Ok(module) => Ok(syntax::dump(&module, true, None) + &listed),
        Err(error) => Err(SyntaxError { message: error.message + &listed, ..error }),
    }
}

/// The tokens, one a line, as `ascii()` of the oracle's tuples.
fn tokens(source: &str) -> Result<String, SyntaxError> {
    let mut source = source.replace("\r\n", "\n").replace('\r', "\n");
    let implicit_newline = !source.is_empty() && !source.ends_with('\n');
    if implicit_newline {
        source.push('\n');
    }
    let mut lines = Vec::new();
    for token in syntax::TokenIter::new(&source, true, implicit_newline) {
        let token = token?;
        lines.push(format!(
            "({}, {}, ({}, {}), ({}, {}), {})",
            token.number,
            syntax::ascii_repr(token.text),
            token.start.0,
            token.start.1,
            token.end.0,
            token.end.1,
            syntax::ascii_repr(token.line)
        ));
    }
    Ok(lines.join("\n"))
}

fn describe(error: &SyntaxError, show_text: bool) -> String {
    let class = match error.kind {
        SyntaxErrorKind::Syntax => "SyntaxError",
        SyntaxErrorKind::Indentation => "IndentationError",
        SyntaxErrorKind::Tab => "TabError",
        SyntaxErrorKind::Incomplete => "_IncompleteInputError",
        SyntaxErrorKind::TooNested => "MemoryError",
        SyntaxErrorKind::Recursion => "RecursionError",
        SyntaxErrorKind::Value => "ValueError",
        SyntaxErrorKind::Overflow => "OverflowError",
    };
    let mut text = format!(
        "{class}: {} ({}, {})-({}, {})",
        error.message, error.line as i32, error.col as i32, error.end_line as i32, error.end_col as i32
    );
    if show_text {
        text.push_str(&format!(" {:?}", error.text.as_deref().unwrap_or("-")));
    }
    text
}

fn verdict(answer: &str, show_text: bool) -> Verdict {
    let parts: Vec<&str> = answer.split('\t').collect();
    match parts[..] {
        ["TREE", length, checksum] => {
            Verdict::Tree { length: length.parse().unwrap_or(0), checksum: checksum.parse().unwrap_or(0) }
        }
        ["ERROR", class, message, line, col, end_line, end_col, text] => {
            let number = |text: &str| if text == "None" { "0".to_owned() } else { text.to_owned() };
            let mut described = format!(
                "{class}: {} ({}, {})-({}, {})",
                unhex(message),
                number(line),
                number(col),
                number(end_line),
                number(end_col)
            );
            if show_text {
                let text = if text == "-" { "-".to_owned() } else { unhex(text) };
                described.push_str(&format!(" {:?}", text));
            }
            Verdict::Error(described)
        }
        _ => Verdict::Error(format!("unreadable answer {answer}")),
    }
}

fn show(
    subject: &Subject,
    request: &str,
    ours: Result<String, SyntaxError>,
    our_verdict: &Verdict,
    theirs: &Verdict,
    oracle: &mut Oracle,
) -> std::io::Result<()> {
    match subject {
        Subject::File(path) => println!("{}", path.display()),
        Subject::Snippet { mode, text } => println!("{mode} {text:?}"),
    }
    match (our_verdict, theirs) {
        (Verdict::Error(ours), Verdict::Error(theirs)) => println!("  ours:   {ours}\n  oracle: {theirs}"),
        (Verdict::Error(ours), Verdict::Tree { .. }) => println!("  ours:   {ours}\n  oracle: a tree"),
        (Verdict::Tree { .. }, Verdict::Error(theirs)) => println!("  ours:   a tree\n  oracle: {theirs}"),
        (Verdict::Tree { .. }, Verdict::Tree { length, .. }) => {
            oracle.ask(&format!("FULL{request}"))?;
            let theirs = oracle.read_text(*length)?;
            let ours = ours.unwrap_or_default();
            let at = ours.bytes().zip(theirs.bytes()).take_while(|(a, b)| a == b).count();
            let around = |text: &str| {
                let bytes = text.as_bytes();
                String::from_utf8_lossy(&bytes[at.saturating_sub(120).min(bytes.len())..(at + 160).min(bytes.len())])
                    .into_owned()
            };
            println!("  ours:   …{}\n  oracle: …{}", around(&ours), around(&theirs));
        }
    }
    Ok(())
}

/// Parses everything once without dumping and prints the throughput.
fn measure(subjects: &[Subject]) -> std::io::Result<bool> {
    let mut bytes = 0;
    let mut time = Duration::ZERO;
    for subject in subjects {
        let Subject::File(path) = subject else { continue };
        let source = std::fs::read(path)?;
        let arena = bumpalo::Bump::new();
        let start = Instant::now();
        let names = |_: &str| Some(63);
        let options = ParseOptions { character_by_name: Some(&names), ..ParseOptions::default() };
        if syntax::parse_bytes(&arena, &source, options).is_ok() {
            time += start.elapsed();
            bytes += source.len();
        }
    }
    println!("{bytes} bytes in {time:?}: {:.1} MB/s", bytes as f64 / 1e6 / time.as_secs_f64());
    Ok(true)
}

fn collect_files(path: &Path, subjects: &mut Vec<Subject>) -> std::io::Result<()> {
    if !path.is_dir() {
        subjects.push(Subject::File(path.to_owned()));
        return Ok(());
    }
    let mut entries: Vec<PathBuf> = std::fs::read_dir(path)?.filter_map(|entry| entry.ok().map(|e| e.path())).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() && !entry.is_symlink() {
            collect_files(&entry, subjects)?;
        } else if entry.is_file() && entry.extension().is_some_and(|extension| extension == "py") {
            subjects.push(Subject::File(entry));
        }
    }
    Ok(())
}

fn read_snippets(path: &Path, subjects: &mut Vec<Subject>) -> std::io::Result<()> {
    for line in std::fs::read_to_string(path)?.lines() {
        if let Some((mode, text)) = line.split_once('\t') {
            subjects.push(Subject::Snippet { mode: mode.to_owned(), text: unhex(text) });
        }
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> String {
    let bytes: Vec<u8> =
        (0..text.len() / 2).filter_map(|i| u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn crc32(bytes: &[u8]) -> u32 {
    let table: Vec<u32> = (0..256u32)
        .map(|i| (0..8).fold(i, |c, _| if c & 1 == 1 { 0xEDB8_8320 ^ (c >> 1) } else { c >> 1 }))
        .collect();
    !bytes.iter().fold(!0u32, |crc, byte| table[((crc ^ u32::from(*byte)) & 0xFF) as usize] ^ (crc >> 8))
}

/// The oracle's answers about files, by path, size and time of change.
struct Cache {
    known: HashMap<String, String>,
    file: std::fs::File,
}

impl Cache {
    fn open() -> std::io::Result<Self> {
        let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".into());
        std::fs::create_dir_all(&target)?;
        let path = Path::new(&target).join(format!("compare-ast-answers-{:08x}", crc32(SCRIPT.as_bytes())));
        let mut known = HashMap::new();
        if let Ok(text) = std::fs::read_to_string(&path) {
            for line in text.lines() {
                if let Some((key, answer)) = line.split_once("\t=\t") {
                    known.insert(key.to_owned(), answer.to_owned());
                }
            }
        }
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { known, file })
    }

    fn key(subject: &Subject, request: &str) -> Option<String> {
        match subject {
            Subject::Snippet { .. } => Some(request.to_owned()),
            Subject::File(path) => {
                let metadata = std::fs::metadata(path).ok()?;
                let modified = metadata.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
                Some(format!("{request}\t{}\t{}", metadata.len(), modified.as_nanos()))
            }
        }
    }

    fn get(&self, subject: &Subject, request: &str) -> Option<String> {
        self.known.get(&Self::key(subject, request)?).cloned()
    }

    fn put(&mut self, subject: &Subject, request: &str, answer: &str) -> std::io::Result<()> {
        match Self::key(subject, request) {
            Some(key) => writeln!(self.file, "{key}\t=\t{answer}"),
            None => Ok(()),
        }
    }
}
