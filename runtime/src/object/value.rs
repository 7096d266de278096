//! `Value`: the 64-bit word that every stack slot, local, list item and attribute holds. Only this file knows the bits.
//!
//! | low bits | meaning |
//! |---|---|
//! | `…1` | small int: 53-bit signed payload in bits 11–63, bits 1–10 an identity (so that two ints made separately are two objects to `is`) |
//! | `…10` | flonum: a float with a common exponent, rotated into the word (CRuby's scheme) |
//! | `…00` | pointer to a heap object, 16-byte aligned; bits 2 and 3 are marks |
//!
//! Marks stand only in stack and local slots of running frames: *frame-borrowed* (an older slot of this thread keeps
//! the object alive) and *deferred-borrowed* (the stack-grace protocol does). A word whose low four bits are zero owns
//! a count. An empty slot is the word 0, typed `Option<Value>`.

use std::cell::Cell;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, forget};
use std::num::NonZeroU64;
use std::ops::Deref;

use super::header::Header;
use crate::sync::{AtomicU64, Ordering, const_unless_loom};

/// A bare word: borrowed unless a function says that it owns. Copying it does not touch any count.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Value(NonZeroU64);

const INT_TAG: u64 = 1;
const FLONUM_TAG: u64 = 2;
const FLONUM_MASK: u64 = 3;
/// Bits 1–10 of a small int.
const IDENTITY_MASK: u64 = 0x7FE;
const INT_SHIFT: u32 = 11;
/// Everything in an int word that is not payload.
const INT_LOW: u64 = 0x7FF;
/// A stack or local slot borrows from an older slot of the same thread.
const FRAME_BORROWED: u64 = 4;
/// A stack or local slot borrows from the deferred protocol.
const DEFERRED_BORROWED: u64 = 8;
const MARKS: u64 = FRAME_BORROWED | DEFERRED_BORROWED;
/// The flonum of 0.0, whose exponent has no rotation.
const FLONUM_ZERO: u64 = 0x8000_0000_0000_0002;

/// Largest and smallest int that needs no heap object.
pub const SMALL_INT_MAX: i64 = (1 << 52) - 1;
pub const SMALL_INT_MIN: i64 = -(1 << 52);

thread_local! {
    static INT_IDENTITY: Cell<u64> = const { Cell::new(0) };
}

impl Value {
    /// # Safety
    /// `bits` is a word made by this module.
    #[inline(always)]
    pub const unsafe fn from_bits(bits: u64) -> Value {
        // SAFETY: no word is zero.
        Value(unsafe { NonZeroU64::new_unchecked(bits) })
    }

    /// The word, or none for an empty slot.
    #[inline(always)]
    pub const fn from_slot(bits: u64) -> Option<Value> {
        match NonZeroU64::new(bits) {
            Some(word) => Some(Value(word)),
            None => None,
        }
    }

    #[inline(always)]
    pub const fn bits(self) -> u64 {
        self.0.get()
    }

    /// The word without marks.
    #[inline(always)]
    pub const fn unmarked(self) -> Value {
        if self.is_pointer() {
            // SAFETY: a pointer without marks is not zero.
            unsafe { Value::from_bits(self.bits() & !MARKS) }
        } else {
            self
        }
    }

    #[inline(always)]
    pub const fn from_header(header: *const Header) -> Value {
        // SAFETY: objects are not at address zero and are 16-byte aligned.
        unsafe { std::mem::transmute::<*const Header, Value>(header) }
    }

    /// A value for any object that starts with a header.
    #[inline(always)]
    pub fn from_object<T>(object: &T) -> Value {
        Value::from_header(std::ptr::from_ref(object).cast())
    }

    #[inline(always)]
    pub const fn is_pointer(self) -> bool {
        self.bits() & FLONUM_MASK == 0
    }

    #[inline(always)]
    pub const fn is_small_int(self) -> bool {
        self.bits() & INT_TAG != 0
    }

    #[inline(always)]
    pub const fn is_flonum(self) -> bool {
        self.bits() & FLONUM_MASK == FLONUM_TAG
    }

    /// Whether the word owns a count that must be given back.
    #[inline(always)]
    pub const fn is_counted(self) -> bool {
        self.bits() & 0xF == 0
    }

    #[inline(always)]
    pub const fn is_deferred_borrow(self) -> bool {
        self.is_pointer() && self.bits() & DEFERRED_BORROWED != 0
    }

