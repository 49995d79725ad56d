//! The code of a site: a CMS as Debian packages it, or one made up where apt cannot fetch it.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::dice::Dice;

/// Packages, and how often a site is made of each.
const PACKAGES: &[(&str, u64)] =
    &[("wordpress", 10), ("mediawiki", 1), ("phpmyadmin", 2), ("roundcube-core", 1), ("dokuwiki", 2)];
/// Files of a made-up application, about as many as a real one has.
const GENERATED_FILES: u64 = 3_000;
const VOCABULARY: &[&str] = &[
    "function", "return", "array", "string", "query", "post", "title", "filter", "render", "template",
    "cache", "option", "value", "update", "delete", "select", "session", "request", "response", "user",
];

/// Where the code of the sites comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Packages of Debian, fetched by apt.
    DebianPackages,
    /// Made up; says why no package could be had.
    Generated {
        /// What apt said.
        why: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::DebianPackages => write!(f, "real CMS code from Debian's packages"),
            Origin::Generated { why } => write!(f, "GENERATED code, no real CMS ({why})"),
        }
    }
}

/// The folder of each application with its weight. All of them real, or all of them generated.
pub(super) fn prepare(folder: &Path) -> io::Result<(Vec<(PathBuf, u64)>, Origin)> {
    fs::create_dir_all(folder)?;
    let why = match PACKAGES.iter().try_for_each(|(name, _)| unpack(folder, name)) {
        Ok(()) => {
            let applications = PACKAGES.iter().map(|(name, weight)| (folder.join(name), *weight));
            return Ok((applications.collect(), Origin::DebianPackages));
        }
        Err(error) => error.to_string(),
    };
    let mut applications = Vec::new();
    for (number, (_, weight)) in PACKAGES.iter().enumerate() {
        let application = folder.join(format!("generated{number}"));
        if !application.is_dir() {
            generate(&application, number as u64)?;
        }
        applications.push((application, *weight));
    }
    Ok((applications, Origin::Generated { why }))
}

/// Fetches and unpacks one package, unless that was done.
fn unpack(folder: &Path, name: &str) -> io::Result<()> {
    let done = folder.join(name);
    if done.is_dir() {
        return Ok(());
    }
    let fetch = folder.join(format!("{name}.deb.d"));
    let part = folder.join(format!("{name}.part"));
    for leftover in [&fetch, &part] {
        if leftover.exists() {
            fs::remove_dir_all(leftover)?;
        }
    }
    fs::create_dir_all(&fetch)?;
    let download = || run(Command::new("apt-get").args(["-q", "download", name]).current_dir(&fetch));
    if download().is_err() {
        // A fresh machine has no lists; only root can fetch them.
        run(Command::new("apt-get").args(["-q", "update"]))?;
        download()?;
    }
    let deb = fs::read_dir(&fetch)?.next().ok_or_else(|| io::Error::other("apt-get fetched nothing"))??;
    run(Command::new("dpkg-deb").arg("-x").arg(deb.path()).arg(&part))?;
    fs::rename(part, done)?;
    fs::remove_dir_all(fetch)
}

/// Runs quietly; a failure carries the last line that the program said.
pub(super) fn run(command: &mut Command) -> io::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output =
        output.map_err(|error| io::Error::new(error.kind(), format!("cannot start {name}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    Err(io::Error::other(format!("{name} failed ({}): {last}", output.status)))
}

/// Code-like text in folders, small files many and large ones few.
pub(super) fn generate(folder: &Path, seed: u64) -> io::Result<()> {
    let part = folder.with_extension("part");
    if part.exists() {
        fs::remove_dir_all(&part)?;
    }
    let mut dice = Dice::new(100 + seed);
    for number in 0..GENERATED_FILES {
        let inside = part.join(format!("lib{}/part{}", dice.below(12), dice.below(20)));
        fs::create_dir_all(&inside)?;
        let size = dice.log_normal(8.6, 1.3).min(400_000.0) as usize;
        let mut text = String::from("<?php\n");
        while text.len() < size {
            text.push_str(VOCABULARY[dice.below(VOCABULARY.len() as u64) as usize]);
            text.push_str(if dice.below(8) == 0 { ";\n" } else { " " });
            if dice.below(5) == 0 {
                text.push_str(&format!("${:x} ", dice.below(1 << 20)));
            }
        }
        fs::write(inside.join(format!("file{number}.php")), text)?;
    }
    fs::rename(part, folder)
}
