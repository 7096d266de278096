//! `mmap`: files and memory mapped into the process.
//!
//! # Invariants
//! * The mapping lies behind a lock that is held while its bytes are copied, never while Python code runs. While memory
//!   is lent (`exports` is not zero) it stays mapped where it is.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::buffer::{self, Buffer, WRITABLE};
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::{LazySignature, NativeFn};
use pyrt_runtime::sync::LeafMutex;
use pyrt_runtime::types::builtin_types::{SLICE, StaticType};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{bytes, module, slice};
use pyrt_runtime::{Header, Owned, PyResult, Thread, Value};

use crate::system_call::c_int_or;

pub const MODULE: NativeModule = NativeModule { name: "mmap", initialize };

const ACCESS_DEFAULT: i32 = 0;
const ACCESS_READ: i32 = 1;
const ACCESS_WRITE: i32 = 2;
const ACCESS_COPY: i32 = 3;

const CONSTANTS: &[(&str, i64)] = &[
    ("ACCESS_COPY", 3),
    ("ACCESS_DEFAULT", 0),
    ("ACCESS_READ", 1),
    ("ACCESS_WRITE", 2),
    ("MADV_DODUMP", 17),
    ("MADV_DOFORK", 11),
    ("MADV_DONTDUMP", 16),
    ("MADV_DONTFORK", 10),
    ("MADV_DONTNEED", 4),
    ("MADV_FREE", 8),
    ("MADV_HUGEPAGE", 14),
    ("MADV_HWPOISON", 100),
    ("MADV_MERGEABLE", 12),
    ("MADV_NOHUGEPAGE", 15),
    ("MADV_NORMAL", 0),
    ("MADV_RANDOM", 1),
    ("MADV_REMOVE", 9),
    ("MADV_SEQUENTIAL", 2),
    ("MADV_UNMERGEABLE", 13),
    ("MADV_WILLNEED", 3),
    ("MAP_32BIT", 64),
    ("MAP_ANON", libc::MAP_ANON as i64),
    ("MAP_ANONYMOUS", libc::MAP_ANON as i64),
    ("MAP_DENYWRITE", libc::MAP_DENYWRITE as i64),
    ("MAP_EXECUTABLE", libc::MAP_EXECUTABLE as i64),
    ("MAP_NORESERVE", libc::MAP_NORESERVE as i64),
    ("MAP_POPULATE", libc::MAP_POPULATE as i64),
    ("MAP_PRIVATE", 2),
    ("MAP_SHARED", 1),
    ("MAP_STACK", libc::MAP_STACK as i64),
    ("PROT_EXEC", 4),
    ("PROT_READ", 1),
    ("PROT_WRITE", 2),
];

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    for (name, value) in CONSTANTS {
        module::add(this, name, Owned::int(*value));
    }
    // SAFETY: a plain call.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    module::add(this, "PAGESIZE", Owned::int(page));
    module::add(this, "ALLOCATIONGRANULARITY", Owned::int(page));
    module::add(this, "error", exc::OS_ERROR.get().value().to_owned());
    module::add_type(this, &MMAP);
    Ok(())
}

struct Map {
    data: *mut u8,
    size: usize,
    at: usize,
    exports: usize,
    offset: i64,
    /// A duplicate of the file's descriptor, -1 for none.
    fd: i32,
    access: i32,
    flags: i32,
    tracks_fd: bool,
}

// SAFETY: the memory belongs to the mapping, which is used under the lock.
unsafe impl Send for Map {}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: mapped by this module; nothing is lent.
        unsafe {
            libc::munmap(self.data.cast(), self.size);
            if self.fd >= 0 {
                libc::close(self.fd);
            }
        }
    }
}

impl Map {
    /// A copy of a part.
    fn copy(&self, from: usize, to: usize) -> Vec<u8> {
        let (from, to) = (from.min(self.size), to.min(self.size));
        let n = to.saturating_sub(from);
        let mut out = vec![0u8; n];
        // SAFETY: within the mapping.
        unsafe { std::ptr::copy_nonoverlapping(self.data.add(from), out.as_mut_ptr(), n) };
        out
    }

