//! Calls of Python functions: making a frame, binding arguments, leaving it.

use pyrt_compiler::bytecode::code::CodeFlags;

use crate::interp::dispatch;
use crate::interp::frame::{FRAME_ENTRY, FRAME_WORDS, Frame, FrameOwner, close, into_owned};
use crate::interp::unwind::clear_frame;
use crate::object::refcount::FREE_THREADED;
use crate::object::value::{Owned, PyResult, Raised, Value};
use crate::protocol::args::{Args, KwNames};
use crate::threads::thread_state::Thread;
use crate::types::code::CodeObject;
use crate::types::dict::{self, DictObject};
use crate::types::function::{self, FunctionObject};
use crate::types::string::StrObject;
use crate::types::tuple::{self, TupleObject};

/// A frame on the data stack with empty locals, not yet the thread's innermost. `func` is taken over.
///
/// # Safety
/// `func` is a word of a function object (counted or marked), which keeps `code` alive.
#[inline(always)]
pub unsafe fn push_function_frame(thread: &mut Thread, func: u64, code: &CodeObject) -> Result<*mut Frame, Raised> {
    // SAFETY: the caller's obligation.
    let function = FunctionObject::of(unsafe { Value::from_bits(func) }.unmarked());
    // SAFETY: passed on.
    let frame = unsafe { push_frame(thread, code, *function.globals, *function.builtins) };
    match frame {
        Ok(frame) => {
            // SAFETY: just made.
            unsafe {
                (*frame).func = func;
                if !code.has_flag(CodeFlags::OPTIMIZED) {
                    // Code of a module as a function: its locals are the globals.
                    (*frame).locals = function.globals.clone().into_raw().bits();
                }
            }
            Ok(frame)
        }
        Err(raised) => {
            close(func, thread);
            Err(raised)
        }
    }
}

/// As [`push_function_frame`], `None` where it cannot be done: nothing has happened then, and no error is raised.
///
/// # Safety
/// As for [`push_function_frame`].
#[inline(always)]
pub unsafe fn push_function_frame_quickly(thread: &mut Thread, func: u64, code: &CodeObject) -> Option<*mut Frame> {
    if thread.recursion_left <= 0 {
        return None;
    }
    let block = thread.stack.push(FRAME_WORDS + code.frame_words())?;
    // SAFETY: the caller's obligation; the block has the room.
    unsafe {
        let function = FunctionObject::of(Value::from_bits(func).unmarked());
        let frame = write_frame(thread, block, code, *function.globals, *function.builtins, 0);
        (*frame).func = func;
        Some(frame)
    }
}

/// As [`push_function_frame_quickly`], with the `n` argument words at `from` moved into the callee's parameters.
///
/// # Safety
/// As for [`push_function_frame`]; the code has at least `n` locals, and the words leave the caller's stack.
#[inline(always)]
pub unsafe fn push_frame_with_arguments(thread: &mut Thread, func: u64, code: &CodeObject, from: *const u64, n: usize) -> Option<*mut Frame> {
    if thread.recursion_left <= 0 {
        return None;
    }
    let block = thread.stack.push(FRAME_WORDS + code.frame_words())?;
    // SAFETY: the caller's obligation; the block has the room.
    unsafe {
        let function = FunctionObject::of(Value::from_bits(func).unmarked());
        let frame = write_frame(thread, block, code, *function.globals, *function.builtins, n);
        (*frame).func = func;
        move_arguments(frame, from, n);
        Some(frame)
    }
}

/// A frame on the data stack with empty locals. The caller keeps `globals`, `builtins` and `code` alive.
///
/// # Safety
/// The three outlive the frame.
#[inline(always)]
pub unsafe fn push_frame(thread: &mut Thread, code: &CodeObject, globals: Value, builtins: Value) -> Result<*mut Frame, Raised> {
    if thread.recursion_left <= 0 {
        return Err(recursion_error(thread));
    }
    let Some(block) = thread.stack.push(FRAME_WORDS + code.frame_words()) else {
        return Err(recursion_error(thread));
    };
    // SAFETY: the block has the room.
    Ok(unsafe { write_frame(thread, block, code, globals, builtins, 0) })
}

