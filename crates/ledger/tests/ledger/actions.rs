//! What people did, and what may be known of them later.

use holdfast_ledger::{
    Action, ActionKind, ActionOutcome, ERASED, ErrorKind, Ledger, NewAction, Reader, TreeHead,
};

use super::support::{Place, at};

const NOON: &str = "2026-03-01T12:00:00Z";

fn restore(repository: &str) -> NewAction {
    NewAction {
        kind: ActionKind::Restore,
        actor: "alice as root".to_owned(),
        asset: Some("shop.example".to_owned()),
        repository: Some(repository.to_owned()),
        location: None,
        point: Some("aa".to_owned()),
        paths: vec!["letters/jane-doe.txt".to_owned(), "*.php".to_owned()],
        target: Some("/srv/restored".to_owned()),
        purpose: "ticket 4711 of Jane Doe".to_owned(),
        break_glass: None,
    }
}

fn done(ledger: &Ledger, action: NewAction) -> String {
    let id = ledger.write(|t| t.begin_action(action, at(NOON))).unwrap();
    ledger
        .write(|t| {
            t.end_action(&id, ActionOutcome::Damage, Some("letters/jane-doe.txt was damaged"), at(NOON))
        })
        .unwrap();
    id
}

fn all(reader: &Reader) -> Vec<Action> {
    reader.actions_between(at("2026-01-01T00:00:00Z"), at("2027-01-01T00:00:00Z")).unwrap()
}

#[test]
fn an_action_is_told_whole_and_its_leaves_name_nobody() {
    let place = Place::new();
    let ledger = place.open();
    let id = done(&ledger, restore("C-1042"));
    let told = all(ledger.read()).remove(0);
    assert_eq!((told.id, told.action), (id.clone(), restore("C-1042")));
    assert_eq!(told.outcome, Some(ActionOutcome::Damage));
    assert_eq!(told.detail.as_deref(), Some("letters/jane-doe.txt was damaged"));
    for leaf in ledger.read().leaves(0, 100).unwrap() {
        for private in ["alice", "jane", "Jane", "restored", "4711", ".php"] {
            assert!(!leaf.payload.contains(private), "{private}: {}", leaf.payload);
        }
    }
    let again = ledger.write(|t| t.end_action(&id, ActionOutcome::Done, None, at(NOON))).unwrap_err();
    assert_eq!(again.kind, ErrorKind::Contradiction);
    let never = ledger.write(|t| t.end_action("never", ActionOutcome::Done, None, at(NOON))).unwrap_err();
    assert_eq!(never.kind, ErrorKind::Contradiction);
    let audit = ledger.read().audit().unwrap();
    assert_eq!((audit.values, audit.values_erased), (6, 0));
}

#[test]
fn what_was_erased_is_nowhere_in_the_file_and_the_tree_stays() {
    let place = Place::new();
    let ledger = place.open();
    done(&ledger, restore("C-1042"));
    done(&ledger, NewAction { paths: vec!["theirs.txt".to_owned()], ..restore("C-2") });
    let before: TreeHead = ledger.read().tree_head(None).unwrap();
    assert_eq!(ledger.erase_private("C-1042", "shred", "the client left").unwrap(), 5);
    assert_eq!(ledger.erase_private("C-1042", "shred", "the client left").unwrap(), 0);
    assert_eq!(ledger.read().tree_head(Some(before.leaves)).unwrap(), before);
    let told = all(ledger.read());
    let erased = told.iter().find(|action| action.action.repository.as_deref() == Some("C-1042")).unwrap();
    assert_eq!(erased.action.purpose, ERASED);
    assert_eq!(erased.action.paths, [ERASED, ERASED]);
    assert_eq!(erased.action.target.as_deref(), Some(ERASED));
    // Who it was is no affair of the client that left.
    assert_eq!(erased.action.actor, "alice as root");
    let other = told.iter().find(|action| action.action.repository.as_deref() == Some("C-2")).unwrap();
    assert_eq!(other.action.paths, ["theirs.txt"]);
    let audit = ledger.read().audit().unwrap();
    assert_eq!((audit.values, audit.values_erased), (1 + 5, 5));
    ledger.close().unwrap();
    for file in std::fs::read_dir(place.path().parent().unwrap()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        // Only the erased action names this pattern.
        assert!(!bytes.windows(5).any(|window| window == b"*.php"), "an erased value is still in a file");
    }
}

