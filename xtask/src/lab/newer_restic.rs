//! The newest restic that Debian has, beside the system's own.
//!
//! We promise that old and new restic read what we write, so tests need both, and installing the newer one over
//! the old would lose the old. Hence an apt root of our own: the machine's own sources with the suite's name
//! replaced, lists and archives inside the lab, the package unpacked and never installed. Go programs carry what
//! they need, so a newer suite's package runs here.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// Newest first; the next is asked when the first does not answer.
const SUITES: &[&str] = &["forky", "trixie"];

/// Package, its program, and the name that tests know it by.
const PROGRAMS: &[(&str, &str, &str)] = &[
    ("restic", "usr/bin/restic", "restic-newest"),
    ("restic-rest-server", "usr/bin/restic-rest-server", "restic-rest-server"),
];

/// Puts `restic-newest` and `restic-rest-server` into the lab's `bin`.
pub(super) fn ensure(lab: &Path) -> Result<String> {
    let wanted = PROGRAMS.iter().map(|(_, _, name)| lab.join("bin").join(name));
    let versions: Vec<String> = wanted.clone().filter_map(|file| version(&file)).collect();
    if versions.len() == PROGRAMS.len() {
        return Ok(versions.join(", "));
    }
    let mut failures = Vec::new();
    for suite in SUITES {
        match fetch(lab, suite) {
            Ok(()) => {
                let versions: Vec<String> = wanted.filter_map(|file| version(&file)).collect();
                if versions.len() != PROGRAMS.len() {
                    bail!("the packages of suite {suite} were unpacked, but their programs do not run here")
                }
                return Ok(format!("from {suite}: {}", versions.join(", ")));
            }
            Err(error) => failures.push(format!("{suite}: {error:#}")),
        }
    }
    bail!("no newer suite gave them:\n  {}", failures.join("\n  "))
}

fn fetch(lab: &Path, suite: &str) -> Result<()> {
    let root = lab.join("suites").join(suite);
    for folder in ["etc", "lists/partial", "cache/archives/partial", "debs", "unpacked"] {
        std::fs::create_dir_all(root.join(folder))?;
    }
    std::fs::write(root.join("etc/newer.sources"), sources_of(&own_sources()?, suite)?)?;
    process::output(apt(&root, &["update", "-qq"]))?;
    for (package, program, name) in PROGRAMS {
        let debs = root.join("debs").join(package);
        let unpacked = root.join("unpacked").join(package);
        let _ = std::fs::remove_dir_all(&debs);
        let _ = std::fs::remove_dir_all(&unpacked);
        std::fs::create_dir_all(&debs)?;
        let mut download = apt(&root, &["download", "-qq", package]);
        download.current_dir(&debs);
        process::output(download)?;
        let deb = only_file(&debs)?;
        process::output(process::command("dpkg-deb", &[Path::new("-x"), &deb, &unpacked]))?;
        place(&unpacked.join(program), &lab.join("bin").join(name))?;
    }
    Ok(())
}

/// Copied under another name first, so that a killed installer leaves no half program behind.
fn place(from: &Path, to: &Path) -> Result<()> {
    let part = to.with_extension("part");
    std::fs::copy(from, &part).with_context(|| format!("cannot copy {}", from.display()))?;
    std::fs::rename(&part, to).with_context(|| format!("cannot put {} in place", to.display()))
}

fn apt(root: &Path, args: &[&str]) -> Command {
    let set = |key: &str, value: &Path| format!("{key}={}", value.display());
    let options = [
        "Dir::Etc::sourcelist=/dev/null".to_owned(),
        set("Dir::Etc::sourceparts", &root.join("etc")),
        set("Dir::State::lists", &root.join("lists")),
        set("Dir::Cache", &root.join("cache")),
        "APT::Sandbox::User=root".to_owned(),
    ];
    let mut command = Command::new("apt-get");
    command.args(options.iter().flat_map(|option| ["-o", option]));
    command.args(args).stdin(std::process::Stdio::null());
    command
}

