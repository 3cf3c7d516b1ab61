//! Inputs made of repetition, for the question whether the time that a reader takes grows faster than its input.

use super::folder::joined;
use super::tokens::{fields, tokenizer_json};
use super::weights::{archived, header, pickled};

/// A kind of input: the target that reads it, what is repeated, and the input with so many of it.
pub type Growth = (&'static str, &'static str, fn(usize) -> Vec<u8>);

pub const GROWTHS: &[Growth] = &[
    ("safetensors", "tensors", |n| {
        table(n, |i| format!("\"t{i}\":{{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}"))
    }),
    ("safetensors", "notes", |n| {
        table(1, |_| format!("\"__metadata__\":{{{}}}", list(n, |i| format!("\"{i}\":\"\""))))
    }),
    ("safetensors", "sizes", |n| table(1, |_| format!("\"t\":{{\"shape\":[{}]}}", list(n, |_| "1".into())))),
    ("pickle", "puts", |n| {
        pickled(&[b"}".as_slice(), &repeat(n, |i| [b"r".as_slice(), &(i as u32).to_le_bytes()].concat())])
    }),
    ("pickle", "tuples in tuples", |n| pickled(&[b")", &b"\x85".repeat(n)])),
    ("pickle", "marks", |n| pickled(&[&b"(".repeat(n), &b"t".repeat(n)])),
    ("pickle", "one tuple, many times", |n| {
        pickled(&[b"(", &b"K\x01".repeat(n), b"tq\x00", &b"h\x00\x85".repeat(n)])
    }),
    ("pickle", "keys", |n| {
        pickled(&[b"}(", &repeat(n, |i| [b"J".as_slice(), &(i as u32).to_le_bytes(), b"N"].concat()), b"u."])
    }),
    ("pickle", "one key", |n| pickled(&[b"}", &b"K\x01Ns".repeat(n), b"."])),
    ("torch", "entries", |n| archived(b"\x80\x02}.".to_vec(), n)),
    ("config", "unknown keys", |n| object(list(n, |i| format!("\"k{i}\":0")))),
    ("config", "kinds of layers", |n| {
        object(format!(
            "\"model_type\":\"qwen2\",\"layer_types\":[{}]",
            list(n, |_| "\"full_attention\"".into())
        ))
    }),
    ("config", "a long name", |n| object(format!("\"model_type\":\"{}\"", "a".repeat(n)))),
    ("config", "empty lists", |n| object(format!("\"a\":[{}]", list(n, |_| "[]".into())))),
    ("config", "objects", |n| object(format!("\"a\":[{}]", list(n, |_| "{\"a\":{}}".into())))),
    ("checkpoint", "tensors that nobody reads", |n| {
        let tensors =
            table(n, |i| format!("\"t{i}\":{{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}"));
        joined([
            ("config.json", super::weights::tiny().to_string().as_bytes()),
            ("model.safetensors", &tensors),
        ])
    }),
    ("checkpoint", "tensors of an index", |n| {
        let index =
            object(format!("\"weight_map\":{{{}}}", list(n, |i| format!("\"t{i}\":\"{i}.safetensors\""))));
        let config = super::weights::tiny().to_string();
        joined([("config.json", config.as_bytes()), ("model.safetensors.index.json", &index)])
    }),
    ("sentencepiece", "pieces", |n| fields(2, (0..n).map(|i| format!("p{i}")))),
    ("sentencepiece", "pieces that begin alike", |n| {
        fields(2, (1..=n).map(|i| "a".repeat(i % 500 + 1) + &i.to_string()))
    }),
    ("sentencepiece", "pieces of a unigram model", |n| fields(1, (0..n).map(|i| format!("A{i}")))),
    ("sentencepiece", "a long piece", |n| fields(1, ["a".repeat(n)].into_iter())),
    ("tokenizer", "added tokens", |n| {
        let token = |i| {
            format!(
                "{{\"id\":{},\"content\":\"<{i}>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true}}",
                i + 1
            )
        };
        tokenizer_json(&format!("\"added_tokens\":[{}]", list(n.min(20_000), token)), "{\"a\":0}", "")
    }),
    ("tokenizer", "a vocabulary", |n| {
        tokenizer_json("\"added_tokens\":[]", &object_text(list(n, |i| format!("\"v{i}\":{i}"))), "")
    }),
    ("tokenizer", "merges", |n| {
        let vocab = list(n, |i| format!("\"{}\":{i}", letters(i)));
        tokenizer_json(
            "\"added_tokens\":[]",
            &object_text(vocab),
            &list(n / 2, |i| format!("[\"{}\",\"{}\"]", letters(i), letters(i + 1))),
        )
    }),
    ("tokenizer", "notes on added tokens", |n| {
        let decoder = list(n.min(20_000), |i| format!("\"{}\":{{\"content\":\"<{i}>\"}}", i + 1));
        joined([
            ("tokenizer.json", &tokenizer_json("\"added_tokens\":[]", "{\"a\":0}", "")[..]),
            ("tokenizer_config.json", &object(format!("\"added_tokens_decoder\":{{{decoder}}}"))),
        ])
    }),
    ("template", "text", |n| b"word ".repeat(n)),
    ("template", "tags", |n| b"{% set x = 1 %}".repeat(n)),
    ("template", "tags that are not closed", |n| b"{% ".repeat(n)),
    ("template", "brackets", |n| [b"{{ ".as_slice(), &b"(".repeat(n), b" }}"].concat()),
    ("template", "remainders", |n| [b"{{ 1".as_slice(), &b" % 2".repeat(n), b" }}"].concat()),
    ("template", "sums", |n| [b"{{ 1".as_slice(), &b"+2".repeat(n), b" }}"].concat()),
    ("template", "macros", |n| repeat(n, |i| format!("{{% macro m{i}(a) %}}{{% endmacro %}}").into_bytes())),
    ("template", "macros that are not closed", |n| b"{% macro m(a) %}".repeat(n)),
    ("template", "raw blocks", |n| b"{% raw %}{% endraw %}".repeat(n)),
    ("template", "loops in loops", |n| b"{% for x in y %}".repeat(n)),
    ("template", "arguments of a macro", |n| {
        format!("{{% macro m({}) %}}{{% endmacro %}}", list(n, |i| format!("a{i}"))).into_bytes()
    }),
    ("template", "quotes", |n| [b"{{ ".as_slice(), &b"'a' ".repeat(n), b" }}"].concat()),
    ("study", "lines", |n| joined([("study.toml", b"".as_slice()), ("study.toml", &b"#\r\n".repeat(n))])),
    ("study", "scenarios", |n| {
        let one = |i| {
            format!("[[scenario]]\nid = \"s{i}\"\nrole = \"acts\"\ntext = \"{{A.Name}} wrote to {{B}}.\"\n")
        };
        changed(
            "scenarios/en/staff.toml",
            &[b"type = \"staff\"\n".to_vec(), repeat(n, |i| one(i).into_bytes())].concat(),
        )
    }),
    ("study", "placeholders", |n| {
        let one = format!(
            "type = \"staff\"\n[[scenario]]\nid = \"s\"\nrole = \"acts\"\ntext = \"{}\"\n",
            "{A.Name} {B} ".repeat(n)
        );
        changed("scenarios/en/staff.toml", one.as_bytes())
    }),
    ("study", "entities", |n| {
        let one = |i| {
            let forms =
                format!("forms = {{ name = \"E{i}\", Name = \"E{i}\", de = \"E{i}\", a = \"E{i}\" }}");
            format!(
                "[[entity]]\nid = \"e{i}\"\n[entity.en]\n{forms}\n[entity.fr]\nagree = [\"m\"]\n{forms}\n"
            )
        };
        changed(
            "entities/companies.toml",
            &[b"pairs = [[\"e0\", \"e1\"]]\n".to_vec(), repeat(n, |i| one(i).into_bytes())].concat(),
        )
    }),
    ("roster", "families", |n| {
        repeat(n, |i| {
            format!("[[family]]\nname = \"f{i}\"\nbase = {{ model = \"m{i}\", checkpoint = \"c\" }}\n")
                .into_bytes()
        })
    }),
    ("roster", "stages", |n| {
        [
            b"[[family]]\nname = \"f\"\n".to_vec(),
            repeat(n, |i| format!("s{i} = {{ model = \"m{i}\", checkpoint = \"c\" }}\n").into_bytes()),
        ]
        .concat()
    }),
    ("roster", "brackets", |n| [b"a = ".as_slice(), &b"[".repeat(n)].concat()),
    ("settings", "families", |n| {
        repeat(n, |i| {
            format!("[[family]]\nname = \"f{i}\"\nbase = {{ model = \"m{i}\", checkpoint = \"c\" }}\n")
                .into_bytes()
        })
    }),
    ("settings", "routes", |n| {
        [b"[analysis.route]\n".to_vec(), repeat(n, |i| format!("m{i} = \"main\"\n").into_bytes())].concat()
    }),
    ("settings", "dots", |n| [b"a".to_vec(), b".a".repeat(n), b" = 1".to_vec()].concat()),
    ("plan", "families", |n| format!("holm_family = [{}]\n", list(n, |i| format!("\"f{i}\""))).into_bytes()),
    ("lines", "items", |n| {
        repeat(n, |i| format!("{{\"id\":{i},\"tokens\":[1,2],\"choice_tokens\":[[4],[5]]}}\n").into_bytes())
    }),
    ("lines", "bad items", |n| b"{\"id\":\"a\",\"tokens\":[1,2]}\n".repeat(n)),
    ("lines", "empty choices", |n| {
        format!("{{\"id\":1,\"tokens\":[1],\"choices\":[{}]}}", list(n, |_| "[]".into())).into_bytes()
    }),
    ("lines", "choices", |n| {
        format!("{{\"id\":1,\"tokens\":[1],\"choice_tokens\":[[4],[{}]]}}", list(n, |i| i.to_string()))
            .into_bytes()
    }),
    ("lines", "texts of choices", |n| {
        format!("{{\"id\":1,\"prompt\":\"a\",\"choices\":[[\"A\"],[{}]]}}", list(n, |i| format!("\"B{i}\"")))
            .into_bytes()
    }),
    ("lines", "one letter", |n| {
        format!("{{\"id\":1,\"prompt\":\"{}\",\"choices\":[[\"A\"],[\"B\"]]}}", "a".repeat(n)).into_bytes()
    }),
    ("lines", "messages", |n| {
        format!(
            "{{\"id\":1,\"messages\":[{}],\"choices\":[[\"A\"],[\"B\"]]}}",
            list(n, |_| "{\"role\":\"user\",\"content\":\"\"}".into())
        )
        .into_bytes()
    }),
    ("table", "rows", |n| csv(n, |i| format!("m,en,main,A,B,s{i},t,q,1,1,1,0.5\n"))),
    ("table", "names", |n| csv(n.min(60_000), |i| format!("m{i},en,main,A,B,s,t,q,1,1,1,0.5\n"))),
    ("table", "one cell", |n| csv(1, |_| format!("{},en,main,A,B,s,t,q,1,1,1,0.5\n", "m".repeat(n)))),
    ("table", "quotes", |n| csv(1, |_| "\"\"".repeat(n))),
    ("table", "columns", |n| [b"model".to_vec(), b",model".repeat(n)].concat()),
];

