//! The array of a list and its items, read without the lock.
//!
//! # Who may touch what
//! * Readers: any thread. They load the array, check the index against its length, take a reference by try-increment and
//!   look at the slot and at the array again. Replaced arrays are freed after a grace period.
//! * Writers: hold the object lock. An item that leaves the list is released after the lock.

use std::alloc::{Layout, alloc};

use crate::memory::reclamation;
use crate::object::header::Header;
use crate::object::lock::ObjectGuard;
use crate::object::value::{Owned, Slot, Value};
use crate::sync::{AtomicPtr, AtomicUsize, Ordering};

/// The array: its capacity, then the slots.
#[repr(C)]
pub(super) struct Array {
    capacity: usize,
}

impl Array {
    fn layout(capacity: usize) -> Option<Layout> {
        Layout::from_size_align(size_of::<Array>().checked_add(capacity.checked_mul(size_of::<Slot>())?)?, 8).ok()
    }

    /// An array of empty slots; none when there is no memory.
    pub(super) fn allocate(capacity: usize) -> Option<*mut Array> {
        let layout = Array::layout(capacity)?;
        if layout.size() > isize::MAX as usize / 2 {
            return None;
        }
        // SAFETY: the layout is not empty; everything is written.
        unsafe {
            let array = alloc(layout).cast::<Array>();
            if array.is_null() {
                return None;
            }
            array.write(Array { capacity });
            for i in 0..capacity {
                array.add(1).cast::<Slot>().add(i).write(Slot::empty());
            }
            Some(array)
        }
    }

    pub(super) fn allocate_or_abort(capacity: usize) -> *mut Array {
        Array::allocate(capacity).unwrap_or_else(|| std::alloc::handle_alloc_error(Layout::new::<u64>()))
    }

    /// Moves the `count` words at `from` to `to`; what is left behind outside the new place is emptied. The list is
    /// locked. A reader that meets a word at its old and its new place takes a reference to the same live object.
    fn shift_locked(this: *mut Array, from: usize, to: usize, count: usize) {
        if from == to || count == 0 {
            return;
        }
        if !crate::object::FREE_THREADED {
            // SAFETY: both ranges lie within the array; nobody else runs.
            unsafe {
                let words = this.add(1).cast::<u64>();
                std::ptr::copy(words.add(from), words.add(to), count);
            }
        } else {
            let move_word = |i: usize| {
                let word = Array::slot(this, from + i).word().load(Ordering::Relaxed);
                Array::slot(this, to + i).word().store(word, Ordering::Release);
            };
            if to < from { (0..count).for_each(move_word) } else { (0..count).rev().for_each(move_word) }
        }
        let left_behind = if to < from { from.max(to + count)..from + count } else { from..to.min(from + count) };
        for i in left_behind {
            Array::slot(this, i).word().store(0, Ordering::Release);
        }
    }

    #[inline(always)]
    pub(super) fn slot<'a>(this: *mut Array, i: usize) -> &'a Slot {
        // SAFETY: callers keep `i` below the capacity.
        unsafe { &*this.add(1).cast::<Slot>().add(i) }
    }

    /// # Safety
    /// The array is unlinked; its references have moved or been released.
    unsafe fn retire(this: *mut Array) {
        if !this.is_null() {
            // SAFETY: allocated with this layout.
            unsafe {
                if let Some(layout) = Array::layout((*this).capacity) {
                    reclamation::retire_raw(this.cast(), layout);
                }
            }
        }
    }
}

#[repr(C)]
pub struct ListObject {
    pub(super) header: Header,
    array: AtomicPtr<Array>,
    len: AtomicUsize,
}

