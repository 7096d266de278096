//! The walk over the tree: the open units, entering and leaving scopes, emitting instructions.

use bumpalo::Bump;

use super::constants::{ConstTable, string};
use super::future::Future;
use super::instruction_sequence::{InstructionSequence, Label};
use super::location::Location;
use super::recursion::StackGuard;
use super::symbol_table::{Block, BlockKey, Role, Scope, SymbolFlags, SymbolTable, mangle, mangle_in};
use super::unit::{NameTable, ParameterCounts, ScopeType, Unit};
use super::{CompileOptions, assembler, flow_graph, syntax_error};
use crate::bytecode::code::{CodeData, CodeFlags, Const};
use crate::bytecode::instructions::CodegenOpcode as Op;
use crate::syntax::ast::{Expr, ExprContext, ExprKind, Mod, Span, Stmt};
use crate::syntax::error::{CompileWarning, SyntaxError};

pub(super) type Gen = Result<(), SyntaxError>;

/// From how many values on the stack collections are built piece by piece.
pub(super) const STACK_USE_GUIDELINE: usize = 30;

/// The operand of RESUME.
pub(super) mod resume {
    pub(crate) const AT_FUNC_START: u32 = 0;
    pub(crate) const AFTER_YIELD: u32 = 1;
    pub(crate) const AFTER_YIELD_FROM: u32 = 2;
    pub(crate) const AFTER_AWAIT: u32 = 3;
}

pub(super) struct Compiler<'a, 'w> {
    pub(super) arena: &'a Bump,
    pub(super) table: SymbolTable<'a>,
    filename: &'w str,
    pub(super) options: CompileOptions,
    pub(super) future: Future,
    pub(super) interactive: bool,
    pub(super) unit: Unit<'a>,
    /// The units around [`Self::unit`], outermost first.
    pub(super) outer: Vec<Unit<'a>>,
    pub(super) warnings: &'w mut Vec<CompileWarning>,
    pub(super) guard: StackGuard,
}

/// How a scope is entered.
pub(super) struct ScopeEntry<'a> {
    pub(super) name: &'a str,
    pub(super) scope_type: ScopeType,
    pub(super) key: BlockKey,
    pub(super) first_line: i32,
    /// The class that begins here, for mangling; else that of the outer unit.
    pub(super) private: Option<&'a str>,
    pub(super) parameters: ParameterCounts,
}

impl<'a, 'w> Compiler<'a, 'w> {
    pub(super) fn new(
        arena: &'a Bump,
        table: SymbolTable<'a>,
        filename: &'w str,
        options: CompileOptions,
        future: Future,
        warnings: &'w mut Vec<CompileWarning>,
        guard: StackGuard,
    ) -> Compiler<'a, 'w> {
        let block = table.top;
        let unit = Unit {
            block,
            scope_type: ScopeType::Module,
            name: "<module>",
            qualname: "<module>".to_owned(),
            first_line: 1,
            private: None,
            parameters: ParameterCounts::default(),
            varnames: NameTable::default(),
            cellvars: cell_names(table.block(block)),
            freevars: NameTable::default(),
            names: NameTable::default(),
            consts: ConstTable::default(),
            fast_hidden: Default::default(),
            in_inlined_comprehension: 0,
            sequence: InstructionSequence::default(),
            frame_blocks: Vec::new(),
            static_attributes: Default::default(),
            deferred_annotations: Vec::new(),
            in_conditional_block: false,
            next_conditional_annotation: 0,
        };
        Compiler { arena, table, filename, options, future, interactive: false, unit, outer: Vec::new(), warnings, guard }
    }

    pub(super) fn module(mut self, module: &'a Mod<'a>) -> Result<CodeData, SyntaxError> {
        let start = Location { line: 0, ..Location::start_of_line(1) };
        self.op_i(start, Op::RESUME, resume::AT_FUNC_START);
        self.op(start, Op::ANNOTATIONS_PLACEHOLDER);
        if self.block().has_conditional_annotations {
            let place = match module {
                Mod::Module { body, .. } => self.module_start(body),
                Mod::Interactive { body } => module_start(body),
                Mod::Expression { .. } | Mod::FunctionType { .. } => Location::start_of_line(1),
            };
            self.op_i(place, Op::BUILD_SET, 0);
            let name = self.unit.names.add("__conditional_annotations__");
            self.op_i(place, Op::STORE_NAME, name);
        }
        let returns_none = match module {
            Mod::Module { body, .. } => {
                self.body(self.module_start(body), body, false)?;
                true
            }
            Mod::Interactive { body } => {
                self.interactive = true;
                self.body(module_start(body), body, true)?;
                true
            }
            Mod::Expression { body } => {
                self.expression(body)?;
                false
            }
            Mod::FunctionType { .. } => {
                let message = "this compiler does not handle FunctionTypes".to_owned();
                return Err(syntax_error(message, Span::default()));
            }
        };
        self.assemble(returns_none)
    }

