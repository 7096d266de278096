//! Running a program: a loop over instructions, and a stack of what is left to try.
use pyrt_runtime::text::Unit;

use super::class::{Class, Folding, Kind, LocaleCase, is_ascii_word, is_unicode_word};
use super::opcode::At;
use super::program::{Inst, Pc, Program};

/// The hook wants matching to end; the caller knows why (an exception is set).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interrupt;

/// Why matching ended without an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    Interrupted,
    /// MemoryError: too much is left to try.
    Memory,
}

/// Where a match may end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Anywhere (`match`, `search`).
    Prefix,
    /// At the end of the text only (`fullmatch`).
    Full,
}

/// A slot without a value.
pub(super) const NONE: usize = usize::MAX;

/// Backtracking steps between two calls of the hook.
const STEPS_PER_POLL: u32 = 1 << 14;

/// Frames that the stack may hold: 6 GiB.
const MAX_FRAMES: usize = 1 << 28;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kept {
    /// `pc` is a slot, `a` its old value.
    Slot,
    /// Go on at `pc` from position `a`.
    Choice,
    /// The loop at `pc` matched up to `a`; it may give back down to `b`.
    Greedy,
    /// The loop at `pc` is at `a` after `b` characters; it may take more.
    Lazy,
    /// The lazy loop number `pc` at position `a` may take its body once more.
    LazyBody,
    /// Alternatives from number `pc` to `b` are left at position `a`.
    Branch,
    /// Bottom of an assertion or atomic group that began at `a`; `b` is the barrier before it.
    Barrier,
    /// The same for a negative assertion, which holds at `pc` once its body has failed.
    NotBarrier,
    /// The same for an iteration of the possessive loop number `pc`.
    LoopBarrier,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    kept: Kept,
    pc: u32,
    a: usize,
    b: usize,
}

/// Runs a program; keeps its memory from one run to the next.
#[derive(Debug)]
pub struct Matcher<'p> {
    pub(super) program: &'p Program,
    /// Ends of groups, then counters and last positions of loops, then the last group.
    slots: Vec<usize>,
    stack: Vec<Frame>,
    /// Slots were set while nothing was left to try, so that failing does not restore them.
    dirty: bool,
    /// Index of the innermost barrier frame.
    barrier: usize,
    pub(super) steps: u32,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What follows an instruction.
enum Next {
    At(Pc, usize),
    Fail,
}

impl<'p> Matcher<'p> {
    pub fn new(program: &'p Program) -> Self {
        Matcher {
            program,
            slots: vec![NONE; program.slots + 1],
            stack: Vec::new(),
            dirty: false,
            barrier: NONE,
            steps: STEPS_PER_POLL,
            start: 0,
            end: 0,
        }
    }

    /// Matches at `start`. With `must_advance` an empty match does not count.
    pub fn match_at<U: Unit>(
        &mut self, text: &[U], start: usize, mode: Mode, must_advance: bool,
        hook: &mut dyn FnMut() -> Result<(), Interrupt>,
    ) -> Result<bool, Stop> {
        self.reset();
        if start > text.len() {
            return Ok(false);
        }
        self.run(text, start, mode, must_advance, hook)
    }

    /// Start and end of the match.
    pub fn span(&self) -> (usize, usize) {
        (self.start, self.end)
    }

    /// Start and end of a group, the first being 1.
    pub fn group(&self, group: usize) -> Option<(usize, usize)> {
        let base = group.checked_sub(1).filter(|g| *g < self.program.groups())? * 2;
        match (self.slots.get(base), self.slots.get(base + 1)) {
            (Some(&start), Some(&end)) if start != NONE && end != NONE && start <= end => Some((start, end)),
            _ => None,
        }
    }

    /// The group that closed last (`Match.lastindex`).
    pub fn last_index(&self) -> Option<usize> {
        self.slots.last().copied().filter(|group| *group != NONE)
    }

    pub(super) fn reset(&mut self) {
        self.slots.fill(NONE);
        self.stack.clear();
        self.dirty = false;
        self.barrier = NONE;
    }

    pub(super) fn poll(&mut self, hook: &mut dyn FnMut() -> Result<(), Interrupt>) -> Result<(), Stop> {
        self.steps -= 1;
        if self.steps == 0 {
            self.steps = STEPS_PER_POLL;
            hook().map_err(|Interrupt| Stop::Interrupted)?;
            if self.stack.len() > MAX_FRAMES {
                return Err(Stop::Memory);
            }
        }
        Ok(())
    }

    #[inline]
    fn push(&mut self, kept: Kept, pc: u32, a: usize, b: usize) {
        self.stack.push(Frame { kept, pc, a, b });
    }

