//! `strftime` of dates and times: what the C library cannot know is put in before it is asked.

use pyrt_runtime::protocol::{attribute, call, convert};
use pyrt_runtime::types::str::Builder;
use pyrt_runtime::types::string::{self, StrObject};
use pyrt_runtime::types::tuple;
use pyrt_runtime::{Owned, PyResult, Thread, Value};

use super::{calendar, tzinfo};

/// What a format is about.
pub struct Subject<'a> {
    /// What the zone's methods get.
    pub argument: Value,
    pub zone: Option<&'a Owned>,
    pub microsecond: i32,
    /// Year, month, day.
    pub date: (i32, i32, i32),
    /// What `time.strftime` gets.
    pub time_tuple: Value,
}

/// A function of another module.
pub fn call_module(module: &str, function: &str, args: &[Value], thread: &mut Thread) -> PyResult {
    let module = pyrt_runtime::import::import_module(module, thread)?;
    let function = attribute::get_by_text(*module, function, thread)?;
    call::call(*function, args, thread)
}

/// `time.struct_time` of nine fields.
pub fn struct_time(fields: [i32; 9], thread: &mut Thread) -> PyResult {
    let fields = tuple::pack(fields.map(|field| Owned::int(i64::from(field))));
    call_module("time", "struct_time", &[*fields], thread)
}

/// `%z`, with a separator between hours and minutes.
fn offset(subject: &Subject<'_>, separator: &str, thread: &mut Thread) -> PyResult<String> {
    let offset = tzinfo::utcoffset(subject.zone.map(Owned::value), subject.argument, thread)?;
    Ok(offset.map_or_else(String::new, |offset| {
        tzinfo::offset_text(*offset, separator)
    }))
}

pub fn strftime(subject: &Subject<'_>, format: Value, thread: &mut Thread) -> PyResult {
    let text = StrObject::of(format);
    let (year, month, day) = subject.date;
    let mut out = Builder::new();
    // What was copied so far, and what is put in each time it is asked for.
    let (mut copied, mut at) = (0, 0);
    let n = text.len();
    while at < n {
        if text.char_at(at) != u32::from(b'%') || at + 1 >= n {
            at += 1;
            continue;
        }
        let start = at;
        let directive = text.char_at(at + 1);
        at += 2;
        let replacement = match char::from_u32(directive) {
            Some('z') => offset(subject, "", thread)?,
            Some(':') if at < n && text.char_at(at) == u32::from(b'z') => {
                at += 1;
                offset(subject, ":", thread)?
            }
            Some('Z') => {
                let name = tzinfo::tzname(subject.zone.map(Owned::value), subject.argument, thread)?;
                if start > copied {
                    out.push_object(*string::slice(text, copied, start));
                }
                copied = at;
                if !name.is_none() {
                    // A percent sign of the name is no directive.
                    let doubled = call::call_method(*name, *pyrt_runtime::names::interned("replace"), &[*Owned::str("%"), *Owned::str("%%")], thread)?;
                    if !string::is_str(*doubled) {
                        let given = doubled.type_object().full_name();
                        return Err(thread.raise_type_error(format!("tzinfo.replace() must return a string, not '{given}'")));
                    }
                    out.push_object(*doubled);
                }
                continue;
            }
            Some('f') => format!("{:06}", subject.microsecond),
            // The C library writes short years without zeros.
            Some('Y') if year < 1000 => format!("{year:04}"),
            Some('G') if year <= 1000 => format!("{:04}", calendar::to_iso(year, month, day).0),
            Some('C') if year < 1000 => format!("{:02}", year / 100),
            Some('F') if year < 1000 => format!("{year:04}-{month:02}-{day:02}"),
            _ => continue,
        };
        if start > copied {
            out.push_object(*string::slice(text, copied, start));
        }
        out.push_str(&replacement);
        copied = at;
    }
    let format = if copied == 0 && out.is_empty() {
        format.to_owned()
    } else {
        if n > copied {
            out.push_object(*string::slice(text, copied, n));
        }
        out.finish()
    };
    call_module("time", "strftime", &[*format, subject.time_tuple], thread)
}

/// `__format__`: `str` for an empty format, else the object's own `strftime`.
pub fn format(this: Value, spec: Value, thread: &mut Thread) -> PyResult {
    let text = super::arguments::text(spec, "__format__", 1, thread)?;
    if text.is_empty() {
        return convert::str(this, thread);
    }
    call::call_method(this, *pyrt_runtime::names::interned("strftime"), &[spec], thread)
}

/// `HH`, `HH:MM` and so on as `timespec` says; none if it says nothing known.
pub fn clock_text([hour, minute, second, microsecond]: [i32; 4], timespec: &str) -> Option<String> {
    Some(match timespec {
        "auto" if microsecond == 0 => format!("{hour:02}:{minute:02}:{second:02}"),
        "auto" | "microseconds" => format!("{hour:02}:{minute:02}:{second:02}.{microsecond:06}"),
        "hours" => format!("{hour:02}"),
        "minutes" => format!("{hour:02}:{minute:02}"),
        "seconds" => format!("{hour:02}:{minute:02}:{second:02}"),
        "milliseconds" => format!("{hour:02}:{minute:02}:{second:02}.{:03}", microsecond / 1000),
        _ => return None,
    })
}
