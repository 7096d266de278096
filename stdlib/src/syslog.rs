//! The module `syslog`.

use std::ffi::CString;

use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::{convert, iterate};
use pyrt_runtime::sync::LeafMutex;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::string;
use pyrt_runtime::types::module;
use pyrt_runtime::types::type_object::MethodDef;

use crate::system_call::{c_int_or, c_string, functions};

pub const MODULE: NativeModule = NativeModule { name: "syslog", initialize };

const CONSTANTS: &[(&str, i32)] = &[
    ("LOG_EMERG", libc::LOG_EMERG),
    ("LOG_ALERT", libc::LOG_ALERT),
    ("LOG_CRIT", libc::LOG_CRIT),
    ("LOG_ERR", libc::LOG_ERR),
    ("LOG_WARNING", libc::LOG_WARNING),
    ("LOG_NOTICE", libc::LOG_NOTICE),
    ("LOG_INFO", libc::LOG_INFO),
    ("LOG_DEBUG", libc::LOG_DEBUG),
    ("LOG_PID", libc::LOG_PID),
    ("LOG_CONS", libc::LOG_CONS),
    ("LOG_NDELAY", libc::LOG_NDELAY),
    ("LOG_ODELAY", libc::LOG_ODELAY),
    ("LOG_NOWAIT", libc::LOG_NOWAIT),
    ("LOG_PERROR", libc::LOG_PERROR),
    ("LOG_KERN", libc::LOG_KERN),
    ("LOG_USER", libc::LOG_USER),
    ("LOG_MAIL", libc::LOG_MAIL),
    ("LOG_DAEMON", libc::LOG_DAEMON),
    ("LOG_AUTH", libc::LOG_AUTH),
    ("LOG_AUTHPRIV", libc::LOG_AUTHPRIV),
    ("LOG_LPR", libc::LOG_LPR),
    ("LOG_LOCAL0", libc::LOG_LOCAL0),
    ("LOG_LOCAL1", libc::LOG_LOCAL1),
    ("LOG_LOCAL2", libc::LOG_LOCAL2),
    ("LOG_LOCAL3", libc::LOG_LOCAL3),
    ("LOG_LOCAL4", libc::LOG_LOCAL4),
    ("LOG_LOCAL5", libc::LOG_LOCAL5),
    ("LOG_LOCAL6", libc::LOG_LOCAL6),
    ("LOG_LOCAL7", libc::LOG_LOCAL7),
    ("LOG_CRON", libc::LOG_CRON),
    ("LOG_UUCP", libc::LOG_UUCP),
    ("LOG_NEWS", libc::LOG_NEWS),
    ("LOG_SYSLOG", libc::LOG_SYSLOG),
    ("LOG_FTP", libc::LOG_FTP),
];

/// Whether the log is open, and the program's name, which the C library keeps a pointer to.
static IDENTITY: LeafMutex<(bool, Option<CString>)> = LeafMutex::new((false, None));

/// The last part of `sys.argv[0]`.
fn program_name(thread: &mut Thread) -> Option<CString> {
    let argv = thread.interpreter.sys_get(*pyrt_runtime::names::interned("argv"))?;
    let first = iterate::snapshot(*argv)?.into_iter().next().filter(|first| string::is_str(**first))?;
    let text = string::StrObject::of(*first).to_string_lossy();
    let name = text.rsplit('/').next().unwrap_or("");
    if name.is_empty() { None } else { CString::new(name).ok() }
}

fn open(identity: Option<CString>, options: i32, facility: i32) {
    let mut place = IDENTITY.lock();
    let pointer = identity.as_ref().map_or(std::ptr::null(), |identity| identity.as_ptr());
    // SAFETY: null, or a string that stays in its place until another is given to the C library.
    unsafe { libc::openlog(pointer, options, facility) };
    *place = (true, identity);
}

fn openlog(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let identity = match args.get(0) {
        Some(identity) => {
            let text = convert::as_text(identity, "openlog() argument 'ident'", thread)?;
            // The C library sees it up to a null character.
            CString::new(text.split('\0').next().unwrap_or("")).ok()
        }
        None => program_name(thread),
    };
    let options = match args.get(1) {
        Some(options) => convert::as_c_long(options, thread)? as i32,
        None => 0,
    };
    let facility = match args.get(2) {
        Some(facility) => convert::as_c_long(facility, thread)? as i32,
        None => libc::LOG_USER,
    };
    open(identity, options, facility);
    Ok(Owned::none())
}

fn syslog(_module: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    if !kwnames.is_empty() {
        return Err(thread.raise_type_error("syslog.syslog() takes no keyword arguments"));
    }
    let (priority, message, what) = match args.len() {
        1 => (libc::LOG_INFO, args.at(0), "syslog() argument 1"),
        2 => (c_int_or(args.get(0), 0, thread)?, args.at(1), "syslog() argument 2"),
        _ => return Err(thread.raise_type_error("syslog.syslog requires 1 to 2 arguments")),
    };
    let text = convert::as_text(message, what, thread)?;
    let text = c_string(text.as_bytes(), "embedded null character", thread)?;
    if !IDENTITY.lock().0 {
        let name = program_name(thread);
        open(name, 0, libc::LOG_USER);
    }
    // SAFETY: a format that takes one string.
    thread.detached(|| unsafe { libc::syslog(priority, c"%s".as_ptr(), text.as_ptr()) });
    Ok(Owned::none())
}

fn closelog(_module: Value, _thread: &mut Thread) -> PyResult {
    let mut place = IDENTITY.lock();
    if place.0 {
        // SAFETY: the C library gives up the program's name, which goes after it.
        unsafe { libc::closelog() };
        *place = (false, None);
    }
    Ok(Owned::none())
}

fn setlogmask(_module: Value, mask: Value, thread: &mut Thread) -> PyResult {
    let mask = convert::as_c_long(mask, thread)? as i32;
    // SAFETY: a number.
    Ok(Owned::int(i64::from(unsafe { libc::setlogmask(mask) })))
}

fn log_mask(_module: Value, priority: Value, thread: &mut Thread) -> PyResult {
    let priority = convert::as_c_long(priority, thread)? as u32;
    Ok(Owned::int(i64::from(1i32.wrapping_shl(priority))))
}

fn log_upto(_module: Value, priority: Value, thread: &mut Thread) -> PyResult {
    let priority = convert::as_c_long(priority, thread)? as u32;
    Ok(Owned::int(i64::from(1i32.wrapping_shl(priority.wrapping_add(1)).wrapping_sub(1))))
}

static FUNCTIONS: &[MethodDef] = functions! {
    "openlog" Bound(openlog) "($module, /, ident=<unrepresentable>, logoption=0,\n        facility=LOG_USER)" "Set logging options of subsequent syslog() calls.";
    "closelog" NoArgs(closelog) "($module, /)" "Reset the syslog module values and call the system library closelog().";
    "syslog" Raw(syslog) "" "syslog([priority=LOG_INFO,] message)\nSend the string message to the system logger.";
    "setlogmask" One(setlogmask) "($module, maskpri, /)" "Set the priority mask to maskpri and return the previous mask value.";
    "LOG_MASK" One(log_mask) "($module, pri, /)" "Calculates the mask for the individual priority pri.";
    "LOG_UPTO" One(log_upto) "($module, pri, /)" "Calculates the mask for all priorities up to and including pri.";
};

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add_functions(this, FUNCTIONS);
    for (name, value) in CONSTANTS {
        module::add(this, name, Owned::int(i64::from(*value)));
    }
    Ok(())
}
