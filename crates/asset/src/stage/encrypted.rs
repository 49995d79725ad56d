//! Whether what is written to a folder stays off disks, or reaches them sealed.
//!
//! A staging is other people's data in plain text. A disk that is taken out, sold or seized would have it, long after it was
//! deleted.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{major, makedev, minor, statfs};

/// The kernel's numbers of file systems in memory.
const TMPFS: i64 = 0x0102_1994;
const RAMFS: i64 = 0x8584_58f6;
/// What device mapper calls devices that encrypt. Others of the same beginning (`VERITY`, `INTEGRITY`) only check.
const CIPHERS: [&str; 7] = [
    "CRYPT-LUKS1-",
    "CRYPT-LUKS2-",
    "CRYPT-PLAIN-",
    "CRYPT-LOOPAES-",
    "CRYPT-TCRYPT-",
    "CRYPT-BITLK-",
    "CRYPT-FVAULT2-",
];
/// Devices on devices on devices.
const DEPTH_MAX: usize = 10;

/// Where the kernel tells of its devices: `/sys` and `/proc`, but in tests.
pub(super) struct Kernel {
    pub sys: PathBuf,
    pub proc: PathBuf,
}

impl Kernel {
    pub(super) fn real() -> Kernel {
        Kernel { sys: "/sys".into(), proc: "/proc".into() }
    }

    /// Why something in this folder would lie on a disk in plain text; none when it would not.
    pub(super) fn plain(&self, folder: &Path) -> Result<Option<String>, std::io::Error> {
        if is_memory(folder)? {
            return Ok(None);
        }
        let device = rustix::fs::stat(folder)?.st_dev;
        if major(device) == 0 {
            // btrfs, ZFS, NFS, overlays: which disks are behind them, and whether all are encrypted, is not told here.
            return Ok(Some(
                "its file system is neither tmpfs nor on a device that is known to encrypt".to_owned(),
            ));
        }
        let encrypts = self.encrypts(device);
        Ok((!encrypts).then(|| format!("its device {}:{} does not encrypt", major(device), minor(device))))
    }

    /// Swap that is not encrypted: what lies in memory may end up there.
    pub(super) fn plain_swap(&self) -> Vec<String> {
        let swaps = fs::read_to_string(self.proc.join("swaps")).unwrap_or_default();
        let names = swaps.lines().skip(1).filter_map(|line| line.split_whitespace().next());
        let is_plain = |name: &&str| {
            let path = Path::new(name);
            let is_in_memory =
                path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("zram"));
            !is_in_memory && !rustix::fs::stat(path).is_ok_and(|stat| self.encrypts(device_of(&stat)))
        };
        names.filter(is_plain).map(str::to_owned).collect()
    }

    fn encrypts(&self, device: u64) -> bool {
        let folder = self.sys.join(format!("dev/block/{}:{}", major(device), minor(device)));
        encrypts(&folder, DEPTH_MAX)
    }
}

/// A device itself, or the one that a file lies on.
fn device_of(stat: &rustix::fs::Stat) -> u64 {
    let is_device = rustix::fs::FileType::from_raw_mode(stat.st_mode).is_block_device();
    let device = if is_device { stat.st_rdev } else { stat.st_dev };
    makedev(major(device), minor(device))
}

fn is_memory(folder: &Path) -> Result<bool, std::io::Error> {
    let kind = statfs(folder)?.f_type;
    Ok(kind == TMPFS || kind == RAMFS)
}

/// Whether a device encrypts, or every device that it is made of does.
fn encrypts(folder: &Path, depth: usize) -> bool {
    let uuid = fs::read_to_string(folder.join("dm/uuid")).unwrap_or_default();
    if CIPHERS.iter().any(|cipher| uuid.starts_with(cipher)) {
        return true;
    }
    if depth == 0 {
        return false;
    }
    let Ok(below) = fs::read_dir(folder.join("slaves")) else { return false };
    let below: Vec<_> = below.collect();
    !below.is_empty()
        && below.into_iter().all(|entry| entry.is_ok_and(|entry| encrypts(&entry.path(), depth - 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel with devices: their numbers, what device mapper calls them, and what they are made of.
    fn kernel(devices: &[(&str, &str, &[&str])]) -> (tempfile::TempDir, Kernel) {
        let folder = tempfile::tempdir().unwrap();
        let sys = folder.path().to_owned();
        for (number, uuid, below) in devices {
            let device = sys.join("dev/block").join(number);
            fs::create_dir_all(device.join("slaves")).unwrap();
            if !uuid.is_empty() {
                fs::create_dir_all(device.join("dm")).unwrap();
                fs::write(device.join("dm/uuid"), uuid).unwrap();
            }
            for other in *below {
                let target = sys.join("dev/block").join(other);
                std::os::unix::fs::symlink(target, device.join("slaves").join(other)).unwrap();
            }
        }
        let kernel = Kernel { proc: sys.clone(), sys };
        (folder, kernel)
    }

    #[test]
    fn only_what_is_encrypted_all_the_way_down_counts() {
        let (_folder, kernel) = kernel(&[
            ("8:1", "", &[]),
            ("254:0", "CRYPT-LUKS2-0011-swap\n", &["8:1"]),
            ("254:1", "LVM-abc\n", &["254:0"]),
            ("254:2", "LVM-abc\n", &["254:0", "8:1"]),
            ("254:3", "CRYPT-VERITY-0011-usr\n", &["8:1"]),
            ("9:0", "", &["254:0"]),
        ]);
        let encrypts = |major, minor| kernel.encrypts(makedev(major, minor));
        assert!(encrypts(254, 0) && encrypts(254, 1) && encrypts(9, 0));
        assert!(!encrypts(8, 1), "a disk");
        assert!(!encrypts(254, 2), "half of it lies on a plain disk");
        assert!(!encrypts(254, 3), "checked is not sealed");
        assert!(!encrypts(1, 1), "unknown");
    }

    #[test]
    fn swap_on_a_plain_disk_is_told_and_swap_in_memory_is_not() {
        let (folder, kernel) = kernel(&[]);
        let file = folder.path().join("swapfile");
        fs::write(&file, "").unwrap();
        let swaps = format!(
            "Filename Type Size Used Priority\n{} file 1 0 -2\n/dev/zram0 partition 1 0 100\n",
            file.display()
        );
        fs::write(folder.path().join("swaps"), swaps).unwrap();
        assert_eq!(kernel.plain_swap(), [file.display().to_string()]);
    }
}
