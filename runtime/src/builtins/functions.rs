//! The functions of `builtins`.

use crate::builtins::source::{self, SourceOptions};
use crate::builtins::class_statement;
use crate::exceptions::exc;
use crate::interp::call_frame;
use crate::interp::ops::control::visible_frame;
use crate::object::value::{Owned, PyResult, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::compare::{self, CompareOp};
use crate::protocol::native::NativeFn;
use crate::protocol::{attribute, binary, call, convert, iterate, special, subscript};
use crate::threads::thread_state::Thread;
use crate::types::builtin_types::shapes;
use crate::types::code::CodeObject;
use crate::types::dict::{self, DictObject};
use crate::types::string::{self, StrObject};
use crate::types::type_object::{MethodDef, method};
use crate::types::{list, tuple};

use pyrt_compiler::syntax::Mode;

fn abs(_m: Value, value: Value, thread: &mut Thread) -> PyResult {
    binary::absolute(value, thread)
}

fn all(_m: Value, iterable: Value, thread: &mut Thread) -> PyResult {
    let iterator = iterate::iter(iterable, thread)?;
    while let Some(item) = iterate::next(*iterator, thread)? {
        if !compare::truth(*item, thread)? {
            return Ok(Owned::false_());
        }
    }
    Ok(Owned::true_())
}

fn any(_m: Value, iterable: Value, thread: &mut Thread) -> PyResult {
    let iterator = iterate::iter(iterable, thread)?;
    while let Some(item) = iterate::next(*iterator, thread)? {
        if compare::truth(*item, thread)? {
            return Ok(Owned::true_());
        }
    }
    Ok(Owned::false_())
}

fn ascii(_m: Value, value: Value, thread: &mut Thread) -> PyResult {
    convert::ascii(value, thread)
}

fn in_base(value: Value, base: u32, prefix: &str, thread: &mut Thread) -> PyResult {
    let number = convert::index(value, thread)?;
    let big = crate::types::int::to_bigint(*number);
    let sign = if crate::types::int::is_negative(*number) { "-" } else { "" };
    Ok(Owned::str(&format!("{sign}{prefix}{}", crate::number::digits::to_text(big.magnitude(), base))))
}

fn bin(_m: Value, value: Value, thread: &mut Thread) -> PyResult {
    in_base(value, 2, "0b", thread)
}

fn oct(_m: Value, value: Value, thread: &mut Thread) -> PyResult {
    in_base(value, 8, "0o", thread)
}

fn hex(_m: Value, value: Value, thread: &mut Thread) -> PyResult {
    in_base(value, 16, "0x", thread)
}

fn callable(_m: Value, value: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(call::is_callable(value)))
}

fn chr(_m: Value, value: Value, thread: &mut Thread) -> PyResult {
    let code = convert::index_as_i64(value, thread, None)?;
    match u32::try_from(code).ok().filter(|code| *code < 0x110000) {
        Some(code) => Ok(string::from_char(code)),
        None => Err(thread.raise_value_error("chr() arg not in range(0x110000)")),
    }
}

fn ord(_m: Value, value: Value, thread: &mut Thread) -> PyResult {
    let (length, code) = if string::is_str(value) {
        let text = StrObject::of(value);
        (text.len(), if text.len() == 1 { text.char_at(0) } else { 0 })
    } else if value.type_object().slots.buffer.raw() != 0 && !value.has_shape(shapes::MEMORYVIEW) {
        let bytes = crate::protocol::buffer::copy_bytes(value, thread)?;
        (bytes.len(), bytes.first().map_or(0, |byte| u32::from(*byte)))
    } else {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("ord() expected string of length 1, but {name} found")));
    };
    if length != 1 {
        return Err(thread.raise_type_error(format!("ord() expected a character, but string of length {length} found")));
    }
    Ok(Owned::int(i64::from(code)))
}

