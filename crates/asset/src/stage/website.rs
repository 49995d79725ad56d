//! Brings a restored website to life and asks it what only a living one can answer.

mod address;
mod marker;
mod needs;
mod questions;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::failure::{StageError, StageErrorKind};
use super::mail::Mail;
use super::outbound::Outbound;
use super::{Serving, Stage};
use crate::database::load::DumpFiles;
use crate::proof::Proof;

use self::needs::Needs;
use self::questions::Asking;

/// A restored website.
#[derive(Clone, Debug)]
pub struct Website {
    /// Its folder as it was restored, below [`Stage::files`].
    pub folder: PathBuf,
    /// Where it lay when it was backed up: it is seen there again, so that its files need no change.
    pub path: PathBuf,
    /// The folder of its documents, below its own; none: found out (`httpdocs`, `public_html`, an application's own).
    pub documents: Option<PathBuf>,
    /// Under which address it is asked, such as `https://shop.example`; none: WordPress' own, else `http://localhost`.
    pub address: Option<String>,
    /// What is asked for, such as `/`. A redirection within the website is followed.
    pub asked: String,
    /// Words that must stand in the answer; none: WordPress' title.
    pub marker: Option<String>,
    /// Whether an attempt to reach something outside, or to send mail, fails the test. Else it is told: nothing got out either way.
    pub must_be_quiet: bool,
    /// The website's own check, program and arguments, run inside in its folder as its user; it must end with 0.
    pub probe: Option<Vec<String>>,
    /// Whether a picture is taken, where Chromium is installed.
    pub is_pictured: bool,
    /// Longest wait for an answer.
    pub answer_max: Duration,
    /// Longest run of the probe.
    pub probe_max: Duration,
}

impl Website {
    /// A website asked for `/` within 60 seconds, with a picture and without a probe.
    pub fn new(folder: impl Into<PathBuf>, path: impl Into<PathBuf>) -> Website {
        Website {
            folder: folder.into(),
            path: path.into(),
            documents: None,
            address: None,
            asked: "/".to_owned(),
            marker: None,
            must_be_quiet: false,
            probe: None,
            is_pictured: true,
            answer_max: Duration::from_secs(60),
            probe_max: Duration::from_secs(300),
        }
    }
}

/// A database of the website.
pub struct Dump<'a> {
    /// Its name, on the server that was dumped and on the scratch server.
    pub database: String,
    /// Its dump.
    pub files: &'a dyn DumpFiles,
}

/// What was found out.
#[derive(Debug, Default)]
pub struct Proven {
    /// The questions, in the order in which they were asked: `loads`, `rows`, `answers`, `marker`, `quiet`, `probe`, `picture`. `files` is
    /// whoever's that restored.
    pub proofs: Vec<Proof>,
    /// Whether something did not end within its time.
    pub is_timed_out: bool,
    /// The picture, a PNG.
    pub picture: Option<Vec<u8>>,
    /// What it tried to reach.
    pub outbound: Outbound,
    /// What it wanted to send.
    pub mails: Vec<Mail>,
}

/// Shows the website at its old path, loads its databases, starts everything, and asks everything. What turns out to be wrong with the
/// website or its dumps is among the proofs; an error is what keeps questions from being asked at all.
///
/// # Errors
/// When the servers do not start, or somebody interrupted.
pub fn prove(
    stage: &mut Stage,
    website: &Website,
    dumps: &[Dump<'_>],
    interrupted: Option<Arc<AtomicBool>>,
) -> Result<Proven, StageError> {
    let needs = set_up(stage, website, dumps, interrupted.clone())?;
    let mut asking = Asking::new(stage, website);
    asking.loads(dumps, interrupted)?;
    finish(asking, &needs, dumps)
}

/// What [`prove`] does before it loads: shows the website at its old path and starts the scratch server with the accounts and under the
/// names that the website's configuration has. For whoever loads databases by themselves, neutralises what is in them, and then calls
/// [`prove_loaded`].
///
/// # Errors
/// When the server does not start, or somebody interrupted.
pub fn prepare(
    stage: &mut Stage,
    website: &Website,
    dumps: &[Dump<'_>],
    interrupted: Option<Arc<AtomicBool>>,
) -> Result<(), StageError> {
    set_up(stage, website, dumps, interrupted).map(drop)
}

/// What [`prove`] does after it loaded, with proofs from `answers` on.
///
/// # Errors
/// When the servers do not start, or somebody interrupted.
pub fn prove_loaded(stage: &mut Stage, website: &Website, dumps: &[Dump<'_>]) -> Result<Proven, StageError> {
    let needs = Needs::of(website)?;
    finish(Asking::new(stage, website), &needs, dumps)
}

fn set_up(
    stage: &mut Stage,
    website: &Website,
    dumps: &[Dump<'_>],
    interrupted: Option<Arc<AtomicBool>>,
) -> Result<Needs, StageError> {
    stage.interrupt_by(interrupted);
    let needs = Needs::of(website)?;
    stage.show(&website.folder, &website.path)?;
    if !dumps.is_empty() || !needs.accounts.is_empty() {
        stage.start_database(&needs.accounts, &needs.places)?;
    }
    Ok(needs)
}

fn finish(mut asking: Asking<'_>, needs: &Needs, dumps: &[Dump<'_>]) -> Result<Proven, StageError> {
    let site = address::of(asking.stage(), asking.website(), needs, dumps);
    let serving = Serving {
        documents: needs.documents.clone(),
        hosts: site.hosts(),
        ports: site.port.into_iter().collect(),
    };
    asking.stage_mut().start_web(&serving)?;
    let answer = asking.answers(&site)?;
    asking.marker(answer.as_ref(), needs, dumps);
    asking.probe(&needs.documents)?;
    asking.quiet()?;
    asking.picture(&site)?;
    Ok(asking.proven)
}

/// Whether an error is the end of all questions, or the answer to one.
fn is_fatal(error: &StageError) -> bool {
    error.kind == StageErrorKind::Interrupted
}
