//! Real programs: coreutils and sh are on every machine that can build this.

use super::*;

const LONG: Duration = Duration::from_secs(60);

fn sh(script: &str) -> Invocation {
    Invocation::new("/bin/sh", LONG).arguments(["-c", script])
}

#[test]
fn output_status_and_input_are_what_they_are() {
    let finished = sh("cat; echo oops >&2; exit 3").input(b"fed".to_vec()).run(None).unwrap();
    assert_eq!(
        (finished.code, &finished.stdout[..], &finished.stderr[..]),
        (Some(3), &b"fed"[..], &b"oops\n"[..])
    );
    let error = finished.checked().unwrap_err();
    assert!(error.to_string().contains("code 3: oops"), "{error}");
}

#[test]
fn only_the_stated_environment_arrives_and_secrets_are_not_shown() {
    let invocation = Invocation::new("/usr/bin/env", LONG)
        .variable("A", "b")
        .secret("PASSWORD", SecretString::from("hunter2".to_owned()));
    assert!(!format!("{invocation:?}").contains("hunter2"));
    assert_eq!(invocation.run(None).unwrap().text(), "A=b\nPASSWORD=hunter2\n");
}

#[test]
fn arguments_reach_the_program_unexpanded() {
    let finished =
        Invocation::new("/usr/bin/printf", LONG).arguments(["%s|%s", "$(id) *;", "`x`\n"]).run(None).unwrap();
    assert_eq!(finished.text(), "$(id) *;|`x`\n");
}

#[test]
fn a_program_past_its_limit_is_ended_with_what_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let pid_file = folder.path().join("pid");
    let script = format!("trap '' TERM; sleep 600 & echo $! > {}; wait; sleep 600", pid_file.display());
    let invocation = Invocation { time_limit: Duration::from_millis(500), ..sh(&script) };
    let error = invocation.variable("PATH", "/usr/bin:/bin").run(None).unwrap_err();
    assert!(matches!(error.kind, ProcessErrorKind::TimeLimit(_)), "{error}");
    let pid: u32 = std::fs::read_to_string(pid_file).unwrap().trim().parse().unwrap();
    // Killed, which takes effect when the machine next runs it; then a zombie until its new parent looks at it.
    let is_over = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        status.is_empty() || status.contains(") Z ")
    };
    let clock = crate::SystemClock::new();
    for _ in 0..6000 {
        if is_over() {
            return;
        }
        crate::Clock::sleep(&clock, Duration::from_millis(10));
    }
    panic!("process {pid} still runs");
}

#[test]
fn too_much_output_is_an_error_not_a_truncation() {
    let invocation = Invocation::new("/usr/bin/yes", LONG).output_bytes_max(100_000);
    let error = invocation.run(None).unwrap_err();
    assert!(matches!(error.kind, ProcessErrorKind::TooMuchOutput(100_000)), "{error}");
}

#[test]
fn an_interruption_ends_the_program() {
    let flag = AtomicBool::new(true);
    let error = sh("sleep 600").variable("PATH", "/usr/bin:/bin").run(Some(&flag)).unwrap_err();
    assert!(matches!(error.kind, ProcessErrorKind::Interrupted), "{error}");
}

#[test]
fn a_missing_program_says_so() {
    let error = Invocation::new("/nonexistent/restic", LONG).run(None).unwrap_err();
    assert!(error.to_string().contains("is it installed"), "{error}");
}

#[test]
fn a_program_ended_by_a_signal_is_no_success() {
    let finished = sh("kill -9 $$").run(None).unwrap();
    assert_eq!((finished.code, finished.signal, finished.success()), (None, Some(9), false));
}