fn compile(_m: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (source_value, filename, mode) = (args.at(0), args.at(1), args.at(2));
    let flags = args.get(3).map_or(Ok(0), |flags| convert::as_c_int(flags, thread))? as u32;
    let optimize = args.get(5).map_or(Ok(-1), |optimize| convert::as_c_int(optimize, thread))?;
    let filename = path_text(filename, thread)?;
    let mode_text = convert::as_text(mode, "compile() argument 'mode'", thread)?;
    let only_ast = flags & source::FLAG_ONLY_AST != 0;
    let mode = match mode_text.as_str() {
        "exec" => Mode::Exec,
        "eval" => Mode::Eval,
        "single" => Mode::Single,
        "func_type" if only_ast => Mode::FunctionType,
        "func_type" => return Err(thread.raise_value_error("compile() mode 'func_type' requires flag PyCF_ONLY_AST")),
        _ if only_ast => return Err(thread.raise_value_error("compile() mode must be 'exec', 'eval', 'single' or 'func_type'")),
        _ => return Err(thread.raise_value_error("compile() mode must be 'exec', 'eval' or 'single'")),
    };
    if !(-1..=2).contains(&optimize) {
        return Err(thread.raise_value_error("compile(): invalid optimize value"));
    }
    let known = source::FUTURE_FLAGS | 0x10 | source::FLAG_DONT_IMPLY_DEDENT | source::FLAG_ONLY_AST | source::FLAG_TYPE_COMMENTS
        | source::FLAG_ALLOW_TOP_LEVEL_AWAIT | source::FLAG_ALLOW_INCOMPLETE_INPUT | source::FLAG_OPTIMIZED_AST;
    if flags & !known != 0 {
        return Err(thread.raise_value_error("compile(): unrecognised flags"));
    }
    let dont_inherit = args.get(4).map_or(Ok(false), |value| compare::truth(value, thread))?;
    let feature_version = args.get(6).map_or(Ok(-1), |version| convert::as_c_int(version, thread))?;
    let optimize = if optimize < 0 { thread.interpreter.config.read().optimize } else { optimize };
    let flags = if dont_inherit { flags } else { flags | inherited_flags(thread) };
    let feature_version = if feature_version < 0 || !only_ast { 14 } else { feature_version as u32 };
    let options = SourceOptions { mode, optimize, flags, dont_inherit, feature_version };
    if let Some(hook) = thread.interpreter.hooks().compile_ast {
        if let Some(result) = hook(source_value, &filename, options, thread)? {
            return Ok(result);
        }
    }
    let text = source::source_text(source_value, "compile() arg 1", thread)?;
    source::compile_text(&text, &filename, options, thread)
}

/// A file name argument: str, bytes or path-like.
pub fn path_text(value: Value, thread: &mut Thread) -> PyResult<String> {
    if string::is_str(value) {
        return Ok(StrObject::of(value).to_string_lossy());
    }
    if crate::types::bytes::is_bytes(value) {
        return Ok(String::from_utf8_lossy(crate::types::bytes::BytesObject::of(value).as_slice()).into_owned());
    }
    match attribute::call_special(value, crate::names::names().__fspath__, &[], thread)? {
        Some(path) if string::is_str(*path) => Ok(StrObject::of(*path).to_string_lossy()),
        Some(path) => path_text(*path, thread),
        None => {
            let name = value.type_object().full_name();
            Err(thread.raise_type_error(format!("expected str, bytes or os.PathLike object, not {name}")))
        }
    }
}

fn current_namespaces(thread: &mut Thread) -> PyResult<(Owned, Owned)> {
    let frame = visible_frame(thread.frame);
    if frame.is_null() {
        return Err(thread.raise(&exc::SYSTEM_ERROR, "globals and locals cannot be NULL"));
    }
    // SAFETY: the innermost frame of this thread.
    let globals = unsafe { (*frame).globals }.to_owned();
    let locals = current_locals(thread)?;
    Ok((globals, locals))
}

/// The dict of built-in names that the running code has.
fn current_builtins(thread: &mut Thread) -> Owned {
    let frame = visible_frame(thread.frame);
    if !frame.is_null() {
        // SAFETY: the innermost frame of this thread.
        let globals = unsafe { (*frame).globals }.to_owned();
        return crate::types::function::builtins_of(*globals, thread);
    }
    let interpreter = thread.interpreter;
    interpreter.load(&interpreter.builtins_dict).unwrap_or_else(dict::new)
}

