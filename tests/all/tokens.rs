//! The promise: text becomes the ids that the reference implementation gives, for every family.

mod choices;

use crate::common::tokenizer as tiny;
use std::path::{Path, PathBuf};

use crate::common::{references, say, skip};
use serde::Deserialize;
use serde_json::json;
use tiltmeter::tokens::{
    Chat, ChatTemplate, ChoiceTokens, Message, PromptInput, PromptTokenizer, Rendered, Segment, TokensError,
};

#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    tokenizer_size: usize,
    tokenize: Vec<Tokenized>,
    chat: Vec<Conversation>,
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
struct Conversation {
    messages: Vec<Message>,
    add_generation_prompt: bool,
    #[serde(default)]
    rendered: Option<String>,
    ids: Vec<u32>,
}

/// Reference folders that hold a tokenizer.
fn reference_folders() -> Vec<PathBuf> {
    references(|dir| dir.join("tokenizer.json").exists() || dir.join("tokenizer.model").exists())
}

fn reference(dir: &Path) -> Reference {
    let bytes = std::fs::read(dir.join("reference.json")).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[apply(test!)]
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
        say(format_args!("{}: {}", dir.display(), tokenizer.bos_rule()));
    }
}

#[apply(test!)]
fn conversations_become_the_reference_text_and_ids() {
    for dir in reference_folders() {
        let tokenizer = PromptTokenizer::open(&dir).unwrap();
        let template = ChatTemplate::open(&dir).unwrap();
        let reference = reference(&dir);
        let dated = reference.chat_prints_todays_date.unwrap_or_default();
        assert_eq!(template.uses_date(), dated, "{}", dir.display());
        let mut compared = 0;
        for chat in reference.chat.iter().filter(|chat| chat.add_generation_prompt) {
            let rendered = template.render(&chat.messages, None).unwrap();
            assert_eq!(rendered.as_text(), chat.rendered.as_deref(), "{}", dir.display());
            assert_eq!(tokenizer.encode_rendered(&rendered).unwrap(), chat.ids, "{}", dir.display());
            compared += 1;
        }
        assert!(compared > 0);
        say(format_args!("{}: {}", dir.display(), tokenizer.chat_bos_rule(&template).unwrap()));
    }
}

#[derive(Deserialize)]
struct RealModel {
    choices: Vec<Vec<String>>,
    choice_tokens: Vec<Vec<u32>>,
    items: Vec<RealItem>,
}

#[derive(Deserialize)]
struct RealItem {
    id: String,
    #[serde(default)]
    prompt: Option<String>,
    #[serde(default)]
    messages: Vec<Message>,
    #[serde(default)]
    prefill: Option<String>,
    tokens: Vec<u32>,
}

/// Ignored unless the checkpoint of the real model's reference lies beside the folder of references.
#[apply(test!)]
fn a_real_model_s_prompts_become_its_reference_ids() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let dir = root.join("smollm2");
    let Ok(bytes) = std::fs::read(root.join("shared/reference-smollm2/reference.json")) else {
        skip("../shared/reference-smollm2 is not here");
    };
    if !dir.join("tokenizer.json").exists() {
        skip("../smollm2, which ../shared/tools downloads, is not here");
    }
    let reference: RealModel = serde_json::from_slice(&bytes).unwrap();
    let tokenizer = PromptTokenizer::open(&dir).unwrap();
    let template = ChatTemplate::open(&dir).unwrap();
    let choices = ChoiceTokens::from_answers(&tokenizer, &reference.choices).unwrap();
    assert_eq!(choices.ids(), reference.choice_tokens);
    for item in &reference.items {
        let ids = match &item.prompt {
            Some(prompt) => tokenizer.encode_plain(prompt).unwrap(),
            None => {
                let text = template.render(&item.messages, item.prefill.as_deref()).unwrap();
                tokenizer.encode_rendered(&text).unwrap()
            }
        };
        assert_eq!(ids, item.tokens, "{}", item.id);
    }
    assert!(tokenizer.prefix().is_empty());
    say(tokenizer.bos_rule());
}

