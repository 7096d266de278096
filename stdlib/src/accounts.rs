//! `pwd` and `grp`: the system's users and groups.

use std::ffi::{CStr, CString};

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::convert;
use pyrt_runtime::struct_sequence;
use pyrt_runtime::sync::LeafMutex;
use pyrt_runtime::types::struct_sequence::{add_to_module, build};
use pyrt_runtime::types::type_object::MethodDef;
use pyrt_runtime::types::{list, module, string};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use crate::posix::path;
use crate::system_call::functions;

pub const PWD: NativeModule = NativeModule { name: "pwd", initialize: initialize_pwd };
pub const GRP: NativeModule = NativeModule { name: "grp", initialize: initialize_grp };

struct_sequence! {
    pub STRUCT_PASSWD: StructPasswd = "pwd.struct_passwd", "pwd.struct_passwd: Results from getpw*() routines.", 7, [
        ("pw_name", 0, "user name"), ("pw_passwd", 1, "password"), ("pw_uid", 2, "user id"), ("pw_gid", 3, "group id"),
        ("pw_gecos", 4, "real name"), ("pw_dir", 5, "home directory"), ("pw_shell", 6, "shell program"),
    ]
}

struct_sequence! {
    pub STRUCT_GROUP: StructGroup = "grp.struct_group", "grp.struct_group: Results from getgr*() routines.", 4, [
        ("gr_name", 0, "group name"), ("gr_passwd", 1, "password"), ("gr_gid", 2, "group id"), ("gr_mem", 3, "group members"),
    ]
}

static PWD_FUNCTIONS: &[MethodDef] = functions! {
    "getpwuid" Bound(getpwuid) "($module, uidobj, /)" "The entry of a user id.";
    "getpwnam" Bound(getpwnam) "($module, name, /)" "The entry of a user name.";
    "getpwall" NoArgs(getpwall) "($module, /)" "All users' entries.";
};

static GRP_FUNCTIONS: &[MethodDef] = functions! {
    "getgrgid" Bound(getgrgid) "($module, /, id)" "The entry of a group id.";
    "getgrnam" Bound(getgrnam) "($module, /, name)" "The entry of a group name.";
    "getgrall" NoArgs(getgrall) "($module, /)" "All groups' entries.";
};

fn initialize_pwd(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("The system's users."));
    module::add_functions(this, PWD_FUNCTIONS);
    add_to_module::<StructPasswd>(this);
    Ok(())
}

fn initialize_grp(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("The system's groups."));
    module::add_functions(this, GRP_FUNCTIONS);
    add_to_module::<StructGroup>(this);
    Ok(())
}

/// A terminated text of the C library's, `None` for null.
///
/// # Safety
/// `text` is null or terminated.
unsafe fn text(text: *const libc::c_char) -> Owned {
    if text.is_null() {
        return Owned::none();
    }
    // SAFETY: the caller's claim.
    path::decode(unsafe { CStr::from_ptr(text) }.to_bytes())
}

fn user(entry: &libc::passwd) -> Owned {
    // SAFETY: the C library's entries hold terminated texts.
    unsafe {
        build::<StructPasswd>(vec![
            text(entry.pw_name),
            text(entry.pw_passwd),
            Owned::int(i64::from(entry.pw_uid)),
            Owned::int(i64::from(entry.pw_gid)),
            text(entry.pw_gecos),
            text(entry.pw_dir),
            text(entry.pw_shell),
        ])
    }
}

fn group(entry: &libc::group) -> Owned {
    let mut members = Vec::new();
    // SAFETY: the C library's entries hold terminated texts and a null-terminated vector of them.
    unsafe {
        let mut at = entry.gr_mem;
        while !at.is_null() && !(*at).is_null() {
            members.push(text(*at));
            at = at.add(1);
        }
        build::<StructGroup>(vec![text(entry.gr_name), text(entry.gr_passwd), Owned::int(i64::from(entry.gr_gid)), list::from_vec(members)])
    }
}

/// Looks an entry up with growing room for its texts: `call` gets the buffer and returns an error number.
fn look_up<E>(thread: &mut Thread, mut call: impl FnMut(*mut E, &mut [u8], *mut *mut E) -> i32, convert: fn(&E) -> Owned) -> PyResult<Option<Owned>> {
    let mut room = 1024;
    loop {
        let mut texts = vec![0u8; room];
        let mut entry = std::mem::MaybeUninit::<E>::uninit();
        let mut found: *mut E = std::ptr::null_mut();
        let (place, result) = (entry.as_mut_ptr(), &raw mut found);
        let errno = thread.detached(|| call(place, &mut texts, result));
        if errno == libc::ERANGE && room < 1 << 24 {
            room *= 2;
            continue;
        }
        if !found.is_null() {
            // SAFETY: the call has filled the entry that `found` points to.
            return Ok(Some(convert(unsafe { &*found })));
        }
        return match errno {
            0 | libc::ENOENT | libc::ESRCH | libc::EBADF | libc::EPERM => Ok(None),
            errno => Err(thread.raise_os_error(errno, None, None)),
        };
    }
}

