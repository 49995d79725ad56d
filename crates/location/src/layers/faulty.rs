//! Breaking on purpose. What the engine does when a place is down, full, slow, refusing, lying or rotten is tested
//! with scripted faults, because no real server fails at the moment that a test needs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use holdfast_world::Clock;

use super::{Answer, Around, Call, Layer, Op};
use crate::contract::Location;
use crate::error::{Error, ErrorKind};
use crate::key::Area;

/// Damage to what is stored or read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Damage {
    /// Only so many first bytes.
    Truncate(usize),
    /// The byte at this offset (modulo the length) has all its bits flipped.
    Flip(usize),
    /// Names that begin so are left out of listings.
    Hide(String),
}

impl Damage {
    /// The bytes after the damage.
    pub fn applied(&self, bytes: Bytes) -> Bytes {
        match self {
            Damage::Truncate(length) => bytes.slice(..bytes.len().min(*length)),
            Damage::Flip(_) if bytes.is_empty() => bytes,
            Damage::Flip(offset) => {
                let mut bytes = bytes.to_vec();
                let offset = offset % bytes.len();
                bytes[offset] ^= 0xff;
                bytes.into()
            }
            Damage::Hide(_) => bytes,
        }
    }
}

/// What happens to a call that a rule matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call is not made and fails so.
    Fail(ErrorKind),
    /// The call is made, and then fails so: its answer was lost on the way.
    FailAfter(ErrorKind),
    /// The bytes stored by `put`, read by `get` or listed are damaged.
    Damage(Damage),
    /// The call takes this much longer.
    Slow(Duration),
}

/// Which calls a fault befalls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Only this kind of call.
    pub op: Option<Op>,
    /// Only this area.
    pub area: Option<Area>,
    /// Only paths that contain this.
    pub path_part: String,
    /// So many matching calls pass first.
    pub skip: u64,
    /// So many are hit then; `u64::MAX` is all of them.
    pub hits: u64,
    /// What happens.
    pub fault: Fault,
}

impl Rule {
    /// `fault` for every call; narrow it with the other methods.
    pub fn always(fault: Fault) -> Rule {
        Rule { op: None, area: None, path_part: String::new(), skip: 0, hits: u64::MAX, fault }
    }

    /// `fault` for the nth call (from 1) of `op`, once.
    pub fn nth(op: Op, nth: u64, fault: Fault) -> Rule {
        Rule { op: Some(op), skip: nth.saturating_sub(1), hits: 1, ..Rule::always(fault) }
    }

    /// Only calls of `op`.
    pub fn on(self, op: Op) -> Rule {
        Rule { op: Some(op), ..self }
    }

    /// Only in `area`.
    pub fn area(self, area: Area) -> Rule {
        Rule { area: Some(area), ..self }
    }

    /// Only where the path contains `part`.
    pub fn path(self, part: impl Into<String>) -> Rule {
        Rule { path_part: part.into(), ..self }
    }

    fn matches(&self, call: &Call) -> bool {
        self.op.is_none_or(|op| op == call.op)
            && self.area.is_none_or(|area| call.area == Some(area))
            && call.path.contains(&self.path_part)
    }
}

/// The script of a [`Faulty`] location; clones share it, so that a test changes it while the engine runs.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Script>>);

#[derive(Debug, Default)]
struct Script {
    rules: Vec<Rule>,
    down: bool,
    /// Bytes that still fit.
    room: Option<u64>,
}

impl Faults {
    /// A script without faults.
    pub fn new() -> Faults {
        Faults::default()
    }

    /// Adds a rule; where several match a call, each befalls it.
    pub fn add(&self, rule: Rule) {
        self.locked().rules.push(rule);
    }

    /// Removes every rule, ends being down and being full.
    pub fn heal(&self) {
        *self.locked() = Script::default();
    }

    /// While down, every call fails as `Unreachable`.
    pub fn set_down(&self, down: bool) {
        self.locked().down = down;
    }

    /// After so many more stored bytes every `put` fails as `Full`; `None` ends it.
    pub fn full_after(&self, bytes: Option<u64>) {
        self.locked().room = bytes;
    }

    fn locked(&self) -> MutexGuard<'_, Script> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The faults that befall this call; the script moves on.
    fn befalling(&self, call: &Call) -> Vec<Fault> {
        let mut script = self.locked();
        if script.down {
            return vec![Fault::Fail(ErrorKind::Unreachable)];
        }
        if call.op == Op::Put
            && let Some(room) = &mut script.room
        {
            match room.checked_sub(call.bytes_up) {
                Some(left) => *room = left,
                None => return vec![Fault::Fail(ErrorKind::Full)],
            }
        }
        let mut faults = Vec::new();
        for rule in script.rules.iter_mut().filter(|rule| rule.matches(call)) {
            if rule.skip > 0 {
                rule.skip -= 1;
            } else if rule.hits > 0 {
                rule.hits = if rule.hits == u64::MAX { u64::MAX } else { rule.hits - 1 };
                faults.push(rule.fault.clone());
            }
        }
        faults
    }
}

/// A location that fails as scripted.
pub struct Faulty {
    inner: Arc<dyn Location>,
    faults: Faults,
    clock: Arc<dyn Clock>,
}

impl Faulty {
    /// Wraps `inner`; `clock` is for [`Fault::Slow`].
    pub fn new(inner: Arc<dyn Location>, faults: Faults, clock: Arc<dyn Clock>) -> Faulty {
        Faulty { inner, faults, clock }
    }

    fn failed(&self, call: &Call, kind: ErrorKind) -> Error {
        Error::new(kind, self.inner.name(), format!("{:?} {}", call.op, call.path), "a scripted fault")
    }
}

impl Layer for Faulty {}

impl Around for Faulty {
    fn inner(&self) -> &dyn Location {
        &*self.inner
    }

    fn around<T: Answer>(
        &self,
        call: &Call,
        bytes: Option<&Bytes>,
        make: &dyn Fn(Option<&Bytes>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let faults = self.faults.befalling(call);
        let mut stored = bytes.cloned();
        for fault in &faults {
            match fault {
                Fault::Fail(kind) => return Err(self.failed(call, *kind)),
                Fault::Slow(time) => self.clock.sleep(*time),
                Fault::Damage(damage) => stored = stored.map(|bytes| damage.applied(bytes)),
                Fault::FailAfter(_) => {}
            }
        }
        let mut answer = make(stored.as_ref())?;
        for fault in &faults {
            match fault {
                Fault::FailAfter(kind) => return Err(self.failed(call, *kind)),
                Fault::Damage(damage) => answer = answer.damaged(damage),
                Fault::Fail(_) | Fault::Slow(_) => {}
            }
        }
        Ok(answer)
    }
}
