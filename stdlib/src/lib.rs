//! Native modules: one file or folder each, named as the module without its underscore where that is free.

pub mod abc;
pub mod accounts;
pub mod array;
pub mod ast;
pub mod atexit;
pub mod binascii;
pub mod bisect;
pub mod codecs;
pub mod collections;
pub mod contextvars;
pub mod datetime;
pub mod duration;
pub mod errno;
pub mod exception_class;
pub mod faulthandler;
pub mod fcntl;
pub mod frozen;
pub mod functools;
pub mod gc;
pub mod heapq;
pub mod imp;
pub mod io;
pub mod itertools;
pub mod json;
pub mod locale;
pub mod marshal;
pub mod math;
pub mod mmap;
pub mod native_type;
pub mod opcode;
pub mod operator;
pub mod pickle;
pub mod posix;
pub mod queue;
pub mod random;
pub mod resource;
pub mod select;
pub mod signal;
pub mod socket;
pub mod sre;
pub mod stat;
pub mod string;
pub mod structure;
pub mod subprocess;
pub mod symtable;
pub mod sys;
pub mod sysconfig;
pub mod system_call;
pub mod termios;
pub mod thread;
pub mod time;
pub mod tokenize;
pub mod types;
pub mod typing;
pub mod unicodedata;
pub mod version;
pub mod warnings;
pub mod weakref;
pub mod zlib;

use pyrt_runtime::interpreter::{Interpreter, NativeModule};

/// All native modules of this crate.
pub static MODULES: &[NativeModule] = &[
    abc::MODULE,
    accounts::GRP,
    accounts::PWD,
    array::MODULE,
    ast::MODULE,
    atexit::MODULE,
    binascii::MODULE,
    bisect::MODULE,
    codecs::MODULE,
    collections::MODULE,
    contextvars::MODULE,
    datetime::MODULE,
    errno::MODULE,
    faulthandler::MODULE,
    fcntl::MODULE,
    functools::MODULE,
    gc::MODULE,
    heapq::MODULE,
    imp::MODULE,
    io::MODULE,
    itertools::MODULE,
    json::MODULE,
    locale::MODULE,
    marshal::MODULE,
    math::MODULE,
    mmap::MODULE,
    opcode::MODULE,
    operator::MODULE,
    pickle::MODULE,
    posix::MODULE,
    queue::MODULE,
    random::MODULE,
    resource::MODULE,
    select::MODULE,
    signal::MODULE,
    socket::MODULE,
    sre::MODULE,
    stat::MODULE,
    string::MODULE,
    structure::MODULE,
    subprocess::MODULE,
    symtable::MODULE,
    sysconfig::MODULE,
    termios::MODULE,
    thread::MODULE,
    time::MODULE,
    tokenize::MODULE,
    types::MODULE,
    typing::MODULE,
    unicodedata::MODULE,
    warnings::MODULE,
    weakref::MODULE,
    zlib::MODULE,
];

/// Makes the native modules known to the import system.
pub fn register(interpreter: &Interpreter) {
    for module in MODULES {
        interpreter.add_native_module(*module);
    }
    interpreter.set_hooks(|hooks| hooks.compile_ast = Some(ast::compile_hook));
    typing::install_hooks(interpreter);
}
