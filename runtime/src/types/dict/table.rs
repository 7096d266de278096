//! The block behind a dict: indices and entries. Who may call what is said in the parent module.

use std::alloc::{Layout, alloc, handle_alloc_error};

use crate::memory::reclamation;
use crate::object::value::{Owned, Slot, Value};
use crate::sync::{AtomicBool, AtomicI64, AtomicU8, AtomicU16, AtomicU32, AtomicUsize, Ordering, const_unless_loom};
use crate::types::string::{self, StrObject};

/// The header of a block; `1 << log2` indices of 1, 2 or 4 bytes and `capacity` entries follow.
#[repr(C)]
pub struct Keys {
    log2: u8,
    /// Made with a gap: the order of the entries is not that in which they came.
    has_prepended: AtomicBool,
    /// All keys are exact `str`.
    all_strings: AtomicBool,
    version: AtomicU32,
    n_entries: AtomicUsize,
    capacity: usize,
    /// All entries before this one are empty: where a search for the first one starts.
    first: AtomicUsize,
    /// Entries before this one have never been used: room at the front. At most `first`.
    gap: AtomicUsize,
    /// Indices that are not empty, dummies included: a search ends at an empty one.
    placed: AtomicUsize,
}

#[repr(C)]
struct TableEntry {
    hash: AtomicI64,
    key: Slot,
    value: Slot,
}

const EMPTY: u32 = u32::MAX;
const DUMMY: u32 = u32::MAX - 1;

/// The smallest block: 8 indices, 5 entries.
const MIN_LOG2: u8 = 3;

#[cfg(not(loom))]
struct SharedEmpty {
    keys: Keys,
    indices: [AtomicU8; 1],
}

/// The block of all empty dicts: no room, no keys.
#[cfg(not(loom))]
static SHARED_EMPTY: SharedEmpty = SharedEmpty { keys: Keys::new(0, 0), indices: [AtomicU8::new(u8::MAX)] };

#[cfg(not(loom))]
static NEXT_VERSION: AtomicU32 = AtomicU32::new(1);
#[cfg(loom)]
loom::lazy_static! {
    static ref NEXT_VERSION: AtomicU32 = AtomicU32::new(1);
}

/// A position in the probe sequence.
pub struct Probe {
    index: usize,
    perturb: u64,
    left: usize,
}

impl Keys {
    const_unless_loom! {
        fn new(log2: u8, capacity: usize) -> Keys {
            Keys {
                log2,
                has_prepended: AtomicBool::new(false),
                all_strings: AtomicBool::new(true),
                version: AtomicU32::new(0),
                n_entries: AtomicUsize::new(0),
                capacity,
                first: AtomicUsize::new(0),
                gap: AtomicUsize::new(0),
                placed: AtomicUsize::new(0),
            }
        }
    }

    #[cfg(not(loom))]
    pub fn empty() -> *mut Keys {
        let _ = &SHARED_EMPTY.indices;
        (&raw const SHARED_EMPTY.keys).cast_mut()
    }

    #[cfg(loom)]
    pub fn empty() -> *mut Keys {
        Box::into_raw(Box::new((Keys::new(0, 0), AtomicU8::new(u8::MAX)))).cast()
    }

    #[inline]
    pub fn is_shared_empty(&self) -> bool {
        self.capacity == 0
    }

    /// The size exponent of a block for `n` entries at two thirds load.
    pub fn log2_for(n: usize) -> u8 {
        let mut log2 = MIN_LOG2;
        while (1usize << log2) * 2 / 3 < n {
            log2 += 1;
        }
        log2
    }

    const fn index_width(log2: u8) -> usize {
        if log2 < 8 {
            size_of::<AtomicU8>()
        } else if log2 < 16 {
            size_of::<AtomicU16>()
        } else {
            size_of::<AtomicU32>()
        }
    }

    fn layout(log2: u8, capacity: usize) -> (Layout, usize) {
        let indices = (1usize << log2) * Keys::index_width(log2);
        let entries_at = (size_of::<Keys>() + indices + 7) & !7;
        let size = entries_at + capacity * size_of::<TableEntry>();
        // The sizes come from an existing or just computed power of two, far below isize::MAX.
        (Layout::from_size_align(size, 8).unwrap_or(Layout::new::<u64>()), entries_at)
    }

