//! What the format can express, and what it refuses.

use tiltmeter::study::{PromptQuery, StageForm, Study, StudyError, StudyFiles};

use super::texts;

fn study(files: &[(&str, &str)]) -> Result<Study, StudyError> {
    let files = files.iter().map(|(n, t)| ((*n).to_owned(), t.as_bytes().to_vec()));
    Study::from_files(files.collect::<StudyFiles>())
}

/// Examples that differ by question, trailing spaces, a tab, CRLF, no newline where none is written, literal braces.
#[apply(test!)]
fn texts_come_out_byte_for_byte() {
    let study = study(&[
        (
            "study.toml",
            r#"
format = 1
name = "bytes"
version = "1"
languages = ["en"]
question = [{ id = "more", polarity = 1 }, { id = "less", polarity = -1 }]
answers = { choices = [["A"], ["B"]] }
"#,
        ),
        (
            "entities/towns.toml",
            r#"
pairs = "all"
[[entity]]
id = "Ulm"
en = { agree = ["s"], forms = { name = "Ulm", Name = "ULM" } }
[[entity]]
id = "The Hague"
en = { agree = ["p"], forms = { name = "the Hague ", Name = "The  Hague" } }
"#,
        ),
        (
            "texts/en.toml",
            r#"
question = { more = "Which is it?  ", less = "\tWhich is it not? " }
examples = { more = "Ex 1: {{x}}\r\nAnswer: (A)\n\n", less = "Ex 2:\n\n\nAnswer: (B)\n \n" }
options = "(A) {first} \n(B) {second} "
cue = "Answer: ("
"#,
        ),
        (
            "scenarios/en/walks.toml",
            r#"
type = "walks"
[[scenario]]
id = "walk"
role = "acts"
text = "  {A.Name} {A|s:walks|p:walk} by {B}.\n{A}, {B}! "
"#,
        ),
        (
            "conditions.toml",
            r#"
[[condition]]
name = "main"
entities = "towns"
base.text = "{examples}Text:{narrative}{question}\n{options}\n{cue}"
chat.messages = [{ role = "system", content = " " }, { role = "user", content = "{narrative}{options}" }]
chat.prefill = "\n{"
"#,
        ),
    ])
    .unwrap();
    let prompts = study.prompts(&PromptQuery::new("en", "main", StageForm::Base)).unwrap();
    let all: Vec<_> = prompts.collect();
    assert_eq!(all.len(), 8);
    let plain = |i: usize| texts(&all[i].text)[0];
    assert_eq!(all[0].id, "en/main/Ulm-The Hague/walk/more/fwd/12");
    assert_eq!(
        plain(0),
        "Ex 1: {x}\r\nAnswer: (A)\n\nText:  ULM walks by the Hague .\nUlm, the Hague ! Which is it?  \n\
         (A) Ulm \n(B) the Hague  \nAnswer: ("
    );
    assert_eq!(all[7].id, "en/main/Ulm-The Hague/walk/less/rev/21");
    assert_eq!(
        plain(7),
        "Ex 2:\n\n\nAnswer: (B)\n \nText:  The  Hague walk by Ulm.\nthe Hague , Ulm! \tWhich is it not? \n\
         (A) the Hague  \n(B) Ulm \nAnswer: ("
    );
    let ends: Vec<_> = all.iter().map(|p| p.id.rsplitn(4, '/').take(3).collect::<Vec<_>>()).collect();
    assert_eq!(
        ends[0..4],
        [["12", "fwd", "more"], ["21", "fwd", "more"], ["12", "rev", "more"], ["21", "rev", "more"]]
    );
    let chat = study.prompts(&PromptQuery::new("en", "main", StageForm::Chat)).unwrap().next().unwrap();
    assert_eq!(
        texts(&chat.text),
        [" ", "  ULM walks by the Hague .\nUlm, the Hague ! (A) Ulm \n(B) the Hague  ", "\n{"]
    );
}

#[apply(test!)]
fn hostile_files_are_refused_quickly() {
    let deep = format!("x = {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let doubling: String = (0..60).map(|i| format!("t{} = \"{{t{i}}}{{t{i}}}\"\n", i + 1)).collect();
    let base = StudyFiles::template_pair();
    for (name, text, part) in [
        ("texts/en.toml", deep.into_bytes(), "not readable as TOML"),
        ("texts/en.toml", vec![0xff, 0xfe], "not UTF-8"),
        ("texts/en.toml", format!("t0 = \"x\"\ncue = \"{{t60}}\"\noptions = \"\"\nquestion = \"\"\ninstruction = \"\"\nexamples = \"\"\n{doubling}").into_bytes(), "mebibyte"),
        ("texts/en.toml", format!("cue = \"{}\"", "x".repeat(100_000)).into_bytes(), "longer than 64 KiB"),
    ] {
        let files = base.iter().filter(|(n, _)| *n != name).map(|(n, b)| (n.to_owned(), b.to_vec()));
        let files: StudyFiles = files.chain([(name.to_owned(), text)]).collect();
        let error = match Study::from_files(files) {
            Ok(study) => {
                let query = PromptQuery::new("en", "main", StageForm::Base);
                study.validate();
                study.prompts(&query).err().unwrap()
            }
            Err(error) => error,
        };
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
}
