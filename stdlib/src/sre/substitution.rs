//! Replacement templates, `sub` and `expand`.

use super::engine::Matcher;
use super::found::{self, Match};
use super::pattern::Pattern;
use super::subject::{How, Subject};
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{attribute, buffer, call, convert};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::bytes;
use pyrt_runtime::types::list::ListObject;
use pyrt_runtime::types::str::arguments::{as_ssize, shown_type};
use pyrt_runtime::types::str::shaping::join_values;
use pyrt_runtime::types::string::{self, StrObject, is_str};
use pyrt_runtime::types::type_object::*;

#[repr(C)]
struct Template {
    header: Header,
    literal: Owned,
    /// Group numbers, each with the literal behind it.
    chunks: Vec<(usize, Option<Owned>)>,
}

fn template_of<'a>(value: Value) -> Option<&'a Template> {
    let is_template = value.is_pointer() && std::ptr::eq(value.type_object(), TEMPLATE.get());
    // SAFETY: the type was checked.
    is_template.then(|| unsafe { value.as_ref() })
}

/// `_sre.template(pattern, [literal, group, literal, …])`.
pub(super) fn template(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let parts = args.at(1);
    if !(parts.is_pointer() && parts.type_has_flag(TYPE_LIST_SUBCLASS)) {
        let name = shown_type(parts);
        return Err(thread.raise_type_error(format!("template() argument 2 must be list, not {name}")));
    }
    let items = ListObject::of(parts).to_vec();
    let Some((literal, rest)) = items.split_first().filter(|(_, rest)| rest.len() % 2 == 0) else {
        return Err(thread.raise_type_error("invalid template"));
    };
    let mut chunks = Vec::new();
    for pair in rest.chunks(2) {
        let [group, literal] = pair else { break };
        let group = convert::index_as_i64(**group, thread, None)?;
        let Ok(group) = usize::try_from(group) else { return Err(thread.raise_type_error("invalid template")) };
        let is_empty = (is_str(**literal) && StrObject::of(**literal).is_empty())
            || (bytes::is_bytes(**literal) && bytes::BytesObject::of(**literal).is_empty());
        chunks.push((group, (!is_empty).then(|| literal.clone())));
    }
    Ok(lifetime::allocate_object(TEMPLATE.get(), |header| Template { header, literal: literal.clone(), chunks }))
}

/// Compiles a replacement by `re._compile_template`.
fn compile_template(pattern: Value, template: Value, thread: &mut Thread) -> PyResult {
    let import = thread.interpreter.builtin(*pyrt_runtime::names::interned("__import__")).unwrap_or_else(Owned::none);
    let module = call::call(*import, &[*Owned::str("re")], thread)?;
    let compile = attribute::get_by_text(*module, "_compile_template", thread)?;
    call::call(*compile, &[pattern, template], thread)
}

/// The pieces of a template with the groups of a match filled in.
fn fill(template: &Template, group: impl Fn(usize, &mut Thread) -> PyResult<Option<Owned>>, pieces: &mut Vec<Owned>, thread: &mut Thread) -> PyResult<()> {
    pieces.push(template.literal.clone());
    for (number, literal) in &template.chunks {
        pieces.extend(group(*number, thread)?);
        pieces.extend(literal.clone());
    }
    Ok(())
}

/// Joins pieces that are all str or all bytes, as the empty `like` is.
fn join(like: Value, pieces: Vec<Owned>, thread: &mut Thread) -> PyResult {
    if is_str(like) {
        return join_values(*string::empty(), pieces.len(), |i| *pieces[i], thread);
    }
    if let [piece] = pieces.as_slice()
        && std::ptr::eq(piece.type_object(), pyrt_runtime::types::builtin_types::BYTES.get())
    {
        return Ok(piece.clone());
    }
    let mut out = Vec::new();
    for (i, piece) in pieces.iter().enumerate() {
        if !buffer::supports_buffer(**piece) {
            let name = piece.type_object().full_name();
            return Err(thread.raise_type_error(format!("sequence item {i}: expected a bytes-like object, {name} found")));
        }
        out.extend(buffer::copy_bytes(**piece, thread)?);
    }
    Ok(bytes::from_vec(out))
}

