//! Loading, storing and deleting names.

use super::compiler::Compiler;
use super::location::Location;
use super::symbol_table::{BlockKind, Scope};
use crate::bytecode::instructions::CodegenOpcode as Op;
use crate::syntax::ast::ExprContext;

impl<'a> Compiler<'a, '_> {
    pub(super) fn name_op(&mut self, location: Location, name: &'a str, context: ExprContext) {
        let name = self.mangle(name);
        let scope = self.block().scope_of(name);
        match scope {
            Scope::Free | Scope::Cell => {
                let table = if scope == Scope::Free { &mut self.unit.freevars } else { &mut self.unit.cellvars };
                let slot = table.add(name);
                self.cell_op(location, slot, context);
            }
            Scope::Local if self.is_function_like() || self.unit.fast_hidden.get(name) == Some(&true) => {
                let slot = self.unit.varnames.add(name);
                let opcode = match context {
                    ExprContext::Load => Op::LOAD_FAST,
                    ExprContext::Store => Op::STORE_FAST,
                    ExprContext::Del => Op::DELETE_FAST,
                };
                self.op_i(location, opcode, slot);
            }
            Scope::GlobalImplicit if self.is_function_like() => self.global_op(location, name, context, true),
            Scope::GlobalExplicit => self.global_op(location, name, context, false),
            _ => {
                let index = self.unit.names.add(name);
                let in_comprehension = self.block().kind == BlockKind::Class && self.unit.in_inlined_comprehension > 0;
                match context {
                    // Inside a comprehension the names of a class are not seen.
                    ExprContext::Load if in_comprehension => self.op_i(location, Op::LOAD_GLOBAL, index << 1),
                    ExprContext::Load => self.op_i(location, Op::LOAD_NAME, index),
                    ExprContext::Store => self.op_i(location, Op::STORE_NAME, index),
                    ExprContext::Del => self.op_i(location, Op::DELETE_NAME, index),
                }
            }
        }
    }

    fn cell_op(&mut self, location: Location, slot: u32, context: ExprContext) {
        let opcode = match context {
            ExprContext::Load => {
                if self.block().kind == BlockKind::Class && self.unit.in_inlined_comprehension == 0 {
                    self.op(location, Op::LOAD_LOCALS);
                    Op::LOAD_FROM_DICT_OR_DEREF
                } else if self.block().can_see_class_scope {
                    self.load_classdict(location);
                    Op::LOAD_FROM_DICT_OR_DEREF
                } else {
                    Op::LOAD_DEREF
                }
            }
            ExprContext::Store => Op::STORE_DEREF,
            ExprContext::Del => Op::DELETE_DEREF,
        };
        self.op_i(location, opcode, slot);
    }

    fn global_op(&mut self, location: Location, name: &'a str, context: ExprContext, implicit: bool) {
        let index = self.unit.names.add(name);
        match context {
            ExprContext::Load if self.block().can_see_class_scope && implicit => {
                self.load_classdict(location);
                self.op_i(location, Op::LOAD_FROM_DICT_OR_GLOBALS, index);
            }
            ExprContext::Load => self.op_i(location, Op::LOAD_GLOBAL, index << 1),
            ExprContext::Store => self.op_i(location, Op::STORE_GLOBAL, index),
            ExprContext::Del => self.op_i(location, Op::DELETE_GLOBAL, index),
        }
    }

    fn load_classdict(&mut self, location: Location) {
        let slot = self.unit.freevars.add("__classdict__");
        self.op_i(location, Op::LOAD_DEREF, slot);
    }
}
