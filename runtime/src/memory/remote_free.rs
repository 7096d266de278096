//! The blocks of a page that other threads than its owner have freed: a list that anyone adds to and the owner takes as a
//! whole, so that no block is on its way in and out at once.

use crate::sync::{AtomicU32, Ordering, const_unless_loom};

/// The offset of the first block in its page, 0 for none; each block holds the offset of the next one.
pub struct RemoteFree(AtomicU32);

impl RemoteFree {
    const_unless_loom! {
        pub fn new() -> RemoteFree {
            RemoteFree(AtomicU32::new(0))
        }
    }

    /// Adds the block at `offset`, which nobody uses any more; `write_free` makes it read as free, with a link to the block
    /// at the offset that it is given. True if the list was empty.
    #[inline]
    pub fn push(&self, offset: u32, write_free: impl Fn(u32)) -> bool {
        let mut head = self.0.load(Ordering::Relaxed);
        loop {
            write_free(head);
            #[cfg(loom)]
            if crate::sync::modelled::leaves_out("release") && self.0.compare_exchange(head, offset, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return head == 0;
            }
            // Release: the link is written, and the thread has done with the block, before it can be taken.
            match self.0.compare_exchange_weak(head, offset, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return head == 0,
                Err(now) => head = now,
            }
        }
    }

    /// Takes all blocks: the offset of the first one.
    #[inline]
    pub fn take(&self) -> u32 {
        // Acquire: pairs with the Release of the pushes, of which each continues the sequence of the ones before.
        self.0.swap(0, Ordering::Acquire)
    }
}
