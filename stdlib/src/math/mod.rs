//! The module `math`. Elementary functions are those of the C library, as in CPython, so that results agree to the bit.

mod elementary;
mod gamma;
mod integers;
mod sums;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Raised, Value};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::module;

pub const MODULE: NativeModule = NativeModule { name: "math", initialize };

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("This module provides access to the mathematical functions\ndefined by the C standard."));
    module::add_functions(this, elementary::FUNCTIONS);
    module::add_functions(this, integers::FUNCTIONS);
    module::add_functions(this, sums::FUNCTIONS);
    for (name, value) in [
        ("pi", std::f64::consts::PI),
        ("e", std::f64::consts::E),
        ("tau", std::f64::consts::TAU),
        ("inf", f64::INFINITY),
        ("nan", f64::NAN),
    ] {
        module::add(this, name, Owned::float(value));
    }
    Ok(())
}

#[cold]
fn domain_error(thread: &mut Thread) -> Raised {
    thread.raise_value_error("math domain error")
}

#[cold]
fn range_error(thread: &mut Thread) -> Raised {
    thread.raise(&exc::OVERFLOW_ERROR, "math range error")
}
