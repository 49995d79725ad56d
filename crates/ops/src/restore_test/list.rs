//! Restore tests of the past, with what was seen as far as it was not erased.

use holdfast_ledger::{RestoreTest, TestedPick};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;

use super::pictures;
use super::sweep::{self, Swept};
use crate::ending::Ending;
use crate::error::Result;
use crate::journal;
use crate::setup::Setup;

/// Which ones.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Of this asset alone.
    pub asset: Option<String>,
    /// Planned from then on.
    pub since: Timestamp,
    /// Put in order what a killed process left, first.
    pub sweep: bool,
}

/// What there was.
#[derive(Debug, Serialize)]
pub struct ListReport {
    /// The tests, oldest first.
    pub tests: Vec<RestoreTest>,
    /// Everybody who was drawn, oldest first.
    pub lines: Vec<TestLine>,
    /// What an earlier process had left behind and is in order now.
    pub swept: Vec<Swept>,
    /// How it ended: attention where something was not successful, or has no result.
    pub ending: Ending,
}

/// One that was drawn.
#[derive(Debug, Serialize)]
pub struct TestLine {
    /// Its id.
    pub id: String,
    /// What was tested.
    pub exercise: String,
    /// The occasion; none where somebody asked for it.
    pub occasion: Option<String>,
    /// The asset.
    pub asset: String,
    /// Why it was chosen.
    pub why: String,
    /// The point.
    pub point: Option<String>,
    /// Whether the lot chose it.
    pub is_drawn: bool,
    /// Where it came from.
    pub location: Option<String>,
    /// `planned`, `validating`, `successful`, `failed`, `timed-out`.
    pub state: &'static str,
    /// When it was planned.
    pub planned_at: Timestamp,
    /// When it began.
    pub begun_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The questions that were not answered as they must be.
    pub failed: Vec<String>,
    /// What was seen; `"[erased]"` where its client left.
    pub seen: Option<Value>,
    /// The picture, with its hash, where one was taken and lies there still.
    pub picture: Option<(std::path::PathBuf, String)>,
    /// By when nothing of it may be left.
    pub destroy_by: Option<Timestamp>,
    /// When that was so, with files and bytes.
    pub destroyed: Option<(Timestamp, u64, u64)>,
    /// Why something of it may be left.
    pub not_destroyed: Option<String>,
    /// The leaf that proves the plan.
    pub leaf: u64,
}

/// Lists them.
///
/// # Errors
/// When the ledger cannot be read.
pub fn list(setup: &Setup, filter: &Filter) -> Result<ListReport> {
    let mut report =
        ListReport { tests: Vec::new(), lines: Vec::new(), swept: Vec::new(), ending: Ending::Done };
    let Some(reader) = journal::reader(&setup.places.state)? else { return Ok(report) };
    if filter.sweep {
        let _lock = super::lock(setup)?;
        report.swept = sweep::sweep(setup, &reader)?;
    }
    let soon = setup.world.clock.now().saturating_add(SignedDuration::from_secs(1)).unwrap_or(Timestamp::MAX);
    report.tests = reader.restore_tests_between(filter.since, soon)?;
    for pick in reader.restore_picks_between(filter.since, soon)? {
        let is_meant = filter.asset.as_ref().is_none_or(|asset| *asset == pick.picked.asset);
        let Some(test) = report.tests.iter().find(|test| test.id == pick.test && is_meant) else { continue };
        report.lines.push(line(setup, test, pick));
    }
    let is_listed = |test: &RestoreTest| report.lines.iter().any(|line| line.id.starts_with(&test.id));
    report.tests.retain(|test| filter.asset.is_none() || is_listed(test));
    let is_last = |line: &TestLine| {
        let later =
            report.lines.iter().filter(|other| other.asset == line.asset && other.exercise == line.exercise);
        later.max_by_key(|other| (other.planned_at, other.leaf)).is_some_and(|last| last.id == line.id)
    };
    let is_red = |line: &TestLine| {
        let is_unwell = matches!(line.state, "failed" | "timed-out");
        (is_unwell && is_last(line)) || line.not_destroyed.is_some()
    };
    if report.lines.iter().any(is_red) || report.swept.iter().any(|swept| swept.failure.is_some()) {
        report.ending = Ending::Attention;
    }
    Ok(report)
}

fn line(setup: &Setup, test: &RestoreTest, pick: TestedPick) -> TestLine {
    let ended = pick.ended.as_ref();
    let details = ended.and_then(|(end, _)| end.details.clone());
    let picture = ended.and_then(|(end, _)| end.screenshot_sha256.clone()).and_then(|hash| {
        let path = pictures::path(setup, &pick.picked.repository, &pick.id);
        path.exists().then_some((path, hash))
    });
    TestLine {
        exercise: test.test.exercise.clone(),
        occasion: test.test.occasion.as_ref().map(|(label, _, _)| label.clone()),
        location: pick.begun.as_ref().map(|(begun, _)| begun.location.clone()),
        state: pick.state.as_str(),
        planned_at: pick.planned.happened_at,
        begun_at: pick.begun.as_ref().map(|(_, moment)| moment.happened_at),
        ended_at: ended.map(|(_, moment)| moment.happened_at),
        failed: ended.map(|(end, _)| end.failed.clone()).unwrap_or_default(),
        seen: details.map(|details| serde_json::from_str(&details).unwrap_or(Value::String(details))),
        picture,
        destroy_by: pick.begun.as_ref().map(|(begun, _)| begun.destroy_by),
        destroyed: pick.destroyed.as_ref().map(|(gone, moment)| (moment.happened_at, gone.files, gone.bytes)),
        not_destroyed: pick.not_destroyed,
        leaf: pick.planned.leaf,
        asset: pick.picked.asset,
        why: pick.picked.why,
        point: pick.picked.point,
        is_drawn: pick.picked.is_drawn,
        id: pick.id,
    }
}
