//! Slips that only Chinese has.

use super::*;

const CHINESE: [Edit; 5] = [
    ("study.toml", "[\"en\", \"fr\"]", "[\"zh\"]"),
    ("conditions.toml", "question_language = \"en\"\nlanguages = [\"fr\"]", ""),
    ("texts/en.toml", "", ""),
    ("texts/fr.toml", "", ""),
    (
        "texts/zh.toml",
        "",
        "options = \"(A) {first}\\n(B) {second}\"\ncue = \"答案：(\"\ninstruction = \"只回答字母。\"\nquestion = \"哪一家更公平？\"\nexamples = \"例。\\n\\n\"\n",
    ),
];

fn chinese(narrative: &'static str) -> Vec<Finding> {
    let mut edits: Vec<Edit> = CHINESE.to_vec();
    edits.extend([(EN, "", ""), (FR, "", ""), (STAFF, "", ""), ("scenarios/en/staff.toml", "", "")]);
    edits.push((
        "entities/companies.toml",
        "",
        "pairs = \"all\"\n[[entity]]\nid = \"a\"\nzh = { forms = { name = \"甲公司\" } }\n[[entity]]\nid = \"b\"\nzh = { forms = { name = \"乙公司\" } }\n",
    ));
    edits.push(("scenarios/zh/staff.toml", "", narrative));
    findings(&edits)
}

#[test]
fn chinese_without_stray_spaces_has_no_finding() {
    let found = chinese(
        "type = \"staff\"\n[[scenario]]\nid = \"x\"\nrole = \"none\"\ntext = \"{A}写信给{B}，{B}回信给{A}。\"\n",
    );
    assert_eq!(found, []);
}

#[test]
fn chinese_spaces_and_half_width_punctuation_are_found() {
    let found = chinese(
        "type = \"staff\"\n[[scenario]]\nid = \"x\"\nrole = \"none\"\ntext = \"{A} 写信给{B},{B}回信给 3 家{A}。\"\n",
    );
    let has = |severity, part: &str| found.iter().any(|f| f.severity == severity && f.message.contains(part));
    assert!(has(Severity::Error, "a stray space: “甲公司 写信"), "{found:?}");
    assert!(has(Severity::Warning, "a space beside"), "{found:?}");
    assert!(has(Severity::Warning, "half-width punctuation"), "{found:?}");
}
