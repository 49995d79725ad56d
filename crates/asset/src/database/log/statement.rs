//! What a statement in the log would do, and to whom.
//!
//! The log of a server has statements about accounts, about other databases and about nothing; and there are those without which a
//! database is not the same. Whoever cannot tell them apart leaves some out or runs too many. Names are found as the
//! server finds them, outside of strings and comments.

/// What a statement means for one database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Nothing: it is about others, or changes no data.
    Nothing,
    /// A part of a transaction's frame.
    Frame(Frame),
    /// It changes the database.
    Change(Change),
    /// It changes the database in a way that cannot be repeated.
    Unrepeatable(&'static str),
}

/// Frames of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    Begin,
    Commit,
    Rollback,
    /// A savepoint, or back to one.
    Savepoint,
}

/// A change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where in the text the database's name stands before a point, or as the database that is meant.
    pub names: Vec<(usize, usize)>,
    /// What is changed.
    pub object: Object,
    /// Whether the name and the point are left out, and the database is chosen instead: what is made keeps its text, and would go on
    /// naming the database in which it was made.
    pub is_unnamed: bool,
}

/// What a statement changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// Tables, indexes and sequences.
    Table,
    /// Views, triggers and routines.
    Code,
    /// Events, which run by themselves.
    Event,
    /// The database as a whole is created.
    CreateDatabase,
    /// The database as a whole is dropped.
    DropDatabase,
    /// The database's own settings.
    AlterDatabase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TokenKind {
    Word,
    Name,
    Text,
    Sign(u8),
}

#[derive(Clone, Copy, Debug)]
struct Token {
    kind: TokenKind,
    start: usize,
    end: usize,
}

/// The bits of `sql_mode` that decide how quotes are read.
const ANSI_QUOTES: u64 = 4;
const NO_BACKSLASH_ESCAPES: u64 = 1 << 20;

/// A statement, cut into tokens.
struct Tokens<'a> {
    text: &'a [u8],
    tokens: Vec<Token>,
}

/// What a statement means for a database, which `chosen` says was or was not the one that was chosen. `reserved` are names of
/// databases that a restore uses.
pub fn meaning(text: &[u8], sql_mode: u64, database: &str, chosen: &[u8], reserved: &[String]) -> Meaning {
    let Some(tokens) = Tokens::cut(text, sql_mode) else {
        return Meaning::Unrepeatable("a statement ends within a string");
    };
    let is_chosen = chosen == database.as_bytes();
    tokens.meaning(0, database, is_chosen, reserved)
}

