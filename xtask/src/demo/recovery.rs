//! The worst day: the machine that makes the backups is gone, with its configuration, its keys and its ledger. What is left is a
//! location and a sheet of paper.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::estate::Places;
use super::product::Product;
use super::{chapter, say};

/// Makes a kit and tries it, loses everything, and comes back from one location.
pub(super) fn tell(product: &Product, later: &Product, places: &Places, location: &str) -> Result<()> {
    chapter("The machine itself is lost, with its keys; what is left is one location and the recovery kit");
    let folder = places.config.parent().context("the demo has a folder")?;
    let (kit, lost, rebuilt) = (folder.join("kit"), folder.join("lost"), folder.join("rebuilt"));
    let sheet = kit.join("kit.txt");
    product.expect(&["key", "kit", "--out"], &[kit.as_os_str()], 0)?;
    product.expect(&["key", "drill", "--location", "nas", "--kit"], &[sheet.as_os_str()], 0)?;
    let at = product.json(&["status"], 1)?;
    let at = at["assessed_at"].as_str().context("status --json has no instant")?;
    let asked = ["status", "--at", at];
    // An instant is asked about from a later one: each call begins anew at its own.
    let before = later.json(&asked, 1)?;
    product.expect(&["key", "deliver"], &[], 0)?;
    fs::create_dir(&lost)?;
    let swap = |from: &Path, to: &Path| -> Result<()> {
        for name in ["config", "state"] {
            fs::rename(from.join(name), to.join(name)).with_context(|| format!("cannot move {name}"))?;
        }
        Ok(())
    };
    swap(folder, &lost)?;
    say("Configuration, keys and ledger are gone. Now from the SFTP server alone:");
    let more =
        [OsStr::new(location), "--kit".as_ref(), sheet.as_os_str(), "--into".as_ref(), rebuilt.as_os_str()];
    later.expect(&["key", "recover", "--location"], &more, 0)?;
    let after = later.moved(&rebuilt, &rebuilt.join("state")).json(&asked, 1)?;
    ensure!(before == after, "the rebuilt ledger says otherwise as of {at}");
    say(&format!("Asked about {at}, the rebuilt machine says the same as the lost one, byte for byte."));
    // The story goes on with the first machine; two that write one log would be a fork.
    fs::remove_dir_all(&rebuilt)?;
    swap(&lost, folder)
}
