//! `marshal`: the format of `.pyc` files, for objects (`pyrt_compiler::bytecode::marshal` has it for the compiler's data).
//!
//! An object is a type byte and its content. Bit 7 of the type ([`FLAG_REF`]) gives the object the next reference
//! number; type `r` refers back to it.

mod reader;
mod writer;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{buffer, call, compare, convert};
use pyrt_runtime::types::type_object::{MethodDef, method};
use pyrt_runtime::types::{bytes, module};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

pub const MODULE: NativeModule = NativeModule { name: "marshal", initialize };

/// The version that 3.14 writes.
pub const VERSION: i32 = 5;
const FLAG_REF: u8 = 0x80;
/// As deep as CPython lets data nest.
const MAX_DEPTH: u32 = 2000;

/// Reads the object at the start of `data`.
pub fn loads_bytes(data: &[u8], thread: &mut Thread) -> PyResult {
    reader::Reader::of_slice(data, true).whole(thread)
}

/// An object as bytes.
pub fn dumps_bytes(value: Value, thread: &mut Thread) -> PyResult<Vec<u8>> {
    writer::write(value, VERSION, true, thread)
}

fn allow_code(value: Option<Value>, thread: &mut Thread) -> PyResult<bool> {
    value.map_or(Ok(true), |value| compare::truth(value, thread))
}

fn version(value: Option<Value>, thread: &mut Thread) -> PyResult<i32> {
    value.map_or(Ok(VERSION), |value| convert::as_c_int(value, thread))
}

fn dumps(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let version = version(args.get(1), thread)?;
    let allow_code = allow_code(args.get(2), thread)?;
    Ok(bytes::from_vec(writer::write(args.at(0), version, allow_code, thread)?))
}

fn dump(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let version = version(args.get(2), thread)?;
    let allow_code = allow_code(args.get(3), thread)?;
    let data = bytes::from_vec(writer::write(args.at(0), version, allow_code, thread)?);
    call::call_method(args.at(1), pyrt_runtime::names().write, &[*data], thread)
}

fn loads(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let allow_code = allow_code(args.get(1), thread)?;
    let data = buffer::copy_bytes(args.at(0), thread)?;
    reader::Reader::of_slice(&data, allow_code).whole(thread)
}

fn load(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let allow_code = allow_code(args.get(1), thread)?;
    let file = args.at(0);
    // Nothing is read yet: whether the file gives bytes.
    let probe = call::call_method(file, pyrt_runtime::names().read, &[Value::plain_int(0)], thread)?;
    if !bytes::is_bytes(*probe) {
        let got = probe.type_object().full_name();
        return Err(thread.raise(&exc::TYPE_ERROR, format!("file.read() returned not bytes but {got}")));
    }
    reader::Reader::of_file(file, allow_code).whole(thread)
}

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Reading and writing of Python values in the binary format of .pyc files."));
    module::add_functions(this, FUNCTIONS);
    module::add(this, "version", Owned::int(i64::from(VERSION)));
    Ok(())
}

static FUNCTIONS: &[MethodDef] = &[
    method("dump", NativeFn::Bound(dump), "($module, value, file, version=version, /, *, allow_code=True)", "Write the value on the open file."),
    method("load", NativeFn::Bound(load), "($module, file, /, *, allow_code=True)", "Read one value from the open file and return it."),
    method("dumps", NativeFn::Bound(dumps), "($module, value, version=version, /, *, allow_code=True)", "Return the bytes that dump() would write."),
    method("loads", NativeFn::Bound(loads), "($module, bytes, /, *, allow_code=True)", "Convert the bytes-like object to a value."),
];