    #[inline]
    fn slot(&self, slot: u32) -> usize {
        self.slots.get(slot as usize).copied().unwrap_or(NONE)
    }

    #[inline]
    fn set_slot(&mut self, slot: u32, value: usize) {
        if let Some(place) = self.slots.get_mut(slot as usize) {
            let old = std::mem::replace(place, value);
            if self.stack.is_empty() {
                self.dirty = true;
            } else {
                self.push(Kept::Slot, slot, old, 0);
            }
        }
    }

    fn push_barrier(&mut self, kept: Kept, pc: u32, position: usize) {
        let index = self.stack.len();
        self.push(kept, pc, position, self.barrier);
        self.barrier = index;
    }

    /// Drops what is left to try above the innermost barrier, and the barrier; keeps the old
    /// values of slots. Returns the position that the barrier remembers.
    fn cut(&mut self) -> usize {
        let index = self.barrier;
        let Some(frame) = self.stack.get(index).copied() else { return 0 };
        self.barrier = frame.b;
        let mut kept = index;
        for i in index + 1..self.stack.len() {
            if self.stack[i].kept == Kept::Slot {
                self.stack[kept] = self.stack[i];
                kept += 1;
            }
        }
        self.stack.truncate(kept);
        frame.a
    }

    /// Undoes everything down to the innermost barrier, and drops it.
    fn unwind(&mut self) {
        let index = self.barrier;
        while self.stack.len() > index {
            let Some(frame) = self.stack.pop() else { return };
            match frame.kept {
                Kept::Slot => self.restore(frame),
                Kept::Barrier | Kept::NotBarrier | Kept::LoopBarrier => self.barrier = frame.b,
                _ => {}
            }
        }
    }

    #[inline]
    fn restore(&mut self, frame: Frame) {
        if let Some(place) = self.slots.get_mut(frame.pc as usize) {
            *place = frame.a;
        }
    }

    /// Runs from the first instruction, with all slots unset. On failure they are so again.
    pub(super) fn run<U: Unit>(
        &mut self, text: &[U], start: usize, mode: Mode, must_advance: bool,
        hook: &mut dyn FnMut() -> Result<(), Interrupt>,
    ) -> Result<bool, Stop> {
        let program = self.program;
        let (mut pc, mut at) = (0, start);
        loop {
            let next = match program.insts.get(pc as usize) {
                None | Some(Inst::Fail) => Next::Fail,
                Some(Inst::Success) => {
                    if mode == Mode::Full && at != text.len() || must_advance && at == start {
                        Next::Fail
                    } else {
                        (self.start, self.end) = (start, at);
                        return Ok(true);
                    }
                }
                Some(Inst::Literal(literal)) => match text.get(at) {
                    Some(unit) if unit.code() == *literal => Next::At(pc + 1, at + 1),
                    _ => Next::Fail,
                },
                Some(Inst::Class(class)) => match (text.get(at), program.classes.get(*class as usize)) {
                    (Some(unit), Some(class)) if class.has(unit.code()) => Next::At(pc + 1, at + 1),
                    _ => Next::Fail,
                },
                Some(Inst::Text(first, last)) => {
                    let literals = program.literals.get(*first as usize..*last as usize).unwrap_or(&[]);
                    match text.get(at..at + literals.len()) {
                        Some(part) if part.iter().zip(literals).all(|(u, l)| u.code() == *l) => {
                            Next::At(pc + 1, at + literals.len())
                        }
                        _ => Next::Fail,
                    }
                }
                Some(Inst::At(what)) => {
                    if is_at(text, at, *what) { Next::At(pc + 1, at) } else { Next::Fail }
                }
                Some(Inst::Mark(slot)) => {
                    self.set_slot(*slot, at);
                    if slot & 1 == 1 {
                        self.set_slot(program.slots as u32, (slot / 2 + 1) as usize);
                    }
                    Next::At(pc + 1, at)
                }
                Some(Inst::Jump(target)) => Next::At(*target, at),
                Some(Inst::Branch(first, last)) => self.alternatives(text, at, *first, *last),
                Some(Inst::RepeatOne { class, min, max }) => self.greedy(text, pc, at, *class, *min, *max),
                Some(Inst::MinRepeatOne { class, min, max }) => self.lazy(text, pc, at, *class, *min, *max),
                Some(Inst::PossessiveOne { class, min, max }) => {
                    let count = count_class(program.classes.get(*class as usize), text, at, *max);
                    if count < *min as usize { Next::Fail } else { Next::At(pc + 1, at + count) }
                }
                Some(Inst::Repeat { number, until }) => {
                    let counter = self.counter(*number);
                    self.set_slot(counter, NONE);
                    self.set_slot(counter + 1, NONE);
                    Next::At(*until, at)
                }
                Some(Inst::MaxUntil { number }) => {
                    self.poll(hook)?;
                    self.max_until(at, *number)
                }
                Some(Inst::MinUntil { number }) => {
                    self.poll(hook)?;
                    self.min_until(at, *number)
                }
                Some(Inst::Possessive { number }) => {
                    let counter = self.counter(*number);
                    self.set_slot(counter, 0);
                    self.set_slot(counter + 1, NONE);
                    self.possessive(at, *number)
                }
                Some(Inst::PossessiveEnd { number }) => {
                    self.poll(hook)?;
                    self.cut();
                    let counter = self.counter(*number);
                    self.set_slot(counter, self.slot(counter).wrapping_add(1));
                    self.possessive(at, *number)
                }
                Some(Inst::GroupRef(group, folding)) => self.group_ref(text, pc, at, *group, *folding),
                Some(Inst::GroupExists { group, otherwise }) => {
                    let set = self.group(*group as usize + 1).is_some();
                    Next::At(if set { pc + 1 } else { *otherwise }, at)
                }
                Some(Inst::Assert { back, .. }) => match at.checked_sub(*back as usize) {
                    Some(from) => {
                        self.push_barrier(Kept::Barrier, pc, at);
                        Next::At(pc + 1, from)
                    }
                    None => Next::Fail,
                },
                Some(Inst::AssertEnd) => Next::At(pc + 1, self.cut()),
                Some(Inst::AssertNot { back, otherwise }) => match at.checked_sub(*back as usize) {
                    Some(from) => {
                        self.push_barrier(Kept::NotBarrier, *otherwise, at);
                        Next::At(pc + 1, from)
                    }
                    None => Next::At(*otherwise, at),
                },
                Some(Inst::AssertNotEnd) => {
                    self.unwind();
                    Next::Fail
                }
                Some(Inst::Atomic) => {
                    self.push_barrier(Kept::Barrier, pc, at);
                    Next::At(pc + 1, at)
                }
                Some(Inst::AtomicEnd) => {
                    self.cut();
                    Next::At(pc + 1, at)
                }
            };
            (pc, at) = match next {
                Next::At(pc, at) => (pc, at),
                Next::Fail => {
                    self.poll(hook)?;
                    match self.backtrack(text) {
                        Some(resumed) => resumed,
                        None => {
                            if std::mem::take(&mut self.dirty) {
                                self.slots.fill(NONE);
                            }
                            return Ok(false);
                        }
                    }
                }
            };
        }
    }