#[test]
fn a_value_that_is_gone_changed_or_back_is_found() {
    let forge = |sql: &str| {
        let place = Place::new();
        let ledger = place.open();
        done(&ledger, restore("C-1042"));
        done(&ledger, restore("C-2"));
        ledger.erase_private("C-2", "shred", "the client left").unwrap();
        ledger.close().unwrap();
        place.tamper(sql).unwrap();
        let error = Reader::open(&place.path()).unwrap().audit().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Damaged, "{sql}: {error}");
        error.to_string()
    };
    let gone = forge("DELETE FROM private_values WHERE value LIKE 'ticket%'");
    assert!(gone.contains("no leaf says that it was erased"), "{gone}");
    let changed = forge(
        "DROP TRIGGER private_values_stay; UPDATE private_values SET value = 'bob as root' WHERE value LIKE 'alice%'",
    );
    assert!(changed.contains("is not the one recorded"), "{changed}");
    let back =
        forge("INSERT INTO private_values SELECT hash, leaf, zeroblob(32), 'made up' FROM erasures LIMIT 1");
    assert!(back.contains("was erased and is there"), "{back}");
}

#[test]
fn what_a_dead_instance_left_is_cut_off_until_somebody_says_better() {
    let place = Place::new();
    let first = place.open();
    let id = first.write(|t| t.begin_action(restore("C-1042"), at(NOON))).unwrap();
    let purpose = |action: &Action| action.outcome;
    assert_eq!(first.read().actions_open().unwrap().iter().map(purpose).collect::<Vec<_>>(), [None]);
    // One of its own is under way.
    first.write(|t| t.cut_off_actions(at(NOON))).unwrap();
    assert_eq!(first.read().actions_open().unwrap().iter().map(purpose).collect::<Vec<_>>(), [None]);
    drop(first);
    let second = place.open();
    second.write(|t| t.interrupt_orphans(at(NOON))).unwrap();
    let cut = Some(ActionOutcome::CutOff);
    assert_eq!(second.read().actions_open().unwrap().iter().map(purpose).collect::<Vec<_>>(), [cut]);
    second.write(|t| t.end_action(&id, ActionOutcome::Done, None, at(NOON))).unwrap();
    assert!(second.read().actions_open().unwrap().is_empty());
    second.read().audit().unwrap();
}

#[test]
fn what_was_done_without_the_log_waits_for_its_review() {
    let place = Place::new();
    let ledger = place.open();
    let action = NewAction { break_glass: Some("ab".repeat(32)), ..restore("C-1042") };
    let id = ledger.write(|t| t.begin_action(action.clone(), at(NOON))).unwrap();
    // The same record comes into the log once.
    assert!(ledger.write(|t| t.begin_action(action, at(NOON))).is_err());
    let usual = done(&ledger, restore("C-1042"));
    let review = |id: &str| ledger.write(|t| t.review_action(id, "M. Chen", "it was needed", at(NOON)));
    assert_eq!(review(&usual).unwrap_err().kind, ErrorKind::Contradiction);
    review(&id).unwrap();
    assert_eq!(review(&id).unwrap_err().kind, ErrorKind::Contradiction);
    let reviewed = ledger.read().actions_without_log().unwrap();
    assert_eq!(reviewed.len(), 1);
    assert_eq!(reviewed[0].review.as_deref(), Some("it was needed"));
    ledger.read().audit().unwrap();
}

#[test]
fn an_examination_tells_every_broken_leaf_and_the_roots_asked_for() {
    let place = Place::filled();
    let reader = Reader::open(&place.path()).unwrap();
    let sizes = [0, 5, 22, 23].into();
    let whole = reader.examine(&sizes).unwrap();
    assert!(whole.broken.is_empty());
    let (heads, head) = reader.tree_heads(&sizes).unwrap();
    assert_eq!(whole.head, head);
    let roots: Vec<(u64, String)> = heads.into_iter().map(|head| (head.leaves, head.root)).collect();
    assert_eq!(whole.roots.into_iter().collect::<Vec<_>>(), roots);
    assert_eq!(roots.iter().map(|(size, _)| *size).collect::<Vec<_>>(), [0, 5, 22]);
    drop(reader);
    place
        .tamper(
            "DROP TRIGGER leaves_stay; DROP TRIGGER leaves_never_go; PRAGMA foreign_keys = OFF; \
             UPDATE leaves SET payload = replace(payload, '2026', '2025') WHERE sequence = 3; \
             DELETE FROM leaves WHERE sequence IN (7, 8);",
        )
        .unwrap();
    let forged = Reader::open(&place.path()).unwrap().examine(&sizes).unwrap();
    let broken: Vec<u64> = forged.broken.iter().map(|broken| broken.leaf).collect();
    assert_eq!(broken, [3, 7], "{:?}", forged.broken);
    assert_ne!(forged.roots[&5], roots[1].1);
}
