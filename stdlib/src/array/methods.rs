//! The type `array.array` and its methods.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{buffer, call, convert, iterate, subscript};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::bytes::{self, BytesObject};
use pyrt_runtime::types::list::methods::clip_index;
use pyrt_runtime::types::list::{self, ListObject};
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{bytearray, generic_alias, tuple};

use super::items::{self, Typecode};
use super::{Array, elements, is_array, iterator, lend, make, of, reconstruction};
use crate::native_type::refuse_keywords;

fn typecode_of(value: Value, thread: &mut Thread) -> PyResult<&'static Typecode> {
    if !string::is_str(value) {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("array() argument 1 must be a unicode character, not {name}")));
    }
    let text = StrObject::of(value);
    if text.len() != 1 {
        let n = text.len();
        return Err(thread.raise_type_error(format!("array() argument 1 must be a unicode character, not a string of length {n}")));
    }
    match char::from_u32(text.char_at(0)).and_then(items::find) {
        Some(typecode) => Ok(typecode),
        None => Err(thread.raise_value_error("bad typecode (must be b, B, u, w, h, H, i, I, l, L, q, Q, f or d)")),
    }
}

fn new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() && std::ptr::eq(TypeObject::of(class), ARRAY.get()) {
        return Err(thread.raise_type_error("array.array() takes no keyword arguments"));
    }
    refuse_keywords(class, &ARRAY, kwnames, thread)?;
    let n = args.len();
    if n == 0 || n > 2 {
        let (how, s) = if n == 0 { ("least 1", "") } else { ("most 2", "s") };
        return Err(thread.raise_type_error(format!("array() takes at {how} argument{s} ({n} given)")));
    }
    let typecode = typecode_of(args.at(0), thread)?;
    if typecode.letter == 'u' {
        if let Some(warn) = thread.interpreter.hooks().warn {
            let text = "The 'u' type code is deprecated and will be removed in Python 3.16";
            warn(exc::DEPRECATION_WARNING.get().value(), text, 1, thread)?;
        }
    }
    let made = make(TypeObject::of(class), typecode, Vec::new());
    if let Some(initial) = args.get(1) {
        fill(*made, typecode, initial, thread)?;
    }
    Ok(made)
}

/// Takes over the initial contents.
fn fill(this: Value, typecode: &'static Typecode, initial: Value, thread: &mut Thread) -> PyResult<()> {
    let letter = typecode.letter;
    if string::is_str(initial) {
        if !typecode.is_unicode() {
            return Err(thread.raise_type_error(format!("cannot use a str to initialize an array with typecode '{letter}'")));
        }
        let text = items::encode_text(StrObject::of(initial));
        return of(this).resize(thread, |bytes| *bytes = text);
    }
    if bytes::is_bytes(initial) || bytearray::is_bytearray(initial) {
        return frombytes(this, initial, thread).map(drop);
    }
    if is_array(initial) {
        let other = of(initial);
        if other.typecode.is_unicode() && !typecode.is_unicode() {
            return Err(thread.raise_type_error(format!("cannot use a unicode array to initialize an array with typecode '{letter}'")));
        }
        if std::ptr::eq(other.typecode, typecode) {
            let copy = other.to_vec();
            return of(this).resize(thread, |bytes| *bytes = copy);
        }
    }
    append_all(this, initial, thread)
}

fn append_all(this: Value, iterable: Value, thread: &mut Thread) -> PyResult<()> {
    let iterator = iterate::iter(iterable, thread)?;
    while let Some(item) = iterate::next(*iterator, thread)? {
        let raw = of(this).typecode.encode(*item, thread)?;
        of(this).push(raw, thread)?;
    }
    Ok(())
}

/// `extend`: an array must be of the same kind; anything else is iterated over.
pub fn extend_by(this: Value, source: Value, thread: &mut Thread) -> PyResult<()> {
    if !is_array(source) {
        return append_all(this, source, thread);
    }
    if !std::ptr::eq(of(source).typecode, of(this).typecode) {
        return Err(thread.raise_type_error("can only extend with array of same kind"));
    }
    let more = of(source).to_vec();
    if more.is_empty() {
        return Ok(());
    }
    of(this).resize(thread, |bytes| bytes.extend(more))
}

fn extend(this: Value, source: Value, thread: &mut Thread) -> PyResult {
    extend_by(this, source, thread)?;
    Ok(Owned::none())
}

fn append(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    let raw = of(this).typecode.encode(value, thread)?;
    of(this).push(raw, thread)?;
    Ok(Owned::none())
}

