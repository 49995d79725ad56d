//! Where a stream of SQL is between two statements, and how many rows its INSERTs hold.
//!
//! A row may hold `-- Table structure for table`, a stored routine may hold that on a line of its own. Who looked at lines
//! alone would let a client's text cut the dump, and would call a dump whole that breaks off inside a string. So every byte
//! is read as the server would read it: strings, quoted names, comments, delimiters, and the SQL mode that a dump sets for
//! each routine, which decides whether a backslash escapes. Memory is constant, whatever a row holds.

/// How much of a statement's beginning is kept: more than any `SET sql_mode`.
const HEAD_BYTES: usize = 2048;
/// The longest delimiter that a dump sets is `;;`.
const DELIMITER_BYTES_MAX: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Code,
    Quoted(u8),
    /// Right after a backslash within quotes.
    Escaped(u8),
    LineComment,
    BlockComment,
}

/// Reads SQL byte by byte.
#[derive(Debug)]
pub struct Lexer {
    state: State,
    /// Whether anything but spaces and comments came since the last delimiter.
    is_in_statement: bool,
    is_line_start: bool,
    /// The last three bytes in [`State::Code`] or a comment, newest last.
    recent: [u8; 3],
    delimiter: Vec<u8>,
    delimiter_matched: usize,
    head: Vec<u8>,
    is_backslash_plain: bool,
    is_double_quote_a_name: bool,
    insert: Insert,
    rows: u64,
    /// How long the delimiter was that ended a statement just now.
    ended: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Insert {
    No,
    /// Before the word VALUES: parentheses hold names of columns.
    Names,
    /// After it, at this depth of parentheses.
    Values(u32),
}

impl Default for Lexer {
    fn default() -> Lexer {
        Lexer {
            state: State::Code,
            is_in_statement: false,
            is_line_start: true,
            recent: [0; 3],
            delimiter: vec![b';'],
            delimiter_matched: 0,
            head: Vec::new(),
            is_backslash_plain: false,
            is_double_quote_a_name: false,
            insert: Insert::No,
            rows: 0,
            ended: None,
        }
    }
}

impl Lexer {
    /// Whether the next byte begins a line between two statements: the one place where a section may begin.
    pub fn is_at_line_between_statements(&self) -> bool {
        self.is_line_start && self.is_between_statements()
    }

    /// Whether no statement, string or comment is open.
    pub fn is_between_statements(&self) -> bool {
        !self.is_in_statement && self.state == State::Code
    }

    /// Whether the stream may end here: between statements, with the usual delimiter.
    pub fn is_balanced(&self) -> bool {
        self.is_between_statements() && self.delimiter == b";"
    }

    /// What is open, for people.
    pub fn describe(&self) -> &'static str {
        match self.state {
            State::Quoted(b'`') => "inside a quoted name",
            State::Quoted(_) | State::Escaped(_) => "inside a string",
            State::BlockComment => "inside a comment",
            State::Code | State::LineComment if self.is_in_statement => "inside a statement",
            _ if self.delimiter != b";" => "inside a routine, trigger or event",
            _ => "between two statements",
        }
    }

    /// How many rows the INSERTs since the last call held.
    pub fn take_rows(&mut self) -> u64 {
        std::mem::take(&mut self.rows)
    }

    /// Whether a statement began and has not ended.
    pub fn has_statement(&self) -> bool {
        self.is_in_statement
    }

    /// Whether the byte that was taken last ended a statement, and how many bytes its delimiter had.
    pub fn take_ended(&mut self) -> Option<usize> {
        self.ended.take()
    }

    /// How many of the first bytes are of no interest: the inside of a string of a row, up to what could end it.
    pub fn skip(&self, bytes: &[u8]) -> usize {
        let (State::Quoted(quote), Insert::Values(_)) = (self.state, self.insert) else { return 0 };
        bytes
            .iter()
            .position(|byte| *byte == quote || *byte == b'\\' || *byte == b'\n')
            .unwrap_or(bytes.len())
    }

    /// Takes the next byte.
    pub fn step(&mut self, byte: u8) {
        let was_line_start = std::mem::replace(&mut self.is_line_start, byte == b'\n');
        match self.state {
            State::Escaped(quote) => self.state = State::Quoted(quote),
            State::Quoted(quote) => {
                if byte == b'\\' && self.does_backslash_escape(quote) {
                    self.state = State::Escaped(quote);
                } else if byte == quote {
                    self.enter_code();
                }
                self.keep_head(byte);
            }
            State::LineComment => {
                if byte == b'\n' {
                    self.enter_code();
                }
            }
            State::BlockComment => {
                if byte == b'/' && self.recent[2] == b'*' {
                    self.enter_code();
                } else {
                    self.recent = [0, 0, byte];
                }
            }
            State::Code => self.step_code(byte, was_line_start),
        }
    }

