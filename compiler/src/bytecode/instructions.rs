//! THE instruction table: every instruction of CPython 3.14, real, specialised, instrumented and pseudo.
//!
//! [`for_each_instruction!`] is the one source; [`Opcode`], [`CodegenOpcode`], the facts below, the disassembler and
//! the dispatch loop are made from it. A row reads
//! `NAME = number, base FAMILY, caches UNITS, Operand, |n| (pops, pushes), [flags], "meaning";`
//! where `n` is the operand, `base` the instruction that a specialised or instrumented one stands for (itself for
//! the others), and `pops`/`pushes` the effect on the stack once the instruction is done, with any frame that it
//! enters inline. For a jump the effect is that of the path that does not jump, except for the pseudo instructions
//! that open a handler, whose effect is that at the handler.
//! The numbers and effects of 3.14 are those that `opcode`, `_opcode` and `_opcode_metadata` report.

use bitflags::bitflags;

/// Hands the table to `$callback!` as `real { rows } pseudo { rows }`. See the module's page for the form of a row.
#[macro_export]
macro_rules! for_each_instruction {
    ($callback:ident) => {
        $callback! {
            real {
                CACHE = 0, base CACHE, caches 0, None, |_| (0, 0), [], "Not executed: one 16-bit unit of an inline cache.";
                BINARY_SLICE = 1, base BINARY_SLICE, caches 0, None, |_| (3, 1), [RAISES, ESCAPES], "`a[start:stop]`; stack: container, start, stop.";
                BUILD_TEMPLATE = 2, base BUILD_TEMPLATE, caches 0, None, |_| (2, 1), [RAISES, ESCAPES], "A t-string from the tuple of strings and the tuple of interpolations.";
                BINARY_OP_INPLACE_ADD_UNICODE = 3, base BINARY_OP, caches 5, BinaryOperation, |_| (2, 0), [RAISES, GUARDED], "`s += t` on exact strings, followed by the STORE_FAST to the same local that it also does.";
                CALL_FUNCTION_EX = 4, base CALL_FUNCTION_EX, caches 0, None, |_| (4, 1), [RAISES, ESCAPES], "`f(*args, **kwargs)`; stack: callable, self or NULL, args tuple, kwargs dict or NULL.";
                CHECK_EG_MATCH = 5, base CHECK_EG_MATCH, caches 0, None, |_| (2, 2), [RAISES, ESCAPES], "`except*`: splits the exception group by the type; pushes the rest and the match (or None).";
                CHECK_EXC_MATCH = 6, base CHECK_EXC_MATCH, caches 0, None, |_| (2, 2), [RAISES, ESCAPES], "`except T`: replaces the type by whether the exception below matches it.";
                CLEANUP_THROW = 7, base CLEANUP_THROW, caches 0, None, |_| (3, 2), [RAISES], "After an exception thrown into a yield inside `await`/`yield from`: StopIteration becomes its value, others are raised again.";
                DELETE_SUBSCR = 8, base DELETE_SUBSCR, caches 0, None, |_| (2, 0), [RAISES, ESCAPES], "`del container[key]`; stack: container, key.";
                END_FOR = 9, base END_FOR, caches 0, None, |_| (1, 0), [ESCAPES], "Pops the value left over by an exhausted iterator.";
                END_SEND = 10, base END_SEND, caches 0, None, |_| (2, 1), [ESCAPES], "Drops the sub-iterator below the value.";
                EXIT_INIT_CHECK = 11, base EXIT_INIT_CHECK, caches 0, None, |_| (1, 0), [RAISES], "Raises unless the value returned by `__init__` is None.";
                FORMAT_SIMPLE = 12, base FORMAT_SIMPLE, caches 0, None, |_| (1, 1), [RAISES, ESCAPES], "`format(value, '')`; a str stays as it is.";
                FORMAT_WITH_SPEC = 13, base FORMAT_WITH_SPEC, caches 0, None, |_| (2, 1), [RAISES, ESCAPES], "`format(value, spec)`.";
                GET_AITER = 14, base GET_AITER, caches 0, None, |_| (1, 1), [RAISES, ESCAPES], "`type(x).__aiter__(x)`, checked for `__anext__`.";
                GET_ANEXT = 15, base GET_ANEXT, caches 0, None, |_| (1, 2), [RAISES, ESCAPES], "Pushes the awaitable of the next item of the asynchronous iterator, which stays.";
                GET_ITER = 16, base GET_ITER, caches 0, None, |_| (1, 1), [RAISES, ESCAPES], "`iter(x)`.";
                RESERVED = 17, base RESERVED, caches 0, None, |_| (0, 0), [], "Not executed: number 17 is taken by the tracing of CPython itself.";
                GET_LEN = 18, base GET_LEN, caches 0, None, |_| (1, 2), [RAISES, ESCAPES], "Pushes `len(subject)` and keeps the subject.";
                GET_YIELD_FROM_ITER = 19, base GET_YIELD_FROM_ITER, caches 0, None, |_| (1, 1), [RAISES, ESCAPES], "The iterator of `yield from x`: coroutines only where allowed, generators as they are, else `iter(x)`.";
                INTERPRETER_EXIT = 20, base INTERPRETER_EXIT, caches 0, None, |_| (1, 0), [TERMINATES], "Leaves the eval loop with the value; only in the entry frame's trampoline.";
                LOAD_BUILD_CLASS = 21, base LOAD_BUILD_CLASS, caches 0, None, |_| (0, 1), [RAISES, ESCAPES], "Pushes `builtins.__build_class__`.";
                LOAD_LOCALS = 22, base LOAD_LOCALS, caches 0, None, |_| (0, 1), [RAISES], "Pushes the locals mapping of the frame.";
                MAKE_FUNCTION = 23, base MAKE_FUNCTION, caches 0, None, |_| (1, 1), [RAISES], "A function object from the code object.";
                MATCH_KEYS = 24, base MATCH_KEYS, caches 0, None, |_| (2, 3), [RAISES, ESCAPES], "Pushes the tuple of values for the tuple of keys, or None when one is missing.";
                MATCH_MAPPING = 25, base MATCH_MAPPING, caches 0, None, |_| (1, 2), [], "Pushes whether the subject's type has Py_TPFLAGS_MAPPING.";
                MATCH_SEQUENCE = 26, base MATCH_SEQUENCE, caches 0, None, |_| (1, 2), [], "Pushes whether the subject's type has Py_TPFLAGS_SEQUENCE.";
                NOP = 27, base NOP, caches 0, None, |_| (0, 0), [], "Nothing; kept where a line needs an instruction.";
                NOT_TAKEN = 28, base NOT_TAKEN, caches 0, None, |_| (0, 0), [], "Nothing; marks the fall-through side of a conditional jump for branch monitoring.";
                POP_EXCEPT = 29, base POP_EXCEPT, caches 0, None, |_| (1, 0), [ESCAPES], "Restores the handled exception that PUSH_EXC_INFO saved.";
                POP_ITER = 30, base POP_ITER, caches 0, None, |_| (1, 0), [ESCAPES], "Pops the iterator at the end of a loop.";
                POP_TOP = 31, base POP_TOP, caches 0, None, |_| (1, 0), [ESCAPES], "Pops and drops the top.";
                PUSH_EXC_INFO = 32, base PUSH_EXC_INFO, caches 0, None, |_| (1, 2), [], "Makes the exception on top the handled one; saves the previous below it.";
                PUSH_NULL = 33, base PUSH_NULL, caches 0, None, |_| (0, 1), [], "Pushes the empty `self` slot of a call.";
                RETURN_GENERATOR = 34, base RETURN_GENERATOR, caches 0, None, |_| (0, 1), [RAISES, ESCAPES], "Makes the generator, coroutine or asynchronous generator from the frame and returns it to the caller.";
                RETURN_VALUE = 35, base RETURN_VALUE, caches 0, None, |_| (1, 1), [TERMINATES], "Returns the top to the caller.";
                SETUP_ANNOTATIONS = 36, base SETUP_ANNOTATIONS, caches 0, None, |_| (0, 0), [RAISES, ESCAPES], "Makes `__annotations__` in the locals if there is none.";
                STORE_SLICE = 37, base STORE_SLICE, caches 0, None, |_| (4, 0), [RAISES, ESCAPES], "`a[start:stop] = v`; stack: value, container, start, stop.";
                STORE_SUBSCR = 38, base STORE_SUBSCR, caches 1, None, |_| (3, 0), [RAISES, ESCAPES], "`container[key] = value`; stack: value, container, key.";
                TO_BOOL = 39, base TO_BOOL, caches 3, None, |_| (1, 1), [RAISES, ESCAPES], "`bool(x)`.";
                UNARY_INVERT = 40, base UNARY_INVERT, caches 0, None, |_| (1, 1), [RAISES, ESCAPES], "`~x`.";
                UNARY_NEGATIVE = 41, base UNARY_NEGATIVE, caches 0, None, |_| (1, 1), [RAISES, ESCAPES], "`-x`.";
                UNARY_NOT = 42, base UNARY_NOT, caches 0, None, |_| (1, 1), [], "`not x` of an exact bool.";
                WITH_EXCEPT_START = 43, base WITH_EXCEPT_START, caches 0, None, |_| (5, 6), [RAISES, ESCAPES], "Calls the `__exit__` of a with block with the exception on top; pushes the result.";
                BINARY_OP = 44, base BINARY_OP, caches 5, BinaryOperation, |_| (2, 1), [RAISES, ESCAPES], "The binary or in-place operation numbered in `BINARY_OPERATIONS`.";
                BUILD_INTERPOLATION = 45, base BUILD_INTERPOLATION, caches 0, Immediate, |n| (2 + (n & 1), 1), [RAISES, ESCAPES], "An interpolation of a t-string; bit 0: a format spec is on the stack, bits 2 and up: the conversion.";
                BUILD_LIST = 46, base BUILD_LIST, caches 0, Immediate, |n| (n, 1), [RAISES], "A list of the top n.";
                BUILD_MAP = 47, base BUILD_MAP, caches 0, Immediate, |n| (2 * n, 1), [RAISES, ESCAPES], "A dict of n key/value pairs.";
                BUILD_SET = 48, base BUILD_SET, caches 0, Immediate, |n| (n, 1), [RAISES, ESCAPES], "A set of the top n.";
                BUILD_SLICE = 49, base BUILD_SLICE, caches 0, Immediate, |n| (n, 1), [RAISES], "A slice of the top two or three.";
                BUILD_STRING = 50, base BUILD_STRING, caches 0, Immediate, |n| (n, 1), [RAISES], "Joins n strings.";
                BUILD_TUPLE = 51, base BUILD_TUPLE, caches 0, Immediate, |n| (n, 1), [RAISES], "A tuple of the top n.";
                CALL = 52, base CALL, caches 3, Immediate, |n| (n + 2, 1), [RAISES, ESCAPES], "Calls with n positional arguments; stack: callable, self or NULL, arguments.";
                CALL_INTRINSIC_1 = 53, base CALL_INTRINSIC_1, caches 0, Intrinsic1, |_| (1, 1), [RAISES, ESCAPES], "The one-argument intrinsic numbered in `INTRINSICS_1`.";
                CALL_INTRINSIC_2 = 54, base CALL_INTRINSIC_2, caches 0, Intrinsic2, |_| (2, 1), [RAISES, ESCAPES], "The two-argument intrinsic numbered in `INTRINSICS_2`.";
                CALL_KW = 55, base CALL_KW, caches 3, Immediate, |n| (n + 3, 1), [RAISES, ESCAPES], "Calls with n arguments, the last of them named by the tuple on top.";
                COMPARE_OP = 56, base COMPARE_OP, caches 1, Compare, |_| (2, 1), [RAISES, ESCAPES], "Rich comparison: bits 5 and up: the operator, bit 4: convert to bool, bits 0-3: mask of outcomes.";
                CONTAINS_OP = 57, base CONTAINS_OP, caches 1, Immediate, |_| (2, 1), [RAISES, ESCAPES], "`in`, or `not in` when bit 0 is set.";
                CONVERT_VALUE = 58, base CONVERT_VALUE, caches 0, Immediate, |_| (1, 1), [RAISES, ESCAPES], "The conversion of a formatted value: 1 str, 2 repr, 3 ascii.";
                COPY = 59, base COPY, caches 0, Immediate, |n| (n, n + 1), [], "Pushes the n-th item from the top again.";
                COPY_FREE_VARS = 60, base COPY_FREE_VARS, caches 0, Immediate, |_| (0, 0), [], "Copies the n cells of the function's closure into the frame.";
                DELETE_ATTR = 61, base DELETE_ATTR, caches 0, Name, |_| (1, 0), [RAISES, ESCAPES], "`del owner.name`.";
                DELETE_DEREF = 62, base DELETE_DEREF, caches 0, Free, |_| (0, 0), [RAISES, ESCAPES], "Empties a cell; NameError if it is empty.";
                DELETE_FAST = 63, base DELETE_FAST, caches 0, Local, |_| (0, 0), [RAISES, ESCAPES], "Empties a local; UnboundLocalError if it is empty.";
                DELETE_GLOBAL = 64, base DELETE_GLOBAL, caches 0, Name, |_| (0, 0), [RAISES, ESCAPES], "Deletes a global.";
                DELETE_NAME = 65, base DELETE_NAME, caches 0, Name, |_| (0, 0), [RAISES, ESCAPES], "Deletes a name from the locals mapping.";
                DICT_MERGE = 66, base DICT_MERGE, caches 0, Immediate, |n| (n + 4, n + 3), [RAISES, ESCAPES], "Updates the dict at depth n by the mapping on top; duplicate keys raise TypeError (call arguments).";
                DICT_UPDATE = 67, base DICT_UPDATE, caches 0, Immediate, |n| (n + 1, n), [RAISES, ESCAPES], "Updates the dict at depth n by the mapping on top.";
                END_ASYNC_FOR = 68, base END_ASYNC_FOR, caches 0, JumpBackward, |_| (2, 0), [RAISES, ESCAPES, JUMPS], "Ends `async for` on StopAsyncIteration, raises anything else again. The operand leads back to the SEND, for monitoring.";
                EXTENDED_ARG = 69, base EXTENDED_ARG, caches 0, Immediate, |_| (0, 0), [], "Supplies the next higher byte of the following operand.";
                FOR_ITER = 70, base FOR_ITER, caches 1, JumpForward, |_| (1, 2), [RAISES, ESCAPES, JUMPS], "Pushes the next item, or jumps past the loop's END_FOR when the iterator is exhausted.";
                GET_AWAITABLE = 71, base GET_AWAITABLE, caches 0, Immediate, |_| (1, 1), [RAISES, ESCAPES], "The awaitable of `await x`; operand 1 and 2 name `__aenter__` and `__aexit__` in the error.";
                IMPORT_FROM = 72, base IMPORT_FROM, caches 0, Name, |_| (1, 2), [RAISES, ESCAPES], "Pushes the attribute or submodule of the module, which stays.";
                IMPORT_NAME = 73, base IMPORT_NAME, caches 0, Name, |_| (2, 1), [RAISES, ESCAPES], "`__import__`; stack: level, fromlist.";
                IS_OP = 74, base IS_OP, caches 0, Immediate, |_| (2, 1), [], "`is`, or `is not` when bit 0 is set.";
                JUMP_BACKWARD = 75, base JUMP_BACKWARD, caches 1, JumpBackward, |_| (0, 0), [JUMPS, TERMINATES, EVAL_BREAK], "Jumps back; polls the eval breaker.";
                JUMP_BACKWARD_NO_INTERRUPT = 76, base JUMP_BACKWARD_NO_INTERRUPT, caches 0, JumpBackward, |_| (0, 0), [JUMPS, TERMINATES], "Jumps back without polling.";
                JUMP_FORWARD = 77, base JUMP_FORWARD, caches 0, JumpForward, |_| (0, 0), [JUMPS, TERMINATES], "Jumps forward.";
                LIST_APPEND = 78, base LIST_APPEND, caches 0, Immediate, |n| (n + 1, n), [RAISES], "Appends the top to the list at depth n.";
                LIST_EXTEND = 79, base LIST_EXTEND, caches 0, Immediate, |n| (n + 1, n), [RAISES, ESCAPES], "Extends the list at depth n by the iterable on top.";
                LOAD_ATTR = 80, base LOAD_ATTR, caches 9, NameShift1, |n| (1, 1 + (n & 1)), [RAISES, ESCAPES], "Attribute `names[n >> 1]`; with bit 0 a method lookup that pushes function and self, or value and NULL.";
                LOAD_COMMON_CONSTANT = 81, base LOAD_COMMON_CONSTANT, caches 0, CommonConstant, |_| (0, 1), [], "Pushes the object numbered in `COMMON_CONSTANTS`.";
                LOAD_CONST = 82, base LOAD_CONST, caches 0, Const, |_| (0, 1), [], "Pushes a constant.";
                LOAD_DEREF = 83, base LOAD_DEREF, caches 0, Deref, |_| (0, 1), [RAISES], "Pushes the content of a cell; NameError if it is empty.";
                LOAD_FAST = 84, base LOAD_FAST, caches 0, Local, |_| (0, 1), [], "Pushes a local that is known to be set.";
                LOAD_FAST_AND_CLEAR = 85, base LOAD_FAST_AND_CLEAR, caches 0, Local, |_| (0, 1), [], "Pushes a local (or NULL) and empties it.";
                LOAD_FAST_BORROW = 86, base LOAD_FAST_BORROW, caches 0, Local, |_| (0, 1), [], "Pushes a local that outlives the use of the reference.";
                LOAD_FAST_BORROW_LOAD_FAST_BORROW = 87, base LOAD_FAST_BORROW_LOAD_FAST_BORROW, caches 0, LocalPair, |_| (0, 2), [], "Two LOAD_FAST_BORROW; locals n >> 4 and n & 15.";
                LOAD_FAST_CHECK = 88, base LOAD_FAST_CHECK, caches 0, Local, |_| (0, 1), [RAISES], "Pushes a local; UnboundLocalError if it is not set.";
                LOAD_FAST_LOAD_FAST = 89, base LOAD_FAST_LOAD_FAST, caches 0, LocalPair, |_| (0, 2), [], "Two LOAD_FAST; locals n >> 4 and n & 15.";
                LOAD_FROM_DICT_OR_DEREF = 90, base LOAD_FROM_DICT_OR_DEREF, caches 0, Free, |_| (1, 1), [RAISES, ESCAPES], "Looks the name of the cell up in the mapping on top, else in the cell.";
                LOAD_FROM_DICT_OR_GLOBALS = 91, base LOAD_FROM_DICT_OR_GLOBALS, caches 0, Name, |_| (1, 1), [RAISES, ESCAPES], "Looks the name up in the mapping on top, else in globals and builtins.";
                LOAD_GLOBAL = 92, base LOAD_GLOBAL, caches 4, NameShift1, |n| (0, 1 + (n & 1)), [RAISES, ESCAPES], "Global or builtin `names[n >> 1]`; bit 0: push NULL after it.";
                LOAD_NAME = 93, base LOAD_NAME, caches 0, Name, |_| (0, 1), [RAISES, ESCAPES], "Looks the name up in locals, globals, builtins.";
                LOAD_SMALL_INT = 94, base LOAD_SMALL_INT, caches 0, Immediate, |_| (0, 1), [], "Pushes the int n, 0..=255.";
                LOAD_SPECIAL = 95, base LOAD_SPECIAL, caches 0, SpecialMethod, |_| (1, 2), [RAISES, ESCAPES], "The special method numbered in `SPECIAL_METHODS`, as function and self or value and NULL.";
                LOAD_SUPER_ATTR = 96, base LOAD_SUPER_ATTR, caches 1, NameShift2, |n| (3, 1 + (n & 1)), [RAISES, ESCAPES], "`super(cls, self).names[n >> 2]`; bit 0: method lookup, bit 1: two-argument `super`.";
                MAKE_CELL = 97, base MAKE_CELL, caches 0, Free, |_| (0, 0), [RAISES], "Makes a cell in the slot, holding the argument that was there.";
                MAP_ADD = 98, base MAP_ADD, caches 0, Immediate, |n| (n + 2, n), [RAISES, ESCAPES], "Adds key and value to the dict at depth n.";
                MATCH_CLASS = 99, base MATCH_CLASS, caches 0, Immediate, |_| (3, 1), [RAISES, ESCAPES], "Class pattern with n positional sub-patterns: the tuple of attributes, or None.";
                POP_JUMP_IF_FALSE = 100, base POP_JUMP_IF_FALSE, caches 1, JumpForward, |_| (1, 0), [JUMPS], "Jumps when the exact bool is false.";
                POP_JUMP_IF_NONE = 101, base POP_JUMP_IF_NONE, caches 1, JumpForward, |_| (1, 0), [JUMPS, ESCAPES], "Jumps when the top is None.";
                POP_JUMP_IF_NOT_NONE = 102, base POP_JUMP_IF_NOT_NONE, caches 1, JumpForward, |_| (1, 0), [JUMPS, ESCAPES], "Jumps when the top is not None.";
                POP_JUMP_IF_TRUE = 103, base POP_JUMP_IF_TRUE, caches 1, JumpForward, |_| (1, 0), [JUMPS], "Jumps when the exact bool is true.";
                RAISE_VARARGS = 104, base RAISE_VARARGS, caches 0, Immediate, |n| (n, 0), [RAISES, ESCAPES, TERMINATES], "`raise`, `raise e`, `raise e from c`.";
                RERAISE = 105, base RERAISE, caches 0, Immediate, |n| (n + 1, n), [RAISES, TERMINATES], "Raises the top again; n > 0: the offset to report is at depth n.";
                SEND = 106, base SEND, caches 1, JumpForward, |_| (2, 2), [RAISES, ESCAPES, JUMPS], "Sends the value on top to the receiver below; when that is done, jumps with its return value.";
                SET_ADD = 107, base SET_ADD, caches 0, Immediate, |n| (n + 1, n), [RAISES, ESCAPES], "Adds the top to the set at depth n.";
                SET_FUNCTION_ATTRIBUTE = 108, base SET_FUNCTION_ATTRIBUTE, caches 0, FunctionAttribute, |_| (2, 1), [], "Sets the part of the function numbered in `FUNCTION_ATTRIBUTES`.";
                SET_UPDATE = 109, base SET_UPDATE, caches 0, Immediate, |n| (n + 1, n), [RAISES, ESCAPES], "Updates the set at depth n by the iterable on top.";
                STORE_ATTR = 110, base STORE_ATTR, caches 4, Name, |_| (2, 0), [RAISES, ESCAPES], "`owner.name = value`; stack: value, owner.";
                STORE_DEREF = 111, base STORE_DEREF, caches 0, Free, |_| (1, 0), [ESCAPES], "Sets the content of a cell.";
                STORE_FAST = 112, base STORE_FAST, caches 0, Local, |_| (1, 0), [ESCAPES], "Sets a local.";
                STORE_FAST_LOAD_FAST = 113, base STORE_FAST_LOAD_FAST, caches 0, LocalPair, |_| (1, 1), [ESCAPES], "STORE_FAST n >> 4, then LOAD_FAST n & 15.";
                STORE_FAST_STORE_FAST = 114, base STORE_FAST_STORE_FAST, caches 0, LocalPair, |_| (2, 0), [ESCAPES], "STORE_FAST n >> 4, then STORE_FAST n & 15.";
                STORE_GLOBAL = 115, base STORE_GLOBAL, caches 0, Name, |_| (1, 0), [RAISES, ESCAPES], "Sets a global.";
                STORE_NAME = 116, base STORE_NAME, caches 0, Name, |_| (1, 0), [RAISES, ESCAPES], "Sets a name in the locals mapping.";
                SWAP = 117, base SWAP, caches 0, Immediate, |n| (n, n), [], "Swaps the top with the n-th item.";
                UNPACK_EX = 118, base UNPACK_EX, caches 0, Immediate, |n| (1, 1 + (n & 0xff) + (n >> 8)), [RAISES, ESCAPES], "`a, *b, c = x`: n & 255 before the star, n >> 8 after it.";
                UNPACK_SEQUENCE = 119, base UNPACK_SEQUENCE, caches 1, Immediate, |n| (1, n), [RAISES, ESCAPES], "`a, b = x` with n targets; the first ends on top.";
                YIELD_VALUE = 120, base YIELD_VALUE, caches 0, Immediate, |_| (1, 1), [ESCAPES], "Yields the top; resumes with the value sent. Operand 1: within `await` or `yield from`.";
                RESUME = 128, base RESUME, caches 0, Immediate, |_| (0, 0), [RAISES, ESCAPES, EVAL_BREAK], "Start of a function (0) or the point after a yield (1), `yield from` (2), `await` (3); bit 2: at depth 1 of except.";
                BINARY_OP_ADD_FLOAT = 129, base BINARY_OP, caches 5, BinaryOperation, |_| (2, 1), [GUARDED], "`float + float`.";
                BINARY_OP_ADD_INT = 130, base BINARY_OP, caches 5, BinaryOperation, |_| (2, 1), [GUARDED], "`int + int`, compact.";
                BINARY_OP_ADD_UNICODE = 131, base BINARY_OP, caches 5, BinaryOperation, |_| (2, 1), [RAISES, GUARDED], "`str + str`.";
                BINARY_OP_EXTEND = 132, base BINARY_OP, caches 5, BinaryOperation, |_| (2, 1), [RAISES, GUARDED], "A pair of types with its own guard and action in the cache.";
                BINARY_OP_MULTIPLY_FLOAT = 133, base BINARY_OP, caches 5, BinaryOperation, |_| (2, 1), [GUARDED], "`float * float`.";
                BINARY_OP_MULTIPLY_INT = 134, base BINARY_OP, caches 5, BinaryOperation, |_| (2, 1), [GUARDED], "`int * int`, compact.";
                BINARY_OP_SUBSCR_DICT = 135, base BINARY_OP, caches 5, BinaryOperation, |_| (2, 1), [RAISES, ESCAPES, GUARDED], "`dict[key]`.";
                BINARY_OP_SUBSCR_GETITEM = 136, base BINARY_OP, caches 5, BinaryOperation, |_| (2, 1), [RAISES, ESCAPES, GUARDED], "`container[key]` by a `__getitem__` written in Python, which is entered inline.";
                BINARY_OP_SUBSCR_LIST_INT = 137, base BINARY_OP, caches 5, BinaryOperation, |_| (2, 1), [GUARDED], "`list[int]`, in range and not negative.";
                BINARY_OP_SUBSCR_LIST_SLICE = 138, base BINARY_OP, caches 5, BinaryOperation, |_| (2, 1), [RAISES, GUARDED], "`list[slice]`.";
                BINARY_OP_SUBSCR_STR_INT = 139, base BINARY_OP, caches 5, BinaryOperation, |_| (2, 1), [GUARDED], "`str[int]` that gives an ASCII character.";
                BINARY_OP_SUBSCR_TUPLE_INT = 140, base BINARY_OP, caches 5, BinaryOperation, |_| (2, 1), [GUARDED], "`tuple[int]`, in range and not negative.";
                BINARY_OP_SUBTRACT_FLOAT = 141, base BINARY_OP, caches 5, BinaryOperation, |_| (2, 1), [GUARDED], "`float - float`.";
                BINARY_OP_SUBTRACT_INT = 142, base BINARY_OP, caches 5, BinaryOperation, |_| (2, 1), [GUARDED], "`int - int`, compact.";
                CALL_ALLOC_AND_ENTER_INIT = 143, base CALL, caches 3, Immediate, |n| (n + 2, 1), [RAISES, ESCAPES, GUARDED], "A class with a Python `__init__`: allocates, then enters it inline.";
                CALL_BOUND_METHOD_EXACT_ARGS = 144, base CALL, caches 3, Immediate, |n| (n + 2, 1), [RAISES, ESCAPES, GUARDED], "A bound method of a Python function with exactly the arguments it takes.";
                CALL_BOUND_METHOD_GENERAL = 145, base CALL, caches 3, Immediate, |n| (n + 2, 1), [RAISES, ESCAPES, GUARDED], "A bound method of any Python function.";
                CALL_BUILTIN_CLASS = 146, base CALL, caches 3, Immediate, |n| (n + 2, 1), [RAISES, ESCAPES, GUARDED], "A built-in class with a vectorcall.";
                CALL_BUILTIN_FAST = 147, base CALL, caches 3, Immediate, |n| (n + 2, 1), [RAISES, ESCAPES, GUARDED], "A built-in function of the FASTCALL convention.";
                CALL_BUILTIN_FAST_WITH_KEYWORDS = 148, base CALL, caches 3, Immediate, |n| (n + 2, 1), [RAISES, ESCAPES, GUARDED], "A built-in function of the FASTCALL | KEYWORDS convention.";
                CALL_BUILTIN_O = 149, base CALL, caches 3, Immediate, |n| (n + 2, 1), [RAISES, ESCAPES, GUARDED], "A built-in function of one argument.";
                CALL_ISINSTANCE = 150, base CALL, caches 3, Immediate, |n| (n + 2, 1), [RAISES, ESCAPES, GUARDED], "`isinstance(x, c)`.";
                CALL_KW_BOUND_METHOD = 151, base CALL_KW, caches 3, Immediate, |n| (n + 3, 1), [RAISES, ESCAPES, GUARDED], "CALL_KW of a bound Python method.";
                CALL_KW_NON_PY = 152, base CALL_KW, caches 3, Immediate, |n| (n + 3, 1), [RAISES, ESCAPES, GUARDED], "CALL_KW of what is no Python function.";
                CALL_KW_PY = 153, base CALL_KW, caches 3, Immediate, |n| (n + 3, 1), [RAISES, ESCAPES, GUARDED], "CALL_KW of a Python function.";
                CALL_LEN = 154, base CALL, caches 3, Immediate, |n| (n + 2, 1), [RAISES, ESCAPES, GUARDED], "`len(x)`.";
                CALL_LIST_APPEND = 155, base CALL, caches 3, Immediate, |n| (n + 2, 0), [RAISES, GUARDED], "`list.append(x)`, followed by the POP_TOP that it also does.";
                CALL_METHOD_DESCRIPTOR_FAST = 156, base CALL, caches 3, Immediate, |n| (n + 2, 1), [RAISES, ESCAPES, GUARDED], "A method descriptor of the FASTCALL convention.";
                CALL_METHOD_DESCRIPTOR_FAST_WITH_KEYWORDS = 157, base CALL, caches 3, Immediate, |n| (n + 2, 1), [RAISES, ESCAPES, GUARDED], "A method descriptor of the FASTCALL | KEYWORDS convention.";
                CALL_METHOD_DESCRIPTOR_NOARGS = 158, base CALL, caches 3, Immediate, |n| (n + 2, 1), [RAISES, ESCAPES, GUARDED], "A method descriptor without arguments.";
                CALL_METHOD_DESCRIPTOR_O = 159, base CALL, caches 3, Immediate, |n| (n + 2, 1), [RAISES, ESCAPES, GUARDED], "A method descriptor of one argument.";
                CALL_NON_PY_GENERAL = 160, base CALL, caches 3, Immediate, |n| (n + 2, 1), [RAISES, ESCAPES, GUARDED], "Whatever is no Python function.";
                CALL_PY_EXACT_ARGS = 161, base CALL, caches 3, Immediate, |n| (n + 2, 1), [RAISES, ESCAPES, GUARDED], "A Python function with exactly the arguments it takes.";
                CALL_PY_GENERAL = 162, base CALL, caches 3, Immediate, |n| (n + 2, 1), [RAISES, ESCAPES, GUARDED], "Any Python function.";
                CALL_STR_1 = 163, base CALL, caches 3, Immediate, |n| (n + 2, 1), [RAISES, ESCAPES, GUARDED], "`str(x)`.";
                CALL_TUPLE_1 = 164, base CALL, caches 3, Immediate, |n| (n + 2, 1), [RAISES, ESCAPES, GUARDED], "`tuple(x)`.";
                CALL_TYPE_1 = 165, base CALL, caches 3, Immediate, |n| (n + 2, 1), [GUARDED], "`type(x)`.";
                COMPARE_OP_FLOAT = 166, base COMPARE_OP, caches 1, Compare, |_| (2, 1), [GUARDED], "Compares two floats.";
                COMPARE_OP_INT = 167, base COMPARE_OP, caches 1, Compare, |_| (2, 1), [GUARDED], "Compares two compact ints.";
                COMPARE_OP_STR = 168, base COMPARE_OP, caches 1, Compare, |_| (2, 1), [GUARDED], "`==` or `!=` of two strings.";
                CONTAINS_OP_DICT = 169, base CONTAINS_OP, caches 1, Immediate, |_| (2, 1), [RAISES, ESCAPES, GUARDED], "`in` of a dict.";
                CONTAINS_OP_SET = 170, base CONTAINS_OP, caches 1, Immediate, |_| (2, 1), [RAISES, ESCAPES, GUARDED], "`in` of a set or frozenset.";
                FOR_ITER_GEN = 171, base FOR_ITER, caches 1, JumpForward, |_| (1, 2), [RAISES, ESCAPES, JUMPS, GUARDED], "The iterator is a generator, which is entered inline.";
                FOR_ITER_LIST = 172, base FOR_ITER, caches 1, JumpForward, |_| (1, 2), [JUMPS, GUARDED], "The iterator is a list iterator.";
                FOR_ITER_RANGE = 173, base FOR_ITER, caches 1, JumpForward, |_| (1, 2), [RAISES, JUMPS, GUARDED], "The iterator is a range iterator.";
                FOR_ITER_TUPLE = 174, base FOR_ITER, caches 1, JumpForward, |_| (1, 2), [JUMPS, GUARDED], "The iterator is a tuple iterator.";
                JUMP_BACKWARD_JIT = 175, base JUMP_BACKWARD, caches 1, JumpBackward, |_| (0, 0), [JUMPS, TERMINATES, EVAL_BREAK], "JUMP_BACKWARD that counts towards compilation.";
                JUMP_BACKWARD_NO_JIT = 176, base JUMP_BACKWARD, caches 1, JumpBackward, |_| (0, 0), [JUMPS, TERMINATES, EVAL_BREAK], "JUMP_BACKWARD without a counter.";
                LOAD_ATTR_CLASS = 177, base LOAD_ATTR, caches 9, NameShift1, |n| (1, 1 + (n & 1)), [GUARDED], "A class attribute of a class.";
                LOAD_ATTR_CLASS_WITH_METACLASS_CHECK = 178, base LOAD_ATTR, caches 9, NameShift1, |n| (1, 1 + (n & 1)), [GUARDED], "A class attribute of a class whose metaclass has a version to check.";
                LOAD_ATTR_GETATTRIBUTE_OVERRIDDEN = 179, base LOAD_ATTR, caches 9, NameShift1, |_| (1, 1), [RAISES, ESCAPES, GUARDED], "A `__getattribute__` written in Python, entered inline.";
                LOAD_ATTR_INSTANCE_VALUE = 180, base LOAD_ATTR, caches 9, NameShift1, |n| (1, 1 + (n & 1)), [GUARDED], "An attribute in the instance's inline values.";
                LOAD_ATTR_METHOD_LAZY_DICT = 181, base LOAD_ATTR, caches 9, NameShift1, |_| (1, 2), [GUARDED], "A method; the instance's dict is not made yet.";
                LOAD_ATTR_METHOD_NO_DICT = 182, base LOAD_ATTR, caches 9, NameShift1, |_| (1, 2), [GUARDED], "A method; the instance has no dict.";
                LOAD_ATTR_METHOD_WITH_VALUES = 183, base LOAD_ATTR, caches 9, NameShift1, |_| (1, 2), [GUARDED], "A method; the instance has inline values that do not shadow it.";
                LOAD_ATTR_MODULE = 184, base LOAD_ATTR, caches 9, NameShift1, |n| (1, 1 + (n & 1)), [GUARDED], "An attribute of a module.";
                LOAD_ATTR_NONDESCRIPTOR_NO_DICT = 185, base LOAD_ATTR, caches 9, NameShift1, |_| (1, 1), [GUARDED], "A class attribute that is no descriptor; the instance has no dict.";
                LOAD_ATTR_NONDESCRIPTOR_WITH_VALUES = 186, base LOAD_ATTR, caches 9, NameShift1, |_| (1, 1), [GUARDED], "A class attribute that is no descriptor and not shadowed by inline values.";
                LOAD_ATTR_PROPERTY = 187, base LOAD_ATTR, caches 9, NameShift1, |_| (1, 1), [RAISES, ESCAPES, GUARDED], "A property with a Python getter, entered inline.";
                LOAD_ATTR_SLOT = 188, base LOAD_ATTR, caches 9, NameShift1, |n| (1, 1 + (n & 1)), [GUARDED], "An attribute in a `__slots__` slot.";
                LOAD_ATTR_WITH_HINT = 189, base LOAD_ATTR, caches 9, NameShift1, |n| (1, 1 + (n & 1)), [GUARDED], "An attribute in the instance's dict, at a guessed index.";
                LOAD_CONST_IMMORTAL = 190, base LOAD_CONST, caches 0, Const, |_| (0, 1), [], "A constant known to be immortal.";
                LOAD_CONST_MORTAL = 191, base LOAD_CONST, caches 0, Const, |_| (0, 1), [], "A constant known to be mortal.";
                LOAD_GLOBAL_BUILTIN = 192, base LOAD_GLOBAL, caches 4, NameShift1, |n| (0, 1 + (n & 1)), [GUARDED], "The name is in builtins and not in globals.";
                LOAD_GLOBAL_MODULE = 193, base LOAD_GLOBAL, caches 4, NameShift1, |n| (0, 1 + (n & 1)), [GUARDED], "The name is in globals.";
                LOAD_SUPER_ATTR_ATTR = 194, base LOAD_SUPER_ATTR, caches 1, NameShift2, |_| (3, 1), [RAISES, ESCAPES, GUARDED], "`super().attr` with the real `super`.";
                LOAD_SUPER_ATTR_METHOD = 195, base LOAD_SUPER_ATTR, caches 1, NameShift2, |_| (3, 2), [RAISES, ESCAPES, GUARDED], "`super().method()` with the real `super`.";
                RESUME_CHECK = 196, base RESUME, caches 0, Immediate, |_| (0, 0), [GUARDED], "RESUME when nothing is pending.";
                SEND_GEN = 197, base SEND, caches 1, JumpForward, |_| (2, 2), [RAISES, ESCAPES, JUMPS, GUARDED], "The receiver is a generator or coroutine, entered inline.";
                STORE_ATTR_INSTANCE_VALUE = 198, base STORE_ATTR, caches 4, Name, |_| (2, 0), [ESCAPES, GUARDED], "Into the instance's inline values.";
                STORE_ATTR_SLOT = 199, base STORE_ATTR, caches 4, Name, |_| (2, 0), [ESCAPES, GUARDED], "Into a `__slots__` slot.";
                STORE_ATTR_WITH_HINT = 200, base STORE_ATTR, caches 4, Name, |_| (2, 0), [ESCAPES, GUARDED], "Into the instance's dict, at a guessed index.";
                STORE_SUBSCR_DICT = 201, base STORE_SUBSCR, caches 1, None, |_| (3, 0), [RAISES, ESCAPES, GUARDED], "`dict[key] = value`.";
                STORE_SUBSCR_LIST_INT = 202, base STORE_SUBSCR, caches 1, None, |_| (3, 0), [ESCAPES, GUARDED], "`list[int] = value`, in range and not negative.";
                TO_BOOL_ALWAYS_TRUE = 203, base TO_BOOL, caches 3, None, |_| (1, 1), [ESCAPES, GUARDED], "An instance whose type has neither `__bool__` nor `__len__`.";
                TO_BOOL_BOOL = 204, base TO_BOOL, caches 3, None, |_| (1, 1), [GUARDED], "Already a bool.";
                TO_BOOL_INT = 205, base TO_BOOL, caches 3, None, |_| (1, 1), [GUARDED], "An int.";
                TO_BOOL_LIST = 206, base TO_BOOL, caches 3, None, |_| (1, 1), [GUARDED], "A list.";
                TO_BOOL_NONE = 207, base TO_BOOL, caches 3, None, |_| (1, 1), [GUARDED], "None.";
                TO_BOOL_STR = 208, base TO_BOOL, caches 3, None, |_| (1, 1), [GUARDED], "A str.";
                UNPACK_SEQUENCE_LIST = 209, base UNPACK_SEQUENCE, caches 1, Immediate, |n| (1, n), [GUARDED], "A list of n items.";
                UNPACK_SEQUENCE_TUPLE = 210, base UNPACK_SEQUENCE, caches 1, Immediate, |n| (1, n), [GUARDED], "A tuple of n items.";
                UNPACK_SEQUENCE_TWO_TUPLE = 211, base UNPACK_SEQUENCE, caches 1, Immediate, |n| (1, n), [GUARDED], "A tuple of two items.";
                INSTRUMENTED_END_FOR = 234, base END_FOR, caches 0, None, |_| (2, 1), [RAISES, ESCAPES], "END_FOR with monitoring: the receiver stays below the popped value.";
                INSTRUMENTED_POP_ITER = 235, base POP_ITER, caches 0, None, |_| (1, 0), [RAISES, ESCAPES], "POP_ITER with monitoring.";
                INSTRUMENTED_END_SEND = 236, base END_SEND, caches 0, None, |_| (2, 1), [RAISES, ESCAPES], "END_SEND with monitoring.";
                INSTRUMENTED_FOR_ITER = 237, base FOR_ITER, caches 1, JumpForward, |_| (1, 2), [RAISES, ESCAPES, JUMPS], "FOR_ITER with monitoring.";
                INSTRUMENTED_INSTRUCTION = 238, base INSTRUMENTED_INSTRUCTION, caches 0, None, |_| (0, 0), [RAISES, ESCAPES], "Calls the per-instruction tools, then does the instruction.";
                INSTRUMENTED_JUMP_FORWARD = 239, base JUMP_FORWARD, caches 0, JumpForward, |_| (0, 0), [RAISES, ESCAPES, JUMPS, TERMINATES], "JUMP_FORWARD with monitoring.";
                INSTRUMENTED_NOT_TAKEN = 240, base NOT_TAKEN, caches 0, None, |_| (0, 0), [RAISES, ESCAPES], "NOT_TAKEN with monitoring.";
                INSTRUMENTED_POP_JUMP_IF_TRUE = 241, base POP_JUMP_IF_TRUE, caches 1, JumpForward, |_| (1, 0), [RAISES, ESCAPES, JUMPS], "POP_JUMP_IF_TRUE with monitoring.";
                INSTRUMENTED_POP_JUMP_IF_FALSE = 242, base POP_JUMP_IF_FALSE, caches 1, JumpForward, |_| (1, 0), [RAISES, ESCAPES, JUMPS], "POP_JUMP_IF_FALSE with monitoring.";
                INSTRUMENTED_POP_JUMP_IF_NONE = 243, base POP_JUMP_IF_NONE, caches 1, JumpForward, |_| (1, 0), [RAISES, ESCAPES, JUMPS], "POP_JUMP_IF_NONE with monitoring.";
                INSTRUMENTED_POP_JUMP_IF_NOT_NONE = 244, base POP_JUMP_IF_NOT_NONE, caches 1, JumpForward, |_| (1, 0), [RAISES, ESCAPES, JUMPS], "POP_JUMP_IF_NOT_NONE with monitoring.";
                INSTRUMENTED_RESUME = 245, base RESUME, caches 0, Immediate, |_| (0, 0), [RAISES, ESCAPES, EVAL_BREAK], "RESUME with monitoring.";
                INSTRUMENTED_RETURN_VALUE = 246, base RETURN_VALUE, caches 0, None, |_| (1, 1), [RAISES, ESCAPES, TERMINATES], "RETURN_VALUE with monitoring.";
                INSTRUMENTED_YIELD_VALUE = 247, base YIELD_VALUE, caches 0, Immediate, |_| (1, 1), [RAISES, ESCAPES], "YIELD_VALUE with monitoring.";
                INSTRUMENTED_END_ASYNC_FOR = 248, base END_ASYNC_FOR, caches 0, JumpBackward, |_| (2, 0), [RAISES, ESCAPES, JUMPS], "END_ASYNC_FOR with monitoring.";
                INSTRUMENTED_LOAD_SUPER_ATTR = 249, base LOAD_SUPER_ATTR, caches 1, NameShift2, |n| (3, 1 + (n & 1)), [RAISES, ESCAPES], "LOAD_SUPER_ATTR with monitoring.";
                INSTRUMENTED_CALL = 250, base CALL, caches 3, Immediate, |n| (n + 2, 1), [RAISES, ESCAPES], "CALL with monitoring.";
                INSTRUMENTED_CALL_KW = 251, base CALL_KW, caches 3, Immediate, |n| (n + 3, 1), [RAISES, ESCAPES], "CALL_KW with monitoring.";
                INSTRUMENTED_CALL_FUNCTION_EX = 252, base CALL_FUNCTION_EX, caches 0, None, |_| (4, 1), [RAISES, ESCAPES], "CALL_FUNCTION_EX with monitoring.";
                INSTRUMENTED_JUMP_BACKWARD = 253, base JUMP_BACKWARD, caches 1, JumpBackward, |_| (0, 0), [RAISES, ESCAPES, JUMPS, TERMINATES, EVAL_BREAK], "JUMP_BACKWARD with monitoring.";
                INSTRUMENTED_LINE = 254, base INSTRUMENTED_LINE, caches 0, None, |_| (0, 0), [RAISES, ESCAPES], "Calls the line tools, then does the instruction.";
                ENTER_EXECUTOR = 255, base ENTER_EXECUTOR, caches 0, Immediate, |_| (0, 0), [RAISES, ESCAPES], "Runs compiled code in place of the loop that starts here.";
            }
            pseudo {
                ANNOTATIONS_PLACEHOLDER = 256, base ANNOTATIONS_PLACEHOLDER, caches 0, None, |_| (0, 0), [], "Where the code for conditional annotations goes.";
                JUMP = 257, base JUMP, caches 0, Jump, |_| (0, 0), [JUMPS, TERMINATES], "A jump whose direction is not known yet.";
                JUMP_IF_FALSE = 258, base JUMP_IF_FALSE, caches 0, Jump, |_| (1, 1), [JUMPS], "Jumps when false, keeping the value: COPY 1, TO_BOOL, POP_JUMP_IF_FALSE.";
                JUMP_IF_TRUE = 259, base JUMP_IF_TRUE, caches 0, Jump, |_| (1, 1), [JUMPS], "Jumps when true, keeping the value: COPY 1, TO_BOOL, POP_JUMP_IF_TRUE.";
                JUMP_NO_INTERRUPT = 260, base JUMP_NO_INTERRUPT, caches 0, Jump, |_| (0, 0), [JUMPS, TERMINATES], "A jump that does not poll.";
                LOAD_CLOSURE = 261, base LOAD_CLOSURE, caches 0, Local, |_| (0, 1), [], "Pushes a cell itself: LOAD_FAST of its slot.";
                POP_BLOCK = 262, base POP_BLOCK, caches 0, None, |_| (0, 0), [], "Ends the innermost exception region.";
                SETUP_CLEANUP = 263, base SETUP_CLEANUP, caches 0, Handler, |_| (0, 2), [HANDLER], "Starts a region whose handler gets the offset and the exception pushed.";
                SETUP_FINALLY = 264, base SETUP_FINALLY, caches 0, Handler, |_| (0, 1), [HANDLER], "Starts a region whose handler gets the exception pushed.";
                SETUP_WITH = 265, base SETUP_WITH, caches 0, Handler, |_| (0, 1), [HANDLER], "Starts the region of a with block: as SETUP_CLEANUP, with `__exit__` and its self below.";
                STORE_FAST_MAYBE_NULL = 266, base STORE_FAST_MAYBE_NULL, caches 0, Local, |_| (1, 0), [], "STORE_FAST of a value that may be NULL.";
            }
        }
    };
}

