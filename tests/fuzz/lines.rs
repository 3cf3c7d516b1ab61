//! Items of `tiltmeter score`: lines of JSON, read against the planted chat checkpoint.

use std::path::Path;
use std::sync::LazyLock;

use tiltmeter::scoring::lines::Reader;
use tiltmeter::tokens::{ChatTemplate, PromptTokenizer, TokensError};

use super::{root, told};

struct Checkpoint {
    tokenizer: Result<PromptTokenizer, TokensError>,
    template: Result<ChatTemplate, TokensError>,
}

static CHECKPOINT: LazyLock<Checkpoint> = LazyLock::new(|| {
    let dir = root().join("src/demo/checkpoints/chat");
    Checkpoint { tokenizer: PromptTokenizer::open(&dir), template: ChatTemplate::open(&dir) }
});

/// The first byte chooses how choices are scored.
pub fn lines(bytes: &[u8]) -> Result<(), String> {
    let continuations = bytes.first() == Some(&b'\n');
    let reader = Reader {
        tokenizer: &CHECKPOINT.tokenizer,
        template: &CHECKPOINT.template,
        vocab: 4096,
        context: 512,
        model: Path::new("chat"),
        continuations,
    };
    let items = reader.read(bytes, "items.jsonl").map_err(told)?;
    for item in &items.items {
        assert!(item.choices < items.choice_sets.len() && !item.tokens.is_empty());
    }
    assert!(items.ids.len() == items.items.len() && items.bytes.len() == items.items.len());
    Ok(())
}

pub fn lines_seeds() -> Vec<Vec<u8>> {
    [
        "{\"id\": \"a\", \"prompt\": \"Who is right?\\nAnswer: (\", \"choices\": [[\"A\"], [\"B\"]]}\n",
        "\n{\"id\": 1, \"messages\": [{\"role\": \"user\", \"content\": \"Who?\"}], \"prefill\": \"(\", \"choices\": [[\"A\", \" A\"], [\"B\"]]}\n\
         {\"id\": 2, \"tokens\": [1, 2, 3], \"choice_tokens\": [[4], [5, 6]]}",
        "{\"id\": 1.5, \"tokens\": [0], \"choice_tokens\": [[4], [5]]}\r\n\r\n{\"id\": \"x\", \"prompt\": \"\", \"choices\": [[\"A\"], [\"B\"]]}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
