//! Native modules: one file or folder each, named as the module without its underscore where that is free.

pub mod abc;
pub mod accounts;
pub mod array;
pub mod ast;
pub mod asyncio;
pub mod atexit;
pub mod binascii;
pub mod bisect;
pub mod bz2;
pub mod cmath;
pub mod codecs;
pub mod collections;
pub mod contextvars;
pub mod csv;
pub mod datetime;
pub mod decimal;
pub mod decompression;
pub mod duration;
pub mod errno;
pub mod exception_class;
pub mod faulthandler;
pub mod fcntl;
pub mod frozen;
pub mod functools;
pub mod gc;
pub mod hashing;
pub mod heapq;
pub mod imp;
pub mod io;
pub mod itertools;
pub mod json;
pub mod locale;
pub mod lsprof;
pub mod lzma;
pub mod marshal;
pub mod math;
pub mod mmap;
pub mod multiprocessing;
pub mod native_type;
pub mod opcode;
pub mod operator;
pub mod pickle;
pub mod posix;
pub mod pyexpat;
pub mod queue;
pub mod random;
pub mod remote_debugging;
pub mod resource;
pub mod select;
pub mod shared_memory;
pub mod signal;
pub mod socket;
pub mod sre;
pub mod stat;
pub mod statistics;
pub mod string;
pub mod structure;
pub mod subprocess;
pub mod suggestions;
pub mod symtable;
pub mod sys;
pub mod sysconfig;
pub mod syslog;
pub mod system_call;
pub mod termios;
pub mod thread;
pub mod time;
pub mod tokenize;
pub mod types;
pub mod typing;
pub mod unicodedata;
pub mod uuid;
pub mod version;
pub mod warnings;
pub mod weakref;
pub mod zlib;
pub mod zstd;

use pyrt_runtime::interpreter::{Interpreter, NativeModule};

/// All native modules of this crate.
pub static MODULES: &[NativeModule] = &[
    abc::MODULE,
    accounts::GRP,
    accounts::PWD,
    array::MODULE,
    ast::MODULE,
    asyncio::MODULE,
    atexit::MODULE,
    binascii::MODULE,
    bisect::MODULE,
    bz2::MODULE,
    cmath::MODULE,
    codecs::MODULE,
    collections::MODULE,
    contextvars::MODULE,
    csv::MODULE,
    datetime::MODULE,
    decimal::MODULE,
    errno::MODULE,
    faulthandler::MODULE,
    fcntl::MODULE,
    functools::MODULE,
    gc::MODULE,
    hashing::blake2::MODULE,
    hashing::hashlib::MODULE,
    hashing::mac::MODULE,
    hashing::sha::MD5,
    hashing::sha::SHA1,
    hashing::sha::SHA2,
    hashing::sha::SHA3,
    heapq::MODULE,
    imp::MODULE,
    io::MODULE,
    itertools::MODULE,
    json::MODULE,
    locale::MODULE,
    lsprof::MODULE,
    lzma::MODULE,
    marshal::MODULE,
    math::MODULE,
    mmap::MODULE,
    multiprocessing::MODULE,
    opcode::MODULE,
    operator::MODULE,
    pickle::MODULE,
    posix::MODULE,
    pyexpat::MODULE,
    queue::MODULE,
    random::MODULE,
    remote_debugging::MODULE,
    resource::MODULE,
    select::MODULE,
    shared_memory::MODULE,
    signal::MODULE,
    socket::MODULE,
    sre::MODULE,
    stat::MODULE,
    statistics::MODULE,
    string::MODULE,
    structure::MODULE,
    subprocess::MODULE,
    suggestions::MODULE,
    symtable::MODULE,
    sysconfig::MODULE,
    syslog::MODULE,
    termios::MODULE,
    thread::MODULE,
    time::MODULE,
    tokenize::MODULE,
    types::MODULE,
    typing::MODULE,
    unicodedata::MODULE,
    uuid::MODULE,
    warnings::MODULE,
    weakref::MODULE,
    zlib::MODULE,
    zstd::MODULE,
];

/// Makes the native modules known to the import system.
pub fn register(interpreter: &Interpreter) {
    for module in MODULES {
        interpreter.add_native_module(*module);
    }
    interpreter.set_hooks(|hooks| hooks.compile_ast = Some(ast::compile_hook));
    typing::install_hooks(interpreter);
}
