//! Tracing and monitoring: `sys.settrace`, `sys.setprofile`, `sys.monitoring` (PEP 669).
//!
//! Code that nobody watches runs as it is. Where something is watched, every instruction of the code is replaced by
//! INSTRUMENTED_LINE; what stood there is kept beside the code in [`Monitoring`], whose memory lives as long as the code.
//! The instrumented handler gives the events and lets the original instruction do its work. Which code is instrumented
//! follows lazily: a change raises [`version`]; a code object is brought up to date when one of its frames passes a
//! function entry, a backward jump or an instrumented instruction. While anything is watched everywhere, the threads'
//! request words hold `REQUEST_TRACE`, so that the first two look.
//!
//! # Who may touch what
//! * The units and the originals: writers hold [`CHANGES`]. A unit and its original change one after the other: the
//!   original is always what the unit was last.

use std::collections::HashSet;

use pyrt_compiler::bytecode::instructions::Opcode;

use crate::exceptions::ExceptionObject;
use crate::interp::frame::Frame;
use crate::interp::locations;
use crate::interp::translate::unit_length;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::{call, iterate};
use crate::sync::{AtomicI32, AtomicU8, AtomicU32, AtomicUsize, LeafMutex, Ordering};
use crate::threads::thread_state::{self, REQUEST_TRACE, Thread};
use crate::types::builtin_types::shapes;
use crate::types::code::{CodeObject, make_unit, unit_opcode, unit_oparg};
use crate::types::frame_object::{self, FrameObject};
use crate::types::tuple::{self, TupleObject};

/// Tools of `sys.monitoring`.
pub const N_TOOLS: usize = 6;
/// Numbers of events; their sets have a bit for each.
pub mod event {
    pub const PY_START: u32 = 0;
    pub const PY_RESUME: u32 = 1;
    pub const PY_RETURN: u32 = 2;
    pub const PY_YIELD: u32 = 3;
    pub const CALL: u32 = 4;
    pub const LINE: u32 = 5;
    pub const INSTRUCTION: u32 = 6;
    pub const JUMP: u32 = 7;
    pub const BRANCH_LEFT: u32 = 8;
    pub const BRANCH_RIGHT: u32 = 9;
    pub const STOP_ITERATION: u32 = 10;
    pub const RAISE: u32 = 11;
    pub const EXCEPTION_HANDLED: u32 = 12;
    pub const PY_UNWIND: u32 = 13;
    pub const PY_THROW: u32 = 14;
    pub const RERAISE: u32 = 15;
    pub const C_RETURN: u32 = 16;
    pub const C_RAISE: u32 = 17;
    pub const BRANCH: u32 = 18;
    /// Events up to here belong to places in the code.
    pub const LAST_LOCAL: u32 = STOP_ITERATION;
    pub const COUNT: usize = 19;
    pub const ALL: u32 = (1 << COUNT) - 1;
}

/// What is kept beside instrumented code.
pub struct Monitoring {
    originals: Box<[AtomicU8]>,
    /// The line that begins at each unit, -1 where none does.
    lines: Box<[i32]>,
    local_events: [AtomicU32; N_TOOLS],
    /// Of which generation the local events are.
    generations: [AtomicU32; N_TOOLS],
    /// Unit, tool and event of places that a callback has switched off.
    disabled: LeafMutex<HashSet<(u32, u8, u8)>>,
    version: AtomicU32,
    is_instrumented: AtomicU8,
}

/// Held while units and originals change.
static CHANGES: LeafMutex<()> = LeafMutex::new(());
static VERSION: AtomicU32 = AtomicU32::new(1);
/// Threads with a trace or profile function.
static TRACING_THREADS: AtomicI32 = AtomicI32::new(0);
/// Events that each tool wants everywhere.
static GLOBAL_EVENTS: [AtomicU32; N_TOOLS] = [const { AtomicU32::new(0) }; N_TOOLS];
/// Grow when all local events of a tool are forgotten.
static LOCAL_GENERATIONS: [AtomicU32; N_TOOLS] = [const { AtomicU32::new(0) }; N_TOOLS];
/// Callbacks by tool and event.
static CALLBACKS: [[Slot; event::COUNT]; N_TOOLS] = [const { [const { Slot::empty() }; event::COUNT] }; N_TOOLS];
/// Bumped by `restart_events`.
static RESTARTS: AtomicUsize = AtomicUsize::new(0);
/// `sys.monitoring.DISABLE` and `MISSING`.
static DISABLE: Slot = Slot::empty();
static MISSING: Slot = Slot::empty();

/// Makes the marker objects known.
pub fn set_markers(disable: Owned, missing: Owned, thread: &Thread) {
    drop(DISABLE.replace(thread.interpreter.anchor(), Some(disable)));
    drop(MISSING.replace(thread.interpreter.anchor(), Some(missing)));
}

