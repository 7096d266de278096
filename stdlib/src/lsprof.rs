//! The module `_lsprof`: a profiler on `sys.monitoring`.
//!
//! # Threads
//! As CPython's, a profiler hears of the calls of all threads and has one stack for them. The record is behind the
//! object's lock; the timer, which may be Python code, is asked before.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;
use std::time::Instant;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::Guarded;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{attribute, call, convert, finalize};
use pyrt_runtime::struct_sequence;
use pyrt_runtime::sync::{AtomicBool, Ordering};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_function::BuiltinFunction;
use pyrt_runtime::types::builtin_types::{StaticType, shapes};
use pyrt_runtime::types::descriptors::MethodDescriptor;
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::struct_sequence::{add_to_module, build};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{float, int, list, module};

use crate::native_type::{References, dealloc, object, traverse};
use crate::system_call::flag;

pub const MODULE: NativeModule = NativeModule { name: "_lsprof", initialize };

struct_sequence! {
    pub PROFILER_ENTRY: ProfilerEntry = "_lsprof.profiler_entry", "", 6, [
        ("code", 0, "code object or built-in function name"), ("callcount", 1, "how many times this was called"),
        ("reccallcount", 2, "how many times called recursively"), ("totaltime", 3, "total time in this entry"),
        ("inlinetime", 4, "inline time in this entry (not in subcalls)"), ("calls", 5, "details of the calls"),
    ]
}

struct_sequence! {
    pub PROFILER_SUBENTRY: ProfilerSubentry = "_lsprof.profiler_subentry", "", 5, [
        ("code", 0, "called code object or built-in function name"), ("callcount", 1, "how many times this is called"),
        ("reccallcount", 2, "how many times this is called recursively"), ("totaltime", 3, "total time spent in this call"),
        ("inlinetime", 4, "inline time (not in further subcalls)"),
    ]
}

/// Calls of one function: all of them, or those by one caller. Times are in units of the timer.
#[derive(Default, Clone, Copy)]
struct Tally {
    total: i64,
    own: i64,
    calls: i64,
    recursive_calls: i64,
    /// Calls that have not ended.
    depth: i64,
}

impl Tally {
    fn add(&mut self, total: i64, own: i64) {
        self.depth -= 1;
        if self.depth == 0 {
            self.total += total;
        } else {
            self.recursive_calls += 1;
        }
        self.own += own;
        self.calls += 1;
    }
}

struct Entry {
    /// The code object, or the name of a native function.
    shown: Owned,
    tally: Tally,
    /// By the number of the called function's entry.
    callees: BTreeMap<usize, Tally>,
}

/// A call that has not ended.
struct Context {
    start: i64,
    /// The time spent in calls from here.
    below: i64,
    entry: usize,
}

#[derive(Default)]
struct Record {
    /// Entries by the address of a code object or of a native method's declaration.
    numbers: HashMap<usize, usize>,
    entries: Vec<Entry>,
    stack: Vec<Context>,
}

impl Record {
    fn enter(&mut self, number: usize, now: i64, with_callees: bool) {
        let caller = self.stack.last().map(|context| context.entry);
        if let Some(entry) = self.entries.get_mut(number) {
            entry.tally.depth += 1;
        }
        if let Some(caller) = caller.filter(|_| with_callees).and_then(|caller| self.entries.get_mut(caller)) {
            caller.callees.entry(number).or_default().depth += 1;
        }
        self.stack.push(Context { start: now, below: 0, entry: number });
    }

    /// Ends the innermost call, which is one of the function `number`.
    fn leave(&mut self, number: usize, now: i64, with_callees: bool) {
        let Some(context) = self.stack.pop() else { return };
        let total = now - context.start;
        let own = total - context.below;
        if let Some(entry) = self.entries.get_mut(number) {
            entry.tally.add(total, own);
        }
        let Some(caller) = self.stack.last_mut() else { return };
        caller.below += total;
        let caller = caller.entry;
        if let Some(tally) = self.entries.get_mut(caller).filter(|_| with_callees).and_then(|caller| caller.callees.get_mut(&number)) {
            tally.add(total, own);
        }
    }
}

