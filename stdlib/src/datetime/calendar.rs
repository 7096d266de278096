//! The proleptic Gregorian calendar, in which day 1 is January 1 of year 1, and the ISO 8601 calendar of weeks.

pub const MIN_YEAR: i32 = 1;
pub const MAX_YEAR: i32 = 9999;
/// The ordinal of December 31 of the last year.
pub const MAX_ORDINAL: i32 = 3_652_059;

const DAYS_BEFORE_MONTH: [i32; 13] = [0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const DAYS_IN_MONTH: [i32; 13] = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const DAYS_IN_400_YEARS: i32 = 146_097;
const DAYS_IN_100_YEARS: i32 = 36_524;
const DAYS_IN_4_YEARS: i32 = 1461;

pub fn is_leap(year: i32) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days of a month; the month is in range.
pub fn days_in_month(year: i32, month: i32) -> i32 {
    if month == 2 && is_leap(year) { 29 } else { DAYS_IN_MONTH.get(month as usize).copied().unwrap_or(0) }
}

/// Days of the year before a month.
pub fn days_before_month(year: i32, month: i32) -> i32 {
    DAYS_BEFORE_MONTH.get(month as usize).copied().unwrap_or(0) + i32::from(month > 2 && is_leap(year))
}

fn days_before_year(year: i32) -> i32 {
    let before = year - 1;
    before * 365 + before.div_euclid(4) - before.div_euclid(100) + before.div_euclid(400)
}

pub fn to_ordinal(year: i32, month: i32, day: i32) -> i32 {
    days_before_year(year) + days_before_month(year, month) + day
}

/// Year, month and day of an ordinal, which is at least 1.
pub fn from_ordinal(ordinal: i32) -> (i32, i32, i32) {
    let rest = ordinal - 1;
    let (n400, rest) = (rest / DAYS_IN_400_YEARS, rest % DAYS_IN_400_YEARS);
    // The last day of 400 and of 4 years belongs to a fifth part.
    let n100 = (rest / DAYS_IN_100_YEARS).min(3);
    let rest = rest - n100 * DAYS_IN_100_YEARS;
    let (n4, rest) = (rest / DAYS_IN_4_YEARS, rest % DAYS_IN_4_YEARS);
    let n1 = (rest / 365).min(3);
    let day_of_year = rest - n1 * 365;
    let year = n400 * 400 + n100 * 100 + n4 * 4 + n1 + 1;
    // A month has 29 days or more, so this guess is right or one too large.
    let mut month = (day_of_year + 50) >> 5;
    if days_before_month(year, month) > day_of_year {
        month -= 1;
    }
    (year, month, day_of_year - days_before_month(year, month) + 1)
}

/// Monday is 0.
pub fn weekday(year: i32, month: i32, day: i32) -> i32 {
    (to_ordinal(year, month, day) + 6) % 7
}

/// The ordinal of the Monday that begins the ISO year.
fn iso_year_start(year: i32) -> i32 {
    let first = to_ordinal(year, 1, 1);
    let first_weekday = (first + 6) % 7;
    let monday = first - first_weekday;
    // The week belongs to the year that has its Thursday.
    if first_weekday > 3 { monday + 7 } else { monday }
}

/// ISO year, week and weekday (Monday is 1).
pub fn to_iso(year: i32, month: i32, day: i32) -> (i32, i32, i32) {
    let today = to_ordinal(year, month, day);
    let mut iso_year = year;
    let mut start = iso_year_start(year);
    if today < start {
        iso_year -= 1;
        start = iso_year_start(iso_year);
    } else if (today - start) / 7 >= 52 && today >= iso_year_start(year + 1) {
        iso_year += 1;
        start = iso_year_start(iso_year);
    }
    (iso_year, (today - start) / 7 + 1, (today - start) % 7 + 1)
}

/// What is wrong with a date of the ISO calendar.
#[derive(Debug, PartialEq, Eq)]
pub enum IsoError {
    Year,
    Week,
    Weekday,
}

/// The ordinal of an ISO year, week and weekday.
pub fn from_iso(year: i32, week: i32, weekday: i32) -> Result<i32, IsoError> {
    if !(MIN_YEAR..=MAX_YEAR).contains(&year) {
        return Err(IsoError::Year);
    }
    if !(1..=52).contains(&week) {
        // Years that begin on a Thursday have 53 weeks, and leap years that begin on a Wednesday.
        let first_weekday = (to_ordinal(year, 1, 1) + 6) % 7;
        let has_53 = first_weekday == 3 || (first_weekday == 2 && is_leap(year));
        if week != 53 || !has_53 {
            return Err(IsoError::Week);
        }
    }
    if !(1..=7).contains(&weekday) {
        return Err(IsoError::Weekday);
    }
    Ok(iso_year_start(year) + (week - 1) * 7 + weekday - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals_and_dates_are_inverse() {
        let mut expected = (1, 1, 1);
        for ordinal in 1..=MAX_ORDINAL {
            let (year, month, day) = from_ordinal(ordinal);
            assert_eq!((year, month, day), expected);
            assert_eq!(to_ordinal(year, month, day), ordinal);
            let (iso_year, week, weekday) = to_iso(year, month, day);
            if (MIN_YEAR..=MAX_YEAR).contains(&iso_year) {
                assert_eq!(from_iso(iso_year, week, weekday), Ok(ordinal));
            }
            expected = match () {
                () if day < days_in_month(year, month) => (year, month, day + 1),
                () if month < 12 => (year, month + 1, 1),
                () => (year + 1, 1, 1),
            };
        }
        assert_eq!(from_iso(2021, 53, 1), Err(IsoError::Week));
    }
}
