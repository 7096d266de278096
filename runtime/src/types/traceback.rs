//! `traceback`.

use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::convert;
use crate::protocol::native::{LazySignature, NativeFn};
use crate::sync::{AtomicI64, Ordering};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{TRACEBACK, shapes};
use crate::types::type_object::*;

#[repr(C)]
pub struct TracebackObject {
    header: Header,
    pub next: Slot,
    pub frame: Owned,
    pub lasti: i32,
    /// -1: computed from the frame's code when asked for.
    lineno: AtomicI64,
}

impl TracebackObject {
    /// The traceback that `value` is; the caller knows that it is one.
    pub fn of<'a>(value: Value) -> &'a TracebackObject {
        debug_assert!(value.has_shape(shapes::TRACEBACK));
        // SAFETY: the caller's claim.
        unsafe { value.as_ref() }
    }

    pub fn next(&self) -> Option<Owned> {
        self.next.load(&self.header)
    }

    pub fn line(&self) -> Option<i32> {
        let line = self.lineno.load(Ordering::Relaxed);
        if line != -1 {
            return Some(line as i32);
        }
        crate::types::frame_object::code_of(*self.frame).and_then(|code| code.line_of_lasti(self.lasti))
    }
}

/// A traceback entry in front of `next`.
pub fn new(next: Option<Owned>, frame: Owned, lasti: i32, lineno: i32) -> Owned {
    lifetime::allocate_object(TRACEBACK.get(), |header| TracebackObject {
        header,
        next: Slot::from_option(next),
        frame,
        lasti,
        lineno: AtomicI64::new(i64::from(lineno)),
    })
}

fn traceback_new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    static SIGNATURE: LazySignature = LazySignature::new("(tb_next, tb_frame, tb_lasti, tb_lineno)");
    let bound = SIGNATURE.bind("TracebackType", args, kwnames, thread)?;
    let args = bound.args();
    let next = args.at(0);
    if !next.is_none() && !next.has_shape(shapes::TRACEBACK) {
        let name = next.type_object().full_name();
        return Err(thread.raise_type_error(format!("expected traceback object or None, got '{name}'")));
    }
    if !args.at(1).has_shape(shapes::FRAME) {
        let name = args.at(1).type_object().full_name();
        return Err(thread.raise_type_error(format!("TracebackType() argument 'tb_frame' must be frame, not {name}")));
    }
    let lasti = convert::as_c_int(args.at(2), thread)?;
    let lineno = convert::as_c_int(args.at(3), thread)?;
    Ok(new(if next.is_none() { None } else { Some(next.to_owned()) }, args.at(1).to_owned(), lasti, lineno))
}

fn get_next(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(TracebackObject::of(this).next().unwrap_or_else(Owned::none))
}

fn set_next(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let Some(value) = value else {
        return Err(thread.raise_type_error("can't delete tb_next attribute"));
    };
    if !value.is_none() && !value.has_shape(shapes::TRACEBACK) {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("expected traceback object, got '{name}'")));
    }
    let mut at = if value.is_none() { None } else { Some(value.to_owned()) };
    while let Some(entry) = at {
        if entry.is(this) {
            return Err(thread.raise_value_error("traceback loop detected"));
        }
        at = TracebackObject::of(*entry).next();
    }
    let traceback = TracebackObject::of(this);
    drop(traceback.next.replace(&traceback.header, if value.is_none() { None } else { Some(value.to_owned()) }));
    Ok(())
}

fn get_frame(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(TracebackObject::of(this).frame.clone())
}

fn get_lasti(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(TracebackObject::of(this).lasti)))
}

fn get_lineno(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(TracebackObject::of(this).line().map_or_else(Owned::none, |line| Owned::int(i64::from(line))))
}

fn dir(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(crate::types::list::from_vec(["tb_frame", "tb_next", "tb_lasti", "tb_lineno"].into_iter().map(Owned::str).collect()))
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead. A long chain is taken apart entry by entry by the put-off list of dealloc.
    unsafe { std::ptr::drop_in_place(value.header().cast::<TracebackObject>()) };
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    let traceback = TracebackObject::of(value);
    visit(*traceback.frame);
    if let Some(next) = traceback.next.peek() {
        visit(next);
    }
}

unsafe fn clear(value: Value) {
    let traceback = TracebackObject::of(value);
    drop(traceback.next.replace(&traceback.header, None));
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "traceback",
    doc: "Create a new traceback object.",
    flags: TYPE_GC,
    basic_size: size_of::<TracebackObject>(),
    slots: &[SlotFn::new(traceback_new)],
    methods: &[MethodDef { name: "__dir__", func: NativeFn::NoArgs(dir), kind: MethodKind::Instance, signature: "-($self)", doc: "" }],
    getsets: &[
        GetSetDef { name: "tb_next", get: get_next, set: Some(set_next), doc: "" },
        GetSetDef { name: "tb_frame", get: get_frame, set: None, doc: "" },
        GetSetDef { name: "tb_lasti", get: get_lasti, set: None, doc: "" },
        GetSetDef { name: "tb_lineno", get: get_lineno, set: None, doc: "" },
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};
