//! `_warnings`: filters, registries, and the way from a warning to `warnings._showwarnmsg`.
//!
//! The filters in force are those of the context (`_warnings_context`), then those of `warnings`, then those of this
//! module. Code that changes them holds [`LOCK`] and calls `_filters_mutated_lock_held`, which makes the registries of
//! modules out of date.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::{Interpreter, NativeModule};
use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{attribute, call, compare, convert, special};
use pyrt_runtime::sync::{AtomicI64, Ordering};
use pyrt_runtime::types::builtin_types::{LIST, StaticType, TUPLE};
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::frame_object;
use pyrt_runtime::types::list::{self, ListObject};
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::tuple::{self, TupleObject};
use pyrt_runtime::types::type_object::{MethodDef, TypeObject, is_type, method};
use pyrt_runtime::types::{int, module};
use pyrt_runtime::{Owned, PyResult, Thread, Value, import};

use crate::thread::recursive_lock::RecursiveLock;

pub const MODULE: NativeModule = NativeModule { name: "_warnings", initialize };

static LOCK: RecursiveLock = RecursiveLock::new();
/// Counts changes of filters; registries remember the number under which they were filled.
static FILTERS_VERSION: AtomicI64 = AtomicI64::new(0);

fn state(name: &str, thread: &Thread) -> Option<Owned> {
    let dict = thread.interpreter.load(&thread.interpreter.warnings_state)?;
    DictObject::of(*dict).get_by_text(name)
}

/// An attribute of `warnings`, which is imported for it if `imports`.
fn warnings_attribute(name: &str, imports: bool, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let found = import::loaded_module("warnings", thread);
    let can_import = imports && thread.interpreter.load(&thread.interpreter.importlib).is_some();
    let warnings = match found {
        Some(found) => found,
        None if can_import => match import::import_module("warnings", thread) {
            Ok(found) => found,
            Err(raised) => {
                drop(thread.catch(raised, &exc::IMPORT_ERROR)?);
                return Ok(None);
            }
        },
        None => return Ok(None),
    };
    attribute::get_optional(*warnings, *pyrt_runtime::names::interned(name), thread)
}

/// The filters of the context, if it has its own.
fn context_filters(thread: &mut Thread) -> PyResult<Option<Owned>> {
    if !thread.interpreter.config.read().context_aware_warnings {
        return Ok(None);
    }
    let Some(variable) = state("_warnings_context", thread) else { return Ok(None) };
    let context = call::call_method(*variable, pyrt_runtime::names().get, &[Value::none()], thread)?;
    if context.is_none() {
        return Ok(None);
    }
    let filters = attribute::get_by_text(*context, "_filters", thread)?;
    if !filters.is_instance(LIST.get()) {
        return Err(thread.raise_value_error("_filters of warnings._warnings_context must be a list"));
    }
    Ok(Some(filters))
}

fn check_matched(pattern: Value, text: Value, thread: &mut Thread) -> PyResult<bool> {
    if pattern.is_none() {
        return Ok(true);
    }
    if string::is_exact(pattern) {
        return compare::equals(pattern, text, thread);
    }
    let found = call::call_method(pattern, *pyrt_runtime::names::interned("match"), &[text], thread)?;
    compare::truth(*found, thread)
}

/// What a warning is judged by.
struct Subject {
    category: Owned,
    text: Owned,
    module: Owned,
    line: i64,
}

/// The action of the first filter that fits.
fn search(filters: Value, name: &str, subject: &Subject, thread: &mut Thread) -> PyResult<Option<(Owned, Owned)>> {
    let mut i = 0;
    // By index: matching may run code that changes the list.
    while let Some(item) = ListObject::of(filters).get(i) {
        if !item.is_instance(TUPLE.get()) || TupleObject::of(*item).len() != 5 {
            return Err(thread.raise_value_error(format!("warnings.{name} item {i} isn't a 5-tuple")));
        }
        let [action, message, category, module, line] = [0, 1, 2, 3, 4].map(|at| TupleObject::of(*item).item(at));
        if !string::is_str(action) {
            let got = action.type_object().full_name();
            return Err(thread.raise_type_error(format!("action must be a string, not '{got}'")));
        }
        let fits = check_matched(message, *subject.text, thread)?
            && special::is_subclass(*subject.category, category, thread)?
            && check_matched(module, *subject.module, thread)?;
        let line = convert::index_as_i64(line, thread, Some(&exc::OVERFLOW_ERROR))?;
        if fits && (line == 0 || line == subject.line) {
            return Ok(Some((action.to_owned(), item)));
        }
        i += 1;
    }
    Ok(None)
}

