//! What an opcode stream is lowered to.
use super::class::{Class, Folding};
use super::opcode::At;

/// Index of an instruction.
pub(super) type Pc = u32;

/// One instruction. Counts use `u32::MAX` for "no bound".
#[derive(Clone, Copy, Debug)]
pub(super) enum Inst {
    Fail,
    /// The whole pattern has matched.
    Success,
    Literal(u32),
    /// A character of a class.
    Class(u32),
    /// `literals[start..end]`.
    Text(u32, u32),
    At(At),
    /// Sets a slot to the position; odd slots close a group.
    Mark(u32),
    Jump(Pc),
    /// Tries `alternatives[start..end]` in order.
    Branch(u32, u32),
    GroupRef(u32, Folding),
    /// Goes on, or where the group is not set at `otherwise`.
    GroupExists { group: u32, otherwise: Pc },
    /// A lookahead, or a lookbehind by `back`; its body follows and ends with `AssertEnd`, before
    /// `tail`.
    Assert { back: u32, tail: Pc },
    AssertEnd,
    /// The negation; `otherwise` is where matching goes on once the body has failed.
    AssertNot { back: u32, otherwise: Pc },
    AssertNotEnd,
    /// Body up to `AtomicEnd`, without ways back into it.
    Atomic,
    AtomicEnd,
    /// Starts the loop `number` and goes to its end.
    Repeat { number: u32, until: Pc },
    MaxUntil { number: u32 },
    MinUntil { number: u32 },
    /// A class again and again.
    RepeatOne { class: u32, min: u32, max: u32 },
    MinRepeatOne { class: u32, min: u32, max: u32 },
    PossessiveOne { class: u32, min: u32, max: u32 },
    /// Starts the possessive loop `number`, whose body follows.
    Possessive { number: u32 },
    /// An iteration of a possessive loop has matched.
    PossessiveEnd { number: u32 },
}

/// An alternative of a branch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alternative {
    pub(super) target: Pc,
    /// The class of its first character, where that is known.
    pub(super) first: Option<u32>,
}

/// A loop over a body of more than one character.
#[derive(Clone, Copy, Debug)]
pub(super) struct Loop {
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) body: Pc,
    /// Behind the loop.
    pub(super) tail: Pc,
    /// Slots of its counter and of its last position.
    pub(super) counter: u32,
}

/// The characters that a match can start with.
#[derive(Clone, Debug)]
pub(super) struct FirstSet {
    pub(super) bitmap: [bool; 256],
    /// Whether one above 255 can start a match.
    pub(super) wide: bool,
    /// The only one, if there is only one.
    pub(super) single: Option<u32>,
}

/// A literal that every match starts with.
#[derive(Clone, Debug)]
pub(super) struct Prefix {
    pub(super) codes: Vec<u32>,
    /// Searches bytes, where the literal is Latin-1.
    pub(super) bytes: Option<memchr::memmem::Finder<'static>>,
    /// Nothing follows it, and there are no groups.
    pub(super) whole: bool,
}

/// A pattern ready to run; made from an opcode stream by [`Program::new`].
#[derive(Clone, Debug)]
pub struct Program {
    pub(super) insts: Vec<Inst>,
    pub(super) classes: Vec<Class>,
    pub(super) literals: Vec<u32>,
    pub(super) alternatives: Vec<Alternative>,
    pub(super) loops: Vec<Loop>,
    /// For each instruction that repeats a class: the class that its continuation starts with.
    pub(super) next_class: Vec<Option<u32>>,
    pub(super) groups: u32,
    pub(super) slots: usize,
    pub(super) prefix: Option<Prefix>,
    pub(super) first: Option<FirstSet>,
    /// Fewest characters of a match.
    pub(super) min_width: usize,
}

impl Program {
    /// Number of groups, without the whole match.
    pub fn groups(&self) -> usize {
        self.groups as usize
    }

    /// Follows what matches nothing by itself to a class that the next character must be of.
    pub(super) fn class_at(&self, mut pc: Pc) -> Option<u32> {
        for _ in 0..16 {
            match self.insts.get(pc as usize)? {
                Inst::Mark(_) | Inst::Atomic => pc += 1,
                Inst::Jump(target) => pc = *target,
                Inst::Class(class) => return Some(*class),
                Inst::RepeatOne { class, min: 1.., .. }
                | Inst::MinRepeatOne { class, min: 1.., .. }
                | Inst::PossessiveOne { class, min: 1.., .. } => return Some(*class),
                _ => return None,
            }
        }
        None
    }
}