    pub fn allocate(log2: u8) -> *mut Keys {
        let capacity = (1usize << log2) * 2 / 3;
        let (layout, entries_at) = Keys::layout(log2, capacity);
        // SAFETY: the layout is not empty; all parts are written: header, indices (all bits set: empty), entries (zero).
        unsafe {
            let block = alloc(layout);
            if block.is_null() {
                handle_alloc_error(layout);
            }
            block.cast::<Keys>().write(Keys::new(log2, capacity));
            let indices = block.add(size_of::<Keys>());
            for i in 0..1usize << log2 {
                if log2 < 8 {
                    indices.cast::<AtomicU8>().add(i).write(AtomicU8::new(u8::MAX));
                } else if log2 < 16 {
                    indices.cast::<AtomicU16>().add(i).write(AtomicU16::new(u16::MAX));
                } else {
                    indices.cast::<AtomicU32>().add(i).write(AtomicU32::new(u32::MAX));
                }
            }
            for i in 0..capacity {
                let entry = TableEntry { hash: AtomicI64::new(0), key: Slot::empty(), value: Slot::empty() };
                block.add(entries_at).cast::<TableEntry>().add(i).write(entry);
            }
            block.cast()
        }
    }

    pub fn size(&self) -> usize {
        if self.is_shared_empty() { 0 } else { Keys::layout(self.log2, self.capacity).0.size() }
    }

    /// Frees a block that has been unlinked, after a grace period; its references are released now if `with_contents`.
    ///
    /// # Safety
    /// The block is unlinked; without `with_contents` its references have moved elsewhere.
    pub unsafe fn retire(block: *mut Keys, with_contents: bool) {
        // SAFETY: the caller's obligation.
        unsafe {
            if (*block).is_shared_empty() {
                return;
            }
            let (layout, _) = Keys::layout((*block).log2, (*block).capacity);
            let mut dead = Vec::new();
            if with_contents {
                for index in 0..(*block).n_entries() {
                    let entry = (*block).entry(index);
                    // A late reader finds empty slots, or takes its reference before this.
                    let key = entry.key.replace_locked(None);
                    let value = entry.value.replace_locked(None);
                    if key.as_ref().is_some_and(|key| key.is_counted()) || value.as_ref().is_some_and(|value| value.is_counted()) {
                        dead.push((key, value));
                    }
                }
            }
            reclamation::retire_raw(block.cast(), layout);
            drop(dead);
        }
    }

    #[inline(always)]
    fn entry(&self, index: usize) -> &TableEntry {
        debug_assert!(index < self.capacity);
        let indices = (1usize << self.log2) * Keys::index_width(self.log2);
        let entries_at = (size_of::<Keys>() + indices + 7) & !7;
        // SAFETY: `index` is below the capacity; entries are initialised (zero at least).
        unsafe { &*std::ptr::from_ref(self).cast::<u8>().add(entries_at).cast::<TableEntry>().add(index) }
    }

    #[inline(always)]
    fn index_at(&self, slot: usize) -> u32 {
        // SAFETY: `slot` is masked to the table. Acquire: pairs with the Release in `store_index`: the entry is written
        // before its index.
        unsafe {
            let first = std::ptr::from_ref(self).cast::<u8>().add(size_of::<Keys>());
            if self.log2 < 8 {
                let raw = (*first.cast::<AtomicU8>().add(slot)).load(Ordering::Acquire);
                if raw >= 0xFE { EMPTY - (0xFF - u32::from(raw)) } else { u32::from(raw) }
            } else if self.log2 < 16 {
                let raw = (*first.cast::<AtomicU16>().add(slot)).load(Ordering::Acquire);
                if raw >= 0xFFFE { EMPTY - (0xFFFF - u32::from(raw)) } else { u32::from(raw) }
            } else {
                (*first.cast::<AtomicU32>().add(slot)).load(Ordering::Acquire)
            }
        }
    }

