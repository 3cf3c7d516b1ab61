//! Numbers and names as a reader sees them: a true minus sign, sensible digits, lists in words.

use crate::plain::grouped;
use crate::stats::summary::decimals;
use crate::stats::{ALPHA, Tier};

/// U+2212; a hyphen is too short for a sign and breaks lines.
const MINUS: char = '\u{2212}';

/// How many decimals log-odds have on a page: one choice for the whole page, so that columns line up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimals(usize);

impl Decimals {
    /// Two decimals, and more where the usual half-width of an interval would not show in two.
    pub fn for_half_widths(halves: Vec<f64>) -> Decimals {
        Decimals(decimals(halves, 2))
    }

    /// `+2.91`, `−0.15`, `0.00`.
    pub fn signed(self, value: f64) -> String {
        signed(value, self.0)
    }

    /// `0.85`: a width, which has no sign.
    pub fn width(self, value: f64) -> String {
        format!("{:.*}", self.0, value.abs())
    }

    /// `+1.96 to +3.86`; a dash where there is no interval.
    pub fn interval(self, centre: f64, half: Option<f64>) -> String {
        half.map_or_else(dash, |half| {
            format!("{} to {}", self.signed(centre - half), self.signed(centre + half))
        })
    }
}

impl Default for Decimals {
    fn default() -> Self {
        Decimals(2)
    }
}

/// A signed number; what rounds to zero has no sign.
pub fn signed(value: f64, decimals: usize) -> String {
    let text = format!("{:.*}", decimals, value.abs());
    let is_zero = text.bytes().all(|b| matches!(b, b'0' | b'.'));
    match () {
        () if is_zero => text,
        () if value < 0.0 => format!("{MINUS}{text}"),
        () => format!("+{text}"),
    }
}

/// A number with its sign only where it is negative, as on an axis.
pub fn plain(value: f64, decimals: usize) -> String {
    let text = signed(value, decimals);
    text.strip_prefix('+').map_or_else(|| text.clone(), str::to_owned)
}

/// What stands where a value does not exist.
pub fn dash() -> String {
    "–".to_owned()
}

/// With `decimals` digits, and more where these would show the value on the other side of one of the bounds.
fn settled(value: f64, decimals: usize, bounds: &[f64]) -> String {
    let side = |v: f64| bounds.iter().filter(|bound| v >= **bound).count();
    let shows_side = |text: &String| text.parse().is_ok_and(|shown: f64| side(shown) == side(value));
    let mut texts = (decimals..18).map(|decimals| format!("{value:.decimals$}"));
    texts.find(shows_side).unwrap_or_else(|| format!("{value:.decimals$}"))
}

/// `0.012`, `3.3 × 10⁻⁵`; never 0.050 for what is below it.
pub fn p_value(p: Option<f64>) -> String {
    match p {
        None => dash(),
        Some(p) if p < 0.001 => scientific(p),
        Some(p) => settled(p, 3, &[ALPHA]),
    }
}

/// `p = 0.012`, `p < 0.001`, for sentences.
pub fn p_phrase(p: Option<f64>) -> Option<String> {
    p.map(|p| if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {}", settled(p, 3, &[ALPHA])) })
}

/// A share of 100: `94.8`, `> 99.9`.
pub fn percent(value: f64) -> String {
    match value {
        v if v > 99.95 => "> 99.9".to_owned(),
        v if v < 0.05 => "< 0.1".to_owned(),
        v => format!("{v:.1}"),
    }
}

/// A probability: `0.998`, `1.2 × 10⁻⁸`; only 1 itself is printed as 1, and only what is not below 0.97 as 0.970.
pub fn probability(value: f64) -> String {
    match value {
        v if v >= 1.0 => "1".to_owned(),
        v if v > 0.9995 => "> 0.999".to_owned(),
        v if v < 0.001 && v > 0.0 => scientific(v),
        v => settled(v, 3, &Tier::BOUNDS),
    }
}

/// One digit after the point and a power of ten in superscript.
pub fn scientific(value: f64) -> String {
    let text = format!("{value:.1e}");
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let power: String = exponent.chars().map(superscript).collect();
    let mantissa = mantissa.replace('-', &MINUS.to_string());
    format!("{mantissa} × 10{power}")
}

fn superscript(c: char) -> char {
    match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        '0' | '4'..='9' => char::from_u32(0x2070 + (c as u32 - '0' as u32)).unwrap_or(c),
        other => other,
    }
}

/// `42 s`, `3 min 5 s`, `2 h 4 min`.
pub fn duration(seconds: f64) -> String {
    if seconds < 10.0 {
        return format!("{seconds:.1} s");
    }
    // A cast from float saturates; a run of that length does not exist.
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", grouped(whole / 3600), whole % 3600 / 60),
    }
}

