//! Special methods and slots: one row says which slot a special method stands for, how a native slot function is called
//! from Python, and which function calls the Python method when a class defines it.

use crate::exceptions::exc;
use crate::names::names;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::attribute::{call_special, lookup_special_method};
use crate::protocol::compare::{self, CompareOp};
use crate::protocol::{call, convert};
use crate::threads::thread_state::Thread;
use crate::types::string::StrObject;
use crate::types::type_object::*;

/// How a slot function is called from Python arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wrapper {
    Unary,
    Binary,
    BinaryReflected,
    Power,
    PowerReflected,
    InplacePower,
    Length,
    Hash,
    Truth,
    Contains,
    Repeat,
    Call,
    GetAttr,
    SetAttr,
    DelAttr,
    SetItem,
    DelItem,
    DescrGet,
    DescrSet,
    DescrDelete,
    Compare(CompareOp),
    Next,
    Init,
    Finalize,
    Buffer,
    /// No wrapper is made (`__new__`, `__getattr__`).
    None,
}

pub struct SlotRow {
    pub name: &'static str,
    pub slot: SlotId,
    pub wrapper: Wrapper,
    /// What a class with a Python method of this name gets in the slot.
    pub dispatch: SlotFn,
    pub signature: &'static str,
}

macro_rules! rows {
    ($($name:literal $slot:ident $wrapper:expr, $dispatch:expr, $signature:literal;)*) => {
        /// All rows. Several may stand for one slot.
        pub static ROWS: &[SlotRow] = &[$(SlotRow {
            name: $name, slot: SlotId::$slot, wrapper: $wrapper, dispatch: SlotFn::$slot($dispatch), signature: $signature,
        }),*];
    };
}

