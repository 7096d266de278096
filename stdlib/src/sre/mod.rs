//! The module `_sre`: patterns, matches, scanners over the engine.

pub mod engine;
mod found;
mod pattern;
mod subject;
mod substitution;

use engine::{CODE_SIZE, MAGIC, MAX_GROUPS, MAX_REPEAT};
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::module;
use pyrt_runtime::types::type_object::{MethodDef, function};

pub const MODULE: NativeModule = NativeModule { name: "_sre", initialize };

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add_functions(this, FUNCTIONS);
    for (name, value) in [
        ("MAGIC", i64::from(MAGIC)),
        ("CODESIZE", CODE_SIZE as i64),
        ("MAXREPEAT", i64::from(MAX_REPEAT)),
        ("MAXGROUPS", MAX_GROUPS as i64),
    ] {
        module::add(this, name, Owned::int(value));
    }
    // `re._compiler` shows nothing of it; programs that read it expect this text's form.
    module::add(this, "copyright", Owned::str(" SRE 2.2.2 Copyright (c) 1997-2002 by Secret Labs AB "));
    Ok(())
}

fn character(value: Value, thread: &mut Thread) -> PyResult<u32> {
    convert::as_c_int(value, thread).map(|code| code as u32)
}

fn ascii_iscased(_module: Value, code: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(engine::ascii_is_cased(character(code, thread)?)))
}

fn unicode_iscased(_module: Value, code: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(engine::unicode_is_cased(character(code, thread)?)))
}

fn ascii_tolower(_module: Value, code: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(engine::ascii_lower(character(code, thread)?))))
}

fn unicode_tolower(_module: Value, code: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(engine::unicode_lower(character(code, thread)?))))
}

fn getcodesize(_module: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(CODE_SIZE as i64))
}

static FUNCTIONS: &[MethodDef] = &[
    function("compile", NativeFn::Bound(pattern::compile), "($module, /, pattern, flags, code, groups, groupindex,\n        indexgroup)"),
    function("template", NativeFn::Bound(substitution::template), "($module, pattern, template, /)"),
    function("getcodesize", NativeFn::NoArgs(getcodesize), "($module, /)"),
    function("ascii_iscased", NativeFn::One(ascii_iscased), "($module, character, /)"),
    function("unicode_iscased", NativeFn::One(unicode_iscased), "($module, character, /)"),
    function("ascii_tolower", NativeFn::One(ascii_tolower), "($module, character, /)"),
    function("unicode_tolower", NativeFn::One(unicode_tolower), "($module, character, /)"),
];
