//! The dump tool: which one is installed, and what it is asked for.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use holdfast_world::process::{Finished, Invocation, ProcessError, Running};
use holdfast_world::{Environment, ExposeSecret};

use super::access::Access;

/// Longest wait for the tool's `--version`.
const VERSION_MAX: Duration = Duration::from_secs(30);
/// Longest silence of a dump: a server that sorts or waits for a lock says nothing.
const SILENCE_MAX: Duration = Duration::from_secs(30 * 60);
/// Longest dump.
const DUMP_MAX: Duration = Duration::from_secs(24 * 3600);

/// Whose tool it is: their options differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolKind {
    /// `mariadb-dump`, also under its older name `mysqldump`.
    Mariadb,
    /// Oracle's `mysqldump`. Its options are those of its manual: no test here has run it.
    Mysql,
}

/// An installed dump tool.
#[derive(Clone, Debug)]
pub struct Tool {
    /// Name or path of the program.
    pub program: PathBuf,
    /// Whose it is.
    pub kind: ToolKind,
    /// What it says about its version.
    pub version: String,
    environment: Vec<(OsString, OsString)>,
    /// Ends whatever runs, once raised.
    interrupted: Option<Arc<AtomicBool>>,
}

/// The part of a database that one run of the tool dumps.
pub(super) enum Scope<'a> {
    /// Everything but the tables named, as of one snapshot.
    Snapshot { without: &'a [Vec<u8>] },
    /// The tables named and nothing else, while somebody else holds a lock on them or none can be had.
    Tables(&'a [Vec<u8>]),
    /// The same, locked all at once by the tool itself.
    LockedTables(&'a [Vec<u8>]),
}

impl Tool {
    /// Asks `program`, or where none is named the first of `mariadb-dump` and `mysqldump` that is installed, what it is.
    ///
    /// # Errors
    /// When there is none, or it does not tell its version.
    pub fn find(
        program: Option<PathBuf>,
        environment: &Environment,
        interrupted: Option<Arc<AtomicBool>>,
    ) -> Result<Tool, ProcessError> {
        let variables = environment.for_programs();
        let names =
            program.map_or_else(|| vec!["mariadb-dump".into(), "mysqldump".into()], |program| vec![program]);
        let mut last = None;
        for program in names {
            let asked = Invocation::new(&program, VERSION_MAX)
                .arguments(["--version"])
                .environment(variables.clone());
            match asked.run(interrupted.as_deref()).and_then(Finished::checked) {
                Ok(finished) => {
                    let version = finished.text().trim().to_owned();
                    let kind = if version.contains("MariaDB") { ToolKind::Mariadb } else { ToolKind::Mysql };
                    return Ok(Tool { program, kind, version, environment: variables, interrupted });
                }
                Err(error) => last = last.or(Some(error)),
            }
        }
        Err(last.expect("at least one was tried"))
    }

    /// Starts a dump.
    pub(super) fn start(&self, access: &Access, scope: &Scope<'_>) -> Result<Running, DumpStart> {
        let options = access.option_file().map_err(DumpStart::Access)?;
        Invocation::new(&self.program, DUMP_MAX)
            .arguments(arguments(self.kind, &access.database, scope))
            .environment(self.environment.clone())
            .input(options.expose_secret().as_bytes().to_vec())
            .start(SILENCE_MAX, self.interrupted.clone())
            .map_err(DumpStart::Process)
    }
}

/// Why a dump did not start.
pub(super) enum DumpStart {
    Access(String),
    Process(ProcessError),
}

/// Never `--force`, which writes the footer over a dump with holes; never `--compact` or `--skip-comments`, which leave the
/// heads and the footer out. No position of the binary log either: the manifest has it, and in the dump it would make two dumps
/// of the same rows differ. Rows stay as the tool groups them: a content-defined cut finds back after an inserted row, one
/// statement for each row is twice the bytes. `--order-by-primary` is left out: InnoDB reads in that order anyway, and the
/// others are slow at it.
fn arguments(kind: ToolKind, database: &str, scope: &Scope<'_>) -> Vec<OsString> {
    // The option file must come first, and be the only one: one of the machine's could hold `force`.
    let mut arguments: Vec<OsString> = vec!["--defaults-file=/dev/stdin".into()];
    let common = [
        "--quick",
        "--triggers",
        "--hex-blob",
        "--skip-dump-date",
        "--default-character-set=utf8mb4",
        "--max-allowed-packet=1G",
    ];
    arguments.extend(common.map(OsString::from));
    let locks = matches!(scope, Scope::LockedTables(_));
    arguments.push(if locks { "--lock-tables" } else { "--skip-lock-tables" }.into());
    if kind == ToolKind::Mysql {
        arguments.extend(
            ["--set-gtid-purged=OFF", "--no-tablespaces", "--column-statistics=0"].map(OsString::from),
        );
    }
    match scope {
        Scope::Snapshot { without } => {
            arguments.extend(["--single-transaction", "--routines", "--events"].map(OsString::from));
            for table in *without {
                let mut option = format!("--ignore-table={database}.").into_bytes();
                option.extend_from_slice(table);
                arguments.push(text(&option));
            }
            arguments.extend(["--".into(), database.into()]);
        }
        Scope::Tables(tables) | Scope::LockedTables(tables) => {
            arguments.extend(["--".into(), database.into()]);
            arguments.extend(tables.iter().map(|table| text(table)));
        }
    }
    arguments
}

fn text(bytes: &[u8]) -> OsString {
    use std::os::unix::ffi::OsStrExt;
    std::ffi::OsStr::from_bytes(bytes).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_are_the_ones_that_make_a_dump_whole() {
        for kind in [ToolKind::Mariadb, ToolKind::Mysql] {
            for scope in [Scope::Snapshot { without: &[b"m".to_vec()] }, Scope::Tables(&[b"m".to_vec()])] {
                let arguments = arguments(kind, "shop", &scope);
                assert_eq!(arguments[0], "--defaults-file=/dev/stdin");
                let has = |name: &str| arguments.iter().any(|argument| argument == name);
                assert!(!["--force", "-f", "--compact", "--skip-comments"].into_iter().any(has));
                assert_eq!(has("--single-transaction"), matches!(scope, Scope::Snapshot { .. }));
                assert_eq!(has("--ignore-table=shop.m"), matches!(scope, Scope::Snapshot { .. }));
                assert_eq!(has("--set-gtid-purged=OFF"), kind == ToolKind::Mysql);
            }
        }
    }
}