#[repr(C)]
struct Profiler {
    header: Header,
    /// None: the system's clock in nanoseconds.
    timer: Slot,
    /// The seconds of a unit of the timer, a float; zero if it gives seconds.
    unit: Slot,
    /// `sys.monitoring.MISSING`.
    missing: Slot,
    record: Guarded<Record>,
    is_enabled: AtomicBool,
    asks_timer: AtomicBool,
    with_callees: AtomicBool,
    with_natives: AtomicBool,
}

impl References for Profiler {
    fn visit(&self, visit: &mut dyn FnMut(Value)) {
        self.timer.visit(visit);
        self.missing.visit(visit);
        // SAFETY: the world is stopped.
        for entry in unsafe { &self.record.peek().entries } {
            visit(*entry.shown);
        }
    }
}

fn of<'a>(this: Value) -> &'a Profiler {
    // SAFETY: `self` of the methods of this type.
    unsafe { object(this) }
}

fn new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(allocate_object(TypeObject::of(class), |header| Profiler {
        header,
        timer: Slot::new(Owned::none()),
        unit: Slot::new(Owned::float(0.0)),
        missing: Slot::new(Owned::none()),
        record: Guarded::new(Record::default()),
        is_enabled: AtomicBool::new(false),
        asks_timer: AtomicBool::new(false),
        with_callees: AtomicBool::new(true),
        with_natives: AtomicBool::new(true),
    }))
}

fn init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    static SIGNATURE: LazySignature = LazySignature::new("(timer=None, timeunit=0.0, subcalls=True, builtins=True)");
    let bound = SIGNATURE.bind("Profiler", args, kwnames, thread)?;
    let args = bound.args();
    let unit = args.get(1).map_or(Ok(0.0), |unit| convert::as_f64(unit, thread))?;
    set_flags(this, args.get(2), args.get(3), thread)?;
    let profiler = of(this);
    drop(profiler.timer.replace(&profiler.header, Some(args.get(0).map_or_else(Owned::none, |timer| timer.to_owned()))));
    drop(profiler.unit.replace(&profiler.header, Some(Owned::float(unit))));
    Ok(())
}

fn set_flags(this: Value, subcalls: Option<Value>, builtins: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let (subcalls, builtins) = (flag(subcalls, true, thread)?, flag(builtins, true, thread)?);
    // Relaxed, here and below: flags that order nothing else.
    of(this).with_callees.store(subcalls, Ordering::Relaxed);
    of(this).with_natives.store(builtins, Ordering::Relaxed);
    Ok(())
}

impl Profiler {
    fn unit(&self) -> f64 {
        self.unit.load(&self.header).and_then(|unit| float::as_f64(*unit)).unwrap_or(0.0)
    }

    fn own_timer(&self) -> Option<Owned> {
        self.timer.load(&self.header).filter(|timer| !timer.is_none())
    }

    /// The time now, in units. A failing timer is reported and gives zero.
    fn now(&self, thread: &mut Thread) -> i64 {
        let Some(timer) = self.own_timer() else {
            static START: OnceLock<Instant> = OnceLock::new();
            return START.get_or_init(Instant::now).elapsed().as_nanos() as i64;
        };
        self.asks_timer.store(true, Ordering::Relaxed);
        let result = call::call(*timer, &[], thread);
        self.asks_timer.store(false, Ordering::Relaxed);
        let time = result.and_then(|time| {
            if self.unit() > 0.0 {
                let number = convert::index(*time, thread)?;
                return int::as_i64(*number).ok_or_else(|| thread.raise(&exc::OVERFLOW_ERROR, "int too big to convert"));
            }
            Ok((convert::as_f64(*time, thread)? * 1e9).floor() as i64)
        });
        match time {
            Ok(time) => time,
            Err(_) => {
                finalize::write_unraisable(Some("Exception ignored while calling _lsprof timer"), Some(*timer), thread);
                0
            }
        }
    }

    /// Seconds of so many units.
    fn seconds(&self, units: i64) -> f64 {
        let unit = self.unit();
        units as f64 * if self.own_timer().is_none() || unit == 0.0 { 1e-9 } else { unit }
    }

