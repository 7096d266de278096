//! The method resolution order: C3 linearisation (Barrett et al. 1996; "The Python 2.3 Method Resolution Order").

use crate::object::value::{Owned, PyResult, Value};
use crate::threads::thread_state::Thread;
use crate::types::tuple::TupleObject;
use crate::types::type_object::{TypeObject, is_type};

/// The linearisation of `ty`, itself first.
pub fn compute(ty: &TypeObject, thread: &mut Thread) -> PyResult<Vec<Owned>> {
    let bases = ty.bases.load(&ty.header);
    let bases = bases.as_ref().map_or(&[][..], |bases| TupleObject::of(**bases).items());
    let mut sequences: Vec<Vec<Value>> = Vec::with_capacity(bases.len() + 1);
    let mut held = Vec::new();
    for (i, &base) in bases.iter().enumerate() {
        if bases[..i].iter().any(|other| other.is(base)) {
            let name = TypeObject::of(base).name();
            return Err(thread.raise_type_error(format!("duplicate base class {name}")));
        }
        let Some(mro) = TypeObject::of(base).mro() else {
            let name = TypeObject::of(base).name();
            return Err(thread.raise_type_error(format!("Cannot extend an incomplete type '{name}'")));
        };
        sequences.push(TupleObject::of(*mro).items().to_vec());
        held.push(mro);
    }
    sequences.push(bases.to_vec());
    let mut result = vec![ty.value().to_owned()];
    let mut at = vec![0usize; sequences.len()];
    loop {
        let mut chosen = None;
        let mut all_done = true;
        for (i, sequence) in sequences.iter().enumerate() {
            let Some(&candidate) = sequence.get(at[i]) else { continue };
            all_done = false;
            let in_a_tail = sequences
                .iter()
                .enumerate()
                .any(|(j, other)| other.get(at[j] + 1..).is_some_and(|tail| tail.iter().any(|class| class.is(candidate))));
            if !in_a_tail {
                chosen = Some(candidate);
                break;
            }
        }
        if all_done {
            return Ok(result);
        }
        let Some(chosen) = chosen else { return Err(inconsistent(&sequences, &at, thread)) };
        result.push(chosen.to_owned());
        for (i, sequence) in sequences.iter().enumerate() {
            if sequence.get(at[i]).is_some_and(|class| class.is(chosen)) {
                at[i] += 1;
            }
        }
    }
}

#[cold]
fn inconsistent(sequences: &[Vec<Value>], at: &[usize], thread: &mut Thread) -> crate::object::value::Raised {
    let mut names: Vec<String> = Vec::new();
    for (i, sequence) in sequences.iter().enumerate() {
        if let Some(&head) = sequence.get(at[i]) {
            let name = if is_type(head) { TypeObject::of(head).name() } else { String::new() };
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    thread.raise_type_error(format!(
        "Cannot create a consistent method resolution order (MRO) for bases {}",
        names.join(", ")
    ))
}
