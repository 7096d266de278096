//! Checks an opcode stream and lowers it to a [`Program`].
//!
//! One pass from left to right with a stack of open constructs. Every skip must lead to the end of
//! its own construct, inside of the one around it; so a stream that passes cannot jump astray.
use super::class::{Class, Folding, Item, Kind};
use super::opcode::{At, Category, INFO_LITERAL, INFO_PREFIX, MAX_GROUPS, MAX_REPEAT, Opcode};
use super::program::{Alternative, FirstSet, Inst, Loop, Pc, Prefix, Program};

/// The code list is not one that `re._compiler` makes: RuntimeError "invalid SRE code".
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InvalidCode;

type Lowered<T> = Result<T, InvalidCode>;

/// A construct whose end lies ahead, at the code index `end`.
struct Open {
    end: usize,
    what: Construct,
}

enum Construct {
    Pattern,
    Assert { start: Pc },
    AssertNot { start: Pc },
    Atomic,
    /// Ends with one of the UNTIL opcodes.
    Repeat { number: u32, start: Pc },
    Possessive { number: u32 },
    Branch { alternatives: Vec<Pc>, exits: Vec<Pc>, start: Pc, join: usize },
    Yes { start: Pc },
    No { exit: Pc },
}

struct Lowering<'c> {
    code: &'c [u32],
    at: usize,
    open: Vec<Open>,
    program: Program,
}

impl Program {
    /// Lowers `code`, a pattern with `groups` groups.
    pub fn new(code: &[u32], groups: usize) -> Result<Program, InvalidCode> {
        let groups = u32::try_from(groups).ok().filter(|n| *n <= MAX_GROUPS).ok_or(InvalidCode)?;
        let program = Program {
            insts: Vec::with_capacity(code.len()),
            classes: Vec::new(),
            literals: Vec::new(),
            alternatives: Vec::new(),
            loops: Vec::new(),
            next_class: Vec::new(),
            groups,
            slots: groups as usize * 2,
            prefix: None,
            first: None,
            min_width: 0,
        };
        let mut lowering = Lowering { code, at: 0, open: Vec::new(), program };
        lowering.info()?;
        let last = code.len().checked_sub(1).ok_or(InvalidCode)?;
        lowering.open.push(Open { end: last, what: Construct::Pattern });
        while !lowering.open.is_empty() {
            lowering.step()?;
        }
        if lowering.at != code.len() {
            return Err(InvalidCode);
        }
        Ok(lowering.finish())
    }
}

