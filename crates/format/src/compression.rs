//! zstd frames with bounds. A frame can claim, or expand to, any size: nothing is allocated beyond a stated limit.

use std::fmt;

use zstd::zstd_safe::{
    CCtx, CParameter, DCtx, DParameter, ErrorCode, InBuffer, OutBuffer, ResetDirective, compress_bound,
    get_error_name, get_frame_content_size,
};

/// Largest window a frame of ours needs, as a power of two: 8 MiB.
const WINDOW_LOG_MAX: u32 = 23;

/// Largest window we allocate for a frame of unknown size, as a power of two: 128 MiB.
const FOREIGN_WINDOW_LOG_MAX: u32 = 27;

/// Why a frame was not decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// The frame holds more than the limit, in bytes, that the caller set.
    TooLarge(u64),
    /// The frame is damaged, cut off, or followed by other bytes; zstd's words.
    Damaged(&'static str),
}

/// A compressor whose tables are reused from one frame to the next.
pub(crate) struct Compressor {
    context: CCtx<'static>,
    level: i32,
}

impl Compressor {
    /// Frames carry their content size, no checksum (the seal and the hash do that), no dictionary.
    pub(crate) fn new(level: i32) -> Compressor {
        let mut context = CCtx::create();
        let mut set = |parameter| {
            context.set_parameter(parameter).expect("zstd accepts its documented parameters");
        };
        set(CParameter::CompressionLevel(level));
        set(CParameter::ContentSizeFlag(true));
        set(CParameter::ChecksumFlag(false));
        if level >= 20 {
            set(CParameter::WindowLog(WINDOW_LOG_MAX));
        }
        Compressor { context, level }
    }

    pub(crate) fn level(&self) -> i32 {
        self.level
    }

    /// Appends one frame holding `plaintext` to `out`.
    pub(crate) fn append(&mut self, plaintext: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.reserve(compress_bound(plaintext.len()));
        let mut target = std::io::Cursor::new(out);
        target.set_position(start as u64);
        self.context
            .compress2(&mut target, plaintext)
            .map_err(get_error_name)
            .expect("compression into a buffer of the size zstd asks for cannot fail");
    }
}

/// A decompressor whose buffers are reused.
pub(crate) struct Decompressor {
    context: DCtx<'static>,
}

impl Decompressor {
    pub(crate) fn new() -> Decompressor {
        let mut context = DCtx::create();
        context
            .set_parameter(DParameter::WindowLogMax(FOREIGN_WINDOW_LOG_MAX))
            .expect("zstd accepts its documented parameters");
        Decompressor { context }
    }

    /// Decompresses exactly one frame into `out`, which is cleared first; at most `bytes_max` come out.
    pub(crate) fn decompress(
        &mut self,
        frame: &[u8],
        bytes_max: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), FrameError> {
        out.clear();
        let size = get_frame_content_size(frame).map_err(|_| FrameError::Damaged("not a zstd frame"))?;
        let outcome = match size {
            Some(size) if size > bytes_max => return Err(FrameError::TooLarge(bytes_max)),
            Some(size) => {
                let size = usize::try_from(size).map_err(|_| FrameError::TooLarge(bytes_max))?;
                out.reserve_exact(size);
                // The length is checked against the header by zstd; a Vec never grows here.
                match self.context.decompress(out, frame) {
                    Ok(written) if written == size => Ok(()),
                    Ok(_) => Err(FrameError::Damaged("the frame does not hold the size its header states")),
                    Err(code) => Err(damaged(code)),
                }
            }
            None => self.decompress_unsized(frame, bytes_max, out),
        };
        if outcome.is_err() {
            out.clear();
        }
        outcome
    }

    /// A frame without content size: legal, but then the output grows step by step up to the limit.
    fn decompress_unsized(
        &mut self,
        frame: &[u8],
        bytes_max: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), FrameError> {
        self.context.reset(ResetDirective::SessionOnly).map_err(damaged)?;
        let mut source = InBuffer::around(frame);
        let mut piece = vec![0; DCtx::out_size()];
        loop {
            let mut target = OutBuffer::around(piece.as_mut_slice());
            let hint = self.context.decompress_stream(&mut target, &mut source).map_err(damaged)?;
            let written = target.pos();
            if out.len() as u64 + written as u64 > bytes_max {
                return Err(FrameError::TooLarge(bytes_max));
            }
            out.extend_from_slice(&piece[..written]);
            if hint == 0 {
                break;
            }
            if written == 0 && source.pos() == frame.len() {
                return Err(FrameError::Damaged("the frame is cut off"));
            }
        }
        if source.pos() == frame.len() { Ok(()) } else { Err(FrameError::Damaged("bytes follow the frame")) }
    }
}

fn damaged(code: ErrorCode) -> FrameError {
    FrameError::Damaged(get_error_name(code))
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::TooLarge(bytes_max) => {
                write!(f, "the compressed data holds more than the {bytes_max} bytes it may hold here")
            }
            FrameError::Damaged(what) => write!(f, "the compressed data is damaged: {what}"),
        }
    }
}

impl std::error::Error for FrameError {}

#[cfg(test)]
mod tests;
