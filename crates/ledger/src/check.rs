//! Checks: what was read of a repository at one location, and what was found.

use diesel::connection::DefaultLoadingMode;
use diesel::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connection::{AT_ONCE, Connection};
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::fact::{Fact, Stamp};
use crate::instant::{from_nanoseconds, to_nanoseconds};
use crate::ledger::Transaction;
use crate::reader::Reader;
use crate::schema::checks;
use crate::words::words;

words! {
    /// What a check found.
    CheckOutcome {
        /// All that was read is as it was written.
        Whole = "whole",
        /// Something has not arrived there yet.
        Owed = "owed",
        /// Something is not as it was written, or is gone.
        Damaged = "damaged",
        /// It could not be done.
        Unusable = "unusable",
    }
}

/// How much was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckScope {
    /// The structure alone.
    Structure,
    /// Everything that one point needs.
    Point(String),
    /// What one run brought there: for its point, and for older ones that were owed.
    Run {
        /// The run.
        run: String,
        /// Its point.
        point: String,
    },
    /// Slice `number` of `of` of all data; together they are everything.
    Slice {
        /// Counts from 0.
        number: u32,
        /// How many there are.
        of: u32,
    },
    /// Every byte.
    All,
    /// Nothing: a repair put right what it could, and what was damaged must be read again before it is believed.
    Repair,
}

/// What a check found of single points. Points are told apart by name, because no time tells which of them a location held
/// when it was read. Those that were there before and still are stand in an earlier check.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// Points that the location has now, and had not at the check before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arrived: Vec<String>,
    /// Points that it has no more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<String>,
    /// Points that damage touches; of a repair, those that stay damaged.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<String>,
    /// Points that are not whole there yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacking: Vec<String>,
    /// Damage that no point in particular is hurt by: the config, a key file, something that nobody could follow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub other_damage: Vec<String>,
    /// Not every point could be followed, so what was read of which is unknown.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_unfollowed: bool,
    /// Points that came to be known while it went on. It looked before they were there, so it says nothing of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub later: Vec<String>,
    /// Of a run: it brought everything that its point needs, so that nothing of it is older.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_everything: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// A check that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCheck {
    /// The repository.
    pub repository: String,
    /// The location.
    pub location: String,
    /// How much was read.
    pub scope: CheckScope,
    /// The same in bytes.
    pub bytes_read: u64,
    /// What was found.
    pub outcome: CheckOutcome,
    /// What is wrong, for people.
    pub detail: Option<String>,
    /// What was found of single points.
    #[serde(default, skip_serializing_if = "Findings::is_empty")]
    pub findings: Findings,
}

impl Findings {
    fn is_empty(&self) -> bool {
        *self == Findings::default()
    }
}

/// A recorded check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was done and found.
    #[serde(flatten)]
    pub check: NewCheck,
    /// When it was made.
    pub happened_at: Timestamp,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The leaf that proves it.
    pub leaf: u64,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = checks)]
pub(crate) struct Row {
    leaf: i64,
    repository: String,
    location: String,
    scope: String,
    point: Option<String>,
    run: Option<String>,
    slice: Option<i64>,
    slices: Option<i64>,
    bytes_read: i64,
    outcome: String,
    detail: Option<String>,
    findings: Option<String>,
    happened_at: i64,
    recorded_at: i64,
}

impl Transaction<'_> {
    /// Records a check.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn record_check(&mut self, check: NewCheck, happened_at: Timestamp) -> Result<()> {
        self.record(happened_at, &Fact::Checked(check)).map(|_| ())
    }
}

impl Reader {
    /// Checks of a repository since an instant, at one location or at all, oldest first.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn checks_of(
        &self,
        repository: &str,
        location: Option<&str>,
        since: Timestamp,
    ) -> Result<Vec<Check>> {
        let since = to_nanoseconds(since)?;
        self.ask(|connection| {
            let mut query = checks::table
                .filter(checks::repository.eq(repository))
                .filter(checks::happened_at.ge(since))
                .into_boxed();
            if let Some(location) = location {
                query = query.filter(checks::location.eq(location));
            }
            let rows: Vec<Row> = query
                .order((checks::happened_at, checks::leaf))
                .load(connection)
                .doing(|| format!("read the checks of {repository}"))?;
            rows.into_iter().map(Check::of).collect()
        })
    }
}

