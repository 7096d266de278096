//! `reader`: an iterator over the records of lines.

use pyrt_runtime::object::Guarded;
use pyrt_runtime::object::header::Header;
use pyrt_runtime::object::lifetime::allocate_object;
use pyrt_runtime::object::value::{Owned, PyResult, Raised, Slot, Value};
use pyrt_runtime::protocol::args::{Args, KwNames};
use pyrt_runtime::protocol::{call, iterate};
use pyrt_runtime::sync::{AtomicU64, Ordering};
use pyrt_runtime::text::Units;
use pyrt_runtime::threads::thread_state::Thread;
use pyrt_runtime::types::builtin_types::{FLOAT, StaticType};
use pyrt_runtime::types::list;
use pyrt_runtime::types::string::{self, Chars, StrObject};
use pyrt_runtime::types::type_object::*;

use super::dialect::{self, Dialect, Quoting};
use super::parser::{Fault, Parser, Record};
use super::{ERROR, expect_positional, field_limit};
use crate::native_type::{followed, object, references, self_iter};

#[repr(C)]
pub struct Reader {
    header: Header,
    lines: Slot,
    dialect: Slot,
    line_num: Slot,
    parser: Guarded<Parser>,
    /// `threading.get_ident()` of the thread that uses the parser, 0 for none. Others that read records meanwhile parse for
    /// themselves.
    user: AtomicU64,
}

references!(Reader: lines, dialect);

pub fn new(_module: Value, args: Args<'_>, kwnames: KwNames, thread: &mut Thread) -> PyResult {
    expect_positional("reader", args.len(), thread)?;
    let lines = iterate::iter(args.at(0), thread)?;
    let dialect = dialect::from_call(args.get(1), args, kwnames, thread)?;
    Ok(allocate_object(READER.get(), |header| Reader {
        header,
        lines: Slot::new(lines),
        dialect: Slot::new(dialect),
        line_num: Slot::new(Owned::int(0)),
        parser: Guarded::new(Parser::new()),
        user: AtomicU64::new(0),
    }))
}

fn fault_error(fault: Fault, thread: &mut Thread) -> Raised {
    let message = match fault {
        Fault::TooLarge => format!("field larger than field limit ({})", field_limit()),
        Fault::QuoteInside { delimiter, quote } => {
            let shown = |ch| char::from_u32(ch).unwrap_or(char::REPLACEMENT_CHARACTER);
            format!("'{}' expected after '{}'", shown(delimiter), shown(quote))
        }
        Fault::LineEndInside => "new-line character seen in unquoted field - do you need to open the file with newline=''?".to_owned(),
    };
    ERROR.raise(message, thread)
}

fn next(this: Value, thread: &mut Thread) -> PyResult<Option<Owned>> {
    // SAFETY: `self` of this type.
    let reader: &Reader = unsafe { object(this) };
    let me = thread.shared.ident.load(Ordering::Relaxed);
    // Acquire and Release are the parser's lock's; this says only whose parser it is.
    match reader.user.compare_exchange(0, me, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => {
            let record = read_record(reader, &reader.parser, thread);
            reader.user.store(0, Ordering::Relaxed);
            record
        }
        // The lines' iterator has called the reader itself.
        Err(user) if user == me => read_record(reader, &reader.parser, thread),
        Err(_) => read_record(reader, &Guarded::new(Parser::new()), thread),
    }
}

fn read_record(reader: &Reader, parser: &Guarded<Parser>, thread: &mut Thread) -> PyResult<Option<Owned>> {
    let (Some(lines), Some(dialect)) = (reader.lines.load(&reader.header), reader.dialect.load(&reader.header)) else { return Ok(None) };
    let rules = Dialect::of(*dialect).rules;
    drop(parser.with(&reader.header, Parser::reset));
    loop {
        let Some(line) = iterate::next(*lines, thread)? else {
            let inside = parser.with(&reader.header, |parser| parser.is_inside_field());
            if !inside {
                return Ok(None);
            }
            if rules.is_strict {
                return Err(ERROR.raise("unexpected end of data", thread));
            }
            parser.with(&reader.header, Parser::end_field);
            break;
        };
        if !string::is_str(*line) {
            let name = line.type_object().full_name();
            return Err(ERROR.raise(format!("iterator should return strings, not {name} (the file should be opened in text mode)"), thread));
        }
        if !parser.with(&reader.header, |parser| parser.is_reading()) {
            return Err(ERROR.raise("iterator has already advanced the reader", thread));
        }
        let count = reader.line_num.load(&reader.header).and_then(|count| pyrt_runtime::types::int::as_i64(*count)).unwrap_or(0);
        drop(reader.line_num.replace(&reader.header, Some(Owned::int(count + 1))));
        let limit = field_limit();
        let text = StrObject::of(*line);
        let result = parser.with(&reader.header, |parser| {
            match text.chars() {
                Chars::One(chars) => parser.line(chars, &rules, limit),
                Chars::Two(chars) => parser.line(chars, &rules, limit),
                Chars::Four(chars) => parser.line(chars, &rules, limit),
            }
            .map(|()| parser.is_complete())
        });
        if result.map_err(|fault| fault_error(fault, thread))? {
            break;
        }
    }
    match parser.with(&reader.header, Parser::take) {
        Some(record) => fields(&record, rules.quoting, thread).map(Some),
        None => Err(ERROR.raise("iterator has already advanced the reader", thread)),
    }
}

fn fields(record: &Record, quoting: Quoting, thread: &mut Thread) -> PyResult {
    let mut fields = Vec::with_capacity(record.ends.len());
    let mut start = 0;
    for field in &record.ends {
        let is_empty = field.end <= start;
        let text = || match record.text.as_units() {
            Units::One(units) => string::from_latin1(units.get(start..field.end).unwrap_or(&[])),
            Units::Two(units) => string::from_ucs2(units.get(start..field.end).unwrap_or(&[])),
            Units::Four(units) => string::from_ucs4(units.get(start..field.end).unwrap_or(&[])),
        };
        let nothing_is_none = matches!(quoting, Quoting::NotNull | Quoting::Strings);
        let bare_is_number = matches!(quoting, Quoting::NonNumeric | Quoting::Strings);
        fields.push(if field.is_unquoted && is_empty && nothing_is_none {
            Owned::none()
        } else if field.is_unquoted && !is_empty && bare_is_number {
            call::call(FLOAT.get().value(), &[*text()], thread)?
        } else {
            text()
        });
        start = field.end;
    }
    Ok(list::from_vec(fields))
}

unsafe fn clear(value: Value) {
    // SAFETY: an object of this type.
    let reader: &Reader = unsafe { object(value) };
    drop(reader.lines.replace(&reader.header, None));
    drop(reader.dialect.replace(&reader.header, None));
}

const fn member(name: &'static str, offset: usize) -> MemberDef {
    MemberDef { name, offset, readonly: true, none_if_empty: false, doc: "" }
}

static SPEC: TypeSpec = TypeSpec {
    name: "_csv.reader",
    doc: "CSV reader\n\nReader objects are responsible for reading and parsing tabular data\nin CSV format.\n",
    flags: TYPE_GC | TYPE_DISALLOW_INSTANTIATION,
    slots: &[SlotFn::iter(self_iter), SlotFn::iternext(next)],
    members: &[member("dialect", std::mem::offset_of!(Reader, dialect)), member("line_num", std::mem::offset_of!(Reader, line_num))],
    clear: Some(clear),
    ..followed::<Reader>()
};

pub static READER: StaticType = StaticType::new(&SPEC);
