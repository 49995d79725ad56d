//! One run of the dump tool, cut into sections, and the verdict on it.
//!
//! A closed pipe, an exit status of 0 and a last line are each not enough: a killed tool closes its pipe, a tool told to go on
//! writes its last line over a dump with holes, and a status can be had for a dump that lost its end on the way. A pass is over
//! only when all of them agree.

use std::time::Duration;

use holdfast_format::source::SourceError;
use holdfast_world::Clock;
use holdfast_world::process::{Finished, Running};

use super::access::Access;
use super::failure::{dump_failure, failure};
use super::section::Section;
use super::splitter::{Piece, Splitter};
use super::tool::{DumpStart, Scope, Tool};

const READ_BYTES: usize = 64 << 10;
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// A dump that is being read.
pub(super) struct Pass {
    path: Vec<u8>,
    /// None once it was judged.
    running: Option<Running>,
    splitter: Splitter,
    buffer: Vec<u8>,
    section: Section,
    /// Whether anything beyond the head came.
    has_begun: bool,
}

impl Pass {
    /// Starts the tool.
    pub(super) fn start(
        tool: &Tool,
        access: &Access,
        scope: &Scope<'_>,
        path: &[u8],
    ) -> Result<Pass, SourceError> {
        let running = tool.start(access, scope).map_err(|error| match error {
            DumpStart::Access(message) => failure(path, std::io::ErrorKind::InvalidInput, message),
            DumpStart::Process(error) => dump_failure(path, "its start", &error, None),
        })?;
        Ok(Pass {
            path: path.to_vec(),
            running: Some(running),
            splitter: Splitter::new(),
            buffer: vec![0; READ_BYTES],
            section: Section::Head,
            has_begun: false,
        })
    }

    /// Reads until a section after the head begins or the output ends, but no longer than `longest`; whether it got there. The
    /// tool writes a section only after it opened its snapshot.
    pub(super) fn wait_for_section(
        &mut self,
        clock: &dyn Clock,
        longest: Duration,
    ) -> Result<bool, SourceError> {
        let deadline = clock.monotonic() + longest;
        while !self.has_begun {
            let left = deadline.saturating_sub(clock.monotonic());
            let Some(running) = &self.running else { return Ok(true) };
            if left.is_zero() {
                return Ok(false);
            }
            if running.is_ready(left.min(LOOK_INTERVAL)) {
                self.read_on()?;
            }
        }
        Ok(true)
    }

    /// The next piece; `None` once the dump is over and whole.
    pub(super) fn piece(&mut self) -> Result<Option<Piece>, SourceError> {
        loop {
            if let Some(piece) = self.splitter.pop() {
                if let Piece::Begin(section) = &piece {
                    self.section = section.clone();
                }
                return Ok(Some(piece));
            }
            if self.running.is_none() {
                return Ok(None);
            }
            self.read_on()?;
        }
    }

    fn read_on(&mut self) -> Result<(), SourceError> {
        let Some(running) = &mut self.running else { return Ok(()) };
        let count = match running.read(&mut self.buffer) {
            Ok(count) => count,
            Err(error) => return Err(dump_failure(&self.path, &self.section.describe(), &error, None)),
        };
        if count > 0 {
            self.splitter.push(&self.buffer[..count]);
            self.has_begun |= self.splitter.has_begun();
            return Ok(());
        }
        let whole = self.splitter.finish();
        let running = self.running.take().expect("it was just read");
        let doubt = whole.as_ref().err().map(String::as_str);
        running
            .finish()
            .and_then(Finished::checked)
            .map_err(|error| dump_failure(&self.path, &self.splitter.section().describe(), &error, doubt))?;
        whole.map_err(|doubt| {
            let message = format!(
                "the dump is not whole, though its tool reports success: {doubt}; see whether its options were changed, and \
                 report this"
            );
            failure(&self.path, std::io::ErrorKind::InvalidData, message)
        })
    }
}
