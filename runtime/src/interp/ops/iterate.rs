//! Iteration and unpacking.

use pyrt_compiler::bytecode::instructions::Opcode;

use crate::exceptions::exc;
use crate::interp::dispatch::{Flow, Regs};
use crate::interp::ops::load_store::specialize_as;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::iterate;
use crate::object::refcount::FREE_THREADED;
use crate::threads::thread_state::{Thread, has_other_threads};
use crate::types::builtin_types::shapes;
use crate::types::list::{self, ListObject};
use crate::types::tuple::TupleObject;

#[inline(always)]
pub fn get_iter(r: &mut Regs<'_>) -> Flow {
    r.sync();
    let result = iterate::iter(r.value(1), r.thread);
    r.finish_unary(result)
}

/// The iterator is exhausted: on to END_FOR's successor POP_ITER, with the iterator still on the stack.
#[inline(always)]
pub fn exhausted(r: &mut Regs<'_>, target: u32) -> Flow {
    // The target is the END_FOR, which the exhausted path skips.
    r.jump(target);
    // SAFETY: END_FOR is followed by POP_ITER.
    r.ip = unsafe { r.ip.add(1) };
    Flow::Next
}

#[inline(always)]
pub fn for_iter(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let cell = r.cell();
    r.sync();
    let iterator = r.value(1);
    if cell.should_attempt() {
        match iterator.shape() {
            shapes::LIST_ITERATOR => specialize_as(r.frame, Opcode::FOR_ITER_LIST),
            shapes::TUPLE_ITERATOR => specialize_as(r.frame, Opcode::FOR_ITER_TUPLE),
            shapes::RANGE_ITERATOR => specialize_as(r.frame, Opcode::FOR_ITER_RANGE),
            shapes::GENERATOR => specialize_as(r.frame, Opcode::FOR_ITER_GEN),
            _ => {}
        }
    }
    match iterate::next(iterator, r.thread) {
        Ok(Some(value)) => {
            r.push_owned(value);
            Flow::Next
        }
        Ok(None) => exhausted(r, oparg),
        Err(_) => Flow::Raised,
    }
}

#[inline(always)]
pub fn generic_for_iter(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let _ = oparg;
    r.miss(Opcode::FOR_ITER)
}

#[inline(always)]
pub fn for_iter_list(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let iterator = r.value(1);
    if iterator.has_shape(shapes::LIST_ITERATOR) {
        if FREE_THREADED && has_other_threads() {
            return r.instead(Opcode::INSTRUMENTED_POP_ITER);
        }
        if let Some(value) = list::iterators::next_item_alone(iterator) {
            r.skip_cell();
            r.push_for_store(value.into_raw().bits());
            return Flow::Next;
        }
        // At its end it lets the list go.
        return r.instead(Opcode::FOR_ITER);
    }
    generic_for_iter(r, oparg)
}

/// FOR_ITER_LIST where other threads may use the iterator.
#[inline(always)]
pub fn for_iter_list_shared(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let iterator = r.value(1);
    if iterator.has_shape(shapes::LIST_ITERATOR) {
        r.skip_cell();
        return match list::iterators::next_item(iterator) {
            Some(value) => {
                r.push_for_store(value.into_raw().bits());
                Flow::Next
            }
            None => exhausted(r, oparg),
        };
    }
    generic_for_iter(r, oparg)
}

#[inline(always)]
pub fn for_iter_tuple(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let iterator = r.value(1);
    if iterator.has_shape(shapes::TUPLE_ITERATOR) {
        r.skip_cell();
        return match crate::types::tuple_methods::next_item(iterator) {
            Some(value) => {
                r.push_for_store(value.into_raw().bits());
                Flow::Next
            }
            None => exhausted(r, oparg),
        };
    }
    generic_for_iter(r, oparg)
}

/// FOR_ITER_RANGE with a number that is not a small int, handed over in the thread.
#[inline(always)]
pub fn for_iter_range_big(r: &mut Regs<'_>) -> Flow {
    r.skip_cell();
    let number = r.thread.exit_word as i64;
    r.push_owned(Owned::int(number));
    Flow::Next
}

#[inline(always)]
pub fn for_iter_range(r: &mut Regs<'_>, oparg: u32) -> Flow {
    let iterator = r.value(1);
    if iterator.has_shape(shapes::RANGE_ITERATOR) {
        r.skip_cell();
        return match crate::types::range::next_integer(iterator) {
            Some(number) => {
                let Some(value) = Value::small_int(number) else {
                    r.thread.exit_word = number as u64;
                    return r.instead(Opcode::INSTRUMENTED_FOR_ITER);
                };
                r.push_for_store(value.bits());
                Flow::Next
            }
            None => exhausted(r, oparg),
        };
    }
    generic_for_iter(r, oparg)
}

#[inline(always)]
pub fn unpack_sequence(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.skip_cell();
    let n = oparg as usize;
    let sequence = r.value(1);
    if sequence.has_shape(shapes::TUPLE) {
        let items = TupleObject::of(sequence).items();
        if items.len() == n {
            return unpack_items_quickly(r, items);
        }
    }
    r.instead(Opcode::UNPACK_SEQUENCE_LIST)
}

/// The items of the sequence on top, which nothing changes meanwhile, go where the next instructions want them.
#[inline(always)]
fn unpack_items_quickly(r: &mut Regs<'_>, items: &[Value]) -> Flow {
    let word = r.pop();
    let stored = r.store_items(items);
    for item in items[stored..].iter().rev() {
        r.push_owned(item.to_owned());
    }
    r.release_last(word);
    Flow::Next
}