fn current_locals(thread: &mut Thread) -> PyResult {
    let frame = visible_frame(thread.frame);
    if frame.is_null() {
        return Err(thread.raise(&exc::SYSTEM_ERROR, "frame does not exist"));
    }
    // SAFETY: as above.
    match unsafe { Value::from_slot((*frame).locals) } {
        Some(locals) if !crate::types::frame_object::has_hidden_locals(frame) => Ok(locals.to_owned()),
        _ => crate::types::frame_object::locals_snapshot(frame, thread),
    }
}

/// The namespaces for `exec` and `eval`.
fn namespaces(globals: Option<Value>, locals: Option<Value>, what: &str, thread: &mut Thread) -> PyResult<(Owned, Owned)> {
    let globals = globals.filter(|globals| !globals.is_none());
    let locals = locals.filter(|locals| !locals.is_none());
    if let Some(locals) = locals {
        if locals.type_object().slots.subscript.raw() == 0 {
            let name = locals.type_object().full_name();
            return Err(thread.raise_type_error(if what == "eval" {
                "locals must be a mapping".to_string()
            } else {
                format!("locals must be a mapping or None, not {name}")
            }));
        }
    }
    let (globals, locals) = match (globals, locals) {
        (None, None) => current_namespaces(thread)?,
        (None, Some(locals)) => (current_namespaces(thread)?.0, locals.to_owned()),
        (Some(globals), locals) => {
            if !dict::is_dict(globals) {
                let name = globals.type_object().full_name();
                return Err(thread.raise_type_error(if what == "eval" {
                    "globals must be a dict".to_string()
                } else {
                    format!("exec() globals must be a dict, not {name}")
                }));
            }
            (globals.to_owned(), locals.unwrap_or(globals).to_owned())
        }
    };
    let names = crate::names::names();
    if !DictObject::of(*globals).contains(names.__builtins__, thread)? {
        let builtins = current_builtins(thread);
        DictObject::of(*globals).set(names.__builtins__, builtins, thread)?;
    }
    Ok((globals, locals))
}

fn exec(_m: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (globals, locals) = namespaces(args.get(1), args.get(2), "exec", thread)?;
    let source_value = args.at(0);
    let closure = args.get(3).filter(|closure| !closure.is_none());
    let code = if source_value.has_shape(shapes::CODE) {
        let n_free = CodeObject::of(source_value).nfrees as usize;
        match closure {
            None if n_free > 0 => {
                return Err(thread.raise_type_error(format!("code object requires a closure of exactly length {n_free}")));
            }
            Some(_) if n_free == 0 => {
                return Err(thread.raise_type_error("cannot use a closure with this code object"));
            }
            Some(closure)
                if !closure.has_shape(shapes::TUPLE)
                    || tuple::TupleObject::of(closure).len() != n_free
                    || tuple::TupleObject::of(closure).items().iter().any(|cell| !cell.has_shape(shapes::CELL)) =>
            {
                return Err(thread.raise_type_error(format!("code object requires a closure of exactly length {n_free}")));
            }
            Some(closure) => {
                let function = crate::types::function::new(source_value, *globals, *crate::types::function::builtins_of(*globals, thread), false);
                let object = crate::types::function::FunctionObject::of(*function);
                drop(object.closure.replace_locked(Some(closure.to_owned())));
                call::call(*function, &[], thread)?;
                return Ok(Owned::none());
            }
            None => source_value.to_owned(),
        }
    } else {
        if closure.is_some() {
            return Err(thread.raise_type_error("closure can only be used when source is a code object"));
        }
        let text = source::source_text(source_value, "exec() arg 1", thread)?;
        let options = SourceOptions { flags: inherited_flags(thread), ..SourceOptions::module(thread) };
        source::compile_text(&text, "<string>", options, thread)?
    };
    call_frame::run_code(*code, *globals, *locals, thread)?;
    Ok(Owned::none())
}

/// Future features of the calling code, which `exec` and `eval` take over.
fn inherited_flags(thread: &Thread) -> u32 {
    let frame = visible_frame(thread.frame);
    if frame.is_null() {
        return 0;
    }
    // SAFETY: the innermost frame of this thread.
    unsafe { (*frame).code().flags & 0x1fe_0000 }
}

