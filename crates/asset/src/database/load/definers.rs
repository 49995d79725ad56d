//! Whose rights a view, trigger, routine or event runs with, rewritten in its CREATE statement.

use serde::{Deserialize, Serialize};

/// What becomes of definers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Definers {
    /// They stay. The account that loads needs SET USER, or SUPER on older servers.
    #[default]
    Keep,
    /// The account that loads becomes the definer, in words: `DEFINER=CURRENT_USER`.
    CurrentUser,
}

const CLAUSE: &[u8] = b"DEFINER=";

/// The statement, rewritten where it creates something with a definer. Only the clause before anything that could hold a
/// string or a body is looked at: in a CREATE statement of a dump it comes before the name.
pub(super) fn rewrite(statement: &[u8], definers: Definers) -> Option<Vec<u8>> {
    if definers == Definers::Keep || !super::code::creates_code(statement) {
        return None;
    }
    rewrite_clause(statement)
}

/// The same for a statement that is known to create such a thing.
pub(super) fn rewrite_clause(statement: &[u8]) -> Option<Vec<u8>> {
    let start = clause(statement)?;
    let end = account_end(statement, start + CLAUSE.len())?;
    let mut rewritten = statement[..start].to_vec();
    rewritten.extend_from_slice(b"DEFINER=CURRENT_USER");
    rewritten.extend_from_slice(&statement[end..]);
    Some(rewritten)
}

/// Where the clause begins: outside of every quote.
fn clause(statement: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < statement.len() {
        match statement[at] {
            b'\'' | b'"' | b'`' => return None,
            _ if statement[at..].starts_with(CLAUSE) => return Some(at),
            _ => at += 1,
        }
    }
    None
}

/// After `user`@`host`, or after a role or a word.
fn account_end(statement: &[u8], start: usize) -> Option<usize> {
    let mut at = part_end(statement, start)?;
    if statement.get(at) == Some(&b'@') {
        at = part_end(statement, at + 1)?;
    }
    Some(at)
}

fn part_end(statement: &[u8], start: usize) -> Option<usize> {
    let quote = *statement.get(start)?;
    if !matches!(quote, b'`' | b'\'' | b'"') {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        return Some(start + statement[start..].iter().take_while(|byte| is_word(byte)).count());
    }
    let mut at = start + 1;
    loop {
        if *statement.get(at)? == quote {
            if statement.get(at + 1) != Some(&quote) {
                return Some(at + 1);
            }
            at += 1;
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_clause_of_a_create_statement_is_rewritten() {
        for (from, to) in [
            (
                "/*!50003 CREATE*/ /*!50017 DEFINER=`a``b`@`%`*/ /*!50003 TRIGGER t BEFORE INSERT ON x FOR EACH ROW SET @a='DEFINER=`c`@`d`' */",
                Some(
                    "/*!50003 CREATE*/ /*!50017 DEFINER=CURRENT_USER*/ /*!50003 TRIGGER t BEFORE INSERT ON x FOR EACH ROW SET @a='DEFINER=`c`@`d`' */",
                ),
            ),
            (
                "/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`gone`@`localhost` SQL SECURITY DEFINER */\n/*!50001 VIEW `v` AS select 1 */",
                Some(
                    "/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=CURRENT_USER SQL SECURITY DEFINER */\n/*!50001 VIEW `v` AS select 1 */",
                ),
            ),
            (
                "CREATE DEFINER=`r` PROCEDURE `p`() SELECT 1",
                Some("CREATE DEFINER=CURRENT_USER PROCEDURE `p`() SELECT 1"),
            ),
            ("INSERT INTO `t` VALUES (1,'CREATE DEFINER=`a`@`b` VIEW')", None),
            ("CREATE TABLE `t` (`a` int) COMMENT='DEFINER=`a`@`b`'", None),
        ] {
            let rewritten = rewrite(from.as_bytes(), Definers::CurrentUser);
            assert_eq!(rewritten.map(|text| String::from_utf8(text).unwrap()).as_deref(), to, "{from}");
            assert_eq!(rewrite(from.as_bytes(), Definers::Keep), None);
        }
    }
}
