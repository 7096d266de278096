//! `listdir`, `scandir` and `DirEntry`.

use std::ffi::{CStr, CString};

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::convert as conversions;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::sync::LeafMutex;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{int, list};
use pyrt_runtime::{Header, Owned, PyResult, Slot, Thread, Value};

use super::path::{self, Accepts};
use super::status;
use crate::system_call::{flag, last_errno, set_errno};

/// An open directory stream.
struct Stream(*mut libc::DIR);

// SAFETY: a DIR may be used from any thread, one at a time: it lies behind a lock.
unsafe impl Send for Stream {}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: the stream is open and no longer reachable.
        unsafe { libc::closedir(self.0) };
    }
}

struct Found {
    name: Vec<u8>,
    inode: u64,
    kind: u8,
}

impl Stream {
    /// The next entry except `.` and `..`; none at the end, the errno on failure.
    fn next(&mut self) -> Result<Option<Found>, i32> {
        loop {
            set_errno(0);
            // SAFETY: the stream is open; the entry is copied before the next call.
            unsafe {
                let entry = libc::readdir64(self.0);
                if entry.is_null() {
                    return match last_errno() {
                        0 => Ok(None),
                        errno => Err(errno),
                    };
                }
                let name = CStr::from_ptr((&raw const (*entry).d_name).cast()).to_bytes();
                if name != b"." && name != b".." {
                    return Ok(Some(Found { name: name.to_vec(), inode: (*entry).d_ino, kind: (*entry).d_type }));
                }
            }
        }
    }
}

/// Opens a directory by path or by (duplicated) descriptor.
fn open(path: &path::Path, thread: &mut Thread) -> PyResult<Stream> {
    // SAFETY: a terminated name; the duplicate belongs to the stream, or is closed here.
    let stream = thread.detached_briefly(|| unsafe {
        match path.fd {
            None => libc::opendir(path.as_ptr()),
            Some(fd) => {
                let own = libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0);
                if own < 0 {
                    return std::ptr::null_mut();
                }
                let stream = libc::fdopendir(own);
                if stream.is_null() {
                    let errno = last_errno();
                    libc::close(own);
                    set_errno(errno);
                } else {
                    libc::rewinddir(stream);
                }
                stream
            }
        }
    });
    if stream.is_null() { Err(path.error(last_errno(), thread)) } else { Ok(Stream(stream)) }
}

pub fn listdir(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let accepts = Accepts { function: "listdir", argument: "path", fd: true, none: true };
    let path = path::convert(args.get(0).unwrap_or_else(Value::none), accepts, thread)?;
    let mut stream = open(&path, thread)?;
    let found = thread.detached_briefly(|| {
        let mut names = Vec::new();
        loop {
            match stream.next() {
                Ok(Some(found)) => names.push(found.name),
                Ok(None) => return Ok(names),
                Err(errno) => return Err(errno),
            }
        }
    });
    match found {
        Ok(names) => Ok(list::from_vec(names.iter().map(|name| path::result_name(name, path.is_bytes)).collect())),
        Err(errno) => Err(path.error(errno, thread)),
    }
}

/// The iterator that `scandir` returns.
#[repr(C)]
struct ScandirIterator {
    header: Header,
    stream: LeafMutex<Option<Stream>>,
    /// What the caller gave, for the names of entries; `None` for the current directory.
    path: Owned,
    directory: CString,
    is_bytes: bool,
    fd: Option<i32>,
}

pub static SCANDIR_ITERATOR: StaticType = StaticType::new(&SCANDIR_ITERATOR_SPEC);

fn iterator<'a>(this: Value) -> &'a ScandirIterator {
    // SAFETY: called for these iterators only.
    unsafe { this.as_ref() }
}

pub fn scandir(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let accepts = Accepts { function: "scandir", argument: "path", fd: true, none: true };
    let path = path::convert(args.get(0).unwrap_or_else(Value::none), accepts, thread)?;
    let stream = open(&path, thread)?;
    Ok(lifetime::allocate_object(SCANDIR_ITERATOR.get(), |header| ScandirIterator {
        header,
        stream: LeafMutex::new(Some(stream)),
        path: path.object,
        directory: path.name,
        is_bytes: path.is_bytes,
        fd: path.fd,
    }))
}

fn self_iter(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(this.to_owned())
}

fn iterator_next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let iterator = iterator(this);
    let found = thread.detached_briefly(|| {
        let mut guard = iterator.stream.lock();
        let Some(stream) = guard.as_mut() else { return Ok(None) };
        let found = stream.next();
        if !matches!(found, Ok(Some(_))) {
            *guard = None;
        }
        found
    });
    match found {
        Ok(Some(found)) => Ok(Some(make_entry(iterator, found))),
        Ok(None) => Ok(None),
        Err(errno) => {
            let filename = if iterator.path.is_none() { None } else { Some(*iterator.path) };
            Err(thread.raise_os_error(errno, filename, None))
        }
    }
}