#[apply(test!)]
fn a_prompt_is_neither_cut_nor_padded_and_begins_with_bos() {
    let dir = tiny::folder();
    let tokenizer = PromptTokenizer::open(dir.path()).unwrap();
    let ids = tokenizer.encode_plain("the A B the").unwrap();
    assert_eq!(ids, [tiny::BOS, 260, tiny::SPACE_A, tiny::SPACE_B, 261]);
    assert_eq!(tokenizer.encode_plain("").unwrap(), [tiny::BOS]);
    assert_eq!(tokenizer.encode_rendered(&"<s>(A".into()).unwrap(), [tiny::BOS, tiny::PAREN, tiny::A]);
    assert_eq!(tokenizer.size(), 265);
    assert_eq!(tokenizer.bos(), Some((tiny::BOS, "<s>".to_owned())));
    assert_eq!((tokenizer.prefix(), tokenizer.suffix()), (&[tiny::BOS][..], &[][..]));
}

#[apply(test!)]
fn bos_stands_once() {
    let dir = tiny::folder();
    let tokenizer = PromptTokenizer::open(dir.path()).unwrap();
    let template = ChatTemplate::open(dir.path()).unwrap();
    let rendered = template.render(&[Message::new("user", "A")], None).unwrap();
    assert_eq!(rendered.as_text().unwrap(), "<s><|im_start|>user\nA</s><|im_start|>assistant\n");
    let ids = tokenizer.encode_rendered(&rendered).unwrap();
    assert_eq!(ids[..2], [tiny::BOS, tiny::IM_START]);
    // A text that holds it already, put through the tokenizer that adds it.
    let error = tokenizer.encode_plain(rendered.as_text().unwrap()).unwrap_err();
    assert!(matches!(error, TokensError::DoubledPrefix { .. }), "{error}");
    assert!(error.to_string().contains("<s> (262)"), "{error}");
    // A rendered text that holds it twice is the template's doing.
    let error = tokenizer.encode_rendered(&"<s><s>A".into()).unwrap_err();
    assert!(error.to_string().contains("the chat template writes <s> (262) twice"), "{error}");
    assert!(error.to_string().contains("<s><s>A"), "{error}");
    assert!(tokenizer.encode_plain("A<s><s>").is_ok());

    // What stands in front need not be BOS.
    let other = json!({
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "</s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"</s>": {"id": "</s>", "ids": [tiny::EOS], "tokens": ["</s>"]}}
    });
    let dir = tiny::changed(|json| json["post_processor"] = other, |_| {});
    let tokenizer = PromptTokenizer::open(dir.path()).unwrap();
    assert_eq!(tokenizer.encode_plain("A").unwrap(), [tiny::EOS, tiny::A]);
    let error = tokenizer.encode_plain("</s>A").unwrap_err();
    assert!(matches!(error, TokensError::DoubledPrefix { .. }), "{error}");
    assert!(error.to_string().contains("</s> (263)"), "{error}");
}

#[apply(test!)]
fn a_template_that_doubles_bos_is_named_by_its_file() {
    let doubling = "<s><s>{{ messages[0].content }}";
    let dir = tiny::changed(|_| {}, |config| config["chat_template"] = json!(doubling));
    let refusal = || {
        let tokenizer = PromptTokenizer::open(dir.path()).unwrap();
        let rendered = ChatTemplate::open(dir.path()).unwrap().render(&[Message::new("user", "A")], None);
        tokenizer.encode_rendered(&rendered.unwrap()).unwrap_err().to_string()
    };
    let names = |error: &str, file: &str| {
        let file = dir.path().join(file).display().to_string();
        assert!(error.starts_with(&format!("{file}: the chat template writes <s> (262) twice")), "{error}");
    };
    names(&refusal(), "tokenizer_config.json");
    std::fs::write(dir.path().join("chat_template.jinja"), doubling).unwrap();
    names(&refusal(), "chat_template.jinja");
}

