//! Dates of the policy. They are British: 03/04/2026 is the third of April, on every machine and in every locale.

use std::fmt;

use jiff::civil::Date;

/// Why a text is no date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateError {
    /// The text.
    pub text: String,
}

impl fmt::Display for DateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no date: write DD/MM/YYYY (27/08/2025) or YYYY-MM-DD (2025-08-27)", self.text)
    }
}

impl std::error::Error for DateError {}

/// Reads `DD/MM/YYYY` or `YYYY-MM-DD`, with all digits, and a day that exists.
///
/// # Errors
/// For anything else.
pub fn parse_date(text: &str) -> Result<Date, DateError> {
    let wrong = || DateError { text: text.to_owned() };
    let digits = |part: &str, count: usize| {
        (part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| part.parse::<i16>().ok())
            .flatten()
            .ok_or_else(wrong)
    };
    let (british, iso) = (text.split('/').collect::<Vec<_>>(), text.split('-').collect::<Vec<_>>());
    let (day, month, year) = match (&british[..], &iso[..]) {
        ([day, month, year], _) | (_, [year, month, day]) => (*day, *month, *year),
        _ => return Err(wrong()),
    };
    let (day, month, year) = (digits(day, 2)?, digits(month, 2)?, digits(year, 4)?);
    let (Ok(day), Ok(month)) = (i8::try_from(day), i8::try_from(month)) else { return Err(wrong()) };
    Date::new(year, month, day).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_stands_first_whatever_the_locale() {
        assert_eq!(parse_date("03/04/2026").unwrap().to_string(), "2026-04-03");
        assert_eq!(parse_date("27/08/2025").unwrap().to_string(), "2025-08-27");
        assert_eq!(parse_date("2028-02-29").unwrap().to_string(), "2028-02-29");
    }

    #[test]
    fn nothing_is_guessed() {
        for bad in [
            "",
            "3/4/2026",
            "03/04/26",
            "08/27/2025",
            "29/02/2027",
            "31/04/2026",
            "2026/04/03",
            "03-04-2026",
            "03.04.2026",
            " 03/04/2026",
            "03/04/2026x",
            "00/01/2026",
            "01/00/2026",
            "+1/04/2026",
        ] {
            assert!(parse_date(bad).is_err(), "{bad}");
        }
    }
}
