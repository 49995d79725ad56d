//! What is looked at beside the runs, and written down as a fact of its own: what there is to protect, what locations turned
//! out to be, whether keys are there.
//!
//! These lie in the ledger as JSON and outlive the program: fields may be added with a default, none renamed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Something that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Observed {
    /// What there is to protect, and where copies are to lie.
    Inventory(Inventory),
    /// What came and went in a root whose folders are assets by themselves.
    Discovered(Discovered),
    /// Databases of a server that belong to nothing.
    Databases(DatabasesSeen),
    /// Which repositories have a key.
    Keys(Keys),
    /// What the policy's file says of itself.
    PolicySeen(PolicySeen),
    /// What a location turned out to be.
    Probe(Probe),
    /// What a walk through storage found.
    StorageWalked(StorageWalked),
    /// What an audit of the ledger found.
    LogAudited(LogAudited),
    /// A recovery kit was made; the ones before open nothing new from here on.
    Kit(Kit),
    /// What the key ring holds.
    Ring(Ring),
    /// Whether the key ring may go to the locations.
    RingRefused(RingRefused),
    /// A key ring is about to go to locations.
    RingSealed(RingSealed),
    /// A location was given the key ring.
    RingAt(RingAt),
    /// A location was given a copy of the ledger.
    LedgerCopied(LedgerCopied),
    /// Somebody tried whether the kit opens what lies at a location.
    KeyDrilled(KeyDrilled),
    /// This ledger was rebuilt from a copy.
    Recovered(Recovered),
    /// Whether the binary log of an asset's database is followed.
    LogWatched(LogWatched),
}

/// What there is to protect, and where copies are to lie, as the estate declares it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Inventory {
    /// Physical places.
    pub sites: BTreeMap<String, SiteDeclared>,
    /// Machines in production.
    pub hosts: BTreeMap<String, HostDeclared>,
    /// Places for copies.
    pub locations: BTreeMap<String, LocationDeclared>,
    /// Protected things.
    pub assets: BTreeMap<String, AssetDeclared>,
    /// Ways by which people are told.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub channels: BTreeMap<String, ChannelDeclared>,
}

/// What came and went in a root since it was looked at before; what is in it is the sum of all of these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Discovered {
    /// The root, by the name that the estate gives it.
    pub root: String,
    /// Assets that are new in it, or there again.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub came: BTreeMap<String, AssetDeclared>,
    /// Assets whose folders are not there any more.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub vanished: BTreeSet<String>,
    /// Assets that are no concern of it any more, because somebody said so.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub dropped: BTreeSet<String>,
    /// All that is in it and can be no asset, and why.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refused: BTreeMap<String, String>,
    /// Why nobody can tell what is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// What a database server was found to have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabasesSeen {
    /// Where it listens.
    pub server: String,
    /// Databases that are in no asset's points and that nobody said to leave out.
    pub unpaired: BTreeSet<String>,
    /// How many it has.
    pub count: u64,
    /// Why nobody can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// A hash of what it has and of what there is to compare with: while it is the same, so is what was found.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub basis: String,
    /// It is no server of the estate any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_over: bool,
}

/// A way by which people are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelDeclared {
    /// What kind of way.
    pub kind: String,
    /// What fails together with it.
    pub server: String,
    /// So long something may wait there.
    pub escalate_seconds: u64,
}

/// A physical place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SiteDeclared {
    /// ISO 3166 code.
    pub country: Option<String>,
    /// Degrees north.
    pub latitude: Option<f64>,
    /// Degrees east.
    pub longitude: Option<f64>,
}

/// A machine in production.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostDeclared {
    /// Where it stands.
    pub site: String,
}

/// A place for copies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocationDeclared {
    /// Where it is.
    pub site: String,
    /// The machine or service that holds the copies.
    pub host: String,
    /// Its address.
    pub place: String,
    /// How it is reached.
    pub transport: Transport,
}

/// How a location is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// It is a folder of this machine.
    Folder,
    /// By SSH, whose host key was compared.
    Ssh,
    /// By TLS, whose certificate was verified.
    Tls,
    /// In the clear.
    Plain,
}

/// A protected thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssetDeclared {
    /// What kind of thing.
    pub class: String,
    /// The machine that it lives on.
    pub host: String,
    /// The repository that holds its points.
    pub repository: String,
}

/// Which repositories have a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keys {
    /// Their names.
    pub repositories: BTreeSet<String>,
}

/// What the policy's file says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySeen {
    /// The day from which it claims to hold.
    pub effective: jiff::civil::Date,
    /// Its number, by its own count.
    pub version: u32,
}