#[apply(test!)]
fn the_post_processor_decides_and_the_rule_says_so() {
    let rule = |dir: &tempfile::TempDir| PromptTokenizer::open(dir.path()).unwrap().bos_rule();
    assert_eq!(rule(&tiny::folder()), "the tokenizer puts <s> (262) in front of a plain prompt");
    let off = tiny::changed(|_| {}, |config| config["add_bos_token"] = json!(false));
    assert!(rule(&off).contains("`add_bos_token`: false"), "{}", rule(&off));
    let none = tiny::changed(|json| json["post_processor"] = json!(null), |_| {});
    assert_eq!(
        rule(&none),
        "the tokenizer puts nothing in front of a plain prompt; its BOS token is <s> (262)"
    );
    let nameless = tiny::changed(
        |json| json["post_processor"] = json!(null),
        |config| config["bos_token"] = json!(null),
    );
    assert!(rule(&nameless).contains("names no BOS"), "{}", rule(&nameless));
    let behind = tiny::changed(
        |json| {
            json["post_processor"]["single"] = json!([
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "<s>", "type_id": 0}}
            ]);
        },
        |_| {},
    );
    assert!(rule(&behind).contains("behind it"), "{}", rule(&behind));
}

#[apply(test!)]
fn a_template_without_bos_is_reported_and_left_alone() {
    let chat_rule = |template: &str| {
        let dir = tiny::changed(|_| {}, |config| config["chat_template"] = json!(template));
        let tokenizer = PromptTokenizer::open(dir.path()).unwrap();
        let template = ChatTemplate::open(dir.path()).unwrap();
        tokenizer.chat_bos_rule(&template).unwrap()
    };
    assert!(chat_rule("{{ bos_token }}{{ messages[0].content }}").contains("itself writes <s> (262)"));
    let rule = chat_rule("{{ messages[0].content }}");
    assert!(rule.contains("does not write <s> (262)"), "{rule}");
}

