//! What standards and laws ask of backups, and which controls show something of it.
//!
//! A badge that says "compliant" is worth nothing. So each demand names the controls whose evidence bears on it, and what of it
//! no program can see; one without any control says so. The wording is ours; the texts themselves are the ones that bind.

/// A demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Where it stands.
    pub reference: &'static str,
    /// What it asks for, in our words.
    pub asks: &'static str,
    /// The controls that show something of it; none where only an organisation can.
    pub controls: &'static [&'static str],
    /// What of it is not shown by them.
    pub not_shown: &'static str,
}

const fn demand(
    reference: &'static str,
    asks: &'static str,
    controls: &'static [&'static str],
    not_shown: &'static str,
) -> Demand {
    Demand { reference, asks, controls, not_shown }
}

/// Every demand.
pub const DEMANDS: [Demand; 19] = [
    demand(
        "ISO/IEC 27001:2022 A.8.13",
        "Backups are kept as a policy says, and tried out regularly.",
        &[
            "SCOPE-01", "SCOPE-02", "SCHED-01", "SCHED-02", "INT-01", "INT-02", "TEST-01", "TEST-02",
            "TEST-03",
        ],
        "whether the policy itself is adequate",
    ),
    demand(
        "ISO/IEC 27001:2022 A.5.29, A.5.30",
        "Security and services hold through a disruption, by plans that were rehearsed.",
        &["DR-01", "DR-02", "DR-03", "DR-04", "DR-05", "TEST-03"],
        "the business impact analysis behind the objectives",
    ),
    demand(
        "ISO/IEC 27001:2022 A.8.10",
        "What is no longer needed is deleted, and that is shown.",
        &["RET-02", "RET-03", "RET-04", "PRIV-01"],
        "deletion in systems other than the backups",
    ),
    demand(
        "ISO/IEC 27001:2022 A.8.14",
        "There is more than one place, so that the loss of one is survived.",
        &["LOC-01", "LOC-02", "COPY-01"],
        "where buildings stand",
    ),
    demand(
        "ISO/IEC 27001:2022 A.8.15, A.8.16",
        "What happens is logged; the log is protected and looked at.",
        &["LOG-01", "LOG-02", "LOG-03", "NOTIF-01"],
        "who reads the log, and what they do about it",
    ),
    demand(
        "ISO/IEC 27001:2022 A.8.24",
        "Cryptography is used by rules, keys are managed.",
        &["ENC-01", "ENC-02", "ENC-03"],
        "the organisation's own rules for keys",
    ),
    demand(
        "ISO/IEC 27001:2022 A.5.15, A.5.18, A.8.2, A.8.3, A.8.5",
        "Access follows roles, rights are reviewed, sign-in is strong.",
        &["ACC-01", "ACC-02", "ACC-03", "ACC-04"],
        "accounts of the machines and places themselves",
    ),
    demand(
        "ISO/IEC 27001:2022 A.5.33, A.5.34",
        "Records and personal data are protected.",
        &["LOG-01", "LOG-03", "ENC-02", "PRIV-02"],
        "which data is personal",
    ),
    demand(
        "ISO/IEC 27001:2022 A.8.9, A.8.32",
        "Settings are known, and changes to them are controlled.",
        &["REV-02"],
        "whether a second person approved: approval is a name in the policy's file",
    ),
    demand(
        "ISO/IEC 27001:2022 A.5.1",
        "Policies are reviewed at planned times and after major changes.",
        &["REV-01", "REV-02"],
        "what the review considered",
    ),
    demand(
        "UK GDPR Art. 5(1)(e)",
        "Personal data is kept no longer than needed.",
        &["RET-01", "RET-02", "RET-03", "RET-04"],
        "whether the periods in the policy are justified",
    ),
    demand(
        "UK GDPR Art. 5(1)(f), 32(1)(a)",
        "Personal data is encrypted, whole, and closed to others.",
        &["ENC-01", "ENC-02", "ENC-03", "INT-01", "INT-02", "LOC-03"],
        "the systems that the data is taken from",
    ),
    demand(
        "UK GDPR Art. 32(1)(b), (c)",
        "Access to personal data can be restored in time.",
        &["DR-02", "DR-03", "DR-04", "TEST-01", "TEST-02"],
        "what \"in time\" means for the people concerned",
    ),
    demand(
        "UK GDPR Art. 32(1)(d)",
        "Measures are tested and assessed regularly.",
        &["INT-02", "TEST-01", "TEST-02", "TEST-03", "SELF-01"],
        "tests of anything but backups",
    ),
    demand(
        "UK GDPR Art. 17",
        "What must be erased is erased from backups too, or put beyond use until it ages out.",
        &["PRIV-01", "RET-02"],
        "requests that nobody told this program of",
    ),
    demand(
        "UK GDPR Art. 30",
        "There is a record of processing with places, periods and measures.",
        &["PRIV-02"],
        "purposes, categories and recipients: no file of this program names them",
    ),
    demand(
        "UK GDPR Art. 28",
        "A processor helps the controller, and deletes or returns data in the end.",
        &["PRIV-01", "LOG-02"],
        "the contract",
    ),
    demand(
        "NIST SP 800-53 CP-9, CP-10",
        "Backups are made, tested, kept apart, encrypted, and restored within the time that was set.",
        &["SCHED-01", "INT-01", "INT-02", "LOC-01", "COPY-01", "ENC-02", "ACC-03", "TEST-01", "DR-02"],
        "contingency planning as a whole",
    ),
    demand(
        "UK GDPR Art. 33, 34",
        "A breach is told of within days, with the facts.",
        &[],
        "all of it: an organisation's own procedure; `holdfast audit log` helps to find the facts",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::CONTROLS;

    #[test]
    fn every_control_that_is_named_exists_and_every_control_bears_on_something_or_is_about_the_house() {
        for demand in DEMANDS {
            for id in demand.controls {
                assert!(CONTROLS.iter().any(|control| control.id == *id), "{}: {id}", demand.reference);
            }
            assert!(!demand.not_shown.is_empty(), "{}: nobody shows everything", demand.reference);
        }
        let unnamed: Vec<&str> = CONTROLS
            .iter()
            .map(|control| control.id)
            .filter(|id| !DEMANDS.iter().any(|demand| demand.controls.contains(id)))
            .collect();
        assert_eq!(unnamed, ["SCHED-03", "RET-05", "TEST-04", "REQ-01", "HOST-01"]);
    }
}