/// `match.expand(template)`.
pub(super) fn expand(this: Value, template: Value, thread: &mut Thread) -> PyResult {
    let found = Match::of(this);
    let compiled = compile_template(*found.pattern, template, thread)?;
    let Some(template) = template_of(*compiled) else { return Ok(compiled) };
    if template.chunks.is_empty() {
        return Ok(template.literal.clone());
    }
    let mut pieces = Vec::new();
    fill(template, |number, thread| found.group(number, thread), &mut pieces, thread)?;
    join(*template.literal, pieces, thread)
}

/// What takes the place of a match.
enum Replacement {
    Literal(Owned),
    Template(Owned),
    Function(Owned),
}

fn has_backslash(text: Value, thread: &mut Thread) -> PyResult<Option<bool>> {
    if is_str(text) {
        return Ok(Some(StrObject::of(text).chars().iter().any(|code| code == u32::from(b'\\'))));
    }
    if buffer::supports_buffer(text) {
        return Ok(Some(buffer::copy_bytes(text, thread)?.contains(&b'\\')));
    }
    Ok(None)
}

/// `pattern.subn(repl, string, count)`.
pub(super) fn substitute(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult<(Owned, i64)> {
    let pattern = Pattern::of(this);
    let (replacement, string) = (args.at(0), args.at(1));
    let count = args.get(2).map_or(Ok(0), |count| as_ssize(count, thread))?;
    let replacement = if call::is_callable(replacement) {
        Replacement::Function(replacement.to_owned())
    } else if has_backslash(replacement, thread)? == Some(false) {
        Replacement::Literal(replacement.to_owned())
    } else {
        let compiled = compile_template(this, replacement, thread)?;
        match template_of(*compiled) {
            Some(template) if template.chunks.is_empty() => Replacement::Literal(template.literal.clone()),
            Some(_) => Replacement::Template(compiled),
            None if call::is_callable(*compiled) => Replacement::Function(compiled),
            None => Replacement::Literal(compiled),
        }
    };
    let mut subject = Subject::new(string, pattern.is_bytes, 0, i64::MAX, thread)?;
    let mut matcher = Matcher::new(&pattern.program);
    let mut pieces = Vec::new();
    let (mut n, mut copied) = (0, 0);
    while (count == 0 || n < count) && subject.run(&mut matcher, How::Search, thread)? {
        let (start, end) = matcher.span();
        if copied < start {
            pieces.push(subject.slice(copied, start));
        }
        match &replacement {
            Replacement::Literal(literal) => pieces.push(literal.clone()),
            Replacement::Template(template) => {
                if let Some(template) = template_of(**template) {
                    let group = |number: usize, _: &mut Thread| {
                        let span = if number == 0 { Some((start, end)) } else { matcher.group(number) };
                        Ok(span.map(|(start, end)| subject.slice(start, end)))
                    };
                    fill(template, group, &mut pieces, thread)?;
                }
            }
            Replacement::Function(function) => {
                let found = found::new(this, &subject, &matcher);
                let made = call::call(**function, &[*found], thread)?;
                if !made.is_none() {
                    pieces.push(made);
                }
            }
        }
        copied = end;
        n += 1;
        subject.advance((start, end));
    }
    let like = subject.slice(0, 0);
    if copied < subject.end || n == 0 {
        pieces.push(subject.slice(copied, subject.end));
    }
    Ok((join(*like, pieces, thread)?, n))
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<Template>()) };
}

static SPEC: TypeSpec = TypeSpec {
    name: "_sre.SRE_Template",
    flags: TYPE_DISALLOW_INSTANTIATION | TYPE_IMMUTABLE,
    basic_size: size_of::<Template>(),
    dealloc: Some(dealloc),
    ..TypeSpec::DEFAULT
};

static TEMPLATE: StaticType = StaticType::new(&SPEC);
