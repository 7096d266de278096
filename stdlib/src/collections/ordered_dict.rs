//! `OrderedDict`: a dict whose own order of entries is the order that is shown; its methods move entries in it.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::value::{Owned, PyResult, Raised, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::compare::{self, CompareOp};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{attribute, call, convert, iterate, subscript};
use pyrt_runtime::sync::{AtomicUsize, Ordering};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::{DICT, StaticType};
use pyrt_runtime::types::dict::{self, DictObject, Entry, raise_key_error};
use pyrt_runtime::types::str::Builder;
use pyrt_runtime::types::{string, tuple};
use pyrt_runtime::types::type_object::*;

use super::ordered_dict_views as views;
use super::unpack_pair;

#[repr(C)]
struct OrderedDict {
    dict: DictObject,
    /// `__dict__`.
    attributes: Slot,
    /// The number of keys when a method of this type last changed them: fewer are there after `dict`'s own methods have
    /// taken some away behind its back.
    count: AtomicUsize,
}

fn of<'a>(value: Value) -> &'a OrderedDict {
    // SAFETY: called for `OrderedDict` objects only.
    unsafe { value.as_ref() }
}

fn header<'a>(value: Value) -> &'a Header {
    // SAFETY: every object begins with its header.
    unsafe { value.as_ref() }
}

pub fn is_ordered_dict(value: Value) -> bool {
    value.is_pointer() && value.is_instance(ORDERED_DICT.get())
}

fn is_exact(value: Value) -> bool {
    std::ptr::eq(value.type_object(), ORDERED_DICT.get())
}

fn ass_subscript(this: Value, key: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    match DICT.get().slots.ass_subscript.get() {
        Some(function) => function(this, key, value, thread)?,
        None => return Err(raise_key_error(key, thread)),
    }
    note_count(this);
    Ok(())
}

/// Notes the number of keys after a change.
fn note_count(this: Value) {
    of(this).count.store(DictObject::of(this).len(), Ordering::Relaxed);
}

/// How many keys an iteration must give.
pub fn expected_count(this: Value) -> usize {
    let len = DictObject::of(this).len();
    // With other threads about, the note may be out of date.
    if pyrt_runtime::threads::thread_state::has_other_threads() { len } else { len.max(of(this).count.load(Ordering::Relaxed)) }
}

fn mutated(thread: &mut Thread) -> Raised {
    thread.raise(&exc::RUNTIME_ERROR, "OrderedDict mutated during iteration")
}

/// The entries, each found by its key once more: KeyError if a key is gone or has another hash now.
fn checked_entries(this: Value, thread: &mut Thread) -> PyResult<Vec<Entry>> {
    let object = DictObject::of(this);
    let (changes, entries) = (object.changes(), object.entries());
    for entry in &entries {
        let is_there = string::is_exact(*entry.key) || object.contains(*entry.key, thread)?;
        if object.changes() != changes {
            return Err(mutated(thread));
        }
        if !is_there {
            return Err(raise_key_error(*entry.key, thread));
        }
    }
    if entries.len() < expected_count(this) {
        return Err(raise_key_error(Value::none(), thread));
    }
    Ok(entries)
}

fn add_pairs(this: Value, pairs: Value, thread: &mut Thread) -> PyResult<()> {
    iterate::for_each(pairs, thread, |pair, thread| {
        let (key, value) = unpack_pair(*pair, thread)?;
        subscript::set_item(this, *key, *value, thread)
    })
}

/// `update(source)` by the mapping protocol: what a subclass overrides is called.
fn update_from(this: Value, source: Value, thread: &mut Thread) -> PyResult<()> {
    let names = pyrt_runtime::names::names();
    if dict::is_exact(source) {
        for entry in DictObject::of(source).entries() {
            subscript::set_item(this, *entry.key, *entry.value, thread)?;
        }
        return Ok(());
    }
    if let Some(keys) = attribute::get_optional(source, names.keys, thread)? {
        let keys = call::call(*keys, &[], thread)?;
        return iterate::for_each(*keys, thread, |key, thread| {
            let value = subscript::get_item(source, *key, thread)?;
            subscript::set_item(this, *key, *value, thread)
        });
    }
    if let Some(items) = attribute::get_optional(source, names.items, thread)? {
        let items = call::call(*items, &[], thread)?;
        return add_pairs(this, *items, thread);
    }
    add_pairs(this, source, thread)
}

fn update_from_call(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    if let Some(source) = args.get(0) {
        update_from(this, source, thread)?;
    }
    for i in 0..kwnames.len() {
        if let Some(key) = kwnames.get(i) {
            subscript::set_item(this, key, args.keyword(i), thread)?;
        }
    }
    Ok(())
}

fn init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    if args.len() > 1 {
        let n = args.len();
        return Err(thread.raise_type_error(format!("expected at most 1 argument, got {n}")));
    }
    update_from_call(this, args, kwnames, thread)
}

fn update(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if args.len() > 1 {
        let n = args.len();
        return Err(thread.raise_type_error(format!("update() takes at most 1 positional argument ({n} given)")));
    }
    update_from_call(this, args, kwnames, thread)?;
    Ok(Owned::none())
}

