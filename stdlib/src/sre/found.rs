//! `re.Match`.

use super::engine::Matcher;
use super::pattern::Pattern;
use super::subject::{Subject, slice_value};
use super::substitution;
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::tuple::TupleObject;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{generic_alias, tuple};

#[repr(C)]
pub(super) struct Match {
    header: Header,
    pub(super) pattern: Owned,
    pub(super) string: Owned,
    pos: usize,
    endpos: usize,
    /// The whole match, then the groups.
    spans: Box<[Option<(usize, usize)>]>,
    last_index: Option<usize>,
}

impl Match {
    pub(super) fn of<'a>(value: Value) -> &'a Match {
        // SAFETY: called for `self` of the methods, and for values made by `new`.
        unsafe { value.as_ref() }
    }

    /// The text of a group.
    pub(super) fn group(&self, group: usize, thread: &mut Thread) -> PyResult<Option<Owned>> {
        match self.spans.get(group).copied().flatten() {
            Some((start, end)) => slice_value(*self.string, start, end, thread).map(Some),
            None => Ok(None),
        }
    }
}

/// The match that a matcher has found.
pub(super) fn new(pattern: Value, subject: &Subject, matcher: &Matcher<'_>) -> Owned {
    let groups = Pattern::of(pattern).program.groups();
    let spans = std::iter::once(Some(matcher.span())).chain((1..=groups).map(|group| matcher.group(group))).collect();
    lifetime::allocate_object(MATCH.get(), |header| Match {
        header,
        pattern: pattern.to_owned(),
        string: subject.string.clone(),
        pos: subject.start,
        endpos: subject.end,
        spans,
        last_index: matcher.last_index(),
    })
}

/// The number of a group from its number or name.
fn group_number(this: &Match, key: Value, thread: &mut Thread) -> PyResult<usize> {
    let number = if convert::is_int(key) || key.type_object().slots.index.raw() != 0 {
        Some(convert::index_as_i64(key, thread, None)?)
    } else {
        let index = &Pattern::of(*this.pattern).groupindex;
        match DictObject::of(**index).get(key, thread) {
            Ok(Some(number)) => Some(convert::index_as_i64(*number, thread, None)?),
            Ok(None) => None,
            Err(raised) => {
                thread.catch(raised, &exc::TYPE_ERROR)?;
                None
            }
        }
    };
    match number.and_then(|number| usize::try_from(number).ok()).filter(|number| *number < this.spans.len()) {
        Some(number) => Ok(number),
        None => Err(thread.raise(&exc::INDEX_ERROR, "no such group")),
    }
}

fn one_group(this: &Match, key: Value, thread: &mut Thread) -> PyResult {
    let number = group_number(this, key, thread)?;
    Ok(this.group(number, thread)?.unwrap_or_else(Owned::none))
}

fn group(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("Match.group() takes no keyword arguments"));
    }
    let this = Match::of(this);
    match args.len() {
        0 => Ok(this.group(0, thread)?.unwrap_or_else(Owned::none)),
        1 => one_group(this, args.at(0), thread),
        _ => {
            let mut items = Vec::with_capacity(args.len());
            for key in args.iter() {
                items.push(one_group(this, key, thread)?);
            }
            Ok(tuple::from_vec(items))
        }
    }
}

fn subscript(this: Value, key: Value, thread: &mut Thread) -> PyResult {
    one_group(Match::of(this), key, thread)
}

