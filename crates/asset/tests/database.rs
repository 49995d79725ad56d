//! A real MariaDB server's databases, dumped as a stream, joined and restored.

mod dumping;

use dumping::{
    access, checksums, create_shop, dump, join, manifest, name, names, plain_dump, read_all, restore, server,
    source, stream,
};
use holdfast_format::source::Source;

const WEIRD: &str = "table.we%60ird%20%2E%2E%20%2F%0A--%0A--%20Table%20structure%20for%20table%20%60fake%60%0A--%0A%0A%20ü.sql";

#[test]
fn a_dump_joined_is_the_plain_dump_byte_for_byte() {
    let server = server(&[]);
    server.sql(
        "CREATE DATABASE plain; USE plain; CREATE TABLE a (id INT PRIMARY KEY, t TEXT, b BLOB); \
         INSERT INTO a SELECT seq, REPEAT('x;', seq % 100), UNHEX('00FF27') FROM seq_1_to_20000; CREATE TABLE z (id INT);",
    );
    let source = source(access(&server, "plain"));
    assert_eq!(source.path(), [b"databases".to_vec(), b"plain".to_vec()]);
    assert_eq!(source.ancestors().unwrap().len(), 1);
    assert_eq!(source.instant(), None);
    let files = read_all(&mut *stream(&source)).unwrap();
    assert_eq!(
        names(&files),
        [
            "head.sql",
            "table.a.sql",
            "table.z.sql",
            "events.sql",
            "routines.sql",
            "tail.sql",
            "grants.sql",
            "manifest.json"
        ]
    );
    let (joined, plain) = (join(&files), plain_dump(&server, "plain"));
    assert!(joined == plain, "{} and {} bytes differ", joined.len(), plain.len());
    let instant = source.instant().unwrap();
    assert!(files.iter().all(|dumped| dumped.file.permissions == 0o600 && dumped.file.time == instant));
}

#[test]
fn everything_in_a_hostile_shop_comes_back() {
    let server = server(&["--event-scheduler=OFF"]);
    create_shop(&server);
    let files = dump(&server, "shop").unwrap();
    let names = names(&files);
    assert!(names.iter().any(|name| name == WEIRD), "{names:?}");
    assert!(!names.iter().any(|name| name == "table.fake.sql"), "{names:?}");
    assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len());
    restore(&server, &files, "again");
    assert_eq!(checksums(&server, "again"), checksums(&server, "shop"));
    // Structure, triggers, routines, events and views too: what both dump to is the same but for the name.
    let text = |database: &str| {
        let text = String::from_utf8(plain_dump(&server, database)).unwrap();
        text.replace(&format!("Database: {database}"), "").replace(&format!("database '{database}'"), "")
    };
    assert_eq!(text("again"), text("shop").replace("`shop`.", "`again`."));
}

#[test]
fn the_manifest_knows_each_table_and_how_its_rows_belong_together() {
    let server = server(&["--log-bin"]);
    create_shop(&server);
    let files = dump(&server, "shop").unwrap();
    let manifest = manifest(&files);
    assert_eq!(manifest["format"], 1);
    assert_eq!(manifest["counts"]["from"], "snapshot", "{manifest:#}");
    assert!(manifest["binary_log"]["position"].as_u64().unwrap() > 0);
    assert!(manifest["binary_log"]["gtid"].as_str().unwrap().starts_with("0-1-"));
    let tables = manifest["tables"].as_array().unwrap();
    assert_eq!(tables.len(), 7);
    for (table_name, engine, state, rows) in [
        ("customers", "InnoDB", "snapshot", 5),
        ("orders", "InnoDB", "snapshot", 3000),
        ("nothing", "InnoDB", "snapshot", 0),
        ("log_myisam", "MyISAM", "locked", 500),
        ("log_aria", "Aria", "locked", 50),
        ("session_memory", "MEMORY", "locked", 2),
    ] {
        let table = tables.iter().find(|table| table["name"] == table_name).unwrap();
        assert_eq!(table["engine"], engine);
        assert_eq!(table["state"], state, "{table}");
        assert_eq!((&table["rows"], &table["rows_counted"]), (&rows.into(), &rows.into()), "{table}");
        let checksum: u64 = server
            .sql(&format!("CHECKSUM TABLE shop.{table_name}"))
            .trim()
            .rsplit('\t')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        assert_eq!(table["checksum"], checksum, "{table}");
        let file = files.iter().find(|dumped| name(dumped) == table["file"]).unwrap();
        assert!(String::from_utf8_lossy(&file.bytes).contains(&format!("CREATE TABLE `{table_name}`")));
    }
    let instant = |name: &str| tables.iter().find(|table| table["name"] == name).unwrap()["instant"].clone();
    assert_eq!(instant("orders"), manifest["instant"]);
    assert!(instant("log_myisam").as_str() < instant("orders").as_str());
    assert!(manifest["definers"].as_array().unwrap().iter().any(|definer| definer == "gone@localhost"));
}

