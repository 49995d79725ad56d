//! Who dumps what into where: one database, and a repository for each of the two programs.

use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use holdfast_testkit::servers::{Mariadb, PASSWORD as DATABASE_PASSWORD};

use super::stored::Stored;
use crate::bench::measure::{self, Usage};
use crate::bench::peer::Peer;
use crate::bench::{PASSWORD, estate};
use crate::process;

/// What people give the tool. That a comment of the last line tells the time of the dump is one of its defaults.
const DUMP: [&str; 6] =
    ["--single-transaction", "--quick", "--routines", "--events", "--triggers", "--hex-blob"];
const RIGHTS: &str = "SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES, RELOAD, PROCESS, BINLOG MONITOR";
/// A pipe whose first program fails has failed.
const PIPED: &str = "set -o pipefail; restic=$1; shift; \
                     \"$@\" | \"$restic\" backup --quiet --stdin --stdin-filename=dump.sql";

/// One database, and two repositories for it.
pub(super) struct Stand<'a> {
    server: &'a Mariadb,
    database: String,
    ours: &'a Peer,
    restic: &'a Peer,
    scratch: PathBuf,
}

/// The same state of the database, dumped three times.
pub(super) struct Dump {
    /// What the tool writes.
    pub(super) raw_bytes: u64,
    /// The tool alone, to nowhere.
    pub(super) tool: Usage,
    pub(super) ours: Taken,
    pub(super) restic: Taken,
}

/// What one program took for a dump.
#[derive(Clone, Copy)]
pub(super) struct Taken {
    pub(super) usage: Usage,
    /// What its repository grew by.
    pub(super) stored: Stored,
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mb = |bytes: u64| bytes as f64 / 1e6;
        let shown = |name: &str, taken: &Taken| {
            let (s, stored) = (taken.usage.wall.as_secs_f64(), mb(taken.stored.sum()));
            format!("{name} {s:.2} s, {stored:.2} MB stored, {:.0} MB peak", mb(taken.usage.memory_bytes))
        };
        write!(f, "{:.1} MB in {:.2} s", mb(self.raw_bytes), self.tool.wall.as_secs_f64())?;
        write!(f, "; {}; {}", shown("ours", &self.ours), shown("restic", &self.restic))
    }
}

impl<'a> Stand<'a> {
    /// Makes an account that may dump, our estate, and restic's repository; none of it is measured.
    pub(super) fn prepare(
        server: &'a Mariadb,
        database: &str,
        ours: &'a Peer,
        restic: &'a Peer,
        scratch: &Path,
    ) -> Result<Stand<'a>> {
        let stand =
            Stand { server, database: database.to_owned(), ours, restic, scratch: scratch.to_owned() };
        server.sql(&format!(
            "CREATE OR REPLACE USER reader@localhost IDENTIFIED BY '{DATABASE_PASSWORD}'; \
             GRANT {RIGHTS} ON *.* TO reader@localhost"
        ));
        for folder in [stand.ours_place(), stand.restic_place(), scratch.join("billing")] {
            std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        stand.declare()?;
        let mut init = process::command(&restic.program, &["init", "--quiet"]);
        stand.know_repository(&mut init);
        process::output(init).context("restic cannot make a repository")?;
        Ok(stand)
    }

    fn declare(&self) -> Result<()> {
        let config = self.scratch.join("config");
        estate::write(&self.ours.program, &config, &[], &[estate::folder_url(&self.ours_place())])?;
        let keys = config.join("keys");
        std::fs::create_dir_all(&keys)?;
        std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(0o700))?;
        let credentials = keys.join("reader.toml");
        std::fs::write(&credentials, format!("user = \"reader\"\npassword = \"{DATABASE_PASSWORD}\"\n"))?;
        std::fs::set_permissions(&credentials, std::fs::Permissions::from_mode(0o600))?;
        let path = config.join("estate.toml");
        let estate = std::fs::read_to_string(&path)?;
        let asset = format!(
            "[assets.billing]\nclass = \"whmcs\"\nhost = \"web1\"\nclient = \"billing\"\npath = \"{}\"\n\
             database = {{ name = \"{}\", socket = \"{}\", credentials = {{ file = \"keys/reader.toml\" }} }}\n",
            self.scratch.join("billing").display(),
            self.database,
            self.server.socket.display(),
        );
        std::fs::write(&path, estate + &asset).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Dumps what there is now with the tool alone and with both programs.
    pub(super) fn dump(&self, is_restic_first: bool) -> Result<Dump> {
        // Reads everything once, so that nobody else pays for a cold cache.
        let raw_bytes = self.raw_bytes()?;
        let tool = measure::run(&self.shell("\"$@\" >/dev/null", None), &self.scratch)?;
        let (ours, restic) = if is_restic_first {
            let restic = self.take(&self.restic_command(), &self.restic_place())?;
            (self.take(&self.ours_command(), &self.ours_place())?, restic)
        } else {
            let ours = self.take(&self.ours_command(), &self.ours_place())?;
            (ours, self.take(&self.restic_command(), &self.restic_place())?)
        };
        Ok(Dump { raw_bytes, tool, ours, restic })
    }

    fn take(&self, command: &Command, place: &Path) -> Result<Taken> {
        let before = Stored::count(place)?;
        let usage = measure::run(command, &self.scratch)?;
        Ok(Taken { usage, stored: Stored::count(place)?.since(before) })
    }

    fn raw_bytes(&self) -> Result<u64> {
        let mut tool = self.tool();
        let mut child = tool.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut output = child.stdout.take().context("the dump is piped")?;
        let bytes = std::io::copy(&mut output, &mut std::io::sink())?;
        if !child.wait()?.success() {
            bail!("`{}` failed; what it said is above", process::shown(&tool))
        }
        Ok(bytes)
    }

    fn tool(&self) -> Command {
        let mut tool = self.server.client("mariadb-dump");
        tool.args(DUMP).arg(&self.database);
        tool
    }

    fn ours_command(&self) -> Command {
        let mut command = estate::start(&self.ours.program, &self.scratch);
        command.args(["backup", "billing", "--dataset", "database", "--quiet"]);
        command
    }

    fn restic_command(&self) -> Command {
        let mut command = self.shell(PIPED, Some(&self.restic.program));
        self.know_repository(&mut command);
        command
    }

    /// A line for the shell, whose arguments are a program if there is one, then the tool with its own.
    fn shell(&self, line: &str, program: Option<&Path>) -> Command {
        let mut command = process::command("bash", &["-c", line, "bash"]);
        command.args(program);
        let tool = self.tool();
        command.arg(tool.get_program()).args(tool.get_args());
        command
    }

    fn know_repository(&self, command: &mut Command) {
        command.env("RESTIC_PASSWORD", PASSWORD).env("RESTIC_REPOSITORY", self.restic_place());
        command.env("RESTIC_CACHE_DIR", self.scratch.join("restic-cache"));
    }

    fn ours_place(&self) -> PathBuf {
        self.scratch.join("place0")
    }

    fn restic_place(&self) -> PathBuf {
        self.scratch.join("restic")
    }
}

/// The dump tool's name, and the version that it says after `Distrib` or, since 11, after `from`.
pub(super) fn tool_version(server: &Mariadb) -> Result<String> {
    let tool = server.client("mariadb-dump");
    let said = process::output(process::command(tool.get_program(), &["--version"]))?;
    let version = ["Distrib ", "from "].iter().find_map(|word| said.split_once(word));
    let version = version.map_or("of unknown version", |(_, version)| version);
    let version = version.split([',', '\n']).next().unwrap_or_default();
    Ok(format!("mariadb-dump {}", version.trim()))
}
