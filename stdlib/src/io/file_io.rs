//! `FileIO`: a file descriptor as a raw stream.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::buffer;
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::protocol::{attribute, call, compare, convert};
use pyrt_runtime::sync::{AtomicI32, AtomicI64, AtomicU32, Ordering};
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::bytes;
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::base::{self, IoBase, RAW_IO_BASE};
use super::{closed_error, getter, method, row, size_or_all, unsupported};
use crate::posix::path::{self, Accepts};
use crate::system_call::{last_errno, retry, retry_briefly, retry_for, writable_buffer};

#[repr(C)]
struct FileIo {
    base: IoBase,
    /// -1 when closed.
    fd: AtomicI32,
    /// `READABLE` and its like.
    flags: AtomicU32,
    block_size: AtomicI64,
}

pub static FILE_IO: StaticType = StaticType::new(&SPEC);

const READABLE: u32 = 1;
const WRITABLE_FILE: u32 = 2;
const CREATED: u32 = 4;
const APPENDING: u32 = 8;
const CLOSE_FD: u32 = 16;
/// Whether the file can seek has been asked, and the answer.
const SEEK_KNOWN: u32 = 32;
const SEEKABLE: u32 = 64;
/// A regular file when opened.
const REGULAR: u32 = 128;

fn of<'a>(this: Value) -> &'a FileIo {
    // SAFETY: called for FileIO objects only.
    unsafe { this.as_ref() }
}

impl FileIo {
    fn has(&self, flag: u32) -> bool {
        self.flags.load(Ordering::Relaxed) & flag != 0
    }

    fn open_fd(&self, thread: &mut Thread) -> PyResult<i32> {
        let fd = self.fd.load(Ordering::Relaxed);
        if fd < 0 { Err(closed_error(thread)) } else { Ok(fd) }
    }
}

fn new(class: Value, _args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    Ok(lifetime::allocate_object(TypeObject::of(class), |header| FileIo {
        base: IoBase::new(header),
        fd: AtomicI32::new(-1),
        flags: AtomicU32::new(CLOSE_FD),
        block_size: AtomicI64::new(super::DEFAULT_BUFFER_SIZE as i64),
    }))
}

const BAD_MODE: &str = "Must have exactly one of create/read/write/append mode and at most one plus";

/// The state flags and open(2) flags of a mode text.
fn parse_mode(mode: &str, thread: &mut Thread) -> PyResult<(u32, i32)> {
    let (mut kinds, mut plus, mut state, mut flags) = (0, false, 0, 0);
    for ch in mode.chars() {
        match ch {
            'x' => {
                kinds += 1;
                state |= WRITABLE_FILE | CREATED;
                flags |= libc::O_EXCL | libc::O_CREAT;
            }
            'r' => {
                kinds += 1;
                state |= READABLE;
            }
            'w' => {
                kinds += 1;
                state |= WRITABLE_FILE;
                flags |= libc::O_CREAT | libc::O_TRUNC;
            }
            'a' => {
                kinds += 1;
                state |= WRITABLE_FILE | APPENDING;
                flags |= libc::O_APPEND | libc::O_CREAT;
            }
            'b' => {}
            '+' if !plus => {
                plus = true;
                state |= READABLE | WRITABLE_FILE;
            }
            '+' => return Err(thread.raise_value_error(BAD_MODE)),
            _ => return Err(thread.raise_value_error(format!("invalid mode: {mode}"))),
        }
        if kinds > 1 {
            return Err(thread.raise_value_error(BAD_MODE));
        }
    }
    if kinds == 0 {
        return Err(thread.raise_value_error(BAD_MODE));
    }
    flags |= match (state & READABLE != 0, state & WRITABLE_FILE != 0) {
        (true, true) => libc::O_RDWR,
        (true, false) => libc::O_RDONLY,
        _ => libc::O_WRONLY,
    };
    Ok((state, flags | libc::O_CLOEXEC))
}

