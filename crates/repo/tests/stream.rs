//! A source that comes as a stream: all of it becomes a point that stock restic restores, or none of it does.
#![allow(clippy::unwrap_used, reason = "a test that cannot set up has failed")]
#![allow(clippy::disallowed_methods, reason = "tests run restic")]
#![allow(missing_docs, reason = "a test")]

mod support;

use std::fs;
use std::io;
use std::sync::Arc;

use holdfast_format::source::{
    Content, Directory, Entry, EntryKind, FileTime, Listing, Metadata, Source, SourceError, Stream,
    StreamedFile, Xattr,
};
use holdfast_repo::{ArchiveRequest, Archived, Cancel, Progress, Repository, Result, Troubles};
use holdfast_testkit::corpus::noise;
use support::{Bench, must_succeed, restic};

const INSTANT: FileTime = FileTime { seconds: 1_700_000_000, nanoseconds: 5 };

/// A program that makes these files, and says at the end whether they are whole.
#[derive(Clone)]
struct Program {
    files: Vec<(Vec<u8>, Vec<u8>)>,
    /// After so many files and bytes of the next one it breaks off.
    breaks_off: Option<(usize, usize)>,
    vouches: bool,
}

struct Running {
    program: Program,
    file: usize,
    position: usize,
}

fn failed(message: &str) -> SourceError {
    SourceError {
        path: b"/databases/billing".to_vec(),
        kind: io::ErrorKind::Other,
        message: message.to_owned(),
    }
}