fn eval(_m: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (globals, locals) = namespaces(args.get(1), args.get(2), "eval", thread)?;
    let source_value = args.at(0);
    let code = if source_value.has_shape(shapes::CODE) {
        if CodeObject::of(source_value).nfrees > 0 {
            return Err(thread.raise_type_error("code object passed to eval() may not contain free variables"));
        }
        source_value.to_owned()
    } else {
        let text = source::source_text(source_value, "eval() arg 1", thread)?;
        let options = SourceOptions { mode: Mode::Eval, flags: inherited_flags(thread), ..SourceOptions::module(thread) };
        source::compile_text(text.trim_start_matches([' ', '\t']), "<string>", options, thread)?
    };
    call_frame::run_code(*code, *globals, *locals, thread)
}

fn delattr(_m: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    attribute::delete(args.at(0), args.at(1), thread)?;
    Ok(Owned::none())
}

fn setattr(_m: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    attribute::set(args.at(0), args.at(1), args.at(2), thread)?;
    Ok(Owned::none())
}

fn getattr(_m: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = args.at(1);
    if !string::is_str(name) {
        let got = name.type_object().full_name();
        return Err(thread.raise_type_error(format!("attribute name must be string, not '{got}'")));
    }
    match args.get(2) {
        None => attribute::get(args.at(0), name, thread),
        Some(default) => Ok(attribute::get_optional(args.at(0), name, thread)?.unwrap_or_else(|| default.to_owned())),
    }
}

fn hasattr(_m: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let name = args.at(1);
    if !string::is_str(name) {
        let got = name.type_object().full_name();
        return Err(thread.raise_type_error(format!("attribute name must be string, not '{got}'")));
    }
    Ok(Owned::bool(attribute::get_optional(args.at(0), name, thread)?.is_some()))
}

fn dir(_m: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let names = match args.get(0) {
        None => {
            let locals = current_locals(thread)?;
            call::call_method(*locals, crate::names::names().keys, &[], thread)?
        }
        Some(object) => match attribute::call_special(object, crate::names::names().__dir__, &[], thread)? {
            Some(names) => names,
            None => return Err(thread.raise_type_error("object does not provide __dir__")),
        },
    };
    let items = iterate::collect(*names, thread)?;
    let (items, result) = list::methods::sort_items(items, None, false, thread);
    result?;
    Ok(list::from_vec(items))
}

fn divmod(_m: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    binary::divmod(args.at(0), args.at(1), thread)
}

fn format(_m: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    convert::format(args.at(0), args.get(1), thread)
}

fn globals(_m: Value, thread: &mut Thread) -> PyResult {
    Ok(current_namespaces(thread)?.0)
}

fn locals(_m: Value, thread: &mut Thread) -> PyResult {
    current_locals(thread)
}

fn vars(_m: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    match args.get(0) {
        None => current_locals(thread),
        Some(object) => match attribute::get_optional(object, crate::names::names().__dict__, thread)? {
            Some(dict) => Ok(dict),
            None => Err(thread.raise_type_error("vars() argument must have __dict__ attribute")),
        },
    }
}

fn hash(_m: Value, value: Value, thread: &mut Thread) -> PyResult {
    compare::hash(value, thread).map(Owned::int)
}

fn id(_m: Value, value: Value, _thread: &mut Thread) -> PyResult {
    Ok(crate::types::int::from_u64(value.id()))
}

pub(crate) fn isinstance(_m: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    special::is_instance(args.at(0), args.at(1), thread).map(Owned::bool)
}

fn issubclass(_m: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    special::is_subclass(args.at(0), args.at(1), thread).map(Owned::bool)
}

fn iter(_m: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    match args.get(1) {
        None => iterate::iter(args.at(0), thread),
        Some(sentinel) => {
            if !call::is_callable(args.at(0)) {
                return Err(thread.raise_type_error("iter(v, w): v must be callable"));
            }
            Ok(crate::types::iterators::new_callable_iterator(args.at(0), sentinel))
        }
    }
}

pub(crate) fn len(_m: Value, value: Value, thread: &mut Thread) -> PyResult {
    subscript::length(value, thread).map(Owned::int)
}

fn next(_m: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    match iterate::next(args.at(0), thread)? {
        Some(value) => Ok(value),
        None => match args.get(1) {
            Some(default) => Ok(default.to_owned()),
            None => {
                let value = thread.take_iteration_result();
                Err(thread.raise_stop_iteration(if value.is_none() { None } else { Some(value) }))
            }
        },
    }
}

