use super::*;

fn from_bytes(bytes: &[u8]) -> Result<SentencePiece, String> {
    SentencePiece::from_bytes(bytes, &BTreeMap::new(), false)
}

/// A field that holds bytes.
fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        field.push(length as u8 | 0x80);
        length >>= 7;
    }
    field.push(length as u8);
    field.extend_from_slice(content);
    field
}

/// A field that holds a small number; `number` may take two bytes.
fn number(number: u16, value: u8) -> Vec<u8> {
    let tag = number << 3;
    match tag {
        0..0x80 => vec![tag as u8, value],
        _ => vec![tag as u8 | 0x80, (tag >> 7) as u8, value],
    }
}

const NORMAL: u8 = 1;
const UNKNOWN: u8 = 2;
const CONTROL: u8 = 3;
const USER: u8 = 4;
const BYTE: u8 = 6;

fn piece(text: &str, score: f32, kind: u8) -> Vec<u8> {
    let score = [&[2 << 3 | 5], &score.to_le_bytes()[..]].concat();
    bytes(1, &[bytes(1, text.as_bytes()), score, number(3, kind)].concat())
}

/// BPE, the unknown piece and what else is given.
fn model(trainer: &[u8], normalizer: &[u8], pieces: &[Vec<u8>]) -> Vec<u8> {
    let spec = [number(3, 2), trainer.to_vec()].concat();
    [piece("<unk>", 0.0, UNKNOWN), pieces.concat(), bytes(2, &spec), bytes(3, normalizer)].concat()
}

/// Spaces as they are, no dummy prefix.
fn plain() -> Vec<u8> {
    [number(3, 0), number(4, 0)].concat()
}

fn refusal(model: &[u8]) -> String {
    match from_bytes(model) {
        Ok(_) => panic!("was accepted"),
        Err(why) => why,
    }
}

fn byte_pieces() -> Vec<Vec<u8>> {
    (0..=255u8).map(|byte| piece(&format!("<0x{byte:02X}>"), 0.0, BYTE)).collect()
}

#[test]
fn merges_go_by_score_and_then_from_the_left() {
    let pieces = ["a", "b", "c"].map(|text| piece(text, -9.0, NORMAL));
    let merges = [("ab", -2.0), ("bc", -1.0), ("abc", -3.0), ("aa", -2.0)];
    let merges = merges.map(|(text, score)| piece(text, score, NORMAL));
    let read = from_bytes(&model(&[], &plain(), &[&pieces[..], &merges].concat())).unwrap();
    let split = |text: &str| {
        let ids = read.encode(text);
        ids.iter().map(|id| read.piece(*id).unwrap().to_owned()).collect::<Vec<_>>()
    };
    // "bc" joins first; then "a" and "bc" make a piece
    assert_eq!(split("abc"), ["abc"]);
    assert_eq!(split("aab"), ["aa", "b"]);
    assert_eq!(split("abab"), ["ab", "ab"]);
    assert_eq!(split("cba"), ["c", "b", "a"]);
    assert_eq!(split(""), [""; 0]);
}

