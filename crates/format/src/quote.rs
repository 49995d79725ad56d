//! File names as restic spells them: Go's `strconv.Quote` without the outer quotes.
//!
//! A name is any bytes but `/` and NUL, JSON holds Unicode only; this spelling carries the one in the other without
//! loss. Spelled differently, the same directory would get another hash.

use crate::go_json::{char_width, hex};
use crate::printable::is_printable;

/// Appends the spelling of `name`.
pub fn quote(name: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < name.len() {
        let Some(width) = char_width(&name[at..]) else {
            push_hex(b"\\x", &[name[at]], out);
            at += 1;
            continue;
        };
        let bytes = &name[at..at + width];
        at += width;
        match bytes {
            [b'"'] => out.extend_from_slice(b"\\\""),
            [b'\\'] => out.extend_from_slice(b"\\\\"),
            [7] => out.extend_from_slice(b"\\a"),
            [8] => out.extend_from_slice(b"\\b"),
            [12] => out.extend_from_slice(b"\\f"),
            [b'\n'] => out.extend_from_slice(b"\\n"),
            [b'\r'] => out.extend_from_slice(b"\\r"),
            [b'\t'] => out.extend_from_slice(b"\\t"),
            [11] => out.extend_from_slice(b"\\v"),
            [byte @ (0..0x20 | 0x7f)] => push_hex(b"\\x", &[*byte], out),
            [byte] => out.push(*byte),
            _ => {
                let text = std::str::from_utf8(bytes).expect("char_width found it valid");
                let c = text.chars().next().expect("not empty");
                let code = u32::from(c);
                if is_printable(c) {
                    out.extend_from_slice(bytes);
                } else if code < 0x10000 {
                    push_hex(b"\\u", &code.to_be_bytes()[2..], out);
                } else {
                    push_hex(b"\\U", &code.to_be_bytes(), out);
                }
            }
        }
    }
}

/// Reads a spelling back, by the rules of Go's `strconv.Unquote`; `None` when it is not one.
pub fn unquote(text: &str) -> Option<Vec<u8>> {
    let mut name = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            b'"' | b'\n' => return None,
            b'\\' => unescape(&mut rest, &mut name)?,
            byte => name.push(byte),
        }
    }
    Some(name)
}

fn unescape(rest: &mut &[u8], name: &mut Vec<u8>) -> Option<()> {
    let (&letter, tail) = rest.split_first()?;
    *rest = tail;
    match letter {
        b'a' => name.push(7),
        b'b' => name.push(8),
        b'f' => name.push(12),
        b'n' => name.push(b'\n'),
        b'r' => name.push(b'\r'),
        b't' => name.push(b'\t'),
        b'v' => name.push(11),
        b'\\' | b'"' => name.push(letter),
        b'x' => name.push(u8::try_from(digits(rest, 2, 16)?).ok()?),
        b'u' => push_char(digits(rest, 4, 16)?, name)?,
        b'U' => push_char(digits(rest, 8, 16)?, name)?,
        b'0'..=b'7' => {
            let low = digits(rest, 2, 8)?;
            name.push(u8::try_from(u32::from(letter - b'0') * 64 + low).ok()?);
        }
        _ => return None,
    }
    Some(())
}

fn digits(rest: &mut &[u8], count: usize, radix: u32) -> Option<u32> {
    let (digits, tail) = rest.split_at_checked(count)?;
    *rest = tail;
    digits.iter().try_fold(0_u32, |value, &digit| {
        value.checked_mul(radix)?.checked_add(char::from(digit).to_digit(radix)?)
    })
}

fn push_char(code: u32, name: &mut Vec<u8>) -> Option<()> {
    let c = char::from_u32(code)?;
    name.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    Some(())
}

fn push_hex(prefix: &[u8], bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(prefix);
    out.extend(bytes.iter().flat_map(|&byte| hex(byte)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quoted(name: &[u8]) -> String {
        let mut out = Vec::new();
        quote(name, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn spells_names_like_go_and_reads_them_back() {
        for (name, spelling) in [
            (b"plain name".as_slice(), "plain name"),
            (b"a\"q\\", r#"a\"q\\"#),
            (b"\x07\x08\x0c\n\r\t\x0b", r"\a\b\f\n\r\t\v"),
            (b"\x01\x1f\x7f", r"\x01\x1f\x7f"),
            (b"d\xff\xfe", r"d\xff\xfe"),
            (b"\xe2\x80", r"\xe2\x80"),
            (b"\xed\xa0\x80", r"\xed\xa0\x80"),
            ("\u{ad}\u{2028}\u{a0}\u{3000}\u{e000}".as_bytes(), r"\u00ad\u2028\u00a0\u3000\ue000"),
            ("\u{e0001}".as_bytes(), r"\U000e0001"),
            ("é😀\u{fffd}<&>'".as_bytes(), "é😀\u{fffd}<&>'"),
        ] {
            assert_eq!(quoted(name), spelling);
            assert_eq!(unquote(spelling).as_deref(), Some(name), "{spelling}");
        }
    }

    #[test]
    fn reads_every_form_go_reads_and_no_other() {
        assert_eq!(unquote(r"\101\377").as_deref(), Some(b"A\xff".as_slice()));
        for bad in [
            "\"",
            "\n",
            r"\",
            r"\'",
            r"\q",
            r"\x1",
            r"\xg0",
            r"\u12",
            r"\ud800",
            r"\U00110000",
            r"\400",
            r"\18",
            r"\x+1",
        ] {
            assert_eq!(unquote(bad), None, "{bad}");
        }
    }
}
