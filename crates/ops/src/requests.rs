//! What people ask for while the daemon has the ledger: holds, waivers, reviews of the policy, and shreddings.
//!
//! One process owns the ledger, and the daemon has it for months. If a hold could only be placed by stopping the backups,
//! none would be. So a request is left in the state folder, the daemon takes it within a second or two, does it and
//! answers; whoever asked waits for the answer, and a request that is not taken in time is withdrawn and was not done.
//! Taking and withdrawing are both the removal of its file, so that only one of them happens. Its name says when it was
//! asked: one that nobody waits for any more, because whoever asked was killed, is refused and not done hours later. The
//! folder is closed to everybody but the owner of the state, so asking needs the same rights as writing the ledger.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use holdfast_ledger::{ErrorKind, Ledger, NewHold, NewPolicyReview, NewWaiver, Purge, PurgeKind, PurgeState};
use holdfast_world::World;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::hold::CLIENT;
use crate::setup::Setup;
use crate::shred::{ShredReport, ShredRequest};
use crate::{journal, record, recovery, slots, state_lock};

/// What is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Request {
    /// That something is written into the ledger.
    Enter(Entry),
    /// The shredding of a client.
    Shred {
        /// What is asked for.
        request: ShredRequest,
        /// Who asks.
        by: String,
    },
}

/// What is to be written into the ledger.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Entry {
    /// A hold.
    Hold(NewHold),
    /// The end of one.
    Release {
        /// Its id.
        id: String,
        /// Who releases it.
        by: String,
    },
    /// A waiver.
    Waive(NewWaiver),
    /// That somebody reviewed this text of the policy.
    Review {
        /// Who.
        reviewer: String,
        /// The text.
        text: String,
        /// What came of it.
        note: Option<String>,
    },
}

/// What became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Answer {
    /// It is recorded, under this id.
    Recorded(String),
    /// It cannot be.
    Refused(Error),
    /// A client was shredded, as far as the report says.
    Shredded(Box<ShredReport>),
}

/// What was taken.
#[derive(Default)]
pub(crate) struct Taken {
    /// What there is to say about it.
    pub(crate) said: Vec<String>,
    /// Whether something was written into the ledger.
    pub(crate) has_entered: bool,
    /// Shreddings, each with the name under which it is to be answered. They take their time.
    pub(crate) to_shred: Vec<(String, ShredRequest, String)>,
}

const REQUESTS: &str = "requests";
const ANSWERS: &str = "answers";
/// How long a daemon is given.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);
const LOOK: &str =
    "look whether it was done, or ask again: `holdfast hold list`, `waive list`, `purge --history`";

/// The file of a request that somebody waits for. However the waiting ends, it is not left behind for a daemon.
struct Left<'s> {
    state: &'s Path,
    name: String,
}

impl Left<'_> {
    /// Withdraws the request; returns whether nobody had taken it.
    fn withdraw(&self) -> Result<bool> {
        record::remove(self.state, REQUESTS, &self.name)
    }
}

impl Drop for Left<'_> {
    fn drop(&mut self) {
        // Where even that fails, it is too old soon.
        let _ = self.withdraw();
    }
}

/// Has something written into the ledger, by this process or by the daemon; returns its id there.
///
/// # Errors
/// When it was not.
pub(crate) fn enter(setup: &Setup, entry: Entry) -> Result<String> {
    let (world, state) = (&setup.world, &setup.places.state);
    if let Some(answer) = by_daemon(world, state, &Request::Enter(entry.clone()), &setup.interrupted)? {
        return recorded(answer);
    }
    // A purge that is under way would not see it.
    let _lock = state_lock::take(state, "hold or waive", world.environment.pid())?;
    let id = write(setup.ledger()?, entry, world.clock.now())?;
    recovery::deliver_entered(setup);
    Ok(id)
}

/// Has the daemon write something into the ledger that it has; returns its id there, and nothing where there is no daemon.
///
/// # Errors
/// When it was not.
pub(crate) fn entered_by_daemon(
    world: &World,
    state: &Path,
    entry: &Entry,
    interrupted: &AtomicBool,
) -> Result<Option<String>> {
    by_daemon(world, state, &Request::Enter(entry.clone()), interrupted)?.map(recorded).transpose()
}