rows! {
    "__getattribute__" getattr Wrapper::GetAttr, class_getattr, "($self, name, /)";
    "__getattr__" getattr Wrapper::None, class_getattr, "";
    "__setattr__" setattr Wrapper::SetAttr, class_setattr, "($self, name, value, /)";
    "__delattr__" setattr Wrapper::DelAttr, class_setattr, "($self, name, /)";
    "__repr__" repr Wrapper::Unary, class_repr, "($self, /)";
    "__hash__" hash Wrapper::Hash, class_hash, "($self, /)";
    "__call__" call Wrapper::Call, class_call, "($self, /, *args, **kwargs)";
    "__str__" str Wrapper::Unary, class_str, "($self, /)";
    "__lt__" richcompare Wrapper::Compare(CompareOp::Lt), class_richcompare, "($self, value, /)";
    "__le__" richcompare Wrapper::Compare(CompareOp::Le), class_richcompare, "($self, value, /)";
    "__eq__" richcompare Wrapper::Compare(CompareOp::Eq), class_richcompare, "($self, value, /)";
    "__ne__" richcompare Wrapper::Compare(CompareOp::Ne), class_richcompare, "($self, value, /)";
    "__gt__" richcompare Wrapper::Compare(CompareOp::Gt), class_richcompare, "($self, value, /)";
    "__ge__" richcompare Wrapper::Compare(CompareOp::Ge), class_richcompare, "($self, value, /)";
    "__iter__" iter Wrapper::Unary, class_iter, "($self, /)";
    "__next__" iternext Wrapper::Next, class_iternext, "($self, /)";
    "__get__" descr_get Wrapper::DescrGet, class_descr_get, "($self, instance, owner=None, /)";
    "__set__" descr_set Wrapper::DescrSet, class_descr_set, "($self, instance, value, /)";
    "__delete__" descr_set Wrapper::DescrDelete, class_descr_set, "($self, instance, /)";
    "__init__" init Wrapper::Init, class_init, "($self, /, *args, **kwargs)";
    "__new__" new Wrapper::None, class_new, "";
    "__del__" finalize Wrapper::Finalize, class_finalize, "";
    "__buffer__" buffer Wrapper::Buffer, class_buffer, "($self, flags, /)";
    "__await__" await_ Wrapper::Unary, class_await, "($self, /)";
    "__aiter__" aiter Wrapper::Unary, class_aiter, "($self, /)";
    "__anext__" anext Wrapper::Unary, class_anext, "($self, /)";
    "__add__" add Wrapper::Binary, class_add, "($self, value, /)";
    "__radd__" add Wrapper::BinaryReflected, class_add, "($self, value, /)";
    "__sub__" subtract Wrapper::Binary, class_subtract, "($self, value, /)";
    "__rsub__" subtract Wrapper::BinaryReflected, class_subtract, "($self, value, /)";
    "__mul__" multiply Wrapper::Binary, class_multiply, "($self, value, /)";
    "__rmul__" multiply Wrapper::BinaryReflected, class_multiply, "($self, value, /)";
    "__mod__" remainder Wrapper::Binary, class_remainder, "($self, value, /)";
    "__rmod__" remainder Wrapper::BinaryReflected, class_remainder, "($self, value, /)";
    "__divmod__" divmod Wrapper::Binary, class_divmod, "($self, value, /)";
    "__rdivmod__" divmod Wrapper::BinaryReflected, class_divmod, "($self, value, /)";
    "__pow__" power Wrapper::Power, class_power, "($self, value, mod=None, /)";
    "__rpow__" power Wrapper::PowerReflected, class_power, "($self, value, mod=None, /)";
    "__neg__" negative Wrapper::Unary, class_negative, "($self, /)";
    "__pos__" positive Wrapper::Unary, class_positive, "($self, /)";
    "__abs__" absolute Wrapper::Unary, class_absolute, "($self, /)";
    "__bool__" truth Wrapper::Truth, class_truth, "($self, /)";
    "__invert__" invert Wrapper::Unary, class_invert, "($self, /)";
    "__lshift__" lshift Wrapper::Binary, class_lshift, "($self, value, /)";
    "__rlshift__" lshift Wrapper::BinaryReflected, class_lshift, "($self, value, /)";
    "__rshift__" rshift Wrapper::Binary, class_rshift, "($self, value, /)";
    "__rrshift__" rshift Wrapper::BinaryReflected, class_rshift, "($self, value, /)";
    "__and__" and Wrapper::Binary, class_and, "($self, value, /)";
    "__rand__" and Wrapper::BinaryReflected, class_and, "($self, value, /)";
    "__xor__" xor Wrapper::Binary, class_xor, "($self, value, /)";
    "__rxor__" xor Wrapper::BinaryReflected, class_xor, "($self, value, /)";
    "__or__" or Wrapper::Binary, class_or, "($self, value, /)";
    "__ror__" or Wrapper::BinaryReflected, class_or, "($self, value, /)";
    "__int__" int Wrapper::Unary, class_int, "($self, /)";
    "__float__" float Wrapper::Unary, class_float, "($self, /)";
    "__iadd__" inplace_add Wrapper::Binary, class_inplace_add, "($self, value, /)";
    "__isub__" inplace_subtract Wrapper::Binary, class_inplace_subtract, "($self, value, /)";
    "__imul__" inplace_multiply Wrapper::Binary, class_inplace_multiply, "($self, value, /)";
    "__imod__" inplace_remainder Wrapper::Binary, class_inplace_remainder, "($self, value, /)";
    "__ipow__" inplace_power Wrapper::InplacePower, class_inplace_power, "($self, value, /)";
    "__ilshift__" inplace_lshift Wrapper::Binary, class_inplace_lshift, "($self, value, /)";
    "__irshift__" inplace_rshift Wrapper::Binary, class_inplace_rshift, "($self, value, /)";
    "__iand__" inplace_and Wrapper::Binary, class_inplace_and, "($self, value, /)";
    "__ixor__" inplace_xor Wrapper::Binary, class_inplace_xor, "($self, value, /)";
    "__ior__" inplace_or Wrapper::Binary, class_inplace_or, "($self, value, /)";
    "__floordiv__" floor_divide Wrapper::Binary, class_floor_divide, "($self, value, /)";
    "__rfloordiv__" floor_divide Wrapper::BinaryReflected, class_floor_divide, "($self, value, /)";
    "__truediv__" true_divide Wrapper::Binary, class_true_divide, "($self, value, /)";
    "__rtruediv__" true_divide Wrapper::BinaryReflected, class_true_divide, "($self, value, /)";
    "__ifloordiv__" inplace_floor_divide Wrapper::Binary, class_inplace_floor_divide, "($self, value, /)";
    "__itruediv__" inplace_true_divide Wrapper::Binary, class_inplace_true_divide, "($self, value, /)";
    "__index__" index Wrapper::Unary, class_index, "($self, /)";
    "__matmul__" matrix_multiply Wrapper::Binary, class_matrix_multiply, "($self, value, /)";
    "__rmatmul__" matrix_multiply Wrapper::BinaryReflected, class_matrix_multiply, "($self, value, /)";
    "__imatmul__" inplace_matrix_multiply Wrapper::Binary, class_inplace_matrix_multiply, "($self, value, /)";
    "__len__" length Wrapper::Length, class_length, "($self, /)";
    "__getitem__" subscript Wrapper::Binary, class_subscript, "($self, key, /)";
    "__setitem__" ass_subscript Wrapper::SetItem, class_ass_subscript, "($self, key, value, /)";
    "__delitem__" ass_subscript Wrapper::DelItem, class_ass_subscript, "($self, key, /)";
    "__contains__" contains Wrapper::Contains, class_contains, "($self, key, /)";
}

