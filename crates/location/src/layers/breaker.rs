//! Giving up on a place that is down. Trying again for half a minute is right for a call, and wrong for a night: with
//! a thousand small repositories a dead place would be waited for a thousand times. So once a call has used up all its
//! patience and the place does not answer a plain question either, every further call fails at once, until a pause is
//! over and the place answers again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use holdfast_world::Clock;

use super::{Answer, Around, Call, Layer, Op};
use crate::contract::Location;
use crate::error::{Error, ErrorKind};
use crate::marker;

/// Told once when a place stops answering, and once when it answers again.
pub type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// What is known about one place; shared by everything that goes there.
pub struct Circuit {
    pause: Duration,
    clock: Arc<dyn Clock>,
    cancelled: Arc<AtomicBool>,
    tell: Tell,
    broken: Mutex<Option<Broken>>,
}

/// A place that does not answer.
struct Broken {
    cause: String,
    /// The monotonic instant at which it is asked again.
    ask_at: Duration,
}

/// A location that is not asked while it is known to be down.
pub struct Breaker {
    patient: Arc<dyn Location>,
    bare: Arc<dyn Location>,
    circuit: Arc<Circuit>,
}

impl Circuit {
    /// For one place. After `pause` it is asked again; `cancelled` keeps a run that was told to stop from asking.
    pub fn new(pause: Duration, clock: Arc<dyn Clock>, cancelled: Arc<AtomicBool>, tell: Tell) -> Circuit {
        Circuit { pause, clock, cancelled, tell, broken: Mutex::default() }
    }

    fn broken(&self) -> MutexGuard<'_, Option<Broken>> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, location: &str, cause: &str) {
        let mut broken = self.broken();
        let ask_at = self.clock.monotonic() + self.pause;
        if broken.replace(Broken { cause: cause.to_owned(), ask_at }).is_none() {
            drop(broken);
            let minutes = self.pause.as_secs().div_ceil(60);
            (self.tell)(&format!(
                "location {location} does not answer: {cause}; going on without it, asking again in {minutes} min"
            ));
        }
    }

    fn close(&self, location: &str) {
        if self.broken().take().is_some() {
            (self.tell)(&format!("location {location} answers again"));
        }
    }
}

impl Breaker {
    /// Wraps `patient`, which tries again by itself; `bare` is the same place without patience.
    pub fn new(patient: Arc<dyn Location>, bare: Arc<dyn Location>, circuit: Arc<Circuit>) -> Breaker {
        Breaker { patient, bare, circuit }
    }

    /// The error without asking, while the place is known to be down. When the pause is over, one caller asks.
    fn refuse(&self, call: &Call) -> Option<Error> {
        let cause = {
            let mut broken = self.circuit.broken();
            let known = broken.as_mut()?;
            let now = self.circuit.clock.monotonic();
            if now >= known.ask_at && !self.circuit.cancelled.load(Ordering::Relaxed) {
                known.ask_at = now + self.circuit.pause;
                None
            } else {
                Some(known.cause.clone())
            }
        };
        let cause = match cause {
            Some(cause) => cause,
            None => match self.silence() {
                Some(error) => error.cause,
                None => {
                    self.circuit.close(self.bare.name());
                    return None;
                }
            },
        };
        let action = format!("{:?} {}", call.op, call.path).to_lowercase();
        let cause = format!("not asked again, it did not answer before: {cause}");
        Some(Error::new(ErrorKind::Unreachable, self.bare.name(), action.trim_end(), cause))
    }

    /// Why the place does not answer, if it does not. An object that cannot be read is no reason to give up the others.
    fn silence(&self) -> Option<Error> {
        self.bare.get(&marker::key(), None).err().filter(Error::is_transient)
    }
}

impl Layer for Breaker {}

impl Around for Breaker {
    fn inner(&self) -> &dyn Location {
        &*self.patient
    }

    fn around<T: Answer>(
        &self,
        call: &Call,
        bytes: Option<&Bytes>,
        make: &dyn Fn(Option<&Bytes>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        // Making a place ready is a person's word, and what a place without marker fails by.
        if call.op == Op::Establish {
            let outcome = make(bytes);
            if outcome.is_ok() {
                self.circuit.close(self.bare.name());
            }
            return outcome;
        }
        if let Some(error) = self.refuse(call) {
            return Err(error);
        }
        let error = match make(bytes) {
            Err(error) if error.is_transient() => error,
            settled => return settled,
        };
        if !self.circuit.cancelled.load(Ordering::Relaxed)
            && self.circuit.broken().is_none()
            && let Some(silence) = self.silence()
        {
            self.circuit.open(self.bare.name(), &silence.cause);
        }
        Err(error)
    }
}