#[test]
fn spaces_may_stay_spaces() {
    let pieces = [" ", "\u{2581}", "a"].map(|text| piece(text, -1.0, NORMAL));
    let split = |escaped: u8| {
        let normalizer = [number(3, 1), number(4, 0), number(5, escaped)].concat();
        let read = from_bytes(&model(&[], &normalizer, &pieces)).unwrap();
        read.encode("a a").iter().map(|id| read.piece(*id).unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(split(0), [" ", "a", " ", "a"]);
    assert_eq!(split(1), ["\u{2581}", "a", "\u{2581}", "a"]);
}

#[test]
fn unknown_characters_fuse_or_become_bytes() {
    let letters = [piece("a", -1.0, NORMAL), piece("\u{2581}", -2.0, NORMAL)];
    let fused = from_bytes(&model(&[], &plain(), &letters)).unwrap();
    assert_eq!(fused.encode("a中国a x"), [1, 0, 1, 2, 0]);
    let pieces = [&byte_pieces()[..], &letters].concat();
    let in_bytes = from_bytes(&model(&number(35, 1), &plain(), &pieces)).unwrap();
    assert_eq!(in_bytes.encode("a中"), [257, 1 + 0xe4, 1 + 0xb8, 1 + 0xad]);
    assert_eq!(in_bytes.readable(1 + 0x0a).as_deref(), Some("\n"));
    assert_eq!(in_bytes.readable(1 + 0xe4).as_deref(), Some("<0xE4>"));
    assert_eq!(in_bytes.readable(258).as_deref(), Some(" "));
    assert_eq!(in_bytes.readable(9999), None);
}

#[test]
fn user_defined_pieces_stand_apart_and_control_pieces_are_out_of_reach() {
    let pieces = [
        piece("a", -1.0, NORMAL),
        piece("b", -1.0, NORMAL),
        piece("ab", -1.0, NORMAL),
        piece("ba", 0.0, USER),
        piece("bab", 0.0, USER),
        piece("<s>", 0.0, CONTROL),
    ];
    let read = from_bytes(&model(&[], &plain(), &pieces)).unwrap();
    assert_eq!(read.encode("abab"), [1, 5]);
    assert_eq!(read.encode("abaab"), [1, 4, 3]);
    assert!(!read.encode("<s>").contains(&6));
    assert_eq!(read.id("<s>"), Some(6));
    // `bpe_model.cc` joins nothing to a frozen symbol, though all of it be a piece.
    let pieces = [&pieces[..], &[piece("aba", -1.0, NORMAL), piece("bab", -1.0, NORMAL)]].concat();
    let pieces: Vec<_> = pieces.into_iter().filter(|one| *one != piece("bab", 0.0, USER)).collect();
    let read = from_bytes(&model(&[], &plain(), &pieces)).unwrap();
    assert_eq!([read.encode("aba"), read.encode("bab")], [[1, 4], [4, 2]]);
}

/// `unigram_model.cc` takes a later piece only where its path has more: of equal ones the earliest start stays.
#[test]
fn of_equal_paths_the_earliest_start_wins() {
    let pieces = [("a", -1.0), ("b", -1.0), ("ab", -2.0), ("c", -1.5), ("bc", -2.5), ("abc", -3.5)]
        .map(|(text, score)| piece(text, score, NORMAL));
    let read = from_bytes(&model(&number(3, 1), &plain(), &pieces)).unwrap();
    assert_eq!(read.encode("ab"), [3]);
    assert_eq!(read.encode("abc"), [6]);
    assert_eq!(read.encode("bc"), [5]);
    // A character without a piece costs ten more than the rarest: -13.5 - 1 against -1 - 13.5.
    assert_eq!(read.encode("axa"), [1, 0, 1]);
}

#[test]
fn a_name_that_another_piece_has_is_not_given_twice() {
    let pieces = ["a", "b", "c"].map(|text| piece(text, -1.0, NORMAL));
    let named = |names: &[(u32, &'static str)]| {
        let names = names.iter().copied().collect();
        let read = SentencePiece::from_bytes(&model(&[], &plain(), &pieces), &names, false).unwrap();
        (1..4).map(|id| read.piece(id).unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(named(&[(1, "x")]), ["x", "b", "c"]);
    assert_eq!(named(&[(1, "x"), (2, "c")]), ["x", "b", "c"]);
    assert_eq!(named(&[(1, "b"), (2, "a")]), ["b", "a", "c"]);
}

#[test]
fn marked_pieces_are_tokens_that_a_normaliser_does_not_change() {
    let pieces = [piece("<s>", 0.0, CONTROL), piece("<u>", 0.0, USER), piece("a", 0.0, NORMAL)];
    let read = from_bytes(&model(&[], &plain(), &pieces)).unwrap();
    let marked = |user_defined: bool| {
        let marked = read.marked(user_defined).into_iter();
        marked.map(|token| (token.content, token.special, token.normalized)).collect::<Vec<_>>()
    };
    let (control, user) = (("<s>".to_owned(), true, false), ("<u>".to_owned(), false, false));
    assert_eq!(marked(true), [control.clone(), user]);
    assert_eq!(marked(false), [control]);
    assert_eq!(read.normal().collect::<Vec<_>>(), [(3, "a")]);
}

#[test]
fn a_model_is_described_by_what_it_does() {
    let a = [piece("a", -1.0, NORMAL)];
    let described = |trainer: &[u8], normalizer: &[u8], pieces: &[Vec<u8>]| {
        from_bytes(&model(trainer, normalizer, pieces)).unwrap().describe()
    };
    assert_eq!(
        described(&[], &plain(), &a),
        "SentencePiece BPE, no byte fallback, unnamed normaliser, no dummy prefix, spaces kept"
    );
    let named = bytes(1, b"nfkc");
    assert_eq!(
        described(&number(3, 1), &named, &a),
        "SentencePiece unigram, no byte fallback, nfkc normaliser, a dummy prefix, extra spaces removed"
    );
    assert!(described(&number(35, 1), &named, &byte_pieces()).contains("BPE, byte fallback, "));
}

#[test]
fn what_is_not_covered_is_refused_by_name() {
    let a = || vec![piece("a", -1.0, NORMAL)];
    let spec = |trainer: &[u8]| refusal(&model(trainer, &plain(), &a()));
    assert!(spec(&number(3, 3)).contains("WORD"));
    assert!(spec(&number(3, 4)).contains("CHAR"));
    assert!(spec(&number(3, 9)).contains("`trainer_spec.model_type` is 9"));
    assert!(spec(&number(24, 1)).contains("treat_whitespace_as_suffix"));
    assert!(from_bytes(&model(&number(24, 0), &plain(), &a())).is_ok());
    assert!(spec(&number(35, 1)).contains("<0x00> is missing"));
    let pieces = |pieces: &[Vec<u8>]| refusal(&model(&[], &plain(), pieces));
    assert!(pieces(&[piece("b", 0.0, 5)]).contains("\"b\" is an UNUSED piece"));
    assert!(pieces(&[piece("b", 0.0, 7)]).contains("`type` is 7"));
    assert!(pieces(&[a(), a()].concat()).contains("\"a\" stands there twice"));
    assert!(pieces(&[piece("<u>", 0.0, UNKNOWN)]).contains("2 unknown pieces"));
    assert!(pieces(&[piece("", 0.0, NORMAL)]).contains("piece 1: it is empty"));
    assert!(pieces(&[piece("b", f32::NAN, NORMAL)]).contains("score NaN"));
    assert!(pieces(&byte_pieces()).contains("`byte_fallback` is off"));
    assert!(pieces(&[bytes(1, &bytes(1, b"\xff"))]).contains("`piece` is not UTF-8"));
    let none = bytes(1, &bytes(1, b"a"));
    assert!(refusal(&none).contains("0 unknown pieces"));
    let user = [piece("a", -1.0, NORMAL), piece("ab", 0.0, USER)];
    assert!(refusal(&model(&number(3, 1), &plain(), &user)).contains("user-defined piece, \"ab\""));
    let more = [byte_pieces(), vec![piece("<0x100>", 0.0, BYTE)]].concat();
    assert!(refusal(&model(&number(35, 1), &plain(), &more)).contains("257 byte pieces"));
}

#[test]
fn broken_files_are_refused() {
    assert!(refusal(b"").contains("no piece"));
    assert!(refusal(b"hello").contains("wire type"));
    assert!(refusal(&[0x0a, 0xff]).contains("cut off"));
    assert!(refusal(&[0x0a, 5, 1]).contains("cut off"));
    assert!(refusal(&[0xff; 12]).contains("more than ten bytes"));
    assert!(refusal(&[0, 0]).contains("number 0"));
    // A number of eight bytes in a field that is not looked at.
    let eight = |count: usize| [model(&[], &[], &[]), vec![15 << 3 | 1], vec![7; count]].concat();
    assert!(from_bytes(&eight(8)).is_ok() && refusal(&eight(7)).contains("cut off"));
    assert!(refusal(&number(1, 1)).contains("`pieces` is not a message"));
    assert!(
        refusal(&model(&bytes(3, b"x"), &[], &[]))
            .contains("`trainer_spec.model_type` is not a whole number")
    );
    let map = |map: &[u8]| refusal(&model(&[], &bytes(2, map), &[]));
    for broken in [&b"x"[..], &[4, 0, 0, 0], &[0; 4], &[3, 0, 0, 0, 1, 2, 3], &[4, 0, 0, 0, 0, 0, 0, 0, 0xff]]
    {
        assert!(map(broken).contains("precompiled_charsmap"), "{broken:?}");
    }
}

/// A trie whose every unit points anywhere: looking up must end and stay inside.
#[test]
fn a_wild_map_of_replacements_does_no_harm() {
    let mut state = 1u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state
    };
    for _ in 0..200 {
        let units: Vec<u8> = (0..300).flat_map(|_| random().to_le_bytes()).collect();
        let map = [&1200u32.to_le_bytes(), &units[..], b"ab\0c\0\xe4\xb8\xad\0"].concat();
        let read = from_bytes(&model(&[], &bytes(2, &map), &[piece("a", -1.0, NORMAL)])).unwrap();
        for text in ["", " ", "hello world", "中文 abc", "\u{2581}\u{2581}"] {
            read.encode(text);
        }
    }
}