impl Lowering<'_> {
    fn word(&self, at: usize) -> Lowered<u32> {
        self.code.get(at).copied().ok_or(InvalidCode)
    }

    fn take(&mut self) -> Lowered<u32> {
        let word = self.word(self.at)?;
        self.at += 1;
        Ok(word)
    }

    /// The end that a skip word at `at` gives, inside of the open construct.
    fn skip(&self, at: usize) -> Lowered<usize> {
        let end = at.checked_add(self.word(at)? as usize).ok_or(InvalidCode)?;
        let limit = self.open.last().map_or(self.code.len(), |open| open.end);
        if end > limit || end <= at { Err(InvalidCode) } else { Ok(end) }
    }

    fn pc(&self) -> Pc {
        self.program.insts.len() as Pc
    }

    fn emit(&mut self, inst: Inst) {
        self.program.insts.push(inst);
    }

    fn patch(&mut self, pc: Pc, inst: Inst) {
        if let Some(slot) = self.program.insts.get_mut(pc as usize) {
            *slot = inst;
        }
    }

    fn add_class(&mut self, class: Class) -> u32 {
        self.program.classes.push(class);
        self.program.classes.len() as u32 - 1
    }

    fn add_loop(&mut self, min: u32, max: u32) -> Lowered<u32> {
        if min > max {
            return Err(InvalidCode);
        }
        let counter = self.program.slots as u32;
        self.program.slots += 2;
        self.program.loops.push(Loop { min, max, body: 0, tail: 0, counter });
        Ok(self.program.loops.len() as u32 - 1)
    }

    fn info(&mut self) -> Lowered<()> {
        if self.code.first() != Some(&(Opcode::Info as u32)) {
            return Ok(());
        }
        let end = self.skip(1)?;
        let (flags, min) = (self.word(2)?, self.word(3)?);
        self.word(4)?;
        if end < 5 {
            return Err(InvalidCode);
        }
        self.program.min_width = min as usize;
        if flags & INFO_PREFIX != 0 {
            let length = self.word(5)? as usize;
            let codes = self.code.get(7..).and_then(|rest| rest.get(..length)).ok_or(InvalidCode)?.to_vec();
            // The overlap table follows; our searches do not need it.
            if length == 0 || 7 + 2 * length > end || self.word(6)? as usize > length {
                return Err(InvalidCode);
            }
            let bytes: Option<Vec<u8>> = codes.iter().map(|c| u8::try_from(*c).ok()).collect();
            self.program.prefix = Some(Prefix {
                bytes: bytes.map(|bytes| memchr::memmem::Finder::new(&bytes).into_owned()),
                codes,
                whole: flags & INFO_LITERAL != 0 && self.program.groups == 0,
            });
        }
        self.at = end;
        Ok(())
    }

    fn step(&mut self) -> Lowered<()> {
        let end = self.open.last().ok_or(InvalidCode)?.end;
        if self.at == end {
            return self.close();
        }
        if self.at > end {
            return Err(InvalidCode);
        }
        self.opcode()
    }

    /// Lowers the opcode at the position.
    fn opcode(&mut self) -> Lowered<()> {
        let start = self.at;
        let opcode = Opcode::from_code(self.take()?).ok_or(InvalidCode)?;
        match opcode {
            Opcode::Literal => self.literals(start),
            Opcode::Any | Opcode::AnyAll | Opcode::NotLiteral | Opcode::LiteralIgnore | Opcode::NotLiteralIgnore
            | Opcode::LiteralLocIgnore | Opcode::NotLiteralLocIgnore | Opcode::LiteralUniIgnore
            | Opcode::NotLiteralUniIgnore | Opcode::In | Opcode::InIgnore | Opcode::InLocIgnore | Opcode::InUniIgnore
            | Opcode::Category => {
                self.at = start;
                let class = self.class()?;
                self.emit(Inst::Class(class));
                Ok(())
            }
            Opcode::At => {
                let at = At::from_code(self.take()?).ok_or(InvalidCode)?;
                self.emit(Inst::At(at));
                Ok(())
            }
            Opcode::Mark => {
                let mark = self.take()?;
                if mark >= self.program.groups * 2 {
                    return Err(InvalidCode);
                }
                self.emit(Inst::Mark(mark));
                Ok(())
            }
            Opcode::GroupRef | Opcode::GroupRefIgnore | Opcode::GroupRefLocIgnore | Opcode::GroupRefUniIgnore => {
                let folding = match opcode {
                    Opcode::GroupRefIgnore => Folding::Ascii,
                    Opcode::GroupRefLocIgnore => Folding::Locale,
                    Opcode::GroupRefUniIgnore => Folding::Unicode,
                    _ => Folding::None,
                };
                let group = self.group()?;
                self.emit(Inst::GroupRef(group, folding));
                Ok(())
            }
            Opcode::GroupRefExists => {
                let group = self.group()?;
                // This skip is relative to the word before it.
                let target = self.at.checked_add(self.word(self.at)? as usize).and_then(|t| t.checked_sub(1));
                let target = target.filter(|t| *t > self.at).ok_or(InvalidCode)?;
                if self.open.last().is_none_or(|open| target > open.end) {
                    return Err(InvalidCode);
                }
                self.at += 1;
                let start = self.pc();
                self.emit(Inst::GroupExists { group, otherwise: 0 });
                self.open.push(Open { end: target, what: Construct::Yes { start } });
                Ok(())
            }
            Opcode::Jump => self.end_of_yes(),
            Opcode::Branch => self.branch(),
            Opcode::Assert | Opcode::AssertNot => {
                let end = self.skip(self.at)?;
                let back = self.word(self.at + 1)?;
                self.at += 2;
                let start = self.pc();
                let what = if opcode == Opcode::Assert {
                    self.emit(Inst::Assert { back, tail: 0 });
                    Construct::Assert { start }
                } else {
                    self.emit(Inst::AssertNot { back, otherwise: 0 });
                    Construct::AssertNot { start }
                };
                self.open_until_success(end, what)
            }
            Opcode::AtomicGroup => {
                let end = self.skip(self.at)?;
                self.at += 1;
                self.emit(Inst::Atomic);
                self.open_until_success(end, Construct::Atomic)
            }
            Opcode::Repeat => {
                let end = self.skip(self.at)?;
                let number = self.add_loop(self.word(self.at + 1)?, self.word(self.at + 2)?)?;
                self.at += 3;
                let start = self.pc();
                self.emit(Inst::Repeat { number, until: 0 });
                self.set_body(number);
                self.open.push(Open { end, what: Construct::Repeat { number, start } });
                Ok(())
            }
            Opcode::PossessiveRepeat => {
                let end = self.skip(self.at)?;
                let number = self.add_loop(self.word(self.at + 1)?, self.word(self.at + 2)?)?;
                self.at += 3;
                self.emit(Inst::Possessive { number });
                self.set_body(number);
                // Unlike other skips, this one leads to SUCCESS.
                if self.word(end)? != Opcode::Success as u32 {
                    return Err(InvalidCode);
                }
                self.open.push(Open { end, what: Construct::Possessive { number } });
                Ok(())
            }
            Opcode::RepeatOne | Opcode::MinRepeatOne | Opcode::PossessiveRepeatOne => {
                let end = self.skip(self.at)?;
                let (min, max) = (self.word(self.at + 1)?, self.word(self.at + 2)?);
                self.at += 3;
                if min > max {
                    return Err(InvalidCode);
                }
                let class = self.class()?;
                if self.take()? != Opcode::Success as u32 || self.at != end {
                    return Err(InvalidCode);
                }
                self.emit(match opcode {
                    Opcode::RepeatOne => Inst::RepeatOne { class, min, max },
                    Opcode::MinRepeatOne => Inst::MinRepeatOne { class, min, max },
                    _ => Inst::PossessiveOne { class, min, max },
                });
                Ok(())
            }
            Opcode::Failure => {
                self.emit(Inst::Fail);
                Ok(())
            }
            Opcode::Success | Opcode::Charset | Opcode::BigCharset | Opcode::Info | Opcode::MaxUntil
            | Opcode::MinUntil | Opcode::Negate | Opcode::Range | Opcode::Subpattern | Opcode::RangeUniIgnore => {
                Err(InvalidCode)
            }
        }
    }

    fn set_body(&mut self, number: u32) {
        let body = self.pc();
        if let Some(entry) = self.program.loops.get_mut(number as usize) {
            entry.body = body;
        }
    }

    fn set_tail(&mut self, number: u32) {
        let tail = self.pc();
        if let Some(entry) = self.program.loops.get_mut(number as usize) {
            entry.tail = tail;
        }
    }

    fn group(&mut self) -> Lowered<u32> {
        let group = self.take()?;
        if group < self.program.groups { Ok(group) } else { Err(InvalidCode) }
    }

    /// Opens a body whose last word, before `end`, is SUCCESS.
    fn open_until_success(&mut self, end: usize, what: Construct) -> Lowered<()> {
        if end <= self.at || self.word(end - 1)? != Opcode::Success as u32 {
            return Err(InvalidCode);
        }
        self.open.push(Open { end: end - 1, what });
        Ok(())
    }

    /// A run of literals, of which the first starts at `start`.
    fn literals(&mut self, start: usize) -> Lowered<()> {
        let end = self.open.last().ok_or(InvalidCode)?.end;
        let first = self.program.literals.len();
        self.at = start;
        while self.at + 1 < end && self.word(self.at)? == Opcode::Literal as u32 {
            let literal = self.word(self.at + 1)?;
            self.program.literals.push(literal);
            self.at += 2;
        }
        let last = self.program.literals.len();
        match last - first {
            0 => return Err(InvalidCode),
            1 => {
                let literal = self.program.literals.pop().ok_or(InvalidCode)?;
                self.emit(Inst::Literal(literal));
            }
            _ => self.emit(Inst::Text(first as u32, last as u32)),
        }
        Ok(())
    }

    /// A matcher of one character.
    fn class(&mut self) -> Lowered<u32> {
        let opcode = Opcode::from_code(self.take()?).ok_or(InvalidCode)?;
        let folding = match opcode {
            Opcode::LiteralIgnore | Opcode::NotLiteralIgnore | Opcode::InIgnore => Folding::Ascii,
            Opcode::LiteralUniIgnore | Opcode::NotLiteralUniIgnore | Opcode::InUniIgnore => Folding::Unicode,
            Opcode::LiteralLocIgnore | Opcode::NotLiteralLocIgnore | Opcode::InLocIgnore => Folding::Locale,
            _ => Folding::None,
        };
        let class = match opcode {
            Opcode::Any => Class::simple(Kind::Any),
            Opcode::AnyAll => Class::simple(Kind::AnyAll),
            Opcode::Literal | Opcode::LiteralIgnore | Opcode::LiteralLocIgnore | Opcode::LiteralUniIgnore => {
                Class::literal(self.take()?, folding, false)
            }
            Opcode::NotLiteral | Opcode::NotLiteralIgnore | Opcode::NotLiteralLocIgnore
            | Opcode::NotLiteralUniIgnore => Class::literal(self.take()?, folding, true),
            Opcode::In | Opcode::InIgnore | Opcode::InLocIgnore | Opcode::InUniIgnore => {
                let end = self.skip(self.at)?;
                self.at += 1;
                Class::set(self.items(end)?, folding)
            }
            Opcode::Category => Class::set(vec![Item::Category(self.category()?)], Folding::None),
            _ => return Err(InvalidCode),
        };
        Ok(self.add_class(class))
    }

    fn category(&mut self) -> Lowered<Category> {
        Category::from_code(self.take()?).ok_or(InvalidCode)
    }

    /// The members of a set, up to FAILURE as its last word.
    fn items(&mut self, end: usize) -> Lowered<Vec<Item>> {
        let mut items = Vec::new();
        loop {
            let opcode = Opcode::from_code(self.take()?).ok_or(InvalidCode)?;
            items.push(match opcode {
                Opcode::Failure => break,
                Opcode::Negate => Item::Negate,
                Opcode::Literal => Item::Literal(self.take()?),
                Opcode::Range => Item::Range(self.take()?, self.take()?),
                Opcode::RangeUniIgnore => Item::RangeIgnore(self.take()?, self.take()?),
                Opcode::Category => Item::Category(self.category()?),
                Opcode::Charset => Item::Bits(Box::new(self.bits()?)),
                Opcode::BigCharset => {
                    let count = self.take()? as usize;
                    let mut index = Box::new([0; 256]);
                    for entry in index.chunks_exact_mut(4) {
                        // Four block numbers to a word, in the order of this machine's bytes.
                        entry.copy_from_slice(&self.take()?.to_ne_bytes());
                    }
                    if index.iter().any(|block| usize::from(*block) >= count) {
                        return Err(InvalidCode);
                    }
                    let blocks = (0..count).map(|_| self.bits()).collect::<Lowered<Vec<_>>>()?;
                    Item::Big(index, blocks.into())
                }
                _ => return Err(InvalidCode),
            });
        }
        if self.at == end { Ok(items) } else { Err(InvalidCode) }
    }

    fn bits(&mut self) -> Lowered<[u32; 8]> {
        let mut bits = [0; 8];
        for word in &mut bits {
            *word = self.take()?;
        }
        Ok(bits)
    }

    /// `self.at` is at the skip word of the first alternative.
    fn branch(&mut self) -> Lowered<()> {
        let start = self.pc();
        self.emit(Inst::Fail);
        let next = self.skip(self.at)?;
        let join = self.branch_exit(next)?;
        self.at += 1;
        let what = Construct::Branch { alternatives: vec![self.pc()], exits: Vec::new(), start, join };
        self.open.push(Open { end: next - 2, what });
        Ok(())
    }

    /// Where the JUMP before the code index `next` leads.
    fn branch_exit(&self, next: usize) -> Lowered<usize> {
        let jump = next.checked_sub(2).filter(|jump| *jump > self.at).ok_or(InvalidCode)?;
        if self.word(jump)? != Opcode::Jump as u32 {
            return Err(InvalidCode);
        }
        self.skip(jump + 1)
    }

    /// JUMP: it can only stand before the second part of a conditional group.
    fn end_of_yes(&mut self) -> Lowered<()> {
        let Some(Open { end, what: Construct::Yes { start } }) = self.open.last() else {
            return Err(InvalidCode);
        };
        let (end, start) = (*end, *start);
        if self.at + 1 != end {
            return Err(InvalidCode);
        }
        self.open.pop();
        let no_end = self.skip(self.at)?;
        let exit = self.pc();
        self.emit(Inst::Jump(0));
        self.close_yes(start);
        self.at = end;
        self.open.push(Open { end: no_end, what: Construct::No { exit } });
        Ok(())
    }

    fn close_yes(&mut self, start: Pc) {
        if let Some(Inst::GroupExists { group, .. }) = self.program.insts.get(start as usize).copied() {
            let otherwise = self.pc();
            self.patch(start, Inst::GroupExists { group, otherwise });
        }
    }

    /// The position is at the end of the innermost open construct.
    fn close(&mut self) -> Lowered<()> {
        let open = self.open.pop().ok_or(InvalidCode)?;
        match open.what {
            Construct::Pattern => {
                if self.take()? != Opcode::Success as u32 {
                    return Err(InvalidCode);
                }
                self.emit(Inst::Success);
            }
            Construct::Assert { start } => {
                self.at += 1;
                self.emit(Inst::AssertEnd);
                if let Some(Inst::Assert { back, .. }) = self.program.insts.get(start as usize).copied() {
                    let tail = self.pc();
                    self.patch(start, Inst::Assert { back, tail });
                }
            }
            Construct::AssertNot { start } => {
                self.at += 1;
                self.emit(Inst::AssertNotEnd);
                if let Some(Inst::AssertNot { back, .. }) = self.program.insts.get(start as usize).copied() {
                    let otherwise = self.pc();
                    self.patch(start, Inst::AssertNot { back, otherwise });
                }
            }
            Construct::Atomic => {
                self.at += 1;
                self.emit(Inst::AtomicEnd);
            }
            Construct::Repeat { number, start } => {
                let until = self.pc();
                self.patch(start, Inst::Repeat { number, until });
                let inst = match Opcode::from_code(self.take()?) {
                    Some(Opcode::MaxUntil) => Inst::MaxUntil { number },
                    Some(Opcode::MinUntil) => Inst::MinUntil { number },
                    _ => return Err(InvalidCode),
                };
                self.emit(inst);
                self.set_tail(number);
            }
            Construct::Possessive { number } => {
                self.at += 1;
                self.emit(Inst::PossessiveEnd { number });
                self.set_tail(number);
            }
            Construct::Yes { start } => self.close_yes(start),
            Construct::No { exit } => {
                let pc = self.pc();
                self.patch(exit, Inst::Jump(pc));
            }
            Construct::Branch { mut alternatives, mut exits, start, join } => {
                exits.push(self.pc());
                self.emit(Inst::Jump(0));
                // JUMP and its skip, then the skip word of the next alternative, or 0.
                self.at += 2;
                if self.word(self.at)? == 0 {
                    self.at += 1;
                    if self.at != join {
                        return Err(InvalidCode);
                    }
                    let pc = self.pc();
                    exits.into_iter().for_each(|exit| self.patch(exit, Inst::Jump(pc)));
                    let first = self.program.alternatives.len() as u32;
                    let entries = alternatives.iter().map(|target| Alternative { target: *target, first: None });
                    self.program.alternatives.extend(entries);
                    self.patch(start, Inst::Branch(first, self.program.alternatives.len() as u32));
                    return Ok(());
                }
                let next = self.skip(self.at)?;
                if next >= join || self.branch_exit(next)? != join {
                    return Err(InvalidCode);
                }
                self.at += 1;
                alternatives.push(self.pc());
                let what = Construct::Branch { alternatives, exits, start, join };
                self.open.push(Open { end: next - 2, what });
            }
        }
        Ok(())
    }

    /// What makes matching fast: literals as classes for look-ahead, first sets.
    fn finish(mut self) -> Program {
        let count = self.program.insts.len();
        let mut next_class = vec![None; count];
        for (pc, next) in next_class.iter_mut().enumerate() {
            match self.program.insts[pc] {
                Inst::RepeatOne { .. } | Inst::MinRepeatOne { .. } => {
                    *next = self.first_class(pc as Pc + 1);
                }
                Inst::Branch(first, last) => {
                    for i in first as usize..last as usize {
                        let class = self.first_class(self.program.alternatives[i].target);
                        self.program.alternatives[i].first = class;
                    }
                }
                _ => {}
            }
        }
        self.program.next_class = next_class;
        let mut first = FirstSet { bitmap: [false; 256], wide: false, single: None };
        let mut fuel = 64;
        if self.program.min_width > 0 && collect_first(&self.program, 0, &mut first, &mut fuel).is_some() {
            let mut members = (0..256u32).filter(|c| first.bitmap[*c as usize]);
            if let (Some(only), None, false) = (members.next(), members.next(), first.wide) {
                first.single = Some(only);
            }
            self.program.first = Some(first);
        }
        self.program
    }

    fn first_class(&mut self, pc: Pc) -> Option<u32> {
        let literal = {
            let mut pc = pc;
            let mut fuel = 16;
            loop {
                fuel -= 1;
                match self.program.insts.get(pc as usize)? {
                    Inst::Mark(_) | Inst::Atomic if fuel > 0 => pc += 1,
                    Inst::Jump(target) if fuel > 0 => pc = *target,
                    Inst::Literal(literal) => break Some(*literal),
                    Inst::Text(start, _) => break self.program.literals.get(*start as usize).copied(),
                    _ => break None,
                }
            }
        };
        match literal {
            Some(literal) => {
                let known = self.program.classes.iter().position(|c| c.kind == Kind::Literal(literal));
                Some(known.map_or_else(|| self.add_class(Class::simple(Kind::Literal(literal))), |n| n as u32))
            }
            None => self.program.class_at(pc),
        }
    }
}

