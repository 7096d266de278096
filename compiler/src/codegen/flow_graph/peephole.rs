//! Local rewriting: constants, conditions, jumps to jumps, pairs of local accesses.

use super::{Block, BlockIndex, Graph, Instruction, blocks, folding, swaps};
use crate::bytecode::code::Const;
use crate::bytecode::instructions::{BinaryOperation, CodegenOpcode as Op, Intrinsic1};
use crate::codegen::compiler::STACK_USE_GUIDELINE;
use crate::codegen::constants::ConstTable;
use crate::codegen::location::Location;

/// Shorter displays of constants are built item by item.
const MIN_CONST_SEQUENCE_SIZE: usize = 3;

fn loads_constant(opcode: Op) -> bool {
    matches!(opcode, Op::LOAD_CONST | Op::LOAD_SMALL_INT)
}

fn constant_of(opcode: Op, arg: u32, consts: &ConstTable) -> Option<Const> {
    match opcode {
        Op::LOAD_SMALL_INT => Some(Const::Int(i64::from(arg))),
        Op::LOAD_CONST => consts.get(arg).cloned(),
        _ => None,
    }
}

fn small_int(constant: &Const) -> Option<u32> {
    match constant {
        Const::Int(value @ 0..=255) => Some(*value as u32),
        _ => None,
    }
}

fn make_load(instruction: &mut Instruction, constant: Const, consts: &mut ConstTable) {
    match small_int(&constant) {
        Some(value) => instruction.set(Op::LOAD_SMALL_INT, value),
        None => instruction.set(Op::LOAD_CONST, consts.add(constant)),
    }
}

/// Small ints, conditions on constants, comparisons with None.
pub(super) fn optimize_constant_loads(graph: &mut Graph, consts: &mut ConstTable) {
    for index in graph.order_vec() {
        optimize_constant_loads_of(&mut graph.blocks[index], consts);
    }
}

fn optimize_constant_loads_of(block: &mut Block, consts: &mut ConstTable) {
    let code = &mut block.instructions;
    // The load that gave the top of the stack, also through COPY 1.
    let (mut opcode, mut arg) = (Op::NOP, 0);
    for at in 0..code.len() {
        if code[at].opcode == Op::LOAD_CONST
            && let Some(value) = consts.get(code[at].arg).and_then(small_int)
        {
            code[at].set(Op::LOAD_SMALL_INT, value);
        }
        let is_copy_of_load = opcode == Op::LOAD_CONST && code[at].opcode == Op::COPY && code[at].arg == 1;
        if !is_copy_of_load {
            (opcode, arg) = (code[at].opcode, code[at].arg);
        }
        if !loads_constant(opcode) {
            continue;
        }
        let Some(next) = code.get(at + 1).map(|next| next.opcode) else { continue };
        match next {
            Op::POP_JUMP_IF_FALSE | Op::POP_JUMP_IF_TRUE | Op::JUMP_IF_FALSE | Op::JUMP_IF_TRUE => {
                let Some(constant) = constant_of(opcode, arg, consts) else { continue };
                let jumps_if = matches!(next, Op::POP_JUMP_IF_TRUE | Op::JUMP_IF_TRUE);
                // JUMP_IF_* keep the value, for the POP_TOP that follows or for the target.
                if matches!(next, Op::POP_JUMP_IF_FALSE | Op::POP_JUMP_IF_TRUE) {
                    code[at].set_nop();
                }
                if folding::truth(&constant) == jumps_if {
                    code[at + 1].opcode = Op::JUMP;
                } else {
                    code[at + 1].set_nop();
                }
            }
            Op::IS_OP => {
                if !matches!(constant_of(opcode, arg, consts), Some(Const::None)) {
                    continue;
                }
                let mut jump = at + 2;
                let Some(after) = code.get_mut(jump) else { continue };
                if after.opcode == Op::TO_BOOL {
                    after.set_nop();
                    jump += 1;
                }
                let mut inverted = code[at + 1].arg != 0;
                match code.get(jump).map(|jump| jump.opcode) {
                    Some(Op::POP_JUMP_IF_FALSE) => inverted = !inverted,
                    Some(Op::POP_JUMP_IF_TRUE) => {}
                    _ => continue,
                }
                code[at].set_nop();
                code[at + 1].set_nop();
                code[jump].opcode = if inverted { Op::POP_JUMP_IF_NOT_NONE } else { Op::POP_JUMP_IF_NONE };
            }
            Op::TO_BOOL => {
                let Some(constant) = constant_of(opcode, arg, consts) else { continue };
                let value = if folding::truth(&constant) { Const::True } else { Const::False };
                let index = consts.add(value);
                code[at].set_nop();
                code[at + 1].set(Op::LOAD_CONST, index);
            }
            _ => {}
        }
    }
}

