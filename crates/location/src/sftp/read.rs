//! Reading from an SSH server: many requests in flight, and never a short answer.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use futures::stream::{self, StreamExt};
use russh_sftp::client::error::Error as Sftp;
use russh_sftp::protocol::{FileAttributes, OpenFlags, StatusCode};

use super::link::Link;
use super::{Failure, SftpPlace, is_absent};
use crate::error::ErrorKind;

/// Read requests in flight for one object.
const READS_IN_FLIGHT: usize = 16;

/// More than any small file of a system's own has.
const SMALL_BYTES_MAX: u32 = 4096;

impl SftpPlace {
    pub(super) async fn read(
        &self,
        link: &Link,
        path: &str,
        range: Option<Range<u64>>,
    ) -> Result<Bytes, Failure> {
        let handle = match link.sftp.open(path, OpenFlags::READ, FileAttributes::empty()).await {
            Ok(handle) => handle.handle,
            Err(error) if is_absent(&error) => return Err(self.absent(link, path).await),
            Err(error) => return Err(error.into()),
        };
        let read = link.read_open(&handle, path, range).await;
        link.sftp.close(handle).await?;
        read
    }
}

impl Link {
    async fn read_open(&self, handle: &str, path: &str, range: Option<Range<u64>>) -> Result<Bytes, Failure> {
        let attributes = self.sftp.fstat(handle).await?.attrs;
        let corrupt = |cause: String| Failure::Settled(ErrorKind::Corrupt, cause);
        if !attributes.is_regular() {
            return Err(corrupt(format!("{path} is not a file")));
        }
        let size = attributes.len();
        let range = range.unwrap_or(0..size);
        if range.end > size || range.start > range.end {
            let Range { start, end } = range;
            return Err(corrupt(format!("asked for bytes {start}..{end} of {path}, which has {size}")));
        }
        let step = self.chunk_bytes as u64;
        let starts = (range.start..range.end).step_by(self.chunk_bytes);
        let mut chunks = stream::iter(starts.map(|start| {
            let end = range.end.min(start + step);
            self.read_chunk(handle, path, start..end)
        }))
        .buffered(READS_IN_FLIGHT);
        let length = usize::try_from(range.end - range.start).expect("objects fit into memory");
        let mut bytes = BytesMut::with_capacity(length);
        while let Some(chunk) = chunks.next().await {
            bytes.extend_from_slice(&chunk?);
        }
        Ok(bytes.freeze())
    }

    /// Reads exactly this range; a server may answer a request with less than was asked for.
    async fn read_chunk(&self, handle: &str, path: &str, range: Range<u64>) -> Result<Vec<u8>, Failure> {
        let mut bytes: Vec<u8> = Vec::new();
        loop {
            let at = range.start + bytes.len() as u64;
            let left = u32::try_from(range.end - at).expect("chunks are small");
            match self.sftp.read(handle, at, left).await {
                Ok(data) if data.data.is_empty() || data.data.len() > left as usize => {
                    let cause =
                        format!("the server answered a read of {path} with {} bytes", data.data.len());
                    return Err(Failure::Broken(ErrorKind::Unreachable, cause));
                }
                Ok(data) if bytes.is_empty() => bytes = data.data,
                Ok(data) => bytes.extend_from_slice(&data.data),
                Err(Sftp::Status(status)) if status.status_code == StatusCode::Eof => {
                    return Err(Failure::Settled(ErrorKind::Corrupt, format!("{path} became shorter")));
                }
                Err(error) => return Err(error.into()),
            }
            if bytes.len() as u64 == range.end - range.start {
                return Ok(bytes);
            }
        }
    }

    /// Reads a small file of the server's system.
    pub(super) async fn read_small(&self, path: &str) -> Result<Vec<u8>, Failure> {
        let handle = self.sftp.open(path, OpenFlags::READ, FileAttributes::empty()).await?.handle;
        let read = self.sftp.read(handle.as_str(), 0, SMALL_BYTES_MAX).await;
        self.sftp.close(handle).await?;
        Ok(read?.data)
    }
}
