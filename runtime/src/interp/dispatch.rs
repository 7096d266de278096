//! The eval loop's driver: one function per instruction, each of which hands over to the next.
//!
//! Every instruction is written as `fn(&mut Regs, oparg) -> Flow` and is inlined into its function here, so that the
//! registers stay machine registers: the functions pass them on as arguments. A *chained* handler calls the next one in
//! tail position, which the optimiser turns into a jump; for that no address of its locals may escape. Handlers that need
//! locals in memory are *returning* ones: they write the registers to the frame and go back to [`run_loop`], as do
//! exceptions and the end of the entry frame. Whatever is called out of line gets the thread and the frame, whose `ip`
//! and `sp` are written first.

use pyrt_compiler::bytecode::instructions::Opcode;

use crate::exceptions::exc;
use crate::interp::frame::{FRAME_ENTRY, Frame, close, into_owned};
use crate::interp::inline_cache::CacheCell;
use crate::interp::ops::{arith, attr, build, call, call_known, class_body, control, exception, generator, import, iterate, load_store, pattern, subscript};
use crate::interp::unwind;
use crate::object::value::{Owned, PyResult, Value};
use crate::sync::Ordering;
use crate::threads::thread_state::Thread;
use crate::types::code::Unit;

/// The machine registers of the interpreter.
pub struct Regs<'t> {
    pub thread: &'t mut Thread,
    pub frame: *mut Frame,
    /// The next unit.
    pub ip: *const Unit,
    /// One past the top of the stack.
    pub sp: *mut u64,
    /// A word to release when the instruction is done, 0 for none, and a second one. Releasing may call anything: at the
    /// very end of a handler it costs the others nothing.
    garbage: u64,
    second_garbage: u64,
    /// With [`Flow::Generic`]: the form of the instruction that does it.
    generic: Opcode,
}

/// What a handler says about how to go on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    Next,
    /// Next, by way of the driver loop.
    Back,
    /// `Regs::generic` does the instruction. `ip` is behind its first unit again.
    Generic,
    /// The specialised form does not fit: the site becomes `Regs::generic`, which does the instruction.
    Miss,
    /// An exception has been raised: look for a handler.
    Raised,
    /// The entry frame is done; its value is in `Thread::exit_word`.
    Exit,
}

impl<'t> Regs<'t> {
    #[inline(always)]
    fn new(thread: &'t mut Thread, frame: *mut Frame, ip: *const Unit, sp: *mut u64) -> Regs<'t> {
        Regs { thread, frame, ip, sp, garbage: 0, second_garbage: 0, generic: Opcode::NOP }
    }
}

impl Regs<'_> {
    #[inline(always)]
    pub fn push(&mut self, word: u64) {
        // SAFETY: the compiler's stack depth bounds the pushes of a frame.
        unsafe {
            *self.sp = word;
            self.sp = self.sp.add(1);
        }
    }

    #[inline(always)]
    pub fn push_owned(&mut self, value: Owned) {
        self.push(value.into_raw().bits());
    }

    #[inline(always)]
    pub fn push_optional(&mut self, value: Option<Owned>) {
        self.push(value.map_or(0, |value| value.into_raw().bits()));
    }

    /// The word leaves the stack; the caller takes it over.
    #[inline(always)]
    pub fn pop(&mut self) -> u64 {
        // SAFETY: the compiler's stack depth: there is a word.
        unsafe {
            self.sp = self.sp.sub(1);
            *self.sp
        }
    }

    #[inline(always)]
    pub fn pop_owned(&mut self) -> Owned {
        into_owned(self.pop())
    }

    /// Pops a word that may be empty.
    #[inline(always)]
    pub fn pop_optional(&mut self) -> Option<Owned> {
        match self.pop() {
            0 => None,
            word => Some(into_owned(word)),
        }
    }

    /// Stack word `i` from the top (1 is the top).
    #[inline(always)]
    pub fn peek(&self, i: usize) -> u64 {
        // SAFETY: the compiler's stack depth: there are that many words.
        unsafe { *self.sp.sub(i) }
    }

    /// Stack word `i` from the top as a value without marks.
    #[inline(always)]
    pub fn value(&self, i: usize) -> Value {
        // SAFETY: operands are not empty.
        unsafe { Value::from_bits(self.peek(i)) }.unmarked()
    }

    #[inline(always)]
    pub fn set(&mut self, i: usize, word: u64) {
        // SAFETY: as in `peek`.
        unsafe { *self.sp.sub(i) = word }
    }

    /// Replaces stack word `i` and releases the old one afterwards.
    #[inline(always)]
    pub fn replace(&mut self, i: usize, value: Owned) {
        let old = self.peek(i);
        self.set(i, value.into_raw().bits());
        self.release(old);
    }

    /// As [`Regs::replace`], releasing when the instruction is done.
    #[inline(always)]
    pub fn replace_last(&mut self, i: usize, value: Owned) {
        let old = self.peek(i);
        self.set(i, value.into_raw().bits());
        self.release_last(old);
    }