pub(super) fn optimize_blocks(graph: &mut Graph, consts: &mut ConstTable) {
    for index in graph.order_vec() {
        optimize_block(graph, index, consts);
        let code = &mut graph.blocks[index].instructions;
        let mut at = 0;
        while at < code.len() {
            if code[at].opcode == Op::SWAP {
                at = swaps::optimize_run(code, at);
                swaps::apply_static(code, at);
            }
            at += 1;
        }
    }
}

fn optimize_block(graph: &mut Graph, index: BlockIndex, consts: &mut ConstTable) {
    let mut at = 0;
    while at < graph.blocks[index].instructions.len() {
        let instruction = graph.blocks[index].instructions[at];
        let target = instruction
            .target
            .filter(|_| instruction.is_jump() || instruction.is_block_push())
            .and_then(|target| graph.blocks[target].instructions.first().copied());
        let target_opcode = target.map_or(Op::NOP, |target| target.opcode);
        let threaded = match (instruction.opcode, target_opcode) {
            (
                Op::POP_JUMP_IF_NONE | Op::POP_JUMP_IF_NOT_NONE | Op::POP_JUMP_IF_FALSE | Op::POP_JUMP_IF_TRUE,
                Op::JUMP,
            ) => Some(instruction.opcode),
            (Op::JUMP_IF_FALSE, Op::JUMP | Op::JUMP_IF_FALSE) => Some(Op::JUMP_IF_FALSE),
            (Op::JUMP_IF_TRUE, Op::JUMP | Op::JUMP_IF_TRUE) => Some(Op::JUMP_IF_TRUE),
            (Op::JUMP | Op::JUMP_NO_INTERRUPT, Op::JUMP) => Some(Op::JUMP),
            (Op::JUMP | Op::JUMP_NO_INTERRUPT, Op::JUMP_NO_INTERRUPT) => Some(instruction.opcode),
            (Op::JUMP_IF_FALSE, Op::JUMP_IF_TRUE) | (Op::JUMP_IF_TRUE, Op::JUMP_IF_FALSE) => {
                // The condition is known there: go on after it.
                let next = instruction.target.and_then(|target| graph.blocks[target].next);
                if next.is_some() {
                    graph.blocks[index].instructions[at].target = next;
                    continue;
                }
                None
            }
            _ => None,
        };
        if let (Some(opcode), Some(target)) = (threaded, target) {
            if thread_jump(&mut graph.blocks[index], at, target, opcode) {
                continue;
            }
        } else {
            rewrite(&mut graph.blocks[index].instructions, at, consts);
        }
        at += 1;
    }
}

/// Leaves a NOP for the line and appends a jump to where the target jumps.
fn thread_jump(block: &mut Block, at: usize, target: Instruction, opcode: Op) -> bool {
    if block.instructions[at].target == target.target {
        return false;
    }
    block.instructions[at].set_nop();
    block.push_new(Instruction { opcode, arg: 0, location: target.location, target: target.target, except: None });
    true
}

