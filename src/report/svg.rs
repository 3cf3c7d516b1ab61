//! SVG by hand: escaped text, short numbers. Colours are the page's: shapes have classes, not paint.

use std::fmt::Write;

/// A picture under construction. Coordinates are CSS pixels, y downwards.
#[derive(Debug, Clone, PartialEq)]
pub struct Svg {
    width: f64,
    height: f64,
    pub elements: Vec<Element>,
}

/// What a picture is made of. Classes, separated by blanks, say how it is painted.
#[derive(Debug, Clone, PartialEq)]
pub enum Element {
    Line {
        class: String,
        ends: [(f64, f64); 2],
    },
    Rect {
        class: String,
        corner: (f64, f64),
        size: (f64, f64),
    },
    Circle {
        class: String,
        centre: (f64, f64),
        radius: f64,
    },
    /// A filled outline.
    Outline {
        class: String,
        points: Vec<(f64, f64)>,
    },
    Text {
        class: String,
        anchor: Anchor,
        at: (f64, f64),
        text: String,
    },
    /// Text that runs upwards.
    TextUp {
        class: String,
        at: (f64, f64),
        text: String,
    },
    /// What follows up to its `Close` belongs together; `tip` is what a pointer or a screen reader finds there.
    Open {
        class: String,
        tip: String,
    },
    Close,
    /// Another picture, its upper left corner at a point.
    Nest {
        picture: Svg,
        corner: (f64, f64),
    },
}

/// Which end of a text stands at its x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// A mark's outline, so that series differ by more than colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Circle,
    Square,
    Triangle,
    Diamond,
    /// Two crossing strokes: a value without an interval, whatever its series.
    Cross,
}

impl Shape {
    pub fn of_series(series: usize) -> Shape {
        [Shape::Circle, Shape::Square, Shape::Triangle, Shape::Diamond][series % 4]
    }
}

impl Svg {
    pub fn new(width: f64, height: f64) -> Svg {
        Svg { width, height, elements: Vec::new() }
    }

    pub fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        self.elements.push(Element::Line { class: class.to_owned(), ends: [from, to] });
    }

    pub fn rect(&mut self, class: &str, corner: (f64, f64), (width, height): (f64, f64)) {
        let size = (width.max(0.0), height.max(0.0));
        self.elements.push(Element::Rect { class: class.to_owned(), corner, size });
    }

    pub fn text(&mut self, class: &str, anchor: Anchor, at: (f64, f64), text: &str) {
        let (class, text) = (class.to_owned(), text.to_owned());
        self.elements.push(Element::Text { class, anchor, at, text });
    }

    /// Text that runs upwards from a point.
    pub fn text_up(&mut self, class: &str, at: (f64, f64), text: &str) {
        self.elements.push(Element::TextUp { class: class.to_owned(), at, text: text.to_owned() });
    }

    /// A mark centred at a point; `size` is about its radius.
    pub fn mark(&mut self, class: &str, shape: Shape, (x, y): (f64, f64), size: f64) {
        match shape {
            Shape::Circle => {
                let class = class.to_owned();
                self.elements.push(Element::Circle { class, centre: (x, y), radius: size });
            }
            Shape::Square => {
                let half = size * 0.89;
                self.rect(class, (x - half, y - half), (2.0 * half, 2.0 * half));
            }
            Shape::Triangle => self.closed(
                class,
                &[(x, y - 1.25 * size), (x + 1.15 * size, y + 0.8 * size), (x - 1.15 * size, y + 0.8 * size)],
            ),
            Shape::Cross => {
                let d = 1.1 * size;
                self.line(class, (x - d, y - d), (x + d, y + d));
                self.line(class, (x - d, y + d), (x + d, y - d));
            }
            Shape::Diamond => {
                let d = 1.3 * size;
                self.closed(class, &[(x, y - d), (x + d, y), (x, y + d), (x - d, y)]);
            }
        }
    }

    /// A filled outline through points.
    pub fn closed(&mut self, class: &str, points: &[(f64, f64)]) {
        self.elements.push(Element::Outline { class: class.to_owned(), points: points.to_vec() });
    }

    /// Opens a group.
    pub fn open(&mut self, class: &str, tip: &str) {
        self.elements.push(Element::Open { class: class.to_owned(), tip: tip.to_owned() });
    }

    pub fn close(&mut self) {
        self.elements.push(Element::Close);
    }

    /// The finished picture. `id` is unique on its page; `title` names the picture, `description` says what it shows.
    pub fn finish(self, id: &str, title: &str, description: &str) -> Picture {
        let (title, description) = (title.to_owned(), description.to_owned());
        Picture { drawn: self, id: id.to_owned(), title, description }
    }

    /// The finished element where the text beside it says everything.
    pub fn decoration(&self) -> String {
        let (w, h) = (Px(self.width), Px(self.height));
        let body = self.body();
        format!(r#"<svg aria-hidden="true" viewBox="0 0 {w} {h}" width="{w}" height="{h}">{body}</svg>"#)
    }

    /// Puts another picture into this one, its upper left corner at a point.
    pub fn nest(&mut self, other: &Svg, corner: (f64, f64)) {
        self.elements.push(Element::Nest { picture: other.clone(), corner });
    }

    /// A file of its own, with the style that the page would give it.
    pub fn file(&self, title: &str, style: &str) -> String {
        let (w, h, title) = (Px(self.width), Px(self.height), Escaped(title));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w} {h}\" width=\"{w}\" height=\"{h}\">\n\
             <title>{title}</title>\n<style>{style}</style>\n\
             <rect class=\"paper\" width=\"{w}\" height=\"{h}\"/>{}</svg>\n",
            self.body()
        )
    }

    pub fn size(&self) -> (f64, f64) {
        (self.width, self.height)
    }

    /// Makes it so high.
    pub fn set_height(&mut self, height: f64) {
        self.height = height;
    }

    /// The elements as markup.
    fn body(&self) -> String {
        let mut out = String::new();
        for element in &self.elements {
            // Writing to a string does not fail.
            let _ = element.write(&mut out);
        }
        out
    }
}

