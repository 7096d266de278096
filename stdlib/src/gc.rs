//! The module `gc`.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::memory::collector;
use pyrt_runtime::object::header::{FLAG_FINALIZED, FLAG_GC};
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{dict, generator, list, module, tuple};

pub const MODULE: NativeModule = NativeModule { name: "gc", initialize };

const DOC: &str = "This module provides access to the garbage collector for reference cycles.

enable() -- Enable automatic garbage collection.
disable() -- Disable automatic garbage collection.
isenabled() -- Returns true if automatic collection is enabled.
collect() -- Do a full collection right now.
get_count() -- Return the current collection counts.
get_stats() -- Return list of dictionaries containing per-generation stats.
set_debug() -- Set debugging flags.
get_debug() -- Get debugging flags.
set_threshold() -- Set the collection thresholds.
get_threshold() -- Return the current collection thresholds.
get_objects() -- Return a list of all objects tracked by the collector.
is_tracked() -- Returns true if a given object is tracked.
is_finalized() -- Returns true if a given object has been already finalized.
get_referrers() -- Return the list of objects that refer to an object.
get_referents() -- Return the list of objects that an object refers to.
freeze() -- Freeze all tracked objects and ignore them for future collections.
unfreeze() -- Unfreeze all objects in the permanent generation.
get_freeze_count() -- Return the number of objects in the permanent generation.
";

fn initialize(this: Value, thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str(DOC));
    let interpreter = thread.interpreter;
    for (name, slot) in [("callbacks", &interpreter.gc_callbacks), ("garbage", &interpreter.gc_garbage)] {
        let list = interpreter.load(slot).unwrap_or_else(|| {
            let made = list::new();
            interpreter.store(slot, Some(made.clone()));
            made
        });
        module::add(this, name, list);
    }
    for (name, flags) in [
        ("DEBUG_STATS", collector::DEBUG_STATS),
        ("DEBUG_COLLECTABLE", collector::DEBUG_COLLECTABLE),
        ("DEBUG_UNCOLLECTABLE", collector::DEBUG_UNCOLLECTABLE),
        ("DEBUG_SAVEALL", collector::DEBUG_SAVEALL),
        ("DEBUG_LEAK", collector::DEBUG_COLLECTABLE | collector::DEBUG_UNCOLLECTABLE | collector::DEBUG_SAVEALL),
    ] {
        module::add(this, name, Owned::int(i64::from(flags)));
    }
    module::add_functions(this, FUNCTIONS);
    Ok(())
}

fn enable(_module: Value, _thread: &mut Thread) -> PyResult {
    collector::set_enabled(true);
    Ok(Owned::none())
}

fn disable(_module: Value, _thread: &mut Thread) -> PyResult {
    collector::set_enabled(false);
    Ok(Owned::none())
}

fn isenabled(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(collector::is_enabled()))
}

fn collect(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let generation = match args.get(0) {
        Some(generation) => convert::as_c_int(generation, thread)?,
        None => 2,
    };
    match usize::try_from(generation) {
        Ok(generation @ 0..=2) => Ok(Owned::usize(collector::collect_generation(generation, thread))),
        _ => Err(thread.raise_value_error("invalid generation")),
    }
}

fn set_debug(_module: Value, flags: Value, thread: &mut Thread) -> PyResult {
    collector::set_debug_flags(convert::as_c_int(flags, thread)? as u32);
    Ok(Owned::none())
}

fn get_debug(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(collector::debug_flags())))
}

fn set_threshold(_module: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("gc.set_threshold() takes no keyword arguments"));
    }
    if !(1..=3).contains(&args.len()) {
        return Err(thread.raise_type_error("gc.set_threshold requires 1 to 3 arguments"));
    }
    let mut thresholds = *collector::THRESHOLDS.lock();
    for (threshold, arg) in thresholds.iter_mut().zip(args.iter()) {
        *threshold = i64::from(convert::as_c_int(arg, thread)?);
    }
    collector::set_thresholds(thresholds);
    Ok(Owned::none())
}

fn get_threshold(_module: Value, _thread: &mut Thread) -> PyResult {
    let thresholds = *collector::THRESHOLDS.lock();
    Ok(tuple::pack(thresholds.map(Owned::int)))
}

/// Bytes that stand for one object in `get_count`: the smallest that is followed.
const BYTES_PER_OBJECT: usize = 32;

fn get_count(_module: Value, _thread: &mut Thread) -> PyResult {
    let young = collector::allocated_bytes() / BYTES_PER_OBJECT;
    Ok(tuple::pack([Owned::usize(young), Owned::int(0), Owned::int(0)]))
}

fn get_stats(_module: Value, _thread: &mut Thread) -> PyResult {
    let generations = collector::statistics().into_iter().map(|[collections, collected, uncollectable]| {
        let made = dict::new();
        for (key, number) in [("collections", collections), ("collected", collected), ("uncollectable", uncollectable)] {
            dict::DictObject::of(*made).set_by_text(key, Owned::int(number as i64));
        }
        made
    });
    Ok(list::from_vec(generations.collect()))
}

