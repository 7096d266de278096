//! The operators and methods of `memoryview`.

use std::sync::Arc;

use crate::exceptions::exc;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::compare::{self, CompareOp};
use crate::protocol::native::{LazySignature, NativeFn};
use crate::protocol::{buffer, convert};
use crate::sync::Ordering;
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::shapes;
use crate::types::byte_strings::HexSeparator;
use crate::types::list::{self, ListObject};
use crate::types::memory_items::{self, native_character, size_of_item};
use crate::types::memoryview::{MemoryView, View, current, dealloc, from_object, is_memoryview, lend, new, new_iterator, of, release, view_of};
use crate::types::string::{self, StrObject};
use crate::types::tuple::{self, TupleObject};
use crate::types::tuple_methods::is_tuple;
use crate::types::type_object::*;
use crate::types::{bytes, int, slice};

fn memory_new(_class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    static SIGNATURE: LazySignature = LazySignature::new("(object)");
    let bound = SIGNATURE.bind("memoryview", args, kwnames, thread)?;
    from_object(bound.args().at(0), thread)
}

fn memory_repr(this: Value, _thread: &mut Thread) -> PyResult {
    let released = if current(this).is_some() { "" } else { "released " };
    Ok(Owned::str(&format!("<{released}memory at {:#x}>", this.id())))
}

fn memory_hash(this: Value, thread: &mut Thread) -> PyResult<i64> {
    let cached = of(this).hash.load(Ordering::Relaxed);
    if cached != u64::MAX {
        return Ok(cached as i64);
    }
    let view = view_of(this, thread)?;
    if !view.is_readonly {
        return Err(thread.raise_value_error("cannot hash writable memoryview object"));
    }
    if !matches!(native_character(&view.format), Some(b'B' | b'b' | b'c')) {
        return Err(thread.raise_value_error("memoryview: hashing is restricted to formats 'B', 'b' or 'c'"));
    }
    compare::hash(*view.managed.buffer.owner, thread)?;
    let hash = crate::types::hashing::hash_bytes(&view.to_vec(false));
    of(this).hash.store(hash as u64, Ordering::Relaxed);
    Ok(hash)
}

fn memory_compare(left: Value, right: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    if !op.is_equality() {
        return Ok(Owned::not_implemented());
    }
    let verdict = |equal: bool| Ok(Owned::bool(equal == (op == CompareOp::Eq)));
    let Some(a) = current(left) else { return verdict(left.is(right)) };
    let held;
    let b = if is_memoryview(right) {
        match current(right) {
            Some(view) => view,
            None => return verdict(false),
        }
    } else {
        if !buffer::supports_buffer(right) {
            return Ok(Owned::not_implemented());
        }
        held = match from_object(right, thread) {
            Ok(held) => held,
            Err(_) => {
                drop(thread.take_exception());
                return Ok(Owned::not_implemented());
            }
        };
        view_of(*held, thread)?
    };
    if a.shape != b.shape {
        return verdict(false);
    }
    let by_bytes = match (native_character(&a.format), native_character(&b.format)) {
        (Some(x), Some(y)) => x == y && memory_items::compares_by_bytes(x),
        _ => false,
    };
    if by_bytes {
        return verdict(a.to_vec(false) == b.to_vec(false));
    }
    for (x, y) in a.offsets(false).into_iter().zip(b.offsets(false)) {
        let (x, y) = match (memory_items::unpack_any(&a.format, &a.read(x), thread), memory_items::unpack_any(&b.format, &b.read(y), thread)) {
            (Ok(x), Ok(y)) => (x, y),
            // Formats that cannot be read are never equal.
            _ => {
                drop(thread.take_exception());
                return verdict(false);
            }
        };
        if !compare::compare_truth(*x, *y, CompareOp::Eq, thread)? {
            return verdict(false);
        }
    }
    verdict(true)
}

fn memory_length(this: Value, thread: &mut Thread) -> PyResult<i64> {
    let view = view_of(this, thread)?;
    view.shape.first().copied().ok_or_else(|| thread.raise_type_error("0-dim memory has no length"))
}

/// The view has one dimension.
fn check_one_dimension(view: &View, thread: &mut Thread) -> PyResult<()> {
    match view.shape.len() {
        1 => Ok(()),
        0 => Err(thread.raise_type_error("invalid indexing of 0-dim memory")),
        _ => Err(thread.raise(&exc::NOT_IMPLEMENTED_ERROR, "multi-dimensional sub-views are not implemented")),
    }
}

fn memory_iter(this: Value, thread: &mut Thread) -> PyResult {
    let view = view_of(this, thread)?;
    check_one_dimension(&view, thread)?;
    Ok(new_iterator(this, view.shape[0]))
}

