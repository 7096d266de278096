//! Who may touch objects: threads attach and detach, one of them may stop all others, and an attached thread may claim one
//! that is detached.
//!
//! # A thread's state
//! * [`STATE_DETACHED`] to [`STATE_ATTACHED`] and back: the thread itself.
//! * [`STATE_DETACHED`] to [`STATE_SUSPENDED`] and back: whoever has stopped the world.
//! * [`STATE_DETACHED`] to [`STATE_CLAIMED`] and back: an attached thread, for a few instructions.
//!
//! # Why no thread runs in a stopped world
//! The stopper announces itself and then looks at every thread; a thread attaches and then looks for a stopper. A fence
//! between the two steps on both sides lets at least one of them see the other. Who is seen attached is asked to suspend
//! itself at its next safepoint; who sees a stopper goes back. A thread that is not on the list yet when the stopper looks
//! sees the announcement, because the list's lock comes between.
//! In the same way a thread that detaches is seen by the stopper, or sees it and tells it.

use crate::sync::{AtomicBool, AtomicU8, AtomicU32, LeafCondvar, LeafMutex, Ordering, const_unless_loom, fence, yield_now};

/// Stop for a stop-the-world pause: a bit of [`Member::requests`].
pub const REQUEST_STOP: u32 = 1 << 0;

/// The thread does not touch objects.
pub const STATE_DETACHED: u8 = 0;
/// The thread runs Python code.
pub const STATE_ATTACHED: u8 = 1;
/// The thread is held by a stopped world: it may not attach.
pub const STATE_SUSPENDED: u8 = 2;
/// Another thread works on what belongs to this detached thread.
pub const STATE_CLAIMED: u8 = 3;

/// A thread as the world sees it.
pub trait Member {
    fn state(&self) -> &AtomicU8;
    /// Bits that the thread polls at safepoints.
    fn requests(&self) -> &AtomicU32;
}

fn address_of<M: Member>(member: &M) -> usize {
    std::ptr::from_ref(member).addr()
}

/// Claims a detached thread: until it is [let go](World::let_go) it cannot attach, and what is its own is the caller's.
/// The caller is attached and passes no safepoint meanwhile.
pub fn claim(member: &impl Member) -> bool {
    // Acquire: what the thread did before it detached is visible here.
    member.state().compare_exchange(STATE_DETACHED, STATE_CLAIMED, Ordering::Acquire, Ordering::Relaxed).is_ok()
}

pub struct World {
    /// The address of who stops the world, 0 for nobody.
    stopper: LeafMutex<usize>,
    /// Whether somebody does, for those who look without the lock.
    stopping: AtomicBool,
    /// Signalled when a thread detaches while the world is being stopped.
    arrived: LeafCondvar,
    /// Signalled when the world runs again.
    resumed: LeafCondvar,
}

impl World {
    const_unless_loom! {
        pub fn new() -> World {
            World {
                stopper: LeafMutex::new(0),
                stopping: AtomicBool::new(false),
                arrived: LeafCondvar::new(),
                resumed: LeafCondvar::new(),
            }
        }
    }

    /// Lets `me` touch objects, as soon as nobody stops the world or has claimed the thread.
    #[inline]
    pub fn attach(&self, me: &impl Member) {
        loop {
            // Acquire: pairs with the Release of whoever held the thread.
            match me.state().compare_exchange(STATE_DETACHED, STATE_ATTACHED, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => {
                    // A world that began to stop before this thread was seen attached must not run beside it.
                    if !self.is_stopped_without(me) {
                        return;
                    }
                    self.detach(me);
                    self.wait_until_running();
                }
                Err(STATE_CLAIMED) => yield_now(),
                Err(_) => self.wait_until_running(),
            }
        }
    }

    fn is_stopped_without(&self, me: &impl Member) -> bool {
        // SeqCst: either this thread sees the stopper, or the stopper sees this thread attached.
        fence(Ordering::SeqCst);
        // Acquire: pairs with the Release in `resume`, for a thread that came when the stopper had looked.
        self.stopping.load(Ordering::Acquire) && ![0, address_of(me)].contains(&*self.stopper.lock())
    }

    /// `me` touches no objects from here on.
    #[inline]
    pub fn detach(&self, me: &impl Member) {
        // Release: everything done so far is visible to who claims or suspends the thread.
        me.state().store(STATE_DETACHED, Ordering::Release);
        self.note_detached();
    }

    /// Ends a [`claim`].
    pub fn let_go(&self, member: &impl Member) {
        // Release: what was done to what is the thread's own is visible to it.
        member.state().store(STATE_DETACHED, Ordering::Release);
        self.note_detached();
    }

    /// Tells who is stopping the world, if anybody, that a thread has detached.
    #[inline]
    fn note_detached(&self) {
        // SeqCst: either this thread sees the stopper, or the stopper sees it detached.
        fence(Ordering::SeqCst);
        if self.stopping.load(Ordering::Relaxed) {
            let _stopper = self.stopper.lock();
            self.arrived.notify_all();
        }
    }

    /// A detached thread waits for a stopped world to end.
    pub fn wait_until_running(&self) {
        let mut stopper = self.stopper.lock();
        while *stopper != 0 {
            self.resumed.wait(&mut stopper);
        }
    }

    /// Stops the world around `me`, which is attached. `for_each` shows all threads; `suspend` detaches `me`, waits until
    /// the world runs and attaches it again.
    pub fn stop<M: Member>(&self, me: &M, for_each: impl Fn(&mut dyn FnMut(&M)), mut suspend: impl FnMut()) {
        let mut stopper = loop {
            let mut stopper = self.stopper.lock();
            if *stopper == 0 {
                *stopper = address_of(me);
                break stopper;
            }
            // Another thread stops the world: suspend for it, then try again.
            drop(stopper);
            suspend();
        };
        self.stopping.store(true, Ordering::Relaxed);
        // SeqCst: pairs with the fences in `is_stopped_without` and `note_detached`.
        fence(Ordering::SeqCst);
        loop {
            let mut running = 0;
            for_each(&mut |member| {
                if std::ptr::eq(member, me) {
                    return;
                }
                // Acquire: what the detached thread did before is visible here.
                let seen = member.state().compare_exchange(STATE_DETACHED, STATE_SUSPENDED, Ordering::Acquire, Ordering::Acquire);
                if let Err(state @ (STATE_ATTACHED | STATE_CLAIMED)) = seen {
                    if state == STATE_ATTACHED {
                        member.requests().fetch_or(REQUEST_STOP, Ordering::Release);
                    }
                    running += 1;
                }
            });
            if running == 0 {
                return;
            }
            // A thread that detaches between the look and the wait signals under the lock, so no arrival is lost. One that
            // ends leaves the list first.
            self.arrived.wait(&mut stopper);
        }
    }

    /// Lets the world run again.
    pub fn resume<M: Member>(&self, for_each: impl Fn(&mut dyn FnMut(&M))) {
        let mut stopper = self.stopper.lock();
        for_each(&mut |member| {
            member.requests().fetch_and(!REQUEST_STOP, Ordering::Relaxed);
            // Release: what was done in the stopped world is visible to threads that attach.
            let _ = member.state().compare_exchange(STATE_SUSPENDED, STATE_DETACHED, Ordering::Release, Ordering::Relaxed);
        });
        self.stopping.store(false, Ordering::Release);
        *stopper = 0;
        self.resumed.notify_all();
    }
}
