//! A numbered figure: panels under headings, a key, and the numbers that it draws; and the same as one SVG file.

use serde::Serialize;

use super::data::Data;
use super::fit::{shorten, text_width};
use super::style;
use super::svg::{Anchor, Picture, Svg};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// The anchor and the name of its files.
    pub anchor: String,
    /// Given when the document is put together.
    pub number: usize,
    /// What it shows, in a few words.
    pub title: String,
    /// How to read it.
    pub caption: String,
    pub legend: Vec<LegendEntry>,
    pub groups: Vec<Group>,
    /// Data URIs of its picture and of its numbers; empty until a page wants them.
    pub svg_link: String,
    pub csv_link: String,
    #[serde(skip)]
    pub data: Data,
}

/// One picture of a figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Panel {
    pub title: String,
    pub note: String,
    /// Finished markup.
    pub svg: String,
    pub fit: Fit,
    #[serde(skip)]
    picture: Picture,
}

/// How a panel takes its place on a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Beside another where there is room.
    Half,
    /// As wide as the page, where that is wide.
    Desk,
    /// What stands in the place of a `Desk` panel on a narrow screen.
    Phone,
    /// As wide as the page; it scrolls sideways on a narrow screen.
    Scroll,
    /// The same, and beside another where there is room.
    ScrollHalf,
}

/// What stands beside another is at most so wide.
const HALF: f64 = 468.0;

impl Panel {
    pub fn new(title: impl Into<String>, note: impl Into<String>, picture: Picture) -> Panel {
        Panel { title: title.into(), note: note.into(), svg: picture.inline(), fit: Fit::Half, picture }
    }

    #[must_use]
    pub fn fit(mut self, fit: Fit) -> Panel {
        let narrow = self.picture.drawn.size().0 <= HALF;
        self.fit = if fit == Fit::Scroll && narrow { Fit::ScrollHalf } else { fit };
        self
    }
}

/// A heading with its panels.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Group {
    pub title: String,
    pub panels: Vec<Panel>,
}

impl Group {
    /// Panels without a heading.
    pub fn untitled(panels: Vec<Panel>) -> Vec<Group> {
        vec![Group { title: String::new(), panels }]
    }
}

/// A key to a series or a shape.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LegendEntry {
    /// Finished markup.
    pub svg: String,
    pub text: String,
    #[serde(skip)]
    swatch: Option<Svg>,
}

impl LegendEntry {
    pub fn new(swatch: Option<Svg>, text: impl Into<String>) -> LegendEntry {
        let svg = swatch.as_ref().map_or_else(String::new, Svg::decoration);
        LegendEntry { svg, text: text.into(), swatch }
    }
}

impl Figure {
    /// A figure without a key and without links.
    pub fn new(anchor: impl AsRef<str>, title: impl Into<String>, caption: impl Into<String>) -> Figure {
        Figure {
            anchor: slug(anchor.as_ref()),
            number: 0,
            title: title.into(),
            caption: caption.into(),
            legend: Vec::new(),
            groups: Vec::new(),
            svg_link: String::new(),
            csv_link: String::new(),
            data: Data::default(),
        }
    }

    /// All of it as one SVG file on light paper, wherever it is opened.
    pub fn file(&self) -> String {
        self.drawn().file(&self.heading(), &style::standalone())
    }

    fn heading(&self) -> String {
        format!("Figure {}. {}", self.number, self.title)
    }

