//! `str`: the object and what all other code needs of it. Storage is PEP 393's: 1, 2 or 4 bytes a character, the
//! smallest that holds the widest; lone surrogates are ordinary characters. Immutable once published.

use std::borrow::Cow;

use crate::object::header::{FLAG_TYPE_0, Header};
use crate::object::lifetime;
use crate::object::refcount::FREE_THREADED;
use crate::object::value::{Owned, Value};
use crate::sync::{AtomicPtr, AtomicU64, LeafMutex, Ordering};
use crate::threads::thread_state;
use crate::types::builtin_types::{STR, shapes};
use crate::types::type_object::{TYPE_STR_SUBCLASS, TypeObject};

/// The string is in the intern table: equal interned strings are one object, and immortal.
pub const FLAG_INTERNED: u8 = FLAG_TYPE_0;

/// Width of the characters. The numbers are CPython's `kind`s.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    One = 1,
    Two = 2,
    Four = 4,
}

#[repr(C)]
pub struct StrObject {
    header: Header,
    /// Cached hash, `u64::MAX` while unknown.
    hash: AtomicU64,
    len: u64,
    // ASCII: the characters. Otherwise a pointer to the cached UTF-8 (a boxed slice with its length), then characters.
}

const META_KIND_MASK: u64 = 7;
const META_ASCII: u64 = 8;
const META_SHIFT: u32 = 4;
const ASCII_DATA: usize = size_of::<StrObject>();
const WIDE_DATA: usize = ASCII_DATA + 8;

