//! Code objects as text: for goldens and for the eye.

use std::fmt::Write;

use super::code::{CodeData, Const};
use super::instructions::{
    BINARY_OPERATIONS, COMMON_CONSTANTS, COMPARE_OPERATIONS, FUNCTION_ATTRIBUTES, INTRINSICS_1, INTRINSICS_2, Opcode,
    Operand, SPECIAL_METHODS,
};
use super::{exception_table, line_table};

/// One decoded instruction; prefixes are joined to it.
#[derive(Clone, Copy, Debug)]
pub struct Decoded {
    /// Offset in code units of the instruction itself.
    pub offset: usize,
    pub opcode: Opcode,
    pub arg: u32,
}

impl Decoded {
    /// The offset in code units that it jumps to.
    pub fn jump_target(&self) -> Option<usize> {
        let after = self.offset + 1 + self.opcode.caches();
        match self.opcode.facts().operand {
            Operand::JumpForward => after.checked_add(self.arg as usize),
            Operand::JumpBackward => after.checked_sub(self.arg as usize),
            _ => None,
        }
    }
}

/// The instructions in order, without caches. Unknown numbers end the list.
pub fn decode(code: &[u8]) -> Vec<Decoded> {
    let mut decoded = Vec::new();
    let mut units = code.chunks_exact(2).enumerate();
    let mut prefix = 0u32;
    while let Some((offset, unit)) = units.next() {
        let Some(opcode) = Opcode::from_u8(unit[0]) else { break };
        let arg = prefix << 8 | u32::from(unit[1]);
        if opcode == Opcode::EXTENDED_ARG {
            prefix = arg;
            continue;
        }
        prefix = 0;
        decoded.push(Decoded { offset, opcode, arg });
        for _ in 0..opcode.caches() {
            units.next();
        }
    }
    decoded
}

/// The code object and those in its constants, one line per instruction: line, offset, name, operand, meaning.
pub fn disassemble(code: &CodeData) -> String {
    let mut text = String::new();
    let mut todo = vec![code];
    while let Some(code) = todo.pop() {
        disassemble_one(code, &mut text);
        todo.extend(code.consts.iter().rev().filter_map(|constant| match constant {
            Const::Code(code) => Some(&**code),
            _ => None,
        }));
    }
    text
}

fn disassemble_one(code: &CodeData, text: &mut String) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{} ({}:{})", code.qualname, code.filename, code.firstlineno);
    let mut last_line = None;
    for instruction in decode(&code.code) {
        let position =
            line_table::position_at(&code.linetable, code.firstlineno, instruction.offset as u32).unwrap_or_default();
        let line = match position.line {
            line if line == last_line => String::new(),
            Some(line) => line.to_string(),
            None => "--".to_owned(),
        };
        last_line = position.line;
        let _ = write!(text, "{line:>5} {:>5} {}", instruction.offset * 2, instruction.opcode.name());
        if instruction.opcode.facts().has_arg() {
            let _ = write!(text, " {}", instruction.arg);
        }
        if let Some(meaning) = meaning(code, &instruction) {
            let _ = write!(text, " ({meaning})");
        }
        text.push('\n');
    }
    for entry in exception_table::entries(&code.exceptiontable) {
        let lasti = if entry.lasti { " lasti" } else { "" };
        let (start, end, target) = (entry.start * 2, entry.end * 2, entry.target * 2);
        let _ = writeln!(text, "  {start} to {end} -> {target} [{}]{lasti}", entry.depth);
    }
    text.push('\n');
}

fn meaning(code: &CodeData, instruction: &Decoded) -> Option<String> {
    let arg = instruction.arg as usize;
    let local = |slot: usize| code.localsplusnames.get(slot).cloned();
    let from = |table: &[&str], number: usize| table.get(number).map(|text| (*text).to_owned());
    match instruction.opcode.facts().operand {
        Operand::None | Operand::Immediate | Operand::Jump | Operand::Handler => None,
        Operand::Const => code.consts.get(arg).map(crate::codegen::constant_repr),
        Operand::Name => code.names.get(arg).cloned(),
        Operand::NameShift1 => code.names.get(arg >> 1).cloned(),
        Operand::NameShift2 => code.names.get(arg >> 2).cloned(),
        Operand::Local | Operand::Free | Operand::Deref => local(arg),
        Operand::LocalPair => Some(format!("{}, {}", local(arg >> 4)?, local(arg & 15)?)),
        Operand::JumpForward | Operand::JumpBackward => {
            instruction.jump_target().map(|target| format!("to {}", target * 2))
        }
        Operand::Compare => from(COMPARE_OPERATIONS, arg >> 5),
        Operand::BinaryOperation => from(BINARY_OPERATIONS, arg),
        Operand::Intrinsic1 => from(INTRINSICS_1, arg),
        Operand::Intrinsic2 => from(INTRINSICS_2, arg),
        Operand::SpecialMethod => from(SPECIAL_METHODS, arg),
        Operand::CommonConstant => from(COMMON_CONSTANTS, arg),
        Operand::FunctionAttribute => {
            FUNCTION_ATTRIBUTES.iter().find(|(bit, _)| *bit == instruction.arg).map(|(_, name)| (*name).to_owned())
        }
    }
}
