//! A repository for each client: what it costs that no client's key opens another's data.
//!
//! Ours keeps the websites of different clients apart, and so finds nothing that two of them share. Held against peers
//! that put everything into one repository, that would look like waste; held against peers with as many repositories,
//! it is the same promise on both sides. A peer is called once for each of them, as its user would have to; its time is
//! the sum, and its memory that of the largest call.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::estate::{self, Website};
use super::material::Material;
use super::measure::{self, Usage};
use super::peer::Peer;
use super::round::Conditions;
use super::setting::{Setting, Store};
use super::table::{Sample, Table};
use super::work::{Deed, Work};
use super::{SETTLE, cold, folder};

const WORKS: [Work; 2] = [Work::PerClientFirst, Work::PerClientUnchanged];

/// One program's turn: every site of the corpus is a client of its own.
pub(super) fn turn(
    peer: &Peer,
    material: &Material,
    conditions: &Conditions<'_>,
    table: &mut Table,
) -> Result<()> {
    if !conditions.wants_any(&WORKS, peer, material.kind) {
        return Ok(());
    }
    conditions.clear()?;
    let sites = sites(material, conditions.scratch)?;
    let clients = if peer.is_ours() {
        Clients::OneCall(one_call(peer, &sites, conditions)?)
    } else {
        Clients::ManyCalls(many_calls(peer, &sites)?)
    };
    run(peer, clients, conditions, table)
}

/// How all clients are backed up once.
enum Clients<'a> {
    /// Ours: one command for all, into one place.
    OneCall(PathBuf),
    /// A peer: a repository and a command for each.
    ManyCalls(Vec<Setting<'a>>),
}

fn run(peer: &Peer, mut clients: Clients<'_>, conditions: &Conditions<'_>, table: &mut Table) -> Result<()> {
    for work in WORKS {
        if conditions.is_cold {
            cold::forget_page_cache()?;
        }
        let usage = clients.back_up(peer, conditions)?;
        println!("bench: {:<16} {:<27} {usage}", peer.name, work.name());
        if conditions.wants(work) {
            let is_first = work == Work::PerClientFirst;
            let stored_bytes = is_first.then(|| clients.stored(peer)).transpose()?;
            table.add(&peer.title(), Sample { work, usage, stored_bytes, requests: None });
        }
        std::thread::sleep(SETTLE);
    }
    Ok(())
}

impl Clients<'_> {
    fn back_up(&mut self, peer: &Peer, conditions: &Conditions<'_>) -> Result<Usage> {
        match self {
            Clients::OneCall(_) => {
                let mut command = estate::start(&peer.program, conditions.scratch);
                command.args(["backup", "--all", "--quiet"]);
                measure::run(&command, conditions.scratch)
            }
            Clients::ManyCalls(settings) => {
                let mut sum: Option<Usage> = None;
                for setting in settings {
                    let usage = measure::run(&peer.command(Deed::Backup, setting), setting.scratch)?;
                    setting.points += 1;
                    sum = Some(sum.map_or(usage, |before| before.then(&usage)));
                }
                sum.context("no clients: nothing to measure")
            }
        }
    }

    fn stored(&self, peer: &Peer) -> Result<u64> {
        match self {
            Clients::OneCall(place) => Ok(folder::count(place)?.1),
            Clients::ManyCalls(settings) => {
                let sizes = settings.iter().map(|setting| Ok(folder::count(&peer.repository(setting))?.1));
                sizes.sum()
            }
        }
    }
}

fn one_call(peer: &Peer, sites: &[Site], conditions: &Conditions<'_>) -> Result<PathBuf> {
    let place = Setting::place(conditions.scratch, 0);
    std::fs::create_dir_all(&place)?;
    let websites: Vec<Website<'_>> = sites
        .iter()
        .map(|site| Website { name: &site.name, client: &site.name, path: &site.material.folder })
        .collect();
    let config = conditions.scratch.join("config");
    estate::write(&peer.program, &config, &websites, &[estate::folder_url(&place)])?;
    Ok(place)
}

fn many_calls<'a>(peer: &Peer, sites: &'a [Site]) -> Result<Vec<Setting<'a>>> {
    let mut settings = Vec::new();
    for site in sites {
        std::fs::create_dir_all(&site.scratch)?;
        let setting = Setting::new(&site.scratch, &site.material, Store::Folders(1));
        peer.prepare(&setting)?;
        settings.push(setting);
    }
    Ok(settings)
}

/// One website of the corpus.
struct Site {
    name: String,
    material: Material,
    scratch: PathBuf,
}

fn sites(material: &Material, scratch: &Path) -> Result<Vec<Site>> {
    let mut sites = Vec::new();
    for entry in std::fs::read_dir(&material.folder)? {
        let folder = entry?.path();
        if folder.is_dir() {
            let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let scratch = scratch.join(&name);
            sites.push(Site { name, material: Material { folder, ..material.clone() }, scratch });
        }
    }
    if sites.is_empty() {
        bail!("{} holds no sites", material.folder.display())
    }
    sites.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(sites)
}
