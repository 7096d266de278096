//! The module `_symtable`: the compiler's symbol table as objects.

use std::collections::HashMap;

use bumpalo::Bump;
use pyrt_compiler::codegen::symbol_table::{Block, BlockId, SymbolTable};
use pyrt_compiler::codegen::{CompileOptions, build_symbol_table};
use pyrt_compiler::syntax::Mode;
use pyrt_runtime::builtins::source::{self, SourceOptions};
use pyrt_runtime::interpreter::NativeModule;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime;
use pyrt_runtime::object::value::{Owned, PyResult, Slot, Value};
use pyrt_runtime::protocol::args::Args;
use pyrt_runtime::protocol::convert;
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::dict::{self, DictObject};
use pyrt_runtime::types::type_object::*;
use pyrt_runtime::types::{list, module};

pub const MODULE: NativeModule = NativeModule { name: "_symtable", initialize };

/// Flags, scopes and kinds of block; the numbers that the compiler's table uses too.
const CONSTANTS: &[(&str, i64)] = &[
    ("CELL", 5),
    ("DEF_ANNOT", 0x100),
    ("DEF_BOUND", 134),
    ("DEF_COMP_CELL", 0x800),
    ("DEF_COMP_ITER", 0x200),
    ("DEF_FREE_CLASS", 0x40),
    ("DEF_GLOBAL", 1),
    ("DEF_IMPORT", 0x80),
    ("DEF_LOCAL", 2),
    ("DEF_NONLOCAL", 8),
    ("DEF_PARAM", 4),
    ("DEF_TYPE_PARAM", 0x400),
    ("FREE", 4),
    ("GLOBAL_EXPLICIT", 2),
    ("GLOBAL_IMPLICIT", 3),
    ("LOCAL", 1),
    ("SCOPE_MASK", 15),
    ("SCOPE_OFF", 12),
    ("TYPE_ANNOTATION", 3),
    ("TYPE_CLASS", 1),
    ("TYPE_FUNCTION", 0),
    ("TYPE_MODULE", 2),
    ("TYPE_TYPE_ALIAS", 4),
    ("TYPE_TYPE_PARAMETERS", 5),
    ("TYPE_TYPE_VARIABLE", 6),
    ("USE", 16),
];

fn initialize(this: Value, _thread: &mut Thread) -> PyResult<()> {
    module::add_functions(this, FUNCTIONS);
    for (name, number) in CONSTANTS {
        module::add(this, name, Owned::int(*number));
    }
    Ok(())
}

fn symtable(_module: Value, args: Args<'_>, thread: &mut Thread) -> PyResult {
    let filename = pyrt_runtime::builtins::functions::path_text(args.at(1), thread)?;
    let mode = match convert::as_text(args.at(2), "symtable() argument 3", thread)?.as_str() {
        "exec" => Mode::Exec,
        "eval" => Mode::Eval,
        "single" => Mode::Single,
        _ => return Err(thread.raise_value_error("symtable() arg 3 must be 'exec' or 'eval' or 'single'")),
    };
    let text = source::source_text(args.at(0), "symtable() arg 1", thread)?;
    let arena = Bump::new();
    let options = SourceOptions { mode, ..SourceOptions::module(thread) };
    let tree = source::parse_tree(&arena, &text, &filename, options, thread)?;
    let table = match build_symbol_table(&arena, &tree, CompileOptions::default()) {
        Ok(table) => table,
        Err(error) => return Err(source::raise_syntax_error(&error, &filename, thread)),
    };
    Ok(make_entries(&table))
}

/// Objects for all blocks, children first; the one of the module.
fn make_entries(table: &SymbolTable<'_>) -> Owned {
    let mut order = vec![table.top];
    let mut at = 0;
    while let Some(id) = order.get(at).copied() {
        order.extend(table.block(id).children.iter().copied());
        at += 1;
    }
    let mut made: HashMap<BlockId, Owned> = HashMap::new();
    for id in order.into_iter().rev() {
        let block = table.block(id);
        let children = block.children.iter().filter_map(|child| made.get(child).cloned()).collect();
        made.insert(id, make_entry(block, children));
    }
    made.remove(&table.top).unwrap_or_else(Owned::none)
}