impl Reader {
    /// When a share of old data was last read again, anywhere.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn last_slice_read(&self) -> Result<Option<Timestamp>> {
        self.ask(|connection| {
            let last: Option<i64> = checks::table
                .filter(checks::slice.is_not_null())
                .select(diesel::dsl::max(checks::happened_at))
                .first(connection)
                .doing(|| "read the checks".to_owned())?;
            Ok(last.map(from_nanoseconds))
        })
    }

    /// Every check of a repository, in the order in which they were recorded: clocks are set back, and what one check says
    /// rests on those before it.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn every_check_of(&self, repository: &str) -> Result<Vec<Check>> {
        self.ask(|connection| {
            let rows: Vec<Row> = checks::table
                .filter(checks::repository.eq(repository))
                .order(checks::leaf)
                .load(connection)
                .doing(|| format!("read the checks of {repository}"))?;
            rows.into_iter().map(Check::of).collect()
        })
    }

    /// Every check of every repository that was recorded after a leaf, in that order, to `see`, as long as that wants more;
    /// without a leaf, all. There are millions, and each is seen once.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn checks_after(&self, leaf: Option<u64>, see: &mut dyn FnMut(&Check) -> bool) -> Result<()> {
        let doing = || "read the checks".to_owned();
        let leaf = leaf.map_or(Ok(-1), i64::try_from);
        let leaf = leaf.map_err(|_| Error::new(ErrorKind::Contradiction, "there is no such leaf"))?;
        self.ask(|connection| {
            let rows = checks::table
                .filter(checks::leaf.gt(leaf))
                .order(checks::leaf)
                .load_iter::<Row, DefaultLoadingMode>(connection)
                .doing(doing)?;
            for row in rows {
                if !see(&Check::of(row.doing(doing)?)?) {
                    break;
                }
            }
            Ok(())
        })
    }

    /// What was read back of these runs, by location.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn checks_of_runs(&self, runs: &[&str]) -> Result<Vec<Check>> {
        self.ask(|connection| {
            let mut found = Vec::new();
            for runs in runs.chunks(AT_ONCE) {
                let rows: Vec<Row> = checks::table
                    .filter(checks::run.eq_any(runs.iter().copied().map(Some)))
                    .order((checks::run, checks::location, checks::leaf))
                    .load(connection)
                    .doing(|| "read the checks of runs".to_owned())?;
                found.extend(rows);
            }
            found.into_iter().map(Check::of).collect()
        })
    }
}

pub(crate) fn apply(connection: &mut Connection, check: &NewCheck, stamp: &Stamp) -> Result<()> {
    let (mut point, mut run, mut slice) = (None, None, None);
    let scope = match &check.scope {
        CheckScope::Structure => "structure",
        CheckScope::Point(id) => {
            point = Some(id.clone());
            "point"
        }
        CheckScope::Run { run: of_run, point: id } => {
            (point, run) = (Some(id.clone()), Some(of_run.clone()));
            "run"
        }
        CheckScope::Slice { number, of } => {
            slice = Some((i64::from(*number), i64::from(*of)));
            "slice"
        }
        CheckScope::All => "all",
        CheckScope::Repair => "repair",
    };
    let findings = match &check.findings {
        none if none.is_empty() => None,
        some => Some(
            serde_json::to_string(some)
                .map_err(|error| Error::caused(ErrorKind::System, "write the findings of a check", error))?,
        ),
    };
    let row = Row {
        leaf: stamp.leaf,
        repository: check.repository.clone(),
        location: check.location.clone(),
        scope: scope.to_owned(),
        point,
        run,
        slice: slice.map(|(number, _)| number),
        slices: slice.map(|(_, of)| of),
        bytes_read: i64::try_from(check.bytes_read)
            .map_err(|_| Error::new(ErrorKind::Contradiction, "nobody reads that many bytes"))?,
        outcome: check.outcome.as_str().to_owned(),
        detail: check.detail.clone(),
        findings,
        happened_at: stamp.happened_at,
        recorded_at: stamp.recorded_at,
    };
    diesel::insert_into(checks::table)
        .values(&row)
        .execute(connection)
        .doing(|| format!("record the check of {} at {}", check.repository, check.location))
        .map(|_| ())
}

impl Check {
    fn of(row: Row) -> Result<Check> {
        let damaged = || Error::damaged(format!("the check of leaf {} cannot be read", row.leaf));
        let number = |number: Option<i64>| number.and_then(|n| u32::try_from(n).ok()).ok_or_else(damaged);
        let scope = match row.scope.as_str() {
            "structure" => CheckScope::Structure,
            "point" => CheckScope::Point(row.point.clone().ok_or_else(damaged)?),
            "run" => CheckScope::Run {
                run: row.run.clone().ok_or_else(damaged)?,
                point: row.point.clone().ok_or_else(damaged)?,
            },
            "slice" => CheckScope::Slice { number: number(row.slice)?, of: number(row.slices)? },
            "all" => CheckScope::All,
            "repair" => CheckScope::Repair,
            _ => return Err(damaged()),
        };
        let findings = match &row.findings {
            Some(json) => serde_json::from_str(json).map_err(|_| damaged())?,
            None => Findings::default(),
        };
        Ok(Check {
            happened_at: from_nanoseconds(row.happened_at),
            recorded_at: from_nanoseconds(row.recorded_at),
            leaf: u64::try_from(row.leaf).map_err(|_| damaged())?,
            check: NewCheck {
                scope,
                bytes_read: u64::try_from(row.bytes_read).map_err(|_| damaged())?,
                outcome: CheckOutcome::read(&row.outcome)?,
                repository: row.repository,
                location: row.location,
                detail: row.detail,
                findings,
            },
        })
    }
}
