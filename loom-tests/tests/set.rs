//! Lookups in a set against insertion, deletion and resizing: `SetObject::{find_by, next_entry, insert_locked,
//! remove_index_locked}` of runtime/src/types/set/storage.rs and `Table` of types/set/table.rs, on `Slot` of
//! object/value.rs.
//!
//! # The protocol
//! As for dicts (tests/dict.rs), with one table of hashes and keys: a place is empty, taken or a dummy, in this order and
//! never back. Its hash is stored before its key; deleting stores the hash of dummies before it takes the key away. So a
//! search that finds no key at a place knows whether it ends there.
//!
//! # What must hold
//! * A key that is there all the time is found; one that goes is found or not, and no other object in its place.
//! * Keys are only compared while a reference holds them; references count.
#![cfg(loom)]

use std::convert::Infallible;

use loom::sync::Arc;
use loom::thread;
use pyrt_loom_tests::heap::{count_live, safepoint, shared_string, string, text_of};
use pyrt_loom_tests::model;
use pyrt_loom_tests::object::value::{Owned, Value};
use pyrt_loom_tests::sync::modelled::Mutant;
use pyrt_loom_tests::threads::thread_state::set_slot_id;
use pyrt_loom_tests::types::set::storage::Verdict;
use pyrt_loom_tests::types::set::{self, SetObject};

fn hash(text: u64) -> i64 {
    (text % 100) as i64
}

/// Looks a key up by hash and text; hands its text out as it was while it was held.
fn find(set: &SetObject, text: u64) -> Option<usize> {
    let Ok(found) = set.find_by(
        hash(text),
        |_| false,
        |candidate| {
            let own = text_of(*candidate);
            assert!(own < 99, "compared a key that was never there: {own}");
            Ok::<_, Infallible>(if own == text { Verdict::Same } else { Verdict::Other })
        },
    );
    found
}

/// As `SetObject::add_hashed` and `remove_hashed`.
fn add(set: &SetObject, key: Value) {
    loop {
        let changes = set.changes();
        let found = find(set, text_of(key));
        let _guard = set.header().lock_leaf();
        if set.changes() == changes {
            if found.is_none() {
                set.insert(key, hash(text_of(key)));
            }
            return;
        }
    }
}

fn remove(set: &SetObject, text: u64) -> Option<Owned> {
    loop {
        let changes = set.changes();
        let index = find(set, text)?;
        let guard = set.header().lock_leaf();
        if set.changes() == changes {
            let removed = set.remove(index);
            drop(guard);
            return removed;
        }
    }
}

/// Runs `read` beside `write` on a set of four keys, whose table is full.
fn against(make: fn(u64) -> Owned, read: fn(&SetObject), write: fn(&SetObject)) {
    set_slot_id(1);
    let set = Arc::new(set::new());
    for text in 1..5 {
        add(&set, *make(text));
    }
    let reader = {
        let set = set.clone();
        thread::spawn(move || {
            set_slot_id(2);
            read(&set);
            safepoint();
        })
    };
    write(&set);
    reader.join().unwrap();
    while let Some(entry) = set.next_entry(&mut 0) {
        drop(remove(&set, text_of(*entry.key)));
    }
    safepoint();
    assert_eq!(count_live(), 0, "objects are left over");
}

fn grow(set: &SetObject) {
    add(set, *shared_string(5));
}

/// The table is replaced, a key goes and dies, and another object gets its block.
fn grow_remove_reuse(set: &SetObject, make: fn(u64) -> Owned) {
    grow(set);
    drop(remove(set, 1));
    safepoint();
    drop(make(199));
}

#[test]
fn present_key_against_growth() {
    model(2, || against(shared_string, |set| assert!(find(set, 3).is_some(), "a key that is there was not found"), grow));
}

#[test]
fn lookup_against_growth_removal_and_reuse() {
    model(2, || against(shared_string, |set| { let _ = find(set, 1); }, |set| grow_remove_reuse(set, shared_string)));
}

#[test]
fn lookup_of_private_keys() {
    model(2, || against(string, |set| { let _ = find(set, 1); }, |set| grow_remove_reuse(set, string)));
}

/// Mutant: the reader does not look whether the table is still in place.
#[test]
#[should_panic(expected = "never there")]
fn mutant_no_second_look() {
    let _mutant = Mutant::without("second look");
    model(2, || against(shared_string, |set| { let _ = find(set, 1); }, |set| grow_remove_reuse(set, shared_string)));
}

/// Both texts have the same hash: the second lies behind the first.
#[test]
fn key_behind_one_that_goes() {
    model(3, || {
        set_slot_id(1);
        let set = Arc::new(set::new());
        for text in [1, 51] {
            set.insert(*shared_string(text), 1);
        }
        let reader = {
            let set = set.clone();
            thread::spawn(move || {
                set_slot_id(2);
                let Ok(found) = set.find_by(1, |_| false, |candidate| {
                    Ok::<_, Infallible>(if text_of(*candidate) == 51 { Verdict::Same } else { Verdict::Other })
                });
                assert!(found.is_some(), "a key that is there was not found");
            })
        };
        let guard = set.header().lock_leaf();
        let removed = set.remove(1);
        drop(guard);
        drop(removed);
        set.insert(*shared_string(2), 2);
        reader.join().unwrap();
    });
}

/// Two threads add the same key: it is there once.
#[test]
fn two_writers() {
    model(2, || {
        set_slot_id(1);
        let set = Arc::new(set::new());
        let other = {
            let set = set.clone();
            thread::spawn(move || {
                set_slot_id(2);
                add(&set, *shared_string(1));
                add(&set, *shared_string(2));
            })
        };
        add(&set, *shared_string(1));
        other.join().unwrap();
        assert_eq!(set.len(), 2);
    });
}