    /// Where the code of a module begins: not at a docstring that is left out.
    fn module_start(&self, body: &[Stmt<'_>]) -> Location {
        match body {
            [docstring, rest @ ..]
                if self.options.optimize >= 2 && super::docstring::docstring_of(body).is_some() =>
            {
                if rest.is_empty() { pass_in_place_of(docstring) } else { module_start(rest) }
            }
            _ => module_start(body),
        }
    }

    pub(super) fn block(&self) -> &Block<'a> {
        self.table.block(self.unit.block)
    }

    pub(super) fn is_function_like(&self) -> bool {
        self.block().kind.is_function_like()
    }

    // Emission.

    pub(super) fn op(&mut self, location: Location, opcode: Op) {
        self.unit.sequence.push(opcode, 0, location);
    }

    pub(super) fn op_i(&mut self, location: Location, opcode: Op, arg: u32) {
        self.unit.sequence.push(opcode, arg, location);
    }

    pub(super) fn jump(&mut self, location: Location, opcode: Op, target: Label) {
        self.unit.sequence.push(opcode, target.0, location);
    }

    pub(super) fn label(&mut self) -> Label {
        self.unit.sequence.new_label()
    }

    pub(super) fn place(&mut self, label: Label) {
        self.unit.sequence.use_label(label);
    }

    pub(super) fn load_const(&mut self, location: Location, constant: Const) {
        let index = self.unit.consts.add(constant);
        self.op_i(location, Op::LOAD_CONST, index);
    }

    pub(super) fn load_none(&mut self, location: Location) {
        self.load_const(location, Const::None);
    }

    pub(super) fn load_int(&mut self, location: Location, value: usize) {
        self.load_const(location, Const::Int(value as i64));
    }

    pub(super) fn load_str(&mut self, location: Location, text: &str) {
        self.load_const(location, string(text));
    }

    /// An instruction on `co_names`, mangled.
    pub(super) fn op_name(&mut self, location: Location, opcode: Op, name: &'a str) {
        let name = self.mangle(name);
        let index = self.unit.names.add(name);
        self.op_i(location, opcode, index);
    }

    /// An attribute load; `method` loads the function and self for a call.
    pub(super) fn op_attr(&mut self, location: Location, name: &'a str, method: bool) {
        let name = self.mangle(name);
        let index = self.unit.names.add(name);
        self.op_i(location, Op::LOAD_ATTR, index << 1 | u32::from(method));
    }

