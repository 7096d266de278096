//! Source positions of instructions, from the location table (CPython `InternalDocs/code_objects.md`).

/// Where an instruction stands; `None` parts are unknown. Columns are in UTF-8 bytes from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Position {
    pub line: Option<i32>,
    pub end_line: Option<i32>,
    pub col: Option<i32>,
    pub end_col: Option<i32>,
}

/// Calls `visit(first_unit, end_unit, position)` for each entry until it returns false. Units are CPython's.
pub fn for_each_entry(table: &[u8], firstlineno: i32, mut visit: impl FnMut(u32, u32, Position) -> bool) {
    let mut at = 0;
    let mut line = firstlineno;
    let mut unit = 0u32;
    while at < table.len() {
        let first = table[at];
        at += 1;
        let kind = (first >> 3) & 15;
        let length = u32::from(first & 7) + 1;
        let mut read_varint = || {
            let (mut value, mut shift) = (0u32, 0);
            while let Some(&byte) = table.get(at) {
                at += 1;
                value |= u32::from(byte & 63) << shift.min(31);
                shift += 6;
                if byte & 64 == 0 {
                    break;
                }
            }
            value
        };
        let signed = |value: u32| if value & 1 != 0 { -((value >> 1) as i32) } else { (value >> 1) as i32 };
        let position = match kind {
            15 => Position::default(),
            14 => {
                line += signed(read_varint());
                let end_line = line + read_varint() as i32;
                let col = read_varint();
                let end_col = read_varint();
                let column = |value: u32| if value == 0 { None } else { Some(value as i32 - 1) };
                Position { line: Some(line), end_line: Some(end_line), col: column(col), end_col: column(end_col) }
            }
            13 => {
                line += signed(read_varint());
                Position { line: Some(line), end_line: Some(line), col: None, end_col: None }
            }
            10..=12 => {
                line += i32::from(kind) - 10;
                let col = table.get(at).copied().unwrap_or(0);
                let end = table.get(at + 1).copied().unwrap_or(0);
                at += 2;
                Position { line: Some(line), end_line: Some(line), col: Some(i32::from(col)), end_col: Some(i32::from(end)) }
            }
            _ => {
                let second = table.get(at).copied().unwrap_or(0);
                at += 1;
                let col = i32::from(kind) << 3 | i32::from(second >> 4);
                Position { line: Some(line), end_line: Some(line), col: Some(col), end_col: Some(col + i32::from(second & 15)) }
            }
        };
        if !visit(unit, unit + length, position) {
            return;
        }
        unit += length;
    }
}

/// The table with lines alone (`-X no_debug_ranges`).
pub fn without_columns(table: &[u8], firstlineno: i32) -> Vec<u8> {
    const NO_COLUMNS: u8 = 13;
    const NONE: u8 = 15;
    let mut out = Vec::with_capacity(table.len());
    let mut line_before = firstlineno;
    for_each_entry(table, firstlineno, |start, end, position| {
        let length = (end - start - 1) as u8 & 7;
        match position.line {
            None => out.push(0x80 | NONE << 3 | length),
            Some(line) => {
                out.push(0x80 | NO_COLUMNS << 3 | length);
                let delta = line - line_before;
                let mut rest = if delta < 0 { delta.unsigned_abs() << 1 | 1 } else { (delta as u32) << 1 };
                while rest >= 64 {
                    out.push(64 | (rest & 63) as u8);
                    rest >>= 6;
                }
                out.push(rest as u8);
                line_before = line;
            }
        }
        true
    });
    out
}

/// The position of CPython's code unit `wanted`.
pub fn position_of(table: &[u8], firstlineno: i32, wanted: u32) -> Position {
    let mut found = Position::default();
    for_each_entry(table, firstlineno, |start, end, position| {
        if (start..end).contains(&wanted) {
            found = position;
            return false;
        }
        true
    });
    found
}

/// The line of CPython's code unit `wanted`.
pub fn line_of(table: &[u8], firstlineno: i32, wanted: u32) -> Option<i32> {
    position_of(table, firstlineno, wanted).line
}