/// An index into a dimension, as an index in range.
fn checked_index(view: &View, dimension: usize, index: i64, thread: &mut Thread) -> PyResult<i64> {
    let extent = view.shape[dimension];
    let index = if index < 0 { index.saturating_add(extent) } else { index };
    if (0..extent).contains(&index) {
        return Ok(index);
    }
    Err(thread.raise(&exc::INDEX_ERROR, format!("index out of bounds on dimension {}", dimension + 1)))
}

/// Where a key points.
enum Target {
    Item(i64),
    Slice(View),
    Whole,
}

fn is_index(value: Value) -> bool {
    value.type_object().slots.index.raw() != 0
}

fn resolve(view: &Arc<View>, key: Value, thread: &mut Thread) -> PyResult<Target> {
    let n = view.shape.len();
    if n == 0 {
        if is_tuple(key) && TupleObject::of(key).is_empty() {
            return Ok(Target::Item(view.offset));
        }
        if key.is_ellipsis() {
            return Ok(Target::Whole);
        }
        return Err(thread.raise_type_error("invalid indexing of 0-dim memory"));
    }
    if is_index(key) {
        let index = convert::index_as_i64(key, thread, Some(&exc::INDEX_ERROR))?;
        if n > 1 {
            return Err(thread.raise(&exc::NOT_IMPLEMENTED_ERROR, "multi-dimensional sub-views are not implemented"));
        }
        let index = checked_index(view, 0, index, thread)?;
        return Ok(Target::Item(view.offset_of(&[index])));
    }
    if key.has_shape(shapes::SLICE) {
        let range = slice::indices(key, view.shape[0].max(0) as usize, thread)?;
        let mut part = (**view).clone();
        part.offset += range.start.max(0) * view.strides[0];
        part.shape[0] = range.count as i64;
        part.strides[0] = view.strides[0].wrapping_mul(range.step);
        return Ok(Target::Slice(part));
    }
    if is_tuple(key) {
        let keys = TupleObject::of(key).items();
        if keys.iter().all(|key| is_index(*key)) {
            if keys.len() < n {
                return Err(thread.raise(&exc::NOT_IMPLEMENTED_ERROR, "sub-views are not implemented"));
            }
            if keys.len() > n {
                let given = keys.len();
                return Err(thread.raise_type_error(format!("cannot index {n}-dimension view with {given}-element tuple")));
            }
            let mut indices = Vec::with_capacity(n);
            for (dimension, key) in keys.iter().enumerate() {
                let index = convert::index_as_i64(*key, thread, Some(&exc::INDEX_ERROR))?;
                indices.push(checked_index(view, dimension, index, thread)?);
            }
            return Ok(Target::Item(view.offset_of(&indices)));
        }
        if keys.iter().all(|key| key.has_shape(shapes::SLICE)) {
            return Err(thread.raise(&exc::NOT_IMPLEMENTED_ERROR, "multi-dimensional slicing is not implemented"));
        }
    }
    Err(thread.raise_type_error("memoryview: invalid slice key"))
}

fn memory_subscript(this: Value, key: Value, thread: &mut Thread) -> PyResult {
    let view = view_of(this, thread)?;
    match resolve(&view, key, thread)? {
        Target::Item(offset) => {
            // The key's `__index__` may have released the view.
            view_of(this, thread)?;
            view.unpack(offset, thread)
        }
        Target::Slice(part) => Ok(new(part)),
        Target::Whole => Ok(this.to_owned()),
    }
}

fn memory_ass_subscript(this: Value, key: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let view = view_of(this, thread)?;
    if view.is_readonly {
        return Err(thread.raise_type_error("cannot modify read-only memory"));
    }
    let Some(value) = value else { return Err(thread.raise_type_error("cannot delete memory")) };
    if key.has_shape(shapes::SLICE) && view.shape.len() > 1 {
        return Err(thread.raise(&exc::NOT_IMPLEMENTED_ERROR, "memoryview slice assignments are currently restricted to ndim = 1"));
    }
    let target = match resolve(&view, key, thread)? {
        Target::Item(offset) => {
            let bytes = memory_items::pack(&view.format, value, thread)?;
            view_of(this, thread)?;
            view.write(offset, &bytes);
            return Ok(());
        }
        Target::Whole => {
            let bytes = memory_items::pack(&view.format, value, thread)?;
            view.write(view.offset, &bytes);
            return Ok(());
        }
        Target::Slice(part) => part,
    };
    let source = buffer::get(value, 0, thread)?;
    if source.format.trim_start_matches('@') != target.format.trim_start_matches('@') || source.itemsize != target.itemsize || source.shape != target.shape {
        return Err(thread.raise_value_error("memoryview assignment: lvalue and rvalue have different structures"));
    }
    // A private copy: source and target may overlap.
    let bytes = source.to_vec();
    for (offset, item) in target.offsets(false).into_iter().zip(bytes.chunks(target.itemsize.max(1))) {
        target.write(offset, item);
    }
    Ok(())
}

