//! The audit log: that what was written down stays as it was written.
//!
//! The ledger's leaves are a Merkle tree. Whoever has the machine can rewrite leaves, tables and tree so that they agree.
//! So the tree's head is signed and carried to every location, where what was stored cannot be changed from here; and a
//! verification compares the leaves with what lies there. Whether an entry was true when it was written nothing can prove.

mod anchor;
mod entries;
mod export;
mod heads;
mod keeping;
mod log_key;
mod note;
mod place;
mod verify;

pub use self::anchor::{AnchorReport, AnchoredAt, When, anchor};
pub use self::entries::{Entry, Filter, entries};
pub use self::export::{Exported, export};
pub(crate) use self::export::{Part, write as write_part};
pub(crate) use self::heads::{forked_at, heads_at};
pub use self::keeping::{anchor_after, tell_anchored};
pub(crate) use self::log_key::{Sealer, signer};
pub use self::log_key::{restart, verifier_line};
pub(crate) use self::note::Signer;
pub(crate) use self::place::{LOG_RECORDS, LOG_REPOSITORY, read_record, store_record};
pub use self::verify::{Finding, PlaceVerdict, VerifyReport, verify};
