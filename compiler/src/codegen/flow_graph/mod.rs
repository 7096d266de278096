//! The control flow graph of a code object and what is done to it.
//!
//! Blocks are kept in a list in the order of emission ([`Graph::next`]); empty blocks stay in it, as in CPython,
//! because several passes look at the next block. The passes run in the order of [`optimize`]; each one is a module:
//!
//! * [`build`]: instructions to blocks, labels to targets.
//! * [`handlers`]: which handler covers each instruction.
//! * [`blocks`]: inlining of small exits, unreachable blocks, redundant NOPs and jumps, cold blocks, lines.
//! * [`peephole`]: constants, jumps, swaps, superinstructions.
//! * [`locals`]: loads that may find a local unset, borrowed loads.
//! * [`lowering`]: pseudo instructions, prefix, stack depth, back to a sequence.

mod blocks;
mod build;
pub(crate) mod folding;
mod handlers;
mod lines;
mod locals;
mod lowering;
mod peephole;
mod swaps;

use super::instruction_sequence::InstructionSequence;
use super::location::Location;
use super::unit::Unit;
use crate::bytecode::code::CodeFlags;
use crate::bytecode::instructions::CodegenOpcode as Op;
use crate::syntax::error::SyntaxError;

/// Index of a block in [`Graph::blocks`].
pub(super) type BlockIndex = usize;

#[derive(Clone, Copy, Debug)]
pub(super) struct Instruction {
    pub(super) opcode: Op,
    pub(super) arg: u32,
    pub(super) location: Location,
    pub(super) target: Option<BlockIndex>,
    /// The handler that covers it.
    pub(super) except: Option<BlockIndex>,
}

impl Instruction {
    fn new(opcode: Op, arg: u32, location: Location) -> Instruction {
        Instruction { opcode, arg, location, target: None, except: None }
    }

    fn set(&mut self, opcode: Op, arg: u32) {
        self.opcode = opcode;
        self.arg = arg;
    }

    fn set_nop(&mut self) {
        self.opcode = Op::NOP;
        self.arg = 0;
        self.target = None;
    }

    fn is_jump(&self) -> bool {
        is_jump(self.opcode)
    }

    fn is_block_push(&self) -> bool {
        matches!(self.opcode, Op::SETUP_FINALLY | Op::SETUP_CLEANUP | Op::SETUP_WITH)
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    pub(super) instructions: Vec<Instruction>,
    /// What covered the instruction that last stood in each place. In CPython a new instruction takes over the handler
    /// of whatever was there before, which shows in the exception table.
    former_handlers: Vec<Option<BlockIndex>>,
    /// The block that follows.
    pub(super) next: Option<BlockIndex>,
    /// Whether a label stands at its start.
    pub(super) is_labelled: bool,
    pub(super) predecessors: u32,
    pub(super) is_handler: bool,
    /// The handler wants the offset of the instruction that raised.
    pub(super) preserve_lasti: bool,
    pub(super) is_cold: bool,
    pub(super) is_warm: bool,
    pub(super) visited: bool,
    /// Stack depth at the start; -1 before it is known.
    pub(super) start_depth: i32,
    /// Bit n: local n may be unset at the start.
    pub(super) unsafe_locals: u64,
}

impl Block {
    /// Appends a new instruction; see [`Self::former_handlers`].
    fn push_new(&mut self, mut instruction: Instruction) {
        instruction.except = self.former_handlers.get(self.instructions.len()).copied().flatten();
        self.instructions.push(instruction);
    }

    /// Replaces the instructions by fewer.
    fn shrink_to(&mut self, kept: Vec<Instruction>) {
        let length = self.instructions.len();
        if self.former_handlers.len() < length {
            self.former_handlers.resize(length, None);
        }
        for (at, instruction) in self.instructions.iter().enumerate().skip(kept.len()) {
            self.former_handlers[at] = instruction.except;
        }
        self.instructions = kept;
    }

    fn last(&self) -> Option<&Instruction> {
        self.instructions.last()
    }

    fn has_fallthrough(&self) -> bool {
        self.last().is_none_or(|last| !is_scope_exit(last.opcode) && !is_unconditional_jump(last.opcode))
    }

    fn exits_scope(&self) -> bool {
        self.last().is_some_and(|last| is_scope_exit(last.opcode))
    }

    fn has_no_line(&self) -> bool {
        self.instructions.iter().all(|instruction| !instruction.location.has_line())
    }
}

#[derive(Debug)]
pub(super) struct Graph {
    pub(super) blocks: Vec<Block>,
    pub(super) entry: BlockIndex,
}

impl Graph {
    fn new_block(&mut self) -> BlockIndex {
        self.blocks.push(Block { start_depth: -1, ..Block::default() });
        self.blocks.len() - 1
    }

