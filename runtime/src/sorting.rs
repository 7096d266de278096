//! Stable sorting with a comparison that may fail, the algorithm of `list.sort`: natural runs
//! (Peters' timsort, 2002), merged in the order of powersort (Munro and Wild 2018), with
//! galloping.
//!
//! # Invariants
//! * Whatever `less` answers, and if it fails at any point, the slice holds a permutation of its
//!   elements. A merge copies one run out; the gap that this leaves is always as long as what is
//!   left of the copy, and is filled from it in the end.
//! * Equal elements keep their order: an element only moves before another one if it is less.

/// Runs shorter than this are extended by insertion.
const MAX_MIN_RUN: usize = 64;
/// Wins in a row that start galloping, at first.
const MIN_GALLOP: usize = 7;

/// Sorts `items` by `less`.
pub fn sort<T: Copy, E>(items: &mut [T], less: impl FnMut(T, T) -> Result<bool, E>) -> Result<(), E> {
    let mut sorter = Sorter { less, spare: Vec::new(), min_gallop: MIN_GALLOP };
    sorter.sort(items)
}

struct Sorter<T, F> {
    less: F,
    /// The run that a merge has copied out.
    spare: Vec<T>,
    min_gallop: usize,
}

/// A run that waits to be merged, and the power of the boundary behind it.
#[derive(Clone, Copy)]
struct Run {
    start: usize,
    len: usize,
    power: u32,
}

impl<T: Copy, E, F: FnMut(T, T) -> Result<bool, E>> Sorter<T, F> {
    fn sort(&mut self, items: &mut [T]) -> Result<(), E> {
        let total = items.len();
        if total < 2 {
            return Ok(());
        }
        let min_run = min_run(total);
        let mut pending: Vec<Run> = Vec::new();
        let mut start = 0;
        while start < total {
            let rest = &mut items[start..];
            let mut len = self.count_run(rest)?;
            if len < min_run {
                let forced = min_run.min(rest.len());
                self.insert_from(&mut rest[..forced], len)?;
                len = forced;
            }
            if let Some(last) = pending.last_mut() {
                let power = boundary_power(last.start, last.len, len, total);
                while pending.len() > 1 && pending[pending.len() - 2].power > power {
                    self.merge_last(items, &mut pending)?;
                }
                if let Some(last) = pending.last_mut() {
                    last.power = power;
                }
            }
            pending.push(Run { start, len, power: 0 });
            start += len;
        }
        while pending.len() > 1 {
            self.merge_last(items, &mut pending)?;
        }
        Ok(())
    }

    /// Length of the run at the start. A descending one is reversed, and may hold stretches of
    /// equal elements: each of them is reversed beforehand, so that it comes out as it was.
    fn count_run(&mut self, items: &mut [T]) -> Result<usize, E> {
        let mut len = 1;
        self.extend_run(items, &mut len)?;
        if len == items.len() {
            return Ok(len);
        }
        // items[len] is less than its predecessor: if all before are equal, the run descends.
        if len > 1 && (self.less)(items[0], items[len - 1])? {
            return Ok(len);
        }
        items[..len].reverse();
        // Where the stretch of equal elements at the end starts.
        let mut stretch = len;
        len += 1;
        while len < items.len() {
            if (self.less)(items[len], items[len - 1])? {
                items[stretch..len].reverse();
                stretch = len;
            } else if (self.less)(items[len - 1], items[len])? {
                break;
            }
            len += 1;
        }
        items[stretch..len].reverse();
        items[..len].reverse();
        self.extend_run(items, &mut len)?;
        Ok(len)
    }

    /// Extends a run that ascends by what follows.
    fn extend_run(&mut self, items: &[T], len: &mut usize) -> Result<(), E> {
        while *len < items.len() && !(self.less)(items[*len], items[*len - 1])? {
            *len += 1;
        }
        Ok(())
    }

