//! Writes runs into a ledger as fast as it can, and says after each transaction what is on the disk now. The kill test
//! starts it and kills it: what was said must be there.
#![allow(clippy::print_stdout, reason = "what it says is what the test compares")]

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;

use holdfast_ledger::{
    CheckOutcome, CheckScope, Findings, Ledger, NewCheck, NewRun, Point, RunEnd, RunOutcome,
};
use holdfast_world::World;

fn main() -> Result<(), Box<dyn Error>> {
    let path = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: ledger_writer LEDGER")?);
    let world = World::system();
    let ledger = Ledger::open(&path, "the writer under test", world.clock.clone(), world.random.clone())?;
    let say = |words: String| {
        let mut out = std::io::stdout().lock();
        writeln!(out, "{words}").and_then(|()| out.flush())
    };
    for orphan in ledger.write(|t| t.interrupt_orphans(t.recorded_at()))? {
        say(format!("ended {}", orphan.id))?;
    }
    say("open".to_owned())?;
    loop {
        let now = world.clock.now();
        let new = NewRun {
            asset: "shop.example".to_owned(),
            dataset: "site".to_owned(),
            kind: "incremental".to_owned(),
            slots: Vec::new(),
        };
        let run = ledger.write(|t| t.begin_run(new, now))?;
        say(format!("begun {run}"))?;
        let mut id = [0; 32];
        world.random.fill(&mut id);
        let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        // Reports of all sizes, so that transactions touch a few pages or hundreds, and take long enough to be hit.
        let report = format!("{{\"noise\":\"{}\"}}", id.repeat(1 << (6 + id.as_bytes()[0] % 9)));
        ledger.write(|t| {
            t.record_point(
                Point {
                    id: id.clone(),
                    repository: "C-1042".to_owned(),
                    asset: "shop.example".to_owned(),
                    dataset: "site".to_owned(),
                    kind: "incremental".to_owned(),
                    instant: now,
                    is_undated: false,
                },
                now,
            )?;
            for location in ["here", "there"] {
                t.see_copy(&id, location, now)?;
                t.record_check(
                    NewCheck {
                        repository: "C-1042".to_owned(),
                        location: location.to_owned(),
                        scope: CheckScope::Point(id.clone()),
                        bytes_read: 4096,
                        outcome: CheckOutcome::Whole,
                        detail: None,
                        findings: Findings::default(),
                    },
                    now,
                )?;
            }
            let end = RunEnd {
                outcome: RunOutcome::Done,
                point: Some(id.clone()),
                report: Some(report.clone()),
                lasted: None,
            };
            t.end_run(&run, end, now)
        })?;
        say(format!("ended {run}"))?;
        say(format!("point {id}"))?;
    }
}
