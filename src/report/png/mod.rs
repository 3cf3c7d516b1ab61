//! Pictures as PNG: the same elements as in the SVG, painted by the same style, in letters that come with the program, so
//! that a picture looks the same everywhere.

mod cascade;
mod letters;

use tiny_skia::{
    Color, FillRule, Paint as Ink, Path, PathBuilder, Pixmap, Rect, Stroke, StrokeDash, Transform,
};

use super::svg::{Anchor, Element, Svg};
use cascade::{Cascade, Node, Paint};
use letters::{Letters, Run};

/// Pixels to a CSS pixel: sharp in print at the size that the page gives it.
const SCALE: f32 = 2.0;

/// A picture, and the characters that no font on this machine has: they are drawn as boxes.
#[derive(Debug, Clone, PartialEq)]
pub struct Png {
    pub bytes: Vec<u8>,
    pub missing: Vec<char>,
}

#[derive(Debug, thiserror::Error)]
#[error("the figure {name} cannot be drawn as PNG: {problem}")]
pub struct PngError {
    name: String,
    problem: String,
}

/// Paints a picture on light paper; `name` is what an error calls it. Groups' opacity is given to each of their elements.
///
/// # Errors
/// A picture that is too large for the memory, or has no size.
pub fn paint(name: &str, picture: &Svg, style: &str) -> Result<Png, PngError> {
    let fail = |problem: &str| PngError { name: name.to_owned(), problem: problem.to_owned() };
    let (width, height) = picture.size();
    let pixels = |length: f64| (length * f64::from(SCALE)).ceil() as u32;
    let pixmap = Pixmap::new(pixels(width), pixels(height)).ok_or_else(|| fail("no picture is so large"))?;
    let mut painter = Painter { pixmap, cascade: Cascade::parse(style), letters: Letters::new() };
    let paper = Element::Rect { class: "paper".to_owned(), corner: (0.0, 0.0), size: (width, height) };
    painter.element(&paper, &[("svg", "")], Transform::from_scale(SCALE, SCALE));
    painter.all(picture, &[("svg", "")], Transform::from_scale(SCALE, SCALE));
    let bytes = painter.pixmap.encode_png().map_err(|e| fail(&e.to_string()))?;
    Ok(Png { bytes, missing: painter.letters.missing() })
}

struct Painter {
    pixmap: Pixmap,
    cascade: Cascade,
    letters: Letters,
}