    fn counter(&self, number: u32) -> u32 {
        self.program.loops.get(number as usize).map_or(0, |entry| entry.counter)
    }

    /// Goes back to the last thing that can be tried otherwise.
    fn backtrack<U: Unit>(&mut self, text: &[U]) -> Option<(Pc, usize)> {
        loop {
            let frame = self.stack.pop()?;
            match frame.kept {
                Kept::Slot => self.restore(frame),
                Kept::Choice => return Some((frame.pc, frame.a)),
                Kept::Greedy => {
                    if let Some(at) = self.give_back(text, frame.pc, frame.a, frame.b) {
                        return Some((frame.pc + 1, at));
                    }
                }
                Kept::Lazy => {
                    if let Next::At(pc, at) = self.take_more(text, frame.pc, frame.a, frame.b) {
                        return Some((pc, at));
                    }
                }
                Kept::LazyBody => {
                    if let Next::At(pc, at) = self.lazy_body(frame.a, frame.pc) {
                        return Some((pc, at));
                    }
                }
                Kept::Branch => {
                    if let Next::At(pc, at) = self.alternatives(text, frame.a, frame.pc, frame.b as u32) {
                        return Some((pc, at));
                    }
                }
                Kept::Barrier => self.barrier = frame.b,
                Kept::NotBarrier => {
                    self.barrier = frame.b;
                    return Some((frame.pc, frame.a));
                }
                Kept::LoopBarrier => {
                    self.barrier = frame.b;
                    let entry = self.program.loops.get(frame.pc as usize)?;
                    let count = self.slot(entry.counter);
                    if count >= entry.min as usize {
                        return Some((entry.tail, frame.a));
                    }
                }
            }
        }
    }

