//! Construction, text and attributes of the exception classes.

use std::mem::offset_of;

use crate::exceptions::exc;
use crate::exceptions::object::*;
use crate::object::lifetime;
use crate::object::value::{Owned, PyResult, Raised, Slot, Value};
use crate::protocol::args::{Args, KwNames};
use crate::protocol::convert;
use crate::protocol::native::NativeFn;
use crate::sync::Ordering;
use crate::threads::thread_state::Thread;
use crate::types::dict::{self, DictObject};
use crate::types::string::{self, StrObject};
use crate::types::tuple::{self, TupleObject};
use crate::types::type_object::*;

/// A bare exception of a class, with all slots empty.
pub fn allocate(ty: &TypeObject) -> Owned {
    #[repr(C)]
    struct Raw {
        header: crate::object::Header,
    }
    lifetime::allocate_object(ty, |header| Raw { header })
}

fn base_new(class: Value, args: Args<'_>, _kwnames: KwNames, _thread: &mut Thread) -> PyResult {
    let made = allocate(TypeObject::of(class));
    let args = tuple::from_vec(args.iter().map(|arg| arg.to_owned()).collect());
    drop(ExceptionObject::of(*made).args.replace_locked(Some(args)));
    Ok(made)
}

fn no_keywords(this: Value, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    if kwnames.is_empty() {
        return Ok(());
    }
    let name = this.type_object().name();
    Err(thread.raise_type_error(format!("{name}() takes no keyword arguments")))
}

fn set_args(this: Value, args: Args<'_>) {
    let exception = ExceptionObject::of(this);
    let args = tuple::from_vec(args.iter().map(|arg| arg.to_owned()).collect());
    drop(exception.args.replace(&exception.header, Some(args)));
}

fn put(this: Value, slot: &Slot, value: Option<Value>) {
    drop(slot.replace(&ExceptionObject::of(this).header, value.map(|value| value.to_owned())));
}

fn base_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    no_keywords(this, kwnames, thread)?;
    set_args(this, args);
    Ok(())
}

fn base_str(this: Value, thread: &mut Thread) -> PyResult {
    let args = ExceptionObject::of(this).args();
    match TupleObject::of(*args).items() {
        [] => Ok(string::empty()),
        [one] => convert::str(*one, thread),
        _ => convert::str(*args, thread),
    }
}

fn base_repr(this: Value, thread: &mut Thread) -> PyResult {
    let args = ExceptionObject::of(this).args();
    let name = this.type_object().name();
    let inner = match TupleObject::of(*args).items() {
        [one] => format!("({})", convert::repr_text(*one, thread)?),
        _ => convert::repr_text(*args, thread)?,
    };
    Ok(Owned::str(&format!("{name}{inner}")))
}

fn get_args(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(ExceptionObject::of(this).args())
}

fn set_args_attribute(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let Some(value) = value else {
        return Err(thread.raise_type_error("args may not be deleted"));
    };
    let items = crate::protocol::iterate::collect(value, thread)?;
    let exception = ExceptionObject::of(this);
    drop(exception.args.replace(&exception.header, Some(tuple::from_vec(items))));
    Ok(())
}

fn get_traceback(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(ExceptionObject::of(this).traceback().unwrap_or_else(Owned::none))
}

fn set_traceback(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let Some(value) = value else {
        return Err(thread.raise_type_error("__traceback__ may not be deleted"));
    };
    if !value.is_none() && !value.has_shape(crate::types::builtin_types::shapes::TRACEBACK) {
        return Err(thread.raise_type_error("__traceback__ must be a traceback or None"));
    }
    ExceptionObject::of(this).set_traceback(if value.is_none() { None } else { Some(value.to_owned()) });
    Ok(())
}

fn get_context(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(ExceptionObject::of(this).context().unwrap_or_else(Owned::none))
}

fn checked_link(value: Option<Value>, what: &str, thread: &mut Thread) -> PyResult<Option<Owned>> {
    match value {
        None => Err(thread.raise_type_error(format!("__{what}__ may not be deleted"))),
        Some(value) if value.is_none() => Ok(None),
        Some(value) if is_exception(value) => Ok(Some(value.to_owned())),
        Some(_) => Err(thread.raise_type_error(format!("exception {what} must be None or derive from BaseException"))),
    }
}

fn set_context(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let value = checked_link(value, "context", thread)?;
    ExceptionObject::of(this).set_context(value);
    Ok(())
}

