//! Follows the binary log of a WHMCS database between its dumps, so that no more than a minute of business can be lost.
//!
//! The log has a repository of its own. A dump may be on its way to a slow location for a quarter of an hour, and a purge may
//! hold everything up for minutes; a log that waited for either would promise a minute and lose twenty. What is taken is decided
//! by `model::following`; a minute in which nothing happened costs a question to the server and one line in the ledger, and
//! only the server's own word that its log stands where the last point ends is such a line.

mod covering;
mod known;
mod take;

use std::collections::{BTreeMap, BTreeSet};

use holdfast_asset::database::Manifest;
use holdfast_asset::database::log::{Base, Follow, LogError, LogErrorKind, can_follow};
use holdfast_ledger::{AlarmKind, LogLook, NewAlarm};
use holdfast_model::estate::{Asset, LogSettings, Settings, WhmcsSettings, log_repository};
use holdfast_model::following::{Task, tasks};
use holdfast_model::verdict::{LogWatched, Observed};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use self::covering::seconds;
pub(crate) use self::covering::{Covered, Covering, covering};
use self::known::Known;
pub(crate) use self::known::closing;
use self::take::Taken;
use crate::backup::BackupReport;
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::restore::point_files;
use crate::setup::Setup;
use crate::verdicts::stocktaking;
use crate::{journal, record, source, verdicts};

/// What is remembered of an asset's log from one time to the next. All of it can be found again.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Where dumps say that the log goes on from them, or why none can.
    bases: BTreeMap<String, std::result::Result<Base, String>>,
    /// What was last written down about whether it is followed.
    watched: Option<LogWatched>,
}

/// What following a log once did.
#[derive(Debug, Serialize)]
pub struct FollowReport {
    /// The asset.
    pub asset: String,
    /// The points that were made.
    pub points: Vec<BackupReport>,
    /// The instant until which nothing had happened since the last point, where that was so.
    pub unchanged_until: Option<Timestamp>,
    /// Why the log is not followed.
    pub why_not: Option<String>,
    /// Why it cannot be followed any further from the newest dump: another one is wanted at once.
    pub gap: Option<String>,
    /// What went wrong on the way.
    pub troubles: Vec<String>,
    /// How it ended.
    pub ending: Ending,
}

/// Dumps whose log cannot be had any more, each with the reason; kept so that nobody is told twice.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Lost(BTreeMap<String, String>);

const KIND: &str = "logs";

/// How an asset's log is to be followed; none for one that has none.
pub(crate) fn settings(asset: &Asset) -> Option<&LogSettings> {
    whmcs(asset).map(|whmcs| &whmcs.log)
}

fn whmcs(asset: &Asset) -> Option<&WhmcsSettings> {
    match &asset.settings {
        Settings::Whmcs(whmcs) => Some(whmcs),
        Settings::Website(_) | Settings::NotBuilt(_) => None,
    }
}

/// Follows the log of an asset once.
///
/// # Errors
/// When the asset has none, or the server or the ledger cannot be asked.
pub fn follow_once(setup: &Setup, asset_name: &str) -> Result<FollowReport> {
    follow(setup, asset_name, &mut Memory::default())
}