    /// The word marked as borrowed from an older slot of this thread.
    #[inline(always)]
    pub const fn frame_borrowed(self) -> Value {
        if self.is_pointer() {
            // SAFETY: setting a bit keeps the word non-zero.
            unsafe { Value::from_bits(self.bits() | FRAME_BORROWED) }
        } else {
            self
        }
    }

    /// The word marked as borrowed from the deferred protocol.
    #[inline(always)]
    pub const fn deferred_borrowed(self) -> Value {
        if self.is_pointer() {
            // SAFETY: setting a bit keeps the word non-zero.
            unsafe { Value::from_bits(self.bits() | DEFERRED_BORROWED) }
        } else {
            self
        }
    }

    /// The header of a pointer value.
    #[inline(always)]
    pub fn header(self) -> *mut Header {
        debug_assert!(self.is_pointer());
        (self.bits() & !MARKS) as *mut Header
    }

    /// The object as `T`.
    ///
    /// # Safety
    /// The value is a pointer to a live object with the layout of `T`, and outlives the reference.
    #[inline(always)]
    pub unsafe fn as_ref<'a, T>(self) -> &'a T {
        // SAFETY: the caller's obligation.
        unsafe { &*self.header().cast::<T>() }
    }

    /// A small int with identity bits of this thread's sequence, or none if `payload` needs a heap object.
    #[inline(always)]
    pub fn small_int(payload: i64) -> Option<Value> {
        if (SMALL_INT_MIN..=SMALL_INT_MAX).contains(&payload) { Some(Value::small_int_unchecked(payload)) } else { None }
    }

    /// As [`Value::small_int`] for a payload known to fit 53 bits.
    #[inline(always)]
    pub fn small_int_unchecked(payload: i64) -> Value {
        let identity = INT_IDENTITY.get().wrapping_add(2);
        INT_IDENTITY.set(identity);
        // SAFETY: the tag bit is set.
        unsafe { Value::from_bits(((payload as u64) << INT_SHIFT) | (identity & IDENTITY_MASK) | INT_TAG) }
    }

    /// A small int whose identity does not matter (an index, a flag, a constant below 257).
    #[inline(always)]
    pub const fn plain_int(payload: i64) -> Value {
        // SAFETY: the tag bit is set.
        unsafe { Value::from_bits(((payload as u64) << INT_SHIFT) | INT_TAG) }
    }

    /// The payload of a small int.
    #[inline(always)]
    pub const fn small_int_payload(self) -> i64 {
        (self.bits() as i64) >> INT_SHIFT
    }

    /// The payload, if the value is a small int (a `bool` is not).
    #[inline(always)]
    pub const fn as_small_int(self) -> Option<i64> {
        if self.is_small_int() { Some(self.small_int_payload()) } else { None }
    }

    /// Whether both are small ints: one test for the two.
    #[inline(always)]
    pub const fn both_small_ints(a: Value, b: Value) -> bool {
        a.bits() & b.bits() & INT_TAG != 0
    }

    /// `a + b` of small ints, none on overflow of the payload. The result carries b's identity mixed with `a`'s.
    #[inline(always)]
    pub fn small_int_add(a: Value, b: Value) -> Option<Value> {
        let sum = ((a.bits() & !INT_LOW) as i64).checked_add(b.bits() as i64)? as u64;
        // SAFETY: b's tag bit survives, since a's low bits were cleared.
        Some(unsafe { Value::from_bits(sum ^ Value::next_identity()) })
    }

    /// `a - b` of small ints, none on overflow of the payload.
    #[inline(always)]
    pub fn small_int_sub(a: Value, b: Value) -> Option<Value> {
        let difference = (a.bits() as i64).checked_sub((b.bits() & !INT_LOW) as i64)? as u64;
        // SAFETY: a's tag bit survives.
        Some(unsafe { Value::from_bits(difference ^ Value::next_identity()) })
    }

    /// `a * b` of small ints, none on overflow of the payload.
    #[inline(always)]
    pub fn small_int_mul(a: Value, b: Value) -> Option<Value> {
        let product = ((a.bits() & !INT_LOW) as i64).checked_mul(b.small_int_payload())? as u64;
        // SAFETY: the tag is set.
        Some(unsafe { Value::from_bits(product | INT_TAG | Value::next_identity()) })
    }

    #[inline(always)]
    fn next_identity() -> u64 {
        let identity = INT_IDENTITY.get().wrapping_add(2);
        INT_IDENTITY.set(identity);
        identity & IDENTITY_MASK
    }