fn union_of_global_events() -> u32 {
    GLOBAL_EVENTS.iter().fold(0, |all, events| all | events.load(Ordering::Relaxed))
}

/// Whether anything is watched in all code.
fn watches_everything() -> bool {
    TRACING_THREADS.load(Ordering::Relaxed) > 0 || union_of_global_events() != 0
}

/// What is watched has changed: threads are told, and the frames of this one are brought up to date.
fn changed(thread: &mut Thread) {
    VERSION.fetch_add(1, Ordering::AcqRel);
    let is_on = watches_everything();
    thread_state::for_each_thread(|shared| {
        if is_on {
            shared.request(REQUEST_TRACE);
        } else {
            shared.requests.fetch_and(!REQUEST_TRACE, Ordering::Relaxed);
        }
    });
    let mut frame = thread.frame;
    while !frame.is_null() {
        // SAFETY: the chain of live frames of this thread.
        unsafe {
            update((*frame).code());
            frame = (*frame).previous;
        }
    }
}

/// For a thread that has just come to be.
pub fn watch_new_thread(thread: &Thread) {
    if watches_everything() {
        thread.shared.request(REQUEST_TRACE);
    }
}

/// `sys.settrace`.
pub fn set_trace(function: Option<Owned>, thread: &mut Thread) {
    let old = replace_trace(function, thread);
    changed(thread);
    drop(old);
}

/// Gives a thread (this one, or a stopped one) another trace function; the old one. [`set_trace`] or [`set_profile`] on
/// any thread makes it known.
pub fn replace_trace(function: Option<Owned>, thread: &mut Thread) -> Option<Owned> {
    let before = is_tracing(thread);
    let old = std::mem::replace(&mut thread.trace_function, function);
    note_tracing(before, thread);
    old
}

/// As [`replace_trace`], for the profile function.
pub fn replace_profile(function: Option<Owned>, thread: &mut Thread) -> Option<Owned> {
    let before = is_tracing(thread);
    let old = std::mem::replace(&mut thread.profile_function, function);
    note_tracing(before, thread);
    old
}

fn is_tracing(thread: &Thread) -> bool {
    thread.trace_function.is_some() || thread.profile_function.is_some()
}

/// `sys.setprofile`.
pub fn set_profile(function: Option<Owned>, thread: &mut Thread) {
    let old = replace_profile(function, thread);
    changed(thread);
    drop(old);
}

fn note_tracing(before: bool, thread: &mut Thread) {
    let now = is_tracing(thread);
    if now != before {
        TRACING_THREADS.fetch_add(if now { 1 } else { -1 }, Ordering::Relaxed);
    }
}

/// The events that a tool wants everywhere.
pub fn global_events(tool: usize) -> u32 {
    GLOBAL_EVENTS.get(tool).map_or(0, |events| events.load(Ordering::Relaxed))
}

pub fn set_global_events(tool: usize, events: u32, thread: &mut Thread) {
    if let Some(slot) = GLOBAL_EVENTS.get(tool) {
        slot.store(events, Ordering::Relaxed);
        changed(thread);
    }
}

pub fn local_events(tool: usize, code: &CodeObject) -> u32 {
    let Some(monitoring) = monitoring_of(code) else { return 0 };
    match (monitoring.local_events.get(tool), LOCAL_GENERATIONS.get(tool)) {
        (Some(events), Some(now)) if monitoring.generations[tool].load(Ordering::Relaxed) == now.load(Ordering::Relaxed) => events.load(Ordering::Relaxed),
        _ => 0,
    }
}

pub fn set_local_events(tool: usize, code: &CodeObject, events: u32, thread: &mut Thread) {
    let monitoring = make_monitoring(code);
    if let (Some(slot), Some(now)) = (monitoring.local_events.get(tool), LOCAL_GENERATIONS.get(tool)) {
        slot.store(events, Ordering::Relaxed);
        monitoring.generations[tool].store(now.load(Ordering::Relaxed), Ordering::Relaxed);
    }
    VERSION.fetch_add(1, Ordering::AcqRel);
    update(code);
    changed(thread);
}

/// Takes a tool's events off all code: by generation, which each code object compares when it is brought up to date.
pub fn clear_local_events(tool: usize, thread: &mut Thread) {
    if let Some(generation) = LOCAL_GENERATIONS.get(tool) {
        generation.fetch_add(1, Ordering::AcqRel);
    }
    changed(thread);
}

/// Sets a callback; the old one.
pub fn set_callback(tool: usize, event: usize, callback: Option<Owned>, thread: &Thread) -> Option<Owned> {
    CALLBACKS.get(tool)?.get(event)?.replace(thread.interpreter.anchor(), callback)
}

