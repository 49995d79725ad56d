//! The repository engine: the restic format, mirrored over locations.
//!
//! Archive, restore, verify, repair, forget and prune live here. The engine knows nothing of policies or assets: it is
//! handed a source, a set of mirrors and a key, and reports what happened.

mod align;
mod archive;
mod blob_reader;
mod cancel;
mod catalog;
mod catch_up;
mod chunker;
mod claims;
mod closure;
mod compression;
mod deletion;
mod doubts;
mod error;
mod forget;
mod index;
mod index_loading;
mod left_cached;
mod listing;
mod live;
mod locks;
mod mirror;
mod monitor;
mod object_locks;
mod open_file;
mod outbox;
mod pack_set;
mod packer;
mod progress;
mod prune;
mod reach;
mod repair;
mod repository;
mod restore;
mod sealed;
mod spool;
mod tombstones;
mod tree_reader;
mod verify;
mod withdrawal;
mod writer;
mod writing;
mod written_off;

/// What the engine cuts and compresses with, for whoever measures how fast that can be done at all.
pub mod primitives {
    pub use crate::chunker::{CHUNK_BYTES_MAX, Chunker, WHOLE_FILE_BYTES};
    pub use crate::compression::{LEVEL, Probe};
}

pub use align::Debt;
pub use archive::{ArchiveRequest, Archived, Totals};
pub use blob_reader::BlobReader;
pub use cancel::Cancel;
pub use catalog::{Catalog, LoadedIndex, list};
pub use catch_up::CaughtUp;
pub use deletion::{Deletions, Removed};
pub use error::{Error, ErrorKind, Result};
pub use forget::Forgotten;
pub use index::{BlobPlace, Index, PackSummary};
pub use listing::Listed;
pub use locks::{HeldLock, Mode, is_stale, read_lock};
pub use mirror::{Erased, Mirror, StillLocked};
pub use monitor::{Monitor, Trouble, TroubleKind, Troubles};
pub use object_locks::{LocationLocks, LockPlan};
pub use open_file::FileReader;
pub use outbox::Delivery;
pub use progress::{Count, Progress};
pub use prune::{PruneOptions, PrunePlan, Pruned};
pub use reach::{Dead, Reach};
pub use repair::{Action, Lost, RepairRequest, Repaired, Step};
pub use repository::{Identity, LocalFolders, MirrorState, Repository};
pub use restore::{Enter, InPlace, InPlacePlan, Include, RestoreRequest, Restored};
pub use tombstones::Tombstones;
pub use tree_reader::TreeReader;
pub use verify::new::ReadBack;
pub use verify::{LocationState, LocationVerified, Problem, ProblemKind, Read, Verified, VerifyRequest};
pub use withdrawal::Withdrawal;
pub use writer::Writer;
