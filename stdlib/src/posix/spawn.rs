//! `posix_spawn` and `posix_spawnp`.

use std::ffi::CString;

use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{compare, convert, iterate};
use pyrt_runtime::types::tuple::TupleObject;
use pyrt_runtime::types::type_object::{TYPE_LIST_SUBCLASS, TYPE_TUPLE_SUBCLASS};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::path::{self, Accepts, Path};
use super::process::{environment_vector, pointers, string_vector};
use super::scheduling::param_of;

/// Whether a value has items by number.
pub fn is_sequence(value: Value) -> bool {
    let is_mapping = value.is_pointer() && pyrt_runtime::types::dict::is_dict(value);
    !is_mapping && value.type_object().slots.subscript.raw() != 0
}

/// A file action set or an attribute set of the C library, given back when dropped.
struct Actions(libc::posix_spawn_file_actions_t);

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: made by the init function.
        unsafe { libc::posix_spawn_file_actions_destroy(&raw mut self.0) };
    }
}

struct Attributes(libc::posix_spawnattr_t);

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: made by the init function.
        unsafe { libc::posix_spawnattr_destroy(&raw mut self.0) };
    }
}

fn check(errno: i32, thread: &mut Thread) -> Result<(), Raised> {
    if errno != 0 { Err(thread.raise_os_error(errno, None, None)) } else { Ok(()) }
}

fn argument_vector(function: &str, argv: Value, thread: &mut Thread) -> PyResult<Vec<CString>> {
    let fits = argv.is_pointer() && (argv.type_has_flag(TYPE_TUPLE_SUBCLASS) || argv.type_has_flag(TYPE_LIST_SUBCLASS));
    if !fits {
        return Err(thread.raise_type_error(format!("{function}: argv must be a tuple or list")));
    }
    let strings = string_vector(argv, thread)?;
    match strings.first() {
        None => Err(thread.raise_value_error(format!("{function}: argv must not be empty"))),
        Some(first) if first.is_empty() => Err(thread.raise_value_error(format!("{function}: argv first element cannot be empty"))),
        Some(_) => Ok(strings),
    }
}

/// Puts the actions on files into the C library's form; `names` keeps the paths alive.
fn file_actions(value: Value, names: &mut Vec<Path>, thread: &mut Thread) -> PyResult<Actions> {
    // SAFETY: all-zero until the init function has made it.
    let mut actions = unsafe {
        let mut actions: libc::posix_spawn_file_actions_t = std::mem::zeroed();
        let errno = libc::posix_spawn_file_actions_init(&raw mut actions);
        check(errno, thread)?;
        Actions(actions)
    };
    if !is_sequence(value) {
        return Err(thread.raise_type_error("file_actions must be a sequence or None"));
    }
    for action in iterate::collect(value, thread)? {
        let is_tuple = action.is_pointer() && action.type_has_flag(TYPE_TUPLE_SUBCLASS);
        if !is_tuple || TupleObject::of(*action).is_empty() {
            return Err(thread.raise_type_error("Each file_actions element must be a non-empty tuple"));
        }
        let items = TupleObject::of(*action).items();
        let to = &raw mut actions.0;
        let kind = convert::as_c_long(items[0], thread)?;
        let expect = |name: &str, n: usize, thread: &mut Thread| {
            if items.len() == n { Ok(()) } else { Err(thread.raise_type_error(format!("A {name} file_action tuple must have {n} elements"))) }
        };
        let errno = match kind {
            0 => {
                expect("open", 5, thread)?;
                let fd = convert::as_c_int(items[1], thread)?;
                let name = path::convert(items[2], Accepts::path("posix_spawn"), thread)?;
                let flags = convert::as_c_int(items[3], thread)?;
                let mode = convert::as_c_long(items[4], thread)? as libc::mode_t;
                names.push(name);
                let Some(name) = names.last() else { continue };
                // SAFETY: a terminated path that outlives the spawn.
                unsafe { libc::posix_spawn_file_actions_addopen(to, fd, name.as_ptr(), flags, mode) }
            }
            1 => {
                expect("close", 2, thread)?;
                let fd = convert::as_c_int(items[1], thread)?;
                // SAFETY: a made set.
                unsafe { libc::posix_spawn_file_actions_addclose(to, fd) }
            }
            2 => {
                expect("dup2", 3, thread)?;
                let (from, fd) = (convert::as_c_int(items[1], thread)?, convert::as_c_int(items[2], thread)?);
                // SAFETY: a made set.
                unsafe { libc::posix_spawn_file_actions_adddup2(to, from, fd) }
            }
            3 => {
                expect("closefrom", 2, thread)?;
                let fd = convert::as_c_int(items[1], thread)?;
                // SAFETY: a made set.
                unsafe { libc::posix_spawn_file_actions_addclosefrom_np(to, fd) }
            }
            _ => return Err(thread.raise_type_error("Unknown file_actions identifier")),
        };
        check(errno, thread)?;
    }
    Ok(actions)
}

/// The signals of an iterable.
fn signal_set(value: Value, thread: &mut Thread) -> PyResult<libc::sigset_t> {
    crate::signal::signal_set(value, thread)
}

