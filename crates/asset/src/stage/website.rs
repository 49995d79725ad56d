//! Brings a restored website to life and asks it what only a living one can answer.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::Stage;
use super::failure::StageError;
use super::mail::Mail;
use super::outbound::Outbound;
use crate::database::load::DumpFiles;
use crate::proof::Proof;

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
    /// What is asked for: `/`.
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
    /// the restoring one's.
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

/// Starts everything, asks everything. A question that fails ends up among the proofs; an error is only what keeps questions from being asked at all.
///
/// # Errors
/// When the servers do not start, or somebody interrupted.
pub fn prove(
    _stage: &mut Stage,
    _website: &Website,
    _dumps: &[Dump<'_>],
    _interrupted: Option<Arc<AtomicBool>>,
) -> Result<Proven, StageError> {
    Err(StageError::refused("not built yet"))
}