    /// The bytes, for a look while the lock is held.
    fn bytes(&self) -> &[u8] {
        // SAFETY: the mapping is readable for its size.
        unsafe { std::slice::from_raw_parts(self.data, self.size) }
    }
}

#[repr(C)]
struct MmapObject {
    header: Header,
    /// None when closed.
    map: LeafMutex<Option<Map>>,
}

static MMAP: StaticType = StaticType::new(&SPEC);

fn of<'a>(this: Value) -> &'a MmapObject {
    // SAFETY: called for objects of the type only.
    unsafe { this.as_ref() }
}

fn with<T>(this: Value, thread: &mut Thread, work: impl FnOnce(&mut Map) -> T) -> PyResult<T> {
    let result = of(this).map.lock().as_mut().map(work);
    result.ok_or_else(|| thread.raise_value_error("mmap closed or invalid"))
}

fn check_writable(this: Value, thread: &mut Thread) -> PyResult<()> {
    if with(this, thread, |map| map.access)? == ACCESS_READ {
        return Err(thread.raise_type_error("mmap can't modify a readonly memory map."));
    }
    Ok(())
}

fn check_resizable(this: Value, thread: &mut Thread) -> PyResult<()> {
    let (exports, access, tracks) = with(this, thread, |map| (map.exports, map.access, map.tracks_fd))?;
    if exports > 0 {
        return Err(thread.raise(&exc::BUFFER_ERROR, "mmap can't resize with extant pointers exported."));
    }
    if access == ACCESS_READ || access == ACCESS_COPY {
        return Err(thread.raise_type_error("mmap can't resize a readonly or copy-on-write memory map."));
    }
    if !tracks {
        return Err(thread.raise_value_error("mmap can't resize with trackfd=False."));
    }
    Ok(())
}

fn new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    static SIGNATURE: LazySignature = LazySignature::new("(fileno, length, flags=1, prot=3, access=0, offset=0, *, trackfd=True)");
    let bound = SIGNATURE.bind("mmap", args, kwnames, thread)?;
    let args = bound.args();
    let fd = convert::as_c_int(args.at(0), thread)?;
    let mut size = convert::index_as_i64(args.at(1), thread, Some(&exc::OVERFLOW_ERROR))?;
    let (mut flags, mut prot) = (c_int_or(args.get(2), libc::MAP_SHARED, thread)?, c_int_or(args.get(3), 3, thread)?);
    let mut access = c_int_or(args.get(4), ACCESS_DEFAULT, thread)?;
    let offset = match args.get(5) {
        Some(offset) => convert::as_c_long(offset, thread)?,
        None => 0,
    };
    let tracks_fd = crate::system_call::flag(args.get(6), true, thread)?;
    if size < 0 {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "memory mapped length must be positive"));
    }
    if offset < 0 {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "memory mapped offset must be positive"));
    }
    if access != ACCESS_DEFAULT && (args.get(2).is_some_and(|_| flags != libc::MAP_SHARED) || args.get(3).is_some_and(|_| prot != 3)) {
        return Err(thread.raise_value_error("mmap can't specify both access and flags, prot."));
    }
    match access {
        ACCESS_READ => (flags, prot) = (libc::MAP_SHARED, libc::PROT_READ),
        ACCESS_WRITE => (flags, prot) = (libc::MAP_SHARED, libc::PROT_READ | libc::PROT_WRITE),
        ACCESS_COPY => (flags, prot) = (libc::MAP_PRIVATE, libc::PROT_READ | libc::PROT_WRITE),
        ACCESS_DEFAULT if prot & libc::PROT_READ != 0 && prot & libc::PROT_WRITE != 0 => {}
        ACCESS_DEFAULT if prot & libc::PROT_WRITE != 0 => access = ACCESS_WRITE,
        ACCESS_DEFAULT => access = ACCESS_READ,
        _ => return Err(thread.raise_value_error("mmap invalid access parameter.")),
    }
    // SAFETY: all-zero is a valid stat; the call fills it.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    if fd != -1 && unsafe { libc::fstat(fd, &raw mut stat) } == 0 && stat.st_mode & libc::S_IFMT == libc::S_IFREG {
        if size == 0 {
            if stat.st_size == 0 {
                return Err(thread.raise_value_error("cannot mmap an empty file"));
            }
            if offset >= stat.st_size {
                return Err(thread.raise_value_error("mmap offset is greater than file size"));
            }
            size = stat.st_size - offset;
        } else if offset > stat.st_size || stat.st_size - offset < size {
            return Err(thread.raise_value_error("mmap length is greater than file size"));
        }
    }
    let mut own_fd = -1;
    if fd == -1 {
        flags |= libc::MAP_ANON;
    } else if tracks_fd {
        // SAFETY: a plain system call.
        own_fd = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) };
        if own_fd < 0 {
            return Err(thread.raise_errno());
        }
    }
    // SAFETY: a new mapping where the system likes.
    let data = thread.detached(|| unsafe { libc::mmap(std::ptr::null_mut(), size as usize, prot, flags, fd, offset) as usize });
    if data == libc::MAP_FAILED as usize {
        let errno = crate::system_call::last_errno();
        if own_fd >= 0 {
            // SAFETY: made above.
            unsafe { libc::close(own_fd) };
        }
        return Err(thread.raise_os_error(errno, None, None));
    }
    let map = Map { data: data as *mut u8, size: size as usize, at: 0, exports: 0, offset, fd: own_fd, access, flags, tracks_fd };
    Ok(lifetime::allocate_object(TypeObject::of(class), |header| MmapObject { header, map: LeafMutex::new(Some(map)) }))
}