fn close(this: Value, _thread: &mut Thread) -> PyResult {
    let stream = iterator(this).stream.lock().take();
    drop(stream);
    Ok(Owned::none())
}

fn exit(this: Value, _args: Args<'_>, thread: &mut Thread) -> PyResult {
    close(this, thread)
}

fn iterator_finalize(this: Value, thread: &mut Thread) -> PyResult<()> {
    let is_open = iterator(this).stream.lock().is_some();
    if is_open {
        let text = conversions::repr_text(this, thread)?;
        let warned = pyrt_runtime::builtins::warn(&exc::RESOURCE_WARNING, &format!("unclosed scandir iterator {text}"), 1, thread);
        drop(iterator(this).stream.lock().take());
        warned?;
    }
    Ok(())
}

unsafe fn iterator_dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<ScandirIterator>()) };
}

static SCANDIR_ITERATOR_SPEC: TypeSpec = TypeSpec {
    name: "posix.ScandirIterator",
    flags: TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<ScandirIterator>(),
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(iterator_next), SlotFn::finalize(iterator_finalize)],
    methods: &[
        MethodDef { name: "__enter__", func: NativeFn::NoArgs(self_iter), kind: MethodKind::Instance, signature: "-($self)", doc: "" },
        MethodDef { name: "__exit__", func: NativeFn::Bound(exit), kind: MethodKind::Instance, signature: "-($self, *args)", doc: "" },
        MethodDef { name: "close", func: NativeFn::NoArgs(close), kind: MethodKind::Instance, signature: "-($self)", doc: "" },
    ],
    dealloc: Some(iterator_dealloc),
    ..TypeSpec::DEFAULT
};

/// One entry of a directory; what the system told of it is kept.
#[repr(C)]
struct DirEntry {
    header: Header,
    name: Owned,
    path: Owned,
    full: CString,
    fd: Option<i32>,
    inode: u64,
    kind: u8,
    stat: Slot,
    lstat: Slot,
}

pub static DIR_ENTRY: StaticType = StaticType::new(&DIR_ENTRY_SPEC);

fn entry<'a>(this: Value) -> &'a DirEntry {
    // SAFETY: called for entries only.
    unsafe { this.as_ref() }
}

fn make_entry(iterator: &ScandirIterator, found: Found) -> Owned {
    let name = path::result_name(&found.name, iterator.is_bytes);
    let mut full = Vec::new();
    if iterator.fd.is_none() {
        full.extend_from_slice(iterator.directory.as_bytes());
        if full.last().is_some_and(|last| *last != b'/') {
            full.push(b'/');
        }
    }
    full.extend_from_slice(&found.name);
    let path = if iterator.fd.is_some() { name.clone() } else { path::result_name(&full, iterator.is_bytes) };
    lifetime::allocate_object(DIR_ENTRY.get(), |header| DirEntry {
        header,
        name,
        path,
        // The system's names hold no null bytes.
        full: CString::new(full).unwrap_or_default(),
        fd: iterator.fd,
        inode: found.inode,
        kind: found.kind,
        stat: Slot::empty(),
        lstat: Slot::empty(),
    })
}

fn entry_status(this: Value, follow: bool, thread: &mut Thread) -> PyResult<Result<Owned, i32>> {
    let entry = entry(this);
    // Only a link differs from what it leads to.
    let follow = follow && (entry.kind == libc::DT_LNK || entry.kind == libc::DT_UNKNOWN);
    let slot = if follow { &entry.stat } else { &entry.lstat };
    if let Some(kept) = slot.load(&entry.header) {
        return Ok(Ok(kept));
    }
    let dir = entry.fd.unwrap_or(libc::AT_FDCWD);
    let path = path::Path { object: entry.path.clone(), name: entry.full.clone(), is_bytes: false, fd: None };
    match status::status_of(&path, dir, follow, thread)? {
        Ok(stat) => {
            let made = status::from_stat(&stat);
            drop(slot.replace(&entry.header, Some(made.clone())));
            Ok(Ok(made))
        }
        Err(errno) => Ok(Err(errno)),
    }
}

fn entry_stat(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let follow = flag(args.get(0), true, thread)?;
    match entry_status(this, follow, thread)? {
        Ok(stat) => Ok(stat),
        Err(errno) => {
            let path = entry(this).path.clone();
            Err(thread.raise_os_error(errno, Some(*path), None))
        }
    }
}

