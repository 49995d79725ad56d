//! The trials that end in yes or no.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use bytes::Bytes;

use super::{Finding, Grade, Probe, Topic, Verdict};
use crate::contract::Put;
use crate::error::{Error, ErrorKind};
use crate::key::{Area, Key};

/// Bytes of the small objects.
const SMALL_BYTES: usize = 4096;

/// Looks at a growing object are this far apart.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// Fewer looks say nothing.
const LOOKS_MIN: u32 = 3;

impl Probe<'_> {
    pub(super) fn reachable(&self) -> Finding {
        let what = Topic::Reachable;
        match self.location.identity() {
            Ok(identity) => Finding::new(
                what,
                Verdict::Yes,
                Grade::Fine,
                format!("its marker was read: {}", identity.description),
                "the place is there and is the one that was established",
            ),
            Err(error) => Finding::new(
                what,
                Verdict::No,
                Grade::Bad,
                error.to_string(),
                "nothing can be stored there now; nothing else was tried",
            ),
        }
    }

    /// Storing, reading whole and in part, storing again: one object serves for all.
    pub(super) fn reading_and_writing(&self) -> Vec<Finding> {
        let content = self.random(100_000);
        let key = self.key(Area::Data, &content);
        let written =
            self.location.prepare(&self.repository).and_then(|()| self.location.put(&key, content.clone()));
        if let Err(error) = written {
            let meaning = "no copy can be stored there with these credentials";
            return vec![Finding::new(Topic::Write, Verdict::No, Grade::Bad, error.to_string(), meaning)];
        }
        let stored = "an object of 100,000 bytes was stored";
        vec![
            Finding::new(Topic::Write, Verdict::Yes, Grade::Fine, stored, "copies can be stored"),
            self.compare(Topic::ReadBack, self.location.get(&key, None), &content, "the whole object"),
            self.compare(
                Topic::RangedRead,
                self.location.get(&key, Some(70_001..70_101)),
                &content.slice(70_001..70_101),
                "100 bytes from its middle",
            ),
            self.same_again(&key, &content),
            self.other_size(&key, &content),
        ]
    }

    fn compare(&self, what: Topic, read: Result<Bytes, Error>, expected: &Bytes, part: &str) -> Finding {
        match read {
            Ok(read) if read == *expected => {
                let tried = format!("{part} was read and compared");
                Finding::new(what, Verdict::Yes, Grade::Fine, tried, "what is stored comes back unchanged")
            }
            Ok(read) => {
                let tried = format!("{part} came back as {} other bytes", read.len());
                Finding::new(
                    what,
                    Verdict::No,
                    Grade::Bad,
                    tried,
                    "the place damages what it stores: do not use it",
                )
            }
            Err(error) => Finding::new(
                what,
                Verdict::No,
                Grade::Bad,
                error.to_string(),
                "a copy there cannot be restored",
            ),
        }
    }

    fn same_again(&self, key: &Key, content: &Bytes) -> Finding {
        let what = Topic::SameAgain;
        let good = "a repeated upload changes nothing";
        match self.location.put(key, content.clone()) {
            Ok(Put::AlreadyThere) => {
                Finding::new(what, Verdict::Yes, Grade::Fine, "stored again, recognised", good)
            }
            Ok(Put::Stored) => {
                let tried = "stored again, taken for new";
                Finding::new(what, Verdict::No, Grade::Bad, tried, "the place forgets what it has")
            }
            Err(error) => Finding::unknown(what, &error),
        }
    }

    fn other_size(&self, key: &Key, content: &Bytes) -> Finding {
        let what = Topic::OtherSize;
        let put = self.location.put(key, content.slice(..99));
        match (put, self.location.get(key, None)) {
            (Err(error), Ok(read)) if error.kind == ErrorKind::Conflict && read == *content => {
                let tried = "99 other bytes under its name were turned away, it is unchanged";
                Finding::new(what, Verdict::Yes, Grade::Fine, tried, "a mix-up cannot replace a copy")
            }
            (_, Ok(read)) if read != *content => {
                let tried = "99 other bytes under its name replaced it";
                Finding::new(what, Verdict::No, Grade::Bad, tried, "a mix-up replaces a copy")
            }
            (Err(error), _) | (_, Err(error)) => Finding::unknown(what, &error),
            (Ok(put), Ok(_)) => {
                let tried = format!("99 other bytes under its name: {put:?}, though it is unchanged");
                Finding::new(what, Verdict::No, Grade::Bad, tried, "the place says stored and did not store")
            }
        }
    }

    /// Looks at an object from a second thread while it is stored.
    pub(super) fn whole_or_absent(&self) -> Finding {
        let what = Topic::WholeOrAbsent;
        let content = self.random(self.options.object_bytes);
        let key = self.key(Area::Data, &content);
        let whole = content.len() as u64;
        let stored = AtomicBool::new(false);
        let (put, looks, partial) = thread::scope(|scope| {
            let looking = scope.spawn(|| {
                let (mut looks, mut partial) = (0u32, None);
                while !stored.load(Ordering::Relaxed) {
                    match self.location.size(&key) {
                        Ok(size) if size != whole => partial = Some(size),
                        Ok(_) => {}
                        Err(error) if error.kind == ErrorKind::NotFound => looks += 1,
                        Err(_) => {}
                    }
                    self.surroundings.clock.sleep(LOOK_EVERY);
                }
                (looks, partial)
            });
            let put = self.location.put(&key, content.clone());
            stored.store(true, Ordering::Relaxed);
            let (looks, partial) = looking.join().unwrap_or_default();
            (put, looks, partial)
        });
        let tried = format!("{looks} looks while {whole} bytes were stored found nothing yet");
        match (put, partial) {
            (_, Some(size)) => Finding::new(
                what,
                Verdict::No,
                Grade::Bad,
                format!("{tried}, and one found {size} bytes"),
                "growing objects can be seen: a reader may get half, and an upload that breaks off may leave half",
            ),
            (Ok(_), None) if looks >= LOOKS_MIN => Finding::new(
                what,
                Verdict::Yes,
                Grade::Fine,
                format!("{tried}, and none found a part"),
                "no half object was seen",
            ),
            (Ok(_), None) => Finding::new(
                what,
                Verdict::Unknown,
                Grade::Note,
                format!("{tried}: too few"),
                "the upload was too fast to look at",
            ),
            (Err(error), None) => Finding::unknown(what, &error),
        }
    }

    pub(super) fn list_complete(&self) -> Finding {
        let what = Topic::ListComplete;
        let mut expected = BTreeSet::new();
        for _ in 0..self.options.listed_objects {
            let content = self.random(64);
            let key = self.key(Area::Index, &content);
            if let Err(error) = self.location.put(&key, content) {
                return Finding::unknown(what, &error);
            }
            expected.insert(key.name);
        }
        let listed: BTreeSet<String> = match self.location.list(&self.repository, Area::Index) {
            Ok(listed) => listed.into_iter().map(|listed| listed.name).collect(),
            Err(error) => return Finding::unknown(what, &error),
        };
        let (count, missing) = (expected.len(), expected.difference(&listed).count());
        if missing == 0 && listed.len() == count {
            let tried = format!("{count} objects were stored, and all were listed at once");
            return Finding::new(
                what,
                Verdict::Yes,
                Grade::Fine,
                tried,
                "a purge sees everything that is there",
            );
        }
        let tried = format!("of {count} objects {missing} were missing from the listing of {}", listed.len());
        Finding::new(what, Verdict::No, Grade::Bad, tried, "a purge or a check would act on half the truth")
    }

    pub(super) fn overwrite_refused(&self) -> Finding {
        let what = Topic::OverwriteRefused;
        let (content, other) = (self.random(SMALL_BYTES), self.random(SMALL_BYTES));
        let key = self.key(Area::Data, &content);
        if let Err(error) = self.location.put(&key, content.clone()) {
            return Finding::unknown(what, &error);
        }
        let attempt = self.location.overwrite_raw(&key, other);
        let read = match self.location.get(&key, None) {
            Ok(read) => read,
            Err(error) if attempt.is_ok() => {
                let tried =
                    format!("other bytes were written over an object, which then could not be read: {error}");
                return Finding::new(what, Verdict::No, Grade::Note, tried, REPLACEABLE);
            }
            Err(error) => return Finding::unknown(what, &error),
        };
        match attempt {
            Ok(()) if read == content => {
                let tried = "writing other bytes over an object was accepted and not done";
                Finding::new(what, Verdict::Yes, Grade::Fine, tried, UNCHANGEABLE)
            }
            _ if read != content => {
                let tried = "other bytes were written over an object, and came back";
                Finding::new(what, Verdict::No, Grade::Note, tried, REPLACEABLE)
            }
            Err(error) if matches!(error.kind, ErrorKind::Refused | ErrorKind::Conflict) => {
                let tried =
                    format!("writing other bytes over an object was refused, it is unchanged ({error})");
                Finding::new(what, Verdict::Yes, Grade::Fine, tried, UNCHANGEABLE)
            }
            Err(error) => Finding::unknown(what, &error),
            Ok(()) => unreachable!("both cases of what was read are above"),
        }
    }

    pub(super) fn delete_refused(&self) -> Finding {
        let what = Topic::DeleteRefused;
        let content = self.random(SMALL_BYTES);
        let key = self.key(Area::Data, &content);
        if let Err(error) = self.location.put(&key, content.clone()) {
            return Finding::unknown(what, &error);
        }
        let attempt = self.location.delete(&key);
        match (attempt, self.location.get(&key, None)) {
            (_, Err(error)) if error.kind == ErrorKind::NotFound => Finding::new(
                what,
                Verdict::No,
                Grade::Note,
                "an object was deleted, and is gone",
                "whoever holds these credentials can delete copies; give the writer others, or an object lock",
            ),
            (Err(error), Ok(read)) if error.kind == ErrorKind::Refused && read == content => Finding::new(
                what,
                Verdict::Yes,
                Grade::Fine,
                format!("deleting an object was refused, it is unchanged ({error})"),
                "an intruder with these credentials cannot delete copies",
            ),
            (Ok(()), Ok(_)) => Finding::new(
                what,
                Verdict::Yes,
                Grade::Bad,
                "deleting an object was accepted and not done",
                "the place says deleted and did not delete: a purge there cannot be believed",
            ),
            (Err(error), _) | (_, Err(error)) => Finding::unknown(what, &error),
        }
    }

    pub(super) fn lock_delete(&self) -> Finding {
        let what = Topic::LockDelete;
        let content = self.random(200);
        let key = self.key(Area::Locks, &content);
        if let Err(error) = self.location.put(&key, content) {
            return Finding::unknown(what, &error);
        }
        match (self.location.delete(&key), self.location.get(&key, None)) {
            (Ok(()), Err(error)) if error.kind == ErrorKind::NotFound => {
                let meaning = "a writer can release its own lock";
                Finding::new(what, Verdict::Yes, Grade::Fine, "a lock was stored and deleted", meaning)
            }
            (Err(error), _) if error.kind == ErrorKind::Refused => Finding::new(
                what,
                Verdict::No,
                Grade::Note,
                format!("deleting a lock was refused ({error})"),
                "locks of writers go stale there, and the deleter removes them",
            ),
            (Ok(()), Ok(_)) => Finding::new(
                what,
                Verdict::No,
                Grade::Bad,
                "deleting a lock was accepted and not done",
                "locks would never go away there",
            ),
            (Err(error), _) | (_, Err(error)) => Finding::unknown(what, &error),
        }
    }
}

const REPLACEABLE: &str =
    "whoever holds these credentials can replace copies by rubbish: the place is not immutable";
const UNCHANGEABLE: &str = "an intruder with these credentials cannot replace copies";
