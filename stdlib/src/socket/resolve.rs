//! Names and numbers of hosts, services, protocols and interfaces.

use std::ffi::{CStr, CString};

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{buffer, call, convert};
use pyrt_runtime::sync::LeafMutex;
use pyrt_runtime::types::tuple::{self, TupleObject};
use pyrt_runtime::types::type_object::TYPE_TUPLE_SUBCLASS;
use pyrt_runtime::types::{bytes, int, list, string};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::address::Address;
use crate::posix::path;
use crate::system_call::last_errno;

/// A host argument: ASCII as it is, other text in the encoding "idna".
pub fn host_text(value: Value, thread: &mut Thread) -> PyResult<CString> {
    let name = if string::is_str(value) {
        match string::StrObject::of(value).as_ascii() {
            Some(text) => text.as_bytes().to_vec(),
            None => {
                let encoded = pyrt_runtime::codecs::registry::encode(value, "idna", None, thread)?;
                buffer::copy_bytes(*encoded, thread)?
            }
        }
    } else if bytes::is_bytes(value) || pyrt_runtime::types::bytearray::is_bytearray(value) {
        buffer::copy_bytes(value, thread)?
    } else {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("str, bytes or bytearray expected, not {name}")));
    };
    CString::new(name).map_err(|_| thread.raise_type_error("host name must not contain null character"))
}

pub fn ipv4_text(address: libc::in_addr) -> Owned {
    Owned::str(&std::net::Ipv4Addr::from(u32::from_be(address.s_addr)).to_string())
}

pub fn ipv6_text(address: libc::in6_addr) -> Owned {
    ntop(libc::AF_INET6, (&raw const address).cast())
}

/// The text of an address of the C library's form.
fn ntop(family: i32, address: *const libc::c_void) -> Owned {
    let mut text = [0 as libc::c_char; 64];
    // SAFETY: an address of the family; more room than any text takes; the result is terminated.
    unsafe {
        inet_ntop(family, address, text.as_mut_ptr(), text.len() as libc::socklen_t);
        path::decode(CStr::from_ptr(text.as_ptr()).to_bytes())
    }
}

/// `socket.gaierror`, or what the system says.
fn resolver_error(code: i32, thread: &mut Thread) -> Raised {
    if code == libc::EAI_SYSTEM {
        return thread.raise_errno();
    }
    // SAFETY: a terminated text that stays.
    let text = unsafe { CStr::from_ptr(libc::gai_strerror(code)) }.to_string_lossy().into_owned();
    super::raise_pair(&super::GAI_ERROR, code, &text, thread)
}

/// Answers of the resolver, given back when dropped.
struct Answers(*mut libc::addrinfo);

impl Drop for Answers {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the resolver's list.
            unsafe { libc::freeaddrinfo(self.0) };
        }
    }
}

fn ask(host: Option<&CStr>, service: Option<&CStr>, hints: libc::addrinfo, thread: &mut Thread) -> PyResult<Answers> {
    let mut found: *mut libc::addrinfo = std::ptr::null_mut();
    let (host, service) = (host.map_or(std::ptr::null(), CStr::as_ptr), service.map_or(std::ptr::null(), CStr::as_ptr));
    let to = &raw mut found;
    // SAFETY: terminated texts or null.
    let code = thread.detached(|| unsafe { libc::getaddrinfo(host, service, &raw const hints, to) });
    let answers = Answers(found);
    if code != 0 { Err(resolver_error(code, thread)) } else { Ok(answers) }
}

fn blank_hints() -> libc::addrinfo {
    // SAFETY: all-zero are valid hints.
    unsafe { std::mem::zeroed() }
}

fn copy_address(answer: &libc::addrinfo) -> Address {
    let mut address = Address::empty();
    let n = (answer.ai_addrlen as usize).min(size_of::<libc::sockaddr_storage>());
    if !answer.ai_addr.is_null() {
        // SAFETY: as many bytes as the answer says; there is room.
        unsafe { std::ptr::copy_nonoverlapping(answer.ai_addr.cast::<u8>(), (&raw mut address.storage).cast::<u8>(), n) };
    }
    address.len = n as libc::socklen_t;
    address
}