    /// The blocks in order.
    fn order(&self) -> Order<'_> {
        Order { graph: self, at: Some(self.entry) }
    }

    fn order_vec(&self) -> Vec<BlockIndex> {
        self.order().collect()
    }

    fn clear_visited(&mut self) {
        self.blocks.iter_mut().for_each(|block| block.visited = false);
    }

    /// The first block from `at` on that has instructions.
    fn next_nonempty(&self, mut at: Option<BlockIndex>) -> Option<BlockIndex> {
        while let Some(index) = at {
            if !self.blocks[index].instructions.is_empty() {
                break;
            }
            at = self.blocks[index].next;
        }
        at
    }

    /// Inserts `new` after `at` in the list.
    fn insert_after(&mut self, at: BlockIndex, new: BlockIndex) {
        self.blocks[new].next = self.blocks[at].next;
        self.blocks[at].next = Some(new);
    }
}

struct Order<'g> {
    graph: &'g Graph,
    at: Option<BlockIndex>,
}

impl Iterator for Order<'_> {
    type Item = BlockIndex;
    fn next(&mut self) -> Option<BlockIndex> {
        let index = self.at?;
        self.at = self.graph.blocks[index].next;
        Some(index)
    }
}

fn is_scope_exit(opcode: Op) -> bool {
    matches!(opcode, Op::RETURN_VALUE | Op::RAISE_VARARGS | Op::RERAISE | Op::INTERPRETER_EXIT)
}

fn is_unconditional_jump(opcode: Op) -> bool {
    matches!(
        opcode,
        Op::JUMP | Op::JUMP_NO_INTERRUPT | Op::JUMP_FORWARD | Op::JUMP_BACKWARD | Op::JUMP_BACKWARD_NO_INTERRUPT
    )
}

fn is_conditional_jump(opcode: Op) -> bool {
    matches!(
        opcode,
        Op::POP_JUMP_IF_FALSE | Op::POP_JUMP_IF_TRUE | Op::POP_JUMP_IF_NONE | Op::POP_JUMP_IF_NOT_NONE
    )
}

pub(super) fn is_jump(opcode: Op) -> bool {
    is_unconditional_jump(opcode)
        || is_conditional_jump(opcode)
        || matches!(opcode, Op::FOR_ITER | Op::SEND | Op::END_ASYNC_FOR | Op::JUMP_IF_FALSE | Op::JUMP_IF_TRUE)
}

pub(super) fn is_terminator(opcode: Op) -> bool {
    is_jump(opcode) || is_scope_exit(opcode)
}

/// What the assembler needs of an optimised graph.
pub(super) struct Optimized {
    pub(super) sequence: InstructionSequence,
    pub(super) stack_depth: u32,
    /// Cells that share the slot of a local.
    pub(super) dropped_cells: u32,
}

/// Optimises the code of the unit and lowers it to real instructions (jumps still without direction).
pub(super) fn optimize(unit: &mut Unit<'_>, flags: CodeFlags) -> Result<Optimized, SyntaxError> {
    let mut graph = build::build(&unit.sequence);
    handlers::mark_handlers(&mut graph);
    handlers::assign_handlers(&mut graph);

    blocks::inline_small_or_lineless_blocks(&mut graph);
    blocks::remove_unreachable(&mut graph);
    lines::resolve(&mut graph);
    peephole::optimize_constant_loads(&mut graph, &mut unit.consts);
    peephole::optimize_blocks(&mut graph, &mut unit.consts);
    blocks::remove_redundant_nops_and_pairs(&mut graph);
    blocks::remove_unreachable(&mut graph);
    blocks::remove_redundant_nops_and_jumps(&mut graph);

    peephole::remove_unused_constants(&mut graph, &mut unit.consts);
    let parameters = unit.parameters;
    let parameter_count = parameters.positional_only
        + parameters.positional
        + parameters.keyword_only
        + u32::from(flags.contains(CodeFlags::VARARGS))
        + u32::from(flags.contains(CodeFlags::VARKEYWORDS));
    locals::add_checks(&mut graph, unit.varnames.len() as usize, parameter_count as usize);
    peephole::insert_superinstructions(&mut graph);
    blocks::push_cold_blocks_to_end(&mut graph);
    lines::resolve(&mut graph);

    lowering::convert_pseudo_conditional_jumps(&mut graph);
    let stack_depth = lowering::stack_depth(&mut graph)?;
    let dropped_cells = lowering::prepare_localsplus(&mut graph, unit, flags);
    lowering::convert_pseudo_instructions(&mut graph);
    lowering::normalize_jumps(&mut graph);
    locals::borrow_loads(&mut graph);
    let sequence = lowering::to_sequence(&graph);
    Ok(Optimized { sequence, stack_depth, dropped_cells })
}
