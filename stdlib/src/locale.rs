//! The module `_locale`: the C library's locales.

use std::ffi::{CStr, CString, c_char, c_int};

use crate::exception_class::ExceptionClass;
use pyrt_runtime::codecs;
use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::str::arguments::{expect_str, shown_type};
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::type_object::{MethodDef, function};
use pyrt_runtime::types::{list, module};

pub const MODULE: NativeModule = NativeModule { name: "_locale", initialize };

static ERROR: ExceptionClass = ExceptionClass::new("locale", "Error", &exc::EXCEPTION);

/// The categories and the items of `nl_langinfo`, with glibc's numbers.
const CONSTANTS: &[(&str, i32)] = &[
    ("ABDAY_1", 131072), ("ABDAY_2", 131073), ("ABDAY_3", 131074), ("ABDAY_4", 131075), ("ABDAY_5", 131076),
    ("ABDAY_6", 131077), ("ABDAY_7", 131078), ("ABMON_1", 131086), ("ABMON_10", 131095), ("ABMON_11", 131096),
    ("ABMON_12", 131097), ("ABMON_2", 131087), ("ABMON_3", 131088), ("ABMON_4", 131089), ("ABMON_5", 131090),
    ("ABMON_6", 131091), ("ABMON_7", 131092), ("ABMON_8", 131093), ("ABMON_9", 131094), ("ALT_DIGITS", 131119),
    ("AM_STR", 131110), ("CHAR_MAX", 127), ("CODESET", 14), ("CRNCYSTR", 262159), ("DAY_1", 131079),
    ("DAY_2", 131080), ("DAY_3", 131081), ("DAY_4", 131082), ("DAY_5", 131083), ("DAY_6", 131084), ("DAY_7", 131085),
    ("D_FMT", 131113), ("D_T_FMT", 131112), ("ERA", 131116), ("ERA_D_FMT", 131118), ("ERA_D_T_FMT", 131120),
    ("ERA_T_FMT", 131121), ("LC_ALL", 6), ("LC_COLLATE", 3), ("LC_CTYPE", 0), ("LC_MESSAGES", 5), ("LC_MONETARY", 4),
    ("LC_NUMERIC", 1), ("LC_TIME", 2), ("MON_1", 131098), ("MON_10", 131107), ("MON_11", 131108), ("MON_12", 131109),
    ("MON_2", 131099), ("MON_3", 131100), ("MON_4", 131101), ("MON_5", 131102), ("MON_6", 131103), ("MON_7", 131104),
    ("MON_8", 131105), ("MON_9", 131106), ("NOEXPR", 327681), ("PM_STR", 131111), ("RADIXCHAR", 65536),
    ("THOUSEP", 65537), ("T_FMT", 131114), ("T_FMT_AMPM", 131115), ("YESEXPR", 327680), ("_DATE_FMT", 131180),
];

fn initialize(this: Value, thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Support for POSIX locales."));
    module::add_functions(this, FUNCTIONS);
    for (name, value) in CONSTANTS {
        module::add(this, name, Owned::int(i64::from(*value)));
    }
    module::add(this, "Error", ERROR.get(thread)?.to_owned());
    Ok(())
}

mod gettext_library {
    use std::ffi::{c_char, c_int};

    unsafe extern "C" {
        pub fn gettext(message: *const c_char) -> *mut c_char;
        pub fn dgettext(domain: *const c_char, message: *const c_char) -> *mut c_char;
        pub fn dcgettext(domain: *const c_char, message: *const c_char, category: c_int) -> *mut c_char;
        pub fn textdomain(domain: *const c_char) -> *mut c_char;
        pub fn bindtextdomain(domain: *const c_char, directory: *const c_char) -> *mut c_char;
        pub fn bind_textdomain_codeset(domain: *const c_char, codeset: *const c_char) -> *mut c_char;
        pub fn wcscoll(a: *const libc::wchar_t, b: *const libc::wchar_t) -> c_int;
        pub fn wcsxfrm(to: *mut libc::wchar_t, from: *const libc::wchar_t, n: usize) -> usize;
    }
}

/// A str as a C string.
fn c_text(value: Value, what: &str, thread: &mut Thread) -> PyResult<CString> {
    let name = codecs::argument_name(value, what, thread)?;
    CString::new(name).map_err(|_| thread.raise_value_error("embedded null character"))
}

/// A str or None as a C string.
fn optional_text(value: Option<Value>, what: &str, thread: &mut Thread) -> PyResult<Option<CString>> {
    match value.filter(|value| !value.is_none()) {
        None => Ok(None),
        Some(value) if string::is_str(value) => c_text(value, what, thread).map(Some),
        Some(other) => {
            let name = shown_type(other);
            Err(thread.raise_type_error(format!("{what} must be str or None, not {name}")))
        }
    }
}