fn get_cause(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(ExceptionObject::of(this).cause().unwrap_or_else(Owned::none))
}

fn set_cause(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let value = checked_link(value, "cause", thread)?;
    ExceptionObject::of(this).set_cause(value);
    Ok(())
}

fn get_suppress(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::bool(ExceptionObject::of(this).suppress_context.load(Ordering::Relaxed)))
}

fn set_suppress(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let Some(truth) = value.and_then(Value::as_bool) else {
        return Err(thread.raise_type_error("attribute value type must be bool"));
    };
    ExceptionObject::of(this).suppress_context.store(truth, Ordering::Relaxed);
    Ok(())
}

/// Appends a note (PEP 678).
pub fn add_note(this: Value, note: &str) {
    push_note(this, Owned::str(note));
}

fn push_note(this: Value, note: Owned) {
    let exception = ExceptionObject::of(this);
    let name = crate::names::names().__notes__;
    let dict = match exception.dict.load(&exception.header) {
        Some(dict) => dict,
        None => {
            let made = dict::new();
            drop(exception.dict.replace(&exception.header, Some(made.clone())));
            made
        }
    };
    let list = match DictObject::of(*dict).get_str(name) {
        Some(list) => list,
        None => {
            let made = crate::types::list::new();
            drop(DictObject::of(*dict).set_str(name, made.clone()));
            made
        }
    };
    if list.type_has_flag(TYPE_LIST_SUBCLASS) {
        crate::types::list::ListObject::of(*list).push(note);
    }
}

fn add_note_method(this: Value, note: Value, thread: &mut Thread) -> PyResult {
    if !string::is_str(note) {
        let name = note.type_object().full_name();
        return Err(thread.raise_type_error(format!("add_note() argument must be str, not {name}")));
    }
    push_note(this, note.to_owned());
    Ok(Owned::none())
}

fn with_traceback(this: Value, traceback: Value, thread: &mut Thread) -> PyResult {
    set_traceback(this, Some(traceback), thread)?;
    Ok(this.to_owned())
}

/// What a pickle keeps of an exception besides its arguments: its attributes, and the notes among them.
fn state_of(exception: &ExceptionObject) -> Option<Owned> {
    let dict = exception.dict.load(&exception.header);
    let Some(notes) = exception.notes.load(&exception.header) else { return dict };
    let state = dict.map_or_else(dict::new, |dict| DictObject::of(*dict).copy());
    drop(DictObject::of(*state).set_str(crate::names::names().__notes__, notes));
    Some(state)
}

fn reduced(this: Value, args: Owned, state: Option<Owned>) -> Owned {
    let class = this.type_object().value().to_owned();
    match state {
        Some(state) => tuple::pack([class, args, state]),
        None => tuple::pack([class, args]),
    }
}

fn base_reduce(this: Value, _thread: &mut Thread) -> PyResult {
    let exception = ExceptionObject::of(this);
    Ok(reduced(this, exception.args(), state_of(exception)))
}

/// The state with some of the class's own fields.
fn state_with(exception: &ExceptionObject, fields: &[(&str, Option<Owned>)]) -> Option<Owned> {
    let state = state_of(exception);
    if fields.iter().all(|(_, value)| value.is_none()) {
        return state;
    }
    let state = state.map_or_else(dict::new, |state| DictObject::of(*state).copy());
    for (name, value) in fields {
        if let Some(value) = value {
            DictObject::of(*state).set_by_text(name, value.clone());
        }
    }
    Some(state)
}

fn import_error_reduce(this: Value, _thread: &mut Thread) -> PyResult {
    let object = ImportErrorObject::of(this);
    let header = &object.base.header;
    let field = |slot: &Slot| slot.load(header);
    let fields = [("name", field(&object.name)), ("path", field(&object.path)), ("name_from", field(&object.name_from))];
    Ok(reduced(this, object.base.args(), state_with(&object.base, &fields)))
}

/// The object whose attribute was missing is left out: it may be anything.
fn attribute_error_state(this: Value, _thread: &mut Thread) -> PyResult {
    let object = AttributeErrorObject::of(this);
    let fields = [("name", object.name.load(&object.base.header)), ("args", Some(object.base.args()))];
    Ok(state_with(&object.base, &fields).unwrap_or_else(Owned::none))
}

