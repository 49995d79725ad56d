//! Deletions that some location has yet to carry out.
//!
//! What one location lacks and another has is normally owed to the first. Deletions break that rule: an index file that a
//! prune removed here and could not remove there would come back from there. So the names of deleted objects are kept
//! until every location confirmed, and nothing ever delivers or repairs an object with a tombstone.
//!
//! One JSON line per event, appended and synced before the first deletion of a batch. A torn last line was never synced,
//! so its deletion never began, and it is dropped. Any other line that cannot be read is an error: with it forgotten, the
//! next delivery would bring back what was deleted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use holdfast_format::Id;
use holdfast_location::Area;
use holdfast_world::durable;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The tombstones of one repository.
#[derive(Debug)]
pub struct Tombstones {
    path: PathBuf,
    /// By object: the locations that have not confirmed.
    waiting: BTreeMap<(Area, Id), BTreeSet<String>>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    area: String,
    id: Id,
    location: String,
    /// False when the deletion is decided, true when the location confirmed it.
    done: bool,
}

impl Tombstones {
    /// Reads the tombstones at `path`; no file means none.
    pub fn load(path: &Path) -> Result<Tombstones> {
        let mut tombstones = Tombstones { path: path.to_owned(), waiting: BTreeMap::new() };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(tombstones),
            Err(error) => return Err(Error::local("read", path, error)),
        };
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        for (number, line) in whole.lines().enumerate() {
            let (object, location, done) = parse(line).map_err(|reason| {
                Error::new(
                    crate::ErrorKind::Damaged,
                    format!(
                        "{}, line {}: {reason}; move the file away only if deletions at a location may come back",
                        path.display(),
                        number + 1
                    ),
                )
            })?;
            tombstones.apply(object, &location, done);
        }
        Ok(tombstones)
    }

    /// Whether an object was deleted somewhere and must not come back.
    pub fn contains(&self, area: Area, id: &Id) -> bool {
        self.waiting.contains_key(&(area, *id))
    }

    /// What the location called `location` has yet to delete.
    pub fn waiting_at(&self, location: &str) -> Vec<(Area, Id)> {
        let waiting = self.waiting.iter().filter(|(_, locations)| locations.contains(location));
        waiting.map(|(object, _)| *object).collect()
    }

    /// Whether no deletion is outstanding.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Records that these objects are to be deleted at these locations. Durable when it returns.
    pub fn bury(&mut self, objects: &[(Area, Id)], locations: &[String]) -> Result<()> {
        self.append(objects.iter().flat_map(|o| locations.iter().map(|l| (*o, l.clone()))), false)
    }

    /// Records that `location` deleted these objects, or that they must stay after all.
    pub fn confirm(&mut self, objects: &[(Area, Id)], location: &str) -> Result<()> {
        self.append(objects.iter().map(|o| (*o, location.to_owned())), true)
    }

    fn append(&mut self, events: impl Iterator<Item = ((Area, Id), String)>, done: bool) -> Result<()> {
        let mut text = String::new();
        let mut applied = Vec::new();
        for (object, location) in events {
            let line =
                Line { area: object.0.folder().to_owned(), id: object.1, location: location.clone(), done };
            text.push_str(&serde_json::to_string(&line).expect("a plain struct always serialises"));
            text.push('\n');
            applied.push((object, location));
        }
        self.write(&text).map_err(|e| Error::local("write", &self.path, e))?;
        for (object, location) in applied {
            self.apply(object, &location, done);
        }
        if self.waiting.is_empty() {
            // Nothing outstanding: start afresh, so that the file does not grow forever.
            let _ = std::fs::remove_file(&self.path);
        }
        Ok(())
    }

    fn write(&self, text: &str) -> std::io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        durable::create_directory(folder, 0o700)?;
        let mut file = OpenOptions::new().create(true).append(true).read(true).open(&self.path)?;
        let mut old = Vec::new();
        file.read_to_end(&mut old)?;
        let whole = old.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        if whole < old.len() {
            file.set_len(whole as u64)?;
        }
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        durable::sync_directory(folder)
    }

    fn apply(&mut self, object: (Area, Id), location: &str, done: bool) {
        if done {
            if let Some(locations) = self.waiting.get_mut(&object) {
                locations.remove(location);
                if locations.is_empty() {
                    self.waiting.remove(&object);
                }
            }
        } else {
            self.waiting.entry(object).or_default().insert(location.to_owned());
        }
    }
}

type Event = ((Area, Id), String, bool);

fn parse(line: &str) -> std::result::Result<Event, String> {
    let line: Line = serde_json::from_str(line).map_err(|e| e.to_string())?;
    let area = Area::ALL.into_iter().find(|a| a.folder() == line.area);
    let area = area.ok_or_else(|| format!("there is no area {:?}", line.area))?;
    Ok(((area, line.id), line.location, line.done))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: (Area, Id) = (Area::Data, Id([7; 32]));

    #[test]
    fn a_torn_last_line_is_dropped_and_a_damaged_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/state/tombstones.jsonl");
        let here = ["here".to_owned(), "there".to_owned()];
        Tombstones::load(&path).unwrap().bury(&[OBJECT], &here).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}{{\"area\":\"da")).unwrap();
        let mut torn = Tombstones::load(&path).unwrap();
        assert!(torn.contains(OBJECT.0, &OBJECT.1));
        torn.confirm(&[OBJECT], "here").unwrap();
        assert_eq!(Tombstones::load(&path).unwrap().waiting_at("there"), [OBJECT]);
        assert!(Tombstones::load(&path).unwrap().waiting_at("here").is_empty());
        std::fs::write(&path, text.replacen("data", "dat", 1)).unwrap();
        let error = Tombstones::load(&path).unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains("dat"), "{error}");
    }
}
