//! Passes that move, join and remove blocks and the instructions that only link them.

use super::{BlockIndex, Graph, Instruction, is_unconditional_jump};
use crate::bytecode::instructions::CodegenOpcode as Op;
use crate::codegen::location::Location;

/// Exits of at most this length are copied to where they are jumped to.
const MAX_COPY_SIZE: usize = 4;

/// Replaces jumps to short exits, and to blocks without lines that end in a jump, by copies of them.
pub(super) fn inline_small_or_lineless_blocks(graph: &mut Graph) {
    loop {
        let mut changed = false;
        for index in graph.order_vec() {
            changed |= inline_into(graph, index);
        }
        if !changed {
            return;
        }
    }
}

fn inline_into(graph: &mut Graph, index: BlockIndex) -> bool {
    let Some(last) = graph.blocks[index].last().copied() else { return false };
    let (true, Some(target)) = (is_unconditional_jump(last.opcode), last.target) else { return false };
    let block = &graph.blocks[target];
    let is_small_exit = block.exits_scope() && block.instructions.len() <= MAX_COPY_SIZE;
    let is_lineless = block.has_no_line() && !block.has_fallthrough();
    if !is_small_exit && !is_lineless {
        return false;
    }
    let copies = block.instructions.clone();
    let block = &mut graph.blocks[index];
    if let Some(jump) = block.instructions.last_mut() {
        jump.set_nop();
    }
    block.instructions.extend(copies);
    if is_lineless
        && let Some(new_last) = block.instructions.last_mut()
        && is_unconditional_jump(new_last.opcode)
        && last.opcode == Op::JUMP
    {
        // An endless loop stays interruptible.
        new_last.opcode = Op::JUMP;
    }
    let predecessors = &mut graph.blocks[target].predecessors;
    *predecessors = predecessors.saturating_sub(1);
    true
}

/// Empties blocks that cannot be reached, and counts the predecessors of the others.
pub(super) fn remove_unreachable(graph: &mut Graph) {
    graph.clear_visited();
    graph.blocks.iter_mut().for_each(|block| block.predecessors = 0);
    let entry = graph.entry;
    graph.blocks[entry].predecessors = 1;
    graph.blocks[entry].visited = true;
    let mut todo = vec![entry];
    while let Some(index) = todo.pop() {
        let block = &graph.blocks[index];
        let fallthrough = if block.has_fallthrough() { block.next } else { None };
        let targets: Vec<BlockIndex> = fallthrough
            .into_iter()
            .chain(block.instructions.iter().filter_map(|instruction| {
                if instruction.is_jump() || instruction.is_block_push() { instruction.target } else { None }
            }))
            .collect();
        for target in targets {
            let block = &mut graph.blocks[target];
            block.predecessors += 1;
            if !block.visited {
                block.visited = true;
                todo.push(target);
            }
        }
    }
    for index in graph.order_vec() {
        let block = &mut graph.blocks[index];
        if block.predecessors == 0 {
            block.shrink_to(Vec::new());
            block.is_handler = false;
        }
    }
}

/// Removes the NOPs of one block that no line needs.
fn remove_redundant_nops_of(graph: &mut Graph, index: BlockIndex) {
    if !graph.blocks[index].instructions.iter().any(|instruction| instruction.opcode == Op::NOP) {
        return;
    }
    let mut instructions = graph.blocks[index].instructions.clone();
    let mut kept: Vec<Instruction> = Vec::with_capacity(instructions.len());
    let mut previous_line = -1;
    for at in 0..instructions.len() {
        let instruction = instructions[at];
        let line = instruction.location.line;
        if instruction.opcode == Op::NOP {
            if line == Location::NONE.line || previous_line == line {
                continue;
            }
            if let Some(next) = instructions.get_mut(at + 1) {
                if next.location.line == line {
                    continue;
                }
                if next.location.line == Location::NONE.line {
                    next.location = instruction.location;
                    continue;
                }
            } else if let Some(next) = graph.next_nonempty(graph.blocks[index].next) {
                let next_line = graph.blocks[next]
                    .instructions
                    .iter()
                    .find(|instruction| instruction.opcode != Op::NOP || instruction.location.has_line())
                    .map_or(Location::NONE.line, |instruction| instruction.location.line);
                if line == next_line {
                    continue;
                }
            }
        }
        kept.push(instruction);
        previous_line = line;
    }
    graph.blocks[index].shrink_to(kept);
}

pub(super) fn remove_redundant_nops(graph: &mut Graph) {
    for index in graph.order_vec() {
        remove_redundant_nops_of(graph, index);
    }
}

