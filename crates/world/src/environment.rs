//! What surrounds this process: variables, home and XDG folders, terminals, and who and where we are.
//!
//! Read once at the start and handed on as a value. A library that looked up a variable on its own could be steered
//! by whatever a cron job or a web panel left in the environment, and could not be tested without changing the
//! environment of every test beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use rustix::process::Pid;

/// A standard stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// Standard input.
    Input,
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// The surroundings of this process, as they were when it started.
#[derive(Clone)]
pub struct Environment {
    variables: BTreeMap<OsString, OsString>,
    terminals: BTreeSet<Stream>,
    hostname: String,
    user_name: String,
    home: Option<PathBuf>,
    uid: u32,
    gid: u32,
    pid: u32,
    login_name: Option<String>,
    terminal: Option<String>,
    machine_id: Option<String>,
    processes: Processes,
}

#[derive(Clone)]
enum Processes {
    Real,
    Fixed(BTreeSet<u32>),
}

impl Environment {
    /// Reads the surroundings of this process.
    #[allow(clippy::disallowed_methods, reason = "this is the place where the environment is read")]
    pub fn system() -> Environment {
        let variables: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
        let uid = rustix::process::geteuid().as_raw();
        let account = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid)).ok().flatten();
        let (account_name, account_home) =
            account.map_or((None, None), |account| (Some(account.name), Some(account.dir)));
        let home = variables.get(OsStr::new("HOME")).filter(|home| !home.is_empty()).map(PathBuf::from);
        let mut terminals = BTreeSet::new();
        for (stream, terminal) in [
            (Stream::Input, std::io::stdin().is_terminal()),
            (Stream::Output, std::io::stdout().is_terminal()),
            (Stream::Error, std::io::stderr().is_terminal()),
        ] {
            if terminal {
                terminals.insert(stream);
            }
        }
        Environment {
            variables,
            terminals,
            hostname: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            user_name: account_name.unwrap_or_else(|| uid.to_string()),
            home: home.or(account_home),
            uid,
            gid: rustix::process::getegid().as_raw(),
            pid: std::process::id(),
            login_name: read_login_uid(Path::new("/proc/self/loginuid")).map(name_of),
            terminal: terminal_of(Path::new("/proc/self/fd/0")),
            machine_id: read_machine_id(Path::new("/etc/machine-id")),
            processes: Processes::Real,
        }
    }

    /// An environment for tests: host `web1.example`, user `root`, process 4242 as the only living one, no variables.
    pub fn fake() -> Environment {
        Environment {
            variables: BTreeMap::new(),
            terminals: BTreeSet::new(),
            hostname: "web1.example".to_owned(),
            user_name: "root".to_owned(),
            home: Some(PathBuf::from("/root")),
            uid: 0,
            gid: 0,
            pid: 4242,
            login_name: None,
            terminal: None,
            machine_id: Some("00112233445566778899aabbccddeeff".to_owned()),
            processes: Processes::Fixed(BTreeSet::from([4242])),
        }
    }

    /// The same with a variable set.
    #[must_use]
    pub fn with_variable(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Environment {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// The same under another host name.
    #[must_use]
    pub fn with_hostname(mut self, hostname: impl Into<String>) -> Environment {
        self.hostname = hostname.into();
        self
    }

    /// The same with another process id, living.
    #[must_use]
    pub fn with_pid(mut self, pid: u32) -> Environment {
        self.pid = pid;
        if let Processes::Fixed(living) = &mut self.processes {
            living.insert(pid);
        }
        self
    }

    /// The same with another machine id, or none.
    #[must_use]
    pub fn with_machine_id(mut self, machine_id: Option<String>) -> Environment {
        self.machine_id = machine_id;
        self
    }

    /// A variable. One that is set but empty counts as not set.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.variables.get(OsStr::new(name)).map(OsString::as_os_str).filter(|value| !value.is_empty())
    }

    /// A variable as text; `None` also where it is not UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(OsStr::to_str)
    }

    /// The variables that an external program is given: where to find programs, whose home it is, the time zone,
    /// and a locale in which messages are English and bytes stay bytes. Nothing else leaks through.
    pub fn for_programs(&self) -> Vec<(OsString, OsString)> {
        let mut variables: Vec<(OsString, OsString)> = ["PATH", "TMPDIR", "TZ"]
            .into_iter()
            .filter_map(|name| Some((name.into(), self.get(name)?.to_owned())))
            .collect();
        if let Some(home) = &self.home {
            variables.push(("HOME".into(), home.clone().into_os_string()));
        }
        variables.push(("USER".into(), self.user_name.clone().into()));
        variables.push(("LC_ALL".into(), "C.UTF-8".into()));
        variables
    }

    /// The home folder: `HOME`, else what the user database says.
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// Where caches go: `XDG_CACHE_HOME` or `~/.cache`.
    pub fn cache_home(&self) -> Option<PathBuf> {
        self.xdg("XDG_CACHE_HOME", ".cache")
    }

    /// Where personal settings go: `XDG_CONFIG_HOME` or `~/.config`.
    pub fn config_home(&self) -> Option<PathBuf> {
        self.xdg("XDG_CONFIG_HOME", ".config")
    }

    /// Where state goes: `XDG_STATE_HOME` or `~/.local/state`.
    pub fn state_home(&self) -> Option<PathBuf> {
        self.xdg("XDG_STATE_HOME", ".local/state")
    }

    /// Whether a standard stream is a terminal.
    pub fn is_terminal(&self, stream: Stream) -> bool {
        self.terminals.contains(&stream)
    }

    /// The machine's name for itself.
    pub fn hostname(&self) -> &str {
        &self.hostname
    }

    /// The login name of the effective user, or the number where there is none.
    pub fn user_name(&self) -> &str {
        &self.user_name
    }

    /// The effective user.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The effective group.
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// This process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Who logged in, by the kernel's word: it stays the same behind sudo and su. None for what no login started.
    pub fn login_name(&self) -> Option<&str> {
        self.login_name.as_deref()
    }

    /// The terminal that standard input is connected to.
    pub fn terminal(&self) -> Option<&str> {
        self.terminal.as_deref()
    }

    /// The id in `/etc/machine-id`: 32 lower-case hex digits, where the file has them.
    pub fn machine_id(&self) -> Option<&str> {
        self.machine_id.as_deref()
    }

    /// Whether a process of this number lives on this machine, whoever it belongs to. Process numbers are reused, so
    /// "no" is certain and "yes" is not.
    pub fn pid_alive(&self, pid: u32) -> bool {
        match &self.processes {
            Processes::Fixed(living) => living.contains(&pid),
            Processes::Real => {
                let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return false };
                // Not permitted to signal it: somebody else's, but there.
                !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH))
            }
        }
    }

    /// XDG says that a relative path in these variables is to be ignored.
    fn xdg(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let stated = self.get(variable).map(PathBuf::from).filter(|path| path.is_absolute());
        stated.or_else(|| Some(self.home.as_ref()?.join(below_home)))
    }
}

