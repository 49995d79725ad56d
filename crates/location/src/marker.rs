//! The marker object of a place: without it, the empty mount point of a disk that is not there passes for an empty
//! place, see [`Location::establish`](crate::Location::establish).

use std::sync::Arc;

use crate::contract::MARKER_REPOSITORY;
use crate::error::{Error, ErrorKind};
use crate::key::{Area, Key};
use crate::surroundings::Surroundings;

const INTRODUCTION: &str = "This place holds backups made by holdfast. Keep this file. Id: ";

/// The key of the marker object.
pub(crate) fn key() -> Key {
    Key::new(&Arc::from(MARKER_REPOSITORY), Area::Config, "")
}

/// The content of a new marker.
pub(crate) fn fresh(surroundings: &Surroundings) -> String {
    format!("{INTRODUCTION}{}\n", surroundings.random_hex(16))
}

/// The id in a marker's content.
pub(crate) fn id(content: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(content).ok()?;
    let id = text.strip_prefix(INTRODUCTION)?.trim_end();
    (id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())).then(|| id.to_owned())
}

/// The error for a place whose marker is not there.
pub(crate) fn missing(location: &str, action: &str, place: &str) -> Error {
    Error::new(
        ErrorKind::Unreachable,
        location,
        action,
        format!(
            "{place} can be reached, but has no {MARKER_REPOSITORY}/config. If a disk is to be mounted there, \
             mount it. If the place is new or was replaced, run `holdfast location establish {location}`."
        ),
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_id_is_read_back_and_rubbish_is_not() {
        let text = format!("{}{}\n", super::INTRODUCTION, "0a".repeat(16));
        assert_eq!(super::id(text.as_bytes()), Some("0a".repeat(16)));
        assert_eq!(super::id(b"<html>404</html>"), None);
        assert_eq!(super::id(&text.as_bytes()[..60]), None);
    }
}
