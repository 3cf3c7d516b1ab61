//! Folders with two tokenizers, which need not agree.

use super::*;

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("there")).expect("JSON")
}

/// A tokenizer.model of another checkpoint beside tokenizer.json. Both versions take tokenizer.json, but for one flag.
#[apply(test!)]
fn two_tokenizers_in_one_folder_are_told_and_refused_where_versions_differ() {
    let cases = cases();
    let open = |folder: &str, model: &str| {
        let dir = cases.write(&cases.folders[folder]);
        std::fs::write(dir.path().join("tokenizer.model"), from_base64(&cases.models[model]))
            .expect("written");
        PromptTokenizer::open(dir.path()).map_err(|error| error.to_string())
    };
    let ids = |tokenizer: &PromptTokenizer| tokenizer.encode_piece("Qui a raison ? (A").expect("ids");
    for folder in [
        "both_prepend_legacy_true_prefix_none",
        "mistral_json_legacy_none_prefix_none",
        "no_class_json_legacy_none",
    ] {
        let (own, other) = if folder.starts_with("mistral") { ("user", "llama") } else { ("llama", "user") };
        let (alone, two) = (open(folder, own).expect("read"), open(folder, other).expect("read"));
        assert!(!alone.class_rule().contains("another tokenizer"), "{}", alone.class_rule());
        assert!(
            two.class_rule().contains("tokenizer.model beside it is another tokenizer (token "),
            "{}",
            two.class_rule()
        );
        assert_eq!(ids(&alone), ids(&two), "{folder}");
    }
    for folder in ["both_prepend_legacy_true_prefix_false", "mistral_json_legacy_none_prefix_true"] {
        let (own, other) = if folder.starts_with("mistral") { ("user", "llama") } else { ("llama", "user") };
        assert!(open(folder, own).is_ok(), "{folder}");
        let refused = open(folder, other).err().expect("it is refused");
        assert!(
            refused.contains("tokenizer.json: ") && refused.contains("tokenizer.model beside it"),
            "{refused}"
        );
        assert!(refused.contains("take away"), "{refused}");
    }
}

/// The same pieces, merged in another order.
#[apply(test!)]
fn other_merges_make_another_tokenizer() {
    let cases = cases();
    let dir = cases.write(&cases.folders["both_prepend_legacy_true_prefix_none"]);
    let path = dir.path().join("tokenizer.json");
    let mut json = read(&path);
    json["model"]["merges"].as_array_mut().expect("a list").reverse();
    std::fs::write(&path, json.to_string()).expect("written");
    let rule = PromptTokenizer::open(dir.path()).expect("read").class_rule();
    assert!(rule.contains("is merged otherwise"), "{rule}");
}

/// A piece that tokenizer.json calls otherwise, as makers name spare ones, is a token of its own there.
#[apply(test!)]
fn a_piece_renamed_to_a_token_makes_no_other_tokenizer() {
    let cases = cases();
    let dir = cases.write(&cases.folders["both_prepend_legacy_true_prefix_none"]);
    let path = dir.path().join("tokenizer.json");
    let mut json = read(&path);
    let vocab = json["model"]["vocab"].as_object_mut().expect("an object");
    let id = vocab.remove("|").expect("no merge has it");
    vocab.insert("<renamed>".to_owned(), id.clone());
    let tokens = json["added_tokens"].as_array().expect("a list").clone();
    let mut rule = |special: Option<bool>| {
        let token = special.map(|special| {
            serde_json::json!({"id": id, "content": "<renamed>", "lstrip": false, "normalized": false,
                               "rstrip": false, "single_word": false, "special": special})
        });
        json["added_tokens"] = tokens.iter().cloned().chain(token).collect();
        std::fs::write(&path, json.to_string()).expect("written");
        PromptTokenizer::open(dir.path()).expect("read").class_rule()
    };
    assert!(rule(None).contains(&format!("another tokenizer (token {id} is")), "{}", rule(None));
    for special in [true, false] {
        assert!(!rule(Some(special)).contains("another tokenizer"), "{}", rule(Some(special)));
    }
}

/// tokenizer.json has a token more than `added_tokens_decoder`, which is the list that the class goes by.
#[apply(test!)]
fn a_token_that_only_tokenizer_json_lists_is_text_and_said() {
    let cases = cases();
    let dir = cases.write(&cases.folders["both_prepend_legacy_true_prefix_none"]);
    let (json, config) = (dir.path().join("tokenizer.json"), dir.path().join("tokenizer_config.json"));
    let mut file = read(&json);
    let ids =
        file["added_tokens"].as_array().expect("a list").iter().filter_map(|token| token["id"].as_u64());
    let id = ids.max().expect("a token") + 1;
    let token = serde_json::json!({"content": "<|more|>", "lstrip": false, "normalized": false, "rstrip": false,
                                       "single_word": false, "special": true});
    // The token is one, or said not to be.
    let holds = |listed: bool| {
        let tokenizer = PromptTokenizer::open(dir.path()).expect("read");
        let (rule, ids) = (tokenizer.class_rule(), tokenizer.encode_piece("<|more|>").expect("ids"));
        assert_eq!(
            rule.contains("\"<|more|>\" of tokenizer.json is no token here: `added_tokens_decoder` lacks it"),
            !listed,
            "{rule}"
        );
        assert_eq!(rule.contains("is no token here"), !listed, "{rule}");
        assert_eq!(ids == [u32::try_from(id).expect("small")], listed, "{ids:?}");
    };
    let mut numbered = token.clone();
    numbered["id"] = id.into();
    file["added_tokens"].as_array_mut().expect("a list").push(numbered);
    std::fs::write(&json, file.to_string()).expect("written");
    holds(false);
    let mut said = read(&config);
    said["added_tokens_decoder"][id.to_string()] = token;
    std::fs::write(&config, said.to_string()).expect("written");
    holds(true);
}
