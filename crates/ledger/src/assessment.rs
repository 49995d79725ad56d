//! Assessments: the verdicts as of an instant, as far as they changed since the one before.
//!
//! A verdict that is computed when somebody asks changes with the program, the policy and the files. So each is written down
//! once, as a document that is never read back into decisions, and the past is only ever printed. None is ever added before
//! the last: what was answered yesterday stays the answer.

use std::collections::BTreeMap;

use diesel::dsl::max;
use diesel::prelude::*;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::connection::{AT_ONCE, Connection};
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::fact::{Fact, Stamp};
use crate::instant::{from_nanoseconds, to_nanoseconds};
use crate::ledger::Transaction;
use crate::reader::Reader;
use crate::schema::{assessments, leaves, verdicts};

/// The verdicts as of an instant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewAssessment {
    /// The version of the rules that made them.
    pub rules: u32,
    /// The version of the policy that was applied; none where none was recorded.
    pub policy_version: Option<u64>,
    /// What changed since the assessment before.
    pub changes: Vec<VerdictChange>,
}

/// A verdict that changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictChange {
    /// The control.
    pub control: String,
    /// The target, for a verdict on one; absent for that on the control.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The verdict; absent for a target that there is no more.
    pub document: Option<serde_json::Value>,
}

/// The verdicts that held at an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Assessed {
    /// The assessment that was the last then.
    pub at: Timestamp,
    /// The version of the rules that made it.
    pub rules: u32,
    /// The version of the policy that was applied.
    pub policy_version: Option<u64>,
    /// The verdicts, by control and target; those on the control itself have none.
    pub verdicts: BTreeMap<(String, Option<String>), serde_json::Value>,
    /// The leaf in which each of them was written down.
    pub leaves: BTreeMap<(String, Option<String>), u64>,
}

impl Assessed {
    /// The verdicts on the targets of a control, by target.
    pub fn rows(
        &self,
        control: &str,
    ) -> impl Iterator<Item = (&(String, Option<String>), &serde_json::Value)> {
        let own = self.verdicts.range((control.to_owned(), None)..);
        let own = own.take_while(move |((name, _), _)| name == control);
        own.filter(|((_, target), _)| target.is_some())
    }
}

/// A verdict as it was written down.
#[derive(Clone, Debug, PartialEq)]
pub struct ToldVerdict {
    /// From which instant on it held.
    pub at: Timestamp,
    /// The control.
    pub control: String,
    /// The target; absent for the control itself.
    pub target: Option<String>,
    /// The verdict; absent for a target that there was no more.
    pub document: Option<serde_json::Value>,
    /// The leaf in which it stands.
    pub leaf: u64,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = assessments)]
pub(crate) struct Row {
    leaf: i64,
    instant: i64,
    rules: i64,
    policy_version: Option<i64>,
    recorded_at: i64,
}

#[derive(Queryable, Insertable, Debug, PartialEq, Eq)]
#[diesel(table_name = verdicts)]
pub(crate) struct VerdictRow {
    leaf: i64,
    control: String,
    target: String,
    document: Option<String>,
}

/// Facts that no verdict depends on.
const SILENT: [&str; 4] = ["assessed", "lease-taken", "lease-returned", "run-begun"];

impl Transaction<'_> {
    /// Records the verdicts as of an instant.
    ///
    /// # Errors
    /// `Contradiction` for an instant that is not after that of the last one.
    pub fn assess(&mut self, assessment: NewAssessment, at: Timestamp) -> Result<()> {
        self.record(at, &Fact::Assessed(assessment)).map(|_| ())
    }
}

