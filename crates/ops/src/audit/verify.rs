//! Proving the log: the tree computed again from all leaves, the tables computed again from the leaves, and both compared
//! with every signed head, those kept here and those at a location.
//!
//! A root says whether the first so many leaves are the ones that were signed, and nothing about which of them is not. The
//! largest head that still fits and the smallest that does not are what narrows it down. No head at a location is no pass:
//! whoever took them away must not look like whoever never needed any.

use std::collections::{BTreeMap, BTreeSet};

use holdfast_ledger::{Action, ActionOutcome, Examination, LogRestart, PurgeState, Reader, TreeHead};
use holdfast_location::Location;
use holdfast_model::verdict::ForkFact;
use jiff::Timestamp;
use serde::Serialize;

use super::note::{NoteError, Signer, Verifier};
use super::{log_key, place};
use crate::ending::Ending;
use crate::error::Result;
use crate::journal;
use crate::setup::Setup;

/// What a verification showed.
#[derive(Debug, Serialize)]
pub struct VerifyReport {
    /// The public half of the log's key; absent before its first use.
    pub key: Option<String>,
    /// Leaves that are there.
    pub leaves: u64,
    /// The root over them, as hex.
    pub root: String,
    /// Rows of tables that were computed again and are the same; absent where they were not compared.
    pub rows: Option<u64>,
    /// Values about people that are what their leaves say.
    pub values: u64,
    /// Those that were erased.
    pub values_erased: u64,
    /// This machine, then the locations that were asked.
    pub places: Vec<PlaceVerdict>,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What was begun and has no result: it goes on, or was cut off.
    pub open: Vec<String>,
    /// What was done without the log and nobody has reviewed.
    pub unreviewed: usize,
    /// That this log began anew, each time; what the former ones said nobody can tell from it.
    pub restarts: Vec<LogRestart>,
    /// `consistent`, `TAMPERED` or `NO_EVIDENCE`.
    pub verdict: &'static str,
    /// How it ended.
    pub ending: Ending,
}

/// What the signed heads of one place say.
#[derive(Debug, Serialize)]
pub struct PlaceVerdict {
    /// The location; `this machine` for what is kept here.
    pub place: String,
    /// Signed heads there.
    pub checkpoints: usize,
    /// So many leaves, from the first on, are those that were signed.
    pub covers: u64,
    /// When the newest of them was signed, as far as this machine knows.
    pub newest: Option<Timestamp>,
    /// `consistent`, `TAMPERED` or `NO_EVIDENCE`.
    pub verdict: &'static str,
    /// Why there is no evidence.
    pub reason: Option<String>,
}

/// Something that is wrong.
#[derive(Clone, Debug, Serialize)]
pub struct Finding {
    /// Where it shows.
    pub place: String,
    /// `edited`, `missing`, `rewritten`, `truncated`, `fork`, `foreign`, `removed`, `tables` or `key`.
    pub kind: &'static str,
    /// The first leaf that may be affected.
    pub from: Option<u64>,
    /// The leaf after the last one.
    pub to: Option<u64>,
    /// What it is, for people.
    pub message: String,
}

const HERE: &str = ForkFact::HERE;
const CONSISTENT: &str = "consistent";
const TAMPERED: &str = "TAMPERED";
const NO_EVIDENCE: &str = "NO_EVIDENCE";

/// Verifies the log, and compares it with the signed heads at the locations `against`.
///
/// # Errors
/// When the ledger cannot be read at all, or there is no such location.
pub fn verify(setup: &Setup, against: &[String]) -> Result<VerifyReport> {
    for name in against {
        setup.location(name)?;
    }
    let reader = journal::reader(&setup.places.state)?;
    let signer = log_key::existing(setup)?;
    let keys = Keys {
        own: signer.as_ref().map(Signer::verifier),
        retired: reader.as_ref().map_or_else(|| Ok(Vec::new()), log_key::retired)?,
    };
    let mut heads = vec![kept_here(reader.as_ref(), &keys)?];
    for name in against {
        heads.push(found_at(setup, reader.as_ref(), &keys, name));
    }
    let examination = examine(reader.as_ref(), &heads)?;
    let mut report = VerifyReport {
        key: keys.own.map(Verifier::line),
        leaves: examination.head.leaves,
        root: examination.head.root.clone(),
        rows: None,
        values: 0,
        values_erased: 0,
        places: Vec::new(),
        findings: of_leaves(&examination),
        open: Vec::new(),
        unreviewed: 0,
        restarts: reader.as_ref().map_or_else(|| Ok(Vec::new()), Reader::log_restarts)?,
        verdict: CONSISTENT,
        ending: Ending::Done,
    };
    if let Some(reader) = &reader {
        look_at_tables(reader, &mut report);
        (report.open, report.unreviewed) = without_result(reader)?;
    }
    report.findings.extend(forks(&heads));
    for heads in &heads {
        let (verdict, findings) = judge(heads, &examination);
        report.places.push(verdict);
        report.findings.extend(findings);
    }
    let lacks_evidence = report.places.iter().any(|place| place.verdict == NO_EVIDENCE);
    (report.verdict, report.ending) = match (report.findings.is_empty(), lacks_evidence) {
        (false, _) => (TAMPERED, Ending::Damage),
        (true, true) => (NO_EVIDENCE, Ending::Attention),
        (true, false) if report.unreviewed > 0 || !report.restarts.is_empty() => {
            (CONSISTENT, Ending::Attention)
        }
        (true, false) => (CONSISTENT, Ending::Done),
    };
    Ok(report)
}

