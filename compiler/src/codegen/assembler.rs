//! From instructions to bytes: offsets, line table, exception table, the code object.

use super::flow_graph::{self, Optimized, is_terminator};
use super::instruction_sequence::{HandlerInfo, InstructionSequence, Label, SequenceInstruction};
use super::location::Location;
use super::unit::Unit;
use crate::bytecode::code::{CodeData, CodeFlags, LocalKind};
use crate::bytecode::exception_table;
use crate::bytecode::instructions::{CodegenOpcode as Op, Opcode};
use crate::bytecode::line_table;

/// Code units from a SEND to the END_SEND that follows its loop; END_ASYNC_FOR leads back there.
const END_SEND_OFFSET: u32 = 5;

pub(super) fn assemble(unit: &mut Unit<'_>, optimized: Optimized, flags: CodeFlags, filename: &str) -> CodeData {
    let Optimized { mut sequence, stack_depth, dropped_cells } = optimized;
    let offsets = resolve_jumps(&mut sequence);
    resolve_next_locations(&mut sequence.instructions);
    let (names, kinds) = localsplus(unit, flags, dropped_cells);
    let parameters = unit.parameters;
    CodeData {
        argcount: parameters.positional_only + parameters.positional,
        posonlyargcount: parameters.positional_only,
        kwonlyargcount: parameters.keyword_only,
        stacksize: stack_depth.max(1),
        flags: flags.bits(),
        code: emit(&sequence.instructions),
        consts: std::mem::take(&mut unit.consts.items),
        names: unit.names.names.iter().map(|name| (*name).to_owned()).collect(),
        localsplusnames: names,
        localspluskinds: kinds,
        filename: filename.to_owned(),
        name: unit.name.to_owned(),
        qualname: std::mem::take(&mut unit.qualname),
        firstlineno: unit.first_line,
        linetable: line_table(&sequence.instructions, unit.first_line),
        exceptiontable: exception_table(&sequence, &offsets),
    }
}

fn extended_args(arg: u32) -> usize {
    usize::from(arg > 0xFF) + usize::from(arg > 0xFFFF) + usize::from(arg > 0xFF_FFFF)
}

/// Code units of an instruction with its prefixes and cache.
fn size_of(instruction: &SequenceInstruction) -> usize {
    extended_args(instruction.arg) + 1 + instruction.opcode.real().map_or(0, Opcode::caches)
}

/// Gives jumps direction and distance; returns the offset of each instruction and of the end, in code units.
fn resolve_jumps(sequence: &mut InstructionSequence) -> Vec<usize> {
    let count = sequence.instructions.len();
    let mut targets: Vec<Option<usize>> = Vec::with_capacity(count);
    for position in 0..count {
        let instruction = &sequence.instructions[position];
        if !flow_graph::is_jump(instruction.opcode) {
            targets.push(None);
            continue;
        }
        let target = sequence.position(Label(instruction.arg)).unwrap_or(count);
        targets.push(Some(target));
        let instruction = &mut sequence.instructions[position];
        // Starts from above: of two consistent sizes CPython finds the larger.
        instruction.arg = target as u32;
        let is_forward = target > position;
        instruction.opcode = match instruction.opcode {
            Op::JUMP | Op::JUMP_NO_INTERRUPT if is_forward => Op::JUMP_FORWARD,
            Op::JUMP => Op::JUMP_BACKWARD,
            Op::JUMP_NO_INTERRUPT => Op::JUMP_BACKWARD_NO_INTERRUPT,
            opcode => opcode,
        };
    }
    // Distances change sizes, sizes change distances.
    loop {
        let mut offsets = Vec::with_capacity(count + 1);
        let mut offset = 0;
        for instruction in &sequence.instructions {
            offsets.push(offset);
            offset += size_of(instruction);
        }
        offsets.push(offset);
        let mut is_stable = true;
        for (position, instruction) in sequence.instructions.iter_mut().enumerate() {
            let Some(target) = targets[position] else { continue };
            let size = size_of(instruction);
            let from = offsets[position] + size;
            let distance = from.abs_diff(offsets[target]) as u32;
            instruction.arg = match instruction.opcode {
                Op::END_ASYNC_FOR => distance.saturating_sub(END_SEND_OFFSET),
                _ => distance,
            };
            is_stable &= size_of(instruction) == size;
        }
        if is_stable {
            return offsets;
        }
    }
}

fn resolve_next_locations(instructions: &mut [SequenceInstruction]) {
    let mut next = Location::NONE;
    for instruction in instructions.iter_mut().rev() {
        if instruction.location == Location::NEXT {
            instruction.location = if is_terminator(instruction.opcode) { Location::NONE } else { next };
        }
        next = instruction.location;
    }
}

