//! The daemon: what the policy expects is written down, run in time, and accounted for.
//!
//! The decision is `model::scheduler`'s, which neither waits nor remembers; here are the clock, the threads and the ledger
//! around it. Everything is written down before it is done, and a run's end with what became of its slots in one
//! transaction. So the process may be killed between any two lines: what was begun is found without an end, and what was
//! expected without a state, and the next instance goes on from there. What cannot be written down ends the daemon, because
//! whatever it did then nobody could know.

mod anchoring;
mod catching_up;
mod configuration;
pub(crate) mod credit;
mod delivering;
pub(crate) mod expectation;
mod following;
mod judging;
mod naming;
mod notifying;
mod orders;
mod purging;
mod rereading;
mod shredding;
mod start;
mod stocktaking;
pub(crate) mod translate;
pub(crate) mod versions;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use holdfast_ledger::Ledger;
use holdfast_location::layers::breaker::Tell;
use holdfast_model::scheduler::{self, Event, Now, RunId, State};
use holdfast_world::signals::Stop;
use holdfast_world::{World, service};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use self::anchoring::Anchoring;
use self::catching_up::CatchingUp;
use self::configuration::Configuration;
use self::delivering::Delivering;
use self::expectation::AHEAD;
use self::following::Following;
use self::judging::Judging;
use self::notifying::Notifying;
use self::orders::{Memory, UnderWay};
use self::purging::Purging;
use self::rereading::Rereading;
use self::shredding::Shredding;
use self::stocktaking::Stocktaking;
use crate::action::attendant::Attendant;
use crate::alerts::carrier::Carrier;
use crate::ending::Ending;
use crate::error::Result;
use crate::setup::{Places, Turns};
use crate::{requests, state_lock};

/// What the daemon is given.
pub struct Service {
    /// Configuration and state.
    pub places: Places,
    /// The outside world.
    pub world: World,
    /// Raised by signals.
    pub stop: Stop,
    /// Ends as soon as nothing that is due is left to do.
    pub is_once: bool,
    /// Told what happens, line by line.
    pub tell: Tell,
    /// What carries notices out of this machine; without it nobody is told.
    pub carrier: Option<Arc<dyn Carrier>>,
}

/// What an instance did, for the one who ended it.
#[derive(Debug, Default, Serialize)]
pub struct Served {
    /// Runs that began.
    pub runs: u64,
    /// Of these, the ones that ended without a point.
    pub failed: u64,
    /// Slots that were settled.
    pub settled: u64,
    /// Shares of old data that were read again.
    pub reread: u64,
    /// How it ended.
    pub ending: Ending,
}

/// What threads tell the loop.
enum Message {
    /// A run ended.
    Ended(RunId, worker::Outcome),
    /// The purge ended.
    Purged(purging::Outcome),
    /// What locations were owed was brought, or could not be.
    CaughtUp(catching_up::Outcome),
    /// Something came of reading old data again.
    Reread(rereading::Heard),
    /// A shredding ended.
    Shredded(shredding::Outcome),
    /// The audit log's signed head was carried to the locations, or could not be.
    Anchored(anchoring::Outcome),
    /// Key ring and ledger were brought to the locations, or could not be.
    Delivered(delivering::Outcome),
    /// Stock was taken.
    Looked(stocktaking::Outcome),
    /// Verdicts were judged.
    Judged(judging::Outcome),
    /// What waits for people was sent, or could not be.
    Notified(notifying::Outcome),
    /// A log was followed once more, or could not be.
    Followed(following::Outcome),
}

impl Message {
    /// Whether a thread says with it that it ends.
    fn is_an_end(&self) -> bool {
        !matches!(self, Message::Reread(heard) if !matches!(heard, rereading::Heard::Ended(_)))
    }
}

