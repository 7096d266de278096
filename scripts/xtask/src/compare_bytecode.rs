//! `cargo xtask compare-bytecode`: our code objects against the oracle's, field by field.
//!
//! Without arguments: every `.py` file of the oracle's library and test suite; then the share of equal code objects
//! is compared with the floor in `tests/golden/bytecode_floor.txt`: below it the task fails, above it the floor is
//! raised. `--first N` shows the first N different code objects, `-O LEVEL` compiles with that optimisation level.

use crate::oracle::Oracle;
use bumpalo::Bump;
use pyrt_compiler::bytecode::code::{CodeData, Const};
use pyrt_compiler::bytecode::disassemble::{self, disassemble};
use pyrt_compiler::bytecode::marshal;
use pyrt_compiler::codegen::{self, CompileOptions};
use pyrt_compiler::syntax::{self, ParseOptions};
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
    let mut files = Vec::new();
    let mut optimize = 0u8;
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut number = || rest.next().and_then(|text| text.parse().ok()).unwrap_or(1);
        match argument.as_str() {
            "--first" => tally.to_show = number(),
            "-O" => optimize = number() as u8,
            path => collect(Path::new(path), &mut files)?,
        }
    }
    let oracle = RefCell::new(Oracle::start(SCRIPT)?);
    let is_whole_library = files.is_empty();
    if is_whole_library {
        let library = oracle.borrow_mut().ask("LIBRARY")?;
        collect(Path::new(&library), &mut files)?;
    }
    for path in &files {
        compare_file(path, optimize, &oracle, &mut tally)?;
    }
    let mut causes: Vec<_> = tally.causes.iter().collect();
    causes.sort_by_key(|cause| std::cmp::Reverse(cause.1.0));
    for (cause, (count, place)) in causes.iter().take(40) {
        println!("{count:6}  {cause}   [{place}]");
    }
    let share = tally.equal as f64 * 100.0 / tally.objects.max(1) as f64;
    println!(
        "{} files, {} code objects, {} equal: {share:.3} %; ours took {:.2?}",
        files.len(),
        tally.objects,
        tally.equal,
        tally.ours_time
    );
    if !is_whole_library || optimize != 0 {
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

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(path)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            collect(&entry, files)?;
        } else if entry.is_file() && entry.extension().is_some_and(|extension| extension == "py") {
            files.push(entry);
        }
    }
    Ok(())
}

fn compare_file(path: &Path, optimize: u8, oracle: &RefCell<Oracle>, tally: &mut Tally) -> std::io::Result<()> {
    let bytes = std::fs::read(path)?;
    let start = Instant::now();
    let ours = compile(&bytes, optimize, oracle);
    tally.ours_time += start.elapsed();
    let answer = oracle.borrow_mut().ask(&format!("FILE\t{}\t{optimize}", path.display()))?;
    let place = path.display().to_string();
    let theirs = match answer.split_once('\t') {
        Some(("CODE", size)) => {
            let data = oracle.borrow_mut().read_bytes(size.parse().unwrap_or(0))?;
            match marshal::read(&data) {
                Ok(Const::Code(code)) => Ok(code),
                other => Err(format!("unreadable marshal data: {other:?}")),
            }
        }
        _ => Err(answer),
    };
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => compare_code(&ours, &theirs, &place, tally),
        (Err(_), Err(_)) => {}
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

fn compile(bytes: &[u8], optimize: u8, oracle: &RefCell<Oracle>) -> Result<CodeData, String> {
    let arena = Bump::new();
    let names: RefCell<HashMap<String, Option<u32>>> = RefCell::default();
    let character_by_name = |name: &str| -> Option<u32> {
        *names.borrow_mut().entry(name.to_owned()).or_insert_with(|| {
            oracle.borrow_mut().ask(&format!("NAME\t{name}")).ok().and_then(|code| code.parse().ok())
        })
    };
    let parse_options =
        ParseOptions { stack_bytes: STACK / 2, character_by_name: Some(&character_by_name), ..ParseOptions::default() };
    let parsed = syntax::parse_bytes(&arena, bytes, "f", parse_options).map_err(|error| error.message)?;
    let options = CompileOptions { optimize, stack_budget: STACK / 2, ..CompileOptions::default() };
    codegen::compile(&parsed.module, "f", options, &mut Vec::new()).map_err(|error| format!("{}: {}", error.line, error.message))
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