impl<'a> Tokens<'a> {
    fn cut(text: &'a [u8], sql_mode: u64) -> Option<Tokens<'a>> {
        let mut tokens = Vec::new();
        let mut at = 0;
        // Within a comment that is read as SQL.
        let mut is_in_versioned = false;
        while let Some(byte) = text.get(at) {
            let start = at;
            let rest = &text[at..];
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => at += 1,
                b'#' => at += line(rest),
                b'-' if rest.starts_with(b"--") && rest.get(2).is_none_or(|byte| *byte <= b' ') => {
                    at += line(rest);
                }
                b'/' if rest.starts_with(b"/*!") || rest.starts_with(b"/*M!") => {
                    at += rest.iter().position(|byte| *byte == b'!')? + 1;
                    at += text[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                    is_in_versioned = true;
                }
                b'/' if rest.starts_with(b"/*") => at += 2 + find(&rest[2..], b"*/")? + 2,
                b'*' if is_in_versioned && rest.starts_with(b"*/") => {
                    is_in_versioned = false;
                    at += 2;
                }
                b'\'' | b'"' | b'`' => {
                    let is_name = *byte == b'`' || (*byte == b'"' && sql_mode & ANSI_QUOTES != 0);
                    let has_escapes = !is_name && sql_mode & NO_BACKSLASH_ESCAPES == 0;
                    at += quoted(rest, has_escapes)?;
                    let kind = if is_name { TokenKind::Name } else { TokenKind::Text };
                    tokens.push(Token { kind, start, end: at });
                }
                byte if is_word(*byte) => {
                    at += rest.iter().take_while(|byte| is_word(**byte)).count();
                    tokens.push(Token { kind: TokenKind::Word, start, end: at });
                }
                byte => {
                    at += 1;
                    tokens.push(Token { kind: TokenKind::Sign(*byte), start, end: at });
                }
            }
        }
        Some(Tokens { text, tokens })
    }

    fn word(&self, at: usize) -> String {
        match self.tokens.get(at) {
            Some(token) if token.kind == TokenKind::Word => {
                String::from_utf8_lossy(&self.text[token.start..token.end]).to_ascii_uppercase()
            }
            _ => String::new(),
        }
    }

    /// Whether a token is this name, quoted or not.
    fn is_name(&self, at: usize, name: &str) -> bool {
        let Some(token) = self.tokens.get(at) else { return false };
        let text = &self.text[token.start..token.end];
        match token.kind {
            TokenKind::Word => text == name.as_bytes(),
            TokenKind::Name => {
                let quote = text[0];
                let doubled = String::from_utf8_lossy(&[quote, quote]).into_owned();
                let single = String::from_utf8_lossy(&[quote]).into_owned();
                let inner = String::from_utf8_lossy(&text[1..text.len() - 1]).replace(&doubled, &single);
                inner == name
            }
            _ => false,
        }
    }

    fn is_sign(&self, at: usize, sign: u8) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == TokenKind::Sign(sign))
    }

    /// Where the name of a database stands before a point.
    fn names(&self, database: &str) -> Vec<(usize, usize)> {
        (0..self.tokens.len())
            .filter(|at| self.is_name(*at, database) && self.is_sign(at + 1, b'.'))
            // After a point it is a table, and after `@` a machine.
            .filter(|at| *at == 0 || !(self.is_sign(at - 1, b'.') || self.is_sign(at - 1, b'@')))
            .map(|at| (self.tokens[at].start, self.tokens[at].end))
            .collect()
    }

    fn meaning(&self, from: usize, database: &str, is_chosen: bool, reserved: &[String]) -> Meaning {
        let names = self.names(database);
        let concerns = is_chosen || !names.is_empty();
        let of = |object: Object| match concerns {
            true => Meaning::Change(Change { names: names.clone(), object, is_unnamed: false }),
            false => Meaning::Nothing,
        };
        match self.word(from).as_str() {
            "BEGIN" | "START" => Meaning::Frame(Frame::Begin),
            "COMMIT" => Meaning::Frame(Frame::Commit),
            "ROLLBACK" if self.tokens.len() == from + 1 => Meaning::Frame(Frame::Rollback),
            "ROLLBACK" | "SAVEPOINT" | "RELEASE" => Meaning::Frame(Frame::Savepoint),
            "XA" => Meaning::Unrepeatable("a transaction in two phases (XA)"),
            "SET" if self.word(from + 1) == "STATEMENT" => match self.after_for(from + 2) {
                Some(at) => self.meaning(at, database, is_chosen, reserved),
                None => Meaning::Unrepeatable("a SET STATEMENT without its statement"),
            },
            "TRUNCATE" => of(Object::Table),
            "RENAME" if self.word(from + 1) == "USER" => Meaning::Nothing,
            "RENAME"
                if (from..self.tokens.len()).any(|at| reserved.iter().any(|name| self.is_name(at, name))) =>
            {
                Meaning::Unrepeatable("a restore of this database: tables came from elsewhere")
            }
            "RENAME" => of(Object::Table),
            first @ ("CREATE" | "ALTER" | "DROP") => match self.object(from + 1) {
                Some((Object::Table, _)) => of(Object::Table),
                Some((object @ (Object::Code | Object::Event), at)) => {
                    self.of_code(object, at, database, is_chosen)
                }
                Some((_, at)) => self.of_database(first, at, database, is_chosen),
                None => Meaning::Nothing,
            },
            "DELETE" if self.is_delete_of_all(from) => of(Object::Table),
            "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "LOAD" | "CALL" | "SELECT" | "WITH" | "DO"
                if concerns =>
            {
                Meaning::Unrepeatable(
                    "a statement in place of the rows that it changed (binlog_format was not ROW)",
                )
            }
            "INSERT" | "UPDATE" | "DELETE" | "REPLACE" | "LOAD" | "CALL" | "SELECT" | "WITH" | "DO"
            | "GRANT" | "REVOKE" | "SET" | "FLUSH" | "ANALYZE" | "OPTIMIZE" | "REPAIR" | "CHECK"
            | "INSTALL" | "UNINSTALL" | "RESET" | "PURGE" | "CHANGE" | "KILL" => Meaning::Nothing,
            _ if concerns => Meaning::Unrepeatable("a statement that holdfast does not know"),
            _ => Meaning::Nothing,
        }
    }

    /// After the `FOR` of `SET STATEMENT a = b FOR ...`.
    fn after_for(&self, from: usize) -> Option<usize> {
        let mut depth = 0u32;
        for at in from..self.tokens.len() {
            match self.tokens[at].kind {
                TokenKind::Sign(b'(') => depth += 1,
                TokenKind::Sign(b')') => depth = depth.saturating_sub(1),
                TokenKind::Word if depth == 0 && self.word(at) == "FOR" => return Some(at + 1),
                _ => {}
            }
        }
        None
    }

    /// What is created, altered or dropped, and the token after the word that says so; `None`: nothing of a database.
    fn object(&self, from: usize) -> Option<(Object, usize)> {
        let mut at = from;
        loop {
            let found = match self.word(at).as_str() {
                "TABLE" | "TABLES" | "INDEX" | "SEQUENCE" => Object::Table,
                "TEMPORARY" | "USER" | "ROLE" | "SERVER" | "PREPARE" | "LOGFILE" | "TABLESPACE" => {
                    return None;
                }
                "FUNCTION" if (at..self.tokens.len()).any(|at| self.word(at) == "SONAME") => return None,
                "VIEW" | "TRIGGER" | "PROCEDURE" | "FUNCTION" | "PACKAGE" => Object::Code,
                "EVENT" => Object::Event,
                "DATABASE" | "SCHEMA" => Object::AlterDatabase,
                // And not `SQL SECURITY DEFINER`.
                "DEFINER" if self.is_sign(at + 1, b'=') => {
                    at = self.after_definer(at + 2);
                    continue;
                }
                _ if at >= self.tokens.len() => return None,
                _ => {
                    at += 1;
                    continue;
                }
            };
            return Some((found, at + 1));
        }
    }

    /// After `user@host`, whose parts may be any words.
    fn after_definer(&self, user: usize) -> usize {
        if self.is_sign(user + 1, b'@') { user + 3 } else { user + 1 }
    }

    /// A body is text until it runs: what it names is not looked for, and stays as it is.
    fn of_code(&self, object: Object, after: usize, database: &str, is_chosen: bool) -> Meaning {
        let is_body = |at: usize| match self.word(after - 1).as_str() {
            "TRIGGER" => self.word(at) == "EACH",
            "EVENT" => self.word(at) == "DO",
            "PACKAGE" => matches!(self.word(at).as_str(), "AS" | "IS"),
            "PROCEDURE" | "FUNCTION" => self.is_sign(at, b'('),
            _ => false,
        };
        let body =
            (after..self.tokens.len()).find(|at| is_body(*at)).map_or(usize::MAX, |at| self.tokens[at].start);
        let mut names = self.names(database);
        names.retain(|(start, _)| *start < body);
        let is_unnamed = self.word(after - 1) != "VIEW";
        if is_unnamed {
            for (_, end) in &mut names {
                let point = self.tokens.iter().find(|token| token.start >= *end);
                *end = point.map_or(*end, |point| point.end);
            }
        }
        if is_chosen || !names.is_empty() {
            return Meaning::Change(Change { names, object, is_unnamed });
        }
        Meaning::Nothing
    }

    fn of_database(&self, first: &str, mut at: usize, database: &str, is_chosen: bool) -> Meaning {
        while matches!(self.word(at).as_str(), "IF" | "NOT" | "EXISTS") {
            at += 1;
        }
        let object = match first {
            "CREATE" => Object::CreateDatabase,
            "DROP" => Object::DropDatabase,
            _ => Object::AlterDatabase,
        };
        if self.is_name(at, database) {
            let token = self.tokens[at];
            return Meaning::Change(Change {
                names: vec![(token.start, token.end)],
                object,
                is_unnamed: false,
            });
        }
        // Without a name the chosen one is meant.
        let words = ["CHARACTER", "DEFAULT", "COLLATE", "COMMENT", "CHARSET"];
        if first == "ALTER" && is_chosen && words.contains(&self.word(at).as_str()) {
            return Meaning::Change(Change { names: Vec::new(), object, is_unnamed: false });
        }
        Meaning::Nothing
    }

    /// Whether it is `DELETE FROM name`: what a server writes where a table in memory lost its rows in a restart.
    fn is_delete_of_all(&self, from: usize) -> bool {
        self.word(from + 1) == "FROM"
            && match self.tokens.len() - from {
                3 => true,
                5 => self.is_sign(from + 3, b'.'),
                _ => false,
            }
    }
}

/// The statement for another database.
pub fn rewritten(text: &[u8], change: &Change, database: &str) -> Vec<u8> {
    let quoted = if change.is_unnamed { String::new() } else { format!("`{}`", database.replace('`', "``")) };
    let mut rewritten = Vec::with_capacity(text.len());
    let mut at = 0;
    for (start, end) in &change.names {
        rewritten.extend_from_slice(&text[at..*start]);
        rewritten.extend_from_slice(quoted.as_bytes());
        at = *end;
    }
    rewritten.extend_from_slice(&text[at..]);
    rewritten
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

fn line(text: &[u8]) -> usize {
    text.iter().position(|byte| *byte == b'\n').map_or(text.len(), |at| at + 1)
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|part| part == what)
}

/// How long a quoted text is, with its quotes.
fn quoted(text: &[u8], has_escapes: bool) -> Option<usize> {
    let quote = text[0];
    let mut at = 1;
    loop {
        match *text.get(at)? {
            b'\\' if has_escapes => at += 2,
            byte if byte == quote && text.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests;