impl ListObject {
    #[inline(always)]
    pub fn len(&self) -> usize {
        // Acquire: pairs with the Release in the writers: the slots below are filled.
        self.len.load(Ordering::Acquire)
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Item `i`, none beyond the end.
    #[inline(always)]
    pub fn get(&self, i: usize) -> Option<Owned> {
        if i >= self.len() {
            return None;
        }
        // Acquire: pairs with the Release that publishes an array.
        let array = self.array.load(Ordering::Acquire);
        // SAFETY: a non-empty list has an array; a replaced one outlives this thread's next safepoint. A stale length may
        // exceed the capacity of a newer, smaller array.
        if array.is_null() || i >= unsafe { (*array).capacity } {
            return None;
        }
        match Array::slot(array, i).load_unlocked() {
            // A replaced array keeps its words without their counts: what it named may be another object by now.
            Ok(item) if self.is_current(array) => item,
            _ => self.get_locked_slow(i),
        }
    }

    /// Whether the array is in place. Without a GIL it may be replaced at any time.
    #[inline(always)]
    fn is_current(&self, array: *mut Array) -> bool {
        #[cfg(loom)]
        if crate::sync::modelled::leaves_out("second look") {
            return true;
        }
        !crate::object::FREE_THREADED || std::ptr::eq(self.array.load(Ordering::Acquire), array)
    }

    #[cold]
    fn get_locked_slow(&self, i: usize) -> Option<Owned> {
        let _guard = self.header.lock_leaf();
        if i < self.len.load(Ordering::Relaxed) { Array::slot(self.array.load(Ordering::Relaxed), i).load_locked() } else { None }
    }

    /// Item `i` as a word for a stack (see [`Slot::load_word`]), none beyond the end.
    #[inline]
    pub fn get_word(&self, i: usize) -> Option<u64> {
        if crate::object::FREE_THREADED && i < self.len() {
            // As in `get`.
            let array = self.array.load(Ordering::Acquire);
            // SAFETY: as in `get`.
            if !array.is_null() && i < unsafe { (*array).capacity } {
                if let Some(value) = Array::slot(array, i).peek_deferred() {
                    if self.is_current(array) {
                        return Some(value.deferred_borrowed().bits());
                    }
                }
            }
        }
        Some(self.get(i)?.into_raw().bits())
    }

    /// Item `i`, if taking it needs no atomic operation: `None` says nothing.
    #[inline(always)]
    pub fn get_own(&self, i: usize) -> Option<Owned> {
        if i >= self.len() {
            return None;
        }
        // As in `get`.
        let array = self.array.load(Ordering::Acquire);
        // SAFETY: as in `get`.
        if array.is_null() || i >= unsafe { (*array).capacity } {
            return None;
        }
        Array::slot(array, i).load_own()
    }

    /// Replaces item `i` where no other thread has ever been; hands the new value back if there is no such item.
    #[inline(always)]
    pub fn set_alone(&self, i: usize, value: Owned) -> Result<Owned, Owned> {
        if i >= self.len() {
            return Err(value);
        }
        let slot = Array::slot(self.array.load(Ordering::Relaxed), i);
        match slot.replace_locked(Some(value)) {
            Some(old) => Ok(old),
            None => Ok(Owned::none()),
        }
    }

    /// Replaces item `i`; hands the new value back if there is no such item.
    #[inline]
    pub fn set(&self, i: usize, value: Owned) -> Result<Owned, Owned> {
        let _guard = self.header.lock_leaf();
        if i >= self.len() {
            return Err(value);
        }
        let slot = Array::slot(self.array.load(Ordering::Relaxed), i);
        match slot.replace_locked(Some(value)) {
            Some(old) => Ok(old),
            None => Ok(Owned::none()),
        }
    }

    /// Appends an item.
    #[inline]
    pub fn push(&self, value: Owned) {
        let _guard = self.header.lock_leaf();
        let len = self.len.load(Ordering::Relaxed);
        if !self.reserve_locked(len + 1) {
            std::alloc::handle_alloc_error(Layout::new::<u64>());
        }
        // Slots beyond the length are empty.
        Array::slot(self.array.load(Ordering::Relaxed), len).word().store(value.into_raw().bits(), Ordering::Release);
        self.len.store(len + 1, Ordering::Release);
    }

    /// The items, where no other thread has ever been; until anything may change the list.
    #[inline(always)]
    pub fn items_alone(&self) -> Option<&[Value]> {
        if (crate::object::FREE_THREADED && crate::threads::thread_state::has_other_threads()) || self.is_empty() {
            return None;
        }
        // SAFETY: the slots below the length are filled, and a slot is a word.
        Some(unsafe { std::slice::from_raw_parts(self.array.load(Ordering::Relaxed).add(1).cast(), self.len()) })
    }

    /// Appends an item to a list that only this thread uses, if there is room.
    #[inline(always)]
    pub fn push_alone(&self, value: impl FnOnce() -> Owned) -> bool {
        let len = self.len.load(Ordering::Relaxed);
        let array = self.array.load(Ordering::Relaxed);
        // SAFETY: the list's array.
        if array.is_null() || len >= unsafe { (*array).capacity } {
            return false;
        }
        // Slots beyond the length are empty.
        Array::slot(array, len).word().store(value().into_raw().bits(), Ordering::Release);
        self.len.store(len + 1, Ordering::Release);
        true
    }

    /// Replaces the items `start..stop` by those of another list, which are as many, where no other thread has ever been.
    /// False: nothing has happened.
    pub fn assign_alone(&self, start: usize, stop: usize, source: &ListObject) -> bool {
        if crate::object::FREE_THREADED && crate::threads::thread_state::has_other_threads() {
            return false;
        }
        if std::ptr::eq(self, source) || stop > self.len() || start >= stop || source.len() != stop - start {
            return false;
        }
        let (to, from) = (self.array.load(Ordering::Relaxed), source.array.load(Ordering::Relaxed));
        for i in 0..stop - start {
            // Dropping the old item runs no Python code.
            drop(Array::slot(to, start + i).replace_locked(Array::slot(from, i).load_locked()));
        }
        true
    }

    /// Makes room for `n` items. False when there is no memory.
    fn reserve_locked(&self, n: usize) -> bool {
        let old = self.array.load(Ordering::Relaxed);
        // SAFETY: the current array.
        let capacity = if old.is_null() { 0 } else { unsafe { (*old).capacity } };
        if n <= capacity {
            return true;
        }
        let wanted = if capacity == 0 && n > 1 { n } else { (n + (n >> 3) + 6) & !3 };
        self.move_to_locked(wanted)
    }

    /// Moves the items to an array of `capacity` slots.
    fn move_to_locked(&self, capacity: usize) -> bool {
        let Some(new) = Array::allocate(capacity) else { return false };
        let old = self.array.load(Ordering::Relaxed);
        let len = self.len.load(Ordering::Relaxed).min(capacity);
        for i in 0..len {
            // The words move with their counts; late readers of the old array decide by the objects' headers.
            let word = Array::slot(old, i).word().load(Ordering::Relaxed);
            Array::slot(new, i).word().store(word, Ordering::Relaxed);
        }
        self.array.store(new, Ordering::Release);
        // SAFETY: unlinked.
        unsafe { Array::retire(old) };
        true
    }

    /// All items at one moment.
    pub fn to_vec(&self) -> Vec<Owned> {
        let _guard = self.header.lock_leaf();
        self.copy_locked(0, self.len.load(Ordering::Relaxed))
    }

    /// The items `start..stop`, which lie within the list.
    fn copy_locked(&self, start: usize, stop: usize) -> Vec<Owned> {
        let array = self.array.load(Ordering::Relaxed);
        let mut items = Vec::with_capacity(stop - start);
        for i in start..stop {
            items.extend(Array::slot(array, i).load_locked());
        }
        items
    }

    /// Takes all items out, leaving the list empty.
    pub fn take_all(&self) -> Vec<Owned> {
        self.take_all_leaving(std::ptr::null_mut())
    }

    /// As [`ListObject::take_all`] for sorting: leaves an array without room behind, whose address tells
    /// [`ListObject::is_untouched`] later whether anything has changed the list.
    pub fn take_all_marked(&self) -> (Vec<Owned>, usize) {
        let marker = Array::allocate(0).unwrap_or(std::ptr::null_mut());
        (self.take_all_leaving(marker), marker as usize)
    }

    /// Whether the list is as [`ListObject::take_all_marked`] left it.
    pub fn is_untouched(&self, marker: usize) -> bool {
        self.len() == 0 && self.array.load(Ordering::Acquire) as usize == marker
    }

    fn take_all_leaving(&self, new: *mut Array) -> Vec<Owned> {
        let (array, len) = {
            let _guard = self.header.lock_leaf();
            // The length first: a reader that still sees the old one checks the capacity of the array that it finds.
            let len = self.len.swap(0, Ordering::AcqRel);
            (self.array.swap(new, Ordering::AcqRel), len)
        };
        let mut items = Vec::with_capacity(len);
        (0..len).for_each(|i| items.extend(Array::slot(array, i).replace_locked(None)));
        // SAFETY: unlinked, emptied.
        unsafe { Array::retire(array) };
        items
    }

    /// Replaces the contents; the old items are handed out.
    pub fn replace_all(&self, items: Vec<Owned>) -> Vec<Owned> {
        let new = ItemArray::of_items(items);
        let (old, len) = {
            let _guard = self.header.lock_leaf();
            let old = self.array.load(Ordering::Relaxed);
            let len = self.len.load(Ordering::Relaxed);
            // Readers between the two stores see a short list.
            self.len.store(0, Ordering::Release);
            self.array.store(new.array, Ordering::Release);
            self.len.store(new.len, Ordering::Release);
            (old, len)
        };
        let items = (0..len).filter_map(|i| Array::slot(old, i).replace_locked(None)).collect();
        // SAFETY: unlinked, emptied.
        unsafe { Array::retire(old) };
        items
    }

    /// Replaces the items `start..stop` by `items` and hands out what was there.
    pub fn splice(&self, start: usize, stop: usize, items: Vec<Owned>) -> Vec<Owned> {
        let guard = self.header.lock_leaf();
        let len = self.len.load(Ordering::Relaxed);
        let (start, stop) = (start.min(len), stop.min(len).max(start.min(len)));
        let removed_count = stop - start;
        let new_len = len - removed_count + items.len();
        if items.len() > removed_count && !self.reserve_locked(new_len) {
            std::alloc::handle_alloc_error(Layout::new::<u64>());
        }
        let array = self.array.load(Ordering::Relaxed);
        let mut removed = Vec::with_capacity(removed_count);
        for i in start..stop {
            removed.extend(Array::slot(array, i).replace_locked(None));
        }
        let to = start + items.len();
        Array::shift_locked(array, stop, to, len - stop);
        for (i, item) in items.into_iter().enumerate() {
            Array::slot(array, start + i).word().store(item.into_raw().bits(), Ordering::Release);
        }
        self.len.store(new_len, Ordering::Release);
        drop(guard);
        removed
    }

    /// Removes item `i`.
    pub fn remove_at(&self, i: usize) -> Option<Owned> {
        let _guard = self.header.lock_leaf();
        let len = self.len.load(Ordering::Relaxed);
        if i >= len {
            return None;
        }
        let array = self.array.load(Ordering::Relaxed);
        if i + 1 == len {
            self.len.store(i, Ordering::Release);
            return Array::slot(array, i).replace_locked(None);
        }
        let removed = Array::slot(array, i).replace_locked(None);
        Array::shift_locked(array, i + 1, i, len - i - 1);
        self.len.store(len - 1, Ordering::Release);
        removed
    }

    /// Puts an item before number `i` (at the end if there is no such item).
    pub fn insert_at(&self, i: usize, value: Owned) {
        let _guard = self.header.lock_leaf();
        let len = self.len.load(Ordering::Relaxed);
        let i = i.min(len);
        if !self.reserve_locked(len + 1) {
            std::alloc::handle_alloc_error(Layout::new::<u64>());
        }
        let array = self.array.load(Ordering::Relaxed);
        Array::shift_locked(array, i, i + 1, len - i);
        Array::slot(array, i).word().store(value.into_raw().bits(), Ordering::Release);
        self.len.store(len + 1, Ordering::Release);
    }

    /// The list with its lock held, for work on several items at one moment.
    pub fn lock(&self) -> LockedList<'_> {
        LockedList { list: self, _guard: self.header.lock_leaf() }
    }

