//! Making functions and classes.

use pyrt_compiler::bytecode::code::CodeFlags;
use pyrt_compiler::bytecode::instructions::function_attribute;

use crate::exceptions::exc;
use crate::interp::dispatch::{Flow, Regs};
use crate::object::value::{Owned, Value};
use crate::types::code::CodeObject;
use crate::types::dict::{self, DictObject};
use crate::types::function::{self, FunctionObject};

#[inline(always)]
pub fn make_function(r: &mut Regs<'_>) -> Flow {
    let code = r.value(1);
    // SAFETY: the running frame.
    let (globals, builtins) = unsafe { ((*r.frame).globals, (*r.frame).builtins) };
    // Functions of module and class bodies are born deferred, closures and lambdas in functions are counted (M11).
    let deferred = !r.code().has_flag(CodeFlags::OPTIMIZED) && !CodeObject::of(code).has_flag(CodeFlags::NESTED);
    let made = function::new(code, globals, builtins, deferred);
    r.replace(1, made);
    Flow::Next
}

#[inline(always)]
pub fn set_function_attribute(r: &mut Regs<'_>, oparg: u32) -> Flow {
    // function on top, attribute below
    let function_word = r.pop();
    // SAFETY: MAKE_FUNCTION's result.
    let function = FunctionObject::of(unsafe { Value::from_bits(function_word) }.unmarked());
    let attribute = r.pop_owned();
    let slot = match oparg {
        function_attribute::DEFAULTS => &function.defaults,
        function_attribute::KWDEFAULTS => &function.kwdefaults,
        function_attribute::ANNOTATIONS => &function.annotations,
        function_attribute::CLOSURE => &function.closure,
        _ => &function.annotate,
    };
    drop(slot.replace(&function.header, Some(attribute)));
    r.push(function_word);
    Flow::Next
}

#[inline(always)]
pub fn load_build_class(r: &mut Regs<'_>) -> Flow {
    r.sync();
    // SAFETY: the running frame.
    let builtins = unsafe { (*r.frame).builtins };
    match super::load_store::lookup_in_namespace(builtins, crate::names::names().__build_class__, r.thread) {
        Ok(Some(value)) => {
            r.push_owned(value);
            Flow::Next
        }
        Ok(None) => {
            let _ = r.thread.raise(&exc::NAME_ERROR, "__build_class__ not found");
            Flow::Raised
        }
        Err(_) => Flow::Raised,
    }
}

#[inline(always)]
pub fn setup_annotations(r: &mut Regs<'_>) -> Flow {
    r.sync();
    let name = crate::names::names().__annotations__;
    // SAFETY: the running frame.
    let Some(locals) = (unsafe { Value::from_slot((*r.frame).locals) }) else {
        let _ = r.thread.raise(&exc::SYSTEM_ERROR, "no locals found when setting up annotations");
        return Flow::Raised;
    };
    let result = super::load_store::lookup_in_namespace(locals, name, r.thread).and_then(|found| match found {
        Some(_) => Ok(()),
        None if dict::is_exact(locals) => DictObject::of(locals).set(name, dict::new(), r.thread),
        None => {
            let annotations: Owned = dict::new();
            crate::protocol::subscript::set_item(locals, name, *annotations, r.thread)
        }
    });
    if result.is_err() { Flow::Raised } else { Flow::Next }
}