    /// Binary insertion of `items[sorted..]` into the sorted start.
    fn insert_from(&mut self, items: &mut [T], sorted: usize) -> Result<(), E> {
        for at in sorted.max(1)..items.len() {
            let pivot = items[at];
            let (mut low, mut high) = (0, at);
            while low < high {
                let middle = low + (high - low) / 2;
                if (self.less)(pivot, items[middle])? {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            items[low..=at].rotate_right(1);
        }
        Ok(())
    }

    fn merge_last(&mut self, items: &mut [T], pending: &mut Vec<Run>) -> Result<(), E> {
        let (Some(second), Some(first)) = (pending.pop(), pending.last_mut()) else { return Ok(()) };
        let (start, first_len) = (first.start, first.len);
        first.len += second.len;
        first.power = second.power;
        self.merge(&mut items[start..start + first_len + second.len], first_len)
    }

    /// Merges the sorted `items[..cut]` and `items[cut..]`.
    fn merge(&mut self, items: &mut [T], cut: usize) -> Result<(), E> {
        // What is in place already, at both ends.
        let skip = self.gallop_right(items[cut], &items[..cut], 0)?;
        let items = &mut items[skip..];
        let cut = cut - skip;
        if cut == 0 {
            return Ok(());
        }
        let right = &items[cut..];
        let end = cut + self.gallop_left(items[cut - 1], right, right.len() - 1)?;
        if end == cut {
            return Ok(());
        }
        let items = &mut items[..end];
        if cut <= items.len() - cut { self.merge_low(items, cut) } else { self.merge_high(items, cut) }
    }

    /// Merges from the left; the left run is copied out.
    fn merge_low(&mut self, items: &mut [T], cut: usize) -> Result<(), E> {
        let mut spare = std::mem::take(&mut self.spare);
        spare.clear();
        spare.extend_from_slice(&items[..cut]);
        let (mut left, mut right) = (0, cut);
        let result = self.run_merge_low(items, &spare, &mut left, &mut right);
        // The gap before `right` is as long as the rest of the copy.
        let rest = &spare[left..];
        items[right - rest.len()..right].copy_from_slice(rest);
        self.spare = spare;
        result
    }

    fn run_merge_low(&mut self, items: &mut [T], spare: &[T], left: &mut usize, right: &mut usize) -> Result<(), E> {
        let place = |left: usize, right: usize| right - (spare.len() - left);
        // The first of the right run is known to come first.
        items[place(*left, *right)] = items[*right];
        *right += 1;
        while *right < items.len() && *left < spare.len() {
            let (mut left_wins, mut right_wins) = (0, 0);
            // One by one, until one run wins often.
            loop {
                let to = place(*left, *right);
                if (self.less)(items[*right], spare[*left])? {
                    items[to] = items[*right];
                    *right += 1;
                    right_wins += 1;
                    left_wins = 0;
                } else {
                    items[to] = spare[*left];
                    *left += 1;
                    left_wins += 1;
                    right_wins = 0;
                }
                if *right == items.len() || *left == spare.len() {
                    return Ok(());
                }
                if left_wins.max(right_wins) >= self.min_gallop {
                    break;
                }
            }
            self.min_gallop += 1;
            // By galloping, while that pays.
            loop {
                self.min_gallop = self.min_gallop.saturating_sub(1).max(1);
                let count = self.gallop_right(items[*right], &spare[*left..], 0)?;
                let to = place(*left, *right);
                items[to..to + count].copy_from_slice(&spare[*left..*left + count]);
                *left += count;
                if *left == spare.len() {
                    return Ok(());
                }
                let to = place(*left, *right);
                items[to] = items[*right];
                *right += 1;
                if *right == items.len() {
                    return Ok(());
                }
                let taken = self.gallop_left(spare[*left], &items[*right..], 0)?;
                let to = place(*left, *right);
                items.copy_within(*right..*right + taken, to);
                *right += taken;
                if *right == items.len() {
                    return Ok(());
                }
                let to = place(*left, *right);
                items[to] = spare[*left];
                *left += 1;
                if *left == spare.len() {
                    return Ok(());
                }
                if count < MIN_GALLOP && taken < MIN_GALLOP {
                    break;
                }
            }
            self.min_gallop += 1;
        }
        Ok(())
    }

    /// Merges from the right; the right run is copied out.
    fn merge_high(&mut self, items: &mut [T], cut: usize) -> Result<(), E> {
        let mut spare = std::mem::take(&mut self.spare);
        spare.clear();
        spare.extend_from_slice(&items[cut..]);
        // What is left: items[..left] and spare[..right].
        let (mut left, mut right) = (cut, spare.len());
        let result = self.run_merge_high(items, &spare, &mut left, &mut right);
        items[left..left + right].copy_from_slice(&spare[..right]);
        self.spare = spare;
        result
    }

    fn run_merge_high(&mut self, items: &mut [T], spare: &[T], left: &mut usize, right: &mut usize) -> Result<(), E> {
        // The last of the left run is known to come last. The gap is items[left..left + right].
        *left -= 1;
        items[*left + *right] = items[*left];
        while *left > 0 && *right > 0 {
            let (mut left_wins, mut right_wins) = (0, 0);
            loop {
                if (self.less)(spare[*right - 1], items[*left - 1])? {
                    *left -= 1;
                    items[*left + *right] = items[*left];
                    left_wins += 1;
                    right_wins = 0;
                } else {
                    *right -= 1;
                    items[*left + *right] = spare[*right];
                    right_wins += 1;
                    left_wins = 0;
                }
                if *left == 0 || *right == 0 {
                    return Ok(());
                }
                if left_wins.max(right_wins) >= self.min_gallop {
                    break;
                }
            }
            self.min_gallop += 1;
            loop {
                self.min_gallop = self.min_gallop.saturating_sub(1).max(1);
                let kept = self.gallop_right(spare[*right - 1], &items[..*left], *left - 1)?;
                let count = *left - kept;
                items.copy_within(kept..*left, kept + *right);
                *left = kept;
                if *left == 0 {
                    return Ok(());
                }
                *right -= 1;
                items[*left + *right] = spare[*right];
                if *right == 0 {
                    return Ok(());
                }
                let kept = self.gallop_left(items[*left - 1], &spare[..*right], *right - 1)?;
                let taken = *right - kept;
                items[*left + kept..*left + *right].copy_from_slice(&spare[kept..*right]);
                *right = kept;
                if *right == 0 {
                    return Ok(());
                }
                *left -= 1;
                items[*left + *right] = items[*left];
                if *left == 0 {
                    return Ok(());
                }
                if count < MIN_GALLOP && taken < MIN_GALLOP {
                    break;
                }
            }
            self.min_gallop += 1;
        }
        Ok(())
    }

    /// Where `key` goes in `run`, before what equals it; looks around `hint` first.
    fn gallop_left(&mut self, key: T, run: &[T], hint: usize) -> Result<usize, E> {
        let less = &mut self.less;
        gallop(run.len(), hint, |at| less(run[at], key))
    }

    /// Where `key` goes in `run`, behind what equals it.
    fn gallop_right(&mut self, key: T, run: &[T], hint: usize) -> Result<usize, E> {
        let less = &mut self.less;
        gallop(run.len(), hint, |at| less(key, run[at]).map(|less| !less))
    }
}

/// The first index that does not come before the key, for a test of what comes before it: steps
/// of doubling length away from `hint`, then a binary search.
fn gallop<E>(len: usize, hint: usize, mut before: impl FnMut(usize) -> Result<bool, E>) -> Result<usize, E> {
    let (mut low, mut high);
    let mut step = 1usize;
    if before(hint)? {
        // The answer lies behind the hint.
        low = hint + 1;
        loop {
            let at = hint.saturating_add(step);
            if at >= len {
                high = len;
                break;
            }
            if !before(at)? {
                high = at;
                break;
            }
            low = at + 1;
            step = step.saturating_mul(2).saturating_add(1);
        }
    } else {
        high = hint;
        loop {
            let Some(at) = hint.checked_sub(step) else {
                low = 0;
                break;
            };
            if before(at)? {
                low = at + 1;
                break;
            }
            high = at;
            step = step.saturating_mul(2).saturating_add(1);
        }
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle)? {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// Between 32 and 64, so that the number of runs is a power of two or a little less.
fn min_run(mut len: usize) -> usize {
    let mut odd = 0;
    while len >= MAX_MIN_RUN {
        odd |= len & 1;
        len >>= 1;
    }
    len + odd
}

/// Depth, in the ideal merge tree, of the boundary between the run at `start` and the next one:
/// the first binary digit in which the midpoints of the two differ, as fractions of `total`.
fn boundary_power(start: usize, len: usize, next_len: usize, total: usize) -> u32 {
    let mut a = 2 * start as u128 + len as u128;
    let mut b = a + len as u128 + next_len as u128;
    let total = 2 * total as u128;
    let mut power = 0;
    loop {
        power += 1;
        a *= 2;
        b *= 2;
        let (digit_a, digit_b) = (a >= total, b >= total);
        if digit_a != digit_b || power >= 64 {
            return power;
        }
        if digit_a {
            a -= total;
            b -= total;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::sort;

    fn random(seed: &mut u64) -> u64 {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        *seed
    }

    #[test]
    fn sorts_stably_and_keeps_elements_when_the_comparison_lies_or_fails() {
        let mut seed = 42;
        for round in 0..400u64 {
            let len = (random(&mut seed) % 700) as usize;
            let range = 1 + random(&mut seed) % 900;
            let mut items: Vec<(u64, usize)> = (0..len).map(|i| (random(&mut seed) % range, i)).collect();
            if round % 3 == 0 {
                items.sort_unstable_by_key(|item| item.0 / 50);
            }
            items.iter_mut().enumerate().for_each(|(i, item)| item.1 = i);
            let mut expected = items.clone();
            expected.sort();

            let mut sorted = items.clone();
            sort(&mut sorted, |a, b| Ok::<_, ()>(a.0 < b.0)).unwrap();
            assert_eq!(sorted, expected);

            let mut lied_to = items.clone();
            sort(&mut lied_to, |_, _| Ok::<_, ()>(random(&mut seed).is_multiple_of(2))).unwrap();
            lied_to.sort();
            assert_eq!(lied_to, expected);

            let mut failed = items.clone();
            let mut left = random(&mut seed) % (1 + 8 * len as u64);
            let result: Result<(), ()> = sort(&mut failed, |a, b| {
                left = left.checked_sub(1).ok_or(())?;
                Ok(a.0 < b.0)
            });
            assert!(result.is_err() || failed.is_sorted_by_key(|item| item.0));
            failed.sort();
            assert_eq!(failed, expected);
        }
    }
}