    fn enter(&self, key: usize, shown: impl FnOnce(&mut Thread) -> PyResult, thread: &mut Thread) -> PyResult<()> {
        let known = self.record.with(&self.header, |record| record.numbers.get(&key).copied());
        let number = match known {
            Some(number) => number,
            None => {
                let shown = shown(thread)?;
                self.record.with(&self.header, |record| {
                    let next = record.entries.len();
                    let number = *record.numbers.entry(key).or_insert(next);
                    if number == next {
                        record.entries.push(Entry { shown, tally: Tally::default(), callees: BTreeMap::new() });
                    }
                    number
                })
            }
        };
        let (now, with_callees) = (self.now(thread), self.with_callees.load(Ordering::Relaxed));
        self.record.with(&self.header, |record| record.enter(number, now, with_callees));
        Ok(())
    }

    fn leave(&self, key: usize, thread: &mut Thread) {
        let number = self.record.with(&self.header, |record| {
            let number = record.numbers.get(&key).copied().filter(|_| !record.stack.is_empty());
            if number.is_none() {
                // A function that nobody saw begin ends: its context is not one.
                record.stack.pop();
            }
            number
        });
        let Some(number) = number else { return };
        let (now, with_callees) = (self.now(thread), self.with_callees.load(Ordering::Relaxed));
        self.record.with(&self.header, |record| record.leave(number, now, with_callees));
    }

    /// Ends all calls that have not ended.
    fn flush(&self, thread: &mut Thread) {
        while let Some(number) = self.record.with(&self.header, |record| record.stack.last().map(|context| context.entry)) {
            let (now, with_callees) = (self.now(thread), self.with_callees.load(Ordering::Relaxed));
            self.record.with(&self.header, |record| record.leave(number, now, with_callees));
        }
    }
}

/// The native function behind a callable, by its declaration's address, and how it is shown.
fn native_function(callable: Value, this: Value, missing: Option<Value>) -> Option<(usize, Value)> {
    if callable.has_shape(shapes::BUILTIN_FUNCTION) {
        return Some((std::ptr::from_ref(BuiltinFunction::of(callable).def()) as usize, callable));
    }
    if callable.has_shape(shapes::METHOD_DESCRIPTOR) && !missing.is_some_and(|missing| this.is(missing)) {
        return Some((std::ptr::from_ref(MethodDescriptor::of(callable).def) as usize, callable));
    }
    None
}

/// `<built-in method module.name>`, or the method descriptor's `repr`.
fn native_name(callable: Value, thread: &mut Thread) -> PyResult {
    if callable.has_shape(shapes::METHOD_DESCRIPTOR) {
        return convert::repr(callable, thread);
    }
    let function = BuiltinFunction::of(callable);
    let name = function.def_name();
    let receiver = function.receiver();
    if receiver.is_none() || module::is_module(receiver) {
        let owner = attribute::get_optional(callable, pyrt_runtime::names().__module__, thread)?.filter(|owner| string::is_str(**owner));
        return Ok(Owned::str(&match owner {
            Some(owner) => format!("<built-in method {}.{name}>", StrObject::of(*owner).to_string_lossy()),
            None => format!("<built-in method {name}>"),
        }));
    }
    match attribute::lookup_type(receiver.type_object(), *pyrt_runtime::names::interned(name), thread) {
        Some(descriptor) => convert::repr(*descriptor, thread),
        None => Ok(Owned::str(&format!("<built-in method {name}>"))),
    }
}

fn py_start(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let code = args.at(0);
    of(this).enter(code.bits() as usize, |_| Ok(code.to_owned()), thread)?;
    Ok(Owned::none())
}

fn py_return(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    of(this).leave(args.at(0).bits() as usize, thread);
    Ok(Owned::none())
}

fn native_call(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let profiler = of(this);
    if profiler.with_natives.load(Ordering::Relaxed) {
        let missing = profiler.missing.load(&profiler.header);
        if let Some((key, callable)) = native_function(args.at(2), args.at(3), missing.as_deref().copied()) {
            profiler.enter(key, |thread| native_name(callable, thread), thread)?;
        }
    }
    Ok(Owned::none())
}

