//! What a page says in words.

use tiltmeter::report::{Document, Example, Planted, Provenance, ReportInput, render};

use tiltmeter::stats::ItemRow;

use super::markup::check;
use super::{CHINA, FOUR, NO_OPINION, PAIR, Study, analyzed, input, page, pair};

#[apply(test!)]
fn the_headline_says_what_was_planted_and_no_more() {
    let page = page(&pair(), PAIR);
    for sentence in [
        "Two checkpoints were asked in English and French to choose between four countries, two at a time, in 12 scenarios \
         of 6 types (“justified” and “unjustified”).",
        "Every run puts at least 97 % of its probability on the two answers, so preferences can be read.",
        "<strong>demo-base in English</strong> no lean found: the 95 % intervals of four countries cover zero; the data still \
         allow a lean of up to ±",
        "<strong>demo-chat in French</strong> leans most towards China by +1.95 log-odds (95 % CI ",
        "The shift that post-training brought to China in demo is +2.0",
        "Base and chat checkpoints may have been asked in different forms: a shift between them would hold the change of form \
         too.",
        "; by its item means chosen with a mean probability of ",
        "This table has the means of items alone and no single prompts",
        "This takes families of several makers",
        "demo (Demo &amp; Sons, China)",
    ] {
        assert!(page.contains(sentence), "the page lacks: {sentence}");
    }
    assert!(
        !page.contains("neutral.") && !page.contains("is neutral"),
        "a p above 0.05 is no proof of neutrality"
    );
}

#[apply(test!)]
fn compliance_below_the_tiers_is_said_first_and_marked() {
    let rows = Study {
        checkpoints: &[("demo-base", NO_OPINION, 0.02), ("demo-chat", CHINA, 0.5)],
        entities: &FOUR,
        languages: &["en"],
        types: 6,
        noise: 0.5,
    }
    .rows();
    let page = page(&rows, PAIR);
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("the page lacks: {text}"));
    assert!(
        at("<strong>Warning.</strong> Two of two runs put less than 97 %")
            < at("not read: on average 0.020 of its")
    );
    at("Read with care: its compliance is 0.500 (†).");
    at("‡ compliance 0.020 in English");
    at("class=\"s0 low\"");
    at("class=\"s0 reduced\"");
}

#[apply(test!)]
fn compliance_is_printed_on_its_side_of_the_tiers_bound() {
    let study = |checkpoints: &[(&str, &[f64], f64)]| {
        Study { checkpoints, entities: &FOUR, languages: &["en"], types: 6, noise: 0.5 }.rows()
    };
    let two = page(&study(&[("demo-base", NO_OPINION, 0.9697), ("demo-chat", CHINA, 0.99)]), PAIR);
    for sentence in [
        "<strong>Read with care.</strong> One of two runs puts less than 97 % of its probability on the two answers: \
         demo-base in English (0.9697). Its preferences are marked (†) wherever they appear.",
        "its compliance is 0.9697 (†)",
        "† compliance 0.9697 in English",
        ">between 0.6 and 0.97<",
    ] {
        assert!(two.contains(sentence), "the page lacks: {sentence}");
    }
    let one = page(&study(&[("only", CHINA, 0.5)]), "");
    assert!(
        one.contains("The run puts less than 97 % of its probability on the two answers: only in English")
    );
}

#[apply(test!)]
fn many_families_are_summed_up_and_tested() {
    let names = ["a-base", "a-chat", "b-base", "b-chat", "c-base", "c-chat"];
    let checkpoints: Vec<(&str, &[f64], f64)> =
        names.iter().map(|n| (*n, if n.ends_with("chat") { CHINA } else { NO_OPINION }, 0.99)).collect();
    let rows =
        Study { checkpoints: &checkpoints, entities: &FOUR, languages: &["en", "zh"], types: 5, noise: 0.5 }
            .rows();
    let mut settings = String::from("[analysis]\ntarget = 'China'\n");
    for (name, home) in [("a", "China"), ("b", "USA"), ("c", "China")] {
        settings.push_str(&format!(
            "[[family]]\nname = '{name}'\nmaker_country = '{home}'\nbase = {{ model = '{name}-base' }}\nchat = {{ model = '{name}-chat' }}\n"
        ));
    }
    let page = page(&rows, &settings);
    for sentence in [
        "Before post-training, in English no lean was found in the three checkpoints (the data still allow a lean of up to ±",
        "After post-training, in English three of three checkpoints lean towards China and none away from it.",
        "In English post-training moved three of three families towards China (a, b and c) and none away from it",
        "After post-training, in Chinese ",
        "How much further than families from elsewhere a family moves towards its own maker’s country: ",
        "Do families shift differently? ",
        "Does the shift from first to last stage depend on the language? Its size there less its size in English.",
        "<caption><div>Shift on China less that in English, in log-odds. Adjusted p: Holm over the families of a language.",
    ] {
        assert!(page.contains(sentence), "the page lacks: {sentence}");
    }
}

