//! A room: namespaces of its own, in which programs see a root folder that was put together for them, a network without a way
//! out, and no process but their own.
//!
//! A restored shop that still reaches its payment provider, or reads this machine's keys, is worse than one that was never
//! tested. So there is no flag that makes a room leaky: it is furnished whole, or it is not there.
//!
//! Namespaces belong to threads. A thread of ours moves into new ones and starts there whatever is to run inside; everything else,
//! from time limits to reading output, stays with whoever asked. It can start no thread itself, because the kernel allows none
//! whose children would be of another set of processes. The first process inside reads a pipe whose other end only we hold:
//! when we are killed, the pipe closes, that process ends, and the kernel ends all others with it.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::{Component, Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, MsFlags};
use nix::sched::CloneFlags;

use super::pause_until_exit;

/// Mounts the processes' own `/proc`, which only one of them can, says that it stands, and waits for the end of its input.
const FIRST: &str =
    "mount -t proc -o nosuid,nodev,noexec proc /proc && echo ready && exec cat >/dev/null 2>&1";
/// Where programs lie inside.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// What is in a room.
#[derive(Clone, Debug)]
pub struct Layout {
    /// The folder that becomes `/`. Places to mount at are made in it, `/proc` among them.
    pub root: PathBuf,
    /// What is seen in it, in this order.
    pub mounts: Vec<Mount>,
    /// What the machine is called inside.
    pub hostname: String,
}

/// Something that is seen inside.
#[derive(Clone, Debug)]
pub struct Mount {
    /// Where, as it is called inside.
    pub at: PathBuf,
    /// What.
    pub what: Seen,
}

/// What is seen. Nothing of it lends rights to who runs it, and only a device is one.
#[derive(Clone, Debug)]
pub enum Seen {
    /// A file or folder, which cannot be changed.
    ReadOnly(PathBuf),
    /// A file or folder.
    Writable(PathBuf),
    /// A device.
    Device(PathBuf),
    /// A folder in memory that anybody may write to, of so many bytes.
    Memory(u64),
}

/// A room. It is one, however often it is cloned.
#[derive(Clone)]
pub struct Room(Arc<Inner>);

struct Inner {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
    first: Mutex<Child>,
    first_pid: u32,
}

type Job = Box<dyn FnOnce() + Send>;

impl Room {
    /// Makes one. Nothing runs in it but its first process.
    ///
    /// # Errors
    /// When the kernel allows none: this process is not root, or is itself kept from it.
    pub fn open(layout: Layout) -> io::Result<Room> {
        for mount in &layout.mounts {
            make_place(&layout.root, mount)?;
        }
        fs::create_dir_all(layout.root.join("proc"))?;
        let (jobs, inbox) = mpsc::channel::<Job>();
        let (tell, hear) = mpsc::sync_channel(1);
        let thread = thread::Builder::new().name("room".to_owned()).spawn(move || {
            let first = furnish(&layout);
            let stands = first.is_ok();
            // Whoever asked may be gone; then the first process ends with its pipe.
            if tell.send(first).is_ok() && stands {
                inbox.into_iter().for_each(|job| job());
            }
        })?;
        let first = match hear.recv() {
            Ok(first) => first?,
            Err(_) => return Err(io::Error::other("the thread that was to make the room ended")),
        };
        Ok(Room(Arc::new(Inner {
            jobs: Mutex::new(Some(jobs)),
            thread: Mutex::new(Some(thread)),
            first_pid: first.id(),
            first: Mutex::new(first),
        })))
    }

