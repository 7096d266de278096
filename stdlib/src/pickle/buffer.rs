//! `PickleBuffer`: a buffer that may travel apart from the pickle.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::buffer::{self, Buffer};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::memoryview::{self, View};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::{Header, Owned, PyResult, Slot, Thread, Value};

use crate::native_type::{followed, object, references};

#[repr(C)]
struct PickleBuffer {
    header: Header,
    /// The object that lends; empty once released.
    source: Slot,
    /// A memoryview of it, which holds the export.
    view: Slot,
}

references!(PickleBuffer: source, view);

fn of<'a>(this: Value) -> &'a PickleBuffer {
    // SAFETY: called for objects of the type only.
    unsafe { object(this) }
}

/// Whether the value is a pickle buffer.
pub fn is_pickle_buffer(value: Value) -> bool {
    value.is_pointer() && std::ptr::eq(value.type_object(), PICKLE_BUFFER.get())
}

/// What the buffer shows; an error once it is released.
pub fn view(this: Value, thread: &mut Thread) -> PyResult<std::sync::Arc<View>> {
    let buffer = of(this);
    match buffer.view.load(&buffer.header) {
        Some(view) => memoryview::view_of(*view, thread),
        None => Err(thread.raise_value_error("operation forbidden on released PickleBuffer object")),
    }
}

fn new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("PickleBuffer() takes no keyword arguments"));
    }
    let n = args.len();
    let Some(source) = args.get(0).filter(|_| n == 1) else {
        return Err(thread.raise_type_error(format!("PickleBuffer() takes exactly 1 argument ({n} given)")));
    };
    if !buffer::supports_buffer(source) {
        let name = source.type_object().full_name();
        return Err(thread.raise_type_error(format!("a bytes-like object is required, not '{name}'")));
    }
    let view = memoryview::from_object(source, thread)?;
    Ok(allocate_object(TypeObject::of(class), |header| PickleBuffer { header, source: Slot::new(source.to_owned()), view: Slot::new(view) }))
}

fn lend(this: Value, flags: u32, thread: &mut Thread) -> PyResult<Buffer> {
    let buffer = of(this);
    match buffer.source.load(&buffer.header) {
        Some(source) => buffer::get(*source, flags, thread),
        None => Err(thread.raise_value_error("operation forbidden on released PickleBuffer object")),
    }
}

fn raw(this: Value, thread: &mut Thread) -> PyResult {
    let view = view(this, thread)?;
    if !view.is_contiguous(false) && !view.is_contiguous(true) {
        return Err(thread.raise(&exc::BUFFER_ERROR, "cannot extract raw buffer from non-contiguous buffer"));
    }
    let n_bytes = view.n_bytes() as i64;
    Ok(memoryview::new(View { format: "B".into(), itemsize: 1, shape: vec![n_bytes], strides: vec![1], ..(*view).clone() }))
}

fn release(this: Value, _thread: &mut Thread) -> PyResult {
    let buffer = of(this);
    drop(buffer.view.replace(&buffer.header, None));
    drop(buffer.source.replace(&buffer.header, None));
    Ok(Owned::none())
}

static SPEC: TypeSpec = TypeSpec {
    name: "pickle.PickleBuffer",
    doc: "Wrapper for potentially out-of-band buffers",
    flags: TYPE_GC | TYPE_WEAKREFABLE,
    slots: &[SlotFn::new(new), SlotFn::buffer(lend)],
    methods: &[
        method("raw", NativeFn::NoArgs(raw), "($self, /)", "Return a memoryview of the raw memory underlying this buffer.\n\nWill raise BufferError is the buffer isn't contiguous."),
        method("release", NativeFn::NoArgs(release), "($self, /)", "Release the underlying buffer exposed by the PickleBuffer object."),
    ],
    ..followed::<PickleBuffer>()
};

pub static PICKLE_BUFFER: StaticType = StaticType::new(&SPEC);
