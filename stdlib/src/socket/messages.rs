//! Messages with control data.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::buffer::{self, Buffer, WRITABLE};
use pyrt_runtime::protocol::{convert, iterate};
use pyrt_runtime::types::tuple;
use pyrt_runtime::types::{bytes, list};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::address::{Address, from_object};
use super::object::{limited, of, room_for};
use crate::system_call::c_int_or;

/// The most that a control message's length may be.
const MOST: i64 = 0x7FFF_FFFF;

fn control_length(value: Value, function: &str, extra: u32, thread: &mut Thread) -> PyResult<u32> {
    let length = convert::index_as_i64(value, thread, Some(&exc::OVERFLOW_ERROR))?;
    if !(0..=MOST - i64::from(extra)).contains(&length) {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, format!("{function}() argument out of range")));
    }
    Ok(length as u32)
}

pub fn cmsg_len(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    // SAFETY: arithmetic only.
    let length = control_length(args.at(0), "CMSG_LEN", unsafe { libc::CMSG_LEN(0) }, thread)?;
    // SAFETY: arithmetic only.
    Ok(Owned::int(i64::from(unsafe { libc::CMSG_LEN(length) })))
}

pub fn cmsg_space(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    // SAFETY: arithmetic only.
    let length = control_length(args.at(0), "CMSG_SPACE", unsafe { libc::CMSG_SPACE(1) }, thread)?;
    // SAFETY: arithmetic only.
    Ok(Owned::int(i64::from(unsafe { libc::CMSG_SPACE(length) })))
}

/// Memory for control messages, aligned as they need it.
fn control_room(n: usize) -> Vec<u64> {
    vec![0; n.div_ceil(8)]
}

/// Receives into `parts`: what both forms of `recvmsg` give behind the data.
fn receive(this: Value, parts: &mut [libc::iovec], room: usize, flags: i32, thread: &mut Thread) -> PyResult<(usize, Owned, i32, Owned)> {
    let mut control = control_room(room);
    let mut address = Address::empty();
    let name_len = address.len;
    // SAFETY: all-zero is a valid header.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_name = address.as_mut_ptr().cast();
    header.msg_iov = parts.as_mut_ptr();
    header.msg_iovlen = parts.len();
    header.msg_control = if room > 0 { control.as_mut_ptr().cast() } else { std::ptr::null_mut() };
    let to = &raw mut header;
    let deadline = of(this).deadline();
    // SAFETY: everything that the header points to outlives the calls.
    let got = limited(this, false, deadline, thread, |fd| unsafe {
        (*to).msg_namelen = name_len;
        (*to).msg_controllen = room;
        libc::recvmsg(fd, to, flags)
    })?;
    let mut items = Vec::new();
    // SAFETY: the system has filled the control memory; lengths are cut to what lies within it.
    unsafe {
        let mut at = libc::CMSG_FIRSTHDR(to);
        let end = control.as_ptr() as usize + header.msg_controllen;
        while !at.is_null() {
            let data = libc::CMSG_DATA(at);
            let most = end.saturating_sub(data as usize);
            let n = ((*at).cmsg_len).saturating_sub(data as usize - at as usize);
            let n = n.min(most);
            let part = bytes::from_slice(std::slice::from_raw_parts(data, n));
            items.push(tuple::pack([Owned::int(i64::from((*at).cmsg_level)), Owned::int(i64::from((*at).cmsg_type)), part]));
            if (*at).cmsg_len < size_of::<libc::cmsghdr>() {
                break;
            }
            at = libc::CMSG_NXTHDR(to, at);
        }
    }
    address.len = header.msg_namelen.min(name_len);
    let from = address.to_object(of(this).protocol());
    Ok((got, list::from_vec(items), header.msg_flags, from))
}

fn control_argument(value: Option<Value>, thread: &mut Thread) -> PyResult<usize> {
    let room = match value {
        Some(value) => convert::index_as_i64(value, thread, Some(&exc::OVERFLOW_ERROR))?,
        None => 0,
    };
    if !(0..=MOST).contains(&room) {
        return Err(thread.raise_value_error("invalid ancillary data buffer length"));
    }
    Ok(room as usize)
}