    /// Releases a word that has left its slot. `sp` is written first, for Python code may run.
    #[inline(always)]
    pub fn release(&mut self, word: u64) {
        if word & 0xF == 0 && word != 0 {
            self.sync();
            close(word, self.thread);
        }
    }

    /// Releases a word when the instruction is done. Once per instruction.
    #[inline(always)]
    pub fn release_last(&mut self, word: u64) {
        if !release_quickly(word) {
            self.garbage = word;
        }
    }

    /// As [`Regs::release_last`], for a second word.
    #[inline(always)]
    pub fn release_last_too(&mut self, word: u64) {
        if !release_quickly(word) {
            self.second_garbage = word;
        }
    }

    /// The specialised form does not fit: the generic one does this instruction, and the site goes back to it (where it
    /// may be specialised again, a bounded number of times).
    #[inline(always)]
    pub fn miss(&mut self, generic: Opcode) -> Flow {
        self.generic = generic;
        Flow::Miss
    }

    /// The generic form does this instruction, at a site that stays specialised.
    #[inline(always)]
    pub fn instead(&mut self, generic: Opcode) -> Flow {
        // SAFETY: the instruction's first unit.
        self.ip = unsafe { (*self.frame).ip.add(1) };
        self.generic = generic;
        Flow::Generic
    }

    /// As [`Regs::release`], with what is pending left for later.
    #[inline(always)]
    pub fn release_now(&mut self, word: u64) {
        if !release_quickly(word) {
            self.sync();
            close(word, self.thread);
        }
    }

    /// Pops one word and releases it.
    #[inline(always)]
    pub fn drop_top(&mut self) {
        let word = self.pop();
        self.release(word);
    }

    /// Pops `n` words and releases them.
    #[inline(always)]
    pub fn drop_n(&mut self, n: usize) {
        for _ in 0..n {
            self.drop_top();
        }
    }

    /// Pops two operands after their operation and pushes its result, or raises.
    #[inline(always)]
    pub fn finish_binary(&mut self, result: PyResult) -> Flow {
        match result {
            Ok(value) => {
                let right = self.pop();
                let left = self.peek(1);
                self.set(1, value.into_raw().bits());
                self.release_last(right);
                self.release_last_too(left);
                Flow::Next
            }
            Err(_) => Flow::Raised,
        }
    }

    /// Replaces the operand on top by the result of its operation, or raises.
    #[inline(always)]
    pub fn finish_unary(&mut self, result: PyResult) -> Flow {
        match result {
            Ok(value) => {
                self.replace_last(1, value);
                Flow::Next
            }
            Err(_) => Flow::Raised,
        }
    }

    #[inline(always)]
    pub fn push_result(&mut self, result: PyResult) -> Flow {
        match result {
            Ok(value) => {
                self.push_owned(value);
                Flow::Next
            }
            Err(_) => Flow::Raised,
        }
    }

    /// Writes `sp` to the frame: before anything that may poll, raise or look at frames.
    #[inline(always)]
    pub fn sync(&mut self) {
        // SAFETY: the running frame.
        unsafe { (*self.frame).sp = self.sp }
    }

    /// The first local of the frame.
    #[inline(always)]
    pub fn locals(&self) -> *mut u64 {
        Frame::locals_ptr(self.frame)
    }

    #[inline(always)]
    pub fn local(&self, i: u32) -> u64 {
        // SAFETY: the compiler's local numbers are below `nlocalsplus`.
        unsafe { *self.locals().add(i as usize) }
    }

    #[inline(always)]
    pub fn set_local(&mut self, i: u32, word: u64) {
        // SAFETY: as above.
        unsafe { *self.locals().add(i as usize) = word }
    }

    #[inline(always)]
    pub fn code<'c>(&self) -> &'c crate::types::code::CodeObject {
        // SAFETY: the frame keeps its code alive while it runs.
        unsafe { &*(*self.frame).code }
    }

    #[inline(always)]
    pub fn constant(&self, i: u32) -> Value {
        // SAFETY: the compiler's constant numbers are within `co_consts`; hand-made code is checked when it is made.
        unsafe { *self.code().consts().get_unchecked(i as usize) }
    }

    #[inline(always)]
    pub fn name(&self, i: u32) -> Value {
        // SAFETY: as above for `co_names`.
        unsafe { *self.code().names().get_unchecked(i as usize) }
    }

    /// The cache cell of the current instruction; moves `ip` over its unit.
    #[inline(always)]
    pub fn cell<'c>(&mut self) -> &'c CacheCell {
        // SAFETY: an instruction with a cell is followed by a unit with its number (translate.rs).
        unsafe {
            let number = (*self.ip).load(Ordering::Relaxed);
            self.ip = self.ip.add(1);
            self.code().cell(number as usize)
        }
    }

