//! Cuts SQL into the statements that a server takes, one at a time.
//!
//! A client program would do it, but would have to be given the password somewhere, while its standard input carries the dump;
//! it obeys commands of its own that a dump may hold, and says of a failure only a line's number. One statement is in memory at a
//! time: the server takes none larger than its `max_allowed_packet`.

use super::super::lexer::Lexer;

#[derive(Default)]
pub(super) struct Statements {
    lexer: Lexer,
    statement: Vec<u8>,
}

impl Statements {
    /// Takes more SQL; each statement that ended goes to `each`, without its delimiter.
    pub(super) fn push<E>(
        &mut self,
        bytes: &[u8],
        mut each: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut at = 0;
        while at < bytes.len() {
            let skipped = self.lexer.skip(&bytes[at..]);
            self.statement.extend_from_slice(&bytes[at..at + skipped]);
            at += skipped;
            let Some(byte) = bytes.get(at) else { break };
            self.lexer.step(*byte);
            self.statement.push(*byte);
            at += 1;
            if let Some(delimiter) = self.lexer.take_ended() {
                self.statement.truncate(self.statement.len() - delimiter);
                let result = each(self.statement.trim_ascii());
                self.statement.clear();
                result?;
            } else if !self.lexer.has_statement() {
                // A comment, a space between two statements, or a word to a client about delimiters.
                self.statement.clear();
            }
        }
        Ok(())
    }

    /// How many bytes the statement that has not ended yet has.
    pub(super) fn pending_bytes(&self) -> usize {
        self.statement.len()
    }

    /// Whether the SQL may end here, else what is open.
    pub(super) fn finish(&self) -> Result<(), &'static str> {
        if self.lexer.is_balanced() { Ok(()) } else { Err(self.lexer.describe()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_come_whole_however_they_arrive() {
        let text = "-- a; comment\n/*!40101 SET NAMES utf8mb4 */;\nINSERT INTO `t` VALUES ('a;\\'b',1),\n(';;',2);\n\
                    DELIMITER ;;\nCREATE PROCEDURE p() BEGIN\n-- x ;;\n SELECT ';;'; END ;;\nDELIMITER ;\nSELECT 1-- 2\n;\n";
        for step in [1, 2, 5, 1000] {
            let (mut statements, mut found) = (Statements::default(), Vec::new());
            for chunk in text.as_bytes().chunks(step) {
                let push = |statement: &[u8]| {
                    found.push(String::from_utf8(statement.to_vec()).unwrap());
                    Ok::<(), ()>(())
                };
                statements.push(chunk, push).unwrap();
            }
            assert_eq!(statements.finish(), Ok(()));
            assert_eq!(
                found,
                [
                    "/*!40101 SET NAMES utf8mb4 */",
                    "INSERT INTO `t` VALUES ('a;\\'b',1),\n(';;',2)",
                    "CREATE PROCEDURE p() BEGIN\n-- x ;;\n SELECT ';;'; END",
                    "SELECT 1-- 2",
                ]
            );
        }
    }
}