fn insert(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let index = convert::index_as_i64(args.at(0), thread, Some(&exc::OVERFLOW_ERROR))?;
    let array = of(this);
    let raw = array.typecode.encode(args.at(1), thread)?;
    let size = array.typecode.size;
    array.resize(thread, |bytes| {
        let len = (bytes.len() / size) as i64;
        let at = if index < 0 { index.saturating_add(len).max(0) } else { index.min(len) } as usize * size;
        drop(bytes.splice(at..at, raw[..size].iter().copied()));
    })?;
    Ok(Owned::none())
}

fn pop(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let index = match args.get(0) {
        Some(index) => convert::index_as_i64(index, thread, Some(&exc::OVERFLOW_ERROR))?,
        None => -1,
    };
    let array = of(this);
    if array.len() == 0 {
        return Err(thread.raise(&exc::INDEX_ERROR, "pop from empty array"));
    }
    let size = array.typecode.size;
    let Some(i) = subscript::normalize_index(index, array.len()) else {
        return Err(thread.raise(&exc::INDEX_ERROR, "pop index out of range"));
    };
    let raw = array.resize(thread, |bytes| {
        let mut raw = [0u8; 8];
        raw[..size].copy_from_slice(bytes.get(i * size..(i + 1) * size)?);
        drop(bytes.drain(i * size..(i + 1) * size));
        Some(raw)
    })?;
    match raw {
        Some(raw) => Ok(array.typecode.decode(raw)),
        None => Err(thread.raise(&exc::INDEX_ERROR, "pop index out of range")),
    }
}

fn remove(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    let Some(i) = elements::find(this, value, 0, usize::MAX, thread)? else {
        return Err(thread.raise_value_error("array.remove(x): x not in array"));
    };
    elements::set_item(this, *Owned::usize(i), None, thread)?;
    Ok(Owned::none())
}

fn index(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let len = of(this).len();
    let start = clip_index(args.get(1), len, 0, thread)?;
    let stop = clip_index(args.get(2), len, usize::MAX, thread)?;
    match elements::find(this, args.at(0), start, stop, thread)? {
        Some(i) => Ok(Owned::usize(i)),
        None => Err(thread.raise_value_error("array.index(x): x not in array")),
    }
}

fn count(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    let (mut n, mut i) = (0, 0);
    while let Some(item) = of(this).get(i) {
        n += usize::from(pyrt_runtime::protocol::compare::equals(*item, value, thread)?);
        i += 1;
    }
    Ok(Owned::usize(n))
}

fn clear(this: Value, thread: &mut Thread) -> PyResult {
    of(this).resize(thread, Vec::clear)?;
    Ok(Owned::none())
}

/// Changes items in place, each by itself.
fn for_each_item(array: &Array, change: impl Fn(&mut [u8])) {
    array.with(|bytes| bytes.chunks_exact_mut(array.typecode.size).for_each(change));
}

fn byteswap(this: Value, _thread: &mut Thread) -> PyResult {
    for_each_item(of(this), <[u8]>::reverse);
    Ok(Owned::none())
}

fn reverse(this: Value, _thread: &mut Thread) -> PyResult {
    of(this).with(|bytes| bytes.reverse());
    for_each_item(of(this), <[u8]>::reverse);
    Ok(Owned::none())
}

fn buffer_info(this: Value, _thread: &mut Thread) -> PyResult {
    let address = of(this).with(|bytes| bytes.as_ptr() as u64);
    Ok(tuple::pack([pyrt_runtime::types::int::from_u64(address), Owned::usize(of(this).len())]))
}

fn copy(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(make(ARRAY.get(), of(this).typecode, of(this).to_vec()))
}

fn deepcopy(this: Value, _memo: Value, thread: &mut Thread) -> PyResult {
    copy(this, thread)
}

fn fromfile(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let n = convert::index_as_i64(args.at(1), thread, Some(&exc::OVERFLOW_ERROR))?;
    if n < 0 {
        return Err(thread.raise_value_error("negative count"));
    }
    let size = of(this).typecode.size as i64;
    let Some(wanted) = n.checked_mul(size) else { return Err(thread.raise_memory_error()) };
    let got = call::call_method(args.at(0), pyrt_runtime::names::names().read, &[*Owned::int(wanted)], thread)?;
    if !bytes::is_bytes(*got) {
        return Err(thread.raise_type_error("read() didn't return bytes"));
    }
    let is_short = BytesObject::of(*got).len() as i64 != wanted;
    frombytes(this, *got, thread)?;
    if is_short {
        return Err(thread.raise(&exc::EOF_ERROR, "read() didn't return enough bytes"));
    }
    Ok(Owned::none())
}

/// Bytes that `tofile` writes at a time.
const WRITE_BLOCK: usize = 64 * 1024;