impl Element {
    fn write(&self, out: &mut String) -> std::fmt::Result {
        match self {
            Element::Line { class, ends: [(x1, y1), (x2, y2)] } => {
                let (x1, y1, x2, y2) = (Px(*x1), Px(*y1), Px(*x2), Px(*y2));
                write!(out, r#"<line class="{class}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>"#)
            }
            Element::Rect { class, corner: (x, y), size: (w, h) } => {
                let (x, y, w, h) = (Px(*x), Px(*y), Px(*w), Px(*h));
                write!(out, r#"<rect class="{class}" x="{x}" y="{y}" width="{w}" height="{h}"/>"#)
            }
            Element::Circle { class, centre: (x, y), radius } => {
                let (x, y, r) = (Px(*x), Px(*y), Px(*radius));
                write!(out, r#"<circle class="{class}" cx="{x}" cy="{y}" r="{r}"/>"#)
            }
            Element::Outline { class, points } => {
                write!(out, r#"<path class="{class}" d=""#)?;
                for (i, (x, y)) in points.iter().enumerate() {
                    write!(out, "{}{} {}", if i == 0 { 'M' } else { 'L' }, Px(*x), Px(*y))?;
                }
                out.write_str(r#"Z"/>"#)
            }
            Element::Text { class, anchor, at: (x, y), text } => {
                let anchor = match anchor {
                    Anchor::Start => "",
                    Anchor::Middle => r#" text-anchor="middle""#,
                    Anchor::End => r#" text-anchor="end""#,
                };
                let (x, y, text) = (Px(*x), Px(*y), Escaped(text));
                write!(out, r#"<text class="{class}" x="{x}" y="{y}"{anchor}>{text}</text>"#)
            }
            Element::TextUp { class, at: (x, y), text } => {
                let (x, y, text) = (Px(*x), Px(*y), Escaped(text));
                write!(
                    out,
                    r#"<text class="{class}" transform="translate({x} {y}) rotate(-90)">{text}</text>"#
                )
            }
            Element::Open { class, tip } => {
                write!(out, r#"<g class="{class}">"#)?;
                if tip.is_empty() { Ok(()) } else { write!(out, "<title>{}</title>", Escaped(tip)) }
            }
            Element::Close => out.write_str("</g>"),
            Element::Nest { picture, corner: (x, y) } => {
                let (x, y, w, h) = (Px(*x), Px(*y), Px(picture.width), Px(picture.height));
                let body = picture.body();
                write!(
                    out,
                    r#"<svg x="{x}" y="{y}" width="{w}" height="{h}" viewBox="0 0 {w} {h}">{body}</svg>"#
                )
            }
        }
    }
}

/// A finished picture with its name.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    pub drawn: Svg,
    id: String,
    title: String,
    description: String,
}

impl Picture {
    /// The element as it stands in a page.
    pub fn inline(&self) -> String {
        let (w, h) = (Px(self.drawn.width), Px(self.drawn.height));
        let (id, title, description) = (&self.id, Escaped(&self.title), Escaped(&self.description));
        format!(
            r#"<svg role="img" viewBox="0 0 {w} {h}" width="{w}" height="{h}" aria-labelledby="{id}-t {id}-d"><title id="{id}-t">{title}</title><desc id="{id}-d">{description}</desc>{}</svg>"#,
            self.drawn.body()
        )
    }
}

/// A coordinate to a tenth of a pixel, without idle zeros; what is not finite is 0.
struct Px(f64);

impl std::fmt::Display for Px {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tenths = if self.0.is_finite() { (self.0 * 10.0).round() as i64 } else { 0 };
        let (whole, tenth) = (tenths.abs() / 10, tenths.abs() % 10);
        let sign = if tenths < 0 { "-" } else { "" };
        if tenth == 0 { write!(f, "{sign}{whole}") } else { write!(f, "{sign}{whole}.{tenth}") }
    }
}

/// Text for markup: the five characters that mean something there, and none that XML forbids.
pub struct Escaped<'a>(pub &'a str);

impl std::fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c if c.is_control() => f.write_char(' ')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_numbers_are_short() {
        let mut svg = Svg::new(100.0, 20.0);
        svg.text("label", Anchor::End, (9.96, -0.04), "<b>&\"'\u{0}</b>");
        let out = svg.finish("a", "t<", "d>").inline();
        assert!(
            out.contains(r#"x="10" y="0" text-anchor="end">&lt;b&gt;&amp;&quot;&#39; &lt;/b&gt;</text>"#),
            "{out}"
        );
        assert!(out.contains(r#"<title id="a-t">t&lt;</title><desc id="a-d">d&gt;</desc>"#), "{out}");
    }
}
