//! `re.Pattern` and the scanner.

use super::engine::{Matcher, Program};
use super::found;
use super::subject::{How, Subject};
use super::substitution;
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::compare::{self, CompareOp};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::sync::LeafMutex;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::list::{self, ListObject};
use pyrt_runtime::types::str::arguments::{as_ssize, shown_type};
use pyrt_runtime::types::string::{self, is_str};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{dict, generic_alias, int, iterators, mapping_proxy, tuple};

#[repr(C)]
pub(super) struct Pattern {
    header: Header,
    pub(super) pattern: Owned,
    pub(super) flags: i64,
    pub(super) groupindex: Owned,
    pub(super) indexgroup: Owned,
    pub(super) program: Program,
    code: Vec<u32>,
    /// Whether the pattern is bytes; `None` if it has no text.
    pub(super) is_bytes: Option<bool>,
}

impl Pattern {
    pub(super) fn of<'a>(value: Value) -> &'a Pattern {
        // SAFETY: called for patterns only: `self` of its methods, and values whose type was checked.
        unsafe { value.as_ref() }
    }
}

pub(super) fn is_pattern(value: Value) -> bool {
    value.is_pointer() && std::ptr::eq(value.type_object(), PATTERN.get())
}

/// `_sre.compile`.
pub(super) fn compile(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let pattern = args.at(0);
    let flags = i64::from(convert::as_c_int(args.at(1), thread)?);
    let code = args.at(2);
    if !(code.is_pointer() && code.type_has_flag(TYPE_LIST_SUBCLASS)) {
        let name = shown_type(code);
        return Err(thread.raise_type_error(format!("compile() argument 'code' must be list, not {name}")));
    }
    let groups = as_ssize(args.at(3), thread)?;
    let (groupindex, indexgroup) = (args.at(4), args.at(5));
    if !dict::is_dict(groupindex) {
        let name = shown_type(groupindex);
        return Err(thread.raise_type_error(format!("compile() argument 'groupindex' must be dict, not {name}")));
    }
    if !(indexgroup.is_pointer() && indexgroup.type_has_flag(TYPE_TUPLE_SUBCLASS)) {
        let name = shown_type(indexgroup);
        return Err(thread.raise_type_error(format!("compile() argument 'indexgroup' must be tuple, not {name}")));
    }
    let mut words = Vec::new();
    for item in ListObject::of(code).to_vec() {
        let number = convert::index(*item, thread)?;
        match int::as_i64(*number).and_then(|number| u32::try_from(number).ok()) {
            Some(word) => words.push(word),
            None => return Err(thread.raise(&exc::OVERFLOW_ERROR, "regular expression code size limit exceeded")),
        }
    }
    let is_bytes = if pattern.is_none() {
        None
    } else if is_str(pattern) {
        Some(false)
    } else {
        drop(Subject::new(pattern, None, 0, 0, thread)?);
        Some(true)
    };
    let Some(program) = usize::try_from(groups).ok().and_then(|groups| Program::new(&words, groups).ok()) else {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "invalid SRE code"));
    };
    Ok(lifetime::allocate_object(PATTERN.get(), |header| Pattern {
        header,
        pattern: pattern.to_owned(),
        flags,
        groupindex: groupindex.to_owned(),
        indexgroup: indexgroup.to_owned(),
        program,
        code: words,
        is_bytes,
    }))
}

/// The subject of a method with `string, pos, endpos`.
fn subject_of(this: &Pattern, args: Args<'_>, thread: &mut Thread) -> PyResult<Subject> {
    let pos = args.get(1).map_or(Ok(0), |pos| convert::index_as_i64(pos, thread, Some(&pyrt_runtime::exceptions::exc::OVERFLOW_ERROR)))?;
    let endpos = args.get(2).map_or(Ok(i64::MAX), |endpos| convert::index_as_i64(endpos, thread, Some(&pyrt_runtime::exceptions::exc::OVERFLOW_ERROR)))?;
    Subject::new(args.at(0), this.is_bytes, pos, endpos, thread)
}

fn apply(this: Value, args: Args<'_>, how: How, thread: &mut Thread) -> PyResult {
    let pattern = Pattern::of(this);
    let subject = subject_of(pattern, args, thread)?;
    let mut matcher = Matcher::new(&pattern.program);
    if !subject.run(&mut matcher, how, thread)? {
        return Ok(Owned::none());
    }
    Ok(found::new(this, &subject, &matcher))
}

fn match_(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    apply(this, args, How::Match, thread)
}

fn fullmatch(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    apply(this, args, How::Full, thread)
}

fn search(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    apply(this, args, How::Search, thread)
}

fn group_or(subject: &Subject, matcher: &Matcher<'_>, group: usize, default: impl Fn() -> Owned) -> Owned {
    matcher.group(group).map_or_else(default, |(start, end)| subject.slice(start, end))
}

