//! From characters to fields: a state machine without objects.

use pyrt_runtime::text::{Buffer, Unit};

use super::dialect::{Quoting, Rules};

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    StartRecord,
    StartField,
    Escaped,
    InField,
    InQuotes,
    EscapedInQuotes,
    QuoteInQuotes,
    EatLineEnd,
    AfterEscapedLineEnd,
}

/// What is wrong with a line.
pub enum Fault {
    TooLarge,
    QuoteInside { delimiter: u32, quote: u32 },
    LineEndInside,
}

/// The end of a field in [`Record::text`], and whether it stood without quotes.
pub struct FieldEnd {
    pub end: usize,
    pub is_unquoted: bool,
}

/// The fields of a record, one behind the other.
#[derive(Default)]
pub struct Record {
    pub text: Buffer,
    pub ends: Vec<FieldEnd>,
}

pub struct Parser {
    state: State,
    is_unquoted: bool,
    /// None while no record is being read.
    record: Option<Record>,
}

const LF: u32 = b'\n' as u32;
const CR: u32 = b'\r' as u32;

fn is_line_end(ch: u32) -> bool {
    ch == LF || ch == CR
}

impl Parser {
    pub const fn new() -> Parser {
        Parser { state: State::StartRecord, is_unquoted: false, record: None }
    }

    /// Begins a record; gives what was left of one.
    pub fn reset(&mut self) -> Option<Record> {
        self.state = State::StartRecord;
        self.is_unquoted = false;
        self.record.replace(Record::default())
    }

    /// Whether the parser is inside of a record: a `reset` came, and no `take` since.
    pub fn is_reading(&self) -> bool {
        self.record.is_some()
    }

    /// Whether the input may not end here.
    pub fn is_inside_field(&self) -> bool {
        self.state == State::InQuotes || self.record.as_ref().is_some_and(|record| record.text.len() > record.start())
    }

    /// Whether the record is complete.
    pub fn is_complete(&self) -> bool {
        self.state == State::StartRecord
    }

    pub fn take(&mut self) -> Option<Record> {
        self.record.take()
    }

    /// Ends the field at the end of the input.
    pub fn end_field(&mut self) {
        if let Some(record) = &mut self.record {
            record.save(self.is_unquoted);
        }
    }

    /// Reads a line and its end.
    pub fn line<U: Unit>(&mut self, line: &[U], rules: &Rules, limit: i64) -> Result<(), Fault> {
        let Some(mut record) = self.record.take() else { return Ok(()) };
        let result = self.units(&mut record, line, rules, limit);
        self.record = Some(record);
        result
    }

    fn units<U: Unit>(&mut self, record: &mut Record, line: &[U], rules: &Rules, limit: i64) -> Result<(), Fault> {
        // What ends a run of plain characters, inside of quotes and outside.
        let (quote, escape) = (rules.quote.unwrap_or(LF), rules.escape.unwrap_or(LF));
        let ends_quoted = |unit: &U| unit.code() == quote || unit.code() == escape;
        let ends_plain = |unit: &U| unit.code() == rules.delimiter || is_line_end(unit.code()) || unit.code() == escape;
        let mut at = 0;
        while let Some(unit) = line.get(at) {
            let rest = &line[at..];
            let run = match self.state {
                State::InField => rest.iter().position(ends_plain).unwrap_or(rest.len()),
                State::InQuotes => rest.iter().position(ends_quoted).unwrap_or(rest.len()),
                _ => 0,
            };
            if run > 0 {
                record.extend(&rest[..run], limit)?;
                at += run;
                continue;
            }
            self.step(record, Some(unit.code()), rules, limit)?;
            at += 1;
        }
        self.step(record, None, rules, limit)
    }