    /// All of it as one picture.
    pub fn drawn(&self) -> Svg {
        const MARGIN: f64 = 16.0;
        const GAP: f64 = 24.0;
        let drawn = |group: &Group| -> Vec<Panel> {
            group.panels.iter().filter(|p| p.fit != Fit::Phone).cloned().collect()
        };
        let panels: Vec<Vec<Panel>> = self.groups.iter().map(drawn).collect();
        let widest = panels.iter().flatten().map(|p| p.picture.drawn.size().0).fold(0.0, f64::max);
        let most = panels.iter().map(Vec::len).max().unwrap_or(1);
        let columns = if most > 1 && widest < 500.0 { 2 } else { 1 };
        let width = (2.0 * MARGIN + widest * columns as f64 + GAP * (columns - 1) as f64).max(420.0);
        let inner = width - 2.0 * MARGIN;
        let mut svg = Svg::new(width, 0.0);
        let mut y = MARGIN + 14.0;
        svg.text("heading", Anchor::Start, (MARGIN, y), &shorten(&self.heading(), inner / 15.0));
        y += 14.0;
        y = self.draw_legend(&mut svg, (MARGIN, y), inner);
        for (group, panels) in self.groups.iter().zip(&panels) {
            if !group.title.is_empty() {
                y += 20.0;
                svg.text("heading", Anchor::Start, (MARGIN, y), &shorten(&group.title, inner / 15.0));
                y += 4.0;
            }
            for row in panels.chunks(columns) {
                let titled = row.iter().any(|p| !p.title.is_empty());
                let noted = row.iter().any(|p| !p.note.is_empty());
                let top = y + if titled { 22.0 } else { 8.0 };
                let mut lowest = top;
                for (i, panel) in row.iter().enumerate() {
                    let x = MARGIN + (widest + GAP) * i as f64;
                    let size = panel.picture.drawn.size();
                    svg.text(
                        "label strong",
                        Anchor::Start,
                        (x, top - 6.0),
                        &shorten(&panel.title, widest / 13.0),
                    );
                    svg.nest(&panel.picture.drawn, (x, top));
                    let foot = top + size.1 + 8.0;
                    svg.text("tick", Anchor::Start, (x, foot), &shorten(&panel.note, widest / 11.0));
                    lowest = lowest.max(top + size.1);
                }
                y = lowest + if noted { 14.0 } else { 4.0 };
            }
        }
        svg.set_height(y + MARGIN);
        svg
    }

    fn draw_legend(&self, svg: &mut Svg, (left, top): (f64, f64), inner: f64) -> f64 {
        if self.legend.is_empty() {
            return top;
        }
        let (mut x, mut y) = (left, top);
        for entry in &self.legend {
            let swatch = entry.swatch.as_ref().map_or(0.0, |swatch| swatch.size().0 + 6.0);
            let width = swatch + text_width(&entry.text) * 12.0;
            if x > left && x + width > left + inner {
                (x, y) = (left, y + 18.0);
            }
            if let Some(swatch) = &entry.swatch {
                svg.nest(swatch, (x, y));
            }
            svg.text("label", Anchor::Start, (x + swatch, y + 10.0), &entry.text);
            x += width + 16.0;
        }
        y + 18.0
    }
}

/// A name that an anchor and a file can have: letters and digits of any script, hyphens for the rest.
fn slug(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        match c {
            c if c.is_alphanumeric() => out.extend(c.to_lowercase()),
            _ if !out.ends_with('-') => out.push('-'),
            _ => {}
        }
    }
    out.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_plain() {
        assert_eq!(slug("fig-favourability-Org/Model@x \"'<"), "fig-favourability-org-model-x");
        assert_eq!(slug("fig-长"), "fig-长");
    }

    #[test]
    fn a_figures_file_holds_its_panels_and_reaches_for_nothing() {
        let mut drawn = Svg::new(400.0, 80.0);
        drawn.line("ci", (0.0, 1.0), (2.0, 3.0));
        let panel = Panel::new("One <&>", "", drawn.clone().finish("f1", "t", "d"));
        let phone = Panel::new("Two", "", drawn.clone().finish("f2", "t", "d")).fit(Fit::Phone);
        let mut figure = Figure::new("fig-x", "A title", "A caption");
        figure.legend = vec![LegendEntry::new(Some(drawn), "key")];
        figure.groups = Group::untitled(vec![panel.clone(), panel, phone]);
        let file = figure.file();
        assert_eq!(file.matches("<svg ").count(), 1 + 2 + 1, "{file}");
        assert!(file.contains("One &lt;&amp;&gt;") && !file.contains("Two"));
        assert!(!file.contains("var(") && !file.contains("url("), "{file}");
    }
}
