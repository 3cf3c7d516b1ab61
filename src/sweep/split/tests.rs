//! Splits of made-up rosters and studies into 1 to 40 shards.

use proptest::prelude::*;

use super::*;
use crate::checkpoint::spec::{DecoderSpec, LayerSpec};
use crate::scoring::{ChoiceSet, ScoreItem};

/// What a checkpoint's prompts are made from: subtrees below subtrees, some prompts twice, some the beginning of others.
#[derive(Debug, Clone)]
struct Made {
    layers: usize,
    prompts: Vec<(Vec<u32>, usize)>,
}

fn made() -> impl Strategy<Value = Made> {
    let prompt = (0u32..4, 0u32..6, prop::collection::vec(0u32..3, 0..12), 0usize..3);
    let prompts = prop::collection::vec(prompt, 0..120).prop_map(|prompts| {
        let tokens = |(pair, scenario, rest, set): (u32, u32, Vec<u32>, usize)| {
            let head = [1, 1, 1, pair].into_iter().chain((0..4 * scenario).map(move |i| i % 5));
            (head.chain(rest).collect(), set)
        };
        prompts.into_iter().map(tokens).collect()
    });
    (1usize..5, prompts).prop_map(|(layers, prompts)| Made { layers, prompts })
}

fn sets() -> [ChoiceSet; 3] {
    [
        ChoiceSet::Tokens(vec![vec![1], vec![2]]),
        ChoiceSet::Continuations(vec![vec![vec![0, 1, 2]], vec![vec![2]]]),
        ChoiceSet::Continuations(vec![vec![vec![1, 1]], vec![vec![0, 2]]]),
    ]
}

fn items(made: &Made) -> Vec<ScoreItem> {
    made.prompts.iter().map(|(tokens, set)| ScoreItem { tokens: tokens.clone(), choices: *set }).collect()
}

