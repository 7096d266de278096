//! Socket addresses: from Python's tuples and back.

use std::mem::{offset_of, size_of};

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::{buffer, convert};
use pyrt_runtime::types::tuple::{self, TupleObject};
use pyrt_runtime::types::type_object::TYPE_TUPLE_SUBCLASS;
use pyrt_runtime::types::{bytes, int, string};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::resolve::{self, host_text};
use crate::posix::path;

/// Room for an address of any family, and how much of it is used.
pub struct Address {
    pub storage: libc::sockaddr_storage,
    pub len: libc::socklen_t,
}

impl Address {
    pub fn empty() -> Address {
        // SAFETY: all-zero is a valid storage.
        Address { storage: unsafe { std::mem::zeroed() }, len: size_of::<libc::sockaddr_storage>() as libc::socklen_t }
    }

    /// An address of one family's form.
    fn of<T: Copy>(value: T, len: usize) -> Address {
        let mut address = Address::empty();
        const { assert!(size_of::<T>() <= size_of::<libc::sockaddr_storage>()) };
        // SAFETY: the storage has room and fits the alignment of all forms.
        unsafe { (&raw mut address.storage).cast::<T>().write(value) };
        address.len = len as libc::socklen_t;
        address
    }

    pub fn as_ptr(&self) -> *const libc::sockaddr {
        (&raw const self.storage).cast()
    }

    pub fn as_mut_ptr(&mut self) -> *mut libc::sockaddr {
        (&raw mut self.storage).cast()
    }

    pub fn family(&self) -> i32 {
        i32::from(self.storage.ss_family)
    }

    /// The address in one family's form.
    fn read<T: Copy>(&self) -> T {
        const { assert!(size_of::<T>() <= size_of::<libc::sockaddr_storage>()) };
        // SAFETY: the storage is large enough, and the forms are plain numbers.
        unsafe { (&raw const self.storage).cast::<T>().read() }
    }

    /// As Python has it.
    pub fn to_object(&self, protocol: i32) -> Owned {
        let _ = protocol;
        let number = |number: i64| Owned::int(number);
        if self.len == 0 {
            // Connected streams do not say who has sent.
            return Owned::none();
        }
        match self.family() {
            libc::AF_INET => {
                let form: libc::sockaddr_in = self.read();
                tuple::pack([resolve::ipv4_text(form.sin_addr), number(i64::from(u16::from_be(form.sin_port)))])
            }
            libc::AF_INET6 => {
                let form: libc::sockaddr_in6 = self.read();
                tuple::pack([
                    resolve::ipv6_text(form.sin6_addr),
                    number(i64::from(u16::from_be(form.sin6_port))),
                    number(i64::from(u32::from_be(form.sin6_flowinfo))),
                    number(i64::from(form.sin6_scope_id)),
                ])
            }
            libc::AF_UNIX => {
                let form: libc::sockaddr_un = self.read();
                let all: Vec<u8> = form.sun_path.iter().map(|ch| *ch as u8).collect();
                let used = (self.len as usize).saturating_sub(offset_of!(libc::sockaddr_un, sun_path)).min(all.len());
                if used > 0 && all[0] == 0 {
                    return bytes::from_slice(&all[..used]);
                }
                let end = all[..used].iter().position(|byte| *byte == 0).unwrap_or(used);
                path::decode(&all[..end])
            }
            libc::AF_NETLINK => {
                let form: libc::sockaddr_nl = self.read();
                tuple::pack([number(i64::from(form.nl_pid)), number(i64::from(form.nl_groups))])
            }
            libc::AF_VSOCK => {
                let form: libc::sockaddr_vm = self.read();
                tuple::pack([number(i64::from(form.svm_cid)), number(i64::from(form.svm_port))])
            }
            libc::AF_PACKET => {
                let form: libc::sockaddr_ll = self.read();
                let n = usize::from(form.sll_halen).min(form.sll_addr.len());
                tuple::pack([
                    resolve::interface_name(form.sll_ifindex as u32).map_or_else(string::empty, |name| path::decode(&name)),
                    number(i64::from(u16::from_be(form.sll_protocol))),
                    number(i64::from(form.sll_pkttype)),
                    number(i64::from(form.sll_hatype)),
                    bytes::from_slice(&form.sll_addr[..n]),
                ])
            }
            libc::AF_CAN => {
                let form: libc::sockaddr_can = self.read();
                let name = resolve::interface_name(form.can_ifindex as u32).map_or_else(string::empty, |name| path::decode(&name));
                tuple::pack([name])
            }
            family => {
                // SAFETY: as many bytes of the storage as the system says it has filled.
                let data = unsafe {
                    let from = (&raw const self.storage).cast::<u8>();
                    std::slice::from_raw_parts(from.add(2), (self.len as usize).saturating_sub(2).min(size_of::<libc::sockaddr_storage>() - 2))
                };
                tuple::pack([number(i64::from(family)), bytes::from_slice(data)])
            }
        }
    }
}