fn init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    static SIGNATURE: LazySignature = LazySignature::new("(file, mode='r', closefd=True, opener=None)");
    let bound = SIGNATURE.bind("FileIO", args, kwnames, thread)?;
    let args = bound.args();
    let file = args.at(0);
    let mode = match args.get(1) {
        Some(mode) => convert::as_text(mode, "FileIO() argument 'mode'", thread)?,
        None => "r".to_string(),
    };
    let close_fd = match args.get(2) {
        Some(close_fd) => compare::truth(close_fd, thread)?,
        None => true,
    };
    let opener = args.get(3).filter(|opener| !opener.is_none());
    let object = of(this);
    if object.fd.load(Ordering::Relaxed) >= 0 {
        if object.has(CLOSE_FD) {
            close_descriptor(this, thread)?;
        } else {
            object.fd.store(-1, Ordering::Relaxed);
        }
    }
    let (state, flags) = parse_mode(&mode, thread)?;
    let mut given_fd = -1;
    let mut target = None;
    if convert::is_int(file) {
        if file.as_bool().is_some() {
            pyrt_runtime::builtins::warn(&exc::RUNTIME_WARNING, "bool is used as a file descriptor", 1, thread)?;
        }
        given_fd = convert::as_c_int(file, thread)?;
        if given_fd < 0 {
            return Err(thread.raise_value_error("negative file descriptor"));
        }
    } else {
        let name = path::fspath(file, thread)?;
        target = Some(path::convert(*name, Accepts { function: "open", argument: "path", fd: false, none: false }, thread)?);
    }
    let (fd, owns) = match target {
        None => (given_fd, close_fd),
        Some(_) if !close_fd => return Err(thread.raise_value_error("Cannot use closefd=False with file name")),
        Some(target) => match opener {
            None => {
                // SAFETY: a terminated name.
                match retry_briefly(thread, || unsafe { libc::open(target.as_ptr(), flags, 0o666 as libc::c_uint) })? {
                    Ok(fd) => (fd, true),
                    Err(errno) => return Err(thread.raise_os_error(errno, Some(file), None)),
                }
            }
            Some(opener) => {
                let fd = call::call(opener, &[file, *Owned::int(i64::from(flags))], thread)?;
                if !convert::is_int(*fd) {
                    return Err(thread.raise_type_error("expected integer from opener"));
                }
                let fd = convert::as_c_int(*fd, thread)?;
                if fd < 0 {
                    return Err(thread.raise_value_error(format!("opener returned {fd}")));
                }
                // SAFETY: a plain system call.
                unsafe { libc::ioctl(fd, libc::FIOCLEX) };
                (fd, true)
            }
        },
    };
    // SAFETY: all-zero is a valid stat, which the call fills.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    let out = &raw mut stat;
    // SAFETY: as above.
    let result = thread.detached_briefly(|| unsafe { libc::fstat(fd, out) });
    let failure = if result < 0 {
        let errno = last_errno();
        // Only a bad descriptor is an error here; some file systems cannot stat.
        (errno == libc::EBADF).then_some(errno)
    } else {
        (stat.st_mode & libc::S_IFMT == libc::S_IFDIR).then_some(libc::EISDIR)
    };
    if let Some(errno) = failure {
        if given_fd < 0 {
            // SAFETY: opened above.
            unsafe { libc::close(fd) };
        }
        return Err(thread.raise_os_error(errno, Some(file), None));
    }
    if result == 0 && stat.st_blksize > 1 {
        object.block_size.store(stat.st_blksize as i64, Ordering::Relaxed);
    }
    let regular = if result == 0 && stat.st_mode & libc::S_IFMT == libc::S_IFREG { REGULAR } else { 0 };
    object.flags.store(state | regular | if owns { CLOSE_FD } else { 0 }, Ordering::Relaxed);
    object.fd.store(fd, Ordering::Relaxed);
    if let Err(raised) = attribute::set(this, *pyrt_runtime::names::interned("name"), file, thread) {
        // A descriptor that was given stays open.
        if given_fd >= 0 {
            object.fd.store(-1, Ordering::Relaxed);
        }
        return Err(raised);
    }
    if state & APPENDING != 0 {
        // SAFETY: a plain system call; pipes cannot seek, which is no error.
        unsafe { libc::lseek(fd, 0, libc::SEEK_END) };
    }
    Ok(())
}

