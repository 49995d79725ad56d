//! The corpora that programs are measured on. One corpus alone flatters somebody: a walk decides with very many small
//! files, cutting and hashing with an image, the cores with one large file, and the index with very many blobs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use holdfast_testkit::corpus;

use super::change::Change;
use super::folder;
use crate::{lab, process, workspace};

/// A corpus to measure on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// Websites: real CMS code, uploads and logs.
    Sites,
    /// A sparse disk image with an ext4 file system, as the only file of a website: the class vm does not exist yet.
    Image,
    /// Very many small files.
    Many,
    /// One large file.
    Big,
    /// A repository that holds very many blobs already, and a small folder that is backed up into it.
    Blobs,
}

impl Kind {
    /// The word for it on the command line and in file names.
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Sites => "sites",
            Kind::Image => "image",
            Kind::Many => "many",
            Kind::Big => "big",
            Kind::Blobs => "blobs",
        }
    }
}

/// How large the corpora are.
#[derive(clap::Args, Clone)]
pub(crate) struct Sizes {
    /// Websites of the corpus `sites`.
    #[arg(long, default_value_t = 30)]
    pub(super) sites: usize,
    /// Size of the disk image of the corpus `image`.
    #[arg(long, default_value = "6GiB", value_parser = super::size::parse, value_name = "SIZE")]
    pub(super) image_size: u64,
    /// Files of the corpus `many`.
    #[arg(long, default_value_t = 1_000_000)]
    pub(super) files: u64,
    /// Size of the file of the corpus `big`.
    #[arg(long, default_value = "10GB", value_parser = super::size::parse, value_name = "SIZE")]
    pub(super) big_size: u64,
    /// Blobs of the corpus `blobs`.
    #[arg(long, default_value_t = 10_000_000)]
    pub(super) blobs: u64,
    /// Client repositories of the works with many clients.
    #[arg(long, default_value_t = 1_000)]
    pub(super) clients: usize,
}

/// A corpus on disk.
#[derive(Clone)]
pub(super) struct Material {
    pub(super) kind: Kind,
    /// What is backed up.
    pub(super) folder: PathBuf,
    /// For people.
    pub(super) title: String,
    /// Regular files and the sum of their sizes. Changes keep both.
    pub(super) files: (u64, u64),
    /// A file to restore alone, relative to the folder.
    pub(super) one_file: PathBuf,
    /// The folder with the most entries, relative to the folder.
    pub(super) large_folder: PathBuf,
    /// A repository to begin with.
    pub(super) repository: Option<PathBuf>,
}

/// The corpus is made anew each time: a run that was cut short must not leave half of one to the next.
pub(super) fn make(kind: Kind, bench: &Path, sizes: &Sizes) -> Result<(Material, Change)> {
    let root = bench.join(kind.word());
    folder::remove(&root)?;
    println!("bench: making the corpus {} in {}", kind.word(), root.display());
    let packages = lab::folder()?.join("packages");
    let mut repository = None;
    let what = match kind {
        Kind::Sites => {
            let made = corpus::make_sites(&root, &packages, sizes.sites)?;
            format!("{} sites, {} entries; {}", made.sites.len(), made.entries, made.origin)
        }
        Kind::Image => {
            let inside = bench.join("image-content");
            folder::remove(&inside)?;
            // Websites fill three quarters of the image, as in a machine that is in use.
            let count = (sizes.image_size / 120_000_000).max(1) as usize;
            let made = corpus::make_sites(&inside, &packages, count)?;
            std::fs::create_dir_all(&root)?;
            corpus::make_image(&root.join("disk.img"), sizes.image_size, &inside)?;
            folder::remove(&inside)?;
            format!("a disk image as one file of a website, ext4 with {count} sites ({})", made.origin)
        }
        Kind::Many => {
            let (entries, _) = corpus::make_files(&root, sizes.files)?;
            format!("{} small files, {entries} entries", sizes.files)
        }
        Kind::Big => {
            std::fs::create_dir_all(&root)?;
            corpus::make_file(&root.join("big.bin"), sizes.big_size)?;
            "one file, text and noise in turn".to_owned()
        }
        Kind::Blobs => {
            corpus::make_files(&root, 100)?;
            let made = bench.join("blobs-repository");
            make_blobs(&made, sizes.blobs)?;
            repository = Some(made);
            format!("a repository of {} blobs, and 100 small files to back up into it", sizes.blobs)
        }
    };
    // What was made within the last two seconds before a backup is rightly read again by the next one.
    std::thread::sleep(super::SETTLE);
    // Reading all of it once warms the page cache for whoever comes first.
    let list = folder::list(&root, true)?;
    let files = (list.len() as u64, list.iter().map(|(_, size)| size).sum());
    let title = format!("{what}; {:.2} GB", files.1 as f64 / 1e9);
    println!("bench: {title}");
    let relative = |path: &Path| path.strip_prefix(&root).unwrap_or(path).to_owned();
    let material = Material {
        kind,
        title,
        files,
        one_file: relative(&one_of(&list).context("the corpus has no files")?),
        large_folder: relative(&folder::largest(&list)),
        repository,
        folder: root.clone(),
    };
    Ok((material, Change::new(list, &bench.join("originals"))?))
}

/// A file in the middle whose name no program takes for a pattern.
fn one_of(list: &[(PathBuf, u64)]) -> Option<PathBuf> {
    let is_plain = |path: &Path| {
        let text = path.to_string_lossy();
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte))
    };
    let (first, second) = list.split_at(list.len() / 2);
    second.iter().chain(first).map(|(path, _)| path).find(|path| is_plain(path)).cloned()
}

/// A repository of many blobs, archived by the engine itself from files that are made up on the way.
fn make_blobs(repository: &Path, count: u64) -> Result<()> {
    folder::remove(repository)?;
    let program = workspace::build_example("holdfast-repo", "generate")?;
    let mut generate = process::command(program, &["blobs"]);
    generate.arg(repository).arg(count.to_string()).env("RESTIC_PASSWORD", super::PASSWORD);
    process::stream(generate).context("cannot generate the repository")
}
