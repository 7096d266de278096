//! Reading a slot against the death of what it held and the reuse of its block: `Slot::{load, load_own, load_word,
//! peek_deferred, replace, compare_replace}` of runtime/src/object/value.rs, `try_retain`, `try_retain_own`, `retain_foreign` of
//! object/refcount.rs, `Header::{write_new, write_free}` of object/header.rs, and `RemoteFree` of memory/remote_free.rs,
//! which memory/heap.rs uses for blocks that other threads free.
//!
//! # The protocol
//! A slot belongs to a container, whose lock its writers hold; readers do not. A reader loads the word, takes a reference to
//! the object by trial, and loads the word again: if it is the same, the slot held the object with a count after the
//! reference was taken. In between the object may have died and its block may be free (then it reads as dead, and trial
//! fails) or another object's (then the word has changed, and the reference is given back). Blocks of objects keep a
//! readable header for good. Trial also fails for an object that only its owner has used so far: then the reader takes the
//! container's lock, and the reference marks the object, so that later readers need no lock.
//! Objects whose stack references are not counted are recognised by a flag that is read between two looks at the slot.
//! Blocks that a thread frees for another one's page go on a list that the page's owner takes as a whole.
//!
//! # What must hold
//! * A reader gets what the slot held at some moment, alive, or finds it empty.
//! * What a thread did with an object comes before the next object in the block; each block is used by one at a time.
#![cfg(loom)]

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use pyrt_loom_tests::heap::{count_live, deferred_string, safepoint, shared_string, string, text_of};
use pyrt_loom_tests::memory::remote_free::RemoteFree;
use pyrt_loom_tests::model;
use pyrt_loom_tests::object::header::Header;
use pyrt_loom_tests::object::value::{Owned, Slot, Value};
use pyrt_loom_tests::sync::modelled::Mutant;
use pyrt_loom_tests::sync::{AtomicU32, Ordering};
use pyrt_loom_tests::threads::thread_state::set_slot_id;

struct Container {
    header: Header,
    slot: Slot,
}

/// Runs `read` beside `write` on a slot that holds the object 1.
fn against(make: fn(u64) -> Owned, read: fn(&Container), write: fn(&Container)) {
    set_slot_id(1);
    let container = Arc::new(Container { header: Header::new(1, 0, 0), slot: Slot::new(make(1)) });
    let reader = {
        let container = container.clone();
        thread::spawn(move || {
            set_slot_id(2);
            read(&container);
            safepoint();
        })
    };
    write(&container);
    reader.join().unwrap();
    drop(container.slot.replace(&container.header, None));
    safepoint();
    assert_eq!(count_live(), 0, "objects are left over");
}

fn reads(container: &Container) {
    if let Some(found) = container.slot.load(&container.header) {
        let text = text_of(*found);
        assert!([1, 2].contains(&text), "read what was never there: {text}");
    }
}

/// What the slot held dies, and another object gets the block.
fn replace_and_reuse(container: &Container, make: fn(u64) -> Owned) {
    drop(container.slot.replace(&container.header, Some(make(2))));
    safepoint();
    drop(make(99));
}

#[test]
fn load_against_death_and_reuse() {
    model(3, || against(shared_string, reads, |container| replace_and_reuse(container, shared_string)));
}

/// The object has been its owner's alone.
#[test]
fn load_of_a_private_object() {
    model(3, || against(string, reads, |container| replace_and_reuse(container, string)));
}

/// Mutant: the slot is not looked at again.
#[test]
#[should_panic(expected = "never there")]
fn mutant_no_second_look() {
    model(3, || {
        against(
            shared_string,
            |container| {
                let Some(seen) = container.slot.peek() else { return };
                if pyrt_loom_tests::object::lifetime::try_retain_pointer(seen) {
                    // SAFETY: the count just taken.
                    let held = unsafe { Owned::from_raw(seen) };
                    assert!([1, 2].contains(&text_of(*held)), "read what was never there");
                }
            },
            |container| replace_and_reuse(container, shared_string),
        );
    });
}