#[apply(test!)]
fn without_a_tokenizer_config_the_model_s_config_names_bos() {
    let dir = tiny::folder();
    std::fs::remove_file(dir.path().join("tokenizer_config.json")).unwrap();
    std::fs::write(dir.path().join("config.json"), r#"{"bos_token_id": 263}"#).unwrap();
    let tokenizer = PromptTokenizer::open(dir.path()).unwrap();
    assert_eq!(tokenizer.bos(), Some((tiny::EOS, "</s>".to_owned())));
    assert!(ChatTemplate::open(dir.path()).is_err());
}

#[apply(test!)]
fn tokens_that_only_the_config_knows_are_added() {
    let dir = tiny::changed(
        |_| {},
        |config| {
            config["added_tokens_decoder"] = json!({"265": {"content": "<x>", "special": true}});
            config["pad_token"] = json!("<pad>");
            config["image_token"] = json!("<image>");
            config["extra_special_tokens"] = json!(["<y>"]);
        },
    );
    let tokenizer = PromptTokenizer::open(dir.path()).unwrap();
    assert_eq!(tokenizer.encode_piece("<x><pad><image><y>").unwrap(), [265, 266, 267, 268]);
}

#[apply(test!)]
fn a_batch_is_its_parts_in_order_and_hashes_name_the_files() {
    let dir = tiny::folder();
    let tokenizer = PromptTokenizer::open(dir.path()).unwrap();
    let texts: Vec<String> = (0..500).map(|i| format!("the {i} A é 中")).collect();
    let batch = tokenizer.encode_plain_batch(&texts).unwrap();
    let rendered: Vec<Rendered> = texts.iter().map(|text| text.as_str().into()).collect();
    let bare = tokenizer.encode_rendered_batch(&rendered).unwrap();
    for (i, text) in texts.iter().enumerate() {
        assert_eq!(batch[i], tokenizer.encode_plain(text).unwrap());
        assert_eq!(batch[i][1..], bare[i]);
    }
    assert!(tokenizer.encode_plain_batch(&["A", "<s>A"]).is_err());
    let names: Vec<&str> = tokenizer.hashes().keys().copied().collect();
    assert_eq!(names, ["tokenizer.json", "tokenizer_config.json"]);
    assert!(tokenizer.hashes().values().all(|hash| hash.len() == 64));
    let again = PromptTokenizer::open(dir.path()).unwrap();
    assert_eq!(again.hashes(), tokenizer.hashes());
}

#[apply(test!)]
fn a_token_s_text_is_what_a_person_reads() {
    let dir = tiny::folder();
    let tokenizer = PromptTokenizer::open(dir.path()).unwrap();
    let text = |id| tokenizer.token_text(id);
    assert_eq!(text(tiny::SPACE_A).as_deref(), Some(" A"));
    assert_eq!(text(tiny::NEWLINE).as_deref(), Some("\n"));
    assert_eq!(text(tiny::SPACE).as_deref(), Some(" "));
    assert_eq!(text(tiny::IM_START).as_deref(), Some("<|im_start|>"));
    // Half a character has no text of its own.
    assert_eq!(text(tokenizer.encode_piece("中").unwrap()[0]).as_deref(), Some("ä"));
    assert_eq!(text(9999), None);

    // A special token stands as it is, and one that the configuration names is special.
    let dir = tiny::changed(
        |_| {},
        |config| {
            config["added_tokens_decoder"] = json!({
                "265": {"content": "Ġx"}, "266": {"content": "Ġy"}, "267": {"content": "Ġz", "special": true},
                "268": {"content": "Ġw", "special": true}
            });
            config["pad_token"] = json!("Ġy");
            config["unk_token"] = json!("Ġz");
        },
    );
    let tokenizer = PromptTokenizer::open(dir.path()).unwrap();
    let texts = [265, 266, 267, 268].map(|id| tokenizer.token_text(id).unwrap());
    assert_eq!(texts, [" x", "Ġy", "Ġz", "Ġw"]);
}

fn strings(choices: &[&[&str]]) -> Vec<Vec<String>> {
    choices.iter().map(|choice| choice.iter().map(|&text| text.to_owned()).collect()).collect()
}

#[apply(test!)]
fn a_chat_and_its_prefill_are_encoded_together() {
    let dir = tiny::folder();
    let tokenizer = PromptTokenizer::open(dir.path()).unwrap();
    let template = ChatTemplate::open(dir.path()).unwrap();
    let messages = [Message::new("user", "A")];
    let chats =
        [Chat { messages: &messages, prefill: None }, Chat { messages: &messages, prefill: Some("(B") }];
    let texts = template.render_batch(&chats).unwrap();
    let ids = tokenizer.encode_rendered_batch(&texts).unwrap();
    assert_eq!(ids[1][..ids[0].len()], ids[0]);
    assert_eq!(ids[1][ids[0].len()..], [tiny::PAREN_B]);
}

#[apply(test!)]
fn turns_opened_by_ids_are_encoded_piece_by_piece() {
    let dir = tiny::changed(|_| {}, |config| config["chat_template"] = json!(null));
    let turns = json!({"user_token_id": tiny::IM_START, "assistant_token_id": tiny::EOS});
    std::fs::write(dir.path().join("generation_config.json"), turns.to_string()).unwrap();
    let tokenizer = PromptTokenizer::open(dir.path()).unwrap();
    let template = ChatTemplate::open(dir.path()).unwrap();
    // "(B" is one token, but not across the end of a text.
    let messages = [Message::new("system", "("), Message::new("user", "B(")];
    let rendered = template.render(&messages, None).unwrap();
    let ids = tokenizer.encode_rendered(&rendered).unwrap();
    assert_eq!(ids, [tiny::PAREN, tiny::IM_START, tiny::B, tiny::PAREN, tiny::EOS]);
    assert_eq!(tokenizer.rendered_text(&rendered), "(<|im_start|>B(</s>");
    let prefilled = template.render(&messages, Some("(")).unwrap();
    assert_eq!(prefilled.segments().last(), Some(&Segment::Text("(".to_owned())));
    let answers = strings(&[&["A", " A"], &["B", " B"]]);
    let choices = ChoiceTokens::from_answers(&tokenizer, &answers).unwrap();
    let odd = choices.oddities(&tokenizer, PromptInput::Rendered(&prefilled)).unwrap();
    assert!(odd.len() == 1 && odd[0].contains("\"B\" merges with the end of the prompt"), "{odd:?}");
    assert!(choices.oddities(&tokenizer, PromptInput::Rendered(&rendered)).unwrap().is_empty());

    let turns = json!({"user_token_id": 9999, "assistant_token_id": tiny::EOS});
    std::fs::write(dir.path().join("generation_config.json"), turns.to_string()).unwrap();
    let template = ChatTemplate::open(dir.path()).unwrap();
    let error = tokenizer.encode_rendered(&template.render(&messages, None).unwrap()).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("generation_config.json: `user_token_id`: tokenizer.json has no token 9999"),
        "{error}"
    );
}