    /// Bytes of the object and its array.
    pub fn size(&self) -> usize {
        let array = self.array.load(Ordering::Acquire);
        // SAFETY: the current array.
        size_of::<ListObject>() + if array.is_null() { 0 } else { 8 * unsafe { (*array).capacity } }
    }

    pub(super) fn with_items(header: Header, items: ItemArray) -> ListObject {
        ListObject { header, array: AtomicPtr::new(items.array), len: AtomicUsize::new(items.len) }
    }

    /// # Safety
    /// The list is dead.
    pub(super) unsafe fn drop_items(&self) {
        let array = self.array.load(Ordering::Relaxed);
        for i in 0..self.len.load(Ordering::Relaxed) {
            drop(Array::slot(array, i).replace_locked(None));
        }
        // SAFETY: nobody can reach the list; readers that still have the array are waited for.
        unsafe { Array::retire(array) };
    }

    /// Shows the items without a count, in a stopped world.
    pub(super) fn visit_items(&self, visit: &mut dyn FnMut(Value)) {
        let array = self.array.load(Ordering::Acquire);
        (0..self.len()).filter_map(|i| Array::slot(array, i).peek()).for_each(visit);
    }
}

/// An array with its length that no list has yet.
pub(super) struct ItemArray {
    array: *mut Array,
    len: usize,
}

