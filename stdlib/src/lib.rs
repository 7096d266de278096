//! Native modules: one file or folder each, named as the module without its underscore where that is free.

pub mod binascii;
pub mod codecs;
pub mod exception_class;
pub mod locale;
pub mod math;
pub mod random;
pub mod sre;
pub mod string;
pub mod structure;
pub mod sys;
pub mod unicodedata;
pub mod version;

use pyrt_runtime::interpreter::{Interpreter, NativeModule};

/// All native modules of this crate.
pub static MODULES: &[NativeModule] = &[binascii::MODULE, codecs::MODULE, locale::MODULE, math::MODULE, random::MODULE, sre::MODULE, string::MODULE, structure::MODULE, unicodedata::MODULE];

/// Makes the native modules known to the import system.
pub fn register(interpreter: &Interpreter) {
    for module in MODULES {
        interpreter.add_native_module(*module);
    }
}