    fn step_code(&mut self, byte: u8, was_line_start: bool) {
        if self.head.starts_with(b"DELIMITER ") {
            if byte == b'\n' {
                let delimiter = self.head[b"DELIMITER ".len()..].trim_ascii();
                if !delimiter.is_empty() {
                    self.delimiter = delimiter[..delimiter.len().min(DELIMITER_BYTES_MAX)].to_vec();
                }
                self.end_statement();
            } else {
                self.keep_head(byte);
            }
            return;
        }
        let [first, second, third] = self.recent;
        // `--` is a comment only before a space: 1--1 is 2. What looks like `/*!` or `/*M!` is code for the server.
        if byte.is_ascii_whitespace() && second == b'-' && third == b'-' {
            self.uncount(2);
            self.state = if byte == b'\n' { State::Code } else { State::LineComment };
            self.recent = [0; 3];
            return;
        }
        if byte == b'#' {
            self.state = State::LineComment;
            return;
        }
        if second == b'/' && third == b'*' && byte != b'!' && byte != b'M' {
            self.uncount(2);
            self.state = State::BlockComment;
            self.recent = [0, 0, byte];
            return;
        }
        if first == b'/' && second == b'*' && third == b'M' && byte != b'!' {
            self.uncount(3);
            self.state = State::BlockComment;
            self.recent = [0, 0, byte];
            return;
        }
        self.recent = [second, third, byte];
        if matches!(byte, b'\'' | b'"' | b'`') {
            self.state = State::Quoted(byte);
        }
        if self.step_delimiter(byte) {
            return;
        }
        if !byte.is_ascii_whitespace() || self.is_in_statement {
            if !self.is_in_statement {
                self.is_in_statement = true;
                self.insert = Insert::No;
                // A command of the client's is one only at the start of a line.
                if !was_line_start && byte == b'D' {
                    self.head.push(b' ');
                }
            }
            self.keep_head(byte);
            self.step_insert(byte);
        }
    }

    /// Whether the statement ended.
    fn step_delimiter(&mut self, byte: u8) -> bool {
        let is_next = self.delimiter.get(self.delimiter_matched) == Some(&byte);
        self.delimiter_matched =
            if is_next { self.delimiter_matched + 1 } else { usize::from(self.delimiter[0] == byte) };
        if self.delimiter_matched < self.delimiter.len() {
            return false;
        }
        self.note_sql_mode();
        self.ended = self.is_in_statement.then_some(self.delimiter.len());
        self.end_statement();
        true
    }

    fn step_insert(&mut self, byte: u8) {
        if self.head.len() == b"INSERT ".len() && self.head == b"INSERT " {
            self.insert = Insert::Names;
        }
        self.insert = match (self.insert, byte) {
            // Of what a dump writes outside of quotes before the values, no other word holds this letter.
            (Insert::Names, b'V') => Insert::Values(0),
            (Insert::Values(depth), b'(') => {
                self.rows += u64::from(depth == 0);
                Insert::Values(depth + 1)
            }
            (Insert::Values(depth), b')') => Insert::Values(depth.saturating_sub(1)),
            (insert, _) => insert,
        };
    }

    fn note_sql_mode(&mut self) {
        let head = String::from_utf8_lossy(&self.head);
        let Some(value) = head.strip_prefix("/*!50003 SET sql_mode ") else { return };
        self.is_backslash_plain = value.contains("NO_BACKSLASH_ESCAPES");
        self.is_double_quote_a_name = value.contains("ANSI_QUOTES");
    }

    fn does_backslash_escape(&self, quote: u8) -> bool {
        !self.is_backslash_plain && quote != b'`' && !(quote == b'"' && self.is_double_quote_a_name)
    }

    fn end_statement(&mut self) {
        self.is_in_statement = false;
        self.delimiter_matched = 0;
        self.head.clear();
        self.recent = [0; 3];
        self.insert = Insert::No;
    }

    fn enter_code(&mut self) {
        self.state = State::Code;
        self.recent = [0; 3];
        self.delimiter_matched = 0;
    }

    fn keep_head(&mut self, byte: u8) {
        if self.head.len() < HEAD_BYTES {
            self.head.push(byte);
        }
    }

    /// The bytes that began a comment were no part of a statement after all.
    fn uncount(&mut self, bytes: usize) {
        if self.is_in_statement && self.head.len() == bytes {
            self.end_statement();
        } else if self.head.len() < HEAD_BYTES {
            self.head.truncate(self.head.len().saturating_sub(bytes));
        }
    }
}

#[cfg(test)]
mod tests;
