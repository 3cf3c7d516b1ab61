//! Studies that were somebody else's: taken over word for word, crossed, with what is known put aside.

use super::*;
use crate::study::{Kind, PromptQuery, PromptText, StageForm};

const HEADER: &str = "study.toml";
const VERBATIM: Edit = (HEADER, "format = 1", "format = 1\nverbatim = true");
/// A French verb in the wrong number, and a company that is named once.
const SLIPS: [Edit; 2] = [
    (FR, "{A.Name} a annulé", "{A.Name} ont annulé"),
    (
        EN,
        "{B.Name} asked to be paid for the material. {A.Name} offered half, and {B} refused to return the deposit.",
        "{A.Name} offered half of the price of the material, and kept the deposit.",
    ),
];

caught! {
    equal_polarity: Warning in "study.toml", "`fairer`, `less_fair` have the same polarity (+1)",
        [(HEADER, "polarity = -1", "polarity = 1")];
    a_hyphen_in_an_id: Warning in "entities/companies.toml", "holds a `-`",
        [("entities/companies.toml", "id = \"Orvane\"", "id = \"Or-vane\"")];
    a_plural_verb: Error in "scenarios/fr/supply.toml", "differ in number", SLIPS;
    a_plural_verb_after_a_contracted_that: Error in "scenarios/fr/supply.toml", "differ in number",
        [(FR, "que {B} l'ait", "qu'{B} ont"), ("entities/companies.toml", "\"le groupe", "\"un groupe")];
    a_plural_verb_in_the_imperfect: Error in "scenarios/fr/supply.toml", "differ in number",
        [(FR, "{A.Name} a annulé", "{A.Name} annulaient")];
    a_plural_verb_behind_a_pronoun: Error in "scenarios/fr/supply.toml", "differ in number",
        [(FR, "{A.Name} a annulé", "{A.Name} ne lui ont pas livré")];
    a_singular_verb_after_a_plural_name: Error in "scenarios/fr/supply.toml", "differ in number",
        [("entities/companies.toml", "agree = [\"m\"]", "agree = [\"mp\"]"), (FR, "{A.Name} a annulé", "{A.Name} annulera")];
    a_plural_verb_in_the_present: Warning in "scenarios/fr/supply.toml", "seem to differ in number",
        [(FR, "{A.Name} a annulé", "{A.Name} annulent")];
    a_slip_taken_over: Warning in "scenarios/fr/supply.toml", "differ in number", [SLIPS[0], VERBATIM];
    a_slip_taken_over_in_one_file: Warning in "scenarios/fr/supply.toml", "differ in number",
        [SLIPS[0], (FR, "type =", "verbatim = true\ntype =")];
    a_slip_in_another_file: Error in "scenarios/fr/supply.toml", "differ in number",
        [SLIPS[0], (STAFF, "type =", "verbatim = true\ntype =")];
    not_only_wording_taken_over: Error in "scenarios/fr/supply.toml", "not translated", [VERBATIM, (FR, "", r#"
type = "supply"
[[scenario]]
id = "supply_acts_1"
role = "acts"
text = "{A.Name} cancelled an order with {B} two days before delivery, because demand had fallen. {B.Name} asked to be paid for the material. {A.Name} offered half, and {B} refused to return the deposit."
"#)];
    a_kind_that_is_none: Error in "study.toml", "no kind of warning, perhaps `few-types` is meant",
        [(HEADER, "format = 1", "format = 1\nsilence = [\"few_type\"]")];
    a_verbatim_that_is_no_truth: Error in "study.toml", "must be true or false",
        [(HEADER, "format = 1", "format = 1\nverbatim = \"yes\"")];
    windows_line_ends: Warning in "study.toml", "Windows line ends", [(HEADER, "format = 1\n", "format = 1\r\n")];
    an_option_name_that_is_none: Error in "conditions.toml", "`option_names` must be",
        [("conditions.toml", "question_language =", "option_names = \"story\"\nquestion_language =")];
    one_whole_answer: Error in "conditions.toml", "exactly two answers",
        [("conditions.toml", "omit = ", "whole_answers = [[\"A\"]]\nomit = ")];
}

#[test]
fn what_only_looks_like_a_plural_verb_is_no_finding() {
    for to in [
        "{A.Name} souvent a annulé",
        "{A.Name} récemment a annulé",
        "{A.Name} devient",
        "{A.Name} s'abstient",
        "{A.Name} en déplacement a annulé",
        "{A.Name} le ressent",
    ] {
        let told = findings(&[(FR, "{A.Name} a annulé", to)]);
        assert!(!told.iter().any(|f| f.kind == Some(Kind::Number)), "{to}: {told:#?}");
    }
}

#[test]
fn names_once_and_out_of_order_are_only_said_of_a_text_taken_over() {
    let found = findings(&[
        SLIPS[1],
        (EN, "{A.Name} cancelled an order with {B}", "{B.Name} lost an order of {A}"),
        VERBATIM,
    ]);
    let errors: Vec<String> = found.iter().filter(|f| f.is_error()).map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    for kind in [Kind::NameOrder, Kind::NameCount] {
        assert!(found.iter().any(|f| f.kind == Some(kind)), "{kind:?}: {found:#?}");
    }
}

#[test]
fn what_is_known_is_silenced_by_its_kind_and_counted() {
    let silence = (HEADER, "format = 1", "format = 1\nsilence = [\"few-types\", \"number\"]");
    assert_eq!(findings(&[silence]), []);
    // An error is no warning.
    assert!(findings(&[silence, SLIPS[0]]).iter().any(Finding::is_error));
    let files: StudyFiles = edited(&[silence]);
    assert_eq!(Study::validate_files(files).silenced, 1);
}

#[test]
fn a_scenario_of_its_own_may_leave_out_a_name() {
    let one = (EN, "role = \"acts\"", "role = \"acts\"\nplaceholders = \"any\"");
    let two = (FR, "role = \"acts\"", "role = \"acts\"\nplaceholders = \"any\"");
    let found = findings(&[SLIPS[1], one, two]);
    assert!(found.iter().all(|f| !f.is_error()), "{found:#?}");
    // The other scenarios of the file are held to it.
    let more = (FR, "bien que {B} l'ait", "bien qu'il l'ait");
    assert!(findings(&[one, two, more]).iter().any(Finding::is_error));
}

#[test]
fn a_text_that_only_one_language_comes_to_is_in_no_other() {
    let french = "[[condition]]\nname = \"polite\"\nextends = \"main\"\nlanguages = [\"fr\"]\n\
                  replace = { instruction = \"polite\" }\n\n[[condition]]\nname = \"no_examples\"";
    let condition = ("conditions.toml", "[[condition]]\nname = \"no_examples\"", french);
    let text = ("texts/fr.toml", "cue = ", "polite = \"Répondez, je vous prie, par A ou B.\"\ncue = ");
    let found = findings(&[condition, text]);
    assert_eq!(found, []);
    // The other way round: a text of the reference that French never comes to.
    let english = (
        "conditions.toml",
        "[[condition]]\nname = \"no_examples\"",
        "[[condition]]\nname = \"polite\"\nextends = \"main\"\nlanguages = [\"en\"]\n\
         replace = { instruction = \"polite\" }\n\n[[condition]]\nname = \"no_examples\"",
    );
    let text = ("texts/en.toml", "cue = ", "polite = \"Answer A or B, please.\"\ncue = ");
    let found = findings(&[english, text]);
    assert_eq!(found, []);
    // And one that it does come to is missed.
    assert_finding(Severity::Error, "texts/fr.toml", "the text `polite` is missing", &[condition, text]);
}

fn prompts(edits: &[Edit], language: &str, condition: &str) -> Vec<String> {
    let study = Study::from_files(edited(edits)).unwrap();
    study
        .prompts(&PromptQuery::new(language, condition, StageForm::Base))
        .unwrap()
        .map(|prompt| match prompt.text {
            PromptText::Plain(text) => text,
            PromptText::Chat { .. } => panic!("plain was asked for"),
        })
        .collect()
}

#[test]
fn line_ends_of_windows_are_no_part_of_a_prompt() {
    let windows: StudyFiles = StudyFiles::template_pair()
        .iter()
        .map(|(name, bytes)| {
            (name.to_owned(), String::from_utf8_lossy(bytes).replace('\n', "\r\n").into_bytes())
        })
        .collect();
    let (study, unix) =
        (Study::from_files(windows).unwrap(), Study::from_files(StudyFiles::template_pair()).unwrap());
    let query = PromptQuery::new("fr", "main", StageForm::Base);
    assert!(study.prompts(&query).unwrap().eq(unix.prompts(&query).unwrap()));
    assert_eq!(study.hash(), unix.hash());
    let said: Vec<Finding> =
        study.validate().into_iter().filter(|f| f.kind == Some(Kind::LineEnds)).collect();
    assert_eq!(said.len(), 1);
    assert!(said[0].message.contains("9 files"), "{said:?}");
}

#[test]
fn crossed_options_may_keep_the_narratives_names() {
    let own = prompts(&[], "fr", "question_en");
    let crossed =
        ("conditions.toml", "question_language =", "option_names = \"narrative\"\nquestion_language =");
    let narrative = prompts(&[crossed], "fr", "question_en");
    assert!(own[0].contains("(A) the Halden Group\n"), "{}", own[0]);
    assert!(narrative[0].contains("(A) le groupe Halden\n"), "{}", narrative[0]);
    assert_eq!(
        own[0].replace("(A) the Halden Group\n(B) Orvane", "(A) le groupe Halden\n(B) la société Orvane"),
        narrative[0]
    );
    assert_eq!(prompts(&[crossed], "fr", "main"), prompts(&[], "fr", "main"));
}