fn recorded(answer: Answer) -> Result<String> {
    match answer {
        Answer::Recorded(id) => Ok(id),
        other => Err(no_answer_to_this(&other)),
    }
}

/// Leaves a request for the daemon that has the ledger, and waits for what becomes of it, until `interrupted` is raised; `None`
/// where there is no daemon.
///
/// # Errors
/// When it was refused, not taken in time, or taken by one that did not live to answer.
pub(crate) fn by_daemon(
    world: &World,
    state: &Path,
    request: &Request,
    interrupted: &AtomicBool,
) -> Result<Option<Answer>> {
    if !has_daemon(world, state)? {
        return Ok(None);
    }
    let name = name_of(world.clock.now(), world.environment.pid());
    let left = Left { state, name: name.clone() };
    record::keep(state, REQUESTS, &name, request)?;
    let begun = world.clock.monotonic();
    let mut is_over = false;
    loop {
        world.clock.sleep(PAUSE);
        if let Some(answer) = record::one::<Answer>(state, ANSWERS, &name)? {
            record::remove(state, ANSWERS, &name)?;
            return match answer {
                Answer::Refused(why) => Err(why),
                answer => Ok(Some(answer)),
            };
        }
        if is_over {
            return Err(Error::not_done("holdfast serve took it, and ended before it answered").hint(LOOK));
        }
        if interrupted.load(Ordering::SeqCst) {
            let is_withdrawn = left.withdraw()?;
            return Err(if is_withdrawn {
                Error::new(Ending::Interrupted, "withdrawn before holdfast serve took it; it was not done")
            } else {
                let taken = "holdfast serve took it already, and may do it all the same";
                Error::new(Ending::Interrupted, taken).hint(LOOK)
            });
        }
        if world.clock.monotonic().saturating_sub(begun) < PATIENCE {
            continue;
        }
        if left.withdraw()? {
            return Err(Error::not_done(
                "holdfast serve has the ledger and did not take it; it was not done",
            )
            .hint("see what it says: `journalctl -u holdfast`"));
        }
        // Taken, and under way as long as the daemon lives; what it answered with its last breath is looked for once more.
        is_over = !has_daemon(world, state)?;
    }
}

pub(crate) fn has_daemon(world: &World, state: &Path) -> Result<bool> {
    match journal::reader(state)? {
        Some(reader) => Ok(slots::daemon(&reader, world.clock.now())?.is_some()),
        None => Ok(false),
    }
}

/// An answer to something else.
pub(crate) fn no_answer_to_this(answer: &Answer) -> Error {
    Error::not_done(format!("holdfast serve gave an answer that does not fit: {answer:?}"))
        .hint("it may be of another version: restart it")
}

/// Takes what was asked for; records what is soon done, and answers it. A request that a crash cuts off was not done: it is
/// taken away first.
pub(crate) fn take(ledger: &Ledger, state: &Path, now: Timestamp) -> Result<Taken> {
    let mut taken = Taken::default();
    for name in record::names(state, REQUESTS) {
        let request = record::one::<Request>(state, REQUESTS, &name);
        if !record::remove(state, REQUESTS, &name)? {
            continue;
        }
        let answered = match request {
            Ok(None) => continue,
            Err(unreadable) => Answer::Refused(unreadable),
            Ok(Some(request)) if is_given_up(&name, now) => {
                taken
                    .said
                    .push(format!("refused, as whoever asked gave up waiting: {}", asked_for(&request)));
                Answer::Refused(
                    Error::not_done("it was asked too long ago; it was not done").hint("ask again"),
                )
            }
            Ok(Some(Request::Shred { request, by })) => {
                taken.said.push(format!("asked to shred {} by {by}: {}", request.client, request.reason));
                taken.to_shred.push((name, request, by));
                continue;
            }
            Ok(Some(Request::Enter(entry))) => match too_late(ledger, &entry)? {
                Some(refusal) => {
                    taken.said.push(format!("refused: {refusal}"));
                    Answer::Refused(refusal)
                }
                None => match write(ledger, entry.clone(), now) {
                    Ok(id) => {
                        taken.has_entered = true;
                        taken.said.push(format!("recorded by request: {}", words(&entry)));
                        Answer::Recorded(id)
                    }
                    Err(error) if error.kind == ErrorKind::Contradiction => {
                        Answer::Refused(Error::not_done(error.to_string()))
                    }
                    Err(error) => return Err(error.into()),
                },
            },
        };
        answer(state, &name, &answered)?;
    }
    Ok(taken)
}

