//! `sys.settrace`, `sys.setprofile` and `sys.monitoring`.

use pyrt_runtime::interp::tracing::{self, EVENT_NAMES, N_TOOLS, event};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::sync::{LeafMutex, Ordering};
use pyrt_runtime::threads::{stop_the_world, thread_state};
use pyrt_runtime::types::builtin_types::shapes;
use pyrt_runtime::types::code::CodeObject;
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::string::{StrObject, is_str};
use pyrt_runtime::types::type_object::{MethodDef, method};
use pyrt_runtime::types::{module, object, simple_namespace};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

fn given(function: Value) -> Option<Owned> {
    if function.is_none() { None } else { Some(function.to_owned()) }
}

fn settrace(_module: Value, function: Value, thread: &mut Thread) -> PyResult {
    super::hooks::audit_event("sys.settrace", &[], thread)?;
    tracing::set_trace(given(function), thread);
    Ok(Owned::none())
}

fn gettrace(_module: Value, thread: &mut Thread) -> PyResult {
    Ok(thread.trace_function.clone().unwrap_or_else(Owned::none))
}

fn setprofile(_module: Value, function: Value, thread: &mut Thread) -> PyResult {
    super::hooks::audit_event("sys.setprofile", &[], thread)?;
    tracing::set_profile(given(function), thread);
    Ok(Owned::none())
}

fn getprofile(_module: Value, thread: &mut Thread) -> PyResult {
    Ok(thread.profile_function.clone().unwrap_or_else(Owned::none))
}

/// Does something to every thread while none of them runs.
fn for_all_threads(thread: &mut Thread, mut change: impl FnMut(&mut Thread)) {
    let world = stop_the_world::stop(thread);
    thread_state::for_each_thread(|shared| {
        let other = shared.thread.load(Ordering::Acquire);
        if !other.is_null() {
            // SAFETY: the world is stopped: the thread neither runs nor ends.
            change(unsafe { &mut *other });
        }
    });
    drop(world);
}

fn settraceallthreads(_module: Value, function: Value, thread: &mut Thread) -> PyResult {
    super::hooks::audit_event("sys.settrace", &[], thread)?;
    let mut old = Vec::new();
    let me = std::ptr::from_ref(thread) as usize;
    for_all_threads(thread, |other| {
        if std::ptr::from_ref(other) as usize != me {
            old.push(tracing::replace_trace(given(function), other));
        }
    });
    tracing::set_trace(given(function), thread);
    Ok(Owned::none())
}

fn setprofileallthreads(_module: Value, function: Value, thread: &mut Thread) -> PyResult {
    super::hooks::audit_event("sys.setprofile", &[], thread)?;
    let mut old = Vec::new();
    let me = std::ptr::from_ref(thread) as usize;
    for_all_threads(thread, |other| {
        if std::ptr::from_ref(other) as usize != me {
            old.push(tracing::replace_profile(given(function), other));
        }
    });
    tracing::set_profile(given(function), thread);
    Ok(Owned::none())
}

pub static FUNCTIONS: &[MethodDef] = &[
    method("settrace", NativeFn::One(settrace), "($module, function, /)", "Set the global debug tracing function.\n\nIt will be called on each function call.  See the debugger chapter\nin the library manual."),
    method("gettrace", NativeFn::NoArgs(gettrace), "($module, /)", "Return the global debug tracing function set with sys.settrace.\n\nSee the debugger chapter in the library manual."),
    method("setprofile", NativeFn::One(setprofile), "($module, function, /)", "Set the profiling function.\n\nIt will be called on each function call and return.  See the profiler\nchapter in the library manual."),
    method("getprofile", NativeFn::NoArgs(getprofile), "($module, /)", "Return the profiling function set with sys.setprofile.\n\nSee the profiler chapter in the library manual."),
    method("_settraceallthreads", NativeFn::One(settraceallthreads), "($module, function, /)", "Set the global debug tracing function in all running threads belonging to the current interpreter.\n\nIt will be called on each function call. See the debugger chapter\nin the library manual."),
    method("_setprofileallthreads", NativeFn::One(setprofileallthreads), "($module, function, /)", "Set the profiling function in all running threads belonging to the current interpreter.\n\nIt will be called on each function call and return.  See the profiler\nchapter in the library manual."),
];

/// The names of the tools; the words own counts.
static TOOL_NAMES: LeafMutex<[Option<u64>; N_TOOLS]> = LeafMutex::new([None; N_TOOLS]);

