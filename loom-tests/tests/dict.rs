//! Lookups in a dict against insertion, deletion and resizing: `DictObject::{get_str, find_by, load_value, set_str,
//! remove_str, next_key, get_cached, get_cached_word, peek_str_deferred}` of runtime/src/types/dict/storage.rs and `Keys` of
//! types/dict/table.rs, on `Slot` of object/value.rs.
//!
//! # The protocol
//! A dict points to a block: indices by hash, then entries in the order of insertion. Writers hold the dict's lock. An
//! entry is written before its index; deleting empties the entry and leaves a dummy index, and neither is used again in
//! that block. When a block is full the live entries move, with their counts, to a new block; the old one keeps its words
//! and is retired. A reader loads the block, probes, takes references by trial, and looks whether the block is still in
//! place; where trial fails it looks again with the lock held. A writer that has searched without the lock compares the
//! number of changes when it has it.
//! Cache cells know a value by the block's version and its place: a version belongs to one block and is reset before a key
//! is added or removed.
//!
//! # What must hold
//! * A key that is there all the time is found, with a value that it had.
//! * A key that goes is found with its value or not at all; never with the object that got the value's or the key's block.
//! * The text of a key is only compared while a reference holds the key (loom's cell in the strings).
//! * References count: nothing dies early or is left over.
#![cfg(loom)]

use std::convert::Infallible;

use loom::sync::Arc;
use loom::thread;
use pyrt_loom_tests::heap::{count_live, deferred_string, safepoint, shared_string, string, text_of};
use pyrt_loom_tests::model;
use pyrt_loom_tests::object::value::{Owned, Value};
use pyrt_loom_tests::sync::modelled::Mutant;
use pyrt_loom_tests::threads::thread_state::set_slot_id;
use pyrt_loom_tests::types::dict::storage::Verdict;
use pyrt_loom_tests::types::dict::{self, DictObject};

/// A value that is no object.
fn number(n: i64) -> Owned {
    // SAFETY: an immediate.
    unsafe { Owned::from_raw(Value::plain_int(n)) }
}

/// A dict whose block is full: the key that `make` gives, with the value that `value` gives, and four others.
fn full_dict(key: &Owned, value: Owned) -> Arc<DictObject> {
    let made = dict::new();
    drop(made.set_str(**key, value));
    for text in 11..15 {
        let other = shared_string(text);
        drop(made.set_str(*other, number(0)));
    }
    Arc::new(made)
}

/// Runs `read` beside `write`. Both have a reference to the first key.
fn against(make: fn(u64) -> Owned, read: fn(&DictObject, &Owned), write: fn(&DictObject, Owned)) {
    set_slot_id(1);
    let key = make(1);
    let dict = full_dict(&key, make(101));
    let others = key.clone();
    let reader = {
        let dict = dict.clone();
        thread::spawn(move || {
            set_slot_id(2);
            read(&dict, &others);
            drop(others);
            safepoint();
        })
    };
    write(&dict, key);
    reader.join().unwrap();
    for entry in dict.entries() {
        drop(dict.remove_str(*entry.key));
    }
    safepoint();
    assert_eq!(count_live(), 0, "objects are left over");
}

fn finds(dict: &DictObject, key: Value, expected: u64) {
    let found = dict.get_str(key).expect("a key that is there was not found");
    assert_eq!(text_of(*found), expected);
}

fn finds_or_not(dict: &DictObject, key: Value, expected: u64) {
    if let Some(found) = dict.get_str(key) {
        assert_eq!(text_of(*found), expected, "found a value that was never there");
    }
}

/// The dict grows, the first key goes, its value dies and another object gets the block.
fn grow_delete_reuse(dict: &DictObject, key: Owned) {
    let new = shared_string(2);
    drop(dict.set_str(*new, number(0)));
    drop(dict.remove_str(*key));
    drop(key);
    drop(new);
    safepoint();
    drop(shared_string(99));
}

#[test]
fn present_key_against_growth() {
    model(2, || {
        against(shared_string, |dict, key| finds(dict, **key, 101), |dict, key| {
            let new = shared_string(2);
            drop(dict.set_str(*new, number(0)));
            drop(key);
        });
    });
}

#[test]
fn lookup_against_growth_deletion_and_reuse() {
    model(2, || against(shared_string, |dict, key| finds_or_not(dict, **key, 101), grow_delete_reuse));
}

/// Mutant: the reader does not look whether the block is still in place.
#[test]
#[should_panic(expected = "never there")]
fn mutant_no_second_look() {
    let _mutant = Mutant::without("second look");
    model(2, || against(shared_string, |dict, key| finds_or_not(dict, **key, 101), grow_delete_reuse));
}