fn close(this: Value, thread: &mut Thread) -> PyResult {
    let is_lent = of(this).map.lock().as_ref().is_some_and(|map| map.exports > 0);
    if is_lent {
        return Err(thread.raise(&exc::BUFFER_ERROR, "cannot close exported pointers exist"));
    }
    drop(of(this).map.lock().take());
    Ok(Owned::none())
}

fn closed(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(of(this).map.lock().is_none()))
}

/// An index that counts from the end if it is negative, cut to the mapping.
fn clamp(index: i64, size: usize) -> usize {
    let index = if index < 0 { index.saturating_add(size as i64) } else { index };
    index.clamp(0, size as i64) as usize
}

fn find_by(this: Value, args: Args<'_>, backward: bool, thread: &mut Thread) -> PyResult {
    let wanted = buffer::copy_bytes(args.at(0), thread)?;
    let index = |i: usize, thread: &mut Thread| match args.get(i).filter(|value| !value.is_none()) {
        Some(value) => convert::index_as_i64(value, thread, None).map(Some),
        None => Ok(None),
    };
    let (start, end) = (index(1, thread)?, index(2, thread)?);
    let found = with(this, thread, |map| {
        let start = start.map_or(map.at, |start| clamp(start, map.size));
        let end = end.map_or(map.size, |end| clamp(end, map.size));
        let part = map.bytes().get(start..end)?;
        let at = if backward { memchr::memmem::rfind(part, &wanted) } else { memchr::memmem::find(part, &wanted) };
        at.map(|at| at + start)
    })?;
    Ok(found.map_or_else(|| Owned::int(-1), Owned::usize))
}

fn find(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    find_by(this, args, false, thread)
}

fn rfind(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    find_by(this, args, true, thread)
}

fn size_argument(value: Option<Value>, default: usize, thread: &mut Thread) -> PyResult<i64> {
    match value.filter(|value| !value.is_none()) {
        Some(value) => convert::index_as_i64(value, thread, Some(&exc::OVERFLOW_ERROR)),
        None => Ok(default as i64),
    }
}

fn flush(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let whole = with(this, thread, |map| map.size)?;
    let offset = size_argument(args.get(0), 0, thread)?;
    let size = size_argument(args.get(1), (whole as i64 - offset).max(0) as usize, thread)?;
    if offset < 0 || size < 0 || (whole as i64) - offset < size {
        return Err(thread.raise_value_error("flush values out of range"));
    }
    let (data, access) = with(this, thread, |map| (map.data as usize, map.access))?;
    if access == ACCESS_READ || access == ACCESS_COPY {
        return Ok(Owned::none());
    }
    // SAFETY: the addresses are the mapping's; if it goes meanwhile the call fails.
    let failed = thread.detached(|| unsafe { libc::msync((data + offset as usize) as *mut libc::c_void, size as usize, libc::MS_SYNC) }) < 0;
    if failed { Err(thread.raise_errno()) } else { Ok(Owned::none()) }
}