/// The stanza of the machine's own sources that names the installed release's main suite.
fn own_sources() -> Result<Stanza> {
    let release = std::fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let codename = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let codename =
        codename.context("/etc/os-release names no VERSION_CODENAME: is this Debian?")?.trim_matches('"');
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(parts) = std::fs::read_dir("/etc/apt/sources.list.d") {
        files.extend(parts.filter_map(|part| part.ok().map(|part| part.path())));
    }
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        if let Some(stanza) = find_stanza(&text, codename) {
            return Ok(stanza);
        }
    }
    bail!("no source in /etc/apt names the suite {codename}")
}

/// Where the machine's packages come from, and whose signature it trusts for them.
#[derive(Debug, PartialEq, Eq)]
struct Stanza {
    uris: String,
    signed_by: Option<String>,
}

fn find_stanza(text: &str, codename: &str) -> Option<Stanza> {
    let one_line = text.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().filter(|word| !word.starts_with('[')).collect();
        (words.first() == Some(&"deb") && words.get(2) == Some(&codename)).then(|| words[1].to_owned())
    });
    if let Some(uris) = one_line {
        return Some(Stanza { uris, signed_by: None });
    }
    text.split("\n\n").find_map(|stanza| {
        let field = |name: &str| {
            let mut lines = stanza.lines().filter(|line| !line.starts_with('#'));
            lines
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .map(|value| value.trim().to_owned())
        };
        let suites = field("Suites")?;
        let is_ours = suites.split_whitespace().any(|suite| suite == codename);
        is_ours.then(|| Some(Stanza { uris: field("URIs")?, signed_by: field("Signed-By") }))?
    })
}

fn sources_of(own: &Stanza, suite: &str) -> Result<String> {
    if own.uris.is_empty() {
        bail!("the machine's own source names no URI")
    }
    let signed = own.signed_by.as_deref().map(|key| format!("Signed-By: {key}\n")).unwrap_or_default();
    Ok(format!("Types: deb\nURIs: {}\nSuites: {suite}\nComponents: main\n{signed}", own.uris))
}

fn only_file(folder: &Path) -> Result<PathBuf> {
    let mut files = std::fs::read_dir(folder)?;
    let first =
        files.next().with_context(|| format!("{} is empty after the download", folder.display()))??;
    Ok(first.path())
}

/// What the program calls itself, or nothing when it is not there or does not run.
fn version(program: &Path) -> Option<String> {
    let word = if program.ends_with("restic-rest-server") { "--version" } else { "version" };
    let said = process::output(process::command(program, &[word])).ok()?;
    let words: Vec<&str> = said.split_whitespace().collect();
    let number = words.iter().find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    Some(format!("{} {number}", program.file_name()?.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_release_and_not_its_security_suite() {
        let text = "Types: deb\nURIs: http://mirror.example/sec\nSuites: bookworm-security\nComponents: main\n\n\
                    Types: deb\n# a note\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\n\
                    Components: main\nSigned-By: /usr/share/keyrings/k.gpg\n";
        let stanza = find_stanza(text, "bookworm").unwrap();
        assert_eq!(stanza.uris, "http://mirror.example/debian");
        assert_eq!(
            sources_of(&stanza, "forky").unwrap(),
            "Types: deb\nURIs: http://mirror.example/debian\nSuites: forky\nComponents: main\n\
             Signed-By: /usr/share/keyrings/k.gpg\n"
        );
    }

    #[test]
    fn reads_the_old_one_line_style() {
        let text = "# old\ndeb [arch=amd64] http://mirror.example/debian bookworm main\n";
        let stanza = find_stanza(text, "bookworm").unwrap();
        assert_eq!(stanza, Stanza { uris: "http://mirror.example/debian".to_owned(), signed_by: None });
        assert_eq!(find_stanza(text, "trixie"), None);
    }
}
