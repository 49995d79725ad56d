//! Cuts a dump into its sections while it streams. All pieces, one after the other, are the dump, byte for byte.
//!
//! One file for each table is what makes restoring one table possible, and keeps a table that did not change out of the next
//! backup. Nothing but the head of a section is ever held back, so a row of any size passes through a constant memory.

use std::collections::VecDeque;

use super::lexer::Lexer;
use super::section::{self, Reading, Section};

/// The last line of a dump that its tool brought to its end, with `--skip-dump-date`.
const FOOTER: &[u8] = b"\n-- Dump completed\n";

/// What the splitter hands out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// What follows belongs to this section.
    Begin(Section),
    /// Bytes of the section that began last.
    Bytes(Vec<u8>),
    /// The section is over; its INSERTs held this many rows.
    End {
        /// Rows.
        rows: u64,
    },
}

/// Takes a dump and gives its pieces.
#[derive(Debug)]
pub struct Splitter {
    lexer: Lexer,
    section: Section,
    /// The beginning of a line that may be a head.
    held: Vec<u8>,
    is_holding: bool,
    last: Vec<u8>,
    pieces: VecDeque<Piece>,
}

impl Splitter {
    /// Begins with the head.
    pub fn new() -> Splitter {
        Splitter {
            lexer: Lexer::default(),
            section: Section::Head,
            held: Vec::new(),
            is_holding: false,
            last: Vec::new(),
            pieces: VecDeque::from([Piece::Begin(Section::Head)]),
        }
    }

    /// The next piece.
    pub fn pop(&mut self) -> Option<Piece> {
        self.pieces.pop_front()
    }

    /// The section that is being read.
    pub fn section(&self) -> &Section {
        &self.section
    }

    /// Whether a section after the head began.
    pub fn has_begun(&self) -> bool {
        self.section != Section::Head
    }

    /// Takes more of the dump.
    pub fn push(&mut self, bytes: &[u8]) {
        let (mut start, mut at) = (0, 0);
        while at < bytes.len() {
            let skipped = self.lexer.skip(&bytes[at..]);
            if skipped > 0 {
                at += skipped;
                continue;
            }
            if !self.is_holding && self.lexer.is_at_line_between_statements() {
                self.give(&bytes[start..at]);
                self.is_holding = true;
            }
            self.lexer.step(bytes[at]);
            at += 1;
            if self.is_holding {
                self.held.push(bytes[at - 1]);
                start = at;
                match section::read(&self.held) {
                    Reading::Unknown => {}
                    Reading::Nothing => self.release(),
                    Reading::Section(section) => {
                        self.begin(section);
                        self.release();
                    }
                }
            }
        }
        self.give(&bytes[start..]);
    }

    /// Ends the dump and says what, if anything, is missing from it.
    ///
    /// # Errors
    /// What is missing, for people.
    pub fn finish(&mut self) -> Result<(), String> {
        self.release();
        let rows = self.lexer.take_rows();
        self.pieces.push_back(Piece::End { rows });
        if !self.last.ends_with(FOOTER) {
            return Err(format!(
                "it breaks off {}: its last line, '-- Dump completed', is missing",
                self.lexer.describe()
            ));
        }
        if !self.lexer.is_balanced() {
            return Err(format!("its last line is there, but stands {}", self.lexer.describe()));
        }
        if self.section != Section::Tail {
            return Err("the settings at its end are missing".to_owned());
        }
        Ok(())
    }

    fn begin(&mut self, section: Section) {
        if section == Section::Views && self.section == Section::Views {
            return;
        }
        let rows = self.lexer.take_rows();
        self.pieces.push_back(Piece::End { rows });
        self.pieces.push_back(Piece::Begin(section.clone()));
        self.section = section;
    }

    fn release(&mut self) {
        self.is_holding = false;
        let held = std::mem::take(&mut self.held);
        self.give(&held);
    }

    fn give(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let kept = &bytes[bytes.len().saturating_sub(FOOTER.len())..];
        self.last.extend_from_slice(kept);
        self.last.drain(..self.last.len().saturating_sub(FOOTER.len()));
        match self.pieces.back_mut() {
            Some(Piece::Bytes(last)) => last.extend_from_slice(bytes),
            _ => self.pieces.push_back(Piece::Bytes(bytes.to_vec())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAIL: &str = "/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;\n\n-- Dump completed\n";

    type Parts = Vec<(Section, String, u64)>;

    fn split(text: &str, step: usize) -> (Parts, Result<(), String>) {
        let mut splitter = Splitter::new();
        text.as_bytes().chunks(step).for_each(|chunk| splitter.push(chunk));
        let verdict = splitter.finish();
        let mut parts: Parts = Vec::new();
        while let Some(piece) = splitter.pop() {
            match piece {
                Piece::Begin(section) => parts.push((section, String::new(), 0)),
                Piece::Bytes(bytes) => parts.last_mut().unwrap().1 += std::str::from_utf8(&bytes).unwrap(),
                Piece::End { rows } => parts.last_mut().unwrap().2 = rows,
            }
        }
        let rejoined: String = parts.iter().map(|(_, text, _)| text.as_str()).collect();
        assert_eq!(rejoined, text);
        (parts, verdict)
    }

    fn head_of(table: &str) -> String {
        format!("\n--\n-- Table structure for table `{table}`\n--\n\n")
    }

    #[test]
    fn a_dump_is_cut_at_its_heads_however_it_arrives() {
        let (a, b) = (head_of("a"), head_of("b"));
        let text = format!("SET x=1;\n{a}CREATE a;\nINSERT INTO `a` VALUES (1),\n(2);\n{b}CREATE b;\n{TAIL}");
        for step in [1, 2, 3, 7, 64, 100_000] {
            let (parts, verdict) = split(&text, step);
            verdict.unwrap();
            let sections: Vec<(Section, u64)> =
                parts.into_iter().map(|(section, _, rows)| (section, rows)).collect();
            let table = |name: &str| Section::Table(name.as_bytes().to_vec());
            assert_eq!(sections, [(Section::Head, 0), (table("a"), 2), (table("b"), 0), (Section::Tail, 0)]);
        }
    }

    #[test]
    fn text_that_looks_like_a_head_cuts_nothing() {
        let fake = head_of("fake");
        for hostile in [
            format!("INSERT INTO `t` VALUES ('{fake}{TAIL}');\n"),
            format!("CREATE TABLE `t{fake}`;\n").replace("`fake`", "``fake``"),
            format!("/* {fake} */;\n"),
            format!("DELIMITER ;;\nCREATE PROCEDURE p() BEGIN SELECT 1;{fake}{TAIL}END ;;\nDELIMITER ;\n"),
            format!("SELECT 1\n{fake};\n"),
        ] {
            let text = format!("SET x=1;\n{}{hostile}{TAIL}", head_of("t"));
            let (parts, verdict) = split(&text, 5);
            assert_eq!(verdict, Ok(()), "{hostile}");
            assert_eq!(parts.len(), 3, "{hostile}: {parts:?}");
        }
    }

    #[test]
    fn a_dump_that_breaks_off_anywhere_is_not_whole() {
        let text =
            format!("SET x=1;\n{}INSERT INTO `a` VALUES ('\n-- Dump completed\n');\n{TAIL}", head_of("a"));
        for end in 0..text.len() {
            assert!(split(&text[..end], 11).1.is_err(), "up to {end}");
        }
        split(&text, 11).1.unwrap();
    }
}
