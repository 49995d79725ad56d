//! The second phase: workers take request after request, open each blob once and write it to every file that has it.

use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use crate::cancel::Cancel;
use crate::error::{Error, ErrorKind, Result};
use crate::restore::copies::{Copies, Decoding};
use crate::restore::files::{Files, LastDirectory, state};
use crate::restore::schedule::{Job, Schedule};

/// Workers for each thread asked for: while one waits for a location, another decodes.
pub(crate) const WORKERS_PER_THREAD: usize = 2;

struct Work<'a> {
    schedule: &'a Schedule,
    copies: &'a Copies<'a>,
    files: &'a Files<'a>,
    cancel: &'a Cancel,
    /// Files that need nothing read.
    quiet: Vec<u32>,
    next_quiet: AtomicUsize,
    next_job: AtomicUsize,
    fatal: Mutex<Option<Error>>,
}

/// Writes all files of the plan that are not in the target already.
pub(crate) fn write(
    schedule: &Schedule,
    copies: &Copies<'_>,
    files: &Files<'_>,
    workers: usize,
    cancel: &Cancel,
) -> Result<()> {
    files.progress.objects_total.set(schedule.jobs.len() as u64);
    // Decided before any worker starts: a file that was just finished has nothing missing either.
    let quiet = (0..).zip(&files.plan.files).filter(|(_, file)| file.missing.load(Ordering::Relaxed) == 0);
    let quiet = quiet.map(|(number, _)| number).collect();
    let work = Work {
        schedule,
        copies,
        files,
        cancel,
        quiet,
        next_quiet: AtomicUsize::new(0),
        next_job: AtomicUsize::new(0),
        fatal: Mutex::new(None),
    };
    std::thread::scope(|scope| {
        for _ in 0..workers.max(1) {
            scope.spawn(|| {
                if let Err(error) = work.run() {
                    work.fatal.lock().get_or_insert(error);
                }
            });
        }
    });
    match work.fatal.into_inner() {
        Some(error) => {
            files.clean_up();
            Err(error)
        }
        None => Ok(()),
    }
}

impl Work<'_> {
    fn run(&self) -> Result<()> {
        let mut last: LastDirectory = None;
        let mut decoding = Decoding::default();
        let plan = self.files.plan;
        while let Some(number) = self.next_quiet() {
            let file = &plan.files[number as usize];
            self.check()?;
            if file.state.load(Ordering::Relaxed) == state::UNCHANGED {
                self.files.correct(file, &mut last);
            } else {
                self.files.write_hole(number, &mut last)?;
            }
        }
        while let Some(job) = self.schedule.jobs.get(self.next_job.fetch_add(1, Ordering::Relaxed)) {
            self.check()?;
            self.read(job, &mut decoding, &mut last)?;
            self.files.progress.objects.add(1);
        }
        Ok(())
    }

    fn next_quiet(&self) -> Option<u32> {
        self.quiet.get(self.next_quiet.fetch_add(1, Ordering::Relaxed)).copied()
    }

    fn check(&self) -> Result<()> {
        if self.fatal.lock().is_some() {
            return Err(Error::new(ErrorKind::Cancelled, "another worker met an error"));
        }
        self.cancel.check()
    }

    fn read(&self, job: &Job, decoding: &mut Decoding, last: &mut LastDirectory) -> Result<()> {
        let pack = &self.schedule.packs[job.pack as usize];
        let fetched = match self.copies.range(pack, &job.bytes) {
            Ok(fetched) => Some(fetched),
            // Every location was asked and none answered: nothing can go on, and nothing is known to be lost.
            Err(error) if error.kind != ErrorKind::Damaged => return Err(error),
            // A part of the pack may be good, or another pack may hold the same blob.
            Err(_) => None,
        };
        let mut numbers = job.uses.clone().peekable();
        while let Some(first) = numbers.next() {
            self.check()?;
            let (id, place) = self.schedule.blob(self.files.plan, first);
            let found = match &fetched {
                Some((from, sealed)) => {
                    let start = (u64::from(place.offset) - job.bytes.start) as usize;
                    let sealed = &sealed[start..start + place.length as usize];
                    match self.copies.decode(decoding, *from, &id, &place, sealed) {
                        Ok(()) => Ok(()),
                        Err(_) => self.copies.blob(decoding, &id, Some(*from)),
                    }
                }
                None => self.copies.blob(decoding, &id, None),
            };
            let mut number = Some(first);
            while let Some(at) = number {
                let one = &self.schedule.uses[at];
                match &found {
                    Ok(()) => self.files.write(one.file, one.at, &decoding.plain, last)?,
                    Err(error) => self.files.lose(one.file, &id, error)?,
                }
                number = numbers.next_if(|n| self.schedule.is_same_blob(first, *n));
            }
        }
        Ok(())
    }
}
