//! The controls: what can be looked at to tell whether a sentence of the policy was kept.
//!
//! A control without evidence is not passed. So each says whether anything records its evidence yet, and which command shows
//! it; one that waits for a part of holdfast that does not exist says which. Evidence is no verdict: those are given by
//! [`crate::verdict`].

/// A control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// Its name: `SCHED-01`.
    pub id: &'static str,
    /// What it looks at.
    pub title: &'static str,
    /// Where its evidence comes from.
    pub evidence: ControlEvidence,
}

/// Where the evidence of a control comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlEvidence {
    /// From the ledger or the records; this command shows it.
    Recorded(&'static str),
    /// From nothing yet; what it waits for.
    NotBuilt(&'static str),
}

use ControlEvidence::{NotBuilt, Recorded};

const DRILLS: &str = "drills";
const PEOPLE: &str = "users and roles";
const REQUESTS: &str = "requests of clients";

const fn control(id: &'static str, title: &'static str, evidence: ControlEvidence) -> Control {
    Control { id, title, evidence }
}

/// Every control, by area.
pub const CONTROLS: [Control; 43] = [
    control("SCOPE-01", "everything that exists is covered, or waived by name", Recorded("holdfast slots")),
    control("SCOPE-02", "each covered thing has all of its parts", Recorded("holdfast status")),
    control("SCHED-01", "every slot that the policy expects is accounted for", Recorded("holdfast slots")),
    control("SCHED-02", "full points were really read in full", Recorded("holdfast points")),
    control(
        "SCHED-03",
        "the schedule can keep the objectives with measured durations",
        Recorded("holdfast policy lint"),
    ),
    control("RET-01", "nothing younger than the minimum is missing", Recorded("holdfast points")),
    control(
        "RET-02",
        "nothing older than the maximum and its grace is left anywhere",
        Recorded("holdfast purge --audit"),
    ),
    control("RET-03", "the purge does not stall", Recorded("holdfast slots")),
    control(
        "RET-04",
        "what is held has an owner, a reason and a day of review",
        Recorded("holdfast hold list"),
    ),
    control("RET-05", "storage destroys and locks by no rules of its own", NotBuilt("a bucket's own rules")),
    control("ENC-01", "every hop is encrypted", Recorded("holdfast status")),
    control("ENC-02", "what lies in storage is ciphertext", Recorded("holdfast verify")),
    control("ENC-03", "keys are kept by several, and the way back was tried", Recorded("holdfast key drill")),
    control("LOC-01", "each point lies at enough locations", Recorded("holdfast points")),
    control("LOC-02", "no copy lies on the machine that it protects", Recorded("holdfast status")),
    control("LOC-03", "copies lie in the countries that are allowed", Recorded("holdfast status")),
    control("COPY-01", "copies reach every location soon enough", Recorded("holdfast slots")),
    control("INT-01", "no run is good before its point was checked", Recorded("holdfast runs")),
    control("INT-02", "all stored data is read again in time", Recorded("holdfast points")),
    control(
        "TEST-01",
        "websites are restored by sample, and each in its turn",
        Recorded("holdfast test list"),
    ),
    control("TEST-02", "WHMCS is restored in full every month", Recorded("holdfast test list")),
    control("TEST-03", "the disaster is rehearsed every quarter", NotBuilt(DRILLS)),
    control(
        "TEST-04",
        "what was restored for a test is cut off, and destroyed after",
        Recorded("holdfast test list"),
    ),
    control("DR-01", "tiers are restored in order, each after the one before is well", NotBuilt(DRILLS)),
    control("DR-02", "the promised time was met by a run through all tiers", NotBuilt(DRILLS)),
    control("DR-03", "WHMCS never lost more than promised", Recorded("holdfast status")),
    control("DR-04", "no website ever lost more than promised", Recorded("holdfast status")),
    control("DR-05", "holdfast itself can be rebuilt from one location", Recorded("holdfast key drill")),
    control("ACC-01", "each role can do what it may, and nothing else", NotBuilt(PEOPLE)),
    control("ACC-02", "everybody uses a second factor", NotBuilt(PEOPLE)),
    control("ACC-03", "what destroys takes two people", NotBuilt(PEOPLE)),
    control("ACC-04", "rights are looked through regularly", NotBuilt(PEOPLE)),
    control("LOG-01", "the log was not changed", Recorded("holdfast status")),
    control("LOG-02", "everything that must be logged is", Recorded("holdfast audit log")),
    control("LOG-03", "the log is witnessed elsewhere", Recorded("holdfast audit verify --against-all")),
    control("PRIV-01", "erasure reaches backups, or says when it will", NotBuilt("the register of erasures")),
    control("PRIV-02", "the record of processing is up to date", NotBuilt("the record itself")),
    control("NOTIF-01", "notices reach people, by another way where one fails", Recorded("holdfast alerts")),
    control("REQ-01", "requests to restore are answered in time", NotBuilt(REQUESTS)),
    control("REV-01", "the policy is reviewed in time", Recorded("holdfast policy history")),
    control("REV-02", "a major change opens a review", Recorded("holdfast status")),
    control("SELF-01", "a control that is given a fault turns red", NotBuilt("trials of controls")),
    control("HOST-01", "the machine that runs backups is hardened", NotBuilt("checks of the host")),
];

impl Control {
    /// The control of this name.
    pub fn find(id: &str) -> Option<&'static Control> {
        CONTROLS.iter().find(|control| control.id == id)
    }
}