    pub(super) fn mangle(&self, name: &'a str) -> &'a str {
        mangle_in(self.arena, self.unit.private, self.block(), name)
    }

    // Scopes.

    pub(super) fn enter_scope(&mut self, entry: ScopeEntry<'a>) -> Gen {
        let Some(id) = self.table.find(entry.key) else {
            return Err(syntax_error("internal error: no symbol table entry".to_owned(), Span::default()));
        };
        let block = self.table.block(id);
        let cellvars = cell_names(block);
        let freevars = sorted(block, |symbol| {
            symbol.scope == Scope::Free || symbol.flags.contains(SymbolFlags::FREE_CLASS)
        });
        let freevars = NameTable::new(freevars, cellvars.len());
        let varnames = NameTable::new(block.varnames.iter().copied(), 0);
        let private = entry.private.or(self.unit.private);
        let unit = Unit {
            block: id,
            scope_type: entry.scope_type,
            name: entry.name,
            qualname: String::new(),
            first_line: entry.first_line,
            private,
            parameters: entry.parameters,
            varnames,
            cellvars,
            freevars,
            names: NameTable::default(),
            consts: ConstTable::default(),
            fast_hidden: Default::default(),
            in_inlined_comprehension: 0,
            sequence: InstructionSequence::default(),
            frame_blocks: Vec::new(),
            static_attributes: Default::default(),
            deferred_annotations: Vec::new(),
            in_conditional_block: false,
            next_conditional_annotation: 0,
        };
        self.outer.push(std::mem::replace(&mut self.unit, unit));
        self.unit.qualname = self.qualified_name();
        self.op_i(Location::start_of_line(entry.first_line), Op::RESUME, resume::AT_FUNC_START);
        Ok(())
    }

    /// The name of the current unit with those of the scopes around it.
    fn qualified_name(&self) -> String {
        let name = self.unit.name;
        let depth = self.outer.len();
        if depth <= 1 {
            return name.to_owned();
        }
        let mut parent = &self.outer[depth - 1];
        if parent.scope_type == ScopeType::Annotations {
            // The scope of type parameters does not show.
            if depth == 2 {
                return name.to_owned();
            }
            parent = &self.outer[depth - 2];
        }
        if matches!(self.unit.scope_type, ScopeType::Function | ScopeType::AsyncFunction | ScopeType::Class) {
            let mangled = mangle(parent.private, name);
            let block = self.table.block(parent.block);
            if block.scope_of(mangled.as_deref().unwrap_or(name)) == Scope::GlobalExplicit {
                return name.to_owned();
            }
        }
        let is_function =
            matches!(parent.scope_type, ScopeType::Function | ScopeType::AsyncFunction | ScopeType::Lambda);
        let locals = if is_function { ".<locals>" } else { "" };
        format!("{}{locals}.{name}", parent.qualname)
    }

    /// Finishes the current unit and goes back to the one around it.
    pub(super) fn leave_scope(&mut self, returns_none: bool) -> Result<CodeData, SyntaxError> {
        let code = self.assemble(returns_none)?;
        if let Some(outer) = self.outer.pop() {
            self.unit = outer;
        }
        Ok(code)
    }

    fn assemble(&mut self, returns_none: bool) -> Result<CodeData, SyntaxError> {
        if returns_none {
            self.load_none(Location::NONE);
        }
        self.op(Location::NONE, Op::RETURN_VALUE);
        let flags = self.code_flags();
        let graph = flow_graph::optimize(&mut self.unit, flags)?;
        Ok(assembler::assemble(&mut self.unit, graph, flags, self.filename))
    }

    fn code_flags(&self) -> CodeFlags {
        let block = self.block();
        let mut flags = CodeFlags::from_bits_retain(self.future.features.bits());
        if block.kind.is_function_like() {
            flags |= CodeFlags::NEWLOCALS | CodeFlags::OPTIMIZED;
            flags.set(CodeFlags::NESTED, block.nested);
            flags.set(CodeFlags::GENERATOR, block.generator && !block.coroutine);
            flags.set(CodeFlags::COROUTINE, !block.generator && block.coroutine);
            flags.set(CodeFlags::ASYNC_GENERATOR, block.generator && block.coroutine);
            flags.set(CodeFlags::VARARGS, block.varargs);
            flags.set(CodeFlags::VARKEYWORDS, block.varkeywords);
        }
        flags.set(CodeFlags::HAS_DOCSTRING, block.has_docstring && block.kind.is_function_like());
        flags.set(CodeFlags::METHOD, block.is_method);
        if self.options.allow_top_level_await && self.unit.scope_type == ScopeType::Module && block.coroutine {
            flags |= CodeFlags::COROUTINE;
        }
        flags
    }

    /// A function object from the code, with the closure and the attributes whose values are on the stack.
    pub(super) fn make_closure(&mut self, location: Location, code: CodeData, flags: u32) -> Gen {
        use crate::bytecode::code::LocalKind;
        use crate::bytecode::instructions::function_attribute as attribute;
        let mut flags = flags;
        let mut free = 0;
        for (name, kind) in code.localsplusnames.iter().zip(&code.localspluskinds) {
            if kind & LocalKind::FREE.bits() != 0 {
                let slot = self.closure_slot(name)?;
                self.op_i(location, Op::LOAD_CLOSURE, slot);
                free += 1;
            }
        }
        if free > 0 {
            flags |= attribute::CLOSURE;
            self.op_i(location, Op::BUILD_TUPLE, free);
        }
        self.load_const(location, Const::Code(Box::new(code)));
        self.op(location, Op::MAKE_FUNCTION);
        for bit in [
            attribute::CLOSURE,
            attribute::ANNOTATIONS,
            attribute::ANNOTATE,
            attribute::KWDEFAULTS,
            attribute::DEFAULTS,
        ] {
            if flags & bit != 0 {
                self.op_i(location, Op::SET_FUNCTION_ATTRIBUTE, bit);
            }
        }
        Ok(())
    }

    /// The number among cells and free variables of a name that an inner function closes over.
    fn closure_slot(&self, name: &str) -> Result<u32, SyntaxError> {
        let is_cell = self.is_class_cell(name) || self.block().scope_of(name) == Scope::Cell;
        let slot = if is_cell { self.unit.cellvars.get(name) } else { self.unit.freevars.get(name) };
        slot.ok_or_else(|| syntax_error(format!("internal error: no cell for {name}"), Span::default()))
    }

    /// Whether the name is one of the cells that a class makes for its body.
    fn is_class_cell(&self, name: &str) -> bool {
        self.unit.scope_type == ScopeType::Class
            && matches!(name, "__class__" | "__classdict__" | "__conditional_annotations__")
    }

    /// Whether `__class__` comes from an enclosing class.
    pub(super) fn class_is_free(&self) -> bool {
        !self.is_class_cell("__class__") && self.block().scope_of("__class__") == Scope::Free
    }

    /// The module's, class's or interactive body with docstring and annotations.
    pub(super) fn body(&mut self, location: Location, body: &'a [Stmt<'a>], is_interactive: bool) -> Gen {
        if self.future.features.annotations() && self.block().annotations_used {
            self.op(location, Op::SETUP_ANNOTATIONS);
        }
        if body.is_empty() {
            return Ok(());
        }
        if is_interactive {
            self.statements(body)?;
        } else {
            if self.block().has_docstring
                && let Some((value, text)) = super::docstring::docstring_of(body)
            {
                self.load_const(value.span.into(), Const::Str(super::docstring::checked_clean(text, value.span)?));
                self.name_op(Location::NONE, "__doc__", ExprContext::Store);
            }
            self.statements_after_docstring(body)?;
        }
        if !self.future.features.annotations() {
            self.deferred_annotations(location)?;
        }
        Ok(())
    }

