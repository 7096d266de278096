//! The one-byte object lock with parking (runtime/src/object/lock.rs): mutual exclusion, and no lost wake-up.
#![cfg(loom)]

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use pyrt_loom_tests::object::lock;
use pyrt_loom_tests::sync::AtomicU8;

struct Guarded {
    byte: AtomicU8,
    value: UnsafeCell<u32>,
}

// SAFETY: `value` is only touched with the lock held; loom checks that.
unsafe impl Sync for Guarded {}
// SAFETY: as above.
unsafe impl Send for Guarded {}

fn increment(guarded: &Guarded) {
    lock::acquire(&guarded.byte);
    // SAFETY: the lock is held; loom's cell reports any overlap.
    guarded.value.with_mut(|value| unsafe { *value += 1 });
    lock::release(&guarded.byte);
}

#[test]
fn two_threads_exclude_each_other_and_both_finish() {
    loom::model(|| {
        let guarded = Arc::new(Guarded { byte: AtomicU8::new(0), value: UnsafeCell::new(0) });
        let other = {
            let guarded = guarded.clone();
            thread::spawn(move || increment(&guarded))
        };
        increment(&guarded);
        other.join().unwrap();
        // SAFETY: the other thread has ended.
        guarded.value.with(|value| assert_eq!(unsafe { *value }, 2));
    });
}

/// Mutant: without the lock loom must see the overlap.
#[test]
#[should_panic]
fn mutant_without_the_lock() {
    loom::model(|| {
        let guarded = Arc::new(Guarded { byte: AtomicU8::new(0), value: UnsafeCell::new(0) });
        let other = {
            let guarded = guarded.clone();
            // SAFETY: none: this is the mistake.
            thread::spawn(move || guarded.value.with_mut(|value| unsafe { *value += 1 }))
        };
        increment(&guarded);
        other.join().unwrap();
    });
}
