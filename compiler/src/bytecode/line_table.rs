//! The location table (`co_linetable`): a source position for every code unit.
//!
//! Each entry covers one to eight code units; its first byte is `0x80 | kind << 3 | units - 1`. Lines are relative to
//! the entry before (CPython `Objects/locations.md`).

/// A source position; lines from 1 (0 for the start of a module), columns from 0 in UTF-8 bytes, `None` unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Position {
    pub line: Option<u32>,
    pub end_line: Option<u32>,
    pub col: Option<u32>,
    pub end_col: Option<u32>,
}

const MAX_UNITS: usize = 8;

mod kind {
    /// 0 to 9: same line, columns in one byte.
    pub(super) const SHORT_LAST: u8 = 9;
    /// 10 to 12: zero to two lines on, columns in a byte each.
    pub(super) const ONE_LINE_FIRST: u8 = 10;
    pub(super) const ONE_LINE_LAST: u8 = 12;
    pub(super) const NO_COLUMNS: u8 = 13;
    pub(super) const LONG: u8 = 14;
    pub(super) const NONE: u8 = 15;
}

/// Writes a table entry by entry.
#[derive(Debug)]
pub struct Writer {
    table: Vec<u8>,
    line: i64,
}

impl Writer {
    pub fn new(first_line: i32) -> Writer {
        Writer { table: Vec::new(), line: i64::from(first_line) }
    }

    /// The next `units` code units stand at `position`.
    pub fn write(&mut self, position: Position, mut units: usize) {
        while units > 0 {
            let part = units.min(MAX_UNITS);
            self.write_entry(position, part);
            units -= part;
        }
    }

    pub fn finish(self) -> Vec<u8> {
        self.table
    }

    fn head(&mut self, kind: u8, units: usize) {
        self.table.push(0x80 | kind << 3 | (units - 1) as u8);
    }

    fn write_entry(&mut self, position: Position, units: usize) {
        let Some(line) = position.line else {
            self.head(kind::NONE, units);
            return;
        };
        let delta = i64::from(line) - self.line;
        self.line = i64::from(line);
        let is_one_line = position.end_line == Some(line);
        if let (Some(col), Some(end_col)) = (position.col, position.end_col) {
            if is_one_line && delta == 0 && col < 80 && end_col >= col && end_col - col < 16 {
                self.head((col >> 3) as u8, units);
                self.table.push((col & 7) as u8 * 16 + (end_col - col) as u8);
                return;
            }
            if is_one_line && (0..3).contains(&delta) && col < 128 && end_col < 128 {
                self.head(kind::ONE_LINE_FIRST + delta as u8, units);
                self.table.extend([col as u8, end_col as u8]);
                return;
            }
        } else if is_one_line || position.end_line.is_none() {
            self.head(kind::NO_COLUMNS, units);
            self.signed(delta);
            return;
        }
        self.head(kind::LONG, units);
        self.signed(delta);
        self.unsigned(u64::from(position.end_line.unwrap_or(line).saturating_sub(line)));
        self.unsigned(position.col.map_or(0, |col| u64::from(col) + 1));
        self.unsigned(position.end_col.map_or(0, |col| u64::from(col) + 1));
    }

    fn unsigned(&mut self, mut value: u64) {
        while value >= 64 {
            self.table.push(0x40 | (value & 0x3F) as u8);
            value >>= 6;
        }
        self.table.push(value as u8);
    }

    fn signed(&mut self, value: i64) {
        let magnitude = value.unsigned_abs() << 1;
        self.unsigned(if value < 0 { magnitude | 1 } else { magnitude });
    }
}

/// One entry of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// In code units; the end is exclusive.
    pub start: u32,
    pub end: u32,
    pub position: Position,
}

/// The entries in order, as `co_positions()` sees them. Stops where the table is cut off.
pub fn ranges(table: &[u8], first_line: i32) -> Ranges<'_> {
    Ranges { bytes: table.iter(), line: i64::from(first_line), offset: 0 }
}

#[derive(Clone, Debug)]
pub struct Ranges<'t> {
    bytes: std::slice::Iter<'t, u8>,
    line: i64,
    offset: u32,
}

