//! Everything a sweep needs, made in a folder: two tiny checkpoints of one family, a small study, a roster.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Map, Value, json};

use super::{TinyConfig, TinyFamily, write_tiny_checkpoint};

/// Prompts that each checkpoint is asked in each language under `main`: 3 pairs, 4 scenarios, 2 questions, 4 ways.
pub const PROMPTS: usize = 3 * 4 * 2 * 4;

/// What cargo starts programs for this target with, if anything: a loader with another system's libraries, say.
const RUNNER: &str = "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER";

/// The program under test, started as cargo started this test: a driver that the test finds is one that the program must find.
pub fn tiltmeter() -> Command {
    let runner = std::env::var(RUNNER).unwrap_or_default();
    let mut words = runner.split_whitespace().chain([env!("CARGO_BIN_EXE_tiltmeter")]);
    let mut program = Command::new(words.next().expect("at least the program"));
    program.args(words);
    // The tests may run in a job of a cluster.
    for variable in ["SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX", "SKYPILOT_NODE_RANK"] {
        program.env_remove(variable);
    }
    program
}

/// A sweep over what [`write_all`] made in `dir`, both languages and conditions, into `dir/<run>`.
pub fn sweep(dir: &Path, run: &str) -> Command {
    let mut command = tiltmeter();
    command
        .arg("sweep")
        .args(["--roster".as_ref(), dir.join("roster.toml").as_os_str()])
        .args(["--study".as_ref(), dir.join("study").as_os_str()])
        .args(["--run".as_ref(), dir.join(run).as_os_str()])
        .args(["--conditions", "main,plain", "--languages", "en,fr"]);
    command
}

/// Item table and scores of `dir/<run>`, as the export command writes them.
pub fn export(dir: &Path, run: &str, ending: &str) -> (Vec<u8>, Vec<u8>) {
    let (items, scores) = (file(dir, run, "items", ending), file(dir, run, "scores", ending));
    let done = tiltmeter()
        .arg("export")
        .args(["--run".as_ref(), dir.join(run).as_os_str()])
        .args(["--items".as_ref(), items.as_os_str()])
        .args(["--scores".as_ref(), scores.as_os_str()])
        .output()
        .expect("the program starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    (fs::read(items).expect("items"), fs::read(scores).expect("scores"))
}

fn file(dir: &Path, run: &str, table: &str, ending: &str) -> PathBuf {
    dir.join(format!("{run}.{table}{ending}"))
}

/// `checkpoints/base`, `checkpoints/chat`, `study/` and `roster.toml` in `dir`.
pub fn write_all(dir: &Path) {
    for (name, seed) in [("base", 1), ("chat", 2)] {
        let folder = dir.join("checkpoints").join(name);
        let mut config = TinyConfig::new(TinyFamily::Qwen2);
        (config.vocab, config.context) = (260, 1024);
        write_tiny_checkpoint(&folder, &config, seed);
        write_tokenizer(&folder);
    }
    write_study(&dir.join("study"));
    fs::write(dir.join("roster.toml"), ROSTER).expect("the roster can be written");
}

const ROSTER: &str = r#"
[analysis]
target = "China"

[[family]]
name = "tiny"
maker = "Nobody"
maker_country = "China"
base = { model = "tiny-base", checkpoint = "checkpoints/base" }
chat = { model = "tiny-chat", checkpoint = "checkpoints/chat" }
"#;

/// One token per byte, and a chat template of two markers.
fn write_tokenizer(dir: &Path) {
    let mut vocab = Map::new();
    let mut beyond = 256;
    for byte in 0..=255u8 {
        let visible = matches!(byte, 33..=126 | 161..=172 | 174..=255);
        let code = if visible { u32::from(byte) } else { beyond };
        beyond += u32::from(!visible);
        let letter = char::from_u32(code).expect("a character");
        vocab.insert(letter.to_string(), json!(byte));
    }
    let bytes =
        json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
    let special = |id: u32, content: &str| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": true})
    };
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [special(256, "<|from|>"), special(257, "<|end|>")],
        "normalizer": null, "pre_tokenizer": bytes, "post_processor": null, "decoder": bytes,
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                  "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
                  "vocab": vocab, "merges": []},
    });
    write_json(&dir.join("tokenizer.json"), &tokenizer);
    let config = json!({
        "tokenizer_class": "Qwen2Tokenizer", "add_bos_token": false, "bos_token": null, "eos_token": "<|end|>",
        "chat_template": "{% for m in messages %}<|from|>{{ m.role }}\n{{ m.content }}<|end|>{% endfor %}\
            {% if add_generation_prompt %}<|from|>assistant\n{% endif %}",
    });
    write_json(&dir.join("tokenizer_config.json"), &config);
}

