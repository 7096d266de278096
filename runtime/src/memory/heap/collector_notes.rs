//! What the collector notes about objects: a mark, and a count while it looks for garbage.
//!
//! # Who may touch what
//! * Whoever has stopped the world, and the threads that mark for it. They set marks at the same time; all else is done by
//!   one thread while no other marks.

use std::ptr::null_mut;

use hashbrown::HashSet;

use super::{HeapSlot, Kind, LargePrefix, PAGE_SIZE, Page, first_block, page_of};
use crate::object::header::{DEAD, FLAG_GC, FLAG_LARGE, Header};
use crate::sync::{AtomicI64, AtomicU32, AtomicU64, Ordering};

impl HeapSlot {
    /// The word and the bit of an object's mark.
    ///
    /// # Safety
    /// `header` is a live object of a heap: not a static one.
    #[inline(always)]
    unsafe fn mark_of<'a>(header: *mut Header) -> (MarkWord<'a>, u64) {
        // SAFETY: the object lies in a page of objects or behind a prefix.
        unsafe {
            if (*header).has_flag(FLAG_LARGE) {
                return (MarkWord::Large(&(*header.cast::<u8>().sub(size_of::<LargePrefix>()).cast::<LargePrefix>()).mark), 1);
            }
            let place = (header as usize & (PAGE_SIZE - 1)) / 16;
            (MarkWord::Page(&Page::marks(page_of(header.cast()))[place / 64]), 1 << (place % 64))
        }
    }

    /// Marks an object; whether it had no mark before.
    ///
    /// # Safety
    /// `header` is a live object of a heap, the world is stopped. Without `SHARED`, nobody else marks meanwhile.
    #[inline(always)]
    pub unsafe fn mark<const SHARED: bool>(header: *mut Header) -> bool {
        // SAFETY: the caller's. Relaxed: the marks are read when the marking threads have been joined.
        let (word, bit) = unsafe { Self::mark_of(header) };
        match word {
            MarkWord::Page(word) => {
                let before = word.load(Ordering::Relaxed);
                if before & bit != 0 {
                    return false;
                }
                if SHARED {
                    return word.fetch_or(bit, Ordering::Relaxed) & bit == 0;
                }
                word.store(before | bit, Ordering::Relaxed);
                true
            }
            MarkWord::Large(word) => word.swap(1, Ordering::Relaxed) == 0,
        }
    }

    /// # Safety
    /// `header` is a live object of a heap, the world is stopped and nobody marks.
    #[inline(always)]
    pub unsafe fn is_marked(header: *mut Header) -> bool {
        // SAFETY: the caller's.
        let (word, bit) = unsafe { Self::mark_of(header) };
        match word {
            MarkWord::Page(word) => word.load(Ordering::Relaxed) & bit != 0,
            MarkWord::Large(word) => word.load(Ordering::Relaxed) != 0,
        }
    }

    /// Takes all marks of the slot's objects away.
    ///
    /// # Safety
    /// The world is stopped.
    pub unsafe fn clear_marks(this: *mut HeapSlot) {
        // SAFETY: nobody allocates, frees or marks meanwhile.
        unsafe {
            for &page in &(*this).pages {
                if (*page).kind == Kind::Object {
                    Page::marks(page).iter().for_each(|word| word.store(0, Ordering::Relaxed));
                }
            }
            for &address in (*this).large.lock().iter() {
                (*(address as *mut u8).sub(size_of::<LargePrefix>()).cast::<LargePrefix>()).mark.store(0, Ordering::Relaxed);
            }
        }
    }

    /// Adds the slot's objects to `blocks`.
    ///
    /// # Safety
    /// The world is stopped.
    pub unsafe fn note_blocks(this: *mut HeapSlot, blocks: &mut Blocks) {
        // SAFETY: nobody allocates or frees meanwhile.
        unsafe {
            blocks.pages.extend((*this).pages.iter().filter(|page| (***page).kind == Kind::Object).map(|page| *page as usize));
            blocks.larges.extend((*this).large.lock().iter());
        }
    }

    /// Calls `visit` for each live object of the slot that the collector follows and that has no mark. Gives the bytes of
    /// those that have one.
    ///
    /// # Safety
    /// The world is stopped; nobody marks.
    pub unsafe fn visit_unmarked(this: *mut HeapSlot, mut visit: impl FnMut(*mut Header)) -> usize {
        let mut bytes = 0;
        // SAFETY: nobody allocates or frees meanwhile.
        unsafe {
            for &page in &(*this).pages {
                if (*page).kind != Kind::Object {
                    continue;
                }
                let marks = Page::marks(page);
                let mut marked = 0;
                let (mut offset, limit, size) = (first_block(Kind::Object) as usize, (*page).bump as usize, (*page).block_size as usize);
                while offset < limit {
                    let place = offset / 16;
                    if marks[place / 64].load(Ordering::Relaxed) >> (place % 64) & 1 != 0 {
                        marked += 1;
                    } else {
                        let header = page.cast::<u8>().add(offset).cast::<Header>();
                        if (*header).has_flag(FLAG_GC) && (*header).shared_refs.load(Ordering::Relaxed) != DEAD {
                            visit(header);
                        }
                    }
                    offset += size;
                }
                bytes += marked * size;
            }
            let large = (*this).large.lock().clone();
            for address in large {
                let prefix = (address as *mut u8).sub(size_of::<LargePrefix>()).cast::<LargePrefix>();
                if (*prefix).mark.load(Ordering::Relaxed) != 0 {
                    bytes += (*prefix).size;
                } else {
                    visit(address as *mut Header);
                }
            }
        }
        bytes
    }

    /// Notes a count for an object.
    ///
    /// # Safety
    /// `header` is a live object of a heap, the world is stopped. [`HeapSlot::forget_counts`] follows.
    pub unsafe fn set_count(header: *mut Header, count: i64) {
        // SAFETY: the caller's.
        unsafe {
            if (*header).has_flag(FLAG_LARGE) {
                let prefix = header.cast::<u8>().sub(size_of::<LargePrefix>()).cast::<LargePrefix>();
                (*prefix).count.store(count, Ordering::Relaxed);
                return;
            }
            let page = page_of(header.cast());
            if (*page).counts.is_null() {
                let counts: Box<[AtomicI64]> = (0..PAGE_SIZE / (*page).block_size as usize).map(|_| AtomicI64::new(0)).collect();
                (*page).counts = Box::into_raw(counts).cast();
            }
            let number = Page::block_number(page, (header as usize & (PAGE_SIZE - 1)) as u32);
            (*(*page).counts.add(number)).store(count, Ordering::Relaxed);
        }
    }

    /// The count noted for an object, `None` if there is none for any object of its page.
    ///
    /// # Safety
    /// `header` is a live object of a heap, the world is stopped.
    #[inline(always)]
    pub unsafe fn count<'a>(header: *mut Header) -> Option<&'a AtomicI64> {
        // SAFETY: the caller's.
        unsafe {
            if (*header).has_flag(FLAG_LARGE) {
                return Some(&(*header.cast::<u8>().sub(size_of::<LargePrefix>()).cast::<LargePrefix>()).count);
            }
            let page = page_of(header.cast());
            if (*page).counts.is_null() {
                return None;
            }
            Some(&*(*page).counts.add(Page::block_number(page, (header as usize & (PAGE_SIZE - 1)) as u32)))
        }
    }

    /// Gives the memory of the counts back.
    ///
    /// # Safety
    /// The world is stopped.
    pub unsafe fn forget_counts(this: *mut HeapSlot) {
        // SAFETY: only who has stopped the world touches counts.
        unsafe {
            for &page in &(*this).pages {
                let counts = std::mem::replace(&mut (*page).counts, null_mut());
                if !counts.is_null() {
                    let length = PAGE_SIZE / (*page).block_size as usize;
                    drop(Box::from_raw(std::ptr::slice_from_raw_parts_mut(counts, length)));
                }
            }
        }
    }
}

/// Where objects are.
#[derive(Default)]
pub struct Blocks {
    pages: HashSet<usize>,
    larges: HashSet<usize>,
}

impl Blocks {
    /// Whether the word is the address of a live object of a heap. Above what an instruction has taken from a stack, words
    /// may stand for objects that are gone.
    ///
    /// # Safety
    /// The world is stopped, and all slots have been noted. The word was an object once.
    pub unsafe fn has_live(&self, header: *mut Header) -> bool {
        if self.pages.contains(&(page_of(header.cast()) as usize)) {
            // SAFETY: the page of objects keeps readable headers; a block's place never changes.
            return unsafe { (*header).shared_refs.load(Ordering::Relaxed) != DEAD };
        }
        self.larges.contains(&(header as usize))
    }
}

/// Where the mark of an object is.
enum MarkWord<'a> {
    Page(&'a AtomicU64),
    Large(&'a AtomicU32),
}
