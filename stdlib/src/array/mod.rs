//! The module `array`.
//!
//! # Who may touch what
//! * `typecode`: fixed when an array is made.
//! * `bytes`: inside `Guarded::with` on the array's own header. While memory is lent (`exports`) it neither moves nor
//!   changes its length; whoever holds a view writes into it without the lock, as CPython documents.
mod elements;
mod items;
mod iterator;
mod methods;
mod reconstruction;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::Guarded;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::buffer::Buffer;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{attribute, call};
use pyrt_runtime::sync::{AtomicUsize, Ordering};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::module;
use pyrt_runtime::types::type_object::*;

use items::Typecode;
pub use methods::ARRAY;

pub const MODULE: NativeModule = NativeModule { name: "array", initialize };

const DOC: &str = "This module defines an object type which can efficiently represent
an array of basic values: characters, integers, floating-point
numbers.  Arrays are sequence types and behave very much like lists,
except that the type of objects stored in them is constrained.
";

fn initialize(this: Value, thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str(DOC));
    module::add_type(this, &ARRAY);
    module::add(this, "ArrayType", ARRAY.get().value().to_owned());
    module::add(this, "typecodes", Owned::str(&items::ALL.iter().map(|typecode| typecode.letter).collect::<String>()));
    module::add_functions(this, FUNCTIONS);
    let abstract_classes = pyrt_runtime::import::import_module("collections.abc", thread)?;
    let sequence = attribute::get_by_text(*abstract_classes, "MutableSequence", thread)?;
    call::call_method(*sequence, pyrt_runtime::names::names().register, &[ARRAY.get().value()], thread)?;
    Ok(())
}

static FUNCTIONS: &[MethodDef] = &[method(
    "_array_reconstructor",
    NativeFn::Bound(reconstruction::reconstruct),
    "($module, arraytype, typecode, mformat_code, items,\n                     /)",
    "Internal. Used for pickling support.",
)];

#[repr(C)]
pub struct Array {
    header: Header,
    bytes: Guarded<Vec<u8>>,
    typecode: &'static Typecode,
    exports: AtomicUsize,
}

fn of<'a>(value: Value) -> &'a Array {
    // SAFETY: called for arrays only.
    unsafe { value.as_ref() }
}

fn make(class: &TypeObject, typecode: &'static Typecode, bytes: Vec<u8>) -> Owned {
    allocate_object(class, |header| Array { header, bytes: Guarded::new(bytes), typecode, exports: AtomicUsize::new(0) })
}

fn is_array(value: Value) -> bool {
    value.is_pointer() && value.is_instance(ARRAY.get())
}

impl Array {
    fn with<R>(&self, access: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        self.bytes.with(&self.header, access)
    }

    /// A change of the length, which lent memory forbids.
    fn resize<R>(&self, thread: &mut Thread, access: impl FnOnce(&mut Vec<u8>) -> R) -> PyResult<R> {
        let result = self.with(|bytes| if self.exports.load(Ordering::Relaxed) > 0 { None } else { Some(access(bytes)) });
        result.ok_or(()).or_else(|()| Err(thread.raise(&exc::BUFFER_ERROR, "cannot resize an array that is exporting buffers")))
    }

    /// The number of items.
    fn len(&self) -> usize {
        self.with(|bytes| bytes.len()) / self.typecode.size
    }

    /// Item `i`, none beyond the end.
    fn get(&self, i: usize) -> Option<Owned> {
        let size = self.typecode.size;
        let raw = self.with(|bytes| {
            let mut raw = [0u8; 8];
            raw.get_mut(..size)?.copy_from_slice(bytes.get(i * size..(i + 1) * size)?);
            Some(raw)
        })?;
        Some(self.typecode.decode(raw))
    }

    /// Overwrites item `i`; false if there is none.
    fn set(&self, i: usize, raw: [u8; 8]) -> bool {
        let size = self.typecode.size;
        self.with(|bytes| match bytes.get_mut(i * size..(i + 1) * size) {
            Some(place) => {
                place.copy_from_slice(&raw[..size]);
                true
            }
            None => false,
        })
    }

    fn push(&self, raw: [u8; 8], thread: &mut Thread) -> PyResult<()> {
        self.resize(thread, |bytes| bytes.extend_from_slice(&raw[..self.typecode.size]))
    }

    fn to_vec(&self) -> Vec<u8> {
        self.with(|bytes| bytes.clone())
    }

    /// All items.
    fn items(&self) -> Vec<Owned> {
        let size = self.typecode.size;
        let decode = |chunk: &[u8]| {
            let mut raw = [0u8; 8];
            raw[..size].copy_from_slice(chunk);
            self.typecode.decode(raw)
        };
        self.to_vec().chunks_exact(size).map(decode).collect()
    }
}

/// The buffer protocol.
fn lend(this: Value, _flags: u32, _thread: &mut Thread) -> PyResult<Buffer> {
    let array = of(this);
    let (data, len) = array.with(|bytes| {
        array.exports.fetch_add(1, Ordering::Relaxed);
        (bytes.as_mut_ptr(), bytes.len())
    });
    let itemsize = array.typecode.size;
    Ok(Buffer {
        owner: this.to_owned(),
        data,
        len,
        is_readonly: false,
        itemsize,
        format: std::borrow::Cow::Borrowed(array.typecode.format),
        shape: vec![(len / itemsize) as i64],
        strides: vec![itemsize as i64],
        release: Some(give_back),
    })
}

fn give_back(this: Value) {
    of(this).exports.fetch_sub(1, Ordering::Relaxed);
}
