//! The version of the facts about a type: what caches found out holds as long as the version is the same.
//!
//! A filler reads the version before it looks anything up. Who changes the type bumps the version before the change can be
//! seen, for readers that have seen it, and again after it, for fillers that looked just before.

use crate::sync::{AtomicU32, Ordering};

/// Versions beyond this are none: cells have 16 bits for them.
const LAST: u32 = 0xFFFF;

/// 0: never cache.
pub struct Version(AtomicU32);

impl Version {
    pub fn new() -> Version {
        Version(AtomicU32::new(1))
    }

    #[inline(always)]
    pub fn get(&self) -> u32 {
        // Acquire: pairs with the Release in `bump`; who sees a version sees the changes that came before it.
        self.0.load(Ordering::Acquire)
    }

    /// Facts about the type change: no cell that names the old version may match any more. Each bump gives a number of its
    /// own, also beside another thread's: a version that came again would make old facts hold again.
    pub fn bump(&self) {
        let mut old = self.0.load(Ordering::Relaxed);
        while old != 0 {
            let new = if old >= LAST { 0 } else { old + 1 };
            #[cfg(loom)]
            if crate::sync::modelled::leaves_out("exchange") {
                return self.0.store(new, Ordering::Release);
            }
            // AcqRel: the change that was made before is seen with the new version, and so are those of other bumps.
            match self.0.compare_exchange_weak(old, new, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => old = now,
            }
        }
    }

    /// Nothing about the type is cached any more.
    pub fn retire(&self) {
        self.0.store(0, Ordering::Release);
    }
}

impl Default for Version {
    fn default() -> Version {
        Version::new()
    }
}