fn items<'a>(value: Value) -> Option<&'a [Value]> {
    let is_tuple = value.is_pointer() && value.type_has_flag(TYPE_TUPLE_SUBCLASS);
    is_tuple.then(|| TupleObject::of(value).items())
}

fn must_be_tuple(value: Value, caller: &str, family: &str, thread: &mut Thread) -> Raised {
    let name = value.type_object().full_name();
    thread.raise_type_error(format!("{caller}(): {family} address must be tuple, not {name}"))
}

/// A port number.
fn port(value: Value, caller: &str, thread: &mut Thread) -> PyResult<u16> {
    let number = convert::index(value, thread)?;
    match int::as_i64(*number).and_then(|number| u16::try_from(number).ok()) {
        Some(port) => Ok(port),
        None => Err(thread.raise(&exc::OVERFLOW_ERROR, format!("{caller}(): port must be 0-65535."))),
    }
}

fn unsigned(value: Value, thread: &mut Thread) -> PyResult<u32> {
    let number = convert::index(value, thread)?;
    Ok(int::as_i64(*number).unwrap_or(0) as u32)
}

/// The address that an object means for a socket of a family.
pub fn from_object(value: Value, family: i32, protocol: i32, caller: &str, thread: &mut Thread) -> PyResult<Address> {
    let _ = protocol;
    match family {
        libc::AF_UNIX => unix(value, thread),
        libc::AF_INET => {
            let Some(items) = items(value) else { return Err(must_be_tuple(value, caller, "AF_INET", thread)) };
            let [host, port_value] = items else {
                return Err(thread.raise_type_error("AF_INET address must be a pair (host, port)"));
            };
            let host = host_text(*host, thread)?;
            let port = port(*port_value, caller, thread)?;
            let found = resolve::ip_address(&host, libc::AF_INET, thread)?;
            let mut form: libc::sockaddr_in = found.read();
            form.sin_family = libc::AF_INET as libc::sa_family_t;
            form.sin_port = port.to_be();
            Ok(Address::of(form, size_of::<libc::sockaddr_in>()))
        }
        libc::AF_INET6 => {
            let Some(items) = items(value) else { return Err(must_be_tuple(value, caller, "AF_INET6", thread)) };
            if !(2..=4).contains(&items.len()) {
                return Err(thread.raise_type_error("AF_INET6 address must be a tuple (host, port[, flowinfo[, scopeid]])"));
            }
            let host = host_text(items[0], thread)?;
            let port = port(items[1], caller, thread)?;
            let flow = items.get(2).map_or(Ok(0), |flow| unsigned(*flow, thread))?;
            let scope = items.get(3).map_or(Ok(0), |scope| unsigned(*scope, thread))?;
            if flow > 0xF_FFFF {
                return Err(thread.raise(&exc::OVERFLOW_ERROR, format!("{caller}(): flowinfo must be 0-1048575.")));
            }
            let found = resolve::ip_address(&host, libc::AF_INET6, thread)?;
            let mut form: libc::sockaddr_in6 = found.read();
            form.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            form.sin6_port = port.to_be();
            form.sin6_flowinfo = flow.to_be();
            form.sin6_scope_id = scope;
            Ok(Address::of(form, size_of::<libc::sockaddr_in6>()))
        }
        libc::AF_NETLINK => {
            let Some(items) = items(value) else {
                let name = value.type_object().full_name();
                return Err(thread.raise_type_error(format!("{caller}(): AF_NETLINK address must be tuple, not {name}")));
            };
            let [pid, groups] = items else { return Err(thread.raise_type_error("AF_NETLINK address must be a pair (pid, groups)")) };
            // SAFETY: all-zero is a valid address.
            let mut form: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
            form.nl_family = libc::AF_NETLINK as libc::sa_family_t;
            form.nl_pid = unsigned(*pid, thread)?;
            form.nl_groups = unsigned(*groups, thread)?;
            Ok(Address::of(form, size_of::<libc::sockaddr_nl>()))
        }
        libc::AF_VSOCK => {
            let Some(items) = items(value) else {
                let name = value.type_object().full_name();
                return Err(thread.raise_type_error(format!("AF_VSOCK address must be tuple, not {name}")));
            };
            let [cid, port] = items else { return Err(thread.raise_type_error("AF_VSOCK address must be a pair (CID, port)")) };
            // SAFETY: all-zero is a valid address.
            let mut form: libc::sockaddr_vm = unsafe { std::mem::zeroed() };
            form.svm_family = libc::AF_VSOCK as libc::sa_family_t;
            form.svm_cid = unsigned(*cid, thread)?;
            form.svm_port = unsigned(*port, thread)?;
            Ok(Address::of(form, size_of::<libc::sockaddr_vm>()))
        }
        libc::AF_PACKET => packet(value, caller, thread),
        libc::AF_CAN => {
            let Some([name, ..]) = items(value) else { return Err(must_be_tuple(value, caller, "AF_CAN", thread)) };
            let name = path::fs_encode(*name, thread)?;
            // SAFETY: all-zero is a valid address.
            let mut form: libc::sockaddr_can = unsafe { std::mem::zeroed() };
            form.can_family = libc::AF_CAN as libc::sa_family_t;
            form.can_ifindex = interface_index(&name, thread)? as i32;
            Ok(Address::of(form, size_of::<libc::sockaddr_can>()))
        }
        libc::AF_ALG => algorithm(value, caller, thread),
        _ => Err(thread.raise(&exc::OS_ERROR, format!("{caller}(): bad family"))),
    }
}