    /// Skips the cell unit.
    #[inline(always)]
    pub fn skip_cell(&mut self) {
        // SAFETY: see `cell`.
        self.ip = unsafe { self.ip.add(1) };
    }

    #[inline(always)]
    pub fn jump(&mut self, unit: u32) {
        // SAFETY: translate.rs has checked the target.
        self.ip = unsafe { self.code().units.as_ptr().add(unit as usize) };
    }

    /// Gives a truth to the next instruction: a conditional jump is done at once, anything else finds a bool on the stack.
    #[inline(always)]
    pub fn push_truth(&mut self, truth: bool) {
        // SAFETY: no code ends with the instructions that call this.
        let unit = unsafe { (*self.ip).load(Ordering::Relaxed) };
        let wanted = match unit as u8 {
            number if number == Opcode::POP_JUMP_IF_FALSE as u8 => false,
            number if number == Opcode::POP_JUMP_IF_TRUE as u8 => true,
            _ => return self.push(Value::bool(truth).bits()),
        };
        if truth == wanted {
            self.jump(unit >> 8);
        } else {
            // SAFETY: behind the jump.
            self.ip = unsafe { self.ip.add(1) };
        }
    }

    /// Gives an owned word to the next instruction: a STORE_FAST is done at once, anything else finds it on the stack.
    #[inline(always)]
    pub fn push_for_store(&mut self, word: u64) {
        // SAFETY: no code ends with the instructions that call this.
        let unit = unsafe { (*self.ip).load(Ordering::Relaxed) };
        let to = match unit as u8 {
            number if number == Opcode::STORE_FAST as u8 => unit >> 8,
            number if number == Opcode::STORE_FAST_LOAD_FAST as u8 => unit >> 12,
            _ => return self.push(word),
        };
        let old = self.local(to);
        self.set_local(to, word);
        // SAFETY: behind the store.
        self.ip = unsafe { self.ip.add(1) };
        if unit as u8 == Opcode::STORE_FAST_LOAD_FAST as u8 {
            // SAFETY: the compiler emits it only where the local is bound.
            let value = unsafe { Value::from_bits(self.local(unit >> 8 & 15)) };
            self.push_owned(value.to_owned());
        }
        self.release_last(old);
    }

    /// Gives the items of a tuple, all of which the next instructions are to take from the stack in turn, to these: what
    /// goes into locals is stored at once. How many that were.
    #[inline(always)]
    pub fn store_items(&mut self, items: &[Value]) -> usize {
        let mut done = 0;
        loop {
            // SAFETY: no code ends with an instruction that unpacks.
            let unit = unsafe { (*self.ip).load(Ordering::Relaxed) };
            let (first, second) = match unit as u8 {
                number if number == Opcode::STORE_FAST_STORE_FAST as u8 && done + 2 <= items.len() => (unit >> 12, Some(unit >> 8 & 15)),
                number if number == Opcode::STORE_FAST as u8 && done < items.len() => (unit >> 8, None),
                _ => return done,
            };
            // A value whose end may set something off is left to the instruction itself.
            if !release_quickly(self.local(first)) {
                return done;
            }
            // SAFETY: behind the store.
            self.ip = unsafe { self.ip.add(1) };
            self.set_local(first, items[done].to_owned().into_raw().bits());
            done += 1;
            if let Some(second) = second {
                let old = self.local(second);
                self.set_local(second, items[done].to_owned().into_raw().bits());
                done += 1;
                if !release_quickly(old) {
                    self.second_garbage = old;
                    return done;
                }
            }
        }
    }

    /// Continues in `frame`, which is (or becomes) the thread's innermost.
    #[inline(always)]
    pub fn enter(&mut self, frame: *mut Frame) {
        self.thread.frame = frame;
        self.frame = frame;
        // SAFETY: a frame that can be entered has `ip` and `sp` written.
        unsafe {
            self.ip = (*frame).ip;
            self.sp = (*frame).sp;
        }
    }

    /// Back in the caller after a callee has returned: skips the call instruction.
    #[inline(always)]
    pub fn resume_caller(&mut self, frame: *mut Frame) {
        self.thread.frame = frame;
        self.frame = frame;
        // SAFETY: the caller wrote `ip`, `sp` and `return_offset` before the call.
        unsafe {
            self.ip = (*frame).ip.add((*frame).return_offset as usize);
            self.sp = (*frame).sp;
        }
    }

    /// Notes where the frame goes on when the callee returns: at the current `ip`.
    #[inline(always)]
    pub fn note_return(&mut self) {
        // SAFETY: `ip` is behind the frame's current instruction in the same stream.
        unsafe {
            (*self.frame).return_offset = self.ip.offset_from((*self.frame).ip) as u16;
        }
        self.sync();
    }
}

/// Runs `frame` (an entry frame) until it returns, yields or fails.
pub fn run(thread: &mut Thread, frame: *mut Frame) -> PyResult {
    if thread.native_stack_is_low() {
        return Err(unwind::abandon_entry(thread, frame));
    }
    run_loop(thread, frame)
}

