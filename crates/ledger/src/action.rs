//! Actions: what people have holdfast do with clients' data or keys. Written down before the effect, so that none is
//! without a trace, and with the result after it; one without a result was cut off.
//!
//! Who did it, which paths, where to and what for are about people: the leaf holds their hashes, see [`crate::private`].

mod read;

use diesel::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::fact::{Fact, Stamp};
use crate::lease::from_token;
use crate::ledger::Transaction;
use crate::private::Private;
use crate::schema::actions;
use crate::words::words;

words! {
    /// What is done.
    ActionKind {
        /// The inside of a point is listed.
        Ls = "ls",
        /// A point is restored.
        Restore = "restore",
        /// Stock restic is run on a repository.
        Restic = "restic",
        /// A repository is healed, which replaces and removes objects.
        Repair = "repair",
        /// A key of a repository is taken up.
        KeyImport = "key-import",
        /// A recovery kit is made, and the one before is void.
        KeyKit = "key-kit",
        /// The recovery kit is tried.
        KeyDrill = "key-drill",
        /// A location is declared to be new.
        LocationEstablish = "location-establish",
        /// A clock that was doubted is believed from now on.
        ClockConfirm = "clock-confirm",
        /// A point is restored for a test, looked at, and destroyed.
        RestoreTest = "restore-test",
        /// An evidence pack is written.
        Report = "report",
    }
}

words! {
    /// How an action ended.
    ActionOutcome {
        /// Done.
        Done = "done",
        /// Done, and something is red, owed or degraded.
        Attention = "attention",
        /// Not done.
        NotDone = "not-done",
        /// Refused.
        Refused = "refused",
        /// It made no sense.
        Usage = "usage",
        /// Damage was met.
        Damage = "damage",
        /// Stopped on request.
        Interrupted = "interrupted",
        /// Nobody wrote down how it ended: its process died, or could not write. A later word replaces this one.
        CutOff = "cut-off",
    }
}

/// An action that is about to begin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAction {
    /// What.
    pub kind: ActionKind,
    /// Who.
    pub actor: String,
    /// With which asset.
    pub asset: Option<String>,
    /// With which repository.
    pub repository: Option<String>,
    /// At which location, where only one is meant.
    pub location: Option<String>,
    /// With which point.
    pub point: Option<String>,
    /// Which paths or patterns; for a program, its arguments. None means all.
    #[serde(default)]
    pub paths: Vec<String>,
    /// Where to.
    pub target: Option<String>,
    /// What for.
    pub purpose: String,
    /// The signed record, by its SHA-256, of what was done without the log.
    pub break_glass: Option<String>,
}

/// A recorded action. What was erased reads `[erased]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Action {
    /// The id.
    pub id: String,
    /// What was done.
    #[serde(flatten)]
    pub action: NewAction,
    /// When it began.
    pub begun_at: Timestamp,
    /// When it ended, as far as somebody said.
    pub ended_at: Option<Timestamp>,
    /// How; absent while nobody said.
    pub outcome: Option<ActionOutcome>,
    /// What there is to say about that.
    pub detail: Option<String>,
    /// When somebody looked at it.
    pub reviewed_at: Option<Timestamp>,
    /// Who.
    pub reviewed_by: Option<String>,
    /// With which conclusion.
    pub review: Option<String>,
    /// The leaf that proves the latest of it.
    pub leaf: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Begun {
    id: String,
    token: u64,
    kind: ActionKind,
    actor: String,
    asset: Option<String>,
    repository: Option<String>,
    location: Option<String>,
    point: Option<String>,
    paths: Vec<String>,
    target: Option<String>,
    purpose: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    break_glass: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    id: String,
    outcome: ActionOutcome,
    detail: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reviewed {
    id: String,
    by: String,
    note: String,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = actions)]
pub(crate) struct Row {
    id: String,
    kind: String,
    actor: String,
    asset: Option<String>,
    repository: Option<String>,
    location: Option<String>,
    point: Option<String>,
    paths: String,
    target: Option<String>,
    purpose: String,
    break_glass: Option<String>,
    outcome: Option<String>,
    detail: Option<String>,
    token: i64,
    begun_at: i64,
    ended_at: Option<i64>,
    reviewed_at: Option<i64>,
    reviewed_by: Option<String>,
    review: Option<String>,
    recorded_at: i64,
    leaf: i64,
}

