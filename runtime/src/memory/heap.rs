//! Per-thread heaps: pages of one size class each (the pymalloc and mimalloc idea; arenas, pools and blocks).
//!
//! # Who may touch what
//! * A [`HeapSlot`] belongs to the thread that has taken it (in `pyrt` all threads share slot 1 under the GIL). It
//!   outlives its thread and passes to the next one with everything in it.
//! * A page belongs to its slot. Other threads only push blocks on `remote_free` and read headers.
//! * Objects and raw buffers never share a page, and a page never changes its size class, so that a block that held an
//!   object always starts with a readable header (PROTOCOLS M5). A free block reads as dead: no owner, no flags,
//!   `shared_refs` = [`DEAD`]; its link lies in `local_refs`.

mod collector_notes;

pub use collector_notes::Blocks;

use std::alloc::{Layout, alloc, dealloc};
use std::ptr::null_mut;

use crate::memory::deltas::Deltas;
use crate::memory::merge_queue::MergeQueue;
use crate::memory::remote_free::RemoteFree;
use crate::object::header::{DEAD, FLAG_GC, FLAG_LARGE, Header};
use crate::object::refcount::FREE_THREADED;
use crate::object::value::Value;
use crate::sync::{AtomicI64, AtomicU32, AtomicU64, AtomicUsize, LeafMutex, Ordering};

/// Bytes of a page; pages are aligned to it, so a block finds its page by masking.
const PAGE_SIZE: usize = 1 << 16;
/// Pages that are taken from the system at a time.
const PAGES_PER_ARENA: usize = 16;
/// Objects above this size come from the system allocator.
pub const MAX_SMALL: usize = 4096;
/// Heap slots: one per thread that is alive at the same time, plus those left behind.
pub const MAX_SLOTS: usize = 4096;
/// Allocated bytes after which a collection is asked for, at least.
pub const MIN_COLLECT_BYTES: usize = 4 << 20;

pub const N_CLASSES: usize = 32 + 24;

/// What the blocks of a page hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    Object = 0,
    Raw = 1,
}

/// The size class of `size` bytes: steps of 16 up to 512, then four steps per power of two.
#[inline(always)]
const fn class_of(size: usize) -> usize {
    if size <= 512 {
        size.div_ceil(16) - (size != 0) as usize
    } else {
        let bits = usize::BITS - (size - 1).leading_zeros() - 1; // 9.. for 513..
        32 + (bits as usize - 9) * 4 + ((size - 1) >> (bits - 2) & 3)
    }
}

/// Bytes of a block of class `class`.
const fn class_size(class: usize) -> usize {
    if class < 32 {
        (class + 1) * 16
    } else {
        let bits = 9 + (class - 32) / 4;
        (1 << bits) + ((class - 32) % 4 + 1) * (1 << (bits - 2))
    }
}

const _: () = assert!(class_size(class_of(MAX_SMALL)) == MAX_SMALL);
const _: () = assert!(class_of(MAX_SMALL) < N_CLASSES && class_size(class_of(513)) == 640 && class_of(512) == 31);

/// The usable bytes of a block that was asked for with `size`.
pub const fn usable_size(size: usize) -> usize {
    if size > MAX_SMALL { size } else { class_size(class_of(size)) }
}

#[repr(C, align(64))]
struct Page {
    slot: *mut HeapSlot,
    kind: Kind,
    class: u8,
    /// In the bin's `available` list or its current page.
    linked: bool,
    block_size: u32,
    /// First free block of this page (offset), 0 for none. Owner only.
    free: u32,
    /// First block that was never used (offset). Owner only.
    bump: u32,
    /// Offset of the last block's end.
    limit: u32,
    /// Blocks freed by other threads, linked; taken by the owner as a whole.
    remote_free: RemoteFree,
    /// One number per block while the collector counts references within its candidates, else null. Only who has stopped
    /// the world touches it.
    counts: *mut AtomicI64,
}

/// Words of a page's mark bits, which follow the head of a page of objects: a bit for each 16 bytes, set by the collector
/// in a stopped world.
const MARK_WORDS: usize = PAGE_SIZE / 16 / 64;

/// Where the first block of a page lies.
const fn first_block(kind: Kind) -> u32 {
    match kind {
        Kind::Object => (size_of::<Page>() + MARK_WORDS * 8) as u32,
        Kind::Raw => size_of::<Page>() as u32,
    }
}

/// The page of a block that is not large.
#[inline(always)]
fn page_of(block: *const u8) -> *mut Page {
    (block as usize & !(PAGE_SIZE - 1)) as *mut Page
}

