//! `termios`: control of terminals.

mod constants;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{call, convert};
use pyrt_runtime::types::list::{self, ListObject};
use pyrt_runtime::types::type_object::{MethodDef, TYPE_LIST_SUBCLASS};
use pyrt_runtime::types::{bytes, module, tuple};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use crate::exception_class::ExceptionClass;
use crate::system_call::{file_descriptor, functions, last_errno, retry};

pub const MODULE: NativeModule = NativeModule { name: "termios", initialize };

static ERROR: ExceptionClass = ExceptionClass::new("termios", "error", &exc::EXCEPTION);

static FUNCTIONS: &[MethodDef] = functions! {
    "tcgetattr" Bound(tcgetattr) "($module, fd, /)" "A terminal's attributes.";
    "tcsetattr" Bound(tcsetattr) "($module, fd, when, attributes, /)" "Sets a terminal's attributes.";
    "tcsendbreak" Bound(tcsendbreak) "($module, fd, duration, /)" "Sends a break.";
    "tcdrain" Bound(tcdrain) "($module, fd, /)" "Waits until all output is sent.";
    "tcflush" Bound(tcflush) "($module, fd, queue, /)" "Throws queued data away.";
    "tcflow" Bound(tcflow) "($module, fd, action, /)" "Stops or restarts input or output.";
    "tcgetwinsize" Bound(tcgetwinsize) "($module, fd, /)" "Rows and columns.";
    "tcsetwinsize" Bound(tcsetwinsize) "($module, fd, winsize, /)" "Sets rows and columns.";
};

fn initialize(this: Value, thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Control of terminals."));
    module::add_functions(this, FUNCTIONS);
    for (name, value) in constants::CONSTANTS {
        module::add(this, name, Owned::int(*value));
    }
    let error = ERROR.get(thread)?.to_owned();
    module::add(this, "error", error);
    Ok(())
}

/// `termios.error` for an error number.
fn raise_error(errno: i32, thread: &mut Thread) -> Raised {
    let text = pyrt_runtime::exceptions::raise::system_error_text(errno);
    let made = ERROR.get(thread).and_then(|class| call::call(class, &[*Owned::int(i64::from(errno)), *Owned::str(&text)], thread));
    match made {
        Ok(exception) => thread.raise_exception(exception),
        Err(raised) => raised,
    }
}

/// A call that may block; `termios.error` if it fails.
fn checked(thread: &mut Thread, call: impl FnMut() -> i32) -> PyResult {
    match retry(thread, call)? {
        Ok(_) => Ok(Owned::none()),
        Err(errno) => Err(raise_error(errno, thread)),
    }
}

fn attributes_of(fd: i32, thread: &mut Thread) -> PyResult<libc::termios> {
    // SAFETY: all-zero are valid attributes; the call fills them.
    let mut mode: libc::termios = unsafe { std::mem::zeroed() };
    let to = &raw mut mode;
    // SAFETY: as above.
    match retry(thread, || unsafe { libc::tcgetattr(fd, to) })? {
        Ok(_) => Ok(mode),
        Err(errno) => Err(raise_error(errno, thread)),
    }
}

fn tcgetattr(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = file_descriptor(args.at(0), thread)?;
    let mode = attributes_of(fd, thread)?;
    // SAFETY: complete attributes.
    let (input, output) = unsafe { (libc::cfgetispeed(&raw const mode), libc::cfgetospeed(&raw const mode)) };
    let mut characters: Vec<Owned> = mode.c_cc.iter().map(|ch| bytes::from_slice(&[*ch])).collect();
    // Without line mode two of them are numbers.
    if mode.c_lflag & libc::ICANON == 0 {
        for i in [libc::VMIN, libc::VTIME] {
            characters[i] = Owned::int(i64::from(mode.c_cc[i]));
        }
    }
    let number = |number: u32| Owned::int(i64::from(number));
    Ok(list::from_vec(vec![
        number(mode.c_iflag),
        number(mode.c_oflag),
        number(mode.c_cflag),
        number(mode.c_lflag),
        number(input),
        number(output),
        list::from_vec(characters),
    ]))
}

fn is_list(value: Value) -> bool {
    value.is_pointer() && value.type_has_flag(TYPE_LIST_SUBCLASS)
}

fn unsigned(value: Option<Owned>, thread: &mut Thread) -> PyResult<u32> {
    let Some(value) = value else { return Err(thread.raise_type_error("tcsetattr, arg 3: must be 7 element list")) };
    let number = convert::index(*value, thread)?;
    Ok(pyrt_runtime::types::int::as_i64(*number).unwrap_or(-1) as u32)
}

