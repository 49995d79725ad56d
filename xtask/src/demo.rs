//! `cargo xtask demo`: one day in the life of a backup, on a fresh machine, told with figures.
//!
//! A feature list can be read for an hour and believed for none. This runs the released program against real
//! websites and a real SFTP server, breaks a copy on purpose, and fails loudly where an exit code or a byte is not
//! what it must be. It uses nothing but the command line, as people do.

mod comparison;
mod databases;
mod estate;
mod month;
mod product;
mod recovery;
mod report;
mod sftp_server;
mod verdicts;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use holdfast_testkit::corpus;

use crate::{lab, process, workspace};
use estate::{Places, SITES};
use product::Product;
use sftp_server::SftpServer;

/// How the demo behaves.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Leave everything in place and say where.
    #[arg(long)]
    keep: bool,
    /// Show this program and build none; holdfast-audit-verify must lie beside it.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
}

/// What `validate` must find where one machine plays every part, and nothing else.
const EXPECTED_FINDINGS: &[(&str, &str)] = &[
    ("policy.placeholder", "init leaves the company and its contact to be filled in"),
    ("estate.copy-on-production", "both locations lie on the machine that holds the websites"),
    ("agreement.no-copy-elsewhere", "and therefore no copy survives the loss of this building"),
    ("agreement.too-few-sites", "and therefore the copies are not in as many places as the policy asks for"),
];

/// Where the report lies, in the demo's folder.
const REPORT: &str = "report";

/// What ends the story where stock restic is not installed: the exit door was not shown then.
const WITHOUT_RESTIC: &str = "The demo held, but for the exit door, which was not tried: restic is missing.";

/// Tells the story; fails at the first thing that is not as promised.
pub(crate) fn run(args: &Args) -> Result<()> {
    let folder = workspace::target().join("demo");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let outcome = story(&folder, args.program.clone());
    if args.keep || outcome.is_err() {
        // After a failure the folder is the evidence.
        println!("\nKept: {}", folder.display());
    } else {
        remove_all_but(&folder, REPORT)?;
    }
    outcome
}

