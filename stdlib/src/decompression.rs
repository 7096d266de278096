//! Decompressors that take their input in pieces, as those of `bz2` and `lzma` do: what waits, what is left over, when
//! more input is needed.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{buffer, convert};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::bytes;
use pyrt_runtime::types::type_object::{MemberDef, TypeObject};

use crate::native_type::object;
use crate::thread::lock::Exclusive;

/// Output grows from this on.
const FIRST_ROOM: usize = 16 * 1024;
const MOST_ROOM: usize = 1 << 24;

/// Room for the output of a compression engine, which grows up to a limit.
pub struct Room {
    pub output: Vec<u8>,
    limit: Option<usize>,
}

impl Room {
    pub fn new(limit: Option<usize>) -> Room {
        Room { output: Vec::new(), limit }
    }

    /// Lets `fill` write to the free room (there is some unless the limit is reached); it gives what it has written.
    pub fn fill<T>(&mut self, fill: impl FnOnce(*mut u8, usize) -> (usize, T)) -> T {
        let mut room = self.output.len().clamp(FIRST_ROOM, MOST_ROOM);
        if let Some(limit) = self.limit {
            room = room.min(limit.saturating_sub(self.output.len()));
        }
        self.output.reserve(room);
        let at = self.output.len();
        let (written, result) = fill(self.output.spare_capacity_mut().as_mut_ptr().cast(), room);
        // SAFETY: room for `room` bytes was reserved, and that many at most were written.
        unsafe { self.output.set_len(at + written.min(room)) };
        result
    }

    pub fn is_full(&self) -> bool {
        self.limit.is_some_and(|limit| self.output.len() >= limit)
    }
}

/// What a run has come to.
pub struct Run {
    pub consumed: usize,
    pub is_over: bool,
    /// The engine may have more output although all input is consumed.
    pub has_more: bool,
}

/// A decompression engine.
pub trait Engine: Send {
    type Fault: Send;

    /// What `needs_input` says after an error, if anything else than before.
    const NEEDS_INPUT_AFTER_FAULT: Option<bool>;

    /// Decompresses until the input is used up, the room is full or the stream is over.
    fn run(&mut self, input: &[u8], room: &mut Room) -> Result<Run, Self::Fault>;
}

struct State<E> {
    engine: E,
    /// Input that waits.
    waiting: Vec<u8>,
    is_over: bool,
}

/// An object of a decompressor type; its layout.
#[repr(C)]
pub struct Decompressor<E: Engine> {
    header: Header,
    eof: Slot,
    needs_input: Slot,
    unused_data: Slot,
    /// Which integrity check the stream has (`lzma`).
    check: Slot,
    state: Exclusive<State<E>>,
}

const fn member(name: &'static str, offset: usize, doc: &'static str) -> MemberDef {
    MemberDef { name, offset, readonly: true, none_if_empty: false, doc }
}

impl<E: Engine> Decompressor<E> {
    pub const EOF: MemberDef = member("eof", std::mem::offset_of!(Self, eof), "True if the end-of-stream marker has been reached.");
    pub const NEEDS_INPUT: MemberDef = member("needs_input", std::mem::offset_of!(Self, needs_input), "True if more input is needed before more decompressed data can be produced.");
    pub const UNUSED_DATA: MemberDef = member("unused_data", std::mem::offset_of!(Self, unused_data), "Data found after the end of the compressed stream.");
    pub const CHECK: MemberDef = member("check", std::mem::offset_of!(Self, check), "ID of the integrity check used by the input stream.");

    pub fn allocate(ty: &TypeObject, engine: E, check: Owned) -> Owned {
        let state = State { engine, waiting: Vec::new(), is_over: false };
        allocate_object(ty, |header| Decompressor {
            header,
            eof: Slot::new(Owned::false_()),
            needs_input: Slot::new(Owned::true_()),
            unused_data: Slot::new(bytes::from_slice(b"")),
            check: Slot::new(check),
            state: Exclusive::new(state),
        })
    }
}

/// Why a call gave nothing.
pub enum Failure<F> {
    AlreadyOver,
    Engine(F),
}

/// `decompress(data, max_length=-1)`. `check` tells the integrity check of an engine, if it has such.
pub fn decompress<E: Engine>(this: Value, args: Args<'_>, check: fn(&E) -> Option<i64>, thread: &mut Thread) -> PyResult<Result<Owned, Failure<E::Fault>>> {
    let data = buffer::copy_bytes(args.at(0), thread)?;
    let limit = match args.get(1) {
        Some(limit) => usize::try_from(convert::index_as_i64(limit, thread, Some(&exc::OVERFLOW_ERROR))?).ok(),
        None => None,
    };
    // SAFETY: `self` of the type with this layout.
    let decompressor: &Decompressor<E> = unsafe { object(this) };
    let header = &decompressor.header;
    let result = decompressor.state.with(thread, |state, thread| {
        if state.is_over {
            return Err(Failure::AlreadyOver);
        }
        let mut input = std::mem::take(&mut state.waiting);
        if input.is_empty() {
            input = data;
        } else {
            input.extend_from_slice(&data);
        }
        let mut room = Room::new(limit);
        let engine = &mut state.engine;
        let run = thread.detached(|| engine.run(&input, &mut room));
        if let Some(check) = check(&state.engine) {
            drop(decompressor.check.replace(header, Some(Owned::int(check))));
        }
        let run = run.map_err(|fault| {
            if let Some(needs_input) = E::NEEDS_INPUT_AFTER_FAULT {
                drop(decompressor.needs_input.replace(header, Some(Owned::bool(needs_input))));
            }
            Failure::Engine(fault)
        })?;
        let rest = &input[run.consumed.min(input.len())..];
        let needs_input = !run.is_over && rest.is_empty() && !run.has_more;
        if run.is_over {
            state.is_over = true;
            drop(decompressor.eof.replace(header, Some(Owned::true_())));
            drop(decompressor.unused_data.replace(header, Some(bytes::from_slice(rest))));
        } else {
            state.waiting = rest.to_vec();
        }
        drop(decompressor.needs_input.replace(header, Some(Owned::bool(needs_input))));
        Ok(bytes::from_vec(room.output))
    });
    Ok(result)
}
