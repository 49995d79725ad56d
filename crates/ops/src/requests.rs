//! What people ask for while the daemon has the ledger: holds, waivers, reviews of the policy, and shreddings.
//!
//! One process owns the ledger, and the daemon has it for months. If a hold could only be placed by stopping the backups,
//! none would be. So a request is left in the state folder, the daemon takes it within a second or two, does it and
//! answers; whoever asked waits for the answer, and a request that is not taken in time is withdrawn and was not done.
//! Taking and withdrawing are both the removal of its file, so that only one of them happens. The folder is closed to
//! everybody but the owner of the state, so asking needs the same rights as writing the ledger.

use std::path::{Path, PathBuf};
use std::time::Duration;

use holdfast_ledger::{ErrorKind, Ledger, NewHold, NewPolicyReview, NewWaiver};
use holdfast_world::World;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::setup::Setup;
use crate::shred::{ShredReport, ShredRequest};
use crate::{journal, record, slots, state_lock};

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
    /// Shreddings, each with the name under which it is to be answered. They take their time.
    pub(crate) to_shred: Vec<(String, ShredRequest, String)>,
}

const REQUESTS: &str = "requests";
const ANSWERS: &str = "answers";
/// How long a daemon is given.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);

/// Has something written into the ledger, by this process or by the daemon; returns its id there.
///
/// # Errors
/// When it was not.
pub(crate) fn enter(setup: &Setup, entry: Entry) -> Result<String> {
    let (world, state) = (&setup.world, &setup.places.state);
    if let Some(id) = entered_by_daemon(world, state, &entry)? {
        return Ok(id);
    }
    // A purge that is under way would not see it.
    let _lock = state_lock::take(state, "hold or waive", world.environment.pid())?;
    Ok(write(setup.ledger()?, entry, world.clock.now())?)
}

/// Has the daemon write something into the ledger that it has; returns its id there, and nothing where there is no daemon.
///
/// # Errors
/// When it was not.
pub(crate) fn entered_by_daemon(world: &World, state: &Path, entry: &Entry) -> Result<Option<String>> {
    match by_daemon(world, state, &Request::Enter(entry.clone()))? {
        None => Ok(None),
        Some(Answer::Recorded(id)) => Ok(Some(id)),
        Some(other) => Err(no_answer_to_this(&other)),
    }
}

/// Leaves a request for the daemon that has the ledger, and waits for what becomes of it; `None` where there is no daemon.
///
/// # Errors
/// When it was refused, not taken in time, or taken by one that did not live to answer.
pub(crate) fn by_daemon(world: &World, state: &Path, request: &Request) -> Result<Option<Answer>> {
    if !has_daemon(world, state)? {
        return Ok(None);
    }
    let name = format!("{}-{}", world.clock.now().as_nanosecond(), world.environment.pid());
    record::keep(state, REQUESTS, &name, request)?;
    let begun = world.clock.monotonic();
    let mut is_over = false;
    loop {
        world.clock.sleep(PAUSE);
        if let Some(answer) = record::one::<Answer>(state, ANSWERS, &name)? {
            remove(&path(state, ANSWERS, &name))?;
            return match answer {
                Answer::Refused(why) => Err(why),
                answer => Ok(Some(answer)),
            };
        }
        if is_over {
            return Err(Error::not_done("holdfast serve took it, and ended before it answered")
                .hint("look whether it was done, or ask again: `holdfast hold list`, `waive list`, `purge --history`"));
        }
        if world.clock.monotonic().saturating_sub(begun) < PATIENCE {
            continue;
        }
        if remove(&path(state, REQUESTS, &name))? {
            return Err(Error::not_done(
                "holdfast serve has the ledger and did not take it; it was not done",
            )
            .hint("see what it says: `journalctl -u holdfast`"));
        }
        // Taken, and under way as long as the daemon lives; what it answered with its last breath is looked for once more.
        is_over = !has_daemon(world, state)?;
    }
}

fn has_daemon(world: &World, state: &Path) -> Result<bool> {
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
    for name in waiting(state) {
        let request = record::one::<Request>(state, REQUESTS, &name);
        if !remove(&path(state, REQUESTS, &name))? {
            continue;
        }
        let answered = match request {
            Ok(None) => continue,
            Err(unreadable) => Answer::Refused(unreadable),
            Ok(Some(Request::Shred { request, by })) => {
                taken.said.push(format!("asked to shred {} by {by}: {}", request.client, request.reason));
                taken.to_shred.push((name, request, by));
                continue;
            }
            Ok(Some(Request::Enter(entry))) => match write(ledger, entry.clone(), now) {
                Ok(id) => {
                    taken.said.push(format!("recorded by request: {}", words(&entry)));
                    Answer::Recorded(id)
                }
                Err(error) if error.kind == ErrorKind::Contradiction => {
                    Answer::Refused(Error::not_done(error.to_string()))
                }
                Err(error) => return Err(error.into()),
            },
        };
        answer(state, &name, &answered)?;
    }
    Ok(taken)
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

/// The requests that nobody answered, oldest first.
fn waiting(state: &Path) -> Vec<String> {
    let files = std::fs::read_dir(state.join("records").join(REQUESTS));
    let name =
        |entry: std::fs::DirEntry| entry.file_name().to_str()?.strip_suffix(".json").map(str::to_owned);
    let mut names: Vec<String> = files.into_iter().flatten().flatten().filter_map(name).collect();
    names.sort();
    names
}

fn path(state: &Path, kind: &str, name: &str) -> PathBuf {
    state.join("records").join(kind).join(format!("{name}.json"))
}

/// Removes a file; returns whether it was there.
fn remove(path: &Path) -> Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::not_done(format!("remove {}: {error}", path.display()))),
    }
}
