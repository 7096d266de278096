//! "Did you mean …?": the closest name by edit distance (CPython's `Lib/traceback.py` uses the same measure).

const MAX_CANDIDATES: usize = 750;
const MAX_LENGTH: usize = 40;
const MOVE_COST: usize = 2;
const CASE_COST: usize = 1;

fn substitution_cost(a: char, b: char) -> usize {
    if a == b {
        0
    } else if a.to_lowercase().eq(b.to_lowercase()) {
        CASE_COST
    } else {
        MOVE_COST
    }
}

/// Weighted Levenshtein distance, or anything above `limit` if it exceeds it.
fn distance(a: &str, b: &str, limit: usize) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len() > MAX_LENGTH || b.len() > MAX_LENGTH || a.len().abs_diff(b.len()) * MOVE_COST > limit {
        return limit + 1;
    }
    let mut row: Vec<usize> = (0..=b.len()).map(|i| i * MOVE_COST).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = (i + 1) * MOVE_COST;
        for (j, &y) in b.iter().enumerate() {
            let best = (diagonal + substitution_cost(x, y)).min(row[j] + MOVE_COST).min(row[j + 1] + MOVE_COST);
            diagonal = row[j + 1];
            row[j + 1] = best;
        }
    }
    row[b.len()]
}

/// The candidate closest to `wrong`, if one is close enough.
pub fn closest<'a>(wrong: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates.take(MAX_CANDIDATES) {
        if candidate == wrong {
            continue;
        }
        let limit = (candidate.chars().count() + wrong.chars().count() + 3) * MOVE_COST / 6;
        let limit = best.map_or(limit, |(distance, _)| limit.min(distance.saturating_sub(1)));
        let found = distance(wrong, candidate, limit);
        if found <= limit && best.is_none_or(|(distance, _)| found < distance) {
            best = Some((found, candidate));
        }
    }
    best.map(|(_, candidate)| candidate.to_string())
}