fn pointer(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(std::ptr::null(), |text| text.as_ptr())
}

/// The str of a C string of the current locale; bytes that are not UTF-8 become surrogates.
///
/// # Safety
/// A terminated string, or null.
unsafe fn from_c(text: *const c_char) -> Owned {
    if text.is_null() {
        return string::empty();
    }
    // SAFETY: the caller's obligation.
    codecs::fs_decode(unsafe { CStr::from_ptr(text) }.to_bytes())
}

/// The locale that the environment asks for.
#[derive(Clone, Copy)]
pub struct EnvironmentLocale {
    /// Whether it is the plain `C` one, which says nothing of the encoding: then UTF-8 mode is on.
    pub is_c: bool,
}

/// Makes the character set of the environment's locale that of the process, as Python does at start-up. The `C` locale
/// gives way to a UTF-8 one (PEP 538) unless `LC_ALL` asks for it or `PYTHONCOERCECLOCALE=0` forbids that.
pub fn adopt_environment(ignore_variables: bool) -> EnvironmentLocale {
    let coercion = std::env::var_os("PYTHONCOERCECLOCALE").filter(|_| !ignore_variables);
    let (forbidden, warns) = coercion.map_or((false, false), |value| (value == "0", value == "warn"));
    // SAFETY: terminated strings; the result is one too, and is looked at before the next call.
    let is_c = unsafe {
        let set = libc::setlocale(libc::LC_CTYPE, c"".as_ptr());
        // A locale that does not exist leaves the one of the start, which is C.
        set.is_null() || matches!(CStr::from_ptr(set).to_bytes(), b"C" | b"POSIX")
    };
    let is_explicit = std::env::var_os("LC_ALL").is_some_and(|value| !value.is_empty());
    if !is_c || forbidden {
        return EnvironmentLocale { is_c };
    }
    if is_explicit {
        if warns {
            eprintln!(
                "Python runtime initialized with LC_CTYPE=C (a locale with default ASCII encoding), which may cause Unicode \
                 compatibility problems. Using C.UTF-8, C.utf8, or UTF-8 (if available) as alternative Unicode-compatible \
                 locales is recommended."
            );
        }
        return EnvironmentLocale { is_c };
    }
    for name in [c"C.UTF-8", c"C.utf8", c"UTF-8"] {
        // SAFETY: terminated strings; no other thread runs that reads the environment.
        let taken = unsafe {
            let taken = !libc::setlocale(libc::LC_CTYPE, name.as_ptr()).is_null();
            if taken {
                libc::setenv(c"LC_CTYPE".as_ptr(), name.as_ptr(), 1);
            }
            taken
        };
        if taken {
            if warns {
                eprintln!(
                    "Python detected LC_CTYPE=C: LC_CTYPE coerced to {} (set another locale or PYTHONCOERCECLOCALE=0 to \
                     disable this locale coercion behavior).",
                    name.to_string_lossy()
                );
            }
            break;
        }
    }
    EnvironmentLocale { is_c }
}

/// Whether the process's locale is one of those that a system has where nobody chose one.
pub fn has_weak_character_set() -> bool {
    // SAFETY: asks only; the result is a terminated string that is looked at at once.
    let name = unsafe { libc::setlocale(libc::LC_CTYPE, std::ptr::null()) };
    // SAFETY: as above.
    name.is_null() || matches!(unsafe { CStr::from_ptr(name) }.to_bytes(), b"C" | b"POSIX" | b"C.UTF-8" | b"C.utf8" | b"UTF-8")
}

fn setlocale(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let category = convert::as_c_int(args.at(0), thread)?;
    let wanted = optional_text(args.get(1), "setlocale() argument 2", thread)?;
    // SAFETY: the text is terminated; the result is read before the next call.
    let result = unsafe { libc::setlocale(category, pointer(&wanted)) };
    if result.is_null() {
        let message = if wanted.is_some() { "unsupported locale setting" } else { "locale query failed" };
        return Err(ERROR.raise(message, thread));
    }
    // SAFETY: a terminated string.
    Ok(unsafe { from_c(result) })
}

/// A grouping: sizes up to the end or CHAR_MAX, then 0 if the last repeats.
///
/// # Safety
/// A terminated string.
unsafe fn grouping(text: *const c_char) -> Owned {
    let mut items = Vec::new();
    let mut at = text;
    // SAFETY: the string is terminated.
    unsafe {
        while !at.is_null() && *at != 0 && *at != c_char::MAX {
            items.push(Owned::int(i64::from(*at)));
            at = at.add(1);
        }
        if !items.is_empty() {
            items.push(Owned::int(if *at == 0 { 0 } else { i64::from(*at) }));
        }
    }
    list::from_vec(items)
}