/// The action for a warning, with the filter that asks for it.
fn action_of(subject: &Subject, thread: &mut Thread) -> PyResult<(Owned, Owned)> {
    if let Some(filters) = context_filters(thread)? {
        if let Some(found) = search(*filters, "_filters", subject, thread)? {
            return Ok(found);
        }
    }
    let own = warnings_attribute("filters", false, thread)?;
    let is_own = own.is_some();
    if let Some(filters) = own.or_else(|| state("filters", thread)) {
        if !filters.is_instance(LIST.get()) {
            return Err(thread.raise_value_error("warnings.filters must be a list"));
        }
        if is_own {
            // They hold on if `warnings` loses them.
            if let Some(dict) = thread.interpreter.load(&thread.interpreter.warnings_state) {
                DictObject::of(*dict).set_by_text("filters", filters.clone());
            }
        }
        if let Some(found) = search(*filters, "filters", subject, thread)? {
            return Ok(found);
        }
    }
    let default = match warnings_attribute("defaultaction", false, thread)? {
        Some(default) => Some(default),
        None => state("_defaultaction", thread),
    };
    let Some(default) = default else { return Ok((Owned::str("default"), Owned::none())) };
    if !string::is_str(*default) {
        let got = default.type_object().full_name();
        return Err(thread.raise_type_error(format!("warnings.defaultaction must be a string, not '{got}'")));
    }
    Ok((default, Owned::none()))
}

/// Whether `key` is noted in a registry that is up to date; notes it if `sets`.
fn is_noted(registry: Value, key: Value, sets: bool, thread: &mut Thread) -> PyResult<bool> {
    if !dict::is_dict(registry) {
        return Err(thread.raise_type_error("'registry' must be a dict or None"));
    }
    let registry = DictObject::of(registry);
    let current = FILTERS_VERSION.load(Ordering::Acquire);
    let version = registry.get_by_text("version");
    if version.and_then(|version| int::as_i64(*version)) != Some(current) {
        registry.clear(thread);
        registry.set_by_text("version", Owned::int(current));
    } else if let Some(noted) = registry.get(key, thread)? {
        if compare::truth(*noted, thread)? {
            return Ok(true);
        }
    }
    if sets {
        registry.set(key, Owned::true_(), thread)?;
    }
    Ok(false)
}

/// Notes the warning for all lines and modules (`once`).
fn note_once(registry: Value, subject: &Subject, thread: &mut Thread) -> PyResult<bool> {
    let key = tuple::pack([subject.text.clone(), subject.category.clone()]);
    is_noted(registry, *key, true, thread)
}

/// Notes the warning for all lines of its module.
fn note_for_module(registry: Value, subject: &Subject, thread: &mut Thread) -> PyResult<bool> {
    let key = tuple::pack([subject.text.clone(), subject.category.clone(), Owned::int(0)]);
    is_noted(registry, *key, true, thread)
}

/// A warning on its way.
struct Warning<'a> {
    category: Option<Value>,
    message: Value,
    filename: Value,
    line: i64,
    module: Option<Value>,
    registry: Option<Value>,
    source_line: Option<&'a str>,
    source: Option<Value>,
}

fn is_warning(value: Value) -> bool {
    value.is_pointer() && value.is_instance(exc::WARNING.get())
}

