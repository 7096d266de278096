//! From CPython's byte stream to the internal stream of 32-bit units.

use pyrt_compiler::bytecode::code::CodeData;
use pyrt_compiler::bytecode::instructions::Opcode;

use crate::types::code::{Handler, Unit, make_unit};

/// What [`translate`] makes.
pub struct Translated {
    pub units: Box<[Unit]>,
    pub offsets: UnitOffsets,
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
    let mut checkpoints = Vec::with_capacity(units as usize / CHECKPOINT_UNITS + 1);
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
        if out.len() >= checkpoints.len() * CHECKPOINT_UNITS {
            checkpoints.push(offset << 1 | u32::from(out.len() % CHECKPOINT_UNITS != 0));
        }
        out.push(Unit::new(make_unit(opcode as u8, oparg)));
        if has_cell(opcode) {
            out.push(Unit::new(n_cells as u32));
            n_cells += 1;
        }
    }
    let handlers = parse_handlers(&data.exceptiontable, |offset| {
        unit_of_offset.get(offset as usize).copied().filter(|unit| *unit != u32::MAX)
    })
    .ok_or("code: bad exception table")?;
    Ok(Translated { units: out.into(), offsets: UnitOffsets { checkpoints: checkpoints.into() }, handlers: handlers.into(), n_cells, needs_cells_at_once })
}

/// Units between two checkpoints of a [`UnitOffsets`].
const CHECKPOINT_UNITS: usize = 16;

/// Which of CPython's code units each unit stands for. Most code is never asked, so only every 16th unit is noted; from there
/// the byte stream is walked.
pub struct UnitOffsets {
    /// Of the first instruction at or behind each multiple of [`CHECKPOINT_UNITS`]: its offset, shifted left by one. The low
    /// bit says that it begins one unit behind.
    checkpoints: Box<[u32]>,
}

impl UnitOffsets {
    /// Calls `visit(first unit, units, offset)` for the instructions from checkpoint `i` on until it returns false.
    fn walk(&self, code: &[u8], i: usize, mut visit: impl FnMut(usize, usize, u32) -> bool) {
        let Some(checkpoint) = self.checkpoints.get(i) else { return };
        let mut unit = i * CHECKPOINT_UNITS + (checkpoint & 1) as usize;
        let mut at = (checkpoint >> 1) as usize;
        while let Some(opcode) = code.get(at * 2).and_then(|number| Opcode::from_u8(*number)).map(Opcode::base) {
            if opcode == Opcode::EXTENDED_ARG {
                at += 1;
                continue;
            }
            if opcode != Opcode::NOT_TAKEN {
                let length = unit_length(opcode);
                if !visit(unit, length, at as u32) {
                    return;
                }
                unit += length;
            }
            at += 1 + opcode.caches();
        }
    }

    /// The offset of a unit of `code`.
    pub fn offset_of(&self, code: &[u8], unit: usize) -> Option<u32> {
        let mut i = unit / CHECKPOINT_UNITS;
        // The second unit of an instruction that began before the checkpoint.
        if unit.is_multiple_of(CHECKPOINT_UNITS) && self.checkpoints.get(i).is_some_and(|checkpoint| checkpoint & 1 != 0) {
            i = i.checked_sub(1)?;
        }
        let mut found = None;
        self.walk(code, i.min(self.checkpoints.len().saturating_sub(1)), |first, length, offset| {
            if unit < first + length {
                found = Some(offset).filter(|_| unit >= first);
                return false;
            }
            true
        });
        found
    }

    /// The first unit whose offset is not below `offset`; the number of units if there is none.
    pub fn unit_at_or_after(&self, code: &[u8], offset: u32) -> usize {
        let i = self.checkpoints.partition_point(|checkpoint| checkpoint >> 1 <= offset).saturating_sub(1);
        let mut found = 0;
        self.walk(code, i, |first, length, own| {
            found = if own >= offset { first } else { first + length };
            own < offset
        });
        found
    }

    /// The offsets of all units.
    pub fn all(&self, code: &[u8]) -> Vec<u32> {
        let mut offsets = Vec::new();
        self.walk(code, 0, |_, length, offset| {
            offsets.resize(offsets.len() + length, offset);
            true
        });
        offsets
    }
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
