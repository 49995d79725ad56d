//! The comments with which a dump tool heads the parts of a dump.

use super::names::file_name;

/// A part of a dump, which becomes a file of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// What comes before everything: the session's settings.
    Head,
    /// A table: structure, rows, triggers.
    Table(Vec<u8>),
    /// A sequence.
    Sequence(Vec<u8>),
    /// A table that stands for a view until the end, so that views may name one another.
    Placeholder(Vec<u8>),
    /// The events.
    Events,
    /// The stored functions and procedures.
    Routines,
    /// The views, all of them.
    Views,
    /// What comes after everything: the session's settings put back.
    Tail,
}

impl Section {
    /// What it is, for people.
    pub fn describe(&self) -> String {
        let shown = |name: &[u8]| String::from_utf8_lossy(name).escape_debug().to_string();
        match self {
            Section::Head => "the beginning".to_owned(),
            Section::Table(name) => format!("the table `{}`", shown(name)),
            Section::Sequence(name) => format!("the sequence `{}`", shown(name)),
            Section::Placeholder(name) => format!("the view `{}`", shown(name)),
            Section::Events => "the events".to_owned(),
            Section::Routines => "the routines".to_owned(),
            Section::Views => "the views".to_owned(),
            Section::Tail => "the end".to_owned(),
        }
    }

    /// The name of its file.
    pub fn file_name(&self) -> Vec<u8> {
        match self {
            Section::Head => b"head.sql".to_vec(),
            Section::Table(name) => file_name("table.", name, ".sql"),
            Section::Sequence(name) => file_name("sequence.", name, ".sql"),
            Section::Placeholder(name) => file_name("placeholder.", name, ".sql"),
            Section::Events => b"events.sql".to_vec(),
            Section::Routines => b"routines.sql".to_vec(),
            Section::Views => b"views.sql".to_vec(),
            Section::Tail => b"tail.sql".to_vec(),
        }
    }
}

/// What a text at the start of a line between two statements turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading {
    /// More bytes are needed.
    Unknown,
    /// The head of a section.
    Section(Section),
    /// The head of a section's second half, or of nothing that we know: it stays where it is.
    Nothing,
}

/// More than any head with the longest name of the worst characters.
const HEAD_BYTES_MAX: usize = 4096;
const START: &[u8] = b"--\n-- ";
const END: &[u8] = b"\n--\n";
/// With `--tz-utc`, which is the default, the first of the settings that are put back.
const TAIL: &[u8] = b"/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;\n";

type Make = fn(Vec<u8>) -> Option<Section>;

/// What the heads say, MariaDB's and MySQL's, before a name in quotes.
const HEADS: [(&[u8], u8, Make); 8] = [
    (b"Table structure for table ", b'`', |name| Some(Section::Table(name))),
    (b"Dumping data for table ", b'`', |_| None),
    (b"Sequence structure for ", b'`', |name| Some(Section::Sequence(name))),
    (b"Temporary table structure for view ", b'`', |name| Some(Section::Placeholder(name))),
    (b"Temporary view structure for view ", b'`', |name| Some(Section::Placeholder(name))),
    (b"Final view structure for view ", b'`', |_| Some(Section::Views)),
    (b"Dumping events for database ", b'\'', |_| Some(Section::Events)),
    (b"Dumping routines for database ", b'\'', |_| Some(Section::Routines)),
];

/// Reads the beginning of a line between two statements.
pub fn read(text: &[u8]) -> Reading {
    if text.len() > HEAD_BYTES_MAX {
        return Reading::Nothing;
    }
    if let Some(known) = settle(text, TAIL, |_| Reading::Section(Section::Tail)) {
        return known;
    }
    settle(text, START, |rest| {
        let known = HEADS
            .iter()
            .find_map(|(words, quote, make)| settle(rest, words, |rest| read_name(rest, *quote, *make)));
        known.unwrap_or(Reading::Nothing)
    })
    .unwrap_or(Reading::Nothing)
}

/// `None` where `text` is something else than `pattern`; unknown while it may become that.
fn settle(text: &[u8], pattern: &[u8], then: impl FnOnce(&[u8]) -> Reading) -> Option<Reading> {
    match text.strip_prefix(pattern) {
        Some(rest) => Some(then(rest)),
        None => pattern.starts_with(text).then_some(Reading::Unknown),
    }
}

/// A quoted name and the end of the head. A line break within a name is followed by `-- `, so that it stays in the comment.
fn read_name(text: &[u8], quote: u8, make: Make) -> Reading {
    if text.first().is_some_and(|byte| *byte != quote) {
        return Reading::Nothing;
    }
    let (mut name, mut at) = (Vec::new(), 1);
    loop {
        let Some(byte) = text.get(at) else { return Reading::Unknown };
        if *byte == b'\n' {
            match settle(&text[at..], b"\n-- ", |_| Reading::Nothing) {
                None => return Reading::Nothing,
                Some(Reading::Unknown) => return Reading::Unknown,
                Some(_) => at += 3,
            }
        } else if *byte == quote {
            // What follows decides: a quote doubled is one of the name's. A database's name stands as it is, and ends
            // where the head does.
            let rest = &text[at + 1..];
            match settle(rest, END, |_| Reading::Nothing) {
                Some(Reading::Unknown) => return Reading::Unknown,
                Some(_) => return make(name).map_or(Reading::Nothing, Reading::Section),
                None if quote == b'`' && rest.first() != Some(&quote) => return Reading::Nothing,
                None => at += usize::from(quote == b'`'),
            }
        }
        name.push(*byte);
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str) -> Reading {
        Reading::Section(Section::Table(name.as_bytes().to_vec()))
    }

    #[test]
    fn heads_are_known_as_soon_as_they_are_whole_and_not_before() {
        for (head, expected) in [
            ("--\n-- Table structure for table `a`\n--\n", table("a")),
            ("--\n-- Table structure for table `a``b`\n--\n", table("a`b")),
            ("--\n-- Table structure for table ```\n-- ``\n-- --`\n--\n", table("`\n`\n--")),
            (
                "--\n-- Table structure for table `a\n-- \n-- --\n-- -- Table structure for table ``b```\n--\n",
                table("a\n\n--\n-- Table structure for table `b`"),
            ),
            ("--\n-- Dumping data for table `a`\n--\n", Reading::Nothing),
            ("--\n-- Final view structure for view `v`\n--\n", Reading::Section(Section::Views)),
            ("--\n-- Dumping events for database 'it's'\n--\n", Reading::Section(Section::Events)),
            ("--\n-- Dumping routines for database 'a\n-- b'\n--\n", Reading::Section(Section::Routines)),
            ("/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;\n", Reading::Section(Section::Tail)),
        ] {
            for end in 0..head.len() {
                assert_eq!(read(&head.as_bytes()[..end]), Reading::Unknown, "{head} up to {end}");
            }
            assert_eq!(read(head.as_bytes()), expected, "{head}");
        }
    }

    #[test]
    fn anything_else_is_nothing() {
        for text in [
            "\n",
            "C",
            "--\n-- Host",
            "--\n\n",
            "-- Table",
            "/*!40103 SET TIME_ZONE='",
            "--\n-- Table structure for table a",
        ] {
            assert_eq!(read(text.as_bytes()), Reading::Nothing, "{text}");
        }
    }
}
