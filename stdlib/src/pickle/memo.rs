//! What a pickler has written and what an unpickler has read, by number.

use std::collections::HashMap;

use pyrt_runtime::{Owned, Value};

use crate::native_type::References;

/// The objects that a pickler has written, found by identity. Each is kept alive, so that no other can take its place.
///
/// An open-addressing table of places in `entries`; a place is stored plus one, zero is free.
#[derive(Default, Clone)]
pub struct PicklerMemo {
    table: Vec<u32>,
    entries: Vec<(Owned, usize)>,
}

/// Where the search for an object begins.
fn start(value: Value) -> usize {
    (value.unmarked().bits().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize
}

impl PicklerMemo {
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The number of an object that was written.
    #[inline]
    pub fn get(&self, value: Value) -> Option<usize> {
        let mask = self.table.len().checked_sub(1)?;
        let mut at = start(value) & mask;
        loop {
            match self.table.get(at).copied().unwrap_or(0) {
                0 => return None,
                place => {
                    let (object, number) = self.entries.get(place as usize - 1)?;
                    if object.is(value) {
                        return Some(*number);
                    }
                }
            }
            at = (at + 1) & mask;
        }
    }

    /// Notes an object that is not in the memo.
    pub fn insert(&mut self, value: Value, number: usize) {
        self.entries.push((value.to_owned(), number));
        if self.entries.len() * 3 > self.table.len() * 2 {
            self.rebuild();
        } else {
            self.place(self.entries.len());
        }
    }

    fn rebuild(&mut self) {
        let size = (self.entries.len() * 3).next_power_of_two().max(16);
        self.table.clear();
        self.table.resize(size, 0);
        for place in 1..=self.entries.len() {
            self.place(place);
        }
    }

    fn place(&mut self, place: usize) {
        let mask = self.table.len() - 1;
        let Some((object, _)) = self.entries.get(place - 1) else { return };
        let mut at = start(**object) & mask;
        while self.table.get(at).is_some_and(|taken| *taken != 0) {
            at = (at + 1) & mask;
        }
        if let Some(free) = self.table.get_mut(at) {
            *free = place as u32;
        }
    }

    /// Bytes of the tables.
    pub fn size(&self) -> usize {
        self.table.len() * size_of::<u32>() + self.entries.len() * size_of::<(Owned, usize)>()
    }

    pub fn entries(&self) -> &[(Owned, usize)] {
        &self.entries
    }
}

impl References for PicklerMemo {
    fn visit(&self, visit: &mut dyn FnMut(Value)) {
        for (object, _) in &self.entries {
            visit(**object);
        }
    }
}

/// Numbers this far beyond the end of the list are kept apart.
const MAX_GAP: usize = 1024;

/// The objects that an unpickler has read, by number.
#[derive(Default, Clone)]
pub struct UnpicklerMemo {
    list: Vec<Option<Owned>>,
    /// Numbers far beyond the list's end: only a strange pickle has them.
    far: HashMap<usize, Owned>,
    len: usize,
}

impl UnpicklerMemo {
    /// How many numbers are taken.
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub fn get(&self, number: usize) -> Option<Owned> {
        match self.list.get(number) {
            Some(found) => found.clone(),
            None => self.far.get(&number).cloned(),
        }
    }

    /// Gives a number to an object; what had it before is handed out.
    #[inline]
    pub fn put(&mut self, number: usize, value: Owned) -> Option<Owned> {
        if number == self.list.len() && self.far.is_empty() {
            if number == 0 {
                self.list.reserve(32);
            }
            self.list.push(Some(value));
            self.len += 1;
            return None;
        }
        let old = if number > self.list.len() * 2 + MAX_GAP || self.far.contains_key(&number) {
            self.far.insert(number, value)
        } else {
            if number >= self.list.len() {
                self.list.resize(number + 1, None);
                // Numbers that were far off may lie within the list now.
                let within: Vec<usize> = self.far.keys().copied().filter(|far| *far < self.list.len()).collect();
                for far in within {
                    let moved = self.far.remove(&far);
                    if let Some(slot) = self.list.get_mut(far) {
                        *slot = moved;
                    }
                }
            }
            self.list.get_mut(number).and_then(|slot| slot.replace(value))
        };
        self.len += usize::from(old.is_none());
        old
    }

    /// Bytes of the list.
    pub fn size(&self) -> usize {
        self.list.len() * size_of::<Option<Owned>>()
    }

    pub fn entries(&self) -> Vec<(usize, Owned)> {
        let near = self.list.iter().enumerate().filter_map(|(number, value)| value.clone().map(|value| (number, value)));
        near.chain(self.far.iter().map(|(number, value)| (*number, value.clone()))).collect()
    }
}

impl References for UnpicklerMemo {
    fn visit(&self, visit: &mut dyn FnMut(Value)) {
        for value in self.list.iter().flatten().chain(self.far.values()) {
            visit(**value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_numbers_join_the_list_when_it_grows() {
        let mut memo = UnpicklerMemo::default();
        assert!(memo.put(5000, Owned::int(1)).is_none());
        for number in 0..4000 {
            assert!(memo.put(number, Owned::int(number as i64)).is_none());
        }
        assert!(memo.put(5001, Owned::int(2)).is_none());
        assert!(memo.put(5000, Owned::int(3)).is_some());
        assert_eq!(memo.len(), 4002);
        assert!(memo.get(4500).is_none() && memo.get(5001).is_some());
    }
}
