//! Purges: what was decided, written before its effect, and how far it came.
//!
//! A deletion that nobody wrote down looks like a loss, and one that broke off looks like one that was done. So a purge
//! is written when it begins, with every point that it decided on before the first is touched, and its end only once
//! receipts say that nothing waits any more. One without an end was cut off, and the next one completes it.

mod read;

use diesel::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::fact::{Fact, Stamp};
use crate::instant::to_nanoseconds;
use crate::lease::from_token;
use crate::ledger::Transaction;
use crate::schema::{purge_points, purges};
use crate::words::words;

words! {
    /// Why something is purged.
    PurgeKind {
        /// It is past its retention.
        Retention = "retention",
        /// A client left, and everything of it goes, its key first.
        Shred = "shred",
    }
}

words! {
    /// How far a purge came.
    PurgeState {
        /// It began, and nothing says how it went on.
        Begun = "begun",
        /// Something waits; the next purge goes on with it.
        Waiting = "waiting",
        /// It did not live to its end; the next purge goes on with it.
        CutOff = "cut-off",
        /// Nothing of it is left anywhere.
        Done = "done",
        /// Nothing more of it will be carried out: what it decided was decided otherwise since.
        Dropped = "dropped",
    }
}

/// A purge that begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPurge {
    /// Why.
    pub kind: PurgeKind,
    /// Which command or service, of whom, where.
    pub by: String,
    /// The version of the policy that it applies; none where none was recorded.
    pub policy_version: Option<u64>,
    /// The client that is shredded.
    pub client: Option<String>,
    /// Why it is shredded.
    pub reason: Option<String>,
    /// Whether the client was offered an export before.
    pub export_offered: Option<bool>,
}

impl NewPurge {
    /// What is past its retention under a version of the policy.
    pub fn retention(by: &str, policy_version: Option<u64>) -> NewPurge {
        NewPurge {
            kind: PurgeKind::Retention,
            by: by.to_owned(),
            policy_version,
            client: None,
            reason: None,
            export_offered: None,
        }
    }
}

/// A point that is to go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidedPoint {
    /// The point.
    pub point: String,
    /// Its asset, where known.
    pub asset: Option<String>,
    /// The instant that it stands for.
    pub instant: Timestamp,
    /// Why it goes.
    pub reason: String,
}

/// What waits, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurgeWait {
    /// The repository.
    pub repository: String,
    /// The location; none where it concerns the repository as a whole.
    pub location: Option<String>,
    /// Points of which something is left there.
    pub points: u64,
    /// Why.
    pub reason: String,
    /// Set where nothing is left but what is locked, and until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<Timestamp>,
}

/// A recorded purge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Purge {
    /// The id.
    pub id: String,
    /// What began.
    #[serde(flatten)]
    pub purge: NewPurge,
    /// How far it came.
    pub state: PurgeState,
    /// When it began.
    pub begun_at: Timestamp,
    /// When it ended, or when it was last known to wait.
    pub ended_at: Option<Timestamp>,
    /// What waited then.
    pub waits: Vec<PurgeWait>,
}

/// A point of a recorded purge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PurgedPoint {
    /// The purge.
    pub purge: String,
    /// The repository.
    pub repository: String,
    /// What was decided.
    #[serde(flatten)]
    pub decided: DecidedPoint,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Begun {
    id: String,
    token: u64,
    purge: NewPurge,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Decided {
    purge: String,
    repository: String,
    points: Vec<DecidedPoint>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    id: String,
    state: PurgeState,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    waits: Vec<PurgeWait>,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = purges)]
pub(crate) struct Row {
    id: String,
    kind: String,
    by: String,
    policy_version: Option<i64>,
    client: Option<String>,
    reason: Option<String>,
    export_offered: Option<bool>,
    state: String,
    begun_at: i64,
    ended_at: Option<i64>,
    waits: Option<String>,
    token: i64,
    recorded_at: i64,
    leaf: i64,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = purge_points)]
pub(crate) struct PointRow {
    purge: String,
    repository: String,
    point: String,
    asset: Option<String>,
    instant: i64,
    reason: String,
    leaf: i64,
}

