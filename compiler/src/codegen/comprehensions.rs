//! Comprehensions and generator expressions, inlined (PEP 709) or as a function.

use super::compiler::{Compiler, Gen, ScopeEntry};
use super::instruction_sequence::Label;
use super::location::Location;
use super::symbol_table::{BlockId, BlockKind, Scope, Symbol, SymbolFlags};
use super::unit::{FrameBlockKind, ParameterCounts, ScopeType};
use crate::bytecode::instructions::CodegenOpcode as Op;
use crate::syntax::ast::*;

const NONE: Location = Location::NONE;

/// What is collected.
#[derive(Clone, Copy)]
enum Output<'a> {
    Generator(ExprRef<'a>),
    List(ExprRef<'a>),
    Set(ExprRef<'a>),
    Dict(ExprRef<'a>, ExprRef<'a>),
}

impl<'a> Output<'a> {
    fn element(self) -> ExprRef<'a> {
        match self {
            Output::Generator(element) | Output::List(element) | Output::Set(element) | Output::Dict(element, _) => element,
        }
    }
}

/// What an inlined comprehension changed in its surroundings.
#[derive(Default)]
struct Inlined<'a> {
    /// Names whose values wait on the stack.
    pushed: Vec<&'a str>,
    /// Symbols of the surroundings to restore.
    symbols: Vec<(&'a str, Symbol)>,
    fast_hidden: Vec<&'a str>,
    cleanup: Option<Label>,
}

impl<'a> Compiler<'a, '_> {
    pub(super) fn comprehension(&mut self, whole: ExprRef<'a>) -> Gen {
        let (name, output, generators) = match &whole.kind {
            ExprKind::GeneratorExp { elt, generators } => ("<genexpr>", Output::Generator(elt), *generators),
            ExprKind::ListComp { elt, generators } => ("<listcomp>", Output::List(elt), *generators),
            ExprKind::SetComp { elt, generators } => ("<setcomp>", Output::Set(elt), *generators),
            ExprKind::DictComp { key, value, generators } => ("<dictcomp>", Output::Dict(key, value), *generators),
            _ => return Ok(()),
        };
        let Some(outermost) = generators.first() else { return Ok(()) };
        let location = Location::from(whole.span);
        let Some(block) = self.table.find(Self::key(whole)) else { return Ok(()) };
        let entry = self.table.block(block);
        let (is_inlined, is_async) = (entry.comp_inlined, entry.coroutine);

        if is_inlined {
            self.outermost_iterator(outermost)?;
            let inlined = self.push_inlined(location, block);
            self.build_empty(location, output);
            self.op_i(location, Op::SWAP, 2);
            self.generators(location, generators, 0, 0, output)?;
            self.pop_inlined(location, inlined);
            return Ok(());
        }

        self.enter_scope(ScopeEntry {
            name,
            scope_type: ScopeType::Comprehension,
            key: Self::key(whole),
            first_line: whole.span.line as i32,
            private: None,
            parameters: ParameterCounts { positional: 1, ..Default::default() },
        })?;
        self.build_empty(location, output);
        self.op_i(location, Op::LOAD_FAST, 0);
        let is_generator = matches!(output, Output::Generator(_));
        self.generators(location, generators, 0, 0, output)?;
        if is_generator {
            self.wrap_in_stopiteration_handler();
        } else {
            self.op(location, Op::RETURN_VALUE);
        }
        let code = self.leave_scope(true)?;
        self.make_closure(location, code, 0)?;
        self.outermost_iterator(outermost)?;
        self.op_i(location, Op::CALL, 0);
        if is_async && !is_generator {
            self.await_value(location, 0);
        }
        Ok(())
    }

    fn outermost_iterator(&mut self, outermost: &'a Comprehension<'a>) -> Gen {
        self.expression(outermost.iter)?;
        let opcode = if outermost.is_async != 0 { Op::GET_AITER } else { Op::GET_ITER };
        self.op(outermost.iter.span.into(), opcode);
        Ok(())
    }

    fn build_empty(&mut self, location: Location, output: Output<'a>) {
        match output {
            Output::Generator(_) => {}
            Output::List(_) => self.op_i(location, Op::BUILD_LIST, 0),
            Output::Set(_) => self.op_i(location, Op::BUILD_SET, 0),
            Output::Dict(..) => self.op_i(location, Op::BUILD_MAP, 0),
        }
    }

    /// The loops from number `index` on; the iterator of the first is on the stack. `depth` is how far the
    /// collection lies below.
    fn generators(
        &mut self,
        location: Location,
        generators: &'a [Comprehension<'a>],
        index: usize,
        depth: u32,
        output: Output<'a>,
    ) -> Gen {
        self.guard.check()?;
        let Some(generator) = generators.get(index) else { return Ok(()) };
        if generator.is_async != 0 {
            self.async_generator(location, generators, generator, index, depth, output)
        } else {
            self.sync_generator(location, generators, generator, index, depth, output)
        }
    }

    fn sync_generator(
        &mut self,
        location: Location,
        generators: &'a [Comprehension<'a>],
        generator: &'a Comprehension<'a>,
        index: usize,
        depth: u32,
        output: Output<'a>,
    ) -> Gen {
        let start = self.label();
        let if_cleanup = self.label();
        let anchor = self.label();
        let mut depth = depth;
        let mut is_loop = true;
        if index > 0 {
            // `for y in [f(x)]` is an assignment.
            match &generator.iter.kind {
                ExprKind::List { elts: [only], .. } | ExprKind::Tuple { elts: [only], .. }
                    if !matches!(only.kind, ExprKind::Starred { .. }) =>
                {
                    self.expression(only)?;
                    is_loop = false;
                }
                _ => {
                    self.expression(generator.iter)?;
                    self.op(generator.iter.span.into(), Op::GET_ITER);
                }
            }
        }
        if is_loop {
            depth += 1;
            self.place(start);
            self.jump(generator.iter.span.into(), Op::FOR_ITER, anchor);
        }
        let place = self.loop_body(location, generators, generator, index, depth, output, if_cleanup)?;
        self.place(if_cleanup);
        if is_loop {
            self.jump(place, Op::JUMP, start);
            self.place(anchor);
            self.op(NONE, Op::END_FOR);
            self.op(NONE, Op::POP_ITER);
        }
        Ok(())
    }

    fn async_generator(
        &mut self,
        location: Location,
        generators: &'a [Comprehension<'a>],
        generator: &'a Comprehension<'a>,
        index: usize,
        depth: u32,
        output: Output<'a>,
    ) -> Gen {
        let start = self.label();
        let send = self.label();
        let except = self.label();
        let if_cleanup = self.label();
        if index > 0 {
            self.expression(generator.iter)?;
            self.op(generator.iter.span.into(), Op::GET_AITER);
        }
        self.place(start);
        self.push_block(FrameBlockKind::AsyncComprehension, location, Some(start), None)?;
        self.jump(location, Op::SETUP_FINALLY, except);
        self.op(location, Op::GET_ANEXT);
        self.load_none(location);
        self.place(send);
        self.yield_from(location, true);
        self.op(location, Op::POP_BLOCK);
        let place = self.loop_body(location, generators, generator, index, depth + 1, output, if_cleanup)?;
        self.place(if_cleanup);
        self.jump(place, Op::JUMP, start);
        self.pop_block();
        self.place(except);
        self.jump(location, Op::END_ASYNC_FOR, send);
        Ok(())
    }

    /// Target, conditions, inner loops, and in the innermost the element. Returns the place of the jump back.
    #[allow(clippy::too_many_arguments)]
    fn loop_body(
        &mut self,
        location: Location,
        generators: &'a [Comprehension<'a>],
        generator: &'a Comprehension<'a>,
        index: usize,
        depth: u32,
        output: Output<'a>,
        if_cleanup: Label,
    ) -> Result<Location, crate::syntax::error::SyntaxError> {
        self.expression(generator.target)?;
        for condition in generator.ifs {
            self.jump_if(condition, if_cleanup, false)?;
        }
        let mut place = Location::from(output.element().span);
        if index + 1 < generators.len() {
            self.generators(location, generators, index + 1, depth, output)?;
            return Ok(place);
        }
        match output {
            Output::Generator(element) => {
                self.expression(element)?;
                self.yield_value(place);
                self.op(place, Op::POP_TOP);
            }
            Output::List(element) => {
                self.expression(element)?;
                self.op_i(place, Op::LIST_APPEND, depth + 1);
            }
            Output::Set(element) => {
                self.expression(element)?;
                self.op_i(place, Op::SET_ADD, depth + 1);
            }
            Output::Dict(key, value) => {
                self.expression(key)?;
                self.expression(value)?;
                place.end_line = value.span.end_line as i32;
                place.end_col = value.span.end_col as i32;
                self.op_i(place, Op::MAP_ADD, depth + 1);
            }
        }
        Ok(place)
    }

    /// Isolates the names of the comprehension: values of the same names outside wait on the stack.
    fn push_inlined(&mut self, location: Location, block: BlockId) -> Inlined<'a> {
        let in_class = self.block().kind == BlockKind::Class && self.unit.in_inlined_comprehension == 0;
        self.unit.in_inlined_comprehension += 1;
        let mut inlined = Inlined::default();
        let symbols: Vec<(&'a str, Symbol)> = self.table.block(block).symbols.iter().collect();
        for (name, symbol) in symbols {
            let is_bound =
                symbol.flags.contains(SymbolFlags::LOCAL) && !symbol.flags.contains(SymbolFlags::NONLOCAL);
            if symbol.flags.contains(SymbolFlags::PARAM) {
                continue;
            }
            if (is_bound || in_class) && !self.is_function_like() && self.unit.fast_hidden.get(name) != Some(&true) {
                self.unit.fast_hidden.insert(name, true);
                inlined.fast_hidden.push(name);
            }
            let outer = self.block().symbols.get(name);
            let outer_scope = outer.map_or(Scope::Unknown, |outer| outer.scope);
            let differs = symbol.scope != outer_scope
                && symbol.scope != Scope::Free
                && !(symbol.scope == Scope::Cell && outer_scope == Scope::Free);
            if differs || in_class {
                let saved = outer.unwrap_or(Symbol { flags: SymbolFlags::empty(), scope: Scope::Unknown });
                inlined.symbols.push((name, saved));
                let current = self.unit.block;
                self.table.block_mut(current).symbols.set(name, symbol);
            }
            if is_bound {
                // Of a cell this pushes the cell; the comprehension gets a new one.
                let slot = self.unit.varnames.add(name);
                self.op_i(location, Op::LOAD_FAST_AND_CLEAR, slot);
                if symbol.scope == Scope::Cell {
                    let table =
                        if outer_scope == Scope::Free { &mut self.unit.freevars } else { &mut self.unit.cellvars };
                    let cell = table.add(name);
                    self.op_i(location, Op::MAKE_CELL, cell);
                }
                inlined.pushed.push(name);
            }
        }
        if !inlined.pushed.is_empty() {
            // The iterator back to the top.
            self.op_i(location, Op::SWAP, inlined.pushed.len() as u32 + 1);
            let cleanup = self.label();
            inlined.cleanup = Some(cleanup);
            self.jump(location, Op::SETUP_FINALLY, cleanup);
        }
        inlined
    }

    fn pop_inlined(&mut self, location: Location, inlined: Inlined<'a>) {
        self.unit.in_inlined_comprehension -= 1;
        if let Some(cleanup) = inlined.cleanup {
            self.op(NONE, Op::POP_BLOCK);
            let end = self.label();
            self.jump(NONE, Op::JUMP_NO_INTERRUPT, end);
            // An exception: drop the unfinished result, restore the names, go on raising.
            self.place(cleanup);
            self.op_i(NONE, Op::SWAP, 2);
            self.op(NONE, Op::POP_TOP);
            self.restore_locals(location, &inlined.pushed);
            self.op_i(NONE, Op::RERAISE, 0);
            self.place(end);
            self.restore_locals(location, &inlined.pushed);
        }
        let current = self.unit.block;
        for (name, symbol) in inlined.symbols {
            self.table.block_mut(current).symbols.set(name, symbol);
        }
        for name in inlined.fast_hidden {
            // Kept, so that the slot is marked as hidden in the code object.
            self.unit.fast_hidden.insert(name, false);
        }
    }

    fn restore_locals(&mut self, location: Location, pushed: &[&'a str]) {
        self.op_i(location, Op::SWAP, pushed.len() as u32 + 1);
        for name in pushed.iter().rev() {
            let slot = self.unit.varnames.add(name);
            self.op_i(location, Op::STORE_FAST_MAYBE_NULL, slot);
        }
    }
}
