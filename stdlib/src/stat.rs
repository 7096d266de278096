//! `_stat`: the mode bits of files.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::protocol::convert;
use pyrt_runtime::types::module;
use pyrt_runtime::types::type_object::MethodDef;
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use crate::system_call::functions;

pub const MODULE: NativeModule = NativeModule { name: "_stat", initialize };

const S_IFMT: u32 = 0o170000;
const S_IFDIR: u32 = 0o040000;
const S_IFCHR: u32 = 0o020000;
const S_IFBLK: u32 = 0o060000;
const S_IFREG: u32 = 0o100000;
const S_IFIFO: u32 = 0o010000;
const S_IFLNK: u32 = 0o120000;
const S_IFSOCK: u32 = 0o140000;

static CONSTANTS: &[(&str, i64)] = &[
    ("S_IFDIR", S_IFDIR as i64), ("S_IFCHR", S_IFCHR as i64), ("S_IFBLK", S_IFBLK as i64), ("S_IFREG", S_IFREG as i64),
    ("S_IFIFO", S_IFIFO as i64), ("S_IFLNK", S_IFLNK as i64), ("S_IFSOCK", S_IFSOCK as i64), ("S_IFDOOR", 0), ("S_IFPORT", 0),
    ("S_IFWHT", 0), ("S_ISUID", 0o4000), ("S_ISGID", 0o2000), ("S_ISVTX", 0o1000), ("S_ENFMT", 0o2000), ("S_IREAD", 0o400),
    ("S_IWRITE", 0o200), ("S_IEXEC", 0o100), ("S_IRWXU", 0o700), ("S_IRUSR", 0o400), ("S_IWUSR", 0o200), ("S_IXUSR", 0o100),
    ("S_IRWXG", 0o070), ("S_IRGRP", 0o040), ("S_IWGRP", 0o020), ("S_IXGRP", 0o010), ("S_IRWXO", 0o007), ("S_IROTH", 0o004),
    ("S_IWOTH", 0o002), ("S_IXOTH", 0o001), ("UF_SETTABLE", 0xFFFF), ("UF_NODUMP", 1), ("UF_IMMUTABLE", 2), ("UF_APPEND", 4),
    ("UF_OPAQUE", 8), ("UF_NOUNLINK", 16), ("UF_COMPRESSED", 32), ("UF_TRACKED", 64), ("UF_DATAVAULT", 128),
    ("UF_HIDDEN", 32768), ("SF_SETTABLE", 4294901760), ("SF_ARCHIVED", 65536), ("SF_IMMUTABLE", 131072), ("SF_APPEND", 262144),
    ("SF_NOUNLINK", 1048576), ("SF_SNAPSHOT", 2097152), ("SF_FIRMLINK", 8388608), ("SF_DATALESS", 1073741824), ("ST_MODE", 0),
    ("ST_INO", 1), ("ST_DEV", 2), ("ST_NLINK", 3), ("ST_UID", 4), ("ST_GID", 5), ("ST_SIZE", 6), ("ST_ATIME", 7),
    ("ST_MTIME", 8), ("ST_CTIME", 9),
];

fn mode(value: Value, thread: &mut Thread) -> PyResult<u32> {
    let number = convert::index(value, thread)?;
    match pyrt_runtime::types::int::as_i64(*number) {
        Some(number) if number >= 0 => {
            u32::try_from(number).map_err(|_| thread.raise(&exc::OVERFLOW_ERROR, "mode out of range"))
        }
        Some(_) => Err(thread.raise(&exc::OVERFLOW_ERROR, "can't convert negative value to unsigned int")),
        None => Err(thread.raise(&exc::OVERFLOW_ERROR, "Python int too large to convert to C unsigned long")),
    }
}

macro_rules! type_tests {
    ($($function:ident $kind:expr;)*) => {$(
        fn $function(_module: Value, value: Value, thread: &mut Thread) -> PyResult {
            let kind: Option<u32> = $kind;
            let mode = mode(value, thread)?;
            Ok(Owned::bool(kind == Some(mode & S_IFMT)))
        }
    )*};
}

type_tests! {
    is_directory Some(S_IFDIR);
    is_character_device Some(S_IFCHR);
    is_block_device Some(S_IFBLK);
    is_regular Some(S_IFREG);
    is_fifo Some(S_IFIFO);
    is_link Some(S_IFLNK);
    is_socket Some(S_IFSOCK);
    is_never None;
}

fn permissions(_module: Value, value: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(mode(value, thread)? & 0o7777)))
}

fn format(_module: Value, value: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(mode(value, thread)? & S_IFMT)))
}

fn filemode(_module: Value, value: Value, thread: &mut Thread) -> PyResult {
    let mode = mode(value, thread)?;
    let mut text = Vec::with_capacity(10);
    text.push(match mode & S_IFMT {
        S_IFREG => b'-',
        S_IFDIR => b'd',
        S_IFLNK => b'l',
        S_IFBLK => b'b',
        S_IFCHR => b'c',
        S_IFIFO => b'p',
        S_IFSOCK => b's',
        _ => b'?',
    });
    for (shift, special, letters) in [(6, 0o4000, [b's', b'S']), (3, 0o2000, [b's', b'S']), (0, 0o1000, [b't', b'T'])] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { b'r' } else { b'-' });
        text.push(if bits & 2 != 0 { b'w' } else { b'-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => letters[0],
            (true, false) => letters[1],
            (false, true) => b'x',
            (false, false) => b'-',
        });
    }
    Ok(pyrt_runtime::types::string::from_ascii(&text))
}

static FUNCTIONS: &[MethodDef] = functions! {
    "S_IMODE" One(permissions) "($self, object, /)" "The permission bits of a mode.";
    "S_IFMT" One(format) "($self, object, /)" "The file type bits of a mode.";
    "S_ISDIR" One(is_directory) "($self, object, /)" "Whether the mode is a directory's.";
    "S_ISCHR" One(is_character_device) "($self, object, /)" "Whether the mode is a character device's.";
    "S_ISBLK" One(is_block_device) "($self, object, /)" "Whether the mode is a block device's.";
    "S_ISREG" One(is_regular) "($self, object, /)" "Whether the mode is a regular file's.";
    "S_ISFIFO" One(is_fifo) "($self, object, /)" "Whether the mode is a named pipe's.";
    "S_ISLNK" One(is_link) "($self, object, /)" "Whether the mode is a symbolic link's.";
    "S_ISSOCK" One(is_socket) "($self, object, /)" "Whether the mode is a socket's.";
    "S_ISDOOR" One(is_never) "($self, object, /)" "Whether the mode is a door's.";
    "S_ISPORT" One(is_never) "($self, object, /)" "Whether the mode is an event port's.";
    "S_ISWHT" One(is_never) "($self, object, /)" "Whether the mode is a whiteout's.";
    "filemode" One(filemode) "($self, object, /)" "The mode as ls writes it, such as '-rwxrwxrwx'.";
};

fn initialize(module: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add(module, "__doc__", Owned::str("The mode bits of files, and tests for them."));
    module::add_functions(module, FUNCTIONS);
    for (name, value) in CONSTANTS {
        module::add(module, name, Owned::int(*value));
    }
    Ok(())
}