fn close_descriptor(this: Value, thread: &mut Thread) -> PyResult<()> {
    let fd = of(this).fd.swap(-1, Ordering::Relaxed);
    if fd >= 0 {
        // SAFETY: the descriptor is this object's. After EINTR it is closed on Linux.
        let result = thread.detached_briefly(|| unsafe { libc::close(fd) });
        if result < 0 && last_errno() != libc::EINTR {
            return Err(thread.raise_errno());
        }
    }
    Ok(())
}

fn close(this: Value, thread: &mut Thread) -> PyResult {
    let result = base::close(this, thread);
    if of(this).base.is_finalizing() {
        dealloc_warn(this, this, thread)?;
    }
    if !of(this).has(CLOSE_FD) {
        of(this).fd.store(-1, Ordering::Relaxed);
        return result;
    }
    let pending = if result.is_err() { thread.take_exception() } else { None };
    let closed = close_descriptor(this, thread);
    match pending {
        Some(pending) => {
            drop(thread.take_exception());
            Err(thread.reraise(pending))
        }
        None => closed.map(|()| Owned::none()),
    }
}

/// Warns that `source` (this file or a stream on top) was dropped open.
fn dealloc_warn(this: Value, source: Value, thread: &mut Thread) -> PyResult {
    if of(this).fd.load(Ordering::Relaxed) >= 0 && of(this).has(CLOSE_FD) {
        let saved = thread.take_exception();
        let text = pyrt_runtime::protocol::special::safe_repr(source, thread);
        if pyrt_runtime::builtins::warn(&exc::RESOURCE_WARNING, &format!("unclosed file {text}"), 1, thread).is_err() {
            // Warnings can be errors.
            if thread.exception_matches(&exc::WARNING) {
                pyrt_runtime::protocol::finalize::write_unraisable(None, Some(this), thread);
            } else {
                drop(thread.take_exception());
            }
        }
        if let Some(saved) = saved {
            thread.set_exception(saved);
        }
    }
    Ok(Owned::none())
}

fn not_open_for(what: &str, thread: &mut Thread) -> pyrt_runtime::object::value::Raised {
    unsupported(&format!("File not open for {what}"), thread)
}

/// One read into memory; none where the descriptor would block.
fn read_once(file: &FileIo, fd: i32, to: *mut u8, n: usize, thread: &mut Thread) -> PyResult<Option<usize>> {
    let n = n.min(0x7FFF_F000);
    // SAFETY: the caller lends `n` bytes at `to`.
    match retry_for(file.has(REGULAR), thread, || unsafe { libc::read(fd, to.cast(), n) })? {
        Ok(n) => Ok(Some(n as usize)),
        Err(libc::EAGAIN) => Ok(None),
        Err(errno) => Err(thread.raise_os_error(errno, None, None)),
    }
}

fn read(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let object = of(this);
    let fd = object.open_fd(thread)?;
    if !object.has(READABLE) {
        return Err(not_open_for("reading", thread));
    }
    let Some(n) = size_or_all(args.get(0), thread)? else { return method(this, "readall", &[], thread) };
    let mut data = Vec::new();
    if data.try_reserve_exact(n).is_err() {
        return Err(thread.raise_memory_error());
    }
    match read_once(object, fd, data.as_mut_ptr(), n, thread)? {
        None => Ok(Owned::none()),
        Some(n) => {
            // SAFETY: the system wrote `n` bytes.
            unsafe { data.set_len(n) };
            Ok(bytes::from_vec(data))
        }
    }
}

