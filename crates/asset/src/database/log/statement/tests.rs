use super::*;

fn of(text: &str, chosen: &str) -> Meaning {
    meaning(text.as_bytes(), 0, "shop", chosen.as_bytes(), &["holdfast_side_1".to_owned()])
}

fn rewritten_as(text: &str, chosen: &str) -> String {
    match of(text, chosen) {
        Meaning::Change(change) => String::from_utf8(rewritten(text.as_bytes(), &change, "side")).unwrap(),
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn what_is_about_the_database_is_found_and_what_is_not_is_left() {
    for (text, chosen) in [
        ("GRANT ALL ON shop.* TO x", "shop"),
        ("CREATE USER shop", "shop"),
        ("ALTER TABLE t ADD a INT", "crm"),
        ("CREATE TABLE crm.t (a INT DEFAULT 1 COMMENT 'shop.t')", "crm"),
        ("DROP DATABASE crm", "shop"),
        ("CREATE OR REPLACE DEFINER=`view`@`shop` VIEW v AS SELECT 1", "crm"),
        ("INSERT INTO crm.t VALUES (1)", "crm"),
        ("DROP /*!40005 TEMPORARY */ TABLE IF EXISTS `t`", "shop"),
        ("FLUSH PRIVILEGES", "shop"),
        ("DROP DATABASE `shop2`", ""),
    ] {
        assert_eq!(of(text, chosen), Meaning::Nothing, "{text}");
    }
    for (text, chosen, object) in [
        ("alter table t add a int", "shop", Object::Table),
        ("ALTER TABLE `shop`.t ADD a INT", "crm", Object::Table),
        (
            "CREATE DEFINER=`event`@`%` TRIGGER t BEFORE INSERT ON x FOR EACH ROW SET @a = 1",
            "shop",
            Object::Code,
        ),
        (
            "CREATE ALGORITHM=UNDEFINED DEFINER=`root`@`localhost` SQL SECURITY DEFINER VIEW `v` AS SELECT 1",
            "shop",
            Object::Code,
        ),
        ("CREATE DEFINER=r EVENT e ON SCHEDULE EVERY 1 DAY DO DROP TABLE x", "shop", Object::Event),
        (
            "/*!50003 CREATE*/ /*!50020 DEFINER=`a`@`b`*/ /*!50003 FUNCTION f() RETURNS INT RETURN 1*/",
            "shop",
            Object::Code,
        ),
        ("CREATE DATABASE IF NOT EXISTS `shop`", "", Object::CreateDatabase),
        ("DROP SCHEMA shop", "crm", Object::DropDatabase),
        ("ALTER DATABASE CHARACTER SET utf8mb4", "shop", Object::AlterDatabase),
        ("DELETE FROM `shop`.`memory`", "", Object::Table),
        ("SET STATEMENT lock_wait_timeout = (1) FOR ALTER TABLE t ADD a INT", "shop", Object::Table),
        ("RENAME TABLE a TO b", "shop", Object::Table),
        ("CREATE UNIQUE INDEX i ON t (a)", "shop", Object::Table),
    ] {
        match of(text, chosen) {
            Meaning::Change(change) => assert_eq!(change.object, object, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    for text in [
        "INSERT INTO t VALUES (UUID())",
        "DELETE FROM t WHERE a = 1",
        "XA COMMIT 'x'",
        "FROBNICATE TABLE t",
        "RENAME TABLE shop.a TO x.a, holdfast_side_1.a TO shop.a",
        "ALTER TABLE t COMMENT 'open",
    ] {
        assert!(matches!(of(text, "shop"), Meaning::Unrepeatable(_)), "{text}");
    }
}

#[test]
fn only_the_database_is_renamed() {
    for (text, to) in [
        ("ALTER TABLE `shop`.`shop` ADD `shop` INT", "ALTER TABLE `side`.`shop` ADD `shop` INT"),
        (
            "CREATE VIEW v AS SELECT 'shop.a', shop . t.a, x.shop.b FROM shop.t -- shop.t\n",
            "CREATE VIEW v AS SELECT 'shop.a', `side` . t.a, x.shop.b FROM `side`.t -- shop.t\n",
        ),
        ("CREATE DATABASE shop COLLATE utf8mb4_bin", "CREATE DATABASE `side` COLLATE utf8mb4_bin"),
        (
            "CREATE DEFINER=`a`@`b` TRIGGER shop . x AFTER INSERT ON `shop`.t FOR EACH ROW UPDATE shop.u SET a = 1",
            "CREATE DEFINER=`a`@`b` TRIGGER  x AFTER INSERT ON t FOR EACH ROW UPDATE shop.u SET a = 1",
        ),
        (
            "CREATE DEFINER=`a`@`b` PROCEDURE `shop`.`p`(a INT) DELETE FROM shop.t",
            "CREATE DEFINER=`a`@`b` PROCEDURE `p`(a INT) DELETE FROM shop.t",
        ),
        (
            "CREATE DEFINER=`a`@`shop` VIEW v AS SELECT 'it''s \\' shop.t' FROM `shop`.`x`",
            "CREATE DEFINER=`a`@`shop` VIEW v AS SELECT 'it''s \\' shop.t' FROM `side`.`x`",
        ),
    ] {
        assert_eq!(rewritten_as(text, "shop"), to);
    }
    let ansi = b"ALTER TABLE \"shop\".t COMMENT '\\'";
    let Meaning::Change(change) = meaning(ansi, ANSI_QUOTES | NO_BACKSLASH_ESCAPES, "shop", b"", &[]) else {
        panic!("it is a change")
    };
    assert_eq!(rewritten(ansi, &change, "a`b"), b"ALTER TABLE `a``b`.t COMMENT '\\'");
}