fn tcsetattr(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = file_descriptor(args.at(0), thread)?;
    let when = convert::as_c_int(args.at(1), thread)?;
    if !is_list(args.at(2)) || ListObject::of(args.at(2)).len() != 7 {
        return Err(thread.raise_type_error("tcsetattr, arg 3: must be 7 element list"));
    }
    let given = ListObject::of(args.at(2));
    let mut mode = attributes_of(fd, thread)?;
    mode.c_iflag = unsigned(given.get(0), thread)?;
    mode.c_oflag = unsigned(given.get(1), thread)?;
    mode.c_cflag = unsigned(given.get(2), thread)?;
    mode.c_lflag = unsigned(given.get(3), thread)?;
    let (input, output) = (unsigned(given.get(4), thread)?, unsigned(given.get(5), thread)?);
    let characters = given.get(6).filter(|characters| is_list(**characters) && ListObject::of(**characters).len() == libc::NCCS);
    let Some(characters) = characters else {
        return Err(thread.raise_type_error(format!("tcsetattr: attributes[6] must be {} element list", libc::NCCS)));
    };
    for (i, to) in mode.c_cc.iter_mut().enumerate() {
        let Some(item) = ListObject::of(*characters).get(i) else { continue };
        if bytes::is_bytes(*item) && bytes::BytesObject::of(*item).len() == 1 {
            *to = bytes::BytesObject::of(*item).as_slice()[0];
        } else if convert::is_int(*item) {
            *to = convert::as_c_long(*item, thread)? as u8;
        } else {
            return Err(thread.raise_type_error("tcsetattr: elements of attributes must be characters or integers"));
        }
    }
    // SAFETY: complete attributes.
    let failed = unsafe { libc::cfsetispeed(&raw mut mode, input) < 0 || libc::cfsetospeed(&raw mut mode, output) < 0 };
    if failed {
        return Err(raise_error(last_errno(), thread));
    }
    let from = &raw const mode;
    // SAFETY: complete attributes.
    checked(thread, || unsafe { libc::tcsetattr(fd, when, from) })
}

fn tcsendbreak(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = file_descriptor(args.at(0), thread)?;
    let duration = convert::as_c_int(args.at(1), thread)?;
    // SAFETY: a plain call.
    checked(thread, || unsafe { libc::tcsendbreak(fd, duration) })
}

fn tcdrain(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = file_descriptor(args.at(0), thread)?;
    // SAFETY: a plain call.
    checked(thread, || unsafe { libc::tcdrain(fd) })
}

fn tcflush(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = file_descriptor(args.at(0), thread)?;
    let queue = convert::as_c_int(args.at(1), thread)?;
    // SAFETY: a plain call.
    checked(thread, || unsafe { libc::tcflush(fd, queue) })
}

fn tcflow(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = file_descriptor(args.at(0), thread)?;
    let action = convert::as_c_int(args.at(1), thread)?;
    // SAFETY: a plain call.
    checked(thread, || unsafe { libc::tcflow(fd, action) })
}

fn window_of(fd: i32, thread: &mut Thread) -> PyResult<libc::winsize> {
    // SAFETY: all-zero is a valid size; the call fills it.
    let mut size: libc::winsize = unsafe { std::mem::zeroed() };
    let to = &raw mut size;
    // SAFETY: as above.
    match retry(thread, || unsafe { libc::ioctl(fd, libc::TIOCGWINSZ, to) })? {
        Ok(_) => Ok(size),
        Err(errno) => Err(raise_error(errno, thread)),
    }
}

fn tcgetwinsize(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = file_descriptor(args.at(0), thread)?;
    let size = window_of(fd, thread)?;
    Ok(tuple::pack([Owned::int(i64::from(size.ws_row)), Owned::int(i64::from(size.ws_col))]))
}

fn tcsetwinsize(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = file_descriptor(args.at(0), thread)?;
    const WRONG: &str = "tcsetwinsize, arg 2: must be a two-item sequence";
    let given = args.at(1);
    let is_sequence = given.type_object().slots.subscript.raw() != 0;
    if !is_sequence || pyrt_runtime::protocol::subscript::length(given, thread)? != 2 {
        return Err(thread.raise_type_error(WRONG));
    }
    let mut sides = [0u16; 2];
    for (i, side) in sides.iter_mut().enumerate() {
        let item = pyrt_runtime::protocol::subscript::get_index(given, i as i64, thread)?;
        let number = convert::as_c_long(*item, thread)?;
        let Ok(number) = u16::try_from(number) else {
            return Err(thread.raise(&exc::OVERFLOW_ERROR, "winsize value(s) out of range."));
        };
        *side = number;
    }
    let mut size = window_of(fd, thread)?;
    [size.ws_row, size.ws_col] = sides;
    let from = &raw const size;
    // SAFETY: a complete size.
    checked(thread, || unsafe { libc::ioctl(fd, libc::TIOCSWINSZ, from) })
}