    fn store_index(&self, slot: usize, index: u32) {
        // SAFETY: `slot` is masked to the table. Release: see `index_at`.
        unsafe {
            let first = std::ptr::from_ref(self).cast::<u8>().add(size_of::<Keys>());
            if self.log2 < 8 {
                (*first.cast::<AtomicU8>().add(slot)).store(index as u8, Ordering::Release);
            } else if self.log2 < 16 {
                (*first.cast::<AtomicU16>().add(slot)).store(index as u16, Ordering::Release);
            } else {
                (*first.cast::<AtomicU32>().add(slot)).store(index, Ordering::Release);
            }
        }
    }

    #[inline(always)]
    fn mask(&self) -> usize {
        (1usize << self.log2) - 1
    }

    #[inline(always)]
    pub fn probe(&self, hash: i64) -> Probe {
        Probe { index: hash as usize & self.mask(), perturb: hash as u64, left: self.mask() + 1 + 64 }
    }

    #[inline(always)]
    fn step(&self, probe: &mut Probe) {
        probe.perturb >>= 5;
        probe.index = (probe.index.wrapping_mul(5).wrapping_add(probe.perturb as usize).wrapping_add(1)) & self.mask();
        probe.left = probe.left.saturating_sub(1);
    }

    /// The next entry in probe order whose stored hash is `hash`; `None` at the end of the sequence.
    #[inline]
    pub fn next_candidate(&self, probe: &mut Probe, hash: i64) -> Option<usize> {
        while probe.left > 0 {
            let index = self.index_at(probe.index);
            self.step(probe);
            if index == EMPTY {
                return None;
            }
            if index != DUMMY && self.entry(index as usize).hash.load(Ordering::Relaxed) == hash {
                return Some(index as usize);
            }
        }
        None
    }

    /// The entry of a string key, by identity or text; keys of other types are passed over. `hold` gives what a key slot
    /// holds for the time of a comparison: a key read without a count could die under our eyes.
    #[inline(always)]
    pub fn find_str<E>(&self, key: Value, text: &StrObject, hold: impl Fn(&Slot) -> Result<Option<Owned>, E>) -> Result<Option<usize>, E> {
        self.find_text(key, text, |slot, _| Ok(hold(slot)?.is_some_and(|held| is_text(*held, text))))
    }

    /// As [`Keys::find_str`] where nobody else changes the dict: the lock is held, or no other thread has ever been.
    #[inline(always)]
    pub fn find_str_locked(&self, key: Value, text: &StrObject) -> Option<usize> {
        let Ok(found) = self.find_text::<std::convert::Infallible>(key, text, |_, seen| Ok(is_text(seen, text)));
        found
    }

    #[inline(always)]
    fn find_text<E>(&self, key: Value, text: &StrObject, is_same: impl Fn(&Slot, Value) -> Result<bool, E>) -> Result<Option<usize>, E> {
        let hash = text.hash();
        let mut probe = self.probe(hash);
        while probe.left > 0 {
            let index = self.index_at(probe.index);
            if index == EMPTY {
                return Ok(None);
            }
            self.step(&mut probe);
            if index == DUMMY {
                continue;
            }
            let entry = self.entry(index as usize);
            let Some(candidate) = entry.key.peek() else { continue };
            if candidate.bits() == key.bits() {
                return Ok(Some(index as usize));
            }
            if candidate.is_pointer() && entry.hash.load(Ordering::Relaxed) == hash && is_same(&entry.key, candidate)? {
                return Ok(Some(index as usize));
            }
        }
        Ok(None)
    }

    #[inline]
    pub fn load_key_locked(&self, index: usize) -> Option<Owned> {
        self.entry(index).key.load_locked()
    }

    #[inline(always)]
    pub fn key_slot(&self, index: usize) -> &Slot {
        &self.entry(index).key
    }

    #[inline]
    pub fn load_value_locked(&self, index: usize) -> Option<Owned> {
        self.entry(index).value.load_locked()
    }

    #[inline]
    pub fn peek_key(&self, index: usize) -> Option<Value> {
        self.entry(index).key.peek()
    }

    #[inline(always)]
    pub fn value_slot(&self, index: usize) -> &Slot {
        &self.entry(index).value
    }

    pub fn peek_value(&self, index: usize) -> Option<Value> {
        self.entry(index).value.peek()
    }

