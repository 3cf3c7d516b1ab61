//! Invariants of the plan, over random prompt sets.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Prompts over a tiny alphabet, so that prefixes are shared often.
fn prompt_sets() -> impl Strategy<Value = Vec<Vec<u32>>> {
    prop::collection::vec(prop::collection::vec(0u32..3, 1..12), 1..40)
}

/// Every prompt's tokens, read back from the tree through the chain of branches.
fn read_back(tree: &PrefixTree, branch: usize) -> Vec<u32> {
    let own = tree.branches[branch].places.clone();
    tree.ancestors(branch).into_iter().chain([own]).flat_map(|r| tree.tokens[r].to_vec()).collect()
}

fn distinct_prefixes(prompts: &[Vec<u32>]) -> usize {
    let set: BTreeSet<&[u32]> = prompts.iter().flat_map(|p| (1..=p.len()).map(move |n| &p[..n])).collect();
    set.len()
}

/// Runs the packs with "keys" that name the token they belong to (its whole prefix), as a layer would.
fn simulate(tree: &PrefixTree, pack_tokens: usize) -> Result<(), TestCaseError> {
    let mut prefix_of: Vec<Vec<u32>> = vec![Vec::new(); tree.len()];
    for branch in 0..tree.branches.len() {
        let whole = read_back(tree, branch);
        for place in tree.branches[branch].places.clone() {
            prefix_of[place] = whole[..=tree.depth[place] as usize].to_vec();
        }
    }
    let mut path: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    let mut covered = 0;
    for pack in tree.packs(pack_tokens) {
        prop_assert_eq!(pack.places.start, covered);
        prop_assert!(pack.len() <= pack_tokens && !pack.is_empty());
        covered = pack.places.end;
        let mut rows: Vec<Option<Vec<u32>>> = (0..pack.path).map(|d| path.get(&d).cloned()).collect();
        rows.extend(pack.places.clone().map(|p| Some(prefix_of[p].clone())));
        let mut next_row = 0;
        let check = |run: &QueryRun, place: usize, depth: usize| {
            let keys: Vec<_> = run.keys.iter().flat_map(|k| rows[k.row..k.row + k.len].to_vec()).collect();
            prop_assert!(keys.len() > depth);
            for (d, key) in keys.iter().take(depth + 1).enumerate() {
                prop_assert_eq!(key.as_deref(), Some(&prefix_of[place][..=d]));
            }
            Ok(())
        };
        for run in &pack.runs {
            prop_assert_eq!(run.rows.start, next_row);
            next_row = run.rows.end;
            for (i, row) in run.rows.clone().enumerate() {
                let place = pack.places.start + row;
                prop_assert_eq!(tree.depth[place] as usize, run.first_depth + i);
                check(run, place, run.first_depth + i)?;
            }
            prop_assert_eq!(run.keys.iter().map(|k| k.len).sum::<usize>(), run.key_count());
        }
        prop_assert_eq!(next_row, pack.len());
        let end_runs = pack.end_runs();
        prop_assert_eq!(end_runs.len(), pack.ends.len());
        for (i, (run, &(branch, row))) in end_runs.iter().zip(&pack.ends).enumerate() {
            prop_assert_eq!(run.rows.clone(), i..i + 1);
            prop_assert_eq!(pack.places.start + row + 1, tree.branches[branch].places.end);
            check(run, pack.places.start + row, run.first_depth)?;
            prop_assert_eq!(run.keys.iter().map(|k| k.len).sum::<usize>(), run.first_depth + 1);
        }
        for carry in &pack.carry {
            prop_assert!(carry.len > 0);
            for i in 0..carry.len {
                let key = rows[carry.from + i].clone();
                path.insert(carry.depth + i, key.unwrap_or_default());
            }
        }
    }
    prop_assert_eq!(covered, tree.len());
    Ok(())
}

proptest! {
    #[test]
    fn every_prompt_reads_back_and_every_token_is_laid_out_once(prompts in prompt_sets()) {
        let tree = PrefixTree::new(&prompts, true);
        let mut seen = vec![0; prompts.len()];
        for (b, branch) in tree.branches.iter().enumerate() {
            for &p in &branch.prompts {
                seen[p] += 1;
                prop_assert_eq!(&read_back(&tree, b), &prompts[p]);
            }
        }
        prop_assert!(seen.iter().all(|&n| n == 1));
        prop_assert_eq!(tree.len(), distinct_prefixes(&prompts));
        prop_assert_eq!(tree.naive_tokens, prompts.iter().map(Vec::len).sum::<usize>());
    }

    #[test]
    fn a_query_sees_exactly_its_prompts_prefix(prompts in prompt_sets(), pack_tokens in 1usize..20, sharing: bool) {
        simulate(&PrefixTree::new(&prompts, sharing), pack_tokens)?;
    }

    #[test]
    fn without_sharing_every_prompt_stands_alone(prompts in prompt_sets()) {
        let tree = PrefixTree::new(&prompts, false);
        prop_assert_eq!(tree.len(), tree.naive_tokens);
        prop_assert_eq!(tree.branches.len(), prompts.len());
    }
}