impl std::fmt::Debug for Environment {
    /// Leaves the variables out: passwords live there.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment")
            .field("hostname", &self.hostname)
            .field("user_name", &self.user_name)
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

/// The kernel's note of who logged in; it says all ones where nobody did.
fn read_login_uid(path: &Path) -> Option<u32> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok().filter(|uid| *uid != u32::MAX)
}

fn name_of(uid: u32) -> String {
    let account = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid)).ok().flatten();
    account.map_or_else(|| uid.to_string(), |account| account.name)
}

fn terminal_of(descriptor: &Path) -> Option<String> {
    let path = std::fs::read_link(descriptor).ok()?.into_os_string().into_string().ok()?;
    (path.starts_with("/dev/pts/") || path.starts_with("/dev/tty")).then_some(path)
}

fn read_machine_id(path: &Path) -> Option<String> {
    let id = std::fs::read_to_string(path).ok()?.trim().to_ascii_lowercase();
    (id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_variables_count_as_unset_and_relative_xdg_paths_are_ignored() {
        let environment =
            Environment::fake().with_variable("EMPTY", "").with_variable("XDG_CACHE_HOME", "relative");
        assert_eq!(environment.get("EMPTY"), None);
        assert_eq!(environment.cache_home(), Some(PathBuf::from("/root/.cache")));
        let environment = environment.with_variable("XDG_CACHE_HOME", "/var/cache/x");
        assert_eq!(environment.cache_home(), Some(PathBuf::from("/var/cache/x")));
    }

    #[test]
    fn programs_are_given_no_variable_that_is_not_named() {
        let environment =
            Environment::fake().with_variable("PATH", "/bin").with_variable("AWS_SECRET_ACCESS_KEY", "s");
        let names: Vec<_> = environment.for_programs().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["PATH", "HOME", "USER", "LC_ALL"]);
    }

    #[test]
    fn debug_shows_no_variable() {
        let shown = format!("{:?}", Environment::fake().with_variable("TOKEN", "hunter2"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }

    #[test]
    fn the_system_knows_itself_and_a_dead_process_from_a_living_one() {
        let system = Environment::system();
        assert!(system.pid_alive(system.pid()));
        assert!(system.pid_alive(1));
        assert!(!system.pid_alive(0));
        assert!(!system.pid_alive(u32::MAX));
        assert!(!system.hostname().is_empty());
    }

    #[test]
    fn nobody_logged_in_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loginuid");
        for (text, uid) in [("4294967295", None), ("1000", Some(1000)), ("", None)] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(read_login_uid(&path), uid, "{text}");
        }
        assert_eq!(name_of(0), "root");
        assert_eq!(terminal_of(&path), None);
    }

    #[test]
    fn a_machine_id_that_is_not_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("machine-id");
        std::fs::write(&path, "uninitialized\n").unwrap();
        assert_eq!(read_machine_id(&path), None);
        std::fs::write(&path, "0123456789ABCDEF0123456789abcdef\n").unwrap();
        assert_eq!(read_machine_id(&path).as_deref(), Some("0123456789abcdef0123456789abcdef"));
    }
}