/// The decimal point, the thousands separator and the groups (as in C) of the current locale.
pub fn numeric_separators() -> (String, String, Vec<u8>) {
    let text = |text: Owned| pyrt_runtime::types::string::StrObject::of(*text).to_string_lossy();
    // SAFETY: the C library's own structure, read before any other call.
    unsafe {
        let conv = &*libc::localeconv();
        let mut groups = Vec::new();
        let mut at = conv.grouping;
        if !at.is_null() {
            while *at != 0 && *at != libc::c_char::MAX {
                groups.push(*at as u8);
                at = at.add(1);
            }
            if !groups.is_empty() {
                groups.push(*at as u8);
            }
        }
        (text(from_c(conv.decimal_point)), text(from_c(conv.thousands_sep)), groups)
    }
}

fn localeconv(_module: Value, _thread: &mut Thread) -> PyResult {
    let made = dict::new();
    let dict = DictObject::of(*made);
    // SAFETY: the C library's own structure, read before any other call.
    unsafe {
        let conv = &*libc::localeconv();
        for (name, text) in [
            ("int_curr_symbol", conv.int_curr_symbol),
            ("currency_symbol", conv.currency_symbol),
            ("mon_decimal_point", conv.mon_decimal_point),
            ("mon_thousands_sep", conv.mon_thousands_sep),
        ] {
            dict.set_by_text(name, from_c(text));
        }
        dict.set_by_text("mon_grouping", grouping(conv.mon_grouping));
        for (name, text) in [("positive_sign", conv.positive_sign), ("negative_sign", conv.negative_sign)] {
            dict.set_by_text(name, from_c(text));
        }
        for (name, number) in [
            ("int_frac_digits", conv.int_frac_digits),
            ("frac_digits", conv.frac_digits),
            ("p_cs_precedes", conv.p_cs_precedes),
            ("p_sep_by_space", conv.p_sep_by_space),
            ("n_cs_precedes", conv.n_cs_precedes),
            ("n_sep_by_space", conv.n_sep_by_space),
            ("p_sign_posn", conv.p_sign_posn),
            ("n_sign_posn", conv.n_sign_posn),
        ] {
            dict.set_by_text(name, Owned::int(i64::from(number)));
        }
        for (name, text) in [
            ("decimal_point", conv.decimal_point),
            ("thousands_sep", conv.thousands_sep),
        ] {
            dict.set_by_text(name, from_c(text));
        }
        dict.set_by_text("grouping", grouping(conv.grouping));
    }
    Ok(made)
}

fn nl_langinfo(_module: Value, key: Value, thread: &mut Thread) -> PyResult {
    let key = convert::as_c_int(key, thread)?;
    let is_item = CONSTANTS.iter().any(|(name, number)| *number == key && !name.starts_with("LC_") && *name != "CHAR_MAX");
    if !is_item {
        return Err(thread.raise_value_error("unsupported langinfo constant"));
    }
    // SAFETY: a known item; the result is a terminated string.
    Ok(unsafe { from_c(libc::nl_langinfo(key)) })
}

fn getencoding(_module: Value, _thread: &mut Thread) -> PyResult {
    // SAFETY: a known item; the result is a terminated string.
    let name = unsafe { from_c(libc::nl_langinfo(libc::CODESET)) };
    Ok(if StrObject::of(*name).is_empty() { Owned::str("UTF-8") } else { name })
}

/// A str as terminated wide characters.
fn wide(value: Value, what: &str, thread: &mut Thread) -> PyResult<Vec<libc::wchar_t>> {
    let text = expect_str(value, what, thread)?;
    if text.chars().iter().any(|code| code == 0) {
        return Err(thread.raise_value_error("embedded null character"));
    }
    Ok(text.chars().iter().chain([0]).map(|code| code as libc::wchar_t).collect())
}

fn strcoll(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let a = wide(args.at(0), "strcoll() argument 1", thread)?;
    let b = wide(args.at(1), "strcoll() argument 2", thread)?;
    // SAFETY: both are terminated.
    Ok(Owned::int(i64::from(unsafe { gettext_library::wcscoll(a.as_ptr(), b.as_ptr()) })))
}

