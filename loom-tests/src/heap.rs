//! A heap of a few blocks, the last freed of which is the first to be used again.

use crate::object::header::Header;
use crate::object::lifetime;
use crate::object::refcount;
use crate::object::value::{Owned, Value};
use crate::threads::thread_state::slot_id;
use crate::types::string::{STR, StrObject};

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

/// A new string of the calling thread.
pub fn string(text: u64) -> Owned {
    let block = HEAP.free.lock().unwrap().pop().expect("the model needs more blocks");
    let object = &HEAP.blocks[block];
    // As `lifetime::allocate`: the header first.
    object.header.write_new(slot_id(), 0, STR);
    object.set_text(text);
    // SAFETY: a new object with one reference.
    unsafe { Owned::from_raw(Value::from_object(&**object)) }
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

pub fn header_of<'a>(value: Value) -> &'a Header {
    // SAFETY: blocks live to the end of a run.
    unsafe { &*value.header() }
}

pub fn text_of(value: Value) -> u64 {
    StrObject::of(value).text()
}

pub fn free(value: Value) {
    let object = StrObject::of(value);
    object.set_text(u64::MAX);
    object.header.write_free(0);
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