/// `sys.monitoring`.
pub fn monitoring(thread: &mut Thread) -> Owned {
    let this = module::new("sys.monitoring");
    module::add_functions(*this, MONITORING_FUNCTIONS);
    let plain_object = || object::new_instance(pyrt_runtime::types::builtin_types::OBJECT.get());
    let (disable, missing) = (plain_object(), plain_object());
    module::add(*this, "DISABLE", disable.clone());
    module::add(*this, "MISSING", missing.clone());
    tracing::set_markers(disable, missing, thread);
    let events = dict::new();
    for (number, name) in EVENT_NAMES.iter().enumerate() {
        DictObject::of(*events).set_by_text(name, Owned::int(1 << number));
    }
    DictObject::of(*events).set_by_text("NO_EVENTS", Owned::int(0));
    module::add(*this, "events", simple_namespace::new(events));
    for (name, id) in [("DEBUGGER_ID", 0), ("COVERAGE_ID", 1), ("PROFILER_ID", 2), ("OPTIMIZER_ID", 5)] {
        module::add(*this, name, Owned::int(id));
    }
    this
}

fn tool_id(value: Value, thread: &mut Thread) -> PyResult<usize> {
    let id = convert::as_c_int(value, thread)?;
    usize::try_from(id).ok().filter(|id| *id < N_TOOLS).ok_or_else(|| thread.raise_value_error(format!("invalid tool {id} (must be between 0 and 5)")))
}

fn used_tool(value: Value, thread: &mut Thread) -> PyResult<usize> {
    let id = tool_id(value, thread)?;
    let is_used = TOOL_NAMES.lock()[id].is_some();
    if is_used { Ok(id) } else { Err(thread.raise_value_error(format!("tool {id} is not in use"))) }
}

fn use_tool_id(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let id = tool_id(args.at(0), thread)?;
    let name = args.at(1);
    if !is_str(name) {
        return Err(thread.raise_value_error("tool name must be a str"));
    }
    let mut names = TOOL_NAMES.lock();
    if names[id].is_some() {
        drop(names);
        return Err(thread.raise_value_error(format!("tool {id} is already in use")));
    }
    names[id] = Some(name.to_owned().into_raw().bits());
    Ok(Owned::none())
}

fn clear(id: usize, thread: &mut Thread) {
    tracing::set_global_events(id, 0, thread);
    tracing::clear_local_events(id, thread);
    for number in 0..event::COUNT {
        drop(tracing::set_callback(id, number, None, thread));
    }
}

fn clear_tool_id(_module: Value, id: Value, thread: &mut Thread) -> PyResult {
    let id = tool_id(id, thread)?;
    if TOOL_NAMES.lock()[id].is_some() {
        clear(id, thread);
    }
    Ok(Owned::none())
}

fn free_tool_id(_module: Value, id: Value, thread: &mut Thread) -> PyResult {
    let id = tool_id(id, thread)?;
    let old = TOOL_NAMES.lock()[id].take();
    if let Some(word) = old {
        clear(id, thread);
        // SAFETY: the table owned a count.
        drop(unsafe { Owned::from_raw(Value::from_bits(word)) });
    }
    Ok(Owned::none())
}

fn get_tool(_module: Value, id: Value, thread: &mut Thread) -> PyResult {
    let id = tool_id(id, thread)?;
    // SAFETY: the table owns a count, and is locked.
    Ok(TOOL_NAMES.lock()[id].map_or_else(Owned::none, |word| unsafe { Value::from_bits(word) }.to_owned()))
}

fn register_callback(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let id = tool_id(args.at(0), thread)?;
    let events = convert::as_c_int(args.at(1), thread)? as u32;
    if events.count_ones() != 1 {
        return Err(thread.raise_value_error("The callback can only be set for one event at a time"));
    }
    let number = events.trailing_zeros() as usize;
    if number >= event::COUNT {
        return Err(thread.raise_value_error(format!("invalid event {events}")));
    }
    super::hooks::audit_event("sys.monitoring.register_callback", &[args.at(2)], thread)?;
    Ok(tracing::set_callback(id, number, given(args.at(2)), thread).unwrap_or_else(Owned::none))
}

const C_EVENTS: u32 = 1 << event::C_RETURN | 1 << event::C_RAISE;
const BRANCHES: u32 = 1 << event::BRANCH_LEFT | 1 << event::BRANCH_RIGHT;

