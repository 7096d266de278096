//! Objects that say themselves how they are rebuilt: `__reduce_ex__` and its kin.

use pyrt_runtime::protocol::{attribute, call, iterate};
use pyrt_runtime::types::builtin_types::{TYPE, shapes};
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::tuple::{self, TupleObject};
use pyrt_runtime::types::type_object::{TYPE_TUPLE_SUBCLASS, is_type};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::notes::{note, pickling_error, type_name};
use super::opcodes::*;
use super::registries;
use super::saving::Save;

fn is_tuple(value: Value) -> bool {
    value.is_pointer() && value.type_has_flag(TYPE_TUPLE_SUBCLASS)
}

/// What builds an object.
enum Maker {
    /// `__newobj__`: class and arguments of `__new__`.
    New,
    /// `__newobj_ex__`: also keyword arguments.
    NewWithKeywords,
    /// Any callable.
    Call,
}

impl Save<'_> {
    /// An object of a type without opcodes of its own.
    pub(super) fn save_reducible(&mut self, value: Value, thread: &mut Thread) -> PyResult<()> {
        let mut reduced = None;
        if let Some(function) = self.reducer_override.clone() {
            let answer = call::call(*function, &[value], thread)?;
            if !answer.is_not_implemented() {
                reduced = Some(answer);
            }
        }
        let reduced = match reduced {
            Some(reduced) => reduced,
            None => {
                let class = value.type_object().value();
                if class.is(TYPE.get().value()) {
                    return self.save_type(value, thread);
                }
                if value.has_shape(shapes::FUNCTION) {
                    return self.save_global(value, None, thread);
                }
                match self.registered(class, thread)? {
                    Some(function) => call::call(*function, &[value], thread)?,
                    None if is_type(value) => return self.save_global(value, None, thread),
                    None => self.ask(value, thread)?,
                }
            }
        };
        if string::is_str(*reduced) {
            return self.save_global(value, Some(reduced), thread);
        }
        let result = if is_tuple(*reduced) {
            self.save_reduction(*reduced, Some(value), thread)
        } else {
            let name = type_name(*reduced, thread);
            Err(pickling_error(format!("__reduce__ must return a string or tuple, not {name}"), thread))
        };
        result.map_err(|raised| note(raised, value, "object", thread))
    }

    /// The reduction that is registered for a class.
    fn registered(&mut self, class: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
        match self.dispatch_table.clone() {
            None => DictObject::of(registries(thread)?.dispatch_table()).get(class, thread),
            Some(table) if dict::is_exact(*table) => DictObject::of(*table).get(class, thread),
            Some(table) => match pyrt_runtime::protocol::subscript::get_item(*table, class, thread) {
                Ok(found) => Ok(Some(found)),
                Err(raised) => thread.catch(raised, &pyrt_runtime::exceptions::exc::KEY_ERROR).map(|_| None),
            },
        }
    }

    /// What the object's own methods say.
    fn ask(&mut self, value: Value, thread: &mut Thread) -> PyResult {
        let names = pyrt_runtime::names();
        let protocol = Owned::int(i64::from(self.protocol));
        if attribute::uses_generic_lookup(value.type_object()) {
            // Every object has the method.
            return call::call_method(value, names.__reduce_ex__, &[*protocol], thread);
        }
        if let Some(method) = attribute::get_optional(value, names.__reduce_ex__, thread)? {
            return call::call(*method, &[*protocol], thread);
        }
        if let Some(method) = attribute::get_optional(value, names.__reduce__, thread)? {
            return call::call(*method, &[], thread);
        }
        let name = type_name(value, thread);
        Err(pickling_error(format!("Can't pickle {name} object"), thread))
    }

    /// A class of type `type`.
    fn save_type(&mut self, value: Value, thread: &mut Thread) -> PyResult<()> {
        let singleton = [Owned::none(), Owned::not_implemented(), Owned::ellipsis()].into_iter().find(|one| one.type_object().value().is(value));
        match singleton {
            Some(singleton) => {
                let reduced = tuple::pack([TYPE.get().value().to_owned(), tuple::pack([singleton])]);
                self.save_reduction(*reduced, Some(value), thread)
            }
            None => self.save_global(value, None, thread),
        }
    }

    fn part(&mut self, part: Value, object: Option<Value>, what: &str, thread: &mut Thread) -> PyResult<()> {
        self.save(part, thread).map_err(|raised| match object {
            Some(object) => note(raised, object, what, thread),
            None => raised,
        })
    }

    /// Which of the forms of construction a callable stands for.
    fn maker(&mut self, callable: Value, thread: &mut Thread) -> PyResult<Maker> {
        if self.protocol < 2 {
            return Ok(Maker::Call);
        }
        let name = attribute::get_optional(callable, pyrt_runtime::names().__name__, thread)?;
        Ok(match name {
            Some(name) if string::is_str(*name) => match StrObject::of(*name).as_ascii() {
                Some("__newobj__") => Maker::New,
                Some("__newobj_ex__") => Maker::NewWithKeywords,
                _ => Maker::Call,
            },
            _ => Maker::Call,
        })
    }

    /// A reduction: callable, arguments, state, list items, dict items, setter of the state.
    pub(super) fn save_reduction(&mut self, reduced: Value, object: Option<Value>, thread: &mut Thread) -> PyResult<()> {
        let parts = TupleObject::of(reduced).items();
        if !(2..=6).contains(&parts.len()) {
            return Err(pickling_error("tuple returned by __reduce__ must contain 2 through 6 elements", thread));
        }
        let (callable, args) = (parts[0], parts[1]);
        let given = |i: usize| parts.get(i).copied().filter(|part| !part.is_none());
        let (state, list_items, dict_items, state_setter) = (given(2), given(3), given(4), given(5));
        let wrong = |place: &str, wanted: &str, part: Value, thread: &mut Thread| {
            let name = type_name(part, thread);
            Err(pickling_error(format!("{place} item of the tuple returned by __reduce__ must be {wanted}, not {name}"), thread))
        };
        if !call::is_callable(callable) {
            return wrong("first", "callable", callable, thread);
        }
        if !is_tuple(args) {
            return wrong("second", "a tuple", args, thread);
        }
        if let Some(items) = list_items.filter(|items| !iterate::is_iterator(*items)) {
            return wrong("fourth", "an iterator", items, thread);
        }
        if let Some(items) = dict_items.filter(|items| !iterate::is_iterator(*items)) {
            return wrong("fifth", "an iterator", items, thread);
        }
        if let Some(setter) = state_setter.filter(|setter| !call::is_callable(*setter)) {
            return wrong("sixth", "callable", setter, thread);
        }
        match self.maker(callable, thread)? {
            Maker::New => self.save_new(args, object, thread)?,
            Maker::NewWithKeywords => self.save_new_with_keywords(args, object, thread)?,
            Maker::Call => {
                self.part(callable, object, "reconstructor", thread)?;
                self.part(args, object, "reconstructor arguments", thread)?;
                self.out.byte(REDUCE);
            }
        }
        if let Some(object) = object {
            // An object that its own arguments contain has been written meanwhile: that one counts.
            if let Some(number) = self.memo_number(object) {
                self.out.byte(POP);
                return self.recall(number, thread);
            }
            self.memoize(object, thread)?;
        }
        let container = object.unwrap_or(reduced);
        if let Some(items) = list_items {
            self.append_items(items, container, thread)?;
        }
        if let Some(items) = dict_items {
            self.set_items(items, container, thread)?;
        }
        match (state, state_setter) {
            (None, _) => {}
            (Some(state), None) => {
                self.part(state, object, "state", thread)?;
                self.out.byte(BUILD);
            }
            (Some(state), Some(setter)) => {
                // setter(object, state), whose result is thrown away.
                self.part(setter, object, "state setter", thread)?;
                if let Some(object) = object {
                    self.save(object, thread)?;
                }
                self.part(state, object, "state", thread)?;
                self.out.bytes(&[TUPLE2, REDUCE, POP]);
            }
        }
        Ok(())
    }

    fn save_new(&mut self, args: Value, object: Option<Value>, thread: &mut Thread) -> PyResult<()> {
        let items = TupleObject::of(args).items();
        let Some((&class, rest)) = items.split_first() else {
            return Err(pickling_error("__newobj__ expected at least 1 argument, got 0", thread));
        };
        if !is_type(class) {
            let name = type_name(class, thread);
            return Err(pickling_error(format!("first argument to __newobj__() must be a class, not {name}"), thread));
        }
        if let Some(object) = object {
            let wanted = if object.type_object().value().is(class) {
                class.to_owned()
            } else {
                attribute::get(object, pyrt_runtime::names().__class__, thread)?
            };
            if !wanted.is(class) {
                let wanted = pyrt_runtime::protocol::convert::repr_text(*wanted, thread)?;
                let given = pyrt_runtime::protocol::convert::repr_text(class, thread)?;
                return Err(pickling_error(format!("first argument to __newobj__() must be {wanted}, not {given}"), thread));
            }
        }
        self.part(class, object, "class", thread)?;
        if rest.is_empty() {
            self.part(*tuple::empty(), object, "__new__ arguments", thread)?;
        } else {
            let rest = tuple::from_values(rest);
            self.part(*rest, object, "__new__ arguments", thread)?;
        }
        self.out.byte(NEWOBJ);
        Ok(())
    }

    fn save_new_with_keywords(&mut self, args: Value, object: Option<Value>, thread: &mut Thread) -> PyResult<()> {
        let items = TupleObject::of(args).items();
        let &[class, args, kwargs] = items else {
            let n = items.len();
            return Err(pickling_error(format!("__newobj_ex__ expected 3 arguments, got {n}"), thread));
        };
        let wrong = |place: &str, wanted: &str, part: Value, thread: &mut Thread| {
            let name = type_name(part, thread);
            Err(pickling_error(format!("{place} argument to __newobj_ex__() must be {wanted}, not {name}"), thread))
        };
        if !is_type(class) {
            return wrong("first", "a class", class, thread);
        }
        if !is_tuple(args) {
            return wrong("second", "a tuple", args, thread);
        }
        if !dict::is_dict(kwargs) {
            return wrong("third", "a dict", kwargs, thread);
        }
        if self.protocol >= 4 {
            self.part(class, object, "class", thread)?;
            self.part(args, object, "__new__ arguments", thread)?;
            self.part(kwargs, object, "__new__ arguments", thread)?;
            self.out.byte(NEWOBJ_EX);
            return Ok(());
        }
        // partial(class.__new__, class, *args, **kwargs), called without arguments.
        let new = attribute::get(class, pyrt_runtime::names().__new__, thread)?;
        let mut all = vec![new, class.to_owned()];
        all.extend(TupleObject::of(args).items().iter().map(|item| item.to_owned()));
        let all = tuple::from_vec(all);
        let partial = call::call_tuple(registries(thread)?.partial(), *all, Some(kwargs), thread)?;
        self.part(*partial, object, "reconstructor", thread)?;
        self.save(*tuple::empty(), thread)?;
        self.out.byte(REDUCE);
        Ok(())
    }
}
