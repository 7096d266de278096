//! `cargo xtask compare-bytecode`: our code objects against the oracle's, field by field.
//!
//! Without arguments: every `.py` file of the oracle's library and test suite; then the share of equal code objects
//! is compared with the floor in `tests/golden/bytecode_floor.txt`: below it the task fails, above it the floor is
//! raised. `--first N` shows the first N different code objects, `-O LEVEL` compiles with that optimisation level.
//! `--snippets FILE` compares single sources, their errors and warnings too; `--symbols` compares symbol tables.

use crate::oracle::Oracle;
use bumpalo::Bump;
use pyrt_compiler::bytecode::code::{CodeData, Const};
use pyrt_compiler::bytecode::disassemble::{self, disassemble};
use pyrt_compiler::bytecode::marshal;
use pyrt_compiler::codegen::symbol_table::{BlockId, SymbolTable};
use pyrt_compiler::codegen::{self, CompileOptions};
use pyrt_compiler::syntax::error::SyntaxError;
use pyrt_compiler::syntax::{self, Mode, ParseOptions};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const SCRIPT: &str = include_str!("compare_bytecode.py");
const FLOOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/bytecode_floor.txt");
const STACK: usize = 256 << 20;

pub fn run(arguments: &[String]) -> ExitCode {
    let arguments = arguments.to_vec();
    let worker = std::thread::Builder::new().stack_size(STACK).spawn(move || compare(&arguments));
    match worker.map(|thread| thread.join()) {
        Ok(Ok(Ok(true))) => ExitCode::SUCCESS,
        Ok(Ok(Err(problem))) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
        _ => ExitCode::FAILURE,
    }
}

/// What was found so far.
#[derive(Default)]
struct Tally {
    objects: usize,
    equal: usize,
    /// First difference -> how often, and where first.
    causes: BTreeMap<String, (usize, String)>,
    to_show: usize,
    ours_time: Duration,
}

fn compare(arguments: &[String]) -> std::io::Result<bool> {
    let mut tally = Tally::default();
    let mut subjects = Vec::new();
    let mut settings = Settings { optimize: 0, symbols: false };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut number = || rest.next().and_then(|text| text.parse().ok()).unwrap_or(1);
        match argument.as_str() {
            "--first" => tally.to_show = number(),
            "-O" => settings.optimize = number() as u8,
            "--symbols" => settings.symbols = true,
            "--snippets" => {
                let Some(path) = rest.next() else { return Err(std::io::Error::other("--snippets needs a file")) };
                read_snippets(Path::new(path), &mut subjects)?;
            }
            path => collect(Path::new(path), &mut subjects)?,
        }
    }
    let oracle = RefCell::new(Oracle::start(SCRIPT)?);
    let is_whole_library = subjects.is_empty();
    if is_whole_library {
        let library = oracle.borrow_mut().ask("LIBRARY")?;
        collect(Path::new(&library), &mut subjects)?;
    }
    for subject in &subjects {
        compare_subject(subject, settings, &oracle, &mut tally)?;
    }
    let mut causes: Vec<_> = tally.causes.iter().collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.1.0));
    for (cause, (count, place)) in causes.iter().take(40) {
        println!("{count:6}  {cause}   [{place}]");
    }
    let share = tally.equal as f64 * 100.0 / tally.objects.max(1) as f64;
    println!(
        "{} sources, {} objects compared, {} equal: {share:.3} %; ours took {:.2?}",
        subjects.len(),
        tally.objects,
        tally.equal,
        tally.ours_time
    );
    if !is_whole_library || settings.optimize != 0 || settings.symbols {
        return Ok(tally.equal == tally.objects);
    }
    // Rounded down, so that a written floor is always reached again.
    let share = (share * 1000.0).floor() / 1000.0;
    let floor: f64 = std::fs::read_to_string(FLOOR).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0.0);
    if share > floor {
        std::fs::write(FLOOR, format!("{share:.3}\n"))?;
    }
    if share < floor {
        println!("below the floor of {floor:.3} %");
    }
    Ok(share >= floor)
}

#[derive(Clone, Copy)]
struct Settings {
    optimize: u8,
    /// Compare symbol tables instead of code.
    symbols: bool,
}

/// A source to compare.
enum Subject {
    File(PathBuf),
    Snippet { mode: String, text: String },
}

