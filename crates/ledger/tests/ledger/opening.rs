//! Who may open which file, and what a wrong one suffers: nothing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use holdfast_ledger::{ErrorKind, Reader};
use sha2::{Digest, Sha256};

use super::support::{Place, at, point, run};

/// Size and hash of the ledger and its log; readers may leave an empty log and their own memory beside it.
fn content(path: &Path) -> Vec<(String, usize, String)> {
    let describe = |suffix: &str| {
        let bytes = fs::read(format!("{}{suffix}", path.display())).unwrap_or_default();
        let hash: [u8; 32] = Sha256::digest(&bytes).into();
        (suffix.to_owned(), bytes.len(), format!("{hash:02x?}"))
    };
    ["", "-wal"].map(describe).into()
}

#[test]
fn it_is_closed_to_others() {
    let place = Place::new();
    let ledger = place.open();
    ledger.write(|t| t.begin_run(run("a", &[]), t.recorded_at())).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(place.path().parent().unwrap()), 0o700);
    for name in ["ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.lock"] {
        assert_eq!(mode(&place.path().with_file_name(name)), 0o600, "{name}");
    }
    ledger.close().unwrap();
    fs::set_permissions(place.path(), PermissionsExt::from_mode(0o664)).unwrap();
    drop(place.open());
    assert_eq!(mode(&place.path()), 0o600);
}

#[test]
fn one_owner_and_the_second_is_told_who() {
    let place = Place::new();
    let first = place.try_open("holdfast serve, process 42").unwrap();
    let error = place.try_open("holdfast backup, process 43").unwrap_err();
    assert_eq!(error.kind, ErrorKind::Owned);
    assert!(error.to_string().contains("holdfast serve, process 42"), "{error}");
    // Trying changed nothing for the owner, and readers are welcome.
    first.write(|t| t.begin_run(run("a", &[]), t.recorded_at())).unwrap();
    assert_eq!(Reader::open(&place.path()).unwrap().runs_unfinished().unwrap().len(), 1);
    first.close().unwrap();
    let second = place.try_open("holdfast backup, process 43").unwrap();
    assert_eq!(second.token(), 2);
    let lease = second.read().lease().unwrap().unwrap();
    assert_eq!((lease.token, lease.instance.as_str()), (2, "holdfast backup, process 43"));
}

#[test]
fn an_instance_that_was_overtaken_cannot_write() {
    let place = Place::new();
    let first = place.open();
    first.renew_lease().unwrap();
    // As another machine would, where the file's lock means nothing.
    place
        .tamper("INSERT INTO leases SELECT 7, 'elsewhere', taken_at, expires, NULL, recorded_at, leaf FROM leases")
        .unwrap();
    let error = first.write(|t| t.begin_run(run("a", &[]), t.recorded_at())).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Fenced);
    assert_eq!(first.renew_lease().unwrap_err().kind, ErrorKind::Fenced);
    assert!(first.read().runs_unfinished().unwrap().is_empty());
}

#[test]
fn renewing_moves_the_end_of_the_lease_and_is_no_fact() {
    let place = Place::new();
    let ledger = place.open();
    let leaves = ledger.read().tree_head(None).unwrap();
    place.clock.advance(Duration::from_secs(30));
    ledger.renew_lease().unwrap();
    let lease = ledger.read().lease().unwrap().unwrap();
    assert_eq!((lease.expires, lease.released_at), (at("2026-03-01T12:01:30Z"), None));
    assert_eq!(ledger.read().tree_head(None).unwrap(), leaves);
    ledger.read().audit().unwrap();
    ledger.close().unwrap();
    let lease = Reader::open(&place.path()).unwrap().lease().unwrap().unwrap();
    assert_eq!(lease.released_at, Some(at("2026-03-01T12:00:30Z")));
}

#[test]
fn a_ledger_of_a_newer_holdfast_is_left_alone() {
    let place = Place::filled();
    place
        .tamper("INSERT INTO __diesel_schema_migrations VALUES ('20990101000001', CURRENT_TIMESTAMP)")
        .unwrap();
    let before = content(&place.path());
    for error in [place.try_open("older").unwrap_err(), Reader::open(&place.path()).unwrap_err()] {
        assert_eq!(error.kind, ErrorKind::Newer);
        assert!(error.to_string().contains("20990101000001"), "{error}");
    }
    assert_eq!(content(&place.path()), before);
}

#[test]
fn a_ledger_of_an_older_holdfast_is_brought_up_to_date_by_a_writer() {
    let place = Place::new();
    fs::create_dir(place.path().parent().unwrap()).unwrap();
    // As it was before the first migration: ours by its mark, and without tables.
    place
        .tamper(
            "PRAGMA application_id = 1212566596; CREATE TABLE __diesel_schema_migrations \
             (version VARCHAR(50) PRIMARY KEY NOT NULL, run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP)",
        )
        .unwrap();
    let error = Reader::open(&place.path()).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Older, "{error}");
    drop(place.open());
    Reader::open(&place.path()).unwrap().audit().unwrap();
}