/// Mutant: a reference to a private object is taken without the container's lock.
#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_without_the_lock() {
    model(3, || {
        against(
            string,
            |container| {
                if let Some(found) = container.slot.load_locked() {
                    assert!([1, 2].contains(&text_of(*found)), "read what was never there");
                }
            },
            |container| replace_and_reuse(container, string),
        );
    });
}

fn reads_word(container: &Container, look: fn(&Slot) -> Option<Value>) {
    if let Some(seen) = look(&container.slot) {
        let text = text_of(seen);
        assert!([1, 2].contains(&text), "read what was never there: {text}");
    }
}

/// A deferred object in the block of what the slot held is not taken for it.
fn deferred_reuse(look: fn(&Slot) -> Option<Value>) {
    set_slot_id(1);
    let container = Arc::new(Container { header: Header::new(1, 0, 0), slot: Slot::new(shared_string(1)) });
    let reader = {
        let container = container.clone();
        thread::spawn(move || {
            set_slot_id(2);
            reads_word(&container, look);
        })
    };
    drop(container.slot.replace(&container.header, Some(shared_string(2))));
    let deferred = deferred_string(99);
    reader.join().unwrap();
    std::mem::forget(deferred);
    drop(container.slot.replace(&container.header, None));
}

#[test]
fn word_without_a_count_against_reuse() {
    model(3, || deferred_reuse(Slot::peek_deferred));
}

/// Mutant: the flag is read after both looks.
#[test]
#[should_panic(expected = "never there")]
fn mutant_flag_is_read_last() {
    model(3, || {
        deferred_reuse(|slot| {
            let seen = slot.peek()?;
            // SAFETY: headers stay readable.
            (slot.peek()?.bits() == seen.bits() && unsafe { &*seen.header() }.is_deferred()).then_some(seen)
        });
    });
}

/// Two stores by exchange, as into attribute slots: the loser keeps its value, and nothing is lost.
#[test]
fn two_exchanges() {
    model(3, || {
        against(
            shared_string,
            |container| {
                if let Some(old) = container.slot.peek() {
                    drop(container.slot.compare_replace(old, shared_string(3)));
                }
            },
            |container| {
                if let Some(old) = container.slot.peek() {
                    drop(container.slot.compare_replace(old, shared_string(4)));
                }
                safepoint();
            },
        );
    });
}

const BLOCKS: usize = 2;

struct Page {
    remote: RemoteFree,
    links: [AtomicU32; BLOCKS],
    contents: [UnsafeCell<u32>; BLOCKS],
}

// SAFETY: loom's cells report unordered accesses.
unsafe impl Sync for Page {}
// SAFETY: as above.
unsafe impl Send for Page {}

impl Page {
    fn use_block(&self, block: u32) {
        // SAFETY: what is being checked.
        self.contents[block as usize - 1].with_mut(|contents| unsafe { *contents += 1 });
    }

    fn free(&self, block: u32) {
        self.use_block(block);
        self.remote.push(block, |next| self.links[block as usize - 1].store(next, Ordering::Relaxed));
    }
}

/// Two threads free a block each: the owner takes and uses them in between.
fn remote_frees() {
    let page = Arc::new(Page {
        remote: RemoteFree::new(),
        links: std::array::from_fn(|_| AtomicU32::new(0)),
        contents: std::array::from_fn(|_| UnsafeCell::new(0)),
    });
    let others: Vec<_> = [1, 2]
        .map(|block| {
            let page = page.clone();
            thread::spawn(move || page.free(block))
        })
        .into();
    let mut taken = Vec::new();
    let mut take = || {
        let mut block = page.remote.take();
        while block != 0 {
            let next = page.links[block as usize - 1].load(Ordering::Relaxed);
            page.use_block(block);
            taken.push(block);
            block = next;
        }
    };
    take();
    for other in others {
        other.join().unwrap();
    }
    take();
    taken.sort_unstable();
    assert_eq!(taken, [1, 2], "a block is lost, or is there twice");
}

#[test]
fn remote_free_against_the_owner() {
    model(3, remote_frees);
}

/// Mutant: a block may be taken before the thread that freed it has done with it.
#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_remote_free_without_release() {
    let _mutant = Mutant::without("release");
    model(3, remote_frees);
}
