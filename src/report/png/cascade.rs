//! What a picture's style says of an element: the little of CSS that `picture.css` is written in.

use std::collections::HashMap;

/// A rule: what it names, and its properties.
#[derive(Debug, Clone, PartialEq)]
struct Rule {
    /// From the outermost on; a class with its dot, or an element's name.
    selector: Vec<String>,
    properties: Vec<(String, String)>,
}

/// Rules in the order in which they win: more classes, then later.
#[derive(Debug, Clone, PartialEq)]
pub struct Cascade(Vec<Rule>);

/// How an element is painted. Colours are `#rrggbb` or `none`.
#[derive(Debug, Clone, PartialEq)]
pub struct Paint {
    pub fill: String,
    pub stroke: String,
    pub stroke_width: f32,
    /// Lengths of dashes and gaps; empty for an unbroken line.
    pub dashes: Vec<f32>,
    /// Of the element and all groups around it.
    pub opacity: f32,
    pub font_size: f32,
    pub bold: bool,
}

/// An element's name and its classes.
pub type Node<'a> = (&'a str, &'a str);

impl Cascade {
    pub fn parse(style: &str) -> Cascade {
        let mut rules = Vec::new();
        for block in style.split('}') {
            let Some((selectors, body)) = block.split_once('{') else { continue };
            let property = |text: &str| {
                let (name, value) = text.split_once(':')?;
                Some((name.trim().to_owned(), value.trim().to_owned()))
            };
            let properties: Vec<(String, String)> = body.split(';').filter_map(property).collect();
            for selector in selectors.split(',') {
                let selector = selector.split_whitespace().map(str::to_owned).collect();
                rules.push(Rule { selector, properties: properties.clone() });
            }
        }
        // A stable sort: of equals the later wins.
        rules.sort_by_key(|rule| rule.selector.iter().filter(|part| part.starts_with('.')).count());
        Cascade(rules)
    }

    /// Of the last of `nodes`, which stand inside each other.
    pub fn paint(&self, nodes: &[Node<'_>]) -> Paint {
        let own = self.properties(nodes);
        let get = |name: &str| own.get(name).copied();
        let colour = (1..=nodes.len()).rev().find_map(|n| self.properties(&nodes[..n]).get("color").copied());
        let coloured = |value: &str| match value {
            "currentColor" => colour.unwrap_or("#000000").to_owned(),
            other => other.to_owned(),
        };
        let number = |value: &str| value.trim_end_matches("px").parse::<f32>().ok();
        let opacity = (1..=nodes.len())
            .filter_map(|n| self.properties(&nodes[..n]).get("opacity").copied().and_then(number))
            .product();
        Paint {
            fill: coloured(get("fill").unwrap_or("#000000")),
            stroke: coloured(get("stroke").unwrap_or("none")),
            stroke_width: get("stroke-width").and_then(number).unwrap_or(1.0),
            dashes: get("stroke-dasharray").unwrap_or("").split(' ').filter_map(number).collect(),
            opacity,
            font_size: get("font-size").and_then(number).unwrap_or(12.0),
            bold: get("font-weight").and_then(number).is_some_and(|weight| weight >= 600.0),
        }
    }

    fn properties(&self, nodes: &[Node<'_>]) -> HashMap<&str, &str> {
        let rules = self.0.iter().filter(|rule| rule.names(nodes));
        let properties = rules.flat_map(|rule| &rule.properties);
        properties.map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

impl Rule {
    fn names(&self, nodes: &[Node<'_>]) -> bool {
        let is = |part: &str, (element, classes): &Node<'_>| match part.strip_prefix('.') {
            Some(class) => classes.split(' ').any(|own| own == class),
            None => part == *element,
        };
        let (Some((last, outer)), Some((node, around))) = (self.selector.split_last(), nodes.split_last())
        else {
            return false;
        };
        let mut around = around.iter();
        is(last, node) && outer.iter().all(|part| around.any(|node| is(part, node)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_win_by_classes_then_by_place_and_groups_hand_down_colour_and_opacity() {
        let style = "svg text { fill: #111111; font-size: 12px; } .s0, .s1 { color: #0072b2; } \
                     svg .low .ci { stroke-dasharray: 1.5 2.5; } svg .ci { stroke: currentColor; stroke-width: 1.5; } \
                     svg .low { opacity: .5; } svg .deep { fill: #ffffff; } text { fill: #222222 } svg .strong { font-weight: 700; }";
        let cascade = Cascade::parse(style);
        let line = cascade.paint(&[("svg", ""), ("g", "s0 low"), ("line", "ci")]);
        assert_eq!((line.stroke.as_str(), line.stroke_width, line.opacity), ("#0072b2", 1.5, 0.5));
        assert_eq!(line.dashes, [1.5, 2.5]);
        let text = cascade.paint(&[("svg", ""), ("text", "value deep strong")]);
        assert_eq!(
            (text.fill.as_str(), text.font_size, text.bold, text.opacity),
            ("#ffffff", 12.0, true, 1.0)
        );
        assert_eq!(cascade.paint(&[("svg", ""), ("text", "x")]).fill, "#222222");
        assert_eq!(cascade.paint(&[("g", "s1"), ("line", "ci")]).stroke, "none", "not inside an svg");
    }

    /// Whatever the page's pictures are painted with must be understood here.
    #[test]
    fn the_pictures_style_has_nothing_that_is_not_understood() {
        let known = [
            "fill",
            "stroke",
            "stroke-width",
            "stroke-dasharray",
            "opacity",
            "color",
            "font-size",
            "font-weight",
            "font-family",
        ];
        for rule in Cascade::parse(&super::super::super::style::standalone()).0 {
            for part in &rule.selector {
                assert!(!part.contains([':', '>', '#', '[']) && !part[1..].contains('.'), "{part}");
            }
            for (name, value) in &rule.properties {
                assert!(known.contains(&name.as_str()), "{name}");
                let colour = value.len() == 7 && value.starts_with('#');
                let painted = ["fill", "stroke", "color"].contains(&name.as_str());
                assert!(!painted || colour || value == "none" || value == "currentColor", "{name}: {value}");
            }
        }
    }
}
