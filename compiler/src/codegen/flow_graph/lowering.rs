//! From pseudo instructions to real ones, stack depth, the prefix of a frame, and back to a sequence.

use super::{BlockIndex, Graph, Instruction, is_conditional_jump, is_scope_exit, is_unconditional_jump};
use crate::bytecode::code::CodeFlags;
use crate::bytecode::instructions::CodegenOpcode as Op;
use crate::codegen::instruction_sequence::{HandlerInfo, InstructionSequence, Label};
use crate::codegen::location::Location;
use crate::codegen::syntax_error;
use crate::codegen::unit::Unit;
use crate::syntax::ast::Span;
use crate::syntax::error::SyntaxError;

/// JUMP_IF_* keep the value that they test.
pub(super) fn convert_pseudo_conditional_jumps(graph: &mut Graph) {
    for index in graph.order_vec() {
        let code = &mut graph.blocks[index].instructions;
        let Some(last) = code.last_mut() else { continue };
        last.opcode = match last.opcode {
            Op::JUMP_IF_FALSE => Op::POP_JUMP_IF_FALSE,
            Op::JUMP_IF_TRUE => Op::POP_JUMP_IF_TRUE,
            _ => continue,
        };
        let jump = *last;
        code.pop();
        code.push(Instruction { opcode: Op::COPY, arg: 1, target: None, ..jump });
        code.push(Instruction { opcode: Op::TO_BOOL, arg: 0, target: None, ..jump });
        code.push(jump);
    }
}

/// The depth of the stack at the start of every block; returns the largest anywhere.
pub(super) fn stack_depth(graph: &mut Graph) -> Result<u32, SyntaxError> {
    let entry = graph.entry;
    graph.blocks.iter_mut().for_each(|block| block.start_depth = -1);
    graph.blocks[entry].start_depth = 0;
    let mut todo = vec![entry];
    let mut largest = 0;
    while let Some(index) = todo.pop() {
        let mut depth = i64::from(graph.blocks[index].start_depth);
        let mut next = graph.blocks[index].next;
        for at in 0..graph.blocks[index].instructions.len() {
            let instruction = graph.blocks[index].instructions[at];
            largest = largest.max(depth);
            if let Some(target) = instruction.target
                && instruction.opcode != Op::END_ASYNC_FOR
            {
                let target_depth = depth + jump_effect(&instruction);
                largest = largest.max(target_depth);
                reach(graph, target, target_depth, &mut todo);
            }
            depth += instruction.opcode.stack_effect(instruction.arg, false);
            if depth < 0 {
                return Err(syntax_error("internal error: stack underflow".to_owned(), Span::default()));
            }
            largest = largest.max(depth);
            if is_unconditional_jump(instruction.opcode) || is_scope_exit(instruction.opcode) {
                next = None;
                break;
            }
        }
        if let Some(next) = next {
            reach(graph, next, depth, &mut todo);
        }
    }
    Ok(u32::try_from(largest).unwrap_or(u32::MAX))
}

/// The change of depth where the instruction jumps to.
fn jump_effect(instruction: &Instruction) -> i64 {
    instruction.opcode.stack_effect(instruction.arg, true)
}

fn reach(graph: &mut Graph, index: BlockIndex, depth: i64, todo: &mut Vec<BlockIndex>) {
    let block = &mut graph.blocks[index];
    if block.start_depth < 0 {
        block.start_depth = depth as i32;
        todo.push(index);
    }
}

/// Inserts what a frame begins with and gives cells their slots. Returns how many cells share the slot of a local.
pub(super) fn prepare_localsplus(graph: &mut Graph, unit: &Unit<'_>, flags: CodeFlags) -> u32 {
    let locals = unit.varnames.len();
    let cells = unit.cellvars.len();
    let frees = unit.freevars.len();
    let mut slots: Vec<u32> = (0..cells + frees).map(|cell| locals + cell).collect();
    for (cell, name) in unit.cellvars.names.iter().enumerate() {
        if let Some(local) = unit.varnames.get(name) {
            slots[cell] = local;
        }
    }

    let mut prefix: Vec<Instruction> = Vec::new();
    if frees > 0 {
        prefix.push(Instruction::new(Op::COPY_FREE_VARS, frees, Location::NONE));
    }
    let mut cells_by_slot: Vec<u32> = (0..cells).collect();
    cells_by_slot.sort_by_key(|&cell| slots[cell as usize]);
    prefix.extend(cells_by_slot.into_iter().map(|cell| Instruction::new(Op::MAKE_CELL, cell, Location::NONE)));
    if flags.intersects(CodeFlags::GENERATOR | CodeFlags::COROUTINE | CodeFlags::ASYNC_GENERATOR) {
        let location = Location { line: unit.first_line, end_line: unit.first_line, col: -1, end_col: -1 };
        prefix.push(Instruction::new(Op::RETURN_GENERATOR, 0, location));
        prefix.push(Instruction::new(Op::POP_TOP, 0, location));
    }
    let entry = graph.entry;
    graph.blocks[entry].instructions.splice(0..0, prefix);

    let mut dropped = 0;
    for (cell, slot) in slots.iter_mut().enumerate() {
        if *slot == cell as u32 + locals {
            *slot -= dropped;
        } else {
            dropped += 1;
        }
    }
    for index in graph.order_vec() {
        for instruction in &mut graph.blocks[index].instructions {
            if matches!(
                instruction.opcode,
                Op::MAKE_CELL
                    | Op::LOAD_CLOSURE
                    | Op::LOAD_DEREF
                    | Op::STORE_DEREF
                    | Op::DELETE_DEREF
                    | Op::LOAD_FROM_DICT_OR_DEREF
            ) && let Some(slot) = slots.get(instruction.arg as usize)
            {
                instruction.arg = *slot;
            }
        }
    }
    dropped
}