fn rewrite(code: &mut [Instruction], at: usize, consts: &mut ConstTable) {
    let Instruction { opcode, arg, location, .. } = code[at];
    let next = code.get(at + 1).map_or(Op::NOP, |next| next.opcode);
    match opcode {
        Op::BUILD_TUPLE => {
            if next == Op::UNPACK_SEQUENCE && code[at + 1].arg == arg {
                match arg {
                    1 => {
                        code[at].set_nop();
                        code[at + 1].set_nop();
                        return;
                    }
                    2 | 3 => {
                        code[at].set_nop();
                        code[at + 1].opcode = Op::SWAP;
                        return;
                    }
                    _ => {}
                }
            }
            fold_tuple(code, at, consts);
        }
        Op::BUILD_LIST | Op::BUILD_SET => fold_list_or_set(code, at, next, consts),
        Op::COMPARE_OP if next == Op::TO_BOOL => {
            const TO_BOOL: u32 = 16;
            code[at].set_nop();
            code[at + 1].set(Op::COMPARE_OP, arg | TO_BOOL);
        }
        Op::CONTAINS_OP | Op::IS_OP if next == Op::TO_BOOL => {
            code[at].set_nop();
            code[at + 1].set(opcode, arg);
        }
        Op::CONTAINS_OP | Op::IS_OP if next == Op::UNARY_NOT => {
            code[at].set_nop();
            code[at + 1].set(opcode, arg ^ 1);
        }
        Op::TO_BOOL if next == Op::TO_BOOL => code[at].set_nop(),
        Op::UNARY_NOT if next == Op::TO_BOOL => {
            code[at].set_nop();
            code[at + 1].set(Op::UNARY_NOT, 0);
        }
        Op::UNARY_NOT if next == Op::UNARY_NOT => {
            code[at].set_nop();
            code[at + 1].set_nop();
        }
        Op::UNARY_NOT | Op::UNARY_INVERT | Op::UNARY_NEGATIVE => fold_unary(code, at, consts),
        Op::LIST_APPEND | Op::SET_ADD if matches!(next, Op::GET_ITER | Op::CONTAINS_OP) => {
            let build = if opcode == Op::LIST_APPEND { Op::BUILD_LIST } else { Op::BUILD_SET };
            fold_built_constants(code, at, at + 1, build, consts);
        }
        Op::CALL_INTRINSIC_1 if arg == Intrinsic1::ListToTuple as u32 => {
            let is_folded = fold_built_constants(code, at, at, Op::BUILD_LIST, consts);
            if !is_folded && next == Op::GET_ITER {
                code[at].set_nop();
            }
        }
        Op::CALL_INTRINSIC_1 if arg == Intrinsic1::UnaryPositive as u32 => fold_unary(code, at, consts),
        Op::BINARY_OP => fold_binary(code, at, consts),
        Op::STORE_FAST if next == Op::STORE_FAST => {
            let next = &code[at + 1];
            if next.arg == arg && next.location.line == location.line {
                code[at].set(Op::POP_TOP, 0);
            }
        }
        Op::SWAP if arg == 1 => code[at].set_nop(),
        Op::LOAD_GLOBAL if next == Op::PUSH_NULL && arg & 1 == 0 => {
            code[at].arg = arg | 1;
            code[at + 1].set_nop();
        }
        _ => {}
    }
}

/// The positions of the `count` constant loads before `at`, with nothing but NOPs between.
fn constant_loads_before(code: &[Instruction], at: usize, count: usize) -> Option<Vec<usize>> {
    let mut found = Vec::with_capacity(count);
    let mut position = at;
    while found.len() < count {
        position = position.checked_sub(1)?;
        match code[position].opcode {
            Op::NOP => {}
            opcode if loads_constant(opcode) => found.push(position),
            _ => return None,
        }
    }
    found.reverse();
    Some(found)
}

fn constants_at(code: &[Instruction], positions: &[usize], consts: &ConstTable) -> Option<Vec<Const>> {
    positions.iter().map(|&at| constant_of(code[at].opcode, code[at].arg, consts)).collect()
}

fn remove(code: &mut [Instruction], positions: &[usize]) {
    for &at in positions {
        code[at].set_nop();
        code[at].location = Location::NONE;
    }
}

fn fold_tuple(code: &mut [Instruction], at: usize, consts: &mut ConstTable) {
    let size = code[at].arg as usize;
    if size > STACK_USE_GUIDELINE {
        return;
    }
    let Some(loads) = constant_loads_before(code, at, size) else { return };
    let Some(items) = constants_at(code, &loads, consts) else { return };
    remove(code, &loads);
    make_load(&mut code[at], Const::Tuple(items), consts);
}

fn fold_list_or_set(code: &mut [Instruction], at: usize, next: Op, consts: &mut ConstTable) {
    let Instruction { opcode, arg, location, .. } = code[at];
    let only_read = matches!(next, Op::GET_ITER | Op::CONTAINS_OP);
    let size = arg as usize;
    if size > STACK_USE_GUIDELINE || (size < MIN_CONST_SEQUENCE_SIZE && !only_read) {
        return;
    }
    let Some(loads) = constant_loads_before(code, at, size) else {
        if only_read && opcode == Op::BUILD_LIST {
            code[at].opcode = Op::BUILD_TUPLE;
        }
        return;
    };
    let Some(items) = constants_at(code, &loads, consts) else { return };
    let constant = if opcode == Op::BUILD_SET { Const::FrozenSet(distinct(items)) } else { Const::Tuple(items) };
    let index = consts.add(constant);
    remove(code, &loads);
    if only_read {
        code[at].set(Op::LOAD_CONST, index);
        return;
    }
    let extend = if opcode == Op::BUILD_LIST { Op::LIST_EXTEND } else { Op::SET_UPDATE };
    code[at - 2].location = location;
    code[at - 2].set(opcode, 0);
    code[at - 1].set(Op::LOAD_CONST, index);
    code[at].set(extend, 1);
}

/// The items without those that equal an earlier one.
fn distinct(items: Vec<Const>) -> Vec<Const> {
    let mut kept: Vec<Const> = Vec::with_capacity(items.len());
    for item in items {
        if !kept.iter().any(|other| folding::equal(other, &item)) {
            kept.push(item);
        }
    }
    kept
}

