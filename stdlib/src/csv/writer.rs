//! `writer`: from records to lines.

use pyrt_runtime::exceptions::exc;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Raised, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::native::NativeFn;
use pyrt_runtime::protocol::{attribute, call, convert, iterate};
use pyrt_runtime::text::{Buffer, Unit};
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::StaticType;
use pyrt_runtime::types::str::{from_buffer, units};
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::type_object::*;

use super::dialect::{self, Dialect, Quoting, Rules};
use super::{ERROR, expect_positional};
use crate::native_type::{followed, object, references};

#[repr(C)]
pub struct Writer {
    header: Header,
    write: Slot,
    dialect: Slot,
}

references!(Writer: write, dialect);

pub fn new(_module: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    expect_positional("writer", args.len(), thread)?;
    let dialect = dialect::from_call(args.get(1), args, kwnames, thread)?;
    let write = attribute::get_optional(args.at(0), *pyrt_runtime::names::interned("write"), thread)?;
    let Some(write) = write.filter(|write| call::is_callable(**write)) else {
        return Err(thread.raise_type_error("argument 1 must have a \"write\" method"));
    };
    Ok(allocate_object(WRITER.get(), |header| Writer { header, write: Slot::new(write), dialect: Slot::new(dialect) }))
}

/// A record on its way to a line.
struct Line<'a> {
    rules: Rules,
    terminator: &'a StrObject,
    text: Buffer,
    n_fields: usize,
}

enum Fault {
    NeedsEscape,
    EmptyNeedsQuotes,
}

impl Fault {
    fn raise(self, thread: &mut Thread) -> Raised {
        ERROR.raise(
            match self {
                Fault::NeedsEscape => "need to escape, but no escapechar set",
                Fault::EmptyNeedsQuotes => "empty field must be quoted if delimiter is a space and skipinitialspace is true",
            },
            thread,
        )
    }
}

impl Line<'_> {
    /// Appends a field; None is the null field.
    fn push(&mut self, field: Option<&StrObject>, mut is_quoted: bool) -> Result<(), Fault> {
        let rules = self.rules;
        if field.is_none_or(StrObject::is_empty) && rules.delimiter == u32::from(' ') && rules.skips_initial_space {
            if rules.quoting == Quoting::None || (field.is_none() && matches!(rules.quoting, Quoting::Strings | Quoting::NotNull)) {
                return Err(Fault::EmptyNeedsQuotes);
            }
            is_quoted = true;
        }
        if self.n_fields > 0 {
            self.text.push(rules.delimiter);
        }
        let quote = rules.quote.unwrap_or(0);
        match field {
            None => self.text.push_repeated(quote, if is_quoted { 2 } else { 0 }),
            Some(field) => pyrt_runtime::with_units!(units(field), units => self.push_units(units, quote, is_quoted)?),
        }
        self.n_fields += 1;
        Ok(())
    }
}

impl Line<'_> {
    fn is_special(&self, ch: u32) -> bool {
        let rules = &self.rules;
        ch == rules.delimiter
            || Some(ch) == rules.escape
            || Some(ch) == rules.quote
            || ch == u32::from('\n')
            || ch == u32::from('\r')
            || self.terminator.chars().iter().any(|other| other == ch)
    }

    /// Whether a special character takes the escape character before it.
    fn wants_escape(&self, ch: u32) -> bool {
        let rules = &self.rules;
        rules.quoting == Quoting::None || if Some(ch) == rules.quote { !rules.doubles_quotes } else { Some(ch) == rules.escape }
    }

    fn push_units<U: Unit>(&mut self, field: &[U], quote: u32, is_quoted: bool) -> Result<(), Fault> {
        let has_special = field.iter().any(|unit| self.is_special(unit.code()));
        let is_quoted = is_quoted || (has_special && field.iter().any(|unit| self.is_special(unit.code()) && !self.wants_escape(unit.code())));
        if is_quoted {
            self.text.push(quote);
        }
        if has_special {
            for ch in field.iter().map(|unit| unit.code()) {
                if self.is_special(ch) {
                    if self.wants_escape(ch) {
                        self.text.push(self.rules.escape.ok_or(Fault::NeedsEscape)?);
                    } else if ch == quote {
                        self.text.push(ch);
                    }
                }
                self.text.push(ch);
            }
        } else {
            self.text.extend(field);
        }
        if is_quoted {
            self.text.push(quote);
        }
        Ok(())
    }
}