/// The characters of a string.
#[derive(Clone, Copy)]
pub enum Chars<'a> {
    One(&'a [u8]),
    Two(&'a [u16]),
    Four(&'a [u32]),
}

impl Chars<'_> {
    #[inline]
    pub fn len(&self) -> usize {
        match self {
            Chars::One(chars) => chars.len(),
            Chars::Two(chars) => chars.len(),
            Chars::Four(chars) => chars.len(),
        }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub fn get(&self, i: usize) -> u32 {
        match self {
            Chars::One(chars) => u32::from(chars[i]),
            Chars::Two(chars) => u32::from(chars[i]),
            Chars::Four(chars) => chars[i],
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.len()).map(|i| self.get(i))
    }
}

impl StrObject {
    /// The string that `value` is; the caller knows that it is one (or of a subclass).
    #[inline(always)]
    pub fn of<'a>(value: Value) -> &'a StrObject {
        debug_assert!(value.type_has_flag(TYPE_STR_SUBCLASS));
        // SAFETY: the caller's claim, checked above in debug builds.
        unsafe { value.as_ref() }
    }

    /// Length in characters.
    #[inline(always)]
    pub fn len(&self) -> usize {
        (self.len >> META_SHIFT) as usize
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline(always)]
    pub fn kind(&self) -> Kind {
        match self.len & META_KIND_MASK {
            1 => Kind::One,
            2 => Kind::Two,
            _ => Kind::Four,
        }
    }

    #[inline(always)]
    pub fn is_ascii(&self) -> bool {
        self.len & META_ASCII != 0
    }

    #[inline(always)]
    fn data(&self) -> *const u8 {
        let offset = if self.is_ascii() { ASCII_DATA } else { WIDE_DATA };
        // SAFETY: the characters follow in the same block.
        unsafe { std::ptr::from_ref(self).cast::<u8>().add(offset) }
    }

    #[inline]
    pub fn chars(&self) -> Chars<'_> {
        let (data, len) = (self.data(), self.len());
        // SAFETY: `len` characters of the kind's width follow, aligned to 8.
        unsafe {
            match self.kind() {
                Kind::One => Chars::One(std::slice::from_raw_parts(data, len)),
                Kind::Two => Chars::Two(std::slice::from_raw_parts(data.cast(), len)),
                Kind::Four => Chars::Four(std::slice::from_raw_parts(data.cast(), len)),
            }
        }
    }

    /// Character number `i`.
    #[inline]
    pub fn char_at(&self, i: usize) -> u32 {
        self.chars().get(i)
    }

    /// The bytes of the characters in memory order.
    pub fn raw_bytes(&self) -> &[u8] {
        // SAFETY: as in `chars`.
        unsafe { std::slice::from_raw_parts(self.data(), self.len() * self.kind() as usize) }
    }

    /// The text if it is ASCII: no conversion, no allocation.
    #[inline]
    pub fn as_ascii(&self) -> Option<&str> {
        if self.is_ascii() {
            // SAFETY: ASCII is UTF-8.
            return Some(unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(self.data(), self.len())) });
        }
        None
    }

    fn utf8_cell(&self) -> &AtomicPtr<Box<str>> {
        debug_assert!(!self.is_ascii());
        // SAFETY: non-ASCII strings have this pointer behind the struct.
        unsafe { &*std::ptr::from_ref(self).cast::<u8>().add(ASCII_DATA).cast() }
    }

    /// The text as UTF-8, made once and kept. `None` if it holds lone surrogates.
    pub fn as_utf8(&self) -> Option<&str> {
        if let Some(text) = self.as_ascii() {
            return Some(text);
        }
        let cell = self.utf8_cell();
        // Acquire: pairs with the Release of whoever made it.
        let mut cached = cell.load(Ordering::Acquire);
        if cached.is_null() {
            let mut text = String::with_capacity(self.len() + self.len() / 2);
            for ch in self.chars().iter() {
                text.push(char::from_u32(ch)?);
            }
            let new = Box::into_raw(Box::new(text.into_boxed_str()));
            match cell.compare_exchange(std::ptr::null_mut(), new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => cached = new,
                Err(other) => {
                    // SAFETY: ours was not published.
                    drop(unsafe { Box::from_raw(new) });
                    cached = other;
                }
            }
        }
        // SAFETY: freed only with the string.
        Some(unsafe { &*cached })
    }

    /// The text with U+FFFD for lone surrogates.
    pub fn to_string_lossy(&self) -> String {
        match self.as_ascii() {
            Some(text) => text.to_string(),
            None => self.chars().iter().map(|ch| char::from_u32(ch).unwrap_or('\u{FFFD}')).collect(),
        }
    }

    /// The text as WTF-8 (surrogates as three-byte sequences).
    pub fn to_wtf8(&self) -> Cow<'_, [u8]> {
        match self.as_ascii() {
            Some(text) => Cow::Borrowed(text.as_bytes()),
            None => {
                let mut out = Vec::with_capacity(self.len() * 2);
                for ch in self.chars().iter() {
                    push_wtf8(&mut out, ch);
                }
                Cow::Owned(out)
            }
        }
    }

    #[inline]
    pub fn is_interned(&self) -> bool {
        self.header.has_flag(FLAG_INTERNED)
    }

    /// Whether the characters are those of `text`.
    pub fn equals_str(&self, text: &str) -> bool {
        match self.as_ascii() {
            Some(own) => own == text,
            None => self.as_utf8() == Some(text),
        }
    }

    /// Whether both have the same characters.
    #[inline]
    pub fn equals(&self, other: &StrObject) -> bool {
        if std::ptr::eq(self, other) {
            return true;
        }
        // Length, width and ASCII-ness in one compare: equal strings agree in all, for the width is always the least.
        if self.len != other.len {
            return false;
        }
        if self.is_interned() && other.is_interned() {
            return false;
        }
        self.raw_bytes() == other.raw_bytes()
    }

    /// Three-way comparison by code points.
    pub fn compare(&self, other: &StrObject) -> std::cmp::Ordering {
        match (self.chars(), other.chars()) {
            (Chars::One(a), Chars::One(b)) => a.cmp(b),
            (Chars::Two(a), Chars::Two(b)) => a.cmp(b),
            (Chars::Four(a), Chars::Four(b)) => a.cmp(b),
            (a, b) => a.iter().cmp(b.iter()),
        }
    }

    /// `hash(str)`, computed once.
    #[inline]
    pub fn hash(&self) -> i64 {
        // Relaxed: every thread computes the same.
        let hash = self.hash.load(Ordering::Relaxed);
        if hash != u64::MAX {
            return hash as i64;
        }
        self.hash_slow()
    }

    #[cold]
    fn hash_slow(&self) -> i64 {
        let hash = crate::types::hashing::hash_bytes(self.raw_bytes());
        self.hash.store(hash as u64, Ordering::Relaxed);
        hash
    }
}

