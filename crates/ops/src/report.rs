//! The evidence pack: how the policy was kept over a period, as a page for people, tables and JSON for programs, and the log
//! that proves it, signed.
//!
//! An auditor believes nothing that only our program can show, and nothing that reads otherwise next month. So a pack is a
//! function of what was recorded until its end: the same period gives the same bytes whenever it is asked for, whatever was
//! edited since (what was erased since reads `[erased]`). Nothing in it says when or by whom it was made; that stands in the
//! log. And `holdfast-audit-verify`, which shares nothing with us, checks every file of it by one public key.

mod citations;
mod days;
mod document;
mod gather;
mod history;
mod objectives;
mod pack;
mod page;
mod plots;
mod retention;
mod sheets;
mod slots;
mod storage;
mod svg;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use holdfast_ledger::{ActionKind, Reader, TreeHead};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use self::citations::Finder;
use self::gather::Given;
use self::pack::Pack;
use crate::audit::{self, Part, Signer};
use crate::ending::Ending;
use crate::error::{Error, Result};
use crate::setup::Setup;
use crate::status::{self, StatusReport};
use crate::{action, journal};

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// From when; by default from the first day of the month before the end's.
    pub from: Option<Timestamp>,
    /// As of when; by default as of now.
    pub to: Option<Timestamp>,
    /// The folder, which is made.
    pub out: PathBuf,
    /// What for.
    pub purpose: Option<String>,
    /// With the values about people that the log's leaves hold as hashes.
    pub with_values: bool,
}

/// What was written.
#[derive(Debug, Serialize)]
pub struct Written {
    /// The folder.
    pub out: PathBuf,
    /// From when.
    pub from: Timestamp,
    /// As of when.
    pub to: Timestamp,
    /// Files in it, the signed list of them aside.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// Leaves of the log in it.
    pub leaves: u64,
    /// The public key by which it is verified.
    pub key: String,
    /// How many controls have which verdict.
    pub counts: BTreeMap<String, usize>,
    /// Whether any of them is red.
    pub ending: Ending,
}

/// Writes a pack, telling each step; all of it or nothing is there afterwards.
///
/// # Errors
/// A usage error for a period that makes no sense, or a folder that is not empty; not done where the ledger cannot be read or
/// the pack not be written; damage where the log is not the one that was signed.
pub fn report(setup: &Setup, wanted: &Wanted, step: &dyn Fn(&str)) -> Result<Written> {
    pack::refuse_taken(&wanted.out)?;
    step("judging what changed since the last time");
    let to = end_of(setup, wanted.to)?;
    let from = wanted.from.unwrap_or_else(|| month_before(to));
    if from >= to {
        return Err(Error::usage(format!("the period from {from} to {to} is empty")));
    }
    let reader = journal::reader(&setup.places.state)?.ok_or_else(nothing_yet)?;
    if reader.verdicts_at(to)?.is_none() {
        return Err(Error::not_done(format!("nothing was written down as of {to} or before"))
            .hint("the first verdicts are later: choose a later --to"));
    }
    let mut entry = action::by_us(setup, ActionKind::Report, wanted.purpose.as_deref());
    entry.paths = vec!["--from".to_owned(), from.to_string(), "--to".to_owned(), to.to_string()];
    let out = std::path::absolute(&wanted.out).unwrap_or_else(|_| wanted.out.clone());
    entry.target = Some(out.display().to_string());
    action::recorded(setup, entry, || write(setup, &reader, (from, to), wanted, step), |_| Ending::Done)
}

/// The end of the period: until then verdicts are written down, or it is brought up to date.
fn end_of(setup: &Setup, to: Option<Timestamp>) -> Result<Timestamp> {
    let now = setup.world.clock.now();
    if let Some(to) = to.filter(|to| *to > now) {
        return Err(Error::usage(format!("{to} is to come")));
    }
    let state = &setup.places.state;
    let judged = |reader: Option<Reader>| reader.map_or(Ok(None), |reader| reader.assessed_until());
    if let Some(to) = to
        && judged(journal::reader_if_current(state)?)?.is_some_and(|until| to <= until)
    {
        return Ok(to);
    }
    let holder = status::bring_up_to_date(setup)?;
    let until = judged(journal::reader(state)?)?.ok_or_else(nothing_yet)?;
    match to {
        // Where the clock was ahead, verdicts are written down for what is to come.
        None => Ok(until.min(setup.world.clock.now())),
        Some(to) if to <= until => Ok(to),
        Some(_) => Err(Error::not_done(format!(
            "verdicts are written down until {until} only{}",
            holder.map(|holder| format!(" ({holder})")).unwrap_or_default()
        ))
        .hint("choose an earlier --to, or leave it out")),
    }
}

/// The first instant of the month before that of `to`, in UTC: a whole month, and what there is of this one.
fn month_before(to: Timestamp) -> Timestamp {
    let first = to.to_zoned(TimeZone::UTC).date().first_of_month();
    let before = first.yesterday().map_or(first, jiff::civil::Date::first_of_month);
    days::start(before)
}

