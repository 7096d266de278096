//! `pyexpat`: an event parser for XML, and its submodules `errors` and `model`.

mod engine;
mod handlers;
mod parser;
mod text_buffer;

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::Raised;
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::{attribute, convert};
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::type_object::MethodDef;
use pyrt_runtime::types::{list, module, tuple};
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use crate::exception_class::ExceptionClass;
use crate::system_call::functions;
use engine::codes::{self, CODES};

pub const MODULE: NativeModule = NativeModule { name: "pyexpat", initialize };

static ERROR: ExceptionClass = ExceptionClass::new("xml.parsers.expat", "ExpatError", &exc::EXCEPTION);

/// The version of Expat whose interface and behaviour the engine has.
const VERSION: [i64; 3] = [2, 9, 0];

/// What that version would have been built with.
const FEATURES: &[(&str, i64)] = &[
    ("sizeof(XML_Char)", 1),
    ("sizeof(XML_LChar)", 1),
    ("XML_DTD", 0),
    ("XML_CONTEXT_BYTES", 1024),
    ("XML_NS", 0),
    ("XML_BLAP_MAX_AMP", 100),
    ("XML_BLAP_ACT_THRES", 8 << 20),
    ("XML_GE", 0),
    ("XML_AT_MAX_AMP", 100),
    ("XML_AT_ACT_THRES", 64 << 20),
];

const MODEL: &[(&str, i64)] = &[
    ("XML_CTYPE_EMPTY", 1),
    ("XML_CTYPE_ANY", 2),
    ("XML_CTYPE_MIXED", 3),
    ("XML_CTYPE_NAME", 4),
    ("XML_CTYPE_CHOICE", 5),
    ("XML_CTYPE_SEQ", 6),
    ("XML_CQUANT_NONE", 0),
    ("XML_CQUANT_OPT", 1),
    ("XML_CQUANT_REP", 2),
    ("XML_CQUANT_PLUS", 3),
];

static FUNCTIONS: &[MethodDef] = functions! {
    "ParserCreate" Bound(parser::create) "($module, /, encoding=None, namespace_separator=None,\n             intern=<unrepresentable>)" "Return a new XML parser object.";
    "ErrorString" Bound(error_string) "($module, code, /)" "Returns string error for given number.";
};

fn initialize(this: Value, thread: &mut Thread) -> PyResult<()> {
    module::add(this, "__doc__", Owned::str("Python wrapper for Expat parser."));
    module::add_functions(this, FUNCTIONS);
    let error = ERROR.get(thread)?;
    for name in ["error", "ExpatError"] {
        module::add(this, name, error.to_owned());
    }
    module::add(this, "XMLParserType", parser::PARSER.get().value().to_owned());
    let [major, minor, micro] = VERSION;
    module::add(this, "EXPAT_VERSION", Owned::str(&format!("expat_{major}.{minor}.{micro}")));
    module::add(this, "version_info", tuple::pack(VERSION.map(Owned::int)));
    module::add(this, "native_encoding", Owned::str("UTF-8"));
    let features = FEATURES.iter().map(|(name, value)| tuple::pack([Owned::str(name), Owned::int(*value)]));
    module::add(this, "features", list::from_vec(features.collect()));
    for (number, name) in (0..).zip(["NEVER", "UNLESS_STANDALONE", "ALWAYS"]) {
        module::add(this, &format!("XML_PARAM_ENTITY_PARSING_{name}"), Owned::int(number));
    }
    add_submodule(this, "errors", new_errors(thread)?, thread);
    add_submodule(this, "model", new_model(), thread);
    Ok(())
}

fn add_submodule(this: Value, name: &str, submodule: Owned, thread: &mut Thread) {
    if let Some(modules) = thread.interpreter.modules_dict() {
        DictObject::of(*modules).set_by_text(&format!("pyexpat.{name}"), submodule.clone());
    }
    module::add(this, name, submodule);
}

fn new_errors(thread: &mut Thread) -> PyResult {
    let errors = module::new("pyexpat.errors");
    module::add(*errors, "__doc__", Owned::str("Constants used to describe error conditions."));
    let (by_message, by_code) = (dict::new(), dict::new());
    for (code, name, message) in CODES {
        let message = Owned::str(message);
        module::add(*errors, name, message.clone());
        DictObject::of(*by_message).set(*message, Owned::int(*code), thread)?;
        DictObject::of(*by_code).set(*Owned::int(*code), message, thread)?;
    }
    module::add(*errors, "codes", by_message);
    module::add(*errors, "messages", by_code);
    Ok(errors)
}

fn new_model() -> Owned {
    let model = module::new("pyexpat.model");
    module::add(*model, "__doc__", Owned::str("Constants used to interpret content model information."));
    for (name, value) in MODEL {
        module::add(*model, name, Owned::int(*value));
    }
    model
}

fn error_string(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let code = convert::as_c_long(args.at(0), thread)?;
    Ok(codes::message(code).map_or_else(Owned::none, Owned::str))
}

/// Raises `ExpatError` with its attributes.
fn raise_error(message: &str, code: i64, (line, column): (u64, u64), thread: &mut Thread) -> Raised {
    let made = (|| {
        let class = ERROR.get(thread)?;
        let error = pyrt_runtime::protocol::call::call(class, &[*Owned::str(message)], thread)?;
        let number = |number: u64| Owned::int(i64::try_from(number).unwrap_or(i64::MAX));
        for (name, value) in [("code", Owned::int(code)), ("lineno", number(line)), ("offset", number(column))] {
            attribute::set(*error, pyrt_runtime::names::interned(name).value(), *value, thread)?;
        }
        Ok(error)
    })();
    match made {
        Ok(error) => thread.raise_exception(error),
        Err(raised) => raised,
    }
}
