//! Names of tables as names of files.
//!
//! A table may be called `../../etc/passwd`, or `a` and `A` at once, or anything of 64 characters, which as UTF-8 and
//! escaped are more bytes than a file's name may have. What decides between two tables must decide between two files.

use sha2::{Digest, Sha256};

/// The longest name of a file, in bytes.
const NAME_BYTES_MAX: usize = 255;
/// What is left for the escaped name beside prefix, suffix and hash.
const ESCAPED_BYTES_MAX: usize = 160;

/// `prefix`, the escaped name, `suffix`: letters, digits, `_`, `-`, `$` and whole characters beyond ASCII stay, every other
/// byte becomes `%` and two hex digits. A name too long for that is cut and ends in `%~` and the start of its SHA-256, which no
/// other escaped name contains.
pub fn file_name(prefix: &str, name: &[u8], suffix: &str) -> Vec<u8> {
    let mut file = prefix.as_bytes().to_vec();
    let escaped = escape(name);
    if escaped.len() <= ESCAPED_BYTES_MAX {
        file.extend_from_slice(escaped.as_bytes());
    } else {
        let mut end = ESCAPED_BYTES_MAX;
        while !escaped.is_char_boundary(end) {
            end -= 1;
        }
        file.extend_from_slice(&escaped.as_bytes()[..end]);
        file.extend_from_slice(b"%~");
        file.extend(Sha256::digest(name).iter().take(16).flat_map(|byte| format!("{byte:02x}").into_bytes()));
    }
    file.extend_from_slice(suffix.as_bytes());
    debug_assert!(file.len() <= NAME_BYTES_MAX, "prefix and suffix are ours and short");
    file
}

/// One component of a path for a database's name.
pub fn component(name: &[u8]) -> Vec<u8> {
    file_name("", name, "")
}

fn escape(name: &[u8]) -> String {
    let mut escaped = String::new();
    let push_bytes = |escaped: &mut String, bytes: &[u8]| {
        for byte in bytes {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    };
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            let is_plain = character.is_ascii_alphanumeric() || "_-$".contains(character);
            if is_plain || (!character.is_ascii() && !character.is_control() && !character.is_whitespace()) {
                escaped.push(character);
            } else {
                push_bytes(&mut escaped, character.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        push_bytes(&mut escaped, chunk.invalid());
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn plain_names_stay_and_the_rest_cannot_leave_the_folder() {
        let shown = |name: &str| String::from_utf8(file_name("table.", name.as_bytes(), ".sql")).unwrap();
        assert_eq!(shown("wp_posts"), "table.wp_posts.sql");
        assert_eq!(shown("../x y`%\n"), "table.%2E%2E%2Fx%20y%60%25%0A.sql");
        assert_eq!(shown("täglich-📦"), "table.täglich-📦.sql");
        assert_eq!(component(b".."), b"%2E%2E");
        assert_eq!(component(b"a\xffb"), b"a%FFb");
    }

    #[test]
    fn different_names_give_different_files_of_a_length_that_a_file_system_takes() {
        let mut names: Vec<String> = ["a", "A", "a%", "a%25", "a%~"].map(str::to_owned).to_vec();
        for last in ["x", "y", "`"] {
            names.push("`".repeat(63) + last);
            names.push("📦".repeat(63) + last);
            names.push("\n".repeat(63) + last);
        }
        let files: BTreeSet<Vec<u8>> =
            names.iter().map(|name| file_name("placeholder.", name.as_bytes(), ".sql")).collect();
        assert_eq!(files.len(), names.len());
        assert!(files.iter().all(|file| file.len() <= NAME_BYTES_MAX));
    }
}
