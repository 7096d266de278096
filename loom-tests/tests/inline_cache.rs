//! Cache cells and the versions that they are guarded by: `CacheCell`, `LateCells`, `is_fact` of
//! runtime/src/interp/inline_cache.rs, `Version` of object/version.rs, `RootShape` of types/root_shape.rs, beside a class's
//! dict. Used by `ops::attr::specialize_*`, `attribute::lookup_type`, `class::{type_setattr, bump_versions}`,
//! `class_layout::grow_inline_capacity`, `CodeObject::{prepare, cell}`.
//!
//! # The protocol
//! A cell's word is one fact, complete in itself: a shape, a version, and what was found. A filler reads the version, then
//! looks the attribute up, then publishes the word. A reader compares shape and version with those of the object. Who
//! changes a class bumps the versions of all its shapes before the change can be seen, for readers that have seen it, and
//! once more after it, for fillers that looked just before. No version comes twice.
//! A class's root shape may be replaced by a wider one. It is put on the list of shapes first; who bumps reads the latest
//! root before the list. Who allocates reads the root before the capacity.
//! Code gets its cells when it first runs. Then an opcode is stored that says so; who reads that opcode and passes a fence
//! sees the cells.
//!
//! # What must hold
//! * When a change of the class is over, no cell speaks of what was before.
//! * A thread that has seen the change is not told the contrary by a cell.
//! * An object has room for the slots of its shape.
#![cfg(loom)]

use loom::sync::Arc;
use loom::thread;
use pyrt_loom_tests::heap::shared_string;
use pyrt_loom_tests::interp::inline_cache::{CacheCell, LateCells, is_fact, pack, shape_of, slot_of};
use pyrt_loom_tests::model;
use pyrt_loom_tests::object::header::ShapeId;
use pyrt_loom_tests::object::value::{Owned, Value};
use pyrt_loom_tests::object::version::Version;
use pyrt_loom_tests::sync::modelled::Mutant;
use pyrt_loom_tests::sync::{AtomicU32, LeafMutex, Ordering, fence};
use pyrt_loom_tests::threads::thread_state::set_slot_id;
use pyrt_loom_tests::types::dict::{self, DictObject};
use pyrt_loom_tests::types::root_shape::RootShape;

const KIND: u8 = 1;
/// Root shapes of the class: with 2 slots, and with 8.
const NARROW: ShapeId = 0;
const WIDE: ShapeId = 1;

struct Class {
    versions: [Version; 2],
    root: RootShape,
    /// Shapes besides the root.
    shapes: LeafMutex<Vec<ShapeId>>,
    attributes: DictObject,
    names: [Owned; 2],
    cell: CacheCell,
}

fn number(n: i64) -> Owned {
    // SAFETY: an immediate.
    unsafe { Owned::from_raw(Value::plain_int(n)) }
}

impl Class {
    /// Both attributes are 1.
    fn new() -> Arc<Class> {
        set_slot_id(1);
        let class = Class {
            versions: [Version::new(), Version::new()],
            root: RootShape::new(),
            shapes: LeafMutex::new(Vec::new()),
            attributes: dict::new(),
            names: [shared_string(1), shared_string(2)],
            cell: CacheCell::default(),
        };
        class.root.set_capacity(2);
        class.root.set(NARROW);
        for name in &class.names {
            drop(class.attributes.set_str(**name, number(1)));
        }
        Arc::new(class)
    }

    fn version(&self, shape: ShapeId) -> &Version {
        &self.versions[shape as usize]
    }

    /// `class::bump_versions`, with a way to read the root.
    fn bump(&self, root: fn(&RootShape) -> ShapeId) {
        let root = root(&self.root);
        let shapes = self.shapes.lock().clone();
        self.version(root).bump();
        shapes.into_iter().for_each(|shape| self.version(shape).bump());
    }

    fn assign(&self, name: usize, value: i64) {
        drop(self.attributes.set_str(*self.names[name], number(value)));
    }