fn nothing_yet() -> Error {
    Error::not_done("no verdict was written down yet").hint("`holdfast status` writes them down")
}

fn write(
    setup: &Setup,
    reader: &Reader,
    (from, to): (Timestamp, Timestamp),
    wanted: &Wanted,
    step: &dyn Fn(&str),
) -> Result<Written> {
    step("making the ledger as it was");
    let recorded = reader.leaves_until(to)?;
    let head = reader.tree_head(Some(recorded.max(reader.leaves_with_verdicts(to)?)))?;
    let past = reader.as_of(recorded)?;
    let signer = audit::signer(setup)?;
    let key = signer.verifier().line();
    step("gathering the evidence");
    let assessed = reader.verdicts_at(to)?.ok_or_else(nothing_yet)?;
    let status = status::told(&assessed, to)?;
    let now = setup.world.clock.now();
    let given = Given {
        told: reader,
        past: &past,
        from,
        to,
        recorded,
        is_judged_ahead: reader.assessed_until()?.is_some_and(|until| until > now),
        head: head.clone(),
        key: key.clone(),
    };
    let mut document = gather::document(&given, &status)?;
    if !wanted.with_values {
        leave_out_people(&mut document.access);
    }
    let mut pack = Pack::begin(setup, &wanted.out)?;
    step("writing the log");
    let mut finder = Finder::of(&document);
    let mut checkpoints = witnessed(reader, &past, &signer, &head)?;
    let checkpoint = signer.checkpoint(&head);
    checkpoints.push(checkpoint.clone());
    let part =
        Part { key: Some(key.clone()), leaves: head.leaves, checkpoints, with_values: wanted.with_values };
    pack.stream("log.jsonl", &mut |file, trouble| {
        audit::write_part(reader, &part, file, &mut |leaf| finder.see(leaf), trouble).map(|_| ())
    })?;
    pack.put("checkpoint", checkpoint.as_bytes())?;
    document.citations = finder.citations();
    step("writing tables and page");
    let sheets = sheets::of(&document);
    for sheet in &sheets {
        pack.put(sheet.file, &sheet.csv(&document)?)?;
    }
    pack.put("report.html", page::html(&document, &status, &sheets)?.as_bytes())?;
    let json = serde_json::to_string_pretty(&document)
        .map_err(|error| Error::not_done(format!("write report.json: {error}")))?;
    pack.put("report.json", json.as_bytes())?;
    pack.put("README.txt", include_bytes!("../templates/report/README.txt"))?;
    let (files, bytes) = pack.seal(&signer, (from, to), &head)?;
    Ok(written(wanted.out.clone(), &document, (files, bytes), key, status))
}

fn written(
    out: PathBuf,
    document: &document::Document,
    (files, bytes): (usize, u64),
    key: String,
    status: StatusReport,
) -> Written {
    let (from, to, leaves) = (document.from, document.to, document.log.leaves);
    Written { out, from, to, files, bytes, leaves, key, counts: status.counts, ending: status.ending }
}

/// The signed heads that places were given until then. Only what leaves say counts, or a head that is signed later would
/// change the pack.
fn witnessed(reader: &Reader, past: &Reader, signer: &Signer, head: &TreeHead) -> Result<Vec<String>> {
    let given: BTreeSet<String> = past.anchors(None)?.into_iter().map(|anchor| anchor.checkpoint).collect();
    let mut kept = reader.checkpoints()?;
    kept.retain(|one| {
        one.head.leaves < head.leaves
            && given.contains(&one.sha256)
            && signer.verifier().open_checkpoint(&one.note).is_ok()
    });
    let sizes: BTreeSet<u64> = kept.iter().map(|one| one.head.leaves).collect();
    let (heads, _) = reader.tree_heads(&sizes)?;
    if let Some(other) = kept.iter().find(|one| !heads.contains(&one.head)) {
        let why = format!("the log is not the one that was signed at {} leaves", other.head.leaves);
        return Err(Error::new(Ending::Damage, why)
            .hint("nothing of it is signed again; `holdfast audit verify --against-all` tells more"));
    }
    Ok(kept.into_iter().map(|one| one.note).collect())
}

/// What was left out on request, as it is told.
const LEFT_OUT: &str = "[left out]";

fn leave_out_people(access: &mut [holdfast_ledger::Action]) {
    for action in access {
        let done = &mut action.action;
        LEFT_OUT.clone_into(&mut done.actor);
        LEFT_OUT.clone_into(&mut done.purpose);
        done.paths.iter_mut().for_each(|path| LEFT_OUT.clone_into(path));
        for value in [&mut done.target, &mut action.detail] {
            *value = value.as_ref().map(|_| LEFT_OUT.to_owned());
        }
    }
}

/// How a folder is named to people.
fn shown(path: &Path) -> String {
    path.display().to_string()
}
