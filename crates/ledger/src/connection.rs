//! What is SQLite's own: opening, its settings and its checks. Every query elsewhere is written for any database.
//!
//! The settings are the durability. `synchronous = FULL` flushes the log at every commit: with the usual `NORMAL`, a power
//! cut takes back commits that were already acknowledged. The write-ahead log lets readers read while one process writes.
//! What is deleted is overwritten (`secure_delete`): a value that was erased must not lie on in a free page.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use diesel::Connection as _;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

use crate::error::{Doing, Error, ErrorKind, Result, kind_of};
use crate::schema::__diesel_schema_migrations;

/// The database under the ledger.
pub(crate) type Connection = SqliteConnection;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!();

/// "HFLD": tells our files from other programs' databases.
pub(crate) const APPLICATION_ID: i32 = 0x4846_4c44;

/// So many values are named in one question: a database takes only so many.
pub(crate) const AT_ONCE: usize = 500;

/// How long a statement waits for another process. Writers commit in milliseconds.
const BUSY_MS: u32 = 10_000;

/// Bytes that may stand in a path as they are.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.');

#[derive(QueryableByName)]
struct Number {
    #[diesel(sql_type = BigInt)]
    value: i64,
}

#[derive(QueryableByName)]
struct Word {
    #[diesel(sql_type = Text)]
    value: String,
}

/// Opens the file for writing; it must exist, if only empty.
pub(crate) fn open_writer(path: &Path) -> Result<Connection> {
    let mut connection = open(path, "mode=rw")?;
    connection
        .batch_execute(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
             PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF; PRAGMA journal_size_limit = 67108864; \
             PRAGMA secure_delete = ON;",
        )
        .doing(|| format!("prepare {}", path.display()))?;
    // A file system that cannot share memory between processes silently keeps another mode.
    let mode = word(&mut connection, "SELECT journal_mode AS value FROM pragma_journal_mode")?;
    if mode != "wal" {
        let why = format!("{} cannot have a write-ahead log here ({mode})", path.display());
        return Err(Error::new(ErrorKind::System, why));
    }
    Ok(connection)
}

/// Writes the log back into the file and empties it: until then it still holds what was erased. A reader that is in the
/// middle of something keeps a part of it; whoever closes the file last empties it then.
pub(crate) fn empty_log(connection: &mut Connection) -> Result<()> {
    connection.batch_execute("PRAGMA wal_checkpoint(TRUNCATE);").doing(|| "empty the log".to_owned())
}

/// Opens the file for reading; nothing that is done through it changes the ledger.
pub(crate) fn open_reader(path: &Path) -> Result<Connection> {
    prepare_reader(open(path, "mode=ro")?, path)
}

/// Opens a file that has no log and no writer, leaving not even an empty log beside it.
pub(crate) fn open_still(path: &Path) -> Result<Connection> {
    prepare_reader(open(path, "mode=ro&immutable=1")?, path)
}

/// Writes the ledger as it is at one instant into a new file, without what lies in free pages. Writers go on meanwhile.
pub(crate) fn copy(path: &Path, target: &Path) -> Result<()> {
    let doing = || format!("copy {} to {}", path.display(), target.display());
    let absolute = std::path::absolute(target).doing(doing)?;
    let name = absolute.to_str().ok_or_else(|| {
        Error::new(ErrorKind::System, format!("{}: its path must be UTF-8", absolute.display()))
    })?;
    // A reader that may change nothing cannot write the copy either.
    let mut connection = open(path, "mode=ro")?;
    diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(name).execute(&mut connection).doing(doing)?;
    Ok(())
}

fn prepare_reader(mut connection: Connection, path: &Path) -> Result<Connection> {
    connection
        .batch_execute("PRAGMA query_only = ON; PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF;")
        .doing(|| format!("prepare {}", path.display()))?;
    Ok(connection)
}

/// A ledger in memory, empty.
pub(crate) fn open_scratch() -> Result<Connection> {
    let mut connection = Connection::establish(":memory:").doing(|| "open a scratch ledger".to_owned())?;
    migrate(&mut connection)?;
    Ok(connection)
}

fn open(path: &Path, parameters: &str) -> Result<Connection> {
    let doing = || format!("open {}", path.display());
    let absolute = std::path::absolute(path).doing(doing)?;
    let encoded = percent_encode(absolute.as_os_str().as_bytes(), PATH);
    let mut connection = Connection::establish(&format!("file:{encoded}?{parameters}")).doing(doing)?;
    connection.batch_execute(&format!("PRAGMA busy_timeout = {BUSY_MS};")).doing(doing)?;
    Ok(connection)
}