/// The same, by somebody who does it again and again.
pub(crate) fn follow(setup: &Setup, asset_name: &str, memory: &mut Memory) -> Result<FollowReport> {
    let asset = setup.asset(asset_name)?;
    let (Some(whmcs), Some(repository)) = (whmcs(asset), log_repository(asset)) else {
        return Err(Error::usage(format!("{asset_name} has no log that could be followed")));
    };
    let mut report = FollowReport {
        asset: asset_name.to_owned(),
        points: Vec::new(),
        unchanged_until: None,
        why_not: None,
        gap: None,
        troubles: Vec::new(),
        ending: Ending::Done,
    };
    if whmcs.log.every.is_none() {
        report.refuse("estate.toml says binary_log = \"off\"".to_owned(), &whmcs.log);
        return note(setup, report, memory);
    }
    let _turn = setup.turn(repository.as_str())?;
    let access = source::access(setup, asset, &whmcs.database.name)?;
    // Read before the server is asked: what it says then was so at this instant.
    let asked_at = setup.world.clock.now();
    let server = can_follow(&access, whmcs.log.whole_server).map_err(|error| not_done(&error))?;
    if !server.is_possible() {
        report.refuse(server.words(), &whmcs.log);
        return note(setup, report, memory);
    }
    let known = Known::load(setup, asset_name)?;
    let mut lost: Lost = record::one(&setup.places.state, KIND, asset_name)?.unwrap_or_default();
    lost.0.retain(|base, _| known.dumps.iter().any(|dump| dump.id == *base));
    let given_up: BTreeSet<String> = lost.0.keys().cloned().collect();
    let wanted = tasks(&known.dumps, &known.logs, &given_up);
    if !wanted.iter().any(|task| matches!(task, Task::Follow { .. })) {
        report.why_not = Some(why_none(&known, &lost));
    }
    for task in wanted {
        let base = match memory.bases.get(task.base()) {
            Some(base) => base.clone(),
            None => {
                let base = base_of(setup, asset_name, &whmcs.database.name, task.base())?;
                memory.bases.insert(task.base().to_owned(), base.clone());
                base
            }
        };
        let base = match base {
            Ok(base) => base,
            Err(why) => {
                report.why_not = Some(why.clone());
                lost.0.insert(task.base().to_owned(), why);
                continue;
            }
        };
        let is_follow = matches!(task, Task::Follow { .. });
        if is_follow && let Some(point) = known.stands_at(task.base(), &base, &server) {
            report.unchanged_until = look(setup, &point, asked_at)?;
            continue;
        }
        let wish = take::Wish { asset, access: &access, whmcs, repository: repository.as_str() };
        match wish.take(setup, (task.base(), base), !is_follow)? {
            Taken::Point(point) => {
                report.ending = report.ending.and(point.ending);
                report.points.push(*point);
            }
            Taken::Gap(error) => {
                lost.0.insert(task.base().to_owned(), error.to_string());
                let message = format!(
                    "the log of {asset_name} since the dump {} has a gap: {error}",
                    short(task.base())
                );
                alarm(setup, asset_name, &message)?;
                report.ending = report.ending.and(Ending::Attention);
                match is_follow {
                    true => report.gap = Some(error.to_string()),
                    false => report.troubles.push(message),
                }
            }
        }
    }
    record::keep(&setup.places.state, KIND, asset_name, &lost)?;
    note(setup, report, memory)
}

/// Writes down that the server's log had gone no further at an instant; returns that, where it says anything new.
fn look(setup: &Setup, point: &str, asked_at: Timestamp) -> Result<Option<Timestamp>> {
    // The second that goes on is not over: something may still happen in it.
    let until = Timestamp::from_second(asked_at.as_second() - 1).unwrap_or(Timestamp::MIN);
    let ledger = setup.ledger()?;
    let is_new = ledger.read().point(point)?.is_some_and(|known| known.instant < until);
    if !is_new {
        return Ok(None);
    }
    let now = setup.world.clock.now();
    let look = LogLook { point: point.to_owned(), until };
    ledger.write(|transaction| transaction.look_at_log(look, now))?;
    Ok(Some(until))
}

/// Reads out of a dump where the log stood.
fn base_of(
    setup: &Setup,
    asset: &str,
    database: &str,
    dump: &str,
) -> Result<std::result::Result<Base, String>> {
    let manifest: Manifest = serde_json::from_slice(&point_files::manifest(setup, asset, database, dump)?)
        .map_err(|error| Error::not_done(format!("read what the dump {dump} says of itself: {error}")))?;
    let why = || Base::why_not(&manifest).unwrap_or_else(|| "no log goes on from the dump".to_owned());
    Ok(Base::of(&manifest).ok_or_else(why))
}

/// Why there is no dump to go on from.
fn why_none(known: &Known, lost: &Lost) -> String {
    match known.dumps.iter().rev().find_map(|dump| lost.0.get(&dump.id)) {
        Some(why) => format!("the log since the last dump cannot be had: {why}"),
        None => "there is no dump yet that it could go on from".to_owned(),
    }
}

