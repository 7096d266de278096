//! `PickleBuffer`: a buffer that may travel apart from the pickle.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::Guarded;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::buffer::{self, Buffer};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::memoryview::{self, View};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::{Header, Owned, PyResult, Slot, Thread, Value};

use crate::native_type::{References, followed, object, references};

#[repr(C)]
struct PickleBuffer {
    header: Header,
    /// The object that lends; empty once released.
    source: Slot,
    /// What it lends, as long as this is not released.
    held: Guarded<Option<Held>>,
}

/// A buffer that is only held, for the exporter to know.
struct Held(Buffer);

// SAFETY: the memory is not touched through it.
unsafe impl Send for Held {}

impl References for Held {
    fn visit(&self, visit: &mut dyn FnMut(Value)) {
        visit(*self.0.owner);
    }
}

references!(PickleBuffer: source, held);

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
    let memory = memoryview::from_object(*source(this, thread)?, thread)?;
    memoryview::view_of(*memory, thread)
}

fn source(this: Value, thread: &mut Thread) -> PyResult {
    let buffer = of(this);
    match buffer.source.load(&buffer.header) {
        Some(source) => Ok(source),
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
    let held = Guarded::new(Some(Held(buffer::get(source, 0, thread)?)));
    Ok(allocate_object(TypeObject::of(class), |header| PickleBuffer { header, source: Slot::new(source.to_owned()), held }))
}

fn lend(this: Value, flags: u32, thread: &mut Thread) -> PyResult<Buffer> {
    let source = source(this, thread)?;
    buffer::get(*source, flags, thread)
}

fn raw(this: Value, thread: &mut Thread) -> PyResult {
    let view = view(this, thread)?;
    if !view.is_contiguous(false) && !view.is_contiguous(true) {
        return Err(thread.raise(&exc::BUFFER_ERROR, "cannot extract raw buffer from non-contiguous buffer"));
    }
    let n_bytes = view.n_bytes() as i64;
    Ok(memoryview::new(View { format: "B".into(), itemsize: 1, shape: vec![n_bytes], strides: vec![1], ..(*view).clone() }))
}

fn let_go(this: Value) {
    let buffer = of(this);
    let held = buffer.held.with(&buffer.header, Option::take);
    drop(held);
    drop(buffer.source.replace(&buffer.header, None));
}

fn release(this: Value, _thread: &mut Thread) -> PyResult {
    let_go(this);
    Ok(Owned::none())
}

/// Buffers are those of the object that lends, never of the `PickleBuffer`.
fn release_buffer(_this: Value, buffer: Value, thread: &mut Thread) -> PyResult {
    if !memoryview::is_memoryview(buffer) {
        return Err(thread.raise_type_error("expected a memoryview object"));
    }
    Err(thread.raise_value_error("memoryview's buffer is not this object"))
}

unsafe fn clear(value: Value) {
    let_go(value);
}

static SPEC: TypeSpec = TypeSpec {
    name: "pickle.PickleBuffer",
    doc: "Wrapper for potentially out-of-band buffers",
    flags: TYPE_GC | TYPE_WEAKREFABLE,
    slots: &[SlotFn::new(new), SlotFn::buffer(lend)],
    methods: &[
        method("__release_buffer__", NativeFn::One(release_buffer), "($self, buffer, /)", "Release the buffer object that exposes the underlying memory of the object."),
        method("raw", NativeFn::NoArgs(raw), "($self, /)", "Return a memoryview of the raw memory underlying this buffer.\n\nWill raise BufferError is the buffer isn't contiguous."),
        method("release", NativeFn::NoArgs(release), "($self, /)", "Release the underlying buffer exposed by the PickleBuffer object."),
    ],
    clear: Some(clear),
    ..followed::<PickleBuffer>()
};

pub static PICKLE_BUFFER: StaticType = StaticType::new(&SPEC);
