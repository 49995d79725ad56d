//! How an instance begins, and what it does when the configuration changes: both are taking stock.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::time::Duration;

use holdfast_ledger::{ExpectedSlot, Settlement, SlotState as Recorded};
use holdfast_model::scheduler::{Event, Orphan, Retry, Rules, State, Target};
use holdfast_model::slot::{Slot, SlotKind, SlotState};
use holdfast_model::{AssetName, Class, Dataset};
use jiff::Timestamp;

use super::anchoring::Anchoring;
use super::catching_up::CatchingUp;
use super::configuration::Configuration;
use super::delivering::Delivering;
use super::expectation::{self, AHEAD, Which};
use super::following::Following;
use super::judging::Judging;
use super::notifying::Notifying;
use super::orders::Memory;
use super::purging::Purging;
use super::rereading::Rereading;
use super::shredding::Shredding;
use super::stocktaking::Stocktaking;
use super::testing::Testing;
use super::{Daemon, Served, Service, after, credit, translate};
use crate::action::attendant::Attendant;
use crate::error::{Error, Result};
use crate::setup::{Setup, Turns};
use crate::{journal, measured, validate};

/// When to try again after a failure.
const RETRY: Retry = Retry {
    pause: Duration::from_secs(60),
    pause_max: Duration::from_secs(1800),
    budget: 5,
    rest: Duration::from_secs(4 * 3600),
};
/// How many slots go into one leaf of the ledger.
const SLOTS_AT_ONCE: usize = 500;

/// What the policy in force says about every decision.
pub(super) fn rules(configuration: &Configuration) -> Rules {
    let policy = &configuration.setup.policy;
    // Websites are what this version can run.
    let assumed = policy.lasts_of(Class::Website, Dataset::Site, None);
    Rules { limits: policy.limits, retry: RETRY, assumed: (assumed, assumed), zone: policy.zone.clone() }
}