fn tofile(this: Value, file: Value, thread: &mut Thread) -> PyResult {
    for block in of(this).to_vec().chunks(WRITE_BLOCK) {
        call::call_method(file, pyrt_runtime::names::names().write, &[*bytes::from_slice(block)], thread)?;
    }
    Ok(Owned::none())
}

fn fromlist(this: Value, values: Value, thread: &mut Thread) -> PyResult {
    if !(values.is_pointer() && values.type_has_flag(TYPE_LIST_SUBCLASS)) {
        return Err(thread.raise_type_error("arg must be list"));
    }
    let array = of(this);
    let source = ListObject::of(values);
    let n = source.len();
    let mut more = Vec::with_capacity(n * array.typecode.size);
    for i in 0..n {
        let Some(item) = source.get(i) else { break };
        let raw = array.typecode.encode(*item, thread)?;
        more.extend_from_slice(&raw[..array.typecode.size]);
        if source.len() != n {
            return Err(thread.raise(&exc::RUNTIME_ERROR, "list changed size during iteration"));
        }
    }
    if !more.is_empty() {
        array.resize(thread, |bytes| bytes.extend(more))?;
    }
    Ok(Owned::none())
}

fn frombytes(this: Value, source: Value, thread: &mut Thread) -> PyResult {
    let more = buffer::copy_bytes(source, thread)?;
    let array = of(this);
    if more.len() % array.typecode.size != 0 {
        return Err(thread.raise_value_error("bytes length not a multiple of item size"));
    }
    if !more.is_empty() {
        array.resize(thread, |bytes| bytes.extend(more))?;
    }
    Ok(Owned::none())
}

fn fromunicode(this: Value, text: Value, thread: &mut Thread) -> PyResult {
    if !string::is_str(text) {
        let name = text.type_object().full_name();
        return Err(thread.raise_type_error(format!("fromunicode() argument must be str, not {name}")));
    }
    if !of(this).typecode.is_unicode() {
        return Err(thread.raise_value_error("fromunicode() may only be called on unicode type arrays ('u' or 'w')"));
    }
    let more = items::encode_text(StrObject::of(text));
    if !more.is_empty() {
        of(this).resize(thread, |bytes| bytes.extend(more))?;
    }
    Ok(Owned::none())
}

fn tounicode(this: Value, thread: &mut Thread) -> PyResult {
    if !of(this).typecode.is_unicode() {
        return Err(thread.raise_value_error("tounicode() may only be called on unicode type arrays ('u' or 'w')"));
    }
    items::decode_text(&of(this).to_vec(), thread)
}

fn tolist(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(list::from_vec(of(this).items()))
}

fn tobytes(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(bytes::from_vec(of(this).to_vec()))
}

fn repr(this: Value, thread: &mut Thread) -> PyResult {
    let (name, array) = (this.type_object().name(), of(this));
    let letter = array.typecode.letter;
    if array.len() == 0 {
        return Ok(Owned::str(&format!("{name}('{letter}')")));
    }
    let contents = if array.typecode.is_unicode() { tounicode(this, thread)? } else { tolist(this, thread)? };
    let mut out = pyrt_runtime::types::str::Builder::new();
    out.push_str(&format!("{name}('{letter}', "));
    out.push_object(*convert::repr(*contents, thread)?);
    out.push_str(")");
    Ok(out.finish())
}

/// The object itself on CPython.
const OBJECT_SIZE: usize = 64;

fn sizeof(this: Value, _thread: &mut Thread) -> PyResult {
    let capacity = of(this).with(|bytes| bytes.capacity());
    Ok(Owned::usize(this.type_object().basic_size().max(OBJECT_SIZE) + capacity))
}

fn get_typecode(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str(&of(this).typecode.letter.to_string()))
}

fn get_itemsize(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(of(this).typecode.size))
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<Array>()) };
}