fn madvise(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let option = convert::as_c_int(args.at(0), thread)?;
    let whole = with(this, thread, |map| map.size)?;
    let start = size_argument(args.get(1), 0, thread)?;
    let length = size_argument(args.get(2), whole, thread)?;
    if start < 0 || start >= whole as i64 {
        return Err(thread.raise_value_error("madvise start out of bounds"));
    }
    if length < 0 {
        return Err(thread.raise_value_error("madvise length invalid"));
    }
    if start.checked_add(length).is_none() {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "madvise length too large"));
    }
    let length = length.min(whole as i64 - start);
    // SAFETY: within the mapping.
    let failed = with(this, thread, |map| unsafe { libc::madvise(map.data.add(start as usize).cast(), length as usize, option) } != 0)?;
    if failed { Err(thread.raise_errno()) } else { Ok(Owned::none()) }
}

fn move_part(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    check_writable(this, thread)?;
    let mut numbers = [0i64; 3];
    for (i, number) in numbers.iter_mut().enumerate() {
        *number = convert::index_as_i64(args.at(i), thread, Some(&exc::OVERFLOW_ERROR))?;
    }
    let [dest, source, count] = numbers;
    let fits = with(this, thread, |map| {
        let size = map.size as i64;
        let fits = dest >= 0 && source >= 0 && count >= 0 && size.saturating_sub(dest) >= count && size.saturating_sub(source) >= count;
        if fits {
            // SAFETY: both parts lie within the mapping.
            unsafe { std::ptr::copy(map.data.add(source as usize), map.data.add(dest as usize), count as usize) };
        }
        fits
    })?;
    if fits { Ok(Owned::none()) } else { Err(thread.raise_value_error("source, destination, or count out of range")) }
}

fn read(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let n = match args.get(0).filter(|n| !n.is_none()) {
        Some(n) => match convert::index(n, thread) {
            Ok(n) => convert::index_as_i64(*n, thread, None)?,
            Err(raised) => {
                drop(thread.catch(raised, &exc::TYPE_ERROR)?);
                let name = n.type_object().full_name();
                return Err(thread.raise_type_error(format!("argument should be integer or None, not '{name}'")));
            }
        },
        None => i64::MAX,
    };
    with(this, thread, |map| {
        let n = if n < 0 { usize::MAX } else { n as usize };
        let from = map.at.min(map.size);
        let to = from.saturating_add(n).min(map.size);
        map.at = to.max(map.at);
        bytes::from_vec(map.copy(from, to))
    })
}

fn read_byte(this: Value, thread: &mut Thread) -> PyResult {
    let byte = with(this, thread, |map| {
        let byte = map.bytes().get(map.at).copied();
        map.at += usize::from(byte.is_some());
        byte
    })?;
    match byte {
        Some(byte) => Ok(Owned::int(i64::from(byte))),
        None => Err(thread.raise_value_error("read byte out of range")),
    }
}

fn readline(this: Value, thread: &mut Thread) -> PyResult {
    with(this, thread, |map| {
        let from = map.at.min(map.size);
        let rest = &map.bytes()[from..];
        let n = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        map.at = from + n;
        bytes::from_vec(map.copy(from, from + n))
    })
}

