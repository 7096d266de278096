//! Union, intersection, differences and comparison of sets.

use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::compare::{self, CompareOp};
use crate::protocol::iterate;
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::{FROZENSET, SET};
use crate::types::dict::{self, DictObject};
use crate::types::set::{self, Entry, SetObject, copy_as, hash_element, is_any_set, is_exact_frozenset, is_exact_set, is_frozenset, new_of_type};
use crate::types::type_object::TypeObject;

/// The type of results: set or frozenset, whatever the subclass.
fn base_type(value: Value) -> &'static TypeObject {
    if is_frozenset(value) { FROZENSET.get() } else { SET.get() }
}

/// A copy of base type; a frozenset is its own copy.
pub fn copy(this: Value) -> Owned {
    if is_exact_frozenset(this) { this.to_owned() } else { copy_as(base_type(this), this) }
}

/// A copy that may be changed because nobody else has it.
pub fn fresh_copy(this: Value) -> Owned {
    copy_as(base_type(this), this)
}

/// `this & other`, `other` being any iterable.
pub fn intersection(this: Value, other: Value, thread: &mut Thread) -> PyResult {
    if this.is(other) {
        return Ok(copy(this));
    }
    let result = new_of_type(base_type(this));
    let target = SetObject::of(*result);
    let mut own = this;
    if is_any_set(other) {
        let mut other = other;
        if SetObject::of(other).len() > SetObject::of(own).len() {
            std::mem::swap(&mut own, &mut other);
        }
        for entry in SetObject::of(other).entries() {
            if SetObject::of(own).contains_hashed(*entry.key, entry.hash, thread)? {
                target.add_hashed(*entry.key, entry.hash, thread)?;
            }
        }
        return Ok(result);
    }
    iterate::for_each(other, thread, |item, thread| {
        let hash = compare::hash(*item, thread)?;
        if SetObject::of(own).contains_hashed(*item, hash, thread)? {
            target.add_hashed(*item, hash, thread)?;
        }
        Ok(())
    })?;
    Ok(result)
}

/// `this.intersection(*others)`.
pub fn intersection_all(this: Value, others: &[Value], thread: &mut Thread) -> PyResult {
    if others.is_empty() {
        return Ok(fresh_copy(this));
    }
    let mut result = this.to_owned();
    for other in others {
        result = intersection(*result, *other, thread)?;
    }
    Ok(result)
}

/// `this.intersection_update(*others)`.
pub fn intersection_update(this: Value, others: &[Value], thread: &mut Thread) -> PyResult<()> {
    let new = intersection_all(this, others, thread)?;
    let new = if is_exact_set(*new) && !new.is(this) { new } else { fresh_copy(*new) };
    SetObject::of(this).take_over(SetObject::of(*new), thread);
    Ok(())
}

fn discard_entry(target: &SetObject, key: Value, hash: i64, thread: &mut Thread) -> PyResult<()> {
    if let Some(old) = target.remove_hashed(key, hash, thread)? {
        lifetime::release(old, thread);
    }
    Ok(())
}

/// `this -= other`, `other` being any iterable.
pub fn difference_update(this: Value, other: Value, thread: &mut Thread) -> PyResult<()> {
    let target = SetObject::of(this);
    if this.is(other) {
        target.clear(thread);
        return Ok(());
    }
    if is_any_set(other) {
        let source = SetObject::of(other);
        if source.len() >> 3 > target.len() {
            for entry in target.entries() {
                if source.contains_hashed(*entry.key, entry.hash, thread)? {
                    discard_entry(target, *entry.key, entry.hash, thread)?;
                }
            }
            return Ok(());
        }
        for entry in source.entries() {
            discard_entry(target, *entry.key, entry.hash, thread)?;
        }
        return Ok(());
    }
    iterate::for_each(other, thread, |item, thread| {
        let hash = hash_element(*item, thread)?;
        discard_entry(target, *item, hash, thread)
    })
}

/// `this - other`, `other` being any iterable.
pub fn difference(this: Value, other: Value, thread: &mut Thread) -> PyResult {
    let source = SetObject::of(this);
    if is_any_set(other) || dict::is_exact(other) {
        let result = new_of_type(base_type(this));
        let mut left: Vec<Entry> = Vec::new();
        for entry in source.entries() {
            let found = if is_any_set(other) {
                SetObject::of(other).contains_hashed(*entry.key, entry.hash, thread)?
            } else {
                DictObject::of(other).get_hashed(*entry.key, entry.hash, thread)?.is_some()
            };
            if !found {
                left.push(entry);
            }
        }
        SetObject::of(*result).fill_new(&left);
        return Ok(result);
    }
    let result = fresh_copy(this);
    difference_update(*result, other, thread)?;
    Ok(result)
}

