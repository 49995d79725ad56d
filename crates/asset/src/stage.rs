//! A place where something that was restored is brought to life, and from which nothing gets out.
//!
//! What a restore test runs is somebody's live shop: it sends mail, charges cards and calls its owner's other machines as soon
//! as it is asked anything. So it runs as nobody, in namespaces of its own: a network that consists of the loopback device, a
//! root folder that holds programs and what was restored and nothing else of this machine, and processes that end with ours.
//! Where that cannot be had, nothing is run. And it is other people's data in plain text: it lies in memory or on an
//! encrypted volume, and its end is proven.

mod database;
mod destroy;
mod encrypted;
mod failure;
mod forward;
mod http;
mod inside;
mod layout;
mod left;
mod mail;
mod outbound;
mod picture;
mod programs;
mod root;
mod settings;
mod tree;
mod web;
pub mod website;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use holdfast_world::World;
use holdfast_world::process::Finished;
use holdfast_world::process::room::Room;

pub use self::database::Account;
pub use self::destroy::Destroyed;
pub use self::failure::{StageError, StageErrorKind};
pub use self::http::{Answer, Question};
pub use self::left::Left;
pub use self::mail::Mail;
pub use self::outbound::Outbound;
pub use self::programs::Programs;
pub use self::root::{DEFAULT_ROOT, Root, is_staging};
pub use self::settings::Settings;
pub use self::web::Serving;

use self::database::{PORT, Server, Ways};
use self::destroy::{hand_over, remove};
use self::forward::{Listeners, carry};
use self::inside::Inside;
use self::layout::{Folders, OURS, refuse_path};
use self::left::Held;
use self::mail::MAILS_MAX;
use self::outbound::{Asked, without_route};
use self::web::Web;
use crate::database::{Access, Place};

/// Longest wait for the end of processes that were killed.
const END_MAX: Duration = Duration::from_secs(30);
/// Where mail is taken by SMTP.
const MAIL_PORTS: [u16; 2] = [25, 587];

/// A staging. Dropping it ends its processes and removes its files as well as it can; [`Stage::destroy`] proves it.
#[derive(Debug)]
pub struct Stage {
    held: Option<Held>,
    folders: Folders,
    settings: Settings,
    world: World,
    // Before what they run in: each must be let go of before the namespaces can end.
    web: Option<Web>,
    database: Option<Server>,
    listeners: Listeners,
    inside: Inside,
    asked: Arc<Mutex<Asked>>,
    sent: Arc<Mutex<Vec<Mail>>>,
    /// What the kernel and we had counted before the web server was started, and while browsers ran.
    discounted: (u64, u64),
}

