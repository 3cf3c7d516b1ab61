//! The day that a template is told: pinned and recorded, never the clock's.

use std::fmt;
use std::str::FromStr;

use super::super::error::TokensError;

/// A calendar day (Gregorian), at midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PinnedDate {
    year: u16,
    month: u8,
    day: u8,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

impl Default for PinnedDate {
    /// 26 Jul 2024: what Llama 3.1's template itself falls back to.
    fn default() -> Self {
        Self { year: 2024, month: 7, day: 26 }
    }
}

impl PinnedDate {
    /// `None` if there is no such day, or the year is not one of 1000 to 9999.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let date = Self { year, month, day };
        let exists = (1000..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=date.month_length(month)).contains(&day);
        exists.then_some(date)
    }

    /// The day as C's `strftime` would print it; the time of day is 00:00:00. The error is the directive it does not know.
    pub(super) fn strftime(self, format: &str) -> Result<String, String> {
        let (year, month, day) = (self.year, self.month, self.day);
        let month_name = MONTHS[usize::from(month) - 1];
        let weekday = self.weekday();
        let weekday_name = WEEKDAYS[weekday];
        let sunday_first = (weekday + 1) % 7;
        let day_of_year = self.day_of_year();

        let mut out = String::new();
        let mut chars = format.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            let mut directive = chars.next();
            // glibc's flag for "no padding"
            let bare = directive == Some('-');
            if bare {
                directive = chars.next();
            }
            let number = |value: u16, width: usize| match bare {
                true => value.to_string(),
                false => format!("{value:0width$}"),
            };
            out += &match directive {
                Some('d') => number(day.into(), 2),
                Some('e') if bare => day.to_string(),
                Some('e') => format!("{day:2}"),
                Some('m') => number(month.into(), 2),
                Some('y') => number(year % 100, 2),
                Some('Y') => year.to_string(),
                Some('C') => number(year / 100, 2),
                Some('b' | 'h') => month_name[..3].to_owned(),
                Some('B') => month_name.to_owned(),
                Some('a') => weekday_name[..3].to_owned(),
                Some('A') => weekday_name.to_owned(),
                Some('u') => (weekday + 1).to_string(),
                Some('w') => sunday_first.to_string(),
                Some('j') => number(day_of_year, 3),
                Some('H') => number(0, 2),
                Some('I') => number(12, 2),
                Some('M' | 'S') => number(0, 2),
                Some('f') => "000000".to_owned(),
                Some('p') => "AM".to_owned(),
                Some('F') => format!("{year}-{month:02}-{day:02}"),
                Some('D' | 'x') => format!("{month:02}/{day:02}/{:02}", year % 100),
                Some('T' | 'X') => "00:00:00".to_owned(),
                Some('R') => "00:00".to_owned(),
                Some('c') => format!("{} {} {day:2} 00:00:00 {year}", &weekday_name[..3], &month_name[..3]),
                // The day belongs to no time zone, as a Python datetime without one.
                Some('z' | 'Z') => String::new(),
                Some('%') => "%".to_owned(),
                Some('n') => "\n".to_owned(),
                Some('t') => "\t".to_owned(),
                Some(other) => return Err(format!("%{other}")),
                None => return Err("a % at the end".to_owned()),
            };
        }
        Ok(out)
    }

    fn is_leap(self) -> bool {
        let year = self.year;
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    }

    fn month_length(self, month: u8) -> u8 {
        match month {
            2 if self.is_leap() => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    /// 1 to 366.
    fn day_of_year(self) -> u16 {
        let before: u16 = (1..self.month).map(|month| u16::from(self.month_length(month))).sum();
        before + u16::from(self.day)
    }

    /// 0 = Monday. Counts days since the Gregorian year 1, whose first day is a Monday.
    fn weekday(self) -> usize {
        let past = u32::from(self.year) - 1;
        let days = past * 365 + past / 4 - past / 100 + past / 400;
        ((days + u32::from(self.day_of_year()) - 1) % 7) as usize
    }
}

impl fmt::Display for PinnedDate {
    /// `26 Jul 2024`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let month = &MONTHS[usize::from(self.month) - 1][..3];
        write!(f, "{:02} {month} {}", self.day, self.year)
    }
}

impl FromStr for PinnedDate {
    type Err = TokensError;

    /// Reads `26 Jul 2024` and `2024-07-26`.
    fn from_str(text: &str) -> Result<Self, TokensError> {
        parse(text).ok_or_else(|| TokensError::Date(text.to_owned()))
    }
}

