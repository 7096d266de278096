//! Frames: a fixed part, then `locals | cells | free variables`, then the evaluation stack.
//!
//! Frames of calls lie on the thread's data stack, those of generators in the generator object. All words of a frame
//! follow the ownership rules of object/value.rs: low four bits zero means counted.
//!
//! # Who may touch what
//! * The thread that runs the frame. Others only in a stopped world, or when the frame's thread is detached and claimed.
//! * `ip` and `sp` are current whenever anything is called that may raise, poll or look at frames.

use std::ptr::null_mut;

use crate::object::lifetime;
use crate::object::value::{Owned, Value};
use crate::threads::thread_state::Thread;
use crate::types::code::{CodeObject, Unit};

/// Where the frame's memory belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum FrameOwner {
    /// The data stack of the thread.
    Thread,
    /// A generator, coroutine or asynchronous generator.
    Generator,
    /// A frame object that outlived the call.
    FrameObject,
}

/// The eval loop returns to Rust when this frame is done.
pub const FRAME_ENTRY: u8 = 1 << 0;
/// The frame runs `__init__` for a class call: its `None` is replaced by the instance that lies below.
pub const FRAME_INIT: u8 = 1 << 1;
/// The frame's locals have been cleared by `frame.clear()`.
pub const FRAME_CLEARED: u8 = 1 << 2;
/// The value that the frame returns is dropped (setters, `__setitem__`, …).
pub const FRAME_DROP_RESULT: u8 = 1 << 3;

#[repr(C)]
pub struct Frame {
    pub code: *const CodeObject,
    /// The function (counted or marked), 0 for module and class bodies run by `exec`.
    pub func: u64,
    /// The globals and builtins, borrowed from the function or from whoever started the frame.
    pub globals: Value,
    pub builtins: Value,
    /// The namespace of a module or class body, counted; 0 for functions.
    pub locals: u64,
    /// The caller's frame.
    pub previous: *mut Frame,
    /// The instruction being executed; the next one to execute while the frame is not running.
    pub ip: *const Unit,
    /// Top of the stack: one past the last word.
    pub sp: *mut u64,
    /// The frame object, counted, if anyone has asked for it.
    pub frame_object: u64,
    pub owner: FrameOwner,
    pub flags: u8,
    /// Units to skip from `ip` when the callee returns.
    pub return_offset: u16,
    /// Line that tracing set, or that `f_lineno` was assigned.
    pub lineno: i32,
}

pub const FRAME_WORDS: usize = size_of::<Frame>() / 8;

impl Frame {
    #[inline(always)]
    pub fn code(&self) -> &CodeObject {
        // SAFETY: the function, or whoever started the frame, keeps the code alive.
        unsafe { &*self.code }
    }

    /// The first local.
    #[inline(always)]
    pub fn locals_ptr(this: *mut Frame) -> *mut u64 {
        // SAFETY: the words follow the fixed part in the same block.
        unsafe { this.add(1).cast() }
    }

    /// The first stack word.
    #[inline(always)]
    pub fn stack_ptr(this: *mut Frame) -> *mut u64 {
        // SAFETY: as above.
        unsafe { Frame::locals_ptr(this).add((*(*this).code).nlocalsplus as usize) }
    }

    /// Local number `i`, none while unbound.
    #[inline]
    pub fn local(this: *mut Frame, i: usize) -> Option<Value> {
        // SAFETY: the caller keeps `i` below `nlocalsplus`.
        Value::from_slot(unsafe { *Frame::locals_ptr(this).add(i) }).map(Value::unmarked)
    }

    /// Number of the unit that is being executed.
    #[inline]
    pub fn unit(&self) -> usize {
        self.code().unit_number(self.ip)
    }

    /// `f_lasti`: CPython's byte offset of the instruction being executed.
    pub fn lasti(&self) -> i32 {
        self.code().lasti_of_unit(self.unit())
    }

    /// The line being executed, none where the code has none.
    pub fn line(&self) -> Option<i32> {
        self.code().line_of_lasti(self.lasti())
    }