fn span_of(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult<(i64, i64)> {
    let this = Match::of(this);
    let number = match args.get(0) {
        Some(key) => group_number(this, key, thread)?,
        None => 0,
    };
    Ok(this.spans[number].map_or((-1, -1), |(start, end)| (start as i64, end as i64)))
}

fn start(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    Ok(Owned::int(span_of(this, args, thread)?.0))
}

fn end(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    Ok(Owned::int(span_of(this, args, thread)?.1))
}

fn pair((start, end): (i64, i64)) -> Owned {
    tuple::pack([Owned::int(start), Owned::int(end)])
}

fn span(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    span_of(this, args, thread).map(pair)
}

fn default_of(args: Args<'_>) -> Owned {
    args.get(0).map_or_else(Owned::none, |default| default.to_owned())
}

fn groups(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (this, default) = (Match::of(this), default_of(args));
    let mut items = Vec::with_capacity(this.spans.len());
    for number in 1..this.spans.len() {
        items.push(this.group(number, thread)?.unwrap_or_else(|| default.clone()));
    }
    Ok(tuple::from_vec(items))
}

fn groupdict(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (this, default) = (Match::of(this), default_of(args));
    let made = dict::new();
    for entry in DictObject::of(*Pattern::of(*this.pattern).groupindex).entries() {
        let number = convert::index_as_i64(*entry.value, thread, None)?;
        let value = this.group(usize::try_from(number).unwrap_or(usize::MAX), thread)?.unwrap_or_else(|| default.clone());
        DictObject::of(*made).set(*entry.key, value, thread)?;
    }
    Ok(made)
}

fn expand(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    substitution::expand(this, args.at(0), thread)
}

fn match_repr(this: Value, thread: &mut Thread) -> PyResult {
    let this = Match::of(this);
    let (start, end) = this.spans[0].unwrap_or((0, 0));
    let found = this.group(0, thread)?.unwrap_or_else(Owned::none);
    let shown = convert::repr(*found, thread)?;
    let mut out = pyrt_runtime::types::str::Builder::new();
    out.push_str(&format!("<re.Match object; span=({start}, {end}), match="));
    let text = pyrt_runtime::types::string::StrObject::of(*shown);
    text.chars().iter().take(50).for_each(|code| out.push_char(code));
    out.push_str(">");
    Ok(out.finish())
}

fn same(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

fn deepcopy(this: Value, _memo: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

fn class_getitem(class: Value, item: Value, thread: &mut Thread) -> PyResult {
    generic_alias::new(class, item, thread)
}

fn get_string(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Match::of(this).string.clone())
}

fn get_re(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Match::of(this).pattern.clone())
}

fn get_pos(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(Match::of(this).pos))
}

fn get_endpos(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(Match::of(this).endpos))
}

fn get_lastindex(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Match::of(this).last_index.map_or_else(Owned::none, Owned::usize))
}

fn get_lastgroup(this: Value, _thread: &mut Thread) -> PyResult {
    let this = Match::of(this);
    let names = TupleObject::of(*Pattern::of(*this.pattern).indexgroup).items();
    Ok(this.last_index.and_then(|index| names.get(index)).map_or_else(Owned::none, |name| name.to_owned()))
}

fn get_regs(this: Value, _thread: &mut Thread) -> PyResult {
    let spans = Match::of(this).spans.iter();
    Ok(tuple::from_vec(spans.map(|span| pair(span.map_or((-1, -1), |(start, end)| (start as i64, end as i64)))).collect()))
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<Match>()) };
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    visit(*Match::of(value).pattern);
    visit(*Match::of(value).string);
}

static SPEC: TypeSpec = TypeSpec {
    name: "re.Match",
    doc: "The result of re.match() and re.search().\nMatch objects always have a boolean value of True.",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION | TYPE_IMMUTABLE,
    basic_size: size_of::<Match>(),
    slots: &[SlotFn::repr(match_repr), SlotFn::subscript(subscript)],
    methods: &[
        method("group", NativeFn::Raw(group), "-($self, *groups)", "The texts of groups."),
        method("start", NativeFn::Bound(start), "($self, group=0, /)", "Where a group starts."),
        method("end", NativeFn::Bound(end), "($self, group=0, /)", "Where a group ends."),
        method("span", NativeFn::Bound(span), "($self, group=0, /)", "Where a group starts and ends."),
        method("groups", NativeFn::Bound(groups), "($self, /, default=None)", "All groups as a tuple."),
        method("groupdict", NativeFn::Bound(groupdict), "($self, /, default=None)", "All named groups as a dict."),
        method("expand", NativeFn::Bound(expand), "($self, /, template)", "A replacement template with the groups filled in."),
        method("__copy__", NativeFn::NoArgs(same), "($self, /)", ""),
        method("__deepcopy__", NativeFn::One(deepcopy), "($self, memo, /)", ""),
        MethodDef { name: "__class_getitem__", func: NativeFn::One(class_getitem), kind: MethodKind::Class, signature: "($type, object, /)", doc: "See PEP 585" },
    ],
    getsets: &[
        GetSetDef { name: "string", get: get_string, set: None, doc: "The string passed to match() or search()." },
        GetSetDef { name: "re", get: get_re, set: None, doc: "The regular expression object." },
        GetSetDef { name: "pos", get: get_pos, set: None, doc: "Where matching began." },
        GetSetDef { name: "endpos", get: get_endpos, set: None, doc: "Where matching had to end." },
        GetSetDef { name: "lastindex", get: get_lastindex, set: None, doc: "The number of the last group that matched." },
        GetSetDef { name: "lastgroup", get: get_lastgroup, set: None, doc: "The name of the last group that matched." },
        GetSetDef { name: "regs", get: get_regs, set: None, doc: "" },
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    ..TypeSpec::DEFAULT
};

static MATCH: StaticType = StaticType::new(&SPEC);
