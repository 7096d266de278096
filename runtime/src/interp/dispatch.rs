//! The eval loop's driver: fetches units and hands each to its handler.
//!
//! Every handler has the form `fn(&mut Regs, oparg) -> Flow` and is inlined here, so that the registers stay registers:
//! no handler lets the address of a [`Regs`] escape. Whatever is called out of line gets the thread and the frame, whose
//! `ip` and `sp` are written first.

use pyrt_compiler::bytecode::instructions::Opcode;

use crate::exceptions::exc;
use crate::interp::frame::{FRAME_ENTRY, Frame, close, into_owned};
use crate::interp::inline_cache::CacheCell;
use crate::interp::ops::{arith, attr, build, call, class_body, control, exception, generator, import, iterate, load_store, pattern, subscript};
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
}

/// What a handler says about how to go on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    Next,
    /// An exception has been raised: look for a handler.
    Raised,
    /// The entry frame is done; its value is on `Regs::sp`'s word.
    Exit,
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

    /// Releases a word that has left its slot. `sp` is written first, for Python code may run.
    #[inline(always)]
    pub fn release(&mut self, word: u64) {
        if word & 0xF == 0 && word != 0 {
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
                self.release(right);
                self.release(left);
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
                self.replace(1, value);
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
            self.code().cells.get_unchecked(number as usize)
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
    match unwind::unwind(thread, frame) {
        Some(frame) => run_loop(thread, frame),
        None => Err(crate::object::value::Raised::stored()),
    }
}

fn run_loop(thread: &mut Thread, frame: *mut Frame) -> PyResult {
    let mut r = Regs { thread, frame, ip: std::ptr::null(), sp: std::ptr::null_mut() };
    r.enter(frame);
    loop {
        // SAFETY: `ip` stays within the units of the frame's code: the compiler ends every path in a return or a jump.
        let unit = unsafe { (*r.ip).load(Ordering::Relaxed) };
        // SAFETY: the running frame.
        unsafe { (*r.frame).ip = r.ip };
        // SAFETY: as for the load.
        r.ip = unsafe { r.ip.add(1) };
        let oparg = unit >> 8;
        // SAFETY: translate.rs and the specialiser store only opcodes of the table.
        let opcode = unsafe { std::mem::transmute::<u8, Opcode>(unit as u8) };
        let flow = match opcode {
            Opcode::NOP | Opcode::NOT_TAKEN | Opcode::RESERVED | Opcode::CACHE => Flow::Next,
            Opcode::RESUME => control::resume(&mut r, oparg),
            Opcode::LOAD_FAST => load_store::load_fast(&mut r, oparg),
            Opcode::LOAD_FAST_BORROW => load_store::load_fast_borrow(&mut r, oparg),
            Opcode::LOAD_FAST_CHECK => load_store::load_fast_check(&mut r, oparg),
            Opcode::LOAD_FAST_AND_CLEAR => load_store::load_fast_and_clear(&mut r, oparg),
            Opcode::LOAD_FAST_LOAD_FAST => load_store::load_fast_load_fast(&mut r, oparg),
            Opcode::LOAD_FAST_BORROW_LOAD_FAST_BORROW => load_store::load_fast_borrow_load_fast_borrow(&mut r, oparg),
            Opcode::LOAD_CONST | Opcode::LOAD_CONST_IMMORTAL | Opcode::LOAD_CONST_MORTAL => load_store::load_const(&mut r, oparg),
            Opcode::LOAD_SMALL_INT => load_store::load_small_int(&mut r, oparg),
            Opcode::LOAD_COMMON_CONSTANT => load_store::load_common_constant(&mut r, oparg),
            Opcode::STORE_FAST => load_store::store_fast(&mut r, oparg),
            Opcode::STORE_FAST_LOAD_FAST => load_store::store_fast_load_fast(&mut r, oparg),
            Opcode::STORE_FAST_STORE_FAST => load_store::store_fast_store_fast(&mut r, oparg),
            Opcode::DELETE_FAST => load_store::delete_fast(&mut r, oparg),
            Opcode::MAKE_CELL => load_store::make_cell(&mut r, oparg),
            Opcode::COPY_FREE_VARS => load_store::copy_free_vars(&mut r, oparg),
            Opcode::LOAD_DEREF => load_store::load_deref(&mut r, oparg),
            Opcode::STORE_DEREF => load_store::store_deref(&mut r, oparg),
            Opcode::DELETE_DEREF => load_store::delete_deref(&mut r, oparg),
            Opcode::LOAD_FROM_DICT_OR_DEREF => load_store::load_from_dict_or_deref(&mut r, oparg),
            Opcode::LOAD_FROM_DICT_OR_GLOBALS => load_store::load_from_dict_or_globals(&mut r, oparg),
            Opcode::LOAD_NAME => load_store::load_name(&mut r, oparg),
            Opcode::STORE_NAME => load_store::store_name(&mut r, oparg),
            Opcode::DELETE_NAME => load_store::delete_name(&mut r, oparg),
            Opcode::LOAD_GLOBAL => load_store::load_global(&mut r, oparg),
            Opcode::LOAD_GLOBAL_MODULE => load_store::load_global_module(&mut r, oparg),
            Opcode::LOAD_GLOBAL_BUILTIN => load_store::load_global_builtin(&mut r, oparg),
            Opcode::STORE_GLOBAL => load_store::store_global(&mut r, oparg),
            Opcode::DELETE_GLOBAL => load_store::delete_global(&mut r, oparg),
            Opcode::LOAD_LOCALS => load_store::load_locals(&mut r),
            Opcode::POP_TOP | Opcode::POP_ITER => {
                r.drop_top();
                Flow::Next
            }
            Opcode::END_FOR => {
                r.drop_top();
                Flow::Next
            }
            Opcode::PUSH_NULL => {
                r.push(0);
                Flow::Next
            }
            Opcode::COPY => load_store::copy(&mut r, oparg),
            Opcode::SWAP => load_store::swap(&mut r, oparg),

            Opcode::BINARY_OP => arith::binary_op(&mut r, oparg),
            Opcode::BINARY_OP_ADD_INT => arith::binary_op_add_int(&mut r, oparg),
            Opcode::BINARY_OP_SUBTRACT_INT => arith::binary_op_subtract_int(&mut r, oparg),
            Opcode::BINARY_OP_MULTIPLY_INT => arith::binary_op_multiply_int(&mut r, oparg),
            Opcode::BINARY_OP_ADD_FLOAT => arith::binary_op_add_float(&mut r, oparg),
            Opcode::BINARY_OP_SUBTRACT_FLOAT => arith::binary_op_subtract_float(&mut r, oparg),
            Opcode::BINARY_OP_MULTIPLY_FLOAT => arith::binary_op_multiply_float(&mut r, oparg),
            Opcode::BINARY_OP_SUBSCR_LIST_INT => subscript::binary_op_subscr_list_int(&mut r, oparg),
            Opcode::BINARY_OP_SUBSCR_TUPLE_INT => subscript::binary_op_subscr_tuple_int(&mut r, oparg),
            Opcode::BINARY_OP_SUBSCR_DICT => subscript::binary_op_subscr_dict(&mut r, oparg),
            Opcode::UNARY_NEGATIVE => arith::unary_negative(&mut r),
            Opcode::UNARY_INVERT => arith::unary_invert(&mut r),
            Opcode::UNARY_NOT => arith::unary_not(&mut r),
            Opcode::COMPARE_OP => arith::compare_op(&mut r, oparg),
            Opcode::COMPARE_OP_INT => arith::compare_op_int(&mut r, oparg),
            Opcode::COMPARE_OP_FLOAT => arith::compare_op_float(&mut r, oparg),
            Opcode::COMPARE_OP_STR => arith::compare_op_str(&mut r, oparg),
            Opcode::IS_OP => arith::is_op(&mut r, oparg),
            Opcode::CONTAINS_OP => arith::contains_op(&mut r, oparg),
            Opcode::TO_BOOL => arith::to_bool(&mut r),

            Opcode::STORE_SUBSCR => subscript::store_subscr(&mut r),
            Opcode::STORE_SUBSCR_LIST_INT => subscript::store_subscr_list_int(&mut r),
            Opcode::STORE_SUBSCR_DICT => subscript::store_subscr_dict(&mut r),
            Opcode::DELETE_SUBSCR => subscript::delete_subscr(&mut r),
            Opcode::BINARY_SLICE => subscript::binary_slice(&mut r),
            Opcode::STORE_SLICE => subscript::store_slice(&mut r),

            Opcode::LOAD_ATTR => attr::load_attr(&mut r, oparg),
            Opcode::LOAD_ATTR_INSTANCE_VALUE => attr::load_attr_instance_value(&mut r, oparg),
            Opcode::LOAD_ATTR_METHOD_WITH_VALUES => attr::load_attr_method(&mut r, oparg),
            Opcode::LOAD_ATTR_MODULE => attr::load_attr_module(&mut r, oparg),
            Opcode::LOAD_ATTR_SLOT => attr::load_attr_slot(&mut r, oparg),
            Opcode::STORE_ATTR => attr::store_attr(&mut r, oparg),
            Opcode::STORE_ATTR_INSTANCE_VALUE => attr::store_attr_instance_value(&mut r, oparg),
            Opcode::STORE_ATTR_SLOT => attr::store_attr_slot(&mut r, oparg),
            Opcode::DELETE_ATTR => attr::delete_attr(&mut r, oparg),
            Opcode::LOAD_SUPER_ATTR => attr::load_super_attr(&mut r, oparg),
            Opcode::LOAD_SPECIAL => attr::load_special(&mut r, oparg),

            Opcode::CALL => call::call(&mut r, oparg),
            Opcode::CALL_PY_EXACT_ARGS => call::call_py_exact_args(&mut r, oparg),
            Opcode::CALL_KW => call::call_kw(&mut r, oparg),
            Opcode::CALL_FUNCTION_EX => call::call_function_ex(&mut r),
            Opcode::CALL_INTRINSIC_1 => call::call_intrinsic_1(&mut r, oparg),
            Opcode::CALL_INTRINSIC_2 => call::call_intrinsic_2(&mut r, oparg),
            Opcode::RETURN_VALUE => control::return_value(&mut r),
            Opcode::INTERPRETER_EXIT => Flow::Exit,
            Opcode::EXIT_INIT_CHECK => control::exit_init_check(&mut r),

            Opcode::JUMP_FORWARD => {
                r.jump(oparg);
                Flow::Next
            }
            Opcode::JUMP_BACKWARD => control::jump_backward(&mut r, oparg),
            Opcode::JUMP_BACKWARD_NO_INTERRUPT => {
                r.jump(oparg);
                Flow::Next
            }
            Opcode::POP_JUMP_IF_TRUE => control::pop_jump_if(&mut r, oparg, true),
            Opcode::POP_JUMP_IF_FALSE => control::pop_jump_if(&mut r, oparg, false),
            Opcode::POP_JUMP_IF_NONE => control::pop_jump_if_none(&mut r, oparg, true),
            Opcode::POP_JUMP_IF_NOT_NONE => control::pop_jump_if_none(&mut r, oparg, false),

            Opcode::GET_ITER => iterate::get_iter(&mut r),
            Opcode::FOR_ITER => iterate::for_iter(&mut r, oparg),
            Opcode::FOR_ITER_LIST => iterate::for_iter_list(&mut r, oparg),
            Opcode::FOR_ITER_TUPLE => iterate::for_iter_tuple(&mut r, oparg),
            Opcode::FOR_ITER_RANGE => iterate::for_iter_range(&mut r, oparg),
            Opcode::FOR_ITER_GEN => generator::for_iter_gen(&mut r, oparg),
            Opcode::UNPACK_SEQUENCE => iterate::unpack_sequence(&mut r, oparg),
            Opcode::UNPACK_EX => iterate::unpack_ex(&mut r, oparg),

            Opcode::BUILD_TUPLE => build::build_tuple(&mut r, oparg),
            Opcode::BUILD_LIST => build::build_list(&mut r, oparg),
            Opcode::BUILD_SET => build::build_set(&mut r, oparg),
            Opcode::BUILD_MAP => build::build_map(&mut r, oparg),
            Opcode::BUILD_STRING => build::build_string(&mut r, oparg),
            Opcode::BUILD_SLICE => build::build_slice(&mut r, oparg),
            Opcode::BUILD_TEMPLATE => build::build_template(&mut r),
            Opcode::BUILD_INTERPOLATION => build::build_interpolation(&mut r, oparg),
            Opcode::LIST_APPEND => build::list_append(&mut r, oparg),
            Opcode::LIST_EXTEND => build::list_extend(&mut r, oparg),
            Opcode::SET_ADD => build::set_add(&mut r, oparg),
            Opcode::SET_UPDATE => build::set_update(&mut r, oparg),
            Opcode::MAP_ADD => build::map_add(&mut r, oparg),
            Opcode::DICT_UPDATE => build::dict_update(&mut r, oparg),
            Opcode::DICT_MERGE => build::dict_merge(&mut r, oparg),
            Opcode::CONVERT_VALUE => build::convert_value(&mut r, oparg),
            Opcode::FORMAT_SIMPLE => build::format_simple(&mut r),
            Opcode::FORMAT_WITH_SPEC => build::format_with_spec(&mut r),

            Opcode::MAKE_FUNCTION => class_body::make_function(&mut r),
            Opcode::SET_FUNCTION_ATTRIBUTE => class_body::set_function_attribute(&mut r, oparg),
            Opcode::LOAD_BUILD_CLASS => class_body::load_build_class(&mut r),
            Opcode::SETUP_ANNOTATIONS => class_body::setup_annotations(&mut r),

            Opcode::RAISE_VARARGS => exception::raise_varargs(&mut r, oparg),
            Opcode::RERAISE => exception::reraise(&mut r, oparg),
            Opcode::PUSH_EXC_INFO => exception::push_exc_info(&mut r),
            Opcode::POP_EXCEPT => exception::pop_except(&mut r),
            Opcode::CHECK_EXC_MATCH => exception::check_exc_match(&mut r),
            Opcode::CHECK_EG_MATCH => exception::check_eg_match(&mut r),
            Opcode::WITH_EXCEPT_START => exception::with_except_start(&mut r),
            Opcode::CLEANUP_THROW => exception::cleanup_throw(&mut r),

            Opcode::RETURN_GENERATOR => generator::return_generator(&mut r),
            Opcode::YIELD_VALUE => generator::yield_value(&mut r, oparg),
            Opcode::SEND => generator::send(&mut r, oparg),
            Opcode::END_SEND => generator::end_send(&mut r),
            Opcode::GET_YIELD_FROM_ITER => generator::get_yield_from_iter(&mut r),
            Opcode::GET_AWAITABLE => generator::get_awaitable(&mut r, oparg),
            Opcode::GET_AITER => generator::get_aiter(&mut r),
            Opcode::GET_ANEXT => generator::get_anext(&mut r),
            Opcode::END_ASYNC_FOR => generator::end_async_for(&mut r),

            Opcode::IMPORT_NAME => import::import_name(&mut r, oparg),
            Opcode::IMPORT_FROM => import::import_from(&mut r, oparg),

            Opcode::GET_LEN => pattern::get_len(&mut r),
            Opcode::MATCH_MAPPING => pattern::match_flag(&mut r, crate::types::type_object::TYPE_MAPPING),
            Opcode::MATCH_SEQUENCE => pattern::match_flag(&mut r, crate::types::type_object::TYPE_SEQUENCE),
            Opcode::MATCH_KEYS => pattern::match_keys(&mut r),
            Opcode::MATCH_CLASS => pattern::match_class(&mut r, oparg),

            _ => {
                r.sync();
                let _ = r.thread.raise(&exc::SYSTEM_ERROR, format!("unknown opcode {}", unit as u8));
                Flow::Raised
            }
        };
        match flow {
            Flow::Next => {}
            Flow::Raised => {
                r.sync();
                match unwind::unwind(r.thread, r.frame) {
                    Some(frame) => r.enter(frame),
                    None => return Err(crate::object::value::Raised::stored()),
                }
            }
            Flow::Exit => {
                // SAFETY: the handler left an owned word there.
                return Ok(unsafe { Owned::from_raw(Value::from_bits(*r.sp)) });
            }
        }
    }
}

/// Whether the frame is where this activation of the eval loop began.
#[inline(always)]
pub fn is_entry(frame: *mut Frame) -> bool {
    // SAFETY: the caller's frame is alive.
    unsafe { (*frame).flags & FRAME_ENTRY != 0 }
}
