//! Reading one file from front to back, holes skipped.

use std::io;
use std::os::fd::OwnedFd;

use holdfast_format::source::{Content, Extent, Metadata};
use rustix::fs::{Advice, SeekFrom, fadvise, seek};
use rustix::io::{Errno, pread};

use super::directory::{Examined, examine_open};

/// Files above this are read ahead further by the kernel.
const READ_AHEAD_BYTES_MIN: u64 = 4 << 20;

pub(super) struct OpenFile {
    fd: OwnedFd,
    opened: Metadata,
    position: u64,
    /// Up to here there is no hole, as far as it is known.
    data_end: u64,
    /// Whether holes are looked for at all: only where the file occupies less than its size.
    sparse: bool,
}

impl OpenFile {
    pub(super) fn new(fd: OwnedFd, examined: &Examined) -> OpenFile {
        if examined.metadata.size >= READ_AHEAD_BYTES_MIN {
            // Advice only: reading works without it.
            let _ = fadvise(&fd, 0, None, Advice::Sequential);
        }
        let sparse = examined.blocks.saturating_mul(512) < examined.metadata.size;
        OpenFile { fd, opened: examined.metadata, position: 0, data_end: 0, sparse }
    }

    fn hole(&mut self, end: u64) -> Extent {
        let length = end - self.position;
        self.position = end;
        Extent::Hole(length)
    }
}

impl Content for OpenFile {
    fn extent(&mut self) -> io::Result<Extent> {
        if !self.sparse {
            return Ok(Extent::Data(u64::MAX));
        }
        if self.position < self.data_end {
            return Ok(Extent::Data(self.data_end - self.position));
        }
        match seek(&self.fd, SeekFrom::Data(self.position)) {
            Ok(data) if data > self.position => Ok(self.hole(data)),
            Ok(_) => {
                self.data_end = seek(&self.fd, SeekFrom::Hole(self.position))?;
                Ok(Extent::Data(self.data_end.saturating_sub(self.position)))
            }
            // No data from here on: a hole up to the end, or the end itself.
            Err(Errno::NXIO) => {
                let size = examine_open(&self.fd)?.size;
                Ok(if size > self.position { self.hole(size) } else { Extent::Data(u64::MAX) })
            }
            Err(Errno::INVAL | Errno::NOTSUP) => {
                self.sparse = false;
                Ok(Extent::Data(u64::MAX))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = loop {
            match pread(&self.fd, &mut *buffer, self.position) {
                Err(Errno::INTR) => {}
                result => break result?,
            }
        };
        self.position += count as u64;
        Ok(count)
    }

    fn opened(&self) -> Metadata {
        self.opened
    }

    fn metadata(&mut self) -> io::Result<Metadata> {
        Ok(examine_open(&self.fd)?)
    }
}
