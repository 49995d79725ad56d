//! The faults that were tried on each control that can pass: from a world in which it does, one thing is broken, and it turns
//! red. A control that no fault can turn is a lamp that is painted green.
//!
//! The table is data, so that the tests walk through it and the documentation prints it.

/// A fault that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mutation {
    /// The control that turns red.
    pub control: &'static str,
    /// What is broken.
    pub fault: &'static str,
    /// How long after the fault it is red at the latest.
    pub red_within: &'static str,
}

const fn fault(control: &'static str, fault: &'static str, red_within: &'static str) -> Mutation {
    Mutation { control, fault, red_within }
}

const AT_ONCE: &str = "as soon as it is recorded";

/// Every fault, by control.
pub const MUTATIONS: [Mutation; 73] = [
    fault("SCOPE-02", "the newest point lacks files that could not be read", AT_ONCE),
    fault("SCHED-01", "a slot passes without a point", "at the instant at which it is due"),
    fault("SCHED-01", "a slot is served too late", AT_ONCE),
    fault("SCHED-01", "slots were not written down before they opened", AT_ONCE),
    fault("SCHED-02", "the full point was never read in full at one location", AT_ONCE),
    fault("SCHED-02", "no full point comes any more", "two periods after the last"),
    fault("SCHED-03", "captures last as long as the objective", AT_ONCE),
    fault("SCHED-03", "nothing was measured", AT_ONCE),
    fault("RET-01", "a point younger than the minimum is deleted at every location", AT_ONCE),
    fault("RET-01", "a purge takes a point younger than the minimum", AT_ONCE),
    fault("RET-01", "nobody looks at the listings any more", "two days after the last look"),
    fault("RET-02", "a point stays on storage beyond its age and grace", "at the end of the grace"),
    fault("RET-02", "a walk finds data that no point reaches", AT_ONCE),
    fault("RET-02", "nobody walks through storage any more", "seven days after the last walk"),
    fault("RET-03", "a purge waits for a location", "24 hours after it began"),
    fault("RET-03", "no purge runs any more", "48 hours after the last"),
    fault("RET-04", "a hold is not looked at on its day of review", "at the end of that day"),
    fault("ENC-01", "a location is reached in the clear", AT_ONCE),
    fault("ENC-01", "a location does not answer any more", "48 hours after the last connection"),
    fault("ENC-02", "files that are not ours lie at a location", AT_ONCE),
    fault("ENC-02", "no stored byte is read any more", "30 days after the last"),
    fault("ENC-03", "the kit was never tried", AT_ONCE),
    fault("ENC-03", "a trial of the kit fails", AT_ONCE),
    fault("ENC-03", "a trial at one location fails, and one elsewhere is good", AT_ONCE),
    fault("ENC-03", "nobody tries the kit any more", "31 days after the last trial"),
    fault("ENC-03", "no location has the key of a repository", AT_ONCE),
    fault("ENC-03", "no kit was ever made", AT_ONCE),
    fault("LOC-02", "a location turns out to be on this machine", AT_ONCE),
    fault("LOC-02", "a location is declared to lie on a machine in production", AT_ONCE),
    fault("COPY-01", "one location does not get a point", "after as long as the objective"),
    fault("INT-01", "what a run stored is not whole when it is read back", AT_ONCE),
    fault("INT-01", "what a run stored is not read back", AT_ONCE),
    fault("INT-02", "damage is found and not healed", AT_ONCE),
    fault("INT-02", "old data is not read any more", "30 days after it was last read"),
    fault("TEST-01", "a week passes without a restore test", "at the end of that week"),
    fault("TEST-01", "one that was drawn has no result", AT_ONCE),
    fault("TEST-01", "the result of one that was drawn is taken away", AT_ONCE),
    fault("TEST-01", "a restore test fails", AT_ONCE),
    fault("TEST-01", "a restore test is not done in time", AT_ONCE),
    fault("TEST-01", "one site is never drawn any more", "at the end of its deadline"),
    fault("TEST-01", "only points that somebody chose pass", AT_ONCE),
    fault("TEST-02", "a month passes without a restore test", "at the end of that month"),
    fault("TEST-02", "the restore test of the month fails", AT_ONCE),
    fault("TEST-02", "one of two is not tested", AT_ONCE),
    fault("TEST-04", "what was restored is not destroyed", "at its deadline"),
    fault("TEST-04", "what was restored is destroyed too late", AT_ONCE),
    fault("TEST-04", "what was restored tried to reach the outside", AT_ONCE),
    fault("TEST-04", "nothing was ever restored", AT_ONCE),
    fault(
        "DR-04",
        "a restore test finds that the newest point cannot be loaded",
        "at the end of the objective",
    ),
    fault("DR-04", "every point turns out not to be restorable", AT_ONCE),
    fault("DR-04", "no backup of one site any more", "at the end of the objective"),
    fault("DR-04", "the newest point is at one place alone", "at the end of the objective"),
    fault("DR-04", "the key is lost", AT_ONCE),
    fault("DR-04", "every copy is damaged", AT_ONCE),
    fault("DR-04", "two locations turn out to be one place", AT_ONCE),
    fault("DR-05", "no copy of the ledger reaches a location any more", "48 hours after the last"),
    fault("DR-05", "a location is not given the changed key ring", "48 hours after the change"),
    fault("DR-05", "an older key ring is left at a location", AT_ONCE),
    fault("DR-05", "a key is gone here, so the key ring goes nowhere", AT_ONCE),
    fault("DR-05", "a new kit is made, and a location has the ring of the old one", AT_ONCE),
    fault("LOG-01", "a row of the ledger is edited", "with the next audit, within a day"),
    fault("LOG-01", "the ledger is not read through any more", "48 hours after the last audit"),
    fault("LOG-01", "somebody begins a new log", AT_ONCE),
    fault("LOG-02", "a restore is made without the log", AT_ONCE),
    fault("LOG-02", "an action never gets a result", "24 hours after it began"),
    fault("LOG-03", "a location holds the head of another log", AT_ONCE),
    fault("LOG-03", "no head reaches a location any more", "48 hours after the last"),
    fault("NOTIF-01", "a channel takes nothing any more", "after as long as a notice may wait"),
    fault("NOTIF-01", "no digest is sent any more", "26 hours after the last"),
    fault("NOTIF-01", "every channel goes by one server", AT_ONCE),
    fault("REV-01", "no review is recorded", "at the end of the day on which it is due"),
    fault("REV-01", "the dates in the file are edited instead", "not cleared by it"),
    fault("REV-02", "a location is added and nobody reviews", "30 days after it was added"),
];