/// A collection that was built constant by constant before `end` and is only read: one constant, loaded at `at`.
fn fold_built_constants(code: &mut [Instruction], at: usize, end: usize, build: Op, consts: &mut ConstTable) -> bool {
    let mut loads = Vec::new();
    let mut expect_append = true;
    for position in (0..end).rev() {
        let Instruction { opcode, arg, .. } = code[position];
        match opcode {
            Op::NOP => continue,
            _ if opcode == build && arg == 0 => {
                if !expect_append {
                    return false;
                }
                loads.reverse();
                let Some(items) = constants_at(code, &loads, consts) else { return false };
                // An append that becomes the load loses its place, the conversion to a tuple keeps it.
                let used: Vec<usize> = (position..end).filter(|&at| code[at].opcode != Op::NOP).collect();
                remove(code, &used);
                let is_set = build == Op::BUILD_SET;
                let constant = if is_set { Const::FrozenSet(distinct(items)) } else { Const::Tuple(items) };
                make_load(&mut code[at], constant, consts);
                return true;
            }
            Op::LIST_APPEND | Op::SET_ADD if expect_append && arg == 1 => {}
            opcode if !expect_append && loads_constant(opcode) => loads.push(position),
            _ => return false,
        }
        expect_append = !expect_append;
    }
    false
}

fn fold_unary(code: &mut [Instruction], at: usize, consts: &mut ConstTable) {
    let Some(loads) = constant_loads_before(code, at, 1) else { return };
    let Some(operands) = constants_at(code, &loads, consts) else { return };
    if let Some(result) = folding::unary(code[at].opcode, &operands[0]) {
        remove(code, &loads);
        make_load(&mut code[at], result, consts);
    }
}

fn fold_binary(code: &mut [Instruction], at: usize, consts: &mut ConstTable) {
    let Some(loads) = constant_loads_before(code, at, 2) else { return };
    let Some(operands) = constants_at(code, &loads, consts) else { return };
    let result = BinaryOperation::from_u32(code[at].arg)
        .and_then(|operation| folding::binary(operation, &operands[0], &operands[1]));
    if let Some(result) = result {
        remove(code, &loads);
        make_load(&mut code[at], result, consts);
    }
}

/// Drops the constants that no instruction loads, except the first, which may be the docstring.
pub(super) fn remove_unused_constants(graph: &mut Graph, consts: &mut ConstTable) {
    let count = consts.items.len();
    let mut used = vec![false; count];
    if let Some(first) = used.first_mut() {
        *first = true;
    }
    let order = graph.order_vec();
    for &index in &order {
        for instruction in &graph.blocks[index].instructions {
            if instruction.opcode == Op::LOAD_CONST
                && let Some(used) = used.get_mut(instruction.arg as usize)
            {
                *used = true;
            }
        }
    }
    if used.iter().all(|used| *used) {
        return;
    }
    let mut new_index = Vec::with_capacity(count);
    let mut next = 0;
    for used in &used {
        new_index.push(next);
        next += u32::from(*used);
    }
    let mut keep = used.iter();
    consts.items.retain(|_| keep.next().copied().unwrap_or(true));
    for index in order {
        for instruction in &mut graph.blocks[index].instructions {
            if instruction.opcode == Op::LOAD_CONST
                && let Some(new) = new_index.get(instruction.arg as usize)
            {
                instruction.arg = *new;
            }
        }
    }
}

/// Pairs of local loads and stores on one line become one instruction.
pub(super) fn insert_superinstructions(graph: &mut Graph) {
    for index in graph.order_vec() {
        let code = &mut graph.blocks[index].instructions;
        for at in 1..code.len() {
            let (first, second) = (code[at - 1], code[at]);
            let opcode = match (first.opcode, second.opcode) {
                (Op::LOAD_FAST, Op::LOAD_FAST) => Op::LOAD_FAST_LOAD_FAST,
                (Op::STORE_FAST, Op::LOAD_FAST) => Op::STORE_FAST_LOAD_FAST,
                (Op::STORE_FAST, Op::STORE_FAST) => Op::STORE_FAST_STORE_FAST,
                _ => continue,
            };
            let (first_line, second_line) = (first.location.line, second.location.line);
            if (first_line >= 0 && second_line >= 0 && first_line != second_line) || first.arg >= 16 || second.arg >= 16 {
                continue;
            }
            code[at - 1].set(opcode, first.arg << 4 | second.arg);
            code[at].set_nop();
        }
    }
    blocks::remove_redundant_nops(graph);
}
