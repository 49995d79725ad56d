//! File modes as Go counts them: permissions as everywhere, everything else in bits of its own.

use crate::source::EntryKind;

const DIRECTORY: u32 = 1 << 31;
const SYMLINK: u32 = 1 << 27;
const DEVICE: u32 = 1 << 26;
const FIFO: u32 = 1 << 25;
const SOCKET: u32 = 1 << 24;
const SETUID: u32 = 1 << 23;
const SETGID: u32 = 1 << 22;
const CHAR_DEVICE: u32 = 1 << 21;
const STICKY: u32 = 1 << 20;

/// Special bits: Go's and Unix's.
const SPECIAL: [(u32, u32); 3] = [(SETUID, 0o4000), (SETGID, 0o2000), (STICKY, 0o1000)];

/// Go's mode for a type and the low twelve bits of a Unix mode.
pub fn of(kind: EntryKind, permissions: u32) -> u32 {
    let special = SPECIAL.iter().filter(|(_, unix)| permissions & unix != 0).map(|(go, _)| go).sum::<u32>();
    type_bits(kind) | special | permissions & 0o777
}

/// The low twelve bits of a Unix mode that a Go mode stands for.
pub fn permissions(mode: u32) -> u32 {
    let special = SPECIAL.iter().filter(|(go, _)| mode & go != 0).map(|(_, unix)| unix).sum::<u32>();
    special | mode & 0o777
}

/// The word for a type in a tree.
pub fn type_name(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::File => "file",
        EntryKind::Directory => "dir",
        EntryKind::Symlink => "symlink",
        EntryKind::BlockDevice => "dev",
        EntryKind::CharDevice => "chardev",
        EntryKind::Fifo => "fifo",
        EntryKind::Socket => "socket",
    }
}

/// The type that a word in a tree stands for.
pub fn type_of_name(name: &str) -> Option<EntryKind> {
    Some(match name {
        "file" => EntryKind::File,
        "dir" => EntryKind::Directory,
        "symlink" => EntryKind::Symlink,
        "dev" => EntryKind::BlockDevice,
        "chardev" => EntryKind::CharDevice,
        "fifo" => EntryKind::Fifo,
        "socket" => EntryKind::Socket,
        _ => return None,
    })
}

fn type_bits(kind: EntryKind) -> u32 {
    match kind {
        EntryKind::File => 0,
        EntryKind::Directory => DIRECTORY,
        EntryKind::Symlink => SYMLINK,
        EntryKind::BlockDevice => DEVICE,
        EntryKind::CharDevice => DEVICE | CHAR_DEVICE,
        EntryKind::Fifo => FIFO,
        EntryKind::Socket => SOCKET,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_modes_that_restic_wrote() {
        for (kind, unix, go) in [
            (EntryKind::Directory, 0o1777, 2_148_532_735),
            (EntryKind::File, 0o4755, 8_389_101),
            (EntryKind::Symlink, 0o777, 134_218_239),
            (EntryKind::Fifo, 0o644, 33_554_852),
            (EntryKind::File, 0o644, 420),
        ] {
            assert_eq!(of(kind, unix), go);
            assert_eq!(permissions(go), unix);
        }
    }

    #[test]
    fn every_type_has_a_word_of_its_own() {
        use EntryKind::{BlockDevice, CharDevice, Directory, Fifo, File, Socket, Symlink};
        for kind in [File, Directory, Symlink, BlockDevice, CharDevice, Fifo, Socket] {
            assert_eq!(type_of_name(type_name(kind)), Some(kind));
            for permissions in 0..0o10000 {
                assert_eq!(super::permissions(of(kind, permissions)), permissions);
            }
        }
        assert_eq!(type_of_name("irregular"), None);
        assert_eq!(type_of_name(""), None);
    }
}
