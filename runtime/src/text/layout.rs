//! Padding and tabs.
use super::Unit;

/// `text.expandtabs(size)`; `None` where the result would not fit in memory sizes.
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
            let total = result.len().checked_add(fill).filter(|n| *n <= isize::MAX as usize / size_of::<U>())?;
            result.resize(total, U::from_code(32));
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

/// `text.zfill(width)`: zeros behind a sign; `None` where nothing changes.
pub fn zfill<U: Unit>(text: &[U], width: usize) -> Option<Vec<U>> {
    let free = width.checked_sub(text.len()).filter(|n| *n > 0)?;
    let sign = usize::from(matches!(text.first().map(|u| u.code()), Some(0x2B | 0x2D)));
    let mut result = Vec::with_capacity(width);
    result.extend_from_slice(text.get(..sign)?);
    result.resize(sign + free, U::from_code(0x30));
    result.extend_from_slice(text.get(sign..)?);
    Some(result)
}

/// `text * count`, by doubling; `None` on overflow.
pub fn repeat<U: Unit>(text: &[U], count: usize) -> Option<Vec<U>> {
    text.len().checked_mul(count).filter(|n| *n <= isize::MAX as usize / size_of::<U>())?;
    Some(text.repeat(count))
}
