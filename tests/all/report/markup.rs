//! What a page's markup must be.

use std::collections::{BTreeMap, HashSet};

/// One start tag: its name and attributes.
pub struct Tag {
    pub name: String,
    pub attributes: BTreeMap<String, String>,
}

/// Checks that a page is well formed and reaches for nothing outside itself; returns its tags.
pub fn check(page: &str) -> Vec<Tag> {
    const VOID: [&str; 1] = ["meta"];
    const ALLOWED: [&str; 46] = [
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "main",
        "section",
        "nav",
        "footer",
        "h1",
        "h2",
        "h3",
        "p",
        "strong",
        "ul",
        "ol",
        "li",
        "a",
        "figure",
        "figcaption",
        "div",
        "table",
        "caption",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "details",
        "summary",
        "pre",
        "svg",
        "desc",
        "g",
        "line",
        "rect",
        "circle",
        "path",
        "text",
        "em",
        "code",
        "dl",
        "dd",
        "span",
    ];
    assert!(!page.chars().any(|c| c.is_control() && c != '\n'), "a control character");
    let style = page.split("<style>").nth(1).and_then(|s| s.split("</style>").next()).expect("a style");
    for reach in ["url(", "@import", "expression(", "//"] {
        assert!(!style.contains(reach), "the style has {reach}");
    }

    // One script, ours: it opens folds for paper.
    let (before, rest) = page.split_once("<script>\n").expect("the script");
    let (script, after) = rest.split_once("</script>\n").expect("its end");
    for reach in ["fetch", "import", "http", "eval", "src"] {
        assert!(!script.contains(reach), "the script has {reach}");
    }
    let page = format!("{before}{after}");
    let body = page.strip_prefix("<!DOCTYPE html>").expect("a doctype").replacen(style, "", 1);
    let mut open: Vec<String> = Vec::new();
    let mut tags = Vec::new();
    for (i, piece) in body.split('<').enumerate() {
        let (tag, text) = if i == 0 { ("", piece) } else { piece.split_once('>').expect("an open tag") };
        assert!(!text.contains('>'), "a bare > in {text:?}");
        for entity in text.split('&').skip(1) {
            let name = entity.split(';').next().unwrap_or("");
            assert!(entity.contains(';') && name.len() < 9, "a bare & in {text:?}");
        }
        if i == 0 {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "a tag that closes another");
            continue;
        }
        let (inner, closes) = tag.strip_suffix('/').map_or((tag, false), |inner| (inner, true));
        let tag = parse_tag(inner);
        assert!(ALLOWED.contains(&tag.name.as_str()), "the tag <{inner}>");
        if !closes && !VOID.contains(&tag.name.as_str()) {
            open.push(tag.name.clone());
        }
        tags.push(tag);
    }
    assert_eq!(open, Vec::<String>::new(), "tags left open");

    let mut ids = HashSet::new();
    for tag in &tags {
        for (name, value) in &tag.attributes {
            assert!(!name.starts_with("on") && name != "src" && name != "style", "the attribute {name}");
            let saves = tag.attributes.contains_key("download") && value.starts_with("data:");
            assert!(name != "href" || value.starts_with('#') || saves, "a link to {value}");
            if name == "id" {
                assert!(ids.insert(value.clone()), "the id {value} stands twice");
            }
        }
    }
    for tag in &tags {
        let referred = tag.attributes.get("href").and_then(|h| h.strip_prefix('#'));
        let labels = tag.attributes.get("aria-labelledby").map_or("", String::as_str);
        for id in labels.split(' ').filter(|id| !id.is_empty()).chain(referred) {
            assert!(ids.contains(id), "no element has the id {id}");
        }
        if tag.name == "svg" {
            let named =
                tag.attributes.contains_key("aria-labelledby") || tag.attributes.contains_key("aria-hidden");
            assert!(named, "a picture without a name");
        }
    }
    tags
}

fn parse_tag(inner: &str) -> Tag {
    let (name, mut rest) = inner.split_once(' ').unwrap_or((inner, ""));
    let mut attributes = BTreeMap::new();
    while !rest.trim().is_empty() {
        let (key, after) = rest.trim_start().split_once("=\"").unwrap_or_else(|| panic!("<{inner}>"));
        let (value, after) = after.split_once('"').unwrap_or_else(|| panic!("<{inner}>"));
        assert!(key.chars().all(|c| c.is_ascii_alphabetic() || c == '-' || c.is_ascii_digit()), "<{inner}>");
        assert!(attributes.insert(key.to_owned(), value.to_owned()).is_none(), "<{inner}> repeats {key}");
        rest = after;
    }
    Tag { name: name.to_owned(), attributes }
}