/// Appends a code point, which may be a surrogate, as WTF-8.
pub fn push_wtf8(out: &mut Vec<u8>, ch: u32) {
    match ch {
        0..0x80 => out.push(ch as u8),
        0x80..0x800 => out.extend([0xC0 | (ch >> 6) as u8, 0x80 | (ch & 0x3F) as u8]),
        0x800..0x10000 => out.extend([0xE0 | (ch >> 12) as u8, 0x80 | (ch >> 6 & 0x3F) as u8, 0x80 | (ch & 0x3F) as u8]),
        _ => out.extend([
            0xF0 | (ch >> 18) as u8,
            0x80 | (ch >> 12 & 0x3F) as u8,
            0x80 | (ch >> 6 & 0x3F) as u8,
            0x80 | (ch & 0x3F) as u8,
        ]),
    }
}

/// A string of `len` characters of the given kind, which `fill` writes into the buffer of `len * kind` bytes. `None`
/// when there is no memory. `kind` must be the least that fits, and `is_ascii` true (kind One) if all are below 128.
///
/// # Safety
/// `fill` initialises the whole buffer, with characters as `kind` and `is_ascii` say.
pub unsafe fn build(len: usize, kind: Kind, is_ascii: bool, fill: impl FnOnce(*mut u8)) -> Option<Owned> {
    // SAFETY: passed on.
    unsafe { build_of_type(STR.get(), len, kind, is_ascii, fill) }
}

/// As [`build`] for a subclass of `str`, whose attribute area is zeroed.
///
/// # Safety
/// See [`build`].
pub unsafe fn build_of_type(ty: &TypeObject, len: usize, kind: Kind, is_ascii: bool, fill: impl FnOnce(*mut u8)) -> Option<Owned> {
    let start = if is_ascii { ASCII_DATA } else { WIDE_DATA };
    let bytes = len.checked_mul(kind as usize)?;
    if bytes >= isize::MAX as usize / 2 {
        return None;
    }
    let end = ty.end_area as usize;
    let end_at = (start + bytes + 7) & !7;
    let size = if end == 0 { start + bytes } else { end_at + end };
    // SAFETY: everything behind the header is written.
    unsafe {
        lifetime::allocate(ty, size, |block| {
            let string = block.cast::<StrObject>();
            (&raw mut (*string).hash).write(AtomicU64::new(u64::MAX));
            (&raw mut (*string).len).write((len as u64) << META_SHIFT | kind as u64 | if is_ascii { META_ASCII } else { 0 });
            if !is_ascii {
                block.add(ASCII_DATA).cast::<usize>().write(0);
            }
            fill(block.add(start));
            if end != 0 {
                std::ptr::write_bytes(block.add(end_at), 0, end);
            }
        })
    }
}

/// Byte offset of the attribute area of a `str` subclass instance.
pub fn end_area_offset(string: &StrObject) -> usize {
    let start = if string.is_ascii() { ASCII_DATA } else { WIDE_DATA };
    (start + string.len() * string.kind() as usize + 7) & !7
}

fn no_memory() -> ! {
    std::alloc::handle_alloc_error(std::alloc::Layout::new::<u64>())
}

/// A string of ASCII bytes.
#[inline]
pub fn from_ascii(text: &[u8]) -> Owned {
    debug_assert!(text.is_ascii());
    if text.len() <= 1 {
        return match text.first() {
            None => empty(),
            Some(&ch) => latin1_char(ch),
        };
    }
    // SAFETY: the buffer is written; the caller vouches for ASCII.
    unsafe { build(text.len(), Kind::One, true, |to| std::ptr::copy_nonoverlapping(text.as_ptr(), to, text.len())) }
        .unwrap_or_else(|| no_memory())
}

