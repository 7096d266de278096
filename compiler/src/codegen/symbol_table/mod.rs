//! Which names a block binds and uses, and where each of them lives.
//!
//! Two passes, as in CPython: [`builder`] walks the tree and notes what each block does with each name, [`analysis`]
//! decides from that whether a name is local, global, free or a cell, and which comprehensions are compiled into
//! their surroundings (PEP 709). Code generation reads the result; the `symtable` module shows it to programs.

mod analysis;
mod builder;
mod expressions;

use bitflags::bitflags;
use bumpalo::Bump;
use hashbrown::{HashMap, HashSet};

use crate::codegen::FutureFeatures;
use crate::codegen::recursion::StackGuard;
use crate::syntax::ast::{Mod, Span};
use crate::syntax::error::SyntaxError;

bitflags! {
    /// What a block does with a name; the bits of `_symtable` (`DEF_GLOBAL`, `USE`, …).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct SymbolFlags: u32 {
        /// Named in a `global` statement.
        const GLOBAL = 1;
        /// Assigned to.
        const LOCAL = 2;
        /// A parameter.
        const PARAM = 4;
        /// Named in a `nonlocal` statement.
        const NONLOCAL = 8;
        /// Read.
        const USE = 16;
        /// Free in a method and also bound in the class.
        const FREE_CLASS = 64;
        /// Bound by an import.
        const IMPORT = 128;
        /// Annotated.
        const ANNOT = 256;
        /// The iteration variable of a comprehension.
        const COMP_ITER = 512;
        /// A type parameter.
        const TYPE_PARAM = 1024;
        /// A cell of a comprehension that is compiled into its surroundings.
        const COMP_CELL = 2048;
        /// Bound in one of the ways.
        const BOUND = 2 | 4 | 128;
    }
}

/// Where a name lives; the numbers of `_symtable`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Scope {
    /// Not a name of the block.
    #[default]
    Unknown = 0,
    Local = 1,
    GlobalExplicit = 2,
    GlobalImplicit = 3,
    Free = 4,
    Cell = 5,
}

/// Bits to shift a [`Scope`] by in the one number that `_symtable` gives for a symbol.
pub const SCOPE_OFFSET: u32 = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symbol {
    pub flags: SymbolFlags,
    pub scope: Scope,
}

impl Symbol {
    /// Flags and scope as `_symtable` packs them.
    pub fn packed(self) -> u32 {
        self.flags.bits() | ((self.scope as u32) << SCOPE_OFFSET)
    }
}

/// The kinds of block; the numbers of `_symtable.TYPE_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    Function = 0,
    Class = 1,
    Module = 2,
    Annotation = 3,
    TypeAlias = 4,
    TypeParameters = 5,
    TypeVariable = 6,
}

impl BlockKind {
    /// Whether the block is compiled to a function with fast locals.
    pub fn is_function_like(self) -> bool {
        !matches!(self, BlockKind::Class | BlockKind::Module)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ComprehensionKind {
    None,
    List,
    Dict,
    Set,
    Generator,
}

/// Index of a block in its [`SymbolTable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlockId(pub u32);

/// Which of the blocks that hang on one node is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The block of the node itself: module, function, class, lambda, comprehension, value of a type alias.
    Body,
    /// The block that holds the type parameters of a definition.
    TypeParameters,
    /// The annotations of a function's parameters.
    Annotations,
    /// The bound or the constraints of a type variable.
    Bound,
    /// The default of a type parameter.
    Default,
}

/// A node of the tree and a role: what blocks are found by. The tree lies in an arena, so addresses are identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockKey {
    address: usize,
    role: Role,
}

impl BlockKey {
    pub fn new<T>(node: &T, role: Role) -> BlockKey {
        BlockKey { address: std::ptr::from_ref(node).addr(), role }
    }
}

/// The symbols of a block in the order in which they first appeared.
#[derive(Clone, Debug, Default)]
pub struct SymbolMap<'a> {
    entries: Vec<(&'a str, Symbol)>,
    index: HashMap<&'a str, usize>,
}

impl<'a> SymbolMap<'a> {
    pub fn get(&self, name: &str) -> Option<Symbol> {
        self.index.get(name).and_then(|&at| self.entries.get(at)).map(|entry| entry.1)
    }

    pub fn set(&mut self, name: &'a str, symbol: Symbol) {
        match self.index.get(name) {
            Some(&at) => self.entries[at].1 = symbol,
            None => {
                self.index.insert(name, self.entries.len());
                self.entries.push((name, symbol));
            }
        }
    }

