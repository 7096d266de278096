//! The abstract operations on objects, as the eval loop and native code use them: each file one protocol of the data
//! model (CPython's `Objects/abstract.c` and `Objects/object.c` by topic).

pub mod args;
pub mod attribute;
pub mod binary;
pub mod buffer;
pub mod call;
pub mod compare;
pub mod convert;
pub mod finalize;
pub mod iterate;
pub mod native;
pub mod special;
pub mod subscript;
