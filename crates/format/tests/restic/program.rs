//! The restic programs to judge by: the one of this system, and the newest that the lab has.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub(crate) const PASSWORD: &str = "correct horse";

/// A restic and the repository it works on.
pub(crate) struct Restic {
    program: PathBuf,
    repository: PathBuf,
}

impl Restic {
    /// The restic that the distribution installs.
    pub(crate) fn of_system(repository: &Path) -> Restic {
        Restic::at("restic".into(), repository)
    }

    /// The newest restic at hand.
    pub(crate) fn newest(repository: &Path) -> Restic {
        Restic::at(lab().join("bin/restic-newest"), repository)
    }

    fn at(program: PathBuf, repository: &Path) -> Restic {
        let found = Command::new(&program).arg("version").output();
        assert!(
            found.is_ok_and(|output| output.status.success()),
            "{} does not run; `cargo xtask test` installs what the tests need",
            program.display()
        );
        Restic { program, repository: repository.to_owned() }
    }

    pub(crate) fn repository(&self) -> &Path {
        &self.repository
    }

    pub(crate) fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("--no-cache")
            .arg("-r")
            .arg(&self.repository)
            .args(arguments)
            .env("RESTIC_PASSWORD", PASSWORD)
            .env("TZ", "Asia/Kolkata");
        command
    }

    /// Runs to the end and gives what it printed, which must be a success.
    pub(crate) fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> String {
        let (success, text) = self.attempt(arguments);
        assert!(success, "{}", text);
        text
    }

    /// Runs to the end; tells whether it succeeded and what it printed.
    pub(crate) fn attempt<S: AsRef<OsStr>>(&self, arguments: &[S]) -> (bool, String) {
        let output = self.command(arguments).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    /// Starts a backup that waits for its standard input to end.
    pub(crate) fn waiting_backup(&self) -> Child {
        self.command(&["backup", "--stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }
}

/// Where programs lie that no package of this system has.
pub(crate) fn lab() -> PathBuf {
    std::env::var_os("HOLDFAST_LAB").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache/holdfast-lab"),
        PathBuf::from,
    )
}

/// Runs another program, which must succeed.
pub(crate) fn run(program: &str, arguments: &[&OsStr]) {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program} must be installed: {error}"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}
