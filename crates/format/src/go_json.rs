//! Strings as Go's `encoding/json` writes them.
//!
//! Trees are named by the hash of their text, and restic refuses to rewrite a tree that it would have spelled
//! differently; serde_json spells `<`, `>`, `&`, U+2028 and U+2029 differently, and cannot hold invalid UTF-8 at all.

/// Appends `text` as a JSON string with its quotes. Every byte that is not valid UTF-8 becomes `\ufffd`.
pub fn write_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    write_escaped(text, out);
    out.push(b'"');
}

/// Appends the inside of a JSON string.
pub(crate) fn write_escaped(text: &[u8], out: &mut Vec<u8>) {
    let mut plain_from = 0;
    let mut at = 0;
    while at < text.len() {
        let (width, escape) = match text[at] {
            byte @ 0..0x80 => (1, ascii_escape(byte)),
            0xe2 if text[at..].starts_with(&[0xe2, 0x80, 0xa8]) => (3, Some(Escape::Text(b"\\u2028"))),
            0xe2 if text[at..].starts_with(&[0xe2, 0x80, 0xa9]) => (3, Some(Escape::Text(b"\\u2029"))),
            _ => match char_width(&text[at..]) {
                Some(width) => (width, None),
                None => (1, Some(Escape::Text(b"\\ufffd"))),
            },
        };
        if let Some(escape) = escape {
            out.extend_from_slice(&text[plain_from..at]);
            match escape {
                Escape::Text(text) => out.extend_from_slice(text),
                Escape::Hex(byte) => {
                    out.extend_from_slice(b"\\u00");
                    out.extend_from_slice(&hex(byte));
                }
            }
            plain_from = at + width;
        }
        at += width;
    }
    out.extend_from_slice(&text[plain_from..]);
}

/// Appends `number` in decimal digits.
pub(crate) fn write_number(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}

/// Length of the valid UTF-8 sequence that `bytes` begins with.
pub(crate) fn char_width(bytes: &[u8]) -> Option<usize> {
    let width = match bytes.first()? {
        0..0x80 => 1,
        0xc2..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0..0xf5 => 4,
        _ => return None,
    };
    std::str::from_utf8(bytes.get(..width)?).is_ok().then_some(width)
}

/// Two lower-case hex digits.
pub(crate) fn hex(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

enum Escape {
    Text(&'static [u8]),
    Hex(u8),
}

fn ascii_escape(byte: u8) -> Option<Escape> {
    Some(match byte {
        b'"' => Escape::Text(b"\\\""),
        b'\\' => Escape::Text(b"\\\\"),
        b'\n' => Escape::Text(b"\\n"),
        b'\r' => Escape::Text(b"\\r"),
        b'\t' => Escape::Text(b"\\t"),
        8 => Escape::Text(b"\\b"),
        12 => Escape::Text(b"\\f"),
        b'<' | b'>' | b'&' | 0..0x20 => Escape::Hex(byte),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &[u8]) -> String {
        let mut out = Vec::new();
        write_string(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_like_go() {
        assert_eq!(string(b"plain"), r#""plain""#);
        assert_eq!(
            string(b"\"\\\n\r\t\x08\x0c\x00\x1f\x7f"),
            "\"\\\"\\\\\\n\\r\\t\\b\\f\\u0000\\u001f\x7f\""
        );
        assert_eq!(string(b"a<b>&c"), r#""a\u003cb\u003e\u0026c""#);
        assert_eq!(
            string("\u{2028}\u{2029}\u{2027}\u{202a}".as_bytes()),
            "\"\\u2028\\u2029\u{2027}\u{202a}\""
        );
        assert_eq!(string("é😀\u{fffd}\u{a0}".as_bytes()), "\"é😀\u{fffd}\u{a0}\"");
    }

    #[test]
    fn each_invalid_byte_becomes_one_replacement() {
        assert_eq!(string(b"\xff\xfe"), r#""\ufffd\ufffd""#);
        assert_eq!(string(b"\xe2\x80x"), r#""\ufffd\ufffdx""#);
        assert_eq!(string(b"\xed\xa0\x80"), r#""\ufffd\ufffd\ufffd""#, "a surrogate");
        assert_eq!(string(b"\xf4\x90\x80\x80"), r#""\ufffd\ufffd\ufffd\ufffd""#, "beyond U+10FFFF");
        assert_eq!(string(b"\xc0\xaf"), r#""\ufffd\ufffd""#, "overlong");
    }
}