fn explicit(warning: Warning<'_>, thread: &mut Thread) -> PyResult<()> {
    // A module whose globals are gone is shutting down: nobody wants to hear of it.
    if warning.module.is_some_and(Value::is_none) {
        return Ok(());
    }
    let registry = warning.registry.filter(|registry| !registry.is_none());
    if let Some(registry) = registry.filter(|registry| !dict::is_dict(*registry)) {
        let _ = registry;
        return Err(thread.raise_type_error("'registry' must be a dict or None"));
    }
    let module = match warning.module {
        Some(module) => module.to_owned(),
        None => normalized_module(warning.filename),
    };
    let (text, category, message) = if is_warning(warning.message) {
        (convert::str(warning.message, thread)?, warning.message.type_object().value().to_owned(), warning.message.to_owned())
    } else {
        let category = warning.category.unwrap_or_else(|| exc::USER_WARNING.get().value());
        let made = call::call(category, &[warning.message], thread)?;
        (warning.message.to_owned(), category.to_owned(), made)
    };
    let subject = Subject { category, text, module, line: warning.line };
    let key = tuple::pack([subject.text.clone(), subject.category.clone(), Owned::int(warning.line)]);
    if let Some(registry) = registry {
        if is_noted(registry, *key, false, thread)? {
            return Ok(());
        }
    }
    let (action, item) = action_of(&subject, thread)?;
    let action_text = StrObject::of(*action).to_string_lossy();
    match action_text.as_str() {
        "error" => return Err(thread.raise_exception(message)),
        "ignore" => return Ok(()),
        _ => {}
    }
    let mut is_known = false;
    if !matches!(action_text.as_str(), "always" | "all") {
        if let Some(registry) = registry {
            DictObject::of(registry).set(*key, Owned::true_(), thread)?;
        }
        match action_text.as_str() {
            "once" => match registry {
                Some(registry) => is_known = note_once(registry, &subject, thread)?,
                None => {
                    let once = match warnings_attribute("onceregistry", false, thread)? {
                        Some(once) => Some(once),
                        None => state("_onceregistry", thread),
                    };
                    let Some(once) = once else { return Ok(()) };
                    if !dict::is_dict(*once) {
                        let got = once.type_object().full_name();
                        return Err(thread.raise_type_error(format!("_warnings.onceregistry must be a dict, not '{got}'")));
                    }
                    is_known = note_once(*once, &subject, thread)?;
                }
            },
            "module" => {
                if let Some(registry) = registry {
                    is_known = note_for_module(registry, &subject, thread)?;
                }
            }
            "default" => {}
            _ => {
                let (action, item) = (convert::repr_text(*action, thread)?, convert::repr_text(*item, thread)?);
                return Err(thread.raise(&exc::RUNTIME_ERROR, format!("Unrecognized action ({action}) in warnings.filters:\n {item}")));
            }
        }
    }
    if is_known { Ok(()) } else { show(&subject, &message, &warning, thread) }
}

/// Hands the warning to `warnings._showwarnmsg`; before that can be had, writes it in the simplest form.
fn show(subject: &Subject, message: &Owned, warning: &Warning<'_>, thread: &mut Thread) -> PyResult<()> {
    let source = warning.source.filter(|source| !source.is_none());
    let Some(show) = warnings_attribute("_showwarnmsg", source.is_some(), thread)? else {
        return show_plainly(subject, warning, thread);
    };
    if !call::is_callable(*show) {
        return Err(thread.raise_type_error("warnings._showwarnmsg() must be set to a callable"));
    }
    let Some(class) = warnings_attribute("WarningMessage", false, thread)? else {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "unable to get warnings.WarningMessage"));
    };
    let line = Owned::int(warning.line);
    let none = Value::none();
    // A file that can be read shows the line itself.
    let text = warning.source_line.filter(|_| {
        let name = StrObject::of(warning.filename).to_string_lossy();
        std::fs::metadata(name).is_err()
    });
    let text = text.map_or_else(Owned::none, Owned::str);
    let arguments = [**message, *subject.category, warning.filename, *line, none, *text, source.unwrap_or(none)];
    let made = call::call(*class, &arguments, thread)?;
    call::call(*show, &[*made], thread)?;
    Ok(())
}

fn show_plainly(subject: &Subject, warning: &Warning<'_>, thread: &mut Thread) -> PyResult<()> {
    let Some(stderr) = thread.interpreter.sys_get(pyrt_runtime::names().stderr).filter(|stderr| !stderr.is_none()) else { return Ok(()) };
    let name = attribute::get(*subject.category, pyrt_runtime::names().__name__, thread)?;
    let (name, text) = (convert::str_text(*name, thread)?, convert::str_text(*subject.text, thread)?);
    let file = convert::str_text(warning.filename, thread)?;
    let mut out = format!("{file}:{}: {name}: {text}\n", warning.line);
    let line = match warning.source_line {
        Some(line) => Some(line.to_string()),
        None => source_line(&file, warning.line),
    };
    if let Some(line) = line.filter(|line| !line.trim().is_empty()) {
        out.push_str(&format!("  {}\n", line.trim()));
    }
    let out = Owned::str(&out);
    call::call_method(*stderr, pyrt_runtime::names().write, &[*out], thread)?;
    Ok(())
}

fn source_line(file: &str, line: i64) -> Option<String> {
    let text = std::fs::read(file).ok()?;
    String::from_utf8_lossy(&text).lines().nth(usize::try_from(line - 1).ok()?).map(str::to_string)
}