/// The arguments from `setpgroup` on.
fn attributes(function: &str, args: Args<'_>, thread: &mut Thread) -> PyResult<Attributes> {
    // SAFETY: all-zero until the init function has made it.
    let mut attributes = unsafe {
        let mut attributes: libc::posix_spawnattr_t = std::mem::zeroed();
        let errno = libc::posix_spawnattr_init(&raw mut attributes);
        check(errno, thread)?;
        Attributes(attributes)
    };
    let to = &raw mut attributes.0;
    let mut flags = 0;
    let given = |i: usize| args.get(i).filter(|value| !value.is_none());
    if let Some(group) = given(4) {
        let group = convert::as_c_int(group, thread)?;
        // SAFETY: a made set, here and below.
        check(unsafe { libc::posix_spawnattr_setpgroup(to, group) }, thread)?;
        flags |= libc::POSIX_SPAWN_SETPGROUP;
    }
    if let Some(reset) = args.get(5) {
        if compare::truth(reset, thread)? {
            flags |= libc::POSIX_SPAWN_RESETIDS;
        }
    }
    if let Some(session) = args.get(6) {
        if compare::truth(session, thread)? {
            /// `POSIX_SPAWN_SETSID` of glibc.
            const SETSID: i32 = 0x80;
            flags |= SETSID;
        }
    }
    if let Some(mask) = args.get(7) {
        let set = signal_set(mask, thread)?;
        // SAFETY: as above.
        check(unsafe { libc::posix_spawnattr_setsigmask(to, &raw const set) }, thread)?;
        flags |= libc::POSIX_SPAWN_SETSIGMASK;
    }
    if let Some(defaults) = args.get(8) {
        let set = signal_set(defaults, thread)?;
        // SAFETY: as above.
        check(unsafe { libc::posix_spawnattr_setsigdefault(to, &raw const set) }, thread)?;
        flags |= libc::POSIX_SPAWN_SETSIGDEF;
    }
    if let Some(scheduler) = given(9) {
        let is_tuple = scheduler.is_pointer() && scheduler.type_has_flag(TYPE_TUPLE_SUBCLASS);
        if !is_tuple {
            return Err(thread.raise_type_error(format!("{function}: scheduler must be a tuple or None")));
        }
        let items = TupleObject::of(scheduler).items();
        if items.len() != 2 {
            return Err(thread.raise_type_error("A scheduler tuple must have two elements"));
        }
        if !items[0].is_none() {
            let policy = convert::as_c_int(items[0], thread)?;
            // SAFETY: as above.
            check(unsafe { libc::posix_spawnattr_setschedpolicy(to, policy) }, thread)?;
            flags |= libc::POSIX_SPAWN_SETSCHEDULER;
        }
        let param = param_of(items[1], thread)?;
        // SAFETY: as above.
        check(unsafe { libc::posix_spawnattr_setschedparam(to, &raw const param) }, thread)?;
        flags |= libc::POSIX_SPAWN_SETSCHEDPARAM;
    }
    // SAFETY: as above.
    check(unsafe { libc::posix_spawnattr_setflags(to, flags as libc::c_short) }, thread)?;
    Ok(attributes)
}

fn spawn(function: &'static str, searches: bool, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let path = path::convert(args.at(0), Accepts::path(function), thread)?;
    let strings = argument_vector(function, args.at(1), thread)?;
    let environment = args.at(2);
    let has_items = pyrt_runtime::types::dict::is_dict(environment)
        || pyrt_runtime::protocol::attribute::get_optional(environment, pyrt_runtime::names().items, thread)?.is_some();
    if !environment.is_none() && !has_items {
        return Err(thread.raise_type_error(format!("{function}: environment must be a mapping object or None")));
    }
    let environment = if environment.is_none() { None } else { Some(environment_vector(environment, thread)?) };
    let mut names = Vec::new();
    let actions = match args.get(3).filter(|value| !value.is_none()) {
        Some(value) => Some(file_actions(value, &mut names, thread)?),
        None => None,
    };
    let attributes = attributes(function, args, thread)?;
    let argv = pointers(&strings);
    let envp = environment.as_ref().map(|strings| pointers(strings));
    let mut pid = 0;
    let actions = actions.as_ref().map_or(std::ptr::null(), |actions| &raw const actions.0);
    // SAFETY: terminated strings and vectors, made sets; the process's own environment is what the C library keeps.
    let errno = unsafe {
        let envp = envp.as_ref().map_or(environ.cast_const().cast(), |envp| envp.as_ptr());
        let call = if searches { libc::posix_spawnp } else { libc::posix_spawn };
        call(&raw mut pid, path.as_ptr(), actions, &raw const attributes.0, argv.as_ptr().cast(), envp.cast())
    };
    drop(names);
    if errno != 0 {
        return Err(path.error(errno, thread));
    }
    Ok(Owned::int(i64::from(pid)))
}

unsafe extern "C" {
    static mut environ: *mut *mut libc::c_char;
}

pub fn posix_spawn(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    spawn("posix_spawn", false, args, thread)
}

pub fn posix_spawnp(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    spawn("posix_spawnp", true, args, thread)
}
