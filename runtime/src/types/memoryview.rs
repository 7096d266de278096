//! `memoryview`: the object, what it shows, and items.
//!
//! Views of one exporter share its buffer ([`Managed`]), which is given back when the last of them is released. What a
//! view shows ([`View`]) never changes; releasing takes it away.

use std::borrow::Cow;
use std::sync::Arc;

use crate::exceptions::exc;
use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Slot, Value};
use crate::protocol::buffer::{self, Buffer};
use crate::protocol::native::NativeFn;
use crate::sync::{AtomicI64, AtomicU64, AtomicUsize, LeafMutex, Ordering};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{MEMORYVIEW, MEMORY_ITERATOR};
use crate::types::memory_items;
use crate::types::type_object::*;

pub use super::memoryview_methods::SPEC;

/// A buffer that several views share.
pub struct Managed {
    pub buffer: Buffer,
}

// SAFETY: the memory is lent until the buffer is dropped; racing access is the exporter's documented business.
unsafe impl Send for Managed {}
// SAFETY: as above.
unsafe impl Sync for Managed {}

/// What a memoryview shows of a buffer.
#[derive(Clone)]
pub struct View {
    pub managed: Arc<Managed>,
    /// Where the first item lies, in bytes from the buffer's start.
    pub offset: i64,
    pub is_readonly: bool,
    pub format: Cow<'static, str>,
    pub itemsize: usize,
    pub shape: Vec<i64>,
    pub strides: Vec<i64>,
}

impl View {
    pub fn n_items(&self) -> usize {
        self.shape.iter().product::<i64>().max(0) as usize
    }

    pub fn n_bytes(&self) -> usize {
        self.n_items() * self.itemsize
    }

    /// The bytes of the item at a byte offset.
    pub fn read(&self, offset: i64) -> Vec<u8> {
        let mut out = vec![0; self.itemsize];
        // SAFETY: shape and strides keep offsets within the lent memory; racing writes give some mixture of bytes.
        unsafe { std::ptr::copy_nonoverlapping(self.managed.buffer.data.offset(offset as isize), out.as_mut_ptr(), self.itemsize) };
        out
    }

    /// Writes the bytes of an item at a byte offset.
    pub fn write(&self, offset: i64, bytes: &[u8]) {
        let n = bytes.len().min(self.itemsize);
        // SAFETY: as in `read`; the view is writable.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.managed.buffer.data.offset(offset as isize), n) };
    }

    /// The byte offset of the item with these indices, one a dimension, all in range.
    pub fn offset_of(&self, indices: &[i64]) -> i64 {
        self.offset + indices.iter().zip(&self.strides).map(|(index, stride)| index * stride).sum::<i64>()
    }

    /// Byte offsets of all items in C order, or in Fortran order.
    pub fn offsets(&self, fortran: bool) -> Vec<i64> {
        let mut out = vec![self.offset];
        let n = self.shape.len();
        for i in 0..n {
            // The outermost loop first: for Fortran order that is the last dimension.
            let dimension = if fortran { n - 1 - i } else { i };
            let (extent, stride) = (self.shape[dimension], self.strides[dimension]);
            out = out.into_iter().flat_map(|base| (0..extent.max(0)).map(move |index| base + index * stride)).collect();
        }
        out
    }

    pub fn is_c_contiguous(&self) -> bool {
        self.is_contiguous(false)
    }

    pub fn is_contiguous(&self, fortran: bool) -> bool {
        if self.n_items() == 0 {
            return true;
        }
        let mut expected = self.itemsize as i64;
        let n = self.shape.len();
        for i in 0..n {
            let dimension = if fortran { i } else { n - 1 - i };
            if self.shape[dimension] > 1 && self.strides[dimension] != expected {
                return false;
            }
            expected *= self.shape[dimension];
        }
        true
    }

    /// A private copy of the bytes in C or Fortran order.
    pub fn to_vec(&self, fortran: bool) -> Vec<u8> {
        if self.is_contiguous(fortran) {
            let mut out = vec![0; self.n_bytes()];
            // SAFETY: as in `read`.
            unsafe { std::ptr::copy_nonoverlapping(self.managed.buffer.data.offset(self.offset as isize), out.as_mut_ptr(), out.len()) };
            return out;
        }
        self.offsets(fortran).into_iter().flat_map(|offset| self.read(offset)).collect()
    }

    /// The item at a byte offset.
    pub fn unpack(&self, offset: i64, thread: &mut Thread) -> PyResult {
        memory_items::unpack(&self.format, &self.read(offset), thread)
    }
}

#[repr(C)]
pub(super) struct MemoryView {
    header: Header,
    /// Empty once released.
    view: LeafMutex<Option<Arc<View>>>,
    /// Buffers taken from this very view.
    pub(super) exports: AtomicUsize,
    /// The cached hash, `u64::MAX` while unknown.
    pub(super) hash: AtomicU64,
}

pub(super) fn of<'a>(value: Value) -> &'a MemoryView {
    // SAFETY: callers pass memoryviews; the type cannot be subclassed.
    unsafe { value.as_ref() }
}

/// Whether the value is a memoryview.
pub fn is_memoryview(value: Value) -> bool {
    value.has_shape(MEMORYVIEW.shape)
}

/// A memoryview of this.
pub fn new(view: View) -> Owned {
    lifetime::allocate_object(MEMORYVIEW.get(), |header| MemoryView {
        header,
        view: LeafMutex::new(Some(Arc::new(view))),
        exports: AtomicUsize::new(0),
        hash: AtomicU64::new(u64::MAX),
    })
}