fn normalized_module(filename: Value) -> Owned {
    if !string::is_str(filename) {
        return Owned::str("<unknown>");
    }
    let text = StrObject::of(filename).to_string_lossy();
    match text.as_str() {
        "" => Owned::str("<unknown>"),
        text => Owned::str(text.strip_suffix(".py").unwrap_or(text)),
    }
}

/// Where a warning comes from: the frame `stack_level` calls up.
struct Place {
    filename: Owned,
    line: i64,
    module: Owned,
    registry: Owned,
}

fn is_internal(frame: Value) -> bool {
    let Some(code) = frame_object::code_of(frame) else { return false };
    let filename = code.filename();
    let text = StrObject::of(*filename).to_string_lossy();
    text.contains("importlib") && text.contains("_bootstrap")
}

fn is_skipped(frame: Value, prefixes: &[String]) -> bool {
    let Some(code) = frame_object::code_of(frame) else { return false };
    let filename = code.filename();
    let text = StrObject::of(*filename).to_string_lossy();
    prefixes.iter().any(|prefix| text.starts_with(prefix.as_str()))
}

fn back(frame: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let next = attribute::get_by_text(frame, "f_back", thread)?;
    Ok(Some(next).filter(|next| !next.is_none()))
}

fn next_external(frame: Owned, prefixes: &[String], thread: &mut Thread) -> PyResult<Option<Owned>> {
    let mut at = back(*frame, thread)?;
    while let Some(frame) = at {
        if !is_internal(*frame) && !is_skipped(*frame, prefixes) {
            return Ok(Some(frame));
        }
        at = back(*frame, thread)?;
    }
    Ok(None)
}

fn place_of(mut stack_level: i64, prefixes: &[String], thread: &mut Thread) -> PyResult<Place> {
    let mut frame = frame_object::current(thread);
    let all_internal = stack_level <= 0 || frame.as_ref().is_some_and(|frame| is_internal(**frame));
    stack_level -= 1;
    if all_internal && prefixes.is_empty() {
        while stack_level > 0 {
            let Some(current) = frame else { break };
            frame = back(*current, thread)?;
            stack_level -= 1;
        }
    } else {
        while stack_level > 0 {
            let Some(current) = frame else { break };
            frame = next_external(current, prefixes, thread)?;
            stack_level -= 1;
        }
    }
    let names = pyrt_runtime::names();
    let (globals, filename, line) = match &frame {
        Some(frame) => {
            let globals = attribute::get_by_text(**frame, "f_globals", thread)?;
            let filename = frame_object::code_of(**frame).map_or_else(string::empty, |code| code.filename());
            let line = attribute::get_by_text(**frame, "f_lineno", thread)?;
            (globals, filename, int::as_i64(*line).unwrap_or(0))
        }
        None => (thread.interpreter.load(&thread.interpreter.sys_dict).unwrap_or_else(dict::new), Owned::str("<sys>"), 0),
    };
    if !dict::is_dict(*globals) {
        return Ok(Place { filename, line, module: Owned::str("<string>"), registry: Owned::none() });
    }
    let globals = DictObject::of(*globals);
    let registry = match globals.get_str(names.__warningregistry__) {
        Some(registry) => registry,
        None => {
            let made = dict::new();
            globals.set(names.__warningregistry__, made.clone(), thread)?;
            made
        }
    };
    let module = globals.get_str(names.__name__).filter(|name| name.is_none() || string::is_str(**name)).unwrap_or_else(|| Owned::str("<string>"));
    Ok(Place { filename, line, module, registry })
}

fn warn_at(category: Option<Value>, message: Value, stack_level: i64, prefixes: &[String], source: Option<Value>, thread: &mut Thread) -> PyResult<()> {
    let place = place_of(stack_level, prefixes, thread)?;
    let warning = Warning {
        category,
        message,
        filename: *place.filename,
        line: place.line,
        module: Some(*place.module),
        registry: Some(*place.registry),
        source_line: None,
        source,
    };
    explicit(warning, thread)
}