    pub fn remove(&mut self, name: &str) {
        if let Some(at) = self.index.remove(name) {
            self.entries.remove(at);
            for (position, entry) in self.entries.iter().enumerate().skip(at) {
                self.index.insert(entry.0, position);
            }
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (&'a str, Symbol)> + '_ {
        self.entries.iter().copied()
    }
}

/// One block: a module, class, function or one of the scopes of PEP 649 and 695.
#[derive(Clone, Debug)]
pub struct Block<'a> {
    pub name: &'a str,
    pub kind: BlockKind,
    pub span: Span,
    pub symbols: SymbolMap<'a>,
    pub children: Vec<BlockId>,
    /// The parameters, in order.
    pub varnames: Vec<&'a str>,
    /// Where `global` and `nonlocal` stand.
    directives: Vec<(&'a str, Span)>,
    /// Inside a function.
    pub nested: bool,
    pub generator: bool,
    pub coroutine: bool,
    pub annotations_used: bool,
    pub comprehension: ComprehensionKind,
    pub varargs: bool,
    pub varkeywords: bool,
    pub returns_value: bool,
    pub needs_class_closure: bool,
    pub needs_classdict: bool,
    /// A comprehension that is compiled into its surroundings.
    pub comp_inlined: bool,
    comp_iter_target: bool,
    comp_iter_expr: u32,
    pub can_see_class_scope: bool,
    pub has_docstring: bool,
    /// A function directly in a class.
    pub is_method: bool,
    in_unevaluated_annotation: bool,
    pub has_conditional_annotations: bool,
    in_conditional_block: bool,
    /// The block of the annotations of a module or class.
    pub annotation_block: Option<BlockId>,
    /// What a type variable's block is, for messages ("a TypeVar bound").
    scope_info: Option<&'static str>,
    /// In the type parameters of a class only these names are mangled.
    pub mangled_names: Option<HashSet<&'a str>>,
}

impl Block<'_> {
    pub fn scope_of(&self, name: &str) -> Scope {
        self.symbols.get(name).map_or(Scope::Unknown, |symbol| symbol.scope)
    }

    pub fn flags_of(&self, name: &str) -> SymbolFlags {
        self.symbols.get(name).map_or(SymbolFlags::empty(), |symbol| symbol.flags)
    }
}

/// All blocks of one module.
#[derive(Debug)]
pub struct SymbolTable<'a> {
    pub blocks: Vec<Block<'a>>,
    pub top: BlockId,
    keys: HashMap<BlockKey, BlockId>,
}

impl<'a> SymbolTable<'a> {
    pub fn block(&self, id: BlockId) -> &Block<'a> {
        &self.blocks[id.0 as usize]
    }

    pub fn block_mut(&mut self, id: BlockId) -> &mut Block<'a> {
        &mut self.blocks[id.0 as usize]
    }

    pub fn find(&self, key: BlockKey) -> Option<BlockId> {
        self.keys.get(&key).copied()
    }
}

/// What the symbol table depends on besides the tree.
#[derive(Clone, Copy, Debug)]
pub struct SymbolTableOptions {
    pub future: FutureFeatures,
    /// Line and column of the last place where `from __future__ import` may stand.
    pub last_future_import: (u32, u32),
    pub allow_top_level_await: bool,
    pub optimize: u8,
}

/// Builds and analyses the table. New names (mangled ones) go to `arena`.
pub fn build<'a>(
    arena: &'a Bump,
    module: &'a Mod<'a>,
    options: SymbolTableOptions,
    guard: StackGuard,
) -> Result<SymbolTable<'a>, SyntaxError> {
    let mut table = builder::Builder::new(arena, options, guard).run(module)?;
    analysis::analyze(&mut table, guard)?;
    Ok(table)
}

/// Private name mangling: `__name` in class `_C` becomes `_C__name`. `None` when the name stays.
pub fn mangle(private: Option<&str>, name: &str) -> Option<String> {
    let class = private?;
    if !name.starts_with("__") || name.ends_with("__") || name.contains('.') {
        return None;
    }
    let class = class.trim_start_matches('_');
    if class.is_empty() { None } else { Some(format!("_{class}{name}")) }
}

/// [`mangle`] as a block does it; see [`Block::mangled_names`].
pub(crate) fn mangle_in<'a>(arena: &'a Bump, private: Option<&str>, block: &Block<'a>, name: &'a str) -> &'a str {
    if let Some(names) = &block.mangled_names
        && !names.contains(name)
    {
        return name;
    }
    match mangle(private, name) {
        Some(mangled) => arena.alloc_str(&mangled),
        None => name,
    }
}