impl Page {
    /// # Safety
    /// `this` is a page of objects.
    #[inline(always)]
    unsafe fn marks<'a>(this: *mut Page) -> &'a [AtomicU64; MARK_WORDS] {
        // SAFETY: the words follow the head; pages are never unmapped.
        unsafe { &*this.add(1).cast() }
    }

    /// The number of the block at `offset`.
    unsafe fn block_number(this: *mut Page, offset: u32) -> usize {
        // SAFETY: the caller's.
        ((offset - first_block(Kind::Object)) / unsafe { (*this).block_size }) as usize
    }
}

struct Bin {
    current: *mut Page,
    available: Vec<*mut Page>,
}

/// A thread's part of the heap, on cache lines of its own (two each: processors fetch them in pairs).
#[repr(align(128))]
pub struct HeapSlot {
    /// The number that objects carry as their owner; from 1.
    pub id: u16,
    bins: [[Bin; N_CLASSES]; 2],
    pages: Vec<*mut Page>,
    fresh_pages: Vec<*mut Page>,
    /// Pages to which other threads have freed blocks.
    remote_pages: LeafMutex<Vec<usize>>,
    /// Large objects that the collector follows.
    large: LeafMutex<Vec<usize>>,
    /// Objects whose counts the owner must merge (object/refcount.rs), one entry per owed reference.
    pub merge_queue: MergeQueue<Value>,
    /// Deferred objects that may be dead (memory/zero_counts.rs).
    pub zero_counts: LeafMutex<Vec<Value>>,
    /// What the slot's thread has changed of the counts of deferred objects.
    pub deltas: Deltas,
    /// References to deferred objects that the thread has given back without having taken them, since the last look.
    pub losses: AtomicUsize,
    /// Entries of the merge list that have been merged; written by the owner.
    pub n_merges: AtomicU64,
    /// Bytes allocated since the last collection; other threads read it.
    pub allocated: AtomicUsize,
    /// Where `allocated` asks for a collection.
    pub collect_at: AtomicUsize,
}

struct SlotTable(LeafMutex<Vec<*mut HeapSlot>>);
// SAFETY: slots are never freed; access to their insides follows the rules at the head of the file.
unsafe impl Sync for SlotTable {}
// SAFETY: as above.
unsafe impl Send for SlotTable {}
static SLOTS: SlotTable = SlotTable(LeafMutex::new(Vec::new()));

/// Bytes handed out by the system allocator for large blocks, for `gc` pacing and statistics.
static LARGE_BYTES: AtomicU64 = AtomicU64::new(0);

/// Takes an idle slot or makes one.
pub fn take_slot() -> *mut HeapSlot {
    let mut slots = SLOTS.0.lock();
    if !FREE_THREADED {
        if let Some(&slot) = slots.first() {
            return slot;
        }
    }
    for &slot in slots.iter() {
        // SAFETY: slots are never freed.
        if unsafe { (*slot).merge_queue.take_slot() } {
            return slot;
        }
    }
    let id = slots.len() as u16 + 1;
    let slot = Box::into_raw(Box::new(HeapSlot {
        id,
        bins: std::array::from_fn(|_| std::array::from_fn(|_| Bin { current: null_mut(), available: Vec::new() })),
        pages: Vec::new(),
        fresh_pages: Vec::new(),
        remote_pages: LeafMutex::new(Vec::new()),
        large: LeafMutex::new(Vec::new()),
        merge_queue: MergeQueue::new(),
        zero_counts: LeafMutex::new(Vec::new()),
        deltas: Deltas::new(),
        losses: AtomicUsize::new(0),
        n_merges: AtomicU64::new(0),
        allocated: AtomicUsize::new(0),
        collect_at: AtomicUsize::new(MIN_COLLECT_BYTES),
    }));
    slots.push(slot);
    slot
}

/// The thread is done: the next one takes the slot as it is. True if objects on its merge queue are left behind.
#[must_use]
pub fn give_slot_back(slot: *mut HeapSlot) -> bool {
    // SAFETY: slots are never freed.
    FREE_THREADED && unsafe { (*slot).merge_queue.give_slot_back() }
}

/// The slot with number `id`.
pub fn slot_by_id(id: u16) -> Option<*mut HeapSlot> {
    SLOTS.0.lock().get(usize::from(id).wrapping_sub(1)).copied()
}

/// All slots there are.
pub fn all_slots() -> Vec<*mut HeapSlot> {
    SLOTS.0.lock().clone()
}

