//! What a blob holds. Trees and data never share a pack, so that metadata can be read without touching data.

use serde::{Deserialize, Serialize};

/// The two kinds of blobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BlobKind {
    /// A piece of file content.
    Data,
    /// A directory.
    Tree,
}

impl BlobKind {
    /// The word the index uses.
    pub fn as_str(self) -> &'static str {
        match self {
            BlobKind::Data => "data",
            BlobKind::Tree => "tree",
        }
    }
}