fn native_return(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let profiler = of(this);
    if profiler.with_natives.load(Ordering::Relaxed) {
        let missing = profiler.missing.load(&profiler.header);
        if let Some((key, _)) = native_function(args.at(2), args.at(3), missing.as_deref().copied()) {
            profiler.leave(key, thread);
        }
    }
    Ok(Owned::none())
}

/// The events of `sys.monitoring`, with the methods that hear of them.
const EVENTS: &[(&str, &str)] = &[
    ("PY_START", "_pystart_callback"),
    ("PY_RESUME", "_pystart_callback"),
    ("PY_THROW", "_pythrow_callback"),
    ("PY_RETURN", "_pyreturn_callback"),
    ("PY_YIELD", "_pyreturn_callback"),
    ("PY_UNWIND", "_pyreturn_callback"),
    ("CALL", "_ccall_callback"),
    ("C_RETURN", "_creturn_callback"),
    ("C_RAISE", "_creturn_callback"),
];

/// `sys.monitoring.PROFILER_ID`.
const TOOL: i64 = 2;

fn monitoring(thread: &mut Thread) -> PyResult {
    let name = pyrt_runtime::names::interned("monitoring");
    match thread.interpreter.sys_get(*name) {
        Some(monitoring) => Ok(monitoring),
        None => Err(thread.raise(&exc::RUNTIME_ERROR, "sys.monitoring is not available")),
    }
}

fn call_monitoring(monitoring: Value, name: &str, args: &[Value], thread: &mut Thread) -> PyResult {
    call::call_method(monitoring, *pyrt_runtime::names::interned(name), args, thread)
}

/// Registers the callbacks, or takes them away; gives the events' bits.
fn register(this: Option<Value>, monitoring: Value, thread: &mut Thread) -> PyResult<i64> {
    let events = attribute::get_by_text(monitoring, "events", thread)?;
    let tool = Owned::int(TOOL);
    let mut all = 0;
    for (event, callback) in EVENTS {
        let event = attribute::get_by_text(*events, event, thread)?;
        let callback = match this {
            Some(this) => attribute::get_by_text(this, callback, thread)?,
            None => Owned::none(),
        };
        call_monitoring(monitoring, "register_callback", &[*tool, *event, *callback], thread)?;
        all |= int::as_i64(*event).unwrap_or(0);
    }
    Ok(all)
}

fn enable(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    set_flags(this, args.get(0), args.get(1), thread)?;
    let profiler = of(this);
    let monitoring = monitoring(thread)?;
    let tool = Owned::int(TOOL);
    call_monitoring(*monitoring, "use_tool_id", &[*tool, *Owned::str("cProfile")], thread)?;
    let missing = attribute::get_by_text(*monitoring, "MISSING", thread)?;
    drop(profiler.missing.replace(&profiler.header, Some(missing)));
    let events = register(Some(this), *monitoring, thread)?;
    profiler.is_enabled.store(true, Ordering::Relaxed);
    call_monitoring(*monitoring, "set_events", &[*tool, *Owned::int(events)], thread)?;
    Ok(Owned::none())
}

fn disable(this: Value, thread: &mut Thread) -> PyResult {
    let profiler = of(this);
    if profiler.asks_timer.load(Ordering::Relaxed) {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "cannot disable profiler in external timer"));
    }
    if profiler.is_enabled.swap(false, Ordering::Relaxed) {
        let monitoring = monitoring(thread)?;
        let tool = Owned::int(TOOL);
        call_monitoring(*monitoring, "set_events", &[*tool, *Owned::int(0)], thread)?;
        register(None, *monitoring, thread)?;
        call_monitoring(*monitoring, "free_tool_id", &[*tool], thread)?;
        profiler.flush(thread);
    }
    Ok(Owned::none())
}

fn clear_record(this: Value, thread: &mut Thread) -> PyResult {
    let profiler = of(this);
    if profiler.asks_timer.load(Ordering::Relaxed) {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "cannot clear profiler in external timer"));
    }
    drop(profiler.record.with(&profiler.header, std::mem::take));
    Ok(Owned::none())
}