/// Prefix of a large block.
#[repr(C, align(16))]
struct LargePrefix {
    /// Bytes behind the prefix.
    size: usize,
    /// Index in the slot's `large` list; `usize::MAX` when not listed.
    index: usize,
    slot: *mut HeapSlot,
    /// As a page's mark bits.
    mark: AtomicU32,
    unused: u32,
    /// As a page's counts.
    count: AtomicI64,
    unused2: usize,
}

impl HeapSlot {
    /// Memory for an object of `size` bytes (header included), uninitialised. Null when there is none.
    /// The caller writes the header at once and sets [`FLAG_LARGE`] if `size > MAX_SMALL`.
    ///
    /// # Safety
    /// `this` is the calling thread's slot.
    #[inline(always)]
    pub unsafe fn allocate(this: *mut HeapSlot, kind: Kind, size: usize) -> *mut u8 {
        if size > MAX_SMALL {
            // SAFETY: passed on.
            return unsafe { Self::allocate_large(this, size, kind) };
        }
        let class = class_of(size);
        // SAFETY: the slot is ours, so its bins and the free lists of its pages are.
        unsafe {
            let page = (*this).bins[kind as usize][class].current;
            if !page.is_null() {
                let free = (*page).free;
                if free != 0 {
                    let block = page.cast::<u8>().add(free as usize);
                    (*page).free = Self::link(block);
                    return block;
                }
            }
            Self::allocate_slow(this, kind, class)
        }
    }

    /// # Safety
    /// `block` is a free block of a page of the caller's slot.
    #[inline(always)]
    unsafe fn link(block: *mut u8) -> u32 {
        // SAFETY: the first four bytes of a block are an initialised AtomicU32 while it is free.
        unsafe { (*block.cast::<AtomicU32>()).load(Ordering::Relaxed) }
    }

    #[cold]
    #[inline(never)]
    unsafe fn allocate_slow(this: *mut HeapSlot, kind: Kind, class: usize) -> *mut u8 {
        // SAFETY: see `allocate`.
        unsafe {
            loop {
                let page = (*this).bins[kind as usize][class].current;
                if !page.is_null() {
                    if (*page).free == 0 {
                        Self::take_remote(page);
                    }
                    let free = (*page).free;
                    if free != 0 {
                        let block = page.cast::<u8>().add(free as usize);
                        (*page).free = Self::link(block);
                        return block;
                    }
                    if (*page).bump < (*page).limit {
                        Self::extend_free_list(this, page);
                        continue;
                    }
                    (*page).linked = false;
                    (*this).bins[kind as usize][class].current = null_mut();
                }
                if let Some(next) = (&mut (*this).bins)[kind as usize][class].available.pop() {
                    (*this).bins[kind as usize][class].current = next;
                    continue;
                }
                if Self::collect_remote_pages(this) {
                    continue;
                }
                let fresh = Self::new_page(this, kind, class);
                if fresh.is_null() {
                    return null_mut();
                }
                (*this).bins[kind as usize][class].current = fresh;
            }
        }
    }

    /// Turns some never-used blocks into free ones, and counts them as allocated for pacing.
    unsafe fn extend_free_list(this: *mut HeapSlot, page: *mut Page) {
        // SAFETY: the page is the caller's.
        unsafe {
            let size = (*page).block_size;
            let count = ((*page).limit - (*page).bump) / size;
            let count = count.min((4096 / size).max(1));
            let first = (*page).bump;
            for i in 0..count {
                let offset = first + i * size;
                let block = page.cast::<u8>().add(offset as usize);
                let next = if i + 1 < count { offset + size } else { 0 };
                Self::write_free(block, (*page).kind, next);
            }
            (*page).bump = first + count * size;
            (*page).free = first;
            let _ = this;
        }
    }

    /// Makes `block` read as free with link `next`.
    unsafe fn write_free(block: *mut u8, kind: Kind, next: u32) {
        // SAFETY: the block is unused and large enough for a header (16 bytes at least).
        unsafe {
            if kind == Kind::Object {
                (*block.cast::<Header>()).write_free(next);
            } else {
                (*block.cast::<AtomicU32>()).store(next, Ordering::Relaxed);
            }
        }
    }

    unsafe fn take_remote(page: *mut Page) {
        // SAFETY: `page` is the caller's.
        unsafe {
            let head = (*page).remote_free.take();
            if head == 0 {
                return;
            }
            if (*page).free == 0 {
                (*page).free = head;
                return;
            }
            let mut last = head;
            loop {
                let next = Self::link(page.cast::<u8>().add(last as usize));
                if next == 0 {
                    break;
                }
                last = next;
            }
            (*page.cast::<u8>().add(last as usize).cast::<AtomicU32>()).store((*page).free, Ordering::Relaxed);
            (*page).free = head;
        }
    }