fn parse(text: &str) -> Option<PinnedDate> {
    let parts: Vec<&str> = match text.contains('-') {
        true => text.split('-').rev().collect(),
        false => text.split_whitespace().collect(),
    };
    let &[day, month, year] = parts.as_slice() else {
        return None;
    };
    let month = match month.parse() {
        Ok(number) => number,
        Err(_) => {
            let index = MONTHS
                .iter()
                .position(|name| name.eq_ignore_ascii_case(month) || name[..3].eq_ignore_ascii_case(month))?;
            u8::try_from(index + 1).ok()?
        }
    };
    PinnedDate::new(year.parse().ok()?, month, day.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::PinnedDate;

    fn date(text: &str) -> PinnedDate {
        text.parse().unwrap()
    }

    #[test]
    fn prints_what_strftime_prints() {
        let day = PinnedDate::default();
        for (format, expected) in [
            ("%d %b %Y", "26 Jul 2024"),
            ("%B %d, %Y", "July 26, 2024"),
            ("%A, %-d.%-m.%y", "Friday, 26.7.24"),
            ("%Y-%m-%d %H:%M:%S", "2024-07-26 00:00:00"),
            ("%j %u %w %% %a", "208 5 5 % Fri"),
            ("été %F", "été 2024-07-26"),
        ] {
            assert_eq!(day.strftime(format).unwrap(), expected, "{format}");
        }
        // From Python's datetime.strftime.
        const ALL: &str = "%d|%e|%m|%y|%Y|%C|%b|%h|%B|%a|%A|%u|%w|%j|%H|%I|%M|%S|%f|%p|%F|%D|%x|%T|%X|%R|%c|%z|%Z|%%|%n|%t|\
                           %-d|%-e|%-m|%-y|%-j|%-H|%-I|%-M|%-S|%-C";
        for (day, expected) in [
            (
                "2000-03-05",
                "05| 5|03|00|2000|20|Mar|Mar|March|Sun|Sunday|7|0|065|00|12|00|00|000000|AM|2000-03-05|03/05/00|03/05/00|\
                 00:00:00|00:00:00|00:00|Sun Mar  5 00:00:00 2000|||%|\n|\t|5|5|3|0|65|0|12|0|0|20",
            ),
            (
                "1904-12-31",
                "31|31|12|04|1904|19|Dec|Dec|December|Sat|Saturday|6|6|366|00|12|00|00|000000|AM|1904-12-31|12/31/04|\
                 12/31/04|00:00:00|00:00:00|00:00|Sat Dec 31 00:00:00 1904|||%|\n|\t|31|31|12|4|366|0|12|0|0|19",
            ),
            (
                "2100-03-01",
                "01| 1|03|00|2100|21|Mar|Mar|March|Mon|Monday|1|1|060|00|12|00|00|000000|AM|2100-03-01|03/01/00|03/01/00|\
                 00:00:00|00:00:00|00:00|Mon Mar  1 00:00:00 2100|||%|\n|\t|1|1|3|0|60|0|12|0|0|21",
            ),
        ] {
            assert_eq!(date(day).strftime(ALL).unwrap(), expected);
        }
        assert_eq!(date("2000-02-29").strftime("%a %j").unwrap(), "Tue 060");
        assert_eq!(date("1 Jan 1900").strftime("%A %e").unwrap(), "Monday  1");
        assert_eq!(day.strftime("%Q").unwrap_err(), "%Q");
        assert!(day.strftime("50%").is_err());
    }

    #[test]
    fn reads_two_spellings_and_no_day_that_is_not_there() {
        assert_eq!(date("26 Jul 2024"), date("2024-07-26"));
        assert_eq!(date("26 july 2024").to_string(), "26 Jul 2024");
        for last in ["2024-02-29", "2024-04-30", "2024-12-31", "1000-01-01", "9999-12-31"] {
            assert_eq!(date(last).strftime("%F").unwrap(), last);
        }
        for wrong in [
            "",
            "2024",
            "30 Feb 2024",
            "2023-02-29",
            "0 Jan 2024",
            "1 Foo 2024",
            "today",
            "2024-07-26-01",
            "-1-07-2024",
            "2024-00-01",
            "2024-13-01",
            "2024-04-31",
            "2024-06-31",
            "2024-09-31",
            "2024-11-31",
            "2024-01-32",
            "1900-02-29",
            "0999-01-01",
            "10000-01-01",
        ] {
            assert!(wrong.parse::<PinnedDate>().is_err(), "{wrong}");
        }
    }
}