/// The first `n` locals are left for the caller to write.
///
/// # Safety
/// `block` has room for the fixed part of a frame and the code's words; the others outlive the frame.
#[inline(always)]
unsafe fn write_frame(thread: &mut Thread, block: *mut u64, code: &CodeObject, globals: Value, builtins: Value, n: usize) -> *mut Frame {
    thread.recursion_left -= 1;
    let frame = block.cast::<Frame>();
    // SAFETY: the caller's obligation; the locals are cleared.
    unsafe {
        frame.write(Frame {
            code,
            func: 0,
            globals,
            builtins,
            locals: 0,
            previous: thread.frame,
            ip: code.units.as_ptr(),
            sp: std::ptr::null_mut(),
            frame_object: 0,
            owner: FrameOwner::Thread,
            flags: 0,
            return_offset: 0,
            lineno: 0,
        });
        let locals = Frame::locals_ptr(frame);
        let end = locals.add(code.nlocalsplus as usize);
        let mut at = locals.add(n);
        while at < end {
            // Volatile, or the compiler makes a call of the few stores.
            at.write_volatile(0);
            at = at.add(1);
        }
        (*frame).sp = end;
    }
    frame
}

#[cold]
fn recursion_error(thread: &mut Thread) -> Raised {
    // Room for the handlers of the error itself.
    let left = thread.recursion_left;
    thread.recursion_left = left + 50;
    let raised = thread.raise_recursion_error("");
    thread.recursion_left = left;
    raised
}

/// Leaves a frame of the data stack after it has returned: its words are released, its memory given back. The thread's
/// innermost frame is its caller afterwards.
#[inline(always)]
pub fn pop_frame(thread: &mut Thread, frame: *mut Frame) {
    // SAFETY: `frame` is the innermost frame of the thread and lies on its data stack.
    unsafe {
        if (*frame).frame_object != 0 {
            hand_over_slow(thread, frame);
        } else {
            clear_frame(thread, frame);
        }
        let locals = (*frame).locals;
        let func = (*frame).func;
        thread.frame = (*frame).previous;
        thread.recursion_left += 1;
        (*frame).func = 0;
        close(locals, thread);
        thread.stack.pop_to(frame.cast());
        close(func, thread);
    }
}

/// The frame object takes the frame's values over, if anyone else still holds it.
#[cold]
fn hand_over_slow(thread: &mut Thread, frame: *mut Frame) {
    crate::types::frame_object::take_over(thread, frame);
}

/// Leaves a frame because of an exception.
pub fn leave_failed(thread: &mut Thread, frame: *mut Frame) {
    // SAFETY: the innermost frame.
    unsafe {
        match (*frame).owner {
            FrameOwner::Generator => crate::interp::resume::finish_generator(thread, frame),
            _ => {
                let exception = thread.take_exception();
                pop_frame(thread, frame);
                if let Some(exception) = exception {
                    thread.set_exception(exception);
                }
            }
        }
    }
}

/// A word for a frame that is entered at once: without a count if the object is deferred.
#[inline(always)]
fn word_for_frame(value: Value) -> u64 {
    // SAFETY: a live object.
    if FREE_THREADED && value.is_pointer() && unsafe { (*value.header()).is_deferred() } {
        return value.unmarked().deferred_borrowed().bits();
    }
    value.to_owned().into_raw().bits()
}

/// Calls a Python function from native code.
pub fn call_function(func: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let function = FunctionObject::of(func);
    let code = function.code();
    let n = args.len();
    let is_simple = kwnames.is_empty() && code.is_simple && n == code.argcount as usize;
    // While arguments are bound the frame is on no stack yet: what it holds is counted.
    let func_word = if is_simple { word_for_frame(func) } else { func.to_owned().into_raw().bits() };
    // SAFETY: the word of the function.
    let frame = unsafe { push_function_frame(thread, func_word, code)? };
    if is_simple {
        // SAFETY: `argcount` locals come first.
        unsafe {
            let locals = Frame::locals_ptr(frame);
            for i in 0..n {
                locals.add(i).write(word_for_frame(args.at(i)));
            }
        }
    } else {
        let positional: Vec<Owned> = args.iter().map(|arg| arg.to_owned()).collect();
        let keywords: Vec<(Owned, Owned)> = (0..kwnames.len())
            .filter_map(|i| Some((kwnames.get(i)?.to_owned(), args.keyword(i).to_owned())))
            .collect();
        if let Err(raised) = bind(function, code, frame, positional, keywords, thread) {
            discard_frame(thread, frame);
            return Err(raised);
        }
    }
    run_entry(thread, frame)
}

/// Gives back a frame that has not been entered.
pub fn discard_frame(thread: &mut Thread, frame: *mut Frame) {
    let exception = thread.take_exception();
    // SAFETY: pushed last and never entered: its caller is still the innermost frame.
    unsafe {
        clear_frame(thread, frame);
        let func = (*frame).func;
        let locals = (*frame).locals;
        thread.recursion_left += 1;
        thread.stack.pop_to(frame.cast());
        close(locals, thread);
        close(func, thread);
    }
    if let Some(exception) = exception {
        thread.set_exception(exception);
    }
}