fn emit(instructions: &[SequenceInstruction]) -> Vec<u8> {
    let mut code = Vec::with_capacity(instructions.len() * 4);
    for instruction in instructions {
        let Some(opcode) = instruction.opcode.real() else { continue };
        let bytes = instruction.arg.to_be_bytes();
        let prefixes = extended_args(instruction.arg);
        for byte in &bytes[3 - prefixes..3] {
            code.extend([Opcode::EXTENDED_ARG as u8, *byte]);
        }
        code.extend([opcode as u8, bytes[3]]);
        code.extend(std::iter::repeat_n(0, opcode.caches() * 2));
    }
    code
}

fn line_table(instructions: &[SequenceInstruction], first_line: i32) -> Vec<u8> {
    let mut writer = line_table::Writer::new(first_line);
    let mut location = Location::NONE;
    let mut size = 0;
    for instruction in instructions {
        if instruction.location != location {
            writer.write(position_of(location), size);
            location = instruction.location;
            size = 0;
        }
        size += size_of(instruction);
    }
    writer.write(position_of(location), size);
    writer.finish()
}

fn position_of(location: Location) -> line_table::Position {
    let known = |value: i32| u32::try_from(value).ok();
    line_table::Position {
        line: known(location.line),
        end_line: known(location.end_line),
        col: known(location.col),
        end_col: known(location.end_col),
    }
}

fn exception_table(sequence: &InstructionSequence, offsets: &[usize]) -> Vec<u8> {
    let mut table = Vec::new();
    let mut current: Option<HandlerInfo> = None;
    let mut start = 0;
    let mut close = |handler: Option<HandlerInfo>, start: usize, end: usize| {
        let Some(handler) = handler else { return };
        let Some(&target) = sequence.position(handler.target).and_then(|position| offsets.get(position)) else { return };
        let depth = handler.start_depth - 1 - i32::from(handler.preserve_lasti);
        let entry = exception_table::Entry {
            start: start as u32,
            end: end as u32,
            target: target as u32,
            depth: u32::try_from(depth).unwrap_or(0),
            lasti: handler.preserve_lasti,
        };
        entry.write(&mut table);
    };
    for (position, instruction) in sequence.instructions.iter().enumerate() {
        // Two labels in one place are one handler.
        let place = |handler: HandlerInfo| sequence.position(handler.target);
        if instruction.handler.map(place) != current.map(place) {
            close(current, start, offsets[position]);
            start = offsets[position];
            current = instruction.handler;
        }
    }
    close(current, start, offsets.last().copied().unwrap_or(0));
    table
}

/// Names and kinds of the slots: locals, then cells that are not locals, then free variables.
fn localsplus(unit: &Unit<'_>, flags: CodeFlags, dropped_cells: u32) -> (Vec<String>, Vec<u8>) {
    let total = unit.varnames.len() + unit.cellvars.len() + unit.freevars.len() - dropped_cells;
    let mut names = Vec::with_capacity(total as usize);
    let mut kinds = Vec::with_capacity(total as usize);
    let parameters = unit.parameters;
    let groups = [
        (parameters.positional_only, LocalKind::ARG_POS),
        (parameters.positional, LocalKind::ARG_POS | LocalKind::ARG_KW),
        (parameters.keyword_only, LocalKind::ARG_KW),
        (u32::from(flags.contains(CodeFlags::VARARGS)), LocalKind::ARG_VAR | LocalKind::ARG_POS),
        (u32::from(flags.contains(CodeFlags::VARKEYWORDS)), LocalKind::ARG_VAR | LocalKind::ARG_KW),
    ];
    let mut parameter_kinds = groups.into_iter().flat_map(|(count, kind)| std::iter::repeat_n(kind, count as usize));
    for name in &unit.varnames.names {
        let mut kind = LocalKind::LOCAL | parameter_kinds.next().unwrap_or(LocalKind::empty());
        if unit.fast_hidden.contains_key(name) {
            kind |= LocalKind::HIDDEN;
        }
        if unit.cellvars.get(name).is_some() {
            kind |= LocalKind::CELL;
        }
        names.push((*name).to_owned());
        kinds.push(kind.bits());
    }
    let cells = unit.cellvars.names.iter().filter(|name| unit.varnames.get(name).is_none());
    for name in cells {
        names.push((*name).to_owned());
        kinds.push(LocalKind::CELL.bits());
    }
    for name in &unit.freevars.names {
        names.push((*name).to_owned());
        kinds.push(LocalKind::FREE.bits());
    }
    (names, kinds)
}
