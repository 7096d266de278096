//! Dialects by name.

use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::iterate;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::{list, string};
use std::sync::OnceLock;

use super::{ERROR, dialect, expect_positional};

/// The word of the dict, which owns a count for good.
static DIALECTS: OnceLock<u64> = OnceLock::new();

/// The dict that `_csv._dialects` shows.
pub fn dialects() -> Value {
    let word = *DIALECTS.get_or_init(|| dict::new().into_raw().bits());
    // SAFETY: the word is a dict that is never released.
    unsafe { Value::from_bits(word) }
}

/// The dialect of a name.
pub fn find(name: Value, thread: &mut Thread) -> PyResult {
    match DictObject::of(dialects()).get(name, thread)? {
        Some(dialect) => Ok(dialect),
        None => Err(ERROR.raise("unknown dialect", thread)),
    }
}

pub fn register_dialect(_module: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    expect_positional("register_dialect", args.len(), thread)?;
    let name = args.at(0);
    if !string::is_str(name) {
        return Err(thread.raise_type_error("dialect name must be a string"));
    }
    let dialect = dialect::from_call(args.get(1), args, kwnames, thread)?;
    DictObject::of(dialects()).set(name, dialect, thread)?;
    Ok(Owned::none())
}

pub fn unregister_dialect(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    match DictObject::of(dialects()).remove(args.at(0), thread)? {
        Some(_) => Ok(Owned::none()),
        None => Err(ERROR.raise("unknown dialect", thread)),
    }
}

pub fn get_dialect(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    find(args.at(0), thread)
}

pub fn list_dialects(_module: Value, thread: &mut Thread) -> PyResult {
    Ok(list::from_vec(iterate::collect(dialects(), thread)?))
}
