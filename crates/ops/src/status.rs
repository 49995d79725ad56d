//! What holds now, or held at an instant: the verdicts as they were written down.
//!
//! A question about the past must not be answered by computing: the policy, the estate and this program have changed since. So
//! a past instant is only ever looked up. A question about now brings the verdicts up to date first, where no daemon does.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::Ordering;

use holdfast_ledger::{Assessed, Reader};
use holdfast_model::verdict::{ControlVerdict, LogWatched, Row, Rpo, Worst};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::setup::Setup;
use crate::verdicts::Followed;
use crate::{following, journal, slots, verdicts};

/// A daemon judges every hour, whether or not something happened.
const JUDGED_WITHIN: SignedDuration = SignedDuration::from_mins(90);

/// What to show.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// One section of the policy alone.
    pub section: Option<u8>,
    /// What concerns one asset alone.
    pub asset: Option<String>,
}

/// How it stands.
#[derive(Debug, Serialize)]
pub struct StatusReport {
    /// The instant that was asked about.
    pub at: Timestamp,
    /// The last instant at or before it as of which verdicts were written down.
    pub assessed_at: Timestamp,
    /// The version of the rules that made them.
    pub rules: u32,
    /// The version of the policy that was applied; none where none was adopted.
    pub policy_version: Option<u64>,
    /// Whose policy it is.
    pub company: String,
    /// How many controls have which verdict.
    pub counts: BTreeMap<String, usize>,
    /// The asset that would lose most.
    pub worst: Option<Value>,
    /// Every control, each with its rows.
    pub controls: Vec<Value>,
    /// What somebody who reads this must know.
    pub notes: Vec<String>,
    /// The same, for showing.
    #[serde(skip)]
    pub shown: Shown,
    /// Red or not.
    #[serde(skip)]
    pub ending: Ending,
}

/// The verdicts, for showing.
#[derive(Debug, Default)]
pub struct Shown {
    /// Every control, by section, the worst first.
    pub controls: Vec<ControlVerdict>,
    /// The asset that would lose most.
    pub worst: Option<Worst>,
}

/// How it stands now. Without a daemon, what changed since the last time is judged and written down first.
///
/// # Errors
/// When nothing was ever written down, or the ledger cannot be read.
pub fn now(setup: &Setup, filter: &Filter) -> Result<StatusReport> {
    let state = &setup.places.state;
    let mut notes = Vec::new();
    if let Some(holder) = bring_up_to_date(setup)? {
        notes.push(holder);
    }
    let clock = setup.world.clock.now();
    let reader = journal::reader(state)?.ok_or_else(nothing_yet)?;
    let assessed = reader.verdicts_at(clock)?.ok_or_else(nothing_yet)?;
    // What was just brought up to date is told as of that instant, so that it can be asked for again.
    let now = if notes.is_empty() { assessed.at } else { clock };
    let behind = now.duration_since(assessed.at);
    if let Some(until) = reader.assessed_until()?.filter(|until| *until > clock) {
        notes.push(format!(
            "verdicts are written down until {until}, and now it is {clock}: the clock was ahead, and until then nothing new is judged"
        ));
    }
    if behind > JUDGED_WITHIN {
        notes.push(format!("nothing was judged since {}: what happened after is not in here", assessed.at));
    }
    notes.extend(unfollowed(setup, &reader, filter)?);
    let mut report = report(&assessed, now, filter, notes)?;
    if behind > JUDGED_WITHIN {
        report.ending = Ending::Attention;
    }
    Ok(report)
}

/// Whose log is not followed, and why: then nothing but the interval of its dumps bounds what can be lost.
fn unfollowed(setup: &Setup, reader: &Reader, filter: &Filter) -> Result<Vec<String>> {
    let watched = following::last_watched(reader)?.into_values().filter(|watched| {
        setup.estate.assets.contains_key(watched.asset.as_str())
            && filter.asset.as_ref().is_none_or(|asset| *asset == watched.asset)
    });
    let note = |watched: LogWatched| {
        let (asset, why) = (watched.asset, watched.why_not?);
        Some(format!(
            "{asset}: the binary log of its database is not followed, so what happens between two dumps can be lost: {why}"
        ))
    };
    Ok(watched.filter_map(note).collect())
}

