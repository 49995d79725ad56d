//! From the verdicts on single targets to the one on the control: the worst counts, and it is named. An average over fifty
//! sites would hide the one that is lost.

use jiff::Timestamp;

use super::{Evidence, Row, Rpo, Verdict};

/// What a rule says of its control.
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    pub(super) why: String,
    pub(super) next: Option<String>,
    pub(super) warnings: Vec<String>,
    pub(super) evidence: Vec<Evidence>,
    pub(super) as_of: Option<Timestamp>,
    pub(super) rows: Vec<Row>,
}

/// How much evidence a control names of its own; each row names its own.
const EVIDENCE_MAX: usize = 8;

impl Finding {
    pub(super) fn new(verdict: Verdict, why: impl Into<String>) -> Finding {
        Finding {
            verdict,
            why: why.into(),
            next: None,
            warnings: Vec::new(),
            evidence: Vec::new(),
            as_of: None,
            rows: Vec::new(),
        }
    }

    pub(super) fn not_applicable(why: impl Into<String>) -> Finding {
        Finding::new(Verdict::NotApplicable, why)
    }

    pub(super) fn no_evidence(why: impl Into<String>) -> Finding {
        Finding::new(Verdict::NoEvidence, why)
    }

    /// The worst of its rows, with `all_well` for when there is none; `no_rows` where nothing is to be judged.
    pub(super) fn of_rows(rows: Vec<Row>, many: &str, all_well: &str, no_rows: Finding) -> Finding {
        let Some(worst) = rows.iter().map(|row| row.verdict).min() else { return no_rows };
        let of_worst: Vec<&Row> = rows.iter().filter(|row| row.verdict == worst).collect();
        let (count, all) = (of_worst.len(), rows.len());
        let named = of_worst.first().map_or_else(String::new, |row| format!("{}: {}", row.target, row.why));
        let why = match worst {
            _ if all == 1 => named,
            Verdict::Pass => format!("all {all} {many}: {all_well}"),
            _ => format!("{count} of {all} {many}; {named}"),
        };
        let mut evidence: Vec<Evidence> = of_worst.iter().flat_map(|row| row.evidence.clone()).collect();
        evidence.dedup();
        evidence.truncate(EVIDENCE_MAX);
        Finding {
            verdict: worst,
            why,
            next: of_worst.first().and_then(|row| row.next.clone()),
            warnings: Vec::new(),
            evidence,
            as_of: of_worst.iter().filter_map(|row| row.as_of).min(),
            rows,
        }
    }

    pub(super) fn next(mut self, what: impl Into<String>) -> Finding {
        self.next = Some(what.into());
        self
    }

    pub(super) fn warn(mut self, what: impl Into<String>) -> Finding {
        self.warnings.push(what.into());
        self
    }

    pub(super) fn by(mut self, evidence: Evidence, as_of: Timestamp) -> Finding {
        self.evidence.push(evidence);
        self.as_of = Some(self.as_of.map_or(as_of, |oldest| oldest.min(as_of)));
        self
    }
}

impl Row {
    pub(super) fn new(target: impl Into<String>, verdict: Verdict, why: impl Into<String>) -> Row {
        Row {
            target: target.into(),
            asset: None,
            verdict,
            why: why.into(),
            next: None,
            evidence: Vec::new(),
            as_of: None,
            rpo: None,
        }
    }

    pub(super) fn about(mut self, asset: &str) -> Row {
        self.asset = Some(asset.to_owned());
        self
    }

    pub(super) fn next(mut self, what: impl Into<String>) -> Row {
        self.next = Some(what.into());
        self
    }

    pub(super) fn by(mut self, evidence: Evidence, as_of: Timestamp) -> Row {
        self.evidence.push(evidence);
        self.as_of = Some(self.as_of.map_or(as_of, |oldest| oldest.min(as_of)));
        self
    }

    pub(super) fn measured(mut self, rpo: Rpo) -> Row {
        self.rpo = Some(rpo);
        self
    }
}