/// Places that were switched off are watched again.
pub fn restart_events(thread: &mut Thread) {
    RESTARTS.fetch_add(1, Ordering::AcqRel);
    changed(thread);
}

fn monitoring_of(code: &CodeObject) -> Option<&Monitoring> {
    // SAFETY: once set it lives as long as the code.
    unsafe { code.monitoring.load(Ordering::Acquire).as_ref() }
}

fn make_monitoring(code: &CodeObject) -> &Monitoring {
    if let Some(monitoring) = monitoring_of(code) {
        return monitoring;
    }
    let made = Box::into_raw(Box::new(Monitoring {
        originals: code.units.iter().map(|unit| AtomicU8::new(unit_opcode(unit.load(Ordering::Relaxed)))).collect(),
        lines: line_starts(code),
        local_events: [const { AtomicU32::new(0) }; N_TOOLS],
        generations: [const { AtomicU32::new(0) }; N_TOOLS],
        disabled: LeafMutex::new(HashSet::new()),
        version: AtomicU32::new(0),
        is_instrumented: AtomicU8::new(0),
    }));
    match code.monitoring.compare_exchange(std::ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: just made, and kept as long as the code.
        Ok(_) => unsafe { &*made },
        Err(other) => {
            // SAFETY: nobody else has seen it; the other one is there for good.
            unsafe {
                drop(Box::from_raw(made));
                &*other
            }
        }
    }
}

/// The first units of the code's instructions, with their base opcodes and operands.
pub fn instructions(code: &CodeObject) -> Vec<(usize, Opcode, u32)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(unit) = code.units.get(at) {
        let word = unit.load(Ordering::Relaxed);
        let opcode = match (unit_opcode(word), monitoring_of(code)) {
            (number, Some(monitoring)) if number == Opcode::INSTRUMENTED_LINE as u8 => monitoring.originals[at].load(Ordering::Relaxed),
            (number, _) => number,
        };
        let Some(opcode) = Opcode::from_u8(opcode).map(Opcode::base) else { break };
        found.push((at, opcode, unit_oparg(word)));
        at += unit_length(opcode);
    }
    found
}

/// Where lines begin: at a change of line, at jump targets on another line than the jump, at handlers.
fn line_starts(code: &CodeObject) -> Box<[i32]> {
    let n = code.units.len();
    let mut line_of_offset = Vec::new();
    locations::for_each_entry(&code.data.linetable, code.firstlineno, |start, end, position| {
        line_of_offset.resize(end as usize, -1);
        line_of_offset[start as usize..end as usize].fill(position.line.unwrap_or(-1));
        true
    });
    let offsets = code.unit_offsets();
    let line_at = |unit: usize| offsets.get(unit).and_then(|offset| line_of_offset.get(*offset as usize)).copied().unwrap_or(-1);
    let mut starts = vec![-1; n];
    let mut current = -1;
    let all = instructions(code);
    let first = code.first_traceable_unit();
    for &(unit, opcode, _) in all.iter().filter(|(unit, _, _)| *unit >= first) {
        let line = line_at(unit);
        if matches!(opcode, Opcode::RESUME | Opcode::END_FOR | Opcode::END_SEND | Opcode::END_ASYNC_FOR) {
            continue;
        }
        if line >= 0 && line != current {
            starts[unit] = line;
        }
        current = line;
    }
    for &(unit, opcode, target) in &all {
        let target = target as usize;
        let target = match opcode {
            Opcode::FOR_ITER => target + 2,
            _ if opcode.facts().has_jump() && !matches!(opcode, Opcode::SEND | Opcode::END_ASYNC_FOR) => target,
            _ => continue,
        };
        let line = line_at(target);
        let is_backward = target <= unit;
        if line >= 0 && (is_backward || line != line_at(unit)) {
            if let Some(start) = starts.get_mut(target) {
                *start = line;
            }
        }
    }
    for handler in &code.handlers {
        let target = handler.target as usize;
        let line = line_at(target);
        if let Some(start) = starts.get_mut(target).filter(|_| line >= 0) {
            *start = line;
        }
    }
    starts.into()
}

fn wants(code: &CodeObject) -> bool {
    watches_everything()
        || (0..N_TOOLS).any(|tool| local_events(tool, code) != 0)
}