fn attribute_error_reduce(this: Value, thread: &mut Thread) -> PyResult {
    let state = attribute_error_state(this, thread)?;
    Ok(reduced(this, ExceptionObject::of(this).args(), Some(state)))
}

fn base_setstate(this: Value, state: Value, thread: &mut Thread) -> PyResult {
    if !state.is_none() {
        if !dict::is_dict(state) {
            return Err(thread.raise_type_error("state is not a dictionary"));
        }
        for entry in DictObject::of(state).entries() {
            crate::protocol::attribute::set(this, *entry.key, *entry.value, thread)?;
        }
    }
    Ok(Owned::none())
}

fn value_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    base_init(this, args, kwnames, thread)?;
    put(this, &ValueException::of(this).value, Some(args.get(0).unwrap_or_else(Value::none)));
    Ok(())
}

fn exit_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    base_init(this, args, kwnames, thread)?;
    let slot = &ValueException::of(this).value;
    match args.len() {
        0 => {}
        1 => put(this, slot, args.get(0)),
        _ => {
            let all = ExceptionObject::of(this).args();
            put(this, slot, Some(*all));
        }
    }
    Ok(())
}

fn named_init(this: Value, args: Args<'_>, kwnames: KwNames, allowed: &[(&str, &Slot)], thread: &mut Thread) -> PyResult<()> {
    set_args(this, args);
    for i in 0..kwnames.len() {
        let Some(name) = kwnames.get(i) else { break };
        let text = StrObject::of(name).to_string_lossy();
        match allowed.iter().find(|(own, _)| *own == text) {
            Some((_, slot)) => put(this, slot, Some(args.keyword(i))),
            None => {
                let class = this.type_object().spec.map_or_else(|| this.type_object().name(), |spec| spec.name.to_string());
                let class = if this.type_has_flag(TYPE_HEAP) { native_name(this) } else { class };
                return Err(thread.raise_type_error(format!("{class}() got an unexpected keyword argument '{text}'")));
            }
        }
    }
    Ok(())
}

fn native_name(this: Value) -> String {
    let mut ty: &TypeObject = this.type_object();
    while ty.has_flag(TYPE_HEAP) {
        match ty.base() {
            Some(base) => ty = base,
            None => break,
        }
    }
    ty.name()
}

fn name_error_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    named_init(this, args, kwnames, &[("name", &NameErrorObject::of(this).name)], thread)
}

fn attribute_error_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    let object = AttributeErrorObject::of(this);
    named_init(this, args, kwnames, &[("name", &object.name), ("obj", &object.obj)], thread)
}

fn import_error_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    let object = ImportErrorObject::of(this);
    named_init(this, args, kwnames, &[("name", &object.name), ("path", &object.path), ("name_from", &object.name_from)], thread)?;
    put(this, &object.msg, if args.len() == 1 { args.get(0) } else { None });
    Ok(())
}

fn import_error_str(this: Value, thread: &mut Thread) -> PyResult {
    let object = ImportErrorObject::of(this);
    match object.msg.load(&object.base.header).filter(|msg| string::is_exact(**msg)) {
        Some(msg) => Ok(msg),
        None => base_str(this, thread),
    }
}

fn key_error_str(this: Value, thread: &mut Thread) -> PyResult {
    let args = ExceptionObject::of(this).args();
    match TupleObject::of(*args).items() {
        [one] => convert::repr(*one, thread),
        _ => base_str(this, thread),
    }
}

/// The class for an error number, where `OSError` itself is called.
fn os_error_class(errno: i32) -> Option<&'static crate::types::builtin_types::StaticType> {
    Some(match errno {
        libc::EAGAIN | libc::EALREADY | libc::EINPROGRESS => &exc::BLOCKING_IO_ERROR,
        libc::EPIPE | libc::ESHUTDOWN => &exc::BROKEN_PIPE_ERROR,
        libc::ECHILD => &exc::CHILD_PROCESS_ERROR,
        libc::ECONNABORTED => &exc::CONNECTION_ABORTED_ERROR,
        libc::ECONNREFUSED => &exc::CONNECTION_REFUSED_ERROR,
        libc::ECONNRESET => &exc::CONNECTION_RESET_ERROR,
        libc::EEXIST => &exc::FILE_EXISTS_ERROR,
        libc::ENOENT => &exc::FILE_NOT_FOUND_ERROR,
        libc::EISDIR => &exc::IS_A_DIRECTORY_ERROR,
        libc::ENOTDIR => &exc::NOT_A_DIRECTORY_ERROR,
        libc::EINTR => &exc::INTERRUPTED_ERROR,
        libc::EACCES | libc::EPERM => &exc::PERMISSION_ERROR,
        libc::ESRCH => &exc::PROCESS_LOOKUP_ERROR,
        libc::ETIMEDOUT => &exc::TIMEOUT_ERROR,
        _ => return None,
    })
}

