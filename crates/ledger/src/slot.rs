//! Slots: the moments at which the policy wants a point. Compliance counts them, so that silence is visible; so they are
//! recorded when they are expected, before anything could have run.

use diesel::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connection::Connection;
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::fact::{Fact, Stamp};
use crate::instant::{from_nanoseconds, to_nanoseconds};
use crate::ledger::Transaction;
use crate::reader::Reader;
use crate::schema::slots;
use crate::words::words;

words! {
    /// How a slot stands.
    SlotState {
        /// Nothing is decided yet.
        Expected = "expected",
        /// A good point by its time.
        Ok = "ok",
        /// A good point, after its time.
        Late = "late",
        /// No point.
        Missed = "missed",
        /// A point that lacks something.
        Degraded = "degraded",
        /// Excused beforehand.
        Waived = "waived",
    }
}

/// A slot that the policy expands to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ExpectedSlot {
    /// Its name, the same whenever it is expanded.
    pub id: String,
    /// The asset.
    pub asset: String,
    /// The part of it.
    pub dataset: String,
    /// `full` or `incremental`.
    pub kind: String,
    /// Which rule wants it, e.g. `daily` or `every 30m`.
    pub basis: String,
    /// The earliest instant whose state serves.
    pub opens: Timestamp,
    /// From this instant on a state is too new for it.
    pub closes: Timestamp,
    /// By when the point must be there, checked and copied.
    pub due: Timestamp,
}

/// How a slot ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// The slot's id.
    pub slot: String,
    /// How it ended; never `Expected`.
    pub state: SlotState,
    /// The run that served it.
    pub run: Option<String>,
    /// Why, for people.
    pub reason: Option<String>,
}

/// A slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Slot {
    /// The id.
    pub id: String,
    /// The asset.
    pub asset: String,
    /// The part of it.
    pub dataset: String,
    /// `full` or `incremental`.
    pub kind: String,
    /// Which rule wants it, e.g. `daily` or `every 30m`.
    pub basis: String,
    /// The earliest instant whose state serves.
    pub opens: Timestamp,
    /// From this instant on a state is too new for it.
    pub closes: Timestamp,
    /// By when the point must be there, checked and copied.
    pub due: Timestamp,
    /// The policy that wanted it.
    pub policy_version: u64,
    /// How it stands.
    pub state: SlotState,
    /// The run that served it.
    pub run: Option<String>,
    /// Why it stands so.
    pub reason: Option<String>,
    /// When it was decided.
    pub settled_at: Option<Timestamp>,
}

/// How far the slots of a dataset were recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// When it came to be known last: its newest slot for a first point opens then.
    pub since: Option<Timestamp>,
    /// The slot that opens last.
    pub last: Slot,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Expected {
    policy_version: i64,
    slots: Vec<ExpectedSlot>,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = slots)]
pub(crate) struct Row {
    id: String,
    asset: String,
    dataset: String,
    kind: String,
    basis: String,
    opens: i64,
    closes: i64,
    due: i64,
    policy_version: i64,
    state: String,
    run: Option<String>,
    reason: Option<String>,
    settled_at: Option<i64>,
    recorded_at: i64,
    leaf: i64,
}

impl Transaction<'_> {
    /// Records the slots that a policy expands to; those that are known already are left as they are. Returns how many are
    /// new.
    ///
    /// # Errors
    /// When there is no such policy version, or it could not be written.
    pub fn expect_slots(
        &mut self,
        policy_version: u64,
        expected: &[ExpectedSlot],
        happened_at: Timestamp,
    ) -> Result<usize> {
        let mut new = Vec::new();
        for slot in expected {
            if state_of(self.connection, &slot.id)?.is_none() {
                new.push(slot.clone());
            }
        }
        let count = new.len();
        if count > 0 {
            let policy_version = i64::try_from(policy_version).map_err(|_| {
                Error::new(ErrorKind::Contradiction, format!("no policy is {policy_version}"))
            })?;
            self.record(happened_at, &Fact::SlotsExpected(Expected { policy_version, slots: new }))?;
        }
        Ok(count)
    }

    /// Records how slots ended. Each ends once.
    ///
    /// # Errors
    /// `Contradiction` for one that is not expected, or has ended.
    pub fn settle_slots(&mut self, settlements: Vec<Settlement>, happened_at: Timestamp) -> Result<()> {
        if settlements.is_empty() {
            return Ok(());
        }
        self.record(happened_at, &Fact::SlotsSettled(settlements)).map(|_| ())
    }
}