/// Whether whoever asked cannot be waiting any more.
fn is_given_up(name: &str, now: Timestamp) -> bool {
    let age = asked_at(name).map(|asked| now.duration_since(asked));
    age.and_then(|age| Duration::try_from(age).ok()).is_some_and(|age| age > PATIENCE)
}

/// Why a hold cannot be placed any more: a shredding began that it would have forbidden, and the key goes first. One that
/// only waits looks for holds when it begins.
fn too_late(ledger: &Ledger, entry: &Entry) -> Result<Option<Error>> {
    let Entry::Hold(hold) = entry else { return Ok(None) };
    // One that waits, or was cut off, does not count: its client may have come back with another key.
    let is_under_way =
        |purge: &Purge| purge.purge.kind == PurgeKind::Shred && purge.state == PurgeState::Begun;
    for purge in ledger.read().purges_open()?.into_iter().filter(is_under_way) {
        let Some(client) = &purge.purge.client else { continue };
        let is_of_client = match hold.asset.strip_prefix(CLIENT) {
            Some(held) => held == client.as_str(),
            None => {
                let points = ledger.read().points_of_purge(&purge.id)?;
                points.iter().any(|point| point.decided.asset.as_ref() == Some(&hold.asset))
            }
        };
        if is_of_client {
            let message = format!(
                "{} cannot be held: the shredding of {client} began at {}, and its key goes first",
                hold.asset, purge.begun_at
            );
            let hint = "`holdfast purge --history` tells how far it came";
            return Ok(Some(Error::new(Ending::Refused, message).hint(hint)));
        }
    }
    Ok(None)
}

/// Answers a request that was taken, under the name that it had.
pub(crate) fn answer(state: &Path, name: &str, answer: &Answer) -> Result<()> {
    record::keep(state, ANSWERS, name, answer)
}

pub(crate) fn write(ledger: &Ledger, entry: Entry, now: Timestamp) -> holdfast_ledger::Result<String> {
    ledger.write(|transaction| match entry {
        Entry::Hold(hold) => transaction.place_hold(hold, now),
        Entry::Release { id, by } => transaction.release_hold(&id, &by, now).map(|()| id),
        Entry::Waive(waiver) => transaction.waive(waiver, now),
        Entry::Review { reviewer, text, note } => {
            let leaf = transaction.review_policy(&NewPolicyReview { reviewer, text, note }, now)?;
            Ok(leaf.to_string())
        }
    })
}

fn asked_for(request: &Request) -> String {
    match request {
        Request::Enter(entry) => words(entry),
        Request::Shred { request, by } => format!("shred {} by {by}: {}", request.client, request.reason),
    }
}

fn words(entry: &Entry) -> String {
    match entry {
        Entry::Hold(hold) => format!("{} is held by {}: {}", hold.asset, hold.owner, hold.reason),
        Entry::Release { id, by } => format!("hold {id} was released by {by}"),
        Entry::Waive(waiver) => {
            let NewWaiver { asset, expires, owner, reason, .. } = waiver;
            format!("slots of {asset} are waived until {expires} by {owner}: {reason}")
        }
        Entry::Review { reviewer, .. } => format!("the policy was reviewed by {reviewer}"),
    }
}

/// The name of a request. It says when it was asked, and by whom.
fn name_of(now: Timestamp, pid: u32) -> String {
    format!("{}-{pid}", now.as_nanosecond())
}

/// When a request of this name was asked.
fn asked_at(name: &str) -> Option<Timestamp> {
    let (nanoseconds, _) = name.rsplit_once('-')?;
    Timestamp::from_nanosecond(nanoseconds.parse().ok()?).ok()
}

#[cfg(test)]
mod tests;
