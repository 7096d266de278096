//! Import statements.

use crate::exceptions::exc;
use crate::interp::dispatch::{Flow, Regs};
use crate::interp::frame::Frame;
use crate::object::value::{Owned, PyResult, Value};
use crate::threads::thread_state::Thread;

#[inline(always)]
pub fn import_name(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    let name = r.name(oparg);
    let (level, from_list) = (r.value(2), r.value(1));
    let result = import_name_slow(r.frame, name, level, from_list, r.thread);
    r.finish_binary(result)
}

fn import_name_slow(frame: *mut Frame, name: Value, level: Value, from_list: Value, thread: &mut Thread) -> PyResult {
    // SAFETY: the running frame.
    let (globals, builtins, locals) = unsafe { ((*frame).globals, (*frame).builtins, Value::from_slot((*frame).locals)) };
    let Some(import) = super::load_store::lookup_in_namespace(builtins, crate::names::names().__import__, thread)? else {
        return Err(thread.raise(&exc::IMPORT_ERROR, "__import__ not found"));
    };
    let locals = locals.unwrap_or_else(Value::none);
    if crate::import::is_default_import(*import) {
        return crate::import::import_level(name, globals, from_list, level, thread);
    }
    crate::protocol::call::call(*import, &[name, globals, locals, from_list, level], thread)
}

#[inline(always)]
pub fn import_from(r: &mut Regs<'_>, oparg: u32) -> Flow {
    r.sync();
    let name = r.name(oparg);
    let result = crate::import::import_from(r.value(1), name, r.thread);
    r.push_result(result)
}

/// `from module import *` into the frame's namespace.
pub fn import_star(module: Value, frame: *mut Frame, thread: &mut Thread) -> PyResult {
    // SAFETY: the running frame.
    let locals = unsafe { Value::from_slot((*frame).locals) };
    let Some(locals) = locals else {
        return Err(thread.raise(&exc::SYSTEM_ERROR, "no locals found during 'import *'"));
    };
    crate::import::import_all(module, locals, thread)?;
    Ok(Owned::none())
}