/// How it stood at an instant, as it was written down.
///
/// # Errors
/// A usage error for an instant to come; not done for one of which nothing was written down yet.
pub fn at(state: &Path, now: Timestamp, at: Timestamp, filter: &Filter) -> Result<StatusReport> {
    if at > now {
        return Err(Error::usage(format!("{at} is to come")));
    }
    let reader = journal::reader(state)?.ok_or_else(nothing_yet)?;
    let until = reader.assessed_until()?.ok_or_else(nothing_yet)?;
    if at > until {
        return Err(Error::not_done(format!("verdicts are written down until {until} only"))
            .hint("`holdfast status` without --at brings them up to date"));
    }
    let assessed = reader.verdicts_at(at)?.ok_or_else(|| {
        Error::not_done(format!("nothing was written down as of {at} or before"))
            .hint("the first verdicts are later")
    })?;
    report(&assessed, at, filter, Vec::new())
}

/// What was written down as of an instant, for a report.
pub(crate) fn told(assessed: &Assessed, at: Timestamp) -> Result<StatusReport> {
    report(assessed, at, &Filter::default(), Vec::new())
}

/// Judges what changed since the last time, unless somebody else has the ledger: then it is that one's to do, and what people
/// must know of that is returned.
pub(crate) fn bring_up_to_date(setup: &Setup) -> Result<Option<String>> {
    let state = &setup.places.state;
    if let Some(reader) = journal::reader_if_current(state)?
        && let Some(daemon) = slots::daemon(&reader, setup.world.clock.now())?
    {
        return Ok(Some(format!("judged by {daemon}")));
    }
    let ledger = match setup.ledger() {
        Ok(ledger) => ledger,
        Err(error) if error.ending == Ending::NotDone && journal::reader_if_current(state)?.is_some() => {
            return Ok(Some(format!("not brought up to date: {}", error.message)));
        }
        Err(error) => return Err(error),
    };
    let observed = verdicts::stocktaking::look(setup)?;
    verdicts::observe(ledger, &observed, setup.world.clock.now())?;
    verdicts::assess(setup, ledger, &mut Followed::default(), &setup.interrupted)?;
    if setup.interrupted.load(Ordering::SeqCst) {
        return Err(Error::new(Ending::Interrupted, "interrupted before everything was judged"));
    }
    Ok(None)
}

fn nothing_yet() -> Error {
    Error::not_done("no verdict was written down yet")
        .hint("`holdfast status` writes them down, and so does `holdfast serve`")
}

/// From what is written down to what is told.
fn report(assessed: &Assessed, at: Timestamp, filter: &Filter, notes: Vec<String>) -> Result<StatusReport> {
    let document = |name: &str| assessed.verdicts.get(&(name.to_owned(), None));
    let headline = document(verdicts::HEADLINE).cloned().unwrap_or_default();
    let mut report = StatusReport {
        at,
        assessed_at: assessed.at,
        rules: assessed.rules,
        policy_version: assessed.policy_version,
        company: headline["company"].as_str().unwrap_or_default().to_owned(),
        counts: BTreeMap::new(),
        worst: Some(headline["worst"].clone()).filter(|worst| !worst.is_null()),
        controls: Vec::new(),
        notes,
        shown: Shown::default(),
        ending: Ending::Done,
    };
    report.shown.worst = report.worst.clone().and_then(|worst| serde_json::from_value(worst).ok());
    if let Some(Value::Object(worst)) = &mut report.worst
        && let Some(shown) = &report.shown.worst
    {
        worst.insert("age_seconds".to_owned(), shown.rpo.age_seconds(at).into());
        worst.insert("worst_seconds".to_owned(), shown.rpo.worst_until(at).into());
        worst.get_mut("rpo").into_iter().for_each(|rpo| measured_at(rpo, at));
    }
    for ((name, target), document) in &assessed.verdicts {
        if target.is_some() || name == verdicts::HEADLINE {
            continue;
        }
        let rows: Vec<&Value> = assessed.rows(name).map(|(_, row)| row).collect();
        report.take(document, &rows, filter)?;
    }
    report
        .shown
        .controls
        .sort_by(|a, b| (a.section, a.verdict, &a.control).cmp(&(b.section, b.verdict, &b.control)));
    let order: Vec<&str> = report.shown.controls.iter().map(|control| control.control.as_str()).collect();
    let place = |control: &Value| order.iter().position(|id| control["control"] == *id);
    report.controls.sort_by_key(place);
    for control in &report.shown.controls {
        *report.counts.entry(control.verdict.as_str().to_owned()).or_default() += 1;
        if control.verdict.is_red() {
            report.ending = Ending::Attention;
        }
    }
    Ok(report)
}

