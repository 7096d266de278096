//! The contract of `runtime/src/threads/parking.rs` on loom's primitives: `validate` runs with the bucket locked, the
//! waker's callback too, and a waiter that was queued is woken exactly once.

use loom::sync::{Arc, Condvar, Mutex};

struct Waiter {
    address: usize,
    woken: Mutex<bool>,
    signal: Condvar,
}

loom::lazy_static! {
    static ref BUCKET: Mutex<Vec<Arc<Waiter>>> = Mutex::new(Vec::new());
}

/// Sleeps until [`unpark_one`] on `address`, if `validate` holds once the bucket is locked.
pub fn park(address: usize, validate: impl FnOnce() -> bool) {
    let waiter = {
        let mut queue = BUCKET.lock().unwrap();
        if !validate() {
            return;
        }
        let waiter = Arc::new(Waiter { address, woken: Mutex::new(false), signal: Condvar::new() });
        queue.push(waiter.clone());
        waiter
    };
    let mut woken = waiter.woken.lock().unwrap();
    while !*woken {
        woken = waiter.signal.wait(woken).unwrap();
    }
}

/// Wakes the longest-waiting thread of `address`; `before` is told, under the bucket's lock, whether more wait.
pub fn unpark_one(address: usize, before: impl FnOnce(bool)) {
    let mut queue = BUCKET.lock().unwrap();
    let first = queue.iter().position(|waiter| waiter.address == address);
    let chosen = first.map(|at| queue.remove(at));
    before(queue.iter().any(|waiter| waiter.address == address));
    drop(queue);
    if let Some(waiter) = chosen {
        *waiter.woken.lock().unwrap() = true;
        waiter.signal.notify_one();
    }
}