/// What a location turned out to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// The location.
    pub location: String,
    /// The address that was declared when it was asked.
    pub place: String,
    /// Why it could not be asked.
    pub failure: Option<String>,
    /// What it is, for people.
    pub description: String,
    /// The physical place.
    pub fingerprint: Option<String>,
    /// What would be lost together with it.
    pub device: Option<String>,
    /// A mark of the machine that it is on, where that could be told.
    pub machine: Option<String>,
    /// The id in its marker object.
    pub marker: Option<String>,
    /// Whether it lies on this machine, where that could be told; and how.
    pub is_here: Option<bool>,
    /// How that is known.
    pub here_because: String,
}

/// What a walk through storage found at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageWalked {
    /// The location; `state` for this machine's state folder.
    pub place: String,
    /// Things that were looked at.
    pub objects: u64,
    /// Their bytes; absent in what was written down before that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Bytes of what should not be there.
    pub overage_bytes: u64,
    /// What should not be there, for people.
    pub findings: Vec<String>,
    /// Points past their age that stay, and why.
    pub exempt: Vec<String>,
    /// Why something could not be looked at.
    pub reasons: Vec<String>,
}

/// What an audit of the ledger found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogAudited {
    /// How many leaves were read.
    pub leaves: u64,
    /// The root of the tree over them.
    pub root: String,
    /// The first thing that is wrong.
    pub damage: Option<String>,
}

/// A recovery kit. The secret in it is nobody's but its holders'.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kit {
    /// Its name: the beginning of a hash of the public half.
    pub kit: String,
    /// How many shares of its secret there are; one where it was not split.
    pub shares: u8,
    /// How many of them it takes.
    pub needed: u8,
}

/// What the key ring holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ring {
    /// A hash of everything in it.
    pub ring: String,
    /// The repositories that it has keys of.
    pub repositories: BTreeSet<String>,
}

/// What a location was given of the key ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingAt {
    /// The location.
    pub location: String,
    /// The kit that opens it.
    pub kit: String,
    /// Which state of the ring.
    pub ring: String,
    /// The name that it lies under.
    pub object: String,
    /// Why older ones still lie there, or may.
    pub older_left: Option<String>,
}

/// Whether the key ring may go to the locations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingRefused {
    /// Why not; none where it may, again.
    pub reason: Option<String>,
}

/// A key ring that is about to go to locations, written down before it does: so that what lies there and stands in no ledger
/// is another controller's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingSealed {
    /// The name that it lies under.
    pub object: String,
}

/// A copy of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerCopied {
    /// The location.
    pub location: String,
    /// Its snapshot.
    pub point: String,
    /// The leaves that it has.
    pub leaves: u64,
    /// Until when verdicts are written down in it.
    pub until: Option<jiff::Timestamp>,
    /// Which state of the ring goes with it.
    pub ring: String,
}

/// What came of trying the kit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyDrilled {
    /// The location.
    pub location: String,
    /// The kit.
    pub kit: String,
    /// The leaves of the copy that was read through.
    pub leaves: u64,
    /// Repositories that the ring out of it opened there.
    pub opened: BTreeSet<String>,
    /// The repository that a file was restored from; none where no repository had a point.
    pub restored_from: Option<String>,
    /// What failed.
    pub failure: Option<String>,
}

/// That this ledger was rebuilt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recovered {
    /// The place that it was rebuilt from.
    pub from: String,
    /// The snapshot.
    pub point: String,
    /// The leaves that the copy had.
    pub leaves: u64,
    /// Until when verdicts were written down in it.
    pub until: Option<jiff::Timestamp>,
    /// Newer copies there that could not be used, each with the reason.
    pub passed_over: Vec<String>,
    /// Points that lie there and that the copy did not know.
    pub adopted: u64,
}

/// Whether the binary log of an asset's database is followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogWatched {
    /// The asset.
    pub asset: String,
    /// Why not; none where it is.
    pub why_not: Option<String>,
}

impl Observed {
    /// Its kind and what it is about, by which the last of the same is found.
    pub fn subject(&self) -> (&'static str, &str) {
        match self {
            Observed::Inventory(_) => ("inventory", ""),
            Observed::Discovered(discovered) => ("discovered", &discovered.root),
            Observed::Databases(seen) => ("databases", &seen.server),
            Observed::Keys(_) => ("keys", ""),
            Observed::PolicySeen(_) => ("policy-seen", ""),
            Observed::Probe(probe) => ("probe", &probe.location),
            Observed::StorageWalked(walked) => ("storage-walked", &walked.place),
            Observed::LogAudited(_) => ("log-audited", ""),
            Observed::Kit(_) => ("kit", ""),
            Observed::Ring(_) => ("ring", ""),
            Observed::RingRefused(_) => ("ring-refused", ""),
            Observed::RingSealed(_) => ("ring-sealed", ""),
            Observed::RingAt(at) => ("ring-at", &at.location),
            Observed::LedgerCopied(copied) => ("ledger-copied", &copied.location),
            Observed::KeyDrilled(drilled) => ("key-drilled", &drilled.location),
            Observed::Recovered(_) => ("recovered", ""),
            Observed::LogWatched(watched) => ("log-watched", &watched.asset),
        }
    }
}
