//! The binary logs of WHMCS databases are followed, each every minute or as often as estate.toml says.
//!
//! One server that hangs must not hold the others up, so each has a thread of its own. One that fails is tried again, less
//! and less often, and people are told when that begins. And a log that cannot be followed any further from the last
//! dump is worth nothing until the next: so that one is made at once, by whoever found out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use holdfast_model::estate::log_repository;
use holdfast_model::verdict::{LogWatched, Observed};
use holdfast_model::{AssetName, Dataset, following as model};
use holdfast_repo::Progress;
use jiff::{SignedDuration, Timestamp};

use super::{Daemon, Message, after, is_time, worker};
use crate::backup::{self, How};
use crate::error::Result;
use crate::following::{self, FollowReport, Memory};
use crate::setup::Setup;
use crate::verdicts;

/// Dumps that were made because of a gap are so far apart: a server whose log has one each minute is dumped by the schedule.
const DUMPS_APART: SignedDuration = SignedDuration::from_mins(15);

/// After so many failures it is no hiccup, and status says so.
const FAILURES_TOLD: u32 = 3;

/// How following one log once ended, with what is to be remembered.
pub(super) struct Outcome {
    asset: AssetName,
    memory: Memory,
    report: std::result::Result<FollowReport, String>,
    /// What became of the dump that a gap made necessary.
    dumped: Option<std::result::Result<String, String>>,
}

/// One log.
#[derive(Default)]
struct Log {
    next: Option<Timestamp>,
    is_under_way: bool,
    failures: u32,
    memory: Memory,
    /// What was last told about it.
    told: Option<String>,
    /// When a dump was last made because of a gap.
    dumped: Option<Timestamp>,
    /// Whether its repository was there when it was last followed.
    is_known: bool,
}

/// The following of this instance.
#[derive(Default)]
pub(super) struct Following {
    logs: BTreeMap<AssetName, Log>,
    pub(super) stop: Arc<AtomicBool>,
}

impl Following {
    /// How many are being followed at this moment.
    pub(super) fn under_way(&self) -> usize {
        self.logs.values().filter(|log| log.is_under_way).count()
    }

    fn due(&self, setup: &Setup, now: Timestamp) -> Vec<(AssetName, Duration)> {
        if self.stop.load(Ordering::SeqCst) {
            return Vec::new();
        }
        let is_due = |name: &AssetName, every: Duration| {
            let apart =
                SignedDuration::try_from(model::pause(u32::MAX, every)).unwrap_or(SignedDuration::MAX);
            self.logs
                .get(name)
                .is_none_or(|log| !log.is_under_way && log.next.is_none_or(|next| is_time(next, apart, now)))
        };
        let assets = setup.estate.assets.iter();
        let followed = assets.filter_map(|(name, asset)| {
            let every = following::settings(asset)?.every.unwrap_or(Duration::from_secs(3600));
            is_due(name, every).then(|| (name.clone(), every))
        });
        followed.collect()
    }

    /// Whether it is time for any.
    pub(super) fn is_due(&self, setup: &Setup, now: Timestamp) -> bool {
        !self.due(setup, now).is_empty()
    }

    /// The repositories that are written into at this moment.
    pub(super) fn repositories(&self, setup: &Setup) -> Vec<String> {
        let busy = self.logs.iter().filter(|(_, log)| log.is_under_way);
        let busy = busy.filter_map(|(name, _)| log_repository(setup.estate.assets.get(name)?));
        busy.map(|repository| repository.to_string()).collect()
    }

    /// The configuration changed: why a log was not followed may be over.
    pub(super) fn look_again(&mut self) {
        self.logs.values_mut().for_each(|log| log.next = None);
    }
}

