//! Native modules: one file or folder each, named as the module without its underscore where that is free.

pub mod binascii;
pub mod codecs;
pub mod collections;
pub mod errno;
pub mod exception_class;
pub mod functools;
pub mod io;
pub mod itertools;
pub mod locale;
pub mod math;
pub mod native_type;
pub mod operator;
pub mod posix;
pub mod random;
pub mod sre;
pub mod stat;
pub mod string;
pub mod structure;
pub mod sys;
pub mod system_call;
pub mod thread;
pub mod unicodedata;
pub mod version;

use pyrt_runtime::interpreter::{Interpreter, NativeModule};

/// All native modules of this crate.
pub static MODULES: &[NativeModule] = &[
    binascii::MODULE,
    codecs::MODULE,
    collections::MODULE,
    errno::MODULE,
    functools::MODULE,
    io::MODULE,
    itertools::MODULE,
    locale::MODULE,
    math::MODULE,
    operator::MODULE,
    posix::MODULE,
    random::MODULE,
    sre::MODULE,
    stat::MODULE,
    string::MODULE,
    structure::MODULE,
    thread::MODULE,
    unicodedata::MODULE,
];

/// Makes the native modules known to the import system.
pub fn register(interpreter: &Interpreter) {
    for module in MODULES {
        interpreter.add_native_module(*module);
    }
}
