//! A picture of what a visitor would see.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use holdfast_world::process::Finished;

use super::failure::{StageError, StageErrorKind};
use super::inside::Inside;
use super::layout::Folders;

/// The largest picture, in bytes.
const PICTURE_BYTES_MAX: u64 = 32 << 20;
/// What every PNG begins with.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Its own wish for news is switched off as far as it can be. It needs no sandbox of its own: nothing in the staging is worth more than the
/// page that it shows.
const OPTIONS: [&str; 16] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--window-size=1280,1600",
    "--ignore-certificate-errors",
    "--user-data-dir=/tmp/chromium",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--disable-extensions",
    "--metrics-recording-only",
    "--virtual-time-budget=5000",
];

pub(super) fn take(
    inside: &Inside,
    folders: &Folders,
    chromium: &Path,
    user: u32,
    url: &str,
    longest: Duration,
) -> Result<Vec<u8>, StageError> {
    let is_address = url.starts_with("http://") || url.starts_with("https://");
    if !is_address || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(StageError::refused(format!("{url:?} is no address of a page")));
    }
    let taken = inside
        .program(chromium, user, longest)
        .arguments(OPTIONS)
        .arguments(["--screenshot=/tmp/picture.png", url])
        .run(inside.interrupted().as_deref())
        .and_then(Finished::checked);
    taken.map_err(|error| StageError::process("take a picture", &error))?;
    let path = folders.temporary().join("picture.png");
    let failed = |error| StageError::io("read", &path, error);
    // Whatever runs inside can put something else there, but a link would lead out for us.
    let is_file = path.symlink_metadata().map_err(failed)?.is_file();
    let mut picture = Vec::new();
    if is_file {
        let file = open_plain(&path).map_err(failed)?;
        file.take(PICTURE_BYTES_MAX).read_to_end(&mut picture).map_err(failed)?;
    }
    if !picture.starts_with(PNG) {
        return Err(StageError::new(StageErrorKind::Server, "what Chromium wrote is no picture"));
    }
    Ok(picture)
}

fn open_plain(path: &Path) -> std::io::Result<fs::File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}