/// The daemon at work.
struct Daemon<'s> {
    service: &'s Service,
    // Before the ledger, which it must have let go of by then.
    attendant: Attendant,
    ledger: Arc<Ledger>,
    turns: Arc<Turns>,
    configuration: Configuration,
    scheduler: State,
    under_way: BTreeMap<RunId, UnderWay>,
    memory: Memory,
    purging: Purging,
    catching_up: CatchingUp,
    rereading: Rereading,
    shredding: Shredding,
    anchoring: Anchoring,
    delivering: Delivering,
    stocktaking: Stocktaking,
    judging: Judging,
    notifying: Notifying,
    following: Following,
    sender: Sender<Message>,
    messages: Receiver<Message>,
    /// Until when slots are recorded.
    recorded_until: Timestamp,
    wake: Option<Timestamp>,
    is_draining: bool,
    is_over: bool,
    served: Served,
}

/// The loop comes round at least this often, so that signals and changed files are noticed.
const PULSE: Duration = Duration::from_millis(500);
/// Time passes for the decision at least this often.
const TICK: Duration = Duration::from_secs(10);
/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often the supervisor is told that we live.
const PROOF_OF_LIFE: Duration = Duration::from_secs(10);
/// A third of what a lease lasts.
const RENEW: Duration = Duration::from_secs(20);

/// Runs until a signal asks for the end, and everything that was under way has ended.
///
/// # Errors
/// When another process has the state folder or the ledger, when there is no usable configuration to begin with, or when
/// something could not be written down any more.
pub fn serve(service: &Service) -> Result<Served> {
    let state = &service.places.state;
    let _lock = state_lock::take(state, "serve", service.world.environment.pid())?;
    let mut daemon = Daemon::begin(service)?;
    let outcome = daemon.run();
    if outcome.is_err() {
        daemon.abandon();
    }
    service::stopping("ended");
    outcome?;
    let Daemon { mut served, ledger, configuration, attendant, .. } = daemon;
    drop(attendant);
    if service.stop.interrupted.load(Ordering::SeqCst) {
        served.ending = Ending::Interrupted;
    }
    drop(configuration);
    if let Some(ledger) = Arc::into_inner(ledger) {
        ledger.close()?;
    }
    Ok(served)
}