fn readall(this: Value, thread: &mut Thread) -> PyResult {
    let object = of(this);
    let fd = object.open_fd(thread)?;
    // SAFETY: plain system calls; all-zero is a valid stat.
    let expected = unsafe {
        let mut stat: libc::stat = std::mem::zeroed();
        let at = libc::lseek(fd, 0, libc::SEEK_CUR);
        if at >= 0 && libc::fstat(fd, &raw mut stat) == 0 { (stat.st_size - at).max(0) as usize } else { 0 }
    };
    let mut data: Vec<u8> = Vec::new();
    let mut room = expected.saturating_add(1).max(8192);
    loop {
        if data.try_reserve(room).is_err() {
            return Err(thread.raise_memory_error());
        }
        let spare = data.spare_capacity_mut();
        let (to, n) = (spare.as_mut_ptr().cast::<u8>(), spare.len());
        match read_once(object, fd, to, n, thread)? {
            None if data.is_empty() => return Ok(Owned::none()),
            None | Some(0) => return Ok(bytes::from_vec(data)),
            // SAFETY: the system wrote `n` bytes behind the length.
            Some(n) => unsafe { data.set_len(data.len() + n) },
        }
        room = if data.len() < data.capacity() { 1 } else { data.len().clamp(8192, 1 << 24) };
    }
}

fn readinto(this: Value, target: Value, thread: &mut Thread) -> PyResult {
    let object = of(this);
    let fd = object.open_fd(thread)?;
    if !object.has(READABLE) {
        return Err(not_open_for("reading", thread));
    }
    let target = writable_buffer(target, "readinto() argument", thread)?;
    Ok(read_once(object, fd, target.data, target.len, thread)?.map_or_else(Owned::none, Owned::usize))
}

fn write(this: Value, source: Value, thread: &mut Thread) -> PyResult {
    let object = of(this);
    let fd = object.open_fd(thread)?;
    if !object.has(WRITABLE_FILE) {
        return Err(not_open_for("writing", thread));
    }
    let source = buffer::get(source, 0, thread)?;
    let (from, n) = (source.data, source.len.min(0x7FFF_F000));
    // SAFETY: the buffer is lent.
    match retry_for(object.has(REGULAR), thread, || unsafe { libc::write(fd, from.cast(), n) })? {
        Ok(n) => Ok(Owned::int(n as i64)),
        Err(libc::EAGAIN) => Ok(Owned::none()),
        Err(errno) => Err(thread.raise_os_error(errno, None, None)),
    }
}

fn seek(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = of(this).open_fd(thread)?;
    let at = convert::as_c_long(args.at(0), thread)?;
    let whence = crate::system_call::c_int_or(args.get(1), 0, thread)?;
    seek_to(fd, at, whence, thread)
}

fn seek_to(fd: i32, at: i64, whence: i32, thread: &mut Thread) -> PyResult {
    // SAFETY: a plain system call.
    let result = thread.detached_briefly(|| unsafe { libc::lseek(fd, at, whence) });
    if result < 0 { Err(thread.raise_errno()) } else { Ok(Owned::int(result)) }
}

fn tell(this: Value, thread: &mut Thread) -> PyResult {
    let fd = of(this).open_fd(thread)?;
    seek_to(fd, 0, libc::SEEK_CUR, thread)
}

fn truncate(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let fd = of(this).open_fd(thread)?;
    if !of(this).has(WRITABLE_FILE) {
        return Err(not_open_for("writing", thread));
    }
    let size = match args.get(0).filter(|size| !size.is_none()) {
        Some(size) => size.to_owned(),
        None => method(this, "tell", &[], thread)?,
    };
    let length = convert::as_c_long(*size, thread)?;
    // SAFETY: a plain system call.
    match retry(thread, || unsafe { libc::ftruncate(fd, length) })? {
        Ok(_) => Ok(size),
        Err(errno) => Err(thread.raise_os_error(errno, None, None)),
    }
}