/// What a file turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Schema {
    /// Nothing is in it yet.
    Empty,
    /// A ledger of an older holdfast.
    Older,
    /// As this holdfast writes it.
    Current,
}

/// Tells whose file it is, changing nothing.
pub(crate) fn recognise(connection: &mut Connection, path: &Path) -> Result<Schema> {
    let tables = number(connection, "SELECT COUNT(*) AS value FROM sqlite_schema")?;
    let application = number(connection, "SELECT application_id AS value FROM pragma_application_id")?;
    if tables == 0 {
        return Ok(Schema::Empty);
    }
    if application != i64::from(APPLICATION_ID) {
        let why = format!("{} is a database, but of another program", path.display());
        return Err(Error::new(ErrorKind::NotALedger, why));
    }
    let applied: Vec<String> = __diesel_schema_migrations::table
        .select(__diesel_schema_migrations::version)
        .order(__diesel_schema_migrations::version)
        .load(connection)
        .doing(|| format!("read the version of {}", path.display()))?;
    let known = known_versions()?;
    if let Some(newer) = applied.iter().find(|version| !known.contains(version)) {
        let why = format!(
            "{} was written by a newer holdfast (its tables are of {newer}, this program knows them up to {}); \
             use that one",
            path.display(),
            known.last().map_or("-", String::as_str)
        );
        return Err(Error::new(ErrorKind::Newer, why));
    }
    Ok(if applied.len() < known.len() { Schema::Older } else { Schema::Current })
}

/// Brings the tables up to date, all or nothing.
pub(crate) fn migrate(connection: &mut Connection) -> Result<()> {
    let outcome = connection.immediate_transaction(|connection| {
        connection.batch_execute(&format!("PRAGMA application_id = {APPLICATION_ID};"))?;
        match connection.run_pending_migrations(MIGRATIONS) {
            Ok(_) => Ok(()),
            Err(error) => Err(diesel::result::Error::QueryBuilderError(error)),
        }
    });
    outcome.doing(|| "bring the tables up to date".to_owned())
}

/// Reads every page, or the structure alone where `is_quick`; an error says what is wrong.
pub(crate) fn check_integrity(connection: &mut Connection, path: &Path, is_quick: bool) -> Result<()> {
    let sql = if is_quick {
        "SELECT quick_check AS value FROM pragma_quick_check LIMIT 1"
    } else {
        "SELECT integrity_check AS value FROM pragma_integrity_check LIMIT 1"
    };
    let damaged = |cause: &str| {
        Error::damaged(format!(
            "{} is damaged ({cause}); restore it from a copy, backups do not need it",
            path.display()
        ))
    };
    match word(connection, sql) {
        Ok(answer) if answer == "ok" => Ok(()),
        Ok(answer) => Err(damaged(answer.trim())),
        Err(error) if error.kind == ErrorKind::Damaged => Err(damaged(&error.to_string())),
        Err(error) => Err(error),
    }
}

fn number(connection: &mut Connection, sql: &str) -> Result<i64> {
    let found: Number = diesel::sql_query(sql).get_result(connection).doing(|| "read the file".to_owned())?;
    Ok(found.value)
}

fn word(connection: &mut Connection, sql: &str) -> Result<String> {
    let found: Word = diesel::sql_query(sql).get_result(connection).doing(|| "read the file".to_owned())?;
    Ok(found.value)
}

/// Versions of the migrations that this program has, oldest first.
fn known_versions() -> Result<Vec<String>> {
    use diesel::migration::{Migration, MigrationSource};
    let migrations: Vec<Box<dyn Migration<diesel::sqlite::Sqlite>>> = MIGRATIONS
        .migrations()
        .map_err(|e| Error::caused(kind_of(&e.to_string()), "list the migrations", e))?;
    let mut versions: Vec<String> = migrations.iter().map(|m| m.name().version().to_string()).collect();
    versions.sort();
    Ok(versions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_commit_is_flushed_and_readers_cannot_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.db");
        std::fs::write(&path, "").unwrap();
        let mut writer = open_writer(&path).unwrap();
        migrate(&mut writer).unwrap();
        // 2 is FULL.
        assert_eq!(number(&mut writer, "SELECT synchronous AS value FROM pragma_synchronous").unwrap(), 2);
        assert_eq!(number(&mut writer, "SELECT foreign_keys AS value FROM pragma_foreign_keys").unwrap(), 1);
        for mut reader in [open_reader(&path).unwrap(), open_still(&path).unwrap()] {
            assert!(reader.batch_execute("CREATE TABLE x (y)").is_err());
            assert!(reader.batch_execute("PRAGMA query_only = OFF; CREATE TABLE x (y)").is_err());
        }
    }
}
