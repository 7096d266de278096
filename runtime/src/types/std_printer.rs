//! `stderrprinter`: what `sys.stdout` and `sys.stderr` are until `_io` is there: writes text straight to a descriptor.

use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::native::NativeFn;
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::StaticType;
use crate::types::string::{self, StrObject};
use crate::types::type_object::*;

#[repr(C)]
struct StdPrinter {
    header: Header,
    descriptor: i32,
}

fn descriptor(this: Value) -> i32 {
    // SAFETY: called for printers only.
    unsafe { this.as_ref::<StdPrinter>() }.descriptor
}

/// A printer for a file descriptor.
pub fn new(descriptor: i32) -> Owned {
    lifetime::allocate_object(STD_PRINTER.get(), |header| StdPrinter { header, descriptor })
}

fn write(this: Value, text: Value, thread: &mut Thread) -> PyResult {
    if !string::is_str(text) {
        let name = text.type_object().full_name();
        return Err(thread.raise_type_error(format!("write() argument must be str, not {name}")));
    }
    let object = StrObject::of(text);
    let bytes = match object.as_utf8() {
        Some(text) => text.as_bytes().to_vec(),
        None => object.to_string_lossy().into_bytes(),
    };
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        // SAFETY: writes from a live buffer.
        let n = unsafe { libc::write(descriptor(this), rest.as_ptr().cast(), rest.len()) };
        if n <= 0 {
            break;
        }
        rest = &rest[n as usize..];
    }
    Ok(Owned::usize(object.len()))
}

fn fileno(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(descriptor(this))))
}

fn isatty(this: Value, _thread: &mut Thread) -> PyResult {
    // SAFETY: a plain system call.
    Ok(Owned::bool(unsafe { libc::isatty(descriptor(this)) } == 1))
}

fn nothing(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::none())
}

fn printer_repr(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str(&format!("<stdprinter(fd={}) object at {:#x}>", descriptor(this), this.id())))
}

fn get_closed(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::false_())
}

fn get_encoding(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::none())
}

fn get_mode(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str("w"))
}

const fn method(name: &'static str, func: NativeFn) -> MethodDef {
    MethodDef { name, func, kind: MethodKind::Instance, signature: "-($self)", doc: "" }
}

static SPEC: TypeSpec = TypeSpec {
    name: "stderrprinter",
    flags: TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<StdPrinter>(),
    slots: &[SlotFn::repr(printer_repr)],
    methods: &[
        method("close", NativeFn::NoArgs(nothing)),
        method("flush", NativeFn::NoArgs(nothing)),
        method("fileno", NativeFn::NoArgs(fileno)),
        method("isatty", NativeFn::NoArgs(isatty)),
        method("write", NativeFn::One(write)),
    ],
    getsets: &[
        GetSetDef { name: "closed", get: get_closed, set: None, doc: "" },
        GetSetDef { name: "encoding", get: get_encoding, set: None, doc: "" },
        GetSetDef { name: "mode", get: get_mode, set: None, doc: "" },
    ],
    ..TypeSpec::DEFAULT
};

pub static STD_PRINTER: StaticType = StaticType::new(&SPEC);
