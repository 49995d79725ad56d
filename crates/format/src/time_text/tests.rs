use proptest::prelude::*;

use super::*;

fn text(seconds: i64, nanoseconds: u32, offset_minutes: i16) -> String {
    let mut out = Vec::new();
    write(FileTime { seconds, nanoseconds }, offset_minutes, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn spells_like_go() {
    assert_eq!(text(0, 1, 0), "1970-01-01T00:00:00.000000001Z");
    assert_eq!(text(1_500_000_000, 0, 0), "2017-07-14T02:40:00Z");
    assert_eq!(text(1_500_000_000, 120_000_000, 0), "2017-07-14T02:40:00.12Z");
    assert_eq!(text(1_500_000_000, 0, 330), "2017-07-14T08:10:00+05:30");
    assert_eq!(text(1_500_000_000, 0, -210), "2017-07-13T23:10:00-03:30");
    assert_eq!(text(-1, 999_999_999, 0), "1969-12-31T23:59:59.999999999Z");
    assert_eq!(text(951_782_400, 0, 0), "2000-02-29T00:00:00Z");
}

#[test]
fn years_are_clamped_to_four_digits() {
    assert_eq!(text(SECONDS_MIN, 0, 0), "0000-01-01T00:00:00Z");
    assert_eq!(text(SECONDS_MIN - 1, 5, 0), "0000-01-01T00:00:00Z");
    assert_eq!(text(i64::MIN, 0, -600), "0000-01-01T00:00:00-10:00");
    assert_eq!(text(SECONDS_MAX, 7, 0), "9999-12-31T23:59:59.000000007Z");
    assert_eq!(text(SECONDS_MAX + 1, 0, 0), "9999-12-31T23:59:59.999999999Z");
    assert_eq!(text(i64::MAX, 0, 600), "9999-12-31T23:59:59.999999999+10:00");
}

#[test]
fn what_is_no_time_is_refused() {
    for bad in [
        "",
        "2017",
        "2017-07-14T02:40:00",
        "2017-07-14 02:40:00Z",
        "2017-02-29T00:00:00Z",
        "2017-13-01T00:00:00Z",
        "2017-00-01T00:00:00Z",
        "2017-04-31T00:00:00Z",
        "2017-07-14T24:00:00Z",
        "2017-07-14T00:60:00Z",
        "2017-07-14T00:00:60Z",
        "2017-07-14T00:00:00.Z",
        "2017-07-14T00:00:00+24:00",
        "2017-07-14T00:00:00+00:60",
        "2017-07-14T00:00:00+0000",
        "2017-07-14T00:00:00Zx",
        "+017-07-14T00:00:00Z",
        "2017-07-14T00:00:0éZ",
    ] {
        assert_eq!(parse(bad), None, "{bad}");
    }
    let (time, _) = parse("2017-07-14T02:40:00.1234567899999Z").unwrap();
    assert_eq!(time.nanoseconds, 123_456_789);
}

#[test]
fn timestamps_before_1970_count_forward() {
    let time: jiff::Timestamp = "1969-12-31T23:59:59.25Z".parse().unwrap();
    assert_eq!(of_timestamp(time), "1969-12-31T23:59:59.25Z");
    assert_eq!(to_timestamp("1969-12-31T23:59:59.25Z"), Some(time));
}

proptest! {
    #[test]
    fn reads_what_it_writes(seconds in SECONDS_MIN + 86_400..SECONDS_MAX - 86_400, nanoseconds in 0..1_000_000_000_u32,
                            offset in -1439..1440_i16) {
        let time = FileTime { seconds, nanoseconds };
        prop_assert_eq!(parse(&text(seconds, nanoseconds, offset)), Some((time, offset)));
    }

    #[test]
    fn agrees_with_jiff(seconds in SECONDS_MIN..SECONDS_MAX - 86_400 * 2, nanoseconds in 0..1_000_000_000_i32) {
        let time = jiff::Timestamp::new(seconds, 0).unwrap().checked_add(jiff::SignedDuration::from_nanos(nanoseconds.into())).unwrap();
        prop_assert_eq!(of_timestamp(time), time.to_string());
        prop_assert_eq!(to_timestamp(&time.to_string()), Some(time));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[0-9T:.Z+-]{0,40}", other in any::<String>()) {
        let _ = parse(&text);
        let _ = parse(&other);
    }
}