/// The signed heads of one place.
struct Heads {
    place: String,
    /// By name, in no order: the head, or why there is none in it.
    found: BTreeMap<String, Head>,
    newest: Option<Timestamp>,
    /// Heads that this place was given.
    given: BTreeMap<String, u64>,
    /// Why it could not be asked.
    failure: Option<String>,
}

/// Whose signatures count.
struct Keys<'a> {
    own: Option<&'a Verifier>,
    /// Of former logs.
    retired: Vec<Verifier>,
}

fn kept_here(reader: Option<&Reader>, keys: &Keys<'_>) -> Result<Heads> {
    let mut heads = Heads::of(HERE);
    for checkpoint in reader.map_or_else(|| Ok(Vec::new()), Reader::checkpoints)? {
        let Some(head) = open(keys, &checkpoint.note) else { continue };
        heads.found.insert(checkpoint.sha256, head);
        heads.newest = heads.newest.max(Some(checkpoint.kept_at));
    }
    Ok(heads)
}

fn found_at(setup: &Setup, reader: Option<&Reader>, keys: &Keys<'_>, name: &str) -> Heads {
    let mut heads = Heads::of(name);
    if let Err(error) = look_at(setup, reader, keys, &mut heads) {
        heads.failure = Some(error.message);
    }
    heads
}

fn look_at(setup: &Setup, reader: Option<&Reader>, keys: &Keys<'_>, heads: &mut Heads) -> Result<()> {
    if let Some(reader) = reader {
        let given = reader.anchors(Some(&heads.place))?;
        heads.newest = given.last().map(|anchor| anchor.happened_at);
        heads.given = given.into_iter().map(|anchor| (anchor.checkpoint, anchor.head.leaves)).collect();
    }
    let location = setup.location(&heads.place)?;
    read_all(&*location, keys, heads)
}

fn read_all(location: &dyn Location, keys: &Keys<'_>, heads: &mut Heads) -> Result<()> {
    for name in place::names(location)? {
        let lying = place::read(location, &name)?;
        let note = lying.content.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok());
        match note.map_or(Some(Err("is not what its name says")), |note| open(keys, note)) {
            Some(head) => {
                heads.found.insert(name, head);
            }
            // It was given to this place by a former log, and is there.
            None => {
                heads.given.remove(&name);
            }
        }
    }
    Ok(())
}

type Head = std::result::Result<TreeHead, &'static str>;

/// None for what a former log signed.
fn open(keys: &Keys<'_>, note: &str) -> Option<Head> {
    let Some(own) = keys.own else { return Some(Err("cannot be checked: the log's key is gone")) };
    match own.open_checkpoint(note) {
        Err(_) if keys.retired.iter().any(|retired| retired.open_checkpoint(note).is_ok()) => None,
        head => Some(head.map_err(NoteError::words)),
    }
}

fn examine(reader: Option<&Reader>, heads: &[Heads]) -> Result<Examination> {
    let sizes: BTreeSet<u64> = heads.iter().flat_map(Heads::valid).map(|head| head.leaves).collect();
    match reader {
        Some(reader) => Ok(reader.examine(&sizes)?),
        None => Ok(Examination {
            head: TreeHead { leaves: 0, root: String::new() },
            roots: BTreeMap::new(),
            broken: Vec::new(),
        }),
    }
}

fn of_leaves(examination: &Examination) -> Vec<Finding> {
    let finding = |broken: &holdfast_ledger::BrokenLeaf| Finding {
        place: HERE.to_owned(),
        kind: if broken.what.starts_with("it is missing") { "missing" } else { "edited" },
        from: Some(broken.leaf),
        to: Some(broken.leaf + 1),
        message: format!("leaf {}: {}", broken.leaf, broken.what),
    };
    examination.broken.iter().map(finding).collect()
}

fn look_at_tables(reader: &Reader, report: &mut VerifyReport) {
    // Leaves that cannot be read make no tables.
    if !report.findings.is_empty() {
        return;
    }
    match reader.audit() {
        Ok(audit) => {
            report.rows = Some(audit.rows);
            (report.values, report.values_erased) = (audit.values, audit.values_erased);
        }
        Err(error) => report.findings.push(Finding {
            place: HERE.to_owned(),
            kind: "tables",
            from: None,
            to: None,
            message: error.to_string(),
        }),
    }
}

