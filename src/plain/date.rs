//! The time of day as files have it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Now in UTC, `2026-01-31T12:00:00Z`.
pub(crate) fn now() -> String {
    // A clock before 1970 is as wrong as any other.
    utc(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// Seconds since 1970 as a date of the Gregorian calendar, counted in years that begin in March.
fn utc(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let from_0000 = days + 719_468;
    let (era, day_of_era) = (from_0000 / 146_097, from_0000 % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = 400 * era + year_of_era + u64::from(month <= 2);
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}Z", second % 60)
}

/// The reverse: seconds since 1970 of a time in UTC as [`now`] writes it; `None` of anything else.
pub(crate) fn seconds(utc: &str) -> Option<u64> {
    let number = |from: usize, to: usize| utc.get(from..to)?.parse::<u64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || utc.len() != 20 {
        return None;
    }
    // Counted in years that begin in March, as above.
    let march = if month > 2 { month - 3 } else { month + 9 };
    let year = year - u64::from(month <= 2);
    let of_year = (153 * march + 2) / 5 + day.checked_sub(1)?;
    let days = 365 * year + year / 4 - year / 100 + year / 400 + of_year;
    let time = 3_600 * number(11, 13)? + 60 * number(14, 16)? + number(17, 19)?;
    let at = 86_400 * days.checked_sub(719_468)? + time;
    // Only what is written so: no 31st of February, no hour 24, no other separators.
    (self::utc(at) == utc).then_some(at)
}

/// The same of a time that may have an offset from UTC in place of the Z: `2026-01-31T12:00:00+02:00`.
pub(crate) fn instant(time: &str) -> Option<i64> {
    let (local, offset) = time.split_at_checked(19)?;
    let away = match offset.split_at_checked(1)? {
        ("Z", "") => 0,
        ("+", by) => signed(&format!("1970-01-01T{by}:00Z"))?,
        ("-", by) => -signed(&format!("1970-01-01T{by}:00Z"))?,
        _ => return None,
    };
    Some(signed(&format!("{local}Z"))? - away)
}

fn signed(utc: &str) -> Option<i64> {
    seconds(utc).and_then(|at| i64::try_from(at).ok())
}

/// Whether a text is a day of the calendar since 1970, `2026-01-31`.
pub(crate) fn is_day(text: &str) -> bool {
    seconds(&format!("{text}T00:00:00Z")).is_some()
}

#[cfg(test)]
mod tests {
    use super::{instant, is_day, seconds, utc};

    #[test]
    fn a_time_reads_back() {
        for at in [0, 86_399, 951_782_399, 951_868_800, 1_798_761_599, 4_102_444_800] {
            assert_eq!(seconds(&utc(at)), Some(at));
        }
        for text in [
            "",
            "2026-01-31",
            "2026-13-31T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "2026-01-31 00:00:00Z",
            "2026-01-31T24:00:00Z",
            "yesterday at noon, UT",
        ] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn an_offset_is_taken_off() {
        let noon = instant("2026-01-31T12:00:00Z");
        assert!(noon.is_some());
        assert_eq!(instant("2026-01-31T14:30:00+02:30"), noon);
        assert_eq!(instant("2026-01-30T23:00:00-13:00"), noon);
        for text in ["", "2026-01-31T12:00:00", "2026-01-31T12:00:00+2", "2026-01-31T12:00:00+25:00", "foo"] {
            assert_eq!(instant(text), None, "{text}");
        }
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        assert!(is_day("2026-01-31") && is_day("2024-02-29"));
        for text in ["foo", "2026-02-31", "2026-2-3", "2026-01-31T00:00:00Z", ""] {
            assert!(!is_day(text), "{text}");
        }
    }

    #[test]
    fn dates_by_the_calendar() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(utc(951_868_800), "2000-03-01T00:00:00Z");
        assert_eq!(utc(1_798_761_599), "2026-12-31T23:59:59Z");
    }
}
