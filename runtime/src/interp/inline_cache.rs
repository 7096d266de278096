//! Cache cells: what specialised instructions know about their site.
//!
//! A cell is shared by all threads. Each word is one fact, complete in itself, that a reader validates before it
//! believes it; a writer may lose a race. In steady state nothing writes: a site has at most [`MAX_ATTEMPTS`]
//! specialisation attempts in its life (PROTOCOLS M14, M20).

use crate::object::value::{Owned, Value};
use crate::sync::{AtomicPtr, AtomicU8, AtomicU64, Ordering};

/// Specialisation attempts of one site before it settles.
pub const MAX_ATTEMPTS: u8 = 8;
/// Generic executions of a site before the first attempt.
pub const WARM_UP: u8 = 2;

/// Two fact words, an object that a fact may refer to, and the attempt count.
#[derive(Default)]
pub struct CacheCell {
    /// `shape:32 | version:16 | slot:12 | kind:4`, or a dict version with an index.
    pub first: AtomicU64,
    pub second: AtomicU64,
    /// A counted reference (function, descriptor), 0 for none. Written once per cell and kept until the code dies: a
    /// reader may use it as long as it holds the code.
    pub object: AtomicU64,
    attempts: AtomicU8,
    warmth: AtomicU8,
}

impl CacheCell {
    /// Whether the generic instruction should try to specialise now. Counts up to the warm-up bound, then attempts, then
    /// never writes again.
    #[inline]
    pub fn should_attempt(&self) -> bool {
        // Relaxed: a lost count only shifts the moment.
        let warmth = self.warmth.load(Ordering::Relaxed);
        if warmth < WARM_UP {
            self.warmth.store(warmth + 1, Ordering::Relaxed);
            return false;
        }
        let attempts = self.attempts.load(Ordering::Relaxed);
        if attempts >= MAX_ATTEMPTS {
            return false;
        }
        self.attempts.store(attempts + 1, Ordering::Relaxed);
        true
    }

    /// Whether all attempts have been used.
    #[inline(always)]
    pub fn is_settled(&self) -> bool {
        self.attempts.load(Ordering::Relaxed) >= MAX_ATTEMPTS
    }

    #[inline(always)]
    pub fn word(&self) -> u64 {
        // Acquire: pairs with the Release in `publish`.
        self.first.load(Ordering::Acquire)
    }

    #[inline(always)]
    pub fn second_word(&self) -> u64 {
        self.second.load(Ordering::Acquire)
    }

    /// Publishes a fact; what it refers to is complete.
    pub fn publish(&self, word: u64) {
        self.first.store(word, Ordering::Release);
    }

    pub fn publish_second(&self, word: u64) {
        self.second.store(word, Ordering::Release);
    }

    /// The object of the cell, alive as long as the code is.
    #[inline(always)]
    pub fn object(&self) -> Option<Value> {
        Value::from_slot(self.object.load(Ordering::Acquire))
    }

    /// Gives the cell its object. False if it has another already.
    pub fn set_object(&self, object: Owned) -> bool {
        let value = object.value();
        match self.object.compare_exchange(0, value.bits(), Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                let _ = object.into_raw();
                true
            }
            Err(old) => old == value.bits(),
        }
    }

    pub fn traverse(&self, visit: &mut dyn FnMut(Value)) {
        if let Some(object) = self.object() {
            visit(object);
        }
    }
}

impl Drop for CacheCell {
    fn drop(&mut self) {
        #[cfg(loom)]
        if std::thread::panicking() {
            return;
        }
        if let Some(object) = self.object() {
            // SAFETY: the cell owned a count.
            drop(unsafe { Owned::from_raw(object) });
        }
    }
}

/// The cells of a code object, made when it runs for the first time: most code of a program never does.
pub struct LateCells {
    cells: AtomicPtr<CacheCell>,
    n: u32,
}

impl LateCells {
    pub fn new(n: usize) -> LateCells {
        LateCells { cells: AtomicPtr::new(std::ptr::null_mut()), n: n as u32 }
    }

    /// Makes the cells if there are none. Who then stores (`Release`) what makes others use them has published them.
    pub fn prepare(&self) {
        if !self.cells.load(Ordering::Acquire).is_null() {
            return;
        }
        let made: Box<[CacheCell]> = (0..self.n).map(|_| CacheCell::default()).collect();
        let made: *mut [CacheCell] = Box::into_raw(made);
        // AcqRel: publishes the cells; the loser takes those of the winner.
        if self.cells.compare_exchange(std::ptr::null_mut(), made.cast(), Ordering::AcqRel, Ordering::Acquire).is_err() {
            // SAFETY: nobody else has seen them.
            drop(unsafe { Box::from_raw(made) });
        }
    }

    /// Cell number `i`.
    ///
    /// # Safety
    /// There are cells as far as the caller can see, and more than `i`.
    #[inline(always)]
    pub unsafe fn get(&self, i: usize) -> &CacheCell {
        debug_assert!(i < self.n as usize);
        let cells = self.cells.load(Ordering::Relaxed);
        #[cfg(loom)]
        assert!(!cells.is_null(), "the cells cannot be seen");
        // SAFETY: the caller's obligation. Relaxed: the caller's look at what has published them orders.
        unsafe { &*cells.add(i) }
    }

    /// The cells that there are so far.
    pub fn all(&self) -> &[CacheCell] {
        let cells = self.cells.load(Ordering::Acquire);
        if cells.is_null() {
            return &[];
        }
        // SAFETY: made by `prepare` with that length.
        unsafe { std::slice::from_raw_parts(cells, self.n as usize) }
    }
}

impl Drop for LateCells {
    fn drop(&mut self) {
        #[cfg(loom)]
        if std::thread::panicking() {
            return;
        }
        let cells = self.cells.load(Ordering::Relaxed);
        if !cells.is_null() {
            // SAFETY: made by `prepare` with that length; nobody else has the code any more.
            drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(cells, self.n as usize)) });
        }
    }
}

/// Packs a shape fact. ORDER CacheWord: `shape_of`, `is_fact`, `slot_of`, `kind_of` take it apart.
#[inline]
pub const fn pack(shape: u32, version: u32, slot: usize, kind: u8) -> u64 {
    (shape as u64) << 32 | ((version as u64) & 0xFFFF) << 16 | ((slot as u64) & 0xFFF) << 4 | (kind as u64 & 0xF)
}

/// Whether the fact `word` is of this kind and speaks of this shape in this version, in one comparison.
#[inline(always)]
pub const fn is_fact(word: u64, shape: u32, version: u32, kind: u8) -> bool {
    (word ^ ((shape as u64) << 32 | (version as u64) << 16 | kind as u64)) & !(0xFFF << 4) == 0
}

#[inline(always)]
pub const fn shape_of(word: u64) -> u32 {
    (word >> 32) as u32
}

#[inline(always)]
pub const fn slot_of(word: u64) -> usize {
    (word >> 4) as usize & 0xFFF
}

#[inline(always)]
pub const fn kind_of(word: u64) -> u8 {
    word as u8 & 0xF
}
