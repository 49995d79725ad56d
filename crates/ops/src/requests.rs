//! What people write into the ledger while the daemon has it: holds and waivers.
//!
//! One process owns the ledger, and the daemon has it for months. If a hold could only be placed by stopping the backups,
//! none would be. So a request is left in the state folder, the daemon takes it within a second or two, records it and
//! answers; whoever asked waits for the answer, and a request that is not taken in time is withdrawn and was not done.
//! The folder is closed to everybody but the owner of the state, so asking needs the same rights as writing the ledger.

use std::path::{Path, PathBuf};
use std::time::Duration;

use holdfast_ledger::{ErrorKind, Ledger, NewHold, NewWaiver};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::setup::Setup;
use crate::{journal, record, slots, state_lock};

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Request {
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
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    /// It is recorded, under this id.
    Recorded(String),
    /// It cannot be.
    Refused(String),
}

const REQUESTS: &str = "requests";
const ANSWERS: &str = "answers";
/// How long a daemon is given.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);

/// Has a request recorded, by this process or by the daemon; returns the id of what was recorded.
///
/// # Errors
/// When it was not.
pub(crate) fn ask(setup: &Setup, request: Request) -> Result<String> {
    let (state, environment) = (&setup.places.state, &setup.world.environment);
    let now = setup.world.clock.now();
    let has_daemon = match journal::reader(state)? {
        Some(reader) => slots::daemon(&reader, now)?.is_some(),
        None => false,
    };
    if !has_daemon {
        // A purge that is under way would not see it.
        let _lock = state_lock::take(state, "hold or waive", environment.pid())?;
        return Ok(carry_out(setup.ledger()?, request, now)?);
    }
    let name = format!("{}-{}", now.as_nanosecond(), environment.pid());
    record::keep(state, REQUESTS, &name, &request)?;
    let begun = setup.world.clock.monotonic();
    while setup.world.clock.monotonic().saturating_sub(begun) < PATIENCE {
        setup.world.clock.sleep(PAUSE);
        if let Some(answer) = record::one::<Answer>(state, ANSWERS, &name)? {
            remove(&path(state, ANSWERS, &name))?;
            return match answer {
                Answer::Recorded(id) => Ok(id),
                Answer::Refused(why) => Err(Error::not_done(why)),
            };
        }
    }
    remove(&path(state, REQUESTS, &name))?;
    Err(Error::not_done("holdfast serve has the ledger and did not answer")
        .hint("see what it says, and whether it was done: `holdfast hold list`, `holdfast waive list`"))
}

/// Records what was asked for, and answers; returns what there is to say about it. A request that a crash cuts off was not
/// done: it is taken away first.
pub(crate) fn answer(ledger: &Ledger, state: &Path, now: Timestamp) -> Result<Vec<String>> {
    let mut said = Vec::new();
    for name in waiting(state) {
        let request = record::one::<Request>(state, REQUESTS, &name);
        remove(&path(state, REQUESTS, &name))?;
        let answer = match request {
            Ok(None) => continue,
            Err(unreadable) => Answer::Refused(unreadable.message),
            Ok(Some(request)) => match carry_out(ledger, request.clone(), now) {
                Ok(id) => {
                    said.push(format!("recorded by request: {}", words(&request)));
                    Answer::Recorded(id)
                }
                Err(error) if error.kind == ErrorKind::Contradiction => Answer::Refused(error.to_string()),
                Err(error) => return Err(error.into()),
            },
        };
        record::keep(state, ANSWERS, &name, &answer)?;
    }
    Ok(said)
}

fn carry_out(ledger: &Ledger, request: Request, now: Timestamp) -> holdfast_ledger::Result<String> {
    ledger.write(|transaction| match request {
        Request::Hold(hold) => transaction.place_hold(hold, now),
        Request::Release { id, by } => transaction.release_hold(&id, &by, now).map(|()| id),
        Request::Waive(waiver) => transaction.waive(waiver, now),
    })
}

fn words(request: &Request) -> String {
    match request {
        Request::Hold(hold) => format!("{} is held by {}: {}", hold.asset, hold.owner, hold.reason),
        Request::Release { id, by } => format!("hold {id} was released by {by}"),
        Request::Waive(waiver) => {
            let NewWaiver { asset, expires, owner, reason, .. } = waiver;
            format!("slots of {asset} are waived until {expires} by {owner}: {reason}")
        }
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

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::not_done(format!("remove {}: {error}", path.display())))
        }
        _ => Ok(()),
    }
}
