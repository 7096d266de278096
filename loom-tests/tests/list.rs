//! Reads of a list against changes: `ListObject::{get, get_word, get_own, push, insert_at, remove_at, pop, take_all,
//! replace_all}` and `Array` of runtime/src/types/list/storage.rs, on `Slot` of object/value.rs.
//!
//! # The protocol
//! A list has a length and an array, which has a capacity. Writers hold the list's lock; a list that grows gets a new
//! array, to which the words move with their counts, and the old one is retired (tests/grace_periods.rs). A reader loads
//! the length, the array, the word in the slot, takes a reference by trial, and then looks at the slot and at the array
//! again: a replaced array keeps its words, but not their counts, so that an object which such a word names may have died
//! and its block may be another object's. Where trial fails (the object is another thread's alone, or dead) the reader
//! takes the lock and looks again from the start.
//!
//! # What must hold
//! * A reader gets what was in the list at that index at some moment, or nothing if the list was that short.
//! * It gets a reference that counts: no object dies early, none is left over.
#![cfg(loom)]

use loom::sync::Arc;
use loom::thread;
use pyrt_loom_tests::heap::{count_live, deferred_string, safepoint, shared_string, string, text_of};
use pyrt_loom_tests::model;
use pyrt_loom_tests::object::value::{Owned, Value};
use pyrt_loom_tests::sync::modelled::Mutant;
use pyrt_loom_tests::threads::thread_state::set_slot_id;
use pyrt_loom_tests::types::list::{self, ListObject};

/// Runs `read` beside `write`, both on a list of these items of the first thread; then nothing is left.
fn against(items: fn() -> Vec<Owned>, read: fn(&ListObject), write: fn(&ListObject)) {
    set_slot_id(1);
    let list = Arc::new(list::new(items()));
    let reader = {
        let list = list.clone();
        thread::spawn(move || {
            set_slot_id(2);
            read(&list);
            safepoint();
        })
    };
    write(&list);
    reader.join().unwrap();
    drop(list.take_all());
    safepoint();
    assert_eq!(count_live(), 0, "objects are left over");
}

fn reads_one_of<const N: usize>(list: &ListObject, i: usize, expected: [u64; N]) {
    if let Some(item) = list.get(i) {
        let text = text_of(*item);
        assert!(expected.contains(&text), "read an item that was never there: {text}");
    }
}

/// The list grows, its first item leaves and dies, and another object gets its block.
fn grow_remove_reuse(list: &ListObject, make: fn(u64) -> Owned) {
    list.push(shared_string(2));
    drop(list.remove_at(0));
    safepoint();
    drop(make(99));
}

#[test]
fn get_against_growth_and_reuse() {
    model(3, || against(|| vec![shared_string(1)], |list| reads_one_of(list, 0, [1, 2]), |list| grow_remove_reuse(list, shared_string)));
}

/// Nobody else has tried to take a reference to the items: readers need the lock.
#[test]
fn get_of_private_items_against_growth_and_reuse() {
    model(3, || against(|| vec![string(1)], |list| reads_one_of(list, 0, [1, 2]), |list| grow_remove_reuse(list, string)));
}

/// Mutant: the reader does not look whether the array is still in place.
#[test]
#[should_panic(expected = "never there")]
fn mutant_no_second_look() {
    let _mutant = Mutant::without("second look");
    model(3, || against(|| vec![shared_string(1)], |list| reads_one_of(list, 0, [1, 2]), |list| grow_remove_reuse(list, shared_string)));
}

fn reads_word(list: &ListObject) {
    if let Some(word) = list.get_word(0) {
        // SAFETY: a stack word of an object.
        let value = unsafe { Value::from_bits(word) };
        assert!([1, 2].contains(&text_of(value)), "read an item that was never there");
        if value.is_counted() {
            // SAFETY: the word came with a count.
            drop(unsafe { Owned::from_raw(value) });
        }
    }
}

fn word_against_reuse() {
    set_slot_id(1);
    let list = Arc::new(list::new(vec![shared_string(1)]));
    let reader = {
        let list = list.clone();
        thread::spawn(move || {
            set_slot_id(2);
            reads_word(&list);
        })
    };
    list.push(shared_string(2));
    drop(list.remove_at(0));
    safepoint();
    // A deferred object in the block of the first one.
    let deferred = deferred_string(99);
    reader.join().unwrap();
    std::mem::forget(deferred);
}

/// A word without a count is only given for an object that was in the list.
#[test]
fn word_against_growth_and_reuse_by_a_deferred_object() {
    model(3, word_against_reuse);
}

/// Mutant: as above.
#[test]
#[should_panic(expected = "never there")]
fn mutant_word_without_second_look() {
    let _mutant = Mutant::without("second look");
    model(3, word_against_reuse);
}

#[test]
fn get_against_insertion_and_pop() {
    model(2, || {
        against(
            || vec![string(1), shared_string(2)],
            |list| {
                reads_one_of(list, 1, [1, 2]);
                reads_one_of(list, 0, [1, 3]);
            },
            |list| {
                list.insert_at(0, string(3));
                drop(list.remove_at(2));
                safepoint();
            },
        );
    });
}

#[test]
fn get_against_replacement_of_all() {
    model(2, || {
        against(
            || vec![shared_string(1), string(2)],
            |list| reads_one_of(list, 1, [2, 4]),
            |list| {
                drop(list.replace_all(vec![string(3), shared_string(4), string(5)]));
                safepoint();
            },
        );
    });
}

/// The reader owns the item: it takes it without an atomic, while another thread lets it go.
#[test]
fn owner_reads_while_another_removes() {
    model(3, || {
        set_slot_id(1);
        let list = Arc::new(list::new(vec![string(1)]));
        let writer = {
            let list = list.clone();
            thread::spawn(move || {
                set_slot_id(2);
                list.push(string(2));
                drop(list.remove_at(0));
                drop(string(99));
            })
        };
        if let Some(item) = list.get_own(0) {
            assert_eq!(text_of(*item), 1);
        }
        safepoint();
        writer.join().unwrap();
        safepoint();
        set_slot_id(2);
        drop(list.take_all());
        safepoint();
        assert_eq!(count_live(), 0, "objects are left over");
    });
}

/// Two writers: each change is whole.
#[test]
fn two_writers() {
    model(2, || {
        set_slot_id(1);
        let list = Arc::new(list::new(vec![string(1)]));
        let other = {
            let list = list.clone();
            thread::spawn(move || {
                set_slot_id(2);
                list.push(string(2));
            })
        };
        list.push(string(3));
        other.join().unwrap();
        let texts: Vec<u64> = list.to_vec().iter().map(|item| text_of(**item)).collect();
        assert!([[1, 2, 3], [1, 3, 2]].iter().any(|expected| expected[..] == texts[..]), "{texts:?}");
    });
}