impl Transaction<'_> {
    /// Records that a purge begins, and returns its id. There is one at a time, so any other without an end was cut off.
    ///
    /// # Errors
    /// When it could not be written; then nothing must be deleted.
    pub fn begin_purge(&mut self, purge: NewPurge, happened_at: Timestamp) -> Result<String> {
        self.cut_off_purges(self.token.saturating_add(1), happened_at)?;
        let id = self.new_id();
        self.record(happened_at, &Fact::PurgeBegun(Begun { id: id.clone(), token: self.token, purge }))?;
        Ok(id)
    }

    /// Records what a purge decided about a repository, before any of it is deleted.
    ///
    /// # Errors
    /// `Contradiction` for a purge that does not go on, or a point that it decided on already.
    pub fn decide_purge(
        &mut self,
        purge: &str,
        repository: &str,
        points: Vec<DecidedPoint>,
        happened_at: Timestamp,
    ) -> Result<()> {
        let decided = Decided { purge: purge.to_owned(), repository: repository.to_owned(), points };
        self.record(happened_at, &Fact::PurgeDecided(decided)).map(|_| ())
    }

    /// Records how far a purge came.
    ///
    /// # Errors
    /// `Contradiction` for one that never began, or that was completed.
    pub fn end_purge(
        &mut self,
        id: &str,
        state: PurgeState,
        waits: Vec<PurgeWait>,
        happened_at: Timestamp,
    ) -> Result<()> {
        self.record(happened_at, &Fact::PurgeEnded(Ended { id: id.to_owned(), state, waits })).map(|_| ())
    }

    /// Records of every purge that an instance with a lower token began, and that has no end, that it was cut off.
    pub(crate) fn cut_off_purges(&mut self, below: u64, happened_at: Timestamp) -> Result<()> {
        let orphans: Vec<String> = purges::table
            .filter(purges::state.eq(PurgeState::Begun.as_str()))
            .filter(purges::token.lt(from_token(below)?))
            .order((purges::begun_at, purges::id))
            .select(purges::id)
            .load(self.connection)
            .doing(|| "find purges that were cut off".to_owned())?;
        orphans.iter().try_for_each(|id| self.end_purge(id, PurgeState::CutOff, Vec::new(), happened_at))
    }
}

pub(crate) fn apply_begun(connection: &mut Connection, begun: &Begun, stamp: &Stamp) -> Result<()> {
    let purge = &begun.purge;
    let version = purge.policy_version.map(i64::try_from).transpose();
    let row = Row {
        id: begun.id.clone(),
        kind: purge.kind.as_str().to_owned(),
        by: purge.by.clone(),
        policy_version: version
            .map_err(|_| Error::new(ErrorKind::Contradiction, "no policy has so many versions"))?,
        client: purge.client.clone(),
        reason: purge.reason.clone(),
        export_offered: purge.export_offered,
        state: PurgeState::Begun.as_str().to_owned(),
        begun_at: stamp.happened_at,
        ended_at: None,
        waits: None,
        token: from_token(begun.token)?,
        recorded_at: stamp.recorded_at,
        leaf: stamp.leaf,
    };
    diesel::insert_into(purges::table)
        .values(&row)
        .execute(connection)
        .doing(|| "record that a purge begins".to_owned())
        .map(|_| ())
}

pub(crate) fn apply_decided(connection: &mut Connection, decided: &Decided, stamp: &Stamp) -> Result<()> {
    let goes_on: Option<String> = purges::table
        .find(&decided.purge)
        .filter(purges::state.eq(PurgeState::Begun.as_str()))
        .select(purges::id)
        .first(connection)
        .optional()
        .doing(|| format!("find the purge {}", decided.purge))?;
    if goes_on.is_none() {
        let why = format!("no purge {} is under way", decided.purge);
        return Err(Error::new(ErrorKind::Contradiction, why));
    }
    for point in &decided.points {
        let row = PointRow {
            purge: decided.purge.clone(),
            repository: decided.repository.clone(),
            point: point.point.clone(),
            asset: point.asset.clone(),
            instant: to_nanoseconds(point.instant)?,
            reason: point.reason.clone(),
            leaf: stamp.leaf,
        };
        diesel::insert_into(purge_points::table)
            .values(&row)
            .execute(connection)
            .doing(|| format!("record that {} is purged", point.point))?;
    }
    Ok(())
}

pub(crate) fn apply_ended(connection: &mut Connection, ended: &Ended, stamp: &Stamp) -> Result<()> {
    let closed = [PurgeState::Done.as_str(), PurgeState::Dropped.as_str()];
    let waits = match ended.waits.as_slice() {
        [] => None,
        some => Some(
            serde_json::to_string(some)
                .map_err(|e| Error::caused(ErrorKind::System, "write what a purge waits for", e))?,
        ),
    };
    let count = diesel::update(purges::table.find(&ended.id).filter(purges::state.ne_all(closed)))
        .set((
            purges::state.eq(ended.state.as_str()),
            purges::ended_at.eq((ended.state != PurgeState::Begun).then_some(stamp.happened_at)),
            purges::waits.eq(waits),
            purges::recorded_at.eq(stamp.recorded_at),
            purges::leaf.eq(stamp.leaf),
        ))
        .execute(connection)
        .doing(|| format!("record how far the purge {} came", ended.id))?;
    if count == 0 {
        let why = format!("no purge {} is open", ended.id);
        return Err(Error::new(ErrorKind::Contradiction, why));
    }
    Ok(())
}
