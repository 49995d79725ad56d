//! Corpora of one kind of file each: very many small ones, or a single large one. Websites have a bit of everything,
//! so what a program does badly with one kind of file hides among the rest.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::dice::Dice;
use super::{EPOCH_S, log_lines, measure, set_time};

/// Files of an ordinary folder.
const FOLDER_FILES: u64 = 1_000;
/// One file in this many lies in the single large folder.
const LARGE_FOLDER_SHARE: u64 = 10;
/// A large file alternates between text and noise in pieces of this size.
const PIECE_BYTES: u64 = 1 << 20;

/// Makes `count` small files of text, each different, below `folder`: a tenth of them in one folder called `large`, the
/// others in folders of a thousand. Returns entries and bytes.
///
/// # Errors
/// When the disk refuses.
pub fn make_files(folder: &Path, count: u64) -> io::Result<(u64, u64)> {
    let mut dice = Dice::new(11);
    let large = folder.join("large");
    fs::create_dir_all(&large)?;
    let mut ordinary = 0;
    let text = log_lines(&mut dice, 5_000);
    let mut inside = folder.to_owned();
    for number in 0..count {
        let name = if number % LARGE_FOLDER_SHARE == 0 {
            large.join(format!("file{number:07}.txt"))
        } else {
            if ordinary % FOLDER_FILES == 0 {
                let part = ordinary / FOLDER_FILES;
                inside = folder.join(format!("part{:02}/folder{part:04}", part % 50));
                fs::create_dir_all(&inside)?;
            }
            ordinary += 1;
            inside.join(format!("file{number:07}.txt"))
        };
        let length = dice.log_normal(6.9, 0.8).clamp(40.0, 20_000.0) as usize;
        let start = dice.below((text.len() - length) as u64) as usize;
        // The first line makes it different from every other file.
        let content = format!("{:016x}\n{}", dice.next_u64(), &text[start..start + length]);
        fs::write(&name, &content)?;
        set_time(&name, EPOCH_S + number % 86_400)?;
    }
    measure(folder)
}

/// Makes one file of `bytes` bytes in which nothing repeats: text and noise in turn, a mebibyte each.
///
/// # Errors
/// When the disk refuses.
pub fn make_file(path: &Path, bytes: u64) -> io::Result<()> {
    let mut dice = Dice::new(13);
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut left = bytes;
    for piece in 0.. {
        if left == 0 {
            break;
        }
        let size = left.min(PIECE_BYTES) as usize;
        if piece % 2 == 0 {
            // A line has some 80 bytes; more than enough lines for the piece.
            let text = log_lines(&mut dice, size as u64 / 50 + 1);
            out.write_all(&text.as_bytes()[..size])?;
        } else {
            out.write_all(&dice.bytes(size))?;
        }
        left -= size as u64;
    }
    out.flush()?;
    set_time(path, EPOCH_S)
}
