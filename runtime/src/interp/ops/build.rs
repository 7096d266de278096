//! Displays, comprehensions' accumulators, f-strings and t-strings.

use pyrt_compiler::bytecode::instructions::Opcode;

use crate::exceptions::exc;
use crate::interp::dispatch::{Flow, Regs};
use crate::interp::frame::into_owned;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::binary::BinaryOperator;
use crate::protocol::{call, convert, iterate, subscript};
use crate::sync::Ordering;
use crate::threads::thread_state::Thread;
use crate::types::code::make_unit;
use crate::types::dict::{self, DictObject};
use crate::types::list::{self, ListObject};
use crate::types::string::{self, Chars, StrObject};
use crate::types::type_object::TYPE_DICT_SUBCLASS;
use crate::types::{set, slice, template, tuple};

/// Pops `n` words as owned references, deepest first.
#[inline(always)]
fn pop_items(r: &mut Regs<'_>, n: usize) -> Vec<Owned> {
    // SAFETY: `n` words are on the stack and leave it.
    unsafe {
        let first = r.sp.sub(n);
        let items = (0..n).map(|i| into_owned(*first.add(i))).collect();
        r.sp = first;
        items
    }
}

#[inline(always)]
pub fn build_tuple(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let n = oparg as usize;
    // SAFETY: `n` words are on the stack; marked ones get a count in place, then all move into the tuple.
    let made = unsafe {
        let first = r.sp.sub(n);
        for i in 0..n {
            let word = *first.add(i);
            *first.add(i) = into_owned(word).into_raw().bits();
        }
        tuple::from_stack(first.cast(), n)
    };
    match made {
        Some(made) => {
            // SAFETY: as above.
            r.sp = unsafe { r.sp.sub(n) };
            r.push_owned(made);
            Flow::Next
        }
        None => {
            r.sync();
            let _ = r.thread.raise_memory_error();
            Flow::Raised
        }
    }
}

#[inline(always)]
pub fn build_list(r: &mut Regs<'_>, oparg: u32) -> Flow {
    // SAFETY: `n` words are on the stack and leave it.
    let made = unsafe {
        r.sp = r.sp.sub(oparg as usize);
        list::from_stack(r.sp, oparg as usize)
    };
    r.push_owned(made);
    Flow::Next
}

#[inline(always)]
pub fn build_set(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    let n = oparg as usize;
    let made = set::new();
    for i in (1..=n).rev() {
        if set::add(*made, r.value(i), r.thread).is_err() {
            return Flow::Raised;
        }
    }
    r.drop_n(n);
    r.push_owned(made);
    Flow::Next
}

#[inline(always)]
pub fn build_map(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    let n = oparg as usize;
    let made = dict::with_capacity(n);
    for i in (0..n).rev() {
        let (key, value) = (r.value(2 * i + 2), r.value(2 * i + 1));
        if DictObject::of(*made).set(key, value.to_owned(), r.thread).is_err() {
            return Flow::Raised;
        }
    }
    r.drop_n(2 * n);
    r.push_owned(made);
    Flow::Next
}

#[inline(always)]
pub fn build_string(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let items = pop_items(r, oparg as usize);
    r.push_owned(join(&items));
    Flow::Next
}

/// The strings one after the other.
fn join(items: &[Owned]) -> Owned {
    if items.iter().all(|item| StrObject::of(**item).is_ascii()) {
        let mut out = Vec::with_capacity(items.iter().map(|item| StrObject::of(**item).len()).sum());
        for item in items {
            out.extend_from_slice(StrObject::of(**item).raw_bytes());
        }
        return string::from_ascii(&out);
    }
    let mut out = Vec::with_capacity(items.iter().map(|item| StrObject::of(**item).len()).sum());
    for item in items {
        match StrObject::of(**item).chars() {
            Chars::One(chars) => out.extend(chars.iter().map(|&ch| u32::from(ch))),
            Chars::Two(chars) => out.extend(chars.iter().map(|&ch| u32::from(ch))),
            Chars::Four(chars) => out.extend_from_slice(chars),
        }
    }
    string::from_code_points(&out)
}

#[inline(always)]
pub fn build_slice(r: &mut Regs<'_>, oparg: u32) -> Flow {
    if oparg == 3 {
        // SAFETY: no code ends with the building of a slice.
        let unit = unsafe { (*r.ip).load(Ordering::Relaxed) };
        if unit == make_unit(Opcode::BINARY_OP as u8, BinaryOperator::Subscr as u32) {
            // The slice itself is not needed where a list gives its items.
            if let Some(items) = subscript::get_stepped_slice(r.value(4), [r.value(3), r.value(2), r.value(1)]) {
                // SAFETY: behind the BINARY_OP and its cell.
                r.ip = unsafe { r.ip.add(2) };
                r.sync();
                r.drop_n(3);
                r.replace_last(1, items);
                return Flow::Next;
            }
        }
    }
    let step = if oparg == 3 { r.pop_owned() } else { Owned::none() };
    let stop = r.pop_owned();
    let start = r.pop_owned();
    r.push_owned(slice::new(start, stop, step));
    Flow::Next
}

#[inline(always)]
pub fn build_template(r: &mut Regs<'_>) -> Flow {
    let interpolations = r.pop_owned();
    let strings = r.pop_owned();
    r.push_owned(template::new(strings, interpolations));
    Flow::Next
}