/// UNPACK_SEQUENCE of what is not a tuple of the right length.
#[inline(always)]
pub fn unpack_sequence_other(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.skip_cell();
    let n = oparg as usize;
    let sequence = r.value(1);
    if sequence.has_shape(shapes::LIST) {
        if let Some(items) = ListObject::of(sequence).items_alone().filter(|items| items.len() == n) {
            return unpack_items_quickly(r, items);
        }
    }
    if sequence.has_shape(shapes::LIST) && ListObject::of(sequence).len() == n {
        let list = ListObject::of(sequence);
        let word = r.pop();
        let base = r.sp;
        let mut i = n;
        while i > 0 {
            match list.get(i - 1) {
                Some(item) => r.push_owned(item),
                None => break,
            }
            i -= 1;
        }
        if i == 0 {
            r.release_last(word);
            return Flow::Next;
        }
        // Another thread has made the list shorter meanwhile.
        while r.sp > base {
            r.drop_top();
        }
        r.push(word);
    }
    r.sync();
    // SAFETY: the operand leaves the stack; the compiler's stack depth has room for the items.
    unsafe {
        let at = r.sp.sub(1);
        if unpack_slow(sequence, n, at, r.thread).is_err() {
            return Flow::Raised;
        }
        r.sp = at.add(n);
    }
    Flow::Next
}

fn wrong_count(n: usize, got: usize, thread: &mut Thread) -> crate::object::value::Raised {
    thread.raise_value_error(if got < n {
        format!("not enough values to unpack (expected {n}, got {got})")
    } else {
        format!("too many values to unpack (expected {n}, got {got})")
    })
}

/// Unpacks the operand at `at`, which is released, to the words from there on, the first item last.
///
/// # Safety
/// `at` is the top word of the innermost frame's stack, which has room for `n` words there.
#[inline(never)]
unsafe fn unpack_slow(sequence: Value, n: usize, at: *mut u64, thread: &mut Thread) -> PyResult<()> {
    let items = unpack_items(sequence, n, thread)?;
    // SAFETY: the caller's obligation.
    unsafe {
        let word = *at;
        for (i, item) in items.into_iter().rev().enumerate() {
            *at.add(i) = item.into_raw().bits();
        }
        crate::interp::frame::close(word, thread);
    }
    Ok(())
}

fn unpack_items(sequence: Value, n: usize, thread: &mut Thread) -> PyResult<Vec<Owned>> {
    if sequence.has_shape(shapes::LIST) {
        let items = ListObject::of(sequence).to_vec();
        return if items.len() == n { Ok(items) } else { Err(wrong_count(n, items.len(), thread)) };
    }
    if sequence.has_shape(shapes::TUPLE) {
        return Err(wrong_count(n, TupleObject::of(sequence).len(), thread));
    }
    let iterator = unpack_iterator(sequence, thread)?;
    let mut items = Vec::with_capacity(n);
    while items.len() < n {
        match iterate::next(*iterator, thread)? {
            Some(item) => items.push(item),
            None => return Err(wrong_count(n, items.len(), thread)),
        }
    }
    if iterate::next(*iterator, thread)?.is_some() {
        if crate::types::dict::is_dict(sequence) {
            let got = crate::types::dict::DictObject::of(sequence).len();
            return Err(wrong_count(n, got, thread));
        }
        return Err(thread.raise_value_error(format!("too many values to unpack (expected {n})")));
    }
    Ok(items)
}

fn unpack_iterator(sequence: Value, thread: &mut Thread) -> PyResult {
    match iterate::iter(sequence, thread) {
        Ok(iterator) => Ok(iterator),
        Err(raised) => {
            if thread.exception_matches(&exc::TYPE_ERROR) && !iterate::is_iterable(sequence) {
                drop(thread.take_exception());
                let ty = sequence.type_object().full_name();
                return Err(thread.raise_type_error(format!("cannot unpack non-iterable {ty} object")));
            }
            Err(raised)
        }
    }
}

#[inline(always)]
pub fn unpack_ex(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    let (before, after) = ((oparg & 0xFF) as usize, (oparg >> 8) as usize);
    match unpack_ex_slow(r.value(1), before, after, r.thread) {
        Ok(items) => {
            let word = r.pop();
            for item in items.into_iter().rev() {
                r.push_owned(item);
            }
            r.release(word);
            Flow::Next
        }
        Err(_) => Flow::Raised,
    }
}

fn unpack_ex_slow(sequence: Value, before: usize, after: usize, thread: &mut Thread) -> PyResult<Vec<Owned>> {
    let iterator = unpack_iterator(sequence, thread)?;
    let mut items = Vec::new();
    while items.len() < before {
        match iterate::next(*iterator, thread)? {
            Some(item) => items.push(item),
            None => {
                return Err(thread.raise_value_error(format!(
                    "not enough values to unpack (expected at least {}, got {})",
                    before + after,
                    items.len()
                )));
            }
        }
    }
    let mut rest = Vec::new();
    while let Some(item) = iterate::next(*iterator, thread)? {
        rest.push(item);
    }
    if rest.len() < after {
        return Err(thread.raise_value_error(format!(
            "not enough values to unpack (expected at least {}, got {})",
            before + after,
            before + rest.len()
        )));
    }
    let tail = rest.split_off(rest.len() - after);
    items.push(list::from_vec(rest));
    items.extend(tail);
    Ok(items)
}