    /// One character, or the end of the line.
    #[inline]
    fn step(&mut self, record: &mut Record, ch: Option<u32>, rules: &Rules, limit: i64) -> Result<(), Fault> {
        let quote = if rules.quoting == Quoting::None { None } else { rules.quote };
        match self.state {
            State::StartRecord => match ch {
                None => {}
                Some(ch) if is_line_end(ch) => self.state = State::EatLineEnd,
                Some(_) => return self.start_field(record, ch, quote, rules, limit),
            },
            State::StartField => return self.start_field(record, ch, quote, rules, limit),
            State::Escaped => {
                record.push(ch.unwrap_or(LF), limit)?;
                self.state = if ch.is_some_and(is_line_end) { State::AfterEscapedLineEnd } else { State::InField };
            }
            State::AfterEscapedLineEnd if ch.is_none() => {}
            State::AfterEscapedLineEnd | State::InField => match ch {
                None => self.end(record, ch),
                Some(ch) if is_line_end(ch) => self.end(record, Some(ch)),
                Some(_) if ch == rules.escape => self.state = State::Escaped,
                Some(ch) if ch == rules.delimiter => self.next(record),
                Some(ch) => {
                    record.push(ch, limit)?;
                    self.state = State::InField;
                }
            },
            State::InQuotes => match ch {
                None => {}
                Some(_) if ch == rules.escape => self.state = State::EscapedInQuotes,
                Some(_) if ch == quote => self.state = if rules.doubles_quotes { State::QuoteInQuotes } else { State::InField },
                Some(ch) => record.push(ch, limit)?,
            },
            State::EscapedInQuotes => {
                record.push(ch.unwrap_or(LF), limit)?;
                self.state = State::InQuotes;
            }
            State::QuoteInQuotes => match ch {
                None => self.end(record, ch),
                Some(same) if ch == quote => {
                    record.push(same, limit)?;
                    self.state = State::InQuotes;
                }
                Some(ch) if ch == rules.delimiter => self.next(record),
                Some(ch) if is_line_end(ch) => self.end(record, Some(ch)),
                Some(ch) if !rules.is_strict => {
                    record.push(ch, limit)?;
                    self.state = State::InField;
                }
                Some(_) => return Err(Fault::QuoteInside { delimiter: rules.delimiter, quote: quote.unwrap_or(0) }),
            },
            State::EatLineEnd => match ch {
                None => self.state = State::StartRecord,
                Some(ch) if is_line_end(ch) => {}
                Some(_) => return Err(Fault::LineEndInside),
            },
        }
        Ok(())
    }

    fn start_field(&mut self, record: &mut Record, ch: Option<u32>, quote: Option<u32>, rules: &Rules, limit: i64) -> Result<(), Fault> {
        self.state = State::StartField;
        self.is_unquoted = true;
        match ch {
            None => self.end(record, ch),
            Some(ch) if is_line_end(ch) => self.end(record, Some(ch)),
            Some(_) if ch == quote => {
                self.is_unquoted = false;
                self.state = State::InQuotes;
            }
            Some(_) if ch == rules.escape => self.state = State::Escaped,
            Some(ch) if ch == u32::from(' ') && rules.skips_initial_space => {}
            Some(ch) if ch == rules.delimiter => self.next(record),
            Some(ch) => {
                record.push(ch, limit)?;
                self.state = State::InField;
            }
        }
        Ok(())
    }

    fn next(&mut self, record: &mut Record) {
        record.save(self.is_unquoted);
        self.state = State::StartField;
    }

    fn end(&mut self, record: &mut Record, ch: Option<u32>) {
        record.save(self.is_unquoted);
        self.state = if ch.is_none() { State::StartRecord } else { State::EatLineEnd };
    }
}

impl Record {
    /// Where the field that is being read begins.
    fn start(&self) -> usize {
        self.ends.last().map_or(0, |last| last.end)
    }

    #[inline]
    fn push(&mut self, ch: u32, limit: i64) -> Result<(), Fault> {
        if (self.text.len() - self.start()) as i64 >= limit {
            return Err(Fault::TooLarge);
        }
        self.text.push(ch);
        Ok(())
    }

    fn extend<U: Unit>(&mut self, run: &[U], limit: i64) -> Result<(), Fault> {
        if (self.text.len() - self.start() + run.len()) as i64 > limit {
            return Err(Fault::TooLarge);
        }
        self.text.extend(run);
        Ok(())
    }

    fn save(&mut self, is_unquoted: bool) {
        self.ends.push(FieldEnd { end: self.text.len(), is_unquoted });
    }
}
