//! A statement in the log, with the settings under which it ran.

use super::event::Event;

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The database that was chosen.
    pub database: Vec<u8>,
    /// The statement, in the character set of its client.
    pub text: Vec<u8>,
    /// The server's answer; 0: it went well.
    pub error: u16,
    /// How long it ran, in seconds.
    pub seconds: u32,
    /// The settings.
    pub settings: Settings,
}

/// Settings of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Switches.
    pub flags: Option<u32>,
    /// The SQL mode as a number.
    pub sql_mode: Option<u64>,
    /// Step and start of numbers that are given by themselves.
    pub increment: Option<(u16, u16)>,
    /// Numbers of the collations of client, connection and server.
    pub collations: Option<(u16, u16, u16)>,
    /// The time zone.
    pub time_zone: Option<Vec<u8>>,
    /// The language of dates.
    pub language: Option<u16>,
    /// The database's collation.
    pub database_collation: Option<u16>,
    /// Parts of the second, in microseconds.
    pub microseconds: u32,
    /// Whether there are settings here that nobody knows.
    pub is_unknown: bool,
}

impl Query {
    /// Reads it; `None` where the event is too short for what it says.
    pub fn of(event: &Event) -> Option<Query> {
        let body = event.body();
        let seconds = u32::from_le_bytes(body.get(4..8)?.try_into().ok()?);
        let database_length = usize::from(*body.get(8)?);
        let error = u16::from_le_bytes(body.get(9..11)?.try_into().ok()?);
        let settings_length = usize::from(u16::from_le_bytes(body.get(11..13)?.try_into().ok()?));
        let settings = body.get(13..13 + settings_length)?;
        let at = 13 + settings_length;
        let database = body.get(at..at + database_length)?.to_vec();
        let text = body.get(at + database_length + 1..)?.to_vec();
        Some(Query { database, text, error, seconds, settings: Settings::of(settings) })
    }
}

impl Settings {
    fn of(mut bytes: &[u8]) -> Settings {
        let mut settings = Settings::default();
        while let Some((number, rest)) = bytes.split_first() {
            match settings.take(*number, rest) {
                Some(left) => bytes = left,
                None => {
                    settings.is_unknown = true;
                    break;
                }
            }
        }
        settings
    }

    /// Takes one setting and gives what comes after it.
    fn take<'a>(&mut self, number: u8, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let short = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
        let text = |from: usize| {
            let length = usize::from(*bytes.get(from)?);
            Some((bytes.get(from + 1..from + 1 + length)?, from + 1 + length))
        };
        let length = match number {
            0 => {
                self.flags = Some(u32::from_le_bytes(bytes.get(..4)?.try_into().ok()?));
                4
            }
            1 => {
                self.sql_mode = Some(u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?));
                8
            }
            // The catalog, which is always `std`; the older form ends in a NUL.
            2 => text(0)?.1 + 1,
            3 => {
                self.increment = Some((short(0)?, short(2)?));
                4
            }
            4 => {
                self.collations = Some((short(0)?, short(2)?, short(4)?));
                6
            }
            5 => {
                let (zone, end) = text(0)?;
                self.time_zone = Some(zone.to_vec());
                end
            }
            6 => text(0)?.1,
            7 => {
                self.language = Some(short(0)?);
                2
            }
            8 => {
                self.database_collation = Some(short(0)?);
                2
            }
            // Tables of an update, and how much the server had written.
            9 | 129 => 8,
            10 => 4,
            // Who ran it: the statement itself names the definer.
            11 => text(text(0)?.1)?.1,
            128 => {
                let part = bytes.get(..3)?;
                self.microseconds = u32::from_le_bytes([part[0], part[1], part[2], 0]);
                3
            }
            // What goes with the transaction's number: for servers that replicate.
            130 => {
                let flags = short(0)?;
                // An ALTER TABLE that began earlier ends here, which has a number more.
                if flags & 0x6 != 0 { 10 } else { 2 }
            }
            _ => return None,
        };
        bytes.get(length..)
    }
}
