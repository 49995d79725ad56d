//! Everything that can be recorded, as it stands in a leaf. A fact changes the tables in [`Fact::apply`] and nowhere else,
//! so that the tables can be computed again from the leaves alone.
//!
//! The JSON form lasts for ever: a field may be added with a default, but none may change its name or its meaning.

use serde::{Deserialize, Serialize};

use crate::alarm::NewAlarm;
use crate::assessment::NewAssessment;
use crate::check::NewCheck;
use crate::checkpoint::Anchored;
use crate::connection::Connection;
use crate::copies::CopyAt;
use crate::error::Result;
use crate::hold::{Held, Released};
use crate::lease::{Returned, Taken};
use crate::log_point::{LogLook, LogPoint};
use crate::log_restart::Restarted;
use crate::observation::NewObservation;
use crate::point::Point;
use crate::policy_review::Reviewed;
use crate::policy_version::Adopted;
use crate::private::Erased;
use crate::receipt::NewReceipt;
use crate::report::ReportsErased;
use crate::run::{Begun, Ended};
use crate::slot::{Expected, Settlement};
use crate::waiver::Waived;
use crate::{
    action, alarm, assessment, check, checkpoint, copies, hold, lease, log_point, log_restart, notice,
    observation, point, policy_review, policy_version, private, purge, receipt, report, restore_test, run,
    slot, waiver,
};

/// A fact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fact {
    /// A version of the policy was adopted.
    PolicyAdopted(Adopted),
    /// The policy was reviewed.
    PolicyReviewed(Reviewed),
    /// The policy was expanded to these slots.
    SlotsExpected(Expected),
    /// How these slots ended.
    SlotsSettled(Vec<Settlement>),
    /// A run began.
    RunBegun(Begun),
    /// A run ended, or was found to have been cut off.
    RunEnded(Ended),
    /// A point was made, or found.
    PointRecorded(Point),
    /// A point of a database's log was made, or found.
    LogRecorded(LogPoint),
    /// A server's log had gone no further than a point.
    LogLooked(LogLook),
    /// A location was seen to hold a point.
    CopySeen(CopyAt),
    /// A location was seen not to hold a point any more.
    CopyRemoved(CopyAt),
    /// A repository was checked.
    Checked(NewCheck),
    /// A purge began.
    PurgeBegun(purge::Begun),
    /// It decided what goes.
    PurgeDecided(purge::Decided),
    /// Something was purged.
    Purged(NewReceipt),
    /// How far a purge came.
    PurgeEnded(purge::Ended),
    /// An asset's slots were waived.
    Waived(Waived),
    /// An asset's points must stay.
    Held(Held),
    /// They need not any more.
    Released(Released),
    /// People had to be told something.
    AlarmRaised(NewAlarm),
    /// Somebody is about to do something with clients' data or keys.
    ActionBegun(action::Begun),
    /// How that ended.
    ActionEnded(action::Ended),
    /// Somebody looked at what was done without the log.
    ActionReviewed(action::Reviewed),
    /// Values that leaves hold as hashes are erased.
    PrivateErased(Erased),
    /// Reports of runs are erased.
    ReportsErased(ReportsErased),
    /// A location was given a signed head of the tree.
    CheckpointAnchored(Anchored),
    /// A new log began, with a new key.
    LogRestarted(Restarted),
    /// Something was looked at beside the runs.
    Observed(NewObservation),
    /// The verdicts as of an instant.
    Assessed(NewAssessment),
    /// People are to be told something.
    NoticeSaid(notice::NoticeSaid),
    /// Somebody tried to tell them.
    NoticeTried(notice::Attempt),
    /// A restore test was planned.
    RestoreTestPlanned(restore_test::Planned),
    /// One of its targets is about to be restored.
    RestoreTestBegun(restore_test::PickBegun),
    /// How that ended.
    RestoreTestEnded(restore_test::Ended),
    /// What became of what was restored.
    RestoreTestDestroyed(restore_test::PickDestroyed),
    /// An instance took the ledger.
    LeaseTaken(Taken),
    /// It gave it back.
    LeaseReturned(Returned),
}

/// What a row keeps of its leaf, as the database has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp {
    /// The leaf's number.
    pub(crate) leaf: i64,
    /// When it happened.
    pub(crate) happened_at: i64,
    /// When it was recorded.
    pub(crate) recorded_at: i64,
}