fn extreme(args: Args<'_>, kwnames: KwNames, name: &str, op: CompareOp, thread: &mut Thread) -> PyResult {
    let (mut key, mut default) = (None, None);
    for i in 0..kwnames.len() {
        let Some(keyword) = kwnames.get(i) else { break };
        let text = StrObject::of(keyword).to_string_lossy();
        match text.as_str() {
            "key" => key = Some(args.keyword(i)).filter(|key| !key.is_none()),
            "default" => default = Some(args.keyword(i)),
            _ => return Err(thread.raise_type_error(format!("{name}() got an unexpected keyword argument '{text}'"))),
        }
    }
    if args.is_empty() {
        return Err(thread.raise_type_error(format!("{name} expected at least 1 argument, got 0")));
    }
    if args.len() > 1 && default.is_some() {
        return Err(thread.raise_type_error(format!("Cannot specify a default for {name}() with multiple positional arguments")));
    }
    let mut best: Option<(Owned, Owned)> = None;
    let mut consider = |item: Owned, thread: &mut Thread| -> PyResult<()> {
        let measure = match key {
            Some(key) => call::call(key, &[*item], thread)?,
            None => item.clone(),
        };
        let better = match &best {
            None => true,
            Some((_, other)) => compare::compare_truth(*measure, **other, op, thread)?,
        };
        if better {
            best = Some((item, measure));
        }
        Ok(())
    };
    if args.len() > 1 {
        for item in args.iter() {
            consider(item.to_owned(), thread)?;
        }
    } else {
        let iterator = iterate::iter(args.at(0), thread)?;
        while let Some(item) = iterate::next(*iterator, thread)? {
            consider(item, thread)?;
        }
    }
    match (best, default) {
        (Some((item, _)), _) => Ok(item),
        (None, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(thread.raise_value_error(format!("{name}() iterable argument is empty"))),
    }
}

fn max(_m: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    extreme(args, kwnames, "max", CompareOp::Gt, thread)
}

fn min(_m: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    extreme(args, kwnames, "min", CompareOp::Lt, thread)
}

fn pow(_m: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    binary::power(args.at(0), args.at(1), args.get(2).unwrap_or_else(Value::none), thread)
}

fn print(_m: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    // *args, sep, end, file, flush
    let items = args.at(0);
    let given = |i: usize| args.get(i).filter(|value| !value.is_none());
    let file = match given(3) {
        Some(file) => file.to_owned(),
        None => match thread.interpreter.sys_get(crate::names::names().stdout) {
            Some(file) if file.is_none() => return Ok(Owned::none()),
            Some(file) => file,
            None => return Err(thread.raise(&exc::RUNTIME_ERROR, "lost sys.stdout")),
        },
    };
    for (i, name) in [(1, "sep"), (2, "end")] {
        if given(i).is_some_and(|value| !string::is_str(value)) {
            let got = given(i).map_or(String::new(), |value| value.type_object().full_name());
            return Err(thread.raise_type_error(format!("{name} must be None or a string, not {got}")));
        }
    }
    let write = attribute::get(*file, crate::names::names().write, thread)?;
    let (space, newline) = (string::latin1_char(b' '), string::latin1_char(b'\n'));
    for (i, &item) in tuple::TupleObject::of(items).items().iter().enumerate() {
        if i > 0 {
            call::call(*write, &[given(1).unwrap_or(*space)], thread)?;
        }
        let text = convert::str(item, thread)?;
        call::call(*write, &[*text], thread)?;
    }
    call::call(*write, &[given(2).unwrap_or(*newline)], thread)?;
    if let Some(flush) = args.get(4) {
        if compare::truth(flush, thread)? {
            call::call_method(*file, crate::names::names().flush, &[], thread)?;
        }
    }
    Ok(Owned::none())
}

fn repr(_m: Value, value: Value, thread: &mut Thread) -> PyResult {
    convert::repr(value, thread)
}

fn round(_m: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let number = args.at(0);
    let ndigits = args.get(1).filter(|ndigits| !ndigits.is_none());
    let arguments: Vec<Value> = ndigits.into_iter().collect();
    match attribute::call_special(number, crate::names::names().__round__, &arguments, thread)? {
        Some(result) => Ok(result),
        None => {
            let name = number.type_object().full_name();
            Err(thread.raise_type_error(format!("type {name} doesn't define __round__ method")))
        }
    }
}

fn sorted(_m: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let items = iterate::collect(args.at(0), thread)?;
    let key = args.get(1).filter(|key| !key.is_none());
    let reverse = match args.get(2) {
        Some(reverse) => compare::truth(reverse, thread)?,
        None => false,
    };
    let (items, result) = list::methods::sort_items(items, key, reverse, thread);
    result?;
    Ok(list::from_vec(items))
}

fn sum(_m: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let iterator = iterate::iter(args.at(0), thread)?;
    let start = args.get(1);
    if let Some(start) = start {
        let wrong = if string::is_str(start) {
            Some("sum() can't sum strings [use ''.join(seq) instead]")
        } else if crate::types::bytes::is_bytes(start) {
            Some("sum() can't sum bytes [use b''.join(seq) instead]")
        } else if start.has_shape(shapes::BYTEARRAY) {
            Some("sum() can't sum bytearray [use b''.join(seq) instead]")
        } else {
            None
        };
        if let Some(message) = wrong {
            return Err(thread.raise_type_error(message));
        }
    }
    let mut total = start.map_or_else(|| Owned::int(0), |start| start.to_owned());
    // Floats are added with compensation (Neumaier), as in CPython since 3.12.
    let mut compensated: Option<(f64, f64)> = None;
    loop {
        let Some(item) = iterate::next(*iterator, thread)? else { break };
        if let Some((sum, correction)) = compensated {
            let addend = match crate::types::float::as_f64(*item).filter(|_| item.is_flonum() || item.has_shape(shapes::FLOAT)) {
                Some(addend) => Some(addend),
                None => item.as_small_int().map(|small| small as f64),
            };
            if let Some(x) = addend {
                let t = sum + x;
                let c = if sum.abs() >= x.abs() { (sum - t) + x } else { (x - t) + sum };
                compensated = Some((t, correction + c));
                continue;
            }
            total = finish_float_sum(sum, correction);
            compensated = None;
        } else if (total.is_flonum() || total.has_shape(shapes::FLOAT)) && (item.is_flonum() || item.has_shape(shapes::FLOAT) || item.is_small_int()) {
            let sum = crate::types::float::as_f64(*total).unwrap_or(0.0);
            let x = crate::types::float::as_f64(*item).or(item.as_small_int().map(|small| small as f64)).unwrap_or(0.0);
            let t = sum + x;
            let c = if sum.abs() >= x.abs() { (sum - t) + x } else { (x - t) + sum };
            compensated = Some((t, c));
            continue;
        }
        total = match Value::both_small_ints(*total, *item).then(|| Value::small_int_add(*total, *item)).flatten() {
            // SAFETY: immediates have no count.
            Some(value) => unsafe { Owned::from_raw(value) },
            None => binary::operate(binary::BinaryOperator::Add, *total, *item, thread)?,
        };
    }
    if let Some((sum, correction)) = compensated {
        return Ok(finish_float_sum(sum, correction));
    }
    Ok(total)
}

fn finish_float_sum(sum: f64, correction: f64) -> Owned {
    Owned::float(if correction != 0.0 && correction.is_finite() { sum + correction } else { sum })
}

fn import(_m: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (name, globals) = (args.at(0), args.get(1).unwrap_or_else(Value::none));
    let from_list = args.get(3).map_or_else(tuple::empty, |from_list| from_list.to_owned());
    let level = args.get(4).unwrap_or_else(|| Value::plain_int(0));
    crate::import::import_level(name, globals, *from_list, level, thread)
}

fn aiter(_m: Value, value: Value, thread: &mut Thread) -> PyResult {
    let Some(function) = value.type_object().slots.aiter.get() else {
        let name = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("'{name}' object is not an async iterable")));
    };
    let iterator = function(value, thread)?;
    if iterator.type_object().slots.anext.raw() == 0 {
        let name = iterator.type_object().full_name();
        return Err(thread.raise_type_error(format!("aiter() returned not an async iterator of type '{name}'")));
    }
    Ok(iterator)
}