/// Rows of sequence slots, which only native types fill: their wrappers carry the names of the number operators, and a
/// class that defines those methods gets the number slots.
pub static SEQUENCE_ROWS: &[SlotRow] = &[
    SlotRow { name: "__add__", slot: SlotId::concat, wrapper: Wrapper::Binary, dispatch: SlotFn::add(class_add), signature: "($self, value, /)" },
    SlotRow { name: "__mul__", slot: SlotId::repeat, wrapper: Wrapper::Repeat, dispatch: SlotFn::multiply(class_multiply), signature: "($self, value, /)" },
    SlotRow { name: "__rmul__", slot: SlotId::repeat, wrapper: Wrapper::Repeat, dispatch: SlotFn::multiply(class_multiply), signature: "($self, value, /)" },
    SlotRow { name: "__iadd__", slot: SlotId::inplace_concat, wrapper: Wrapper::Binary, dispatch: SlotFn::inplace_add(class_inplace_add), signature: "($self, value, /)" },
    SlotRow { name: "__imul__", slot: SlotId::inplace_repeat, wrapper: Wrapper::Repeat, dispatch: SlotFn::inplace_multiply(class_inplace_multiply), signature: "($self, value, /)" },
];

/// Calls a native slot function as its special method. `raw` is a function pointer of the row's slot.
pub fn call_wrapper(row: &SlotRow, raw: usize, zelf: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    macro_rules! function {
        ($ty:ty) => {
            // SAFETY: `raw` came from the slot that the row names, whose type the wrapper kind implies.
            unsafe { std::mem::transmute::<usize, $ty>(raw) }
        };
    }
    if !matches!(row.wrapper, Wrapper::Call | Wrapper::Init) && !kwnames.is_empty() {
        return Err(thread.raise_type_error(format!("wrapper {}() takes no keyword arguments", row.name)));
    }
    let expect = |min: usize, max: usize, thread: &mut Thread| -> PyResult<()> {
        let n = args.len();
        if n >= min && n <= max {
            return Ok(());
        }
        let s = |n: usize| if n == 1 { "" } else { "s" };
        Err(if min == max {
            thread.raise_type_error(format!("expected {min} argument{}, got {n}", s(min)))
        } else if n < min {
            thread.raise_type_error(format!("{} expected at least {min} argument{}, got {n}", row.name, s(min)))
        } else {
            thread.raise_type_error(format!("{} expected at most {max} argument{}, got {n}", row.name, s(max)))
        })
    };
    match row.wrapper {
        Wrapper::Unary => {
            expect(0, 0, thread)?;
            function!(UnaryFn)(zelf, thread)
        }
        Wrapper::Binary => {
            expect(1, 1, thread)?;
            function!(BinaryFn)(zelf, args.at(0), thread)
        }
        Wrapper::BinaryReflected => {
            expect(1, 1, thread)?;
            function!(BinaryFn)(args.at(0), zelf, thread)
        }
        Wrapper::Power => {
            expect(1, 2, thread)?;
            function!(TernaryFn)(zelf, args.at(0), args.get(1).unwrap_or_else(Value::none), thread)
        }
        Wrapper::PowerReflected => {
            expect(1, 2, thread)?;
            function!(TernaryFn)(args.at(0), zelf, args.get(1).unwrap_or_else(Value::none), thread)
        }
        Wrapper::InplacePower => {
            expect(1, 1, thread)?;
            function!(TernaryFn)(zelf, args.at(0), Value::none(), thread)
        }
        Wrapper::Length | Wrapper::Hash => {
            expect(0, 0, thread)?;
            function!(LengthFn)(zelf, thread).map(Owned::int)
        }
        Wrapper::Truth => {
            expect(0, 0, thread)?;
            function!(TruthFn)(zelf, thread).map(Owned::bool)
        }
        Wrapper::Contains => {
            expect(1, 1, thread)?;
            function!(ContainsFn)(zelf, args.at(0), thread).map(Owned::bool)
        }
        Wrapper::Repeat => {
            expect(1, 1, thread)?;
            let n = convert::index_as_i64(args.at(0), thread, Some(&exc::OVERFLOW_ERROR))?;
            function!(RepeatFn)(zelf, n, thread)
        }
        Wrapper::Call => function!(CallFn)(zelf, args, kwnames, thread),
        Wrapper::Init => {
            function!(InitFn)(zelf, args, kwnames, thread)?;
            Ok(Owned::none())
        }
        Wrapper::GetAttr => {
            expect(1, 1, thread)?;
            function!(BinaryFn)(zelf, args.at(0), thread)
        }
        Wrapper::SetAttr | Wrapper::DelAttr => {
            let is_set = row.wrapper == Wrapper::SetAttr;
            let n = if is_set { 2 } else { 1 };
            expect(n, n, thread)?;
            // `object.__setattr__(cls, …)` must not go behind a metaclass's back.
            crate::types::class::check_setattr_wrapper(zelf, raw, row.name, thread)?;
            function!(SetAttrFn)(zelf, args.at(0), if is_set { Some(args.at(1)) } else { None }, thread)?;
            Ok(Owned::none())
        }
        Wrapper::SetItem | Wrapper::DescrSet => {
            expect(2, 2, thread)?;
            function!(SetAttrFn)(zelf, args.at(0), Some(args.at(1)), thread)?;
            Ok(Owned::none())
        }
        Wrapper::DelItem | Wrapper::DescrDelete => {
            expect(1, 1, thread)?;
            function!(SetAttrFn)(zelf, args.at(0), None, thread)?;
            Ok(Owned::none())
        }
        Wrapper::DescrGet => {
            expect(1, 2, thread)?;
            let object = args.get(0).filter(|object| !object.is_none());
            let ty = args.get(1).filter(|ty| !ty.is_none());
            if object.is_none() && ty.is_none() {
                return Err(thread.raise_type_error("__get__(None, None) is invalid"));
            }
            function!(DescrGetFn)(zelf, object, ty, thread)
        }
        Wrapper::Compare(op) => {
            expect(1, 1, thread)?;
            function!(CompareFn)(zelf, args.at(0), op, thread)
        }
        Wrapper::Next => {
            expect(0, 0, thread)?;
            match function!(IterNextFn)(zelf, thread)? {
                Some(value) => Ok(value),
                None => {
                    let value = thread.take_iteration_result();
                    Err(thread.raise_stop_iteration(if value.is_none() { None } else { Some(value) }))
                }
            }
        }
        Wrapper::Finalize => {
            expect(0, 0, thread)?;
            function!(FinalizeFn)(zelf, thread)?;
            Ok(Owned::none())
        }
        Wrapper::Buffer => {
            expect(1, 1, thread)?;
            crate::types::memoryview::from_object(zelf, thread)
        }
        Wrapper::None => Err(thread.raise(&exc::SYSTEM_ERROR, "slot has no wrapper")),
    }
}

