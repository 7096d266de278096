//! `_socket`: the system's sockets and name resolution.

mod address;
mod constants;
mod messages;
mod object;
mod resolve;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::convert;
use pyrt_runtime::types::type_object::MethodDef;
use pyrt_runtime::types::{int, module, tuple};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use crate::exception_class::ExceptionClass;
use crate::system_call::functions;

pub const MODULE: NativeModule = NativeModule { name: "_socket", initialize };

static H_ERROR: ExceptionClass = ExceptionClass::new("socket", "herror", &exc::OS_ERROR);
static GAI_ERROR: ExceptionClass = ExceptionClass::new("socket", "gaierror", &exc::OS_ERROR);

static FUNCTIONS: &[MethodDef] = functions! {
    "gethostbyname" Bound(resolve::gethostbyname) "-($module, host, /)" "The address of a host.";
    "gethostbyname_ex" Bound(resolve::gethostbyname_ex) "-($module, host, /)" "Name, other names and addresses of a host.";
    "gethostbyaddr" Bound(resolve::gethostbyaddr) "-($module, host, /)" "Name, other names and addresses of an address.";
    "gethostname" NoArgs(resolve::gethostname) "($self, /)" "This host's name.";
    "sethostname" Bound(resolve::sethostname) "-($module, name, /)" "Sets this host's name.";
    "getservbyname" Bound(resolve::getservbyname) "-($module, servicename, protocolname=<unrepresentable>, /)" "The port of a service.";
    "getservbyport" Bound(resolve::getservbyport) "-($module, port, protocolname=<unrepresentable>, /)" "The service of a port.";
    "getprotobyname" Bound(resolve::getprotobyname) "-($module, name, /)" "The number of a protocol.";
    "close" One(close) "($self, object, /)" "Closes a descriptor.";
    "dup" One(dup) "($self, object, /)" "Another descriptor of the same socket.";
    "socketpair" Bound(object::socketpair) "-($module, family=<unrepresentable>, type=<unrepresentable>, proto=<unrepresentable>, /)" "Two sockets that are connected.";
    "ntohs" Bound(swap16) "($module, integer, /)" "A 16-bit number from the network's order.";
    "ntohl" Bound(swap32) "($module, integer, /)" "A 32-bit number from the network's order.";
    "htons" Bound(swap16) "($module, integer, /)" "A 16-bit number in the network's order.";
    "htonl" Bound(swap32) "($module, integer, /)" "A 32-bit number in the network's order.";
    "inet_aton" Bound(resolve::inet_aton) "($module, ip_addr, /)" "An IPv4 address as four bytes.";
    "inet_ntoa" Bound(resolve::inet_ntoa) "($module, packed_ip, /)" "Four bytes as an IPv4 address.";
    "inet_pton" Bound(resolve::inet_pton) "-($module, family, ip, /)" "An address as bytes.";
    "inet_ntop" Bound(resolve::inet_ntop_object) "-($module, family, packed_ip, /)" "Bytes as an address.";
    "getaddrinfo" Bound(resolve::getaddrinfo) "-($module, host, port, family=0, type=0, proto=0, flags=0)" "All ways to reach a service of a host.";
    "getnameinfo" Bound(resolve::getnameinfo) "-($module, sockaddr, flags, /)" "Host and service of an address.";
    "getdefaulttimeout" NoArgs(object::getdefaulttimeout) "($self, /)" "The time limit of new sockets.";
    "setdefaulttimeout" One(object::setdefaulttimeout) "($self, object, /)" "Sets the time limit of new sockets.";
    "if_nameindex" NoArgs(resolve::if_nameindex) "($self, /)" "All network interfaces.";
    "if_nametoindex" Bound(resolve::if_nametoindex) "($module, oname, /)" "The number of a network interface.";
    "if_indextoname" Bound(resolve::if_indextoname) "($module, if_index, /)" "The name of a network interface.";
    "CMSG_LEN" Bound(messages::cmsg_len) "-($module, length, /)" "The length of a control message without padding.";
    "CMSG_SPACE" Bound(messages::cmsg_space) "-($module, length, /)" "The length of a control message with padding.";
};

fn initialize(this: Value, thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Sockets. Use the module socket."));
    module::add_functions(this, FUNCTIONS);
    for (name, value) in constants::CONSTANTS {
        module::add(this, name, Owned::int(*value));
    }
    module::add(this, "BDADDR_ANY", Owned::str("00:00:00:00:00:00"));
    module::add(this, "BDADDR_LOCAL", Owned::str("00:00:00:FF:FF:FF"));
    module::add(this, "has_ipv6", Owned::true_());
    module::add(this, "error", exc::OS_ERROR.get().value().to_owned());
    module::add(this, "timeout", exc::TIMEOUT_ERROR.get().value().to_owned());
    let (herror, gaierror) = (H_ERROR.get(thread)?.to_owned(), GAI_ERROR.get(thread)?.to_owned());
    module::add(this, "herror", herror);
    module::add(this, "gaierror", gaierror);
    module::add_type(this, &object::SOCKET);
    module::add(this, "SocketType", object::SOCKET.get().value().to_owned());
    Ok(())
}

/// Raises a class of ours with a number and a text.
fn raise_pair(class: &ExceptionClass, code: i32, text: &str, thread: &mut Thread) -> Raised {
    let made = class.get(thread).and_then(|class| resolve::make_pair(class, code, text, thread));
    match made {
        Ok(exception) => thread.raise_exception(exception),
        Err(raised) => raised,
    }
}

/// An unsigned number of so many bits.
fn unsigned(value: Value, bits: u32, thread: &mut Thread) -> PyResult<u64> {
    let number = convert::index(value, thread)?;
    if int::is_negative(*number) {
        return Err(thread.raise_value_error("Cannot convert negative int"));
    }
    match int::as_u64(*number).filter(|number| bits == 64 || number >> bits == 0) {
        Some(number) => Ok(number),
        None => Err(thread.raise(&exc::OVERFLOW_ERROR, format!("Python int too large for C uint{bits}_t"))),
    }
}

fn swap16(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let number = unsigned(args.at(0), 16, thread)? as u16;
    Ok(Owned::int(i64::from(number.to_be())))
}

fn swap32(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let number = unsigned(args.at(0), 32, thread)? as u32;
    Ok(Owned::int(i64::from(number.to_be())))
}

fn close(_module: Value, fd: Value, thread: &mut Thread) -> PyResult {
    let fd = convert::as_c_int(fd, thread)?;
    // SAFETY: a plain system call.
    let failed = thread.detached(|| unsafe { libc::close(fd) }) < 0;
    if failed && crate::system_call::last_errno() != libc::ECONNRESET {
        return Err(thread.raise_errno());
    }
    Ok(Owned::none())
}

fn dup(_module: Value, fd: Value, thread: &mut Thread) -> PyResult {
    let fd = convert::as_c_int(fd, thread)?;
    // SAFETY: a plain system call.
    let new = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) };
    if new < 0 { Err(thread.raise_errno()) } else { Ok(Owned::int(i64::from(new))) }
}

/// Two values as a tuple.
fn pair(first: Owned, second: Owned) -> Owned {
    tuple::pack([first, second])
}