fn anext(_m: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let iterator = args.at(0);
    let Some(function) = iterator.type_object().slots.anext.get() else {
        let name = iterator.type_object().full_name();
        return Err(thread.raise_type_error(format!("'{name}' object is not an async iterator")));
    };
    let next = function(iterator, thread)?;
    Ok(match args.get(1) {
        Some(default) => crate::types::async_generator::with_default(next, default),
        None => next,
    })
}

fn open(_m: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let io = crate::import::import_module("_io", thread)?;
    let open = attribute::get(*io, crate::names::names().open, thread)?;
    call::call_args(*open, args, kwnames, thread)
}

fn breakpoint(_m: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let name = crate::names::interned("breakpointhook");
    match thread.interpreter.sys_get(*name) {
        Some(hook) => call::call_args(*hook, args, kwnames, thread),
        None => Err(thread.raise(&exc::RUNTIME_ERROR, "lost sys.breakpointhook")),
    }
}

/// Whether a stream is that of a descriptor, and a terminal.
fn is_terminal(stream: Value, descriptor: i32, thread: &mut Thread) -> bool {
    let number = call::call_method(stream, *crate::names::interned("fileno"), &[], thread);
    drop(thread.take_exception());
    // SAFETY: asks about a descriptor.
    number.is_ok_and(|number| crate::types::int::as_i64(*number) == Some(i64::from(descriptor))) && unsafe { libc::isatty(descriptor) } == 1
}