impl Stream for Running {
    fn next(&mut self) -> std::result::Result<Option<StreamedFile>, SourceError> {
        (self.file, self.position) = (self.file + 1, 0);
        match self.program.files.get(self.file - 1) {
            Some((name, _)) => Ok(Some(StreamedFile {
                name: name.clone(),
                permissions: 0o600,
                owner: (0, 0),
                time: INSTANT,
            })),
            None if self.program.vouches => Ok(None),
            None => Err(failed("the footer is missing")),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> std::result::Result<usize, SourceError> {
        let content = &self.program.files[self.file - 1].1;
        if self.program.breaks_off.is_some_and(|at| at <= (self.file - 1, self.position)) {
            return Err(failed("the server went away"));
        }
        // Pipes give what they have.
        let count = (content.len() - self.position).min(buffer.len()).min(70_001);
        buffer[..count].copy_from_slice(&content[self.position..self.position + count]);
        self.position += count;
        Ok(count)
    }
}

fn of_directory() -> Metadata {
    Metadata::made_up(EntryKind::Directory, 0o700, INSTANT)
}

impl Source for Program {
    fn path(&self) -> Vec<Vec<u8>> {
        vec![b"databases".to_vec(), b"billing".to_vec()]
    }

    fn ancestors(&self) -> std::result::Result<Vec<Metadata>, SourceError> {
        Ok(vec![of_directory()])
    }

    fn root(&self) -> std::result::Result<(Metadata, Arc<dyn Directory>), SourceError> {
        Ok((of_directory(), Arc::new(self.clone())))
    }

    fn instant(&self) -> Option<FileTime> {
        Some(INSTANT)
    }

    fn user_name(&self, _: u32) -> Option<String> {
        None
    }

    fn group_name(&self, _: u32) -> Option<String> {
        None
    }
}

impl Directory for Program {
    fn path(&self) -> Vec<u8> {
        b"/databases/billing".to_vec()
    }

    fn list(&self) -> std::result::Result<Listing, SourceError> {
        Err(failed("nobody lists a stream"))
    }

    fn child(&self, _: &Entry) -> std::result::Result<Arc<dyn Directory>, SourceError> {
        Err(failed("nothing in a stream is opened"))
    }

    fn open(&self, _: &Entry) -> std::result::Result<Box<dyn Content>, SourceError> {
        Err(failed("nothing in a stream is opened"))
    }

    fn xattrs(&self, _: &Entry) -> std::result::Result<Vec<Xattr>, SourceError> {
        Ok(Vec::new())
    }

    fn own_xattrs(&self) -> std::result::Result<Vec<Xattr>, SourceError> {
        Ok(Vec::new())
    }

    fn link_target(&self, _: &Entry) -> std::result::Result<Vec<u8>, SourceError> {
        Err(failed("a stream holds no links"))
    }

    fn stream(&self) -> Option<Box<dyn Stream>> {
        Some(Box::new(Running { program: self.clone(), file: 0, position: 0 }))
    }
}

/// Files of every size, in an order that is not that of their names.
fn dump() -> Program {
    let file = |name: &str, content: Vec<u8>| (name.as_bytes().to_vec(), content);
    let files = vec![
        file("head.sql", b"-- head\n".to_vec()),
        file("table.clients.sql", noise(1, 20_000_000)),
        file("table.empty.sql", Vec::new()),
        file("table.a.sql", noise(2, 600_000)),
        (b"table.\xff\n.sql".to_vec(), noise(3, 10)),
        file("tail.sql", b"-- Dump completed\n".to_vec()),
    ];
    Program { files, breaks_off: None, vouches: true }
}

fn archive(repository: &Repository, program: &Program) -> Result<Archived> {
    let request = ArchiveRequest {
        source: program,
        cache_name: "billing.database",
        tags: vec!["dataset:database".to_owned()],
        excludes: Vec::new(),
        full: false,
        locks: None,
    };
    repository.archive(&request, &Troubles::default(), &Progress::default(), &Cancel::default())
}

#[test]
fn all_of_it_is_a_point_of_its_instant_and_restic_restores_it() {
    let bench = Bench::new(&["here", "there"]);
    let repository = bench.create();
    let program = dump();
    let archived = archive(&repository, &program).unwrap();
    assert_eq!(archived.snapshot.time.as_second(), INSTANT.seconds);
    let bytes: usize = program.files.iter().map(|(_, content)| content.len()).sum();
    assert_eq!((archived.totals.files, archived.totals.bytes), (6, bytes as u64));
    for location in ["here", "there"] {
        must_succeed(&bench.restic(&restic(), location, &["check", "--read-data"]));
        let target = bench.path(&format!("restored-{location}"));
        must_succeed(&bench.restic(
            &restic(),
            location,
            &["restore", "latest", "--target", target.to_str().unwrap()],
        ));
        for (name, content) in &program.files {
            use std::os::unix::ffi::OsStrExt;
            let path = target.join("databases/billing").join(std::ffi::OsStr::from_bytes(name));
            assert!(fs::read(&path).unwrap() == *content, "{location}: {path:?}");
        }
    }
    // What is the same is stored once.
    let again = archive(&repository, &program).unwrap();
    assert_eq!(again.totals.bytes_added, 0, "{:?}", again.totals);
    assert_eq!(again.snapshot.parent, Some(archived.id));
}

#[test]
fn what_breaks_off_or_is_not_vouched_for_is_no_point() {
    let bench = Bench::new(&["here"]);
    let repository = bench.create();
    let broken = [
        (Program { breaks_off: Some((1, 9_000_000)), ..dump() }, "the server went away"),
        (Program { breaks_off: Some((0, 0)), ..dump() }, "the server went away"),
        (Program { vouches: false, ..dump() }, "the footer is missing"),
        (Program { files: vec![(b"..".to_vec(), Vec::new())], ..dump() }, "cannot be"),
        (Program { files: vec![(b"a/b".to_vec(), Vec::new())], ..dump() }, "cannot be"),
        (
            Program { files: vec![(b"a".to_vec(), Vec::new()), (b"a".to_vec(), Vec::new())], ..dump() },
            "twice",
        ),
    ];
    for (program, why) in broken {
        let error = archive(&repository, &program).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert!(fs::read_dir(bench.repository_path("here").join("snapshots")).unwrap().next().is_none());
    }
    must_succeed(&bench.restic(&restic(), "here", &["check", "--read-data"]));
    archive(&repository, &dump()).unwrap();
    must_succeed(&bench.restic(&restic(), "here", &["check", "--read-data"]));
}
