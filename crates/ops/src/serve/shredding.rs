//! Shreddings that people ask for while the daemon has the ledger.
//!
//! A backup of a client that is being shredded would make it a new key and begin anew, and a purge or a reader would take
//! what vanishes for damage. So one begins only once the estate that the daemon goes by is the one in the file, no run of
//! the client is under way, and neither a purge nor a reading of old data; whoever asked waits as long.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;

use super::{Daemon, Message, worker};
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::key_ring::KeyRing;
use crate::requests::{self, Answer};
use crate::setup::Setup;
use crate::shred::{self, ShredReport, ShredRequest};

/// A changed file counts once it was the same for two looks, and the first of them may have begun before the request.
const LOOKS: u32 = 3;

/// How one ended; with nothing but words where a bug ended it.
pub(super) type Outcome = std::result::Result<Result<Box<ShredReport>>, String>;

/// One that waits.
struct Waiting {
    /// The name under which it is to be answered.
    name: String,
    request: ShredRequest,
    by: String,
    /// How often the files were looked at since.
    looks: u32,
}

/// The one under way.
#[derive(Default)]
struct UnderWay {
    /// The name under which it is to be answered.
    name: String,
    client: String,
    /// Where its key lay when it began.
    key: Option<KeyRing>,
}

/// Those of this instance.
#[derive(Default)]
pub(super) struct Shredding {
    waiting: VecDeque<Waiting>,
    under_way: Option<UnderWay>,
    /// Raised when nothing new is to begin.
    pub(super) stop: Arc<AtomicBool>,
}

impl Shredding {
    pub(super) fn add(&mut self, (name, request, by): (String, ShredRequest, String)) {
        self.waiting.push_back(Waiting { name, request, by, looks: 0 });
    }

    /// The files were looked at.
    pub(super) fn looked(&mut self) {
        self.waiting.iter_mut().for_each(|waiting| waiting.looks += 1);
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// Whether one is under way or wants to be.
    pub(super) fn is_busy(&self) -> bool {
        self.is_under_way() || !self.waiting.is_empty()
    }

    /// The client whose turn it is.
    fn next(&self) -> Option<&str> {
        let is_next = |waiting: &&Waiting| !self.is_under_way() && waiting.looks >= LOOKS;
        self.waiting.front().filter(is_next).map(|waiting| waiting.request.client.as_str())
    }

    /// Begins the next one, where the estate that the daemon goes by allows it, under a setup of its own; returns what is to be
    /// said.
    fn start(
        &mut self,
        held: &Setup,
        setup: Result<Setup>,
        ended: &Sender<Message>,
    ) -> Result<Option<String>> {
        let Some(Waiting { name, request, by, .. }) = self.waiting.pop_front() else { return Ok(None) };
        let setup = match shred::refuse_living(held, &request).and(setup) {
            Ok(setup) => setup,
            Err(refusal) => {
                let refusal =
                    refusal.hint("that is the estate that holdfast serve goes by; see what it says");
                let said = format!("{} was not shredded: {refusal}", request.client);
                requests::answer(&held.places.state, &name, &Answer::Refused(refusal))?;
                return Ok(Some(said));
            }
        };
        let client = request.client.clone();
        let has_key = setup.ring.get(&client).is_ok_and(|key| key.is_some());
        let key = has_key.then(|| setup.ring.clone());
        self.under_way = Some(UnderWay { name, client, key });
        let work = move || Ok(shred::carry_out(&setup, &request, &by).map(Box::new));
        worker::alone("shred", ended, Message::Shredded, work);
        Ok(None)
    }

    /// Answers whoever asked; returns what is to be said.
    pub(super) fn ended(&mut self, state: &Path, outcome: Outcome) -> Result<String> {
        let UnderWay { name, client, key } = self.under_way.take().unwrap_or_default();
        let outcome = outcome.unwrap_or_else(|bug| Err(Error::not_done(bug)));
        // Once the key is gone there is no way back, whatever became of the rest.
        let key_lost = match key.map(|ring| ring.get(&client)) {
            Some(Ok(None)) => Some("was destroyed"),
            Some(Err(_)) => Some("cannot be read any more"),
            Some(Ok(Some(_))) | None => None,
        };
        let outcome = outcome.map_err(|error| match key_lost {
            Some(lost) => Error {
                message: format!("the key of {client} {lost}, and the rest is open: {}", error.message),
                hint: error.hint.or_else(|| Some("shred it again: that completes the deletion".to_owned())),
                ..error
            },
            None => error,
        });
        let said = match &outcome {
            Ok(report) if report.ending == Ending::Done => format!("{client} was shredded"),
            Ok(_) => {
                format!("{client} was shredded, and something of it is left: `holdfast purge --history`")
            }
            Err(error) if key_lost.is_some() => error.to_string(),
            Err(error) => format!("{client} was not shredded: {error}"),
        };
        requests::answer(state, &name, &outcome.map_or_else(Answer::Refused, Answer::Shredded))?;
        Ok(said)
    }

    /// Nothing more begins.
    pub(super) fn end(&mut self, state: &Path) -> Result<()> {
        self.stop.store(true, Ordering::SeqCst);
        let ends =
            || Error::not_done("nothing was shredded: holdfast serve is about to end").hint("ask again");
        self.waiting
            .drain(..)
            .try_for_each(|Waiting { name, .. }| requests::answer(state, &name, &Answer::Refused(ends())))
    }
}

impl Daemon<'_> {
    /// Begins the next one, once nothing is under way that it would disturb.
    pub(super) fn shred_when_possible(&mut self) -> Result<()> {
        let Some(client) = self.shredding.next() else { return Ok(()) };
        // Who reads the ledger keeps in its log what is to be erased.
        let is_beside =
            self.purging.is_under_way || self.stocktaking.is_under_way || self.judging.is_under_way;
        if is_beside || self.under_way.values().any(|run| run.repository == client) {
            return Ok(());
        }
        if self.rereading.is_under_way || self.catching_up.is_under_way || self.testing.is_under_way {
            self.testing.give_way();
            self.rereading.give_way();
            self.catching_up.give_way(None);
            return Ok(());
        }
        let setup = self.setup_beside(&self.shredding.stop);
        let said = self.shredding.start(&self.configuration.setup, setup, &self.sender)?;
        said.into_iter().for_each(|line| self.tell(line));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
