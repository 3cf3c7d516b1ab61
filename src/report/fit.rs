//! Text made to fit a picture.

/// About how wide a text is, in em: a full width for East Asian characters, the widths of a wide face for the rest.
pub fn text_width(text: &str) -> f64 {
    text.chars()
        .map(|c| match c {
            'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | ' ' | '-' => 0.34,
            't' | 'f' | 'r' => 0.41,
            'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.94,
            'A'..='Z' => 0.78,
            c if (c as u32) >= 0x1100 => 1.0,
            _ => 0.63,
        })
        .sum()
}

/// The text, or its beginning with an ellipsis where it is wider than `most` em.
pub fn shorten(text: &str, most: f64) -> String {
    if text_width(text) <= most {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut width = text_width("…");
    for c in text.chars() {
        width += text_width(c.encode_utf8(&mut [0; 4]));
        if width > most {
            break;
        }
        kept.push(c);
    }
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_shortened() {
        assert_eq!(shorten("Japan", 9.0), "Japan");
        let short = shorten("United Kingdom of Great Britain", 9.0);
        assert!(short.ends_with('…') && text_width(&short) <= 9.0, "{short}");
        assert_eq!(shorten("中华人民共和国", 4.0), "中华人…");
    }
}