/// The address of a host: a number, a name, nothing for any, `<broadcast>`.
pub fn ip_address(name: &CStr, family: i32, thread: &mut Thread) -> PyResult<Address> {
    let mut hints = blank_hints();
    hints.ai_family = family;
    if name.is_empty() {
        hints.ai_socktype = libc::SOCK_DGRAM;
        hints.ai_flags = libc::AI_PASSIVE;
        let answers = ask(None, Some(c"0"), hints, thread)?;
        // SAFETY: the list holds an answer.
        return Ok(copy_address(unsafe { &*answers.0 }));
    }
    let broadcast;
    let mut name = name;
    if name.to_bytes() == b"<broadcast>" || name.to_bytes() == b"255.255.255.255" {
        if family == libc::AF_INET6 {
            return Err(thread.raise(&exc::OS_ERROR, "address family mismatched"));
        }
        broadcast = c"255.255.255.255".to_owned();
        name = &broadcast;
        hints.ai_flags = libc::AI_NUMERICHOST;
    }
    let answers = ask(Some(name), None, hints, thread)?;
    // SAFETY: the list holds an answer.
    Ok(copy_address(unsafe { &*answers.0 }))
}

/// `None`, str or bytes as the name of a host or a service.
fn optional_name(value: Value, thread: &mut Thread) -> PyResult<Option<CString>> {
    if value.is_none() { Ok(None) } else { host_text(value, thread).map(Some) }
}

pub fn getaddrinfo(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (host, port) = (args.at(0), args.at(1));
    if !host.is_none() && !string::is_str(host) && !bytes::is_bytes(host) {
        return Err(thread.raise_type_error("getaddrinfo() argument 1 must be string or None"));
    }
    let host = optional_name(host, thread)?;
    let service = if convert::is_int(port) {
        let text = convert::str_text(*int_of(port), thread)?;
        CString::new(text).ok()
    } else if port.is_none() || string::is_str(port) || bytes::is_bytes(port) {
        if string::is_str(port) {
            Some(path::fs_encode(port, thread)?)
        } else {
            optional_name(port, thread)?
        }
    } else {
        return Err(thread.raise(&exc::OS_ERROR, "Int or String expected"));
    };
    let mut hints = blank_hints();
    let number = |i: usize, thread: &mut Thread| crate::system_call::c_int_or(args.get(i), 0, thread);
    hints.ai_family = number(2, thread)?;
    hints.ai_socktype = number(3, thread)?;
    hints.ai_protocol = number(4, thread)?;
    hints.ai_flags = number(5, thread)?;
    let answers = ask(host.as_deref(), service.as_deref(), hints, thread)?;
    let mut all = Vec::new();
    let mut at = answers.0;
    while !at.is_null() {
        // SAFETY: the resolver's list, and terminated names in it.
        let answer = unsafe { &*at };
        let name = if answer.ai_canonname.is_null() {
            string::empty()
        } else {
            // SAFETY: as above.
            path::decode(unsafe { CStr::from_ptr(answer.ai_canonname) }.to_bytes())
        };
        let address = copy_address(answer).to_object(answer.ai_protocol);
        let int = |number: i32| Owned::int(i64::from(number));
        all.push(tuple::pack([int(answer.ai_family), int(answer.ai_socktype), int(answer.ai_protocol), name, address]));
        at = answer.ai_next;
    }
    Ok(list::from_vec(all))
}

/// The plain int of an int or a subclass's instance.
fn int_of(value: Value) -> Owned {
    int::exact(value)
}

