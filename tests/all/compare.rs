//! Promise: two runs are held against each other prompt by prompt, and what is concluded from them figure by figure.

use std::fs;
use std::path::Path;
use std::process::Output;

use rusqlite::Connection;
use serde_json::Value;

use crate::common::run::{PROMPTS, sweep, tiltmeter, write_all};

fn compare(first: &Path, second: &Path, arguments: &[&str]) -> Output {
    tiltmeter().arg("compare").args([first, second]).args(arguments).output().expect("the program starts")
}

fn json(first: &Path, second: &Path, arguments: &[&str]) -> Value {
    let done = compare(first, second, &[&["--json"], arguments].concat());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    serde_json::from_slice(&done.stdout).expect("JSON")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[apply(test!)]
fn runs_are_joined_by_prompts_and_tokens() {
    let dir = tempfile::tempdir().expect("a folder");
    let dir = dir.path();
    write_all(dir);
    let done = sweep(dir, "one").args(["--backend", "cpu"]).output().expect("the program starts");
    assert!(done.status.success(), "{}", text(&done.stderr));
    let one = dir.join("one");

    let same = compare(&one, &one, &["--tolerance", "0"]);
    let said = text(&same.stdout);
    // Two checkpoints, two languages, two conditions.
    assert!(said.contains("The same scores, bit for bit: 768 prompts."), "{said}");
    assert_eq!((same.status.code(), 8 * PROMPTS), (Some(0), 768));

    // Another run: one score moved and turned, one of other tokens, one that is not there, another program's.
    let two = dir.join("two");
    fs::create_dir(&two).expect("a folder");
    for file in ["run.sqlite", "roster.toml"] {
        fs::copy(one.join(file), two.join(file)).expect("copied");
    }
    let db = Connection::open(two.join("run.sqlite")).expect("a database");
    let item: i64 = db
        .query_row("SELECT min(item) FROM score WHERE checkpoint = 1", [], |row| row.get(0))
        .expect("an item");
    let change = |ask: &str| assert_eq!(db.execute(ask, [item]).expect("changed"), 1);
    change("UPDATE score SET log_odds = -1.25 WHERE checkpoint = 1 AND item = ?1 AND slot = 0");
    change(
        "UPDATE score SET prompt_sha256 = zeroblob(32), log_odds = 99 WHERE checkpoint = 1 AND item = ?1 AND slot = 1",
    );
    change("DELETE FROM score WHERE checkpoint = 2 AND item = ?1 AND slot = 3");
    db.execute("UPDATE run SET value = '9.9.9' WHERE key = 'program'", []).expect("changed");
    drop(db);
    let db = Connection::open(one.join("run.sqlite")).expect("a database");
    let ask = "UPDATE score SET log_odds = 2.0 WHERE checkpoint = 1 AND item = ?1 AND slot = 0";
    assert_eq!(db.execute(ask, [item]).expect("changed"), 1);
    drop(db);

    let found = json(&one, &two, &[]);
    assert_eq!(found["identical"], false);
    let joined = &found["joined"];
    assert_eq!((&joined["both"], &joined["other_tokens"]), (&766.into(), &1.into()));
    assert_eq!((&joined["only_first"], &joined["only_second"]), (&1.into(), &0.into()));
    let all = &found["log_odds"];
    assert_eq!((&all["compared"], &all["identical"]), (&766.into(), &765.into()));
    assert_eq!((&all["largest"], &all["median"], &all["p99"]), (&3.25.into(), &0.0.into(), &0.0.into()));
    assert_eq!(all["changed_choices"], 1);
    assert_eq!(all["largest_at"]["log_odds"], serde_json::json!([2.0, -1.25]));
    let what: Vec<&str> = found["differs"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|d| d["what"].as_str().expect("a name"))
        .collect();
    assert_eq!(what, ["program version"]);
    let by = found["log_odds_by"].as_array().expect("a list");
    assert_eq!((by.len(), by.iter().filter(|s| s["largest"] == 0.0).count()), (8, 7));
    // The item with other tokens is in no paired figure: what is left differs nowhere.
    let paired = found["paired"].as_array().expect("a list");
    assert!(!paired.is_empty() && paired.iter().all(|p| p["difference"]["estimate"] == 0.0));

    for (tolerance, code) in [("3.25", 0), ("3.24", 1)] {
        let done = compare(&one, &two, &["--tolerance", tolerance]);
        assert_eq!(done.status.code(), Some(code), "{}", text(&done.stderr));
        let said = text(&done.stdout);
        assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
        assert!(said.contains("9.9.9") && said.contains("3.2500"), "{said}");
    }
    assert_eq!(compare(&one, &two, &["--tolerance", "-1"]).status.code(), Some(2));

    // Under one other's name.
    let renamed = json(&one, &one, &["--checkpoint", "tiny-base", "tiny-base"]);
    assert_eq!(renamed["identical"], true);
    let refused = compare(&one, &one, &["--checkpoint", "tiny-base", "tiny-bass"]);
    assert!(text(&refused.stderr).contains("no checkpoint `tiny-bass`; it has tiny-base"));
}

const HEADER: &str = "model,language,condition,country_1,country_2,scenario,scenario_type,question,diff_fwd,diff_rev,bias,compliance\n";

/// Three types of one scenario each.
fn items(path: &Path, models: &[(&str, [f64; 3])], turned: bool) {
    let mut table = HEADER.to_owned();
    for (model, biases) in models {
        for (kind, bias) in biases.iter().enumerate() {
            let row = match turned {
                false => format!("A,B,s{kind},t{kind},who,{},{},{bias}", bias + 0.5, bias - 0.5),
                true => format!("B,A,s{kind},t{kind},who,{},{},{}", 0.5 - bias, -bias - 0.5, -bias),
            };
            table += &format!("{model},en,main,{row},0.9\n");
        }
    }
    fs::write(path, table).expect("written");
}

#[apply(test!)]
fn tables_are_paired_item_by_item() {
    let dir = tempfile::tempdir().expect("a folder");
    let [one, two, other] = ["one.csv", "two.csv", "other.csv"].map(|name| dir.path().join(name));
    items(&one, &[("m/x", [1.0, 2.0, 3.0]), ("n", [2.0, 2.0, 2.0])], false);
    items(&two, &[("m/x", [1.5, 2.5, 4.5]), ("n", [2.0, 2.125, 1.875])], true);
    let found = json(&one, &two, &[]);
    // Differences 0.5, 0.5, 1.5 and 0, 0.125, -0.125, each in both roles; spelled the other way round they are the same.
    let all = &found["log_odds"];
    assert_eq!((&all["compared"], &all["identical"], &all["largest"]), (&12.into(), &2.into(), &1.5.into()));
    assert_eq!(all["changed_choices"], 0);
    let paired = found["paired"].as_array().expect("a list");
    let of = |id: &str| paired.iter().find(|p| p["id"] == id).unwrap_or_else(|| panic!("{id}"));
    let lean = of("confirmatory/en/m/x/A/who/all");
    let difference = &lean["difference"];
    let number = |v: &Value| v.as_f64().expect("a number");
    assert!((number(&difference["estimate"]) - 2.5 / 3.0).abs() < 1e-12);
    // Their standard deviation is the root of 1/3, over the root of 3; t(0.975, 2) = 4.302653.
    let block = &difference["crossed"];
    assert!((number(&block["se"]) - 1.0 / 3.0).abs() < 1e-12 && number(&block["df"]) == 2.0);
    assert!((number(&block["ci"]) - 4.302652729749464 / 3.0).abs() < 1e-9);
    assert_eq!((&lean["first"], lean["checkpoint"].as_str()), (&2.0.into(), Some("m/x")));

    // n had no interval, and has one now.
    let changed = found["conclusions"]["changed"].as_array().expect("a list");
    let of_n: Vec<_> = changed.iter().filter(|c| c["checkpoint"] == "n").collect();
    assert!(
        !of_n.is_empty()
            && of_n.iter().all(|c| (&c["first"], &c["second"]) == (&"no_interval".into(), &"differs".into())),
        "{changed:?}"
    );
    assert!(changed.iter().all(|c| c["checkpoint"] == "n"), "{changed:?}");
    let said = text(&compare(&one, &two, &[]).stdout);
    assert!(!said.contains("figures stand"), "{said}");
    for part in ["A, paired item by item", "+2.833", "+0.833"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let said = text(&compare(&one, &one, &[]).stdout);
    assert!(said.contains("The same scores, bit for bit: 12 log-odds of items."), "{said}");
    assert!(!said.contains("paired item by item"), "{said}");

    items(&other, &[("q", [1.0, 2.0, 3.0])], false);
    let refused = compare(&one, &other, &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("have nothing in common"), "{}", text(&refused.stderr));
    let joined = json(&one, &other, &["--checkpoint", "m/x", "q"]);
    assert_eq!((&joined["joined"]["both"], &joined["log_odds"]["largest"]), (&6.into(), &0.0.into()));
    // The leans of n and o, which the other does not have.
    let more = dir.path().join("more.csv");
    items(&more, &[("m/x", [1.0, 2.0, 3.0]), ("n", [2.0; 3]), ("o", [0.5, 1.0, 0.0])], false);
    for (first, second, names, expected) in [
        (&more, &other, ["m/x", "q"], "4 figures stand in the first only, 0 in the second only."),
        (&other, &more, ["q", "m/x"], "0 figures stand in the first only, 4 in the second only."),
    ] {
        let said = text(&compare(first, second, &["--checkpoint", names[0], names[1]]).stdout);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(expected), "{said}");
    }
    let over = compare(&one, &two, &["--output", one.to_str().expect("a path")]);
    assert_eq!(over.status.code(), Some(1));
}