    /// Compares two small ints by payload.
    #[inline(always)]
    pub fn small_int_cmp(a: Value, b: Value) -> std::cmp::Ordering {
        a.small_int_payload().cmp(&b.small_int_payload())
    }

    /// The flonum of `number`, none if its exponent is rare (then the float is boxed).
    #[inline(always)]
    pub const fn flonum(number: f64) -> Option<Value> {
        let bits = number.to_bits();
        let top = (bits >> 60) & 7;
        if top == 3 || top == 4 {
            // 0x3000… (1.7e-77) would rotate to the word of zero and is left out.
            if bits & 0x7FFF_FFFF_FFFF_FFFF != 0x3000_0000_0000_0000 {
                // SAFETY: the tag is set.
                return Some(unsafe { Value::from_bits((bits.rotate_left(3) & !FLONUM_MASK) | FLONUM_TAG) });
            }
            return None;
        }
        // SAFETY: the tag is set.
        if bits == 0 { Some(unsafe { Value::from_bits(FLONUM_ZERO) }) } else { None }
    }

    /// The number of a flonum.
    #[inline(always)]
    pub const fn flonum_value(self) -> f64 {
        let word = self.bits();
        if word == FLONUM_ZERO {
            return 0.0;
        }
        // The two bits that the tag replaced follow from bit 60, which now stands at the top.
        f64::from_bits(((word & !FLONUM_MASK) | (2 - (word >> 63))).rotate_right(3))
    }

    /// The number, if the value is a flonum.
    #[inline(always)]
    pub const fn as_flonum(self) -> Option<f64> {
        if self.is_flonum() { Some(self.flonum_value()) } else { None }
    }

    /// Python's `is`.
    #[inline(always)]
    pub fn is(self, other: Value) -> bool {
        if self.bits() == other.bits() {
            return true;
        }
        self.is_slow(other)
    }

    #[inline]
    fn is_slow(self, other: Value) -> bool {
        if self.is_pointer() && other.is_pointer() {
            return self.header() == other.header();
        }
        if Value::both_small_ints(self, other) {
            let payload = self.small_int_payload();
            return (-5..=256).contains(&payload) && payload == other.small_int_payload();
        }
        false
    }

    /// Python's `id`: the address of an object, for an immediate a number that no address can be.
    pub fn id(self) -> u64 {
        if self.is_pointer() {
            return self.bits() & !MARKS;
        }
        if self.is_small_int() {
            let payload = self.small_int_payload();
            if (-5..=256).contains(&payload) {
                return ((payload as u64) << INT_SHIFT) & (u64::MAX >> 1) | INT_TAG;
            }
        }
        self.bits()
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(payload) = self.as_small_int() {
            write!(f, "int({payload})")
        } else if let Some(number) = self.as_flonum() {
            write!(f, "float({number})")
        } else {
            write!(f, "object({:#x})", self.bits())
        }
    }
}

/// An owned reference: gives its count back when dropped. Dropping never runs Python code: an object whose death
/// would is put on the thread's pending list (PROTOCOLS M17).
#[repr(transparent)]
pub struct Owned(Value);

impl Owned {
    /// Takes over the count that comes with `value`.
    ///
    /// # Safety
    /// The caller owns one count of `value` (or it is an immediate) and gives it up.
    #[inline(always)]
    pub unsafe fn from_raw(value: Value) -> Owned {
        debug_assert!(!value.is_pointer() || value.is_counted());
        Owned(value)
    }

    /// The word with its count.
    #[inline(always)]
    pub fn into_raw(self) -> Value {
        let value = self.0;
        forget(self);
        value
    }

    #[inline(always)]
    pub fn value(&self) -> Value {
        self.0
    }
}

impl Deref for Owned {
    type Target = Value;
    #[inline(always)]
    fn deref(&self) -> &Value {
        &self.0
    }
}

impl Clone for Owned {
    #[inline(always)]
    fn clone(&self) -> Owned {
        self.0.to_owned()
    }
}

impl Drop for Owned {
    #[inline(always)]
    fn drop(&mut self) {
        // A model that has failed is not there any more.
        #[cfg(loom)]
        if std::thread::panicking() {
            return;
        }
        if self.0.is_counted() {
            // SAFETY: this handle owned a count of a live object.
            unsafe { super::lifetime::release_pointer(self.0) };
        }
    }
}

impl std::fmt::Debug for Owned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Value {
    /// A new counted reference to the same object. (By reference, so that it and not `ToOwned` is meant on `&Value`.)
    #[inline(always)]
    #[allow(clippy::wrong_self_convention, reason = "see above")]
    pub fn to_owned(&self) -> Owned {
        let value = self.unmarked();
        if value.is_pointer() {
            // SAFETY: the caller's borrowed value is alive.
            unsafe { super::lifetime::retain_pointer(value) };
        }
        Owned(value)
    }
}

