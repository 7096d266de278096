//! Users and groups of the process.

use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{convert, iterate};
use pyrt_runtime::types::{list, tuple};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::files::id_number;
use super::path::fs_encode;
use crate::system_call::none_or_errno;

fn id(number: u32) -> Owned {
    Owned::int(i64::from(number))
}

macro_rules! three_ids {
    ($($name:ident)*) => {$(
        pub fn $name(_module: Value, thread: &mut Thread) -> PyResult {
            let (mut real, mut effective, mut saved) = (0, 0, 0);
            // SAFETY: room for three numbers.
            if unsafe { libc::$name(&raw mut real, &raw mut effective, &raw mut saved) } < 0 {
                return Err(thread.raise_errno());
            }
            Ok(tuple::pack([id(real), id(effective), id(saved)]))
        }
    )*};
}

three_ids! { getresuid getresgid }

pub fn getgrouplist(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let user = fs_encode(args.at(0), thread)?;
    let group = id_number(args.at(1), "gid", thread)?;
    let mut room = 64;
    loop {
        let mut groups: Vec<libc::gid_t> = vec![0; room as usize];
        let mut n = room;
        // SAFETY: terminated name; room as said.
        if unsafe { libc::getgrouplist(user.as_ptr(), group, groups.as_mut_ptr(), &raw mut n) } >= 0 {
            groups.truncate(n.max(0) as usize);
            return Ok(list::from_vec(groups.into_iter().map(id).collect()));
        }
        if room > 1 << 20 {
            return Err(thread.raise_errno());
        }
        room = n.max(room * 2);
    }
}

pub fn initgroups(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let user = fs_encode(args.at(0), thread)?;
    let group = id_number(args.at(1), "gid", thread)?;
    // SAFETY: a terminated name.
    none_or_errno(unsafe { libc::initgroups(user.as_ptr(), group) }, thread)
}

pub fn setgroups(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let sequence = args.at(0);
    if !super::spawn::is_sequence(sequence) {
        return Err(thread.raise_type_error("setgroups argument must be a sequence"));
    }
    let mut groups = Vec::new();
    for item in iterate::collect(sequence, thread)? {
        if !convert::is_int(*item) {
            return Err(thread.raise_type_error("groups must be integers"));
        }
        groups.push(id_number(*item, "gid", thread)?);
    }
    if groups.len() > 65536 {
        return Err(thread.raise_value_error("too many groups"));
    }
    // SAFETY: as many numbers as said.
    none_or_errno(unsafe { libc::setgroups(groups.len(), groups.as_ptr()) }, thread)
}
