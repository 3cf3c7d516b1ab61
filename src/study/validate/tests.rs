//! One slip at a time in a sound study, and the finding that it must give.

use super::super::error::{Finding, Severity};
use super::super::files::StudyFiles;
use super::super::kind::Kind;
use super::super::model::Study;

/// File, what is written there, what a slip makes of it. An empty second takes the whole file; two empty ones remove it.
type Edit = (&'static str, &'static str, &'static str);

/// All but that the study to start from has few types.
fn findings(edits: &[Edit]) -> Vec<Finding> {
    let all = Study::validate_files(edited(edits)).findings;
    all.into_iter().filter(|finding| finding.kind != Some(Kind::FewTypes)).collect()
}

/// The study to start from, with slips.
fn edited(edits: &[Edit]) -> StudyFiles {
    let mut files: Vec<(String, Vec<u8>)> =
        StudyFiles::template_pair().iter().map(|(name, bytes)| (name.to_owned(), bytes.to_vec())).collect();
    for (name, from, to) in edits {
        let old = files.iter().position(|(n, _)| n == name);
        let old = old.map(|i| String::from_utf8(files.remove(i).1).unwrap());
        let new = match (old, *from, *to) {
            (_, "", "") => continue,
            (_, "", new) => new.to_owned(),
            (Some(old), from, to) => {
                assert!(old.contains(from), "{name} does not contain {from}");
                old.replacen(from, to, 1)
            }
            (None, ..) => panic!("there is no {name}"),
        };
        files.push(((*name).to_owned(), new.into_bytes()));
    }
    files.into_iter().collect()
}

fn assert_finding(severity: Severity, file: &str, part: &str, edits: &[Edit]) {
    let findings = findings(edits);
    let found = findings.iter().any(|f| f.severity == severity && f.file == file && f.message.contains(part));
    let all: Vec<String> = findings.iter().map(|f| format!("{:?} {f}", f.severity)).collect();
    assert!(found, "no {severity:?} with “{part}” in {file} among:\n{}", all.join("\n"));
}

macro_rules! caught {
    ($($name:ident: $severity:ident in $file:literal, $part:literal, $edits:expr;)*) => {$(
        #[test]
        fn $name() {
            assert_finding(Severity::$severity, $file, $part, &$edits);
        }
    )*};
}

mod chinese;
mod taken_over;

const EN: &str = "scenarios/en/supply.toml";
const FR: &str = "scenarios/fr/supply.toml";
const STAFF: &str = "scenarios/fr/staff.toml";

#[test]
fn the_study_to_start_from_lacks_nothing_but_types() {
    let all = Study::validate_files(StudyFiles::template_pair()).findings;
    assert_eq!(all.iter().map(|f| f.kind).collect::<Vec<_>>(), [Some(Kind::FewTypes)]);
    assert!(all[0].file == "scenarios/en" && all[0].message.contains("has 2 types"), "{all:?}");
}

// Files that do not load.
caught! {
    no_header: Error in "study.toml", "the file is missing", [("study.toml", "", "")];
    no_conditions: Error in "conditions.toml", "the file is missing", [("conditions.toml", "", "")];
    no_entities: Error in "entities", "no file of entities", [("entities/companies.toml", "", "")];
    another_format: Error in "study.toml", "reads format 1", [("study.toml", "format = 1", "format = 2")];
    broken_toml: Error in "texts/fr.toml", "not readable as TOML", [("texts/fr.toml", "cue = \"", "cue = ")];
    unknown_key: Error in "study.toml", "unknown key `author`", [("study.toml", "format = 1", "format = 1\nauthor = 1")];
    unknown_scenario_key: Error in "scenarios/en/supply.toml", "unknown key `rolle`",
        [(EN, "role = \"acts\"", "rolle = \"acts\"")];
    missing_key: Error in "study.toml", "`version` is missing", [("study.toml", "version = \"0.1.0\"", "")];
    wrong_type: Error in "study.toml", "must be a list of strings", [("study.toml", "[\"en\", \"fr\"]", "3")];
    polarity: Error in "study.toml", "must be 1 or -1", [("study.toml", "polarity = 1", "polarity = 2")];
    question_twice: Error in "study.toml", "used twice", [("study.toml", "\"less_fair\"", "\"fairer\"")];
    three_answers: Error in "study.toml", "exactly two answers", [("study.toml", "[\"B\",", "[\"C\"], [\"B\",")];
    shared_spelling: Error in "study.toml", "both answers share", [("study.toml", "\" B\"", "\" A\"")];
    empty_spelling: Error in "study.toml", "empty spelling", [("study.toml", "\" B\"", "\"\"")];
    scenario_twice: Error in "scenarios/en/supply.toml", "used twice",
        [(EN, "supply_responds_1", "supply_acts_1")];
    file_and_type: Error in "scenarios/fr/supply.toml", "the file is called", [(FR, "\"supply\"", "\"supplies\"")];
    unknown_role: Error in "scenarios/fr/supply.toml", "`role` must be", [(FR, "\"acts\"", "\"agit\"")];
    unclosed_brace: Error in "scenarios/fr/supply.toml", "never closed", [(FR, "{B.a}", "{B.a")];
    unopened_brace: Error in "texts/fr.toml", "never opened", [("texts/fr.toml", "{second}", "second}")];
    unknown_placeholder: Error in "scenarios/fr/supply.toml", "unknown placeholder `{C}`", [(FR, "{B}", "{C}")];
    alternative_without_class: Error in "scenarios/fr/staff.toml", "without a class",
        [(STAFF, "|f:blâmée", "|blâmée")];
    reserved_text: Error in "texts/en.toml", "reserved", [("texts/en.toml", "cue =", "narrative = \"x\"\ncue =")];
    entity_twice: Error in "entities/companies.toml", "used twice",
        [("entities/companies.toml", "id = \"Orvane\"", "id = \"Halden\"")];
    pair_of_strangers: Error in "entities/companies.toml", "which is no entity",
        [("entities/companies.toml", "pairs = \"all\"", "pairs = [[\"Halden\", \"Nobody\"]]")];
    pair_with_itself: Error in "entities/companies.toml", "no pair",
        [("entities/companies.toml", "pairs = \"all\"", "pairs = [[\"Halden\", \"Halden\"]]")];
    extends_nothing: Error in "conditions.toml", "which is no condition",
        [("conditions.toml", "extends = \"main\"", "extends = \"mian\"")];
    extends_in_a_circle: Error in "conditions.toml", "in a circle",
        [("conditions.toml", "name = \"main\"", "name = \"main\"\nextends = \"no_examples\"")];
    unknown_message_role: Error in "conditions.toml", "`role` must be", [("conditions.toml", "\"user\"", "\"human\"")];
    unknown_stage: Error in "conditions.toml", "\"base\" and \"chat\" only",
        [("conditions.toml", "omit = ", "stages = [\"sft\"]\nomit = ")];
    layout_without_text: Error in "conditions.toml", "nor inherits any",
        [("conditions.toml", "text = ", "omit = []#")];
}

// Languages against the reference.
caught! {
    missing_file: Error in "scenarios/fr/staff.toml", "the file is missing; `en` has it with 2 scenarios", [(STAFF, "", "")];
    missing_scenario: Error in "scenarios/fr/supply.toml", "the scenario is missing",
        [(FR, "\"supply_acts_1\"", "\"supply_acts_2\"")];
    extra_scenario: Error in "scenarios/fr/supply.toml", "no such scenario",
        [(FR, "\"supply_acts_1\"", "\"supply_acts_2\"")];
    role_mismatch: Error in "scenarios/fr/supply.toml", "the role is `none`, but `acts`", [(FR, "\"acts\"", "\"none\"")];
    set_mismatch: Error in "scenarios/fr/supply.toml", "the set is", [(FR, "type =", "set = \"other\"\ntype =")];
    untranslated_narrative: Error in "scenarios/fr/supply.toml", "not translated", [
        (FR, "", r#"
type = "supply"
[[scenario]]
id = "supply_acts_1"
role = "acts"
text = "{A.Name} cancelled an order with {B} two days before delivery, because demand had fallen. {B.Name} asked to be paid for the material. {A.Name} offered half, and {B} refused to return the deposit."
"#),
    ];
    missing_text: Error in "texts/fr.toml", "the text `cue` is missing", [("texts/fr.toml", "cue = ", "#")];
    extra_text: Error in "texts/fr.toml", "has no text `extra`", [("texts/fr.toml", "cue = ", "extra = \"x\"\ncue = ")];
    untranslated_text: Warning in "texts/fr.toml", "not translated",
        [("texts/fr.toml", "Répondez uniquement par la lettre A ou B.", "Reply with only the letter A or B.")];
    examples_for_one_question_only: Error in "texts/fr.toml", "nothing for the question `less_fair`",
        [("texts/fr.toml", "\nless_fair = \"\"\"", "\nfairest = \"\"\"")];
    examples_for_no_question: Error in "texts/fr.toml", "no question `fairest`",
        [("texts/fr.toml", "\nless_fair = \"\"\"", "\nfairest = \"\"\"")];
    opposite_questions_alike: Error in "texts/fr.toml", "have the same text",
        [("texts/fr.toml", "façon la moins", "façon la plus")];
    language_not_listed: Error in "texts/de.toml", "`de` is not among", [("texts/de.toml", "", "cue = \"x\"")];
    scenarios_of_no_language: Error in "scenarios/de/staff.toml", "`de` is not among",
        [("scenarios/de/staff.toml", "", "type = \"staff\"")];
    stray_file: Error in "notes.txt", "no part of a study", [("notes.txt", "", "x")];
    narrative_twice: Error in "scenarios/fr/supply.toml", "again", [
        (FR, "", r#"
type = "supply"
[[scenario]]
id = "supply_acts_1"
role = "acts"
text = "{A.Name} a écrit {B.a}. {B.Name} a répondu {A.a}."
[[scenario]]
id = "supply_responds_1"
role = "responds"
text = "{A.Name} a écrit {B.a}. {B.Name} a répondu {A.a}."
"#),
    ];
    one_sided_type: Warning in "scenarios/en/supply.toml", "no scenario with the role `responds`", [
        (EN, "\"responds\"", "\"acts\""), (FR, "\"responds\"", "\"acts\""),
    ];
}

// Who is named.
caught! {
    placeholder_never: Error in "scenarios/fr/supply.toml", "`{B}` is never used", [
        (FR, "", r#"
type = "supply"
[[scenario]]
id = "supply_acts_1"
role = "acts"
text = "{A.Name} a annulé une commande. {A.Name} a payé."
"#),
    ];
    placeholder_once: Error in "scenarios/fr/supply.toml", "`{B}` is used only once", [
        (FR, "", r#"
type = "supply"
[[scenario]]
id = "supply_acts_1"
role = "acts"
text = "{A.Name} a annulé une commande. {A.Name} a payé {B}."
"#),
    ];
    roles_swapped: Error in "scenarios/fr/staff.toml", "the roles are swapped", [
        (STAFF, "{A.Name} a débauché trois ingénieurs {B.de}", "{B.Name} a débauché trois ingénieurs {A.de}"),
    ];
    second_role_first: Error in "scenarios/en/supply.toml", "named before `{A}`", [
        (EN, "{A.Name} cancelled an order with {B}", "{B.Name} cancelled an order with {A}"),
    ];
    roles_swapped_in_part: Warning in "scenarios/fr/supply.toml", "the other way round", [
        (EN, "{A.Name} held back", "{A.Name} told {A}'s staff to hold back"),
        (FR, "{A.Name} a retenu la livraison suivante,", "{B.Name} a retenu la livraison suivante,"),
        (FR, "{A}, dans", "{A} et {A}, dans"),
    ];
    option_in_narrative: Error in "scenarios/fr/supply.toml", "stands for an option slot", [(FR, "{A}, dans", "{first}, dans")];
    agreement_with_the_other: Warning in "scenarios/fr/staff.toml", "agrees with `{B}`",
        [(STAFF, "{A.Name} a été {A|m:blâmé|f:blâmée}", "{A.Name} {B|m:fut blâmé|f:fut blâmée}")];
}

// What an answer means.
caught! {
    options_swapped: Error in "texts/fr.toml", "the options are swapped",
        [("texts/fr.toml", "(A) {first}\\n(B) {second}", "(A) {second}\\n(B) {first}")];
    options_swapped_in_the_reference: Error in "texts/en.toml", "`{second}` stands behind `A`",
        [("texts/en.toml", "(A) {first}\\n(B) {second}", "(A) {second}\\n(B) {first}")];
    options_swapped_in_a_layout: Error in "conditions.toml", "the options are swapped",
        [("conditions.toml", "{options}\\n{cue}", "(A) {second}\\n(B) {first}\\n{cue}")];
    options_without_labels_swapped: Error in "texts/fr.toml", "the options are `second`, `first`, but `first`, `second`",
        [("texts/fr.toml", "(A) {first}\\n(B) {second}", "- {second}\\n- {first}")];
    option_twice: Error in "texts/fr.toml", "`{first}` stands 2 times", [("texts/fr.toml", "{second}", "{first}")];
    example_with_another_answer: Error in "texts/fr.toml", "worked example 1 answers `B`, but `A` in `en`",
        [("texts/fr.toml", "{cue}A)", "{cue}B)")];
    example_with_its_options_exchanged: Error in "texts/fr.toml", "the options of worked example 1 are exchanged",
        [("texts/fr.toml", "(A) Tovary\n(B) Brellin", "(A) Brellin\n(B) Tovary")];
    example_without_its_answer: Error in "texts/fr.toml", "and an answer: 1, but 2 in `en`",
        [("texts/fr.toml", "{cue}A)", "{cue}")];
    example_about_one_of_the_pair: Error in "texts/fr.toml", "`{A}` stands among worked examples",
        [("texts/fr.toml", "(A) Tovary", "(A) {A}")];
    one_answer_in_all_examples: Warning in "texts/en.toml", "every worked example answers `A`",
        [("texts/en.toml", "{cue}B)", "{cue}A)")];
}

// Entities.
caught! {
    lacking_form: Error in "entities/companies.toml", "no form `de` in fr",
        [("entities/companies.toml", ", de = \"du groupe Halden\"", "")];
    form_asked_for_and_not_there: Error in "scenarios/fr/staff.toml", "`{B.en}` asks for the form `en`, which no entity has in fr",
        [(STAFF, "{B.de}", "{B.en}")];
    lacking_language: Error in "entities/companies.toml", "no names in fr",
        [("entities/companies.toml", "[entity.fr]", "[entity.de]")];
    lacking_class: Error in "scenarios/fr/staff.toml", "none of the classes",
        [(STAFF, "{A|m:blâmé|f:blâmée}", "{A|m:blâmé|p:blâmés}")];
    class_that_nobody_has: Warning in "scenarios/fr/staff.toml", "has the class `fem`",
        [(STAFF, "{A|m:blâmé|f:blâmée}", "{A|m:blâmé|f:blâmée|fem:blâmée}")];
    two_of_one_name: Error in "entities/companies.toml", "is also the name of",
        [("entities/companies.toml", "name = \"Orvane\"", "name = \"the Halden Group\"")];
}

// Conditions.
caught! {
    entities_not_there: Error in "conditions.toml", "`entities` names `firms`",
        [("conditions.toml", "\"companies\"", "\"firms\"")];
    scenarios_not_there: Error in "conditions.toml", "`scenarios` names `rest`",
        [("conditions.toml", "entities =", "scenarios = \"rest\"\nentities =")];
    condition_in_no_language: Error in "conditions.toml", "`de` is not among",
        [("conditions.toml", "languages = [\"fr\"]", "languages = [\"de\"]")];
    question_in_no_language: Error in "conditions.toml", "`de` is not among",
        [("conditions.toml", "question_language = \"en\"", "question_language = \"de\"")];
    condition_nowhere: Error in "conditions.toml", "for no language and stage",
        [("conditions.toml", "languages = [\"fr\"]", "languages = []")];
    text_not_there: Error in "conditions.toml", "`{heading}` asks for a text",
        [("conditions.toml", "{examples}", "{heading}")];
    replacement_not_there: Error in "conditions.toml", "`{question_short}` asks for a text",
        [("conditions.toml", "omit = [\"examples\"]", "replace = { question = \"question_short\" }")];
    text_in_itself: Error in "texts/fr.toml", "uses itself", [("texts/fr.toml", "Réponse : (", "{cue}Réponse : (")];
    omitted_but_unused: Warning in "conditions.toml", "no layout of the condition uses it",
        [("conditions.toml", "omit = [\"examples\"]", "omit = [\"hedge\"]")];
    text_unused: Warning in "texts/en.toml", "no condition uses the text `spare`",
        [("texts/en.toml", "cue =", "spare = \"x\"\ncue =")];
    set_unused: Warning in "entities/others.toml", "no condition uses this set", [
        ("entities/others.toml", "", "pairs = \"all\"\n[[entity]]\nid = \"a\"\n[[entity]]\nid = \"b\"\n"),
    ];
    scenario_set_unused: Warning in "scenarios/en/supply.toml", "no condition uses the scenario set `rest`",
        [(EN, "type =", "set = \"rest\"\ntype =")];
    narrative_in_a_narrative: Error in "scenarios/fr/supply.toml", "inside a narrative", [(FR, "{A}, dans", "{A}, {narrative} dans")];
    braces_in_a_prefill: Warning in "conditions.toml", "literal text",
        [("conditions.toml", "messages =", "prefill = \"{cue}\"\nmessages =")];
    long_prefill: Warning in "conditions.toml", "longer than 40",
        [("conditions.toml", "messages =", "prefill = \"It is hard to say, but on the whole I should answer\"\nmessages =")];
    assistant_speaks_last: Warning in "conditions.toml", "the last chat message",
        [("conditions.toml", "{instruction}\" }", "{instruction}\" }, { role = \"assistant\", content = \"I choose\" }")];
    base_ends_in_space: Warning in "conditions.toml", "ends in white space", [("conditions.toml", "{cue}\"", "{cue} \"")];
    base_ends_without_bracket: Warning in "conditions.toml", "does not end in `(`",
        [("texts/fr.toml", "Réponse : (", "Réponse :")];
}

// How it reads.
caught! {
    doubled_article: Error in "scenarios/en/supply.toml", "“the” is doubled", [(EN, "with {B}", "with the {B}")];
    doubled_after: Error in "scenarios/en/supply.toml", "“Group” is doubled", [(EN, "{A} had", "{A} Group had")];
    runs_in: Error in "scenarios/en/supply.toml", "runs into the word", [(EN, "{B} refused", "{B}refused")];
    lower_case_start: Error in "scenarios/en/supply.toml", "begins in lower case", [(EN, "{B.Name} asked", "{B} asked")];
    lower_case_first_sentence: Error in "scenarios/en/supply.toml", "begins in lower case",
        [(EN, "{A.Name} cancelled", "{A} cancelled")];
    lower_case_literal: Warning in "scenarios/en/staff.toml", "begins in lower case",
        [("scenarios/en/staff.toml", "for a year. {A.Name}", "for a year. yet {A}")];
    capital_in_the_middle: Error in "scenarios/en/supply.toml", "in the middle of one", [(EN, "with {B}", "with {B.Name}")];
    two_spaces: Warning in "scenarios/en/supply.toml", "two spaces", [(EN, "had fallen. ", "had fallen.  ")];
    space_before_comma: Warning in "scenarios/en/supply.toml", "space before a comma", [(EN, "half, and", "half , and")];
    no_space_between_sentences: Warning in "scenarios/en/staff.toml", "no space between two sentences",
        [("scenarios/en/staff.toml", "for a year. {A.Name}", "for a year.Then {A}")];
    texts_that_run_together: Warning in "conditions.toml", "no space between two sentences",
        [("conditions.toml", "{narrative}\\n\\n{question}", "{narrative}{question}")];
    blank_around_a_narrative: Warning in "scenarios/en/supply.toml", "begins or ends with a space",
        [(EN, "the deposit.", "the deposit. ")];
    plural_verb: Error in "scenarios/en/supply.toml", "a plural verb after a singular name", [(EN, "{A} had announced", "{A} were announcing")];
    english_article: Error in "scenarios/en/staff.toml", "“a” does not go with", [("scenarios/en/staff.toml", "to {B}, it", "to a {B} office, it")];
    french_contraction: Error in "scenarios/fr/staff.toml", "not contracted", [(STAFF, "ingénieurs {B.de}", "ingénieurs de {B}")];
    french_two_prepositions: Error in "scenarios/fr/staff.toml", "two prepositions", [(STAFF, "ingénieurs {B.de}", "ingénieurs par {B.de}")];
    french_de_la_de_la: Error in "scenarios/fr/staff.toml", "“de” is doubled", [(STAFF, "ingénieurs {B.de}", "ingénieurs de {B.de}")];
    french_elision_at_a_name: Error in "scenarios/fr/supply.toml", "elision missing", [
        ("entities/companies.toml", "name = \"la société Orvane\"", "name = \"Orvane\""),
        (FR, "bien que {B}", "bien que {B}"),
    ];
    french_elision_before_a_consonant: Error in "scenarios/fr/supply.toml", "elision before a consonant", [(FR, "bien que {B}", "bien qu'{B}")];
    french_elision_of_an_agreement: Error in "scenarios/fr/staff.toml", "elision missing",
        [(STAFF, "a été {A|m:blâmé|f:blâmée}", "dit que {A|m:on le blâme|f:on la blâme}")];
    french_elision_elsewhere: Warning in "scenarios/fr/staff.toml", "elision missing", [(STAFF, "qu'un ancien", "que un ancien")];
    french_number: Error in "scenarios/fr/staff.toml", "differ in number", [
        ("entities/companies.toml", "agree = [\"f\"]", "agree = [\"f\", \"s\"]"),
        (STAFF, "Quand {A} a appris", "Quand {A} ont appris"),
    ];
}

fn told(edits: &[Edit]) -> Vec<String> {
    findings(edits).iter().map(ToString::to_string).collect()
}

#[test]
fn a_misspelled_form_is_one_error_on_its_own_line() {
    let found = told(&[(FR, "{B.Name} a demandé", "{B.Nom} a demandé")]);
    assert_eq!(
        found,
        [
            "scenarios/fr/supply.toml:7: scenario `supply_acts_1`: `{B.Nom}` asks for the form `Nom`, which no entity \
          has in fr (there is `Name`, `a`, `de`, `name`)"
        ]
    );
}

#[test]
fn one_kind_of_slip_in_a_text_is_one_finding_with_an_example() {
    let found = told(&[(STAFF, "ingénieurs {B.de}", "ingénieurs {B.de}  ")]);
    let spaces: Vec<&String> = found.iter().filter(|f| f.contains("two spaces")).collect();
    assert_eq!(spaces.len(), 1, "{found:#?}");
    assert!(spaces[0].ends_with("(and 1 more)"), "{found:#?}");
    let between =
        told(&[("conditions.toml", "{question}\\n{options}\\n{cue}", "{question}  {options}\\n{cue}")]);
    assert_eq!(between.len(), 1, "{between:#?}");
    assert!(between[0].contains("more fairly?  (A) the Halden” (and "), "{between:#?}");
    let alone = told(&[("texts/en.toml", "cue = \"Answer: (", "cue = \"\\n  \\nAnswer: (")]);
    assert_eq!(alone.len(), 1, "{alone:#?}");
    assert!(alone[0].ends_with("two spaces in a row: “␣␣”"), "{alone:#?}");
}

#[test]
fn a_language_that_is_missing_is_not_told_text_by_text() {
    let found = told(&[
        ("texts/fr.toml", "", ""),
        (FR, "", ""),
        (STAFF, "", ""),
        ("entities/companies.toml", "[entity.fr]", "[entity.de]"),
        ("entities/companies.toml", "[entity.fr]", "[entity.de]"),
    ]);
    assert_eq!(
        found,
        [
            "entities/companies.toml: no entity has names in fr (`[entity.fr]` is missing)",
            "scenarios/fr: the language has no scenarios; `en` has 4",
            "texts/fr.toml: the file is missing or empty; `en` has 5 texts",
        ]
    );
}

#[test]
fn everything_that_keeps_files_from_loading_is_told_at_once() {
    let found = findings(&[(FR, "{B.a}", "{B.a"), ("conditions.toml", "omit = ", "ommit = ")]);
    let files: Vec<&str> = found.iter().map(|f| f.file.as_str()).collect();
    assert_eq!(files, ["conditions.toml", "scenarios/fr/supply.toml"], "{found:#?}");
}
