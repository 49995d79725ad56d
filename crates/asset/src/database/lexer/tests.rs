use super::*;

fn read(text: &str) -> Lexer {
    let mut lexer = Lexer::default();
    text.bytes().for_each(|byte| lexer.step(byte));
    lexer
}

#[test]
fn what_is_open_is_known() {
    for (text, is_balanced, described) in [
        ("SELECT 1;\n-- a ' quote\n# another '\n/* and ' this */\n", true, "between two statements"),
        ("SELECT 1", false, "inside a statement"),
        ("SELECT 'a;", false, "inside a string"),
        ("SELECT 'a\\';", false, "inside a string"),
        ("SELECT 'a''b';", true, "between two statements"),
        ("SELECT `a\\`;", true, "between two statements"),
        ("SELECT `a``;", false, "inside a quoted name"),
        ("SELECT 1--1;", true, "between two statements"),
        ("/* a ;", false, "inside a comment"),
        ("/*!50003 SELECT ';' */;\n", true, "between two statements"),
        ("/*M!100100 SELECT ';' */;\n", true, "between two statements"),
        ("DELIMITER ;;\nBEGIN a; b; END ;;\n", false, "inside a routine, trigger or event"),
        (
            "DELIMITER ;;\nBEGIN a; /* ;; */ -- ;;\n';;'; END ;;\nDELIMITER ;\n",
            true,
            "between two statements",
        ),
        ("--\n-- x\n--\n\n", true, "between two statements"),
    ] {
        let lexer = read(text);
        assert_eq!((lexer.is_balanced(), lexer.describe()), (is_balanced, described), "{text}");
    }
}

#[test]
fn the_sql_mode_of_a_routine_decides_what_a_backslash_is() {
    let set = "/*!50003 SET sql_mode              = 'NO_BACKSLASH_ESCAPES' */ ;\n";
    assert!(read(&format!("{set}SELECT 'a\\';\n")).is_balanced());
    let back = "/*!50003 SET sql_mode              = @saved_sql_mode */ ;\n";
    assert!(!read(&format!("{set}{back}SELECT 'a\\';\n")).is_balanced());
    let ansi = "/*!50003 SET sql_mode              = 'ANSI_QUOTES' */ ;\n";
    assert!(read(&format!("{ansi}SELECT \"a\\\";\n")).is_balanced());
}

#[test]
fn rows_are_counted_and_nothing_else_is() {
    for (text, rows) in [
        ("INSERT INTO `t` VALUES\n(1,'a),(b'),\n(2,_binary '(');\n", 2),
        ("INSERT INTO `t` (`V`, `b`) VALUES (1,2),(3,4),(5,6);\n", 3),
        ("INSERT INTO `VALUES (` VALUES (1);\n", 1),
        ("CREATE TABLE `t` (`a` int DEFAULT (1+(2)));\n", 0),
        ("DELIMITER ;;\nCREATE PROCEDURE p() BEGIN INSERT INTO t VALUES (1),(2); END ;;\nDELIMITER ;\n", 0),
    ] {
        assert_eq!(read(text).take_rows(), rows, "{text}");
    }
}

#[test]
fn skipping_the_inside_of_a_string_changes_nothing() {
    let text = "INSERT INTO `t` VALUES ('abc\\'def''ghi','\n');\nSELECT 'NO';\n".as_bytes();
    let mut lexer = Lexer::default();
    let (mut at, mut skipped) = (0, 0);
    while at < text.len() {
        let count = lexer.skip(&text[at..]);
        skipped += count;
        at += count;
        if let Some(byte) = text.get(at) {
            lexer.step(*byte);
            at += 1;
        }
    }
    assert!(lexer.is_balanced() && skipped > 5);
    assert_eq!(lexer.take_rows(), 1);
}