static SPEC: TypeSpec = TypeSpec {
    name: "array.array",
    doc: "array(typecode [, initializer]) -> array\n\nReturn a new array whose items are restricted by typecode, and\ninitialized from the optional initializer value, which must be a list,\nstring or iterable over elements of the appropriate type.\n\nArrays represent basic values and behave very much like lists, except\nthe type of objects stored in them is constrained. The type is specified\nat object creation time by using a type code, which is a single character.\nThe codes, their types and the bytes that an item takes:\n\n    'b'         signed integer     1\n    'B'         unsigned integer   1\n    'u'         Unicode character  4\n    'w'         Unicode character  4\n    'h'         signed integer     2\n    'H'         unsigned integer   2\n    'i'         signed integer     4\n    'I'         unsigned integer   4\n    'l'         signed integer     8\n    'L'         unsigned integer   8\n    'q'         signed integer     8\n    'Q'         unsigned integer   8\n    'f'         floating point     4\n    'd'         floating point     8\n",
    flags: TYPE_BASETYPE | TYPE_WEAKREFABLE | TYPE_SEQUENCE,
    basic_size: size_of::<Array>(),
    unhashable: true,
    slots: &[
        SlotFn::new(new),
        SlotFn::repr(repr),
        SlotFn::richcompare(elements::richcompare),
        SlotFn::iter(iterator::new),
        SlotFn::buffer(lend),
        SlotFn::length(elements::length),
        SlotFn::subscript(elements::get_item),
        SlotFn::ass_subscript(elements::set_item),
        SlotFn::concat(elements::concat),
        SlotFn::repeat(elements::repeat),
        SlotFn::contains(elements::contains),
        SlotFn::inplace_concat(elements::inplace_concat),
        SlotFn::inplace_repeat(elements::inplace_repeat),
    ],
    methods: &[
        method("append", NativeFn::One(append), "($self, v, /)", "Append new value v to the end of the array."),
        method("buffer_info", NativeFn::NoArgs(buffer_info), "($self, /)", "Return a tuple (address, length) giving the current memory address and the length in items of the buffer used to hold array's contents."),
        method("byteswap", NativeFn::NoArgs(byteswap), "($self, /)", "Byteswap all items of the array."),
        method("clear", NativeFn::NoArgs(clear), "($self, /)", "Remove all items from the array."),
        method("__copy__", NativeFn::NoArgs(copy), "($self, /)", "Return a copy of the array."),
        method("count", NativeFn::One(count), "($self, v, /)", "Return number of occurrences of v in the array."),
        method("__deepcopy__", NativeFn::One(deepcopy), "($self, unused, /)", "Return a copy of the array."),
        method("extend", NativeFn::One(extend), "($self, bb, /)", "Append items to the end of the array."),
        method("fromfile", NativeFn::Bound(fromfile), "($self, f, n, /)", "Read n objects from the file object f and append them to the end of the array."),
        method("fromlist", NativeFn::One(fromlist), "($self, list, /)", "Append items to array from list."),
        method("frombytes", NativeFn::One(frombytes), "($self, buffer, /)", "Appends items from the string, interpreting it as an array of machine values, as if it had been read from a file using the fromfile() method."),
        method("fromunicode", NativeFn::One(fromunicode), "($self, ustr, /)", "Extends this array with data from the unicode string ustr.\n\nThe array must be a unicode type array; otherwise a ValueError is raised."),
        method("index", NativeFn::Bound(index), "($self, v, start=0, stop=sys.maxsize, /)", "Return index of first occurrence of v in the array.\n\nRaise ValueError if the value is not present."),
        method("insert", NativeFn::Bound(insert), "($self, i, v, /)", "Insert a new item v into the array before position i."),
        method("pop", NativeFn::Bound(pop), "($self, i=-1, /)", "Return the i-th element and delete it from the array.\n\ni defaults to -1."),
        method("__reduce_ex__", NativeFn::One(reconstruction::reduce_ex), "($self, value, /)", "Return state information for pickling."),
        method("remove", NativeFn::One(remove), "($self, v, /)", "Remove the first occurrence of v in the array."),
        method("reverse", NativeFn::NoArgs(reverse), "($self, /)", "Reverse the order of the items in the array."),
        method("tofile", NativeFn::One(tofile), "($self, f, /)", "Write all items (as machine values) to the file object f."),
        method("tolist", NativeFn::NoArgs(tolist), "($self, /)", "Convert array to an ordinary list with the same items."),
        method("tobytes", NativeFn::NoArgs(tobytes), "($self, /)", "Convert the array to an array of machine values and return the bytes representation."),
        method("tounicode", NativeFn::NoArgs(tounicode), "($self, /)", "Extends this array with data from the unicode string ustr.\n\nConvert the array to a unicode string.  The array must be a unicode type array;\notherwise a ValueError is raised."),
        method("__sizeof__", NativeFn::NoArgs(sizeof), "($self, /)", "Size of the array in memory, in bytes."),
        MethodDef { name: "__class_getitem__", func: NativeFn::One(generic_alias::new), kind: MethodKind::Class, signature: "($type, object, /)", doc: "See PEP 585" },
    ],
    getsets: &[
        GetSetDef { name: "typecode", get: get_typecode, set: None, doc: "the typecode character used to create the array" },
        GetSetDef { name: "itemsize", get: get_itemsize, set: None, doc: "the size, in bytes, of one array item" },
    ],
    dealloc: Some(dealloc),
    ..TypeSpec::DEFAULT
};

pub static ARRAY: StaticType = StaticType::new(&SPEC);
