//! Instructions with symbolic jump targets: what code generation writes and the assembler reads.

use super::location::Location;
use crate::bytecode::instructions::CodegenOpcode;

/// A jump target that may be placed later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Label(pub(crate) u32);

/// The handler that covers an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HandlerInfo {
    pub(crate) target: Label,
    pub(crate) start_depth: i32,
    pub(crate) preserve_lasti: bool,
}

/// One instruction. For jumps and handler pseudo instructions `arg` is the number of a [`Label`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct SequenceInstruction {
    pub(crate) opcode: CodegenOpcode,
    pub(crate) arg: u32,
    pub(crate) location: Location,
    pub(crate) handler: Option<HandlerInfo>,
}

const UNPLACED: usize = usize::MAX;

#[derive(Clone, Debug, Default)]
pub(crate) struct InstructionSequence {
    pub(crate) instructions: Vec<SequenceInstruction>,
    /// Position of each label.
    labels: Vec<usize>,
    /// What stands in the place of ANNOTATIONS_PLACEHOLDER.
    pub(crate) annotations: Option<Vec<SequenceInstruction>>,
}

impl InstructionSequence {
    pub(crate) fn push(&mut self, opcode: CodegenOpcode, arg: u32, location: Location) {
        self.instructions.push(SequenceInstruction { opcode, arg, location, handler: None });
    }

    pub(crate) fn new_label(&mut self) -> Label {
        self.labels.push(UNPLACED);
        Label((self.labels.len() - 1) as u32)
    }

    /// Places a label here.
    pub(crate) fn use_label(&mut self, label: Label) {
        if let Some(position) = self.labels.get_mut(label.0 as usize) {
            *position = self.instructions.len();
        }
    }

    /// Inserts before everything; labels move along.
    pub(crate) fn insert_first(&mut self, opcode: CodegenOpcode, arg: u32, location: Location) {
        self.instructions.insert(0, SequenceInstruction { opcode, arg, location, handler: None });
        for position in &mut self.labels {
            if *position != UNPLACED {
                *position += 1;
            }
        }
    }

    /// The instruction that a label stands before; `None` if it was never placed.
    pub(crate) fn position(&self, label: Label) -> Option<usize> {
        self.labels.get(label.0 as usize).copied().filter(|&position| position != UNPLACED)
    }
}