fn getstats(this: Value, thread: &mut Thread) -> PyResult {
    let profiler = of(this);
    let snapshot: Vec<(Owned, Tally, Vec<(usize, Tally)>)> = profiler.record.with(&profiler.header, |record| {
        let entry = |entry: &Entry| ((*entry.shown).to_owned(), entry.tally, entry.callees.iter().map(|(number, tally)| (*number, *tally)).collect());
        record.entries.iter().map(entry).collect()
    });
    let fields = |shown: &Owned, tally: &Tally| {
        let count = Owned::int;
        let seconds = |units| Owned::float(profiler.seconds(units));
        vec![(**shown).to_owned(), count(tally.calls), count(tally.recursive_calls), seconds(tally.total), seconds(tally.own)]
    };
    let mut entries = Vec::new();
    for (shown, tally, callees) in snapshot.iter().filter(|(_, tally, _)| tally.calls > 0) {
        let mut values = fields(shown, tally);
        let called: Vec<Owned> = callees
            .iter()
            .filter(|(_, tally)| tally.calls > 0)
            .filter_map(|(number, tally)| Some(build::<ProfilerSubentry>(fields(&snapshot.get(*number)?.0, tally))))
            .collect();
        values.push(if callees.is_empty() { Owned::none() } else { list::from_vec(called) });
        entries.push(build::<ProfilerEntry>(values));
    }
    let _ = thread;
    Ok(list::from_vec(entries))
}

unsafe fn clear(value: Value) {
    let profiler = of(value);
    drop(profiler.timer.replace(&profiler.header, None));
    drop(profiler.record.with(&profiler.header, std::mem::take));
}

static PROFILER: StaticType = StaticType::new(&TypeSpec {
    name: "_lsprof.Profiler",
    doc: "Profiler(timer=None, timeunit=0.0, subcalls=True, builtins=True)\n--\n\nBuild a profiler object using the specified timer function.\n\nThe default timer is a fast built-in one based on real time. A timer of one's own gives seconds, or, if timeunit is the\nnumber of seconds that a unit is, integers.",
    flags: TYPE_BASETYPE | TYPE_GC,
    basic_size: size_of::<Profiler>(),
    slots: &[SlotFn::new(new), SlotFn::init(init)],
    methods: &[
        method("getstats", NativeFn::NoArgs(getstats), "($self, /)", "list of profiler_entry objects.\n\nEach tells about a code object, or a native function by its name: how often it was called, how often recursively, the\ntime in it with and without the calls from it, and a list of profiler_subentry objects for those."),
        method("enable", NativeFn::Bound(enable), "($self, /, subcalls=True, builtins=True)", "Start collecting profiling information.\n\n  subcalls\n    If True, also records for each function\n    statistics separated according to its current caller.\n  builtins\n    If True, records the time spent in\n    built-in functions separately from their caller."),
        method("disable", NativeFn::NoArgs(disable), "($self, /)", "Stop collecting profiling information."),
        method("clear", NativeFn::NoArgs(clear_record), "($self, /)", "Clear all profiling information collected so far."),
        method("_pystart_callback", NativeFn::Bound(py_start), "($self, code, instruction_offset, /)", ""),
        method("_pythrow_callback", NativeFn::Bound(py_start), "($self, code, instruction_offset, exception, /)", ""),
        method("_pyreturn_callback", NativeFn::Bound(py_return), "($self, code, instruction_offset, retval, /)", ""),
        method("_ccall_callback", NativeFn::Bound(native_call), "($self, code, instruction_offset, callable, self_arg, /)", ""),
        method("_creturn_callback", NativeFn::Bound(native_return), "($self, code, instruction_offset, callable, self_arg,\n                  /)", ""),
    ],
    dealloc: Some(dealloc::<Profiler>),
    traverse: Some(traverse::<Profiler>),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
});

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Fast profiler"));
    module::add_type(this, &PROFILER);
    add_to_module::<ProfilerEntry>(this);
    add_to_module::<ProfilerSubentry>(this);
    Ok(())
}