/// A string from UTF-8 text.
pub fn from_str(text: &str) -> Owned {
    if text.is_ascii() {
        return from_ascii(text.as_bytes());
    }
    let (mut len, mut max) = (0usize, 0u32);
    for ch in text.chars() {
        len += 1;
        max |= ch as u32;
    }
    from_chars_sized(text.chars().map(|ch| ch as u32), len, max)
}

/// A string of `len` code points whose bitwise "or" (or maximum) is `max`.
fn from_chars_sized(chars: impl Iterator<Item = u32>, len: usize, max: u32) -> Owned {
    if len == 0 {
        return empty();
    }
    let kind = kind_for(max);
    if len == 1 && kind == Kind::One {
        if let Some(ch) = chars.into_iter().next() {
            return latin1_char(ch as u8);
        }
        return empty();
    }
    // SAFETY: exactly `len` characters are written (missing ones as zero).
    unsafe {
        build(len, kind, max < 0x80, |to| {
            let mut chars = chars;
            match kind {
                Kind::One => (0..len).for_each(|i| to.add(i).write(chars.next().unwrap_or(0) as u8)),
                Kind::Two => (0..len).for_each(|i| to.cast::<u16>().add(i).write(chars.next().unwrap_or(0) as u16)),
                Kind::Four => (0..len).for_each(|i| to.cast::<u32>().add(i).write(chars.next().unwrap_or(0))),
            }
        })
    }
    .unwrap_or_else(|| no_memory())
}

/// The least width for characters whose maximum (or bitwise "or") is `max`.
#[inline]
pub fn kind_for(max: u32) -> Kind {
    if max < 0x100 {
        Kind::One
    } else if max < 0x10000 {
        Kind::Two
    } else {
        Kind::Four
    }
}

/// A string from code points, surrogates included.
pub fn from_code_points(chars: &[u32]) -> Owned {
    let max = chars.iter().fold(0, |max, ch| max | ch);
    from_chars_sized(chars.iter().copied(), chars.len(), max)
}

/// A string from Latin-1 bytes.
pub fn from_latin1(text: &[u8]) -> Owned {
    if text.is_ascii() {
        return from_ascii(text);
    }
    if let [ch] = text {
        return latin1_char(*ch);
    }
    // SAFETY: the buffer is written; not all characters are ASCII.
    unsafe { build(text.len(), Kind::One, false, |to| std::ptr::copy_nonoverlapping(text.as_ptr(), to, text.len())) }
        .unwrap_or_else(|| no_memory())
}

/// A string from UCS-2 characters, narrowed if they fit.
pub fn from_ucs2(chars: &[u16]) -> Owned {
    let max = chars.iter().fold(0u16, |max, ch| max | ch);
    if max < 0x100 {
        return from_chars_sized(chars.iter().map(|&ch| u32::from(ch)), chars.len(), u32::from(max));
    }
    // SAFETY: the buffer is written.
    unsafe { build(chars.len(), Kind::Two, false, |to| std::ptr::copy_nonoverlapping(chars.as_ptr(), to.cast(), chars.len())) }
        .unwrap_or_else(|| no_memory())
}

/// A string from UCS-4 characters, narrowed if they fit.
pub fn from_ucs4(chars: &[u32]) -> Owned {
    from_code_points(chars)
}

/// The characters `from..to` of a string.
pub fn slice(string: &StrObject, from: usize, to: usize) -> Owned {
    match string.chars() {
        Chars::One(chars) if string.is_ascii() => from_ascii(&chars[from..to]),
        Chars::One(chars) => from_latin1(&chars[from..to]),
        Chars::Two(chars) => from_ucs2(&chars[from..to]),
        Chars::Four(chars) => from_ucs4(&chars[from..to]),
    }
}