/// Runs a frame that has just been pushed as an entry frame.
pub fn run_entry(thread: &mut Thread, frame: *mut Frame) -> PyResult {
    // SAFETY: just made.
    unsafe { (*frame).flags |= FRAME_ENTRY };
    dispatch::run(thread, frame)
}

/// Runs `code` as a module or class body: `locals` is its namespace.
pub fn run_code(code: Value, globals: Value, locals: Value, thread: &mut Thread) -> PyResult {
    let builtins = function::builtins_of(globals, thread);
    let code_object = CodeObject::of(code);
    let _hold = code.to_owned();
    // SAFETY: this function's caller holds globals and code, `builtins` is held here.
    let frame = unsafe { push_frame(thread, code_object, globals, *builtins)? };
    if !code_object.has_flag(CodeFlags::OPTIMIZED) || !code_object.has_flag(CodeFlags::NEWLOCALS) {
        // SAFETY: just made.
        unsafe { (*frame).locals = locals.to_owned().into_raw().bits() };
    }
    run_entry(thread, frame)
}

/// Puts arguments into the parameters of `frame` as a call does (Language Reference, "Calls"). On failure the frame's
/// locals hold what was bound so far.
pub fn bind(
    function: &FunctionObject,
    code: &CodeObject,
    frame: *mut Frame,
    positional: Vec<Owned>,
    keywords: Vec<(Owned, Owned)>,
    thread: &mut Thread,
) -> PyResult<()> {
    let argcount = code.argcount as usize;
    let total = argcount + code.kwonlyargcount as usize;
    let has_varargs = code.has_flag(CodeFlags::VARARGS);
    let has_kwargs = code.has_flag(CodeFlags::VARKEYWORDS);
    let locals = Frame::locals_ptr(frame);
    let given = positional.len();
    let put = |i: usize, value: Owned| {
        // SAFETY: parameter slots come first in the locals and are empty.
        unsafe { locals.add(i).write(value.into_raw().bits()) }
    };
    // SAFETY: as above.
    let is_bound = |i: usize| unsafe { *locals.add(i) } != 0;
    let mut extra = Vec::new();
    for (i, value) in positional.into_iter().enumerate() {
        if i < argcount {
            put(i, value);
        } else {
            extra.push(value);
        }
    }
    let too_many = !extra.is_empty() && !has_varargs;
    if has_varargs {
        put(total, tuple::from_vec(extra));
    } else if too_many {
        extra.clear();
    }
    let kwdict = if has_kwargs {
        let kwargs = dict::new();
        put(total + usize::from(has_varargs), kwargs.clone());
        Some(kwargs)
    } else {
        None
    };
    let names = code.local_names();
    let posonly = code.posonlyargcount as usize;
    let keyword_names: Vec<Owned> = if posonly > 0 { keywords.iter().map(|(name, _)| name.clone()).collect() } else { Vec::new() };
    for (name, value) in keywords {
        if !crate::types::string::is_str(*name) {
            return Err(thread.raise_type_error(format!("{}() keywords must be strings", function::display_name(function))));
        }
        let wanted = StrObject::of(*name);
        let found = names[posonly.min(total)..total]
            .iter()
            .position(|own| own.is(*name) || StrObject::of(*own).equals(wanted))
            .map(|i| i + posonly);
        match found {
            Some(i) if is_bound(i) => {
                return Err(thread.raise_type_error(format!(
                    "{}() got multiple values for argument '{}'",
                    function::display_name(function),
                    wanted.to_string_lossy()
                )));
            }
            Some(i) => put(i, value),
            None => match &kwdict {
                Some(kwargs) => DictObject::of(**kwargs).set(*name, value, thread)?,
                None => return Err(unexpected_keyword(function, code, *name, &keyword_names, thread)),
            },
        }
    }
    if too_many {
        return Err(too_many_positional(function, code, frame, given, thread));
    }
    if given < argcount {
        let defaults = function.defaults.load(&function.header);
        let defaults = defaults.as_ref().map_or(&[][..], |defaults| TupleObject::of(**defaults).items());
        let first_default = argcount.saturating_sub(defaults.len());
        let missing: Vec<usize> = (given..first_default).filter(|&i| !is_bound(i)).collect();
        if !missing.is_empty() {
            return Err(missing_arguments(function, code, &missing, true, thread));
        }
        for i in first_default.max(given)..argcount {
            if !is_bound(i) {
                put(i, defaults[defaults.len() - (argcount - i)].to_owned());
            }
        }
    }
    if total > argcount {
        let kwdefaults = function.kwdefaults.load(&function.header);
        let mut missing = Vec::new();
        for i in argcount..total {
            if is_bound(i) {
                continue;
            }
            let default = match &kwdefaults {
                Some(kwdefaults) => DictObject::of(**kwdefaults).get(names[i], thread)?,
                None => None,
            };
            match default {
                Some(value) => put(i, value),
                None => missing.push(i),
            }
        }
        if !missing.is_empty() {
            return Err(missing_arguments(function, code, &missing, false, thread));
        }
    }
    Ok(())
}

