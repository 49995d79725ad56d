//! The audit: that the leaves are what was written, and that the tables say what the leaves say.
//!
//! Anyone who can write the file can write a row. The tables are therefore computed again, in memory, from the leaves
//! alone, and compared row by row. Who forges leaves as well is found by the tree's head, once one is kept elsewhere.

use std::collections::BTreeSet;
use std::fmt::Debug;

use diesel::Connection as _;
use diesel::connection::{DefaultLoadingMode, SimpleConnection};
use diesel::prelude::*;
use serde::Serialize;

use crate::connection::{self, Connection};
use crate::error::{Doing, Error, ErrorKind, Result};
use crate::leaf::{self, sha256};
use crate::schema::{
    actions, alarms, anchors, assessments, checks, copies, deliveries, erasures, holds, leases, log_looks,
    log_points, log_restarts, notices, observations, points, policy_reviews, policy_versions, purge_points,
    purges, receipts, report_erasures, reports, run_slots, runs, slots, verdicts, waivers,
};
use crate::tree::{Edge, TreeHead};
use crate::{
    action, alarm, assessment, check, checkpoint, copies as copy, hold, log_point, log_restart, notice,
    observation, point, policy_review, policy_version, private, purge, receipt, report, run, slot, waiver,
};

/// What an audit read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// The head of the tree over all leaves.
    pub head: TreeHead,
    /// Rows that were compared.
    pub rows: u64,
    /// Reports of runs that were compared with what their leaves say.
    pub reports: u64,
    /// Reports that were erased, as leaves say; other leaves still say which they were.
    pub reports_erased: u64,
    /// Private values that are what their leaves say.
    pub values: u64,
    /// Private values that were erased, as leaves say.
    pub values_erased: u64,
}

const LEAVES_AT_ONCE: u32 = 1000;

pub(crate) fn audit(connection: &mut Connection) -> Result<Audit> {
    let mut scratch = connection::open_scratch()?;
    let head = replay(connection, &mut scratch, None)?;
    let mut rows = 0;
    // One line per table. Leases without the instant until which they were renewed: that is not a fact.
    macro_rules! compare {
        ($name:literal, $row:ty, $query:expr) => {
            rows += compare::<$row>(
                $name,
                $query.load_iter::<$row, DefaultLoadingMode>(connection).doing(|| reading($name))?,
                $query.load_iter::<$row, DefaultLoadingMode>(&mut scratch).doing(|| reading($name))?,
            )?;
        };
    }
    compare!("policy_versions", policy_version::Row, policy_versions::table.order(policy_versions::number));
    compare!("slots", slot::Row, slots::table.order(slots::id));
    compare!("runs", run::Row, runs::table.order(runs::id));
    compare!("run_slots", run::SlotRow, run_slots::table.order((run_slots::run, run_slots::slot)));
    compare!("points", point::Row, points::table.order(points::id));
    compare!("copies", copy::Row, copies::table.order((copies::point, copies::location)));
    compare!("checks", check::Row, checks::table.order(checks::leaf));
    compare!("purges", purge::Row, purges::table.order(purges::id));
    compare!(
        "purge_points",
        purge::PointRow,
        purge_points::table.order((purge_points::purge, purge_points::repository, purge_points::point))
    );
    compare!("receipts", receipt::Row, receipts::table.order(receipts::leaf));
    compare!("policy_reviews", policy_review::Row, policy_reviews::table.order(policy_reviews::leaf));
    compare!("alarms", alarm::Row, alarms::table.order(alarms::leaf));
    compare!("observations", observation::Row, observations::table.order(observations::leaf));
    compare!("assessments", assessment::Row, assessments::table.order(assessments::leaf));
    compare!(
        "verdicts",
        assessment::VerdictRow,
        verdicts::table.order((verdicts::leaf, verdicts::control, verdicts::target))
    );
    compare!("waivers", waiver::Row, waivers::table.order(waivers::id));
    compare!("holds", hold::Row, holds::table.order(holds::id));
    compare!("actions", action::Row, actions::table.order(actions::id));
    compare!("erasures", private::ErasureRow, erasures::table.order(erasures::hash));
    compare!("report_erasures", report::ErasureRow, report_erasures::table.order(report_erasures::run));
    compare!("log_points", log_point::Row, log_points::table.order(log_points::point));
    compare!("log_looks", log_point::LookRow, log_looks::table.order(log_looks::leaf));
    compare!("log_restarts", log_restart::Row, log_restarts::table.order(log_restarts::leaf));
    compare!("anchors", checkpoint::AnchorRow, anchors::table.order(anchors::leaf));
    compare!("notices", notice::Row, notices::table.order(notices::id));
    compare!(
        "deliveries",
        notice::DeliveryRow,
        deliveries::table.order((deliveries::notice, deliveries::channel))
    );
    compare!(
        "leases",
        (i64, String, i64, Option<i64>, i64),
        leases::table
            .select((leases::token, leases::instance, leases::taken_at, leases::released_at, leases::leaf))
            .order(leases::token)
    );
    let (reports, reports_erased) = check_reports(connection)?;
    let (values, values_erased) = private::check(connection)?;
    Ok(Audit { head, rows, reports, reports_erased, values, values_erased })
}