fn os_error_new(class: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let mut ty = TypeObject::of(class);
    if std::ptr::eq(ty, exc::OS_ERROR.get()) && (2..=5).contains(&args.len()) {
        if let Some(class) = args.get(0).and_then(crate::types::int::as_i64).and_then(|errno| os_error_class(errno as i32)) {
            ty = class.get();
        }
    }
    let made = allocate(ty);
    os_error_fill(*made, args, kwnames, thread)?;
    Ok(made)
}

fn os_error_fill(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    no_keywords(this, kwnames, thread)?;
    let object = OsErrorObject::of(this);
    let n = args.len();
    if (2..=5).contains(&n) {
        put(this, &object.errno, args.get(0));
        put(this, &object.strerror, args.get(1));
        if let Some(filename) = args.get(2).filter(|filename| !filename.is_none()) {
            let blocking = this.type_object().is_subtype(exc::BLOCKING_IO_ERROR.get()) && convert::is_int(filename);
            if blocking {
                put(this, &object.written, Some(filename));
            } else {
                put(this, &object.filename, Some(filename));
                put(this, &object.filename2, args.get(4).filter(|filename| !filename.is_none()));
            }
            if !blocking {
                set_args(this, args.take(2));
                return Ok(());
            }
        }
    }
    set_args(this, args);
    Ok(())
}

fn os_error_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    // `__new__` has filled the fields unless a subclass has its own.
    let exception = ExceptionObject::of(this);
    if exception.args.peek().is_none() || this.type_has_flag(TYPE_HEAP) {
        if this.type_has_flag(TYPE_HEAP) {
            return os_error_fill(this, args, KwNames::NONE, thread);
        }
        return os_error_fill(this, args, kwnames, thread);
    }
    Ok(())
}

fn os_error_str(this: Value, thread: &mut Thread) -> PyResult {
    let object = OsErrorObject::of(this);
    let header = &object.base.header;
    let (errno, strerror) = (object.errno.load(header), object.strerror.load(header));
    let text = |value: &Option<Owned>, thread: &mut Thread| match value {
        Some(value) => convert::str_text(**value, thread),
        None => Ok("None".to_string()),
    };
    if let Some(filename) = object.filename.load(header) {
        let (errno, strerror) = (text(&errno, thread)?, text(&strerror, thread)?);
        let filename = convert::repr_text(*filename, thread)?;
        return Ok(Owned::str(&match object.filename2.load(header) {
            Some(second) => format!("[Errno {errno}] {strerror}: {filename} -> {}", convert::repr_text(*second, thread)?),
            None => format!("[Errno {errno}] {strerror}: {filename}"),
        }));
    }
    if errno.is_some() && strerror.is_some() {
        let (errno, strerror) = (text(&errno, thread)?, text(&strerror, thread)?);
        return Ok(Owned::str(&format!("[Errno {errno}] {strerror}")));
    }
    base_str(this, thread)
}

fn get_written(this: Value, thread: &mut Thread) -> PyResult {
    let object = OsErrorObject::of(this);
    match object.written.load(&object.base.header) {
        Some(written) => Ok(written),
        None => Err(crate::protocol::attribute::raise_attribute_error(this, *crate::names::interned("characters_written"), "characters_written", thread)),
    }
}

fn set_written(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let object = OsErrorObject::of(this);
    match value {
        Some(value) => {
            let n = convert::index_as_i64(value, thread, Some(&exc::VALUE_ERROR))?;
            drop(object.written.replace(&object.base.header, Some(Owned::int(n))));
        }
        None => {
            if object.written.replace(&object.base.header, None).is_none() {
                return get_written(this, thread).map(drop);
            }
        }
    }
    Ok(())
}