/// Also removes values that are popped at once.
pub(super) fn remove_redundant_nops_and_pairs(graph: &mut Graph) {
    loop {
        let mut done = true;
        // The instruction before, across blocks that are entered from nowhere else.
        let mut previous: Option<(BlockIndex, usize)> = None;
        for index in graph.order_vec() {
            remove_redundant_nops_of(graph, index);
            if graph.blocks[index].is_labelled {
                previous = None;
            }
            for at in 0..graph.blocks[index].instructions.len() {
                if let Some((block, position)) = previous
                    && graph.blocks[index].instructions[at].opcode == Op::POP_TOP
                {
                    let before = graph.blocks[block].instructions[position];
                    let is_pure = matches!(before.opcode, Op::LOAD_CONST | Op::LOAD_SMALL_INT)
                        || (before.opcode == Op::COPY && before.arg == 1);
                    if is_pure {
                        graph.blocks[block].instructions[position].set_nop();
                        graph.blocks[index].instructions[at].set_nop();
                        done = false;
                    }
                }
                previous = Some((index, at));
            }
            let block = &graph.blocks[index];
            let ends_in_jump = previous.is_some_and(|(block, at)| graph.blocks[block].instructions[at].is_jump());
            if ends_in_jump || !block.has_fallthrough() {
                previous = None;
            }
        }
        if done {
            return;
        }
    }
}

pub(super) fn remove_redundant_nops_and_jumps(graph: &mut Graph) {
    loop {
        remove_redundant_nops(graph);
        if !remove_redundant_jumps(graph) {
            return;
        }
    }
}

/// Jumps to where control goes anyway.
fn remove_redundant_jumps(graph: &mut Graph) -> bool {
    let mut changed = false;
    for index in graph.order_vec() {
        let Some(last) = graph.blocks[index].last() else { continue };
        if !is_unconditional_jump(last.opcode) {
            continue;
        }
        let target = graph.next_nonempty(last.target);
        if target.is_some()
            && target == graph.next_nonempty(graph.blocks[index].next)
            && let Some(last) = graph.blocks[index].instructions.last_mut()
        {
            last.set_nop();
            changed = true;
        }
    }
    changed
}

/// Moves the blocks that only exceptions lead to behind all others.
pub(super) fn push_cold_blocks_to_end(graph: &mut Graph) {
    let entry = graph.entry;
    if graph.blocks[entry].next.is_none() {
        return;
    }
    mark_warm_and_cold(graph);
    // A cold block that falls through to a warm one needs a jump.
    for index in graph.order_vec() {
        let block = &graph.blocks[index];
        let Some(next) = block.next else { continue };
        if block.is_cold && block.has_fallthrough() && graph.blocks[next].is_warm {
            let jump = graph.new_block();
            graph.blocks[next].is_labelled = true;
            let mut instruction = Instruction::new(Op::JUMP_NO_INTERRUPT, 0, Location::NONE);
            instruction.target = Some(next);
            let block = &mut graph.blocks[jump];
            block.instructions.push(instruction);
            block.is_cold = true;
            block.predecessors = 1;
            graph.insert_after(index, jump);
        }
    }
    let (cold, warm): (Vec<BlockIndex>, Vec<BlockIndex>) =
        graph.order_vec().into_iter().partition(|&index| graph.blocks[index].is_cold);
    let order: Vec<BlockIndex> = warm.into_iter().chain(cold.iter().copied()).collect();
    for (position, &index) in order.iter().enumerate() {
        graph.blocks[index].next = order.get(position + 1).copied();
    }
    if !cold.is_empty() {
        remove_redundant_nops_and_jumps(graph);
    }
}

fn mark_warm_and_cold(graph: &mut Graph) {
    graph.clear_visited();
    let entry = graph.entry;
    graph.blocks[entry].visited = true;
    let mut todo = vec![entry];
    while let Some(index) = todo.pop() {
        graph.blocks[index].is_warm = true;
        push_successors(graph, index, &mut todo);
    }
    graph.clear_visited();
    for index in graph.order_vec() {
        if graph.blocks[index].is_handler {
            graph.blocks[index].visited = true;
            todo.push(index);
        }
    }
    while let Some(index) = todo.pop() {
        graph.blocks[index].is_cold = true;
        push_successors(graph, index, &mut todo);
    }
}

/// What follows a block other than by an exception, unless visited or known to be warm.
fn push_successors(graph: &mut Graph, index: BlockIndex, todo: &mut Vec<BlockIndex>) {
    let block = &graph.blocks[index];
    let fallthrough = if block.has_fallthrough() { block.next } else { None };
    let jump = block.last().filter(|last| last.is_jump()).and_then(|last| last.target);
    for successor in fallthrough.into_iter().chain(jump) {
        let block = &mut graph.blocks[successor];
        if !block.is_warm && !block.visited {
            block.visited = true;
            todo.push(successor);
        }
    }
}
