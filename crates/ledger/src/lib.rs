//! Our own database: what the policy expected, what ran, what was proven. SQL lives here and nowhere else.
//!
//! A record that can be edited proves nothing. So every fact is appended as a leaf of a Merkle tree first, and the tables
//! that questions are asked of are computed from the leaves in the same transaction; [`Reader::audit`] computes them again
//! and compares. Nothing here is needed to restore: the ledger may be lost, and every backup still opens without it.
//!
//! One process writes, see [`Ledger::open`]; any number read, see [`Reader::open`], and never hold the writer up.

mod action;
mod alarm;
mod assessment;
mod audit;
mod check;
mod checkpoint;
mod connection;
mod copies;
mod error;
mod examination;
mod fact;
mod file;
mod hold;
mod instant;
mod leaf;
mod lease;
mod ledger;
mod log_point;
mod log_restart;
mod notice;
mod observation;
mod owner;
mod past;
mod point;
mod policy_review;
mod policy_version;
mod private;
mod purge;
mod reader;
mod receipt;
mod report;
mod restore_test;
mod run;
mod schema;
mod slot;
mod tree;
mod waiver;
mod words;

pub use action::{Action, ActionKind, ActionOutcome, NewAction};
pub use alarm::{Alarm, AlarmKind, NewAlarm};
pub use assessment::{Assessed, NewAssessment, ToldVerdict, VerdictChange};
pub use audit::Audit;
pub use check::{Check, CheckOutcome, CheckScope, Findings, NewCheck};
pub use checkpoint::{Anchor, Checkpoint};
pub use copies::PointCopy;
pub use error::{Error, ErrorKind, Result};
pub use examination::{BROKEN_MAX, BrokenLeaf, Examination};
pub use hold::{Hold, NewHold};
pub use leaf::Leaf;
pub use lease::Lease;
pub use ledger::{Ledger, Transaction};
pub use log_point::{DatedLog, LogCopy, LogLook, LogPoint, RecordedLog, RecordedLook};
pub use log_restart::LogRestart;
pub use notice::{Attempt, Delivery, DeliveryState, NewNotice, Notice};
pub use observation::{NewObservation, Observation};
pub use point::{Point, RecordedPoint};
pub use policy_review::{NewPolicyReview, PolicyReview};
pub use policy_version::{NewPolicyVersion, PolicyVersion};
pub use private::{ERASED, PrivateValue};
pub use purge::{DecidedPoint, NewPurge, Purge, PurgeKind, PurgeState, PurgeWait, PurgedPoint};
pub use reader::{Reader, Snapshot};
pub use receipt::{NewReceipt, PurgePhase, Receipt};
pub use restore_test::{
    Moment, NewPick, NewRestoreTest, PickBegun, PickDestroyed, PickEnd, Picked, RestoreTest,
    RestoreTestState, SeedFrom, TestedPick,
};
pub use run::{Lasted, NewRun, Run, RunEnd, RunOutcome, RunState};
pub use slot::{Enrolment, ExpectedSlot, Settlement, Slot, SlotState};
pub use tree::TreeHead;
pub use waiver::{NewWaiver, Waiver};