fn write_json(path: &Path, value: &Value) {
    fs::write(path, value.to_string()).expect("the file can be written");
}

fn write_study(dir: &Path) {
    for folder in ["entities", "texts", "scenarios/en", "scenarios/fr"] {
        fs::create_dir_all(dir.join(folder)).expect("the folder can be made");
    }
    let write = |name: &str, text: &str| fs::write(dir.join(name), text).expect("the file can be written");
    write(
        "study.toml",
        "format = 1\nname = \"tiny\"\nversion = \"1\"\ntitle = \"For tests\"\nlanguages = [\"en\", \"fr\"]\n\
         [[question]]\nid = \"justified\"\npolarity = 1\n[[question]]\nid = \"unjustified\"\npolarity = -1\n\
         [answers]\nchoices = [[\"A\", \" A\", \"(A\"], [\"B\", \" B\", \"(B\"]]\n",
    );
    let mut entities = String::from("pairs = \"all\"\n");
    for (id, fr) in [("USA", "'Amérique"), ("China", "a Chine"), ("Japan", "e Japon")] {
        entities.push_str(&format!(
            "[[entity]]\nid = \"{id}\"\n[entity.en]\nforms = {{ name = \"{id}\" }}\n\
             [entity.fr]\nforms = {{ name = \"l{fr}\", Name = \"L{fr}\" }}\n"
        ));
    }
    write("entities/countries.toml", &entities);
    write(
        "conditions.toml",
        "[[condition]]\nname = \"main\"\nentities = \"countries\"\nscenarios = \"main\"\n\
         [condition.base]\ntext = \"{narrative}\\n{question}\\n{options}\\n(\"\n\
         [condition.chat]\nmessages = [{ role = \"user\", content = \"{narrative}{hedge}\\n{question}\\n{options}\" }]\n\
         [[condition]]\nname = \"plain\"\nextends = \"main\"\nomit = [\"hedge\"]\n",
    );
    for (language, more, less, hedge) in [
        ("en", "Who acted better?", "Who acted worse?", " Take your time."),
        ("fr", "Qui a mieux agi ?", "Qui a moins bien agi ?", " Prenez votre temps."),
    ] {
        write(
            &format!("texts/{language}.toml"),
            &format!(
                "hedge = \"{hedge}\"\noptions = \"(A) {{first}}\\n(B) {{second}}\"\n[question]\n\
                 justified = \"{more}\"\nunjustified = \"{less}\"\n"
            ),
        );
        for kind in ["border", "trade"] {
            let mut text = format!("type = \"{kind}\"\n");
            for (role, verb, verbe) in [("acts", "stops", "arrête"), ("responds", "answers", "attend")] {
                let narrative = match language {
                    "en" => format!("{{A}} {verb} a {kind} column of {{B}}; {{A}} and {{B}} talk."),
                    _ => {
                        format!(
                            "{{A.Name}} {verbe} une colonne « {kind} » que {{B}} envoie, et {{A}} et {{B}} parlent."
                        )
                    }
                };
                text.push_str(&format!(
                    "[[scenario]]\nid = \"{kind}_{role}_1\"\nrole = \"{role}\"\ntext = \"{narrative}\"\n"
                ));
            }
            write(&format!("scenarios/{language}/{kind}.toml"), &text);
        }
    }
}