/// A string from WTF-8 bytes (as constants of code objects are).
pub fn from_wtf8(text: &[u8]) -> Owned {
    if let Ok(text) = std::str::from_utf8(text) {
        return from_str(text);
    }
    let mut chars = Vec::with_capacity(text.len());
    let mut i = 0;
    while i < text.len() {
        let (n, first) = match text[i] {
            byte @ 0..0x80 => (1, u32::from(byte)),
            byte @ 0xC0..0xE0 => (2, u32::from(byte & 0x1F)),
            byte @ 0xE0..0xF0 => (3, u32::from(byte & 0x0F)),
            byte => (4, u32::from(byte & 0x07)),
        };
        let tail = text.get(i + 1..i + n).unwrap_or(&[]);
        chars.push(tail.iter().fold(first, |ch, byte| ch << 6 | u32::from(byte & 0x3F)));
        i += n;
    }
    from_code_points(&chars)
}

/// The empty string, one immortal object.
pub fn empty() -> Owned {
    crate::interpreter::singletons().empty_str.to_owned()
}

/// The one immortal string of a Latin-1 character.
#[inline]
pub fn latin1_char(ch: u8) -> Owned {
    crate::interpreter::singletons().latin1[usize::from(ch)].to_owned()
}

/// A string of one character.
pub fn from_char(ch: u32) -> Owned {
    if ch < 0x100 { latin1_char(ch as u8) } else { from_code_points(&[ch]) }
}

/// Makes the string of a Latin-1 character without looking it up; called once each at start-up.
pub(crate) fn make_latin1(text: &[u8]) -> Owned {
    // SAFETY: the buffer is written.
    let made = unsafe { build(text.len(), Kind::One, text.is_ascii(), |to| std::ptr::copy_nonoverlapping(text.as_ptr(), to, text.len())) };
    made.unwrap_or_else(|| no_memory())
}

#[inline(always)]
pub fn is_exact(value: Value) -> bool {
    value.has_shape(shapes::STR)
}

/// Whether `value` is a `str` or of a subclass.
#[inline(always)]
pub fn is_str(value: Value) -> bool {
    value.is_pointer() && value.type_has_flag(TYPE_STR_SUBCLASS)
}

/// Shards of the intern table: reads of different strings rarely meet.
const N_SHARDS: usize = 64;
static INTERNED: [LeafMutex<hashbrown::HashTable<Value>>; N_SHARDS] = [const { LeafMutex::new(hashbrown::HashTable::new()) }; N_SHARDS];

/// The interned string with the characters of `string` (an exact `str`): the same object for equal strings, immortal.
pub fn intern(string: Owned) -> Owned {
    let mut string = string;
    if StrObject::of(*string).is_interned() {
        return string;
    }
    if FREE_THREADED && StrObject::of(*string).header.owner.load(Ordering::Relaxed) != thread_state::slot_id() {
        // Only the owner may make an object immortal while others use it: intern a copy of our own.
        string = copy(StrObject::of(*string));
    }
    let object = StrObject::of(*string);
    let hash = object.hash() as u64;
    let mut shard = INTERNED[(hash >> 7) as usize % N_SHARDS].lock();
    if let Some(&found) = shard.find(hash, |other| StrObject::of(*other).equals(object)) {
        return found.to_owned();
    }
    object.header.make_immortal();
    object.header.set_flag(FLAG_INTERNED);
    shard.insert_unique(hash, *string, |other| StrObject::of(*other).hash() as u64);
    string
}

/// A new string with the same characters.
fn copy(string: &StrObject) -> Owned {
    let bytes = string.raw_bytes();
    // SAFETY: the buffer is written with the same characters.
    unsafe {
        build(string.len(), string.kind(), string.is_ascii(), |to| std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()))
    }
    .unwrap_or_else(|| no_memory())
}

/// The interned string of `text`.
pub fn intern_str(text: &str) -> Owned {
    intern(from_str(text))
}

/// All interned strings, for `sys` statistics.
pub fn count_interned() -> usize {
    INTERNED.iter().map(|shard| shard.lock().len()).sum()
}

pub(crate) unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead; the cached UTF-8 is dropped once.
    unsafe {
        let string = value.as_ref::<StrObject>();
        if !string.is_ascii() {
            let cached = string.utf8_cell().load(Ordering::Relaxed);
            if !cached.is_null() {
                drop(Box::from_raw(cached));
            }
        }
    }
}