fn quoted(names: &[Value], indices: &[usize]) -> String {
    let quoted: Vec<String> = indices.iter().map(|&i| format!("'{}'", StrObject::of(names[i]).to_string_lossy())).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [one, two] => format!("{one} and {two}"),
        [init @ .., last] => format!("{}, and {last}", init.join(", ")),
    }
}

#[cold]
fn missing_arguments(function: &FunctionObject, code: &CodeObject, missing: &[usize], positional: bool, thread: &mut Thread) -> Raised {
    thread.raise_type_error(format!(
        "{}() missing {} required {} argument{}: {}",
        function::display_name(function),
        missing.len(),
        if positional { "positional" } else { "keyword-only" },
        if missing.len() == 1 { "" } else { "s" },
        quoted(code.local_names(), missing)
    ))
}

#[cold]
fn too_many_positional(function: &FunctionObject, code: &CodeObject, frame: *mut Frame, given: usize, thread: &mut Thread) -> Raised {
    let argcount = code.argcount as usize;
    let total = argcount + code.kwonlyargcount as usize;
    // SAFETY: keyword-only parameters follow the positional ones.
    let kwonly_given = (argcount..total).filter(|&i| unsafe { *Frame::locals_ptr(frame).add(i) } != 0).count();
    let n_defaults = function.defaults.load(&function.header).map_or(0, |defaults| TupleObject::of(*defaults).len());
    let (takes, plural) = if n_defaults > 0 {
        (format!("from {} to {argcount}", argcount.saturating_sub(n_defaults)), true)
    } else {
        (argcount.to_string(), argcount != 1)
    };
    let kwonly = if kwonly_given > 0 {
        format!(
            " positional argument{} (and {kwonly_given} keyword-only argument{})",
            if given == 1 { "" } else { "s" },
            if kwonly_given == 1 { "" } else { "s" }
        )
    } else {
        String::new()
    };
    thread.raise_type_error(format!(
        "{}() takes {takes} positional argument{} but {given}{kwonly} {} given",
        function::display_name(function),
        if plural { "s" } else { "" },
        if given == 1 && kwonly_given == 0 { "was" } else { "were" }
    ))
}

#[cold]
fn unexpected_keyword(function: &FunctionObject, code: &CodeObject, name: Value, given: &[Owned], thread: &mut Thread) -> Raised {
    let text = StrObject::of(name).to_string_lossy();
    let names = code.local_names();
    let posonly: Vec<usize> = (0..code.posonlyargcount as usize)
        .filter(|&i| given.iter().any(|name| crate::types::string::is_str(**name) && StrObject::of(names[i]).equals(StrObject::of(**name))))
        .collect();
    if !posonly.is_empty() {
        return thread.raise_type_error(format!(
            "{}() got some positional-only arguments passed as keyword arguments: {}",
            function::display_name(function),
            format!("'{}'", posonly.iter().map(|&i| StrObject::of(names[i]).to_string_lossy()).collect::<Vec<_>>().join(", "))
        ));
    }
    let total = (code.argcount + code.kwonlyargcount) as usize;
    let candidates: Vec<String> =
        names[code.posonlyargcount as usize..total].iter().map(|own| StrObject::of(*own).to_string_lossy()).collect();
    let hint = crate::exceptions::suggest::closest(&text, candidates.iter().map(String::as_str))
        .map_or(String::new(), |close| format!(". Did you mean '{close}'?"));
    thread.raise_type_error(format!("{}() got an unexpected keyword argument '{text}'{hint}", function::display_name(function)))
}

/// Moves `n` argument words from the caller's stack into the callee's parameters.
///
/// # Safety
/// The callee's code is simple and takes exactly `n` arguments; the words leave the caller's stack.
#[inline(always)]
pub unsafe fn move_arguments(frame: *mut Frame, from: *const u64, n: usize) {
    // SAFETY: the caller's obligation.
    unsafe {
        let mut to = Frame::locals_ptr(frame);
        let end = to.add(n);
        let mut from = from;
        while to < end {
            // Volatile, or the compiler makes a call or a big loop of the few stores.
            to.write_volatile(from.read_volatile());
            to = to.add(1);
            from = from.add(1);
        }
    }
}

/// Owned arguments from stack words, which leave the stack.
///
/// # Safety
/// `from` points to `n` words that the caller gives up.
pub unsafe fn take_arguments(from: *const u64, n: usize) -> Vec<Owned> {
    // SAFETY: the caller's obligation.
    (0..n).map(|i| into_owned(unsafe { from.add(i).read() })).collect()
}