#[test]
fn two_dumps_of_an_idle_database_are_the_same_bytes() {
    let server = server(&["--log-bin"]);
    create_shop(&server);
    let first = dump(&server, "shop").unwrap();
    // Others write; the log's position moves, this database does not.
    server.sql("CREATE DATABASE other; CREATE TABLE other.t (id INT); INSERT INTO other.t VALUES (1)");
    let second = dump(&server, "shop").unwrap();
    assert!(join(&first) == join(&second));
    assert_ne!(manifest(&first)["binary_log"], manifest(&second)["binary_log"]);
}

#[test]
fn an_empty_database_and_one_of_three_hundred_tables_are_whole() {
    let server = server(&[]);
    let mut statements = String::from("CREATE DATABASE empty; CREATE DATABASE many; USE many;");
    for table in 0..300 {
        statements += &format!("CREATE TABLE t{table} (id INT); INSERT INTO t{table} VALUES ({table}),(2);");
    }
    server.sql(&statements);
    let files = dump(&server, "empty").unwrap();
    assert_eq!(join(&files), plain_dump(&server, "empty"));
    assert_eq!(manifest(&files)["tables"].as_array().unwrap().len(), 0);
    let files = dump(&server, "many").unwrap();
    assert_eq!(join(&files), plain_dump(&server, "many"));
    let manifest = manifest(&files);
    let tables = manifest["tables"].as_array().unwrap();
    assert_eq!(tables.len(), 300);
    assert!(tables.iter().all(|table| table["rows_counted"] == 2 && table["rows"] == 2));
}

#[test]
fn a_reader_that_skips_files_gets_a_manifest_of_the_whole_all_the_same() {
    let server = server(&[]);
    create_shop(&server);
    let expected = dump(&server, "shop").unwrap();
    let mut stream = stream(&source(access(&server, "shop")));
    let (mut last, mut part) = (Vec::new(), [0; 100]);
    while stream.next().unwrap().is_some() {
        let count = stream.read(&mut part).unwrap();
        last = part[..count].to_vec();
        if last.starts_with(b"{\n  \"format\"") {
            while let count @ 1.. = stream.read(&mut part).unwrap() {
                last.extend_from_slice(&part[..count]);
            }
        }
    }
    let manifest: serde_json::Value = serde_json::from_slice(&last).unwrap();
    assert_eq!(manifest["files"], dumping::manifest(&expected)["files"]);
}

#[test]
fn accounts_and_their_rights_come_back_with_their_passwords() {
    let server = server(&[]);
    server.sql(
        "CREATE DATABASE `c1_wp`; CREATE TABLE c1_wp.t (id INT); CREATE USER wp@'%' IDENTIFIED BY 'site''s'; \
         GRANT SELECT, INSERT ON `c1\\_wp`.* TO wp@'%'; CREATE USER odd@localhost; GRANT SELECT (id) ON c1_wp.t TO odd@localhost; \
         CREATE DATABASE other; GRANT ALL ON other.* TO wp@'%';",
    );
    let shown =
        || server.sql("SHOW CREATE USER wp@'%'; SHOW GRANTS FOR wp@'%'; SHOW GRANTS FOR odd@localhost");
    let files = dump(&server, "c1_wp").unwrap();
    let grants = &files.iter().find(|dumped| name(dumped) == "grants.sql").unwrap().bytes;
    let text = String::from_utf8(grants.clone()).unwrap();
    assert!(!text.contains("`other`") && !text.contains("holdfast-reader"), "{text}");
    server.sql("REVOKE ALL ON other.* FROM wp@'%'");
    let before = shown();
    server.sql("DROP USER wp@'%'; DROP USER odd@localhost");
    let loaded = server.load("", grants);
    assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
    assert_eq!(shown(), before);
}