/// Adds to `first` the characters that a match from `pc` on can start with; `None` where a match
/// can be empty or the analysis gives up. Recursion is bounded by `fuel`.
fn collect_first(program: &Program, mut pc: Pc, first: &mut FirstSet, fuel: &mut u32) -> Option<()> {
    let add_literal = |first: &mut FirstSet, literal: u32| match first.bitmap.get_mut(literal as usize) {
        Some(bit) => *bit = true,
        None => first.wide = true,
    };
    let add_class = |first: &mut FirstSet, class: u32| -> Option<()> {
        let class = program.classes.get(class as usize)?;
        (0..256).for_each(|code| first.bitmap[code as usize] |= class.has_latin1(code));
        first.wide |= class.may_have_wide();
        Some(())
    };
    loop {
        *fuel = fuel.checked_sub(1)?;
        match *program.insts.get(pc as usize)? {
            Inst::Literal(literal) => {
                add_literal(first, literal);
                return Some(());
            }
            Inst::Text(start, _) => {
                add_literal(first, *program.literals.get(start as usize)?);
                return Some(());
            }
            Inst::Class(class) => return add_class(first, class),
            Inst::RepeatOne { class, min, .. } | Inst::MinRepeatOne { class, min, .. }
            | Inst::PossessiveOne { class, min, .. } => {
                add_class(first, class)?;
                if min > 0 {
                    return Some(());
                }
                pc += 1;
            }
            Inst::At(_) | Inst::Mark(_) | Inst::Atomic | Inst::AtomicEnd => pc += 1,
            Inst::Jump(target) => pc = target,
            // Only what follows is asked: that gives too many characters at worst.
            Inst::Assert { tail, .. } => pc = tail,
            Inst::AssertNot { otherwise, .. } => pc = otherwise,
            Inst::Branch(start, end) => {
                for alternative in program.alternatives.get(start as usize..end as usize)? {
                    collect_first(program, alternative.target, first, fuel)?;
                }
                return Some(());
            }
            Inst::Repeat { number, .. } => {
                let entry = program.loops.get(number as usize)?;
                if entry.max > 0 {
                    collect_first(program, entry.body, first, fuel)?;
                }
                if entry.min > 0 {
                    return Some(());
                }
                pc = entry.tail;
            }
            // Behind the first iteration of a body that can be empty, and all else.
            _ => return None,
        }
    }
}

const _: () = assert!(MAX_REPEAT == u32::MAX);
