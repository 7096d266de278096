//! The state of one code object while it is generated.

use std::collections::BTreeSet;

use hashbrown::HashMap;

use super::constants::ConstTable;
use super::instruction_sequence::{InstructionSequence, Label};
use super::location::Location;
use super::symbol_table::BlockId;
use crate::syntax::ast::Stmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScopeType {
    Module,
    Class,
    Function,
    AsyncFunction,
    Lambda,
    Comprehension,
    /// Annotations, type parameters, bounds, aliases.
    Annotations,
}

/// Names by number, in the order in which they were added.
#[derive(Debug, Default)]
pub(crate) struct NameTable<'a> {
    pub(crate) names: Vec<&'a str>,
    index: HashMap<&'a str, u32>,
    /// The number of the first.
    offset: u32,
}

impl<'a> NameTable<'a> {
    pub(crate) fn new(names: impl IntoIterator<Item = &'a str>, offset: u32) -> NameTable<'a> {
        let mut table = NameTable { names: Vec::new(), index: HashMap::new(), offset };
        names.into_iter().for_each(|name| {
            table.add(name);
        });
        table
    }

    pub(crate) fn add(&mut self, name: &'a str) -> u32 {
        if let Some(number) = self.index.get(name) {
            return *number;
        }
        let number = self.offset + self.names.len() as u32;
        self.names.push(name);
        self.index.insert(name, number);
        number
    }

    pub(crate) fn get(&self, name: &str) -> Option<u32> {
        self.index.get(name).copied()
    }

    pub(crate) fn len(&self) -> u32 {
        self.names.len() as u32
    }
}

/// What an open region of a function must do when control leaves it early.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FrameBlockKind<'a> {
    WhileLoop,
    ForLoop,
    AsyncForLoop,
    TryExcept,
    /// With the body of the `finally` clause.
    FinallyTry(&'a [Stmt<'a>]),
    FinallyEnd,
    With,
    AsyncWith,
    ExceptionHandler,
    ExceptionGroupHandler,
    /// With the name that the handler binds.
    HandlerCleanup(Option<&'a str>),
    /// A value under the one to return.
    PopValue,
    AsyncComprehension,
    StopIteration,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameBlock<'a> {
    pub(crate) kind: FrameBlockKind<'a>,
    pub(crate) location: Location,
    /// Where `continue` goes.
    pub(crate) start: Option<Label>,
    /// Where `break` goes.
    pub(crate) exit: Option<Label>,
}

/// The numbers of parameters by kind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ParameterCounts {
    pub(crate) positional_only: u32,
    pub(crate) positional: u32,
    pub(crate) keyword_only: u32,
}

#[derive(Debug)]
pub(crate) struct Unit<'a> {
    pub(crate) block: BlockId,
    pub(crate) scope_type: ScopeType,
    pub(crate) name: &'a str,
    pub(crate) qualname: String,
    pub(crate) first_line: i32,
    /// The class whose private names are mangled.
    pub(crate) private: Option<&'a str>,
    pub(crate) parameters: ParameterCounts,
    pub(crate) varnames: NameTable<'a>,
    pub(crate) cellvars: NameTable<'a>,
    pub(crate) freevars: NameTable<'a>,
    pub(crate) names: NameTable<'a>,
    pub(crate) consts: ConstTable,
    /// Names of a module or class that are fast locals inside a comprehension; `true` while inside.
    pub(crate) fast_hidden: HashMap<&'a str, bool>,
    pub(crate) in_inlined_comprehension: u32,
    pub(crate) sequence: InstructionSequence,
    pub(crate) frame_blocks: Vec<FrameBlock<'a>>,
    /// Of a class: the attributes that its methods set on `self`.
    pub(crate) static_attributes: BTreeSet<&'a str>,
    /// Annotated assignments whose annotation goes to `__annotate__`, with their number if conditional.
    pub(crate) deferred_annotations: Vec<(&'a Stmt<'a>, Option<u32>)>,
    pub(crate) in_conditional_block: bool,
    pub(crate) next_conditional_annotation: u32,
}
