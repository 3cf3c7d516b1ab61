//! The promise: text becomes the ids that the reference implementation gives, for every family.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use tiltmeter::tokens::{ChatTemplate, Message, PromptTokenizer, TokensError};

#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    tokenizer_size: usize,
    tokenize: Vec<Tokenized>,
    chat: Vec<Rendered>,
    #[serde(default)]
    chat_prints_todays_date: Option<bool>,
}

#[derive(Deserialize)]
struct Tokenized {
    text: String,
    ids: Vec<u32>,
    ids_special: Vec<u32>,
}

#[derive(Deserialize)]
struct Rendered {
    messages: Vec<Message>,
    add_generation_prompt: bool,
    #[serde(default)]
    rendered: Option<String>,
    ids: Vec<u32>,
}

/// Reference folders that hold a tokenizer.json; none in a fresh clone.
fn reference_folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/reference");
    let Ok(entries) = std::fs::read_dir(&root) else {
        eprintln!("skipped: {} is not there", root.display());
        return Vec::new();
    };
    let mut folders: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("tokenizer.json").exists())
        .collect();
    folders.sort();
    folders
}

fn reference(dir: &Path) -> Reference {
    let bytes = std::fs::read(dir.join("reference.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn texts_become_the_reference_ids() {
    for dir in reference_folders() {
        let tokenizer = PromptTokenizer::open(&dir).unwrap();
        let reference = reference(&dir);
        assert_eq!(tokenizer.size(), reference.tokenizer_size, "{}", dir.display());
        for item in &reference.tokenize {
            let at = format!("{}: {:?}", dir.display(), item.text);
            assert_eq!(tokenizer.encode_piece(&item.text).unwrap(), item.ids, "{at}");
            match tokenizer.encode_plain(&item.text) {
                Ok(ids) => assert_eq!(ids, item.ids_special, "{at}"),
                // A text that spells BOS itself would begin with two of them.
                Err(TokensError::DoubledPrefix { .. }) => {
                    assert_eq!(item.ids_special[0], item.ids_special[1], "{at}");
                }
                Err(error) => panic!("{at}: {error}"),
            }
        }
        println!("{}: {}", dir.display(), tokenizer.bos_rule());
    }
}

#[test]
fn conversations_become_the_reference_text_and_ids() {
    for dir in reference_folders() {
        let tokenizer = PromptTokenizer::open(&dir).unwrap();
        let template = ChatTemplate::open(&dir).unwrap();
        let reference = reference(&dir);
        assert_eq!(Some(template.uses_date()), reference.chat_prints_todays_date, "{}", dir.display());
        let mut compared = 0;
        for chat in reference.chat.iter().filter(|chat| chat.add_generation_prompt) {
            let rendered = template.render(&chat.messages, None).unwrap();
            assert_eq!(Some(&rendered), chat.rendered.as_ref(), "{}", dir.display());
            assert_eq!(tokenizer.encode_rendered(&rendered).unwrap(), chat.ids, "{}", dir.display());
            compared += 1;
        }
        assert!(compared > 0);
        println!("{}: {}", dir.display(), tokenizer.chat_bos_rule(&template).unwrap());
    }
}
