//! The module `unicodedata`: the functions of the module look into Unicode 16.0, the methods of `ucd_3_2_0` into 3.2.0.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::str::arguments::{expect_str, shown_type};
use pyrt_runtime::types::string::{self, StrObject, is_str};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{bytes, float, module};
use pyrt_unicode::names::Found;
use pyrt_unicode::normalization::{self, Form, QuickCheck};
use pyrt_unicode::{database, names, version_3_2};

pub const MODULE: NativeModule = NativeModule { name: "unicodedata", initialize };

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("This module provides access to the Unicode Character Database."));
    module::add_functions(this, FUNCTIONS);
    module::add(this, "unidata_version", Owned::str(pyrt_unicode::VERSION));
    module::add_type(this, &UCD);
    module::add(this, "ucd_3_2_0", lifetime::allocate_object(UCD.get(), |header| Ucd { header }));
    Ok(())
}

/// The database of Unicode 3.2.0; it has no state.
#[repr(C)]
struct Ucd {
    header: Header,
}

/// Whether `self` is the old database.
fn is_old(this: Value) -> bool {
    this.is_pointer() && std::ptr::eq(this.type_object(), UCD.get())
}

fn character(value: Value, function: &str, argument: &str, thread: &mut Thread) -> PyResult<u32> {
    if !is_str(value) {
        let name = shown_type(value);
        return Err(thread.raise_type_error(format!("{function}() {argument} must be a unicode character, not {name}")));
    }
    let text = StrObject::of(value);
    if text.len() != 1 {
        let n = text.len();
        return Err(thread.raise_type_error(format!("{function}(): {argument} must be a unicode character, not a string of length {n}")));
    }
    Ok(text.char_at(0))
}

/// What was found, the default, or the error.
fn or_default(found: Option<Owned>, args: Args<'_>, message: &str, thread: &mut Thread) -> PyResult {
    match (found, args.get(1)) {
        (Some(found), _) => Ok(found),
        (None, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(thread.raise_value_error(message)),
    }
}

fn decimal(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let code = character(args.at(0), "decimal", "argument 1", thread)?;
    let value = if is_old(this) { version_3_2::decimal_value(code) } else { pyrt_unicode::decimal_value(code) };
    or_default(value.map(|value| Owned::int(i64::from(value))), args, "not a decimal", thread)
}

fn digit(_this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let code = character(args.at(0), "digit", "argument 1", thread)?;
    or_default(pyrt_unicode::digit_value(code).map(|value| Owned::int(i64::from(value))), args, "not a digit", thread)
}

fn numeric(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let code = character(args.at(0), "numeric", "argument 1", thread)?;
    let value = if is_old(this) { version_3_2::numeric_value(code) } else { pyrt_unicode::numeric_value(code) };
    or_default(value.map(float::from_f64), args, "not a numeric character", thread)
}

macro_rules! properties {
    ($($name:ident |$code:ident| $new:expr, $old:expr;)*) => {$(
        fn $name(this: Value, chr: Value, thread: &mut Thread) -> PyResult {
            let $code = character(chr, stringify!($name), "argument", thread)?;
            Ok(if is_old(this) { $old } else { $new })
        }
    )*};
}

properties! {
    category |code| Owned::str(database::category(code)), Owned::str(version_3_2::category(code));
    bidirectional |code| Owned::str(database::bidirectional(code)), Owned::str(version_3_2::bidirectional(code));
    combining |code| Owned::int(i64::from(database::combining(code))), Owned::int(i64::from(version_3_2::combining(code)));
    mirrored |code| Owned::int(i64::from(database::mirrored(code))), Owned::int(i64::from(version_3_2::mirrored(code)));
    east_asian_width |code| Owned::str(database::east_asian_width(code)), Owned::str(version_3_2::east_asian_width(code));
    decomposition |code| Owned::str(&database::decomposition(code)), Owned::str(&version_3_2::decomposition(code));
}

fn name(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let code = character(args.at(0), "name", "argument 1", thread)?;
    let known = !is_old(this) || version_3_2::is_assigned(code);
    let found = if known { names::name(code) } else { None };
    or_default(found.map(|name| Owned::str(&name)), args, "no such name", thread)
}

fn lookup(this: Value, name: Value, thread: &mut Thread) -> PyResult {
    let text = if is_str(name) {
        StrObject::of(name).to_string_lossy()
    } else if bytes::is_bytes(name) {
        String::from_utf8_lossy(bytes::BytesObject::of(name).as_slice()).into_owned()
    } else {
        let shown = shown_type(name);
        return Err(thread.raise_type_error(format!("a bytes-like object is required, not '{shown}'")));
    };
    if text.len() > 256 {
        return Err(thread.raise(&exc::KEY_ERROR, "name too long"));
    }
    let is_alias = |code: u32| names::name(code).is_none_or(|name| !name.eq_ignore_ascii_case(&text));
    match names::lookup(&text) {
        Some(Found::Character(code)) if !is_old(this) || (version_3_2::is_assigned(code) && !is_alias(code)) => Ok(string::from_char(code)),
        Some(Found::Sequence(number)) if !is_old(this) => Ok(string::from_code_points(&names::sequence(number))),
        _ => Err(thread.raise(&exc::KEY_ERROR, format!("undefined character name '{text}'"))),
    }
}

fn form_and_text<'a>(args: Args<'_>, function: &str, thread: &mut Thread) -> PyResult<(String, &'a StrObject)> {
    let form = expect_str(args.at(0), &format!("{function}() argument 1"), thread)?.to_string_lossy();
    let text = expect_str(args.at(1), &format!("{function}() argument 2"), thread)?;
    Ok((form, text))
}