/// A line per snippet: `MODE<tab>HEX`, the mode of `compile`, with `+await` for top-level await.
fn read_snippets(path: &Path, subjects: &mut Vec<Subject>) -> std::io::Result<()> {
    for line in std::fs::read_to_string(path)?.lines() {
        if let Some((mode, hex)) = line.split_once('\t') {
            subjects.push(Subject::Snippet { mode: mode.to_owned(), text: unhex(hex) });
        }
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> String {
    let bytes: Vec<u8> = (0..text.len() / 2)
        .filter_map(|at| text.get(at * 2..at * 2 + 2))
        .filter_map(|pair| u8::from_str_radix(pair, 16).ok())
        .collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn collect(path: &Path, subjects: &mut Vec<Subject>) -> std::io::Result<()> {
    if !path.is_dir() {
        subjects.push(Subject::File(path.to_owned()));
        return Ok(());
    }
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(path)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            collect(&entry, subjects)?;
        } else if entry.is_file() && entry.extension().is_some_and(|extension| extension == "py") {
            subjects.push(Subject::File(entry));
        }
    }
    Ok(())
}

/// An error as message and place; what was warned about.
type Outcome<T> = (Result<T, String>, String);

fn compare_subject(
    subject: &Subject,
    settings: Settings,
    oracle: &RefCell<Oracle>,
    tally: &mut Tally,
) -> std::io::Result<()> {
    let (request, bytes, mode, place) = match subject {
        Subject::File(path) => {
            let place = path.display().to_string();
            (format!("FILE\texec\t{{}}\t0\t{place}"), std::fs::read(path)?, "exec", place)
        }
        Subject::Snippet { mode, text } => {
            let (mode, flags) = match mode.strip_suffix("+await") {
                Some(mode) => (mode, 0x2000),
                None => (mode.as_str(), 0),
            };
            let request = format!("TEXT\t{mode}\t{{}}\t{flags}\t{}", hex(text.as_bytes()));
            (request, text.clone().into_bytes(), mode, format!("{text:?}"))
        }
    };
    let level = if settings.symbols { "symbols".to_owned() } else { settings.optimize.to_string() };
    let options = CompileOptions {
        optimize: settings.optimize,
        stack_budget: STACK / 2,
        allow_top_level_await: matches!(subject, Subject::Snippet { mode, .. } if mode.ends_with("+await")),
        ..CompileOptions::default()
    };
    let start = Instant::now();
    let (ours, our_warnings) = compile(&bytes, matches!(subject, Subject::Snippet { .. }), mode, options, settings.symbols, oracle);
    tally.ours_time += start.elapsed();
    let answer = oracle.borrow_mut().ask(&request.replace("{}", &level))?;
    let fields: Vec<&str> = answer.split('\t').collect();
    let (theirs, their_warnings): Outcome<Vec<u8>> = match fields[..] {
        ["DATA", size, warnings] => (Ok(oracle.borrow_mut().read_bytes(size.parse().unwrap_or(0))?), unhex(warnings)),
        ["ERROR", message, line, col, end_line, end_col, warnings] => {
            (Err(format!("{} ({line}:{col} {end_line}:{end_col})", unhex(message))), unhex(warnings))
        }
        _ => (Err(answer.clone()), String::new()),
    };
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => {
            if our_warnings != their_warnings {
                tally.objects += 1;
                note(tally, format!("warnings: {our_warnings:?} for {their_warnings:?}"), &place);
            }
            match ours {
                Product::Code(ours) => match marshal::read(&theirs) {
                    Ok(Const::Code(theirs)) => compare_code(&ours, &theirs, &place, tally),
                    other => note(tally, format!("unreadable marshal data: {other:?}"), &place),
                },
                Product::Symbols(ours) => compare_symbols(&ours, &String::from_utf8_lossy(&theirs), &place, tally),
            }
        }
        (Err(ours), Err(theirs)) => {
            tally.objects += 1;
            if ours == theirs {
                tally.equal += 1;
            } else {
                note(tally, format!("error: {ours} for {theirs}"), &place);
            }
        }
        (Err(error), Ok(_)) => {
            tally.objects += 1;
            note(tally, format!("ours fails: {error}"), &place);
        }
        (Ok(_), Err(error)) => {
            tally.objects += 1;
            note(tally, format!("oracle fails: {error}"), &place);
        }
    }
    Ok(())
}

fn note(tally: &mut Tally, cause: String, place: &str) {
    tally.causes.entry(cause).or_insert_with(|| (0, place.to_owned())).0 += 1;
}

enum Product {
    Code(Box<CodeData>),
    Symbols(String),
}

