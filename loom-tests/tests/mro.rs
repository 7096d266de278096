//! MROs that are read without a count: `Slot::{peek, replace}` of runtime/src/object/value.rs with `Periods` and
//! `RetireList` of memory/grace.rs. Used by `TypeObject::peek_mro` (every lookup on a class), `class_creation::relinearize`
//! (assignment to `__bases__`) and `reclamation::retire_box`.
//!
//! # The protocol
//! A class holds its MRO in a slot. A lookup reads the slot and uses the tuple without taking a reference, up to the
//! thread's next safepoint. Who replaces the MRO keeps the reference to the old one, asks for a goal, and gives the
//! reference back when that period has been acknowledged by all threads.
//!
//! # What must hold
//! * A lookup never uses a tuple that is being freed or has been (loom's cell in the objects).
//! * A lookup finds the old MRO or a new one; the old one is freed in the end.
#![cfg(loom)]

use loom::sync::Arc;
use loom::thread;
use pyrt_loom_tests::heap::{count_live, shared_string, text_of};
use pyrt_loom_tests::memory::grace::{DETACHED, Periods, RetireList};
use pyrt_loom_tests::model;
use pyrt_loom_tests::object::header::Header;
use pyrt_loom_tests::object::value::{Owned, Slot};
use pyrt_loom_tests::sync::AtomicU64;
use pyrt_loom_tests::threads::thread_state::set_slot_id;

struct Class {
    header: Header,
    mro: Slot,
    periods: Periods,
    words: [AtomicU64; 2],
}

impl Class {
    fn look_up(&self) -> u64 {
        let text = self.mro.peek().map(text_of);
        assert!([Some(1), Some(2)].contains(&text), "found what was never the MRO");
        text.unwrap_or(0)
    }
}

fn lookups_against(retire: fn(&Class, Owned, &mut RetireList<Owned>)) {
    set_slot_id(1);
    let class = Arc::new(Class {
        header: Header::new(1, 0, 0),
        mro: Slot::new(shared_string(1)),
        periods: Periods::new(),
        words: std::array::from_fn(|_| AtomicU64::new(DETACHED)),
    });
    class.words.iter().for_each(|own| class.periods.attach(own));
    let reader = {
        let class = class.clone();
        thread::spawn(move || {
            set_slot_id(2);
            let first = class.look_up();
            class.periods.acknowledge(&class.words[1]);
            assert!(class.look_up() >= first, "an old MRO came back");
            Periods::detach(&class.words[1]);
        })
    };
    let mut list = RetireList::new();
    if let Some(old) = class.mro.replace(&class.header, Some(shared_string(2))) {
        retire(&class, old, &mut list);
    }
    let reclaim = |list: &mut RetireList<Owned>| {
        class.periods.advance();
        class.periods.acknowledge(&class.words[0]);
        let oldest = class.periods.oldest(|visit| class.words.iter().for_each(visit));
        drop(list.take_ready(oldest));
    };
    reclaim(&mut list);
    // The block of the old one may be another object's.
    let next = shared_string(99);
    reader.join().unwrap();
    reclaim(&mut list);
    assert!(list.is_empty(), "never freed");
    drop(next);
    drop(class.mro.replace(&class.header, None));
    assert_eq!(count_live(), 0, "objects are left over");
}

#[test]
fn lookups_against_replacement() {
    model(3, || lookups_against(|class, old, list| {
        list.push(class.periods.goal(), old, 8);
    }));
}

/// Mutant: the old MRO is given back at once.
#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_no_grace_period() {
    model(3, || lookups_against(|_, old, _| drop(old)));
}