fn findall(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let pattern = Pattern::of(this);
    let mut subject = subject_of(pattern, args, thread)?;
    let mut matcher = Matcher::new(&pattern.program);
    let empty = subject.slice(0, 0);
    let mut items = Vec::new();
    while subject.run(&mut matcher, How::Search, thread)? {
        let span = matcher.span();
        items.push(match pattern.program.groups() {
            0 => subject.slice(span.0, span.1),
            1 => group_or(&subject, &matcher, 1, || empty.clone()),
            n => tuple::from_vec((1..=n).map(|group| group_or(&subject, &matcher, group, || empty.clone())).collect()),
        });
        subject.advance(span);
    }
    Ok(list::from_vec(items))
}

fn split(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let pattern = Pattern::of(this);
    let maxsplit = args.get(1).map_or(Ok(0), |limit| as_ssize(limit, thread))?;
    let mut subject = Subject::new(args.at(0), pattern.is_bytes, 0, i64::MAX, thread)?;
    let mut matcher = Matcher::new(&pattern.program);
    let mut items = Vec::new();
    let (mut n, mut last) = (0, subject.start);
    while (maxsplit == 0 || n < maxsplit) && subject.run(&mut matcher, How::Search, thread)? {
        let span = matcher.span();
        items.push(subject.slice(last, span.0));
        for group in 1..=pattern.program.groups() {
            items.push(group_or(&subject, &matcher, group, Owned::none));
        }
        n += 1;
        last = span.1;
        subject.advance(span);
    }
    items.push(subject.slice(last, subject.end));
    Ok(list::from_vec(items))
}

fn sub(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (text, _) = substitution::substitute(this, args, thread)?;
    Ok(text)
}

fn subn(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (text, n) = substitution::substitute(this, args, thread)?;
    Ok(tuple::pack([text, Owned::int(n)]))
}

fn scanner(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let subject = subject_of(Pattern::of(this), args, thread)?;
    Ok(lifetime::allocate_object(SCANNER.get(), |header| Scanner {
        header,
        pattern: this.to_owned(),
        subject: LeafMutex::new(Some(subject)),
    }))
}

fn finditer(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let scanner = scanner(this, args, thread)?;
    let search = pyrt_runtime::protocol::attribute::get_by_text(*scanner, "search", thread)?;
    Ok(iterators::new_callable_iterator(*search, Value::none()))
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

/// Names of flags in the order in which `repr` shows them.
const FLAG_NAMES: [(i64, &str); 8] = [
    (2, "re.IGNORECASE"),
    (8, "re.MULTILINE"),
    (16, "re.DOTALL"),
    (64, "re.VERBOSE"),
    (4, "re.LOCALE"),
    (32, "re.UNICODE"),
    (128, "re.DEBUG"),
    (256, "re.ASCII"),
];

fn pattern_repr(this: Value, thread: &mut Thread) -> PyResult {
    let pattern = Pattern::of(this);
    let shown = convert::repr(*pattern.pattern, thread)?;
    let mut flags = pattern.flags;
    if pattern.is_bytes == Some(false) && flags & (4 | 32 | 256) == 32 {
        flags &= !32;
    }
    let mut names = Vec::new();
    for (flag, name) in FLAG_NAMES {
        if flags & flag != 0 {
            names.push(name.to_owned());
            flags &= !flag;
        }
    }
    if flags != 0 {
        names.push(format!("{flags:#x}"));
    }
    let mut out = pyrt_runtime::types::str::Builder::new();
    out.push_str("re.compile(");
    let text = string::StrObject::of(*shown);
    text.chars().iter().take(200).for_each(|code| out.push_char(code));
    if !names.is_empty() {
        out.push_str(", ");
        out.push_str(&names.join("|"));
    }
    out.push_str(")");
    Ok(out.finish())
}

fn pattern_hash(this: Value, thread: &mut Thread) -> PyResult<i64> {
    let pattern = Pattern::of(this);
    let hash = compare::hash(*pattern.pattern, thread)?;
    let code = pattern.code.iter().fold(0xCBF2_9CE4u64, |hash, word| (hash ^ u64::from(*word)).wrapping_mul(0x100_0000_01B3));
    let mixed = hash ^ code as i64 ^ pattern.flags ^ pattern.program.groups() as i64 ^ i64::from(pattern.is_bytes == Some(true));
    Ok(if mixed == -1 { -2 } else { mixed })
}

fn pattern_compare(this: Value, other: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    if !op.is_equality() || !is_pattern(other) {
        return Ok(Owned::not_implemented());
    }
    let (a, b) = (Pattern::of(this), Pattern::of(other));
    let same = this.is(other)
        || (a.flags == b.flags && a.is_bytes == b.is_bytes && a.code == b.code && compare::equals(*a.pattern, *b.pattern, thread)?);
    Ok(Owned::bool(same == (op == CompareOp::Eq)))
}

fn get_pattern(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Pattern::of(this).pattern.clone())
}

fn get_flags(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(Pattern::of(this).flags))
}

fn get_groups(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::usize(Pattern::of(this).program.groups()))
}

fn get_groupindex(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(mapping_proxy::new(Pattern::of(this).groupindex.clone()))
}

unsafe fn pattern_dealloc(value: Value) {
    // SAFETY: the object is dead; the header is plain data.
    unsafe { std::ptr::drop_in_place(value.header().cast::<Pattern>()) };
}