#[test]
fn checks_from_before_checks_of_runs_are_carried_over() {
    let place = Place::new();
    fs::create_dir(place.path().parent().unwrap()).unwrap();
    let first = include_str!("../../migrations/2026-11-25-000001_facts/up.sql");
    place
        .tamper(&format!(
            "PRAGMA application_id = 1212566596; CREATE TABLE __diesel_schema_migrations \
             (version VARCHAR(50) PRIMARY KEY NOT NULL, run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP); \
             {first} INSERT INTO __diesel_schema_migrations VALUES ('20261125000001', CURRENT_TIMESTAMP); \
             INSERT INTO leaves VALUES (0, 'checked', 5, 6, '{{}}', zeroblob(32)); \
             INSERT INTO checks VALUES (0, 'C-1042', 'here', 'slice', NULL, 2, 7, 4096, 'whole', NULL, 5, 6);"
        ))
        .unwrap();
    let ledger = place.open();
    let checks = ledger.read().every_check_of("C-1042").unwrap();
    let [check] = &checks[..] else { panic!("{checks:?}") };
    assert_eq!(check.check.scope, holdfast_ledger::CheckScope::Slice { number: 2, of: 7 });
    assert_eq!((check.check.bytes_read, check.leaf), (4096, 0));
    drop(ledger);
    assert!(place.tamper("UPDATE checks SET outcome = 'owed'").is_err(), "only ever appended");
    assert!(place.tamper("DELETE FROM checks").is_err());
}

#[test]
fn what_is_no_ledger_is_left_alone() {
    let place = Place::new();
    assert_eq!(Reader::open(&place.path()).unwrap_err().kind, ErrorKind::Absent);
    fs::create_dir(place.path().parent().unwrap()).unwrap();
    place.tamper("CREATE TABLE songs (title TEXT)").unwrap();
    let before = content(&place.path());
    let error = place.try_open("a test").unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotALedger, "{error}");
    assert_eq!(Reader::open(&place.path()).unwrap_err().kind, ErrorKind::NotALedger);
    assert_eq!(content(&place.path()), before);
    fs::write(place.path(), "not a database at all, but longer than a header").unwrap();
    let error = place.try_open("a test").unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotALedger, "{error}");
}

#[test]
fn any_damaged_page_is_found_and_nothing_is_changed() {
    const PAGE: usize = 4096;
    let place = Place::filled();
    let whole = fs::read(place.path()).unwrap();
    assert!(whole.len() > 20 * PAGE, "{}", whole.len());
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let half = whole[..whole.len() / 2].to_vec();
    let zeroed = (0..whole.len() / PAGE).map(|page| {
        let mut damaged = whole.clone();
        damaged[page * PAGE..(page + 1) * PAGE].fill(0);
        damaged
    });
    for damaged in zeroed.chain([half]) {
        fs::write(place.path(), damaged).unwrap();
        let before = content(&place.path());
        let error = place.try_open("a test").unwrap_err();
        assert!(matches!(error.kind, ErrorKind::Damaged | ErrorKind::NotALedger), "{error}");
        assert!(error.to_string().contains("ledger.db"), "{error}");
        assert_eq!(content(&place.path()), before, "{error}");
        *kinds.entry(format!("{:?}", error.kind)).or_default() += 1;
    }
    // Only the first page tells that it is a database at all.
    assert_eq!(kinds["NotALedger"], 1, "{kinds:?}");
    fs::write(place.path(), whole).unwrap();
    drop(place.open());
}

#[test]
fn a_byte_changed_within_a_fact_is_found_by_the_audit() {
    let place = Place::new();
    let ledger = place.open();
    ledger.write(|t| t.record_point(point("aabbccdd", "2026-03-01T12:00:00Z"), t.recorded_at())).unwrap();
    ledger.close().unwrap();
    let mut bytes = fs::read(place.path()).unwrap();
    let needle = b"\"id\":\"aabbccdd\"";
    let found = bytes.windows(needle.len()).position(|window| window == needle).unwrap();
    bytes[found + 6] = b'b';
    fs::write(place.path(), bytes).unwrap();
    let ledger = place.open();
    let error = ledger.read().audit().unwrap_err();
    assert_eq!(error.kind, ErrorKind::Damaged);
    assert!(error.to_string().contains("its hash"), "{error}");
}

#[test]
fn odd_paths_are_only_paths() {
    let place = Place::new();
    let folder = place.folder.path().join("a b?mode=memory#%41ü&");
    let path = folder.join("l.db");
    place.open_at(&path, "a test").unwrap().close().unwrap();
    assert!(path.metadata().unwrap().len() > 0);
    Reader::open(&path).unwrap().audit().unwrap();
}