fn repr(this: Value, thread: &mut Thread) -> PyResult {
    let name = this.type_object().name();
    if DictObject::of(this).is_empty() {
        return Ok(Owned::str(&format!("{name}()")));
    }
    let id = this.id();
    if thread.repr_active.contains(&id) {
        return Ok(Owned::str("..."));
    }
    thread.repr_active.push(id);
    let result = repr_entries(this, thread);
    thread.repr_active.retain(|active| *active != id);
    let mut out = Builder::new();
    out.push_str(&name);
    out.push_str("(");
    out.push_object(*result?);
    out.push_str(")");
    Ok(out.finish())
}

fn repr_entries(this: Value, thread: &mut Thread) -> PyResult {
    let shown = dict::new();
    for entry in checked_entries(this, thread)? {
        DictObject::of(*shown).set_hashed(*entry.key, entry.hash, entry.value, thread)?;
    }
    convert::repr(*shown, thread)
}

fn richcompare(left: Value, right: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    if !op.is_equality() || !dict::is_dict(right) {
        return Ok(Owned::not_implemented());
    }
    let Some(dict_compare) = DICT.get().slots.richcompare.get() else { return Ok(Owned::not_implemented()) };
    let equal = dict_compare(left, right, CompareOp::Eq, thread)?;
    let equal = equal.is_true() && (!is_ordered_dict(right) || have_same_order(left, right, thread)?);
    Ok(Owned::bool(equal == (op == CompareOp::Eq)))
}

fn have_same_order(left: Value, right: Value, thread: &mut Thread) -> PyResult<bool> {
    let (a, b) = (DictObject::of(left), DictObject::of(right));
    let (changes_a, changes_b) = (a.changes(), b.changes());
    let (mut at_a, mut at_b) = (0, 0);
    loop {
        match (a.next_key(&mut at_a), b.next_key(&mut at_b)) {
            (None, None) => return Ok(true),
            (Some(x), Some(y)) => {
                let equal = compare::equals(*x, *y, thread)?;
                if a.changes() != changes_a || b.changes() != changes_b {
                    return Err(mutated(thread));
                }
                if !equal {
                    return Ok(false);
                }
            }
            _ => return Ok(false),
        }
    }
}

fn or(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    let (own, other) = if is_ordered_dict(left) { (left, right) } else { (right, left) };
    if !dict::is_dict(other) {
        return Ok(Owned::not_implemented());
    }
    let made = call::call(own.type_object().value(), &[left], thread)?;
    update_from(*made, right, thread)?;
    Ok(made)
}

fn inplace_or(this: Value, other: Value, thread: &mut Thread) -> PyResult {
    update_from(this, other, thread)?;
    Ok(this.to_owned())
}

fn fromkeys(class: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let value = args.get(1).unwrap_or_else(Value::none);
    let made = call::call(class, &[], thread)?;
    iterate::for_each(args.at(0), thread, |key, thread| subscript::set_item(*made, *key, value, thread))?;
    Ok(made)
}

fn setdefault(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (key, default) = (args.at(0), args.get(1).unwrap_or_else(Value::none));
    if is_exact(this) {
        let (value, _) = DictObject::of(this).set_default(key, default, thread)?;
        note_count(this);
        return Ok(value);
    }
    if subscript::contains(this, key, thread)? {
        return subscript::get_item(this, key, thread);
    }
    subscript::set_item(this, key, default, thread)?;
    Ok(default.to_owned())
}

fn pop(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let key = args.at(0);
    if let Some(value) = DictObject::of(this).remove(key, thread)? {
        note_count(this);
        return Ok(value);
    }
    match args.get(1) {
        Some(default) => Ok(default.to_owned()),
        None => Err(raise_key_error(key, thread)),
    }
}

fn is_last(argument: Option<Value>, thread: &mut Thread) -> PyResult<bool> {
    argument.map_or(Ok(true), |last| compare::truth(last, thread))
}

fn popitem(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let last = is_last(args.get(0), thread)?;
    match DictObject::of(this).pop_entry(last, thread) {
        Some(entry) => {
            note_count(this);
            Ok(tuple::pack([entry.key, entry.value]))
        }
        None => Err(thread.raise(&exc::KEY_ERROR, "dictionary is empty")),
    }
}

fn move_to_end(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let key = args.at(0);
    let last = is_last(args.get(1), thread)?;
    if DictObject::of(this).move_to_end(key, last, thread)? { Ok(Owned::none()) } else { Err(raise_key_error(key, thread)) }
}

fn keys(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(views::new_keys(this))
}

fn values(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(views::new_values(this))
}

fn items(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(views::new_items(this))
}

fn clear(this: Value, thread: &mut Thread) -> PyResult {
    DictObject::of(this).clear(thread);
    note_count(this);
    Ok(Owned::none())
}