fn resize(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let size = convert::index_as_i64(args.at(0), thread, Some(&exc::OVERFLOW_ERROR))?;
    check_resizable(this, thread)?;
    if size < 0 {
        return Err(thread.raise_value_error("new size out of range"));
    }
    let size = size as usize;
    let (fd, offset, flags) = with(this, thread, |map| (map.fd, map.offset, map.flags))?;
    if fd == -1 && flags & libc::MAP_PRIVATE == 0 && with(this, thread, |map| size > map.size)? {
        return Err(thread.raise_value_error("mmap: can't expand a shared anonymous mapping on Linux"));
    }
    if size == 0 {
        return Err(thread.raise_os_error(libc::EINVAL, None, None));
    }
    // SAFETY: a plain system call.
    if fd != -1 && unsafe { libc::ftruncate(fd, offset + size as i64) } < 0 {
        return Err(thread.raise_errno());
    }
    let result = with(this, thread, |map| {
        if map.exports > 0 {
            return Some(libc::EBUSY);
        }
        // SAFETY: the mapping, which nobody has lent memory of.
        let data = unsafe { libc::mremap(map.data.cast(), map.size, size, libc::MREMAP_MAYMOVE) };
        if data == libc::MAP_FAILED {
            return Some(crate::system_call::last_errno());
        }
        map.data = data.cast();
        map.size = size;
        None
    })?;
    match result {
        None => Ok(Owned::none()),
        Some(errno) => Err(thread.raise_os_error(errno, None, None)),
    }
}

fn seek(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let distance = convert::index_as_i64(args.at(0), thread, Some(&exc::OVERFLOW_ERROR))?;
    let whence = c_int_or(args.get(1), 0, thread)?;
    let (at, size) = with(this, thread, |map| (map.at, map.size))?;
    let from = match whence {
        0 => 0,
        1 => at as i64,
        2 => size as i64,
        _ => return Err(thread.raise_value_error("unknown seek type")),
    };
    match from.checked_add(distance).filter(|to| (0..=size as i64).contains(to)) {
        Some(to) => {
            with(this, thread, |map| map.at = to as usize)?;
            Ok(Owned::int(to))
        }
        None => Err(thread.raise_value_error("seek out of range")),
    }
}

fn seekable(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::true_())
}

fn file_size(this: Value, thread: &mut Thread) -> PyResult {
    let (fd, size, tracks) = with(this, thread, |map| (map.fd, map.size, map.tracks_fd))?;
    if fd == -1 {
        // The file's descriptor is not known without tracking.
        return if tracks { Ok(Owned::usize(size)) } else { Err(thread.raise_os_error(libc::EBADF, None, None)) };
    }
    // SAFETY: all-zero is a valid stat; the call fills it.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    if unsafe { libc::fstat(fd, &raw mut stat) } < 0 { Err(thread.raise_errno()) } else { Ok(Owned::int(stat.st_size)) }
}

fn tell(this: Value, thread: &mut Thread) -> PyResult {
    with(this, thread, |map| map.at).map(Owned::usize)
}

/// Copies bytes into the mapping; false where they do not fit.
fn put(map: &mut Map, at: usize, data: &[u8]) -> bool {
    if at > map.size || map.size - at < data.len() {
        return false;
    }
    // SAFETY: within the mapping, which is writable: that was checked.
    unsafe { std::ptr::copy_nonoverlapping(data.as_ptr(), map.data.add(at), data.len()) };
    true
}

fn write(this: Value, data: Value, thread: &mut Thread) -> PyResult {
    let data = buffer::copy_bytes(data, thread)?;
    check_writable(this, thread)?;
    let fits = with(this, thread, |map| {
        let fits = put(map, map.at, &data);
        map.at += if fits { data.len() } else { 0 };
        fits
    })?;
    if fits { Ok(Owned::usize(data.len())) } else { Err(thread.raise_value_error("data out of range")) }
}

/// A byte's value.
fn byte_value(value: Value, thread: &mut Thread) -> PyResult<u8> {
    let number = convert::index_as_i64(value, thread, Some(&exc::OVERFLOW_ERROR))?;
    u8::try_from(number).map_err(|_| thread.raise(&exc::OVERFLOW_ERROR, if number < 0 { "unsigned byte integer is less than minimum" } else { "unsigned byte integer is greater than maximum" }))
}

fn write_byte(this: Value, value: Value, thread: &mut Thread) -> PyResult {
    let byte = byte_value(value, thread)?;
    check_writable(this, thread)?;
    let fits = with(this, thread, |map| {
        let fits = put(map, map.at, &[byte]);
        map.at += usize::from(fits);
        fits
    })?;
    if fits { Ok(Owned::none()) } else { Err(thread.raise_value_error("write byte out of range")) }
}