/// Checks a set of events: what natives give belongs to CALL.
fn event_set(value: Value, thread: &mut Thread) -> PyResult<u32> {
    let events = convert::as_c_int(value, thread)? as u32;
    if events > event::ALL {
        return Err(thread.raise_value_error(format!("invalid event set 0x{events:x}")));
    }
    if events & C_EVENTS != 0 && events & 1 << event::CALL == 0 && events & C_EVENTS != C_EVENTS {
        return Err(thread.raise_value_error("cannot set C_RETURN or C_RAISE events independently"));
    }
    if events & C_EVENTS != 0 && events & 1 << event::CALL == 0 {
        return Err(thread.raise_value_error("cannot set C_RETURN or C_RAISE events independently"));
    }
    let events = events & !C_EVENTS;
    Ok(if events & 1 << event::CALL != 0 { events | C_EVENTS } else { events })
}

/// A set as it is shown.
fn shown(events: u32) -> Owned {
    Owned::int(i64::from(events & !C_EVENTS))
}

fn get_events(_module: Value, id: Value, thread: &mut Thread) -> PyResult {
    let id = tool_id(id, thread)?;
    Ok(shown(tracing::global_events(id)))
}

fn set_events(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let id = tool_id(args.at(0), thread)?;
    let events = event_set(args.at(1), thread)?;
    used_tool(args.at(0), thread)?;
    tracing::set_global_events(id, events, thread);
    Ok(Owned::none())
}

fn code_argument<'a>(value: Value, thread: &mut Thread) -> PyResult<&'a CodeObject> {
    if value.has_shape(shapes::CODE) { Ok(CodeObject::of(value)) } else { Err(thread.raise_type_error("code must be a code object")) }
}

fn get_local_events(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let code = code_argument(args.at(1), thread)?;
    let id = used_tool(args.at(0), thread)?;
    Ok(shown(tracing::local_events(id, code)))
}

fn set_local_events(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let code = code_argument(args.at(1), thread)?;
    let id = used_tool(args.at(0), thread)?;
    let events = event_set(args.at(2), thread)?;
    let allowed = (1 << (event::LAST_LOCAL + 1)) - 1 | C_EVENTS | 1 << event::BRANCH | BRANCHES;
    if events & !allowed != 0 {
        return Err(thread.raise_value_error(format!("invalid local event set 0x{events:x}")));
    }
    tracing::set_local_events(id, code, events, thread);
    Ok(Owned::none())
}

fn restart_events(_module: Value, thread: &mut Thread) -> PyResult {
    tracing::restart_events(thread);
    Ok(Owned::none())
}

fn all_events(_module: Value, thread: &mut Thread) -> PyResult {
    let all = dict::new();
    for (number, name) in EVENT_NAMES.iter().enumerate() {
        let tools = (0..N_TOOLS).filter(|tool| tracing::global_events(*tool) & 1 << number != 0).fold(0, |set, tool| set | 1 << tool);
        if tools != 0 {
            let name = Owned::str(name);
            debug_assert!(!StrObject::of(*name).is_empty());
            DictObject::of(*all).set(*name, Owned::int(tools), thread)?;
        }
    }
    Ok(all)
}

static MONITORING_FUNCTIONS: &[MethodDef] = &[
    method("use_tool_id", NativeFn::Bound(use_tool_id), "($module, tool_id, name, /)", ""),
    method("clear_tool_id", NativeFn::One(clear_tool_id), "($module, tool_id, /)", ""),
    method("free_tool_id", NativeFn::One(free_tool_id), "($module, tool_id, /)", ""),
    method("get_tool", NativeFn::One(get_tool), "($module, tool_id, /)", ""),
    method("register_callback", NativeFn::Bound(register_callback), "($module, tool_id, event, func, /)", ""),
    method("get_events", NativeFn::One(get_events), "($module, tool_id, /)", ""),
    method("set_events", NativeFn::Bound(set_events), "($module, tool_id, event_set, /)", ""),
    method("get_local_events", NativeFn::Bound(get_local_events), "($module, tool_id, code, /)", ""),
    method("set_local_events", NativeFn::Bound(set_local_events), "($module, tool_id, code, event_set, /)", ""),
    method("restart_events", NativeFn::NoArgs(restart_events), "($module, /)", ""),
    method("_all_events", NativeFn::NoArgs(all_events), "($module, /)", ""),
];