pub fn recvmsg(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let n = convert::index_as_i64(args.at(0), thread, Some(&exc::OVERFLOW_ERROR))?;
    let Ok(n) = usize::try_from(n) else { return Err(thread.raise_value_error("negative buffer size in recvmsg()")) };
    let room = control_argument(args.get(1), thread)?;
    let flags = c_int_or(args.get(2), 0, thread)?;
    let mut data = room_for(n, thread)?;
    let mut parts = [libc::iovec { iov_base: data.as_mut_ptr().cast(), iov_len: n }];
    let (got, control, flags, from) = receive(this, &mut parts, room, flags, thread)?;
    // SAFETY: the system wrote as many bytes.
    unsafe { data.set_len(got.min(n)) };
    Ok(tuple::pack([bytes::from_vec(data), control, Owned::int(i64::from(flags)), from]))
}

/// The most parts of a message.
const MOST_PARTS: usize = 1024;

pub fn recvmsg_into(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    if !iterate::is_iterable(args.at(0)) {
        return Err(thread.raise_type_error("recvmsg_into() argument 1 must be an iterable"));
    }
    let mut targets: Vec<Buffer> = Vec::new();
    for item in iterate::collect(args.at(0), thread)? {
        match buffer::get(*item, WRITABLE, thread) {
            Ok(target) => targets.push(target),
            Err(raised) => {
                let is_mine = thread.exception_matches(&exc::BUFFER_ERROR) || thread.exception_matches(&exc::TYPE_ERROR);
                if !is_mine {
                    return Err(raised);
                }
                drop(thread.take_exception());
                return Err(thread.raise_type_error("recvmsg_into() argument 1 must be an iterable of single-segment read-write buffers"));
            }
        }
    }
    if targets.len() > MOST_PARTS {
        return Err(thread.raise(&exc::OS_ERROR, "recvmsg_into() argument 1 is too long"));
    }
    let room = control_argument(args.get(1), thread)?;
    let flags = c_int_or(args.get(2), 0, thread)?;
    let mut parts: Vec<libc::iovec> = targets.iter().map(|target| libc::iovec { iov_base: target.data.cast(), iov_len: target.len }).collect();
    let (got, control, flags, from) = receive(this, &mut parts, room, flags, thread)?;
    Ok(tuple::pack([Owned::usize(got), control, Owned::int(i64::from(flags)), from]))
}

/// A control message to be sent.
struct Control {
    level: i32,
    kind: i32,
    data: Vec<u8>,
}

fn sources(value: Value, caller: &str, thread: &mut Thread) -> PyResult<Vec<Buffer>> {
    if !iterate::is_iterable(value) {
        return Err(thread.raise_type_error(format!("{caller}() argument 1 must be an iterable")));
    }
    let mut sources = Vec::new();
    for item in iterate::collect(value, thread)? {
        sources.push(buffer::get(*item, 0, thread)?);
    }
    if sources.len() > MOST_PARTS {
        return Err(thread.raise(&exc::OS_ERROR, format!("{caller}() argument 1 is too long")));
    }
    Ok(sources)
}

fn transmit(this: Value, sources: &[Buffer], controls: &[Control], flags: i32, address: Option<&Address>, thread: &mut Thread) -> PyResult {
    // SAFETY: arithmetic only.
    let total: usize = controls.iter().map(|control| unsafe { libc::CMSG_SPACE(control.data.len() as u32) } as usize).sum();
    let mut memory = control_room(total);
    let mut parts: Vec<libc::iovec> = sources.iter().map(|source| libc::iovec { iov_base: source.data.cast(), iov_len: source.len }).collect();
    // SAFETY: all-zero is a valid header.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    if let Some(address) = address {
        header.msg_name = address.as_ptr().cast_mut().cast();
        header.msg_namelen = address.len;
    }
    header.msg_iov = parts.as_mut_ptr();
    header.msg_iovlen = parts.len();
    if total > 0 {
        header.msg_control = memory.as_mut_ptr().cast();
        header.msg_controllen = total;
        // SAFETY: the memory has room for all messages in turn.
        unsafe {
            let mut at = libc::CMSG_FIRSTHDR(&raw const header);
            for control in controls {
                if at.is_null() {
                    return Err(thread.raise(&exc::RUNTIME_ERROR, "unexpected NULL result from CMSG_FIRSTHDR() or CMSG_NXTHDR()"));
                }
                (*at).cmsg_level = control.level;
                (*at).cmsg_type = control.kind;
                (*at).cmsg_len = libc::CMSG_LEN(control.data.len() as u32) as _;
                std::ptr::copy_nonoverlapping(control.data.as_ptr(), libc::CMSG_DATA(at), control.data.len());
                at = libc::CMSG_NXTHDR(&raw const header, at);
            }
        }
    }
    let from = &raw const header;
    let deadline = of(this).deadline();
    // SAFETY: everything that the header points to outlives the calls.
    limited(this, true, deadline, thread, |fd| unsafe { libc::sendmsg(fd, from, flags) }).map(Owned::usize)
}