fn seekable(this: Value, thread: &mut Thread) -> PyResult {
    let object = of(this);
    let fd = object.open_fd(thread)?;
    if !object.has(SEEK_KNOWN) {
        // SAFETY: a plain system call.
        let can = thread.detached_briefly(|| unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) }) >= 0;
        object.flags.fetch_or(SEEK_KNOWN | if can { SEEKABLE } else { 0 }, Ordering::Relaxed);
    }
    Ok(Owned::bool(object.has(SEEKABLE)))
}

fn readable(this: Value, thread: &mut Thread) -> PyResult {
    of(this).open_fd(thread)?;
    Ok(Owned::bool(of(this).has(READABLE)))
}

fn writable(this: Value, thread: &mut Thread) -> PyResult {
    of(this).open_fd(thread)?;
    Ok(Owned::bool(of(this).has(WRITABLE_FILE)))
}

fn fileno(this: Value, thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(of(this).open_fd(thread)?)))
}

fn isatty(this: Value, thread: &mut Thread) -> PyResult {
    let fd = of(this).open_fd(thread)?;
    // SAFETY: a plain system call.
    Ok(Owned::bool(thread.detached_briefly(|| unsafe { libc::isatty(fd) }) == 1))
}

/// A regular file is no terminal: no need to ask the system.
fn isatty_open_only(this: Value, thread: &mut Thread) -> PyResult {
    if of(this).has(REGULAR) { Ok(Owned::false_()) } else { isatty(this, thread) }
}

fn mode_text(object: &FileIo) -> &'static str {
    let flags = object.flags.load(Ordering::Relaxed);
    let is_read = flags & READABLE != 0;
    match (flags & CREATED != 0, flags & APPENDING != 0, is_read, flags & WRITABLE_FILE != 0) {
        (true, _, true, _) => "xb+",
        (true, ..) => "xb",
        (_, true, true, _) => "ab+",
        (_, true, ..) => "ab",
        (_, _, true, true) => "rb+",
        (_, _, true, false) => "rb",
        _ => "wb",
    }
}

fn mode(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::str(mode_text(of(this))))
}

fn closed(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(of(this).fd.load(Ordering::Relaxed) < 0))
}

fn closefd(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(of(this).has(CLOSE_FD)))
}

fn block_size(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(of(this).block_size.load(Ordering::Relaxed)))
}

fn repr(this: Value, thread: &mut Thread) -> PyResult {
    let object = of(this);
    let type_name = this.type_object().full_name();
    let fd = object.fd.load(Ordering::Relaxed);
    if fd < 0 {
        return Ok(Owned::str(&format!("<{type_name} [closed]>")));
    }
    let closefd = if object.has(CLOSE_FD) { "True" } else { "False" };
    let mode = mode_text(object);
    let name = attribute::get_optional(this, *pyrt_runtime::names::interned("name"), thread)?;
    let which = match name {
        Some(name) => {
            let text = convert::repr(*name, thread)?;
            if string::is_str(*text) { format!("name={}", StrObject::of(*text).to_string_lossy()) } else { String::new() }
        }
        None => format!("fd={fd}"),
    };
    Ok(Owned::str(&format!("<{type_name} {which} mode='{mode}' closefd={closefd}>")))
}

