//! From a sequence with labels to blocks.

use super::{BlockIndex, Graph, Instruction, is_jump, is_terminator};
use crate::bytecode::instructions::CodegenOpcode as Op;
use crate::codegen::instruction_sequence::{InstructionSequence, Label};

pub(super) fn build(sequence: &InstructionSequence) -> Graph {
    let count = sequence.instructions.len();
    let mut is_target = vec![false; count + 1];
    let has_target =
        |opcode: Op| is_jump(opcode) || matches!(opcode, Op::SETUP_FINALLY | Op::SETUP_CLEANUP | Op::SETUP_WITH);
    for instruction in &sequence.instructions {
        if has_target(instruction.opcode)
            && let Some(position) = sequence.position(Label(instruction.arg))
        {
            is_target[position] = true;
        }
    }

    let mut graph = Graph { blocks: Vec::new(), entry: 0 };
    let mut current = graph.new_block();
    let mut block_of_position: Vec<Option<BlockIndex>> = vec![None; count + 1];
    // Jumps whose targets are found at the end: block, instruction, position.
    let mut unresolved: Vec<(BlockIndex, usize, usize)> = Vec::new();
    for (position, instruction) in sequence.instructions.iter().enumerate() {
        if instruction.opcode == Op::ANNOTATIONS_PLACEHOLDER {
            for front in sequence.annotations.iter().flatten() {
                current = block_for_next(&mut graph, current, false);
                let copy = Instruction::new(front.opcode, front.arg, front.location);
                graph.blocks[current].instructions.push(copy);
            }
            continue;
        }
        current = block_for_next(&mut graph, current, is_target[position]);
        if is_target[position] {
            block_of_position[position] = Some(current);
        }
        let block = &mut graph.blocks[current];
        if has_target(instruction.opcode) {
            if let Some(target) = sequence.position(Label(instruction.arg)) {
                unresolved.push((current, block.instructions.len(), target));
            }
            block.instructions.push(Instruction::new(instruction.opcode, 0, instruction.location));
        } else {
            block.instructions.push(Instruction::new(instruction.opcode, instruction.arg, instruction.location));
        }
    }
    for (block, at, position) in unresolved {
        graph.blocks[block].instructions[at].target = block_of_position[position];
    }
    graph
}

/// The block for the next instruction, with a label in front of it or not.
fn block_for_next(graph: &mut Graph, current: BlockIndex, labelled: bool) -> BlockIndex {
    let block = &mut graph.blocks[current];
    let is_terminated = block.last().is_some_and(|last| is_terminator(last.opcode));
    if !is_terminated {
        if !labelled {
            return current;
        }
        if block.instructions.is_empty() && !block.is_labelled {
            block.is_labelled = true;
            return current;
        }
    }
    let new = graph.new_block();
    graph.blocks[new].is_labelled = labelled;
    graph.blocks[current].next = Some(new);
    new
}
