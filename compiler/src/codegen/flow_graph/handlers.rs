//! Which handler covers each instruction.

use super::{BlockIndex, Graph};
use crate::bytecode::instructions::CodegenOpcode as Op;

/// Bit of RESUME: the frame is at depth 1 of exception regions, that is, only in the generator's own handler.
const RESUME_DEPTH1: u32 = 4;

pub(super) fn mark_handlers(graph: &mut Graph) {
    for index in graph.order_vec() {
        let targets: Vec<BlockIndex> = graph.blocks[index]
            .instructions
            .iter()
            .filter(|instruction| instruction.is_block_push())
            .filter_map(|instruction| instruction.target)
            .collect();
        targets.into_iter().for_each(|target| graph.blocks[target].is_handler = true);
    }
}

/// Follows the regions that SETUP_* opens and POP_BLOCK closes along all paths; POP_BLOCK becomes NOP.
pub(super) fn assign_handlers(graph: &mut Graph) {
    graph.clear_visited();
    let mut todo: Vec<(BlockIndex, Vec<BlockIndex>)> = vec![(graph.entry, Vec::new())];
    let entry = graph.entry;
    graph.blocks[entry].visited = true;
    while let Some((index, mut open)) = todo.pop() {
        let mut last_yield_depth = None;
        for at in 0..graph.blocks[index].instructions.len() {
            let instruction = &mut graph.blocks[index].instructions[at];
            if instruction.is_block_push() {
                let (opcode, target) = (instruction.opcode, instruction.target);
                let Some(target) = target else { continue };
                if !graph.blocks[target].visited {
                    graph.blocks[target].visited = true;
                    todo.push((target, open.clone()));
                }
                if opcode != Op::SETUP_FINALLY {
                    graph.blocks[target].preserve_lasti = true;
                }
                open.push(target);
                continue;
            }
            if instruction.opcode == Op::POP_BLOCK {
                open.pop();
                instruction.set_nop();
                continue;
            }
            instruction.except = open.last().copied();
            match instruction.opcode {
                Op::RESUME if instruction.arg != 0 => {
                    if last_yield_depth.take() == Some(1) {
                        instruction.arg |= RESUME_DEPTH1;
                    }
                }
                Op::YIELD_VALUE => last_yield_depth = Some(open.len()),
                _ => {
                    if instruction.is_jump()
                        && let Some(target) = instruction.target
                        && !graph.blocks[target].visited
                    {
                        graph.blocks[target].visited = true;
                        todo.push((target, open.clone()));
                    }
                }
            }
        }
        let block = &graph.blocks[index];
        if block.has_fallthrough()
            && let Some(next) = block.next
            && !graph.blocks[next].visited
        {
            graph.blocks[next].visited = true;
            todo.push((next, open));
        }
    }
}