pub fn sendmsg(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let sources = sources(args.at(0), "sendmsg", thread)?;
    let mut controls = Vec::new();
    if let Some(items) = args.get(1) {
        if !iterate::is_iterable(items) {
            return Err(thread.raise_type_error("sendmsg() argument 2 must be an iterable"));
        }
        for item in iterate::collect(items, thread)? {
            let is_tuple = item.is_pointer() && item.type_has_flag(pyrt_runtime::types::type_object::TYPE_TUPLE_SUBCLASS);
            if !is_tuple {
                let name = item.type_object().full_name();
                return Err(thread.raise_type_error(format!("[sendmsg() ancillary data items]() argument must be tuple, not {name}")));
            }
            let [level, kind, data] = tuple::TupleObject::of(*item).items() else {
                let n = tuple::TupleObject::of(*item).len();
                return Err(thread.raise_type_error(format!("[sendmsg() ancillary data items]() argument must be tuple of length 3, not {n}")));
            };
            let control = Control {
                level: convert::as_c_int(*level, thread)?,
                kind: convert::as_c_int(*kind, thread)?,
                data: buffer::copy_bytes(*data, thread)?,
            };
            if control.data.len() as i64 >= MOST - 64 {
                return Err(thread.raise(&exc::OS_ERROR, "ancillary data item too large"));
            }
            controls.push(control);
        }
    }
    let flags = c_int_or(args.get(2), 0, thread)?;
    let address = match args.get(3).filter(|address| !address.is_none()) {
        Some(address) => Some(from_object(address, of(this).family(), of(this).protocol(), "sendmsg", thread)?),
        None => None,
    };
    transmit(this, &sources, &controls, flags, address.as_ref(), thread)
}

pub fn sendmsg_afalg(this: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    if of(this).family() != libc::AF_ALG {
        return Err(thread.raise(&exc::OS_ERROR, "algset is only supported for AF_ALG"));
    }
    let Some(operation) = args.get(1) else {
        return Err(thread.raise_type_error("Invalid or missing argument 'op'"));
    };
    let operation = convert::as_c_int(operation, thread)?;
    if operation < 0 {
        return Err(thread.raise_type_error("Invalid or missing argument 'op'"));
    }
    let mut controls = vec![Control { level: libc::SOL_ALG, kind: libc::ALG_SET_OP, data: (operation as u32).to_ne_bytes().to_vec() }];
    if let Some(vector) = args.get(2).filter(|vector| !vector.is_none()) {
        let vector = buffer::copy_bytes(vector, thread)?;
        let data = [&(vector.len() as u32).to_ne_bytes()[..], &vector].concat();
        controls.push(Control { level: libc::SOL_ALG, kind: libc::ALG_SET_IV, data });
    }
    if let Some(length) = args.get(3) {
        let length = convert::as_c_int(length, thread)?;
        if length < 0 {
            return Err(thread.raise_type_error("assoclen must be positive"));
        }
        controls.push(Control { level: libc::SOL_ALG, kind: libc::ALG_SET_AEAD_ASSOCLEN, data: (length as u32).to_ne_bytes().to_vec() });
    }
    let sources = match args.get(0) {
        Some(parts) => sources(parts, "sendmsg_afalg", thread)?,
        None => Vec::new(),
    };
    let flags = c_int_or(args.get(4), 0, thread)?;
    transmit(this, &sources, &controls, flags, None, thread)
}
