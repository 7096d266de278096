//! Quoted-printable text (RFC 1521, and RFC 1522 for headers).

/// Longest line, its soft break included.
const MAX_LINE: usize = 76;

/// Decodes. In a header an underscore is a space.
pub fn a2b_qp(text: &[u8], header: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        if byte != b'=' {
            out.push(if header && byte == b'_' { b' ' } else { byte });
            continue;
        }
        let digit = |at: usize| text.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (text.get(at), digit(at), digit(at + 1)) {
            (None, ..) => break,
            (Some(b'\n' | b'\r'), ..) => {
                // A soft break, up to its line feed.
                let rest = text.get(at..).unwrap_or(&[]);
                at += memchr::memchr(b'\n', rest).map_or(rest.len(), |found| found + 1);
            }
            (Some(b'='), ..) => {
                // Some encoders write "==".
                out.push(b'=');
                at += 1;
            }
            (_, Some(high), Some(low)) => {
                out.push((high << 4 | low) as u8);
                at += 2;
            }
            _ => out.push(b'='),
        }
    }
    out
}

/// Encodes. `tabs`: spaces and tabs too; `text`: line ends are line ends; `header`: a space is an
/// underscore.
pub fn b2a_qp(bytes: &[u8], tabs: bool, text: bool, header: bool) -> Vec<u8> {
    // The first line end decides what soft breaks look like.
    let crlf = memchr::memchr(b'\n', bytes).is_some_and(|at| at > 0 && bytes[at - 1] == b'\r');
    let end_of_line: &[u8] = if crlf { b"\r\n" } else { b"\n" };
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 4);
    let quote = |out: &mut Vec<u8>, byte: u8| {
        const HEX: &[u8; 16] = b"0123456789ABCDEF";
        out.extend_from_slice(&[b'=', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
    };
    let mut line = 0;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let next = bytes.get(at + 1).copied();
        let quoted = match byte {
            b'=' | 127.. => true,
            b'_' => header,
            // A lone dot ends a message in SMTP.
            b'.' => line == 0 && matches!(next, None | Some(b'\n' | b'\r' | 0)),
            b'\r' | b'\n' => !text,
            b'\t' | b' ' => tabs || next.is_none(),
            0..=31 => true,
            _ => false,
        };
        if quoted {
            if line + 3 >= MAX_LINE {
                out.push(b'=');
                out.extend_from_slice(end_of_line);
                line = 0;
            }
            quote(&mut out, byte);
            line += 3;
            at += 1;
        } else if text && (byte == b'\n' || byte == b'\r' && next == Some(b'\n')) {
            line = 0;
            // Space at the end of a line would be lost.
            if let Some(space @ (b' ' | b'\t')) = out.last().copied() {
                out.pop();
                quote(&mut out, space);
            }
            out.extend_from_slice(end_of_line);
            at += if byte == b'\r' { 2 } else { 1 };
        } else {
            if next.is_some_and(|next| next != b'\n') && line + 1 >= MAX_LINE {
                out.push(b'=');
                out.extend_from_slice(end_of_line);
                line = 0;
            }
            line += 1;
            out.push(if header && byte == b' ' { b'_' } else { byte });
            at += 1;
        }
    }
    out
}