impl Painter {
    fn all(&mut self, picture: &Svg, around: &[Node<'_>], place: Transform) {
        let mut nodes = around.to_vec();
        for element in &picture.elements {
            match element {
                Element::Open { class, .. } => nodes.push(("g", class)),
                Element::Close => drop(nodes.pop()),
                Element::Nest { picture, corner: (x, y) } => {
                    nodes.push(("svg", ""));
                    self.all(picture, &nodes, place.pre_translate(*x as f32, *y as f32));
                    nodes.pop();
                }
                other => self.element(other, &nodes, place),
            }
        }
    }

    fn element(&mut self, element: &Element, around: &[Node<'_>], place: Transform) {
        let (node, outline): (Node<'_>, Option<Path>) = match element {
            Element::Line { class, ends } => (("line", class), through(ends, false)),
            Element::Rect { class, corner: (x, y), size: (w, h) } => {
                let rect = Rect::from_xywh(*x as f32, *y as f32, *w as f32, *h as f32);
                (("rect", class), rect.map(PathBuilder::from_rect))
            }
            Element::Circle { class, centre: (x, y), radius } => {
                (("circle", class), PathBuilder::from_circle(*x as f32, *y as f32, *radius as f32))
            }
            Element::Outline { class, points } => (("path", class), through(points, true)),
            Element::Text { class, anchor, at, text } => {
                let write = |run: &Run| match anchor {
                    Anchor::Start => Transform::from_translate(at.0 as f32, at.1 as f32),
                    Anchor::Middle => Transform::from_translate(at.0 as f32 - run.advance / 2.0, at.1 as f32),
                    Anchor::End => Transform::from_translate(at.0 as f32 - run.advance, at.1 as f32),
                };
                (("text", class), self.text(class, around, text, write))
            }
            Element::TextUp { class, at: (x, y), text } => {
                let up = |_: &Run| Transform::from_translate(*x as f32, *y as f32).pre_rotate(-90.0);
                (("text", class), self.text(class, around, text, up))
            }
            Element::Open { .. } | Element::Close | Element::Nest { .. } => return,
        };
        let Some(outline) = outline else { return };
        let paint = self.paint(node, around);
        if let Some(ink) = ink(&paint.fill, paint.opacity).filter(|_| node.0 != "line") {
            self.pixmap.fill_path(&outline, &ink, FillRule::Winding, place, None);
        }
        if let Some(ink) = ink(&paint.stroke, paint.opacity) {
            let dash = (paint.dashes.len() > 1).then(|| StrokeDash::new(paint.dashes, 0.0)).flatten();
            let stroke = Stroke { width: paint.stroke_width, dash, ..Stroke::default() };
            self.pixmap.stroke_path(&outline, &ink, &stroke, place, None);
        }
    }

    fn paint(&self, node: Node<'_>, around: &[Node<'_>]) -> Paint {
        self.cascade.paint(&[around, &[node]].concat())
    }

    fn text(
        &mut self,
        class: &str,
        around: &[Node<'_>],
        text: &str,
        place: impl Fn(&Run) -> Transform,
    ) -> Option<Path> {
        let paint = self.paint(("text", class), around);
        let run = self.letters.run(text, paint.font_size, paint.bold);
        let place = place(&run);
        run.placed(place)
    }
}

fn through(points: &[(f64, f64)], closed: bool) -> Option<Path> {
    let mut path = PathBuilder::new();
    for (i, (x, y)) in points.iter().enumerate() {
        match i {
            0 => path.move_to(*x as f32, *y as f32),
            _ => path.line_to(*x as f32, *y as f32),
        }
    }
    if closed {
        path.close();
    }
    path.finish()
}

/// `None` for no paint.
fn ink(colour: &str, opacity: f32) -> Option<Ink<'static>> {
    let hex = colour.strip_prefix('#')?;
    let channel = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    let mut colour = Color::from_rgba8(channel(0)?, channel(2)?, channel(4)?, 255);
    colour.apply_opacity(opacity);
    let mut ink = Ink { anti_alias: true, ..Ink::default() };
    ink.set_color(colour);
    Some(ink)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: &str = "svg .paper { fill: #ffffff; } svg .low { opacity: .5; } .s0 { color: #ff0000; } svg .fill { fill: currentColor; } \
                         svg .ci { stroke: currentColor; stroke-width: 2; } svg text { font-size: 12px; } svg .strong { font-weight: 700; }";

    fn painted(picture: &Svg) -> (Pixmap, Vec<char>) {
        let png = paint("fig-x", picture, STYLE).expect("a picture");
        (Pixmap::decode_png(&png.bytes).expect("a PNG"), png.missing)
    }

    fn at(pixmap: &Pixmap, x: u32, y: u32) -> (u8, u8, u8) {
        pixmap.pixel(x, y).map(|p| (p.red(), p.green(), p.blue())).expect("inside")
    }

    #[test]
    fn elements_stand_where_the_svg_has_them_and_take_its_paint() {
        let mut inner = Svg::new(20.0, 20.0);
        inner.open("s0 low", "");
        inner.rect("fill", (0.0, 0.0), (10.0, 10.0));
        inner.line("ci", (0.0, 15.0), (10.0, 15.0));
        inner.close();
        let mut picture = Svg::new(60.0, 40.0);
        picture.nest(&inner, (20.0, 10.0));
        let (pixmap, _) = painted(&picture);
        assert_eq!((pixmap.width(), pixmap.height()), (120, 80));
        let half = (255, 127, 127);
        let near = |(r, g, b): (u8, u8, u8)| r == half.0 && g.abs_diff(half.1) < 2 && b.abs_diff(half.2) < 2;
        assert_eq!((at(&pixmap, 2, 2), at(&pixmap, 38, 30)), ((255, 255, 255), (255, 255, 255)));
        assert!(near(at(&pixmap, 50, 30)), "the nested square: {:?}", at(&pixmap, 50, 30));
        assert!(near(at(&pixmap, 50, 50)), "its line: {:?}", at(&pixmap, 50, 50));
    }

    #[test]
    fn text_is_written_in_the_programs_letters_and_anchored() {
        let dark = |class: &str, anchor: Anchor| {
            let mut picture = Svg::new(100.0, 20.0);
            picture.text(class, anchor, (50.0, 15.0), "−2.5 “†‡”≥±×→é");
            let (pixmap, missing) = painted(&picture);
            assert_eq!(missing, []);
            let side = |from: u32| (from..from + 100).flat_map(|x| (0..40).map(move |y| (x, y)));
            [0, 100].map(|from| side(from).filter(|(x, y)| at(&pixmap, *x, *y).0 < 128).count())
        };
        let ([left, right], [_, bold]) = (dark("", Anchor::Start), dark("strong", Anchor::Start));
        assert!(left == 0 && right > 200 && bold > right + right / 8, "{left} {right} {bold}");
        let ([left, right], [l, r]) = (dark("", Anchor::End), dark("", Anchor::Middle));
        assert!(left > 200 && right == 0 && l > 50 && r > 50, "{left} {right} {l} {r}");
    }

    #[test]
    fn what_no_font_has_is_named_and_what_has_no_size_refused() {
        let mut picture = Svg::new(60.0, 20.0);
        // A private character that no font gives a shape.
        picture.text_up("", (20.0, 18.0), "a\u{f8fe3}");
        assert_eq!(painted(&picture).1, ['\u{f8fe3}']);
        assert!(
            paint("fig-x", &Svg::new(0.0, 20.0), STYLE).expect_err("refused").to_string().contains("fig-x")
        );
    }
}