impl Reader {
    /// The instant of the last assessment.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn assessed_until(&self) -> Result<Option<Timestamp>> {
        self.ask(|connection| Ok(last(connection)?.map(from_nanoseconds)))
    }

    /// The instant of the last assessment that was recorded before a leaf.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn assessed_before(&self, leaf: u64) -> Result<Option<Timestamp>> {
        let leaf = i64::try_from(leaf).unwrap_or(i64::MAX);
        self.ask(|connection| {
            let last: Option<i64> = assessments::table
                .filter(assessments::leaf.lt(leaf))
                .select(max(assessments::instant))
                .first(connection)
                .doing(|| "find the last assessment".to_owned())?;
            Ok(last.map(from_nanoseconds))
        })
    }

    /// The verdicts that held at an instant; none before the first assessment.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn verdicts_at(&self, at: Timestamp) -> Result<Option<Assessed>> {
        let at = to_nanoseconds(at)?;
        let doing = || "read the verdicts".to_owned();
        self.ask(|connection| {
            let newest: Option<Row> = assessments::table
                .filter(assessments::instant.le(at))
                .order(assessments::instant.desc())
                .first(connection)
                .optional()
                .doing(doing)?;
            let Some(newest) = newest else { return Ok(None) };
            // Each assessment is later than those of lower leaves, so the highest leaf is the last word.
            let latest: Vec<(String, String, Option<i64>)> = verdicts::table
                .filter(verdicts::leaf.le(newest.leaf))
                .group_by((verdicts::control, verdicts::target))
                .select((verdicts::control, verdicts::target, max(verdicts::leaf)))
                .load(connection)
                .doing(doing)?;
            let mut leaves: Vec<i64> = latest.iter().filter_map(|(_, _, leaf)| *leaf).collect();
            leaves.sort_unstable();
            leaves.dedup();
            let mut rows: BTreeMap<(i64, String, String), Option<String>> = BTreeMap::new();
            for leaves in leaves.chunks(AT_ONCE) {
                let found: Vec<VerdictRow> =
                    verdicts::table.filter(verdicts::leaf.eq_any(leaves)).load(connection).doing(doing)?;
                rows.extend(found.into_iter().map(|row| ((row.leaf, row.control, row.target), row.document)));
            }
            let (mut held, mut told_in) = (BTreeMap::new(), BTreeMap::new());
            for (control, target, leaf) in latest {
                let Some(leaf) = leaf else { continue };
                let Some(document) = rows.remove(&(leaf, control.clone(), target.clone())).flatten() else {
                    continue;
                };
                let document = serde_json::from_str(&document)
                    .map_err(|_| Error::damaged(format!("a verdict of leaf {leaf} cannot be read")))?;
                let key = (control, Some(target).filter(|target| !target.is_empty()));
                told_in.insert(key.clone(), u64::try_from(leaf).unwrap_or_default());
                held.insert(key, document);
            }
            let damaged = || Error::damaged(format!("the assessment of leaf {} cannot be read", newest.leaf));
            Ok(Some(Assessed {
                at: from_nanoseconds(newest.instant),
                rules: u32::try_from(newest.rules).map_err(|_| damaged())?,
                policy_version: newest
                    .policy_version
                    .map(u64::try_from)
                    .transpose()
                    .map_err(|_| damaged())?,
                verdicts: held,
                leaves: told_in,
            }))
        })
    }

    /// The verdicts on targets of a control that were written down for instants after `after` and until `until`, in their
    /// order.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn verdicts_on_targets(
        &self,
        control: &str,
        after: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<ToldVerdict>> {
        let of = verdicts::control.eq(control.to_owned()).and(verdicts::target.ne(""));
        self.ask(|connection| told_between(connection, Box::new(of), (after, until)))
    }

    /// The verdicts on controls themselves that were written down for instants after `after` and until `until`, in their
    /// order.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn verdicts_on_controls(&self, after: Timestamp, until: Timestamp) -> Result<Vec<ToldVerdict>> {
        self.ask(|connection| told_between(connection, Box::new(verdicts::target.eq("")), (after, until)))
    }

    /// The instants after `after` and until `until` at which anything was recorded that a verdict may depend on.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn recorded_between(&self, after: Timestamp, until: Timestamp) -> Result<Vec<Timestamp>> {
        let (after, until) = (to_nanoseconds(after)?, to_nanoseconds(until)?);
        self.ask(|connection| {
            let instants: Vec<i64> = leaves::table
                .filter(leaves::recorded_at.gt(after))
                .filter(leaves::recorded_at.le(until))
                .filter(leaves::kind.ne_all(SILENT))
                .select(leaves::recorded_at)
                .distinct()
                .order(leaves::recorded_at)
                .load(connection)
                .doing(|| "read when something was recorded".to_owned())?;
            Ok(instants.into_iter().map(from_nanoseconds).collect())
        })
    }
}

type Told = diesel::helper_types::InnerJoinQuerySource<
    verdicts::table,
    assessments::table,
    diesel::dsl::Eq<assessments::leaf, verdicts::leaf>,
>;

fn told_between(
    connection: &mut Connection,
    of: Box<dyn BoxableExpression<Told, diesel::sqlite::Sqlite, SqlType = diesel::sql_types::Bool>>,
    (after, until): (Timestamp, Timestamp),
) -> Result<Vec<ToldVerdict>> {
    let (after, until) = (to_nanoseconds(after)?, to_nanoseconds(until)?);
    let rows: Vec<(i64, i64, String, String, Option<String>)> = verdicts::table
        .inner_join(assessments::table.on(assessments::leaf.eq(verdicts::leaf)))
        .filter(of)
        .filter(assessments::instant.gt(after))
        .filter(assessments::instant.le(until))
        .order((assessments::instant, verdicts::control, verdicts::target))
        .select((
            assessments::instant,
            verdicts::leaf,
            verdicts::control,
            verdicts::target,
            verdicts::document,
        ))
        .load(connection)
        .doing(|| "read the verdicts of a time".to_owned())?;
    let told = rows.into_iter().map(|(at, leaf, control, target, document)| {
        let document = document.as_deref().map(serde_json::from_str).transpose();
        Ok(ToldVerdict {
            at: from_nanoseconds(at),
            document: document
                .map_err(|_| Error::damaged(format!("a verdict of {control} cannot be read")))?,
            control,
            target: Some(target).filter(|target| !target.is_empty()),
            leaf: u64::try_from(leaf).unwrap_or_default(),
        })
    });
    told.collect()
}

fn last(connection: &mut Connection) -> Result<Option<i64>> {
    assessments::table
        .select(max(assessments::instant))
        .first(connection)
        .doing(|| "find the last assessment".to_owned())
}

pub(crate) fn apply(connection: &mut Connection, assessment: &NewAssessment, stamp: &Stamp) -> Result<()> {
    if last(connection)?.is_some_and(|last| stamp.happened_at <= last) {
        let why = "verdicts are only ever added after the last ones";
        return Err(Error::new(ErrorKind::Contradiction, why));
    }
    let doing = || "record the verdicts".to_owned();
    let policy_version = assessment.policy_version.map(i64::try_from).transpose();
    let row = Row {
        leaf: stamp.leaf,
        instant: stamp.happened_at,
        rules: i64::from(assessment.rules),
        policy_version: policy_version
            .map_err(|_| Error::new(ErrorKind::Contradiction, "no policy has such a number"))?,
        recorded_at: stamp.recorded_at,
    };
    diesel::insert_into(assessments::table).values(&row).execute(connection).doing(doing)?;
    for change in &assessment.changes {
        let row = VerdictRow {
            leaf: stamp.leaf,
            control: change.control.clone(),
            target: change.target.clone().unwrap_or_default(),
            document: change.document.as_ref().map(ToString::to_string),
        };
        diesel::insert_into(verdicts::table).values(&row).execute(connection).doing(doing)?;
    }
    Ok(())
}
