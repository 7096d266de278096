//! The module `_ast`, and what `compile()` does with trees.
//!
//! ```text
//! schema ─ classes ─ node_type      the Python classes, from the compiler's table of the grammar
//! source ─ parser ─ to_objects      compile(…, PyCF_ONLY_AST)
//! objects ─ from_objects ─ validate ─ compiler
//! ```

mod classes;
mod fold;
mod from_objects;
mod node_type;
mod schema;
mod to_objects;
mod validate;

use bumpalo::Bump;
use pyrt_compiler::syntax::Mode;
use pyrt_compiler::syntax::ast::Mod;
use pyrt_runtime::builtins::source::{self, FLAG_ALLOW_TOP_LEVEL_AWAIT, FLAG_ONLY_AST, FLAG_OPTIMIZED_AST, FLAG_TYPE_COMMENTS, SourceOptions};
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::value::{Owned, PyResult, Value};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::module;

pub const MODULE: NativeModule = NativeModule { name: "_ast", initialize };

fn initialize(this: Value, thread: &mut Thread) -> PyResult<()> {
    let classes = classes::classes(thread)?;
    module::add_type(this, &node_type::AST);
    for (name, class) in classes.iter() {
        module::add(this, name, class.class().value().to_owned());
    }
    for (name, flag) in [
        ("PyCF_ALLOW_TOP_LEVEL_AWAIT", FLAG_ALLOW_TOP_LEVEL_AWAIT),
        ("PyCF_ONLY_AST", FLAG_ONLY_AST),
        ("PyCF_OPTIMIZED_AST", FLAG_OPTIMIZED_AST),
        ("PyCF_TYPE_COMMENTS", FLAG_TYPE_COMMENTS),
    ] {
        module::add(this, name, Owned::int(i64::from(flag)));
    }
    Ok(())
}

/// The hook of `compile()`: trees in, trees out. `None` for what is text to code.
pub fn compile_hook(value: Value, filename: &str, options: SourceOptions, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let wants_tree = options.flags & FLAG_ONLY_AST != 0;
    let is_optimized = options.flags & FLAG_OPTIMIZED_AST == FLAG_OPTIMIZED_AST;
    let arena = Bump::new();
    if value.is_pointer() && value.is_instance(node_type::AST.get()) {
        check_mode(value, options.mode, thread)?;
        if wants_tree && !is_optimized {
            return Ok(Some(value.to_owned()));
        }
        let tree = read_tree(&arena, value, thread)?;
        if wants_tree {
            return to_objects::module(&fold::module(&arena, &tree, options), thread).map(Some);
        }
        return source::compile_tree(&tree, filename, options, thread).map(Some);
    }
    if !wants_tree {
        return Ok(None);
    }
    let text = source::source_text(value, "compile() arg 1", thread)?;
    let tree = source::parse_tree(&arena, &text, filename, options, thread)?;
    let tree = if is_optimized { fold::module(&arena, &tree, options) } else { tree };
    to_objects::module(&tree, thread).map(Some)
}

/// The root must be of the kind that the mode says.
fn check_mode(value: Value, mode: Mode, thread: &mut Thread) -> PyResult<()> {
    let expected = match mode {
        Mode::Exec => "Module",
        Mode::Eval => "Expression",
        Mode::Single => "Interactive",
        Mode::FunctionType => "FunctionType",
    };
    let is_expected = classes::classes(thread)?.get(expected).is_some_and(|class| value.is_instance(class.class()));
    if !is_expected {
        let got = value.type_object().full_name();
        return Err(thread.raise_type_error(format!("expected {expected} node, got {got}")));
    }
    Ok(())
}

fn read_tree<'a>(arena: &'a Bump, value: Value, thread: &mut Thread) -> PyResult<Mod<'a>> {
    let tree = from_objects::module(arena, value, thread)?;
    match validate::module(&tree) {
        Ok(()) => Ok(tree),
        Err(validate::Invalid::Value(message)) => Err(thread.raise_value_error(message)),
        Err(validate::Invalid::Type(message)) => Err(thread.raise_type_error(message)),
    }
}
