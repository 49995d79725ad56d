//! The works: what each program is asked to do, in the order of one round.

use super::material::Kind;

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Work {
    /// The first backup into a new repository.
    First,
    /// Another backup, with nothing changed.
    Unchanged,
    /// Another backup, after a hundredth was changed.
    Changed,
    /// The same after our stat cache, and a peer's whole cache, was deleted.
    ChangedUncached,
    /// A restore of a single file.
    RestoreOne,
    /// A restore of everything into an empty folder, in memory where it fits.
    Restore,
    /// A check of the structure, without reading the data.
    Structure,
    /// A check that reads all data.
    Verify,
    /// A listing of the largest folder.
    List,
    /// Giving back the space of half of the points, after a fifth of everything changed four times.
    Prune,
    /// The first backup into two locations at once (ours only; to be compared with one).
    TwoLocations,
    /// The first backup over 20 ms and 50 MB/s (REST).
    FarFirst,
    /// Nothing changed, over 20 ms and 50 MB/s.
    FarUnchanged,
    /// The restore of everything over 20 ms and 50 MB/s.
    FarRestore,
    /// The first backup of all sites, each the only one of its client, in a repository of its own.
    PerClientFirst,
    /// Nothing changed in these repositories.
    PerClientUnchanged,
    /// Nothing changed in very many client repositories, on a local disk (ours only).
    Clients,
    /// The same over REST, with its requests counted (ours only).
    ClientsRest,
}

impl Work {
    /// Every work, in the order of one round.
    pub(crate) const ALL: [Work; 18] = [
        Work::First,
        Work::Unchanged,
        Work::Changed,
        Work::ChangedUncached,
        Work::RestoreOne,
        Work::Restore,
        Work::Structure,
        Work::Verify,
        Work::List,
        Work::Prune,
        Work::TwoLocations,
        Work::FarFirst,
        Work::FarUnchanged,
        Work::FarRestore,
        Work::PerClientFirst,
        Work::PerClientUnchanged,
        Work::Clients,
        Work::ClientsRest,
    ];

    /// What tables call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Work::First => "first backup",
            Work::Unchanged => "nothing changed",
            Work::Changed => "1 % changed",
            Work::ChangedUncached => "1 % changed, cache deleted",
            Work::RestoreOne => "restore of one file",
            Work::Restore => "restore",
            Work::Structure => "check, structure",
            Work::Verify => "check, all data read",
            Work::List => "list of a large folder",
            Work::Prune => "prune of half the points",
            Work::TwoLocations => "first backup, two locations",
            Work::FarFirst => "far: first backup",
            Work::FarUnchanged => "far: nothing changed",
            Work::FarRestore => "far: restore",
            Work::PerClientFirst => "a repository for each site: first backup",
            Work::PerClientUnchanged => "a repository for each site: nothing changed",
            Work::Clients => "many clients: nothing changed",
            Work::ClientsRest => "many clients, REST: nothing changed",
        }
    }

    /// The works that make sense with a corpus. Works over a network, and those with many clients, are measured with the
    /// websites alone: they tell of locations and repositories, not of the bytes in them.
    pub(super) fn of(kind: Kind) -> Vec<Work> {
        use Work::{
            Changed, ChangedUncached, First, List, Prune, Restore, RestoreOne, Structure, TwoLocations,
            Unchanged, Verify,
        };
        match kind {
            Kind::Sites => Work::ALL.to_vec(),
            Kind::Image | Kind::Big => {
                vec![First, Unchanged, Changed, ChangedUncached, Restore, Verify, TwoLocations]
            }
            Kind::Many => vec![
                First,
                Unchanged,
                Changed,
                ChangedUncached,
                RestoreOne,
                Restore,
                Structure,
                Verify,
                List,
                Prune,
            ],
            Kind::Blobs => vec![First, Unchanged, RestoreOne, Structure, List],
        }
    }

    /// Whether it is done with one repository in a folder of this machine, after the works before it.
    pub(super) fn is_on_one_repository(self) -> bool {
        self <= Work::Prune
    }

    /// What a program is told to do for it.
    pub(super) fn deed(self) -> Deed {
        match self {
            Work::First
            | Work::Unchanged
            | Work::Changed
            | Work::ChangedUncached
            | Work::TwoLocations
            | Work::FarFirst
            | Work::FarUnchanged
            | Work::PerClientFirst
            | Work::PerClientUnchanged
            | Work::Clients
            | Work::ClientsRest => Deed::Backup,
            Work::RestoreOne => Deed::RestoreOne,
            Work::Restore | Work::FarRestore => Deed::Restore,
            Work::Structure => Deed::Structure,
            Work::Verify => Deed::Verify,
            Work::List => Deed::List,
            Work::Prune => Deed::Prune,
        }
    }
}

/// What a program can be told to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Backup,
    Restore,
    RestoreOne,
    Structure,
    Verify,
    List,
    Prune,
}
