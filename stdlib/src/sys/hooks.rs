//! Hooks: what shows values, uncaught and unraisable exceptions; breakpoints; audit events (PEP 578).

use pyrt_runtime::exceptions::{ExceptionObject, display, exc};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{attribute, call, compare, convert, special};
use pyrt_runtime::types::list::{self, ListObject};
use pyrt_runtime::types::string;
use pyrt_runtime::types::struct_sequence;
use pyrt_runtime::types::tuple::{self, TupleObject};
use pyrt_runtime::types::type_object::{MethodDef, method};
use pyrt_runtime::{Owned, PyResult, Thread, Value, import};

fn sys_stream(name: &str, thread: &mut Thread) -> Option<Owned> {
    thread.interpreter.sys_get(*pyrt_runtime::names::interned(name))
}

fn set_builtin(name: &str, value: Value, thread: &mut Thread) -> PyResult<()> {
    let Some(builtins) = thread.interpreter.load(&thread.interpreter.builtins_module) else {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "lost builtins module"));
    };
    attribute::set(*builtins, *pyrt_runtime::names::interned(name), value, thread)
}

fn displayhook(_module: Value, value: Value, thread: &mut Thread) -> PyResult {
    if value.is_none() {
        return Ok(Owned::none());
    }
    set_builtin("_", Value::none(), thread)?;
    let Some(stdout) = sys_stream("stdout", thread).filter(|stdout| !stdout.is_none()) else {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "lost sys.stdout"));
    };
    let text = convert::repr(value, thread)?;
    let names = pyrt_runtime::names();
    if let Err(raised) = call::call_method(*stdout, names.write, &[*text], thread) {
        drop(thread.catch(raised, &exc::UNICODE_ENCODE_ERROR)?);
        let encoding = attribute::get_by_text(*stdout, "encoding", thread)?;
        let handler = Owned::str("backslashreplace");
        let encoded = call::call_method(*text, names.encode, &[*encoding, *handler], thread)?;
        let decoded = call::call_method(*encoded, names.decode, &[*encoding], thread)?;
        call::call_method(*stdout, names.write, &[*decoded], thread)?;
    }
    let newline = Owned::str("\n");
    call::call_method(*stdout, names.write, &[*newline], thread)?;
    set_builtin("_", value, thread)?;
    Ok(Owned::none())
}

fn excepthook(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (value, traceback) = (args.at(1), args.at(2));
    if !pyrt_runtime::exceptions::object::is_exception(value) {
        let got = value.type_object().full_name();
        let text = format!("TypeError: print_exception(): Exception expected for value, {got} found\n");
        display::write_to_stderr(&text, thread);
        return Ok(Owned::none());
    }
    if !traceback.is_none() && ExceptionObject::of(value).traceback().is_none() {
        attribute::set(value, *pyrt_runtime::names::interned("__traceback__"), traceback, thread)?;
    }
    display::print(value, thread);
    Ok(Owned::none())
}

fn unraisablehook(_module: Value, args: Value, thread: &mut Thread) -> PyResult {
    if !args.is_instance(super::facts::UNRAISABLE_HOOK_ARGS.get()) {
        return Err(thread.raise_type_error("sys.unraisablehook argument type must be UnraisableHookArgs"));
    }
    let items = TupleObject::of(args).items();
    let (value, message, object) = (items[1], items[3], items[4]);
    let head = match (message.is_none(), object.is_none()) {
        (false, false) => format!("{} {}:\n", convert::str_text(message, thread)?, special::safe_repr(object, thread)),
        (false, true) => format!("{}:\n", convert::str_text(message, thread)?),
        (true, false) => format!("Exception ignored in: {}\n", special::safe_repr(object, thread)),
        (true, true) => String::new(),
    };
    display::write_to_stderr(&head, thread);
    if pyrt_runtime::exceptions::object::is_exception(value) {
        let text = display::render_alone(value, thread);
        display::write_to_stderr(&text, thread);
    } else if !items[0].is_none() {
        let name = convert::str_text(items[0], thread)?;
        display::write_to_stderr(&format!("{name}\n"), thread);
    }
    if let Some(stderr) = sys_stream("stderr", thread).filter(|stderr| !stderr.is_none()) {
        call::call_method(*stderr, pyrt_runtime::names().flush, &[], thread)?;
    }
    Ok(Owned::none())
}