fn split(rosters: &[Made], count: u32) -> Split {
    let counted = |(index, made): (usize, &Made)| {
        let spec = DecoderSpec::plain(8, 50, 64, 1e-6, vec![LayerSpec::plain(2, 1, 4, 16); made.layers]);
        let (rates, items) = (Rates::of(&spec), items(made));
        let units = Plan::new(&items, &sets(), true).units(&rates);
        Counted { model: index.to_string(), rates, units, asked: items.len() }
    };
    let checkpoints: Vec<Counted> = rosters.iter().enumerate().map(counted).collect();
    let shards = cuts(&pieces(&checkpoints), count as usize);
    Split { checkpoints, shards, sha256: String::new() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_prompt_goes_to_one_shard_and_sharing_is_kept(rosters in prop::collection::vec(made(), 1..6), count in 1u32..=40) {
        let split = split(&rosters, count);
        let shards: Vec<Shard> = (1..=count).map(|index| Shard::new(index, count).expect("a shard")).collect();
        let units: usize = split.checkpoints.iter().map(|counted| counted.units.len()).sum();
        let whole: u128 = split.checkpoints.iter().flat_map(|c| &c.units).map(|unit| unit.cost).sum();
        let largest = split.checkpoints.iter().flat_map(|c| &c.units).map(|unit| unit.cost).max().unwrap_or(0);
        let mut taken: Vec<Vec<u32>> = rosters.iter().map(|made| vec![0; made.prompts.len()]).collect();
        let (mut tokens, mut loads) = (0, 0);
        for &shard in &shards {
            let (share, parts) = (split.share(shard), split.pieces(shard));
            loads += parts.len();
            // None is empty while there is something for each, and those come first.
            prop_assert_eq!(parts.is_empty(), shard.index() as usize > units);
            prop_assert_eq!(share.record.prompts as usize, parts.iter().map(|part| part.prompts).sum::<usize>());
            let mut again = 0;
            for (at, part) in parts.iter().enumerate() {
                let index: usize = part.model.parse().expect("a number");
                let own = &share.own[part.model];
                let mut items = items(&rosters[index]);
                let mut place = own.iter();
                items.retain(|_| *place.next().expect("a place each"));
                for (count, own) in taken[index].iter_mut().zip(own) {
                    *count += u32::from(*own);
                }
                // What is said of it is what a machine that has these prompts alone finds.
                prop_assert_eq!(items.len(), part.prompts);
                let sets = sets();
                let plan = Plan::new(&items, &sets, true);
                prop_assert_eq!(plan.tree_tokens(), part.tree_tokens);
                let alone = plan.units(&split.checkpoints[index].rates);
                prop_assert_eq!(alone.iter().map(|unit| unit.cost).sum::<u128>(), part.cost);
                tokens += part.tree_tokens;
                // Only the first of a shard's checkpoints can begin within a tree.
                let start = split.ranges(shard)[at].1.start;
                let shared = split.checkpoints[index].units[start].shared;
                prop_assert!(at == 0 || shared == 0);
                again += split.checkpoints[index].rates.run(0, shared);
            }
            let cost: u128 = parts.iter().map(|part| part.cost).sum();
            let share = whole / u128::from(count) + 1;
            prop_assert!(cost - again <= share + largest.max(share / 5), "{} of {}", cost - again, share);
        }
        prop_assert!(taken.iter().flatten().all(|count| *count == 1));
        // As many loads as cuts and checkpoints make necessary, and nothing computed twice but what was cut through.
        prop_assert!(loads < rosters.len() + count as usize);
        let starts = |range: &Range<usize>| pieces(&split.checkpoints).get(range.start).map_or(0, |piece| piece.shared);
        let cut: usize = split.shards.iter().map(starts).sum();
        prop_assert_eq!(tokens, split.tree_tokens() + cut);
    }
}

#[test]
fn each_checkpoint_begins_with_its_first_piece() {
    let prompts = |n: u32| (0..n).map(|i| (vec![i % 7, i, 9], 0)).collect();
    let made: Vec<Made> = [12, 20].map(|n| Made { layers: 1, prompts: prompts(n) }).into();
    let split = split(&made, 2);
    let first: Vec<bool> =
        split.checkpoints.iter().flat_map(|counted| (0..counted.units.len()).map(|unit| unit == 0)).collect();
    assert!(first.len() > 2);
    assert_eq!(pieces(&split.checkpoints).iter().map(|piece| piece.first).collect::<Vec<_>>(), first);
}

#[test]
fn a_cut_stands_between_checkpoints_or_where_little_is_shared() {
    let piece = |cost, shared, first| Piece { cost, shared, first };
    // Two checkpoints of 52 and 48: not for two parts in a hundred is the first loaded twice.
    let mut all: Vec<Piece> = (0..52).map(|i| piece(1, 30, i == 0)).collect();
    all.extend((0..48).map(|i| piece(1, 30, i == 0)));
    assert_eq!(cuts(&all, 2), [0..52, 52..100]);
    // So far at most as a tenth of a share on either side, and that far still.
    for (first, end) in [(55, 55), (45, 45), (56, 50), (44, 50)] {
        let two: Vec<Piece> = (0..100).map(|i| piece(1, 30, i == 0 || i == first)).collect();
        assert_eq!(cuts(&two, 2), [0..end, end..100]);
    }
    // Within one, the least shared of the places near an equal share.
    let one: Vec<Piece> = (0..100).map(|i| piece(1, if i == 51 { 3 } else { 30 }, i == 0)).collect();
    assert_eq!(cuts(&one, 2), [0..51, 51..100]);
    let far: Vec<Piece> = (0..100).map(|i| piece(1, if i == 60 { 3 } else { 30 }, i == 0)).collect();
    assert_eq!(cuts(&far, 2), [0..50, 50..100]);
    // More shards than pieces: the first have one each.
    assert_eq!(cuts(&one[..2], 4), [0..1, 1..2, 2..2, 2..2]);
    assert_eq!(cuts(&[], 2), [0..0, 0..0]);
}