fn enter(this: Value, thread: &mut Thread) -> PyResult {
    with(this, thread, |_| ())?;
    Ok(this.to_owned())
}

fn exit(this: Value, _args: Args<'_>, thread: &mut Thread) -> PyResult {
    close(this, thread)
}

fn length(this: Value, thread: &mut Thread) -> PyResult<i64> {
    with(this, thread, |map| map.size as i64)
}

/// A subscript: a number, or positions of a slice.
enum Key {
    Index(usize),
    Slice(Vec<usize>),
}

fn bad_index(thread: &mut Thread) -> Raised {
    thread.raise(&exc::INDEX_ERROR, "mmap index out of range")
}

fn key_of(this: Value, key: Value, thread: &mut Thread) -> PyResult<Key> {
    let size = with(this, thread, |map| map.size)?;
    if key.is_instance(SLICE.get()) {
        return Ok(Key::Slice(slice::indices(key, size, thread)?.iter().collect()));
    }
    if !convert::is_int(key) && key.type_object().slots.index.raw() == 0 {
        return Err(thread.raise_type_error("mmap indices must be integers"));
    }
    let index = convert::index_as_i64(key, thread, Some(&exc::INDEX_ERROR))?;
    let index = if index < 0 { index + size as i64 } else { index };
    if (0..size as i64).contains(&index) { Ok(Key::Index(index as usize)) } else { Err(bad_index(thread)) }
}

fn get_item(this: Value, key: Value, thread: &mut Thread) -> PyResult {
    match key_of(this, key, thread)? {
        Key::Index(index) => match with(this, thread, |map| map.bytes().get(index).copied())? {
            Some(byte) => Ok(Owned::int(i64::from(byte))),
            None => Err(bad_index(thread)),
        },
        Key::Slice(positions) => with(this, thread, |map| {
            let all = map.bytes();
            bytes::from_vec(positions.iter().filter_map(|at| all.get(*at).copied()).collect())
        }),
    }
}

/// What an iteration gives for a position: a byte string, where a subscript gives a number.
fn item(this: Value, position: Value, thread: &mut Thread) -> PyResult {
    let at = pyrt_runtime::types::int::as_i64(position).and_then(|at| usize::try_from(at).ok());
    match with(this, thread, |map| at.and_then(|at| map.bytes().get(at).copied()))? {
        Some(byte) => Ok(bytes::from_vec(vec![byte])),
        None => Err(bad_index(thread)),
    }
}

fn set_item(this: Value, key: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    with(this, thread, |_| ())?;
    let Some(value) = value else { return Err(thread.raise_type_error("mmap object doesn't support item deletion")) };
    check_writable(this, thread)?;
    match key_of(this, key, thread)? {
        Key::Index(index) => {
            if !convert::is_int(value) && value.type_object().slots.index.raw() == 0 {
                return Err(thread.raise_type_error("mmap item value must be an int"));
            }
            let number = convert::index_as_i64(value, thread, Some(&exc::VALUE_ERROR))?;
            let Ok(byte) = u8::try_from(number) else {
                return Err(thread.raise_value_error("mmap item value must be in range(0, 256)"));
            };
            if with(this, thread, |map| put(map, index, &[byte]))? { Ok(()) } else { Err(bad_index(thread)) }
        }
        Key::Slice(positions) => {
            let data = buffer::copy_bytes(value, thread)?;
            if data.len() != positions.len() {
                return Err(thread.raise(&exc::INDEX_ERROR, "mmap slice assignment is wrong size"));
            }
            // Asking for the buffer may have made the mapping smaller.
            let fits = with(this, thread, |map| {
                let fits = positions.iter().all(|at| *at < map.size);
                for (at, byte) in positions.iter().zip(&data).filter(|_| fits) {
                    put(map, *at, &[*byte]);
                }
                fits
            })?;
            if fits { Ok(()) } else { Err(bad_index(thread)) }
        }
    }
}