fn compile(
    bytes: &[u8],
    is_text: bool,
    mode: &str,
    options: CompileOptions,
    symbols: bool,
    oracle: &RefCell<Oracle>,
) -> Outcome<Product> {
    let arena = Bump::new();
    let names: RefCell<HashMap<String, Option<u32>>> = RefCell::default();
    let character_by_name = |name: &str| -> Option<u32> {
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
    let parse_options = ParseOptions {
        mode: match mode {
            "eval" => Mode::Eval,
            "single" => Mode::Single,
            _ => Mode::Exec,
        },
        stack_bytes: STACK / 2,
        character_by_name: Some(&character_by_name),
        decode: Some(&decode),
        ..ParseOptions::default()
    };
    let describe = |error: SyntaxError| {
        // Unknown places are -1 there.
        let [line, col, end_line, end_col] =
            [error.line, error.col, error.end_line, error.end_col].map(|number| number as i32);
        format!("{} ({line}:{col} {end_line}:{end_col})", error.message)
    };
    // Snippets are str to the oracle, so their coding comments mean nothing.
    let parsed = match (is_text, std::str::from_utf8(bytes)) {
        (true, Ok(text)) => syntax::parse(&arena, text, parse_options),
        _ => syntax::parse_bytes(&arena, bytes, parse_options),
    };
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return (Err(describe(error)), String::new()),
    };
    let mut warnings = parsed.warnings;
    let result = if symbols {
        let table = codegen::build_symbol_table(&arena, &parsed.module, options);
        table.map(|table| {
            let mut lines = Vec::new();
            dump_symbols(&table, table.top, 0, &mut lines);
            Product::Symbols(lines.join("\n"))
        })
    } else {
        codegen::compile(&parsed.module, "f", options, &mut warnings).map(|code| Product::Code(Box::new(code)))
    };
    let shown: Vec<String> = warnings.iter().map(|warning| format!("{}: {}", warning.line, warning.message)).collect();
    (result.map_err(describe), shown.join("\n"))
}

/// The form of the oracle's script.
fn dump_symbols(table: &SymbolTable<'_>, id: BlockId, depth: usize, lines: &mut Vec<String>) {
    let block = table.block(id);
    let mut symbols: Vec<(&str, u32)> = block.symbols.iter().map(|(name, symbol)| (name, symbol.packed())).collect();
    symbols.sort_unstable();
    let symbols: Vec<String> = symbols.iter().map(|(name, flags)| format!("{name}={flags}")).collect();
    let (kind, nested) = (block.kind as u32, u32::from(block.nested));
    let (line, varnames) = (block.span.line, block.varnames.join(","));
    lines.push(format!("{depth} {kind} {} {line} {nested} {varnames} | {}", block.name, symbols.join(" ")));
    for child in &block.children {
        dump_symbols(table, *child, depth + 1, lines);
    }
}

fn compare_symbols(ours: &str, theirs: &str, place: &str, tally: &mut Tally) {
    tally.objects += 1;
    match ours.lines().zip(theirs.lines()).find(|(ours, theirs)| ours != theirs) {
        None if ours.lines().count() == theirs.lines().count() => tally.equal += 1,
        difference => {
            if tally.to_show > 0 {
                tally.to_show -= 1;
                println!("==== {place}\n{difference:#?}");
            }
            note(tally, "symbols".to_owned(), place);
        }
    }
}

fn compare_code(ours: &CodeData, theirs: &CodeData, place: &str, tally: &mut Tally) {
    tally.objects += 1;
    match first_difference(ours, theirs) {
        None => tally.equal += 1,
        Some(cause) => {
            let place = format!("{place}:{} {}", theirs.firstlineno, theirs.qualname);
            if tally.to_show > 0 {
                tally.to_show -= 1;
                show(ours, theirs, &cause, &place);
            }
            note(tally, cause, &place);
        }
    }
    let codes = |code: &CodeData| -> Vec<CodeData> {
        let inner = code.consts.iter().filter_map(|constant| match constant {
            Const::Code(code) => Some((**code).clone()),
            _ => None,
        });
        inner.collect()
    };
    let (our_codes, their_codes) = (codes(ours), codes(theirs));
    for (number, theirs) in their_codes.iter().enumerate() {
        match our_codes.get(number).filter(|ours| ours.qualname == theirs.qualname && ours.firstlineno == theirs.firstlineno) {
            Some(ours) => compare_code(ours, theirs, place, tally),
            None => {
                tally.objects += 1;
                note(tally, "no such code object".to_owned(), &format!("{place}: {}", theirs.qualname));
            }
        }
    }
}

