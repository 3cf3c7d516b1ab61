//! Promise: a sweep says what it will ask and of whom: names that nothing is called, a checkpoint without a roster, a part
//! of the prompts, a plan of what is left, checkpoints with the same weights.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::common::run::{PROMPTS, export, tiltmeter, write_all};

fn sweep(dir: &Path, more: &[&str]) -> (Output, String, String) {
    let mut command = tiltmeter();
    command.current_dir(dir).args(["sweep", "--study", "study", "--languages", "en"]).args(more);
    let output = command.output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output, out, err)
}

#[apply(test!)]
fn a_name_that_nothing_is_called_is_said_with_the_nearest_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    write_all(dir);
    // Of the sweep, and not of each of its checkpoints.
    let (_, _, said) = sweep(dir, &["--roster", "roster.toml", "--dry-run", "--limit", "8"]);
    assert_eq!(said.matches("--limit 8 takes the first prompts").count(), 1, "{said}");
    let roster = fs::read_to_string(dir.join("roster.toml")).expect("readable");
    let more = "[analysis.route]\n\"tiny-chta\" = \"plian\"\n[[analysis.comparison]]\nname = \"c\"\ncondition = \"plan\"\n\
                baseline = \"main\"\n[[analysis.type_contrast]]\nname = \"t\"\ntypes = [\"boarder\"]\n";
    fs::write(dir.join("other.toml"), format!("{roster}{more}")).expect("written");
    let (output, out, said) = sweep(dir, &["--roster", "other.toml", "--run", "run", "--limit", "96"]);
    assert!(output.status.success() && out.is_empty(), "{said}");
    for part in [
        "checkpoint `tiny-chta`, which the roster does not have, perhaps `tiny-chat` is meant",
        "condition `plian`, which the study does not have, perhaps `plain` is meant",
        "condition `plan`, which the study does not have, perhaps `plain` is meant",
        "scenario type `boarder`, which the study does not have, perhaps `border` is meant",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let analyzed = tiltmeter().current_dir(dir).args(["analyze", "--run", "run"]).output().expect("runs");
    let said = String::from_utf8_lossy(&analyzed.stderr).into_owned();
    assert!(
        said.contains(
            "analysis.route names the checkpoint `tiny-chta`, which no family has, perhaps `tiny-chat`"
        ),
        "{said}"
    );
    assert!(said.contains("comparison `c`: no rows of condition `plan`"), "{said}");
    for (name, more, part) in [
        ("condition", ["--conditions", "mian"], "no condition `mian`, perhaps `main` is meant"),
        ("country", ["--countries", "Chnia"], "no entity `Chnia`, perhaps `China` is meant"),
        ("scenario", ["--scenarios", "trad"], "`trad`, perhaps `trade` is meant"),
        ("checkpoint", ["--models", "tiny-bsae"], "no checkpoint `tiny-bsae`, perhaps `tiny-base` is meant"),
    ] {
        let (_, _, said) = sweep(dir, &[&["--roster", "roster.toml", "--run", "none"], &more[..]].concat());
        assert!(said.contains(part), "{name}: {said}");
    }
}

#[apply(test!)]
fn one_checkpoint_needs_no_roster_and_the_plan_is_of_what_is_left() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    write_all(dir);
    let model = ["--model", "checkpoints/chat", "--stage", "chat"];
    let asked = |more: &[&str]| sweep(dir, &[&model[..], &["--run", "run"], more].concat());
    let (_, plan, said) = asked(&["--dry-run"]);
    assert!(plan.starts_with(&format!("[1/1] chat: {PROMPTS} prompts; ")), "{plan}{said}");
    let (output, _, said) = asked(&["--limit", "8"]);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("--limit 8 takes the first prompts")
            && said.contains("about 1 pair and 1 scenario type"),
        "{said}"
    );
    let (_, plan, _) = asked(&["--dry-run", "-q"]);
    assert!(plan.contains(&format!("{} prompts, 8 more were scored before", PROMPTS - 8)), "{plan}");
    // The run's own roster knows where the checkpoint lies.
    let kept = fs::read_to_string(dir.join("run/roster.toml")).expect("a copy");
    assert!(kept.contains("chat") && kept.contains(dir.to_string_lossy().as_ref()), "{kept}");
    assert!(!sweep(dir, &["--stage", "chat", "--run", "x"]).0.status.success());
    assert!(
        !sweep(dir, &["--model", "checkpoints/chat", "--models", "chat", "--run", "x"]).0.status.success()
    );
}

