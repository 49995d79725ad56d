//! One folder while it is asked what lies in it.

use std::path::{Path, PathBuf};

use super::dotenv::Environment;
use super::folder::{OpenFolder, Unreadable};
use super::php::{self, Settings};
use super::{Search, Trouble, joined};

pub(super) struct Visit<'a> {
    pub(super) folder: &'a OpenFolder,
    /// The root of the website, absolute.
    pub(super) root: &'a Path,
    pub(super) search: &'a Search,
    pub(super) troubles: &'a mut Vec<Trouble>,
}

impl Visit<'_> {
    /// Whether anything lies there, be it a symlink.
    pub(super) fn has(&self, path: &str) -> bool {
        self.folder.kind(path).is_some()
    }

    /// A path in this folder, from the root of the website.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        joined(&self.folder.path, path)
    }

    pub(super) fn tell(&mut self, path: &str, line: Option<u32>, setting: Option<&str>, reason: &str) {
        let setting = setting.map(str::to_owned);
        self.push(Trouble { file: self.path(path), line, setting, reason: reason.to_owned() });
    }

    pub(super) fn push(&mut self, trouble: Trouble) {
        if !self.troubles.contains(&trouble) {
            self.troubles.push(trouble);
        }
    }

    /// The bytes of a file; nothing when there is none, or when it is told why they were not read.
    pub(super) fn bytes(&mut self, path: &str) -> Option<Vec<u8>> {
        match self.folder.read(path) {
            Ok(bytes) => Some(bytes),
            Err(Unreadable::NotThere) => None,
            Err(Unreadable::Because(reason)) => {
                self.tell(path, None, None, &reason);
                None
            }
        }
    }

    /// What a file in PHP sets. Why it was not read is told; what is odd in it is not yet, see [`Visit::tell_oddities`].
    pub(super) fn settings(&mut self, path: &str, environment: Option<&Environment>) -> Option<Settings> {
        let bytes = self.bytes(path)?;
        let file = self.root.join(self.path(path));
        let folder = file.parent().and_then(Path::to_str).unwrap_or_default();
        match php::read(&bytes, folder, environment) {
            Ok(settings) => Some(settings),
            Err(reason) => {
                self.tell(path, None, None, reason);
                None
            }
        }
    }

    /// Tells what keeps a configuration from being known completely.
    pub(super) fn tell_oddities(&mut self, path: &str, settings: &Settings) {
        if settings.broken_line.is_some() {
            let reason = "it is not valid PHP from here on, so what follows is not believed";
            self.tell(path, settings.broken_line, None, reason);
        }
        if settings.is_cut_short {
            self.tell(path, None, None, "it is too long or too nested to be followed to its end");
        }
        if let [line, ..] = settings.elsewhere.as_slice() {
            let reason =
                "here it hands over to another file or to code that sets more, which is not followed";
            self.tell(path, Some(*line), None, reason);
        }
    }

    /// A configuration: what it sets, with all that is odd told.
    pub(super) fn configuration(&mut self, path: &str) -> Option<Settings> {
        let settings = self.settings(path, None)?;
        self.tell_oddities(path, &settings);
        Some(settings)
    }

    /// A text that a file of the application sets, such as its version.
    pub(super) fn text(&mut self, path: &str, key: &str) -> Option<String> {
        let text = self.settings(path, None)?.certain_text(key)?;
        // Shown in tables: no file of a client's gets to paint there.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+' | ' ');
        (!text.is_empty() && text.len() <= 64 && text.chars().all(is_plain)).then_some(text)
    }
}