/// Continues `frame` (an entry frame) by raising the thread's exception at its current instruction.
pub fn run_throwing(thread: &mut Thread, frame: *mut Frame) -> PyResult {
    thread.frame = frame;
    if crate::interp::tracing::watches_exceptions(thread) {
        crate::interp::tracing::thrown(thread, frame);
    }
    match unwind::unwind(thread, frame) {
        Some(frame) => run_loop(thread, frame),
        None => Err(crate::object::value::Raised::stored()),
    }
}

/// The handler of one instruction: thread, frame, next unit, stack pointer, operand. What it gives back is how the chain
/// of handlers that it began has ended.
type Handler = unsafe fn(&mut Thread, *mut Frame, *const Unit, *mut u64, u64) -> Flow;

/// Whether a handler goes on by calling the next one in tail position. The optimiser makes that call a jump; without
/// optimisation every handler comes back to [`run_loop`]. Should one such call not become a jump, the chain is cut at
/// backward jumps and function entries when it has taken [`CHAIN_BYTES`] of the native stack.
const CHAINED: bool = !cfg!(debug_assertions);

/// Native stack that a chain of handlers may take before it is cut.
const CHAIN_BYTES: usize = 32 << 10;

/// The end of a chained handler: on to the next instruction, or back to [`run_loop`].
///
/// # Safety
/// The registers are those of the running frame.
#[inline(always)]
unsafe fn go_on(r: Regs<'_>, flow: Flow, oparg: u64) -> Flow {
    // SAFETY: passed on. `ip` stays within the units of the frame's code: the compiler ends every path in a return or a
    // jump.
    unsafe {
        if CHAINED && flow == Flow::Next {
            if r.garbage != 0 || r.second_garbage != 0 {
                if r.second_garbage != 0 {
                    r.thread.garbage = r.second_garbage;
                }
                return collect_garbage(r.thread, r.frame, r.ip, r.sp, r.garbage);
            }
            let unit = (*r.ip).load(Ordering::Relaxed);
            (*r.frame).ip = r.ip;
            return HANDLERS[unit as u8 as usize](r.thread, r.frame, r.ip.add(1), r.sp, u64::from(unit >> 8));
        }
        if CHAINED && flow == Flow::Generic {
            return HANDLERS[r.generic as usize](r.thread, r.frame, r.ip, r.sp, oparg);
        }
        if CHAINED && flow == Flow::Miss {
            // Out of line and in tail position, so that the fitting case needs no stack.
            return despecialize(r.thread, r.frame, r.ip, r.sp, oparg | (r.generic as u64) << 32);
        }
        go_back(r, flow, oparg)
    }
}

/// The end of a handler that gives control to [`run_loop`]: the registers go into the frame.
///
/// # Safety
/// As for [`go_on`].
#[inline(always)]
unsafe fn go_back(r: Regs<'_>, flow: Flow, oparg: u64) -> Flow {
    // SAFETY: the running frame. After an exit it may be gone.
    unsafe {
        match flow {
            Flow::Generic => return HANDLERS[r.generic as usize](r.thread, r.frame, r.ip, r.sp, oparg),
            Flow::Miss => return despecialize(r.thread, r.frame, r.ip, r.sp, oparg | (r.generic as u64) << 32),
            Flow::Next | Flow::Back => {
                (*r.frame).sp = r.sp;
                if r.garbage != 0 {
                    close(r.garbage, r.thread);
                }
                if r.second_garbage != 0 {
                    close(r.second_garbage, r.thread);
                }
                (*r.frame).ip = r.ip;
                return Flow::Next;
            }
            // `ip` stays at the instruction that raised.
            Flow::Raised => (*r.frame).sp = r.sp,
            Flow::Exit => {}
        }
    }
    flow
}

/// Puts the generic form (its opcode in the upper half of `operand`) in the place of the current instruction, and does it.
#[cold]
#[inline(never)]
unsafe fn despecialize(thread: &mut Thread, frame: *mut Frame, _ip: *const Unit, sp: *mut u64, operand: u64) -> Flow {
    let generic = (operand >> 32) as u8;
    // SAFETY: `Frame::ip` is the current instruction; a whole unit is stored at once. The registers are those that the
    // instruction began with, but for the stack pointer, which it has put back.
    unsafe {
        let ip = (*frame).ip;
        let unit = (*ip).load(Ordering::Relaxed);
        if unit as u8 != Opcode::INSTRUMENTED_LINE as u8 {
            (*ip).store(crate::types::code::make_unit(generic, unit >> 8), Ordering::Relaxed);
        } else {
            crate::interp::tracing::store_opcode_slow(frame, generic);
        }
        HANDLERS[generic as usize](thread, frame, ip.add(1), sp, operand & 0xFFFF_FFFF)
    }
}

