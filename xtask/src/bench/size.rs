//! Sizes on the command line: `50M`, `6GiB`, `10GB`.

/// Bytes of a size. `K`, `M`, `G`, `T` count in thousands; with `i` in 1,024s; a `B` at the end may be left out.
pub(super) fn parse(text: &str) -> Result<u64, String> {
    let number_end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(number_end);
    let unit = unit.trim().trim_end_matches(['B', 'b']).to_ascii_uppercase();
    let (prefix, base) = match unit.strip_suffix('I') {
        Some(prefix) => (prefix, 1024_u64),
        None => (unit.as_str(), 1000),
    };
    let power = match prefix {
        "" => 0,
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        _ => return Err(format!("`{text}` is no size; write for example 50M, 6GiB or 10GB")),
    };
    let number: u64 = number.parse().map_err(|_| format!("`{text}` does not begin with a number"))?;
    number.checked_mul(base.pow(power)).ok_or_else(|| format!("`{text}` is too large"))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(parse("50M"), Ok(50_000_000));
        assert_eq!(parse("6GiB"), Ok(6 << 30));
        assert_eq!(parse("10GB"), Ok(10_000_000_000));
        assert_eq!(parse("512"), Ok(512));
        assert!(parse("12X").is_err() && parse("GB").is_err());
    }
}
