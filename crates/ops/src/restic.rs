//! The exit door: stock restic on our repository.
//!
//! If holdfast disappeared, restic would have to do. This runs it on one location with the key from the ring, for reading
//! only: what writes would change one copy behind the back of the others.

use std::ffi::OsString;
use std::time::Duration;

use holdfast_ledger::{ActionKind, NewAction};
use holdfast_world::process::Invocation;
use holdfast_world::{ExposeSecret, SecretString};

use crate::action;
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::restic_address::restic_access;
use crate::setup::Setup;

/// Commands of restic that only read.
const READING: &[&str] = &[
    "cat",
    "check",
    "diff",
    "dump",
    "find",
    "help",
    "list",
    "ls",
    "mount",
    "restore",
    "snapshots",
    "stats",
    "version",
];

/// Long enough to read any repository; it is there so that nothing waits forever.
const TIME_LIMIT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Runs restic with `arguments` on `repository` as it lies at `location`, or at the first one that can be opened. Returns
/// restic's own exit code.
pub fn restic(
    setup: &Setup,
    repository: &str,
    location: Option<&str>,
    arguments: &[String],
    purpose: Option<&str>,
) -> Result<u8> {
    let command = reading_command(arguments)?;
    let key = setup
        .ring
        .get(repository)?
        .ok_or_else(|| Error::usage(format!("the key ring has no key for the repository {repository}")))?;
    let name = match location {
        Some(name) => name.to_owned(),
        None => first_usable(setup, repository)?,
    };
    let (address, credentials) = setup.address(&name)?;
    let access = restic_access(&address, &credentials, repository);
    let mut all: Vec<OsString> = access.options.into_iter().map(OsString::from).collect();
    if !matches!(command.as_str(), "help" | "version") {
        all.push("--no-lock".into());
    }
    all.extend(arguments.iter().map(OsString::from));
    let password = SecretString::from(key.password.expose_secret().to_owned());
    let mut invocation = Invocation::new("restic", TIME_LIMIT)
        .arguments(all)
        .environment(setup.world.environment.for_programs())
        .secret("RESTIC_PASSWORD", password)
        .secret("RESTIC_REPOSITORY", access.repository)
        .inherit();
    for (variable, value) in access.secrets {
        invocation = invocation.secret(variable, value);
    }
    let run = || {
        let finished = invocation.run(Some(&setup.interrupted)).map_err(|e| {
            Error::not_done(format!("run restic: {e}")).hint("install it: apt-get install restic")
        })?;
        Ok(finished.code.unwrap_or(1).clamp(0, 255) as u8)
    };
    // These two open no repository.
    if matches!(command.as_str(), "help" | "version") {
        return run();
    }
    let action = NewAction {
        repository: Some(repository.to_owned()),
        location: Some(name),
        paths: arguments.to_vec(),
        ..action::by_us(setup, ActionKind::Restic, purpose)
    };
    action::recorded(setup, action, run, |code| if *code == 0 { Ending::Done } else { Ending::Attention })
}

/// The command, which must come first. Behind an option the command is what restic makes of it: of an option that takes a
/// value, the value would be taken for the command here, and the command that writes would pass.
fn reading_command(arguments: &[String]) -> Result<&String> {
    let refused = |message: String| {
        Error::new(Ending::Refused, message)
            .hint(format!("reading commands are: {}; the command comes first", READING.join(", ")))
    };
    match arguments.first() {
        None => {
            Err(Error::usage("no restic command given")
                .hint("for example: holdfast restic C-1042 -- snapshots"))
        }
        Some(command) if READING.contains(&command.as_str()) => Ok(command),
        Some(option) if option.starts_with('-') => {
            Err(refused(format!("restic's command must come first, and {option} comes before it")))
        }
        Some(command) => Err(refused(format!(
            "`restic {command}` may write, and would change one copy behind the back of the others"
        ))),
    }
}

fn first_usable(setup: &Setup, repository: &str) -> Result<String> {
    let opened = setup.open(repository, None)?;
    let ready = opened.require_ready()?;
    ready
        .first()
        .map(|mirror| mirror.name().to_owned())
        .ok_or_else(|| Error::not_done("no location can be used"))
}
