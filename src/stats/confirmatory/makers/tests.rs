//! Makers and homes by hand, and against counts made in Python.

use super::*;

#[test]
fn homes_of_many_families_are_drawn_from_the_stated_seed() {
    let towards = |f: i32, c: i32| {
        f64::from((5 * f + 3 * c + f * c) % 13 - 6) / 8.0 + if f == c { 0.25 * f64::from(f % 3) } else { 0.0 }
    };
    let families: Vec<Shifts> = (0..9)
        .map(|f| Shifts {
            family: f.to_string(),
            towards: (0..9).map(|c| towards(f, c)).collect(),
            home: f as usize,
            readable: true,
        })
        .collect();
    let test = Test::new(&families).expect("families of several homes");
    // By a few lines of Python from the same seed.
    assert_eq!((test.mean, test.assignments, test.drawn), (0.171875, 362_880, true));
    assert_eq!(test.p, Some(0.33876));
    assert!(!Test::new(&families[..8]).expect("the same").drawn);
}

#[test]
fn makers_at_home_are_compared_by_welchs_t() {
    let member = |value: f64, home: bool| (String::new(), value, home, true);
    let (inside, outside) = ([0.5, 0.25, 0.875], [0.125, -0.375]);
    let members = inside.map(|v| member(v, true)).into_iter().chain(outside.map(|v| member(v, false)));
    let groups = MakerGroups::new(&members.collect::<Vec<_>>()).expect("both sides");
    let near = |value: Option<f64>, expected: f64| value.is_some_and(|v| (v - expected).abs() < 1e-12);
    // t = 2.157439559882375; the tail by mpmath.
    assert!((groups.difference - 2.0 / 3.0).abs() < 1e-12 && near(groups.se, 0.309_008_270_295_652_6));
    assert!(near(groups.df, 2.048_763_968_845_242) && near(groups.p, 0.160_630_968_213_129));
}

/// By `confirm.py` beside the fixture of the confirmatory groups, as are the two tests below.
#[test]
fn who_is_at_home_is_permuted_over_all_choices() {
    let shifts = [0.5, 0.25, 0.875, 0.125, -0.375];
    let members: Vec<Member> =
        shifts.iter().enumerate().map(|(i, v)| (i.to_string(), *v, i < 3, i != 2)).collect();
    let groups = MakerGroups::new(&members).expect("both sides");
    let near = |value: f64, expected: f64| (value - expected).abs() < 1e-12;
    // Two of ten choices reach the difference.
    assert_eq!(groups.p_permutation, Some(0.2));
    assert!(
        near(groups.signed_mean, 0.375) && groups.signed_p.is_some_and(|p| near(p, 0.082_857_428_083_109))
    );
    assert_eq!((groups.at_home.join(""), groups.elsewhere.join("")), ("012".into(), "34".into()));
    let read = groups.readable.expect("one cannot be read");
    assert_eq!((read.left_out, read.groups.p_permutation), (vec!["2".to_owned()], Some(2.0 / 6.0)));
    assert!(
        near(read.groups.difference, 0.5) && read.groups.p.is_some_and(|p| near(p, 0.258_532_133_707_827))
    );
    // Where the readable ones are all on one side, it is said who is not.
    let lone: Vec<Member> = members.iter().map(|m| (m.0.clone(), m.1, m.2, m.2)).collect();
    let groups = MakerGroups::new(&lone).expect("both sides");
    assert_eq!((groups.readable, groups.unreadable), (None, vec!["3".to_owned(), "4".to_owned()]));
    // One at home says nothing of how they vary; families that have not moved say nothing at all.
    let one = MakerGroups::new(&members[2..]).expect("both sides");
    assert_eq!((one.se, one.df, one.p, one.p_permutation), (None, None, None, Some(1.0 / 3.0)));
    let still: Vec<Member> = members.into_iter().map(|m| (m.0, 0.0, m.2, true)).collect();
    assert_eq!(MakerGroups::new(&still).expect("both sides").p_permutation, None);
}