/// What the operand of an instruction means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// Not used.
    None,
    /// A number that the instruction interprets itself: a count, a depth, bits.
    Immediate,
    /// An index into `co_consts`.
    Const,
    /// An index into `co_names`.
    Name,
    /// An index into `co_names` in the bits from 1 up; bit 0 is a flag.
    NameShift1,
    /// An index into `co_names` in the bits from 2 up; bits 0 and 1 are flags.
    NameShift2,
    /// A slot of `localsplus`.
    Local,
    /// Two slots of four bits each: the first in the higher bits.
    LocalPair,
    /// A slot of `localsplus` that holds a cell; `opcode` lists it among the free variables.
    Free,
    /// A slot of `localsplus` that holds a cell; `opcode` lists it among the locals.
    Deref,
    /// Code units from the end of the instruction and its cache, forward.
    JumpForward,
    /// Code units from the end of the instruction and its cache, backward.
    JumpBackward,
    /// A basic block, before directions and distances are known.
    Jump,
    /// The basic block of an exception handler.
    Handler,
    /// See COMPARE_OP.
    Compare,
    BinaryOperation,
    Intrinsic1,
    Intrinsic2,
    SpecialMethod,
    CommonConstant,
    FunctionAttribute,
}

bitflags! {
    /// What running an instruction may do.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct InstructionFlags: u8 {
        /// May raise.
        const RAISES = 0x01;
        /// May run arbitrary Python code (a called function, a finalizer).
        const ESCAPES = 0x02;
        /// Has a jump target.
        const JUMPS = 0x04;
        /// The next instruction is never reached from it.
        const TERMINATES = 0x08;
        /// A specialised form: checks its assumptions first and falls back to its base.
        const GUARDED = 0x10;
        /// Polls the eval breaker.
        const EVAL_BREAK = 0x20;
        /// Opens an exception region.
        const HANDLER = 0x40;
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct InstructionFacts {
    pub name: &'static str,
    pub number: u16,
    /// Number of the instruction that this is a form of; its own for a base instruction.
    pub base: u16,
    pub caches: u8,
    pub operand: Operand,
    /// Operand to (pops, pushes).
    pub effect: fn(u32) -> (u32, u32),
    pub flags: InstructionFlags,
    pub doc: &'static str,
}

impl InstructionFacts {
    /// Whether the operand byte means anything (`_opcode.has_arg`).
    pub fn has_arg(&self) -> bool {
        self.operand != Operand::None
    }
    pub fn has_const(&self) -> bool {
        self.operand == Operand::Const
    }
    pub fn has_name(&self) -> bool {
        matches!(self.operand, Operand::Name | Operand::NameShift1 | Operand::NameShift2)
    }
    pub fn has_jump(&self) -> bool {
        matches!(self.operand, Operand::Jump | Operand::JumpForward | Operand::JumpBackward)
    }
    pub fn has_free(&self) -> bool {
        self.operand == Operand::Free
    }
    pub fn has_local(&self) -> bool {
        matches!(self.operand, Operand::Local | Operand::LocalPair | Operand::Deref)
    }
    /// Whether it opens an exception region (`_opcode.has_exc`).
    pub fn has_exc(&self) -> bool {
        self.operand == Operand::Handler
    }
}

macro_rules! define_opcodes {
    (
        real { $($name:ident = $number:literal, base $base:ident, caches $caches:literal, $operand:ident, $effect:expr, [$($flag:ident),*], $doc:literal;)* }
        pseudo { $($pname:ident = $pnumber:literal, base $pbase:ident, caches $pcaches:literal, $poperand:ident, $peffect:expr, [$($pflag:ident),*], $pdoc:literal;)* }
    ) => {
        /// An instruction that stands in `co_code` or in the running stream.
        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Opcode { $(#[doc = $doc] $name = $number,)* }

        /// An instruction while code is generated: the real ones and the pseudo instructions.
        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum CodegenOpcode { $(#[doc = $doc] $name = $number,)* $(#[doc = $pdoc] $pname = $pnumber,)* }

        impl Opcode {
            /// Every real instruction, by number.
            pub const ALL: &'static [Opcode] = &[$(Opcode::$name),*];

            /// `None` for the numbers that 3.14 does not use.
            pub const fn from_u8(number: u8) -> Option<Opcode> {
                match number { $($number => Some(Opcode::$name),)* _ => None }
            }

            pub const fn name(self) -> &'static str {
                match self { $(Opcode::$name => stringify!($name)),* }
            }

            /// 16-bit units of inline cache after the instruction.
            pub const fn caches(self) -> usize {
                match self { $(Opcode::$name => $caches),* }
            }

            /// What a specialised or instrumented instruction stands for (`_PyOpcode_Deopt`).
            pub const fn base(self) -> Opcode {
                match self { $(Opcode::$name => Opcode::$base),* }
            }
        }

        impl From<Opcode> for CodegenOpcode {
            fn from(opcode: Opcode) -> CodegenOpcode {
                match opcode { $(Opcode::$name => CodegenOpcode::$name),* }
            }
        }

        impl CodegenOpcode {
            /// The real instruction, `None` for a pseudo instruction.
            pub const fn real(self) -> Option<Opcode> {
                match self { $(CodegenOpcode::$name => Some(Opcode::$name),)* _ => None }
            }

            pub const fn name(self) -> &'static str {
                match self { $(CodegenOpcode::$name => stringify!($name),)* $(CodegenOpcode::$pname => stringify!($pname),)* }
            }
        }

        /// The whole table in the order of the numbers, pseudo instructions last.
        pub static INSTRUCTIONS: &[InstructionFacts] = &[
            $(InstructionFacts {
                name: stringify!($name), number: $number, base: CodegenOpcode::$base as u16, caches: $caches,
                operand: Operand::$operand, effect: $effect, flags: InstructionFlags::empty()$(.union(InstructionFlags::$flag))*, doc: $doc,
            },)*
            $(InstructionFacts {
                name: stringify!($pname), number: $pnumber, base: CodegenOpcode::$pbase as u16, caches: $pcaches,
                operand: Operand::$poperand, effect: $peffect, flags: InstructionFlags::empty()$(.union(InstructionFlags::$pflag))*, doc: $pdoc,
            },)*
        ];

        const ROW_OF_NUMBER: [u8; 512] = {
            let mut rows = [u8::MAX; 512];
            let numbers = [$($number as u16,)* $($pnumber as u16,)*];
            let mut row = 0;
            while row < numbers.len() {
                rows[numbers[row] as usize] = row as u8;
                row += 1;
            }
            rows
        };
    };
}
for_each_instruction!(define_opcodes);

// Rows are numbered in a byte, and 255 means "none".
const _: () = assert!(Opcode::ALL.len() + 11 < 255);

/// The facts of instruction `number` (real or pseudo), `None` if there is none.
pub fn facts_of_number(number: u16) -> Option<&'static InstructionFacts> {
    INSTRUCTIONS.get(usize::from(*ROW_OF_NUMBER.get(usize::from(number))?))
}

impl Opcode {
    pub fn facts(self) -> &'static InstructionFacts {
        &INSTRUCTIONS[usize::from(ROW_OF_NUMBER[self as usize])]
    }

    /// How the stack depth changes with operand `n`.
    pub fn stack_effect(self, n: u32) -> i64 {
        effect_of(self.facts(), n)
    }
}

impl CodegenOpcode {
    pub fn facts(self) -> &'static InstructionFacts {
        &INSTRUCTIONS[usize::from(ROW_OF_NUMBER[self as usize])]
    }

    /// How the stack depth changes with operand `n`; for SETUP_* the change at the handler when `jump`, else none.
    pub fn stack_effect(self, n: u32, jump: bool) -> i64 {
        if self.facts().has_exc() && !jump { 0 } else { effect_of(self.facts(), n) }
    }
}

