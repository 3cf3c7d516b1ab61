//! The name that was probably meant.

/// `, perhaps \`name\` is meant` for the known name that is nearest to `given`; nothing if none is near.
pub(crate) fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    match nearest_name(given, known) {
        Some(name) => format!(", perhaps `{name}` is meant"),
        None => String::new(),
    }
}

/// The `most` known names that are nearest to `given`, nearest first: those that hold it whole before those that hold most
/// of its parts, `/` between them.
pub(crate) fn nearest_few<'a>(
    given: &str,
    known: impl IntoIterator<Item = &'a str>,
    most: usize,
) -> Vec<&'a str> {
    let whole = given.to_lowercase();
    let wanted: Vec<Vec<char>> = given.split('/').filter(|part| !part.is_empty()).map(folded).collect();
    let mut found: Vec<(usize, usize, &str)> = known
        .into_iter()
        .filter_map(|name| {
            let parts: Vec<Vec<char>> = name.split('/').map(folded).collect();
            let near = |part: &Vec<char>, own: &Vec<char>| {
                let most = (own.len().max(part.len()) / 3).min(MOST);
                part.len() <= LONGEST
                    && own.len() <= LONGEST
                    && own.len().abs_diff(part.len()) <= most
                    && distance(part, own) <= most
            };
            // Twice for a part that is the same.
            let shared: usize = wanted
                .iter()
                .map(|part| match parts.contains(part) {
                    true => 2,
                    false => usize::from(parts.iter().any(|own| near(part, own))),
                })
                .sum();
            let holds = !whole.is_empty() && name.to_lowercase().contains(&whole);
            let score = if holds { 2 * wanted.len() + 1 } else { shared };
            (score > 0).then_some((score, name.len().abs_diff(given.len()), name))
        })
        .collect();
    // A stable sort: the first of several that are equally near.
    found.sort_by_key(|(score, length, _)| (std::cmp::Reverse(*score), *length));
    found.into_iter().take(most).map(|(_, _, name)| name).collect()
}

/// The known name with the fewest letters changed, added or left out, if these are no more than a third of its letters;
/// case, and how words are joined, do not count.
fn nearest_name<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = folded(given);
    let distances = known.into_iter().filter_map(|name| {
        let own = folded(name);
        // What differs more in length alone is not near; and nothing long is compared at length.
        let most = (own.len().max(given.len()) / 3).min(MOST);
        (own.len().abs_diff(given.len()) <= most && own.len() <= LONGEST)
            .then(|| (distance(&given, &own), name))
            .filter(|(distance, _)| *distance <= most)
    });
    // The first of several that are equally near.
    distances.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

const MOST: usize = 6;
const LONGEST: usize = 200;

fn folded(name: &str) -> Vec<char> {
    name.chars()
        .flat_map(char::to_lowercase)
        .map(|c| if matches!(c, '_' | ' ' | '.' | '/') { '-' } else { c })
        .collect()
}

/// Levenshtein's, with two neighbours exchanged as one step.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut next = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let changed = row[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            next[j] = changed.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                next[j] = next[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_seen_and_another_name_is_not() {
        let known = ["yi1.5-9b-chat", "yi1.5-9b", "llama3.1-8b-instruct", "China", "Chile"];
        for (given, meant) in [
            ("yi1.5-9b_chat", Some("yi1.5-9b-chat")),
            ("yi-1.5-9b", Some("yi1.5-9b")),
            ("Yi1.5-9B-chta", Some("yi1.5-9b-chat")),
            ("china", Some("China")),
            ("Chna", Some("China")),
            ("Peru", None),
            ("", None),
            ("it", None),
        ] {
            assert_eq!(nearest_name(given, known), meant, "{given}");
        }
        assert_eq!(nearest("chnia", known), ", perhaps `China` is meant");
    }

    #[test]
    fn of_ids_those_that_share_most_parts_come_first() {
        let known = ["shift/en/qwen/China/all", "shift/fr/qwen/China/all", "spread/en/qwen-base/all"];
        assert_eq!(nearest_few("shift/en/qwen/Chnia/all", known, 2), [known[0], known[1]]);
        assert_eq!(nearest_few("qwen-base", known, 3)[0], known[2]);
        assert!(nearest_few("", known, 3).is_empty());
    }
}