#[test]
fn homes_are_permuted_with_and_without_each_family() {
    let family = |name: &str, towards: [f64; 3], home: usize| Shifts {
        family: name.to_owned(),
        towards: towards.to_vec(),
        home,
        readable: name != "i",
    };
    let families = [
        family("f", [0.5, 0.1, -0.3], 0),
        family("g", [0.2, 0.4, 0.0], 1),
        family("h", [0.05, -0.1, 0.6], 2),
        family("i", [0.3, 0.2, 0.9], 0),
        family("j", [-0.4, 0.7, 0.1], 1),
    ];
    let near = |value: f64, expected: f64| (value - expected).abs() < 1e-12;
    let home = MakerHome::new(&families).expect("homes in three countries");
    let advantages = [0.55, 1.0 / 3.0, 0.425, 0.35, 0.633_333_333_333_333_3];
    assert!(home.advantage.iter().zip(advantages).all(|((_, h), right)| near(*h, right)));
    assert!(near(home.mean, 0.458_333_333_333_333_3));
    assert_eq!((home.assignments, home.p_permutation, home.seed), (30, Some(1.0 / 30.0), None));
    assert!(near(home.standardised.mean, 1.244_362_118_232_664));
    assert_eq!(home.standardised.p_permutation, Some(1.0 / 30.0));
    let without: Vec<_> = home.leave_one_out.iter().map(|(name, left)| (name, left.mean, left.p)).collect();
    let right = [
        ("f", 0.404_166_666_666_666_7, 0.25),
        ("g", 0.5375, 1.0 / 12.0),
        ("h", 0.45, 1.0 / 3.0),
        ("i", 0.579_166_666_666_666_6, 1.0 / 12.0),
        ("j", 0.320_833_333_333_333_4, 1.0 / 6.0),
    ];
    assert_eq!(without.len(), 5);
    for ((name, mean, p), (family, left, share)) in without.into_iter().zip(right) {
        assert!(
            name == family && near(mean, left) && p.is_some_and(|p| near(p, share)),
            "{name}: {mean} {p:?}"
        );
    }
    let read = home.readable.expect("one cannot be read");
    assert_eq!((read.left_out, read.families, read.assignments), (vec!["i".to_owned()], 4, 12));
    assert!(near(read.mean, 0.579_166_666_666_666_6) && read.p_permutation == Some(1.0 / 12.0));
    // Of two that can be read and are at home in one country no test is made, and it is said of whom the others are.
    let home = MakerHome::new(&[
        families[0].clone(),
        families[3].clone(),
        Shifts { readable: false, ..families[1].clone() },
    ]);
    let home = home.expect("homes in two countries");
    assert_eq!((home.readable, home.unreadable), (None, vec!["i".to_owned(), "g".to_owned()]));
    // One that has not moved keeps its zeros.
    assert_eq!(standardised(&family("k", [0.0; 3], 1)).map(|f| f.towards), Some(vec![0.0; 3]));
}

#[test]
fn families_of_two_types_are_compared() {
    let of = |shifts: &[Vec<f64>]| FamilyByStage::new(Vec::new(), shifts);
    let two = of(&[vec![0.5, 1.25], vec![-0.25, 0.125]]).expect("two types");
    assert_eq!((two.f, two.df1, two.df2, two.epsilon), (Some(25.0), 1, 1, Some(1.0)));
    let near = |value: Option<f64>, expected: f64| value.is_some_and(|v| (v - expected).abs() < 1e-12);
    assert!(near(two.p_sphericity, 0.125_665_916_378_002_4));
    let three = of(&[vec![0.5, 1.25], vec![-0.25, 0.125], vec![0.3, 0.2]]).expect("two types");
    assert!(near(three.f, 5.022_962_112_514_352) && near(three.epsilon, 0.5));
    assert!(near(three.p_greenhouse_geisser, 0.267_177_349_333_899_3));
    assert!(near(three.p_sphericity, 0.166_031_261_913_839_1));
    assert!(of(&[vec![0.5, 1.25]]).is_none() && of(&[vec![0.5], vec![0.25]]).is_none());
    // Families that move alike in every type leave nothing to divide by.
    let alike = of(&[vec![0.5, 1.25], vec![-0.25, 0.5]]).expect("two types");
    assert_eq!((alike.f, alike.epsilon, alike.p_sphericity), (None, None, None));
}