impl Reader {
    /// Slots that are due from `from` on and before `to`, of one asset or of all, by the time that they are due.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn slots_between(&self, from: Timestamp, to: Timestamp, asset: Option<&str>) -> Result<Vec<Slot>> {
        let (from, to) = (to_nanoseconds(from)?, to_nanoseconds(to)?);
        self.ask(|connection| {
            let mut query = slots::table.filter(slots::due.ge(from)).filter(slots::due.lt(to)).into_boxed();
            if let Some(asset) = asset {
                query = query.filter(slots::asset.eq(asset));
            }
            let rows: Vec<Row> = query
                .order((slots::due, slots::id))
                .load(connection)
                .doing(|| "read the slots".to_owned())?;
            rows.into_iter().map(Slot::of).collect()
        })
    }

    /// Slots about which nothing is decided yet, by the time that they are due.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn slots_expected(&self) -> Result<Vec<Slot>> {
        self.ask(|connection| {
            let rows: Vec<Row> = slots::table
                .filter(slots::state.eq(SlotState::Expected.as_str()))
                .order((slots::due, slots::id))
                .load(connection)
                .doing(|| "read the slots".to_owned())?;
            rows.into_iter().map(Slot::of).collect()
        })
    }

    /// How far the slots of a dataset were recorded; absent where none ever was. `first` is the basis of a slot for a first
    /// point.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn enrolment(&self, asset: &str, dataset: &str, first: &str) -> Result<Option<Enrolment>> {
        let doing = || format!("read the slots of {asset}");
        self.ask(|connection| {
            let of = || slots::table.filter(slots::asset.eq(asset)).filter(slots::dataset.eq(dataset));
            let last: Option<Row> =
                of().order((slots::opens.desc(), slots::id)).first(connection).optional().doing(doing)?;
            let Some(last) = last else { return Ok(None) };
            let since: Option<i64> = of()
                .filter(slots::basis.eq(first))
                .select(slots::opens)
                .order(slots::opens.desc())
                .first(connection)
                .optional()
                .doing(doing)?;
            Ok(Some(Enrolment { since: since.map(from_nanoseconds), last: Slot::of(last)? }))
        })
    }

    /// The slot with this id.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn slot(&self, id: &str) -> Result<Option<Slot>> {
        self.ask(|connection| {
            let row: Option<Row> =
                slots::table.find(id).first(connection).optional().doing(|| format!("read slot {id}"))?;
            row.map(Slot::of).transpose()
        })
    }
}

fn state_of(connection: &mut Connection, id: &str) -> Result<Option<SlotState>> {
    let state: Option<String> = slots::table
        .find(id)
        .select(slots::state)
        .first(connection)
        .optional()
        .doing(|| format!("read slot {id}"))?;
    state.map(|word| SlotState::read(&word)).transpose()
}

pub(crate) fn apply_expected(connection: &mut Connection, expected: &Expected, stamp: &Stamp) -> Result<()> {
    for slot in &expected.slots {
        let row = Row {
            id: slot.id.clone(),
            asset: slot.asset.clone(),
            dataset: slot.dataset.clone(),
            kind: slot.kind.clone(),
            basis: slot.basis.clone(),
            opens: to_nanoseconds(slot.opens)?,
            closes: to_nanoseconds(slot.closes)?,
            due: to_nanoseconds(slot.due)?,
            policy_version: expected.policy_version,
            state: SlotState::Expected.as_str().to_owned(),
            run: None,
            reason: None,
            settled_at: None,
            recorded_at: stamp.recorded_at,
            leaf: stamp.leaf,
        };
        diesel::insert_into(slots::table)
            .values(&row)
            .execute(connection)
            .doing(|| format!("expect slot {}", row.id))?;
    }
    Ok(())
}

pub(crate) fn apply_settled(
    connection: &mut Connection,
    settled: &[Settlement],
    stamp: &Stamp,
) -> Result<()> {
    for settlement in settled {
        let id = &settlement.slot;
        let contradiction =
            |what: &str| Err(Error::new(ErrorKind::Contradiction, format!("slot {id} {what}")));
        match state_of(connection, id)? {
            _ if settlement.state == SlotState::Expected => return contradiction("cannot end as expected"),
            None => return contradiction("was never expected"),
            Some(SlotState::Expected) => {}
            Some(state) => return contradiction(&format!("has ended already: {state}")),
        }
        diesel::update(slots::table.find(id))
            .set((
                slots::state.eq(settlement.state.as_str()),
                slots::run.eq(&settlement.run),
                slots::reason.eq(&settlement.reason),
                slots::settled_at.eq(stamp.happened_at),
                slots::recorded_at.eq(stamp.recorded_at),
                slots::leaf.eq(stamp.leaf),
            ))
            .execute(connection)
            .doing(|| format!("settle slot {id}"))?;
    }
    Ok(())
}

impl Slot {
    fn of(row: Row) -> Result<Slot> {
        Ok(Slot {
            asset: row.asset,
            dataset: row.dataset,
            kind: row.kind,
            basis: row.basis,
            opens: from_nanoseconds(row.opens),
            closes: from_nanoseconds(row.closes),
            due: from_nanoseconds(row.due),
            policy_version: u64::try_from(row.policy_version)
                .map_err(|_| Error::damaged(format!("slot {} has no policy", row.id)))?,
            state: SlotState::read(&row.state)?,
            run: row.run,
            reason: row.reason,
            settled_at: row.settled_at.map(from_nanoseconds),
            id: row.id,
        })
    }
}
