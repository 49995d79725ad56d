//! What is so: from verdicts, looks at locations, alarms, the day of review and what could not be delivered.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan};

use super::decide::GATHER;
use super::{Condition, Topic, minute, team_of_control};
use crate::show_duration;
use crate::verdict::{ControlVerdict, Row, Rpo, Verdict};

/// What is known as of an instant.
#[derive(Clone, Debug)]
pub struct Known {
    /// The instant.
    pub now: Timestamp,
    /// As of when the verdicts were made.
    pub assessed: Timestamp,
    /// The verdicts; those on objectives with their rows.
    pub controls: Vec<ControlVerdict>,
    /// Locations that did not answer when they were last asked: since when at the earliest that is known, and why.
    pub away: BTreeMap<String, (Timestamp, String)>,
    /// Alarms, oldest first.
    pub alarms: Vec<AlarmSeen>,
    /// The last day on which the policy can be reviewed in time.
    pub review_due: Option<Date>,
    /// Ways by which nothing could be delivered for too long.
    pub stuck: Vec<Stuck>,
    /// Where days begin.
    pub zone: TimeZone,
}

/// An alarm that was raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmSeen {
    /// Its kind, as the ledger has it.
    pub kind: String,
    /// Whom it is about.
    pub subject: String,
    /// What it says.
    pub message: String,
    /// When it was recorded.
    pub recorded: Timestamp,
}

/// A way by which nothing can be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// The channel, or what else is to reach somebody.
    pub channel: String,
    /// Since when something waits.
    pub since: Timestamp,
    /// What went wrong last.
    pub why: String,
}

/// A breach waits for others for this share of its objective at most: of an hour's, ten minutes are much.
const WAITS_PERCENT: i32 = 5;
/// Parts of a red control that turn red as well are gathered for so long.
const PARTS_WAIT: SignedDuration = SignedDuration::from_hours(1);
/// So many days ahead of a review people are reminded; the last is the day after which it is overdue.
const REVIEW_DAYS: [i64; 3] = [0, 7, 30];
/// Controls of which every change is told otherwise.
const TOLD_OTHERWISE: [&str; 3] = ["DR-03", "DR-04", "NOTIF-01"];

/// Everything that people may have to be told.
pub fn conditions(known: &Known) -> Vec<Condition> {
    let mut found = Vec::new();
    for control in &known.controls {
        if control.is_of_objectives() {
            for row in &control.rows {
                objectives(known, row, &mut found);
            }
        }
        if control.verdict.is_red() && !TOLD_OTHERWISE.contains(&control.control.as_str()) {
            found.push(red(known, control));
            found.extend(
                control.rows.iter().filter(|row| row.verdict.is_red()).map(|row| part(known, control, row)),
            );
        }
    }
    found.extend(known.away.iter().map(|(location, (since, why))| {
        let next = format!("`holdfast location test {location}`; what it is owed is brought when it is back");
        condition(Topic::Away, location, *since, why).older().next(next)
    }));
    alarms(known, &mut found);
    found.extend(review(known));
    found.extend(known.stuck.iter().map(|stuck| {
        let next = format!(
            "`holdfast alerts test {}` tries it now; `holdfast alerts` shows what waits",
            stuck.channel
        );
        condition(Topic::Delivery, &stuck.channel, stuck.since, &stuck.why).older().next(next)
    }));
    found
}

fn condition(topic: Topic, target: &str, since: Timestamp, why: &str) -> Condition {
    Condition {
        topic,
        target: target.to_owned(),
        about: String::new(),
        since,
        is_older: false,
        until: None,
        why: why.to_owned(),
        next: None,
        weight: 0,
        waits: None,
    }
}

impl Condition {
    fn older(mut self) -> Condition {
        self.is_older = true;
        self
    }

    fn next(mut self, what: impl Into<String>) -> Condition {
        self.next = Some(what.into());
        self
    }
}

/// Times in which an objective was broken, and one that soon will be.
fn objectives(known: &Known, row: &Row, found: &mut Vec<Condition>) {
    let Some(rpo) = &row.rpo else { return };
    let objective = SignedDuration::from_secs(i64::try_from(rpo.objective_seconds).unwrap_or(i64::MAX));
    let waits = Some((objective / 100 * WAITS_PERCENT).min(GATHER));
    for breach in &rpo.breaches {
        let mut one = condition(Topic::Breach, &row.target, breach.from, &row.why);
        // What began before the window is cut off at its edge.
        one.is_older = rpo.is_older(breach, known.now);
        one.until = breach.until;
        one.next.clone_from(&row.next);
        // Of assets with different objectives the one that lost the largest share of its own is the worst.
        one.weight = used_permille(rpo, breach.until.unwrap_or(known.now));
        one.waits = waits;
        found.push(one);
    }
    let is_broken = rpo.breaches.iter().any(|breach| breach.until.is_none()) || rpo.breaks_at <= known.now;
    let used = used_permille(rpo, known.now);
    if !is_broken && rpo.recovery_point.is_some() && used >= rpo.warn_permille() {
        let objective = show_duration(Duration::from_secs(rpo.objective_seconds));
        let why = format!(
            "{} % of {objective} are used up; it breaks at {} unless a point comes before",
            used / 10,
            minute(rpo.breaks_at, &known.zone)
        );
        let asset = row.asset.as_deref().unwrap_or(&row.target);
        let mut one = condition(Topic::BeforeBreach, &row.target, rpo.counts_from, &why).next(format!(
            "`holdfast runs {asset}` shows what runs and what failed; `holdfast backup {asset}` tries now"
        ));
        one.weight = used;
        one.waits = waits;
        found.push(one);
    }
}