impl StatusReport {
    fn take(&mut self, document: &Value, rows: &[&Value], filter: &Filter) -> Result<()> {
        let unreadable =
            |e: serde_json::Error| Error::not_done(format!("a verdict in the ledger cannot be read: {e}"));
        let mut shown: ControlVerdict = serde_json::from_value(document.clone()).map_err(unreadable)?;
        if filter.section.is_some_and(|section| section != shown.section) {
            return Ok(());
        }
        let is_asked =
            |row: &&Value| filter.asset.as_ref().is_none_or(|asset| row["asset"] == asset.as_str());
        let mut rows: Vec<Value> = rows.iter().copied().filter(is_asked).cloned().collect();
        rows.iter_mut().filter_map(|row| row.get_mut("rpo")).for_each(|rpo| measured_at(rpo, self.at));
        if filter.asset.is_some() && rows.is_empty() {
            return Ok(());
        }
        shown.rows = rows
            .iter()
            .map(|row| serde_json::from_value(row.clone()))
            .collect::<std::result::Result<_, _>>()
            .map_err(unreadable)?;
        if let (Some(_), Some(worst)) =
            (&filter.asset, shown.rows.iter().min_by_key(|row| row.verdict).cloned())
        {
            narrow(&mut shown, worst);
        }
        shown.rows.sort_by(|a, b| (a.verdict, &a.target).cmp(&(b.verdict, &b.target)));
        let Value::Object(mut told) = document.clone() else { return Ok(()) };
        if filter.asset.is_some() {
            told.insert("verdict".to_owned(), shown.verdict.as_str().into());
            told.insert("why".to_owned(), shown.why.clone().into());
        }
        insert_age(&mut told, shown.as_of, self.at);
        told.insert("rows".to_owned(), Value::Array(rows));
        self.controls.push(Value::Object(told));
        self.shown.controls.push(shown);
        Ok(())
    }
}

/// What a control says of one asset alone.
fn narrow(shown: &mut ControlVerdict, worst: Row) {
    let Row { target, verdict, why, next, evidence, as_of, .. } = worst;
    (shown.verdict, shown.why, shown.next) = (verdict, format!("{target}: {why}"), next);
    (shown.evidence, shown.as_of) = (evidence, as_of);
    shown.warnings.clear();
}

/// Adds what moves with every second: it is reckoned as of the instant that was asked about, from what is written down.
fn measured_at(document: &mut Value, at: Timestamp) {
    let Ok(rpo) = serde_json::from_value::<Rpo>(document.clone()) else { return };
    // The first rules wrote all of it down, and the past is told as it was written.
    let Some(told) = document.as_object_mut().filter(|_| rpo.first_within.is_none()) else { return };
    told.insert("age_seconds".to_owned(), rpo.age_seconds(at).into());
    told.insert("worst_seconds".to_owned(), rpo.worst_until(at).into());
    told.insert("window_from".to_owned(), rpo.window_from(at).to_string().into());
    told.insert("within_per_10000".to_owned(), rpo.within_per_10000(at).into());
}

fn insert_age(told: &mut Map<String, Value>, as_of: Option<Timestamp>, at: Timestamp) {
    let age = as_of.map(|as_of| at.duration_since(as_of).as_secs().max(0));
    told.insert("age_seconds".to_owned(), age.into());
}
