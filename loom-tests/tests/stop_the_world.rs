//! Stopping the world against attaching, detaching, coming and claiming: `World`, `Member` and `claim` of
//! runtime/src/threads/world.rs, used by `thread_state::{attach, detach, queue_for_owner}`, `stop_the_world::{stop, suspend}`
//! and the safepoints.
//!
//! # The protocol
//! A thread's state is detached, attached, suspended or claimed; every change is made from or to *detached*. A thread
//! attaches by one exchange and then looks whether somebody stops the world (`World::attach`); who stops it announces
//! that and then looks at all threads (`World::stop`): detached ones are suspended by one exchange, attached ones are
//! asked to come to a safepoint, where they detach and wait (`suspend`). The stopper sleeps until a thread that detaches
//! tells it (`World::detach`). Claims are short: an attached thread takes the place of a detached one.
//!
//! # What must hold
//! * While the world is stopped no other thread touches objects: here each thread writes a cell of its own while it is
//!   attached, and the stopper writes all cells; loom reports accesses without order.
//! * Nobody sleeps for ever: conditions are waited for without a time limit, so that loom reports a deadlock.
//! * A thread that is not on the list yet when the stopper looks does not run beside it.
//!
//! # Who needs sequential consistency
//! Both pairs of steps: announce and look, against attach and look; announce and look, against detach and look.
#![cfg(loom)]

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;
use pyrt_loom_tests::model;
use pyrt_loom_tests::sync::modelled::without_fences;
use pyrt_loom_tests::sync::{AtomicU8, AtomicU32, LeafMutex, Ordering};
use pyrt_loom_tests::threads::world::{self, Member, REQUEST_STOP, STATE_ATTACHED, STATE_DETACHED, World};

struct Thread {
    state: AtomicU8,
    requests: AtomicU32,
    /// Stands for the objects that the thread uses.
    objects: UnsafeCell<u32>,
}

// SAFETY: loom's cells report unordered accesses.
unsafe impl Sync for Thread {}
// SAFETY: as above.
unsafe impl Send for Thread {}

impl Member for Thread {
    fn state(&self) -> &AtomicU8 {
        &self.state
    }

    fn requests(&self) -> &AtomicU32 {
        &self.requests
    }
}

impl Thread {
    fn new() -> Arc<Thread> {
        Arc::new(Thread { state: AtomicU8::new(STATE_DETACHED), requests: AtomicU32::new(0), objects: UnsafeCell::new(0) })
    }

    fn use_objects(&self) {
        // SAFETY: what is being checked.
        self.objects.with_mut(|used| unsafe { *used += 1 });
    }
}

struct Process {
    world: World,
    threads: LeafMutex<Vec<Arc<Thread>>>,
}

impl Process {
    fn new(threads: &[&Arc<Thread>]) -> Arc<Process> {
        Arc::new(Process { world: World::new(), threads: LeafMutex::new(threads.iter().map(|thread| (*thread).clone()).collect()) })
    }

    fn for_each(&self, visit: &mut dyn FnMut(&Thread)) {
        self.threads.lock().iter().for_each(|thread| visit(thread));
    }

    /// `stop_the_world::suspend`.
    fn suspend(&self, me: &Thread) {
        me.requests.fetch_and(!REQUEST_STOP, Ordering::Relaxed);
        self.world.detach(me);
        self.world.wait_until_running();
        self.world.attach(me);
    }

    fn safepoint(&self, me: &Thread) {
        if me.requests.load(Ordering::Acquire) & REQUEST_STOP != 0 {
            self.suspend(me);
        }
    }

    /// Stops the world and uses the objects of all threads.
    fn stop_and_use_all(&self, me: &Thread) {
        self.world.stop(me, |visit| self.for_each(visit), || self.suspend(me));
        self.for_each(&mut Thread::use_objects);
        self.world.resume(|visit| self.for_each(visit));
    }
}

/// An attached thread that passes a safepoint, and one that stops the world.
fn running_thread(detach: fn(&World, &Thread)) {
    let (stopper, runner) = (Thread::new(), Thread::new());
    let process = Process::new(&[&stopper, &runner]);
    process.world.attach(&*stopper);
    process.world.attach(&*runner);
    let running = {
        let process = process.clone();
        thread::spawn(move || {
            runner.use_objects();
            process.safepoint(&runner);
            runner.use_objects();
            detach(&process.world, &runner);
        })
    };
    process.stop_and_use_all(&stopper);
    stopper.use_objects();
    process.world.detach(&*stopper);
    running.join().unwrap();
}