/// The class that `category` stands for.
fn category_of(message: Value, category: Option<Value>, thread: &mut Thread) -> PyResult {
    if is_warning(message) {
        return Ok(message.type_object().value().to_owned());
    }
    match category.filter(|category| !category.is_none()) {
        None => Ok(exc::USER_WARNING.get().value().to_owned()),
        Some(category) if is_type(category) && TypeObject::of(category).is_subtype(exc::WARNING.get()) => Ok(category.to_owned()),
        Some(category) => {
            let got = if is_type(category) {
                convert::str_text(category, thread)?
            } else {
                category.type_object().full_name()
            };
            let text = if is_type(category) { format!("category must be a Warning subclass, not class '{}'", TypeObject::of(category).name()) } else { format!("category must be a Warning subclass, not '{got}'") };
            Err(thread.raise_type_error(text))
        }
    }
}

fn warn(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let message = args.at(0);
    let mut stack_level = args.get(2).map_or(Ok(1), |level| convert::index_as_i64(level, thread, Some(&exc::OVERFLOW_ERROR)))?;
    let mut prefixes = Vec::new();
    if let Some(given) = args.get(4) {
        if !given.is_instance(TUPLE.get()) {
            let got = given.type_object().full_name();
            return Err(thread.raise_type_error(format!("warn() argument 'skip_file_prefixes' must be tuple, not {got}")));
        }
        for prefix in TupleObject::of(given).items() {
            if !string::is_str(*prefix) {
                let got = prefix.type_object().full_name();
                return Err(thread.raise_type_error(format!("Found non-str '{got}' in skip_file_prefixes.")));
            }
            prefixes.push(StrObject::of(*prefix).to_string_lossy());
        }
        if !prefixes.is_empty() {
            stack_level = stack_level.max(2);
        }
    }
    let category = category_of(message, args.get(1), thread)?;
    warn_at(Some(*category), message, stack_level, &prefixes, args.get(3), thread)?;
    Ok(Owned::none())
}

/// The line of the module's source that its loader gives.
fn line_of_loader(module_globals: Value, line: i64, thread: &mut Thread) -> PyResult<Option<String>> {
    if !dict::is_dict(module_globals) {
        let got = module_globals.type_object().full_name();
        return Err(thread.raise_type_error(format!("module_globals must be a dict, not '{got}'")));
    }
    let names = pyrt_runtime::names();
    let external = import::import_module("_frozen_importlib_external", thread)?;
    let bless = attribute::get_by_text(*external, "_bless_my_loader", thread)?;
    let loader = call::call(*bless, &[module_globals], thread)?;
    let Some(name) = DictObject::of(module_globals).get_str(names.__name__) else { return Ok(None) };
    if loader.is_none() {
        return Ok(None);
    }
    let Some(get_source) = attribute::get_optional(*loader, *pyrt_runtime::names::interned("get_source"), thread)? else {
        return Ok(None);
    };
    let source = match call::call(*get_source, &[*name], thread) {
        Ok(source) => source,
        Err(raised) => {
            // A loader that does not know the module (the one of built-in modules, for `__main__`).
            drop::<Owned>(thread.catch(raised, &exc::IMPORT_ERROR)?);
            return Ok(None);
        }
    };
    if !string::is_str(*source) {
        return Ok(None);
    }
    let text = StrObject::of(*source).to_string_lossy();
    Ok(usize::try_from(line - 1).ok().and_then(|i| text.lines().nth(i).map(str::to_string)))
}

fn warn_explicit(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let line = i64::from(convert::as_c_int(args.at(3), thread)?);
    if !string::is_str(args.at(2)) {
        let got = args.at(2).type_object().full_name();
        return Err(thread.raise_type_error(format!("warn_explicit() argument 'filename' must be str, not {got}")));
    }
    let source_line = match args.get(6).filter(|globals| !globals.is_none()) {
        Some(globals) => line_of_loader(globals, line, thread)?,
        None => None,
    };
    let category = category_of(args.at(0), Some(args.at(1)), thread)?;
    let warning = Warning {
        category: Some(*category),
        message: args.at(0),
        filename: args.at(2),
        line,
        module: args.get(4),
        registry: args.get(5),
        source_line: source_line.as_deref(),
        source: args.get(7),
    };
    explicit(warning, thread)?;
    Ok(Owned::none())
}

fn acquire_lock(_module: Value, thread: &mut Thread) -> PyResult {
    LOCK.acquire(thread)?;
    Ok(Owned::none())
}

fn release_lock(_module: Value, thread: &mut Thread) -> PyResult {
    if LOCK.release(thread) { Ok(Owned::none()) } else { Err(thread.raise(&exc::RUNTIME_ERROR, "cannot release un-acquired lock")) }
}

