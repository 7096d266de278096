//! The module `_uuid`: identifiers made of the time and the machine's address (RFC 9562, version 1).

use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::sync::LeafMutex;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::type_object::MethodDef;
use pyrt_runtime::types::{bytes, module, tuple};

use crate::system_call::functions;

pub const MODULE: NativeModule = NativeModule { name: "_uuid", initialize };

/// What identifiers of this process have in common, and the time of the last one.
struct Clock {
    /// In units of 100 nanoseconds since the Gregorian calendar's first day.
    last: u64,
    sequence: u16,
    node: [u8; 6],
}

static CLOCK: LeafMutex<Option<Clock>> = LeafMutex::new(None);

/// From the Gregorian calendar's first day to 1970, in units of 100 nanoseconds.
const GREGORIAN_TO_UNIX: u64 = 0x01B2_1DD2_1381_4000;
/// No process but this one is asked whether it has made the same identifier.
const STATUS_UNSAFE: i64 = -1;

/// The address of the first network interface that has one.
fn hardware_address() -> Option<[u8; 6]> {
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).ok();
    let mut interfaces: Vec<(u32, [u8; 6])> = std::fs::read_dir("/sys/class/net")
        .ok()?
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let index = read(path.join("ifindex"))?.trim().parse().ok()?;
            let mut address = [0; 6];
            let text = read(path.join("address"))?;
            let mut parts = text.trim().split(':');
            for byte in &mut address {
                *byte = u8::from_str_radix(parts.next()?, 16).ok()?;
            }
            (parts.next().is_none() && address != [0; 6]).then_some((index, address))
        })
        .collect();
    interfaces.sort_unstable();
    interfaces.first().map(|(_, address)| *address)
}

fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // SAFETY: the buffer is as long as said. Without random numbers at this early moment, the time has to do.
    let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), N, libc::GRND_NONBLOCK) };
    if got != N as isize {
        let now = now().to_le_bytes();
        bytes.iter_mut().zip(now.iter().cycle()).for_each(|(byte, other)| *byte = *other);
    }
    bytes
}

fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    (since.as_nanos() / 100) as u64 + GREGORIAN_TO_UNIX
}

fn generate(clock: &mut Clock) -> [u8; 16] {
    // Two identifiers of one process never have the same time.
    clock.last = now().max(clock.last + 1);
    let time = clock.last;
    let mut identifier = [0; 16];
    identifier[..4].copy_from_slice(&(time as u32).to_be_bytes());
    identifier[4..6].copy_from_slice(&((time >> 32) as u16).to_be_bytes());
    identifier[6..8].copy_from_slice(&((time >> 48) as u16 & 0x0FFF | 0x1000).to_be_bytes());
    identifier[8..10].copy_from_slice(&(clock.sequence & 0x3FFF | 0x8000).to_be_bytes());
    identifier[10..].copy_from_slice(&clock.node);
    identifier
}

fn generate_time_safe(_module: Value, _thread: &mut Thread) -> PyResult {
    let identifier = {
        let mut place = CLOCK.lock();
        let clock = place.get_or_insert_with(|| {
            // A random node has the multicast bit, which no hardware address has.
            let node = hardware_address().unwrap_or_else(|| {
                let mut node = random_bytes::<6>();
                node[0] |= 1;
                node
            });
            Clock { last: 0, sequence: u16::from_be_bytes(random_bytes()), node }
        });
        generate(clock)
    };
    Ok(tuple::pack([bytes::from_slice(&identifier), Owned::int(STATUS_UNSAFE)]))
}

static FUNCTIONS: &[MethodDef] = functions! {
    "generate_time_safe" NoArgs(generate_time_safe) "($self, /)" "";
};

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add_functions(this, FUNCTIONS);
    module::add(this, "has_uuid_generate_time_safe", Owned::int(1));
    module::add(this, "has_stable_extractable_node", Owned::int(0));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_differ_and_grow() {
        let mut clock = Clock { last: 0, sequence: 0x1234, node: [2, 0, 0, 0, 0, 1] };
        let (first, second) = (generate(&mut clock), generate(&mut clock));
        assert_ne!(first, second);
        assert_eq!((first[6] >> 4, first[8] >> 6), (1, 0b10));
        clock.last = 0x0F00_0000_FFFF_FFFF;
        assert_eq!(generate(&mut clock)[..4], [0, 0, 0, 0], "a clock that stands still is moved on");
    }
}
