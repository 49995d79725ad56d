//! Entries that others ask the owner of the ledger for.
//!
//! They lie as files in the state folder, closed to everybody else, so asking needs the same rights as writing. A thread of
//! the owner looks for them many times a second: `ls` waits for it. A request is taken away before it is carried out: one
//! that a crash cuts off was not answered, so nothing was done on the strength of it.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use holdfast_ledger::{
    ActionOutcome, Ledger, NewAction, NewObservation, NewPick, NewRestoreTest, PickBegun, PickDestroyed,
    PickEnd,
};
use holdfast_world::Clock;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::record;
use crate::setup::Setup;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Asked {
    /// An entry.
    Begin(Box<NewAction>),
    /// Its result.
    End {
        /// The entry.
        id: String,
        /// How it ended.
        outcome: ActionOutcome,
        /// What there is to say about that.
        detail: Option<String>,
    },
    /// Something that was looked at.
    Observe(Box<NewObservation>),
    /// How a restore test goes on.
    RestoreTest(Box<TestStep>),
}

/// How a restore test goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TestStep {
    /// It is planned.
    Planned(NewRestoreTest, Vec<NewPick>),
    /// One that was drawn is about to be restored.
    Begun(PickBegun),
    /// How that ended.
    Ended(PickEnd),
    /// What became of what was restored.
    Destroyed(PickDestroyed),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    /// It is written, under this id.
    Recorded(String),
    /// It cannot be.
    Refused(String),
}

const ASKED: &str = "entries";
const ANSWERED: &str = "entries-answered";
/// How often the owner looks.
const LOOK: Duration = Duration::from_millis(20);

/// Writes it.
pub(super) fn carry_out(ledger: &Ledger, asked: Asked, now: Timestamp) -> Result<String> {
    Ok(ledger.write(|transaction| match asked {
        Asked::Begin(action) => transaction.begin_action(*action, now),
        Asked::End { id, outcome, detail } => {
            transaction.end_action(&id, outcome, detail.as_deref(), now).map(|()| id)
        }
        Asked::Observe(observation) => transaction.observe(*observation, now).map(|()| String::new()),
        Asked::RestoreTest(step) => match *step {
            TestStep::Planned(test, picks) => transaction.plan_restore_test(test, picks, now),
            TestStep::Begun(begun) => transaction.begin_pick(begun, now).map(|()| String::new()),
            TestStep::Ended(end) => transaction.end_pick(end, now).map(|()| String::new()),
            TestStep::Destroyed(gone) => transaction.destroy_pick(gone, now).map(|()| String::new()),
        },
    })?)
}

/// Leaves a request; returns its name.
pub(super) fn ask(setup: &Setup, asked: &Asked) -> Result<String> {
    let mut random = [0; 8];
    setup.world.random.fill(&mut random);
    let name = format!("{}-{}", setup.world.clock.now().as_nanosecond(), u64::from_le_bytes(random));
    leave(&setup.places.state, ASKED, &name, asked)?;
    Ok(name)
}

/// Leaves a file, absent or whole. It is not flushed, because `ls` waits for it: what a power cut takes away, nobody has
/// acted upon.
fn leave<T: Serialize>(state: &Path, kind: &str, name: &str, content: &T) -> Result<()> {
    let path = record::path(state, kind, name);
    let trouble = |error: std::io::Error| Error::not_done(format!("write {}: {error}", path.display()));
    let json = serde_json::to_vec(content).map_err(|error| trouble(error.into()))?;
    create_folder(state, kind)?;
    let temporary = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).map_err(trouble)?;
    file.write_all(&json).and_then(|()| std::fs::rename(&temporary, &path)).map_err(trouble)
}

fn create_folder(state: &Path, kind: &str) -> Result<()> {
    holdfast_world::durable::create_directory(&record::folder(state, kind), 0o700)
        .map_err(|error| Error::not_done(format!("keep entries that are asked for: {error}")))
}

/// The answer, if there is one yet; it is taken away.
pub(super) fn answer_to(state: &Path, name: &str) -> Result<Option<Result<String>>> {
    let Some(answer) = record::one::<Answer>(state, ANSWERED, name)? else { return Ok(None) };
    record::remove(state, ANSWERED, name)?;
    Ok(Some(match answer {
        Answer::Recorded(id) => Ok(id),
        Answer::Refused(why) => Err(Error::not_done(why)),
    }))
}

/// Takes a request back; false when the owner was faster.
pub(super) fn withdraw(state: &Path, name: &str) -> Result<bool> {
    record::remove(state, ASKED, name)
}

/// The thread that attends to requests. It ends before this is gone, and with it lets go of the ledger.
#[derive(Debug)]
pub(crate) struct Attendant {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Attendant {
    /// Begins.
    pub(crate) fn begin(ledger: &Arc<Ledger>, state: &Path, clock: Arc<dyn Clock>) -> Result<Attendant> {
        // Ours before anybody asks: root may ask a daemon that is not root, which then could not take anything away.
        create_folder(state, ASKED)?;
        create_folder(state, ANSWERED)?;
        let stop: Arc<AtomicBool> = Arc::default();
        let (asked_to, ledger, state) = (Arc::clone(&stop), Arc::downgrade(ledger), state.to_owned());
        let work = move || attend(&ledger, &state, &*clock, &asked_to);
        let thread = thread::Builder::new()
            .name("entries".to_owned())
            .spawn(work)
            .map_err(|error| Error::not_done(format!("no thread could be started: {error}")))?;
        Ok(Attendant { stop, thread: Some(thread) })
    }
}

impl Drop for Attendant {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}

fn attend(ledger: &Weak<Ledger>, state: &Path, clock: &dyn Clock, stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        let Some(ledger) = ledger.upgrade() else { return };
        for name in record::names(state, ASKED) {
            attend_to(&ledger, state, &name, clock.now());
        }
        drop(ledger);
        thread::park_timeout(LOOK);
    }
}

/// What cannot be answered is not done: whoever asked gives up after a while.
fn attend_to(ledger: &Ledger, state: &Path, name: &str, now: Timestamp) {
    let asked = record::one::<Asked>(state, ASKED, name);
    if !matches!(record::remove(state, ASKED, name), Ok(true)) {
        return;
    }
    let outcome = match asked {
        Ok(Some(asked)) => carry_out(ledger, asked, now),
        Ok(None) => return,
        Err(unreadable) => Err(unreadable),
    };
    let answer = outcome.map_or_else(|error| Answer::Refused(error.message), Answer::Recorded);
    let _ = leave(state, ANSWERED, name, &answer);
}