impl Stage {
    fn open(held: Held, settings: Settings, world: World) -> Result<Stage, StageError> {
        let folders = Folders { all: held.path.clone() };
        let opened = settings
            .refuse_somebody()
            .and_then(|()| settings.programs.shown(&settings.read_only))
            .and_then(|programs| {
                let settings = Settings { programs, ..settings };
                Stage::furnish(&folders, &settings).map(|furnished| (settings, furnished))
            });
        let (settings, (inside, listeners, asked, sent)) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                // What was to be opened is what is told of.
                drop(remove(&folders.all, &*world.clock));
                return Err(error);
            }
        };
        Ok(Stage {
            held: Some(held),
            folders,
            settings,
            world,
            web: None,
            database: None,
            listeners,
            inside,
            asked,
            sent,
            discounted: (0, 0),
        })
    }

    #[expect(clippy::type_complexity, reason = "the parts of a staging, made in one place")]
    fn furnish(
        folders: &Folders,
        settings: &Settings,
    ) -> Result<(Inside, Listeners, Arc<Mutex<Asked>>, Arc<Mutex<Vec<Mail>>>), StageError> {
        let layout = folders.make(settings)?;
        let room = Room::open(layout).map_err(|error| {
            StageError::new(
                StageErrorKind::NotIsolated,
                format!(
                    "this machine gives no namespaces to run something apart in: {error}. A container may have to be started \
                     with more rights (CAP_SYS_ADMIN). Nothing is run unisolated"
                ),
            )
        })?;
        let inside = Inside::open(room, folders.clone(), None)?;
        let mut listeners = Listeners::default();
        let (asked, sent) = (Arc::new(Mutex::new(Asked::default())), Arc::new(Mutex::new(Vec::new())));
        let listens = |error| StageError::io("serve", &folders.all, error);
        let names = Arc::clone(&asked);
        listeners
            .udp(inside.listen_udp(53)?, move |question| {
                names.lock().unwrap_or_else(PoisonError::into_inner).answer(question)
            })
            .map_err(listens)?;
        for port in MAIL_PORTS {
            let sent = Arc::clone(&sent);
            let keep = move |mail: Mail| {
                let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
                if sent.len() < MAILS_MAX {
                    sent.push(mail);
                }
            };
            listeners.tcp(inside.listen(port)?, move |stream| mail::take(stream, &keep)).map_err(listens)?;
        }
        Ok((inside, listeners, asked, sent))
    }

    /// Ends whatever runs, once raised.
    pub fn interrupt_by(&mut self, flag: Option<Arc<AtomicBool>>) {
        self.inside.interrupt_by(flag);
    }

    /// The folder to restore into, as this process sees it: root's until something is started, and the website's user's then.
    pub fn files(&self) -> PathBuf {
        self.folders.files()
    }

    /// Lets a folder below [`Stage::files`] be seen inside at the path where it lay when it was backed up.
    ///
    /// # Errors
    /// When something was started already, or the path is one that the machine's own programs lie at.
    pub fn show(&mut self, folder: &Path, path: &Path) -> Result<(), StageError> {
        refuse_path(path)?;
        if self.database.is_some() || self.web.is_some() {
            return Err(StageError::refused(
                "something runs in the staging already: show all folders before",
            ));
        }
        let files = self.files();
        // By its real path: a restored link must not decide what is shown.
        let real = folder.canonicalize().map_err(|error| StageError::io("show", folder, error))?;
        let real_files = files.canonicalize().map_err(|error| StageError::io("show", &files, error))?;
        let below = real.strip_prefix(real_files).map_err(|_| {
            StageError::refused(format!("{} does not lie in the files of this staging", folder.display()))
        })?;
        self.inside.show(Path::new(OURS).join("files").join(below), path)
    }

    /// Starts the scratch server with accounts. Each of the places leads to it: names by a hosts file, addresses by the loopback
    /// device, sockets by links; so do the usual sockets and `localhost`.
    ///
    /// # Errors
    /// When it does not start, or a place cannot lead to it.
    pub fn start_database(&mut self, accounts: &[Account], places: &[Place]) -> Result<(), StageError> {
        if self.database.is_some() {
            return Err(StageError::refused("the scratch server runs already"));
        }
        let ways = Ways::of(places);
        self.inside.lead_hosts(&ways.hosts)?;
        self.inside.lead_sockets(&ways.sockets)?;
        let (first, others) =
            ways.ports.split_first().map_or((PORT, &[][..]), |(first, rest)| (*first, rest));
        let server =
            Server::start(&self.inside, &self.folders, &self.settings, first, accounts, &self.world)?;
        self.database = Some(server);
        for port in others {
            let socket = self.folders.run().join("mysqld.sock");
            let listener = self.inside.listen(*port)?;
            self.listeners
                .tcp(listener, move |stream| carry(&stream, &socket))
                .map_err(|error| StageError::io("serve", &self.folders.all, error))?;
        }
        Ok(())
    }

    /// Access to a database of the scratch server from here, with all rights: for [`crate::database::load`].
    ///
    /// # Errors
    /// When the server was not started.
    pub fn access(&self, database: &str) -> Result<Access, StageError> {
        let server = self.database.as_ref();
        let server = server.ok_or_else(|| StageError::refused("the scratch server was not started"))?;
        Ok(server.access(database))
    }

    /// Hands the restored files to the website's user, and starts PHP and the web server.
    ///
    /// # Errors
    /// When they do not start.
    pub fn start_web(&mut self, serving: &Serving) -> Result<(), StageError> {
        if self.web.is_some() {
            return Err(StageError::refused("the web server runs already"));
        }
        self.inside.lead_hosts(&serving.hosts)?;
        self.hand_over()?;
        let web = Web::start(&self.inside, &self.folders, &self.settings, serving, &self.world)?;
        self.web = Some(web);
        self.discounted = self.counted()?;
        Ok(())
    }

    /// Hands the restored files to the website's user, who can then read and write all of them. It is not needed before
    /// [`Stage::start_web`].
    ///
    /// # Errors
    /// When an owner cannot be changed.
    pub fn hand_over(&self) -> Result<(), StageError> {
        hand_over(&self.files(), self.settings.site_user)
    }

    /// Asks the web server. Redirections are not followed.
    ///
    /// # Errors
    /// [`StageErrorKind::TimedOut`] when there was no whole answer in time.
    pub fn ask(&self, question: &Question) -> Result<Answer, StageError> {
        if self.web.is_none() {
            return Err(StageError::refused("the web server was not started"));
        }
        let socket = if question.is_https { "https.sock" } else { "http.sock" };
        http::ask(&self.folders.run().join(socket), question, &*self.world.clock)
    }

    /// Runs a program inside, as the website's user, in a folder as it is called inside. Program and arguments are taken as they
    /// are, by no shell.
    ///
    /// # Errors
    /// When it gave no result; any exit code is one.
    pub fn run(&self, command: &[String], folder: &Path, longest: Duration) -> Result<Finished, StageError> {
        let Some((program, arguments)) = command.split_first() else {
            return Err(StageError::refused("no program is named"));
        };
        self.inside
            .program(Path::new(program), self.settings.site_user, longest)
            .arguments(arguments)
            .directory(folder)
            .output_bytes_max(1 << 20)
            .run(self.inside.interrupted().as_deref())
            .map_err(|error| StageError::process("run a program in the staging", &error))
    }

    /// What was attempted since the web server was started, but not what the browser of [`Stage::picture`] did.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn outbound(&self) -> Result<Outbound, StageError> {
        let (attempts, questions) = self.counted()?;
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let questions = questions.saturating_sub(self.discounted.1);
        Ok(Outbound {
            attempts: attempts.saturating_sub(self.discounted.0),
            questions,
            names: if questions > 0 { asked.names.clone() } else { Vec::new() },
        })
    }

    fn counted(&self) -> Result<(u64, u64), StageError> {
        let attempts = without_route(self.inside.room().first_pid())?;
        Ok((attempts, self.asked.lock().unwrap_or_else(PoisonError::into_inner).questions))
    }

    /// The mail that was kept, at most the first hundred of each way.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn mails(&self) -> Result<Vec<Mail>, StageError> {
        let mut mails = mail::caught(&self.folders.mail())?;
        mails.extend(self.sent.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned());
        Ok(mails)
    }

    /// A picture of a page, as a PNG; none where Chromium is not installed.
    ///
    /// # Errors
    /// When Chromium makes none.
    pub fn picture(&mut self, url: &str, longest: Duration) -> Result<Option<Vec<u8>>, StageError> {
        let Some(chromium) = self.settings.programs.chromium.clone() else { return Ok(None) };
        let before = self.counted()?;
        let names = self.asked.lock().unwrap_or_else(PoisonError::into_inner).names.len();
        let user = self.settings.site_user;
        let picture = picture::take(&self.inside, &self.folders, &chromium, user, url, longest);
        let after = self.counted()?;
        self.discounted.0 += after.0.saturating_sub(before.0);
        self.discounted.1 += after.1.saturating_sub(before.1);
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).names.truncate(names);
        picture.map(Some)
    }

    /// The end of what PHP and the web server complained of, for whoever looks for the reason.
    pub fn complaints(&self) -> String {
        let logs =
            ["php.log", "fpm.log", "nginx.log"].map(|log| self.inside.end_of(&self.folders.log().join(log)));
        logs.into_iter().filter(|log| !log.is_empty()).collect::<Vec<_>>().join(" || ")
    }

    /// Ends every process, removes everything, and looks whether anything is left.
    ///
    /// # Errors
    /// [`StageErrorKind::Left`] when something is.
    pub fn destroy(mut self) -> Result<Destroyed, StageError> {
        self.end_processes()?;
        let destroyed = remove(&self.folders.all, &*self.world.clock);
        if let Some(held) = self.held.take() {
            held.release();
        }
        destroyed
    }

    /// Kills all at once, and then waits for the kernel to say that they are gone.
    fn end_processes(&mut self) -> Result<(), StageError> {
        self.inside.room().end();
        self.web = None;
        self.database = None;
        self.listeners.end();
        self.inside.room().close(END_MAX).map_err(|error| {
            StageError::new(StageErrorKind::Left, format!("the processes of a staging do not end: {error}"))
        })
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            // Whoever wants to know calls `destroy`; what stays is found by `Root::left`.
            drop(self.end_processes());
            drop(remove(&self.folders.all, &*self.world.clock));
            held.release();
        }
    }
}
