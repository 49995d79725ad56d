//! kill -9 of a writing process at any moment: the ledger opens, is whole, and holds everything that was acknowledged.
//!
//! Kills aim at the phases of a writer's life in turn; one that was never hit fails the test.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use holdfast_ledger::{ErrorKind, Ledger, Reader, RunOutcome, RunState};
use holdfast_world::World;

const PHASES: [&str; 4] = ["opening", "between runs", "within a run", "committed, not acknowledged"];

/// How many kills: more with `--long`.
fn rounds() -> usize {
    if std::env::var_os("HOLDFAST_TEST_LONG").is_some() { 200 } else { 30 }
}

/// The example beside this test's own binary; the test runner builds it.
fn writer() -> PathBuf {
    let folder = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("examples");
    folder.join("ledger_writer")
}

/// A small generator, so that each run of the test tries the same moments.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// Starts a writer, lets it speak `lines` lines, waits, kills it; returns all that it said.
fn write_and_kill(path: &Path, lines: usize, pause: Duration) -> Vec<String> {
    let mut child = Command::new(writer()).arg(path).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut said = Vec::new();
    for _ in 0..lines {
        let mut line = String::new();
        assert!(out.read_line(&mut line).unwrap() > 0, "the writer ended by itself after {said:?}");
        said.push(line.trim_end().to_owned());
    }
    let start = Instant::now();
    while start.elapsed() < pause {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it had said before it died counts as well; a line without its end was never said.
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    said.extend(
        rest.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(|l| l.trim_end().to_owned()),
    );
    said
}

#[test]
fn kill_a_writer_at_any_moment() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state/ledger.db");
    let world = World::system();
    let mut dice = Dice(42);
    let (mut begun, mut ended, mut points) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut hit: BTreeMap<&str, usize> = BTreeMap::new();
    let mut heads = Vec::new();
    // A busy machine may need more rounds than planned until each phase was hit.
    let planned = rounds();
    for round in 0..3 * planned {
        if round >= planned && PHASES.iter().all(|phase| hit.contains_key(phase)) {
            break;
        }
        let (lines, pause_us) = match round % 5 {
            0 => (0, dice.roll(8_000)),
            1 => (1, dice.roll(3_000)),
            2 => (2, dice.roll(1_500)),
            3 => (3 + dice.roll(30) as usize, dice.roll(10_000)),
            // Long enough that the log is written back into the file.
            _ => (80 + dice.roll(60) as usize, dice.roll(10_000)),
        };
        let said = write_and_kill(&path, lines, Duration::from_micros(pause_us));
        for line in &said {
            match line.split_once(' ') {
                Some(("begun", id)) => begun.insert(id.to_owned()),
                Some(("ended", id)) => ended.insert(id.to_owned()),
                Some(("point", id)) => points.insert(id.to_owned()),
                _ => continue,
            };
        }
        // A reader gets along with what was left before any writer has looked at it.
        match Reader::open(&path) {
            Ok(reader) => drop(reader.audit().unwrap()),
            Err(error) => assert_eq!(error.kind, ErrorKind::Absent, "{error}"),
        }
        let instance = format!("round {round}");
        let ledger = Ledger::open(&path, &instance, world.clock.clone(), world.random.clone()).unwrap();
        let read = ledger.read();
        let unfinished = read.runs_unfinished().unwrap();
        let unheard = unfinished.iter().any(|run| !begun.contains(&run.id));
        let phase = match () {
            () if said.is_empty() => "opening",
            () if unheard => "committed, not acknowledged",
            () if unfinished.is_empty() => "between runs",
            () => "within a run",
        };
        *hit.entry(phase).or_default() += 1;
        for id in &begun {
            let run = read.run(id).unwrap().unwrap_or_else(|| panic!("round {round}: run {id} is gone"));
            assert!(
                !ended.contains(id) || run.state == RunState::Ended,
                "round {round}: the end of {id} is gone"
            );
            // A run and all that belongs to it came in one transaction.
            assert_eq!(run.outcome == Some(RunOutcome::Done), run.point.is_some());
            if let Some(point) = run.point {
                assert!(read.point(&point).unwrap().is_some());
                assert_eq!(read.copies_of(&point).unwrap().len(), 2);
                assert!(read.report(id).unwrap().is_some());
            }
        }
        for id in &points {
            assert!(read.point(id).unwrap().is_some(), "round {round}: point {id} is gone");
        }
        let audit = read.audit().unwrap();
        for (count, root) in &heads {
            assert_eq!(&read.tree_head(Some(*count)).unwrap().root, root, "round {round}: leaves changed");
        }
        heads.push((audit.head.leaves, audit.head.root));
    }
    println!(
        "killed {} writers, {} runs begun, {} points, by phase: {hit:?}",
        heads.len(),
        begun.len(),
        points.len()
    );
    for phase in PHASES {
        assert!(hit.contains_key(phase), "no kill hit the phase {phase:?}: {hit:?}");
    }
}