/// Releases what an instruction has left, then goes on.
#[inline(never)]
unsafe fn collect_garbage(thread: &mut Thread, frame: *mut Frame, ip: *const Unit, sp: *mut u64, word: u64) -> Flow {
    let second = std::mem::take(&mut thread.garbage);
    // SAFETY: the running frame.
    unsafe { (*frame).sp = sp };
    if word != 0 {
        close(word, thread);
    }
    if second != 0 {
        close(second, thread);
    }
    // SAFETY: the registers of the handler that left the words.
    unsafe { go_on(Regs::new(thread, frame, ip, sp), Flow::Next, 0) }
}

/// Whether the word of a slot owns a count, in one comparison: neither a mark or tag below, nor an empty slot.
#[inline(always)]
pub fn owns_count(word: u64) -> bool {
    word.rotate_right(4).wrapping_sub(1) < (1 << 60) - 1
}

/// Releases a word if that is certain to set nothing off: immediates, borrowed words, references that are not the last.
#[inline(always)]
pub fn release_quickly(word: u64) -> bool {
    if !owns_count(word) {
        return true;
    }
    // SAFETY: low bits zero: the word owns a count.
    unsafe { crate::object::lifetime::release_unless_last(Value::from_bits(word)) }
}

macro_rules! handlers {
    ($r:ident, $oparg:ident; chained { $($name:ident $(| $alias:ident)* => $body:expr,)* } returning { $($rname:ident $(| $ralias:ident)* => $rbody:expr,)* }) => {
        /// One function per instruction.
        #[allow(non_snake_case, reason = "named as the instructions")]
        mod handler {
            use super::*;
            $(
                #[inline(never)]
                pub(super) unsafe fn $name(thread: &mut Thread, frame: *mut Frame, ip: *const Unit, sp: *mut u64, operand: u64) -> Flow {
                    let mut registers = Regs::new(thread, frame, ip, sp);
                    let $oparg = operand as u32;
                    let $r = &mut registers;
                    let _ = (&$r, $oparg);
                    let flow = $body;
                    // SAFETY: as given to this handler.
                    unsafe { go_on(registers, flow, operand) }
                }
            )*
            $(
                #[inline(never)]
                pub(super) unsafe fn $rname(thread: &mut Thread, frame: *mut Frame, ip: *const Unit, sp: *mut u64, operand: u64) -> Flow {
                    let mut registers = Regs::new(thread, frame, ip, sp);
                    let $oparg = operand as u32;
                    let $r = &mut registers;
                    let _ = (&$r, $oparg);
                    let flow = $rbody;
                    // SAFETY: as given to this handler.
                    unsafe { go_back(registers, flow, operand) }
                }
            )*
        }

        static HANDLERS: [Handler; 256] = {
            let mut table = [unknown as Handler; 256];
            $(table[Opcode::$name as usize] = handler::$name; $(table[Opcode::$alias as usize] = handler::$name;)*)*
            $(table[Opcode::$rname as usize] = handler::$rname; $(table[Opcode::$ralias as usize] = handler::$rname;)*)*
            table
        };
    };
}