fn input(_m: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let names = crate::names::names();
    let Some(stdin) = thread.interpreter.sys_get(names.stdin).filter(|file| !file.is_none()) else {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "input(): lost sys.stdin"));
    };
    let Some(stdout) = thread.interpreter.sys_get(names.stdout).filter(|file| !file.is_none()) else {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "input(): lost sys.stdout"));
    };
    if let Some(stderr) = thread.interpreter.sys_get(names.stderr).filter(|file| !file.is_none()) {
        call::call_method(*stderr, names.flush, &[], thread)?;
    }
    if let Some(prompt) = args.get(0) {
        let text = convert::str(prompt, thread)?;
        call::call_method(*stdout, names.write, &[*text], thread)?;
    }
    call::call_method(*stdout, names.flush, &[], thread)?;
    let line = call::call_method(*stdin, names.readline, &[], thread)?;
    if !string::is_str(*line) {
        return Err(thread.raise_type_error("object.readline() returned non-string"));
    }
    let text = StrObject::of(*line);
    if text.is_empty() {
        // On a terminal it needs no words.
        let (args, on_terminal) = (&[], is_terminal(*stdin, 0, thread) && is_terminal(*stdout, 1, thread));
        if on_terminal {
            let exception = call::call(exc::EOF_ERROR.get().value(), args, thread)?;
            return Err(thread.raise_exception(exception));
        }
        return Err(thread.raise(&exc::EOF_ERROR, "EOF when reading a line"));
    }
    let n = text.len();
    Ok(if text.char_at(n - 1) == u32::from(b'\n') { string::slice(text, 0, n - 1) } else { line })
}

