//! From CPython's byte stream to the internal stream of 32-bit units.

use pyrt_compiler::bytecode::code::CodeData;
use pyrt_compiler::bytecode::instructions::Opcode;

use crate::types::code::{Handler, Unit, make_unit};

/// What [`translate`] makes.
pub struct Translated {
    pub units: Box<[Unit]>,
    pub unit_offsets: Box<[u32]>,
    pub handlers: Box<[Handler]>,
    pub n_cells: usize,
    /// Whether an instruction with a cell may be reached without a RESUME before it: hand-made code only.
    pub needs_cells_at_once: bool,
}

/// Whether the instruction is followed by a unit with the number of its cache cell.
pub const fn has_cell(opcode: Opcode) -> bool {
    matches!(
        opcode,
        Opcode::LOAD_GLOBAL
            | Opcode::BINARY_OP
            | Opcode::UNPACK_SEQUENCE
            | Opcode::COMPARE_OP
            | Opcode::CONTAINS_OP
            | Opcode::FOR_ITER
            | Opcode::LOAD_SUPER_ATTR
            | Opcode::LOAD_ATTR
            | Opcode::STORE_ATTR
            | Opcode::CALL
            | Opcode::CALL_KW
            | Opcode::STORE_SUBSCR
            | Opcode::SEND
            | Opcode::TO_BOOL
    )
}

/// Units that an instruction takes in the internal stream.
#[inline(always)]
pub const fn unit_length(opcode: Opcode) -> usize {
    if has_cell(opcode) { 2 } else { 1 }
}

/// Translates and checks: unknown opcodes, truncated streams, jumps outside the code are refused, so that the eval loop
/// need not look.
pub fn translate(data: &CodeData) -> Result<Translated, String> {
    let code = &data.code;
    if !code.len().is_multiple_of(2) {
        return Err("code: co_code has an odd length".into());
    }
    let n = code.len() / 2;
    // First pass: where each of CPython's units lands.
    let mut unit_of_offset = vec![u32::MAX; n + 1];
    let mut instructions = Vec::with_capacity(n);
    let (mut at, mut units, mut extended, mut first) = (0, 0u32, 0u32, None);
    while at < n {
        let (number, byte) = (code[at * 2], u32::from(code[at * 2 + 1]));
        let opcode = Opcode::from_u8(number).ok_or_else(|| format!("code: unknown opcode {number}"))?.base();
        let start = *first.get_or_insert(at);
        unit_of_offset[at] = units;
        if opcode == Opcode::EXTENDED_ARG {
            extended = extended.checked_shl(8).ok_or("code: argument too large")? | byte << 8;
            at += 1;
            continue;
        }
        for offset in start..=at {
            unit_of_offset[offset] = units;
        }
        instructions.push((opcode, extended | byte, at as u32));
        extended = 0;
        first = None;
        // NOT_TAKEN does nothing: monitoring speaks of the jump before it.
        units += if opcode == Opcode::NOT_TAKEN { 0 } else { unit_length(opcode) as u32 };
        at += 1 + opcode.caches();
    }
    if instructions.is_empty() {
        return Err("code: empty co_code".into());
    }
    unit_of_offset[n] = units;
    let target = |offset: i64| -> Result<u32, String> {
        usize::try_from(offset)
            .ok()
            .and_then(|offset| unit_of_offset.get(offset).copied())
            .filter(|unit| *unit != u32::MAX && *unit < units)
            .ok_or_else(|| "code: jump outside the code".to_string())
    };
    let mut out = Vec::with_capacity(units as usize);
    let mut unit_offsets = Vec::with_capacity(units as usize);
    let mut n_cells = 0usize;
    let prologue = |opcode: &Opcode| matches!(opcode, Opcode::NOP | Opcode::MAKE_CELL | Opcode::COPY_FREE_VARS | Opcode::RETURN_GENERATOR | Opcode::POP_TOP);
    let body = instructions.iter().map(|(opcode, oparg, _)| (*opcode, *oparg)).find(|(opcode, _)| !prologue(opcode));
    let needs_cells_at_once = !matches!(body, Some((Opcode::RESUME, oparg)) if oparg & 3 == 0);
    for (opcode, oparg, offset) in instructions {
        let mut oparg = oparg;
        if opcode.facts().has_jump() {
            let next = i64::from(offset) + 1 + opcode.caches() as i64;
            let backward = matches!(opcode, Opcode::JUMP_BACKWARD | Opcode::JUMP_BACKWARD_NO_INTERRUPT | Opcode::END_ASYNC_FOR);
            // END_ASYNC_FOR's operand only tells tools where the loop began.
            if opcode != Opcode::END_ASYNC_FOR {
                oparg = target(if backward { next - i64::from(oparg) } else { next + i64::from(oparg) })?;
            } else {
                oparg = 0;
            }
        }
        if opcode == Opcode::NOT_TAKEN {
            continue;
        }
        if oparg >= 1 << 24 {
            return Err("code: argument too large".into());
        }
        out.push(Unit::new(make_unit(opcode as u8, oparg)));
        unit_offsets.push(offset);
        if has_cell(opcode) {
            out.push(Unit::new(n_cells as u32));
            unit_offsets.push(offset);
            n_cells += 1;
        }
    }
    let handlers = parse_handlers(&data.exceptiontable, |offset| {
        unit_of_offset.get(offset as usize).copied().filter(|unit| *unit != u32::MAX)
    })
    .ok_or("code: bad exception table")?;
    Ok(Translated { units: out.into(), unit_offsets: unit_offsets.into(), handlers: handlers.into(), n_cells, needs_cells_at_once })
}

/// Decodes the exception table (CPython `InternalDocs/exception_handling.md`) into unit numbers.
fn parse_handlers(table: &[u8], unit_at: impl Fn(u32) -> Option<u32>) -> Option<Vec<Handler>> {
    let mut bytes = table.iter().copied();
    let mut out = Vec::new();
    loop {
        let Some(first) = bytes.next() else { return Some(out) };
        let mut varint = |first: Option<u8>| -> Option<u32> {
            let mut byte = match first {
                Some(byte) => byte,
                None => bytes.next()?,
            };
            let mut value = u32::from(byte & 63);
            while byte & 64 != 0 {
                byte = bytes.next()?;
                value = value.checked_mul(64)? | u32::from(byte & 63);
            }
            Some(value)
        };
        let start = varint(Some(first))?;
        let length = varint(None)?;
        let target = varint(None)?;
        let depth_lasti = varint(None)?;
        out.push(Handler {
            start: unit_at(start)?,
            end: unit_at(start.checked_add(length)?)?,
            target: unit_at(target)?,
            depth: depth_lasti >> 1,
            push_lasti: depth_lasti & 1 != 0,
        });
    }
}