    unsafe fn collect_remote_pages(this: *mut HeapSlot) -> bool {
        // SAFETY: the slot is the caller's; the list holds pages of this slot.
        unsafe {
            let pages = std::mem::take(&mut *(*this).remote_pages.lock());
            let mut found = false;
            for address in pages {
                let page = address as *mut Page;
                Self::take_remote(page);
                if !(*page).linked && (*page).free != 0 {
                    (*page).linked = true;
                    (&mut (*this).bins)[(*page).kind as usize][usize::from((*page).class)].available.push(page);
                    found = true;
                }
            }
            found
        }
    }

    unsafe fn new_page(this: *mut HeapSlot, kind: Kind, class: usize) -> *mut Page {
        // SAFETY: the slot is the caller's; fresh memory is written before use.
        unsafe {
            if (*this).fresh_pages.is_empty() {
                let Ok(layout) = Layout::from_size_align(PAGE_SIZE * PAGES_PER_ARENA, PAGE_SIZE) else { return null_mut() };
                let arena = map_arena(layout.size());
                if arena.is_null() {
                    return null_mut();
                }
                for i in (0..PAGES_PER_ARENA).rev() {
                    (*this).fresh_pages.push(arena.add(i * PAGE_SIZE).cast());
                }
            }
            let Some(page) = (*this).fresh_pages.pop() else { return null_mut() };
            let block_size = class_size(class) as u32;
            let first = first_block(kind);
            let room = PAGE_SIZE as u32 - first;
            page.write(Page {
                slot: this,
                kind,
                class: class as u8,
                linked: true,
                block_size,
                free: 0,
                bump: first,
                limit: first + room / block_size * block_size,
                remote_free: RemoteFree::new(),
                counts: null_mut(),
            });
            (*this).pages.push(page);
            page
        }
    }

    unsafe fn allocate_large(this: *mut HeapSlot, size: usize, kind: Kind) -> *mut u8 {
        let Some(total) = size.checked_add(size_of::<LargePrefix>()) else { return null_mut() };
        let Ok(layout) = Layout::from_size_align(total, 16) else { return null_mut() };
        let _ = kind;
        // SAFETY: the layout is not empty; the prefix is written before use.
        unsafe {
            let raw = alloc(layout);
            if raw.is_null() {
                return null_mut();
            }
            LARGE_BYTES.fetch_add(size as u64, Ordering::Relaxed);
            raw.cast::<LargePrefix>().write(LargePrefix {
                size,
                index: usize::MAX,
                slot: this,
                mark: AtomicU32::new(0),
                unused: 0,
                count: AtomicI64::new(0),
                unused2: 0,
            });
            raw.add(size_of::<LargePrefix>())
        }
    }

    /// Puts a large object on the list that the collector walks.
    ///
    /// # Safety
    /// `block` came from `allocate` with a size above [`MAX_SMALL`], and its header is written.
    pub unsafe fn list_large(this: *mut HeapSlot, block: *mut u8) {
        // SAFETY: see above; the list is behind its lock.
        unsafe {
            let prefix = block.sub(size_of::<LargePrefix>()).cast::<LargePrefix>();
            let mut large = (*this).large.lock();
            (*prefix).index = large.len();
            large.push(block as usize);
        }
    }

    /// Gives a block of a size-class page or a large block back at once.
    ///
    /// # Safety
    /// `block` came from `allocate` of any slot with `size` (its class at least) and `kind`; nobody uses it any more,
    /// and, for a large object, no lock-free reader may still hold its address. `this` is the caller's slot.
    #[inline(always)]
    pub unsafe fn free(this: *mut HeapSlot, block: *mut u8, kind: Kind, is_large: bool) {
        // SAFETY: see above.
        unsafe {
            if is_large {
                return Self::free_large(block);
            }
            let page = page_of(block);
            let offset = (block as usize & (PAGE_SIZE - 1)) as u32;
            if (*page).slot == this {
                Self::write_free(block, kind, (*page).free);
                (*page).free = offset;
                if !(*page).linked {
                    Self::link_page(this, page);
                }
            } else {
                Self::free_remote(page, block, offset, kind);
            }
        }
    }

    #[cold]
    unsafe fn link_page(this: *mut HeapSlot, page: *mut Page) {
        // SAFETY: the page is the caller's.
        unsafe {
            (*page).linked = true;
            (&mut (*this).bins)[(*page).kind as usize][usize::from((*page).class)].available.push(page);
        }
    }