#[apply(test!)]
fn a_seed_draws_whole_items_evenly_and_again_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    write_all(dir);
    let (output, _, said) = sweep(
        dir,
        &["--model", "checkpoints/base", "--run", "run", "--languages", "fr", "--limit", "30", "--seed", "5"],
    );
    assert!(output.status.success() && !said.contains("takes the first prompts"), "{said}");
    let (_, scores) = export(dir, "run", ".jsonl");
    let scores = String::from_utf8(scores).expect("text");
    let mut units: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in scores.lines() {
        let v: Value = serde_json::from_str(line).expect("JSON");
        let text = |key: &str| v[key].as_str().expect("text").to_owned();
        let unit = format!("{}-{} {}", text("country_1"), text("country_2"), text("scenario"));
        units.entry(text("language")).or_default().insert(unit.clone());
        *counts.entry(format!("{} {unit}", text("language"))).or_default() += 1;
    }
    // Three items of both questions and all four arrangements: one of each pair, and both types.
    assert!(counts.values().all(|&n| n == 8) && counts.len() == 6, "{counts:?}");
    assert_eq!(units["en"], units["fr"]);
    let pairs: BTreeSet<&str> = units["en"].iter().filter_map(|unit| unit.split(' ').next()).collect();
    assert_eq!(pairs.len(), 3);
    assert!(
        units["en"].iter().any(|u| u.contains("border")) && units["en"].iter().any(|u| u.contains("trade"))
    );
}

#[apply(test!)]
fn checkpoints_with_the_same_weights_are_noted() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    write_all(dir);
    fs::copy(dir.join("checkpoints/base/model.safetensors"), dir.join("checkpoints/chat/model.safetensors"))
        .expect("a copy");
    let (output, _, said) = sweep(dir, &["--roster", "roster.toml", "--run", "run", "--limit", "8"]);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("note: tiny-chat: its weights are those of tiny-base"), "{said}");
}

#[apply(test!)]
fn the_day_that_a_template_is_told_is_in_the_record() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    write_all(dir);
    let dated = "{{ strftime_now('%d %b %Y') }}{% for m in messages %}{{ m['content'] }}{% endfor %}";
    for (name, template, day) in [
        ("dated", dated, Some("26 Jul 2024")),
        ("dateless", "{% for m in messages %}{{ m['content'] }}{% endfor %}", None),
    ] {
        fs::write(dir.join("checkpoints/chat/chat_template.jinja"), template).expect("written");
        let asked = ["--model", "checkpoints/chat", "--stage", "chat", "--run", name, "--limit", "8"];
        let (output, _, said) = sweep(dir, &asked);
        assert!(output.status.success(), "{name}: {said}");
        let run = rusqlite::Connection::open(dir.join(name).join("run.sqlite")).expect("a database");
        let kept: Option<String> = run
            .query_row("SELECT template_date FROM checkpoint", [], |row| row.get(0))
            .expect("one checkpoint");
        assert_eq!(kept.as_deref(), day, "{name}");
    }
}

#[apply(test!)]
fn what_was_measured_on_what_is_in_the_record() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path();
    write_all(dir);
    let chat = dir.join("checkpoints/chat");
    let template = "{% for m in messages %}{{ m['content'] }}{% endfor %}";
    fs::write(chat.join("chat_template.jinja"), template).expect("written");
    let asked = ["--roster", "roster.toml", "--run", "run", "--limit", "8", "--backend", "cpu"];
    let (output, _, said) = sweep(dir, &asked);
    assert!(output.status.success(), "{said}");
    let run = rusqlite::Connection::open(dir.join("run/run.sqlite")).expect("a database");
    let text = |column: &str, model: &str| -> Option<String> {
        let query = format!("SELECT {column} FROM checkpoint WHERE model = ?1");
        run.query_row(&query, [model], |row| row.get(0)).expect("one checkpoint")
    };
    let sha256 = |bytes: &[u8]| {
        let digest = Sha256::digest(bytes);
        digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let config = fs::read(chat.join("config.json")).expect("readable");
    assert_eq!(text("config_sha256", "tiny-chat"), Some(sha256(&config)));
    assert_eq!(text("template_sha256", "tiny-chat"), Some(sha256(template.as_bytes())));
    assert_eq!(text("template_sha256", "tiny-base"), None);
    assert_eq!(text("dtype", "tiny-base").as_deref(), Some("f32"));
    // Both have the same tokenizer and other weights.
    for (column, same) in [("tokenizer_sha256", true), ("weights_sha256", false)] {
        let [base, chat] = ["tiny-base", "tiny-chat"].map(|model| text(column, model).expect("a hash"));
        assert_eq!((base.len(), base == chat), (64, same), "{column}");
    }
    let (device, [tree, computed], [load, compute]): (String, [i64; 2], [f64; 2]) = run
        .query_row(
            "SELECT device, tree_tokens, computed_tokens, load_seconds, compute_seconds FROM session LIMIT 1",
            [],
            |row| Ok((row.get(0)?, [row.get(1)?, row.get(2)?], [row.get(3)?, row.get(4)?])),
        )
        .expect("a session");
    assert!(device.starts_with("cpu, ") && !device.contains(" of them"), "{device}");
    assert!(tree > 0 && computed == tree && load > 0.0 && compute > 0.0);
}