/// What the memoryview shows, none once it is released.
pub fn current(value: Value) -> Option<Arc<View>> {
    of(value).view.lock().clone()
}

/// What the memoryview shows; ValueError once it is released.
pub fn view_of(value: Value, thread: &mut Thread) -> PyResult<Arc<View>> {
    current(value).ok_or_else(|| thread.raise_value_error("operation forbidden on released memoryview object"))
}

/// Releases the view; its buffer goes back if no other shows it.
pub(super) fn release(value: Value, thread: &mut Thread) -> PyResult<()> {
    let n = of(value).exports.load(Ordering::Acquire);
    if n > 0 {
        let s = if n == 1 { "" } else { "s" };
        return Err(thread.raise(&exc::BUFFER_ERROR, format!("memoryview has {n} exported buffer{s}")));
    }
    let taken = of(value).view.lock().take();
    drop(taken);
    if crate::threads::thread_state::has_pending() {
        lifetime::drain_pending(thread);
    }
    Ok(())
}

fn view_of_buffer(buffer: Buffer) -> View {
    let (is_readonly, format, itemsize) = (buffer.is_readonly, buffer.format.clone(), buffer.itemsize);
    let (shape, strides) = (buffer.shape.clone(), buffer.strides.clone());
    View { managed: Arc::new(Managed { buffer }), offset: 0, is_readonly, format, itemsize, shape, strides }
}

/// `memoryview(value)`.
pub fn from_object(value: Value, thread: &mut Thread) -> PyResult {
    if is_memoryview(value) {
        let view = view_of(value, thread)?;
        return Ok(new((*view).clone()));
    }
    if !buffer::supports_buffer(value) {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("memoryview: a bytes-like object is required, not '{name}'")));
    }
    let buffer = buffer::get(value, 0, thread)?;
    Ok(new(view_of_buffer(buffer)))
}

fn release_export(value: Value) {
    of(value).exports.fetch_sub(1, Ordering::AcqRel);
}

/// The buffer slot of memoryviews: what they show, lent on.
pub(super) fn lend(this: Value, flags: u32, thread: &mut Thread) -> PyResult<Buffer> {
    let view = view_of(this, thread)?;
    if flags & buffer::WRITABLE != 0 && view.is_readonly {
        return Err(thread.raise(&exc::BUFFER_ERROR, "memoryview: underlying buffer is not writable"));
    }
    of(this).exports.fetch_add(1, Ordering::AcqRel);
    Ok(Buffer {
        owner: this.to_owned(),
        // SAFETY: the offset lies within the lent memory.
        data: unsafe { view.managed.buffer.data.offset(view.offset as isize) },
        len: view.n_bytes(),
        is_readonly: view.is_readonly,
        itemsize: view.itemsize,
        format: view.format.clone(),
        shape: view.shape.clone(),
        strides: view.strides.clone(),
        release: Some(release_export),
    })
}

/// The buffer of an object whose class defines `__buffer__`: `view` is what that method returned.
pub fn buffer_of_class(_object: Value, view: Value, flags: u32, thread: &mut Thread) -> PyResult<Buffer> {
    if !is_memoryview(view) {
        return Err(thread.raise_type_error("__buffer__ returned non-memoryview object"));
    }
    lend(view, flags, thread)
}

pub(super) unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<MemoryView>()) };
}

#[repr(C)]
struct MemoryIterator {
    header: Header,
    /// Empty once exhausted.
    memory: Slot,
    length: i64,
    /// The next index, advanced atomically where threads share the iterator.
    index: AtomicI64,
}

fn iterator_of<'a>(value: Value) -> &'a MemoryIterator {
    // SAFETY: called for this type only.
    unsafe { value.as_ref() }
}

/// `iter(memoryview)`.
pub(super) fn new_iterator(memory: Value, length: i64) -> Owned {
    lifetime::allocate_object(MEMORY_ITERATOR.get(), |header| MemoryIterator {
        header,
        memory: Slot::new(memory.to_owned()),
        length,
        index: AtomicI64::new(0),
    })
}

fn iterator_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let iterator = iterator_of(this);
    let Some(memory) = iterator.memory.load(&iterator.header) else { return Ok(None) };
    let index = iterator.index.fetch_add(1, Ordering::Relaxed);
    if index >= iterator.length {
        drop(iterator.memory.replace(&iterator.header, None));
        return Ok(None);
    }
    let view = view_of(*memory, thread)?;
    view.unpack(view.offset_of(&[index]), thread).map(Some)
}

fn self_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

fn length_hint(this: Value, _thread: &mut Thread) -> PyResult {
    let iterator = iterator_of(this);
    Ok(Owned::int((iterator.length - iterator.index.load(Ordering::Relaxed)).max(0)))
}

unsafe fn iterator_dealloc(value: Value) {
    drop(iterator_of(value).memory.replace_locked(None));
}

unsafe fn iterator_traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    if let Some(memory) = iterator_of(value).memory.peek() {
        visit(memory);
    }
}

pub static ITERATOR_SPEC: TypeSpec = TypeSpec {
    name: "memory_iterator",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<MemoryIterator>(),
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(iterator_next)],
    methods: &[MethodDef { name: "__length_hint__", func: NativeFn::NoArgs(length_hint), kind: MethodKind::Instance, signature: "($self, /)", doc: "" }],
    dealloc: Some(iterator_dealloc),
    traverse: Some(iterator_traverse),
    ..TypeSpec::DEFAULT
};