pub fn getnameinfo(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let target = args.at(0);
    let flags = convert::as_c_int(args.at(1), thread)?;
    if !(target.is_pointer() && target.type_has_flag(TYPE_TUPLE_SUBCLASS)) {
        return Err(thread.raise_type_error("getnameinfo() argument 1 must be a tuple"));
    }
    let items = TupleObject::of(target).items();
    if !(2..=4).contains(&items.len()) || !string::is_str(items[0]) {
        return Err(thread.raise_type_error("getnameinfo(): illegal sockaddr argument"));
    }
    let number = |i: usize, thread: &mut Thread| items.get(i).map_or(Ok(0), |value| convert::as_c_int(*value, thread));
    let (port, flow, scope) = (number(1, thread)?, number(2, thread)?, number(3, thread)?);
    if !(0..=0xF_FFFF).contains(&flow) {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "getnameinfo(): flowinfo must be 0-1048575."));
    }
    let host = host_text(items[0], thread)?;
    let service = CString::new(port.to_string()).unwrap_or_default();
    let mut hints = blank_hints();
    hints.ai_socktype = libc::SOCK_DGRAM;
    hints.ai_flags = libc::AI_NUMERICHOST;
    let answers = ask(Some(&host), Some(&service), hints, thread)?;
    // SAFETY: the list holds an answer.
    let first = unsafe { &*answers.0 };
    if !first.ai_next.is_null() {
        return Err(thread.raise(&exc::OS_ERROR, "sockaddr resolved to multiple addresses"));
    }
    let mut address = copy_address(first);
    match address.family() {
        libc::AF_INET if items.len() != 2 => return Err(thread.raise(&exc::OS_ERROR, "IPv4 sockaddr must be 2 tuple")),
        libc::AF_INET6 => {
            let form = address.as_mut_ptr().cast::<libc::sockaddr_in6>();
            // SAFETY: an address of this form.
            unsafe {
                (*form).sin6_flowinfo = (flow as u32).to_be();
                (*form).sin6_scope_id = scope as u32;
            }
        }
        _ => {}
    }
    let (mut host, mut service) = ([0 as libc::c_char; 1025], [0 as libc::c_char; 32]);
    let (host_at, service_at) = (host.as_mut_ptr(), service.as_mut_ptr());
    // SAFETY: room as said.
    let code = thread.detached(|| unsafe { libc::getnameinfo(address.as_ptr(), address.len, host_at, 1025, service_at, 32, flags) });
    if code != 0 {
        return Err(resolver_error(code, thread));
    }
    // SAFETY: terminated texts.
    let (host, service) = unsafe { (CStr::from_ptr(host.as_ptr()), CStr::from_ptr(service.as_ptr())) };
    Ok(tuple::pack([path::decode(host.to_bytes()), path::decode(service.to_bytes())]))
}

pub fn gethostbyname(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = host_text(args.at(0), thread)?;
    let address = ip_address(&name, libc::AF_INET, thread)?;
    let object = address.to_object(0);
    Ok(TupleObject::of(*object).item(0).to_owned())
}

unsafe extern "C" {
    fn gethostbyname2_r(
        name: *const libc::c_char, family: libc::c_int, entry: *mut libc::hostent, texts: *mut libc::c_char, room: libc::size_t,
        found: *mut *mut libc::hostent, h_errno: *mut libc::c_int,
    ) -> libc::c_int;
    fn gethostbyaddr_r(
        address: *const libc::c_void, len: libc::socklen_t, family: libc::c_int, entry: *mut libc::hostent, texts: *mut libc::c_char,
        room: libc::size_t, found: *mut *mut libc::hostent, h_errno: *mut libc::c_int,
    ) -> libc::c_int;
    /// The libc crate lacks these two.
    fn inet_ntop(family: libc::c_int, address: *const libc::c_void, text: *mut libc::c_char, room: libc::socklen_t) -> *const libc::c_char;
    #[link_name = "inet_pton"]
    fn c_inet_pton(family: libc::c_int, text: *const libc::c_char, address: *mut libc::c_void) -> libc::c_int;
    fn hstrerror(h_errno: libc::c_int) -> *const libc::c_char;
}

/// Name, other names, addresses of what `look_up` finds with the room it is given.
fn host_entry(
    thread: &mut Thread, mut look_up: impl FnMut(*mut libc::hostent, &mut [u8], *mut *mut libc::hostent, *mut i32) -> i32,
) -> PyResult {
    let mut room = 4096;
    loop {
        let mut texts = vec![0u8; room];
        // SAFETY: all-zero is a valid entry.
        let mut entry: libc::hostent = unsafe { std::mem::zeroed() };
        let (mut found, mut code) = (std::ptr::null_mut(), 0);
        let (place, result, number) = (&raw mut entry, &raw mut found, &raw mut code);
        let errno = thread.detached(|| look_up(place, &mut texts, result, number));
        if errno == libc::ERANGE && room < 1 << 20 {
            room *= 4;
            continue;
        }
        if found.is_null() {
            // SAFETY: a terminated text that stays.
            let text = unsafe { CStr::from_ptr(hstrerror(code)) }.to_string_lossy().into_owned();
            return Err(super::raise_pair(&super::H_ERROR, code, &text, thread));
        }
        // SAFETY: the entry is filled: terminated texts and null-terminated vectors, within `texts`.
        unsafe {
            let mut aliases = Vec::new();
            let mut at = entry.h_aliases;
            while !at.is_null() && !(*at).is_null() {
                aliases.push(path::decode(CStr::from_ptr(*at).to_bytes()));
                at = at.add(1);
            }
            let mut addresses = Vec::new();
            let mut at = entry.h_addr_list;
            while !at.is_null() && !(*at).is_null() {
                addresses.push(ntop(entry.h_addrtype, (*at).cast()));
                at = at.add(1);
            }
            let name = path::decode(CStr::from_ptr(entry.h_name).to_bytes());
            return Ok(tuple::pack([name, list::from_vec(aliases), list::from_vec(addresses)]));
        }
    }
}

