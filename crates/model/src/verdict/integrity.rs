//! Whether what is stored was read back when it was stored, and again ever since.

use super::rows::Finding;
use super::schedule::{RED_DAYS, nothing};
use super::{Evidence, Look, Row, RunFact, Verdict, hours, minute};

/// How far back runs are looked at.
const WINDOW_DAYS: i64 = 30;
/// Within so many days every byte is read again.
pub(super) const READ_WITHIN_DAYS: i64 = 30;

/// INT-01.
pub(super) fn each_run(look: &Look<'_>) -> Finding {
    let (window, red) = (look.days_ago(WINDOW_DAYS), look.days_ago(RED_DAYS));
    let rows = look.scheduled().map(|part| {
        let row = |verdict, why: String| Row::new(part.target(), verdict, why).about(part.asset);
        let is_own = |run: &&RunFact| run.dataset == part.dataset && run.ended >= window;
        let runs: Vec<&RunFact> = look.by_asset.runs(part.asset).iter().copied().filter(is_own).collect();
        let Some(newest) = runs.last() else {
            return row(Verdict::NoEvidence, format!("no run of it made a point in {WINDOW_DAYS} days"))
                .next(format!("`holdfast backup {}`", part.asset));
        };
        let unread = |run: &RunFact| {
            let location = run.delivered.iter().find(|location| !run.read_back.contains_key(*location))?;
            Some((format!("was not read back at {location}"), None))
        };
        let damaged = |run: &RunFact| {
            let (location, (leaf, _)) = run.read_back.iter().find(|(_, (_, is_whole))| !is_whole)?;
            Some((format!("was not whole when it was read back at {location}"), Some(*leaf)))
        };
        let bad = runs.iter().rev().filter(|run| run.ended >= red || run.id == newest.id);
        let bad = bad.filter_map(|run| Some((run, damaged(run).or_else(|| unread(run))?))).next();
        match bad {
            Some((run, (what, leaf))) => {
                let row = row(Verdict::Fail, format!("what the run of {} stored {what}", minute(run.ended)))
                    .next("`holdfast verify`, then `holdfast repair`")
                    .by(Evidence::of("run", &run.id), run.ended);
                leaf.map_or(row.clone(), |leaf| row.by(Evidence::leaf(leaf), run.ended))
            }
            None => row(
                Verdict::Pass,
                format!("{} runs of {WINDOW_DAYS} days, each read back where it was stored", runs.len()),
            )
            .by(Evidence::of("run", &newest.id), newest.ended),
        }
    });
    Finding::of_rows(rows.collect(), "schedules", "every run was read back", nothing())
}

/// INT-02.
pub(super) fn read_again(look: &Look<'_>) -> Finding {
    let rows = look.copies_of_repositories().into_iter().map(|(repository, location)| {
        let row = |verdict, why: String| Row::new(format!("{repository} at {location}"), verdict, why);
        let Some(change) = look.reading(repository, location) else {
            return row(Verdict::NoEvidence, "nothing was ever read there".to_owned())
                .next("`holdfast verify --read-data`");
        };
        let by = |row: Row, at| row.by(Evidence::leaf(change.leaf), at);
        if let Some(first) = change.damage.first() {
            let why = format!("damage was found and not healed: {first} ({} in all)", change.damage.len());
            return by(row(Verdict::Fail, why), change.recorded)
                .next(format!("`holdfast repair {repository}`"));
        }
        let within = hours(READ_WITHIN_DAYS * 24);
        let overdue = look.is_overdue(change.oldest, within);
        let (never, all) = (change.never_read, change.slices);
        match (overdue, never) {
            (true, _) => by(
                row(
                    Verdict::Fail,
                    format!(
                        "parts of it were not read for {READ_WITHIN_DAYS} days, since {}",
                        minute(change.oldest)
                    ),
                ),
                change.oldest,
            )
            .next("`holdfast verify --read-data`; `holdfast serve` reads a share every day"),
            (false, 0) => by(
                row(Verdict::Pass, format!("every byte was read and whole since {}", minute(change.oldest))),
                change.oldest,
            ),
            (false, never) => by(
                row(
                    Verdict::NoEvidence,
                    format!(
                        "{never} of {all} shares were never read again; all are due by {}",
                        minute(super::after(change.oldest, within))
                    ),
                ),
                change.recorded,
            )
            .next("`holdfast serve` reads a share every day; `holdfast verify --read-data` reads all now"),
        }
    });
    Finding::of_rows(rows.collect(), "copies of repositories", "every byte was read again in time", nothing())
}