/// What was begun and has no result, and how much was done without the log and not reviewed.
fn without_result(reader: &Reader) -> Result<(Vec<String>, usize)> {
    let mut open = Vec::new();
    let state = |outcome: Option<ActionOutcome>| match outcome {
        Some(ActionOutcome::CutOff) => "was cut off",
        _ => "has no result yet",
    };
    open.extend(reader.actions_open()?.iter().map(|Action { id, action, outcome, .. }| {
        let with = action.asset.as_ref().or(action.repository.as_ref()).map_or("", String::as_str);
        format!("{} {with} ({id}) {}", action.kind, state(*outcome))
    }));
    open.extend(
        reader
            .runs_unfinished()?
            .iter()
            .map(|run| format!("backup of {} ({}) has no result yet", run.asset, run.id)),
    );
    let is_cut =
        |purge: &&holdfast_ledger::Purge| matches!(purge.state, PurgeState::Begun | PurgeState::CutOff);
    open.extend(reader.purges_open()?.iter().filter(is_cut).map(|purge| {
        let state = if purge.state == PurgeState::CutOff { "was cut off" } else { "has no result yet" };
        format!("purge {} {state}", purge.id)
    }));
    let unreviewed =
        reader.actions_without_log()?.iter().filter(|action| action.reviewed_at.is_none()).count();
    Ok((open, unreviewed))
}

/// Two different trees of one size, signed by one key.
fn forks(heads: &[Heads]) -> Vec<Finding> {
    let mut by_size: BTreeMap<u64, BTreeSet<&str>> = BTreeMap::new();
    for head in heads.iter().flat_map(Heads::valid) {
        by_size.entry(head.leaves).or_default().insert(&head.root);
    }
    let fork = |(size, _): (u64, BTreeSet<&str>)| Finding {
        place: "several".to_owned(),
        kind: "fork",
        from: Some(0),
        to: Some(size),
        message: format!("the log's key signed two different trees of {size} leaves"),
    };
    by_size.into_iter().filter(|(_, roots)| roots.len() > 1).map(fork).collect()
}

fn judge(heads: &Heads, examination: &Examination) -> (PlaceVerdict, Vec<Finding>) {
    let here = examination.head.leaves;
    let fits = |head: &TreeHead| examination.roots.get(&head.leaves) == Some(&head.root);
    let covers = heads.valid().filter(|head| fits(head)).map(|head| head.leaves).max().unwrap_or(0);
    let mut findings = Vec::new();
    let mut find = |kind, from, to, message: String| {
        findings.push(Finding { place: heads.place.clone(), kind, from, to, message });
    };
    let wrong: Vec<&TreeHead> = heads.valid().filter(|head| head.leaves <= here && !fits(head)).collect();
    if let Some(first) = wrong.iter().map(|head| head.leaves).filter(|size| *size > covers).min() {
        let message = format!(
            "leaves {covers} to {} are not those that were signed: among them something was changed, removed, inserted or moved",
            first - 1
        );
        find("rewritten", Some(covers), Some(first), message);
    }
    if let Some(head) = wrong.iter().find(|head| head.leaves <= covers) {
        let size = head.leaves;
        let message =
            format!("a signed head of {size} leaves is of another log than the larger ones that fit");
        find("fork", Some(0), Some(size), message);
    }
    if let Some(last) = heads.valid().map(|head| head.leaves).filter(|size| *size > here).max() {
        let message = format!("leaves {here} to {} were signed and are gone", last - 1);
        find("truncated", Some(here), Some(last), message);
    }
    for (name, why) in &heads.found {
        if let Err(why) = why {
            find("foreign", None, None, format!("the checkpoint {name} {why}"));
        }
    }
    if heads.failure.is_none() {
        let gone = heads.given.iter().filter(|(name, _)| !heads.found.contains_key(*name));
        let (count, last) =
            gone.fold((0_usize, 0_u64), |(count, last), (_, size)| (count + 1, last.max(*size)));
        if count > 0 {
            let message =
                format!("{count} checkpoints that it was given, up to {last} leaves, are not there any more");
            find("removed", None, None, message);
        }
    }
    let (verdict, reason) = match (&heads.failure, findings.is_empty(), heads.found.is_empty()) {
        (_, false, _) => (TAMPERED, None),
        (Some(why), ..) => (NO_EVIDENCE, Some(why.clone())),
        (None, true, true) => (NO_EVIDENCE, Some("no checkpoint lies there".to_owned())),
        (None, true, false) => (CONSISTENT, None),
    };
    let (place, checkpoints, newest) = (heads.place.clone(), heads.found.len(), heads.newest);
    (PlaceVerdict { place, checkpoints, covers, newest, verdict, reason }, findings)
}

impl Heads {
    fn of(place: &str) -> Heads {
        let (found, given) = (BTreeMap::new(), BTreeMap::new());
        Heads { place: place.to_owned(), found, newest: None, given, failure: None }
    }

    fn valid(&self) -> impl Iterator<Item = &TreeHead> {
        self.found.values().flatten()
    }
}