impl Ranges<'_> {
    fn byte(&mut self) -> Option<u8> {
        self.bytes.next().copied()
    }

    fn unsigned(&mut self) -> Option<u64> {
        let mut value = 0u64;
        let mut shift = 0u32;
        loop {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x3F).checked_shl(shift).unwrap_or(0);
            shift += 6;
            if byte & 0x40 == 0 {
                return Some(value);
            }
        }
    }

    fn signed(&mut self) -> Option<i64> {
        let value = self.unsigned()?;
        let magnitude = (value >> 1) as i64;
        Some(if value & 1 != 0 { -magnitude } else { magnitude })
    }

    fn position(&mut self, kind: u8) -> Option<Position> {
        let line = |this: &Self| u32::try_from(this.line).ok();
        Some(match kind {
            0..=kind::SHORT_LAST => {
                let byte = u32::from(self.byte()?);
                let col = u32::from(kind) << 3 | byte >> 4;
                Position { line: line(self), end_line: line(self), col: Some(col), end_col: Some(col + (byte & 15)) }
            }
            kind::ONE_LINE_FIRST..=kind::ONE_LINE_LAST => {
                self.line += i64::from(kind - kind::ONE_LINE_FIRST);
                let (col, end_col) = (self.byte()?, self.byte()?);
                let (col, end_col) = (Some(u32::from(col)), Some(u32::from(end_col)));
                Position { line: line(self), end_line: line(self), col, end_col }
            }
            kind::NO_COLUMNS => {
                self.line = self.line.saturating_add(self.signed()?);
                Position { line: line(self), end_line: line(self), col: None, end_col: None }
            }
            kind::LONG => {
                self.line = self.line.saturating_add(self.signed()?);
                let more = u32::try_from(self.unsigned()?).unwrap_or(u32::MAX);
                let end_line = line(self).map(|line| line.saturating_add(more));
                let column = |value: u64| value.checked_sub(1).and_then(|value| u32::try_from(value).ok());
                let (col, end_col) = (column(self.unsigned()?), column(self.unsigned()?));
                Position { line: line(self), end_line, col, end_col }
            }
            _ => Position::default(),
        })
    }
}

impl Iterator for Ranges<'_> {
    type Item = Range;
    fn next(&mut self) -> Option<Range> {
        let head = self.byte()?;
        let position = self.position(head >> 3 & 15)?;
        let start = self.offset;
        self.offset = start.checked_add(u32::from(head & 7) + 1)?;
        Some(Range { start, end: self.offset, position })
    }
}

/// The position of a code unit.
pub fn position_at(table: &[u8], first_line: i32, offset: u32) -> Option<Position> {
    ranges(table, first_line).find(|range| offset < range.end).map(|range| range.position)
}

/// The lines as `co_lines()` gives them: neighbours on one line are joined. Start, end (in code units), line.
pub fn lines(table: &[u8], first_line: i32) -> Vec<(u32, u32, Option<u32>)> {
    let mut lines: Vec<(u32, u32, Option<u32>)> = Vec::new();
    for range in ranges(table, first_line) {
        match lines.last_mut() {
            Some(last) if last.2 == range.position.line => last.1 = range.end,
            _ => lines.push((range.start, range.end, range.position.line)),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_round_trip() {
        let at = |line, end_line, col, end_col| Position { line, end_line, col, end_col };
        let positions = [
            at(Some(5), Some(5), Some(3), Some(9)),
            at(Some(7), Some(7), Some(100), Some(120)),
            at(Some(2), Some(2), None, None),
            at(Some(2), Some(9), Some(1000), Some(3)),
            Position::default(),
            at(Some(3), Some(3), Some(1), Some(2)),
        ];
        let mut writer = Writer::new(5);
        positions.iter().for_each(|position| writer.write(*position, 11));
        let table = writer.finish();
        for (number, position) in positions.iter().enumerate() {
            assert_eq!(position_at(&table, 5, number as u32 * 11 + 10), Some(*position));
        }
        assert_eq!(position_at(&table, 5, 66), None);
        assert_eq!(lines(&table, 5).len(), 5);
    }
}