impl Transaction<'_> {
    /// Records that an action begins, and returns its id.
    ///
    /// # Errors
    /// When it could not be written; then nothing must be done.
    pub fn begin_action(&mut self, action: NewAction, happened_at: Timestamp) -> Result<String> {
        let id = self.new_id();
        let hide = |value: &String| Private::new(self.random, value);
        let (actor, purpose) = (hide(&action.actor), hide(&action.purpose));
        let paths: Vec<Private> = action.paths.iter().map(hide).collect();
        let target = action.target.as_ref().map(hide);
        let begun = Begun {
            id: id.clone(),
            token: self.token,
            kind: action.kind,
            actor: actor.hash.clone(),
            asset: action.asset,
            repository: action.repository,
            location: action.location,
            point: action.point,
            paths: paths.iter().map(|path| path.hash.clone()).collect(),
            target: target.as_ref().map(|target| target.hash.clone()),
            purpose: purpose.hash.clone(),
            break_glass: action.break_glass,
        };
        let stamp = self.record(happened_at, &Fact::ActionBegun(begun))?;
        for value in paths.into_iter().chain(target).chain([actor, purpose]) {
            value.keep(self.connection, &stamp)?;
        }
        Ok(id)
    }

    /// Records how an action ended. One that was cut off may still say so itself.
    ///
    /// # Errors
    /// `Contradiction` for one that never began, or has ended.
    pub fn end_action(
        &mut self,
        id: &str,
        outcome: ActionOutcome,
        detail: Option<&str>,
        happened_at: Timestamp,
    ) -> Result<()> {
        let detail = detail.map(|detail| Private::new(self.random, detail));
        let hash = detail.as_ref().map(|detail| detail.hash.clone());
        let stamp =
            self.record(happened_at, &Fact::ActionEnded(Ended { id: id.to_owned(), outcome, detail: hash }))?;
        detail.map_or(Ok(()), |detail| detail.keep(self.connection, &stamp))
    }

    /// Records that somebody looked at what was done without the log.
    ///
    /// # Errors
    /// `Contradiction` for an action that was done with it, or that was reviewed.
    pub fn review_action(&mut self, id: &str, by: &str, note: &str, happened_at: Timestamp) -> Result<()> {
        let reviewed = Reviewed { id: id.to_owned(), by: by.to_owned(), note: note.to_owned() };
        self.record(happened_at, &Fact::ActionReviewed(reviewed)).map(|_| ())
    }

    /// Records of every action that an instance before this one wrote down, and that has no end, that it was cut off.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn cut_off_actions(&mut self, happened_at: Timestamp) -> Result<()> {
        let orphans: Vec<String> = actions::table
            .filter(actions::outcome.is_null())
            .filter(actions::token.lt(from_token(self.token)?))
            .order((actions::begun_at, actions::id))
            .select(actions::id)
            .load(self.connection)
            .doing(|| "find actions that were cut off".to_owned())?;
        orphans.iter().try_for_each(|id| self.end_action(id, ActionOutcome::CutOff, None, happened_at))
    }
}

pub(crate) fn apply_begun(connection: &mut Connection, begun: &Begun, stamp: &Stamp) -> Result<()> {
    let row = Row {
        id: begun.id.clone(),
        kind: begun.kind.as_str().to_owned(),
        actor: begun.actor.clone(),
        asset: begun.asset.clone(),
        repository: begun.repository.clone(),
        location: begun.location.clone(),
        point: begun.point.clone(),
        paths: serde_json::to_string(&begun.paths)
            .map_err(|e| Error::caused(ErrorKind::System, "write the paths of an action", e))?,
        target: begun.target.clone(),
        purpose: begun.purpose.clone(),
        break_glass: begun.break_glass.clone(),
        outcome: None,
        detail: None,
        token: from_token(begun.token)?,
        begun_at: stamp.happened_at,
        ended_at: None,
        reviewed_at: None,
        reviewed_by: None,
        review: None,
        recorded_at: stamp.recorded_at,
        leaf: stamp.leaf,
    };
    diesel::insert_into(actions::table)
        .values(&row)
        .execute(connection)
        .doing(|| format!("record that an action ({}) begins", begun.kind))
        .map(|_| ())
}

pub(crate) fn apply_ended(connection: &mut Connection, ended: &Ended, stamp: &Stamp) -> Result<()> {
    let is_open = actions::outcome.is_null().or(actions::outcome.eq(ActionOutcome::CutOff.as_str()));
    let count = diesel::update(actions::table.filter(actions::id.eq(&ended.id)).filter(is_open))
        .set((
            actions::outcome.eq(ended.outcome.as_str()),
            actions::detail.eq(&ended.detail),
            actions::ended_at.eq(stamp.happened_at),
            actions::recorded_at.eq(stamp.recorded_at),
            actions::leaf.eq(stamp.leaf),
        ))
        .execute(connection)
        .doing(|| format!("record how the action {} ended", ended.id))?;
    only_one(count, || format!("no action {} is open", ended.id))
}

pub(crate) fn apply_reviewed(connection: &mut Connection, reviewed: &Reviewed, stamp: &Stamp) -> Result<()> {
    let meant = actions::table
        .filter(actions::id.eq(&reviewed.id))
        .filter(actions::break_glass.is_not_null())
        .filter(actions::reviewed_at.is_null());
    let count = diesel::update(meant)
        .set((
            actions::reviewed_at.eq(stamp.happened_at),
            actions::reviewed_by.eq(&reviewed.by),
            actions::review.eq(&reviewed.note),
            actions::recorded_at.eq(stamp.recorded_at),
            actions::leaf.eq(stamp.leaf),
        ))
        .execute(connection)
        .doing(|| format!("record the review of {}", reviewed.id))?;
    only_one(count, || format!("no action {} waits for a review", reviewed.id))
}

fn only_one(count: usize, otherwise: impl FnOnce() -> String) -> Result<()> {
    if count == 1 { Ok(()) } else { Err(Error::new(ErrorKind::Contradiction, otherwise())) }
}
