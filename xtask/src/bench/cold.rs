//! Cold measurements: the page cache is forgotten first, so that files come from the disk. Only root may do that, and a
//! container often may not even then.

use anyhow::{Context, Result};

const SWITCH: &str = "/proc/sys/vm/drop_caches";

/// Forgets clean pages, folders and inodes; what is dirty must be on disk before.
pub(super) fn forget_page_cache() -> Result<()> {
    std::fs::write(SWITCH, "3\n")
        .with_context(|| format!("cannot write {SWITCH}: this machine does not allow cold measurements"))
}