fn method_release(this: Value, thread: &mut Thread) -> PyResult {
    release(this, thread)?;
    Ok(Owned::none())
}

fn enter(this: Value, thread: &mut Thread) -> PyResult {
    view_of(this, thread)?;
    Ok(this.to_owned())
}

fn exit(this: Value, _args: Args<'_>, thread: &mut Thread) -> PyResult {
    method_release(this, thread)
}

fn tobytes(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fortran = match args.get(0).filter(|order| !order.is_none()) {
        None => Some(false),
        Some(order) if string::is_str(order) => match StrObject::of(order).to_string_lossy().as_str() {
            "C" => Some(false),
            "F" => Some(true),
            "A" => None,
            _ => return Err(thread.raise_value_error("order must be 'C', 'F' or 'A'")),
        },
        Some(other) => {
            let name = other.type_object().full_name();
            return Err(thread.raise_type_error(format!("tobytes() argument 'order' must be str or None, not {name}")));
        }
    };
    let view = view_of(this, thread)?;
    let fortran = fortran.unwrap_or_else(|| view.is_contiguous(true) && !view.is_c_contiguous());
    Ok(bytes::from_vec(view.to_vec(fortran)))
}

fn hex(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let separator = HexSeparator::from_args(args, thread)?;
    let view = view_of(this, thread)?;
    Ok(separator.text(&view.to_vec(false)))
}

fn nested_list(view: &View, dimension: usize, offset: i64, thread: &mut Thread) -> PyResult {
    if dimension == view.shape.len() {
        return view.unpack(offset, thread);
    }
    let mut items = Vec::new();
    for index in 0..view.shape[dimension] {
        items.push(nested_list(view, dimension + 1, offset + index * view.strides[dimension], thread)?);
    }
    Ok(list::from_vec(items))
}

fn tolist(this: Value, thread: &mut Thread) -> PyResult {
    let view = view_of(this, thread)?;
    nested_list(&view, 0, view.offset, thread)
}

fn toreadonly(this: Value, thread: &mut Thread) -> PyResult {
    let mut view = (*view_of(this, thread)?).clone();
    view.is_readonly = true;
    Ok(new(view))
}

const MAX_DIMENSIONS: usize = 64;

fn cast_shape(shape: Value, thread: &mut Thread) -> PyResult<Vec<i64>> {
    let items = if is_tuple(shape) {
        TupleObject::of(shape).items().iter().map(|item| item.to_owned()).collect()
    } else if shape.is_pointer() && shape.type_has_flag(TYPE_LIST_SUBCLASS) {
        ListObject::of(shape).to_vec()
    } else {
        return Err(thread.raise_type_error("shape must be a list or a tuple"));
    };
    if items.len() > MAX_DIMENSIONS {
        return Err(thread.raise_value_error("memoryview: number of dimensions must not exceed 64"));
    }
    let mut out = Vec::with_capacity(items.len());
    for item in items {
        if !convert::is_int(*item) {
            return Err(thread.raise_type_error("memoryview.cast(): elements of shape must be integers"));
        }
        match int::as_i64(*item) {
            Some(extent) if extent > 0 => out.push(extent),
            _ => return Err(thread.raise_value_error("memoryview.cast(): elements of shape must be integers > 0")),
        }
    }
    Ok(out)
}

