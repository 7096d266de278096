//! A heap of a few blocks, the last freed of which is the first to be used again.

use crate::object::header::{FLAG_WEAKREFS, Header, ShapeId};
use crate::object::lifetime;
use crate::object::refcount;
use crate::object::value::{Owned, Value};
use crate::threads::thread_state::slot_id;
use crate::types::string::{STR, StrObject, WEAKREF};
use crate::types::weak_table;

/// The text of callbacks of weak references.
pub const CALLBACK: u64 = 77;

const BLOCKS: usize = 12;
const SLOTS: usize = 5;

struct Heap {
    blocks: Vec<Box<StrObject>>,
    /// Numbers of free blocks.
    free: loom::sync::Mutex<Vec<usize>>,
    /// What each slot's owner is owed.
    queues: Vec<loom::sync::Mutex<Vec<u64>>>,
}

loom::lazy_static! {
    static ref HEAP: Heap = Heap {
        blocks: (0..BLOCKS).map(|_| Box::new(StrObject::free())).collect(),
        free: loom::sync::Mutex::new((0..BLOCKS).rev().collect()),
        queues: (0..SLOTS).map(|_| loom::sync::Mutex::new(Vec::new())).collect(),
    };
}

/// A block with a header for an object of the calling thread.
fn allocate(shape: ShapeId) -> &'static StrObject {
    let block = HEAP.free.lock().unwrap().pop().expect("the model needs more blocks");
    let object: *const StrObject = &*HEAP.blocks[block];
    // SAFETY: blocks live to the end of a run.
    let object = unsafe { &*object };
    // As `lifetime::allocate`: the header first.
    object.header().write_new(slot_id(), 0, shape);
    object
}

/// A new string of the calling thread.
pub fn string(text: u64) -> Owned {
    let object = allocate(STR);
    object.set_text(text);
    // SAFETY: a new object with one reference.
    unsafe { Owned::from_raw(Value::from_object(object)) }
}

/// A new weak reference, for `weak_table::register`.
pub fn weak_reference(referent: Value, callback: Option<Owned>) -> Owned {
    let object = allocate(WEAKREF);
    object.weak.refer_to(referent, callback);
    // SAFETY: a new object with one reference.
    unsafe { Owned::from_raw(Value::from_object(object)) }
}

/// A new string that other threads have tried to take a reference to.
pub fn shared_string(text: u64) -> Owned {
    let made = string(text);
    refcount::mark_maybe_shared(header_of(*made));
    made
}

/// A new string whose stack references need not be counted; it is never freed.
pub fn deferred_string(text: u64) -> Owned {
    let made = string(text);
    header_of(*made).born_deferred();
    made
}

/// The address that a weak reference has.
pub fn referent_of(reference: Value) -> Option<Value> {
    Value::from_slot(StrObject::of(reference).weak.referent.load(crate::sync::Ordering::Acquire))
}

/// Writes what a weak reference in the same block would have as its callback.
pub fn replace_callback(object: Value, callback: Option<Owned>) -> Option<Owned> {
    StrObject::of(object).weak.callback.replace_locked(callback)
}

pub fn header_of<'a>(value: Value) -> &'a Header {
    // SAFETY: blocks live to the end of a run.
    unsafe { &*value.header() }
}

pub fn text_of(value: Value) -> u64 {
    StrObject::of(value).text()
}

/// As `lifetime::dealloc`: an object whose death calls something is revived for that time.
pub fn free(value: Value) {
    let object = StrObject::of(value);
    if object.header().shape() == WEAKREF {
        weak_table::forget(value);
        drop(object.weak.callback.replace_locked(None));
    } else if object.header().has_flag(FLAG_WEAKREFS) {
        if weak_table::has_callbacks(value) {
            refcount::revive(object.header());
            // SAFETY: the reference that `revive` left.
            let revived = unsafe { Owned::from_raw(value) };
            for reference in weak_table::take_callbacks(*revived) {
                assert_eq!(header_of(*reference).shape(), WEAKREF, "called for what is no weak reference");
                if let Some(callback) = StrObject::of(*reference).weak.callback.replace(header_of(*reference), None) {
                    assert_eq!(text_of(*callback), CALLBACK, "called what is no callback");
                }
            }
            drop(revived);
            return;
        }
        weak_table::clear_without_callbacks(value);
    }
    if object.header().shape() == STR {
        object.set_text(u64::MAX);
    }
    object.header().write_free(0);
    let block = HEAP.blocks.iter().position(|block| std::ptr::eq(&**block, object)).expect("no block of the heap");
    HEAP.free.lock().unwrap().push(block);
}

pub fn queue_for_owner(value: Value) {
    let owner = header_of(value).owner.load(crate::sync::Ordering::Acquire);
    HEAP.queues[usize::from(owner)].lock().unwrap().push(value.bits());
}

/// Works off what the calling thread is owed, and what nobody owns.
pub fn safepoint() {
    merge([slot_id(), 0]);
}

/// When all other threads have ended: works off what anybody is owed.
pub fn settle() {
    merge(0..SLOTS as u16);
}

fn merge(slots: impl IntoIterator<Item = u16>) {
    for slot in slots {
        let owed = std::mem::take(&mut *HEAP.queues[usize::from(slot)].lock().unwrap());
        for bits in owed {
            // SAFETY: the entry owns a reference; its owner's words are the calling thread's.
            unsafe {
                let value = Value::from_bits(bits);
                lifetime::follow_release(value, refcount::merge_queued(header_of(value)));
            }
        }
    }
}

/// The number of objects that live, when all other threads have ended.
pub fn count_live() -> usize {
    settle();
    BLOCKS - HEAP.free.lock().unwrap().len()
}

impl Owned {
    /// Stands for `None`.
    pub fn none() -> Owned {
        // SAFETY: an immediate.
        unsafe { Owned::from_raw(Value::plain_int(-1)) }
    }
}
