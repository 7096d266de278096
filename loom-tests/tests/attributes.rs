//! Attributes in slots of an object, their addition and their move to a dict: `peek_inline`, `load_inline`, `add_locked`,
//! `forward_locked` of runtime/src/object/attribute_slots.rs and `Slot::compare_replace`, used by
//! `attribute::{instance_get, instance_set, move_to_dict}` and by the STORE_ATTR and LOAD_ATTR forms of interp/ops/attr.rs.
//!
//! # The protocol
//! An object's shape says which attributes it has and in which slots; a slot never changes its name. Adding one is a
//! change of shape under the object's lock: the value comes before the shape. A store to an attribute that is there is one
//! exchange from the value that was seen. Deleting one, or too many, moves all attributes to a dict, under the lock: each
//! slot is exchanged for a mark, the dict gets the values, then the shape says so. A store that finds the mark goes to
//! the dict; a load that finds it waits for the lock first.
//! Cached loads and stores only compare the shape (and its version, tests/inline_cache.rs).
//!
//! # What must hold
//! * An attribute that is there all the time is found, in a slot or in the dict, with a value that it had.
//! * No store is lost; a shape with an attribute has its value.
//! * References count.
#![cfg(loom)]

use loom::sync::Arc;
use loom::thread;
use pyrt_loom_tests::heap::{count_live, safepoint, shared_string, string, text_of};
use pyrt_loom_tests::model;
use pyrt_loom_tests::object::attribute_slots::{add_locked, forward_locked, load_inline, peek_inline};
use pyrt_loom_tests::object::header::{Header, ShapeId};
use pyrt_loom_tests::object::value::{Owned, Slot};
use pyrt_loom_tests::sync::modelled::Mutant;
use pyrt_loom_tests::threads::thread_state::set_slot_id;
use pyrt_loom_tests::types::dict::{self, DictObject};

/// No attribute, the first, both: then the next one is for the dict.
const ROOT: ShapeId = 10;
const IN_DICT: ShapeId = 20;

struct Instance {
    header: Header,
    slots: [Slot; 2],
    /// In the runtime behind a slot that is filled when the object moves.
    dict: DictObject,
    names: [Owned; 2],
}

impl Instance {
    /// With the first `n` attributes: their texts are 1 and 2.
    fn new(n: usize, make: fn(u64) -> Owned) -> Arc<Instance> {
        set_slot_id(1);
        let slots = std::array::from_fn(|i| if i < n { Slot::new(make(i as u64 + 1)) } else { Slot::empty() });
        let names = [shared_string(51), shared_string(52)];
        Arc::new(Instance { header: Header::new(1, 0, ROOT + n as ShapeId), slots, dict: dict::new(), names })
    }

    /// `attribute::instance_get`.
    fn get(&self, i: usize) -> Option<Owned> {
        let shape = self.header.shape();
        if shape != IN_DICT {
            if (shape - ROOT) as usize <= i {
                return None;
            }
            if let Some(value) = load_inline(&self.slots[i], &self.header) {
                return Some(value);
            }
            drop(self.header.lock_leaf());
            assert_eq!(self.header.shape(), IN_DICT, "a shape without its value");
        }
        self.dict.get_str(*self.names[i])
    }

    /// `attribute::instance_set`; attributes are added in their order.
    fn set(&self, i: usize, value: &Owned) {
        loop {
            let shape = self.header.shape();
            if shape == IN_DICT {
                drop(self.dict.set_str(*self.names[i], value.clone()));
                return;
            }
            if (shape - ROOT) as usize > i {
                let Some(old) = peek_inline(&self.slots[i]) else {
                    self.move_to_dict();
                    continue;
                };
                if self.slots[i].compare_replace(old, value.clone()).is_ok() {
                    return;
                }
                continue;
            }
            if shape - ROOT < i as ShapeId {
                self.move_to_dict();
                continue;
            }
            let _guard = self.header.lock_leaf();
            if self.header.shape() == shape {
                add_locked(&self.header, &self.slots[i], value.clone(), shape + 1);
                return;
            }
        }
    }

    /// `attribute::move_to_dict`.
    fn move_to_dict(&self) {
        let _guard = self.header.lock_leaf();
        self.move_locked();
    }

    fn move_locked(&self) {
        let shape = self.header.shape();
        if shape == IN_DICT {
            return;
        }
        for i in 0..(shape - ROOT) as usize {
            if let Some(value) = forward_locked(&self.slots[i]) {
                drop(self.dict.set_str(*self.names[i], value));
            }
        }
        self.header.set_shape(IN_DICT);
    }

    fn text(&self, i: usize) -> Option<u64> {
        self.get(i).map(|value| text_of(*value))
    }
}