fn os_error_reduce(this: Value, _thread: &mut Thread) -> PyResult {
    let object = OsErrorObject::of(this);
    let header = &object.base.header;
    let mut args: Vec<Owned> = TupleObject::of(*object.base.args()).items().iter().map(|item| item.to_owned()).collect();
    if args.len() == 2 {
        if let Some(filename) = object.filename.load(header) {
            args.push(filename);
            if let Some(second) = object.filename2.load(header) {
                args.push(Owned::none());
                args.push(second);
            }
        }
    }
    Ok(reduced(this, tuple::from_vec(args), state_of(&object.base)))
}

fn syntax_error_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    base_init(this, args, kwnames, thread)?;
    let object = SyntaxErrorObject::of(this);
    if !args.is_empty() {
        put(this, &object.msg, args.get(0));
    }
    if args.len() == 2 {
        let info = crate::protocol::iterate::collect(args.at(1), thread)?;
        if !(4..=7).contains(&info.len()) || info.len() == 5 {
            if info.len() < 4 {
                let n = info.len();
                return Err(thread.raise_type_error(format!("function missing required argument '{}' (pos {})", ["filename", "lineno", "offset", "text"][n.min(3)], n + 1)));
            }
            if info.len() > 7 {
                let n = info.len();
                return Err(thread.raise_type_error(format!("function takes at most 7 arguments ({n} given)")));
            }
            return Err(thread.raise_type_error("end_offset must be provided when end_lineno is provided"));
        }
        let slots = [&object.filename, &object.lineno, &object.offset, &object.text, &object.end_lineno, &object.end_offset, &object.metadata];
        for (i, slot) in slots.into_iter().enumerate() {
            put(this, slot, info.get(i).map(Owned::value));
        }
    }
    Ok(())
}

fn syntax_error_str(this: Value, thread: &mut Thread) -> PyResult {
    let object = SyntaxErrorObject::of(this);
    let header = &object.base.header;
    let msg = match object.msg.load(header) {
        Some(msg) => convert::str_text(*msg, thread)?,
        None => "None".to_string(),
    };
    let filename = object.filename.load(header).filter(|name| string::is_str(**name)).map(|name| {
        let name = StrObject::of(*name).to_string_lossy();
        name.rsplit('/').next().unwrap_or("").to_string()
    });
    let line = object.lineno.load(header).and_then(|line| crate::types::int::as_i64(*line));
    Ok(Owned::str(&match (filename, line) {
        (Some(filename), Some(line)) => format!("{msg} ({filename}, line {line})"),
        (Some(filename), None) => format!("{msg} ({filename})"),
        (None, Some(line)) => format!("{msg} (line {line})"),
        (None, None) => msg,
    }))
}

fn unicode_init(this: Value, args: Args<'_>, kwnames: KwNames, n: usize, thread: &mut Thread) -> PyResult<()> {
    base_init(this, args, kwnames, thread)?;
    if args.len() != n {
        let given = args.len();
        return Err(thread.raise_type_error(format!("function takes exactly {n} arguments ({given} given)")));
    }
    let object = UnicodeErrorObject::of(this);
    let mut at = 0;
    let mut next = || {
        at += 1;
        args.at(at - 1)
    };
    if n == 5 {
        let encoding = next();
        if !string::is_str(encoding) {
            let name = encoding.type_object().full_name();
            return Err(thread.raise_type_error(format!("argument 1 must be str, not {name}")));
        }
        put(this, &object.encoding, Some(encoding));
    }
    let source = next();
    let is_decode = this.is_instance(exc::UNICODE_DECODE_ERROR.get());
    if is_decode {
        let copy = crate::protocol::buffer::copy_bytes(source, thread)?;
        let bytes = if crate::types::bytes::is_bytes(source) { source.to_owned() } else { crate::types::bytes::from_vec(copy) };
        put(this, &object.object, Some(*bytes));
    } else {
        if !string::is_str(source) {
            let (position, name) = (n - 3, source.type_object().full_name());
            return Err(thread.raise_type_error(format!("argument {position} must be str, not {name}")));
        }
        put(this, &object.object, Some(source));
    }
    let start = convert::index_as_i64(next(), thread, Some(&exc::OVERFLOW_ERROR))?;
    let end = convert::index_as_i64(next(), thread, Some(&exc::OVERFLOW_ERROR))?;
    object.start.store(start, Ordering::Relaxed);
    object.end.store(end, Ordering::Relaxed);
    let reason = next();
    if !string::is_str(reason) {
        let name = reason.type_object().full_name();
        return Err(thread.raise_type_error(format!("argument {n} must be str, not {name}")));
    }
    put(this, &object.reason, Some(reason));
    Ok(())
}