    /// Whether the prologue (COPY_FREE_VARS … RESUME) is still running: such a frame is not shown.
    pub fn is_incomplete(&self) -> bool {
        self.owner != FrameOwner::Generator && self.unit() < self.code().first_traceable_unit()
    }

    /// The function object, if there is one.
    pub fn function(&self) -> Option<Value> {
        Value::from_slot(self.func).map(Value::unmarked)
    }
}

impl CodeObject {
    /// The unit of the first RESUME: frames before it are incomplete.
    pub fn first_traceable_unit(&self) -> usize {
        use crate::sync::Ordering;
        use pyrt_compiler::bytecode::instructions::Opcode;
        let is_resume = |(at, unit): (usize, &crate::types::code::Unit)| {
            let number = match crate::types::code::unit_opcode(unit.load(Ordering::Relaxed)) {
                number if number == Opcode::INSTRUMENTED_LINE as u8 => crate::interp::tracing::opcode_at(self, at),
                number => number,
            };
            number == Opcode::RESUME as u8 || number == Opcode::RESUME_CHECK as u8
        };
        self.units.iter().enumerate().position(is_resume).unwrap_or(0)
    }
}

/// Releases a stack or local word: nothing to do for immediates and borrowed ones.
#[inline(always)]
pub fn close(word: u64, thread: &mut Thread) {
    if word & 0xF == 0 && word != 0 {
        // SAFETY: low bits zero: the word owned a count.
        lifetime::release(unsafe { Owned::from_raw(Value::from_bits(word)) }, thread);
    }
}

/// Turns a stack word into an owned reference.
#[inline(always)]
pub fn into_owned(word: u64) -> Owned {
    // SAFETY: stack words are not empty here; unmarked pointers own their count.
    unsafe {
        let value = Value::from_bits(word);
        if value.is_pointer() && !value.is_counted() { value.unmarked().to_owned() } else { Owned::from_raw(value) }
    }
}

/// Releases all locals and what is left on the stack, in order; slots are emptied before their old value dies.
pub fn clear_words(first: *mut u64, end: *mut u64, thread: &mut Thread) {
    let mut at = first;
    while at < end {
        // SAFETY: the range lies within the frame.
        unsafe {
            let word = at.replace(0);
            close(word, thread);
            at = at.add(1);
        }
    }
}

/// The exception that a frame or generator is handling, and the one below.
pub struct ExcInfo {
    pub value: Option<Owned>,
    pub previous: *mut ExcInfo,
}

impl ExcInfo {
    pub const fn empty() -> ExcInfo {
        ExcInfo { value: None, previous: null_mut() }
    }
}

/// A thread's stack of frames: one reserved range of addresses, committed by the system as it is touched.
pub struct DataStack {
    base: *mut u64,
    pub top: *mut u64,
    limit: *mut u64,
    bytes: usize,
}

impl DataStack {
    /// Reserves `bytes` of address space.
    pub fn new(bytes: usize) -> DataStack {
        // SAFETY: maps fresh zeroed memory.
        let base = unsafe {
            libc::mmap(
                null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return DataStack { base: null_mut(), top: null_mut(), limit: null_mut(), bytes: 0 };
        }
        let base = base.cast::<u64>();
        // SAFETY: within the mapping.
        DataStack { base, top: base, limit: unsafe { base.add(bytes / 8) }, bytes }
    }

    /// Room for `words`, none when the stack is full. The words are not cleared.
    #[inline(always)]
    pub fn push(&mut self, words: usize) -> Option<*mut u64> {
        let start = self.top;
        if (self.limit as usize) - (start as usize) < words * 8 {
            return None;
        }
        // SAFETY: checked against the limit.
        self.top = unsafe { start.add(words) };
        Some(start)
    }

    /// Gives back everything from `start` on.
    #[inline(always)]
    pub fn pop_to(&mut self, start: *mut u64) {
        debug_assert!(start >= self.base && start <= self.top);
        self.top = start;
    }
}

impl Drop for DataStack {
    fn drop(&mut self) {
        if !self.base.is_null() {
            // SAFETY: the mapping made by `new`.
            unsafe { libc::munmap(self.base.cast(), self.bytes) };
        }
    }
}