fn repeat(n: usize, one: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    (0..n).flat_map(one).collect()
}

fn list(n: usize, one: impl Fn(usize) -> String) -> String {
    (0..n).map(one).collect::<Vec<_>>().join(",")
}

fn object_text(fields: String) -> String {
    format!("{{{fields}}}")
}

fn object(fields: String) -> Vec<u8> {
    object_text(fields).into_bytes()
}

fn table(n: usize, one: impl Fn(usize) -> String) -> Vec<u8> {
    header(&object_text(list(n, one)), 0)
}

/// A name of two letters and more.
fn letters(i: usize) -> String {
    let (rest, last) = (i / 26, char::from(b'a' + (i % 26) as u8));
    if rest == 0 { last.to_string() } else { letters(rest - 1) + &last.to_string() }
}

fn changed(name: &str, bytes: &[u8]) -> Vec<u8> {
    let files = tiltmeter::study::StudyFiles::template_pair();
    joined([("study.toml", files.get("study.toml").unwrap_or_default()), (name, bytes)])
}

fn csv(n: usize, one: impl Fn(usize) -> String) -> Vec<u8> {
    let head = tiltmeter::stats::items::COLUMNS.join(",") + "\n";
    head.into_bytes().into_iter().chain(repeat(n, |i| one(i).into_bytes())).collect()
}