/// Checks the first leaves, or every one, and fills the scratch ledger from them.
pub(crate) fn replay(
    connection: &mut Connection,
    scratch: &mut Connection,
    count: Option<u64>,
) -> Result<TreeHead> {
    // The scratch tables refer to leaves, but it needs none of their payloads.
    scratch.batch_execute("PRAGMA foreign_keys = OFF;").doing(|| "prepare the scratch ledger".to_owned())?;
    let mut edge = Edge::default();
    let mut next = 0;
    loop {
        let left = count.map_or(u64::MAX, |count| count.saturating_sub(next));
        let at_once = LEAVES_AT_ONCE.min(u32::try_from(left).unwrap_or(u32::MAX));
        let leaves = leaf::load(connection, next, at_once)?;
        if leaves.is_empty() {
            return Ok(edge.head());
        }
        let outcome = scratch.transaction(|scratch| {
            for leaf in &leaves {
                if leaf.sequence != next {
                    return Err(Failed(Error::damaged(format!("leaf {next} is missing"))));
                }
                let (fact, stamp) = leaf.open().map_err(Failed)?;
                fact.apply(scratch, &stamp).map_err(|error| {
                    let why = format!("leaf {next} contradicts those before it");
                    Failed(Error::caused(ErrorKind::Damaged, why, error))
                })?;
                edge.push(leaf.hash);
                next += 1;
            }
            Ok::<_, Failed>(())
        });
        outcome.map_err(|Failed(error)| error)?;
    }
}

struct Failed(Error);

impl From<diesel::result::Error> for Failed {
    fn from(error: diesel::result::Error) -> Failed {
        Failed(Error::caused(ErrorKind::System, "fill the scratch ledger", error))
    }
}

/// Compares row by row; the first difference is the finding.
fn compare<R: PartialEq + Debug>(
    table: &str,
    is: impl Iterator<Item = QueryResult<R>>,
    said: impl Iterator<Item = QueryResult<R>>,
) -> Result<u64> {
    let (mut is, mut said) = (is, said);
    let mut rows = 0;
    loop {
        let is = is.next().transpose().doing(|| reading(table))?;
        let said = said.next().transpose().doing(|| reading(table))?;
        match (is, said) {
            (None, None) => return Ok(rows),
            (Some(is), Some(said)) if is == said => rows += 1,
            (is, said) => {
                let show = |row: Option<R>| row.map_or("nothing".to_owned(), |row| format!("{row:?}"));
                return Err(Error::damaged(format!(
                    "the table {table} does not say what the leaves say: it has {}, they make {}",
                    show(is),
                    show(said)
                )));
            }
        }
    }
}

/// Reports lie apart from the leaves, which hold their hashes, and say which of them were erased.
fn check_reports(connection: &mut Connection) -> Result<(u64, u64)> {
    let doing = || reading("reports");
    let recorded: Vec<String> = report_erasures::table
        .select(report_erasures::run)
        .load(connection)
        .doing(|| reading("report_erasures"))?;
    let recorded: BTreeSet<String> = recorded.into_iter().collect();
    let pairs = runs::table
        .left_join(reports::table.on(reports::run.eq(runs::id)))
        .select((runs::id, runs::report_sha256, reports::json.nullable()))
        .order(runs::id)
        .load_iter::<(String, Option<String>, Option<String>), DefaultLoadingMode>(connection)
        .doing(doing)?;
    let (mut kept, mut erased) = (0, 0);
    for pair in pairs {
        match pair.doing(doing)? {
            (_, None, None) => {}
            (run, Some(_), None) if recorded.contains(&run) => erased += 1,
            (run, Some(_), None) => {
                return Err(Error::damaged(format!(
                    "the report of run {run} is gone, and no leaf says that it was erased"
                )));
            }
            (run, _, Some(_)) if recorded.contains(&run) => {
                return Err(Error::damaged(format!("the report of run {run} was erased and is there")));
            }
            (_, Some(hash), Some(json)) if sha256(&json) == hash => kept += 1,
            (run, _, Some(_)) => {
                return Err(Error::damaged(format!(
                    "the report of run {run} is not the one that was recorded"
                )));
            }
        }
    }
    Ok((kept, erased))
}

fn reading(table: &str) -> String {
    format!("read the table {table}")
}