pub static FUNCTIONS: &[MethodDef] = &[
    method("__build_class__", NativeFn::Raw(class_statement::build_class), "", "Internal helper of the class statement."),
    method("__import__", NativeFn::Bound(import), "($module, /, name, globals=None, locals=None, fromlist=(), level=0)", "Imports a module."),
    method("abs", NativeFn::One(abs), "($module, number, /)", "The absolute value."),
    method("all", NativeFn::One(all), "($module, iterable, /)", "Whether all items are true."),
    method("anext", NativeFn::Bound(anext), "($module, aiterator, default=<unrepresentable>, /)", "Return the next item from the async iterator.\n\nIf default is given and the async iterator is exhausted,\nit is returned instead of raising StopAsyncIteration."),
    method("any", NativeFn::One(any), "($module, iterable, /)", "Whether any item is true."),
    method("ascii", NativeFn::One(ascii), "($module, obj, /)", "An ASCII-only representation."),
    method("bin", NativeFn::One(bin), "($module, number, /)", "The binary text of an int."),
    method("breakpoint", NativeFn::Raw(breakpoint), "($module, /, *args, **kws)", "Calls sys.breakpointhook."),
    method("callable", NativeFn::One(callable), "($module, obj, /)", "Whether the object can be called."),
    method("chr", NativeFn::One(chr), "($module, i, /)", "The character of a code point."),
    method("compile", NativeFn::Bound(compile), "($module, /, source, filename, mode, flags=0, dont_inherit=False, optimize=-1, *, _feature_version=-1)", "Compiles source into a code object."),
    method("delattr", NativeFn::Bound(delattr), "($module, obj, name, /)", "Deletes an attribute."),
    method("dir", NativeFn::Bound(dir), "-($module, object=None, /)", "Names of a scope or an object."),
    method("divmod", NativeFn::Bound(divmod), "($module, x, y, /)", "Quotient and remainder."),
    method("eval", NativeFn::Bound(eval), "($module, source, /, globals=None, locals=None)", "Evaluates an expression."),
    method("exec", NativeFn::Bound(exec), "($module, source, /, globals=None, locals=None, *, closure=None)", "Executes statements."),
    method("format", NativeFn::Bound(format), "($module, value, format_spec='', /)", "Formats a value."),
    method("getattr", NativeFn::Bound(getattr), "-($module, object, name, default=None, /)", "An attribute by name."),
    method("globals", NativeFn::NoArgs(globals), "($module, /)", "The global namespace."),
    method("hasattr", NativeFn::Bound(hasattr), "($module, obj, name, /)", "Whether an attribute exists."),
    method("hash", NativeFn::One(hash), "($module, obj, /)", "The hash value."),
    method("hex", NativeFn::One(hex), "($module, number, /)", "The hexadecimal text of an int."),
    method("id", NativeFn::One(id), "($module, obj, /)", "The identity of an object."),
    method("input", NativeFn::Bound(input), "($module, prompt='', /)", "Reads a line from standard input."),
    method("isinstance", NativeFn::Bound(isinstance), "($module, obj, class_or_tuple, /)", "Whether an object is an instance of a class."),
    method("issubclass", NativeFn::Bound(issubclass), "($module, cls, class_or_tuple, /)", "Whether a class is derived from another."),
    method("iter", NativeFn::Bound(iter), "-($module, object, sentinel=None, /)", "An iterator."),
    method("aiter", NativeFn::One(aiter), "($module, async_iterable, /)", "An asynchronous iterator."),
    method("len", NativeFn::One(len), "($module, obj, /)", "The number of items."),
    method("locals", NativeFn::NoArgs(locals), "($module, /)", "The local namespace."),
    method("max", NativeFn::Raw(max), "", "max(iterable, *[, default=obj, key=func]) -> value\nmax(arg1, arg2, *args, *[, key=func]) -> value\n\nThe largest item of an iterable, or the largest of two or more arguments.\ndefault is the value for an empty iterable."),
    method("min", NativeFn::Raw(min), "", "min(iterable, *[, default=obj, key=func]) -> value\nmin(arg1, arg2, *args, *[, key=func]) -> value\n\nThe smallest item of an iterable, or the smallest of two or more arguments.\ndefault is the value for an empty iterable."),
    method("next", NativeFn::Bound(next), "-($module, iterator, default=None, /)", "The next item."),
    method("oct", NativeFn::One(oct), "($module, number, /)", "The octal text of an int."),
    method("open", NativeFn::Raw(open), "($module, /, file, mode='r', buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None)", "Opens a file."),
    method("ord", NativeFn::One(ord), "($module, character, /)", "The code point of a character."),
    method("pow", NativeFn::Bound(pow), "($module, /, base, exp, mod=None)", "A power, perhaps modulo."),
    method("print", NativeFn::Bound(print), "($module, /, *args, sep=' ', end='\\n', file=None, flush=False)", "Prints values."),
    method("repr", NativeFn::One(repr), "($module, obj, /)", "The canonical text of an object."),
    method("round", NativeFn::Bound(round), "($module, /, number, ndigits=None)", "Rounds a number."),
    method("setattr", NativeFn::Bound(setattr), "($module, obj, name, value, /)", "Sets an attribute."),
    method("sorted", NativeFn::Bound(sorted), "($module, iterable, /, *, key=None, reverse=False)", "A sorted list of the items."),
    method("sum", NativeFn::Bound(sum), "($module, iterable, /, start=0)", "The sum of the items."),
    method("vars", NativeFn::Bound(vars), "-($module, object=None, /)", "The __dict__ of an object."),
];
