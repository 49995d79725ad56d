//! What a folder really is: the file system and the machine below it.

use std::fs;
use std::os::unix::fs::MetadataExt;

use rustix::fs::statvfs;

use super::Local;
use crate::contract::Identity;
use crate::error::Error;
use crate::marker;

impl Local {
    pub(super) fn identify(&self, action: &str) -> Result<Identity, Error> {
        self.present(action)?;
        let failed = |error| self.io(action, &self.root, &error);
        let root = fs::canonicalize(&self.root).map_err(failed)?;
        let metadata = fs::metadata(&root).map_err(failed)?;
        let file_system = statvfs(&root).map_err(|error| failed(error.into()))?.f_fsid;
        // Device numbers change with the order in which disks are found; the file system's own id does not. Where
        // there is none (tmpfs on old kernels, some FUSE), the number has to do.
        let device = match file_system {
            0 => format!("device:{:x}", metadata.dev()),
            id => format!("filesystem:{id:x}"),
        };
        let content = self.read(action, &self.root.join(marker::key().path()), None)?;
        let machine = fs::read_to_string("/etc/machine-id").ok().map(|id| id.trim().to_owned());
        Ok(Identity {
            fingerprint: format!("local {device} inode:{}", metadata.ino()),
            description: format!("folder {} on {device}", root.display()),
            machine: machine.filter(|id| !id.is_empty()),
            device: Some(device),
            marker: marker::id(&content),
        })
    }
}
