//! Weak references against the death of what they refer to, and their own: `register`, `upgrade`, `references_of`,
//! `has_callbacks`, `clear_without_callbacks`, `take_callbacks`, `forget` of runtime/src/types/weak_table.rs, `try_retain`,
//! `mark_maybe_shared`, `revive` of object/refcount.rs.
//!
//! # The protocol
//! The references to an object are on a list in a side table, under a lock that goes by the object's address. Making the
//! first one marks the object, so that its owner does not free it without looking, and so that trial by others can
//! succeed. `upgrade` takes the lock, looks whether the reference still has the address, and takes a count by trial: the
//! object is on the table, hence its memory is still its own. A dying object leaves the table under the lock, and each
//! reference loses the address, before the memory is given back. If a callback is due the object is revived for that
//! time, and references whose callbacks are to be called are held.
//! A weak reference that dies leaves the list under the lock, unless it has lost its address.
//!
//! # What must hold
//! * `upgrade` gives the object, alive, or nothing; never what is in its block by then.
//! * After the object's death `upgrade` gives nothing.
//! * The table does not touch a weak reference that is gone, nor calls anything twice.
#![cfg(loom)]

use loom::sync::Arc;
use loom::thread;
use pyrt_loom_tests::heap::{CALLBACK, count_live, referent_of, replace_callback, safepoint, settle, shared_string, string, text_of, weak_reference};
use pyrt_loom_tests::model;
use pyrt_loom_tests::object::lifetime;
use pyrt_loom_tests::object::value::{Owned, Value};
use pyrt_loom_tests::sync::modelled::Mutant;
use pyrt_loom_tests::threads::thread_state::set_slot_id;
use pyrt_loom_tests::types::weak_table;

fn make_reference(referent: Value, callback: Option<Owned>) -> Owned {
    weak_table::register(referent, callback.is_some(), |_| true, || weak_reference(referent, callback))
}

/// The owner lets the object go and uses its block again, while another thread has a weak reference.
fn death_against(upgrade: fn(Value) -> Option<Owned>) {
    set_slot_id(1);
    let object = string(1);
    let reference = make_reference(*object, None);
    let own = reference.clone();
    let reader = thread::spawn(move || {
        set_slot_id(2);
        if let Some(object) = upgrade(*own) {
            assert_eq!(text_of(*object), 1, "got what was never referred to");
        }
        drop(own);
        safepoint();
    });
    drop(object);
    safepoint();
    let next = shared_string(99);
    reader.join().unwrap();
    settle();
    assert!(weak_table::upgrade(*reference).is_none(), "the object is dead");
    drop(next);
    drop(reference);
    assert_eq!(count_live(), 0, "objects are left over");
}

#[test]
fn upgrade_against_death_and_reuse() {
    model(3, || death_against(weak_table::upgrade));
}

/// Mutant: trial without the lock.
#[test]
#[should_panic(expected = "never referred to")]
fn mutant_upgrade_without_the_lock() {
    model(3, || {
        death_against(|this| {
            let value = referent_of(this)?;
            // SAFETY: the count just taken.
            lifetime::try_retain_pointer(value).then(|| unsafe { Owned::from_raw(value) })
        });
    });
}

/// A thread makes a weak reference while the owner lets the object go; both have held it.
#[test]
fn creation_against_the_owners_release() {
    model(3, || {
        set_slot_id(1);
        let object = string(1);
        let others = object.clone();
        let maker = thread::spawn(move || {
            set_slot_id(2);
            let reference = make_reference(*others, None);
            drop(others);
            safepoint();
            if let Some(object) = weak_table::upgrade(*reference) {
                assert_eq!(text_of(*object), 1);
            }
            safepoint();
            reference
        });
        drop(object);
        safepoint();
        let reference = maker.join().unwrap();
        settle();
        assert!(weak_table::upgrade(*reference).is_none(), "the object is dead");
        drop(reference);
        assert_eq!(count_live(), 0, "objects are left over");
    });
}

/// Two threads ask for the plain weak reference, of which one lets its own go.
#[test]
fn shared_reference_against_its_death() {
    model(3, || {
        set_slot_id(1);
        let object = Arc::new(shared_string(1));
        let other = {
            let object = object.clone();
            thread::spawn(move || {
                set_slot_id(2);
                let reference = make_reference(**object, None);
                assert!(weak_table::upgrade(*reference).is_some(), "the object is alive");
                drop(object);
                drop(reference);
                safepoint();
            })
        };
        drop(make_reference(**object, None));
        let again = make_reference(**object, None);
        assert!(weak_table::upgrade(*again).is_some(), "the object is alive");
        other.join().unwrap();
        drop(again);
        drop(object);
        assert_eq!(count_live(), 0, "objects are left over");
    });
}

/// The object dies with a callback due, while the weak reference dies in another thread, which then uses its block again.
fn callback_against_the_references_death() {
    set_slot_id(1);
    let object = string(1);
    // The other thread's own.
    set_slot_id(2);
    let reference = make_reference(*object, Some(string(CALLBACK)));
    set_slot_id(1);
    let other = thread::spawn(move || {
        set_slot_id(2);
        drop(reference);
        safepoint();
        // What is in the block by then must not be taken for the reference.
        let next = shared_string(99);
        replace_callback(*next, Some(string(98)));
        let other = replace_callback(*next, None);
        drop(next);
        drop(other);
        safepoint();
    });
    drop(object);
    safepoint();
    other.join().unwrap();
    assert_eq!(count_live(), 0, "objects are left over");
}

#[test]
fn callback_against_the_death_of_its_reference() {
    model(3, callback_against_the_references_death);
}

/// Mutant: a reference loses its address before it is held: it may be gone, and its block another object's.
#[test]
#[should_panic(expected = "no weak reference")]
fn mutant_reference_is_not_held() {
    let _mutant = Mutant::without("hold");
    model(4, callback_against_the_references_death);
}