/// Whether the value says that it is a number.
fn is_number(value: Value) -> bool {
    let slots = &value.type_object().slots;
    slots.index.raw() != 0 || slots.int.raw() != 0 || slots.float.raw() != 0 || value.has_shape(pyrt_runtime::types::builtin_types::shapes::COMPLEX)
}

fn write_row(this: Value, row: Value, thread: &mut Thread) -> PyResult {
    // SAFETY: `self` of this type.
    let writer: &Writer = unsafe { object(this) };
    let (Some(write), Some(dialect)) = (writer.write.load(&writer.header), writer.dialect.load(&writer.header)) else { return Ok(Owned::none()) };
    let dialect = Dialect::of(*dialect);
    let rules = dialect.rules;
    let iterator = match iterate::iter(row, thread) {
        Ok(iterator) => iterator,
        Err(raised) => {
            drop(thread.catch(raised, &exc::TYPE_ERROR)?);
            let name = row.type_object().full_name();
            return Err(ERROR.raise(format!("iterable expected, not {name}"), thread));
        }
    };
    let mut line = Line { rules, terminator: dialect.line_terminator(), text: Buffer::new(), n_fields: 0 };
    let mut last_is_null = false;
    while let Some(field) = iterate::next(*iterator, thread)? {
        let is_str = string::is_str(*field);
        last_is_null = field.is_none();
        let is_quoted = match rules.quoting {
            Quoting::NonNumeric => !is_number(*field),
            Quoting::All => true,
            Quoting::Strings => is_str,
            Quoting::NotNull => !last_is_null,
            Quoting::Minimal | Quoting::None => false,
        };
        let pushed = if last_is_null {
            line.push(None, is_quoted)
        } else if is_str {
            line.push(Some(StrObject::of(*field)), is_quoted)
        } else {
            let text = convert::str(*field, thread)?;
            line.push(Some(StrObject::of(*text)), is_quoted)
        };
        pushed.map_err(|fault| fault.raise(thread))?;
    }
    if line.n_fields > 0 && line.text.is_empty() {
        let may_not_quote = rules.quoting == Quoting::None || (last_is_null && matches!(rules.quoting, Quoting::Strings | Quoting::NotNull));
        if may_not_quote {
            return Err(ERROR.raise("single empty field record must be quoted", thread));
        }
        line.n_fields -= 1;
        line.push(None, true).map_err(|fault| fault.raise(thread))?;
    }
    line.text.push_units(units(dialect.line_terminator()));
    let text = from_buffer(line.text);
    call::call(*write, &[*text], thread)
}

fn write_rows(this: Value, rows: Value, thread: &mut Thread) -> PyResult {
    let rows = iterate::iter(rows, thread)?;
    while let Some(row) = iterate::next(*rows, thread)? {
        drop(write_row(this, *row, thread)?);
    }
    Ok(Owned::none())
}

unsafe fn clear(value: Value) {
    // SAFETY: an object of this type.
    let writer: &Writer = unsafe { object(value) };
    drop(writer.write.replace(&writer.header, None));
    drop(writer.dialect.replace(&writer.header, None));
}

static SPEC: TypeSpec = TypeSpec {
    name: "_csv.writer",
    doc: "CSV writer\n\nWriter objects are responsible for generating tabular data\nin CSV format from sequence input.\n",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    methods: &[
        method("writerow", NativeFn::One(write_row), "($self, row, /)", "Construct and write a CSV record from an iterable of fields.\n\nNon-string elements will be converted to string."),
        method("writerows", NativeFn::One(write_rows), "($self, rows, /)", "Construct and write a series of iterables to a csv file.\n\nNon-string elements will be converted to string."),
    ],
    members: &[MemberDef { name: "dialect", offset: std::mem::offset_of!(Writer, dialect), readonly: true, none_if_empty: false, doc: "" }],
    clear: Some(clear),
    ..followed::<Writer>()
};

pub static WRITER: StaticType = StaticType::new(&SPEC);