fn used_permille(rpo: &Rpo, at: Timestamp) -> u64 {
    rpo.age_seconds(at).saturating_mul(1000) / rpo.objective_seconds.max(1)
}

fn red(known: &Known, control: &ControlVerdict) -> Condition {
    let topic = Topic::Controls(team_of_control(&control.control));
    let why = format!("{} ({}): {}", control.title, control.verdict.as_str(), control.why);
    let mut one = condition(topic, &control.control, known.assessed, &why).older();
    one.next.clone_from(&control.next);
    one.weight = PARTS_WEIGH + weight(control.verdict);
    one
}

/// A part of a red control that is red: another one than yesterday's is news.
fn part(known: &Known, control: &ControlVerdict, row: &Row) -> Condition {
    let topic = Topic::Controls(team_of_control(&control.control));
    let target = format!("{}{PART}{}", control.control, row.target);
    let why = format!("{} ({}): {}", control.title, row.verdict.as_str(), row.why);
    let mut one = condition(topic, &target, known.assessed, &why).older();
    one.next.clone_from(&row.next);
    one.weight = weight(row.verdict);
    one.waits = Some(PARTS_WAIT);
    one
}

/// Between a control and its part.
const PART: &str = ": ";
/// All parts of a control weigh less than a control.
const PARTS_WEIGH: u64 = 10;

/// How long it may wait to be said that something is over.
pub(super) fn end_waits(topic: &Topic, target: &str) -> Option<SignedDuration> {
    (matches!(topic, Topic::Controls(_)) && target.contains(PART)).then_some(PARTS_WAIT)
}

/// Whether it is about a part of a control, which a list of controls leaves out.
pub(super) fn is_of_a_part(condition: &Condition) -> bool {
    matches!(condition.topic, Topic::Controls(_)) && condition.weight < PARTS_WEIGH
}

fn weight(verdict: Verdict) -> u64 {
    match verdict {
        Verdict::Fail => 3,
        Verdict::Stale => 2,
        _ => 1,
    }
}

/// Parts of assets that have an objective, so that somebody looks whether it is kept.
pub fn watched(known: &Known) -> BTreeSet<String> {
    let of_objectives = known.controls.iter().filter(|one| one.is_of_objectives());
    let rows = of_objectives.flat_map(|control| &control.rows).filter(|row| row.rpo.is_some());
    rows.map(|row| row.target.clone()).collect()
}

/// The last alarm of each kind about each subject in the same words, numbers apart: what was said before it is not said again,
/// and other damage in the same repository is.
fn alarms(known: &Known, found: &mut Vec<Condition>) {
    let mut last: BTreeMap<(&str, &str, String), (&AlarmSeen, u64)> = BTreeMap::new();
    for alarm in known.alarms.iter().filter(|alarm| alarm.recorded <= known.now) {
        let words = alarm.message.chars().filter(|c| !c.is_ascii_digit()).collect();
        let entry = last.entry((&alarm.kind, &alarm.subject, words)).or_insert((alarm, 0));
        *entry = (alarm, entry.1 + 1);
    }
    for ((kind, subject, words), (alarm, count)) in last {
        let times = if count > 1 { format!(" (raised {count} times within a week)") } else { String::new() };
        let why = format!("{}{times}", alarm.message);
        let mut one = condition(Topic::Alarm(kind.to_owned()), subject, alarm.recorded, &why);
        one.about = words;
        one.weight = count;
        found.push(one);
    }
}

/// The stage that was reached last; those before it were said, or are no use any more.
fn review(known: &Known) -> Option<Condition> {
    let due = known.review_due?;
    let start = |days: i64| {
        // The day itself is still in time, so it is overdue from the next on.
        let day = if days == 0 { due.tomorrow().ok()? } else { due.checked_sub(days.days()).ok()? };
        Some(day.to_zoned(known.zone.clone()).ok()?.timestamp())
    };
    let reached =
        REVIEW_DAYS.iter().find_map(|days| Some((*days, start(*days).filter(|at| *at <= known.now)?)));
    let (days, since) = reached?;
    let why = match days {
        0 => format!("the review of the policy was due on {due} and is overdue"),
        _ => format!("the review of the policy is due on {due}, in {} days", days_until(due, known)),
    };
    let next =
        "review the policy, and record it: `holdfast policy review --by NAME`; no change is a valid outcome";
    Some(condition(Topic::Review, &due.to_string(), since, &why).next(next))
}

fn days_until(due: Date, known: &Known) -> i64 {
    let today = known.now.to_zoned(known.zone.clone()).date();
    due.duration_since(today).as_hours() / 24
}

/// How far back alarms are looked at.
const ALARMS_BACK: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Known {
    /// From when on alarms are of interest.
    pub fn alarms_from(now: Timestamp) -> Timestamp {
        now.saturating_sub(ALARMS_BACK).unwrap_or(Timestamp::MIN)
    }
}