/// Calls the special method, which the class has since the slot is filled; its removal in between reads as missing.
fn call_required(zelf: Value, method: Value, args: &[Value], thread: &mut Thread) -> PyResult {
    match call_special(zelf, method, args, thread)? {
        Some(value) => Ok(value),
        None => Err(crate::protocol::attribute::raise_attribute_error(
            zelf,
            method,
            &StrObject::of(method).to_string_lossy(),
            thread,
        )),
    }
}

/// As `call_required`, but a missing method is `NotImplemented`.
fn call_maybe(zelf: Value, method: Value, args: &[Value], thread: &mut Thread) -> PyResult {
    Ok(call_special(zelf, method, args, thread)?.unwrap_or_else(Owned::not_implemented))
}

macro_rules! class_unary {
    ($($function:ident $method:ident;)*) => {$(
        fn $function(zelf: Value, thread: &mut Thread) -> PyResult {
            call_required(zelf, names().$method, &[], thread)
        }
    )*};
}

class_unary! {
    class_repr __repr__;
    class_str __str__;
    class_negative __neg__;
    class_positive __pos__;
    class_absolute __abs__;
    class_invert __invert__;
    class_int __int__;
    class_float __float__;
    class_index __index__;
    class_await __await__;
    class_aiter __aiter__;
    class_anext __anext__;
}

