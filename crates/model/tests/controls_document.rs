//! docs/controls.md says what the program does: it is printed from the catalogue and from the table of faults that the tests
//! inject, and a stale copy of it fails here.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]

use std::fmt::Write;
use std::path::Path;

use holdfast_model::control::{CONTROLS, ControlEvidence};
use holdfast_model::verdict::RULES;
use holdfast_model::verdict::mutations::MUTATIONS;

const INTRODUCTION: &str = "# The controls, and the faults that turn them red

Printed from the program; `crates/model/tests/controls_document.rs` compares it.

A control passes only by something that was executed and written down. A setting alone is NO_EVIDENCE, what is too old is STALE,
what somebody answers for by name is EXEMPT, and what this version cannot do is NOT_APPLICABLE with the reason \"not built\". FAIL,
NO_EVIDENCE and STALE are red, and `holdfast status` ends with 1.

SCOPE-01 and LOC-01 never pass in this version: nobody reads what else stands on a machine, and no program can measure where a
building stands. DR-03 has nothing to measure while WHMCS is not built, and LOC-03 while
the policy restricts no country.
";

#[test]
fn the_document_is_what_the_program_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/controls.md");
    let expected = document();
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    if written != expected {
        let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("controls.md");
        std::fs::write(&fresh, &expected).unwrap();
        panic!("docs/controls.md is stale: cp {} docs/controls.md", fresh.display());
    }
}

fn document() -> String {
    let mut text = String::from(INTRODUCTION);
    write!(text, "\nVersion of the rules: {RULES}.\n\n## Controls\n\n| control | what it looks at | evidence |\n|---|---|---|\n").unwrap();
    for control in CONTROLS {
        let evidence = match control.evidence {
            ControlEvidence::Recorded(command) => format!("`{command}`"),
            ControlEvidence::NotBuilt(waits_for) => format!("not built: it waits for {waits_for}"),
        };
        writeln!(text, "| {} | {} | {evidence} |", control.id, control.title).unwrap();
    }
    text += "\n## Faults\n\nEach is injected into a world in which the control passes; then it is red.\n\n";
    text += "| control | fault | red |\n|---|---|---|\n";
    for mutation in MUTATIONS {
        writeln!(text, "| {} | {} | {} |", mutation.control, mutation.fault, mutation.red_within).unwrap();
    }
    text
}