pub fn gethostbyname_ex(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = host_text(args.at(0), thread)?;
    ip_address(&name, libc::AF_INET, thread)?;
    host_entry(thread, |entry, texts, found, code| {
        // SAFETY: terminated name, room as said.
        unsafe { gethostbyname2_r(name.as_ptr(), libc::AF_INET, entry, texts.as_mut_ptr().cast(), texts.len(), found, code) }
    })
}

pub fn gethostbyaddr(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = host_text(args.at(0), thread)?;
    let address = ip_address(&name, libc::AF_UNSPEC, thread)?;
    let (offset, len) = match address.family() {
        libc::AF_INET => (std::mem::offset_of!(libc::sockaddr_in, sin_addr), 4),
        libc::AF_INET6 => (std::mem::offset_of!(libc::sockaddr_in6, sin6_addr), 16),
        _ => return Err(thread.raise(&exc::OS_ERROR, "unsupported address family")),
    };
    let family = address.family();
    host_entry(thread, |entry, texts, found, code| {
        // SAFETY: an address of the family, room as said.
        unsafe {
            let from = address.as_ptr().cast::<u8>().add(offset);
            gethostbyaddr_r(from.cast(), len, family, entry, texts.as_mut_ptr().cast(), texts.len(), found, code)
        }
    })
}

pub fn gethostname(_module: Value, thread: &mut Thread) -> PyResult {
    let mut name = [0 as libc::c_char; 1024];
    // SAFETY: room as said, with a zero to spare.
    unsafe {
        if libc::gethostname(name.as_mut_ptr(), name.len() - 1) < 0 {
            return Err(thread.raise_errno());
        }
        Ok(path::decode(CStr::from_ptr(name.as_ptr()).to_bytes()))
    }
}

pub fn sethostname(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = path::fs_encode(args.at(0), thread)?;
    // SAFETY: as many bytes as said.
    crate::system_call::none_or_errno(unsafe { libc::sethostname(name.as_ptr(), name.as_bytes().len()) }, thread)
}

/// The C library's entries of services and protocols belong to whoever has asked last.
static ENTRIES: LeafMutex<()> = LeafMutex::new(());

fn optional_text(value: Option<Value>, thread: &mut Thread) -> PyResult<Option<CString>> {
    match value {
        Some(value) => path::fs_encode(value, thread).map(Some),
        None => Ok(None),
    }
}

pub fn getservbyname(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = path::fs_encode(args.at(0), thread)?;
    let protocol = optional_text(args.get(1), thread)?;
    let port = {
        let _asking = ENTRIES.lock();
        // SAFETY: terminated texts or null; the entry is read before the next call.
        unsafe {
            let entry = libc::getservbyname(name.as_ptr(), protocol.as_ref().map_or(std::ptr::null(), |text| text.as_ptr()));
            entry.as_ref().map(|entry| u16::from_be(entry.s_port as u16))
        }
    };
    port.map(|port| Owned::int(i64::from(port))).ok_or_else(|| thread.raise(&exc::OS_ERROR, "service/proto not found"))
}

pub fn getservbyport(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let port = convert::as_c_int(args.at(0), thread)?;
    let Ok(port) = u16::try_from(port) else {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "getservbyport: port must be 0-65535."));
    };
    let protocol = optional_text(args.get(1), thread)?;
    let name = {
        let _asking = ENTRIES.lock();
        // SAFETY: terminated text or null; the entry is read before the next call.
        unsafe {
            let entry = libc::getservbyport(i32::from(port.to_be()), protocol.as_ref().map_or(std::ptr::null(), |text| text.as_ptr()));
            entry.as_ref().map(|entry| path::decode(CStr::from_ptr(entry.s_name).to_bytes()))
        }
    };
    name.ok_or_else(|| thread.raise(&exc::OS_ERROR, "port/proto not found"))
}

pub fn getprotobyname(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = path::fs_encode(args.at(0), thread)?;
    let number = {
        let _asking = ENTRIES.lock();
        // SAFETY: a terminated text; the entry is read before the next call.
        unsafe { libc::getprotobyname(name.as_ptr()).as_ref().map(|entry| entry.p_proto) }
    };
    number.map(|number| Owned::int(i64::from(number))).ok_or_else(|| thread.raise(&exc::OS_ERROR, "protocol not found"))
}

