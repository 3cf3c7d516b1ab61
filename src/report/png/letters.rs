//! Letters as outlines: the program's own, and the machine's for the scripts that these lack.

use std::collections::{BTreeSet, HashMap};

use fontdb::{Database, ID};
use tiny_skia::{Path, PathBuilder, Transform};
use ttf_parser::{Face, GlyphId, OutlineBuilder};

/// Parts of DejaVu Sans (`fonts/LICENSE`, `fonts/make.py`).
const REGULAR: &[u8] = include_bytes!("../fonts/regular.ttf");
const BOLD: &[u8] = include_bytes!("../fonts/bold.ttf");

pub struct Letters {
    own: [Option<Face<'static>>; 2],
    /// Of the machine; looked through when the first character wants it.
    others: Option<Database>,
    /// Which of them has a character.
    found: HashMap<char, Option<ID>>,
    missing: BTreeSet<char>,
}

/// A text's outline, from its start on its base line, and how far it runs.
pub struct Run {
    pub outline: Option<Path>,
    pub advance: f32,
}

impl Letters {
    pub fn new() -> Letters {
        let own = [REGULAR, BOLD].map(|font| Face::parse(font, 0).ok());
        Letters { own, others: None, found: HashMap::new(), missing: BTreeSet::new() }
    }

    /// Characters that no font had so far: they are drawn as boxes.
    pub fn missing(&self) -> Vec<char> {
        self.missing.iter().copied().collect()
    }

    /// Letter by letter, without kerning and ligatures.
    pub fn run(&mut self, text: &str, size: f32, bold: bool) -> Run {
        let mut pen = Pen { path: PathBuilder::new(), x: 0.0, scale: 1.0 };
        for c in text.chars() {
            let Some(own) = self.own[usize::from(bold)].clone() else { continue };
            match own.glyph_index(c) {
                Some(glyph) => pen.draw(&own, glyph, size),
                None => self.other(c, size, &own, &mut pen),
            }
        }
        Run { advance: pen.x, outline: pen.path.finish() }
    }

    fn other(&mut self, c: char, size: f32, own: &Face<'_>, pen: &mut Pen) {
        let fonts = self.others.get_or_insert_with(machine);
        let id = *self.found.entry(c).or_insert_with(|| having(fonts, c));
        let draw = |data: &[u8], index: u32| {
            let face = Face::parse(data, index).ok()?;
            pen.draw(&face, face.glyph_index(c)?, size);
            Some(())
        };
        if id.and_then(|id| fonts.with_face_data(id, draw)).flatten().is_none() {
            self.missing.insert(c);
            pen.draw(own, GlyphId(0), size);
        }
    }
}

/// The machine's fonts, upright and of usual weight first, in the order of their names.
fn machine() -> Database {
    let mut fonts = Database::new();
    fonts.load_system_fonts();
    fonts
}

fn having(fonts: &Database, c: char) -> Option<ID> {
    let mut faces: Vec<_> = fonts.faces().collect();
    faces.sort_by_key(|face| {
        let odd = (face.style != fontdb::Style::Normal, face.weight.0.abs_diff(400));
        (odd, face.monospaced, face.post_script_name.clone(), face.index)
    });
    let has = |data: &[u8], index: u32| Face::parse(data, index).is_ok_and(|f| f.glyph_index(c).is_some());
    faces.into_iter().map(|face| face.id).find(|id| fonts.with_face_data(*id, has) == Some(true))
}

/// Draws glyphs one behind the other; font units go upwards, pixels downwards.
struct Pen {
    path: PathBuilder,
    x: f32,
    scale: f32,
}

impl Pen {
    fn draw(&mut self, face: &Face<'_>, glyph: GlyphId, size: f32) {
        self.scale = size / f32::from(face.units_per_em().max(1));
        face.outline_glyph(glyph, self);
        self.x += f32::from(face.glyph_hor_advance(glyph).unwrap_or_default()) * self.scale;
    }

    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x * self.scale, -y * self.scale)
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.move_to(x, y);
    }
    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.line_to(x, y);
    }
    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.path.quad_to(x1, y1, x, y);
    }
    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.at(x1, y1), self.at(x2, y2), self.at(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }
    fn close(&mut self) {
        self.path.close();
    }
}

impl Run {
    /// The outline where `place` puts it.
    pub fn placed(self, place: Transform) -> Option<Path> {
        self.outline?.transform(place)
    }
}
