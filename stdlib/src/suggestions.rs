//! The module `_suggestions`: names that are close to a wrong one.

use pyrt_runtime::exceptions::suggest;
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::convert;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::list::ListObject;
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::module;
use pyrt_runtime::types::type_object::{MethodDef, TYPE_LIST_SUBCLASS};

use crate::system_call::functions;

pub const MODULE: NativeModule = NativeModule { name: "_suggestions", initialize };

fn generate_suggestions(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let (candidates, item) = (args.at(0), args.at(1));
    let item = convert::as_text(item, "_generate_suggestions() argument 2", thread)?;
    if !candidates.is_pointer() || !candidates.type_has_flag(TYPE_LIST_SUBCLASS) {
        return Err(thread.raise_type_error("candidates must be a list"));
    }
    let candidates = ListObject::of(candidates).to_vec();
    if !candidates.iter().all(|candidate| string::is_str(**candidate)) {
        return Err(thread.raise_type_error("all elements in 'candidates' must be strings"));
    }
    let texts: Vec<String> = candidates.iter().map(|candidate| StrObject::of(**candidate).to_string_lossy()).collect();
    Ok(suggest::closest(&item, texts.iter().map(String::as_str)).map_or_else(Owned::none, |closest| Owned::str(&closest)))
}

static FUNCTIONS: &[MethodDef] = functions! {
    "_generate_suggestions" Bound(generate_suggestions) "($module, candidates, item, /)" "Returns the candidate in candidates that's closest to item.";
};

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add_functions(this, FUNCTIONS);
    Ok(())
}
