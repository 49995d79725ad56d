//! What the auditor takes home: the evidence pack, checked by the program that shares nothing with the one that wrote it.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::estate::Places;
use super::product::Product;
use super::{chapter, say};
use crate::process;

/// Writes the pack into `folder`, has it verified, and has one changed byte found.
pub(super) fn tell(end: &Product, places: &Places, folder: &Path) -> Result<()> {
    chapter("What the auditor takes home: the evidence pack");
    end.expect(&["report", "--out"], &[folder.as_os_str()], 1)?;
    let listed = end.quietly(&["key", "list"], 0)?;
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let key = listed
        .lines()
        .find_map(|line| line.strip_prefix("The audit log is signed by "))
        .context("`key list` names no key of the log")?;
    say(
        "Verified without holdfast, by the log's public key and the signed heads that lie at the SFTP server:",
    );
    let verify = || {
        let mut verify = process::command(end.beside("holdfast-audit-verify")?, &[folder]);
        verify.args(["--key", key, "--checkpoint"]).arg(places.server_data.join("holdfast-log/snapshots"));
        verify.output().context("cannot start holdfast-audit-verify")
    };
    let said = verify()?;
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    for line in text.lines() {
        say(&format!("  {line}"));
    }
    ensure!(said.status.success(), "the pack must be consistent");
    let page = folder.join("report.html");
    let honest = std::fs::read_to_string(&page)?;
    ensure!(
        honest.contains("NO_EVIDENCE"),
        "one machine cannot show everything, and the page does not say so"
    );
    std::fs::write(&page, honest.replacen("NO_EVIDENCE", "PASS", 1))?;
    let found = verify()?;
    std::fs::write(&page, honest)?;
    let text = String::from_utf8_lossy(&found.stdout).into_owned();
    ensure!(found.status.code() == Some(4), "a word was changed on the page, and nobody told: {text}");
    say(&format!("One word on the page changed: {}", text.lines().next().unwrap_or_default()));
    ensure!(verify()?.status.success(), "the page was put back, and is not what it was");
    say(&format!("It stays here: {}", page.display()));
    Ok(())
}