fn copy(this: Value, thread: &mut Thread) -> PyResult {
    let made = call::call(this.type_object().value(), &[], thread)?;
    let source = DictObject::of(this);
    let changes = source.changes();
    let exact = is_exact(this);
    let entries = source.entries();
    let is_short = entries.len() < expected_count(this);
    for entry in entries {
        if !exact {
            let value = subscript::get_item(this, *entry.key, thread)?;
            subscript::set_item(*made, *entry.key, *value, thread)?;
        } else {
            // Looked up by its key, as CPython does: one whose hash has changed is not found.
            let value = if string::is_exact(*entry.key) { Some(entry.value) } else { source.get(*entry.key, thread)? };
            let Some(value) = value else { return Err(raise_key_error(*entry.key, thread)) };
            DictObject::of(*made).set_hashed(*entry.key, entry.hash, value, thread)?;
        }
        if source.changes() != changes {
            return Err(mutated(thread));
        }
    }
    if is_short {
        return Err(raise_key_error(Value::none(), thread));
    }
    if exact {
        note_count(*made);
    }
    Ok(made)
}

fn reduce(this: Value, thread: &mut Thread) -> PyResult {
    let names = pyrt_runtime::names::names();
    let state = call::call_method(this, names.__getstate__, &[], thread)?;
    let items = call::call_method(this, names.items, &[], thread)?;
    let iterator = iterate::iter(*items, thread)?;
    Ok(tuple::pack([this.type_object().value().to_owned(), tuple::empty(), state, Owned::none(), iterator]))
}

fn iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(views::new_iterator(this, views::KEYS))
}

fn reversed(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(views::new_iterator(this, views::KEYS | views::BACKWARDS))
}

fn sizeof(this: Value, _thread: &mut Thread) -> PyResult {
    // Seven words of CPython's own links, and per key a node and its place in the index.
    let object = DictObject::of(this);
    Ok(Owned::usize(object.size() + 7 * 8 + object.len() * 5 * 8))
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe {
        drop(of(value).attributes.replace_locked(None));
        dict::dealloc(value);
    }
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    if let Some(attributes) = of(value).attributes.peek() {
        visit(attributes);
    }
    // SAFETY: an OrderedDict is a dict.
    unsafe { dict::traverse(value, visit) };
}

unsafe fn gc_clear(value: Value) {
    drop(of(value).attributes.replace(header(value), None));
    // SAFETY: an OrderedDict is a dict.
    unsafe { dict::clear(value) };
}

static SPEC: TypeSpec = TypeSpec {
    name: "collections.OrderedDict",
    doc: "Dictionary that remembers insertion order",
    base: Some(&DICT),
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_WEAKREFABLE,
    basic_size: size_of::<OrderedDict>(),
    dict_offset: Some(std::mem::offset_of!(OrderedDict, attributes)),
    unhashable: true,
    slots: &[
        SlotFn::init(init),
        SlotFn::repr(repr),
        SlotFn::richcompare(richcompare),
        SlotFn::iter(iter),
        SlotFn::ass_subscript(ass_subscript),
        SlotFn::or(or),
        SlotFn::inplace_or(inplace_or),
    ],
    methods: &[
        MethodDef { name: "fromkeys", func: NativeFn::Bound(fromkeys), kind: MethodKind::Class, signature: "($type, /, iterable, value=None)", doc: "A new one with keys from iterable and values set to value." },
        method("__sizeof__", NativeFn::NoArgs(sizeof), "($self, /)", "The size in memory, in bytes."),
        method("__reduce__", NativeFn::NoArgs(reduce), "($self, /)", "State for pickling."),
        method("setdefault", NativeFn::Bound(setdefault), "($self, /, key, default=None)", "The value of key, which is default from now on if there was none."),
        method("pop", NativeFn::Bound(pop), "($self, /, key, default=<unrepresentable>)", "Removes key and returns its value.\n\nIf the key is not found, the default if given; otherwise KeyError."),
        method("popitem", NativeFn::Bound(popitem), "($self, /, last=True)", "Removes and returns the last pair, the first if last is false."),
        method("keys", NativeFn::NoArgs(keys), "($self, /)", "A view of the keys."),
        method("values", NativeFn::NoArgs(values), "($self, /)", "A view of the values."),
        method("items", NativeFn::NoArgs(items), "($self, /)", "A view of the pairs."),
        method("update", NativeFn::Raw(update), "-($self, /, *args, **kwargs)", "Takes over the pairs of a mapping or iterable and of the keyword arguments."),
        method("clear", NativeFn::NoArgs(clear), "($self, /)", "Removes all items."),
        method("copy", NativeFn::NoArgs(copy), "($self, /)", "A shallow copy."),
        method("__reversed__", NativeFn::NoArgs(reversed), "($self, /)", "The keys from the last to the first."),
        method("move_to_end", NativeFn::Bound(move_to_end), "($self, /, key, last=True)", "Moves an element to the end (or the beginning if last is false).\n\nRaises KeyError if it does not exist."),
    ],
    getsets: &[GetSetDef { name: "__dict__", get: attribute::get_dict_attribute, set: Some(crate::native_type::set_dict), doc: "" }],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(gc_clear),
    ..TypeSpec::DEFAULT
};

pub static ORDERED_DICT: StaticType = StaticType::new(&SPEC);