/// Brings a code object up to date. True if its units have changed.
pub fn update(code: &CodeObject) -> bool {
    let version = VERSION.load(Ordering::Acquire);
    let wanted = wants(code);
    match monitoring_of(code) {
        None if !wanted => return false,
        Some(monitoring) if monitoring.version.load(Ordering::Acquire) == version => return false,
        _ => {}
    }
    let monitoring = make_monitoring(code);
    let all = instructions(code);
    let _guard = CHANGES.lock();
    let restarts = RESTARTS.load(Ordering::Relaxed) as u32;
    {
        let mut disabled = monitoring.disabled.lock();
        // The restart count is kept as an entry that no event can have.
        if !disabled.contains(&(restarts, u8::MAX, u8::MAX)) {
            disabled.clear();
            disabled.insert((restarts, u8::MAX, u8::MAX));
        }
    }
    monitoring.version.store(version, Ordering::Release);
    if (monitoring.is_instrumented.load(Ordering::Relaxed) != 0) == wanted {
        return false;
    }
    for (at, _, _) in all {
        let unit = &code.units[at];
        loop {
            let word = unit.load(Ordering::Acquire);
            let opcode = unit_opcode(word);
            let new = if wanted {
                if opcode == Opcode::INSTRUMENTED_LINE as u8 {
                    break;
                }
                monitoring.originals[at].store(opcode, Ordering::Release);
                Opcode::INSTRUMENTED_LINE as u8
            } else {
                monitoring.originals[at].load(Ordering::Acquire)
            };
            // A specialisation may come in between: then its opcode is the original.
            if unit.compare_exchange(word, make_unit(new, unit_oparg(word)), Ordering::AcqRel, Ordering::Acquire).is_ok() {
                break;
            }
        }
    }
    monitoring.is_instrumented.store(u8::from(wanted), Ordering::Release);
    true
}

/// The opcode at a unit, whatever stands in front of it.
pub fn opcode_at(code: &CodeObject, unit: usize) -> u8 {
    let opcode = code.units.get(unit).map_or(0, |unit| unit_opcode(unit.load(Ordering::Acquire)));
    if opcode != Opcode::INSTRUMENTED_LINE as u8 {
        return opcode;
    }
    monitoring_of(code).and_then(|monitoring| monitoring.originals.get(unit)).map_or(opcode, |original| original.load(Ordering::Acquire))
}

/// Stores an opcode at the frame's current instruction: behind the instrumentation, if there is one.
#[cold]
pub fn store_opcode_slow(frame: *mut Frame, opcode: u8) {
    // SAFETY: the running frame.
    let (code, unit) = unsafe { ((*frame).code(), (*frame).unit()) };
    let _guard = CHANGES.lock();
    let Some(slot) = code.units.get(unit) else { return };
    let word = slot.load(Ordering::Acquire);
    if unit_opcode(word) == Opcode::INSTRUMENTED_LINE as u8 {
        if let Some(original) = monitoring_of(code).and_then(|monitoring| monitoring.originals.get(unit)) {
            original.store(opcode, Ordering::Release);
        }
    } else {
        slot.store(make_unit(opcode, unit_oparg(word)), Ordering::Release);
    }
}

/// What the instrumented handler does next.
pub enum Next {
    /// The original instruction.
    Original(u8),
    /// The instruction is done, or the frame goes on elsewhere: the frame's `ip` and `sp` say where.
    Elsewhere,
}