fn unicode_coded_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    unicode_init(this, args, kwnames, 5, thread)
}

fn unicode_translate_init(this: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult<()> {
    unicode_init(this, args, kwnames, 4, thread)
}

fn unicode_str(this: Value, thread: &mut Thread) -> PyResult {
    let object = UnicodeErrorObject::of(this);
    let header = &object.base.header;
    let Some(source) = object.object.load(header) else { return Ok(string::empty()) };
    let reason = match object.reason.load(header) {
        Some(reason) => convert::str_text(*reason, thread)?,
        None => String::new(),
    };
    let encoding = match object.encoding.load(header) {
        Some(encoding) => convert::str_text(*encoding, thread)?,
        None => String::new(),
    };
    let (start, end) = (object.start.load(Ordering::Relaxed), object.end.load(Ordering::Relaxed));
    let is_decode = this.is_instance(exc::UNICODE_DECODE_ERROR.get());
    let is_translate = this.is_instance(exc::UNICODE_TRANSLATE_ERROR.get());
    if is_decode {
        let bytes = crate::types::bytes::BytesObject::of(*source).as_slice();
        return Ok(Owned::str(&match usize::try_from(start).ok().and_then(|start| bytes.get(start)) {
            Some(byte) if end == start + 1 => format!("'{encoding}' codec can't decode byte 0x{byte:02x} in position {start}: {reason}"),
            _ => format!("'{encoding}' codec can't decode bytes in position {start}-{}: {reason}", end - 1),
        }));
    }
    let text = StrObject::of(*source);
    let single = usize::try_from(start).ok().filter(|start| *start < text.len() && end == *start as i64 + 1).map(|start| text.char_at(start));
    let shown = single.map(|ch| match ch {
        0..0x100 => format!("\\x{ch:02x}"),
        0x100..0x10000 => format!("\\u{ch:04x}"),
        _ => format!("\\U{ch:08x}"),
    });
    Ok(Owned::str(&match (shown, is_translate) {
        (Some(shown), true) => format!("can't translate character '{shown}' in position {start}: {reason}"),
        (None, true) => format!("can't translate characters in position {start}-{}: {reason}", end - 1),
        (Some(shown), false) => format!("'{encoding}' codec can't encode character '{shown}' in position {start}: {reason}"),
        (None, false) => format!("'{encoding}' codec can't encode characters in position {start}-{}: {reason}", end - 1),
    }))
}

fn get_start(this: Value, _thread: &mut Thread) -> PyResult {
    let object = UnicodeErrorObject::of(this);
    let len = source_length(object);
    let start = object.start.load(Ordering::Relaxed);
    Ok(Owned::int(start.clamp(0, (len - 1).max(0))))
}

fn get_end(this: Value, _thread: &mut Thread) -> PyResult {
    let object = UnicodeErrorObject::of(this);
    let len = source_length(object);
    let end = object.end.load(Ordering::Relaxed);
    Ok(Owned::int(end.clamp(len.min(1), len)))
}

fn source_length(object: &UnicodeErrorObject) -> i64 {
    match object.object.load(&object.base.header) {
        Some(source) if string::is_str(*source) => StrObject::of(*source).len() as i64,
        Some(source) if crate::types::bytes::is_bytes(*source) => crate::types::bytes::BytesObject::of(*source).len() as i64,
        _ => 0,
    }
}

fn set_start(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let Some(value) = value else { return Err(thread.raise_type_error("attribute value type must be bool")) };
    let n = convert::index_as_i64(value, thread, Some(&exc::OVERFLOW_ERROR))?;
    UnicodeErrorObject::of(this).start.store(n, Ordering::Relaxed);
    Ok(())
}

fn set_end(this: Value, value: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let Some(value) = value else { return Err(thread.raise_type_error("attribute value type must be bool")) };
    let n = convert::index_as_i64(value, thread, Some(&exc::OVERFLOW_ERROR))?;
    UnicodeErrorObject::of(this).end.store(n, Ordering::Relaxed);
    Ok(())
}

/// Raises `UnicodeEncodeError(encoding, object, start, end, reason)`.
pub fn raise_unicode_encode(encoding: &str, object: Value, start: usize, end: usize, reason: &str, thread: &mut Thread) -> Raised {
    raise_unicode(&exc::UNICODE_ENCODE_ERROR, encoding, object, start, end, reason, thread)
}

/// Raises `UnicodeDecodeError(encoding, object, start, end, reason)`.
pub fn raise_unicode_decode(encoding: &str, object: Value, start: usize, end: usize, reason: &str, thread: &mut Thread) -> Raised {
    raise_unicode(&exc::UNICODE_DECODE_ERROR, encoding, object, start, end, reason, thread)
}

fn raise_unicode(class: &'static crate::types::builtin_types::StaticType, encoding: &str, object: Value, start: usize, end: usize, reason: &str, thread: &mut Thread) -> Raised {
    let args = [Owned::str(encoding), object.to_owned(), Owned::usize(start), Owned::usize(end), Owned::str(reason)];
    let values: Vec<Value> = args.iter().map(Owned::value).collect();
    match crate::protocol::call::call(class.get().value(), &values, thread) {
        Ok(exception) => thread.raise_exception(exception),
        Err(raised) => raised,
    }
}

pub(super) const fn slots_of(class: &str) -> &'static [SlotFn] {
    match class.as_bytes() {
        b"BaseException" => &[SlotFn::new(base_new), SlotFn::init(base_init), SlotFn::str(base_str), SlotFn::repr(base_repr)],
        b"StopIteration" => &[SlotFn::init(value_init)],
        b"SystemExit" => &[SlotFn::init(exit_init)],
        b"NameError" => &[SlotFn::init(name_error_init)],
        b"AttributeError" => &[SlotFn::init(attribute_error_init)],
        b"ImportError" => &[SlotFn::init(import_error_init), SlotFn::str(import_error_str)],
        b"KeyError" => &[SlotFn::str(key_error_str)],
        b"OSError" => &[SlotFn::new(os_error_new), SlotFn::init(os_error_init), SlotFn::str(os_error_str)],
        b"SyntaxError" => &[SlotFn::init(syntax_error_init), SlotFn::str(syntax_error_str)],
        b"UnicodeEncodeError" | b"UnicodeDecodeError" => &[SlotFn::init(unicode_coded_init), SlotFn::str(unicode_str)],
        b"UnicodeTranslateError" => &[SlotFn::init(unicode_translate_init), SlotFn::str(unicode_str)],
        b"BaseExceptionGroup" => super::group::SLOTS,
        _ => &[],
    }
}