fn cast(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let format = args.at(0);
    if !string::is_str(format) {
        let name = format.type_object().full_name();
        return Err(thread.raise_type_error(format!("cast() argument 'format' must be str, not {name}")));
    }
    let view = view_of(this, thread)?;
    if !view.is_c_contiguous() {
        return Err(thread.raise_type_error("memoryview: casts are restricted to C-contiguous views"));
    }
    if (args.get(1).is_some() || view.shape.len() != 1) && view.shape.contains(&0) {
        return Err(thread.raise_type_error("memoryview: cannot cast view with zeros in shape or strides"));
    }
    let shape = match args.get(1) {
        Some(shape) => {
            let given = if is_tuple(shape) {
                Some(TupleObject::of(shape).len())
            } else {
                (shape.is_pointer() && shape.type_has_flag(TYPE_LIST_SUBCLASS)).then(|| ListObject::of(shape).len())
            };
            if given.is_none() {
                return Err(thread.raise_type_error("shape must be a list or a tuple"));
            }
            if given.is_some_and(|given| given > MAX_DIMENSIONS) {
                return Err(thread.raise_value_error("memoryview: number of dimensions must not exceed 64"));
            }
            if view.shape.len() != 1 && given != Some(1) {
                return Err(thread.raise_type_error("memoryview: cast must be 1D -> ND or ND -> 1D"));
            }
            Some(shape)
        }
        None => None,
    };
    let text = StrObject::of(format).to_string_lossy();
    let Some(to) = native_character(&text) else {
        return Err(thread.raise_value_error("memoryview: destination format must be a native single character format prefixed with an optional '@'"));
    };
    let Some(from) = native_character(&view.format) else {
        return Err(thread.raise_value_error("memoryview: source format must be a native single character format prefixed with an optional '@'"));
    };
    let is_byte = |format: u8| matches!(format, b'b' | b'B' | b'c');
    if !is_byte(from) && !is_byte(to) {
        return Err(thread.raise_type_error("memoryview: cannot cast between two non-byte formats"));
    }
    let itemsize = size_of_item(to).unwrap_or(1);
    let n_bytes = view.n_bytes();
    if n_bytes % itemsize != 0 {
        return Err(thread.raise_type_error("memoryview: length is not a multiple of itemsize"));
    }
    let mut made = (*view).clone();
    made.format = text.into();
    made.itemsize = itemsize;
    made.shape = match shape {
        None => vec![(n_bytes / itemsize) as i64],
        Some(shape) => {
            let shape = cast_shape(shape, thread)?;
            let product = shape.iter().try_fold(itemsize as i64, |product, extent| product.checked_mul(*extent));
            match product {
                Some(product) if product == n_bytes as i64 => {}
                Some(_) => return Err(thread.raise_type_error("memoryview: product(shape) * itemsize != buffer size")),
                None => return Err(thread.raise_value_error("memoryview.cast(): product(shape) > SSIZE_MAX")),
            }
            shape
        }
    };
    let mut stride = itemsize as i64;
    made.strides = vec![0; made.shape.len()];
    for (extent, slot) in made.shape.iter().zip(made.strides.iter_mut()).rev() {
        *slot = stride;
        stride *= extent;
    }
    Ok(new(made))
}

fn from_flags(_class: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    convert::as_c_int(args.at(1), thread)?;
    from_object(args.at(0), thread)
}

fn count(this: Value, wanted: Value, thread: &mut Thread) -> PyResult {
    let view = view_of(this, thread)?;
    check_one_dimension(&view, thread)?;
    let mut n = 0;
    for offset in view.offsets(false) {
        view_of(this, thread)?;
        let item = view.unpack(offset, thread)?;
        if compare::equals(*item, wanted, thread)? {
            n += 1;
        }
    }
    Ok(Owned::int(n))
}

fn index(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let view = view_of(this, thread)?;
    if view.shape.is_empty() {
        return Err(thread.raise_type_error("invalid lookup on 0-dim memory"));
    }
    if view.shape.len() > 1 {
        return Err(thread.raise(&exc::NOT_IMPLEMENTED_ERROR, "multi-dimensional lookup is not implemented"));
    }
    let n = view.shape[0].max(0) as usize;
    let start = list::methods::clip_index(args.get(1), n, 0, thread)?;
    let stop = list::methods::clip_index(args.get(2), n, usize::MAX, thread)?.min(n);
    for i in start..stop.max(start) {
        view_of(this, thread)?;
        let item = view.unpack(view.offset_of(&[i as i64]), thread)?;
        if compare::equals(*item, args.at(0), thread)? {
            return Ok(Owned::usize(i));
        }
    }
    Err(thread.raise_value_error("memoryview.index(x): x not found"))
}

fn class_getitem(class: Value, item: Value, thread: &mut Thread) -> PyResult {
    crate::types::generic_alias::new(class, item, thread)
}

fn numbers(values: &[i64]) -> Owned {
    tuple::from_vec(values.iter().map(|value| Owned::int(*value)).collect())
}

macro_rules! attributes {
    ($($function:ident |$view:ident| $result:expr;)*) => {$(
        fn $function(this: Value, thread: &mut Thread) -> PyResult {
            let $view = view_of(this, thread)?;
            Ok($result)
        }
    )*};
}

