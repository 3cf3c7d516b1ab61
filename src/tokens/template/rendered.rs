//! What a chat template gives: text, or texts between ids.

/// A conversation as the model reads it, before it is encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    segments: Vec<Segment>,
}

/// A part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Encoded on its own: no token reaches over into the next segment.
    Text(String),
    /// A token that text may have no way to spell.
    Id(u32),
}

impl Rendered {
    pub(crate) fn new(segments: Vec<Segment>) -> Self {
        Self { segments }
    }

    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The whole, if it is one text.
    pub fn as_text(&self) -> Option<&str> {
        match &self.segments[..] {
            [Segment::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// With `text` behind it, joined to the text that stands there.
    pub fn followed_by(&self, text: &str) -> Self {
        let mut segments = self.segments.clone();
        match segments.last_mut() {
            Some(Segment::Text(last)) => last.push_str(text),
            _ => segments.push(Segment::Text(text.to_owned())),
        }
        Self { segments }
    }

    /// For messages.
    pub(crate) fn first_text(&self) -> &str {
        let text = |segment: &'_ Segment| matches!(segment, Segment::Text(_));
        match self.segments.iter().find(|segment| text(segment)) {
            Some(Segment::Text(text)) => text,
            _ => "",
        }
    }
}

impl From<String> for Rendered {
    fn from(text: String) -> Self {
        Self { segments: vec![Segment::Text(text)] }
    }
}

impl From<&str> for Rendered {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}
