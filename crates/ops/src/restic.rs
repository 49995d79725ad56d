//! The exit door: stock restic on our repository.
//!
//! If holdfast disappeared, restic would have to do. This runs it on one location with the key from the ring, for reading
//! only: what writes would change one copy behind the back of the others.

use std::ffi::OsString;
use std::time::Duration;

use holdfast_world::process::Invocation;
use holdfast_world::{ExposeSecret, SecretString};

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
pub fn restic(setup: &Setup, repository: &str, location: Option<&str>, arguments: &[String]) -> Result<u8> {
    let Some(command) = arguments.iter().find(|a| !a.starts_with('-')) else {
        return Err(
            Error::usage("no restic command given").hint("for example: holdfast restic C-1042 -- snapshots")
        );
    };
    if !READING.contains(&command.as_str()) {
        return Err(Error::new(
            Ending::Refused,
            format!("`restic {command}` may write, and would change one copy behind the back of the others"),
        )
        .hint(format!("reading commands are: {}", READING.join(", "))));
    }
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
    let mut all: Vec<OsString> = vec!["--repo".into(), access.repository.into()];
    all.extend(access.options.into_iter().map(OsString::from));
    if !matches!(command.as_str(), "help" | "version") {
        all.push("--no-lock".into());
    }
    all.extend(arguments.iter().map(OsString::from));
    let password = SecretString::from(key.password.expose_secret().to_owned());
    let mut invocation = Invocation::new("restic", TIME_LIMIT)
        .arguments(all)
        .environment(setup.world.environment.for_programs())
        .secret("RESTIC_PASSWORD", password)
        .inherit();
    for (variable, value) in access.secrets {
        invocation = invocation.secret(variable, value);
    }
    let finished = invocation.run(Some(&setup.interrupted)).map_err(|e| {
        Error::not_done(format!("run restic: {e}")).hint("install it: apt-get install restic")
    })?;
    Ok(finished.code.unwrap_or(1).clamp(0, 255) as u8)
}

fn first_usable(setup: &Setup, repository: &str) -> Result<String> {
    let opened = setup.open(repository, None)?;
    let ready = opened.require_ready()?;
    ready
        .first()
        .map(|mirror| mirror.name().to_owned())
        .ok_or_else(|| Error::not_done("no location can be used"))
}