fn make_entry(block: &Block<'_>, children: Vec<Owned>) -> Owned {
    let symbols = dict::new();
    for (name, symbol) in block.symbols.iter() {
        DictObject::of(*symbols).set_by_text(name, Owned::int(i64::from(symbol.packed())));
    }
    let varnames = list::from_vec(block.varnames.iter().map(|name| Owned::str(name)).collect());
    lifetime::allocate_object(ENTRY.get(), |header| EntryObject {
        header,
        name: Slot::new(Owned::str(block.name)),
        symbols: Slot::new(symbols),
        varnames: Slot::new(varnames),
        children: Slot::new(list::from_vec(children)),
        kind: block.kind as i64,
        line: i64::from(block.span.line),
        is_nested: block.nested,
    })
}

/// `symtable entry`: one block. Its fields are filled once.
#[repr(C)]
struct EntryObject {
    header: Header,
    name: Slot,
    symbols: Slot,
    varnames: Slot,
    children: Slot,
    kind: i64,
    line: i64,
    is_nested: bool,
}

fn of<'a>(value: Value) -> &'a EntryObject {
    // SAFETY: the type's own functions get objects of the type, which cannot be subclassed.
    unsafe { value.as_ref() }
}

impl EntryObject {
    fn slots(&self) -> [&Slot; 4] {
        [&self.name, &self.symbols, &self.varnames, &self.children]
    }
}

fn get_id(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int((this.id() >> 4) as i64))
}

fn get_type(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(of(this).kind))
}

fn get_line(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(of(this).line))
}

fn get_nested(this: Value, _thread: &mut Thread) -> PyResult {
    Ok(Owned::int(i64::from(of(this).is_nested)))
}

fn entry_repr(this: Value, thread: &mut Thread) -> PyResult {
    let entry = of(this);
    let name = convert::str_text(entry.name.peek().unwrap_or_else(Value::none), thread)?;
    Ok(Owned::str(&format!("<symtable entry {name}({}), line {}>", this.id() >> 4, entry.line)))
}

unsafe fn dealloc(value: Value) {
    // SAFETY: the object is dead.
    unsafe { std::ptr::drop_in_place(value.header().cast::<EntryObject>()) };
}

unsafe fn traverse(value: Value, visit: &mut dyn FnMut(Value)) {
    of(value).slots().into_iter().filter_map(Slot::peek).for_each(visit);
}

unsafe fn clear(value: Value) {
    let entry = of(value);
    for slot in entry.slots() {
        drop(slot.replace(&entry.header, None));
    }
}

const fn getter(name: &'static str, get: fn(Value, &mut Thread) -> PyResult) -> GetSetDef {
    GetSetDef { name, get, set: None, doc: "" }
}

const fn member(name: &'static str, offset: usize) -> MemberDef {
    MemberDef { name, offset, readonly: true, none_if_empty: true, doc: "" }
}

static SPEC: TypeSpec = TypeSpec {
    name: "symtable entry",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    basic_size: size_of::<EntryObject>(),
    slots: &[SlotFn::repr(entry_repr)],
    getsets: &[getter("id", get_id), getter("type", get_type), getter("lineno", get_line), getter("nested", get_nested)],
    members: &[
        member("name", std::mem::offset_of!(EntryObject, name)),
        member("symbols", std::mem::offset_of!(EntryObject, symbols)),
        member("varnames", std::mem::offset_of!(EntryObject, varnames)),
        member("children", std::mem::offset_of!(EntryObject, children)),
    ],
    dealloc: Some(dealloc),
    traverse: Some(traverse),
    clear: Some(clear),
    ..TypeSpec::DEFAULT
};

static ENTRY: StaticType = StaticType::new(&SPEC);

static FUNCTIONS: &[MethodDef] = &[method(
    "symtable",
    NativeFn::Bound(symtable),
    "($module, source, filename, startstr, /)",
    "The symbol table of a source, as the compiler makes it.",
)];