handlers! {
    r, oparg;
    chained {
        NOP | RESERVED | CACHE => Flow::Next,
        RESUME => control::resume_unprepared(r, oparg),
        RESUME_CHECK => control::resume_prepared(r, oparg),
        LOAD_FAST => load_store::load_fast(r, oparg),
        LOAD_FAST_BORROW => load_store::load_fast_borrow(r, oparg),
        LOAD_FAST_CHECK => load_store::load_fast_check(r, oparg),
        LOAD_FAST_AND_CLEAR => load_store::load_fast_and_clear(r, oparg),
        LOAD_FAST_LOAD_FAST => load_store::load_fast_load_fast(r, oparg),
        LOAD_FAST_BORROW_LOAD_FAST_BORROW => load_store::load_fast_borrow_load_fast_borrow(r, oparg),
        LOAD_CONST | LOAD_CONST_IMMORTAL | LOAD_CONST_MORTAL => load_store::load_const(r, oparg),
        LOAD_SMALL_INT => load_store::load_small_int(r, oparg),
        STORE_FAST => load_store::store_fast(r, oparg),
        STORE_FAST_LOAD_FAST => load_store::store_fast_load_fast(r, oparg),
        STORE_FAST_STORE_FAST => load_store::store_fast_store_fast(r, oparg),
        DELETE_FAST => load_store::delete_fast(r, oparg),
        MAKE_CELL => load_store::make_cell(r, oparg),
        COPY_FREE_VARS => load_store::copy_free_vars(r, oparg),
        LOAD_DEREF => load_store::load_deref(r, oparg),
        STORE_DEREF => load_store::store_deref(r, oparg),
        DELETE_DEREF => load_store::delete_deref(r, oparg),
        LOAD_NAME => load_store::load_name(r, oparg),
        STORE_NAME => load_store::store_name(r, oparg),
        LOAD_GLOBAL => load_store::load_global(r, oparg),
        LOAD_GLOBAL_MODULE => load_store::load_global_module(r, oparg),
        LOAD_GLOBAL_BUILTIN => load_store::load_global_builtin(r, oparg),
        STORE_GLOBAL => load_store::store_global(r, oparg),
        POP_TOP | POP_ITER => { let word = r.pop(); r.release_last(word); Flow::Next },
        END_FOR => { let word = r.pop(); r.release_last(word); Flow::Next },
        PUSH_NULL => { r.push(0); Flow::Next },
        COPY => load_store::copy(r, oparg),
        SWAP => load_store::swap(r, oparg),
        BINARY_OP => arith::binary_op(r, oparg),
        BINARY_OP_ADD_INT => arith::binary_op_add_int(r, oparg),
        BINARY_OP_SUBTRACT_INT => arith::binary_op_subtract_int(r, oparg),
        BINARY_OP_MULTIPLY_INT => arith::binary_op_multiply_int(r, oparg),
        BINARY_OP_ADD_FLOAT => arith::binary_op_add_float(r, oparg),
        BINARY_OP_SUBTRACT_FLOAT => arith::binary_op_subtract_float(r, oparg),
        BINARY_OP_MULTIPLY_FLOAT => arith::binary_op_multiply_float(r, oparg),
        BINARY_OP_SUBSCR_LIST_INT => subscript::binary_op_subscr_list_int(r, oparg),
        BINARY_OP_SUBSCR_TUPLE_INT => subscript::binary_op_subscr_tuple_int(r, oparg),
        BINARY_OP_SUBSCR_DICT => subscript::binary_op_subscr_dict(r, oparg),
        BINARY_OP_SUBSCR_GETITEM => subscript::binary_op_subscr_getitem(r, oparg),
        UNARY_NEGATIVE => arith::unary_negative(r),
        UNARY_INVERT => arith::unary_invert(r),
        UNARY_NOT => arith::unary_not(r),
        COMPARE_OP => arith::compare_op(r, oparg),
        COMPARE_OP_INT => arith::compare_op_int(r, oparg),
        COMPARE_OP_FLOAT => arith::compare_op_float(r, oparg),
        IS_OP => arith::is_op(r, oparg),
        CONTAINS_OP => arith::contains_op(r, oparg),
        TO_BOOL => arith::to_bool(r),
        STORE_SUBSCR => subscript::store_subscr(r),
        STORE_SUBSCR_LIST_INT => subscript::store_subscr_list_int(r),
        STORE_SUBSCR_DICT => subscript::store_subscr_dict(r),
        DELETE_SUBSCR => subscript::delete_subscr(r),
        BINARY_SLICE => subscript::binary_slice(r),
        STORE_SLICE => subscript::store_slice(r),
        LOAD_ATTR => attr::load_attr(r, oparg),
        LOAD_ATTR_INSTANCE_VALUE => attr::load_attr_instance_value(r, oparg),
        LOAD_ATTR_METHOD_WITH_VALUES => attr::load_attr_method(r, oparg),
        LOAD_ATTR_CLASS => attr::load_attr_class(r, oparg),
        LOAD_ATTR_CLASS_WITH_METACLASS_CHECK => attr::load_attr_class_of_metaclass(r, oparg),
        LOAD_ATTR_PROPERTY => attr::load_attr_property(r, oparg),
        LOAD_ATTR_MODULE => attr::load_attr_module(r, oparg),
        LOAD_ATTR_SLOT => attr::load_attr_slot(r, oparg),
        STORE_ATTR => attr::store_attr(r, oparg),
        STORE_ATTR_INSTANCE_VALUE => attr::store_attr_instance_value(r, oparg),
        STORE_ATTR_SLOT => attr::store_attr_slot(r, oparg),
        CALL => call::call(r, oparg),
        CALL_PY_EXACT_ARGS => call::call_py_exact_args(r, oparg),
        CALL_ALLOC_AND_ENTER_INIT => call::call_alloc_and_enter_init(r, oparg),
        CALL_BUILTIN_O => call::call_builtin_o(r, oparg),
        CALL_BUILTIN_FAST => call::call_builtin_fast(r, oparg),
        CALL_METHOD_DESCRIPTOR_NOARGS => call::call_method_descriptor_noargs(r, oparg),
        CALL_METHOD_DESCRIPTOR_O => call::call_method_descriptor_o(r, oparg),
        CALL_METHOD_DESCRIPTOR_FAST => call::call_method_descriptor_fast(r, oparg),
        CALL_LEN => call_known::call_len(r),
        CALL_ISINSTANCE => call_known::call_isinstance(r),
        CALL_TYPE_1 => call_known::call_type_1(r),
        CALL_LIST_APPEND => call_known::call_list_append(r),
        CALL_PY_GENERAL => call_known::call_py_general(r, oparg),
        CALL_BOUND_METHOD_EXACT_ARGS => call_known::call_bound_method_exact_args(r, oparg),
        CALL_KW => call::call_kw(r, oparg),
        RETURN_VALUE => control::return_value(r),
        JUMP_FORWARD => { r.jump(oparg); Flow::Next },
        JUMP_BACKWARD => control::jump_backward(r, oparg),
        JUMP_BACKWARD_NO_INTERRUPT => { r.jump(oparg); Flow::Next },
        POP_JUMP_IF_TRUE => control::pop_jump_if(r, oparg, true),
        POP_JUMP_IF_FALSE => control::pop_jump_if(r, oparg, false),
        POP_JUMP_IF_NONE => control::pop_jump_if_none(r, oparg, true),
        POP_JUMP_IF_NOT_NONE => control::pop_jump_if_none(r, oparg, false),
        GET_ITER => iterate::get_iter(r),
        FOR_ITER => iterate::for_iter(r, oparg),
        FOR_ITER_LIST => iterate::for_iter_list(r, oparg),
        FOR_ITER_TUPLE => iterate::for_iter_tuple(r, oparg),
        // Instrumented instructions never stand in the stream: under their numbers are the slow halves of handlers.
        INSTRUMENTED_FOR_ITER => iterate::for_iter_range_big(r),
        INSTRUMENTED_POP_ITER => iterate::for_iter_list_shared(r, oparg),
        INSTRUMENTED_INSTRUCTION => arith::to_bool_other(r),
        INSTRUMENTED_LOAD_SUPER_ATTR => attr::load_attr_instance_value_shared(r, oparg),
        INSTRUMENTED_END_FOR => attr::load_attr_slot_shared(r, oparg),
        INSTRUMENTED_CALL_KW => control::return_value_slow(r),
        INSTRUMENTED_RETURN_VALUE => attr::store_attr_add_shared(r),
        INSTRUMENTED_NOT_TAKEN => attr::store_attr_instance_value_other(r, oparg),
        INSTRUMENTED_JUMP_FORWARD => build::list_append_slow(r, oparg),
        UNPACK_SEQUENCE_LIST => iterate::unpack_sequence_other(r, oparg),
        TO_BOOL_LIST => arith::to_bool_container(r),
        COMPARE_OP_STR => arith::compare_op_str(r, oparg),
        INSTRUMENTED_POP_JUMP_IF_TRUE => arith::compare_op_str_slow(r, oparg),
        INSTRUMENTED_POP_JUMP_IF_FALSE => arith::binary_op_float_other(r, oparg),
        BINARY_OP_EXTEND => arith::binary_op_immediates(r, oparg),
        INSTRUMENTED_END_SEND => load_store::load_deref_shared(r, oparg),
        INSTRUMENTED_CALL => load_store::load_global_module_shared(r, oparg),
        INSTRUMENTED_CALL_FUNCTION_EX => subscript::binary_op_subscr_list_int_shared(r, oparg),
        INSTRUMENTED_YIELD_VALUE => subscript::store_subscr_list_int_shared(r),
        FOR_ITER_RANGE => iterate::for_iter_range(r, oparg),
        FOR_ITER_GEN => generator::for_iter_gen(r, oparg),
        UNPACK_SEQUENCE => iterate::unpack_sequence(r, oparg),
        BUILD_TUPLE => build::build_tuple(r, oparg),
        BUILD_LIST => build::build_list(r, oparg),
        BUILD_SLICE => build::build_slice(r, oparg),
        LIST_APPEND => build::list_append(r, oparg),
        SET_ADD => build::set_add(r, oparg),
        MAP_ADD => build::map_add(r, oparg),
        FORMAT_SIMPLE => build::format_simple(r),
        MAKE_FUNCTION => class_body::make_function(r),
        SET_FUNCTION_ATTRIBUTE => class_body::set_function_attribute(r, oparg),
        PUSH_EXC_INFO => exception::push_exc_info(r),
        POP_EXCEPT => exception::pop_except(r),
        RETURN_GENERATOR => generator::return_generator(r),
        YIELD_VALUE => generator::yield_value(r, oparg),
        SEND => generator::send(r, oparg),
        END_SEND => generator::end_send(r),
    }
    returning {
        LOAD_COMMON_CONSTANT => load_store::load_common_constant(r, oparg),
        LOAD_FROM_DICT_OR_DEREF => load_store::load_from_dict_or_deref(r, oparg),
        LOAD_FROM_DICT_OR_GLOBALS => load_store::load_from_dict_or_globals(r, oparg),
        DELETE_NAME => load_store::delete_name(r, oparg),
        DELETE_GLOBAL => load_store::delete_global(r, oparg),
        LOAD_LOCALS => load_store::load_locals(r),
        DELETE_ATTR => attr::delete_attr(r, oparg),
        LOAD_SUPER_ATTR => attr::load_super_attr(r, oparg),
        LOAD_SPECIAL => attr::load_special(r, oparg),
        CALL_FUNCTION_EX => call::call_function_ex(r),
        CALL_INTRINSIC_1 => call::call_intrinsic_1(r, oparg),
        CALL_INTRINSIC_2 => call::call_intrinsic_2(r, oparg),
        INSTRUMENTED_LINE => control::instrumented(r),
        // These two never stand in the stream: handlers go on there.
        INSTRUMENTED_RESUME => control::resume_serving(r, oparg),
        INSTRUMENTED_JUMP_BACKWARD => control::jump_backward_serving(r, oparg),
        INTERPRETER_EXIT => Flow::Exit,
        EXIT_INIT_CHECK => control::exit_init_check(r),
        UNPACK_EX => iterate::unpack_ex(r, oparg),
        BUILD_SET => build::build_set(r, oparg),
        BUILD_MAP => build::build_map(r, oparg),
        BUILD_STRING => build::build_string(r, oparg),
        BUILD_TEMPLATE => build::build_template(r),
        BUILD_INTERPOLATION => build::build_interpolation(r, oparg),
        LIST_EXTEND => build::list_extend(r, oparg),
        SET_UPDATE => build::set_update(r, oparg),
        DICT_UPDATE => build::dict_update(r, oparg),
        DICT_MERGE => build::dict_merge(r, oparg),
        CONVERT_VALUE => build::convert_value(r, oparg),
        FORMAT_WITH_SPEC => build::format_with_spec(r),
        LOAD_BUILD_CLASS => class_body::load_build_class(r),
        SETUP_ANNOTATIONS => class_body::setup_annotations(r),
        RAISE_VARARGS => exception::raise_varargs(r, oparg),
        RERAISE => exception::reraise(r, oparg),
        CHECK_EXC_MATCH => exception::check_exc_match(r),
        CHECK_EG_MATCH => exception::check_eg_match(r),
        WITH_EXCEPT_START => exception::with_except_start(r),
        CLEANUP_THROW => exception::cleanup_throw(r),
        GET_YIELD_FROM_ITER => generator::get_yield_from_iter(r),
        GET_AWAITABLE => generator::get_awaitable(r, oparg),
        GET_AITER => generator::get_aiter(r),
        GET_ANEXT => generator::get_anext(r),
        END_ASYNC_FOR => generator::end_async_for(r),
        IMPORT_NAME => import::import_name(r, oparg),
        IMPORT_FROM => import::import_from(r, oparg),
        GET_LEN => pattern::get_len(r),
        MATCH_MAPPING => pattern::match_flag(r, crate::types::type_object::TYPE_MAPPING),
        MATCH_SEQUENCE => pattern::match_flag(r, crate::types::type_object::TYPE_SEQUENCE),
        MATCH_KEYS => pattern::match_keys(r),
        MATCH_CLASS => pattern::match_class(r, oparg),
    }
}