impl ItemArray {
    pub(super) const EMPTY: ItemArray = ItemArray { array: std::ptr::null_mut(), len: 0 };

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// An array whose first `len` slots have been filled.
    pub(super) fn filled(array: *mut Array, len: usize) -> ItemArray {
        ItemArray { array, len }
    }

    pub(super) fn of_items(items: Vec<Owned>) -> ItemArray {
        let len = items.len();
        if len == 0 {
            return ItemArray::EMPTY;
        }
        let array = Array::allocate_or_abort(len);
        for (i, item) in items.into_iter().enumerate() {
            Array::slot(array, i).word().store(item.into_raw().bits(), Ordering::Relaxed);
        }
        ItemArray { array, len }
    }

    /// The items `start..stop` of a list, as far as they exist.
    pub(super) fn of_range(list: &ListObject, start: usize, stop: usize) -> ItemArray {
        let _guard = list.header.lock_leaf();
        let stop = stop.min(list.len.load(Ordering::Relaxed));
        let start = start.min(stop);
        let len = stop - start;
        if len == 0 {
            return ItemArray::EMPTY;
        }
        let (made, array) = (Array::allocate_or_abort(len), list.array.load(Ordering::Relaxed));
        for i in 0..len {
            let word = Array::slot(array, start + i).load_locked().map_or(0, |item| item.into_raw().bits());
            Array::slot(made, i).word().store(word, Ordering::Relaxed);
        }
        ItemArray { array: made, len }
    }