#[apply(test!)]
fn beside_a_shift_stands_what_matched_forms_say_with_intervals() {
    let mut rows = pair();
    let asked = |rows: &[ItemRow], model: &str, condition: &str, push: f64| -> Vec<ItemRow> {
        let of_model = rows.iter().filter(|row| row.model == model);
        let changed = |row: &ItemRow| {
            let sign = if row.question == "justified" { push } else { -push };
            let lean = if row.country_1 == "China" { sign } else { 0.0 };
            let (condition, bias) = (condition.to_owned(), row.bias + lean);
            ItemRow {
                condition,
                bias,
                diff_fwd: row.diff_fwd + lean,
                diff_rev: row.diff_rev + lean,
                ..row.clone()
            }
        };
        of_model.map(changed).collect()
    };
    let matched = ["demo-base", "demo-chat"].map(|model| asked(&rows, model, "prompt_matched", 0.0));
    let hedged = asked(&rows, "demo-base", "hedge_on_base", 1.0);
    rows.extend(matched.concat());
    rows.extend(hedged);
    // A table of somebody else's study does not say what its conditions are.
    let of_table = page(&rows, PAIR);
    assert!(of_table.contains("Asked in prompt_matched, the shift on China is +2.0"));
    assert!(!of_table.contains("hedge sentence") && !of_table.contains("worked examples"));

    let (analysis, settings) = analyzed(&rows, PAIR);
    let built_in = Some(Provenance { built_in: true, ..Provenance::default() });
    let of = |analysis, settings| {
        render(&ReportInput { provenance: built_in.clone(), ..input(analysis, settings) }).expect("a page")
    };
    let page = of(&analysis, &settings);
    let after = |text: &str| page.split_once(text).unwrap_or_else(|| panic!("the page lacks: {text}")).1;
    after(
        "chat checkpoints through their maker’s template with a hedge sentence: a shift between them holds the",
    );
    assert!(
        after("Asked the same text (prompt_matched), the shift on China is +2.0")
            .contains("in French (95 % CI +")
    );
    // Base leans by 1 with the hedge, so that half of the shift is left.
    let hedged = after(
        "With the chat’s hedge sentence in the base prompt too (hedge_on_base), the shift on China is ",
    );
    assert!(hedged.starts_with("+1.0") || hedged.starts_with("+0.9"), "{}", &hedged[..90]);
    assert!(
        hedged.split_once('.').is_some() && hedged[..90].contains("in English (95 % CI +"),
        "{}",
        &hedged[..90]
    );
    assert!(!page.contains("was not measured"));

    // What is read is said, not what is usual.
    let read = format!("{PAIR}\n").replace("target =", "condition = \"prompt_matched\"\n    target =");
    let (analysis, settings) = analyzed(&rows, &read);
    let matched = of(&analysis, &settings);
    assert!(matched.contains("Base and chat checkpoints are asked the same text (prompt_matched): of the"));
    assert!(!matched.contains("with worked examples"));
    let (analysis, settings) = analyzed(&pair(), PAIR);
    assert!(of(&analysis, &settings).contains("neither prompt_matched nor hedge_on_base was run."));
}

#[apply(test!)]
fn the_smallest_table_has_a_page() {
    let rows = Study {
        checkpoints: &[("only", &[0.4, -0.4], 0.99)],
        entities: &["Treatment A", "Treatment B"],
        languages: &["en"],
        types: 1,
        noise: 0.1,
    }
    .rows();
    let page = page(&rows, "");
    assert!(
        page.contains(
            "no interval can be given (only one scenario type was asked), so nothing can be inferred"
        ),
        "{page}"
    );
    assert!(
        !page.contains("no lean found") && !page.contains(" CI "),
        "there is no interval to find it with"
    );
    assert!(page.contains("to choose between two countries, in 2 scenarios"));
    assert!(page.contains("A shift needs a family with two stages"));
    assert!(page.contains("A language shift needs one checkpoint in two languages"));
}

#[apply(test!)]
fn a_study_of_other_things_does_not_speak_of_countries() {
    let rows = Study {
        checkpoints: &[("m", &[0.5, 0.0, 0.0], 0.99)],
        entities: &["Acme", "Bolt", "Cork"],
        languages: &["en"],
        types: 5,
        noise: 0.2,
    }
    .rows();
    let page = page(&rows, "[analysis]\ntarget = 'Acme'\n[[family]]\nname = 'm'\nchat = { model = 'm' }\n");
    assert!(page.contains("choose between three entities"));
    assert!(!page.contains("countr"), "{:?}", page.find("countr").map(|at| &page[at - 40..at + 40]));
}