/// Runs two things beside each other on an object with so many attributes; then `check`.
fn beside(n: usize, make: fn(u64) -> Owned, first: fn(&Instance), second: fn(&Instance), check: fn(&Instance)) {
    let instance = Instance::new(n, make);
    let other = {
        let instance = instance.clone();
        thread::spawn(move || {
            set_slot_id(2);
            second(&instance);
            safepoint();
        })
    };
    first(&instance);
    safepoint();
    other.join().unwrap();
    check(&instance);
    for i in 0..2 {
        drop(instance.slots[i].replace_locked(None));
        drop(instance.dict.remove_str(*instance.names[i]));
    }
    assert_eq!(count_live(), 2, "objects are left over");
}

#[test]
fn load_against_the_move_to_a_dict() {
    model(3, || {
        beside(2, shared_string, Instance::move_to_dict, |instance| assert_eq!(instance.text(1), Some(2)), |instance| {
            assert_eq!(instance.text(0), Some(1));
        });
    });
}

#[test]
fn load_of_a_private_value_against_the_move() {
    model(3, || {
        beside(1, string, Instance::move_to_dict, |instance| assert_eq!(instance.text(0), Some(1)), |_| ());
    });
}

#[test]
fn store_against_the_move_to_a_dict() {
    model(3, || {
        beside(1, shared_string, Instance::move_to_dict, |instance| instance.set(0, &shared_string(3)), |instance| {
            assert_eq!(instance.text(0), Some(3), "a store is lost");
        });
    });
}

/// Mutant: a store that does not look whether the slot is still the attribute's.
#[test]
#[should_panic(expected = "a store is lost")]
fn mutant_store_without_exchange() {
    model(3, || {
        beside(
            1,
            shared_string,
            Instance::move_to_dict,
            |instance| {
                if instance.header.shape() == IN_DICT {
                    instance.set(0, &shared_string(3));
                } else if peek_inline(&instance.slots[0]).is_some() {
                    std::mem::forget(instance.slots[0].replace_locked(Some(shared_string(3))));
                } else {
                    instance.move_to_dict();
                    instance.set(0, &shared_string(3));
                }
            },
            |instance| assert_eq!(instance.text(0), Some(3), "a store is lost"),
        );
    });
}

/// Mutant: a load that finds the mark does not wait.
#[test]
#[should_panic(expected = "was not found")]
fn mutant_load_does_not_wait() {
    model(3, || {
        beside(
            1,
            shared_string,
            Instance::move_to_dict,
            |instance| {
                if instance.header.shape() != IN_DICT && load_inline(&instance.slots[0], &instance.header).is_none() {
                    assert!(instance.dict.get_str(*instance.names[0]).is_some(), "an attribute that is there was not found");
                }
            },
            |_| (),
        );
    });
}

fn addition_against_load() {
    beside(
        1,
        shared_string,
        |instance| instance.set(1, &shared_string(3)),
        |instance| {
            if let Some(text) = instance.text(1) {
                assert_eq!(text, 3);
            }
        },
        |instance| assert_eq!(instance.text(1), Some(3)),
    );
}

#[test]
fn addition_against_a_load() {
    model(3, addition_against_load);
}

/// Mutant: the shape comes before the value.
#[test]
#[should_panic(expected = "without its value")]
fn mutant_shape_before_value() {
    let _mutant = Mutant::without("value first");
    model(3, || {
        beside(
            1,
            shared_string,
            |instance| instance.set(1, &shared_string(3)),
            |instance| {
                // As a cached load: by the shape alone.
                if instance.header.shape() == ROOT + 2 {
                    assert!(load_inline(&instance.slots[1], &instance.header).is_some(), "a shape without its value");
                }
            },
            |_| (),
        );
    });
}

#[test]
fn two_additions_of_the_same_attribute() {
    model(3, || {
        beside(
            1,
            shared_string,
            |instance| instance.set(1, &shared_string(3)),
            |instance| instance.set(1, &shared_string(4)),
            |instance| assert!([Some(3), Some(4)].contains(&instance.text(1))),
        );
    });
}

#[test]
fn addition_against_the_move_to_a_dict() {
    model(3, || {
        beside(1, shared_string, Instance::move_to_dict, |instance| instance.set(1, &shared_string(3)), |instance| {
            assert_eq!((instance.text(0), instance.text(1)), (Some(1), Some(3)));
        });
    });
}

/// Mutant: the move does not take the lock: an addition falls between.
#[test]
#[should_panic(expected = "the move is lost")]
fn mutant_move_without_the_lock() {
    model(3, || {
        beside(
            1,
            shared_string,
            Instance::move_locked,
            |instance| {
                let guard = instance.header.lock_leaf();
                let shape = instance.header.shape();
                if shape == ROOT + 1 {
                    add_locked(&instance.header, &instance.slots[1], shared_string(3), shape + 1);
                }
                drop(guard);
            },
            |instance| assert!(instance.header.shape() == IN_DICT && instance.text(0) == Some(1), "the move is lost"),
        );
    });
}