pub(super) fn convert_pseudo_instructions(graph: &mut Graph) {
    for index in graph.order_vec() {
        for instruction in &mut graph.blocks[index].instructions {
            match instruction.opcode {
                Op::LOAD_CLOSURE => instruction.opcode = Op::LOAD_FAST,
                Op::STORE_FAST_MAYBE_NULL => instruction.opcode = Op::STORE_FAST,
                _ if instruction.is_block_push() => instruction.set_nop(),
                _ => {}
            }
        }
    }
    super::blocks::remove_redundant_nops(graph);
}

/// Conditional jumps go forward: one that would go back is inverted around a jump back. NOT_TAKEN marks the other
/// side.
pub(super) fn normalize_jumps(graph: &mut Graph) {
    graph.clear_visited();
    let mut at = Some(graph.entry);
    while let Some(index) = at {
        graph.blocks[index].visited = true;
        if let Some(last) = graph.blocks[index].last().copied()
            && is_conditional_jump(last.opcode)
            && let Some(target) = last.target
        {
            if !graph.blocks[target].visited {
                graph.blocks[index].push_new(Instruction::new(Op::NOT_TAKEN, 0, last.location));
            } else {
                jump_back_around(graph, index, target, last);
            }
        }
        at = graph.blocks[index].next;
    }
}

fn jump_back_around(graph: &mut Graph, index: BlockIndex, target: BlockIndex, last: Instruction) {
    let inverted = match last.opcode {
        Op::POP_JUMP_IF_FALSE => Op::POP_JUMP_IF_TRUE,
        Op::POP_JUMP_IF_TRUE => Op::POP_JUMP_IF_FALSE,
        Op::POP_JUMP_IF_NONE => Op::POP_JUMP_IF_NOT_NONE,
        _ => Op::POP_JUMP_IF_NONE,
    };
    let next = graph.blocks[index].next;
    let backward = graph.new_block();
    let (start_depth, is_cold) = (graph.blocks[target].start_depth, graph.blocks[index].is_cold);
    let block = &mut graph.blocks[backward];
    block.instructions.push(Instruction::new(Op::NOT_TAKEN, 0, last.location));
    block.instructions.push(Instruction { opcode: Op::JUMP, arg: 0, except: None, ..last });
    block.start_depth = start_depth;
    block.is_cold = is_cold;
    if let Some(last) = graph.blocks[index].instructions.last_mut() {
        last.opcode = inverted;
        last.target = next;
    }
    graph.insert_after(index, backward);
}

/// The blocks in a row, each with a label.
pub(super) fn to_sequence(graph: &Graph) -> InstructionSequence {
    let mut sequence = InstructionSequence::default();
    let order = graph.order_vec();
    let mut labels: Vec<Option<Label>> = vec![None; graph.blocks.len()];
    for &index in &order {
        labels[index] = Some(sequence.new_label());
    }
    for &index in &order {
        if let Some(label) = labels[index] {
            sequence.use_label(label);
        }
        for instruction in &graph.blocks[index].instructions {
            let target = instruction.target.filter(|_| instruction.is_jump()).and_then(|target| labels[target]);
            let arg = target.map_or(instruction.arg, |label| label.0);
            sequence.push(instruction.opcode, arg, instruction.location);
            let handler = instruction.except.and_then(|except| {
                labels[except].map(|target| HandlerInfo {
                    target,
                    start_depth: graph.blocks[except].start_depth,
                    preserve_lasti: graph.blocks[except].preserve_lasti,
                })
            });
            if let Some(last) = sequence.instructions.last_mut() {
                last.handler = handler;
            }
        }
    }
    sequence
}