pub(super) const fn methods_of(class: &str) -> &'static [MethodDef] {
    match class.as_bytes() {
        b"BaseException" => BASE_METHODS,
        b"OSError" => OS_METHODS,
        b"ImportError" => IMPORT_METHODS,
        b"AttributeError" => ATTRIBUTE_METHODS,
        b"BaseExceptionGroup" => super::group::METHODS,
        _ => &[],
    }
}

const BASE_METHODS: &[MethodDef] = &[
    MethodDef { name: "__reduce__", func: NativeFn::NoArgs(base_reduce), kind: MethodKind::Instance, signature: "($self, /)", doc: "" },
    MethodDef { name: "__setstate__", func: NativeFn::One(base_setstate), kind: MethodKind::Instance, signature: "($self, state, /)", doc: "" },
    MethodDef { name: "with_traceback", func: NativeFn::One(with_traceback), kind: MethodKind::Instance, signature: "($self, object, /)", doc: "Sets __traceback__ and returns the exception." },
    MethodDef { name: "add_note", func: NativeFn::One(add_note_method), kind: MethodKind::Instance, signature: "($self, object, /)", doc: "Adds a note to the exception." },
];

const IMPORT_METHODS: &[MethodDef] =
    &[MethodDef { name: "__reduce__", func: NativeFn::NoArgs(import_error_reduce), kind: MethodKind::Instance, signature: "-($self)", doc: "" }];

const ATTRIBUTE_METHODS: &[MethodDef] = &[
    MethodDef { name: "__getstate__", func: NativeFn::NoArgs(attribute_error_state), kind: MethodKind::Instance, signature: "-($self)", doc: "" },
    MethodDef { name: "__reduce__", func: NativeFn::NoArgs(attribute_error_reduce), kind: MethodKind::Instance, signature: "-($self)", doc: "" },
];

const OS_METHODS: &[MethodDef] =
    &[MethodDef { name: "__reduce__", func: NativeFn::NoArgs(os_error_reduce), kind: MethodKind::Instance, signature: "-($self)", doc: "" }];