fn get_objects(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    if let Some(generation) = args.get(0).filter(|generation| !generation.is_none()) {
        if generation.type_object().slots.index.raw() == 0 {
            let name = generation.type_object().full_name();
            return Err(thread.raise_type_error(format!("argument should be integer or None, not '{name}'")));
        }
        let generation = convert::index_as_i64(generation, thread, Some(&exc::OVERFLOW_ERROR))?;
        if generation >= 3 {
            return Err(thread.raise_value_error("generation parameter must be less than the number of available generations (3)"));
        }
        if generation < -1 {
            return Err(thread.raise_value_error("generation parameter cannot be negative"));
        }
    }
    Ok(list::from_vec(collector::followed_objects(thread)))
}

fn is_followed(value: Value) -> bool {
    // SAFETY: a live object.
    value.is_pointer() && unsafe { (*value.header()).has_flag(FLAG_GC) && !(*value.header()).is_immortal() }
}

fn is_tracked(_module: Value, object: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(is_followed(object)))
}

fn is_finalized(_module: Value, object: Value, _thread: &mut Thread) -> PyResult {
    // SAFETY: a live object.
    Ok(Owned::bool(is_followed(object) && unsafe { (*object.header()).has_flag(FLAG_FINALIZED) }))
}

fn get_referrers(_module: Value, args: Args<'_>, _kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let mut found = Vec::new();
    let wanted: Vec<Value> = args.iter().collect();
    for (object, mut holds) in collector::followed_with_referents(&wanted, thread) {
        if generator::is_generator_like(*object) {
            generator::for_each_running_local(*object, thread, |held| holds |= args.iter().any(|wanted| wanted.is(held)));
        }
        if holds {
            found.push(object);
        }
    }
    Ok(list::from_vec(found))
}

fn get_referents(_module: Value, args: Args<'_>, _kwnames: KwNames, thread: &mut Thread) -> PyResult {
    Ok(list::from_vec(collector::referents(&args.iter().collect::<Vec<Value>>(), thread)))
}

fn freeze(_module: Value, thread: &mut Thread) -> PyResult {
    collector::set_frozen(true, thread);
    Ok(Owned::none())
}

fn unfreeze(_module: Value, thread: &mut Thread) -> PyResult {
    collector::set_frozen(false, thread);
    Ok(Owned::none())
}

fn get_freeze_count(_module: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(collector::count_frozen(thread)))
}

static FUNCTIONS: &[MethodDef] = &[
    method("enable", NativeFn::NoArgs(enable), "($module, /)", "Enable automatic garbage collection."),
    method("disable", NativeFn::NoArgs(disable), "($module, /)", "Disable automatic garbage collection."),
    method("isenabled", NativeFn::NoArgs(isenabled), "($module, /)", "Returns true if automatic garbage collection is enabled."),
    method("set_debug", NativeFn::One(set_debug), "($module, flags, /)", "Set the garbage collection debugging flags.\n\nDebugging information is written to sys.stderr."),
    method("get_debug", NativeFn::NoArgs(get_debug), "($module, /)", "Get the garbage collection debugging flags."),
    method("get_count", NativeFn::NoArgs(get_count), "($module, /)", "Return a three-tuple of the current collection counts."),
    method("set_threshold", NativeFn::Raw(set_threshold), "-($module, threshold0, threshold1=0, threshold2=0, /)", "set_threshold(threshold0, [threshold1, [threshold2]])\nSet the collection thresholds (the collection frequency).\n\nSetting 'threshold0' to zero disables collection."),
    method("get_threshold", NativeFn::NoArgs(get_threshold), "($module, /)", "Return the current collection thresholds."),
    method("collect", NativeFn::Bound(collect), "($module, /, generation=2)", "Run the garbage collector.\n\nThe number of unreachable objects is returned."),
    method("get_objects", NativeFn::Bound(get_objects), "($module, /, generation=None)", "Return a list of objects tracked by the collector (excluding the list returned)."),
    method("get_stats", NativeFn::NoArgs(get_stats), "($module, /)", "Return a list of dictionaries containing per-generation statistics."),
    method("is_tracked", NativeFn::One(is_tracked), "($module, obj, /)", "Returns true if the object is tracked by the garbage collector."),
    method("is_finalized", NativeFn::One(is_finalized), "($module, obj, /)", "Returns true if the object has been already finalized by the GC."),
    method("get_referrers", NativeFn::Raw(get_referrers), "($module, /, *objs)", "Return the list of objects that directly refer to any of 'objs'."),
    method("get_referents", NativeFn::Raw(get_referents), "($module, /, *objs)", "Return the list of objects that are directly referred to by 'objs'."),
    method("freeze", NativeFn::NoArgs(freeze), "($module, /)", "Freeze all current tracked objects and ignore them for future collections."),
    method("unfreeze", NativeFn::NoArgs(unfreeze), "($module, /)", "Unfreeze all objects in the permanent generation."),
    method("get_freeze_count", NativeFn::NoArgs(get_freeze_count), "($module, /)", "Return the number of objects in the permanent generation."),
];