/// Gives the events of the frame's current instruction. `ip` and `sp` are written.
pub fn before_instruction(thread: &mut Thread, frame: *mut Frame) -> PyResult<Next> {
    // SAFETY: the running frame.
    let (code, unit) = unsafe { ((*frame).code(), (*frame).unit()) };
    update(code);
    let opcode = opcode_at(code, unit);
    let original = Opcode::from_u8(opcode).map_or(Opcode::NOP, Opcode::base);
    if thread.tracing {
        return Ok(Next::Original(opcode));
    }
    // SAFETY: as above.
    let start = unsafe { ((*frame).ip, (*frame).sp) };
    // SAFETY: as above.
    let has_moved = |frame: *mut Frame| unsafe { ((*frame).ip, (*frame).sp) } != start;
    // SAFETY: the operands of the instruction lie on the stack.
    let operand = |i: usize| unsafe { Value::from_slot(*start.1.sub(i)).map(Value::unmarked) };
    // SAFETY: the current instruction.
    let oparg = unsafe { unit_oparg((*start.0).load(Ordering::Relaxed)) };
    let is_shown = !unsafe_is_incomplete(frame);
    if is_shown && original != Opcode::RESUME {
        line_events(thread, frame, code, unit)?;
        if has_moved(frame) {
            return Ok(Next::Elsewhere);
        }
        fire_simple(event::INSTRUCTION, &[], thread, frame)?;
    }
    match original {
        Opcode::RESUME => {
            // SAFETY: as above: the next line is a new one, whatever its number.
            unsafe { (*frame).lineno = -2 };
            let which = if oparg & 3 == 0 { event::PY_START } else { event::PY_RESUME };
            fire_simple(which, &[], thread, frame)?;
            trace_call(thread, frame)?;
            profile(thread, frame, "call", Value::none())?;
        }
        Opcode::RETURN_VALUE | Opcode::YIELD_VALUE if is_shown => {
            let value = operand(1).unwrap_or_else(Value::none).to_owned();
            let which = if original == Opcode::RETURN_VALUE { event::PY_RETURN } else { event::PY_YIELD };
            fire_simple(which, &[*value], thread, frame)?;
            trace(thread, frame, "return", *value)?;
            profile(thread, frame, "return", *value)?;
        }
        Opcode::JUMP_BACKWARD | Opcode::JUMP_BACKWARD_NO_INTERRUPT | Opcode::JUMP_FORWARD => {
            if original != Opcode::JUMP_FORWARD {
                // A loop's head is a new line each time.
                // SAFETY: as above.
                unsafe { (*frame).lineno = -2 };
            }
            jump_event(event::JUMP, oparg as usize, thread, frame)?;
        }
        Opcode::POP_JUMP_IF_TRUE | Opcode::POP_JUMP_IF_FALSE | Opcode::POP_JUMP_IF_NONE | Opcode::POP_JUMP_IF_NOT_NONE => {
            let value = operand(1).unwrap_or_else(Value::none);
            let jumps = match original {
                Opcode::POP_JUMP_IF_TRUE => value.is_true(),
                Opcode::POP_JUMP_IF_FALSE => !value.is_true(),
                Opcode::POP_JUMP_IF_NONE => value.is_none(),
                _ => !value.is_none(),
            };
            let (which, target) = if jumps { (event::BRANCH_RIGHT, oparg as usize) } else { (event::BRANCH_LEFT, unit + 2) };
            branch_event(which, target, thread, frame)?;
        }
        Opcode::FOR_ITER if wants_event(code, event::BRANCH_LEFT) || wants_event(code, event::BRANCH_RIGHT) || wants_event(code, event::BRANCH) => {
            return watched_for_iter(thread, frame, code, unit, oparg as usize, operand(1).unwrap_or_else(Value::none));
        }
        Opcode::CALL | Opcode::CALL_KW | Opcode::CALL_FUNCTION_EX => {
            let watches_natives = thread.profile_function.is_some() || wants_event(code, event::C_RETURN) || wants_event(code, event::C_RAISE);
            if watches_natives || wants_event(code, event::CALL) {
                return watched_call(thread, frame, original, oparg as usize, watches_natives, opcode);
            }
        }
        _ => {}
    }
    Ok(if has_moved(frame) { Next::Elsewhere } else { Next::Original(opcode_at(code, unit)) })
}

fn unsafe_is_incomplete(frame: *mut Frame) -> bool {
    // SAFETY: callers pass the running frame.
    unsafe { (*frame).is_incomplete() }
}

fn line_events(thread: &mut Thread, frame: *mut Frame, code: &CodeObject, unit: usize) -> PyResult<()> {
    let line = monitoring_of(code).and_then(|monitoring| monitoring.lines.get(unit)).copied().unwrap_or(-1);
    // SAFETY: the running frame.
    let last = unsafe { (*frame).lineno };
    if line >= 0 && line != last {
        // SAFETY: as above.
        unsafe { (*frame).lineno = line };
        fire(event::LINE, &[*Owned::int(i64::from(line))], false, thread, frame)?;
        if thread.trace_function.is_some() && trace_options(frame).0 {
            trace(thread, frame, "line", Value::none())?;
        }
    }
    if thread.trace_function.is_some() && trace_options(frame).1 {
        trace(thread, frame, "opcode", Value::none())?;
    }
    Ok(())
}

/// `f_trace_lines` and `f_trace_opcodes`.
fn trace_options(frame: *mut Frame) -> (bool, bool) {
    // SAFETY: the running frame; its object is held by it.
    match Value::from_slot(unsafe { (*frame).frame_object }) {
        Some(object) => FrameObject::of(object).trace_options(),
        None => (true, false),
    }
}

fn watched_for_iter(thread: &mut Thread, frame: *mut Frame, code: &CodeObject, unit: usize, target: usize, iterator: Value) -> PyResult<Next> {
    let (which, destination) = match iterate::next(iterator, thread)? {
        Some(item) => {
            // SAFETY: the compiler's stack depth has room for the item.
            unsafe {
                *(*frame).sp = item.into_raw().bits();
                (*frame).sp = (*frame).sp.add(1);
            }
            (event::BRANCH_LEFT, unit + 2)
        }
        // Behind END_FOR.
        None => (event::BRANCH_RIGHT, target + 1),
    };
    // The exit is reported behind POP_ITER.
    branch_event(which, destination + usize::from(which == event::BRANCH_RIGHT), thread, frame)?;
    // SAFETY: a unit of the code.
    unsafe { (*frame).ip = code.units.as_ptr().add(destination) };
    Ok(Next::Elsewhere)
}