/// Writes down whether the log is followed, where that changed.
fn note(setup: &Setup, report: FollowReport, memory: &mut Memory) -> Result<FollowReport> {
    let watched = LogWatched { asset: report.asset.clone(), why_not: report.why_not.clone() };
    if memory.watched.is_none()
        && let Some(reader) = journal::reader_if_current(&setup.places.state)?
    {
        memory.watched = last_watched(&reader)?.remove(&report.asset);
    }
    if memory.watched.as_ref() != Some(&watched) {
        verdicts::observe(
            setup.ledger()?,
            &[Observed::LogWatched(watched.clone())],
            setup.world.clock.now(),
        )?;
        memory.watched = Some(watched);
    }
    Ok(report)
}

/// What was last written down about each asset's log.
pub(crate) fn last_watched(reader: &holdfast_ledger::Reader) -> Result<BTreeMap<String, LogWatched>> {
    let mut last = BTreeMap::new();
    for one in reader.observations_of("log-watched")? {
        if let Some(Observed::LogWatched(watched)) = stocktaking::read(&one) {
            last.insert(watched.asset.clone(), watched);
        }
    }
    Ok(last)
}

/// Whether an asset's log is followed, as was last written down.
pub(crate) fn is_followed(setup: &Setup, asset: &str) -> Result<bool> {
    let Some(reader) = journal::reader_if_current(&setup.places.state)? else { return Ok(false) };
    Ok(last_watched(&reader)?.get(asset).is_some_and(|watched| watched.why_not.is_none()))
}

/// Tells people; the same not twice within a day.
fn alarm(setup: &Setup, asset: &str, message: &str) -> Result<()> {
    let alarm = NewAlarm { kind: AlarmKind::LogGap, subject: asset.to_owned(), message: message.to_owned() };
    let (ledger, now) = (setup.ledger()?, setup.world.clock.now());
    let since = now.saturating_sub(SignedDuration::from_hours(24)).unwrap_or(Timestamp::MIN);
    let until = now.saturating_add(SignedDuration::from_secs(1)).unwrap_or(Timestamp::MAX);
    if ledger.read().alarms_between(since, until)?.iter().any(|told| told.alarm == alarm) {
        return Ok(());
    }
    setup.say(&format!("ALARM: {message}"));
    Ok(ledger.write(|transaction| transaction.raise(alarm, now))?)
}

/// A failure that passes, or that somebody can put right.
fn not_done(error: &LogError) -> Error {
    let error_of = Error::not_done(error.to_string());
    match error.kind {
        LogErrorKind::Rights => {
            error_of.hint("grant the account what it lacks, or write binary_log = \"off\"")
        }
        LogErrorKind::Gap(_) | LogErrorKind::Connection | LogErrorKind::Settings => error_of,
    }
}

impl FollowReport {
    /// It is not followed, which is a fault only where somebody asked for it.
    fn refuse(&mut self, why: String, settings: &LogSettings) {
        self.why_not = Some(why);
        if settings.is_asked_for {
            self.ending = Ending::Attention;
        }
    }
}

impl Known {
    /// The point at which the server's log still stands, where it does.
    fn stands_at(&self, dump: &str, base: &Base, server: &Follow) -> Option<String> {
        let position = server.position.as_ref()?;
        let asked = server.server.as_ref().map(take::server_name);
        match self.ends.get(dump) {
            Some(end) => {
                let is_same = end.file == position.file
                    && end.position == position.position
                    && end.server.is_some()
                    && end.server == asked;
                is_same.then(|| end.point.clone())
            }
            None => {
                // Tables without transactions may be of an earlier moment, and need what happened since.
                let start = base.start();
                let is_same = (&base.file, base.position) == (&start.file, start.position)
                    && (&base.file, base.position) == (&position.file, position.position)
                    && base.server.is_some()
                    && base.server.as_ref().map(take::server_name) == asked
                    && base.gtid == server.gtid;
                is_same.then(|| dump.to_owned())
            }
        }
    }
}

fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}