fn form_of(form: &str, thread: &mut Thread) -> PyResult<Form> {
    Form::from_name(form).ok_or_else(|| thread.raise_value_error("invalid normalization form"))
}

fn normalized(this: Value, form: Form, text: &StrObject) -> Vec<u32> {
    if is_old(this) { version_3_2::normalize(form, text.chars().iter()) } else { normalization::normalize(form, text.chars().iter()) }
}

fn normalize(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (form, text) = form_and_text(args, "normalize", thread)?;
    // A str of a subclass gives a plain one.
    let unchanged = || if string::is_exact(args.at(1)) { args.at(1).to_owned() } else { string::slice(text, 0, text.len()) };
    if text.is_empty() {
        return Ok(unchanged());
    }
    let form = form_of(&form, thread)?;
    if text.is_ascii() || (!is_old(this) && normalization::quick_check(form, text.chars().iter()) == QuickCheck::Yes) {
        return Ok(unchanged());
    }
    Ok(string::from_code_points(&normalized(this, form, text)))
}

fn is_normalized(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (form, text) = form_and_text(args, "is_normalized", thread)?;
    if text.is_empty() {
        return Ok(Owned::bool(true));
    }
    let form = form_of(&form, thread)?;
    if !is_old(this) {
        match normalization::quick_check(form, text.chars().iter()) {
            QuickCheck::Yes => return Ok(Owned::bool(true)),
            QuickCheck::No => return Ok(Owned::bool(false)),
            QuickCheck::Maybe => {}
        }
    }
    Ok(Owned::bool(normalized(this, form, text).into_iter().eq(text.chars().iter())))
}

fn get_version(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str(version_3_2::VERSION))
}

const fn method(name: &'static str, func: NativeFn, signature: &'static str) -> MethodDef {
    MethodDef { name, func, kind: MethodKind::Instance, signature, doc: "" }
}

const ONE: &str = "($self, chr, /)";
const WITH_DEFAULT: &str = "($self, chr, default=<unrepresentable>, /)";
const FORM: &str = "($self, form, unistr, /)";

/// The functions of the module and the methods of `UCD`.
static FUNCTIONS: &[MethodDef] = &[
    method("decimal", NativeFn::Bound(decimal), WITH_DEFAULT),
    method("digit", NativeFn::Bound(digit), WITH_DEFAULT),
    method("numeric", NativeFn::Bound(numeric), WITH_DEFAULT),
    method("category", NativeFn::One(category), ONE),
    method("bidirectional", NativeFn::One(bidirectional), ONE),
    method("combining", NativeFn::One(combining), ONE),
    method("mirrored", NativeFn::One(mirrored), ONE),
    method("east_asian_width", NativeFn::One(east_asian_width), ONE),
    method("decomposition", NativeFn::One(decomposition), ONE),
    method("name", NativeFn::Bound(name), WITH_DEFAULT),
    method("lookup", NativeFn::One(lookup), "($self, name, /)"),
    method("is_normalized", NativeFn::Bound(is_normalized), FORM),
    method("normalize", NativeFn::Bound(normalize), FORM),
];

static SPEC: TypeSpec = TypeSpec {
    name: "unicodedata.UCD",
    flags: TYPE_DISALLOW_INSTANTIATION | TYPE_IMMUTABLE,
    basic_size: size_of::<Ucd>(),
    methods: FUNCTIONS,
    getsets: &[GetSetDef { name: "unidata_version", get: get_version, set: None, doc: "" }],
    ..TypeSpec::DEFAULT
};

static UCD: StaticType = StaticType::new(&SPEC);