#[inline(always)]
pub fn build_interpolation(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let format_spec = if oparg & 1 != 0 { r.pop_owned() } else { string::empty() };
    let expression = r.pop_owned();
    let value = r.pop_owned();
    let conversion = match oparg >> 2 {
        1 => Owned::str("s"),
        2 => Owned::str("r"),
        3 => Owned::str("a"),
        _ => Owned::none(),
    };
    r.push_owned(template::new_interpolation(value, expression, conversion, format_spec));
    Flow::Next
}

#[inline(always)]
pub fn list_append(r: &mut Regs<'_>, oparg: u32) -> Flow {
    // The list is one that the loop has made: no other thread knows it.
    let word = r.peek(1);
    if ListObject::of(r.value(oparg as usize + 1)).push_alone(|| into_owned(word)) {
        r.pop();
        return Flow::Next;
    }
    r.instead(Opcode::INSTRUMENTED_JUMP_FORWARD)
}

/// LIST_APPEND where there is no room.
#[inline(always)]
pub fn list_append_slow(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let value = r.pop_owned();
    ListObject::of(r.value(oparg as usize)).push(value);
    Flow::Next
}

#[inline(always)]
pub fn list_extend(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    let iterable = r.value(1);
    let target = r.value(oparg as usize + 1);
    if let Err(_raised) = list::extend(target, iterable, r.thread) {
        if r.thread.exception_matches(&exc::TYPE_ERROR) && !iterate::is_iterable(iterable) {
            drop(r.thread.take_exception());
            let ty = iterable.type_object().full_name();
            let _ = r.thread.raise_type_error(format!("Value after * must be an iterable, not {ty}"));
        }
        return Flow::Raised;
    }
    r.drop_top();
    Flow::Next
}

#[inline(always)]
pub fn set_add(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    if set::add(r.value(oparg as usize + 1), r.value(1), r.thread).is_err() {
        return Flow::Raised;
    }
    r.drop_top();
    Flow::Next
}

#[inline(always)]
pub fn set_update(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    if set::update(r.value(oparg as usize + 1), r.value(1), r.thread).is_err() {
        return Flow::Raised;
    }
    r.drop_top();
    Flow::Next
}

#[inline(always)]
pub fn map_add(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    let (key, value) = (r.value(2), r.value(1));
    if DictObject::of(r.value(oparg as usize + 2)).set(key, value.to_owned(), r.thread).is_err() {
        return Flow::Raised;
    }
    r.drop_n(2);
    Flow::Next
}

#[inline(always)]
pub fn dict_update(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    let (target, source) = (r.value(oparg as usize + 1), r.value(1));
    if let Err(_raised) = dict::merge::update_mapping(target, source, r.thread) {
        if r.thread.exception_matches(&exc::ATTRIBUTE_ERROR) {
            drop(r.thread.take_exception());
            let ty = source.type_object().full_name();
            let _ = r.thread.raise_type_error(format!("'{ty}' object is not a mapping"));
        }
        return Flow::Raised;
    }
    r.drop_top();
    Flow::Next
}

#[inline(always)]
pub fn dict_merge(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    // callable, NULL, args, dict … kwargs
    let callable = r.value(oparg as usize + 4);
    let (target, source) = (r.value(oparg as usize + 1), r.value(1));
    if dict_merge_slow(callable, target, source, r.thread).is_err() {
        return Flow::Raised;
    }
    r.drop_top();
    Flow::Next
}

/// `**source` in a call: like update, but a key that is there already is an error.
fn dict_merge_slow(callable: Value, target: Value, source: Value, thread: &mut Thread) -> PyResult<()> {
    let put = |key: Owned, value: Owned, thread: &mut Thread| {
        let dict = DictObject::of(target);
        if dict.contains(*key, thread)? {
            let what = call::describe(callable, thread);
            if !string::is_str(*key) {
                return Err(thread.raise_type_error(format!("{what} keywords must be strings")));
            }
            let key = StrObject::of(*key).to_string_lossy();
            return Err(thread.raise_type_error(format!("{what} got multiple values for keyword argument '{key}'")));
        }
        dict.set(*key, value, thread)
    };
    if source.type_has_flag(TYPE_DICT_SUBCLASS) && dict::is_exact(source) {
        for entry in DictObject::of(source).entries() {
            put(entry.key, entry.value, thread)?;
        }
        return Ok(());
    }
    let keys = match crate::protocol::attribute::get(source, crate::names::names().keys, thread) {
        Ok(method) => call::call(*method, &[], thread)?,
        Err(raised) => {
            drop(thread.catch(raised, &exc::ATTRIBUTE_ERROR)?);
            let what = call::describe(callable, thread);
            let ty = source.type_object().full_name();
            return Err(thread.raise_type_error(format!("{what} argument after ** must be a mapping, not {ty}")));
        }
    };
    for key in iterate::collect(*keys, thread)? {
        let value = crate::protocol::subscript::get_item(source, *key, thread)?;
        put(key, value, thread)?;
    }
    Ok(())
}

#[inline(always)]
pub fn convert_value(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    let value = r.value(1);
    let result = match oparg {
        1 => convert::str(value, r.thread),
        2 => convert::repr(value, r.thread),
        _ => convert::ascii(value, r.thread),
    };
    r.finish_unary(result)
}

#[inline(always)]
pub fn format_simple(r: &mut Regs<'_>) -> Flow {
    let value = r.value(1);
    if string::is_exact(value) {
        return Flow::Next;
    }
    r.sync();
    let result = convert::format(value, None, r.thread);
    r.finish_unary(result)
}

#[inline(always)]
pub fn format_with_spec(r: &mut Regs<'_>) -> Flow {
    r.sync();
    let result = convert::format(r.value(2), Some(r.value(1)), r.thread);
    r.finish_binary(result)
}