    /// Where the value of entry `index` lies, in bytes from the start of the block: for the eval loop's cached loads.
    pub fn place_of_value(&self, index: usize) -> usize {
        std::ptr::from_ref(&self.entry(index).value) as usize - std::ptr::from_ref(self) as usize
    }

    /// The slot of a value.
    ///
    /// # Safety
    /// `place` is of [`Keys::place_of_value`] for this block: the version says so.
    #[inline(always)]
    pub unsafe fn value_at(&self, place: usize) -> &Slot {
        // SAFETY: the caller's obligation.
        unsafe { &*std::ptr::from_ref(self).cast::<u8>().add(place).cast::<Slot>() }
    }

    pub fn holds_key(&self, index: usize, key: Value) -> bool {
        index < self.n_entries() && self.peek_key(index).is_some_and(|own| own.bits() == key.bits())
    }

    pub fn is_live(&self, index: usize) -> bool {
        index < self.n_entries() && self.peek_value(index).is_some()
    }

    #[inline]
    pub fn entry_hash(&self, index: usize) -> i64 {
        self.entry(index).hash.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub fn n_entries(&self) -> usize {
        // Acquire: pairs with the Release in `append_locked`.
        self.n_entries.load(Ordering::Acquire)
    }

    #[inline(always)]
    pub fn is_all_strings(&self) -> bool {
        self.all_strings.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub fn version(&self) -> u32 {
        // Acquire: pairs with the Release in `reset_version`.
        self.version.load(Ordering::Acquire)
    }

    #[inline]
    pub fn reset_version(&self) {
        if self.version.load(Ordering::Relaxed) != 0 {
            // Release: a reader that still sees the old version reads entries as they were then, or later ones.
            self.version.store(0, Ordering::Release);
        }
    }

    /// The block's version, given out on first demand; 0 when the numbers have run out.
    pub fn take_version_locked(&self) -> u32 {
        if self.is_shared_empty() {
            return 0;
        }
        let version = self.version.load(Ordering::Relaxed);
        if version != 0 {
            return version;
        }
        let new = NEXT_VERSION.fetch_add(1, Ordering::Relaxed);
        if new == 0 || new > u32::MAX - 1024 {
            NEXT_VERSION.store(u32::MAX - 512, Ordering::Relaxed);
            return 0;
        }
        self.version.store(new, Ordering::Release);
        new
    }

    #[inline]
    pub fn has_room(&self) -> bool {
        self.n_entries.load(Ordering::Relaxed) < self.capacity && self.has_free_index()
    }

    /// Whether one more index leaves enough empty ones. Only tails that were given back and gaps make this fail before
    /// the entries run out.
    #[inline]
    fn has_free_index(&self) -> bool {
        self.placed.load(Ordering::Relaxed) < (1usize << self.log2) * 5 / 6
    }

    /// Where a search for the first entry starts.
    pub fn first(&self) -> usize {
        self.first.load(Ordering::Relaxed)
    }

    /// Says that all entries before `index` are empty.
    pub fn set_first_locked(&self, index: usize) {
        self.first.store(index, Ordering::Relaxed);
    }

    /// Whether an entry can be put before all others.
    pub fn has_gap(&self) -> bool {
        self.gap.load(Ordering::Relaxed) > 0 && self.has_free_index()
    }

    /// Puts an entry before all others; the caller knows that there is a gap.
    pub fn prepend_locked(&self, key: Owned, hash: i64, value: Owned) {
        let Some(index) = self.gap.load(Ordering::Relaxed).checked_sub(1) else { return };
        if !string::is_exact(*key) {
            self.all_strings.store(false, Ordering::Relaxed);
        }
        let entry = self.entry(index);
        entry.hash.store(hash, Ordering::Relaxed);
        entry.value.replace_locked(Some(value));
        entry.key.replace_locked(Some(key));
        self.gap.store(index, Ordering::Relaxed);
        self.first.store(index, Ordering::Relaxed);
        self.place_index(hash, index as u32);
    }

    pub fn append_locked(&self, key: Owned, hash: i64, value: Owned) {
        let index = self.n_entries.load(Ordering::Relaxed);
        debug_assert!(index < self.capacity);
        if !string::is_exact(*key) {
            self.all_strings.store(false, Ordering::Relaxed);
        }
        let entry = self.entry(index);
        entry.hash.store(hash, Ordering::Relaxed);
        entry.value.replace_locked(Some(value));
        entry.key.replace_locked(Some(key));
        // Release: pairs with the Acquire in `n_entries`.
        self.n_entries.store(index + 1, Ordering::Release);
        self.place_index(hash, index as u32);
    }

    fn place_index(&self, hash: i64, index: u32) {
        let mut probe = self.probe(hash);
        loop {
            if self.index_at(probe.index) == EMPTY {
                self.store_index(probe.index, index);
                self.placed.store(self.placed.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
                return;
            }
            self.step(&mut probe);
        }
    }

    pub fn replace_value_locked(&self, index: usize, value: Owned) -> Option<Owned> {
        self.entry(index).value.replace_locked(Some(value))
    }

    /// Takes an entry out. With `is_last` it is the last live one, which no search for another key passes: its index
    /// becomes empty again unless other threads may be searching.
    pub fn remove_locked(&self, index: usize, hash: i64, is_last: bool) -> Option<(Owned, Owned)> {
        let reuse = is_last && !self.has_prepended.load(Ordering::Relaxed) && !(crate::object::refcount::FREE_THREADED && crate::threads::thread_state::has_other_threads());
        let entry = self.entry(index);
        let value = entry.value.replace_locked(None)?;
        let key = entry.key.replace_locked(None)?;
        let mut probe = self.probe(hash);
        while probe.left > 0 {
            let at = self.index_at(probe.index);
            if at as usize == index {
                self.store_index(probe.index, if reuse { EMPTY } else { DUMMY });
                if reuse {
                    self.placed.store(self.placed.load(Ordering::Relaxed) - 1, Ordering::Relaxed);
                }
                break;
            }
            if at == EMPTY {
                break;
            }
            self.step(&mut probe);
        }
        Some((key, value))
    }

    /// Gives the emptied entries at the end back, where no other thread can be reading them.
    pub fn trim_tail_locked(&self) {
        if crate::object::refcount::FREE_THREADED && crate::threads::thread_state::has_other_threads() {
            return;
        }
        let mut n = self.n_entries.load(Ordering::Relaxed);
        let first = self.first();
        while n > first && self.peek_key(n - 1).is_none() {
            n -= 1;
        }
        self.n_entries.store(n, Ordering::Relaxed);
    }

    /// A new block of `1 << log2` indices that the live entries of this one are moved to, behind a gap of so many
    /// unused entries.
    pub fn rebuilt_locked(&self, log2: u8, gap: usize) -> *mut Keys {
        let new = Keys::allocate(log2);
        // SAFETY: `new` is ours. Moving words without touching counts: this block is retired without its contents, and
        // late readers still find the words here, kept alive by the new block until it changes, after which the objects'
        // headers decide (try-increment) while this block waits for its grace period.
        let target = unsafe { &*new };
        target.has_prepended.store(gap > 0, Ordering::Relaxed);
        target.first.store(gap, Ordering::Relaxed);
        target.gap.store(gap, Ordering::Relaxed);
        let mut n = gap;
        for index in self.first()..self.n_entries() {
            let entry = self.entry(index);
            let (Some(key), Some(value)) = (entry.key.peek(), entry.value.peek()) else { continue };
            let hash = entry.hash.load(Ordering::Relaxed);
            let to = target.entry(n);
            to.hash.store(hash, Ordering::Relaxed);
            to.key.word().store(key.bits(), Ordering::Relaxed);
            to.value.word().store(value.bits(), Ordering::Relaxed);
            target.place_index(hash, n as u32);
            n += 1;
        }
        target.n_entries.store(n, Ordering::Relaxed);
        target.all_strings.store(self.is_all_strings(), Ordering::Relaxed);
        new
    }
}

/// Whether a value that the caller keeps alive is a string with this text.
#[inline(always)]
fn is_text(value: Value, text: &StrObject) -> bool {
    string::is_exact(value) && StrObject::of(value).equals(text)
}