/// Small numbers as words, as sentences have them.
pub fn count_word(n: usize) -> String {
    const WORDS: [&str; 13] = [
        "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
        "twelve",
    ];
    WORDS.get(n).map_or_else(|| grouped(n), |word| (*word).to_owned())
}

/// `A`, `A and B`, `A, B and C`.
pub fn list<S: AsRef<str>>(items: &[S]) -> String {
    match items {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", first.join(", "), last.as_ref())
        }
    }
}

/// A sentence's first letter as a capital.
pub fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// A language code's name in English; a code that is not known stays as it is.
pub fn language(code: &str) -> &str {
    match code {
        "ar" => "Arabic",
        "bn" => "Bengali",
        "cs" => "Czech",
        "de" => "German",
        "en" => "English",
        "es" => "Spanish",
        "fa" => "Persian",
        "fr" => "French",
        "he" => "Hebrew",
        "hi" => "Hindi",
        "id" => "Indonesian",
        "it" => "Italian",
        "ja" => "Japanese",
        "ko" => "Korean",
        "nl" => "Dutch",
        "pl" => "Polish",
        "pt" => "Portuguese",
        "ru" => "Russian",
        "sw" => "Swahili",
        "tr" => "Turkish",
        "uk" => "Ukrainian",
        "ur" => "Urdu",
        "vi" => "Vietnamese",
        "zh" => "Chinese",
        other => other,
    }
}

/// `internal_affairs` as `internal affairs`.
pub fn words(identifier: &str) -> String {
    identifier.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_odds_have_a_true_minus_and_no_signed_zero() {
        let two = Decimals::default();
        assert_eq!(
            [2.911, -0.1496, -0.004, 0.0, 1234.5].map(|v| two.signed(v)),
            ["+2.91", "−0.15", "0.00", "0.00", "+1234.50"]
        );
        assert_eq!(two.interval(2.911, Some(0.954)), "+1.96 to +3.87");
        assert_eq!(two.interval(2.911, None), "–");
        assert_eq!(two.width(-0.854), "0.85");
        assert_eq!((plain(-0.5, 1), plain(0.5, 1)), ("−0.5".to_owned(), "0.5".to_owned()));
    }

    #[test]
    fn decimals_follow_the_intervals() {
        assert_eq!(Decimals::for_half_widths(vec![]), Decimals(2));
        assert_eq!(Decimals::for_half_widths(vec![0.4, 0.001, f64::NAN, 0.9]), Decimals(2));
        assert_eq!(Decimals::for_half_widths(vec![0.02]), Decimals(3));
        assert_eq!(Decimals::for_half_widths(vec![0.002]), Decimals(4));
    }

    #[test]
    fn p_values() {
        assert_eq!(p_value(Some(0.0123)), "0.012");
        assert_eq!(p_value(Some(3.3032e-5)), "3.3 × 10⁻⁵");
        assert_eq!(p_value(Some(1.24e-48)), "1.2 × 10⁻⁴⁸");
        assert_eq!(p_value(None), "–");
        assert_eq!(p_phrase(Some(1e-9)).as_deref(), Some("p < 0.001"));
        assert_eq!(p_phrase(Some(0.5)).as_deref(), Some("p = 0.500"));
        assert_eq!([0.05, 0.0496, 0.04996].map(|p| p_value(Some(p))), ["0.050", "0.0496", "0.04996"]);
    }

    #[test]
    fn shares_never_round_to_certainty() {
        assert_eq!([94.839, 99.99, 0.01, 50.0].map(percent), ["94.8", "> 99.9", "< 0.1", "50.0"]);
        assert_eq!(
            [1.0, 0.99999, 0.97, 1.2e-8, 0.0].map(probability),
            ["1", "> 0.999", "0.970", "1.2 × 10⁻⁸", "0.000"]
        );
        assert_eq!([0.9697, 0.96996, 0.0998].map(probability), ["0.9697", "0.96996", "0.0998"]);
    }

    #[test]
    fn words_and_lists() {
        assert_eq!(list(&["a", "b", "c"]), "a, b and c");
        assert_eq!(list::<&str>(&[]), "");
        assert_eq!(
            (count_word(8), count_word(0), count_word(14)),
            ("eight".into(), "no".into(), "14".into())
        );
        assert_eq!(capital("élan"), "Élan");
        assert_eq!((language("zh"), language("xx-q")), ("Chinese", "xx-q"));
        assert_eq!([4.25, 42.0, 185.0, 7440.0].map(duration), ["4.2 s", "42 s", "3 min 5 s", "2 h 4 min"]);
    }
}