fn toggle(target: &SetObject, key: Value, hash: i64, thread: &mut Thread) -> PyResult<()> {
    match target.remove_hashed(key, hash, thread)? {
        Some(old) => lifetime::release(old, thread),
        None => drop(target.add_hashed(key, hash, thread)?),
    }
    Ok(())
}

/// `this ^= other`, `other` being any iterable.
pub fn symmetric_difference_update(this: Value, other: Value, thread: &mut Thread) -> PyResult<()> {
    let target = SetObject::of(this);
    if this.is(other) {
        target.clear(thread);
        return Ok(());
    }
    if dict::is_exact(other) {
        for entry in DictObject::of(other).entries() {
            toggle(target, *entry.key, entry.hash, thread)?;
        }
        return Ok(());
    }
    let held;
    let other = if is_any_set(other) {
        other
    } else {
        // Through a set: an element that comes twice counts once.
        held = set::new();
        set::update(*held, other, thread)?;
        *held
    };
    for entry in SetObject::of(other).entries() {
        toggle(target, *entry.key, entry.hash, thread)?;
    }
    Ok(())
}

/// `this | other`, `other` being any iterable.
pub fn union(this: Value, others: &[Value], thread: &mut Thread) -> PyResult {
    let result = fresh_copy(this);
    for other in others {
        set::update(*result, *other, thread)?;
    }
    Ok(result)
}

/// Whether all keys of `this` are in `other`, a set.
pub fn is_subset(this: Value, other: Value, thread: &mut Thread) -> PyResult<bool> {
    let (a, b) = (SetObject::of(this), SetObject::of(other));
    if a.len() > b.len() {
        return Ok(false);
    }
    let mut position = 0;
    while let Some(entry) = a.next_entry(&mut position) {
        if !b.contains_hashed(*entry.key, entry.hash, thread)? {
            return Ok(false);
        }
    }
    Ok(true)
}

pub fn set_or(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_any_set(left) || !is_any_set(right) {
        return Ok(Owned::not_implemented());
    }
    if left.is(right) {
        return Ok(copy(left));
    }
    union(left, &[right], thread)
}

pub fn set_and(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_any_set(left) || !is_any_set(right) {
        return Ok(Owned::not_implemented());
    }
    intersection(left, right, thread)
}

pub fn set_subtract(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_any_set(left) || !is_any_set(right) {
        return Ok(Owned::not_implemented());
    }
    difference(left, right, thread)
}

pub fn set_xor(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_any_set(left) || !is_any_set(right) {
        return Ok(Owned::not_implemented());
    }
    symmetric_difference(left, right, thread)
}

/// `this ^ other`, `other` being any iterable.
pub fn symmetric_difference(this: Value, other: Value, thread: &mut Thread) -> PyResult {
    let result = fresh_copy(this);
    if this.is(other) {
        SetObject::of(*result).clear(thread);
        return Ok(result);
    }
    symmetric_difference_update(*result, other, thread)?;
    Ok(result)
}

pub fn inplace_or(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_any_set(right) {
        return Ok(Owned::not_implemented());
    }
    set::update(left, right, thread)?;
    Ok(left.to_owned())
}

pub fn inplace_and(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_any_set(right) {
        return Ok(Owned::not_implemented());
    }
    intersection_update(left, &[right], thread)?;
    Ok(left.to_owned())
}

pub fn inplace_subtract(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_any_set(right) {
        return Ok(Owned::not_implemented());
    }
    difference_update(left, right, thread)?;
    Ok(left.to_owned())
}

pub fn inplace_xor(left: Value, right: Value, thread: &mut Thread) -> PyResult {
    if !is_any_set(right) {
        return Ok(Owned::not_implemented());
    }
    symmetric_difference_update(left, right, thread)?;
    Ok(left.to_owned())
}

pub fn set_compare(left: Value, right: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    if !is_any_set(right) {
        return Ok(Owned::not_implemented());
    }
    let (a, b) = (SetObject::of(left).len(), SetObject::of(right).len());
    let truth = match op {
        CompareOp::Eq => a == b && is_subset(left, right, thread)?,
        CompareOp::Ne => a != b || !is_subset(left, right, thread)?,
        CompareOp::Lt => a < b && is_subset(left, right, thread)?,
        CompareOp::Le => is_subset(left, right, thread)?,
        CompareOp::Gt => a > b && is_subset(right, left, thread)?,
        CompareOp::Ge => is_subset(right, left, thread)?,
    };
    Ok(Owned::bool(truth))
}