    /// The first alternative from `first` on that can match; the others are kept.
    #[inline]
    fn alternatives<U: Unit>(&mut self, text: &[U], at: usize, first: u32, last: u32) -> Next {
        let program = self.program;
        let code = text.get(at).map(|u| u.code());
        for number in first..last {
            let Some(alternative) = program.alternatives.get(number as usize) else { break };
            if let Some(class) = alternative.first {
                let fits = match (code, program.classes.get(class as usize)) {
                    (Some(code), Some(class)) => class.has(code),
                    _ => false,
                };
                if !fits {
                    continue;
                }
            }
            if number + 1 < last {
                self.push(Kept::Branch, number + 1, at, last as usize);
            }
            return Next::At(alternative.target, at);
        }
        Next::Fail
    }

    #[inline]
    fn greedy<U: Unit>(&mut self, text: &[U], pc: Pc, at: usize, class: u32, min: u32, max: u32) -> Next {
        let count = count_class(self.program.classes.get(class as usize), text, at, max);
        if count < min as usize {
            return Next::Fail;
        }
        let (longest, shortest) = (at + count, at + min as usize);
        if let Some(next) = self.next_class(pc)
            && text.get(longest).is_none_or(|u| !next.has(u.code()))
        {
            return match self.give_back(text, pc, longest, shortest) {
                Some(at) => Next::At(pc + 1, at),
                None => Next::Fail,
            };
        }
        if longest > shortest {
            self.push(Kept::Greedy, pc, longest, shortest);
        }
        Next::At(pc + 1, longest)
    }

    #[inline]
    fn next_class(&self, pc: Pc) -> Option<&'p Class> {
        let class = (*self.program.next_class.get(pc as usize)?)?;
        self.program.classes.get(class as usize)
    }

    /// The last position before `from`, and not before `least`, where the pattern can go on.
    fn give_back<U: Unit>(&mut self, text: &[U], pc: Pc, from: usize, least: usize) -> Option<usize> {
        let given = text.get(least..from)?;
        let back = match self.next_class(pc) {
            None => given.len().checked_sub(1)?,
            Some(Class { kind: Kind::Literal(literal), .. }) => {
                pyrt_runtime::text::search::rfind_unit(given, literal_unit(*literal)?)?
            }
            Some(class) => given.iter().rposition(|u| class.has(u.code()))?,
        };
        if back > 0 {
            self.push(Kept::Greedy, pc, least + back, least);
        }
        Some(least + back)
    }

    fn lazy<U: Unit>(&mut self, text: &[U], pc: Pc, at: usize, class: u32, min: u32, max: u32) -> Next {
        let mut count = 0;
        if min > 0 {
            count = count_class(self.program.classes.get(class as usize), text, at, min);
            if count < min as usize {
                return Next::Fail;
            }
        }
        let at = at + count;
        if let Some(next) = self.next_class(pc)
            && text.get(at).is_none_or(|u| !next.has(u.code()))
        {
            return self.take_more(text, pc, at, count);
        }
        if count < max as usize {
            self.push(Kept::Lazy, pc, at, count);
        }
        Next::At(pc + 1, at)
    }

    /// Takes characters, one at least, up to where the pattern can go on.
    fn take_more<U: Unit>(&mut self, text: &[U], pc: Pc, at: usize, count: usize) -> Next {
        let Some(&Inst::MinRepeatOne { class, max, .. }) = self.program.insts.get(pc as usize) else {
            return Next::Fail;
        };
        let Some(class) = self.program.classes.get(class as usize) else { return Next::Fail };
        let next = self.next_class(pc);
        let (mut at, mut count) = (at, count);
        while count < max as usize || max == u32::MAX {
            match text.get(at) {
                Some(unit) if class.has(unit.code()) => {}
                _ => return Next::Fail,
            }
            at += 1;
            count += 1;
            if let Some(next) = next
                && text.get(at).is_none_or(|u| !next.has(u.code()))
            {
                continue;
            }
            self.push(Kept::Lazy, pc, at, count);
            return Next::At(pc + 1, at);
        }
        Next::Fail
    }

    fn max_until(&mut self, at: usize, number: u32) -> Next {
        let Some(entry) = self.program.loops.get(number as usize) else { return Next::Fail };
        let count = self.slot(entry.counter).wrapping_add(1);
        if count < entry.min as usize {
            self.set_slot(entry.counter, count);
            return Next::At(entry.body, at);
        }
        let bounded = entry.max != u32::MAX && count >= entry.max as usize;
        // An iteration that matched nothing is not repeated.
        if bounded || at == self.slot(entry.counter + 1) {
            return Next::At(entry.tail, at);
        }
        self.push(Kept::Choice, entry.tail, at, 0);
        self.set_slot(entry.counter, count);
        self.set_slot(entry.counter + 1, at);
        Next::At(entry.body, at)
    }

    fn min_until(&mut self, at: usize, number: u32) -> Next {
        let Some(entry) = self.program.loops.get(number as usize) else { return Next::Fail };
        let count = self.slot(entry.counter).wrapping_add(1);
        if count < entry.min as usize {
            self.set_slot(entry.counter, count);
            return Next::At(entry.body, at);
        }
        self.push(Kept::LazyBody, number, at, 0);
        Next::At(entry.tail, at)
    }

    fn lazy_body(&mut self, at: usize, number: u32) -> Next {
        let Some(entry) = self.program.loops.get(number as usize) else { return Next::Fail };
        let count = self.slot(entry.counter).wrapping_add(1);
        let bounded = entry.max != u32::MAX && count >= entry.max as usize;
        if bounded || at == self.slot(entry.counter + 1) {
            return Next::Fail;
        }
        self.set_slot(entry.counter, count);
        self.set_slot(entry.counter + 1, at);
        Next::At(entry.body, at)
    }

    /// Tries another iteration of a possessive loop, or leaves it.
    fn possessive(&mut self, at: usize, number: u32) -> Next {
        let Some(entry) = self.program.loops.get(number as usize) else { return Next::Fail };
        let count = self.slot(entry.counter);
        let bounded = entry.max != u32::MAX && count >= entry.max as usize;
        let stuck = count >= entry.min as usize && at == self.slot(entry.counter + 1);
        if bounded || stuck {
            return Next::At(entry.tail, at);
        }
        self.set_slot(entry.counter + 1, at);
        self.push_barrier(Kept::LoopBarrier, number, at);
        Next::At(entry.body, at)
    }

    fn group_ref<U: Unit>(&self, text: &[U], pc: Pc, at: usize, group: u32, folding: Folding) -> Next {
        let Some((start, end)) = self.group(group as usize + 1) else { return Next::Fail };
        let (Some(old), Some(new)) = (text.get(start..end), text.get(at..at + (end - start))) else {
            return Next::Fail;
        };
        let same = match folding {
            Folding::None => old == new,
            _ => old.iter().zip(new).all(|(a, b)| folding.lower(a.code()) == folding.lower(b.code())),
        };
        if same { Next::At(pc + 1, at + (end - start)) } else { Next::Fail }
    }
}