pub(super) const fn getsets_of(class: &str) -> &'static [GetSetDef] {
    match class.as_bytes() {
        b"BaseException" => BASE_GETSETS,
        b"OSError" => OS_GETSETS,
        b"UnicodeEncodeError" | b"UnicodeDecodeError" | b"UnicodeTranslateError" => UNICODE_GETSETS,
        _ => &[],
    }
}

const BASE_GETSETS: &[GetSetDef] = &[
    GetSetDef { name: "__suppress_context__", get: get_suppress, set: Some(set_suppress), doc: "" },
    GetSetDef { name: "__dict__", get: crate::protocol::attribute::get_dict_attribute, set: Some(crate::protocol::attribute::set_instance_dict), doc: "" },
    GetSetDef { name: "args", get: get_args, set: Some(set_args_attribute), doc: "" },
    GetSetDef { name: "__traceback__", get: get_traceback, set: Some(set_traceback), doc: "" },
    GetSetDef { name: "__context__", get: get_context, set: Some(set_context), doc: "" },
    GetSetDef { name: "__cause__", get: get_cause, set: Some(set_cause), doc: "" },
];

const OS_GETSETS: &[GetSetDef] = &[GetSetDef { name: "characters_written", get: get_written, set: Some(set_written), doc: "" }];

const UNICODE_GETSETS: &[GetSetDef] = &[
    GetSetDef { name: "start", get: get_start, set: Some(set_start), doc: "exception start" },
    GetSetDef { name: "end", get: get_end, set: Some(set_end), doc: "exception end" },
];

const fn member(name: &'static str, offset: usize) -> MemberDef {
    MemberDef { name, offset, readonly: false, none_if_empty: true, doc: "" }
}

pub(super) const fn members_of(class: &str) -> &'static [MemberDef] {
    match class.as_bytes() {
        b"StopIteration" => const { &[member("value", offset_of!(ValueException, value))] },
        b"SystemExit" => const { &[member("code", offset_of!(ValueException, value))] },
        b"NameError" => const { &[member("name", offset_of!(NameErrorObject, name))] },
        b"AttributeError" => const { &[member("name", offset_of!(AttributeErrorObject, name)), member("obj", offset_of!(AttributeErrorObject, obj))] },
        b"ImportError" => const { &[
            member("msg", offset_of!(ImportErrorObject, msg)),
            member("name", offset_of!(ImportErrorObject, name)),
            member("path", offset_of!(ImportErrorObject, path)),
            member("name_from", offset_of!(ImportErrorObject, name_from)),
        ] },
        b"OSError" => const { &[
            member("errno", offset_of!(OsErrorObject, errno)),
            member("strerror", offset_of!(OsErrorObject, strerror)),
            member("filename", offset_of!(OsErrorObject, filename)),
            member("filename2", offset_of!(OsErrorObject, filename2)),
        ] },
        b"SyntaxError" => const { &[
            member("msg", offset_of!(SyntaxErrorObject, msg)),
            member("filename", offset_of!(SyntaxErrorObject, filename)),
            member("lineno", offset_of!(SyntaxErrorObject, lineno)),
            member("offset", offset_of!(SyntaxErrorObject, offset)),
            member("text", offset_of!(SyntaxErrorObject, text)),
            member("end_lineno", offset_of!(SyntaxErrorObject, end_lineno)),
            member("end_offset", offset_of!(SyntaxErrorObject, end_offset)),
            member("print_file_and_line", offset_of!(SyntaxErrorObject, print_file_and_line)),
            member("_metadata", offset_of!(SyntaxErrorObject, metadata)),
        ] },
        b"UnicodeEncodeError" | b"UnicodeDecodeError" => const { &[
            member("encoding", offset_of!(UnicodeErrorObject, encoding)),
            member("object", offset_of!(UnicodeErrorObject, object)),
            member("reason", offset_of!(UnicodeErrorObject, reason)),
        ] },
        b"UnicodeTranslateError" => const { &[member("object", offset_of!(UnicodeErrorObject, object)), member("reason", offset_of!(UnicodeErrorObject, reason))] },
        b"BaseExceptionGroup" => const { &[
            MemberDef { name: "message", offset: offset_of!(GroupObject, msg), readonly: true, none_if_empty: true, doc: "exception message" },
            MemberDef { name: "exceptions", offset: offset_of!(GroupObject, exceptions), readonly: true, none_if_empty: true, doc: "nested exceptions" },
        ] },
        _ => &[],
    }
}
