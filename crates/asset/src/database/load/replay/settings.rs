//! The settings under which a statement of a log ran, made again.

use std::fmt::Write;

use mysql::Conn;
use mysql::prelude::Queryable;

use super::super::super::log::{Query, Settings};
use super::super::failure::LoadError;
use super::super::literal;
use super::Place;

/// Bits of a statement's switches, as MariaDB writes them, and what they mean when they are set.
const SWITCHES: [(u32, &str, u8); 6] = [
    (1 << 14, "sql_auto_is_null", 1),
    (1 << 15, "check_constraint_checks", 0),
    (1 << 24, "explicit_defaults_for_timestamp", 1),
    (1 << 26, "foreign_key_checks", 0),
    (1 << 27, "unique_checks", 0),
    (1 << 28, "sql_if_exists", 1),
];

/// Character sets in whose letters a quote or a backslash may be hidden.
const HIDING: [&str; 5] = ["big5", "cp932", "gbk", "gb18030", "sjis"];

/// Makes the settings and gives the statement as UTF-8.
pub(super) fn make(
    connection: &mut Conn,
    query: &Query,
    text: Vec<u8>,
    place: &Place<'_>,
) -> Result<String, LoadError> {
    let settings = &query.settings;
    if settings.is_unknown {
        return Err(LoadError::refused(format!(
            "a statement in {} after {} ran under settings that this holdfast does not know: use a newer one",
            place.file, place.at
        )));
    }
    let failed = |error: mysql::Error| place.failed("the settings of a statement", &error);
    let (text, set) = as_utf8(connection, settings, text, place)?;
    connection.query_drop(statement(settings, place.time, set)).map_err(failed)?;
    for (bit, name, when_set) in SWITCHES {
        let Some(flags) = settings.flags else { break };
        let wanted = if flags & bit != 0 { when_set } else { 1 - when_set };
        // Not all servers have all of them, and none needs to be told what is so.
        let found: Option<(String, String)> = connection
            .exec_first("SHOW SESSION VARIABLES WHERE variable_name = ?", (name,))
            .map_err(failed)?;
        let is_on = found.is_some_and(|(_, value)| value.eq_ignore_ascii_case("ON"));
        if is_on != (wanted == 1) {
            connection.query_drop(format!("SET SESSION {name} = {wanted}")).map_err(failed)?;
        }
    }
    Ok(text)
}

fn statement(settings: &Settings, time: u32, client: Option<u16>) -> String {
    let mut statement = format!("SET TIMESTAMP = {time}.{:06}", settings.microseconds);
    let mut set = |name: &str, value: &str| {
        let _ = write!(statement, ", SESSION {name} = {value}");
    };
    set("sql_mode", &settings.sql_mode.unwrap_or_default().to_string());
    let (step, start) = settings.increment.unwrap_or((1, 1));
    set("auto_increment_increment", &step.to_string());
    set("auto_increment_offset", &start.to_string());
    if let Some((own, connection, server)) = settings.collations {
        set("character_set_client", &client.unwrap_or(own).to_string());
        set("collation_connection", &connection.to_string());
        set("collation_server", &server.to_string());
    }
    let zone = settings.time_zone.as_ref().map(|zone| String::from_utf8_lossy(zone).into_owned());
    set("time_zone", &zone.map_or_else(|| "DEFAULT".to_owned(), |zone| literal(&zone)));
    set("lc_time_names", &settings.language.unwrap_or(0).to_string());
    let collation =
        settings.database_collation.map_or_else(|| "DEFAULT".to_owned(), |number| number.to_string());
    set("collation_database", &collation);
    statement
}

/// The statement as UTF-8; with the number of that as its client's collation, where it was another.
fn as_utf8(
    connection: &mut Conn,
    settings: &Settings,
    text: Vec<u8>,
    place: &Place<'_>,
) -> Result<(String, Option<u16>), LoadError> {
    /// `utf8mb4_general_ci`.
    const UTF8: u16 = 45;
    let client = settings.collations.map_or(UTF8, |(client, _, _)| client);
    if text.is_ascii() {
        return Ok((String::from_utf8(text).unwrap_or_default(), None));
    }
    let failed = |error: mysql::Error| place.failed("the character set of a statement", &error);
    let name: Option<String> = connection
        .exec_first(
            "SELECT character_set_name FROM information_schema.collation_character_set_applicability WHERE id = ?",
            (client,),
        )
        .map_err(failed)?;
    let name = name.unwrap_or_default();
    if HIDING.contains(&name.as_str()) {
        return Err(LoadError::refused(format!(
            "a statement in {} after {} is written in {name}, which holdfast does not read",
            place.file, place.at
        )));
    }
    if name.starts_with("utf8") {
        return String::from_utf8(text).map(|text| (text, None)).map_err(|_| {
            LoadError::dump(format!(
                "a statement in {} after {} is not in its character set",
                place.file, place.at
            ))
        });
    }
    let hex: String = text.iter().map(|byte| format!("{byte:02x}")).collect();
    connection.query_drop("SET NAMES utf8mb4").map_err(failed)?;
    let converted: Option<String> =
        connection.query_first(format!("SELECT CONVERT(x'{hex}' USING {name})")).map_err(failed)?;
    Ok((converted.unwrap_or_default(), Some(UTF8)))
}
