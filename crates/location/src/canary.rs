//! Finding out whether a server lets an object be replaced. Several accept "only if it is not there" and overwrite
//! all the same, so the word of a configuration is worth nothing: a canary object is stored twice, and only a
//! server that refuses the second time is trusted to keep rule 2 by itself. At every other one a look-up comes before
//! each upload.

use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::contract::MARKER_REPOSITORY;
use crate::key::{Area, Key};

const CONTENT: &[u8] = b"holdfast stores this object twice, to learn whether this server overwrites\n";

/// The canary's content.
pub(crate) fn content() -> Bytes {
    Bytes::from_static(CONTENT)
}

/// The canary's key. Its name is its content's hash: REST servers refuse anything else.
pub(crate) fn key() -> Key {
    named_by_content(CONTENT)
}

/// The key under which `content` lies beside the marker.
pub(crate) fn named_by_content(content: &[u8]) -> Key {
    let name = Sha256::digest(content).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    Key::new(&Arc::from(MARKER_REPOSITORY), Area::Keys, name)
}