fn offset_of(code: &CodeObject, unit: usize) -> Owned {
    Owned::int(i64::from(code.lasti_of_unit(unit)))
}

fn jump_event(which: u32, target: usize, thread: &mut Thread, frame: *mut Frame) -> PyResult<()> {
    // SAFETY: the running frame.
    let code = unsafe { (*frame).code() };
    if !wants_event(code, which) {
        return Ok(());
    }
    fire_simple(which, &[*offset_of(code, target)], thread, frame)
}

fn branch_event(which: u32, target: usize, thread: &mut Thread, frame: *mut Frame) -> PyResult<()> {
    jump_event(which, target, thread, frame)?;
    jump_event(event::BRANCH, target, thread, frame)
}

/// A call with its events: CALL before it; what natives give or raise after it.
fn watched_call(thread: &mut Thread, frame: *mut Frame, opcode: Opcode, n: usize, watches_natives: bool, number: u8) -> PyResult<Next> {
    // SAFETY: callable, self or empty, and arguments lie on the stack; CALL_KW has the names on top.
    unsafe {
        let sp = (*frame).sp;
        let (base, n_words) = match opcode {
            Opcode::CALL => (sp.sub(n + 2), n + 2),
            Opcode::CALL_KW => (sp.sub(n + 3), n + 3),
            _ => (sp.sub(4), 4),
        };
        let word = |i: usize| Value::from_slot(*base.add(i)).map(Value::unmarked);
        let callable = word(0).unwrap_or_else(Value::none).to_owned();
        let receiver = word(1);
        let first = match opcode {
            Opcode::CALL_FUNCTION_EX => word(2).filter(|args| tuple::is_exact(*args)).and_then(|args| TupleObject::of(args).items().first().copied()),
            _ => receiver.or_else(|| if n > 0 { word(2) } else { None }),
        };
        let first = match first {
            Some(first) => first.to_owned(),
            None => MISSING.load(thread.interpreter.anchor()).unwrap_or_else(Owned::none),
        };
        fire_simple(event::CALL, &[*callable, *first], thread, frame)?;
        let is_method_of_python = callable.has_shape(shapes::METHOD)
            && crate::types::method::MethodObject::of(*callable).function.has_shape(shapes::FUNCTION);
        if !watches_natives || callable.has_shape(shapes::FUNCTION) || is_method_of_python {
            return Ok(Next::Original(number));
        }
        let is_native = callable.has_shape(shapes::BUILTIN_FUNCTION) || callable.has_shape(shapes::METHOD_DESCRIPTOR);
        let shown = match (callable.has_shape(shapes::METHOD_DESCRIPTOR), receiver) {
            (true, Some(receiver)) => {
                let ty = callable.type_object();
                match ty.slots.descr_get.get() {
                    Some(get) => get(*callable, Some(receiver), Some(receiver.type_object().value()), thread)?,
                    None => callable.clone(),
                }
            }
            _ => callable.clone(),
        };
        if is_native {
            profile(thread, frame, "c_call", *shown)?;
        }
        let args: Vec<Value> = (usize::from(receiver.is_none()) + 1..n + 2).filter_map(word).collect();
        let result = match opcode {
            Opcode::CALL => call::call(*callable, &args, thread),
            Opcode::CALL_KW => {
                let names = word(n + 2);
                let n_names = names.map_or(0, |names| TupleObject::of(names).len());
                let raw = crate::protocol::args::Args::from_raw(args.as_ptr().cast(), args.len() - n_names);
                call::call_args(*callable, raw, crate::protocol::args::KwNames(names), thread)
            }
            _ => match (word(2), word(3)) {
                (Some(args), kwargs) if tuple::is_exact(args) && kwargs.is_none_or(crate::types::dict::is_dict) => {
                    call::call_tuple(*callable, args, kwargs, thread)
                }
                _ => return Ok(Next::Original(number)),
            },
        };
        match result {
            Ok(value) => {
                fire_simple(event::C_RETURN, &[*callable, *first], thread, frame)?;
                if is_native {
                    profile(thread, frame, "c_return", *shown)?;
                }
                for i in (0..n_words).rev() {
                    (*frame).sp = base.add(i);
                    crate::interp::frame::close(*base.add(i), thread);
                }
                *base = value.into_raw().bits();
                (*frame).sp = base.add(1);
                (*frame).ip = (*frame).ip.add(unit_length(opcode));
                Ok(Next::Elsewhere)
            }
            Err(raised) => {
                keep_exception(thread, |thread| {
                    fire_simple(event::C_RAISE, &[*callable, *first], thread, frame)?;
                    if is_native { profile(thread, frame, "c_exception", *shown) } else { Ok(()) }
                })?;
                Err(raised)
            }
        }
    }
}

