//! A sealed object on its way to the locations.

use bytes::Bytes;
use holdfast_format::Id;
use holdfast_location::Area;

/// Sealed bytes with the name that their hash gives them.
#[derive(Clone)]
pub struct Sealed {
    /// Where it goes.
    pub area: Area,
    /// SHA-256 of `bytes`.
    pub id: Id,
    /// The stored bytes.
    pub bytes: Bytes,
}

impl Sealed {
    /// Names `bytes` by their hash.
    pub fn new(area: Area, bytes: Vec<u8>) -> Sealed {
        Sealed { area, id: Id::of(&bytes), bytes: Bytes::from(bytes) }
    }
}