unsafe fn pattern_traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    let pattern = Pattern::of(value);
    for held in [&pattern.pattern, &pattern.groupindex, &pattern.indexgroup] {
        visit(**held);
    }
}

const POSITIONS: &str = "($self, /, string, pos=0, endpos=sys.maxsize)";

static PATTERN_SPEC: TypeSpec = TypeSpec {
    name: "re.Pattern",
    doc: "Compiled regular expression object.",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION | TYPE_IMMUTABLE | TYPE_WEAKREFABLE,
    basic_size: size_of::<Pattern>(),
    slots: &[SlotFn::repr(pattern_repr), SlotFn::hash(pattern_hash), SlotFn::richcompare(pattern_compare)],
    methods: &[
        method("match", NativeFn::Bound(match_), POSITIONS, "Matches at the start of the string."),
        method("fullmatch", NativeFn::Bound(fullmatch), POSITIONS, "Matches all of the string."),
        method("search", NativeFn::Bound(search), POSITIONS, "Looks for a match anywhere in the string."),
        method("sub", NativeFn::Bound(sub), "($self, /, repl, string, count=0)", "The string with matches replaced."),
        method("subn", NativeFn::Bound(subn), "($self, /, repl, string, count=0)", "The string with matches replaced, and their number."),
        method("findall", NativeFn::Bound(findall), POSITIONS, "All matches as a list."),
        method("split", NativeFn::Bound(split), "($self, /, string, maxsplit=0)", "The parts between matches."),
        method("finditer", NativeFn::Bound(finditer), POSITIONS, "An iterator over all matches."),
        method("scanner", NativeFn::Bound(scanner), POSITIONS, ""),
        method("__copy__", NativeFn::NoArgs(same), "($self, /)", ""),
        method("__deepcopy__", NativeFn::One(deepcopy), "($self, memo, /)", ""),
        MethodDef { name: "__class_getitem__", func: NativeFn::One(class_getitem), kind: MethodKind::Class, signature: "($type, object, /)", doc: "See PEP 585" },
    ],
    getsets: &[
        GetSetDef { name: "pattern", get: get_pattern, set: None, doc: "The pattern string from which the object was compiled." },
        GetSetDef { name: "flags", get: get_flags, set: None, doc: "The matching flags." },
        GetSetDef { name: "groups", get: get_groups, set: None, doc: "The number of capturing groups in the pattern." },
        GetSetDef { name: "groupindex", get: get_groupindex, set: None, doc: "Group names mapped to group numbers." },
    ],
    dealloc: Some(pattern_dealloc),
    traverse: Some(pattern_traverse),
    ..TypeSpec::DEFAULT
};

pub(super) static PATTERN: StaticType = StaticType::new(&PATTERN_SPEC);

#[repr(C)]
struct Scanner {
    header: Header,
    pattern: Owned,
    /// Where scanning goes on; none when it is over, and while a thread scans.
    subject: LeafMutex<Option<Subject>>,
}

fn scan(this: Value, how: How, thread: &mut Thread) -> PyResult {
    // SAFETY: `self` of the scanner's methods.
    let scanner = unsafe { this.as_ref::<Scanner>() };
    let Some(mut subject) = scanner.subject.lock().take() else { return Ok(Owned::none()) };
    let mut matcher = Matcher::new(&Pattern::of(*scanner.pattern).program);
    if !subject.run(&mut matcher, how, thread)? {
        return Ok(Owned::none());
    }
    let made = found::new(*scanner.pattern, &subject, &matcher);
    subject.advance(matcher.span());
    *scanner.subject.lock() = Some(subject);
    Ok(made)
}

fn scanner_match(this: Value, thread: &mut Thread) -> PyResult {
    scan(this, How::Match, thread)
}

fn scanner_search(this: Value, thread: &mut Thread) -> PyResult {
    scan(this, How::Search, thread)
}

fn scanner_pattern(this: Value, _thread: &mut Thread) -> PyResult {
    // SAFETY: `self` of the scanner's attribute.
    Ok(unsafe { this.as_ref::<Scanner>() }.pattern.clone())
}

unsafe fn scanner_dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<Scanner>()) };
}

unsafe fn scanner_traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    // SAFETY: the object is a scanner.
    let scanner = unsafe { value.as_ref::<Scanner>() };
    visit(*scanner.pattern);
    if let Some(subject) = &*scanner.subject.lock() {
        visit(*subject.string);
    }
}

static SCANNER_SPEC: TypeSpec = TypeSpec {
    name: "_sre.SRE_Scanner",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION | TYPE_IMMUTABLE,
    basic_size: size_of::<Scanner>(),
    methods: &[
        method("match", NativeFn::NoArgs(scanner_match), "($self, /)", ""),
        method("search", NativeFn::NoArgs(scanner_search), "($self, /)", ""),
    ],
    getsets: &[GetSetDef { name: "pattern", get: scanner_pattern, set: None, doc: "" }],
    dealloc: Some(scanner_dealloc),
    traverse: Some(scanner_traverse),
    ..TypeSpec::DEFAULT
};

static SCANNER: StaticType = StaticType::new(&SCANNER_SPEC);

