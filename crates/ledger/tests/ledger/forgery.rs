//! Whoever can write the file can write a row. The audit tells.

use holdfast_ledger::{ErrorKind, NewRun, Reader};

use super::support::{Place, done};

fn audit(place: &Place) -> Result<holdfast_ledger::Audit, holdfast_ledger::Error> {
    Reader::open(&place.path()).unwrap().audit()
}

#[test]
fn an_honest_ledger_passes() {
    let place = Place::filled();
    let audit = audit(&place).unwrap();
    // Lease taken, policy, slots, run, point, 2 copies and one gone, 2 checks, end, settled, a purge with its decision, receipt
    // and end, waiver, hold and its release, review, alarm, lease returned.
    assert_eq!(audit.head.leaves, 22);
    assert_eq!((audit.reports, audit.reports_erased), (1, 0));
    // 1 policy, 2 slots, 1 run with 1 slot, 1 point, 2 copies, 2 checks, 1 purge with 1 point, 1 receipt, 1 waiver, 1 hold,
    // 1 review, 1 alarm, 1 lease.
    assert_eq!(audit.rows, 18);
}

#[test]
fn what_was_said_stays_said() {
    let place = Place::filled();
    for sql in [
        "UPDATE leaves SET payload = '' WHERE sequence = 3",
        "DELETE FROM leaves WHERE sequence = (SELECT MAX(sequence) FROM leaves)",
        "INSERT INTO leaves VALUES (1000, 'x', 0, 0, '', zeroblob(32))",
        "UPDATE points SET instant = 0",
        "DELETE FROM points",
        "UPDATE checks SET outcome = 'damaged'",
        "UPDATE receipts SET bytes = 0",
        "UPDATE purge_points SET reason = ''",
        "DELETE FROM purges",
        "UPDATE policy_versions SET text = ''",
        "UPDATE waivers SET expires = expires + 1",
        "UPDATE runs SET outcome = 'failed'",
        "UPDATE slots SET state = 'waived' WHERE state = 'ok'",
        "DELETE FROM slots",
        "UPDATE policy_reviews SET reviewer = 'nobody'",
        "DELETE FROM policy_reviews",
        "UPDATE alarms SET message = ''",
        "DELETE FROM alarms",
        "DELETE FROM leases",
    ] {
        let error = place.tamper(sql).unwrap_err();
        assert!(
            error.contains("only ever appended") || error.contains("never go") || error.contains("once"),
            "{sql}: {error}"
        );
    }
    audit(&place).unwrap();
}

#[test]
fn a_forger_who_drops_the_triggers_is_found() {
    let drop_all = "DROP TRIGGER leaves_stay; DROP TRIGGER leaves_never_go; DROP TRIGGER leaves_have_no_gap; \
                    DROP TRIGGER points_stay; DROP TRIGGER checks_stay; DROP TRIGGER receipts_never_go; \
                    DROP TRIGGER slots_settle_once; DROP TRIGGER runs_end_once; ";
    for (sql, finding) in [
        ("UPDATE leaves SET payload = replace(payload, 'whole', 'owed') WHERE kind = 'checked'", "its hash"),
        ("UPDATE leaves SET happened_at = 0 WHERE sequence = 3", "its columns"),
        ("PRAGMA foreign_keys = OFF; DELETE FROM leaves WHERE sequence = 5", "leaf 5 is missing"),
        ("UPDATE points SET instant = instant - 1", "points"),
        ("UPDATE points SET is_undated = 1", "points"),
        ("UPDATE checks SET outcome = 'damaged'", "checks"),
        ("DELETE FROM receipts", "receipts"),
        ("UPDATE purges SET state = 'done'", "purges"),
        ("DROP TRIGGER purge_points_never_go; DELETE FROM purge_points", "purge_points"),
        ("UPDATE slots SET state = 'late', settled_at = 0", "slots"),
        ("UPDATE runs SET ended_at = ended_at + 1", "runs"),
        ("DELETE FROM run_slots", "run_slots"),
        ("UPDATE copies SET removed_at = NULL", "copies"),
        ("UPDATE holds SET released_at = NULL, released_by = NULL", "holds"),
        ("UPDATE leases SET instance = 'nobody'", "leases"),
        ("UPDATE reports SET json = '{}'", "report of run"),
        (
            "INSERT INTO points SELECT 'bb', repository, asset, dataset, kind, instant, recorded_at, leaf, 0 FROM points",
            "points",
        ),
    ] {
        let place = Place::filled();
        place.tamper(&format!("{drop_all}{sql}")).unwrap();
        let error = audit(&place).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Damaged, "{sql}: {error}");
        assert!(error.to_string().contains(finding), "{sql}: {error}");
    }
}