/// The report stays, for whoever wants to look at it.
fn remove_all_but(folder: &Path, kept: &str) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name != kept) {
            let removed =
                if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            removed.with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

fn story(folder: &Path, program: Option<PathBuf>) -> Result<()> {
    databases::ensure_programs()?;
    let program = program.map_or_else(build, Ok)?;
    let places = Places::below(folder);
    let product = Product::new(program, &places.config, &places.state);

    chapter("A hosting company's websites");
    let packages = lab::folder()?.join("packages");
    let corpus = corpus::make_sites(&places.sites, &packages, SITES.len())?;
    estate::add_odd_things(&corpus.sites[0])?;
    // Else the first backup waits for the disk to take the websites themselves.
    process::output(process::command::<&str>("sync", &[]))?;
    let (entries, bytes) = (corpus.entries, megabytes(corpus.bytes));
    say(&format!("{} sites, {entries} files and folders, {bytes}: {}.", SITES.len(), corpus.origin));
    say("They are code and pictures, without databases. Two that live on databases come at the end.");
    say(
        "The first has what breaks backups: a sparse file, hard links, a dangling link, a name that is not UTF-8.",
    );

    chapter("Two places for copies: a folder, and an SFTP server that this demo starts");
    let mut server = SftpServer::start(&places.server)?;
    product.expect(&["init"], &[places.config.as_os_str()], 0)?;
    estate::write(&places, &server, &corpus.sites)?;
    check_findings(&product)?;

    chapter("The first backup");
    product.expect(&["backup", "--all"], &[], 0)?;
    let first = places.stored()?;
    say(&format!("Stored at each place: {} for {bytes} of websites.", megabytes(first)));

    chapter("A day passes: pictures come and go, logs grow. The second backup");
    let mut new_bytes = 0;
    for site in &corpus.sites {
        new_bytes += corpus::change_site(site, 1)?;
    }
    product.expect(&["backup", "--all"], &[], 0)?;
    let second = places.stored()?;
    let grown = second.saturating_sub(first);
    ensure!(grown < first / 4, "a small change took {} more", megabytes(grown));
    say(&format!("{} of new content took {} more at each place.", megabytes(new_bytes), megabytes(grown)));

    chapter("Every byte is read back, at both places");
    product.expect(&["verify", "--read-data"], &[], 0)?;
    let objects = comparison::same_objects(&places.disk, &places.server_data)?;
    say(&format!("And compared by us: {objects} sealed objects, byte for byte the same at both places."));
    product.expect(&["points", SITES[0].0], &[], 1)?;
    say("Red, and rightly so: every byte was read, but both places are on this one machine (exit 1).");

    chapter("A disk goes bad: one byte of one object at the first place is flipped");
    let damaged = flip_byte(&places.disk)?;
    say(&format!("Flipped in {}.", damaged.strip_prefix(folder).unwrap_or(&damaged).display()));
    product.expect(&["verify", "--read-data"], &[], 4)?;
    say("Found, and told by exit code 4. Now healed from the other place:");
    product.expect(&["repair"], &[], 0)?;
    product.expect(&["verify", "--read-data"], &[], 0)?;
    comparison::same_objects(&places.disk, &places.server_data)?;

    chapter("A website is lost, and restored from the SFTP server");
    let target = folder.join("restored");
    let (site, asset) = (&corpus.sites[0], SITES[0].0);
    product.expect(&["restore", asset, "--location", "nas", "--to"], &[target.as_os_str()], 0)?;
    let compared = comparison::same_trees(site, &target)?;
    say(&format!("Compared by us: {compared}."));
    let diff = process::command("diff", &["-r", "--no-dereference"].map(std::ffi::OsStr::new));
    process::output(with_args(diff, &[site, &target]))?;
    say("`diff -r` finds no difference either.");

    chapter("The exit door: stock restic reads the repository without us");
    let restic = process::find("restic", &[]);
    if let Some(restic) = &restic {
        for client in estate::clients() {
            product.expect(&["restic", client, "--", "check", "--read-data"], &[], 0)?;
        }
        let version = process::output(process::command(restic, &["version"]))?;
        say(&format!("Checked by {}.", version.split(" compiled").next().unwrap_or_default().trim()));
    } else {
        say("restic is not installed here, so this chapter is MISSING. On Debian: apt-get install restic");
    }
    let end = month::tell(&product, &places, &mut server, &corpus.sites)?;
    report::tell(&end.last, &places, &folder.join(REPORT))?;
    databases::tell(&end.running_on, &places)?;
    drop(server);
    println!("\n{}", if restic.is_some() { "The demo held in every point." } else { WITHOUT_RESTIC });
    Ok(())
}

/// One machine cannot be two sites: that must be said, for exactly these reasons, and for no other.
fn check_findings(product: &Product) -> Result<()> {
    let found = product.findings()?;
    let expected: std::collections::BTreeSet<String> =
        EXPECTED_FINDINGS.iter().map(|(code, _)| (*code).to_owned()).collect();
    if found != expected {
        bail!("`validate` must find exactly {expected:?} on one machine, and it found {found:?}")
    }
    say("`holdfast validate` has no error, and is rightly not content (exit 1):");
    for (code, why) in EXPECTED_FINDINGS {
        say(&format!("  {code}: {why}"));
    }
    Ok(())
}

/// Flips one bit in the middle of the largest pack.
fn flip_byte(place: &Path) -> Result<PathBuf> {
    let packs = comparison::objects(place)?.into_keys().filter(|name| name.contains("/data/"));
    let mut sized = Vec::new();
    for pack in packs {
        let path = place.join(pack.trim_start_matches('/'));
        sized.push((path.metadata()?.len(), path));
    }
    let (_, path) = sized.into_iter().max().context("the first place holds no pack")?;
    let mut bytes = std::fs::read(&path)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    // Stored objects are read-only, and a bad disk does not ask.
    std::fs::remove_file(&path)?;
    std::fs::write(&path, bytes)?;
    Ok(path)
}

fn build() -> Result<PathBuf> {
    println!("Building holdfast (release) ...");
    let packages = ["--package", "holdfast-cli", "--package", "holdfast-audit-verify"];
    let mut build = process::command(workspace::cargo(), &["build", "--quiet", "--release"]);
    build.args(packages);
    build.current_dir(workspace::root());
    process::stream(build)?;
    Ok(workspace::target().join("release/holdfast"))
}

fn with_args(mut command: std::process::Command, args: &[&Path]) -> std::process::Command {
    command.args(args);
    command
}

fn chapter(title: &str) {
    println!("\n== {title}");
}

fn say(line: &str) {
    println!("   {line}");
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