/// The first field that differs, with the first instruction if that is the code.
fn first_difference(ours: &CodeData, theirs: &CodeData) -> Option<String> {
    if ours.code != theirs.code {
        let (our_code, their_code) = (disassemble::decode(&ours.code), disassemble::decode(&theirs.code));
        let at = our_code.iter().zip(&their_code).position(|(a, b)| (a.opcode, a.arg) != (b.opcode, b.arg));
        let show = |code: &[disassemble::Decoded], at: usize| {
            code.get(at).map_or("end".to_owned(), |decoded| decoded.opcode.name().to_owned())
        };
        let at = at.unwrap_or(our_code.len().min(their_code.len()));
        let (our_op, their_op) = (show(&our_code, at), show(&their_code, at));
        let operand = if our_op == their_op { " operand" } else { "" };
        return Some(format!("code{operand}: {our_op} for {their_op}"));
    }
    let fields: [(&str, bool); 14] = [
        ("argcount", ours.argcount != theirs.argcount),
        ("posonlyargcount", ours.posonlyargcount != theirs.posonlyargcount),
        ("kwonlyargcount", ours.kwonlyargcount != theirs.kwonlyargcount),
        ("names", ours.names != theirs.names),
        ("consts", shapes(&ours.consts) != shapes(&theirs.consts)),
        ("localsplusnames", ours.localsplusnames != theirs.localsplusnames),
        ("localspluskinds", ours.localspluskinds != theirs.localspluskinds),
        ("flags", ours.flags != theirs.flags),
        ("stacksize", ours.stacksize != theirs.stacksize),
        ("name", ours.name != theirs.name),
        ("qualname", ours.qualname != theirs.qualname),
        ("firstlineno", ours.firstlineno != theirs.firstlineno),
        ("linetable", ours.linetable != theirs.linetable),
        ("exceptiontable", ours.exceptiontable != theirs.exceptiontable),
    ];
    fields.into_iter().find(|field| field.1).map(|field| field.0.to_owned())
}

/// Constants in a form to compare; code objects, which are compared by themselves, only by name.
fn shapes(constants: &[Const]) -> Vec<String> {
    constants.iter().map(shape).collect()
}

fn shape(constant: &Const) -> String {
    match constant {
        Const::Code(code) => format!("code {} {}", code.qualname, code.firstlineno),
        Const::Float(value) => format!("float {:x}", value.to_bits()),
        Const::Complex(real, imaginary) => format!("complex {:x} {:x}", real.to_bits(), imaginary.to_bits()),
        Const::Tuple(items) => format!("({})", shapes(items).join(", ")),
        Const::FrozenSet(items) => {
            // A set has no order.
            let mut items = shapes(items);
            items.sort();
            format!("{{{}}}", items.join(", "))
        }
        Const::Slice(parts) => format!("slice{:?}", shapes(&parts[..])),
        Const::Str(text) => format!("{:?}", String::from_utf8_lossy(text)),
        other => format!("{other:?}"),
    }
}

fn show(ours: &CodeData, theirs: &CodeData, cause: &str, place: &str) {
    let alone = |code: &CodeData| {
        let mut code = code.clone();
        for constant in &mut code.consts {
            if let Const::Code(inner) = constant {
                *constant = Const::Str(format!("code {}", inner.qualname).into_bytes());
            }
        }
        let positions: String = pyrt_compiler::bytecode::line_table::ranges(&code.linetable, code.firstlineno)
            .map(|range| {
                let show = |value: Option<u32>| value.map_or("-".to_owned(), |value| value.to_string());
                let position = range.position;
                format!(
                    "  {}..{}: {}:{} {}:{}\n",
                    range.start * 2,
                    range.end * 2,
                    show(position.line),
                    show(position.col),
                    show(position.end_line),
                    show(position.end_col)
                )
            })
            .collect();
        let positions = if cause == "linetable" { positions } else { String::new() };
        format!(
            "{}consts {:?}\nnames {:?} locals {:?} {:?} flags {:x} stack {}\n{positions}",
            disassemble(&code),
            shapes(&code.consts),
            code.names,
            code.localsplusnames,
            code.localspluskinds,
            code.flags,
            code.stacksize
        )
    };
    let (ours, theirs) = (alone(ours), alone(theirs));
    println!("==== {place}: {cause}");
    let (ours, theirs): (Vec<&str>, Vec<&str>) = (ours.lines().collect(), theirs.lines().collect());
    let same = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
    let tail = ours[same..].iter().rev().zip(theirs[same..].iter().rev()).take_while(|(a, b)| a == b).count();
    const CONTEXT: usize = 6;
    for line in &ours[same.saturating_sub(CONTEXT)..same] {
        println!("   {line}");
    }
    for line in ours[same..ours.len() - tail].iter().take(40) {
        println!("-  {line}");
    }
    for line in theirs[same..theirs.len() - tail].iter().take(40) {
        println!("+  {line}");
    }
    for line in ours[ours.len() - tail..].iter().take(CONTEXT) {
        println!("   {line}");
    }
}
