//! Styles: the page's, and that of a picture that stands alone.

use std::fmt::Write;
use std::sync::OnceLock;

/// Colours by name, for light and for dark screens.
const PALETTE: &str = include_str!("palette.css");
/// What pictures are painted with.
const PICTURE: &str = include_str!("picture.css");
const PAGE: &str = include_str!("page.css");

/// The page's style.
pub fn page() -> String {
    format!("{PALETTE}{PICTURE}{PAGE}")
}

/// The style of a picture in a file of its own: light, and without variables, which few programs but browsers know.
pub fn standalone() -> String {
    static STYLE: OnceLock<String> = OnceLock::new();
    STYLE.get_or_init(|| resolved(PICTURE, &light(PALETTE))).clone()
}

/// The variables of the first block, longest names first.
fn light(palette: &str) -> Vec<(String, String)> {
    let block = palette.split('}').next().unwrap_or("");
    let block = block.split_once('{').map_or("", |(_, rest)| rest);
    let pair = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().to_owned(), value.trim().to_owned()))
    };
    block.split(';').filter_map(pair).filter(|(name, _)| name.starts_with("--")).collect()
}

fn resolved(style: &str, colours: &[(String, String)]) -> String {
    let mut out = style.to_owned();
    // A value may be a variable of its own.
    for _ in 0..2 {
        for (name, value) in colours {
            out = out.replace(&format!("var({name})"), value);
        }
    }
    let _ = write!(
        out,
        "text{{font-family:system-ui,'Segoe UI',Roboto,'Noto Sans','DejaVu Sans',Arial,sans-serif}}"
    );
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn a_picture_of_its_own_knows_no_variable() {
        let style = standalone();
        assert!(!style.contains("var(") && style.contains(".s0"), "{style}");
    }

    /// Relative luminance, as WCAG 2 defines it.
    fn luminance(hex: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).expect("a colour")) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_and_marks_stand_out_in_light_and_dark() {
        let light: HashMap<String, String> = light(PALETTE).into_iter().collect();
        let mut dark = light.clone();
        let dark_block =
            PALETTE.split("dark)").nth(1).expect("a dark palette").split_once('{').expect("a block").1;
        dark.extend(super::light(dark_block));
        for (mode, colours) in [("light", light), ("dark", dark)] {
            let of = |name: &str| {
                let value = colours.get(&format!("--{name}")).unwrap_or_else(|| panic!("no --{name}"));
                value.clone()
            };
            let check = |over: &str, under: &str, least: f64| {
                let ratio = contrast(&of(over), &of(under));
                assert!(ratio >= least, "{mode}: {over} on {under} has a contrast of {ratio:.2}");
            };
            for under in ["paper", "band", "warn-paper"] {
                for over in ["ink", "soft", "accent"] {
                    check(over, under, 4.5);
                }
            }
            for tier in ["full", "middling", "low"] {
                check("ink", tier, 4.5);
            }
            for way in ["h", "l"] {
                for step in 1..=4 {
                    check("ink", &format!("{way}{step}"), 4.5);
                }
                for step in 5..=6 {
                    check("on-deep", &format!("{way}{step}"), 4.5);
                }
            }
            // Marks and lines are graphics: 3 to 1.
            for series in 0..6 {
                for under in ["paper", "band"] {
                    check(&format!("s{series}"), under, 3.0);
                }
            }
            check("soft", "paper", 4.5);
        }
    }
}