/// A reference could not be taken by trial: the object is another thread's alone, or dead.
#[derive(Clone, Copy, Debug)]
pub struct NeedsLock;

/// A slot on the heap that any thread may read while the lock of its container guards writes.
#[repr(transparent)]
pub struct Slot(AtomicU64);

impl Slot {
    const_unless_loom! {
        #[inline]
        pub fn empty() -> Slot {
            Slot(AtomicU64::new(0))
        }
    }

    /// A slot that owns `value`'s count.
    #[inline]
    pub fn new(value: Owned) -> Slot {
        Slot(AtomicU64::new(value.into_raw().bits()))
    }

    #[inline]
    pub fn from_option(value: Option<Owned>) -> Slot {
        value.map_or(Slot::empty(), Slot::new)
    }

    /// The word without a count: for comparing, or where the caller knows the object to be kept alive.
    #[inline(always)]
    pub fn peek(&self) -> Option<Value> {
        // Acquire: pairs with the Release stores below.
        Value::from_slot(self.0.load(Ordering::Acquire))
    }

    /// A counted reference to what the slot holds. `container` is the object whose lock guards the slot, and which the slot
    /// is part of.
    #[inline]
    pub fn load(&self, container: &Header) -> Option<Owned> {
        match self.load_unlocked() {
            Ok(value) => value,
            Err(NeedsLock) => self.load_locked_slow(container),
        }
    }

    /// As [`Slot::load`], as far as that goes without the lock. For slots in blocks that may be replaced: a replaced block
    /// keeps its words without their counts, so that what one names may be another object by now. So the caller looks
    /// whether the block is still in place, both when it has got something and with the lock held.
    #[inline(always)]
    pub fn load_unlocked(&self) -> Result<Option<Owned>, NeedsLock> {
        loop {
            let Some(value) = self.peek() else { return Ok(None) };
            if !value.is_pointer() {
                return Ok(Some(Owned(value)));
            }
            if !super::lifetime::try_retain_pointer(value) {
                return Err(NeedsLock);
            }
            if super::refcount::FREE_THREADED && self.0.load(Ordering::Acquire) != value.bits() {
                // SAFETY: the count just taken is given back.
                drop(unsafe { Owned::from_raw(value) });
                continue;
            }
            return Ok(Some(Owned(value)));
        }
    }

    /// What the slot holds as a word for a stack: without a count if the object is deferred, counted otherwise.
    #[inline]
    pub fn load_word(&self, container: &Header) -> Option<u64> {
        match self.peek_deferred() {
            Some(value) => Some(value.deferred_borrowed().bits()),
            None => Some(self.load(container)?.into_raw().bits()),
        }
    }

    /// The object in the slot, if it is deferred: it lives at least until the calling thread's next safepoint, and longer
    /// where a stack holds it as a deferred-borrowed word. `None` says nothing.
    #[inline(always)]
    pub fn peek_deferred(&self) -> Option<Value> {
        if !super::refcount::FREE_THREADED {
            return None;
        }
        // Marked words in slots are no objects (`shape::FORWARDED`).
        let value = self.peek().filter(|value| value.is_counted())?;
        // SAFETY: header words of object blocks stay readable until a memory grace period is over.
        let is_deferred = unsafe { (*value.header()).is_deferred() };
        // The flag was read between two loads of the slot: whatever object had it, this one was in the slot with a count
        // after that, and a deferred object is not freed before this thread's next safepoint.
        (is_deferred && self.0.load(Ordering::Acquire) == value.bits()).then_some(value)
    }

    /// As [`Slot::load`] where that needs no atomic operation and no lock: `None` says nothing.
    #[inline(always)]
    pub fn load_own(&self) -> Option<Owned> {
        let value = self.peek()?;
        if !value.is_pointer() || super::lifetime::try_retain_own_pointer(value) { Some(Owned(value)) } else { None }
    }

    #[cold]
    fn load_locked_slow(&self, container: &Header) -> Option<Owned> {
        super::lock::acquire(&container.lock);
        let result = self.load_locked();
        super::lock::release(&container.lock);
        result
    }