impl Fact {
    /// The kind, as the leaf's column and the payload have it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Fact::PolicyAdopted(_) => "policy-adopted",
            Fact::PolicyReviewed(_) => "policy-reviewed",
            Fact::SlotsExpected(_) => "slots-expected",
            Fact::SlotsSettled(_) => "slots-settled",
            Fact::RunBegun(_) => "run-begun",
            Fact::RunEnded(_) => "run-ended",
            Fact::PointRecorded(_) => "point-recorded",
            Fact::LogRecorded(_) => "log-recorded",
            Fact::LogLooked(_) => "log-looked",
            Fact::CopySeen(_) => "copy-seen",
            Fact::CopyRemoved(_) => "copy-removed",
            Fact::Checked(_) => "checked",
            Fact::PurgeBegun(_) => "purge-begun",
            Fact::PurgeDecided(_) => "purge-decided",
            Fact::Purged(_) => "purged",
            Fact::PurgeEnded(_) => "purge-ended",
            Fact::Waived(_) => "waived",
            Fact::Held(_) => "held",
            Fact::Released(_) => "released",
            Fact::AlarmRaised(_) => "alarm-raised",
            Fact::ActionBegun(_) => "action-begun",
            Fact::ActionEnded(_) => "action-ended",
            Fact::ActionReviewed(_) => "action-reviewed",
            Fact::PrivateErased(_) => "private-erased",
            Fact::ReportsErased(_) => "reports-erased",
            Fact::CheckpointAnchored(_) => "checkpoint-anchored",
            Fact::LogRestarted(_) => "log-restarted",
            Fact::Observed(_) => "observed",
            Fact::Assessed(_) => "assessed",
            Fact::NoticeSaid(_) => "notice-said",
            Fact::NoticeTried(_) => "notice-tried",
            Fact::RestoreTestPlanned(_) => "restore-test-planned",
            Fact::RestoreTestBegun(_) => "restore-test-begun",
            Fact::RestoreTestEnded(_) => "restore-test-ended",
            Fact::RestoreTestDestroyed(_) => "restore-test-destroyed",
            Fact::LeaseTaken(_) => "lease-taken",
            Fact::LeaseReturned(_) => "lease-returned",
        }
    }

    /// Changes the tables as the fact says. Depends on nothing but the fact, its stamp and the tables.
    pub(crate) fn apply(&self, connection: &mut Connection, stamp: &Stamp) -> Result<()> {
        match self {
            Fact::PolicyAdopted(adopted) => policy_version::apply(connection, adopted, stamp),
            Fact::PolicyReviewed(reviewed) => policy_review::apply(connection, reviewed, stamp),
            Fact::SlotsExpected(expected) => slot::apply_expected(connection, expected, stamp),
            Fact::SlotsSettled(settled) => slot::apply_settled(connection, settled, stamp),
            Fact::RunBegun(begun) => run::apply_begun(connection, begun, stamp),
            Fact::RunEnded(ended) => run::apply_ended(connection, ended, stamp),
            Fact::PointRecorded(point) => point::apply(connection, point, stamp),
            Fact::LogRecorded(log) => log_point::apply(connection, log, stamp),
            Fact::LogLooked(look) => log_point::apply_looked(connection, look, stamp),
            Fact::CopySeen(copy) => copies::apply_seen(connection, copy, stamp),
            Fact::CopyRemoved(copy) => copies::apply_removed(connection, copy, stamp),
            Fact::Checked(check) => check::apply(connection, check, stamp),
            Fact::PurgeBegun(begun) => purge::apply_begun(connection, begun, stamp),
            Fact::PurgeDecided(decided) => purge::apply_decided(connection, decided, stamp),
            Fact::Purged(receipt) => receipt::apply(connection, receipt, stamp),
            Fact::PurgeEnded(ended) => purge::apply_ended(connection, ended, stamp),
            Fact::Waived(waived) => waiver::apply(connection, waived, stamp),
            Fact::Held(held) => hold::apply_held(connection, held, stamp),
            Fact::Released(released) => hold::apply_released(connection, released, stamp),
            Fact::AlarmRaised(alarm) => alarm::apply(connection, alarm, stamp),
            Fact::ActionBegun(begun) => action::apply_begun(connection, begun, stamp),
            Fact::ActionEnded(ended) => action::apply_ended(connection, ended, stamp),
            Fact::ActionReviewed(reviewed) => action::apply_reviewed(connection, reviewed, stamp),
            Fact::PrivateErased(erased) => private::apply_erased(connection, erased, stamp),
            Fact::ReportsErased(erased) => report::apply_erased(connection, erased, stamp),
            Fact::CheckpointAnchored(anchored) => checkpoint::apply_anchored(connection, anchored, stamp),
            Fact::LogRestarted(restarted) => log_restart::apply(connection, restarted, stamp),
            Fact::Observed(observed) => observation::apply(connection, observed, stamp),
            Fact::Assessed(assessed) => assessment::apply(connection, assessed, stamp),
            Fact::NoticeSaid(said) => notice::apply_said(connection, said, stamp),
            Fact::NoticeTried(attempt) => notice::apply_tried(connection, attempt, stamp),
            Fact::RestoreTestPlanned(planned) => restore_test::apply_planned(connection, planned, stamp),
            Fact::RestoreTestBegun(begun) => restore_test::apply_begun(connection, begun, stamp),
            Fact::RestoreTestEnded(ended) => restore_test::apply_ended(connection, ended, stamp),
            Fact::RestoreTestDestroyed(gone) => restore_test::apply_destroyed(connection, gone, stamp),
            Fact::LeaseTaken(taken) => lease::apply_taken(connection, taken, stamp),
            Fact::LeaseReturned(returned) => lease::apply_returned(connection, returned, stamp),
        }
    }
}