#[test]
fn a_report_that_somebody_took_away_is_told_from_one_that_was_erased() {
    let place = Place::filled();
    place.tamper("DELETE FROM reports").unwrap();
    let gone = audit(&place).unwrap_err().to_string();
    assert!(gone.contains("no leaf says that it was erased"), "{gone}");
    let erased = "INSERT INTO report_erasures SELECT id, 1 FROM runs WHERE report_sha256 IS NOT NULL";
    place.tamper(erased).unwrap();
    let forged = audit(&place).unwrap_err().to_string();
    assert!(forged.contains("report_erasures does not say what the leaves say"), "{forged}");
}

const WHY: (&str, &str) = ("alice", "the client left");

#[test]
fn an_erased_report_stands_neither_in_the_file_nor_in_its_log() {
    let place = Place::new();
    let ledger = place.open();
    let secret = "a name that nobody else may know".repeat(50);
    let run = |asset: &str| {
        ledger
            .write(|t| {
                let new = NewRun {
                    asset: asset.to_owned(),
                    dataset: "site".to_owned(),
                    kind: "full".to_owned(),
                    slots: Vec::new(),
                };
                let id = t.begin_run(new, t.recorded_at())?;
                t.end_run(&id, done(None, Some(&format!("{{\"file\":\"{secret}\"}}"))), t.recorded_at())?;
                Ok(id)
            })
            .unwrap()
    };
    let (gone, kept) = (run("gone.example"), run("kept.example"));
    let assets = ["gone.example".to_owned()];
    assert_eq!(ledger.write(|t| t.erase_reports("C-none", &assets, WHY, t.recorded_at())).unwrap(), 1);
    assert!(ledger.read().report(&gone).unwrap().is_none() && ledger.read().report(&kept).unwrap().is_some());
    assert_eq!(
        ledger
            .write(|t| t.erase_reports("C-none", &["kept.example".to_owned()], WHY, t.recorded_at()))
            .unwrap(),
        1
    );
    ledger.empty_log().unwrap();
    for file in std::fs::read_dir(place.path().parent().unwrap()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(32).any(|window| window == b"a name that nobody else may know"));
    }
    let audit = ledger.read().audit().unwrap();
    assert_eq!((audit.reports, audit.reports_erased), (0, 2));
    drop(ledger);
    let sha256 = "SELECT id, '{}' FROM runs WHERE asset = 'kept.example'";
    place.tamper(&format!("INSERT INTO reports {sha256}")).unwrap();
    let back = place.open().read().audit().unwrap_err().to_string();
    assert!(back.contains("was erased and is there"), "{back}");
}

#[test]
fn the_head_covers_every_leaf_and_earlier_heads_stay() {
    let place = Place::filled();
    let ledger = place.open();
    let read = ledger.read();
    let heads: Vec<_> = (0..=23).map(|count| read.tree_head(Some(count)).unwrap()).collect();
    assert!(heads.windows(2).all(|pair| pair[0].root != pair[1].root));
    assert_eq!(read.tree_head(None).unwrap(), heads[23]);
    let leaves = read.leaves(0, 100).unwrap();
    assert_eq!(leaves.len(), 23);
    // Two facts that say the same have different leaves: each has a nonce.
    let payloads: std::collections::BTreeSet<_> = leaves.iter().map(|leaf| leaf.hash).collect();
    assert_eq!(payloads.len(), 23);
}
