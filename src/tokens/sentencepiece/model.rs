//! `ModelProto`: the pieces with their scores, and how text is normalised.

use super::protobuf::{Fields, Wire};

/// What decides the ids.
pub(super) struct Model {
    pub pieces: Vec<Piece>,
    pub algorithm: Algorithm,
    pub byte_fallback: bool,
    pub normalizer: NormalizerSpec,
}

#[derive(Debug, Clone)]
pub(super) struct Piece {
    pub text: String,
    pub score: f32,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Byte,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Unigram,
    Bpe,
}

pub(super) struct NormalizerSpec {
    pub name: String,
    /// Empty: the identity.
    pub charsmap: Vec<u8>,
    pub add_dummy_prefix: bool,
    pub remove_extra_whitespaces: bool,
    pub escape_whitespaces: bool,
}

/// proto2's defaults for what a file leaves out.
impl Default for NormalizerSpec {
    fn default() -> Self {
        Self {
            name: String::new(),
            charsmap: Vec::new(),
            add_dummy_prefix: true,
            remove_extra_whitespaces: true,
            escape_whitespaces: true,
        }
    }
}

pub(super) fn read(bytes: &[u8]) -> Result<Model, String> {
    let mut model = Model {
        pieces: Vec::new(),
        algorithm: Algorithm::Unigram,
        byte_fallback: false,
        normalizer: NormalizerSpec::default(),
    };
    let mut fields = Fields::of(bytes);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => {
                let number = model.pieces.len();
                let piece = piece(value.bytes("pieces")?).map_err(|why| format!("piece {number}: {why}"))?;
                model.pieces.push(piece);
            }
            2 => trainer_spec(value, &mut model)?,
            3 => normalizer_spec(value, &mut model.normalizer)?,
            _ => {}
        }
    }
    if model.pieces.is_empty() {
        return Err("it holds no piece".into());
    }
    if u32::try_from(model.pieces.len()).is_err() {
        return Err("it holds more pieces than there are ids".into());
    }
    Ok(model)
}

fn piece(bytes: &[u8]) -> Result<Piece, String> {
    let mut piece = Piece { text: String::new(), score: 0.0, kind: Kind::Normal };
    let mut fields = Fields::of(bytes);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => value.text("piece")?.clone_into(&mut piece.text),
            2 => piece.score = value.float("score")?,
            3 => {
                piece.kind = match value.number("type")? {
                    1 => Kind::Normal,
                    2 => Kind::Unknown,
                    3 => Kind::Control,
                    4 => Kind::UserDefined,
                    5 => {
                        let text = &piece.text;
                        return Err(format!(
                            "{text:?} is an UNUSED piece; such vocabularies are not covered"
                        ));
                    }
                    6 => Kind::Byte,
                    other => return Err(format!("`type` is {other}, which is not known")),
                }
            }
            _ => {}
        }
    }
    if piece.text.is_empty() {
        return Err("it is empty".into());
    }
    if !piece.score.is_finite() {
        return Err(format!("{:?} has the score {}", piece.text, piece.score));
    }
    Ok(piece)
}

fn trainer_spec(value: Wire<'_>, model: &mut Model) -> Result<(), String> {
    let mut fields = Fields::of(value.bytes("trainer_spec")?);
    while let Some((number, value)) = fields.next()? {
        match number {
            3 => {
                model.algorithm = match value.number("trainer_spec.model_type")? {
                    1 => Algorithm::Unigram,
                    2 => Algorithm::Bpe,
                    3 => return Err("`trainer_spec.model_type` is WORD; BPE and UNIGRAM are read".into()),
                    4 => return Err("`trainer_spec.model_type` is CHAR; BPE and UNIGRAM are read".into()),
                    other => return Err(format!("`trainer_spec.model_type` is {other}, which is not known")),
                }
            }
            24 if value.flag("trainer_spec.treat_whitespace_as_suffix")? => {
                return Err("`trainer_spec.treat_whitespace_as_suffix` is on, which is not covered".into());
            }
            35 => model.byte_fallback = value.flag("trainer_spec.byte_fallback")?,
            _ => {}
        }
    }
    Ok(())
}

fn normalizer_spec(value: Wire<'_>, spec: &mut NormalizerSpec) -> Result<(), String> {
    let mut fields = Fields::of(value.bytes("normalizer_spec")?);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => value.text("normalizer_spec.name")?.clone_into(&mut spec.name),
            2 => value.bytes("normalizer_spec.precompiled_charsmap")?.clone_into(&mut spec.charsmap),
            3 => spec.add_dummy_prefix = value.flag("normalizer_spec.add_dummy_prefix")?,
            4 => spec.remove_extra_whitespaces = value.flag("normalizer_spec.remove_extra_whitespaces")?,
            5 => spec.escape_whitespaces = value.flag("normalizer_spec.escape_whitespaces")?,
            _ => {}
        }
    }
    Ok(())
}
