//! Writing down what people do, before it is done, and how it ended.
//!
//! A log that is written afterwards misses exactly what somebody broke off, and one that may be left out is left out. So
//! without the entry there is no effect. One process owns the ledger, maybe for months: then the entry goes through a file
//! that it takes, records and answers (`attendant`), and whoever asks waits. The ledger is never kept for the length of a
//! restore: a backup that falls due meanwhile must find it free.

mod actor;
pub(crate) mod attendant;

use std::time::Duration;

use holdfast_ledger::{ActionKind, ActionOutcome, ErrorKind, Ledger, NewAction, NewObservation};

pub use self::actor::Actor;
use self::attendant::Asked;
pub(crate) use self::attendant::TestStep;
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::journal;
use crate::setup::Setup;

/// What stands in the log where nobody said what for.
pub const NOT_STATED: &str = "not stated";

/// An entry whose result is still to be written.
#[must_use = "an entry without a result is one that was cut off"]
pub(crate) struct Entry<'s> {
    setup: &'s Setup,
    id: String,
}

/// An action by whoever runs this, with nothing said yet of what it is done with.
pub(crate) fn by_us(setup: &Setup, kind: ActionKind, purpose: Option<&str>) -> NewAction {
    let purpose = purpose.map(str::trim).filter(|purpose| !purpose.is_empty());
    NewAction {
        kind,
        actor: Actor::of(&setup.world.environment).to_text(),
        asset: None,
        repository: None,
        location: None,
        point: None,
        paths: Vec::new(),
        target: None,
        purpose: purpose.unwrap_or(NOT_STATED).to_owned(),
        break_glass: None,
    }
}

/// Writes down that an action begins.
///
/// # Errors
/// When it could not be: then nothing must be done.
pub(crate) fn begin(setup: &Setup, action: NewAction) -> Result<Entry<'_>> {
    let kind = action.kind;
    let id = write(setup, &Asked::Begin(Box::new(action))).map_err(|error| {
        let message = format!("nothing was done, because it cannot be written down: {}", error.message);
        let hint = match kind {
            ActionKind::Restore => {
                "mend that first; if there is no time for it, `holdfast restore ... --break-glass REASON` works without the log"
                    .to_owned()
            }
            _ => error.hint.unwrap_or_else(|| "mend that first".to_owned()),
        };
        Error::not_done(message).hint(hint)
    })?;
    Ok(Entry { setup, id })
}

/// Writes down what was looked at, or has the owner of the ledger do it.
///
/// # Errors
/// When it could not be.
pub(crate) fn observe(setup: &Setup, observation: NewObservation) -> Result<()> {
    write(setup, &Asked::Observe(Box::new(observation))).map(|_| ())
}

/// Writes down how a restore test goes on, or has the owner of the ledger do it. Of one that is planned, its id.
///
/// # Errors
/// When it could not be: then nothing must be restored.
pub(crate) fn of_a_test(setup: &Setup, step: TestStep) -> Result<String> {
    write(setup, &Asked::RestoreTest(Box::new(step)))
}

impl Entry<'_> {
    /// Its id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Writes down how it ended.
    ///
    /// # Errors
    /// When that could not be written: it was done all the same, and will stand there as cut off.
    pub(crate) fn end(self, ending: Ending, detail: Option<String>) -> Result<()> {
        let asked = Asked::End { id: self.id, outcome: outcome(ending), detail };
        write(self.setup, &asked).map(|_| ()).map_err(|error| {
            let message =
                format!("it was done, but how it ended could not be written down: {}", error.message);
            Error { ending: Ending::NotDone, message, hint: error.hint }
        })
    }

    /// Writes down how it ended, and hands the outcome on.
    pub(crate) fn end_with<T>(self, outcome: Result<T>, ending: impl Fn(&T) -> Ending) -> Result<T> {
        match outcome {
            Ok(done) => {
                self.end(ending(&done), None)?;
                Ok(done)
            }
            Err(error) => {
                // Why it failed matters more than that this could not be written down either.
                let _ = self.end(error.ending, Some(error.message.clone()));
                Err(error)
            }
        }
    }
}

/// Does something that is written down before and after.
pub(crate) fn recorded<T>(
    setup: &Setup,
    action: NewAction,
    effect: impl FnOnce() -> Result<T>,
    ending: impl Fn(&T) -> Ending,
) -> Result<T> {
    let entry = begin(setup, action)?;
    let outcome = effect();
    entry.end_with(outcome, ending)
}

pub(crate) fn outcome(ending: Ending) -> ActionOutcome {
    match ending {
        Ending::Done => ActionOutcome::Done,
        Ending::Attention => ActionOutcome::Attention,
        Ending::NotDone => ActionOutcome::NotDone,
        Ending::Refused => ActionOutcome::Refused,
        Ending::Usage => ActionOutcome::Usage,
        Ending::Damage => ActionOutcome::Damage,
        Ending::Interrupted => ActionOutcome::Interrupted,
    }
}

/// How long whoever owns the ledger is given.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(5);

/// Has something written: by us where we own the ledger or nobody does, else by its owner. Returns the entry's id.
fn write(setup: &Setup, asked: &Asked) -> Result<String> {
    if let Some(ledger) = setup.owned_ledger() {
        return attendant::carry_out(ledger, asked.clone(), setup.world.clock.now());
    }
    let clock = &setup.world.clock;
    let begun = clock.monotonic();
    let mut request = None;
    loop {
        match journal::open_briefly(&setup.world, &setup.places.state, journal::FOR_AN_ENTRY) {
            Ok(ledger) => return write_here(setup, &ledger, asked, request).and_then(|id| close(ledger, id)),
            Err(error) if error.kind == ErrorKind::Owned => {}
            Err(error) => return Err(error.into()),
        }
        let state = &setup.places.state;
        let name = match request.clone() {
            Some(name) => name,
            None => request.insert(attendant::ask(setup, asked)?).clone(),
        };
        if let Some(answer) = attendant::answer_to(state, &name)? {
            return answer;
        }
        if clock.monotonic().saturating_sub(begun) >= PATIENCE {
            if attendant::withdraw(state, &name)? {
                return Err(Error::not_done("another holdfast has the ledger and did not answer")
                    .hint("see what it is doing, or wait until it is done"));
            }
            // It was taken at the last moment.
            return attendant::answer_to(state, &name)?.unwrap_or_else(|| {
                Err(Error::not_done("another holdfast took the entry and did not say whether it is written"))
            });
        }
        clock.sleep(PAUSE);
    }
}

/// The owner went while we waited: what it did not take is ours to do.
fn write_here(setup: &Setup, ledger: &Ledger, asked: &Asked, request: Option<String>) -> Result<String> {
    if let Some(name) = request
        && !attendant::withdraw(&setup.places.state, &name)?
        && let Some(answer) = attendant::answer_to(&setup.places.state, &name)?
    {
        return answer;
    }
    attendant::carry_out(ledger, asked.clone(), setup.world.clock.now())
}

fn close(ledger: Ledger, id: String) -> Result<String> {
    ledger.close()?;
    Ok(id)
}