/// What `PYTHONBREAKPOINT` names, called (PEP 553).
fn breakpointhook(_module: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    let ignores = thread.interpreter.config.read().ignore_environment;
    let wanted = if ignores { None } else { std::env::var("PYTHONBREAKPOINT").ok().filter(|text| !text.is_empty()) };
    let wanted = wanted.unwrap_or_else(|| "pdb.set_trace".to_string());
    if wanted == "0" {
        return Ok(Owned::none());
    }
    let (module, name) = wanted.rsplit_once('.').unwrap_or(("builtins", &wanted));
    let found = match import::import_module(module, thread) {
        Ok(module) => attribute::get_by_text(*module, name, thread),
        Err(raised) => Err(raised),
    };
    match found {
        Ok(hook) => call::call_args(*hook, args, kwnames, thread),
        Err(raised) => {
            if !thread.exception_matches(&exc::IMPORT_ERROR) && !thread.exception_matches(&exc::ATTRIBUTE_ERROR) {
                return Err(raised);
            }
            drop(thread.take_exception());
            let text = format!("Ignoring unimportable $PYTHONBREAKPOINT: \"{wanted}\"");
            pyrt_runtime::builtins::warn(&exc::RUNTIME_WARNING, &text, 1, thread)?;
            Ok(Owned::none())
        }
    }
}

/// Tells the hooks of an event; nothing to do while nobody has added one.
pub fn audit_event(event: &str, args: &[Value], thread: &mut Thread) -> PyResult<()> {
    let interpreter = thread.interpreter;
    if interpreter.audit_hooks.peek().is_none() {
        return Ok(());
    }
    let event = Owned::str(event);
    let args = tuple::from_values(args);
    run_hooks(*event, *args, thread)
}

fn run_hooks(event: Value, args: Value, thread: &mut Thread) -> PyResult<()> {
    let interpreter = thread.interpreter;
    let Some(hooks) = interpreter.load(&interpreter.audit_hooks) else { return Ok(()) };
    for hook in ListObject::of(*hooks).to_vec() {
        let traced = attribute::get_optional(*hook, *pyrt_runtime::names::interned("__cantrace__"), thread)?;
        let can_trace = match traced {
            Some(traced) => compare::truth(*traced, thread)?,
            None => false,
        };
        let was = thread.tracing;
        thread.tracing = was || !can_trace;
        let result = call::call(*hook, &[event, args], thread);
        thread.tracing = was;
        result?;
    }
    Ok(())
}

fn audit(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let event = args.at(0);
    if !string::is_str(event) {
        let got = event.type_object().full_name();
        return Err(thread.raise_type_error(format!("audit() argument 1 must be str, not {got}")));
    }
    if thread.interpreter.audit_hooks.peek().is_some() {
        run_hooks(event, args.at(1), thread)?;
    }
    Ok(Owned::none())
}

fn addaudithook(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    // A hook may veto another by raising an Exception.
    if let Err(raised) = audit_event("sys.addaudithook", &[], thread) {
        drop::<Owned>(thread.catch(raised, &exc::EXCEPTION)?);
        return Ok(Owned::none());
    }
    let interpreter = thread.interpreter;
    match interpreter.load(&interpreter.audit_hooks) {
        Some(hooks) => ListObject::of(*hooks).push(args.at(0).to_owned()),
        None => interpreter.store(&interpreter.audit_hooks, Some(list::from_vec(vec![args.at(0).to_owned()]))),
    }
    Ok(Owned::none())
}

/// The object that `sys.unraisablehook` gets.
pub fn unraisable_args(fields: Vec<Owned>) -> Owned {
    struct_sequence::build::<super::facts::UnraisableHookArgs>(fields)
}

pub static FUNCTIONS: &[MethodDef] = &[
    method("displayhook", NativeFn::One(displayhook), "($module, object, /)", "Print an object to sys.stdout and also save it in builtins._"),
    method("excepthook", NativeFn::Bound(excepthook), "($module, exctype, value, traceback, /)", "Handle an exception by displaying it with a traceback on sys.stderr."),
    method("unraisablehook", NativeFn::One(unraisablehook), "($module, unraisable, /)", "Handle an unraisable exception."),
    method("breakpointhook", NativeFn::Raw(breakpointhook), "($module, /, *args, **kwargs)", "This hook function is called by built-in breakpoint()."),
    method("audit", NativeFn::Bound(audit), "($module, event, /, *args)", "Passes the event to any audit hooks that are attached."),
    method("addaudithook", NativeFn::Bound(addaudithook), "($module, /, hook)", "Adds a new audit hook callback."),
];
