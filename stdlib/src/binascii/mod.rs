//! The module `binascii`.
pub mod kernels;
pub mod quoted_printable;

use crate::exception_class::ExceptionClass;
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{buffer, compare, convert};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::string::{StrObject, is_str};
use pyrt_runtime::types::type_object::{MethodDef, function};
use pyrt_runtime::types::{bytes, int, module};

pub const MODULE: NativeModule = NativeModule { name: "binascii", initialize };

static ERROR: ExceptionClass = ExceptionClass::new("binascii", "Error", &exc::VALUE_ERROR);
static INCOMPLETE: ExceptionClass = ExceptionClass::new("binascii", "Incomplete", &exc::EXCEPTION);

fn initialize(this: Value, thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Conversion between binary data and ASCII"));
    module::add_functions(this, FUNCTIONS);
    module::add(this, "Error", ERROR.get(thread)?.to_owned());
    module::add(this, "Incomplete", INCOMPLETE.get(thread)?.to_owned());
    Ok(())
}

/// Text that may be a str of ASCII characters.
fn ascii_data(value: Value, thread: &mut Thread) -> PyResult<Vec<u8>> {
    if is_str(value) {
        return match StrObject::of(value).as_ascii() {
            Some(text) => Ok(text.as_bytes().to_vec()),
            None => Err(thread.raise_value_error("string argument should contain only ASCII characters")),
        };
    }
    if !buffer::supports_buffer(value) {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("argument should be bytes, buffer or ASCII string, not '{name}'")));
    }
    buffer::copy_bytes(value, thread)
}

fn flag(args: Args<'_>, i: usize, default: bool, thread: &mut Thread) -> PyResult<bool> {
    args.get(i).map_or(Ok(default), |value| compare::truth(value, thread))
}

fn done(result: Result<Vec<u8>, kernels::Error>, thread: &mut Thread) -> PyResult {
    match result {
        Ok(bytes) => Ok(bytes::from_vec(bytes)),
        Err(message) => Err(ERROR.raise(message, thread)),
    }
}

fn a2b_base64(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let strict = flag(args, 1, false, thread)?;
    let data = ascii_data(args.at(0), thread)?;
    done(kernels::a2b_base64(&data, strict), thread)
}

fn b2a_base64(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let newline = flag(args, 1, true, thread)?;
    Ok(bytes::from_vec(kernels::b2a_base64(&buffer::copy_bytes(args.at(0), thread)?, newline)))
}

fn a2b_hex(_module: Value, hexstr: Value, thread: &mut Thread) -> PyResult {
    let data = ascii_data(hexstr, thread)?;
    done(kernels::unhexlify(&data), thread)
}

fn b2a_hex(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let group = args.get(2).map_or(Ok(1), |group| convert::as_c_int(group, thread))?;
    let data = buffer::copy_bytes(args.at(0), thread)?;
    let separator = match args.get(1) {
        None => None,
        Some(separator) => {
            let (length, byte) = if is_str(separator) {
                let text = StrObject::of(separator);
                (text.len(), if text.is_empty() { 0 } else { text.char_at(0) })
            } else if bytes::is_bytes(separator) {
                let raw = bytes::BytesObject::of(separator).as_slice();
                (raw.len(), raw.first().map_or(0, |byte| u32::from(*byte)))
            } else {
                let length = pyrt_runtime::protocol::subscript::length(separator, thread)?;
                return Err(if length == 1 {
                    thread.raise_type_error("sep must be str or bytes.")
                } else {
                    thread.raise_value_error("sep must be length 1.")
                });
            };
            if length != 1 {
                return Err(thread.raise_value_error("sep must be length 1."));
            }
            match u8::try_from(byte).ok().filter(u8::is_ascii) {
                Some(byte) => Some((byte, group as isize)),
                None => return Err(thread.raise_value_error("sep must be ASCII.")),
            }
        }
    };
    Ok(bytes::from_vec(kernels::hexlify(&data, separator)))
}

fn a2b_qp(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let header = flag(args, 1, false, thread)?;
    Ok(bytes::from_vec(quoted_printable::a2b_qp(&ascii_data(args.at(0), thread)?, header)))
}

fn b2a_qp(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (tabs, text, header) = (flag(args, 1, false, thread)?, flag(args, 2, true, thread)?, flag(args, 3, false, thread)?);
    Ok(bytes::from_vec(quoted_printable::b2a_qp(&buffer::copy_bytes(args.at(0), thread)?, tabs, text, header)))
}

fn a2b_uu(_module: Value, data: Value, thread: &mut Thread) -> PyResult {
    let data = ascii_data(data, thread)?;
    done(kernels::a2b_uu(&data), thread)
}

fn b2a_uu(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let backtick = flag(args, 1, false, thread)?;
    let data = buffer::copy_bytes(args.at(0), thread)?;
    done(kernels::b2a_uu(&data, backtick), thread)
}

/// An int argument of which only the low bits count.
fn low_bits(value: Option<Value>, thread: &mut Thread) -> PyResult<u32> {
    let Some(value) = value else { return Ok(0) };
    let number = convert::index(value, thread)?;
    Ok(match int::as_i64(*number) {
        Some(small) => small as u32,
        None => {
            let big = int::to_bigint(*number);
            let low = big.magnitude().to_u32_digits().first().copied().unwrap_or(0);
            if int::is_negative(*number) { low.wrapping_neg() } else { low }
        }
    })
}

fn crc32(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let start = low_bits(args.get(1), thread)?;
    let data = buffer::copy_bytes(args.at(0), thread)?;
    Ok(Owned::int(i64::from(kernels::crc32(&data, start))))
}

fn crc_hqx(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let start = low_bits(args.get(1), thread)?;
    let data = buffer::copy_bytes(args.at(0), thread)?;
    Ok(Owned::int(i64::from(kernels::crc_hqx(&data, start as u16))))
}

static FUNCTIONS: &[MethodDef] = &[
    function("a2b_uu", NativeFn::One(a2b_uu), "($module, data, /)"),
    function("b2a_uu", NativeFn::Bound(b2a_uu), "($module, data, /, *, backtick=False)"),
    function("a2b_base64", NativeFn::Bound(a2b_base64), "($module, data, /, *, strict_mode=False)"),
    function("b2a_base64", NativeFn::Bound(b2a_base64), "($module, data, /, *, newline=True)"),
    function("a2b_hex", NativeFn::One(a2b_hex), "($module, hexstr, /)"),
    function("b2a_hex", NativeFn::Bound(b2a_hex), "($module, /, data, sep=<unrepresentable>, bytes_per_sep=1)"),
    function("hexlify", NativeFn::Bound(b2a_hex), "($module, /, data, sep=<unrepresentable>, bytes_per_sep=1)"),
    function("unhexlify", NativeFn::One(a2b_hex), "($module, hexstr, /)"),
    function("crc_hqx", NativeFn::Bound(crc_hqx), "($module, data, crc, /)"),
    function("crc32", NativeFn::Bound(crc32), "($module, data, crc=0, /)"),
    function("a2b_qp", NativeFn::Bound(a2b_qp), "($module, /, data, header=False)"),
    function("b2a_qp", NativeFn::Bound(b2a_qp), "($module, /, data, quotetabs=False, istext=True, header=False)"),
];