    /// As [`Slot::load`] with the container's lock held.
    #[inline]
    pub fn load_locked(&self) -> Option<Owned> {
        let value = self.peek()?;
        if value.is_pointer() {
            // SAFETY: the lock keeps the slot, and so the object, as it is.
            unsafe { super::lifetime::retain_foreign_pointer(value) };
        }
        Some(Owned(value))
    }

    /// Puts `value` in and hands out what was there. The container's lock is held, or nobody else can see the slot.
    #[inline]
    pub fn replace_locked(&self, value: Option<Owned>) -> Option<Owned> {
        let old = self.0.load(Ordering::Relaxed);
        // Release: what the value refers to is written before it can be seen.
        self.0.store(value.map_or(0, |owned| owned.into_raw().bits()), Ordering::Release);
        Value::from_slot(old).map(Owned)
    }

    /// Puts `value` in and hands out what was there, taking the container's lock. The caller drops the old value after.
    #[inline]
    pub fn replace(&self, container: &Header, value: Option<Owned>) -> Option<Owned> {
        super::lock::acquire(&container.lock);
        let old = self.replace_locked(value);
        super::lock::release(&container.lock);
        old
    }

    /// Stores `new` if the slot still holds `old`: the attribute store of PROTOCOLS M15. Gives back the old value, or
    /// the new one when another store came first.
    #[inline]
    pub fn compare_replace(&self, old: Value, new: Owned) -> Result<Owned, Owned> {
        let new = ManuallyDrop::new(new);
        if !super::refcount::FREE_THREADED {
            self.0.store(new.bits(), Ordering::Relaxed);
            return Ok(Owned(old));
        }
        if !crate::threads::thread_state::has_other_threads() {
            // No other thread has ever been: none stores meanwhile.
            if self.0.load(Ordering::Relaxed) != old.bits() {
                return Err(ManuallyDrop::into_inner(new));
            }
            self.0.store(new.bits(), Ordering::Release);
            return Ok(Owned(old));
        }
        // AcqRel: publishes the new value, takes over the old one.
        match self.0.compare_exchange(old.bits(), new.bits(), Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => Ok(Owned(old)),
            Err(_) => Err(ManuallyDrop::into_inner(new)),
        }
    }

    /// The word as a place in memory, for the collector and the eval loop.
    #[inline(always)]
    pub fn word(&self) -> &AtomicU64 {
        &self.0
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        #[cfg(loom)]
        if std::thread::panicking() {
            return;
        }
        if let Some(value) = Value::from_slot(self.0.load(Ordering::Relaxed)) {
            drop(Owned(value));
        }
    }
}

/// Something has been raised: the exception lies in the thread state.
#[derive(Clone, Copy, Debug)]
pub struct Raised {
    _in_thread: PhantomData<()>,
}

impl Raised {
    /// Says that an exception has been stored in the thread state. Only exceptions/ and the eval loop call it.
    pub(crate) const fn stored() -> Raised {
        Raised { _in_thread: PhantomData }
    }
}

/// What whatever may raise returns: one word.
pub type PyResult<T = Owned> = Result<T, Raised>;

const _: () = assert!(size_of::<PyResult>() == 8 && size_of::<Option<Value>>() == 8);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flonums_keep_their_number() {
        for number in [0.0, 1.0, -1.0, 1.5e-70, 2.5e70, std::f64::consts::PI, 1e-77 * 1.8, -3.25e10] {
            if let Some(value) = Value::flonum(number) {
                assert!(value.is_flonum() && !value.is_pointer() && !value.is_small_int());
                assert_eq!(value.flonum_value().to_bits(), number.to_bits());
            }
        }
        assert!(Value::flonum(f64::NAN).is_none() && Value::flonum(-0.0).is_none() && Value::flonum(1e300).is_none());
    }

    #[test]
    fn small_ints_add_and_keep_identity_apart() {
        let a = Value::small_int(1000).unwrap();
        let b = Value::small_int(1000).unwrap();
        assert!(!a.is(b) && a.is(a));
        assert_eq!(Value::small_int_add(a, b).unwrap().small_int_payload(), 2000);
        assert_eq!(Value::small_int_sub(a, b).unwrap().small_int_payload(), 0);
        assert_eq!(Value::small_int_mul(a, Value::plain_int(-3)).unwrap().small_int_payload(), -3000);
        assert!(Value::small_int_add(Value::plain_int(SMALL_INT_MAX), Value::plain_int(1)).is_none());
        assert!(Value::small_int_mul(Value::plain_int(1 << 40), Value::plain_int(1 << 40)).is_none());
        assert!(Value::plain_int(7).is(Value::small_int(7).unwrap()));
    }
}