fn is_kind(this: Value, args: Args<'_>, kind: u8, mode: u32, thread: &mut Thread) -> PyResult {
    let follow = flag(args.get(0), true, thread)?;
    let known = entry(this).kind;
    if known != libc::DT_UNKNOWN && !(follow && known == libc::DT_LNK) {
        return Ok(Owned::bool(known == kind));
    }
    match entry_status(this, follow, thread)? {
        Ok(stat) => {
            let bits = int::as_i64(pyrt_runtime::types::tuple::TupleObject::of(*stat).item(0)).unwrap_or(0);
            Ok(Owned::bool(bits as u32 & libc::S_IFMT == mode))
        }
        Err(libc::ENOENT) => Ok(Owned::false_()),
        Err(errno) => {
            let path = entry(this).path.clone();
            Err(thread.raise_os_error(errno, Some(*path), None))
        }
    }
}

fn is_dir(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    is_kind(this, args, libc::DT_DIR, libc::S_IFDIR, thread)
}

fn is_file(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    is_kind(this, args, libc::DT_REG, libc::S_IFREG, thread)
}

fn is_symlink(this: Value, thread: &mut Thread) -> PyResult {
    let kind = entry(this).kind;
    if kind != libc::DT_UNKNOWN {
        return Ok(Owned::bool(kind == libc::DT_LNK));
    }
    is_kind(this, Args::from_values(&[Value::false_()]), libc::DT_LNK, libc::S_IFLNK, thread)
}

fn is_junction(_this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::false_())
}

fn inode(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(int::from_u64(entry(this).inode))
}

fn entry_fspath(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(entry(this).path.clone())
}

fn entry_name(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(entry(this).name.clone())
}

fn entry_repr(this: Value, thread: &mut Thread) -> PyResult {
    let name = conversions::repr_text(*entry(this).name, thread)?;
    Ok(Owned::str(&format!("<DirEntry {name}>")))
}

fn class_getitem(class: Value, item: Value, thread: &mut Thread) -> PyResult {
    pyrt_runtime::types::generic_alias::new(class, item, thread)
}

unsafe fn entry_dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe {
        let entry = &mut *value.header().cast::<DirEntry>();
        drop(entry.stat.replace_locked(None));
        drop(entry.lstat.replace_locked(None));
        std::ptr::drop_in_place(entry);
    }
}

static DIR_ENTRY_SPEC: TypeSpec = TypeSpec {
    name: "posix.DirEntry",
    flags: TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<DirEntry>(),
    slots: &[SlotFn::repr(entry_repr)],
    methods: &[
        MethodDef { name: "is_dir", func: NativeFn::Bound(is_dir), kind: MethodKind::Instance, signature: "($self, /, *, follow_symlinks=True)", doc: "Return True if the entry is a directory; cached per entry." },
        MethodDef { name: "is_file", func: NativeFn::Bound(is_file), kind: MethodKind::Instance, signature: "($self, /, *, follow_symlinks=True)", doc: "Return True if the entry is a file; cached per entry." },
        MethodDef { name: "is_symlink", func: NativeFn::NoArgs(is_symlink), kind: MethodKind::Instance, signature: "($self, /)", doc: "Return True if the entry is a symbolic link; cached per entry." },
        MethodDef { name: "is_junction", func: NativeFn::NoArgs(is_junction), kind: MethodKind::Instance, signature: "($self, /)", doc: "Return True if the entry is a junction; cached per entry." },
        MethodDef { name: "stat", func: NativeFn::Bound(entry_stat), kind: MethodKind::Instance, signature: "($self, /, *, follow_symlinks=True)", doc: "Return stat_result object for the entry; cached per entry." },
        MethodDef { name: "inode", func: NativeFn::NoArgs(inode), kind: MethodKind::Instance, signature: "($self, /)", doc: "Return inode of the entry; cached per entry." },
        MethodDef { name: "__fspath__", func: NativeFn::NoArgs(entry_fspath), kind: MethodKind::Instance, signature: "($self, /)", doc: "Returns the path for the entry." },
        MethodDef { name: "__class_getitem__", func: NativeFn::One(class_getitem), kind: MethodKind::Class, signature: "-($cls, item, /)", doc: "See PEP 585" },
    ],
    getsets: &[
        GetSetDef { name: "name", get: entry_name, set: None, doc: "the entry's base filename, relative to scandir() \"path\" argument" },
        GetSetDef { name: "path", get: entry_fspath, set: None, doc: "the entry's full path name; equivalent to os.path.join(scandir_path, entry.name)" },
    ],
    dealloc: Some(entry_dealloc),
    ..TypeSpec::DEFAULT
};