macro_rules! class_binary {
    ($($function:ident $slot:ident $method:ident $reflected:ident;)*) => {$(
        fn $function(left: Value, right: Value, thread: &mut Thread) -> PyResult {
            let (left_type, right_type) = (left.type_object(), right.type_object());
            let this = $function as BinaryFn as usize;
            let do_other = !std::ptr::eq(left_type, right_type) && right_type.slots.$slot.raw() == this;
            if left_type.slots.$slot.raw() == this {
                if do_other && right_type.is_subtype(left_type) && is_overloaded(left, right, names().$reflected, thread) {
                    let result = call_maybe(right, names().$reflected, &[left], thread)?;
                    if !result.is_not_implemented() {
                        return Ok(result);
                    }
                    return call_maybe(left, names().$method, &[right], thread);
                }
                let result = call_maybe(left, names().$method, &[right], thread)?;
                if !result.is_not_implemented() || std::ptr::eq(left_type, right_type) {
                    return Ok(result);
                }
            }
            if do_other {
                return call_maybe(right, names().$reflected, &[left], thread);
            }
            Ok(Owned::not_implemented())
        }
    )*};
}

class_binary! {
    class_add add __add__ __radd__;
    class_subtract subtract __sub__ __rsub__;
    class_multiply multiply __mul__ __rmul__;
    class_remainder remainder __mod__ __rmod__;
    class_divmod divmod __divmod__ __rdivmod__;
    class_lshift lshift __lshift__ __rlshift__;
    class_rshift rshift __rshift__ __rrshift__;
    class_and and __and__ __rand__;
    class_xor xor __xor__ __rxor__;
    class_or or __or__ __ror__;
    class_floor_divide floor_divide __floordiv__ __rfloordiv__;
    class_true_divide true_divide __truediv__ __rtruediv__;
    class_matrix_multiply matrix_multiply __matmul__ __rmatmul__;
}

/// Whether the right operand's class has its own version of the reflected method.
fn is_overloaded(left: Value, right: Value, method: Value, thread: &mut Thread) -> bool {
    let right_method = crate::protocol::attribute::lookup_type(right.type_object(), method, thread);
    let Some(right_method) = right_method else { return false };
    match crate::protocol::attribute::lookup_type(left.type_object(), method, thread) {
        Some(left_method) => !left_method.is(*right_method),
        None => true,
    }
}

macro_rules! class_inplace {
    ($($function:ident $method:ident;)*) => {$(
        fn $function(left: Value, right: Value, thread: &mut Thread) -> PyResult {
            call_maybe(left, names().$method, &[right], thread)
        }
    )*};
}

class_inplace! {
    class_inplace_add __iadd__;
    class_inplace_subtract __isub__;
    class_inplace_multiply __imul__;
    class_inplace_remainder __imod__;
    class_inplace_lshift __ilshift__;
    class_inplace_rshift __irshift__;
    class_inplace_and __iand__;
    class_inplace_xor __ixor__;
    class_inplace_or __ior__;
    class_inplace_floor_divide __ifloordiv__;
    class_inplace_true_divide __itruediv__;
    class_inplace_matrix_multiply __imatmul__;
}

fn class_power(left: Value, right: Value, modulus: Value, thread: &mut Thread) -> PyResult {
    let this = class_power as TernaryFn as usize;
    if modulus.is_none() {
        let (left_type, right_type) = (left.type_object(), right.type_object());
        let do_other = !std::ptr::eq(left_type, right_type) && right_type.slots.power.raw() == this;
        if left_type.slots.power.raw() == this {
            if do_other && right_type.is_subtype(left_type) && is_overloaded(left, right, names().__rpow__, thread) {
                let result = call_maybe(right, names().__rpow__, &[left], thread)?;
                if !result.is_not_implemented() {
                    return Ok(result);
                }
            }
            let result = call_maybe(left, names().__pow__, &[right], thread)?;
            if !result.is_not_implemented() || std::ptr::eq(left_type, right_type) {
                return Ok(result);
            }
        }
        if do_other {
            return call_maybe(right, names().__rpow__, &[left], thread);
        }
        return Ok(Owned::not_implemented());
    }
    if left.type_object().slots.power.raw() == this {
        let result = call_maybe(left, names().__pow__, &[right, modulus], thread)?;
        if !result.is_not_implemented() {
            return Ok(result);
        }
    }
    if right.type_object().slots.power.raw() == this {
        return call_maybe(right, names().__rpow__, &[left, modulus], thread);
    }
    Ok(Owned::not_implemented())
}

