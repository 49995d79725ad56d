SET sql_mode = '';
CREATE DATABASE shop CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
USE shop;
CREATE TABLE customers (
  id INT PRIMARY KEY AUTO_INCREMENT,
  name VARCHAR(200) COMMENT 'it''s a \\ "name"',
  photo BLOB,
  since DATETIME DEFAULT '0000-00-00 00:00:00',
  born DATE DEFAULT '0000-00-00',
  balance DECIMAL(10,2),
  length INT GENERATED ALWAYS AS (CHAR_LENGTH(name)) VIRTUAL,
  doubled DECIMAL(11,2) AS (balance * 2) PERSISTENT,
  KEY (name(50))
);
INSERT INTO customers (name, photo, since, born, balance) VALUES
  ('Zoë 🦀', x'00FF27225C0A0D1A', '2020-02-30 00:00:00', '0000-00-00', 1.50),
  ('-- Table structure for table `x`', NULL, NULL, NULL, NULL),
  ('a\n--\n-- Table structure for table `fake`\n--\n\n''"`;', '', '0000-00-00 00:00:00', '1970-01-01', -1),
  ('/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;\n\n-- Dump completed\n', x'5c', NOW(), NULL, 0),
  ('back\\slash \\'' quote), (not, a, row', REPEAT(x'0a2d2d', 1000), NULL, NULL, 0);
CREATE TABLE orders (
  id INT PRIMARY KEY, customer INT, note TEXT,
  FOREIGN KEY (customer) REFERENCES customers (id)
);
INSERT INTO orders SELECT seq, 1 + seq % 5, CONCAT('order ', seq, ' ;') FROM seq_1_to_3000;
CREATE TABLE nothing (id INT PRIMARY KEY);
CREATE TABLE log_myisam (id INT PRIMARY KEY AUTO_INCREMENT, line TEXT) ENGINE = MyISAM;
INSERT INTO log_myisam (line) SELECT CONCAT('line ', seq) FROM seq_1_to_500;
CREATE TABLE log_aria (id INT PRIMARY KEY, line TEXT) ENGINE = Aria TRANSACTIONAL = 0;
INSERT INTO log_aria SELECT seq, 'aria' FROM seq_1_to_50;
CREATE TABLE session_memory (id INT PRIMARY KEY, line VARCHAR(20)) ENGINE = MEMORY;
INSERT INTO session_memory VALUES (1, 'kept'), (2, 'too');
CREATE TABLE `we``ird .. /
--
-- Table structure for table ``fake``
--

 ü` (`co``l` INT PRIMARY KEY, `VALUES (` VARCHAR(10));
INSERT INTO `we``ird .. /
--
-- Table structure for table ``fake``
--

 ü` VALUES (1, 'x'), (2, 'y');
CREATE SEQUENCE numbers START WITH 5;
CREATE VIEW zeroth AS SELECT id, line FROM log_myisam;
CREATE VIEW first_view AS SELECT c.id, c.name, ';' AS `semi;colon` FROM customers c;
CREATE VIEW a_view AS SELECT * FROM first_view WHERE name <> '-- ''';
CREATE USER IF NOT EXISTS gone@localhost;
CREATE DEFINER = gone@localhost SQL SECURITY DEFINER VIEW orphan AS SELECT 1 AS one;
DELIMITER //
CREATE TRIGGER stamped BEFORE INSERT ON customers FOR EACH ROW
BEGIN
  -- it's a comment
  # another "one
  SET NEW.since = IF(NEW.since IS NULL, ';;', NEW.since); /* ' */
END//
CREATE PROCEDURE hostile()
BEGIN
  /*
--
-- Table structure for table `fake`
--

*/
  SELECT ';; DELIMITER ;', "-- Dump completed
";
END//
CREATE FUNCTION twice(n INT) RETURNS INT DETERMINISTIC RETURN n * 2//
SET sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'//
CREATE FUNCTION plain_backslash() RETURNS VARCHAR(20) DETERMINISTIC
BEGIN
  DECLARE "odd\" INT;
  RETURN 'ends in \';
END//
SET sql_mode = ''//
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DO
BEGIN
  DELETE FROM orders WHERE note = 'it''s; \\ ';
END//
DELIMITER ;
DROP USER gone@localhost;