/// Runs callbacks while an exception is being raised; theirs replaces it.
fn keep_exception(thread: &mut Thread, callbacks: impl FnOnce(&mut Thread) -> PyResult<()>) -> PyResult<()> {
    let exception = thread.take_exception();
    callbacks(thread)?;
    if let Some(exception) = exception {
        thread.set_exception(exception);
    }
    Ok(())
}

/// Whether anyone listens to exceptions in this thread.
#[inline]
pub fn watches_exceptions(thread: &Thread) -> bool {
    !thread.tracing && (thread.requests() & REQUEST_TRACE != 0 || thread.trace_function.is_some() || thread.profile_function.is_some())
}

/// An exception has come to a frame: from an instruction of its own, or out of a callee.
#[cold]
pub fn exception_raised(thread: &mut Thread, frame: *mut Frame, is_reraise: bool) {
    let Some(exception) = thread.take_exception() else { return };
    let which = if is_reraise { event::RERAISE } else { event::RAISE };
    let result = fire_simple(which, &[*exception], thread, frame).and_then(|()| {
        if is_reraise || thread.trace_function.is_none() {
            return Ok(());
        }
        let object = ExceptionObject::of(*exception);
        let traceback = object.traceback().unwrap_or_else(Owned::none);
        let argument = tuple::pack([exception.type_object().value().to_owned(), exception.clone(), traceback]);
        trace(thread, frame, "exception", *argument)
    });
    restore(exception, result, thread);
}

/// A handler has been found for the thread's exception.
#[cold]
pub fn exception_handled(thread: &mut Thread, frame: *mut Frame) {
    let Some(exception) = thread.take_exception() else { return };
    let result = fire_simple(event::EXCEPTION_HANDLED, &[*exception], thread, frame);
    restore(exception, result, thread);
}

/// The frame is left because of the thread's exception.
#[cold]
pub fn frame_unwound(thread: &mut Thread, frame: *mut Frame) {
    let Some(exception) = thread.take_exception() else { return };
    thread.is_unwinding = true;
    let result = fire_simple(event::PY_UNWIND, &[*exception], thread, frame)
        .and_then(|()| trace(thread, frame, "return", Value::none()))
        .and_then(|()| profile(thread, frame, "return", Value::none()));
    thread.is_unwinding = false;
    restore(exception, result, thread);
}

/// An exception is thrown into a generator.
#[cold]
pub fn thrown(thread: &mut Thread, frame: *mut Frame) {
    let Some(exception) = thread.take_exception() else { return };
    let result = fire_simple(event::PY_THROW, &[*exception], thread, frame)
        .and_then(|()| trace_call(thread, frame))
        .and_then(|()| profile(thread, frame, "call", Value::none()));
    restore(exception, result, thread);
}

/// An iterator that is not a generator has ended with a StopIteration, which is not raised here.
#[cold]
pub fn iteration_stopped(thread: &mut Thread, frame: *mut Frame, value: Value) -> PyResult<()> {
    let arguments = if value.is_none() { Vec::new() } else { vec![value.to_owned()] };
    let stop = crate::exceptions::make(&crate::exceptions::exc::STOP_ITERATION, arguments);
    fire_simple(event::STOP_ITERATION, &[*stop], thread, frame)?;
    if thread.trace_function.is_none() {
        return Ok(());
    }
    let argument = tuple::pack([stop.type_object().value().to_owned(), stop, Owned::none()]);
    trace(thread, frame, "exception", *argument)
}

fn restore(exception: Owned, result: PyResult<()>, thread: &mut Thread) {
    if result.is_ok() {
        thread.set_exception(exception);
    }
}

fn trace_call(thread: &mut Thread, frame: *mut Frame) -> PyResult<()> {
    let Some(function) = thread.trace_function.clone() else { return Ok(()) };
    call_trace(thread, frame, function, "call", Value::none())
}

/// Calls the frame's own trace function.
fn trace(thread: &mut Thread, frame: *mut Frame, what: &str, argument: Value) -> PyResult<()> {
    if thread.trace_function.is_none() || thread.tracing {
        return Ok(());
    }
    // SAFETY: the running frame; its object is held by it.
    let function = Value::from_slot(unsafe { (*frame).frame_object }).and_then(|object| FrameObject::of(object).trace_function());
    match function {
        Some(function) => call_trace(thread, frame, function, what, argument),
        None => Ok(()),
    }
}