    /// The items of a list with these numbers, up to the first that does not exist.
    pub(super) fn of_numbers(list: &ListObject, numbers: impl ExactSizeIterator<Item = usize>) -> ItemArray {
        let n = numbers.len();
        if n == 0 {
            return ItemArray::EMPTY;
        }
        let _guard = list.header.lock_leaf();
        let (made, array) = (Array::allocate_or_abort(n), list.array.load(Ordering::Relaxed));
        let present = list.len.load(Ordering::Relaxed);
        let mut len = 0;
        for i in numbers.take(n).take_while(|i| *i < present) {
            let word = Array::slot(array, i).load_locked().map_or(0, |item| item.into_raw().bits());
            Array::slot(made, len).word().store(word, Ordering::Relaxed);
            len += 1;
        }
        ItemArray { array: made, len }
    }
}

/// A locked list. No Python code runs meanwhile: what leaves the list is dropped after the lock.
pub struct LockedList<'a> {
    list: &'a ListObject,
    _guard: ObjectGuard<'a>,
}

impl LockedList<'_> {
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.list.len.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline(always)]
    fn slot(&self, i: usize) -> Option<&Slot> {
        // The length never exceeds the capacity of the array in place.
        if i < self.len() { Some(Array::slot(self.list.array.load(Ordering::Relaxed), i)) } else { None }
    }

    /// Item `i`, which stays alive as long as the lock is held.
    #[inline(always)]
    pub fn peek(&self, i: usize) -> Option<Value> {
        self.slot(i)?.peek()
    }

    /// Exchanges two items, if both exist.
    #[inline]
    pub fn swap(&mut self, i: usize, j: usize) {
        if let (Some(a), Some(b)) = (self.slot(i), self.slot(j)) {
            let (first, second) = (a.word().load(Ordering::Relaxed), b.word().load(Ordering::Relaxed));
            // Release: as all stores to slots. A reader may meet one of the two at both places.
            a.word().store(second, Ordering::Release);
            b.word().store(first, Ordering::Release);
        }
    }

    /// Replaces item `i`; hands the new value back if there is no such item.
    pub fn replace(&mut self, i: usize, value: Owned) -> Result<Owned, Owned> {
        match self.slot(i) {
            Some(slot) => Ok(slot.replace_locked(Some(value)).unwrap_or_else(Owned::none)),
            None => Err(value),
        }
    }

    pub fn push(&mut self, value: Owned) {
        let len = self.len();
        if !self.list.reserve_locked(len + 1) {
            std::alloc::handle_alloc_error(Layout::new::<u64>());
        }
        drop(Array::slot(self.list.array.load(Ordering::Relaxed), len).replace_locked(Some(value)));
        self.list.len.store(len + 1, Ordering::Release);
    }

    pub fn pop(&mut self) -> Option<Owned> {
        let last = self.len().checked_sub(1)?;
        self.list.len.store(last, Ordering::Release);
        Array::slot(self.list.array.load(Ordering::Relaxed), last).replace_locked(None)
    }
}