#[test]
fn running_thread_against_a_stop() {
    model(3, || running_thread(|world, me| world.detach(me)));
}

/// Mutant: the thread looks for a stopper before it can be seen detached: the stopper sleeps for ever.
#[test]
#[should_panic(expected = "deadlock")]
fn mutant_detach_without_fence() {
    model(3, || running_thread(|world, me| without_fences(|| world.detach(me))));
}

/// Mutant: the stopper is not told.
#[test]
#[should_panic(expected = "deadlock")]
fn mutant_stopper_is_not_told() {
    model(3, || running_thread(|_, me| me.state.store(STATE_DETACHED, Ordering::Release)));
}

/// A detached thread that attaches and detaches, beside one that stops the world.
fn attaching_thread(attach: fn(&World, &Thread)) {
    let (stopper, other) = (Thread::new(), Thread::new());
    let process = Process::new(&[&stopper]);
    process.world.attach(&*stopper);
    let attaching = {
        let process = process.clone();
        thread::spawn(move || {
            // It comes while the world may be stopped already.
            process.threads.lock().push(other.clone());
            attach(&process.world, &other);
            other.use_objects();
            process.safepoint(&other);
            other.use_objects();
            process.world.detach(&*other);
        })
    };
    process.stop_and_use_all(&stopper);
    process.world.detach(&*stopper);
    attaching.join().unwrap();
}

#[test]
fn coming_thread_against_a_stop() {
    model(3, || attaching_thread(|world, me| world.attach(me)));
}

/// Mutant: a thread that came after the stopper had looked does not look for the stopper.
#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_attach_without_looking() {
    model(3, || attaching_thread(|_, me| {
        while me.state.compare_exchange(STATE_DETACHED, STATE_ATTACHED, Ordering::Acquire, Ordering::Relaxed).is_err() {
            thread::yield_now();
        }
    }));
}

/// Two threads that want to stop the world at once.
#[test]
fn two_stoppers() {
    model(2, || {
        let (first, second) = (Thread::new(), Thread::new());
        let process = Process::new(&[&first, &second]);
        process.world.attach(&*first);
        process.world.attach(&*second);
        let other = {
            let process = process.clone();
            thread::spawn(move || {
                second.use_objects();
                process.stop_and_use_all(&second);
                second.use_objects();
                process.world.detach(&*second);
            })
        };
        process.stop_and_use_all(&first);
        first.use_objects();
        process.world.detach(&*first);
        other.join().unwrap();
    });
}

/// A thread that waits detached is claimed by one, while it wakes up and attaches, and a third stops the world.
fn claimed_thread(claim: fn(&Thread) -> bool) {
    let (waiting, claimer, stopper) = (Thread::new(), Thread::new(), Thread::new());
    let process = Process::new(&[&waiting, &claimer, &stopper]);
    process.world.attach(&*claimer);
    process.world.attach(&*stopper);
    let waking = {
        let (process, waiting) = (process.clone(), waiting.clone());
        thread::spawn(move || {
            process.world.attach(&*waiting);
            waiting.use_objects();
            process.world.detach(&*waiting);
        })
    };
    let claiming = {
        let process = process.clone();
        thread::spawn(move || {
            if claim(&waiting) {
                waiting.use_objects();
                process.world.let_go(&*waiting);
            }
            process.world.detach(&*claimer);
        })
    };
    process.stop_and_use_all(&stopper);
    process.world.detach(&*stopper);
    waking.join().unwrap();
    claiming.join().unwrap();
}

#[test]
fn claim_against_attach_and_stop() {
    model(2, || claimed_thread(|thread| world::claim(thread)));
}

/// Mutant: the claimer only looks whether the thread is detached.
#[test]
#[should_panic(expected = "Causality violation")]
fn mutant_claim_without_exchange() {
    model(2, || claimed_thread(|thread| thread.state.load(Ordering::Acquire) == STATE_DETACHED));
}