fn interface_index(name: &std::ffi::CStr, thread: &mut Thread) -> PyResult<u32> {
    if name.is_empty() {
        return Ok(0);
    }
    // SAFETY: a terminated name.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    if index == 0 { Err(thread.raise_errno()) } else { Ok(index) }
}

fn unix(value: Value, thread: &mut Thread) -> PyResult<Address> {
    let name = if string::is_str(value) {
        path::encode(value, thread)?
    } else {
        buffer::copy_bytes(value, thread)?
    };
    // SAFETY: all-zero is a valid address.
    let mut form: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    form.sun_family = libc::AF_UNIX as libc::sa_family_t;
    let is_abstract = name.first() == Some(&0);
    let room = form.sun_path.len();
    // A name in the file system is terminated.
    if name.len() > room || !is_abstract && name.len() >= room {
        return Err(thread.raise(&exc::OS_ERROR, "AF_UNIX path too long"));
    }
    for (to, from) in form.sun_path.iter_mut().zip(&name) {
        *to = *from as libc::c_char;
    }
    let extra = usize::from(!is_abstract && !name.is_empty());
    Ok(Address::of(form, offset_of!(libc::sockaddr_un, sun_path) + name.len() + extra))
}

fn packet(value: Value, caller: &str, thread: &mut Thread) -> PyResult<Address> {
    let Some(items) = items(value) else { return Err(must_be_tuple(value, caller, "AF_PACKET", thread)) };
    if !(2..=5).contains(&items.len()) {
        return Err(thread.raise_type_error("AF_PACKET address must be a tuple of two to five elements"));
    }
    let name = path::fs_encode(items[0], thread)?;
    let protocol = convert::as_c_int(items[1], thread)?;
    let Ok(protocol) = u16::try_from(protocol) else {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, format!("{caller}(): proto must be 0-65535.")));
    };
    // SAFETY: all-zero is a valid address.
    let mut form: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    form.sll_family = libc::AF_PACKET as u16;
    form.sll_protocol = protocol.to_be();
    form.sll_ifindex = interface_index(&name, thread)? as i32;
    form.sll_pkttype = items.get(2).map_or(Ok(0), |kind| convert::as_c_int(*kind, thread))? as u8;
    form.sll_hatype = items.get(3).map_or(Ok(0), |kind| convert::as_c_int(*kind, thread))? as u16;
    if let Some(hardware) = items.get(4) {
        let hardware = buffer::copy_bytes(*hardware, thread)?;
        if hardware.len() > form.sll_addr.len() {
            return Err(thread.raise_value_error("Hardware address must be 8 bytes or less"));
        }
        form.sll_addr[..hardware.len()].copy_from_slice(&hardware);
        form.sll_halen = hardware.len() as u8;
    }
    Ok(Address::of(form, size_of::<libc::sockaddr_ll>()))
}

fn algorithm(value: Value, caller: &str, thread: &mut Thread) -> PyResult<Address> {
    let Some(items) = items(value) else { return Err(must_be_tuple(value, caller, "AF_ALG", thread)) };
    if !(2..=4).contains(&items.len()) {
        return Err(thread.raise_type_error("AF_ALG address must have two to four elements"));
    }
    let (kind, name) = (path::fs_encode(items[0], thread)?, path::fs_encode(items[1], thread)?);
    // SAFETY: all-zero is a valid address.
    let mut form: libc::sockaddr_alg = unsafe { std::mem::zeroed() };
    form.salg_family = libc::AF_ALG as u16;
    if kind.as_bytes().len() >= form.salg_type.len() {
        return Err(thread.raise_value_error("AF_ALG type too long."));
    }
    if name.as_bytes().len() >= form.salg_name.len() {
        return Err(thread.raise_value_error("AF_ALG name too long."));
    }
    form.salg_type[..kind.as_bytes().len()].copy_from_slice(kind.as_bytes());
    form.salg_name[..name.as_bytes().len()].copy_from_slice(name.as_bytes());
    form.salg_feat = items.get(2).map_or(Ok(0), |feature| unsigned(*feature, thread))?;
    form.salg_mask = items.get(3).map_or(Ok(0), |mask| unsigned(*mask, thread))?;
    Ok(Address::of(form, size_of::<libc::sockaddr_alg>()))
}