    /// The body without its docstring, which was stored or is left out.
    pub(super) fn statements_after_docstring(&mut self, body: &'a [Stmt<'a>]) -> Gen {
        let [docstring, rest @ ..] = body else { return Ok(()) };
        if super::docstring::docstring_of(body).is_none() {
            return self.statements(body);
        }
        if self.block().has_docstring {
            return self.statements(rest);
        }
        if rest.is_empty() {
            // One `pass` is left in its place.
            self.op(pass_in_place_of(docstring), Op::NOP);
        }
        if let ([_, after @ ..], Some((value, _))) = (rest, super::docstring::docstring_of(rest)) {
            // A second string is no docstring either: it is evaluated.
            self.expression(value)?;
            self.op(Location::NONE, Op::POP_TOP);
            return self.statements(after);
        }
        self.statements(rest)
    }

    /// The value of an expression that is a constant as it stands.
    pub(super) fn constant_of(&self, expression: &Expr<'a>) -> Option<Const> {
        match &expression.kind {
            ExprKind::Constant { value, .. } => Some(super::constants::from_tree(value)),
            ExprKind::Name { id: "__debug__", ctx: ExprContext::Load } => {
                Some(if self.options.optimize == 0 { Const::True } else { Const::False })
            }
            _ => None,
        }
    }

    pub(super) fn key<T>(node: &T) -> BlockKey {
        BlockKey::new(node, Role::Body)
    }
}

/// The place of the `pass` that stands for a removed docstring.
fn pass_in_place_of(docstring: &Stmt<'_>) -> Location {
    let Location { line, col, .. } = docstring.span.into();
    Location { line, end_line: line, col, end_col: col + "pass".len() as i32 }
}

fn module_start(body: &[Stmt<'_>]) -> Location {
    body.first().map_or(Location::start_of_line(1), |statement| statement.span.into())
}

/// The cells of a block, sorted, and after them those that a class or module makes for its own needs.
fn cell_names<'a>(block: &Block<'a>) -> NameTable<'a> {
    let mut cells = NameTable::new(
        sorted(block, |symbol| symbol.scope == Scope::Cell || symbol.flags.contains(SymbolFlags::COMP_CELL)),
        0,
    );
    if block.needs_class_closure {
        cells.add("__class__");
    }
    if block.needs_classdict {
        cells.add("__classdict__");
    }
    if block.has_conditional_annotations {
        cells.add("__conditional_annotations__");
    }
    cells
}

fn sorted<'a>(block: &Block<'a>, wanted: impl Fn(super::symbol_table::Symbol) -> bool) -> Vec<&'a str> {
    let mut names: Vec<&'a str> =
        block.symbols.iter().filter(|(_, symbol)| wanted(*symbol)).map(|(name, _)| name).collect();
    names.sort_unstable();
    names
}