impl Daemon<'_> {
    fn now(&self) -> Now {
        let clock = &self.service.world.clock;
        Now { wall: clock.now(), monotonic: clock.monotonic() }
    }

    fn tell(&self, line: impl AsRef<str>) {
        (self.service.tell)(line.as_ref());
    }

    fn run(&mut self) -> Result<()> {
        let start = self.now().monotonic;
        let (mut ticked, mut looked, mut renewed, mut proved) = (start, start, start, start);
        while !self.is_over || self.busy_beside() > 0 {
            match self.messages.recv_timeout(self.pause()) {
                Ok(message) => self.hear(message)?,
                // There is always a sender: our own.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            let now = self.now();
            let is_due = |last: &mut Duration, every: Duration| {
                let is_due = now.monotonic.saturating_sub(*last) >= every;
                if is_due {
                    *last = now.monotonic;
                }
                is_due
            };
            if is_due(&mut renewed, RENEW) {
                self.ledger.renew_lease()?;
            }
            if self.service.stop.draining.load(Ordering::SeqCst) && !self.is_draining {
                self.drain()?;
            }
            if !self.is_draining {
                if is_due(&mut looked, LOOK) {
                    self.look()?;
                }
                self.record_ahead(now.wall)?;
                self.shred_when_possible()?;
                self.purge_when_due(now.wall)?;
                self.catch_up_when_due(now.wall)?;
                self.reread_when_due(now.wall)?;
                self.anchor_when_due(now.wall)?;
                self.deliver_when_due(now.wall)?;
                self.look_around_when_due(now.wall)?;
                self.follow_when_due(now.wall)?;
            }
            self.judge_when_due(now);
            if !self.is_draining {
                self.notify_when_due();
            }
            if self.service.is_once && self.is_idle(now.wall) && !self.is_draining {
                self.is_draining = true;
                self.happened(Event::Drain)?;
            }
            let is_woken = self.wake.is_some_and(|wake| wake <= now.wall);
            if is_due(&mut ticked, TICK) || is_woken {
                self.happened(Event::Tick)?;
            }
            if is_due(&mut proved, PROOF_OF_LIFE) {
                service::alive(&self.status());
            }
        }
        self.judge_at_the_end()
    }

    /// How long nothing needs to be done.
    fn pause(&self) -> Duration {
        let until_wake = self.wake.map(|wake| wake.duration_since(self.service.world.clock.now()));
        let until_wake = until_wake.map(|span| Duration::try_from(span).unwrap_or_default());
        // Never nothing at all: a wake that a step does not move on would turn the loop into a spin.
        let pulse = if self.service.is_once { PULSE / 20 } else { PULSE };
        until_wake.map_or(pulse, |until| until.clamp(Duration::from_millis(5), pulse))
    }

    /// What goes on beside the runs: whether it is under way, and what ends it early. In one place, because whatever is left
    /// out of one of the questions below is waited for by nobody, or never ends.
    fn beside(&self) -> [(bool, &AtomicBool); 10] {
        [
            (self.purging.is_under_way, &*self.purging.stop),
            (self.catching_up.is_under_way, &*self.catching_up.stop),
            (self.rereading.is_under_way, &*self.rereading.stop),
            (self.shredding.is_under_way(), &*self.shredding.stop),
            (self.anchoring.is_under_way, &*self.anchoring.stop),
            (self.delivering.is_under_way, &*self.delivering.stop),
            (self.stocktaking.is_under_way, &*self.stocktaking.stop),
            (self.judging.is_under_way, &*self.judging.stop),
            (self.notifying.is_under_way, &*self.notifying.stop),
            (self.following.under_way() > 0, &*self.following.stop),
        ]
    }

    /// How much is under way beside the runs.
    fn busy_beside(&self) -> usize {
        self.beside().iter().filter(|(is_under_way, _)| *is_under_way).count()
    }

    /// Asks all of it to end, but for judging: what happens while runs end must turn verdicts as at any other time.
    fn stop_beside(&self) {
        let stops = self.beside().map(|(_, stop)| stop);
        let others = stops.into_iter().filter(|stop| !std::ptr::eq(*stop, &*self.judging.stop));
        others.for_each(|stop| stop.store(true, Ordering::SeqCst));
    }

    /// Whether nothing runs, and nothing could begin now: the scheduler began all that it wants to begin.
    fn is_idle(&self, now: Timestamp) -> bool {
        self.scheduler.running() == 0
            && self.busy_beside() == 0
            && !self.shredding.is_busy()
            && !self.stocktaking.is_due(now)
            && !self.is_telling_due()
            && !self.purging.is_due(now)
            && !self.catching_up.is_due(now)
            && !self.rereading.is_due(now, true)
            && !self.anchoring.is_due(self.day_of(now), now)
            && !self.delivering.is_due(now)
            && !self.following.is_due(&self.configuration.setup, now)
    }

    fn day_of(&self, now: Timestamp) -> Date {
        now.to_zoned(self.configuration.setup.policy.zone.clone()).date()
    }

    fn status(&self) -> String {
        format!("{} runs under way, {} slots waiting", self.scheduler.running(), self.scheduler.waiting())
    }

    fn hear(&mut self, message: Message) -> Result<()> {
        // Verdicts change no verdict, and that nothing was to be told is nothing new.
        if !matches!(message, Message::Judged(_) | Message::Notified(_)) {
            self.judging.something_changed();
        }
        match message {
            Message::Ended(run, outcome) => self.ended(run, outcome),
            Message::Purged(outcome) => self.hear_of_the_purge(&outcome),
            Message::CaughtUp(outcome) => self.hear_of_catching_up(outcome),
            Message::Reread(heard) => self.hear_of_rereading(heard),
            Message::Shredded(outcome) => {
                let said = self.shredding.ended(&self.service.places.state, outcome)?;
                self.tell(said);
                Ok(())
            }
            Message::Anchored(outcome) => {
                self.hear_of_anchoring(&outcome);
                Ok(())
            }
            Message::Delivered(outcome) => {
                let now = self.now().wall;
                self.delivering.ended(&outcome, now).iter().for_each(|line| self.tell(line));
                Ok(())
            }
            Message::Looked(outcome) => self.hear_of_stock(outcome),
            Message::Judged(outcome) => self.hear_of_verdicts(outcome),
            Message::Notified(outcome) => {
                self.hear_of_notices(outcome);
                Ok(())
            }
            Message::Followed(outcome) => self.hear_of_following(outcome),
        }
    }

    /// Tells the scheduler, and does what it says.
    fn happened(&mut self, event: Event) -> Result<()> {
        let now = self.now();
        let (state, actions) = scheduler::step(self.take_scheduler(), now, event);
        self.scheduler = state;
        self.wake = None;
        for action in actions {
            // Another instance's; the ledger would refuse it, too.
            if action.token == self.ledger.token() {
                self.judging.something_changed();
                self.carry_out(action.order, now.wall)?;
            }
        }
        Ok(())
    }

    /// Decisions consume the state and give back another; what is left here in between is never asked.
    fn take_scheduler(&mut self) -> State {
        std::mem::replace(&mut self.scheduler, State::new(start::rules(&self.configuration)))
    }

    fn drain(&mut self) -> Result<()> {
        self.is_draining = true;
        self.stop_beside();
        self.shredding.end(&self.service.places.state)?;
        let count = self.scheduler.running();
        self.tell(format!("asked to stop: nothing new begins; {count} runs under way may end"));
        service::stopping(&format!("{count} runs under way may end"));
        self.happened(Event::Drain)
    }

    /// Looks at the files, and takes over what changed.
    fn look(&mut self) -> Result<()> {
        let now = self.now().wall;
        let taken = requests::take(&self.ledger, &self.service.places.state, now)?;
        for line in &taken.said {
            self.judging.something_changed();
            self.tell(line);
        }
        if taken.has_entered {
            self.delivering.entered();
        }
        taken.to_shred.into_iter().for_each(|asked| self.shredding.add(asked));
        self.delivering.look(&self.service.places.config);
        let looked = self.configuration.look(self.service, &self.ledger, &self.turns, now)?;
        self.shredding.looked();
        self.report(looked.notes, looked.alarms)?;
        if looked.is_changed {
            self.tell("the configuration was taken over");
            self.stocktaking.look_again();
            self.catching_up.look_again(now);
            self.following.look_again();
            self.judging.something_changed();
            self.take_over()?;
        }
        Ok(())
    }

    /// Records slots some hours before they open.
    fn record_ahead(&mut self, now: Timestamp) -> Result<()> {
        let enough = now.saturating_add(AHEAD / 2).unwrap_or(Timestamp::MAX);
        if self.recorded_until < enough { self.expect(now) } else { Ok(()) }
    }

    /// Something cannot be written down any more. What runs is ended, and the next instance finds out what became of it.
    fn abandon(&mut self) {
        self.service.stop.interrupted.store(true, Ordering::SeqCst);
        self.stop_beside();
        self.judging.stop.store(true, Ordering::SeqCst);
        let mut left =
            self.under_way.len() + self.busy_beside() + self.following.under_way().saturating_sub(1);
        while left > 0
            && let Ok(message) = self.messages.recv_timeout(Duration::from_secs(60))
        {
            left -= usize::from(message.is_an_end());
        }
    }
}

/// Whether it is time for what is due at `next` and comes round `every` so often. What lies further ahead is what a clock
/// leaves behind that was set back.
fn is_time(next: Timestamp, every: SignedDuration, now: Timestamp) -> bool {
    next <= now || next > after(now, every)
}

/// A moment later, or earlier, as far as time goes.
fn after(instant: Timestamp, by: SignedDuration) -> Timestamp {
    instant.saturating_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