fn effect_of(facts: &InstructionFacts, n: u32) -> i64 {
    let (pops, pushes) = (facts.effect)(n);
    i64::from(pushes) - i64::from(pops)
}

/// The smallest number whose instruction has an operand (`opcode.HAVE_ARGUMENT`).
pub const HAVE_ARGUMENT: u8 = 43;
/// The smallest number of an instrumented instruction.
pub const MIN_INSTRUMENTED_OPCODE: u8 = 234;

macro_rules! numbered_table {
    ($(#[$meta:meta])* $table:ident, $enum:ident { $($variant:ident = $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $enum { $($variant),* }
        impl $enum {
            pub const ALL: &'static [$enum] = &[$($enum::$variant),*];
            pub fn from_u32(number: u32) -> Option<$enum> { Self::ALL.get(number as usize).copied() }
            pub fn name(self) -> &'static str { $table[self as usize] }
        }
        $(#[$meta])*
        pub const $table: &[&str] = &[$($text),*];
    };
}

numbered_table! {
    /// Operands of BINARY_OP; the text is the operator (`opcode._nb_ops`).
    BINARY_OPERATIONS, BinaryOperation {
        Add = "+", And = "&", FloorDivide = "//", LShift = "<<", MatrixMultiply = "@", Multiply = "*", Remainder = "%",
        Or = "|", Power = "**", RShift = ">>", Subtract = "-", TrueDivide = "/", Xor = "^",
        InplaceAdd = "+=", InplaceAnd = "&=", InplaceFloorDivide = "//=", InplaceLShift = "<<=",
        InplaceMatrixMultiply = "@=", InplaceMultiply = "*=", InplaceRemainder = "%=", InplaceOr = "|=",
        InplacePower = "**=", InplaceRShift = ">>=", InplaceSubtract = "-=", InplaceTrueDivide = "/=", InplaceXor = "^=",
        Subscr = "[]",
    }
}

/// The C names that `_opcode.get_nb_ops()` pairs with [`BINARY_OPERATIONS`].
pub const BINARY_OPERATION_NAMES: &[&str] = &[
    "NB_ADD", "NB_AND", "NB_FLOOR_DIVIDE", "NB_LSHIFT", "NB_MATRIX_MULTIPLY", "NB_MULTIPLY", "NB_REMAINDER", "NB_OR",
    "NB_POWER", "NB_RSHIFT", "NB_SUBTRACT", "NB_TRUE_DIVIDE", "NB_XOR", "NB_INPLACE_ADD", "NB_INPLACE_AND",
    "NB_INPLACE_FLOOR_DIVIDE", "NB_INPLACE_LSHIFT", "NB_INPLACE_MATRIX_MULTIPLY", "NB_INPLACE_MULTIPLY",
    "NB_INPLACE_REMAINDER", "NB_INPLACE_OR", "NB_INPLACE_POWER", "NB_INPLACE_RSHIFT", "NB_INPLACE_SUBTRACT",
    "NB_INPLACE_TRUE_DIVIDE", "NB_INPLACE_XOR", "NB_SUBSCR",
];

numbered_table! {
    /// The operator of COMPARE_OP, in the bits from 5 up.
    COMPARE_OPERATIONS, CompareOperation { Lt = "<", Le = "<=", Eq = "==", Ne = "!=", Gt = ">", Ge = ">=", }
}

numbered_table! {
    /// Operands of CALL_INTRINSIC_1.
    INTRINSICS_1, Intrinsic1 {
        Invalid = "INTRINSIC_1_INVALID", Print = "INTRINSIC_PRINT", ImportStar = "INTRINSIC_IMPORT_STAR",
        StopIterationError = "INTRINSIC_STOPITERATION_ERROR", AsyncGenWrap = "INTRINSIC_ASYNC_GEN_WRAP",
        UnaryPositive = "INTRINSIC_UNARY_POSITIVE", ListToTuple = "INTRINSIC_LIST_TO_TUPLE", TypeVar = "INTRINSIC_TYPEVAR",
        ParamSpec = "INTRINSIC_PARAMSPEC", TypeVarTuple = "INTRINSIC_TYPEVARTUPLE",
        SubscriptGeneric = "INTRINSIC_SUBSCRIPT_GENERIC", TypeAlias = "INTRINSIC_TYPEALIAS",
    }
}

numbered_table! {
    /// Operands of CALL_INTRINSIC_2.
    INTRINSICS_2, Intrinsic2 {
        Invalid = "INTRINSIC_2_INVALID", PrepReraiseStar = "INTRINSIC_PREP_RERAISE_STAR",
        TypeVarWithBound = "INTRINSIC_TYPEVAR_WITH_BOUND", TypeVarWithConstraints = "INTRINSIC_TYPEVAR_WITH_CONSTRAINTS",
        SetFunctionTypeParams = "INTRINSIC_SET_FUNCTION_TYPE_PARAMS", SetTypeparamDefault = "INTRINSIC_SET_TYPEPARAM_DEFAULT",
    }
}

numbered_table! {
    /// Operands of LOAD_SPECIAL.
    SPECIAL_METHODS, SpecialMethod { Enter = "__enter__", Exit = "__exit__", AEnter = "__aenter__", AExit = "__aexit__", }
}

numbered_table! {
    /// Operands of LOAD_COMMON_CONSTANT; the text is the name in `builtins`.
    COMMON_CONSTANTS, CommonConstant {
        AssertionError = "AssertionError", NotImplementedError = "NotImplementedError", Tuple = "tuple", All = "all", Any = "any",
    }
}

/// Operands of SET_FUNCTION_ATTRIBUTE: one bit each.
pub mod function_attribute {
    pub const DEFAULTS: u32 = 0x01;
    pub const KWDEFAULTS: u32 = 0x02;
    pub const ANNOTATIONS: u32 = 0x04;
    pub const CLOSURE: u32 = 0x08;
    pub const ANNOTATE: u32 = 0x10;
}

/// The names that `dis` shows for the bits of [`function_attribute`].
pub const FUNCTION_ATTRIBUTES: &[(u32, &str)] = &[
    (function_attribute::DEFAULTS, "defaults"), (function_attribute::KWDEFAULTS, "kwdefaults"),
    (function_attribute::ANNOTATIONS, "annotations"), (function_attribute::CLOSURE, "closure"),
    (function_attribute::ANNOTATE, "annotate"),
];

/// The fields of the inline caches, in units (`opcode._cache_format`).
pub const CACHE_FORMAT: &[(Opcode, &[(&str, u8)])] = &[
    (Opcode::LOAD_GLOBAL, &[("counter", 1), ("index", 1), ("module_keys_version", 1), ("builtin_keys_version", 1)]),
    (Opcode::BINARY_OP, &[("counter", 1), ("descr", 4)]),
    (Opcode::UNPACK_SEQUENCE, &[("counter", 1)]),
    (Opcode::COMPARE_OP, &[("counter", 1)]),
    (Opcode::CONTAINS_OP, &[("counter", 1)]),
    (Opcode::FOR_ITER, &[("counter", 1)]),
    (Opcode::LOAD_SUPER_ATTR, &[("counter", 1)]),
    (Opcode::LOAD_ATTR, &[("counter", 1), ("version", 2), ("keys_version", 2), ("descr", 4)]),
    (Opcode::STORE_ATTR, &[("counter", 1), ("version", 2), ("index", 1)]),
    (Opcode::CALL, &[("counter", 1), ("func_version", 2)]),
    (Opcode::CALL_KW, &[("counter", 1), ("func_version", 2)]),
    (Opcode::STORE_SUBSCR, &[("counter", 1)]),
    (Opcode::SEND, &[("counter", 1)]),
    (Opcode::JUMP_BACKWARD, &[("counter", 1)]),
    (Opcode::TO_BOOL, &[("counter", 1), ("version", 2)]),
    (Opcode::POP_JUMP_IF_TRUE, &[("counter", 1)]),
    (Opcode::POP_JUMP_IF_FALSE, &[("counter", 1)]),
    (Opcode::POP_JUMP_IF_NONE, &[("counter", 1)]),
    (Opcode::POP_JUMP_IF_NOT_NONE, &[("counter", 1)]),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The caches of the table and their fields are two statements of one fact.
    #[test]
    fn cache_format_adds_up() {
        for opcode in Opcode::ALL {
            let listed: usize = CACHE_FORMAT
                .iter()
                .filter(|(owner, _)| *owner == opcode.base())
                .flat_map(|(_, fields)| fields.iter().map(|(_, units)| usize::from(*units)))
                .sum();
            assert_eq!(opcode.caches(), listed, "{}", opcode.name());
        }
    }

    #[test]
    fn rows_are_found_by_number() {
        for facts in INSTRUCTIONS {
            assert_eq!(facts_of_number(facts.number).map(|found| found.name), Some(facts.name));
        }
        assert!(facts_of_number(121).is_none());
        assert_eq!(Opcode::CALL.stack_effect(3), -4);
    }
}