    /// `class::type_setattr`.
    fn set(&self, name: usize, value: i64) {
        self.bump(RootShape::latest);
        self.assign(name, value);
        self.bump(RootShape::latest);
    }

    fn look_up(&self, name: usize) -> usize {
        self.attributes.get_str(*self.names[name]).and_then(|value| value.as_small_int()).expect("it is always there") as usize
    }

    /// The version first.
    fn fill(&self, name: usize) {
        let shape = self.root.shape();
        let version = self.version(shape).get();
        let found = self.look_up(name);
        self.cell.publish(pack(shape, version, found, KIND));
    }

    /// What the cell says of objects of the shape that it names.
    fn read(&self) -> Option<usize> {
        let word = self.cell.word();
        let shape = shape_of(word);
        is_fact(word, shape, self.version(shape).get(), KIND).then(|| slot_of(word))
    }
}

/// A filler beside a change; when both are over the cell does not speak of what was before.
fn fill_against_change(change: fn(&Class), fill: fn(&Class)) {
    let class = Class::new();
    let other = {
        let class = class.clone();
        thread::spawn(move || {
            set_slot_id(2);
            fill(&class);
        })
    };
    change(&class);
    other.join().unwrap();
    assert!(class.read().is_none_or(|found| found == 2), "the cell says what was before");
}

#[test]
fn fill_against_a_change_of_the_class() {
    model(3, || fill_against_change(|class| class.set(0, 2), |class| class.fill(0)));
}

/// Mutant: the version only changes before the change.
#[test]
#[should_panic(expected = "what was before")]
fn mutant_no_bump_after_the_change() {
    model(3, || {
        fill_against_change(
            |class| {
                class.bump(RootShape::latest);
                class.assign(0, 2);
            },
            |class| class.fill(0),
        );
    });
}

/// Mutant: the filler reads the version after the lookup.
#[test]
#[should_panic(expected = "what was before")]
fn mutant_version_is_read_late() {
    model(3, || {
        fill_against_change(
            |class| class.set(0, 2),
            |class| {
                let found = class.look_up(0);
                let shape = class.root.shape();
                class.cell.publish(pack(shape, class.version(shape).get(), found, KIND));
            },
        );
    });
}

/// Who has seen the change is not told the contrary.
fn read_after_seeing(change: fn(&Class)) {
    let class = Class::new();
    class.fill(0);
    let other = {
        let class = class.clone();
        thread::spawn(move || {
            set_slot_id(2);
            if class.look_up(0) == 2 {
                assert!(class.read().is_none_or(|found| found == 2), "the cell says what was before");
            }
        })
    };
    change(&class);
    other.join().unwrap();
}

#[test]
fn read_by_who_has_seen_the_change() {
    model(3, || read_after_seeing(|class| class.set(0, 2)));
}

/// Mutant: the version only changes after the change.
#[test]
#[should_panic(expected = "what was before")]
fn mutant_no_bump_before_the_change() {
    model(3, || {
        read_after_seeing(|class| {
            class.assign(0, 2);
            class.bump(RootShape::latest);
        });
    });
}

/// Two threads change two attributes, a third fills a cell with the first.
fn two_changes(bump: fn(&Class)) {
    let class = Class::new();
    let change = move |class: &Class, name| {
        bump(class);
        class.assign(name, 2);
        bump(class);
    };
    let filler = {
        let class = class.clone();
        thread::spawn(move || {
            set_slot_id(2);
            class.fill(0);
        })
    };
    let other = {
        let class = class.clone();
        thread::spawn(move || {
            set_slot_id(3);
            change(&class, 1);
        })
    };
    change(&class, 0);
    filler.join().unwrap();
    other.join().unwrap();
    assert!(class.read().is_none_or(|found| found == 2), "the cell says what was before");
}

#[test]
fn two_changes_against_a_fill() {
    model(2, || two_changes(|class| class.bump(RootShape::latest)));
}