/// The name of a network interface.
pub fn interface_name(index: u32) -> Option<Vec<u8>> {
    let mut name = [0 as libc::c_char; libc::IF_NAMESIZE];
    // SAFETY: room as said; the result is terminated.
    unsafe {
        let found = libc::if_indextoname(index, name.as_mut_ptr());
        (!found.is_null()).then(|| CStr::from_ptr(name.as_ptr()).to_bytes().to_vec())
    }
}

pub fn if_nameindex(_module: Value, thread: &mut Thread) -> PyResult {
    let mut all = Vec::new();
    // SAFETY: a list that ends with index 0, given back at the end.
    unsafe {
        let first = libc::if_nameindex();
        if first.is_null() {
            return Err(thread.raise_errno());
        }
        let mut at = first;
        while (*at).if_index != 0 {
            all.push(tuple::pack([Owned::int(i64::from((*at).if_index)), path::decode(CStr::from_ptr((*at).if_name).to_bytes())]));
            at = at.add(1);
        }
        libc::if_freenameindex(first);
    }
    Ok(list::from_vec(all))
}

pub fn if_nametoindex(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = path::fs_encode(args.at(0), thread)?;
    // SAFETY: a terminated name.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    if index == 0 { Err(thread.raise_errno()) } else { Ok(Owned::int(i64::from(index))) }
}

pub fn if_indextoname(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let number = convert::index(args.at(0), thread)?;
    if int::is_negative(*number) {
        return Err(thread.raise_value_error("Cannot convert negative int"));
    }
    let Some(index) = int::as_i64(*number).and_then(|number| u32::try_from(number).ok()) else {
        return Err(thread.raise(&exc::OVERFLOW_ERROR, "Python int too large to convert to C unsigned int"));
    };
    match interface_name(index) {
        Some(name) => Ok(path::decode(&name)),
        None => Err(thread.raise_os_error(last_errno(), None, None)),
    }
}

pub fn inet_aton(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let text = path::fs_encode(args.at(0), thread)?;
    let mut address = libc::in_addr { s_addr: 0 };
    unsafe extern "C" {
        #[link_name = "inet_aton"]
        fn c_inet_aton(text: *const libc::c_char, to: *mut libc::in_addr) -> libc::c_int;
    }
    // SAFETY: a terminated text, room for the address.
    if unsafe { c_inet_aton(text.as_ptr(), &raw mut address) } == 0 {
        return Err(thread.raise(&exc::OS_ERROR, "illegal IP address string passed to inet_aton"));
    }
    Ok(bytes::from_slice(&address.s_addr.to_ne_bytes()))
}

pub fn inet_ntoa(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let packed = buffer::copy_bytes(args.at(0), thread)?;
    let Ok(packed) = <[u8; 4]>::try_from(packed) else {
        return Err(thread.raise(&exc::OS_ERROR, "packed IP wrong length for inet_ntoa"));
    };
    Ok(ipv4_text(libc::in_addr { s_addr: u32::from_ne_bytes(packed) }))
}

pub fn inet_pton(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let family = convert::as_c_int(args.at(0), thread)?;
    let text = path::fs_encode(args.at(1), thread)?;
    let mut packed = [0u8; 16];
    // SAFETY: a terminated text, room for any address.
    let result = unsafe { c_inet_pton(family, text.as_ptr(), packed.as_mut_ptr().cast()) };
    match (result, family) {
        (-1, _) => Err(thread.raise_errno()),
        (0, _) => Err(thread.raise(&exc::OS_ERROR, "illegal IP address string passed to inet_pton")),
        (_, libc::AF_INET) => Ok(bytes::from_slice(&packed[..4])),
        _ => Ok(bytes::from_slice(&packed)),
    }
}

pub fn inet_ntop_object(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let family = convert::as_c_int(args.at(0), thread)?;
    let packed = buffer::copy_bytes(args.at(1), thread)?;
    let expected = match family {
        libc::AF_INET => 4,
        libc::AF_INET6 => 16,
        _ => return Err(thread.raise_value_error(format!("unknown address family {family}"))),
    };
    if packed.len() != expected {
        return Err(thread.raise_value_error("invalid length of packed IP address string"));
    }
    Ok(ntop(family, packed.as_ptr().cast()))
}

/// Calls a class with a number and a text.
pub fn make_pair(class: Value, code: i32, text: &str, thread: &mut Thread) -> PyResult {
    call::call(class, &[*Owned::int(i64::from(code)), *Owned::str(text)], thread)
}