/// An instruction that the eval loop does not know: instrumented ones, which never stand in the stream.
unsafe fn unknown(thread: &mut Thread, frame: *mut Frame, _ip: *const Unit, sp: *mut u64, _oparg: u64) -> Flow {
    // SAFETY: the running frame; `ip` is the current instruction.
    let opcode = unsafe {
        (*frame).sp = sp;
        (*(*frame).ip).load(Ordering::Relaxed) as u8
    };
    let _ = thread.raise(&exc::SYSTEM_ERROR, format!("unknown opcode {opcode}"));
    Flow::Raised
}

fn run_loop(thread: &mut Thread, frame: *mut Frame) -> PyResult {
    let outer_limit = thread.chain_limit;
    thread.chain_limit = crate::threads::thread_state::stack_pointer().saturating_sub(CHAIN_BYTES).max(thread.native_limit);
    let result = run_chains(thread, frame);
    thread.chain_limit = outer_limit;
    result
}

/// Runs chains of handlers until the entry frame is done.
#[inline(always)]
fn run_chains(thread: &mut Thread, frame: *mut Frame) -> PyResult {
    thread.frame = frame;
    loop {
        let frame = thread.frame;
        // SAFETY: a frame that can be entered has `ip` and `sp` written; see `go_on`.
        let flow = unsafe {
            let (ip, sp) = ((*frame).ip, (*frame).sp);
            let unit = (*ip).load(Ordering::Relaxed);
            HANDLERS[unit as u8 as usize](thread, frame, ip.add(1), sp, u64::from(unit >> 8))
        };
        match flow {
            Flow::Next | Flow::Back | Flow::Generic | Flow::Miss => {}
            Flow::Raised => match unwind::unwind(thread, thread.frame) {
                Some(frame) => thread.frame = frame,
                None => return Err(crate::object::value::Raised::stored()),
            },
            // SAFETY: the handler left an owned word there.
            Flow::Exit => return Ok(unsafe { Owned::from_raw(Value::from_bits(thread.exit_word)) }),
        }
    }
}

/// Whether the frame is where this activation of the eval loop began.
#[inline(always)]
pub fn is_entry(frame: *mut Frame) -> bool {
    // SAFETY: the caller's frame is alive.
    unsafe { (*frame).flags & FRAME_ENTRY != 0 }
}