fn not_found(message: String, thread: &mut Thread) -> Raised {
    thread.raise(&exc::KEY_ERROR, message)
}

/// A user or group number, or none where the system has no such numbers.
fn number(value: Value, thread: &mut Thread) -> PyResult<Option<u32>> {
    match crate::posix::id_number(value, "id", thread) {
        Ok(number) => Ok(Some(number)),
        Err(raised) => {
            drop(thread.catch(raised, &exc::OVERFLOW_ERROR)?);
            Ok(None)
        }
    }
}

fn getpwuid(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let Some(id) = numbered(args.at(0), "uid", thread)? else {
        return Err(not_found("getpwuid(): uid not found".to_string(), thread));
    };
    // SAFETY: room as said.
    let call = |entry: *mut libc::passwd, texts: &mut [u8], found: *mut *mut libc::passwd| unsafe {
        libc::getpwuid_r(id, entry, texts.as_mut_ptr().cast(), texts.len(), found)
    };
    look_up(thread, call, user)?.ok_or_else(|| not_found(format!("getpwuid(): uid not found: {id}"), thread))
}

/// A number whose error names what it should be.
fn numbered(value: Value, what: &str, thread: &mut Thread) -> PyResult<Option<u32>> {
    if !convert::is_int(value) && value.type_object().slots.index.raw() == 0 {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("{what} should be integer, not {name}")));
    }
    number(value, thread)
}

fn name_argument(value: Value, function: &str, what: &str, thread: &mut Thread) -> PyResult<CString> {
    if !string::is_str(value) {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("{function}() argument{what} must be str, not {name}")));
    }
    path::fs_encode(value, thread)
}

fn getpwnam(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = name_argument(args.at(0), "getpwnam", "", thread)?;
    // SAFETY: terminated name; room as said.
    let call = |entry: *mut libc::passwd, texts: &mut [u8], found: *mut *mut libc::passwd| unsafe {
        libc::getpwnam_r(name.as_ptr(), entry, texts.as_mut_ptr().cast(), texts.len(), found)
    };
    let found = look_up(thread, call, user)?;
    let text = convert::repr_text(args.at(0), thread)?;
    found.ok_or_else(|| not_found(format!("getpwnam(): name not found: {text}"), thread))
}

fn getgrgid(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let id = crate::posix::id_number(args.at(0), "gid", thread)?;
    // SAFETY: room as said.
    let call = |entry: *mut libc::group, texts: &mut [u8], found: *mut *mut libc::group| unsafe {
        libc::getgrgid_r(id, entry, texts.as_mut_ptr().cast(), texts.len(), found)
    };
    look_up(thread, call, group)?.ok_or_else(|| not_found(format!("getgrgid(): gid not found: {id}"), thread))
}

fn getgrnam(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = name_argument(args.at(0), "getgrnam", " 'name'", thread)?;
    // SAFETY: terminated name; room as said.
    let call = |entry: *mut libc::group, texts: &mut [u8], found: *mut *mut libc::group| unsafe {
        libc::getgrnam_r(name.as_ptr(), entry, texts.as_mut_ptr().cast(), texts.len(), found)
    };
    let found = look_up(thread, call, group)?;
    let text = convert::repr_text(args.at(0), thread)?;
    found.ok_or_else(|| not_found(format!("getgrnam(): name not found: {text}"), thread))
}

/// The C library's place in the list of all entries belongs to whoever reads it.
static ALL: LeafMutex<()> = LeafMutex::new(());

fn getpwall(_module: Value, _thread: &mut Thread) -> PyResult {
    let mut entries = Vec::new();
    {
        let _reading = ALL.lock();
        // SAFETY: an entry stays until the next call, before which it is copied.
        unsafe {
            libc::setpwent();
            while let Some(entry) = libc::getpwent().as_ref() {
                entries.push(user(entry));
            }
            libc::endpwent();
        }
    }
    Ok(list::from_vec(entries))
}

fn getgrall(_module: Value, _thread: &mut Thread) -> PyResult {
    let mut entries = Vec::new();
    {
        let _reading = ALL.lock();
        // SAFETY: an entry stays until the next call, before which it is copied.
        unsafe {
            libc::setgrent();
            while let Some(entry) = libc::getgrent().as_ref() {
                entries.push(group(entry));
            }
            libc::endgrent();
        }
    }
    Ok(list::from_vec(entries))
}
