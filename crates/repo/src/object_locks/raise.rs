//! Raising the locks of many objects at one location, a few requests at a time.

use std::collections::BTreeMap;

use holdfast_format::Id;
use holdfast_location::Area;
use jiff::Timestamp;
use parking_lot::Mutex;

use super::KnownLocks;
use crate::cancel::Cancel;
use crate::error::ErrorKind;
use crate::mirror::Mirror;

/// Requests in flight at one location.
const REQUESTS: usize = 4;

/// What was done at a location.
#[derive(Default)]
pub(super) struct Raised {
    pub(super) count: u64,
    /// The first failure.
    pub(super) failure: Option<String>,
    /// Locks that were set and are shorter now.
    pub(super) weakened: Vec<String>,
}

/// Raises each lock to its instant at least. After a failure that would meet every object, the rest is left alone.
pub(super) fn raise(
    mirror: &Mirror,
    mut wanted: BTreeMap<(Area, Id), Timestamp>,
    known: &mut KnownLocks,
    cancel: &Cancel,
) -> Raised {
    wanted.retain(|object, until| !known.is_locked(*object, *until));
    let queue = Mutex::new(wanted.into_iter().collect::<Vec<_>>());
    let done = Mutex::new((Raised::default(), known));
    let work = || {
        loop {
            let Some(((area, id), until)) = queue.lock().pop() else { return };
            if let Err(error) = cancel.check() {
                done.lock().0.failure.get_or_insert(error.to_string());
                return;
            }
            let outcome = mirror.retain(area, &id, until);
            let mut done = done.lock();
            let (raised, known) = &mut *done;
            match outcome {
                Ok(retained) => {
                    let before = known.until((area, id));
                    if before.is_some_and(|before| retained.before.is_none_or(|now| now < before)) {
                        raised.weakened.push(format!(
                            "the lock of {}/{id} was set until {} and was gone or shorter when it was looked at again",
                            area.folder(),
                            before.unwrap_or(until)
                        ));
                    }
                    raised.count += u64::from(retained.before != Some(retained.until));
                    known.note((area, id), retained.until);
                }
                Err(error) => {
                    let is_of_one = matches!(error.kind, ErrorKind::NotFound | ErrorKind::Damaged);
                    raised.failure.get_or_insert(error.to_string());
                    if !is_of_one {
                        queue.lock().clear();
                        return;
                    }
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..REQUESTS {
            scope.spawn(work);
        }
    });
    done.into_inner().0
}
