//! The four classes of assets, and the datasets that each is made of. A dataset has a schedule, a retention and points
//! of its own.

use std::fmt;

use serde::Serialize;

/// What kind of thing an asset is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// A virtual machine.
    Vm,
    /// A Plesk server.
    Plesk,
    /// A WHMCS installation.
    Whmcs,
    /// A website.
    Website,
}

/// A part of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dataset {
    /// Of a virtual machine: its definition.
    Config,
    /// Of a virtual machine: its disks.
    Disks,
    /// Of a Plesk server: the panel's own settings.
    Configuration,
    /// Of a Plesk server: its subscriptions.
    Subscriptions,
    /// Of a Plesk server: mail.
    Mail,
    /// Of a Plesk server: databases.
    Databases,
    /// Of WHMCS: the database.
    Database,
    /// Of WHMCS: the files.
    Files,
    /// Of a website: all of it.
    Site,
    /// Of WHMCS: what its database changed since a dump. It goes with the database and has no slots of its own.
    Log,
}

impl Class {
    /// Every class, in the order in which they are restored after a disaster.
    pub const ALL: [Class; 4] = [Class::Vm, Class::Plesk, Class::Whmcs, Class::Website];

    /// As it is written in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Vm => "vm",
            Class::Plesk => "plesk",
            Class::Whmcs => "whmcs",
            Class::Website => "website",
        }
    }

    /// Reads the written form.
    pub fn parse(text: &str) -> Option<Class> {
        Class::ALL.into_iter().find(|class| class.as_str() == text)
    }

    /// The parts of an asset of this class.
    pub fn datasets(self) -> &'static [Dataset] {
        match self {
            Class::Vm => &[Dataset::Config, Dataset::Disks],
            Class::Plesk => {
                &[Dataset::Configuration, Dataset::Subscriptions, Dataset::Mail, Dataset::Databases]
            }
            Class::Whmcs => &[Dataset::Database, Dataset::Files],
            Class::Website => &[Dataset::Site],
        }
    }

    /// What belongs to one of the parts and is worth nothing without it: the policy expects none of it, and it counts for the
    /// part that it goes with.
    pub fn companions(self) -> &'static [Dataset] {
        match self {
            Class::Whmcs => &[Dataset::Log],
            Class::Vm | Class::Plesk | Class::Website => &[],
        }
    }

    /// Every dataset of every class.
    pub fn parts() -> impl Iterator<Item = (Class, Dataset)> {
        Class::ALL.into_iter().flat_map(|class| class.datasets().iter().map(move |dataset| (class, *dataset)))
    }

    /// Whether assets of this class can be backed up by this version.
    pub fn is_built(self) -> bool {
        matches!(self, Class::Website | Class::Whmcs)
    }
}

impl Dataset {
    /// Every dataset, by class; companions last.
    pub const ALL: [Dataset; 10] = [
        Dataset::Config,
        Dataset::Disks,
        Dataset::Configuration,
        Dataset::Subscriptions,
        Dataset::Mail,
        Dataset::Databases,
        Dataset::Database,
        Dataset::Files,
        Dataset::Site,
        Dataset::Log,
    ];

    /// Those that a policy may speak of.
    pub fn of_policy() -> impl Iterator<Item = Dataset> {
        Class::parts().map(|(_, dataset)| dataset)
    }

    /// The part whose rules hold for it: its own, or those of what it goes with.
    pub fn ruled_by(self) -> Dataset {
        if self == Dataset::Log { Dataset::Database } else { self }
    }

    /// Reads the written form.
    pub fn parse(text: &str) -> Option<Dataset> {
        Dataset::ALL.into_iter().find(|dataset| dataset.as_str() == text)
    }

    /// As it is written in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Dataset::Config => "config",
            Dataset::Disks => "disks",
            Dataset::Configuration => "configuration",
            Dataset::Subscriptions => "subscriptions",
            Dataset::Mail => "mail",
            Dataset::Databases => "databases",
            Dataset::Database => "database",
            Dataset::Files => "files",
            Dataset::Site => "site",
            Dataset::Log => "log",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
