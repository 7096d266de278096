//! Where instances of classes keep `__slots__`, dict and inline attributes.

use crate::object::value::Value;
use crate::types::string::{self, StrObject};
use crate::types::tuple::{self, TupleObject};
use crate::types::type_object::{TYPE_BYTES_SUBCLASS, TYPE_INT_SUBCLASS, TYPE_STR_SUBCLASS, TYPE_TUPLE_SUBCLASS};

/// In the offset of a member: it counts from the attribute area of a variable-sized object, whose first word is the dict's.
pub const MEMBER_AT_END: usize = 1 << 31;

/// Byte offset of the attribute area of a variable-sized object.
pub fn end_area_offset(object: Value) -> usize {
    if object.type_has_flag(TYPE_TUPLE_SUBCLASS) {
        return tuple::ITEMS_OFFSET + TupleObject::of(object).len() * 8;
    }
    if object.type_has_flag(TYPE_STR_SUBCLASS) {
        return string::end_area_offset(StrObject::of(object));
    }
    if object.type_has_flag(TYPE_BYTES_SUBCLASS) {
        return crate::types::bytes::end_area_offset(object);
    }
    if object.type_has_flag(TYPE_INT_SUBCLASS) {
        return crate::types::int::end_area_offset(object);
    }
    size_of::<crate::object::Header>()
}
