//! Reading ISO 8601 texts, as far as `fromisoformat` takes them.
//!
//! Texts come as one byte a character; what is not ASCII is a byte that no rule accepts.

use super::calendar::from_iso;

/// A time of day as it was written, with its offset in seconds and microseconds. Not checked for range.
#[derive(Debug, PartialEq, Eq, Default, Clone, Copy)]
pub struct Clock {
    pub hour: i32,
    pub minute: i32,
    pub second: i32,
    pub microsecond: i32,
    pub offset: Option<(i32, i32)>,
}

/// A number of exactly `n` digits.
fn digits(text: &[u8], n: usize) -> Option<i32> {
    let field = text.get(..n)?;
    field.iter().try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i32::from(digit - b'0')))
}

/// Year, month and day; day and month may be out of range, a date by weeks may not.
pub fn date(text: &[u8]) -> Option<(i32, i32, i32)> {
    if !matches!(text.len(), 7 | 8 | 10) {
        return None;
    }
    let year = digits(text, 4)?;
    let mut rest = text.get(4..)?;
    let separated = rest.first() == Some(&b'-');
    if separated {
        rest = &rest[1..];
    }
    if let Some(week) = rest.strip_prefix(b"W") {
        let number = digits(week, 2)?;
        let weekday = match week.get(2..)? {
            [] => 1,
            [b'-', day @ ..] if separated && day.len() == 1 => digits(day, 1)?,
            day if !separated && day.len() == 1 => digits(day, 1)?,
            _ => return None,
        };
        let ordinal = from_iso(year, number, weekday).ok()?;
        let date = super::calendar::from_ordinal(ordinal.max(1));
        return (ordinal >= 1).then_some(date);
    }
    let month = digits(rest, 2)?;
    rest = rest.get(2..)?;
    if separated {
        rest = rest.strip_prefix(b"-")?;
    }
    let day = digits(rest, 2)?;
    (rest.len() == 2).then_some((year, month, day))
}

/// Hours, and what of minutes, seconds and a fraction follows, up to the end of `text`.
fn clock_fields(text: &[u8]) -> Option<[i32; 4]> {
    let mut fields = [0; 4];
    let mut rest = text;
    let mut separated = true;
    for i in 0..3 {
        fields[i] = digits(rest, 2)?;
        rest = rest.get(2..)?;
        if i == 0 {
            separated = rest.first() == Some(&b':');
        }
        match rest {
            [] => return Some(fields),
            // Something must follow.
            [_] => return None,
            [b':', after @ ..] if separated && i < 2 => rest = after,
            [b'.' | b',', after @ ..] if i == 2 => rest = after,
            [b'.' | b',' | b':', ..] => return None,
            _ if separated => return None,
            _ => {}
        }
    }
    // Digits beyond microseconds are thrown away.
    let n = rest.len().min(6);
    fields[3] = digits(rest, n)? * 10_i32.pow(6 - n as u32);
    rest.get(n..)?.iter().all(u8::is_ascii_digit).then_some(fields)
}

/// A time of day with or without an offset.
pub fn clock(text: &[u8]) -> Option<Clock> {
    let zone = text.iter().position(|ch| matches!(ch, b'+' | b'-' | b'Z'));
    let [hour, minute, second, microsecond] = clock_fields(text.get(..zone.unwrap_or(text.len()))?)?;
    let offset = match zone.and_then(|at| text.get(at..)) {
        None => None,
        Some([b'Z', after @ ..]) => return after.is_empty().then_some(Clock { hour, minute, second, microsecond, offset: Some((0, 0)) }),
        Some([sign, after @ ..]) => {
            let [hours, minutes, seconds, microseconds] = clock_fields(after)?;
            let sign = if *sign == b'-' { -1 } else { 1 };
            Some((sign * (hours * 3600 + minutes * 60 + seconds), sign * microseconds))
        }
        Some([]) => None,
    };
    Some(Clock { hour, minute, second, microsecond, offset })
}

/// Where the date of a date and time ends. The text has seven characters or more.
pub fn date_end(text: &[u8]) -> Option<usize> {
    let n = text.len();
    let at = |i: usize| text.get(i).copied().unwrap_or(0);
    if n == 7 {
        return Some(7);
    }
    if at(4) == b'-' {
        if at(5) != b'W' {
            return Some(10);
        }
        if n < 8 {
            return None;
        }
        if n > 8 && at(8) == b'-' {
            if n == 9 {
                return None;
            }
            // YYYY-Www-dT… or YYYY-Www-HH: two digits are taken for an hour after a hyphen that separates.
            return Some(if n > 10 && at(10).is_ascii_digit() { 8 } else { 10 });
        }
        return Some(8);
    }
    if at(4) != b'W' {
        return Some(8);
    }
    // YYYYWww or YYYYWwwd: the digits behind the week decide.
    let end = (7..n).find(|&i| !at(i).is_ascii_digit()).unwrap_or(n);
    Some(match end {
        ..9 => end,
        _ if end % 2 == 0 => 7,
        _ => 8,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_dates_and_clocks() {
        assert_eq!(date(b"2020-W53-5"), Some((2021, 1, 1)));
        assert_eq!(date(b"2020W01"), Some((2019, 12, 30)));
        assert_eq!(date(b"20200229"), Some((2020, 2, 29)));
        assert!(date(b"2020-0229").is_none() && date(b"202002-29").is_none());
        assert_eq!(clock(b"01:02:03,5-00:00:01").map(|clock| (clock.microsecond, clock.offset)), Some((500_000, Some((-1, 0)))));
        assert!(clock(b"0102031").is_none() && clock(b"01:").is_none() && clock(b"01:02.5").is_none());
    }
}