#[apply(test!)]
fn planted_figures_stand_beside_measured_ones() {
    let (analysis, settings) = analyzed(&pair(), PAIR);
    let planted = |entity: &str, log_odds: f64| Planted {
        checkpoint: "demo-chat".to_owned(),
        language: "en".to_owned(),
        entity: entity.to_owned(),
        log_odds,
    };
    let page = render(&ReportInput {
        planted: vec![planted("China", 2.0), planted("USA", 5.0)],
        ..input(&analysis, &settings)
    })
    .expect("a page");
    check(&page);
    assert!(page.contains("1 of 2 planted values lie inside the measured 95 % intervals. The noise planted with them was chosen so that they fall well \
             inside"));
    let unchosen = render(&ReportInput {
        planted: vec![planted("China", 2.0)],
        noise_seed: Some(7),
        ..input(&analysis, &settings)
    });
    let unchosen = unchosen.expect("a page");
    assert!(unchosen.contains("that of seed 7, which nobody chose") && !unchosen.contains("was chosen"));
}

#[apply(test!)]
fn what_a_run_lacks_is_said_first() {
    let (analysis, settings) = analyzed(&pair(), PAIR);
    let document = Document::new(&ReportInput {
        unfinished: vec!["unfinished: 5 of 70 prompts are scored".to_owned()],
        ..input(&analysis, &settings)
    })
    .expect("a document");
    let said = "The figures come from a run that is unfinished: 5 of 70 prompts are scored.";
    assert!(document.opening().first().is_some_and(|first| first.ends_with(said)));
    let json = document.json();
    let names: Vec<&String> = json.as_object().expect("an object").keys().collect();
    assert_eq!(names[..5], ["schema", "program", "title", "first", "lead"]);
    assert_eq!(json["first"][0]["text"], said);
    let markdown = document.markdown();
    let after_title = markdown.split_once("\n\n").expect("a title").1;
    assert!(after_title.starts_with(&format!("> **Not the whole study.** {said}\n")), "{after_title}");
    let page = document.html().expect("a page");
    check(&page);
    let after_title = page.split_once("</h1>").expect("a title").1.trim_start();
    assert!(
        after_title
            .starts_with(&format!("<p class=\"warning\"><strong>Not the whole study.</strong> {said}</p>")),
        "{after_title:.300}"
    );
    // A run that is all there says nothing.
    let whole = Document::new(&input(&analysis, &settings)).expect("a document");
    assert!(whole.json()["first"].as_array().is_some_and(Vec::is_empty));
    assert!(!whole.html().expect("a page").contains("Not the whole study"));
}

#[apply(test!)]
fn a_stage_between_does_not_speak_for_the_ends() {
    let rows = Study {
        checkpoints: &[("m-base", NO_OPINION, 0.99), ("m-sft", NO_OPINION, 0.02), ("m-dpo", CHINA, 0.99)],
        entities: &FOUR,
        languages: &["en"],
        types: 6,
        noise: 0.5,
    }
    .rows();
    let stages = "[[family]]\nname = 'm'\nmaker_country = 'China'\nbase = { model = 'm-base' }\n\
                  sft-v2 = { model = 'm-sft' }\ndpo = { model = 'm-dpo' }\n";
    let page = page(&rows, stages);
    for sentence in [
        "The shift from base to dpo to China in m is +2.0",
        "At stage dpo, in English m-dpo leans towards China by +",
        "<strong>m-sft in English</strong> not read",
        ">base → sft-v2<",
    ] {
        assert!(page.contains(sentence), "the page lacks: {sentence}");
    }
    assert!(!page.to_lowercase().contains("post-training"), "that is from base to chat");
}

#[apply(test!)]
fn a_prompt_is_shown_letter_by_letter() {
    let (analysis, settings) = analyzed(&pair(), PAIR);
    let example = Example {
        checkpoint: "demo-chat".to_owned(),
        language: "en".to_owned(),
        id: "en/main/China-USA/x/justified/fwd/12".to_owned(),
        text: "<China> & \"USA\"\n(A) China".to_owned(),
        answers: [("China".to_owned(), 0.9), ("USA".to_owned(), 0.0625)],
    };
    let page =
        render(&ReportInput { example: Some(example), ..input(&analysis, &settings) }).expect("a page");
    check(&page);
    assert!(page.contains("&lt;China&gt; &amp; &quot;USA&quot;\n(A) China</pre>"));
    assert!(page.contains(
        "Its answer: A, China, with a probability of 0.900; B, USA, with 0.062; anything else with 0.037."
    ));
}