fn class_inplace_power(left: Value, right: Value, _modulus: Value, thread: &mut Thread) -> PyResult {
    call_maybe(left, names().__ipow__, &[right], thread)
}

fn class_getattr(object: Value, attribute: Value, thread: &mut Thread) -> PyResult {
    let ty = object.type_object();
    let getattribute = crate::protocol::attribute::lookup_type(ty, names().__getattribute__, thread);
    let is_generic = getattribute.as_ref().is_none_or(|found| crate::types::descriptors::is_wrapper_of(**found, crate::protocol::attribute::generic_get as BinaryFn as usize));
    let result = if is_generic {
        crate::protocol::attribute::generic_get(object, attribute, thread)
    } else {
        call_required(object, names().__getattribute__, &[attribute], thread)
    };
    match result {
        Ok(value) => Ok(value),
        Err(raised) => {
            if !thread.exception_matches(&exc::ATTRIBUTE_ERROR) {
                return Err(raised);
            }
            let exception = thread.take_exception();
            match lookup_special_method(object, names().__getattr__, thread)? {
                Some((method, true)) => call::call(*method, &[object, attribute], thread),
                Some((method, false)) => call::call(*method, &[attribute], thread),
                None => match exception {
                    Some(exception) => Err(thread.reraise(exception)),
                    None => Err(raised),
                },
            }
        }
    }
}

fn class_setattr(object: Value, attribute: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    match value {
        Some(value) => call_required(object, names().__setattr__, &[attribute, value], thread)?,
        None => call_required(object, names().__delattr__, &[attribute], thread)?,
    };
    Ok(())
}

fn class_hash(object: Value, thread: &mut Thread) -> PyResult<i64> {
    let method = names().__hash__;
    let Some((method, unbound)) = lookup_special_method(object, method, thread)?.filter(|(method, _)| !method.is_none()) else {
        return compare::unhashable_slot(object, thread);
    };
    let result = if unbound { call::call(*method, &[object], thread)? } else { call::call(*method, &[], thread)? };
    if !convert::is_int(*result) {
        return Err(thread.raise_type_error("__hash__ method should return an integer"));
    }
    // A large int is reduced as the hash of an int; -1 is the error value of CPython and never a hash.
    let hash = match crate::types::int::as_i64(*result) {
        Some(hash) => hash,
        None => compare::hash(*result, thread)?,
    };
    Ok(if hash == -1 { -2 } else { hash })
}

fn class_call(callable: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let method = names().__call__;
    match lookup_special_method(callable, method, thread)? {
        Some((method, true)) => call_prepended(*method, callable, args, kwnames, thread),
        Some((method, false)) => call::call_args(*method, args, kwnames, thread),
        None => {
            let name = callable.type_object().full_name();
            Err(thread.raise_type_error(format!("'{name}' object is not callable")))
        }
    }
}

/// Calls with one more positional argument in front.
pub fn call_prepended(callable: Value, first: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let n_keywords = kwnames.len();
    let mut all = smallvec::SmallVec::<[Value; 8]>::with_capacity(1 + args.len() + n_keywords);
    all.push(first);
    all.extend(args.iter());
    all.extend((0..n_keywords).map(|i| args.keyword(i)));
    // SAFETY: keyword values follow the positional arguments; `all` outlives the call.
    let combined = unsafe { Args::from_raw(all.as_ptr().cast(), 1 + args.len()) };
    call::call_args(callable, combined, kwnames, thread)
}

fn class_richcompare(left: Value, right: Value, op: CompareOp, thread: &mut Thread) -> PyResult {
    let names = names();
    let method = [names.__lt__, names.__le__, names.__eq__, names.__ne__, names.__gt__, names.__ge__][op as usize];
    call_maybe(left, method, &[right], thread)
}

fn class_iter(object: Value, thread: &mut Thread) -> PyResult {
    let method = names().__iter__;
    match lookup_special_method(object, method, thread)? {
        Some((method, _)) if method.is_none() => {
            let name = object.type_object().full_name();
            Err(thread.raise_type_error(format!("'{name}' object is not iterable")))
        }
        Some((method, true)) => call::call(*method, &[object], thread),
        Some((method, false)) => call::call(*method, &[], thread),
        None => Ok(crate::types::iterators::new_sequence_iterator(object)),
    }
}

