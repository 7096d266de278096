//! The two-way string matching algorithm (Crochemore and Perrin 1991): linear time, constant space.
//!
//! [`super::search`] takes it for wide units once simple scanning has wasted too much work.

/// A needle cut at its critical position.
pub(super) struct TwoWay<'n, T> {
    needle: &'n [T],
    cut: usize,
    period: usize,
    /// The needle's first part repeats at `period`, so that matched text can be remembered.
    periodic: bool,
}

impl<'n, T: Ord + Copy> TwoWay<'n, T> {
    /// `needle` is not empty.
    pub(super) fn new(needle: &'n [T]) -> Self {
        let (cut_less, period_less) = maximal_suffix(needle, false);
        let (cut_more, period_more) = maximal_suffix(needle, true);
        let (cut, period) = if cut_less > cut_more { (cut_less, period_less) } else { (cut_more, period_more) };
        let periodic = needle.get(..cut) == needle.get(period..period + cut) && needle.get(..cut).is_some();
        let period = if periodic { period } else { cut.max(needle.len() - cut) + 1 };
        TwoWay { needle, cut, period, periodic }
    }

    pub(super) fn find(&self, hay: &[T]) -> Option<usize> {
        let needle = self.needle;
        let mut at = 0;
        // Length of the prefix that is known to match at `at`.
        let mut memory = 0;
        while let Some(window) = hay.get(at..at + needle.len()) {
            let start = self.cut.max(memory);
            let right = (start..needle.len()).find(|i| window[*i] != needle[*i]);
            if let Some(i) = right {
                at += i - self.cut + 1;
                memory = 0;
                continue;
            }
            let left = (memory..self.cut).rev().find(|i| window[*i] != needle[*i]);
            if left.is_none() {
                return Some(at);
            }
            at += self.period;
            memory = if self.periodic { needle.len() - self.period } else { 0 };
        }
        None
    }
}

/// Start and period of the maximal suffix under the order or its reverse.
fn maximal_suffix<T: Ord + Copy>(needle: &[T], reversed: bool) -> (usize, usize) {
    let (mut left, mut right, mut offset, mut period) = (0, 1, 0, 1);
    while right + offset < needle.len() {
        let (a, b) = (needle[right + offset], needle[left + offset]);
        let order = if reversed { b.cmp(&a) } else { a.cmp(&b) };
        match order {
            std::cmp::Ordering::Less => {
                right += offset + 1;
                offset = 0;
                period = right - left;
            }
            std::cmp::Ordering::Equal => {
                if offset + 1 == period {
                    right += offset + 1;
                    offset = 0;
                } else {
                    offset += 1;
                }
            }
            std::cmp::Ordering::Greater => {
                left = right;
                right += 1;
                offset = 0;
                period = 1;
            }
        }
    }
    (left, period)
}
