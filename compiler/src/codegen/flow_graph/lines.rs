//! Lines for instructions that have none of their own.

use super::{Block, BlockIndex, Graph};
use crate::bytecode::instructions::CodegenOpcode as Op;
use crate::codegen::location::Location;

pub(super) fn resolve(graph: &mut Graph) {
    duplicate_lineless_exits(graph);
    propagate(graph);
}

/// An exit, or a block that polls, without a line: it is to show the line it was reached from.
fn is_lineless_exit_or_poll(block: &Block) -> bool {
    let polls = |opcode: Op| {
        matches!(
            opcode,
            Op::JUMP | Op::JUMP_BACKWARD | Op::RESUME | Op::CALL | Op::CALL_FUNCTION_EX | Op::CALL_KW
        )
    };
    (block.exits_scope() || block.instructions.iter().any(|instruction| polls(instruction.opcode)))
        && block.has_no_line()
}

/// Gives every jump to such a block a copy of its own.
fn duplicate_lineless_exits(graph: &mut Graph) {
    let mut at = Some(graph.entry);
    while let Some(index) = at {
        if let Some(last) = graph.blocks[index].last().copied()
            && last.is_jump()
            && let Some(target) = graph.next_nonempty(last.target)
            && graph.blocks[target].predecessors > 1
            && is_lineless_exit_or_poll(&graph.blocks[target])
        {
            let copy = graph.new_block();
            let instructions = graph.blocks[target].instructions.clone();
            let block = &mut graph.blocks[copy];
            block.instructions = instructions;
            if let Some(first) = block.instructions.first_mut() {
                first.location = last.location;
            }
            block.predecessors = 1;
            block.is_labelled = true;
            graph.blocks[target].predecessors -= 1;
            graph.insert_after(target, copy);
            if let Some(last) = graph.blocks[index].instructions.last_mut() {
                last.target = Some(copy);
            }
        }
        at = graph.blocks[index].next;
    }
    // What is left is reached by falling through.
    for index in graph.order_vec() {
        let block = &graph.blocks[index];
        let (true, Some(next), Some(last)) = (block.has_fallthrough(), block.next, block.last()) else { continue };
        let location = last.location;
        if is_lineless_exit_or_poll(&graph.blocks[next])
            && let Some(first) = graph.blocks[next].instructions.first_mut()
        {
            first.location = location;
        }
    }
}

/// Lines go on to the next instruction, and into blocks with one predecessor.
fn propagate(graph: &mut Graph) {
    for index in graph.order_vec() {
        let mut previous = Location::NONE;
        let block = &mut graph.blocks[index];
        for instruction in &mut block.instructions {
            if instruction.location.line == Location::NONE.line {
                instruction.location = previous;
            } else {
                previous = instruction.location;
            }
        }
        let Some(last) = block.last().copied() else { continue };
        let fallthrough = if block.has_fallthrough() { block.next } else { None };
        let jump = if last.is_jump() { last.target } else { None };
        fallthrough.into_iter().chain(jump).for_each(|successor| inherit(graph, successor, previous));
    }
}

fn inherit(graph: &mut Graph, index: BlockIndex, location: Location) {
    let block = &mut graph.blocks[index];
    if block.predecessors == 1
        && let Some(first) = block.instructions.first_mut()
        && first.location.line == Location::NONE.line
    {
        first.location = location;
    }
}
