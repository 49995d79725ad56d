//! The questions, each of which becomes a proof.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use mysql::prelude::Queryable;

use super::super::Stage;
use super::super::failure::{StageError, StageErrorKind};
use super::super::http::{Answer, Question};
use super::address::{self, Address};
use super::marker::stands_in;
use super::needs::Needs;
use super::{Dump, Proven, Website, is_fatal};
use crate::database::load::{self, LoadError, LoadErrorKind, Loaded, Options, Target, Watch};
use crate::database::{MANIFEST_NAME, Manifest};
use crate::proof::{Outcome, Proof};

/// Redirections that are followed.
const REDIRECTIONS_MAX: usize = 5;
/// Longest wait for a picture.
const PICTURE_MAX: Duration = Duration::from_secs(120);
/// How much of what a program said is told, in characters.
const SAID_MAX: usize = 300;

/// A website being asked.
pub(super) struct Asking<'a> {
    stage: &'a mut Stage,
    website: &'a Website,
    pub(super) proven: Proven,
    since: Duration,
}

impl<'a> Asking<'a> {
    pub(super) fn new(stage: &'a mut Stage, website: &'a Website) -> Asking<'a> {
        let since = stage.world.clock.monotonic();
        Asking { stage, website, proven: Proven::default(), since }
    }

    pub(super) fn stage(&self) -> &Stage {
        self.stage
    }

    pub(super) fn stage_mut(&mut self) -> &mut Stage {
        self.stage
    }

    pub(super) fn website(&self) -> &Website {
        self.website
    }

    fn begin(&mut self) {
        self.since = self.stage.world.clock.monotonic();
    }

    fn end(&mut self, what: &str, outcome: Outcome, seen: impl Into<String>) {
        let took = self.stage.world.clock.monotonic().saturating_sub(self.since);
        self.proven.proofs.push(Proof { what: what.to_owned(), outcome, seen: seen.into(), took });
        self.begin();
    }

    /// Loads each dump into a database of its old name; loading holds rows and checksums against the manifest.
    pub(super) fn loads(
        &mut self,
        dumps: &[Dump<'_>],
        interrupted: Option<Arc<AtomicBool>>,
    ) -> Result<(), StageError> {
        self.begin();
        if dumps.is_empty() {
            self.end("loads", Outcome::NotApplicable, "the website has no database");
            self.end("rows", Outcome::NotApplicable, "the website has no database");
            return Ok(());
        }
        let (mut tables, mut rows, mut checksums) = (0, 0, 0);
        for dump in dumps {
            match self.load(dump, interrupted.clone()) {
                Ok(loaded) => {
                    self.speak_its_language(dump);
                    tables += loaded.tables;
                    rows += loaded.rows;
                    checksums += loaded.checksums;
                }
                Err(error) if error.kind == LoadErrorKind::Interrupted => {
                    return Err(StageError::new(StageErrorKind::Interrupted, error.message));
                }
                Err(error) => {
                    let seen = format!("database {:?}: {error}", dump.database);
                    // It was loaded whole, and is not what was dumped.
                    if error.kind == LoadErrorKind::Proof {
                        self.end("loads", Outcome::Held, format!("database {:?} loads", dump.database));
                        self.end("rows", Outcome::Failed, seen);
                    } else {
                        self.end("loads", Outcome::Failed, seen);
                        self.end("rows", Outcome::Unproven, "there are no rows to count");
                    }
                    return Ok(());
                }
            }
        }
        let count = dumps.len();
        self.end("loads", Outcome::Held, format!("{count} databases with {tables} tables load"));
        let seen =
            format!("{rows} rows are there, as the manifest says, and {checksums} checksums of tables agree");
        self.end("rows", Outcome::Held, seen);
        Ok(())
    }

    /// A website relies on what its server lets pass, so the scratch server is as strict as that one was.
    fn speak_its_language(&self, dump: &Dump<'_>) {
        let manifest = dump.files.open(MANIFEST_NAME).ok();
        let manifest = manifest.and_then(|file| serde_json::from_reader::<_, Manifest>(file).ok());
        let connection = self.stage.access(&dump.database).ok().and_then(|access| access.ask().ok());
        if let (Some(manifest), Some(mut connection)) = (manifest, connection) {
            // A mode that this server does not know leaves its own.
            drop(connection.exec_drop("SET GLOBAL sql_mode = ?", (manifest.sql_mode,)));
        }
    }

    fn load(&self, dump: &Dump<'_>, interrupted: Option<Arc<AtomicBool>>) -> Result<Loaded, LoadError> {
        let access = self.stage.access(&dump.database);
        let access =
            access.map_err(|error| LoadError { kind: LoadErrorKind::Refused, message: error.message })?;
        let target = Target::New { database: dump.database.clone() };
        let plan = load::plan(&access, dump.files, &target, &Options::default())?;
        load::carry_out(&access, dump.files, &plan, &mut Watch { interrupted, tell: &mut |_| {} })
    }

    /// Asks for the page, and follows where the website sends its visitors within itself.
    pub(super) fn answers(&mut self, site: &Address) -> Result<Option<Answer>, StageError> {
        self.begin();
        let (mut at, mut path) = (site.clone(), self.website.asked.clone());
        let mut way = vec![format!("{at}{path}")];
        let answer = loop {
            let question = Question {
                is_https: at.is_https,
                host: at.authority(),
                path: path.clone(),
                longest: self.website.answer_max,
            };
            let answer = match self.stage.ask(&question) {
                Ok(answer) => answer,
                Err(error) if is_fatal(&error) => return Err(error),
                Err(error) => {
                    self.proven.is_timed_out |= error.kind == StageErrorKind::TimedOut;
                    self.end("answers", Outcome::Failed, format!("{}: {error}", way.join(" > ")));
                    return Ok(None);
                }
            };
            let target = answer.header("Location").filter(|_| (300..400).contains(&answer.status));
            let target = target.and_then(|target| follow(&at, &path, target, site));
            match target {
                Some((next, next_path)) if way.len() <= REDIRECTIONS_MAX => {
                    way.push(format!("{next}{next_path}"));
                    (at, path) = (next, next_path);
                }
                _ => break answer,
            }
        };
        let way = way.join(" > ");
        if answer.status == 200 {
            let seen = format!("{way} answers 200 with {} bytes in {:?}", answer.body.len(), answer.took);
            self.end("answers", Outcome::Held, seen);
            return Ok(Some(answer));
        }
        let sent_to = answer.header("Location").map(|to| format!(" to {:?}", short(to))).unwrap_or_default();
        let complaints = self.stage.complaints();
        let seen = format!("{way} answers {}{sent_to}, not 200; {}", answer.status, short(&complaints));
        self.end("answers", Outcome::Failed, seen);
        Ok(None)
    }

    /// Whether the answer is the website's own: an empty page has status 200 too.
    pub(super) fn marker(&mut self, answer: Option<&Answer>, needs: &Needs, dumps: &[Dump<'_>]) {
        self.begin();
        let own = || address::option(self.stage, needs, dumps, "blogname");
        let (words, whose) = match &self.website.marker {
            Some(words) => (Some(words.clone()), "the words that were set"),
            None => (own().filter(|title| !title.trim().is_empty()), "WordPress' title"),
        };
        let Some(words) = words else {
            let seen = "no words are known that must stand on the page: set a marker for this website";
            return self.end("marker", Outcome::NotApplicable, seen);
        };
        let Some(answer) = answer else {
            return self.end("marker", Outcome::Unproven, "there was no page to look at");
        };
        if stands_in(&words, &answer.body) {
            self.end("marker", Outcome::Held, format!("{words:?} ({whose}) stands on the page"));
        } else {
            let seen = format!("{words:?} ({whose}) does not stand on the page: {:?}", short(&answer.body));
            self.end("marker", Outcome::Failed, seen);
        }
    }

    /// The website's own check.
    pub(super) fn probe(&mut self, documents: &Path) -> Result<(), StageError> {
        self.begin();
        let Some(command) = &self.website.probe else { return Ok(()) };
        let folder = if documents.starts_with(&self.website.path) { &self.website.path } else { documents };
        match self.stage.run(command, folder, self.website.probe_max) {
            Ok(finished) if finished.success() => {
                let seen = format!("it ended with 0: {}", short(finished.text().trim()));
                self.end("probe", Outcome::Held, seen);
            }
            Ok(finished) => {
                let ended = finished.code.map_or("a signal".to_owned(), |code| code.to_string());
                let said = [&finished.stdout[..], &finished.stderr[..]].concat();
                let said = String::from_utf8_lossy(&said).into_owned();
                let seen = format!("it ended with {ended}: {}", short(said.trim()));
                self.end("probe", Outcome::Failed, seen);
            }
            Err(error) if is_fatal(&error) => return Err(error),
            Err(error) => {
                self.proven.is_timed_out |= error.kind == StageErrorKind::TimedOut;
                self.end("probe", Outcome::Failed, error.to_string());
            }
        }
        Ok(())
    }

    /// What it tried to reach, and to send.
    pub(super) fn quiet(&mut self) -> Result<(), StageError> {
        self.begin();
        let (outbound, mails) = (self.stage.outbound()?, self.stage.mails()?);
        let is_quiet = outbound.is_quiet() && mails.is_empty();
        let outcome = if is_quiet || !self.website.must_be_quiet { Outcome::Held } else { Outcome::Failed };
        let seen = format!("{}; {} mails were caught; nothing got out", outbound.told(), mails.len());
        self.end("quiet", outcome, seen);
        (self.proven.outbound, self.proven.mails) = (outbound, mails);
        Ok(())
    }

    /// For people who want to see it.
    pub(super) fn picture(&mut self, site: &Address) -> Result<(), StageError> {
        self.begin();
        if !self.website.is_pictured {
            return Ok(());
        }
        let url = format!("{site}{}", self.website.asked);
        match self.stage.picture(&url, PICTURE_MAX) {
            Ok(Some(picture)) => {
                self.end(
                    "picture",
                    Outcome::Held,
                    format!("{} bytes of PNG were taken of {url}", picture.len()),
                );
                self.proven.picture = Some(picture);
            }
            Ok(None) => {
                self.end(
                    "picture",
                    Outcome::NotApplicable,
                    "chromium is not installed: no picture was taken",
                );
            }
            Err(error) if is_fatal(&error) => return Err(error),
            // A picture is for people and proves nothing about the website that the answer did not.
            Err(error) => {
                self.end("picture", Outcome::NotApplicable, format!("no picture could be taken: {error}"));
            }
        }
        Ok(())
    }
}

/// Where a redirection leads, if it stays within the website.
fn follow(from: &Address, path: &str, target: &str, site: &Address) -> Option<(Address, String)> {
    if let Some(absolute) = Address::parse(target) {
        let is_own = site.hosts().contains(&absolute.host);
        let rest = target.split_once("://")?.1;
        let path = rest.find('/').map_or("/", |at| &rest[at..]);
        let path = path.split('#').next().unwrap_or("/").to_owned();
        return is_own.then_some((absolute, path));
    }
    let target = target.split('#').next()?;
    if target.starts_with('/') && !target.starts_with("//") {
        return Some((from.clone(), target.to_owned()));
    }
    let is_relative = !target.is_empty() && !target.contains(':') && !target.starts_with('/');
    let folder = path.split('?').next()?.rsplit_once('/')?.0;
    is_relative.then(|| (from.clone(), format!("{folder}/{target}")))
}

fn short(text: &str) -> String {
    text.chars().take(SAID_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirections_are_followed_within_the_website_alone() {
        let site = Address::parse("http://shop.example").unwrap();
        let follow = |target: &str| {
            follow(&site, "/a/b?c", target, &site).map(|(address, path)| format!("{address}{path}"))
        };
        for (target, expected) in [
            ("https://www.shop.example/x?y#z", Some("https://www.shop.example/x?y")),
            ("https://shop.example", Some("https://shop.example/")),
            ("/en/", Some("http://shop.example/en/")),
            ("en/", Some("http://shop.example/a/en/")),
            ("https://login.example/", None),
            ("//cdn.example/x", None),
            ("javascript:alert(1)", None),
            ("", None),
        ] {
            assert_eq!(follow(target).as_deref(), expected, "{target}");
        }
    }
}