    #[cold]
    unsafe fn free_remote(page: *mut Page, block: *mut u8, offset: u32, kind: Kind) {
        // SAFETY: pages are never unmapped; `remote_free` is atomic.
        unsafe {
            if (*page).remote_free.push(offset, |next| Self::write_free(block, kind, next)) {
                (*(*page).slot).remote_pages.lock().push(page as usize);
            }
        }
    }

    unsafe fn free_large(block: *mut u8) {
        // SAFETY: the block has a prefix; its list entry, if any, is taken out first.
        unsafe {
            let prefix = block.sub(size_of::<LargePrefix>()).cast::<LargePrefix>();
            let size = (*prefix).size;
            if (*prefix).index != usize::MAX {
                let mut large = (*(*prefix).slot).large.lock();
                let at = (*prefix).index;
                large.swap_remove(at);
                if let Some(&moved) = large.get(at) {
                    (*(moved as *mut u8).sub(size_of::<LargePrefix>()).cast::<LargePrefix>()).index = at;
                }
            }
            LARGE_BYTES.fetch_sub(size as u64, Ordering::Relaxed);
            if let Ok(layout) = Layout::from_size_align(size + size_of::<LargePrefix>(), 16) {
                dealloc(prefix.cast(), layout);
            }
        }
    }

    /// Tries to make a large block `new_size` bytes big, moving it. Only for raw buffers and for objects that one
    /// thread alone can reach; null leaves the block as it was.
    ///
    /// # Safety
    /// As for [`HeapSlot::free`], and the block is not on the collector's list.
    pub unsafe fn grow_large(block: *mut u8, new_size: usize) -> *mut u8 {
        // SAFETY: see above.
        unsafe {
            let prefix = block.sub(size_of::<LargePrefix>()).cast::<LargePrefix>();
            let size = (*prefix).size;
            let (Some(total), Ok(layout)) = (
                new_size.checked_add(size_of::<LargePrefix>()),
                Layout::from_size_align(size + size_of::<LargePrefix>(), 16),
            ) else {
                return null_mut();
            };
            let moved = std::alloc::realloc(prefix.cast(), layout, total);
            if moved.is_null() {
                return null_mut();
            }
            (*moved.cast::<LargePrefix>()).size = new_size;
            LARGE_BYTES.fetch_add((new_size as u64).wrapping_sub(size as u64), Ordering::Relaxed);
            moved.add(size_of::<LargePrefix>())
        }
    }

    /// Bytes that the block of an object can hold.
    ///
    /// # Safety
    /// `block` is a live object.
    pub unsafe fn block_size(block: *const u8) -> usize {
        // SAFETY: see above.
        unsafe {
            if (*block.cast::<Header>()).has_flag(FLAG_LARGE) {
                (*block.sub(size_of::<LargePrefix>()).cast::<LargePrefix>()).size
            } else {
                (*page_of(block)).block_size as usize
            }
        }
    }

    /// Calls `visit` for each live object of the slot that the collector follows.
    ///
    /// # Safety
    /// The world is stopped, or the caller holds the GIL.
    pub unsafe fn visit_objects(this: *mut HeapSlot, mut visit: impl FnMut(*mut Header)) {
        // SAFETY: nobody allocates or frees meanwhile.
        unsafe {
            for &page in &(*this).pages {
                if (*page).kind != Kind::Object {
                    continue;
                }
                let mut offset = first_block(Kind::Object);
                while offset < (*page).bump {
                    let header = page.cast::<u8>().add(offset as usize).cast::<Header>();
                    if (*header).shared_refs.load(Ordering::Relaxed) != DEAD && (*header).has_flag(FLAG_GC) {
                        visit(header);
                    }
                    offset += (*page).block_size;
                }
            }
            let large = (*this).large.lock().clone();
            for address in large {
                visit(address as *mut Header);
            }
        }
    }
}

/// Anonymous memory aligned to a page of ours.
fn map_arena(size: usize) -> *mut u8 {
    let Ok(layout) = Layout::from_size_align(size, PAGE_SIZE) else { return null_mut() };
    // SAFETY: maps fresh memory and trims it to the aligned part.
    unsafe {
        let total = layout.size() + PAGE_SIZE;
        let raw = libc::mmap(
            null_mut(),
            total,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        );
        if raw == libc::MAP_FAILED {
            return null_mut();
        }
        let start = raw as usize;
        let aligned = (start + PAGE_SIZE - 1) & !(PAGE_SIZE - 1);
        if aligned > start {
            libc::munmap(raw, aligned - start);
        }
        let end = start + total;
        if end > aligned + size {
            libc::munmap((aligned + size) as *mut libc::c_void, end - aligned - size);
        }
        aligned as *mut u8
    }
}
