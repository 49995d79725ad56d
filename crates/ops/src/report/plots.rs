//! What the plots show: which rows, which days, which marks. Of many assets the worst are shown, and it is said of how many.

use std::collections::BTreeMap;

use holdfast_ledger::Slot;
use jiff::Timestamp;
use jiff::civil::Date;

use super::days;
use super::document::{Objective, ObjectiveDay, PlaceTold};
use super::slots::Came;
use super::svg::{self, Grid, Mark, Strip};

/// So many rows are shown; the tables have all.
pub(super) const ROWS_MAX: usize = 40;

/// A plot, as the page has it.
pub(super) struct Plot {
    pub(super) title: String,
    /// What it shows, and how to read it.
    pub(super) lead: String,
    pub(super) svg: String,
    pub(super) legend: Vec<(Mark, &'static str)>,
    /// The tables with everything.
    pub(super) file: &'static str,
}

const FRESH: Mark = Mark { class: "c-wait", sign: "n" };
const NOTHING: Mark = Mark { class: "c-none", sign: "" };
const HALF: Mark = Mark { class: "c-ok", sign: "" };
const NEAR: Mark = Mark { class: "c-near", sign: "·" };
const BROKEN: Mark = Mark { class: "c-bad", sign: "×" };
const WITHOUT: Mark = Mark { class: "c-void", sign: "" };

const WAITING: Mark = Mark { class: "c-wait", sign: "" };
const OK: Mark = Mark { class: "c-ok", sign: "" };
const WAIVED: Mark = Mark { class: "c-excused", sign: "w" };
const LATE: Mark = Mark { class: "c-near", sign: "l" };
const DEGRADED: Mark = Mark { class: "c-near", sign: "d" };
const MISSED: Mark = Mark { class: "c-bad", sign: "m" };
const OVERDUE: Mark = Mark { class: "c-bad", sign: "?" };
const WITHDRAWN: Mark = Mark { class: "c-none", sign: "r" };
/// From this rank on a slot was not kept.
const RANK_BAD: u8 = 4;

/// How much would have been lost, by asset and day.
pub(super) fn objectives(objectives: &[Objective], period: &[Date]) -> Option<Plot> {
    let mut rows: Vec<(u64, &Objective)> = objectives.iter().map(|one| (badness(one), one)).collect();
    rows.sort_by(|a, b| (std::cmp::Reverse(a.0), &a.1.target).cmp(&(std::cmp::Reverse(b.0), &b.1.target)));
    let all = rows.len();
    rows.truncate(ROWS_MAX);
    let per_column = days::per_column(period.len());
    let marks = |one: &Objective| one.days.chunks(per_column).map(worst_mark).collect();
    let rows: Vec<(String, Vec<Mark>)> =
        rows.into_iter().map(|(_, one)| (one.target.clone(), marks(one))).collect();
    let lead = format!(
        "The highest age of the newest state that could have been restored, against what may be lost.{}",
        shown(rows.len(), all, per_column)
    );
    Some(Plot {
        title: "Recovery points, by asset and day".to_owned(),
        lead,
        svg: draw("Recovery points, by asset and day", period, per_column, rows)?,
        legend: vec![
            (HALF, "within the objective"),
            (NEAR, "more than 80 % of it used"),
            (BROKEN, "objective broken"),
            (WITHOUT, "broken, and no state at all counted as safe"),
            (FRESH, "no state yet, and the objective not broken"),
            (NOTHING, "not measured"),
        ],
        file: "csv/objectives.csv",
    })
}

fn badness(one: &Objective) -> u64 {
    let permille = |day: &ObjectiveDay| {
        day.worst_seconds.map_or(0, |worst| (worst * 1000 / day.objective_seconds.max(1)).min(100_000))
    };
    let broken = one.days.iter().filter(|day| day.broken).count() as u64;
    broken * 1_000_000 + one.days.iter().map(permille).max().unwrap_or(0)
}

fn worst_mark(days: &[ObjectiveDay]) -> Mark {
    let mark = |day: &ObjectiveDay| match day.worst_seconds {
        None => (0, NOTHING),
        Some(_) if day.broken_without_any => (5, WITHOUT),
        Some(_) if day.broken => (4, BROKEN),
        Some(_) if day.without_any => (3, FRESH),
        Some(worst) if worst * 10 > day.objective_seconds * 8 => (2, NEAR),
        Some(_) => (1, HALF),
    };
    days.iter().map(mark).max_by_key(|(rank, _)| *rank).map_or(NOTHING, |(_, mark)| mark)
}

/// What came of what the policy expected, by part of an asset and day.
pub(super) fn calendar(slots: &[Slot], period: &[Date], to: Timestamp) -> Option<Plot> {
    let mut by_part: BTreeMap<String, BTreeMap<Date, (u8, Mark)>> = BTreeMap::new();
    let mut bad: BTreeMap<String, u64> = BTreeMap::new();
    for slot in slots {
        let part = format!("{}/{}", slot.asset, slot.dataset);
        let ranked = rank(Came::of(slot, to));
        *bad.entry(part.clone()).or_default() += u64::from(ranked.0 >= RANK_BAD);
        let day = by_part.entry(part).or_default().entry(days::day(slot.due)).or_insert(ranked);
        if ranked.0 > day.0 {
            *day = ranked;
        }
    }
    let mut parts: Vec<&String> = by_part.keys().collect();
    parts.sort_by_key(|part| (std::cmp::Reverse(bad.get(*part).copied().unwrap_or(0)), *part));
    let all = parts.len();
    parts.truncate(ROWS_MAX);
    let per_column = days::per_column(period.len());
    let mark = |days: &BTreeMap<Date, (u8, Mark)>, column: &[Date]| {
        let marks = column.iter().filter_map(|day| days.get(day));
        marks.max_by_key(|(rank, _)| *rank).map_or(NOTHING, |(_, mark)| *mark)
    };
    let row = |part: &String| {
        (part.clone(), period.chunks(per_column).map(|column| mark(&by_part[part], column)).collect())
    };
    let rows: Vec<(String, Vec<Mark>)> = parts.into_iter().map(row).collect();
    let lead = format!(
        "What came of the slots that fell due each day, the worst of the day; slots that nobody recorded are not in it.{}",
        shown(rows.len(), all, per_column)
    );
    Some(Plot {
        title: "Slot calendar".to_owned(),
        lead,
        svg: draw("Slot calendar, by part of an asset and day", period, per_column, rows)?,
        legend: vec![
            (OK, "ok"),
            (LATE, "late"),
            (DEGRADED, "degraded: the point lacks something"),
            (MISSED, "missed"),
            (OVERDUE, "due, and nothing decided"),
            (WAIVED, "waived beforehand, by name"),
            (WITHDRAWN, "withdrawn: the asset left the estate"),
            (WAITING, "not due yet"),
            (NOTHING, "nothing was recorded as due"),
        ],
        file: "csv/slots.csv",
    })
}

fn rank(came: Came) -> (u8, Mark) {
    match came {
        Came::Waiting => (0, WAITING),
        Came::Withdrawn => (1, WITHDRAWN),
        Came::Ok => (2, OK),
        Came::Waived => (3, WAIVED),
        Came::Late => (RANK_BAD, LATE),
        Came::Degraded => (5, DEGRADED),
        Came::Overdue => (6, OVERDUE),
        Came::Missed => (7, MISSED),
    }
}

/// What each place was sent and rid of.
pub(super) fn storage(places: &[PlaceTold], period: &[Date], show: &dyn Fn(u64) -> String) -> Option<Plot> {
    if places.is_empty() {
        return None;
    }
    let per_column = days::per_column(period.len());
    let strip = |place: &PlaceTold| Strip {
        name: place.place.clone(),
        bars: place
            .days
            .chunks(per_column)
            .map(|days| {
                days.iter().fold((0, 0, false), |sum, day| {
                    (sum.0 + day.sent_bytes, sum.1 + day.removed_bytes, sum.2 | (day.runs_unknown > 0))
                })
            })
            .collect(),
    };
    let strips: Vec<Strip> = places.iter().map(strip).collect();
    let columns: Vec<Date> = period.chunks(per_column).filter_map(|days| days.first().copied()).collect();
    let title = "Storage: what each place was sent and rid of";
    Some(Plot {
        title: title.to_owned(),
        lead: format!(
            "Bytes that runs sent, above the line, and that purges removed, below it; one scale for all places. \
             Repairs and rewriting are in neither.{}",
            shown(0, 0, per_column)
        ),
        svg: svg::strips(title, &columns, &strips, show),
        legend: vec![
            (Mark { class: "sent", sign: "" }, "sent by runs"),
            (Mark { class: "removed", sign: "" }, "removed by purges"),
            (Mark { class: "c-none", sign: "?" }, "a run's report was erased or never made"),
        ],
        file: "csv/storage.csv",
    })
}

fn draw(title: &str, period: &[Date], per_column: usize, rows: Vec<(String, Vec<Mark>)>) -> Option<String> {
    if rows.is_empty() {
        return None;
    }
    let columns = period.chunks(per_column).filter_map(|days| days.first().copied()).collect();
    Some(svg::grid(&Grid { title: title.to_owned(), columns, rows }))
}

/// What is left out, in words.
fn shown(rows: usize, all: usize, per_column: usize) -> String {
    let mut said = String::new();
    if rows < all {
        said += &format!(" The worst {rows} of {all} are shown.");
    }
    if per_column > 1 {
        said += &format!(" Each column is {per_column} days.");
    }
    said
}
