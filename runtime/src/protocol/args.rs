//! How natives get their arguments: where they lie on the caller's stack.

use std::marker::PhantomData;

use crate::object::value::{Owned, Value};

/// Arguments by position, borrowed from the caller for the time of the call. A raw pointer and a count, never a Rust
/// slice: a scan may rewrite the marks of the words meanwhile (PROTOCOLS M3).
#[derive(Clone, Copy)]
pub struct Args<'f> {
    first: *const u64,
    len: usize,
    frame: PhantomData<&'f u64>,
}

/// The names of the keyword arguments, whose values follow the positional ones: a tuple of strings, or none.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct KwNames(pub Option<Value>);

impl KwNames {
    pub const NONE: KwNames = KwNames(None);

    #[inline]
    pub fn len(self) -> usize {
        self.0.map_or(0, |names| crate::types::tuple::TupleObject::of(names).len())
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        self.0.is_none() || self.len() == 0
    }

    /// Name number `i`; the caller knows that there is one.
    #[inline]
    pub fn get(self, i: usize) -> Option<Value> {
        self.0.and_then(|names| crate::types::tuple::TupleObject::of(names).items().get(i).copied())
    }
}

impl<'f> Args<'f> {
    pub const EMPTY: Args<'static> = Args { first: std::ptr::null(), len: 0, frame: PhantomData };

    /// # Safety
    /// `first` points to `len` words (each empty or a live value) that stay there for `'f`.
    #[inline(always)]
    pub unsafe fn from_raw(first: *const u64, len: usize) -> Args<'f> {
        Args { first, len, frame: PhantomData }
    }

    /// Arguments that lie in a Rust array.
    #[inline(always)]
    pub fn from_values(values: &'f [Value]) -> Args<'f> {
        Args { first: values.as_ptr().cast(), len: values.len(), frame: PhantomData }
    }

    #[inline(always)]
    pub fn from_owned(values: &'f [Owned]) -> Args<'f> {
        Args { first: values.as_ptr().cast(), len: values.len(), frame: PhantomData }
    }

    /// Bound parameters, of which some may be missing.
    #[inline(always)]
    pub fn from_slots(values: &'f [Option<Value>]) -> Args<'f> {
        Args { first: values.as_ptr().cast(), len: values.len(), frame: PhantomData }
    }

    #[inline(always)]
    pub fn len(self) -> usize {
        self.len
    }

    #[inline(always)]
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// Argument number `i`; `None` if it is missing or there are fewer.
    #[inline(always)]
    pub fn get(self, i: usize) -> Option<Value> {
        if i >= self.len {
            return None;
        }
        // SAFETY: `i` is within the words that `from_raw` promised.
        Value::from_slot(unsafe { self.first.add(i).read() }).map(Value::unmarked)
    }

    /// Argument number `i` of a bound call, where the signature says that it is there.
    ///
    /// # Panics
    /// If it is missing: a mistake in the method table.
    #[inline(always)]
    #[track_caller]
    pub fn at(self, i: usize) -> Value {
        match self.get(i) {
            Some(value) => value,
            None => missing_argument(i),
        }
    }

    /// The arguments from number `i` on.
    #[inline]
    pub fn from(self, i: usize) -> Args<'f> {
        let i = i.min(self.len);
        // SAFETY: `i` is at most `len`.
        Args { first: if self.len == 0 { self.first } else { unsafe { self.first.add(i) } }, len: self.len - i, frame: PhantomData }
    }

    /// The first `n` arguments.
    #[inline]
    pub fn take(self, n: usize) -> Args<'f> {
        Args { len: n.min(self.len), ..self }
    }

    /// `n` arguments, of which more may lie behind the `len` that `self` counts (keyword values).
    ///
    /// # Safety
    /// `n` words lie at the start of `self`.
    #[inline]
    pub unsafe fn with_len(self, n: usize) -> Args<'f> {
        Args { len: n, ..self }
    }

    #[inline(always)]
    pub fn as_ptr(self) -> *const u64 {
        self.first
    }

    #[inline]
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Value> + ExactSizeIterator + 'f {
        (0..self.len).map(move |i| self.at(i))
    }

    /// Keyword value number `i` (of `kwnames`), which lies behind the positional arguments.
    #[inline]
    pub fn keyword(self, i: usize) -> Value {
        // SAFETY: the calling convention puts one word per keyword name behind the positional arguments.
        unsafe { Value::from_bits(self.first.add(self.len + i).read()) }.unmarked()
    }

    /// The value of keyword `name`, compared by text.
    pub fn find_keyword(self, kwnames: KwNames, name: &str) -> Option<Value> {
        (0..kwnames.len())
            .find(|&i| kwnames.get(i).is_some_and(|key| crate::types::string::StrObject::of(key).equals_str(name)))
            .map(|i| self.keyword(i))
    }
}

#[cold]
#[track_caller]
fn missing_argument(i: usize) -> ! {
    panic!("native method reads argument {i} that its signature does not require")
}