/// The value and the key are the writer's alone until the reader takes the lock; the reader has an equal key of its own.
fn equal_key(text: u64) {
    set_slot_id(1);
    let key = string(1);
    let dict = Arc::new(dict::new());
    drop(dict.set_str(*key, string(101)));
    let reader = {
        let dict = dict.clone();
        thread::spawn(move || {
            set_slot_id(2);
            let equal = string(text);
            finds_or_not(&dict, *equal, 101);
            drop(equal);
            safepoint();
        })
    };
    drop(dict.remove_str(*key));
    drop(key);
    safepoint();
    // Another key, perhaps in the block of the first.
    let other = string(201);
    drop(dict.set_str(*other, string(301)));
    drop(other);
    reader.join().unwrap();
    for entry in dict.entries() {
        drop(dict.remove_str(*entry.key));
    }
    safepoint();
    assert_eq!(count_live(), 0, "objects are left over");
}

#[test]
fn equal_key_against_deletion_and_reuse() {
    model(2, || equal_key(1));
}

/// Mutant: texts of keys are compared without a reference.
#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_keys_are_not_held() {
    let _mutant = Mutant::without("hold");
    model(2, || equal_key(1));
}

/// A search as for keys of any type: an entry belongs to the block that it was found in.
fn get_by_hash(dict: &DictObject, text: u64) -> Option<Owned> {
    loop {
        let found = dict.find_by(
            (text % 100) as i64,
            |_| None,
            |candidate| Ok::<_, Infallible>(if text_of(*candidate) == text { Verdict::Same } else { Verdict::Other }),
        );
        let Ok(found) = found;
        match dict.load_value(&found?) {
            Ok(Some(value)) => return Some(value),
            Ok(None) => drop(dict.header().lock_leaf()),
            Err(_) => {}
        }
    }
}

/// Deleting a key and growing gives the entries behind it other numbers.
#[test]
fn search_against_renumbering() {
    model(2, || {
        against(
            shared_string,
            |dict, _| {
                if let Some(value) = get_by_hash(dict, 12) {
                    assert_eq!(value.as_small_int(), Some(0), "found another key's value");
                }
            },
            |dict, key| {
                drop(dict.remove_str(*key));
                drop(key);
                let new = shared_string(2);
                drop(dict.set_str(*new, number(7)));
                safepoint();
            },
        );
    });
}

/// Every key is met that is there all the time.
#[test]
fn iteration_against_growth() {
    model(2, || {
        against(
            shared_string,
            |dict, _| {
                let mut position = 3;
                let mut texts = Vec::new();
                while let Some(key) = dict.next_key(&mut position) {
                    texts.push(text_of(*key));
                }
                assert!(texts == [13, 14] || texts == [13, 14, 2], "{texts:?}");
            },
            |dict, key| {
                let new = shared_string(2);
                drop(dict.set_str(*new, number(0)));
                drop(key);
            },
        );
    });
}

/// A cell that knows the value's place, while the key is deleted and comes again in another entry.
fn cached_place(get: fn(&DictObject, u32, usize) -> Option<u64>) {
    set_slot_id(1);
    let key = shared_string(1);
    let dict = Arc::new(dict::new());
    drop(dict.set_str(*key, shared_string(101)));
    let (version, place) = dict.cacheable_place(*key);
    let place = place.expect("the key is there");
    let reader = {
        let dict = dict.clone();
        thread::spawn(move || {
            set_slot_id(2);
            if let Some(text) = get(&dict, version, place) {
                assert!([101, 102].contains(&text), "read a value that the key never had");
            }
            safepoint();
        })
    };
    drop(dict.set_str(*key, shared_string(102)));
    drop(dict.remove_str(*key));
    safepoint();
    let deferred = deferred_string(99);
    let other = shared_string(2);
    drop(dict.set_str(*other, shared_string(103)));
    assert!(dict.get_cached(version, place).is_none(), "the version has changed");
    reader.join().unwrap();
    std::mem::forget(deferred);
}

#[test]
fn cached_place_against_deletion() {
    model(2, || cached_place(|dict, version, place| Some(text_of(*dict.get_cached(version, place)?))));
}

#[test]
fn cached_word_against_deletion() {
    model(2, || {
        cached_place(|dict, version, place| {
            // SAFETY: a stack word of an object.
            let value = unsafe { Value::from_bits(dict.get_cached_word(version, place)?) };
            let text = text_of(value);
            if value.is_counted() {
                // SAFETY: the word came with a count.
                drop(unsafe { Owned::from_raw(value) });
            }
            Some(text)
        });
    });
}

/// Two writers of different keys, and of the same key.
#[test]
fn two_writers() {
    model(2, || {
        set_slot_id(1);
        let keys = [shared_string(1), shared_string(101)];
        let dict = Arc::new(dict::new());
        let others = [keys[0].clone(), keys[1].clone()];
        let other = {
            let dict = dict.clone();
            thread::spawn(move || {
                set_slot_id(2);
                drop(dict.set_str(*others[0], number(1)));
                drop(dict.set_str(*others[1], number(2)));
                drop(others);
            })
        };
        drop(dict.set_str(*keys[0], number(3)));
        other.join().unwrap();
        let first = dict.get_str(*keys[0]).and_then(|value| value.as_small_int());
        assert!(first == Some(1) || first == Some(3));
        assert_eq!(dict.get_str(*keys[1]).and_then(|value| value.as_small_int()), Some(2));
        assert_eq!(dict.len(), 2);
    });
}