fn class_iternext(object: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let result = call_required(object, names().__next__, &[], thread);
    crate::protocol::iterate::stop_to_none(result, thread)
}

fn class_descr_get(descriptor: Value, object: Option<Value>, ty: Option<Value>, thread: &mut Thread) -> PyResult {
    let (object, ty) = (object.unwrap_or_else(Value::none), ty.unwrap_or_else(Value::none));
    match call_special(descriptor, names().__get__, &[object, ty], thread)? {
        Some(value) => Ok(value),
        None => Ok(descriptor.to_owned()),
    }
}

fn class_descr_set(descriptor: Value, object: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    match value {
        Some(value) => call_required(descriptor, names().__set__, &[object, value], thread)?,
        None => call_required(descriptor, names().__delete__, &[object], thread)?,
    };
    Ok(())
}

fn class_init(object: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    let method = names().__init__;
    let result = match lookup_special_method(object, method, thread)? {
        Some((method, true)) => call_prepended(*method, object, args, kwnames, thread)?,
        Some((method, false)) => call::call_args(*method, args, kwnames, thread)?,
        None => return Ok(()),
    };
    if !result.is_none() {
        let name = result.type_object().full_name();
        return Err(thread.raise_type_error(format!("__init__() should return None, not '{name}'")));
    }
    Ok(())
}

/// `__new__` is looked up on the class itself and is a static method: the class is passed explicitly.
fn class_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let method = crate::protocol::attribute::get(class, names().__new__, thread)?;
    call_prepended(*method, class, args, kwnames, thread)
}

fn class_finalize(object: Value, thread: &mut Thread) -> PyResult<()> {
    call_special(object, names().__del__, &[], thread)?;
    Ok(())
}

fn class_buffer(object: Value, flags: u32, thread: &mut Thread) -> PyResult<crate::protocol::buffer::Buffer> {
    let view = call_required(object, names().__buffer__, &[Value::plain_int(i64::from(flags))], thread)?;
    crate::types::memoryview::buffer_of_class(object, *view, flags, thread)
}

fn class_truth(object: Value, thread: &mut Thread) -> PyResult<bool> {
    let result = call_required(object, names().__bool__, &[], thread)?;
    match result.as_bool() {
        Some(truth) => Ok(truth),
        None => {
            let name = result.type_object().full_name();
            Err(thread.raise_type_error(format!("__bool__ should return bool, returned {name}")))
        }
    }
}

fn class_length(object: Value, thread: &mut Thread) -> PyResult<i64> {
    let result = call_required(object, names().__len__, &[], thread)?;
    let number = convert::index(*result, thread)?;
    if crate::types::int::is_negative(*number) {
        return Err(thread.raise_value_error("__len__() should return >= 0"));
    }
    crate::types::int::as_i64(*number).ok_or_else(|| {
        let name = number.type_object().full_name();
        thread.raise(&exc::OVERFLOW_ERROR, format!("cannot fit '{name}' into an index-sized integer"))
    })
}

/// Whether a class has a `__getitem__` written in Python.
pub fn is_subscript_overridden(slots: &Slots) -> bool {
    slots.subscript.raw() == class_subscript as *const () as usize
}

fn class_subscript(object: Value, key: Value, thread: &mut Thread) -> PyResult {
    call_required(object, names().__getitem__, &[key], thread)
}

fn class_ass_subscript(object: Value, key: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    match value {
        Some(value) => call_required(object, names().__setitem__, &[key, value], thread)?,
        None => call_required(object, names().__delitem__, &[key], thread)?,
    };
    Ok(())
}

fn class_contains(object: Value, item: Value, thread: &mut Thread) -> PyResult<bool> {
    let method = names().__contains__;
    let result = match lookup_special_method(object, method, thread)? {
        Some((method, _)) if method.is_none() => {
            let name = object.type_object().full_name();
            return Err(thread.raise_type_error(format!("'{name}' object is not a container")));
        }
        Some((method, true)) => call::call(*method, &[object, item], thread)?,
        Some((method, false)) => call::call(*method, &[item], thread)?,
        None => return crate::protocol::subscript::contains_by_iteration(object, item, thread),
    };
    compare::truth(*result, thread)
}
