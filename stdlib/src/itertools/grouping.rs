//! `groupby` and its groups.

use pyrt_runtime::object::Guarded;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::LazySignature;
use pyrt_runtime::protocol::{call, compare, iterate};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::tuple;
use pyrt_runtime::types::type_object::*;

use crate::native_type::{expect_arguments, followed, object, references, self_iter};

#[repr(C)]
struct GroupBy {
    header: Header,
    iterator: Owned,
    key_function: Option<Owned>,
    state: Guarded<GroupState>,
}

#[derive(Default)]
struct GroupState {
    /// The key of the group that was given last.
    target: Option<Owned>,
    /// The item that has been read ahead, with its key.
    key: Option<Owned>,
    value: Option<Owned>,
    /// The number of the group that may go on; groups made before are over.
    current: u64,
    made: u64,
}

references!(GroupState: target, key, value);
references!(GroupBy: iterator, key_function, state);

#[repr(C)]
struct Grouper {
    header: Header,
    parent: Owned,
    target: Owned,
    number: u64,
}

references!(Grouper: parent, target);

static SIGNATURE: LazySignature = LazySignature::new("(iterable, key=None)");

fn groupby_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let bound = SIGNATURE.bind("groupby", args, kwnames, thread)?;
    let key_function = bound.args().get(1).filter(|key| !key.is_none()).map(|key| key.to_owned());
    let iterator = iterate::iter(bound.args().at(0), thread)?;
    Ok(allocate_object(TypeObject::of(class), |header| GroupBy { header, iterator, key_function, state: Guarded::new(GroupState::default()) }))
}

fn groupby_of<'a>(value: Value) -> &'a GroupBy {
    // SAFETY: called for `groupby` objects only.
    unsafe { object(value) }
}

impl GroupBy {
    fn with<R>(&self, access: impl FnOnce(&mut GroupState) -> R) -> R {
        self.state.with(&self.header, access)
    }

    /// Reads the next item ahead. False at the end.
    fn step(&self, thread: &mut Thread) -> PyResult<bool> {
        let Some(value) = iterate::next(*self.iterator, thread)? else { return Ok(false) };
        let key = match &self.key_function {
            None => value.clone(),
            Some(function) => {
                let result = call::call(**function, &[*value], thread);
                match iterate::stop_to_none(result, thread)? {
                    Some(key) => key,
                    None => return Ok(false),
                }
            }
        };
        let old = self.with(|state| (state.key.replace(key), state.value.replace(value)));
        drop(old);
        Ok(true)
    }

    fn new_group(&self, this: Value, target: Owned) -> Owned {
        let number = self.with(|state| {
            state.made += 1;
            state.current = state.made;
            state.made
        });
        allocate_object(GROUPER.get(), |header| Grouper { header, parent: this.to_owned(), target, number })
    }
}

fn groupby_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let groups = groupby_of(this);
    groups.with(|state| state.current = 0);
    // What is left of the last group is passed over.
    loop {
        match groups.with(|state| (state.key.clone(), state.target.clone())) {
            (None, _) => {}
            (Some(_), None) => break,
            (Some(key), Some(target)) => {
                if !compare::equals(*target, *key, thread)? {
                    break;
                }
            }
        }
        if !groups.step(thread)? {
            return Ok(None);
        }
    }
    let (key, old) = groups.with(|state| (state.key.clone(), std::mem::replace(&mut state.target, state.key.clone())));
    drop(old);
    let Some(key) = key else { return Ok(None) };
    let group = groups.new_group(this, key.clone());
    Ok(Some(tuple::pack([key, group])))
}

static GROUPBY_SPEC: TypeSpec = TypeSpec {
    name: "itertools.groupby",
    doc: "groupby(iterable, key=None)\n--\n\nmake an iterator that returns consecutive keys and groups from the iterable\n\n  iterable\n    Elements to divide into groups according to the key function.\n  key\n    A function for computing the group category for each element.\n    If the key function is not specified or is None, the element itself\n    is used for grouping.",
    flags: TYPE_BASETYPE | TYPE_GC,
    slots: &[SlotFn::new(groupby_new), SlotFn::iter(self_iter), SlotFn::iternext(groupby_next)],
    ..followed::<GroupBy>()
};
pub static GROUPBY: StaticType = StaticType::new(&GROUPBY_SPEC);

fn grouper_new(_class: Value, args: Args<'_>, _kwnames: KwNames, thread: &mut Thread) -> PyResult {
    expect_arguments("_grouper", args.len(), 2, thread)?;
    let parent = args.at(0);
    if !(parent.is_pointer() && parent.is_instance(GROUPBY.get())) {
        let name = parent.type_object().full_name();
        return Err(thread.raise_type_error(format!("_grouper() argument 1 must be itertools.groupby, not {name}")));
    }
    Ok(groupby_of(parent).new_group(parent, args.at(1).to_owned()))
}

fn grouper_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    // SAFETY: `self` of this type.
    let this: &Grouper = unsafe { object(this) };
    let groups = groupby_of(*this.parent);
    let (current, has_value) = groups.with(|state| (state.current, state.value.is_some()));
    if current != this.number || (!has_value && !groups.step(thread)?) {
        return Ok(None);
    }
    let Some(key) = groups.with(|state| state.key.clone()) else { return Ok(None) };
    if !compare::equals(*this.target, *key, thread)? {
        return Ok(None);
    }
    let (key, value) = groups.with(|state| (state.key.take(), state.value.take()));
    drop(key);
    Ok(value)
}

static GROUPER_SPEC: TypeSpec = TypeSpec {
    name: "itertools._grouper",
    slots: &[SlotFn::new(grouper_new), SlotFn::iter(self_iter), SlotFn::iternext(grouper_next)],
    ..followed::<Grouper>()
};
pub static GROUPER: StaticType = StaticType::new(&GROUPER_SPEC);