attributes! {
    get_obj |view| view.managed.buffer.owner.clone();
    get_nbytes |view| Owned::usize(view.n_bytes());
    get_readonly |view| Owned::bool(view.is_readonly);
    get_itemsize |view| Owned::usize(view.itemsize);
    get_format |view| Owned::str(&view.format);
    get_ndim |view| Owned::usize(view.shape.len());
    get_shape |view| numbers(&view.shape);
    get_strides |view| numbers(&view.strides);
    get_c_contiguous |view| Owned::bool(view.is_c_contiguous());
    get_f_contiguous |view| Owned::bool(view.is_contiguous(true));
    get_contiguous |view| Owned::bool(view.is_c_contiguous() || view.is_contiguous(true));
}

fn get_suboffsets(this: Value, thread: &mut Thread) -> PyResult {
    view_of(this, thread)?;
    Ok(tuple::empty())
}

const fn getset(name: &'static str, get: fn(Value, &mut Thread) -> PyResult, doc: &'static str) -> GetSetDef {
    GetSetDef { name, get, set: None, doc }
}

pub static SPEC: TypeSpec = TypeSpec {
    name: "memoryview",
    doc: "memoryview(object)\n--\n\nCreate a new memoryview object which references the given object.",
    flags: TYPE_SEQUENCE | TYPE_WEAKREFABLE,
    basic_size: size_of::<MemoryView>(),
    slots: &[
        SlotFn::repr(memory_repr),
        SlotFn::hash(memory_hash),
        SlotFn::richcompare(memory_compare),
        SlotFn::iter(memory_iter),
        SlotFn::new(memory_new),
        SlotFn::length(memory_length),
        SlotFn::subscript(memory_subscript),
        SlotFn::ass_subscript(memory_ass_subscript),
        SlotFn::buffer(lend),
    ],
    methods: &[
        method("release", NativeFn::NoArgs(method_release), "($self, /)", "Release the underlying buffer exposed by the memoryview object."),
        method("tobytes", NativeFn::Bound(tobytes), "($self, /, order='C')", "Return the data in the buffer as a byte string."),
        method("hex", NativeFn::Bound(hex), "($self, /, sep=<unrepresentable>, bytes_per_sep=1)", "Return the data in the buffer as a str of hexadecimal numbers."),
        method("tolist", NativeFn::NoArgs(tolist), "($self, /)", "Return the data in the buffer as a list of elements."),
        method("cast", NativeFn::Bound(cast), "($self, /, format, shape=<unrepresentable>)", "Cast a memoryview to a new format or shape."),
        method("toreadonly", NativeFn::NoArgs(toreadonly), "($self, /)", "Return a readonly version of the memoryview."),
        MethodDef { name: "_from_flags", func: NativeFn::Bound(from_flags), kind: MethodKind::Class, signature: "($type, /, object, flags)", doc: "Create a new memoryview object which references the given object." },
        method("count", NativeFn::One(count), "($self, value, /)", "Count the number of occurrences of a value."),
        method("index", NativeFn::Bound(index), "($self, value, start=0, stop=sys.maxsize, /)", "Return the index of the first occurrence of a value.\n\nRaises ValueError if the value is not present."),
        method("__enter__", NativeFn::NoArgs(enter), "($self, /)", ""),
        method("__exit__", NativeFn::Bound(exit), "($self, /, *exc_info)", "Release the underlying buffer exposed by the memoryview object."),
        MethodDef { name: "__class_getitem__", func: NativeFn::One(class_getitem), kind: MethodKind::Class, signature: "($type, object, /)", doc: "See PEP 585" },
    ],
    getsets: &[
        getset("obj", get_obj, "The underlying object of the memoryview."),
        getset("nbytes", get_nbytes, "The amount of space in bytes that the array would use in\n a contiguous representation."),
        getset("readonly", get_readonly, "A bool indicating whether the memory is read only."),
        getset("itemsize", get_itemsize, "The size in bytes of each element of the memoryview."),
        getset("format", get_format, "A string containing the format (in struct module style)\n for each element in the view."),
        getset("ndim", get_ndim, "An integer indicating how many dimensions of a multi-dimensional\n array the memory represents."),
        getset("shape", get_shape, "A tuple of ndim integers giving the shape of the memory\n as an N-dimensional array."),
        getset("strides", get_strides, "A tuple of ndim integers giving the size in bytes to access\n each element for each dimension of the array."),
        getset("suboffsets", get_suboffsets, "A tuple of integers used internally for PIL-style arrays."),
        getset("c_contiguous", get_c_contiguous, "A bool indicating whether the memory is C contiguous."),
        getset("f_contiguous", get_f_contiguous, "A bool indicating whether the memory is Fortran contiguous."),
        getset("contiguous", get_contiguous, "A bool indicating whether the memory is contiguous."),
    ],
    dealloc: Some(dealloc),
    ..TypeSpec::DEFAULT
};
