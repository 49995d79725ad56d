//! The restic repository format, version 2 (and reading version 1): bytes to types and back.
//!
//! Everything that stock restic reads from a repository is written by this crate, and everything that restic or
//! rustic wrote is read by it. A byte that differs from restic's own spelling may pass unnoticed for years and then
//! make a repository unreadable by the very program that is the way out; so every structure is tested against restic
//! itself. Nothing here does I/O, reads a clock or draws random bytes: all of it is handed in, and nothing a hostile
//! repository contains may cause a panic.
//!
//! Source of the format: restic's design document and source code, whose structures are described at each module.

pub mod go_json;
pub mod go_mode;
pub mod polynomial;
pub mod quote;
pub mod source;

mod blob;
mod blob_kind;
mod cipher;
mod compression;
mod config;
mod id;
mod index_file;
mod key_file;
mod lock;
mod node;
mod pack;
mod printable;
mod snapshot;
mod time_text;
mod tree;
mod unpacked;

pub use blob::{BLOB_BYTES_MAX, BlobDecoder, BlobEncoder, BlobError, Encoded, decode_blob};
pub use blob_kind::BlobKind;
pub use cipher::{Cipher, CipherError, MasterKey, OVERHEAD};
pub use compression::FrameError;
pub use config::{Config, ConfigError};
pub use id::{Id, NotAnId};
pub use index_file::{INDEX_BLOBS_TARGET, IndexError, IndexFile, IndexList, IndexPack};
pub use key_file::{KeyError, KeyFile, SCRYPT_MEMORY_BYTES_MAX, SCRYPT_WORK_MAX, ScryptParams};
pub use lock::{Lock, LockError};
pub use node::{Foreign, Node, encode_tail};
pub use pack::{
    HEADER_BYTES_MAX, MAX_BLOBS_PER_PACK, PackEntry, PackError, TRAILER_BYTES, decode_header, encode_header,
    header_length, seal_header, sealed_header_len,
};
pub use snapshot::{Snapshot, SnapshotError, Summary};
pub use tree::{TreeError, TreeWriter, encode_tree, is_safe_name, parse_tree, visit_tree};
pub use unpacked::{
    UNPACKED_BYTES_MAX, UnpackedError, decode_unpacked, encode_unpacked, encode_unpacked_plain,
};
