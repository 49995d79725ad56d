//! Adding only. The writer's process is given a location that cannot delete, whatever its credentials could do: a
//! defect or an intruder in the writing path then has no call with which to remove a copy.

use std::sync::Arc;

use bytes::Bytes;

use super::{Answer, Around, Call, Layer, Op};
use crate::contract::Location;
use crate::error::{Error, ErrorKind};
use crate::key::Area;

/// A location that deletes locks only, and never overwrites.
pub struct AppendOnly {
    inner: Arc<dyn Location>,
}

impl AppendOnly {
    /// Wraps `inner`.
    pub fn new(inner: Arc<dyn Location>) -> AppendOnly {
        AppendOnly { inner }
    }
}

impl Layer for AppendOnly {}

impl Around for AppendOnly {
    fn inner(&self) -> &dyn Location {
        &*self.inner
    }

    fn around<T: Answer>(
        &self,
        call: &Call,
        bytes: Option<&Bytes>,
        make: &dyn Fn(Option<&Bytes>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let removes = (call.op == Op::Delete && call.area != Some(Area::Locks))
            || matches!(call.op, Op::Erase | Op::BreakLock);
        if removes || call.op == Op::OverwriteRaw {
            let verb = if removes { "delete" } else { "overwrite" };
            return Err(Error::new(
                ErrorKind::Refused,
                self.inner.name(),
                format!("{verb} {}", call.path),
                "the place was opened for adding only; deleting is for purge, prune and repair",
            ));
        }
        make(bytes)
    }
}
