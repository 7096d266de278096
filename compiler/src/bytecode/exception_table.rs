//! The exception table (`co_exceptiontable`): which handler covers which instructions.
//!
//! Entries are four numbers each, in 6-bit groups from the highest with bit 6 set on all but the last; bit 7 marks
//! the first byte of an entry. Entries are sorted and do not overlap.

/// One entry; offsets are in code units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub start: u32,
    /// Exclusive.
    pub end: u32,
    pub target: u32,
    /// The stack depth that the handler starts from.
    pub depth: u32,
    /// Whether the offset of the raising instruction is pushed first.
    pub lasti: bool,
}

const FIRST: u8 = 0x80;
const MORE: u8 = 0x40;

impl Entry {
    pub fn write(&self, table: &mut Vec<u8>) {
        let first = table.len();
        for number in [self.start, self.end - self.start, self.target, self.depth << 1 | u32::from(self.lasti)] {
            let groups = (32 - number.leading_zeros()).div_ceil(6).max(1);
            for group in (0..groups).rev() {
                let bits = (number >> (group * 6)) as u8 & 0x3F;
                table.push(if group > 0 { bits | MORE } else { bits });
            }
        }
        if let Some(byte) = table.get_mut(first) {
            *byte |= FIRST;
        }
    }
}

/// The entries in order. Stops where the table is cut off.
pub fn entries(table: &[u8]) -> impl Iterator<Item = Entry> + '_ {
    let mut bytes = table.iter().copied();
    let mut number = move || {
        let mut value = 0u32;
        loop {
            let byte = bytes.next()?;
            value = value << 6 | u32::from(byte & 0x3F);
            if byte & MORE == 0 {
                return Some(value);
            }
        }
    };
    std::iter::from_fn(move || {
        let (start, length, target, depth) = (number()?, number()?, number()?, number()?);
        let end = start.saturating_add(length);
        Some(Entry { start, end, target, depth: depth >> 1, lasti: depth & 1 != 0 })
    })
}

/// The entry that covers the code unit.
pub fn lookup(table: &[u8], offset: u32) -> Option<Entry> {
    entries(table).take_while(|entry| entry.start <= offset).find(|entry| offset < entry.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let all = [
            Entry { start: 0, end: 3, target: 64, depth: 0, lasti: false },
            Entry { start: 70, end: 5000, target: 300_000, depth: 7, lasti: true },
        ];
        let mut table = Vec::new();
        all.iter().for_each(|entry| entry.write(&mut table));
        assert_eq!(entries(&table).collect::<Vec<_>>(), all);
        assert_eq!(lookup(&table, 4999), Some(all[1]));
        assert_eq!(lookup(&table, 5), None);
        assert_eq!(entries(&table[..5]).count(), 1);
    }
}