fn call_trace(thread: &mut Thread, frame: *mut Frame, function: Owned, what: &str, argument: Value) -> PyResult<()> {
    if thread.tracing {
        return Ok(());
    }
    // SAFETY: the running frame: what its instruction is.
    let opcode = unsafe { opcode_at((*frame).code(), (*frame).unit()) };
    thread.trace_event = match what {
        "line" => event::LINE,
        // SAFETY: as above.
        "call" if unsafe { unit_oparg((*(*frame).ip).load(Ordering::Relaxed)) } & 3 == 0 => event::PY_START,
        "call" => event::PY_RESUME,
        "return" if opcode == Opcode::YIELD_VALUE as u8 && !thread.is_unwinding => event::PY_YIELD,
        "return" => event::PY_RETURN,
        _ => event::RAISE,
    };
    let object = frame_object::of_frame(frame);
    thread.tracing = true;
    let result = call::call(*function, &[*object, *crate::names::interned(what), argument], thread);
    thread.tracing = false;
    match result {
        Ok(local) => {
            if !local.is_none() {
                FrameObject::of(*object).set_trace_function(Some(local));
            }
            Ok(())
        }
        Err(raised) => {
            keep_exception(thread, |thread| {
                set_trace(None, thread);
                Ok(())
            })?;
            FrameObject::of(*object).set_trace_function(None);
            Err(raised)
        }
    }
}

fn profile(thread: &mut Thread, frame: *mut Frame, what: &str, argument: Value) -> PyResult<()> {
    if thread.tracing {
        return Ok(());
    }
    let Some(function) = thread.profile_function.clone() else { return Ok(()) };
    let object = frame_object::of_frame(frame);
    thread.tracing = true;
    let result = call::call(*function, &[*object, *crate::names::interned(what), argument], thread);
    thread.tracing = false;
    match result {
        Ok(_) => Ok(()),
        Err(raised) => {
            keep_exception(thread, |thread| {
                set_profile(None, thread);
                Ok(())
            })?;
            Err(raised)
        }
    }
}

fn wants_event(code: &CodeObject, which: u32) -> bool {
    let local = (0..N_TOOLS).fold(0, |all, tool| all | local_events(tool, code));
    (union_of_global_events() | local) & (1 << which) != 0
}

/// Calls the tools' callbacks with code, offset and `rest`.
fn fire_simple(which: u32, rest: &[Value], thread: &mut Thread, frame: *mut Frame) -> PyResult<()> {
    fire(which, rest, true, thread, frame)
}

fn fire(which: u32, rest: &[Value], with_offset: bool, thread: &mut Thread, frame: *mut Frame) -> PyResult<()> {
    // SAFETY: the running frame.
    let (code, unit) = unsafe { ((*frame).code(), (*frame).unit()) };
    if thread.tracing || !wants_event(code, which) {
        return Ok(());
    }
    for tool in 0..N_TOOLS {
        if (global_events(tool) | local_events(tool, code)) & (1 << which) == 0 {
            continue;
        }
        let place = (unit as u32, tool as u8, which as u8);
        let monitoring = make_monitoring(code);
        if which <= event::LAST_LOCAL && monitoring.disabled.lock().contains(&place) {
            continue;
        }
        let Some(callback) = CALLBACKS[tool][which as usize].load(thread.interpreter.anchor()) else { continue };
        let offset = offset_of(code, unit);
        let mut args = smallvec::SmallVec::<[Value; 5]>::new();
        args.push(code.value());
        if with_offset {
            args.push(*offset);
        }
        args.extend_from_slice(rest);
        let event_before = std::mem::replace(&mut thread.trace_event, which);
        thread.tracing = true;
        let result = call::call(*callback, &args, thread);
        thread.tracing = false;
        thread.trace_event = event_before;
        let result = result?;
        if DISABLE.peek().is_some_and(|disable| result.is(disable)) {
            if which > event::LAST_LOCAL && which != event::BRANCH {
                drop(set_callback(tool, which as usize, None, thread));
                let name = EVENT_NAMES[which as usize];
                return Err(thread.raise_value_error(format!("Cannot disable {name} events. Callback removed.")));
            }
            monitoring.disabled.lock().insert(place);
        }
    }
    Ok(())
}

/// The names of the events by number.
pub const EVENT_NAMES: [&str; event::COUNT] = [
    "PY_START", "PY_RESUME", "PY_RETURN", "PY_YIELD", "CALL", "LINE", "INSTRUCTION", "JUMP", "BRANCH_LEFT", "BRANCH_RIGHT",
    "STOP_ITERATION", "RAISE", "EXCEPTION_HANDLED", "PY_UNWIND", "PY_THROW", "RERAISE", "C_RETURN", "C_RAISE", "BRANCH",
];

/// At a function entry or backward jump of a thread that is asked to look. True: the units have changed.
#[cold]
pub fn look(frame: *mut Frame) -> bool {
    // SAFETY: the running frame.
    update(unsafe { (*frame).code() })
}