    /// Does something from inside: paths and sockets are the room's.
    ///
    /// # Errors
    /// When the room is closed.
    pub fn call<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
        let closed = || io::Error::new(io::ErrorKind::NotConnected, "the room is closed");
        let (tell, hear) = mpsc::sync_channel(1);
        // Who asked waits below.
        let job: Job = Box::new(move || drop(tell.send(work())));
        lock(&self.0.jobs).as_ref().ok_or_else(closed)?.send(job).map_err(|_| closed())?;
        hear.recv().map_err(|_| closed())
    }

    /// Lets something that is seen inside be seen at another path too. The path must not be one that others can write to.
    ///
    /// # Errors
    /// What the system said.
    pub fn show(&self, mount: Mount) -> io::Result<()> {
        self.call(move || {
            let root = Path::new("/");
            make_place(root, &mount)?;
            mount_below(root, &mount)
        })?
    }

    /// The number of the first process, as it is known outside: `/proc/<number>/net` is the room's network.
    pub fn first_pid(&self) -> u32 {
        self.0.first_pid
    }

    /// Starts a program inside.
    pub(super) fn spawn(&self, mut command: Command) -> io::Result<Child> {
        self.call(move || command.spawn())?
    }

    /// Ends everything inside at once. It returns before they are gone.
    pub fn end(&self) {
        // It may have ended already.
        drop(lock(&self.0.first).kill());
    }

    /// Ends everything inside and waits until the kernel says that nothing is left: the first process is not gone before all
    /// others are. Whoever runs programs inside must let go of them meanwhile, or before.
    ///
    /// # Errors
    /// When something remains after `longest`.
    #[expect(clippy::disallowed_methods, reason = "the wait is for real processes, in real time")]
    pub fn close(&self, longest: Duration) -> io::Result<()> {
        self.end();
        let started = Instant::now();
        {
            let mut first = lock(&self.0.first);
            while first.try_wait()?.is_none() {
                let left = longest.saturating_sub(started.elapsed());
                if left.is_zero() {
                    let what =
                        format!("after {longest:?} processes that were started inside are still there");
                    return Err(io::Error::new(io::ErrorKind::TimedOut, what));
                }
                pause_until_exit(&first, left.min(Duration::from_millis(100)));
            }
        }
        drop(lock(&self.0.jobs).take());
        if let Some(thread) = lock(&self.0.thread).take() {
            // A job that panicked was told to who asked for it.
            drop(thread.join());
        }
        Ok(())
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("first_pid", &self.0.first_pid).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let first = self.first.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Refused where it ended already. Nobody can ask any more what became of it.
        drop(first.kill());
        pause_until_exit(first, Duration::from_secs(2));
        drop(first.try_wait());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Moves the calling thread into new namespaces, and starts their first process.
fn furnish(layout: &Layout) -> io::Result<Child> {
    let apart = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    nix::sched::unshare(apart).map_err(|error| at("make namespaces", Path::new("."), error))?;
    let root = layout.root.as_path();
    // Else what is mounted here would appear outside.
    bare_mount(None, Path::new("/"), MsFlags::MS_REC | MsFlags::MS_PRIVATE)?;
    bind(root, root, MsFlags::MS_NOSUID | MsFlags::MS_NODEV)?;
    for mount in &layout.mounts {
        mount_below(root, mount)?;
    }
    rustix::system::sethostname(layout.hostname.as_bytes())?;
    rustix::process::chdir(root)?;
    // Onto itself, and then what was there before is taken away from above it.
    nix::unistd::pivot_root(".", ".").map_err(|error| at("enter", root, error))?;
    nix::mount::umount2(".", MntFlags::MNT_DETACH)
        .map_err(|error| at("leave the old root of", root, error))?;
    rustix::process::chdir("/")?;
    nix::sched::unshare(CloneFlags::CLONE_NEWPID)?;
    start_first()
}

#[expect(clippy::disallowed_methods, reason = "processes are started by this part of the crate alone")]
fn start_first() -> io::Result<Child> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", FIRST]).env_clear().env("PATH", PATH).current_dir("/");
    // A group of its own: who stops us by the keyboard gets an orderly end.
    command.process_group(0);
    let mut first = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut said = String::new();
    // Its input stays open in `first`.
    let stdout = first.stdout.take().expect("it is piped");
    stdout.take(64).read_to_string(&mut said)?;
    if said.trim() == "ready" {
        return Ok(first);
    }
    let mut complaint = String::new();
    if let Some(stderr) = first.stderr.take() {
        stderr.take(4096).read_to_string(&mut complaint)?;
    }
    drop(first.kill());
    drop(first.wait());
    Err(io::Error::other(format!("the first process of the room does not stand: {}", complaint.trim())))
}

/// Makes what is mounted at, as it is needed there: a folder for a folder.
fn make_place(root: &Path, mount: &Mount) -> io::Result<()> {
    let place = inside(root, &mount.at)?;
    let is_folder = match &mount.what {
        Seen::ReadOnly(from) | Seen::Writable(from) | Seen::Device(from) => fs::metadata(from)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", from.display())))?
            .is_dir(),
        Seen::Memory(_) => true,
    };
    if is_folder {
        return fs::create_dir_all(place);
    }
    if let Some(parent) = place.parent() {
        fs::create_dir_all(parent)?;
    }
    File::options().create(true).append(true).open(place).map(drop)
}

fn mount_below(root: &Path, mount: &Mount) -> io::Result<()> {
    let place = inside(root, &mount.at)?;
    let (plain, device) = (MsFlags::MS_NOSUID | MsFlags::MS_NODEV, MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC);
    match &mount.what {
        Seen::ReadOnly(from) => bind(from, &place, plain | MsFlags::MS_RDONLY),
        Seen::Writable(from) => bind(from, &place, plain),
        Seen::Device(from) => bind(from, &place, device),
        Seen::Memory(bytes) => {
            let options = format!("size={bytes},mode=1777");
            nix::mount::mount(Some("tmpfs"), &place, Some("tmpfs"), plain, Some(options.as_str()))
                .map_err(|error| at("mount memory at", &place, error))
        }
    }
}

/// The flags of a bind take effect in a second step alone.
fn bind(from: &Path, to: &Path, flags: MsFlags) -> io::Result<()> {
    bare_mount(Some(from), to, MsFlags::MS_BIND)?;
    bare_mount(None, to, MsFlags::MS_BIND | MsFlags::MS_REMOUNT | flags)
}

fn bare_mount(from: Option<&Path>, to: &Path, flags: MsFlags) -> io::Result<()> {
    nix::mount::mount(from, to, None::<&Path>, flags, None::<&Path>)
        .map_err(|error| at("mount at", to, error))
}

fn at(doing: &str, path: &Path, error: nix::Error) -> io::Error {
    let error = io::Error::from(error);
    io::Error::new(error.kind(), format!("cannot {doing} {}: {error}", path.display()))
}

/// A path inside, as it is called outside.
fn inside(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let below = path.strip_prefix("/").ok();
    let is_plain = |path: &&Path| path.components().all(|part| matches!(part, Component::Normal(_)));
    let below = below.filter(is_plain).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("{} is no absolute path", path.display()))
    })?;
    Ok(root.join(below))
}
