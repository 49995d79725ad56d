//! The past as it was told: verdicts are added after the last ones, looked up by instant, and never changed.

use holdfast_ledger::{ErrorKind, Ledger, NewAssessment, NewObservation, Reader, VerdictChange};
use serde_json::{Value, json};

use super::support::{Place, at};

const FIRST: &str = "2026-03-01T12:00:00Z";
const SECOND: &str = "2026-03-01T13:00:00Z";
const THIRD: &str = "2026-03-01T14:00:00Z";

fn change(control: &str, target: Option<&str>, document: Option<Value>) -> VerdictChange {
    VerdictChange { control: control.to_owned(), target: target.map(str::to_owned), document }
}

fn assess(ledger: &Ledger, instant: &str, changes: Vec<VerdictChange>) -> holdfast_ledger::Result<()> {
    let assessment = NewAssessment { rules: 1, policy_version: None, changes };
    ledger.write(|transaction| transaction.assess(assessment, at(instant)))
}

/// Two controls, of which one changes, and a target that goes.
fn judged() -> (Place, Ledger) {
    let place = Place::new();
    let ledger = place.open();
    let first = vec![
        change("A-01", None, Some(json!("red"))),
        change("A-01", Some("shop"), Some(json!("red"))),
        change("B-01", None, Some(json!("green"))),
    ];
    assess(&ledger, FIRST, first).unwrap();
    let second = vec![change("A-01", None, Some(json!("green"))), change("A-01", Some("shop"), None)];
    assess(&ledger, SECOND, second).unwrap();
    assess(&ledger, THIRD, Vec::new()).unwrap();
    (place, ledger)
}

#[test]
fn the_verdicts_of_an_instant_are_the_last_of_each_target_until_then() {
    let (_place, ledger) = judged();
    let told = |instant: &str| {
        let assessed = ledger.read().verdicts_at(at(instant)).unwrap().unwrap();
        let verdicts = assessed.verdicts.into_iter();
        let verdicts = verdicts.map(|((control, target), document)| {
            format!("{control} {} {}", target.unwrap_or_default(), document.as_str().unwrap())
        });
        (assessed.at, verdicts.collect::<Vec<_>>())
    };
    let first = ["A-01  red", "A-01 shop red", "B-01  green"].map(str::to_owned).to_vec();
    assert_eq!(told(FIRST), (at(FIRST), first.clone()));
    assert_eq!(told("2026-03-01T12:59:59.999999999Z"), (at(FIRST), first));
    let second = ["A-01  green", "B-01  green"].map(str::to_owned).to_vec();
    assert_eq!(told(SECOND), (at(SECOND), second.clone()));
    assert_eq!(told("2030-01-01T00:00:00Z"), (at(THIRD), second));
    assert_eq!(ledger.read().verdicts_at(at("2026-03-01T11:59:59Z")).unwrap(), None);
    assert_eq!(ledger.read().assessed_until().unwrap(), Some(at(THIRD)));
}

#[test]
fn nothing_is_added_before_the_last() {
    let (_place, ledger) = judged();
    for instant in [FIRST, THIRD, "2026-03-01T13:59:59Z"] {
        let error =
            assess(&ledger, instant, vec![change("A-01", None, Some(json!("otherwise")))]).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Contradiction, "{instant}");
    }
}

#[test]
fn what_was_recorded_is_told_by_its_instants_and_what_no_verdict_depends_on_is_not() {
    let (place, ledger) = judged();
    let opened = at(FIRST);
    assert_eq!(ledger.read().recorded_between(at("2026-01-01T00:00:00Z"), opened).unwrap(), []);
    place.clock.advance(std::time::Duration::from_secs(60));
    let seen =
        NewObservation { kind: "probe".to_owned(), subject: "here".to_owned(), body: json!({ "x": 1 }) };
    ledger.write(|transaction| transaction.observe(seen.clone(), opened)).unwrap();
    let recorded = at("2026-03-01T12:01:00Z");
    assert_eq!(ledger.read().recorded_between(opened, recorded).unwrap(), [recorded]);
    assert_eq!(ledger.read().recorded_between(recorded, at(THIRD)).unwrap(), []);
    let observations = ledger.read().observations().unwrap();
    assert_eq!((observations.len(), &observations[0].observation), (1, &seen));
    assert_eq!(observations[0].recorded_at, recorded);
}

#[test]
fn what_was_told_stays_told_and_a_forger_is_found() {
    let forgeries = [
        "UPDATE verdicts SET document = '\"green\"' WHERE control = 'A-01'",
        "DELETE FROM verdicts",
        "UPDATE assessments SET instant = instant + 1",
        "UPDATE observations SET body = '{}'",
    ];
    let place = || {
        let (place, ledger) = judged();
        let seen =
            NewObservation { kind: "keys".to_owned(), subject: String::new(), body: json!({ "x": 1 }) };
        ledger.write(|transaction| transaction.observe(seen, at(FIRST))).unwrap();
        ledger.close().unwrap();
        Reader::open(&place.path()).unwrap().audit().unwrap();
        place
    };
    for sql in forgeries {
        let place = place();
        let refusal = place.tamper(sql).unwrap_err();
        assert!(
            refusal.contains("past does not change") || refusal.contains("only ever appended"),
            "{refusal}"
        );
        let drop = "DROP TRIGGER verdicts_stay; DROP TRIGGER verdicts_never_go; DROP TRIGGER assessments_stay; \
                    DROP TRIGGER observations_stay; ";
        place.tamper(&format!("{drop}{sql}")).unwrap();
        let error = Reader::open(&place.path()).unwrap().audit().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Damaged, "{sql}: {error}");
    }
}
