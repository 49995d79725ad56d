//! Very many client repositories. One key per client means one repository per client, so an hourly run over thousands of
//! them is made of what each one costs before a single file is looked at: opening, a lock, listings. That is measured as
//! seconds on a local disk, and as requests over REST.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use holdfast_testkit::corpus;

use super::estate::{self, Website};
use super::far::{FarServer, Limits};
use super::measure;
use super::peer::Peer;
use super::round::Conditions;
use super::table::{Sample, Table};
use super::work::Work;
use super::{SETTLE, cold, folder};

/// Files of one client: enough for a few folders, few enough that the repositories decide.
const FILES_EACH: u64 = 20;
/// Only counting: over the loopback at full speed.
const COUNTING: Limits = Limits { round_trip: std::time::Duration::ZERO, bytes_per_second: None };

/// Measures a second run over `count` clients, nothing changed, at each kind of location that is wanted.
pub(super) fn turn(
    ours: &Peer,
    bench: &Path,
    count: usize,
    conditions: &Conditions<'_>,
    table: &mut Table,
) -> Result<()> {
    if !conditions.wants(Work::Clients) && !conditions.wants(Work::ClientsRest) {
        return Ok(());
    }
    let folders = make(bench, count)?;
    if conditions.wants(Work::Clients) {
        conditions.clear()?;
        let store = conditions.scratch.join("repository");
        std::fs::create_dir_all(&store)?;
        let usage = run(ours, &folders, &estate::folder_url(&store), conditions, || ())?;
        let stored = folder::count(&store)?.1;
        println!("bench: {:<16} {count} clients, local: {usage}", ours.name);
        let sample = Sample { work: Work::Clients, usage, stored_bytes: Some(stored), requests: None };
        table.add(&ours.title(), sample);
    }
    if conditions.wants(Work::ClientsRest) {
        conditions.clear()?;
        let far = FarServer::start(COUNTING)?;
        let url = estate::rest_url(&far.store());
        let usage = run(ours, &folders, &url, conditions, || {
            far.link.take_requests();
        })?;
        let requests = far.link.take_requests();
        println!("bench: {:<16} {count} clients, REST: {usage}, {requests} requests", ours.name);
        let work = Work::ClientsRest;
        table.add(&ours.title(), Sample { work, usage, stored_bytes: None, requests: Some(requests) });
    }
    folder::remove(&bench.join("clients"))
}

/// The first backup of all clients, then `between`, then the measured second one.
fn run(
    ours: &Peer,
    folders: &[PathBuf],
    url: &str,
    conditions: &Conditions<'_>,
    between: impl Fn(),
) -> Result<measure::Usage> {
    let names: Vec<String> = (0..folders.len()).map(|number| format!("client{number:05}")).collect();
    let websites: Vec<Website<'_>> =
        names.iter().zip(folders).map(|(name, path)| Website { name, client: name, path }).collect();
    let scratch = conditions.scratch;
    estate::write(&ours.program, &scratch.join("config"), &websites, &[url.to_owned()])?;
    let backup = || {
        let mut command = estate::start(&ours.program, scratch);
        command.args(["backup", "--all", "--quiet"]);
        command
    };
    measure::run(&backup(), scratch).context("the first backup of all clients")?;
    std::thread::sleep(SETTLE);
    if conditions.is_cold {
        cold::forget_page_cache()?;
    }
    between();
    measure::run(&backup(), scratch)
}

fn make(bench: &Path, count: usize) -> Result<Vec<PathBuf>> {
    let root = bench.join("clients");
    folder::remove(&root)?;
    println!("bench: making {count} clients in {}", root.display());
    let folders: Vec<PathBuf> = (0..count).map(|number| root.join(format!("{number:05}"))).collect();
    for path in &folders {
        corpus::make_files(path, FILES_EACH)?;
    }
    if folders.is_empty() {
        bail!("no clients: nothing to measure")
    }
    Ok(folders)
}