fn strxfrm(_module: Value, text: Value, thread: &mut Thread) -> PyResult {
    let from = wide(text, "strxfrm() argument", thread)?;
    // SAFETY: with no room only the length is told.
    let needed = unsafe { gettext_library::wcsxfrm(std::ptr::null_mut(), from.as_ptr(), 0) };
    if needed > isize::MAX as usize / 8 {
        return Err(thread.raise_errno());
    }
    let mut to = vec![0 as libc::wchar_t; needed + 1];
    // SAFETY: room for the length that was told and the terminator.
    unsafe { gettext_library::wcsxfrm(to.as_mut_ptr(), from.as_ptr(), to.len()) };
    to.truncate(needed);
    let codes: Vec<u32> = to.into_iter().map(|code| (code as u32).min(0x10_FFFF)).collect();
    Ok(string::from_code_points(&codes))
}

fn gettext(_module: Value, message: Value, thread: &mut Thread) -> PyResult {
    let message = c_text(message, "gettext() argument", thread)?;
    // SAFETY: terminated; the result is the message or a string of the catalogue.
    Ok(unsafe { from_c(gettext_library::gettext(message.as_ptr())) })
}

fn dgettext(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let domain = optional_text(args.get(0), "dgettext() argument 1", thread)?;
    let message = c_text(args.at(1), "dgettext() argument 2", thread)?;
    // SAFETY: terminated, or null for the current domain.
    Ok(unsafe { from_c(gettext_library::dgettext(pointer(&domain), message.as_ptr())) })
}

fn dcgettext(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let domain = optional_text(args.get(0), "dcgettext() argument 1", thread)?;
    let message = c_text(args.at(1), "dcgettext() argument 2", thread)?;
    let category: c_int = convert::as_c_int(args.at(2), thread)?;
    // SAFETY: terminated, or null for the current domain.
    Ok(unsafe { from_c(gettext_library::dcgettext(pointer(&domain), message.as_ptr(), category)) })
}

fn textdomain(_module: Value, domain: Value, thread: &mut Thread) -> PyResult {
    let domain = optional_text(Some(domain), "textdomain() argument", thread)?;
    // SAFETY: terminated, or null to ask.
    let result = unsafe { gettext_library::textdomain(pointer(&domain)) };
    if result.is_null() {
        return Err(thread.raise_errno());
    }
    // SAFETY: a terminated string.
    Ok(unsafe { from_c(result) })
}

fn bindtextdomain(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let domain = c_text(args.at(0), "bindtextdomain() argument 1", thread)?;
    if domain.is_empty() {
        return Err(ERROR.raise("domain must be a non-empty string", thread));
    }
    let directory = optional_text(args.get(1), "bindtextdomain() argument 2", thread)?;
    // SAFETY: terminated, or null to ask.
    let result = unsafe { gettext_library::bindtextdomain(domain.as_ptr(), pointer(&directory)) };
    if result.is_null() {
        return Err(thread.raise_errno());
    }
    // SAFETY: a terminated string.
    Ok(unsafe { from_c(result) })
}

fn bind_textdomain_codeset(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let domain = c_text(args.at(0), "bind_textdomain_codeset() argument 1", thread)?;
    let codeset = optional_text(args.get(1), "bind_textdomain_codeset() argument 2", thread)?;
    // SAFETY: terminated, or null to ask.
    let result = unsafe { gettext_library::bind_textdomain_codeset(domain.as_ptr(), pointer(&codeset)) };
    if result.is_null() {
        return Ok(Owned::none());
    }
    // SAFETY: a terminated string.
    Ok(unsafe { from_c(result) })
}

static FUNCTIONS: &[MethodDef] = &[
    function("setlocale", NativeFn::Bound(setlocale), "($module, category, locale=None, /)"),
    function("localeconv", NativeFn::NoArgs(localeconv), "($module, /)"),
    function("strcoll", NativeFn::Bound(strcoll), "($module, os1, os2, /)"),
    function("strxfrm", NativeFn::One(strxfrm), "($module, string, /)"),
    function("nl_langinfo", NativeFn::One(nl_langinfo), "($module, key, /)"),
    function("gettext", NativeFn::One(gettext), "($module, msg, /)"),
    function("dgettext", NativeFn::Bound(dgettext), "($module, domain, msg, /)"),
    function("dcgettext", NativeFn::Bound(dcgettext), "($module, domain, msg, category, /)"),
    function("textdomain", NativeFn::One(textdomain), "($module, domain, /)"),
    function("bindtextdomain", NativeFn::Bound(bindtextdomain), "($module, domain, dir, /)"),
    function("bind_textdomain_codeset", NativeFn::Bound(bind_textdomain_codeset), "($module, domain, codeset, /)"),
    function("getencoding", NativeFn::NoArgs(getencoding), "($module, /)"),
];
