//! The events of one file of a log's point, held against what `log.json` says of the file.

use std::io::{self, Read};

use sha2::{Digest, Sha256};

use super::super::super::log::{Event, LogFile, MAGIC};
use super::super::dump::DumpFiles;
use super::super::failure::LoadError;

/// Events, one after the other.
pub(in super::super) struct Events<'a> {
    file: &'a LogFile,
    read: Hashed<'a>,
}

struct Hashed<'a> {
    inner: Box<dyn Read + 'a>,
    hash: Sha256,
    bytes: u64,
}

impl Read for Hashed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}

/// Opens a file.
pub(in super::super) fn events_of<'a>(
    files: &'a dyn DumpFiles,
    file: &'a LogFile,
) -> Result<Events<'a>, LoadError> {
    let inner = files
        .open(&file.name)
        .map_err(|error| LoadError::dump(format!("cannot read {:?} of the log: {error}", file.name)))?;
    let inner = Box::new(io::BufReader::with_capacity(256 << 10, inner));
    let mut events = Events { file, read: Hashed { inner, hash: Sha256::new(), bytes: 0 } };
    let mut magic = [0; MAGIC.len()];
    events.read.read_exact(&mut magic).map_err(|error| events.is_wrong(&error.to_string()))?;
    if magic != MAGIC {
        return Err(events.is_wrong("it does not begin as one"));
    }
    Ok(events)
}

impl Events<'_> {
    /// The next one; `None` at the end of a file that is as it must be.
    pub(in super::super) fn next(&mut self) -> Result<Option<Event>, LoadError> {
        let left = self.file.bytes.saturating_sub(self.read.bytes);
        if left == 0 {
            self.finish()?;
            return Ok(None);
        }
        Event::read(&mut self.read, left).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.is_short(),
            _ => self.is_wrong(&error.to_string()),
        })
    }

    /// Reads what is left and holds the whole against its size and hash.
    pub(in super::super) fn finish(&mut self) -> Result<(), LoadError> {
        let mut part = [0; 64 << 10];
        loop {
            let count = self.read.read(&mut part).map_err(|error| self.is_wrong(&error.to_string()))?;
            if count == 0 {
                break;
            }
            if self.read.bytes > self.file.bytes {
                return Err(self.is_wrong("it is longer than log.json says"));
            }
        }
        if self.read.bytes != self.file.bytes {
            return Err(self.is_short());
        }
        let sha256: String =
            self.read.hash.clone().finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if !sha256.eq_ignore_ascii_case(&self.file.sha256) {
            return Err(self.is_wrong("its SHA-256 is not the one in log.json"));
        }
        Ok(())
    }

    /// How much was read.
    pub(in super::super) fn bytes(&self) -> u64 {
        self.read.bytes
    }

    fn is_short(&self) -> LoadError {
        self.is_wrong(&format!(
            "it ends after {} bytes of the {} in log.json",
            self.read.bytes, self.file.bytes
        ))
    }

    fn is_wrong(&self, why: &str) -> LoadError {
        LoadError::dump(format!(
            "the file {:?} of the log is not what was read from the server: {why}; take another point of the log",
            self.file.name
        ))
    }
}