impl Daemon<'_> {
    pub(super) fn follow_when_due(&mut self, now: Timestamp) -> Result<()> {
        if self.shredding.is_busy() {
            return Ok(());
        }
        for (name, every) in self.following.due(&self.configuration.setup, now) {
            let setup = self.setup_beside(&self.following.stop);
            let repository = self.configuration.setup.estate.assets.get(&name).and_then(log_repository);
            repository.iter().for_each(|repository| self.catching_up.give_way(Some(repository.as_str())));
            let log = self.following.logs.entry(name.clone()).or_default();
            log.is_under_way = true;
            log.next = Some(after(now, SignedDuration::try_from(every).unwrap_or(SignedDuration::MAX)));
            let may_dump = log.dumped.is_none_or(|dumped| now.duration_since(dumped).abs() >= DUMPS_APART);
            begin(setup, name, std::mem::take(&mut log.memory), may_dump, &self.sender);
        }
        Ok(())
    }

    pub(super) fn hear_of_following(&mut self, outcome: Outcome) -> Result<()> {
        let Outcome { asset, memory, report, dumped } = outcome;
        let now = self.now().wall;
        let every = self.configuration.setup.estate.assets.get(&asset).and_then(following::settings);
        let every = every.and_then(|settings| settings.every).unwrap_or(Duration::from_secs(3600));
        let is_stopped = self.following.stop.load(Ordering::SeqCst);
        let Some(log) = self.following.logs.get_mut(&asset) else { return Ok(()) };
        (log.is_under_way, log.memory) = (false, memory);
        if is_stopped {
            return Ok(());
        }
        let mut lines = Vec::new();
        let state = match &report {
            Ok(report) => {
                log.failures = 0;
                if !report.points.is_empty() && !std::mem::replace(&mut log.is_known, true) {
                    // Its repository may be new, and nobody knows of its key yet.
                    self.stocktaking.look_again();
                }
                lines.extend(report.troubles.iter().cloned());
                match (&report.why_not, &report.gap) {
                    (Some(why), _) => format!("{asset}: its binary log is not followed: {why}"),
                    (None, Some(gap)) => format!("{asset}: its binary log has a gap: {gap}"),
                    (None, None) => format!("{asset}: its binary log is followed"),
                }
            }
            Err(why) => {
                log.failures += 1;
                let pause = model::pause(log.failures, every);
                log.next = Some(after(now, SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX)));
                if log.failures == FAILURES_TOLD {
                    let why_not =
                        Some(format!("it could not be asked {FAILURES_TOLD} times in a row: {why}"));
                    // Whoever follows it again finds this, and takes it back.
                    log.memory = Memory::default();
                    let watched = LogWatched { asset: asset.to_string(), why_not };
                    verdicts::observe(&self.ledger, &[Observed::LogWatched(watched)], now)?;
                }
                format!("{asset}: its binary log could not be followed: {why}")
            }
        };
        if log.told.as_ref() != Some(&state) {
            lines.push(state.clone());
            log.told = Some(state);
        }
        if let Some(dumped) = dumped {
            log.dumped = Some(now);
            // The log goes on from it at once.
            log.next = dumped.is_ok().then_some(now).or(log.next);
            lines.push(match dumped {
                Ok(point) => format!("{asset}: a dump was made at once: {point}"),
                Err(why) => format!("{asset}: a dump was wanted at once, and not made: {why}"),
            });
        }
        let owes = |point: &backup::BackupReport| point.copies.iter().any(backup::CopyReport::is_owed);
        if report.as_ref().is_ok_and(|report| report.points.iter().any(owes)) {
            self.catching_up.owes(now);
        }
        lines.iter().for_each(|line| self.tell(line));
        Ok(())
    }
}

fn begin(setup: Result<Setup>, asset: AssetName, memory: Memory, may_dump: bool, ended: &Sender<Message>) {
    let name = format!("log of {asset}");
    let failed = asset.clone();
    let work = move || {
        let setup = setup?;
        let mut memory = memory;
        let report = following::follow(&setup, asset.as_ref(), &mut memory).map_err(|error| error.message);
        let is_wanted = may_dump && report.as_ref().is_ok_and(|report| report.gap.is_some());
        let dumped = is_wanted.then(|| dump(&setup, asset.as_ref()));
        Ok(Outcome { asset, memory, report, dumped })
    };
    let message = move |outcome: std::result::Result<Outcome, String>| {
        Message::Followed(outcome.unwrap_or_else(|why| Outcome {
            asset: failed.clone(),
            memory: Memory::default(),
            report: Err(why),
            dumped: None,
        }))
    };
    worker::alone(&name, ended, message, work);
}

/// Makes a dump beside the schedule, as a person would who reads of the gap.
fn dump(setup: &Setup, asset: &str) -> std::result::Result<String, String> {
    let part = (asset, Dataset::Database);
    let report = backup::backup(setup, part, How::default(), &Progress::default()).map_err(|e| e.message)?;
    report.point.ok_or_else(|| report.error.unwrap_or_else(|| "nobody knows why".to_owned()))
}