/// A literal in units of the text; `None` where no unit can be it.
pub(super) fn literal_unit<U: Unit>(literal: u32) -> Option<U> {
    (literal <= U::MAX).then(|| U::from_code(literal))
}

/// How many characters from `at` on are of the class, up to `max`.
fn count_class<U: Unit>(class: Option<&Class>, text: &[U], at: usize, max: u32) -> usize {
    let Some(class) = class else { return 0 };
    let Some(rest) = text.get(at..) else { return 0 };
    let rest = if max == u32::MAX { rest } else { &rest[..rest.len().min(max as usize)] };
    let stop = match class.kind {
        Kind::AnyAll => None,
        Kind::Any => pyrt_runtime::text::search::find_unit(rest, U::from_code(10)),
        Kind::NotLiteral(literal) => {
            literal_unit(literal).and_then(|unit| pyrt_runtime::text::search::find_unit(rest, unit))
        }
        Kind::Literal(literal) => rest.iter().position(|u| u.code() != literal),
        Kind::Set => match U::as_bytes(rest) {
            Some(bytes) => bytes.iter().position(|b| !class.has_latin1(u32::from(*b))),
            None => rest.iter().position(|u| !class.has(u.code())),
        },
        Kind::Locale => rest.iter().position(|u| !class.has(u.code())),
    };
    stop.unwrap_or(rest.len())
}

fn is_at<U: Unit>(text: &[U], at: usize, what: At) -> bool {
    let before = || at.checked_sub(1).and_then(|at| text.get(at)).map(|u| u.code());
    let here = || text.get(at).map(|u| u.code());
    let boundary = |is_word: fn(u32) -> bool| before().is_some_and(is_word) != here().is_some_and(is_word);
    match what {
        At::Beginning | At::BeginningString => at == 0,
        At::BeginningLine => before().is_none_or(|code| code == 10),
        At::End => at == text.len() || at + 1 == text.len() && here() == Some(10),
        At::EndLine => here().is_none_or(|code| code == 10),
        At::EndString => at == text.len(),
        At::Boundary => boundary(is_ascii_word),
        At::NonBoundary => !boundary(is_ascii_word),
        At::LocBoundary => boundary(LocaleCase::is_word),
        At::LocNonBoundary => !boundary(LocaleCase::is_word),
        At::UniBoundary => boundary(is_unicode_word),
        At::UniNonBoundary => !boundary(is_unicode_word),
    }
}
