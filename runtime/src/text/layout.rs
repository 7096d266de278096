//! Padding and tabs.
use super::Unit;

/// `text.expandtabs(size)`; `None` where memory does not suffice.
pub fn expandtabs<U: Unit>(text: &[U], size: usize) -> Option<Vec<U>> {
    let tab = U::from_code(9);
    let mut result = Vec::with_capacity(text.len());
    let mut column = 0usize;
    for part in text.split_inclusive(|u| *u == tab) {
        let (body, has_tab) = match part.split_last() {
            Some((last, body)) if *last == tab => (body, true),
            _ => (part, false),
        };
        result.extend_from_slice(body);
        match body.iter().rposition(|u| matches!(u.code(), 10 | 13)) {
            Some(at) => column = body.len() - at - 1,
            None => column = column.checked_add(body.len())?,
        }
        if has_tab && size > 0 {
            let fill = size - column % size;
            column = column.checked_add(fill)?;
            result.try_reserve(fill).ok()?;
            result.resize(result.len() + fill, U::from_code(32));
        }
    }
    Some(result)
}

/// Fill on the left and on the right for `center`: the odd one goes left where the width is odd.
pub fn center_fill(length: usize, width: usize) -> (usize, usize) {
    let free = width.saturating_sub(length);
    let left = free / 2 + (free & width & 1);
    (left, free - left)
}

/// Memory does not suffice for a result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutOfMemory;

/// `text.zfill(width)`: zeros behind a sign; `None` where nothing changes.
pub fn zfill<U: Unit>(text: &[U], width: usize) -> Result<Option<Vec<U>>, OutOfMemory> {
    let Some(free) = width.checked_sub(text.len()).filter(|n| *n > 0) else { return Ok(None) };
    let (sign, digits) = text.split_at(usize::from(matches!(text.first().map(|u| u.code()), Some(0x2B | 0x2D))));
    let mut result = Vec::new();
    result.try_reserve_exact(width).map_err(|_| OutOfMemory)?;
    result.extend_from_slice(sign);
    result.resize(sign.len() + free, U::from_code(0x30));
    result.extend_from_slice(digits);
    Ok(Some(result))
}

/// `text * count`, by doubling; `None` where memory does not suffice.
pub fn repeat<U: Unit>(text: &[U], count: usize) -> Option<Vec<U>> {
    let total = text.len().checked_mul(count)?;
    let mut result = Vec::new();
    result.try_reserve_exact(total).ok()?;
    if let [unit] = text {
        result.resize(total, *unit);
        return Some(result);
    }
    if total > 0 {
        result.extend_from_slice(text);
    }
    while result.len() < total {
        let part = result.len().min(total - result.len());
        result.extend_from_within(..part);
    }
    Some(result)
}