/// Mutant: bumps that do not know of each other give a number twice, or an old one again.
#[test]
#[should_panic(expected = "what was before")]
fn mutant_bump_without_exchange() {
    let _mutant = Mutant::without("exchange");
    model(2, || two_changes(|class| class.bump(RootShape::latest)));
}

#[test]
fn bumps_give_different_numbers() {
    model(3, || {
        let version = Arc::new(Version::new());
        let other = {
            let version = version.clone();
            thread::spawn(move || version.bump())
        };
        version.bump();
        other.join().unwrap();
        assert_eq!(version.get(), 3, "a version came twice");
    });
}

/// The root shape is replaced by a wider one while the class changes and a cell is filled.
fn growth_against_change(root: fn(&RootShape) -> ShapeId) {
    let class = Class::new();
    let grower = {
        let class = class.clone();
        thread::spawn(move || {
            set_slot_id(2);
            class.root.widen(2, 8, || Some(WIDE), |old| class.shapes.lock().push(old));
            class.fill(0);
        })
    };
    class.bump(root);
    class.assign(0, 2);
    class.bump(root);
    grower.join().unwrap();
    assert!(class.read().is_none_or(|found| found == 2), "the cell says what was before");
}

#[test]
fn growing_root_against_a_change_of_the_class() {
    model(3, || growth_against_change(RootShape::latest));
}

/// Mutant: who changes the class may see an old root.
#[test]
#[should_panic(expected = "what was before")]
fn mutant_old_root_is_bumped() {
    model(3, || growth_against_change(RootShape::shape));
}

/// Objects made while the root grows have room for what their shape says.
fn allocation(read: fn(&RootShape) -> (ShapeId, usize)) {
    let root = Arc::new(RootShape::new());
    root.set_capacity(2);
    root.set(NARROW);
    let grower = {
        let root = root.clone();
        thread::spawn(move || root.widen(2, 8, || Some(WIDE), |_| ()))
    };
    let (shape, capacity) = read(&root);
    assert!(capacity >= if shape == WIDE { 8 } else { 2 }, "no room for the attributes of the shape");
    grower.join().unwrap();
}

#[test]
fn allocation_against_a_growing_root() {
    model(3, || {
        allocation(|root| {
            let shape = root.shape();
            (shape, root.capacity())
        });
    });
}

/// Mutant: the capacity is read first.
#[test]
#[should_panic(expected = "no room")]
fn mutant_capacity_is_read_first() {
    model(3, || {
        allocation(|root| {
            let capacity = root.capacity();
            (root.shape(), capacity)
        });
    });
}

const UNPREPARED: u32 = 0;
const PREPARED: u32 = 1;

/// Two threads run the same code for the first time: RESUME, then an instruction with a cell.
fn first_run(see: fn()) {
    set_slot_id(1);
    let code = Arc::new((LateCells::new(2), AtomicU32::new(UNPREPARED)));
    let run = move |code: &(LateCells, AtomicU32), text: u64| {
        let (cells, opcode) = code;
        if opcode.load(Ordering::Relaxed) == PREPARED {
            see();
        } else {
            cells.prepare();
            opcode.store(PREPARED, Ordering::Release);
        }
        // SAFETY: what is being checked.
        let cell = unsafe { cells.get(1) };
        // One of the two gives the cell its object.
        let object = shared_string(text);
        let word = *object;
        if cell.set_object(object) {
            assert!(cell.object().is_some_and(|now| now.bits() == word.bits()));
        }
        assert!(cell.object().is_some(), "the cell has no object");
    };
    let other = {
        let code = code.clone();
        thread::spawn(move || {
            set_slot_id(2);
            run(&code, 2);
        })
    };
    run(&code, 1);
    other.join().unwrap();
}

#[test]
fn two_first_runs_of_code() {
    model(3, || first_run(|| fence(Ordering::Acquire)));
}

/// Mutant: RESUME does not wait for what the opcode was stored after.
#[test]
#[should_panic(expected = "cannot be seen")]
fn mutant_resume_without_fence() {
    model(3, || first_run(|| ()));
}