fn filters_mutated(_module: Value, thread: &mut Thread) -> PyResult {
    if !LOCK.is_held() {
        return Err(thread.raise(&exc::RUNTIME_ERROR, "warnings._filters_mutated_lock_held() called without lock held"));
    }
    FILTERS_VERSION.fetch_add(1, Ordering::AcqRel);
    Ok(Owned::none())
}

/// In the child after `fork`.
pub fn reset_after_fork(thread: &Thread) {
    LOCK.reset_after_fork(thread);
}

/// A category without the runtime's context: `Hooks::warn`.
fn warn_hook(category: Value, text: &str, stack_level: i64, thread: &mut Thread) -> PyResult<()> {
    let message = Owned::str(text);
    warn_at(Some(category), *message, stack_level, &[], None, thread)
}

fn warn_explicit_hook(category: Value, text: &str, filename: &str, line: i64, thread: &mut Thread) -> PyResult<()> {
    let (message, filename) = (Owned::str(text), Owned::str(filename));
    let warning =
        Warning { category: Some(category), message: *message, filename: *filename, line, module: None, registry: None, source_line: None, source: None };
    explicit(warning, thread)
}

/// A `ResourceWarning` about `source`, for natives that are closed by dealloc.
pub fn warn_resource(source: Value, text: &str, thread: &mut Thread) -> PyResult<()> {
    let message = Owned::str(text);
    warn_at(Some(exc::RESOURCE_WARNING.get().value()), *message, 1, &[], Some(source), thread)
}

/// Makes the runtime's own warnings go through this module.
pub fn install(interpreter: &Interpreter) {
    interpreter.set_hooks(|hooks| {
        hooks.warn = Some(warn_hook);
        hooks.warn_explicit = Some(warn_explicit_hook);
    });
}

fn default_filters() -> Owned {
    let filter = |action: &str, category: &StaticType, module: Owned| {
        tuple::pack([Owned::str(action), Owned::none(), category.get().value().to_owned(), module, Owned::int(0)])
    };
    list::from_vec(vec![
        filter("default", &exc::DEPRECATION_WARNING, Owned::str("__main__")),
        filter("ignore", &exc::DEPRECATION_WARNING, Owned::none()),
        filter("ignore", &exc::PENDING_DEPRECATION_WARNING, Owned::none()),
        filter("ignore", &exc::IMPORT_WARNING, Owned::none()),
        filter("ignore", &exc::RESOURCE_WARNING, Owned::none()),
    ])
}

fn context_variable(thread: &mut Thread) -> Result<Owned, Raised> {
    let contextvars = import::import_module("_contextvars", thread)?;
    let class = attribute::get_by_text(*contextvars, "ContextVar", thread)?;
    let name = Owned::str("_warnings_context");
    call::call(*class, &[*name], thread)
}

fn initialize(this: Value, thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("The basic mechanism of warnings: filters and the calls that give a warning."));
    module::add_functions(this, FUNCTIONS);
    let kept = ["filters", "_onceregistry", "_defaultaction", "_warnings_context"];
    if state("filters", thread).is_some() {
        // Made anew: the state is the interpreter's, not the module object's.
        for name in kept {
            if let Some(value) = state(name, thread) {
                module::add(this, name, value);
            }
        }
        return Ok(());
    }
    module::add(this, "filters", default_filters());
    module::add(this, "_onceregistry", dict::new());
    module::add(this, "_defaultaction", Owned::str("default"));
    let variable = context_variable(thread)?;
    module::add(this, "_warnings_context", variable);
    let interpreter = thread.interpreter;
    interpreter.store(&interpreter.warnings_state, module::dict_of(this));
    Ok(())
}

static FUNCTIONS: &[MethodDef] = &[
    method("warn", NativeFn::Bound(warn), "($module, /, message, category=None, stacklevel=1, source=None, *,\n     skip_file_prefixes=())", "Issue a warning, or maybe ignore it or raise an exception."),
    method("warn_explicit", NativeFn::Bound(warn_explicit), "($module, /, message, category, filename, lineno,\n              module=<unrepresentable>, registry=None,\n              module_globals=None, source=None)", "Issue a warning, or maybe ignore it or raise an exception."),
    method("_filters_mutated_lock_held", NativeFn::NoArgs(filters_mutated), "($module, /)", "The filters have changed."),
    method("_acquire_lock", NativeFn::NoArgs(acquire_lock), "($module, /)", "Takes the lock of the filters."),
    method("_release_lock", NativeFn::NoArgs(release_lock), "($module, /)", "Gives the lock of the filters back."),
];
