//! Everything holdfast does: each operation as a function that returns a report, never a printed word.
//!
//! Commands, and later the server and the scheduler, call these; so what a person sees and what a record holds cannot
//! differ.

pub mod action;
pub mod alerts;
pub mod attest;
pub mod audit;
pub mod backup;
pub mod break_glass;
mod catch_up;
pub mod clock_reading;
pub mod discover;
pub mod ending;
pub mod error;
pub mod evidence;
mod folder;
pub mod hold;
pub mod init;
pub mod journal;
pub mod key;
pub mod key_ring;
pub mod known_points;
pub mod left_behind;
pub mod location;
pub mod ls;
mod measured;
pub mod metrics;
pub mod object_lock;
pub mod part;
pub mod points;
pub mod policy;
mod prefixes;
pub mod purge;
pub mod receipt;
pub mod record;
pub mod recovery;
pub mod repair;
pub mod report;
mod requests;
pub mod reread;
pub mod restic;
mod restic_address;
pub mod restore;
pub mod serve;
pub mod setup;
pub mod shred;
pub mod slots;
mod source;
pub mod source_size;
pub mod state_lock;
pub mod status;
pub mod validate;
pub(crate) mod verdicts;
pub mod verify;
pub mod waiver;
#[cfg(test)]
mod weeks;

pub use holdfast_ledger::{Action, CheckOutcome, PurgePhase, PurgeState, Receipt, Run, RunOutcome, RunState};
pub use holdfast_location::layers::breaker::Tell;
pub use holdfast_location::{Finding, Grade};
pub use holdfast_repo::{
    Action as RepairAction, LocationState, LocationVerified, Problem, ProblemKind, Progress, ReadBack,
    RepairRequest, Step as RepairStep, Trouble, TroubleKind, Troubles,
};