fn lend(this: Value, flags: u32, thread: &mut Thread) -> PyResult<Buffer> {
    let (data, size, is_readonly) = with(this, thread, |map| (map.data, map.size, map.access == ACCESS_READ))?;
    if is_readonly && flags & WRITABLE != 0 {
        return Err(thread.raise(&exc::BUFFER_ERROR, "Object is not writable."));
    }
    with(this, thread, |map| map.exports += 1)?;
    Ok(Buffer::bytes(this.to_owned(), data, size, is_readonly, Some(take_back)))
}

fn take_back(this: Value) {
    if let Some(map) = of(this).map.lock().as_mut() {
        map.exports = map.exports.saturating_sub(1);
    }
}

fn repr(this: Value, _thread: &mut Thread) -> PyResult {
    let map = of(this).map.lock();
    let name = this.type_object().full_name();
    Ok(Owned::str(&match map.as_ref() {
        None => format!("<{name} closed=True>"),
        Some(map) => {
            let access = match map.access {
                ACCESS_READ => "ACCESS_READ",
                ACCESS_WRITE => "ACCESS_WRITE",
                ACCESS_COPY => "ACCESS_COPY",
                _ => "ACCESS_DEFAULT",
            };
            format!("<{name} closed=False, access={access}, length={}, pos={}, offset={}>", map.size, map.at, map.offset)
        }
    }))
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead, and its field is dropped once.
    unsafe { std::ptr::drop_in_place(&raw mut (*value.unmarked().header().cast::<MmapObject>()).map) };
}

static SPEC: TypeSpec = TypeSpec {
    name: "mmap.mmap",
    doc: "A file, or memory, mapped into the process: bytes that can be changed.",
    flags: TYPE_BASETYPE | TYPE_WEAKREFABLE,
    basic_size: size_of::<MmapObject>(),
    slots: &[
        SlotFn::new(new),
        SlotFn::repr(repr),
        SlotFn::length(length),
        SlotFn::subscript(get_item),
        SlotFn::item(item),
        SlotFn::ass_subscript(set_item),
        SlotFn::buffer(lend),
    ],
    methods: &[
        method("close", NativeFn::NoArgs(close), "($self, /)", "Unmaps."),
        method("find", NativeFn::Bound(find), "($self, view, start=None, end=None, /)", "Where bytes come first."),
        method("rfind", NativeFn::Bound(rfind), "($self, view, start=None, end=None, /)", "Where bytes come last."),
        method("flush", NativeFn::Bound(flush), "($self, offset=0, size=None, /)", "Writes changes to the file."),
        method("madvise", NativeFn::Bound(madvise), "($self, option, start=0, length=None, /)", "Tells the system how the memory is used."),
        method("move", NativeFn::Bound(move_part), "($self, dest, src, count, /)", "Copies a part within the mapping."),
        method("read", NativeFn::Bound(read), "($self, n=None, /)", "Bytes from the position on."),
        method("read_byte", NativeFn::NoArgs(read_byte), "($self, /)", "The byte at the position."),
        method("readline", NativeFn::NoArgs(readline), "($self, /)", "A line from the position on."),
        method("resize", NativeFn::Bound(resize), "($self, newsize, /)", "Changes the size of mapping and file."),
        method("seek", NativeFn::Bound(seek), "($self, pos, whence=0, /)", "Moves the position."),
        method("seekable", NativeFn::NoArgs(seekable), "($self, /)", "True."),
        method("size", NativeFn::NoArgs(file_size), "($self, /)", "The file's size."),
        method("tell", NativeFn::NoArgs(tell), "($self, /)", "The position."),
        method("write", NativeFn::One(write), "($self, bytes, /)", "Writes bytes at the position."),
        method("write_byte", NativeFn::One(write_byte), "($self, byte, /)", "Writes a byte at the position."),
        method("__enter__", NativeFn::NoArgs(enter), "($self, /)", ""),
        method("__exit__", NativeFn::Bound(exit), "($self, exc_type, exc_value, traceback, /)", "Unmaps."),
    ],
    getsets: &[GetSetDef { name: "closed", get: closed, set: None, doc: "Whether it is unmapped." }],
    dealloc: Some(dealloc),
    ..TypeSpec::DEFAULT
};
