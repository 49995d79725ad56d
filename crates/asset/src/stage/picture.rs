//! A picture of what a visitor would see.

use std::path::Path;
use std::time::Duration;

use holdfast_world::process::Finished;

use super::failure::{StageError, StageErrorKind};
use super::inside::Inside;
use super::layout::Folders;
use super::tree::read_plain;

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
    let picture = read_plain(&path, PICTURE_BYTES_MAX, false).map_err(failed)?;
    if !picture.starts_with(PNG) {
        return Err(StageError::new(StageErrorKind::Server, "what Chromium wrote is no picture"));
    }
    Ok(picture)
}