static SPEC: TypeSpec = TypeSpec {
    name: "_io.FileIO",
    doc: "A raw stream over a file descriptor, opened by name or given.",
    base: Some(&RAW_IO_BASE),
    flags: TYPE_BASETYPE | TYPE_GC | TYPE_WEAKREFABLE,
    basic_size: size_of::<FileIo>(),
    slots: &[SlotFn::new(new), SlotFn::init(init), SlotFn::repr(repr), SlotFn::finalize(base::finalize)],
    methods: &[
        row("read", NativeFn::Bound(read), "($self, size=-1, /)", "Read at most size bytes."),
        row("readall", NativeFn::NoArgs(readall), "($self, /)", "Read all data from the file."),
        row("readinto", NativeFn::One(readinto), "($self, buffer, /)", "Read into a buffer."),
        row("write", NativeFn::One(write), "($self, b, /)", "Write bytes, return the number written."),
        row("seek", NativeFn::Bound(seek), "($self, pos, whence=0, /)", "Move to a position and return it."),
        row("tell", NativeFn::NoArgs(tell), "($self, /)", "Current position."),
        row("truncate", NativeFn::Bound(truncate), "($self, size=None, /)", "Truncate the file to at most size bytes."),
        row("close", NativeFn::NoArgs(close), "($self, /)", "Close the file."),
        row("seekable", NativeFn::NoArgs(seekable), "($self, /)", "Whether the file can seek."),
        row("readable", NativeFn::NoArgs(readable), "($self, /)", "Whether the file was opened for reading."),
        row("writable", NativeFn::NoArgs(writable), "($self, /)", "Whether the file was opened for writing."),
        row("fileno", NativeFn::NoArgs(fileno), "($self, /)", "The file descriptor."),
        row("isatty", NativeFn::NoArgs(isatty), "($self, /)", "Whether the file is a terminal."),
        row("_isatty_open_only", NativeFn::NoArgs(isatty_open_only), "($self, /)", "As isatty(), for a file just opened."),
        row("_dealloc_warn", NativeFn::One(dealloc_warn), "($self, object, /)", "Warns if the file is open."),
        row("__getstate__", NativeFn::NoArgs(super::no_pickling), "($self, /)", "Raises: files cannot be pickled."),
    ],
    getsets: &[
        getter("closed", closed),
        getter("closefd", closefd),
        getter("mode", mode),
        getter("_blksize", block_size),
        base::FINALIZING,
    ],
    ..TypeSpec::DEFAULT
};

/// Whether the file is closed, if `raw` is exactly a `FileIO`.
pub fn is_closed_direct(raw: Value) -> Option<bool> {
    let is_exact = raw.is_pointer() && std::ptr::eq(raw.type_object(), FILE_IO.get());
    is_exact.then(|| of(raw).fd.load(Ordering::Relaxed) < 0)
}

/// Reads into `room` bytes at `to` if `raw` is exactly a `FileIO`: no Python call. The inner `None` means that it would
/// block.
pub fn read_direct(raw: Value, to: *mut u8, room: usize, thread: &mut Thread) -> Option<PyResult<Option<usize>>> {
    if !raw.is_pointer() || !std::ptr::eq(raw.type_object(), FILE_IO.get()) || !of(raw).has(READABLE) {
        return None;
    }
    let fd = of(raw).fd.load(Ordering::Relaxed);
    (fd >= 0).then(|| read_once(of(raw), fd, to, room, thread))
}

/// As [`read_direct`] for writing.
pub fn write_direct(raw: Value, data: &[u8], thread: &mut Thread) -> Option<PyResult<Option<usize>>> {
    if !raw.is_pointer() || !std::ptr::eq(raw.type_object(), FILE_IO.get()) || !of(raw).has(WRITABLE_FILE) {
        return None;
    }
    let fd = of(raw).fd.load(Ordering::Relaxed);
    if fd < 0 {
        return None;
    }
    let (from, n) = (data.as_ptr(), data.len().min(0x7FFF_F000));
    // SAFETY: the slice is borrowed for the call.
    Some(match retry_for(of(raw).has(REGULAR), thread, || unsafe { libc::write(fd, from.cast(), n) }) {
        Ok(Ok(n)) => Ok(Some(n as usize)),
        Ok(Err(libc::EAGAIN)) => Ok(None),
        Ok(Err(errno)) => Err(thread.raise_os_error(errno, None, None)),
        Err(raised) => Err(raised),
    })
}
