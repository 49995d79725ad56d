//! Readers and the writer never wait for each other.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use holdfast_ledger::Reader;

use super::support::{Place, run};

#[test]
fn a_reader_during_a_long_write_sees_what_was_there_before() {
    let place = Place::new();
    let ledger = place.open();
    let (written, is_written) = mpsc::channel();
    let (done, is_done) = mpsc::channel::<()>();
    let writer = &ledger;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            writer
                .write(|t| {
                    for _ in 0..200 {
                        t.begin_run(run("a", &[]), t.recorded_at())?;
                    }
                    written.send(()).unwrap();
                    // Stays open until the readers are done with it.
                    is_done.recv().unwrap();
                    Ok(())
                })
                .unwrap();
        });
        is_written.recv().unwrap();
        let start = Instant::now();
        let other = Reader::open(&place.path()).unwrap();
        for reader in [ledger.read(), &other] {
            assert!(reader.runs_unfinished().unwrap().is_empty());
        }
        assert!(start.elapsed() < Duration::from_secs(2), "readers waited {:?}", start.elapsed());
        done.send(()).unwrap();
    });
    assert_eq!(Reader::open(&place.path()).unwrap().runs_unfinished().unwrap().len(), 200);
}

#[test]
fn a_reader_that_stays_does_not_hold_the_writer_up() {
    let place = Place::new();
    let ledger = place.open();
    let mut slow = SqliteConnection::establish(place.path().to_str().unwrap()).unwrap();
    slow.batch_execute("BEGIN; SELECT COUNT(*) FROM runs;").unwrap();
    let start = Instant::now();
    // Enough to pass several checkpoints, which the reader holds up, and which must not matter.
    for _ in 0..300 {
        ledger.write(|t| t.begin_run(run("a", &["x".repeat(20_000)]), t.recorded_at())).unwrap();
    }
    let took = start.elapsed();
    assert!(took < Duration::from_secs(30), "300 writes took {took:?}");
    slow.batch_execute("COMMIT;").unwrap();
    drop(slow);
    assert_eq!(ledger.read().runs_unfinished().unwrap().len(), 300);
    ledger.read().audit().unwrap();
}