impl<'s> Daemon<'s> {
    /// Takes the ledger over, and takes stock: what was begun and not ended, what was expected and not settled, and what
    /// nobody wrote down while no instance was there.
    pub(super) fn begin(service: &'s Service) -> Result<Daemon<'s>> {
        let state = &service.places.state;
        let ledger = Arc::new(journal::open(&service.world, state, "holdfast serve")?);
        let turns: Arc<Turns> = Arc::default();
        let now = service.world.clock.now();
        let (configuration, looked) = Configuration::begin(service, &ledger, &turns, now)?;
        ledger.write(|transaction| transaction.cut_off_actions(now))?;
        let attendant = Attendant::begin(&ledger, state, Arc::clone(&service.world.clock))?;
        let (sender, messages) = mpsc::channel();
        let stocktaking = Stocktaking::begin(ledger.read(), now)?;
        let mut daemon = Daemon {
            scheduler: State::new(rules(&configuration)),
            service,
            attendant,
            ledger,
            turns,
            configuration,
            under_way: BTreeMap::new(),
            memory: Memory::new(now),
            purging: Purging::begin(state, now)?,
            catching_up: CatchingUp::begin(now),
            rereading: Rereading::begin(state, now)?,
            shredding: Shredding::default(),
            anchoring: Anchoring::default(),
            delivering: Delivering::default(),
            stocktaking,
            testing: Testing::begin(now),
            judging: Judging::default(),
            notifying: Notifying::default(),
            following: Following::default(),
            sender,
            messages,
            recorded_until: Timestamp::MIN,
            wake: None,
            is_draining: false,
            is_over: false,
            served: Served::default(),
        };
        daemon.report(looked.notes, looked.alarms)?;
        daemon.record_expected(now)?;
        daemon.credit(now)?;
        daemon.happened(Event::Targets(daemon.targets()))?;
        for event in daemon.past_runs()? {
            daemon.happened(event)?;
        }
        daemon.happened(Event::Slots(daemon.waiting()?))?;
        let orphans = daemon.orphans()?;
        let token = daemon.ledger.token();
        let last_seen = daemon.ledger.read().last_seen_before(token)?;
        let line = format!("ready: {} assets, {} slots waiting", daemon.assets(), daemon.scheduler.waiting());
        daemon.tell(&line);
        daemon.happened(Event::Took { token, orphans, last_seen })?;
        daemon.withdraw(now)?;
        holdfast_world::service::ready(&line);
        Ok(daemon)
    }

    fn assets(&self) -> usize {
        self.configuration.setup.estate.assets.len()
    }

    /// Another configuration holds now.
    pub(super) fn take_over(&mut self) -> Result<()> {
        let now = self.now().wall;
        self.scheduler = self.take_scheduler().under(rules(&self.configuration));
        self.happened(Event::Targets(self.targets()))?;
        self.withdraw(now)?;
        self.expect(now)
    }

    /// Writes down what is expected, and has it run.
    pub(super) fn expect(&mut self, now: Timestamp) -> Result<()> {
        let slots = self.record_expected(now)?;
        if slots.is_empty() { Ok(()) } else { self.happened(Event::Slots(slots)) }
    }

    fn record_expected(&mut self, now: Timestamp) -> Result<Vec<Slot>> {
        let until = after(now, AHEAD);
        let (versions, estate) = (&self.configuration.versions, &self.configuration.setup.estate);
        let slots = expectation::unrecorded(self.ledger.read(), versions, estate, Which::All, (now, until))?;
        // By opening, so that a crash in between leaves no gap before what is written down.
        let mut by_version: BTreeMap<u64, Vec<ExpectedSlot>> = BTreeMap::new();
        for (number, slot) in &slots {
            by_version.entry(*number).or_default().push(translate::expected(slot));
        }
        for (number, mut expected) in by_version {
            expected.sort_by(|a, b| (a.opens, &a.id).cmp(&(b.opens, &b.id)));
            for some in expected.chunks(SLOTS_AT_ONCE) {
                self.ledger.write(|transaction| transaction.expect_slots(number, some, now))?;
            }
        }
        self.recorded_until = until;
        Ok(slots.into_iter().map(|(_, slot)| slot).collect())
    }

    /// Settles slots that runs served which nobody began for them.
    fn credit(&mut self, now: Timestamp) -> Result<()> {
        let open = self.waiting()?.into_iter().filter(|slot| slot.opens <= now).collect();
        let mut settlements = Vec::new();
        for credited in credit::judged(self.ledger.read(), open, now)? {
            let state = match &credited.judged.state {
                SlotState::Ok { .. } => Recorded::Ok,
                SlotState::Late { .. } => Recorded::Late,
                // Until it is due, a better one may come.
                SlotState::Degraded { .. } if credited.judged.slot.due <= now => Recorded::Degraded,
                _ => continue,
            };
            let reason = "by a run that was not begun for it".to_owned();
            let slot = credited.judged.slot.id();
            settlements.push(Settlement { slot, state, run: credited.run, reason: Some(reason) });
        }
        self.served.settled += settlements.len() as u64;
        self.ledger.write(|transaction| transaction.settle_slots(settlements, now))?;
        Ok(())
    }

    /// Every slot about which nothing is decided.
    fn waiting(&self) -> Result<Vec<Slot>> {
        let versions = &self.configuration.versions;
        let expected = self.ledger.read().slots_expected()?;
        expected.iter().map(|slot| translate::from_ledger(slot, versions)).collect()
    }

    /// Settles slots that are not wanted any more.
    fn withdraw(&mut self, now: Timestamp) -> Result<()> {
        let (versions, estate) = (&self.configuration.versions, &self.configuration.setup.estate);
        let mut withdrawn = Vec::new();
        for slot in self.ledger.read().slots_expected()? {
            let why = expectation::withdrawn(self.ledger.read(), versions, estate, &slot, now)?;
            if let Some(why) = why {
                self.memory.waived.insert(slot.id.clone(), why);
                withdrawn.push(slot.id);
            }
        }
        if withdrawn.is_empty() { Ok(()) } else { self.happened(Event::Waived(withdrawn)) }
    }

    /// What may run: whatever this version can back up.
    fn targets(&self) -> Vec<Target> {
        let estate = &self.configuration.setup.estate;
        let policy = &self.configuration.setup.policy;
        let target = |(name, asset): (&AssetName, &holdfast_model::estate::Asset)| {
            // An asset of this class has one part, so its windows are the asset's.
            let schedules = asset.class().datasets().iter();
            let mut schedules = schedules.filter_map(|part| policy.schedule_of(asset.class(), *part));
            Target {
                asset: name.clone(),
                host: asset.host.clone(),
                locations: estate.locations.keys().cloned().collect(),
                windows: schedules.next().map(|schedule| schedule.value.windows).unwrap_or_default(),
            }
        };
        estate.assets.iter().filter(|(_, asset)| asset.class().is_built()).map(target).collect()
    }

    /// What past runs lasted.
    fn past_runs(&self) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        for (name, asset) in &self.configuration.setup.estate.assets {
            for dataset in asset.class().datasets() {
                for kind in [SlotKind::Incremental, SlotKind::Full] {
                    let samples = measured::samples(self.ledger.read(), name.as_ref(), *dataset, kind)?;
                    events.extend(samples.into_iter().map(|(capture, copy)| Event::Measured {
                        asset: name.clone(),
                        dataset: *dataset,
                        kind,
                        capture,
                        copy,
                    }));
                }
            }
        }
        Ok(events)
    }

    /// Runs that an earlier instance began and did not live to end.
    fn orphans(&self) -> Result<Vec<Orphan>> {
        let orphan = |run: holdfast_ledger::Run| {
            let unknown = || Error::not_done(format!("the run {} of the ledger cannot be read", run.id));
            let asset = AssetName::parse(&run.asset).map_err(|_| unknown())?;
            let dataset = Dataset::parse(&run.dataset);
            Ok(Orphan { asset, dataset: dataset.ok_or_else(unknown)?, run: run.id })
        };
        self.ledger.read().runs_unfinished()?.into_iter().map(orphan).collect()
    }

    /// What goes on beside the runs, the purge and the reading of old data, has setups of its own, which end early when no
    /// more backups begin.
    pub(super) fn setup_beside(&self, stop: &Arc<AtomicBool>) -> Result<Setup> {
        let (policy, service) = (&self.configuration.setup.policy, self.service);
        let (setup, _) = validate::load_under(policy, &service.places, &service.world, stop, &service.tell)?;
        let setup = setup.ok_or_else(|| Error::usage("estate.toml has errors"))?;
        Ok(setup.beside(&self.ledger, &self.turns))
    }
}
