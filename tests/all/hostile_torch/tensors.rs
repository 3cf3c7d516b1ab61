//! Storages and tensors that are not what their file can hold.

use super::pickle::{Pickle, Tensor};
use super::{Parts, refused};

const HEAD: &str = "lm_head.weight"; // 5 x 4 in f32, the last of the file

/// What to change in a tensor's description.
type Change<'a> = &'a dyn Fn(&mut Tensor);

#[apply(test!)]
fn tensors_that_do_not_fit_are_refused_by_name() {
    let cases: &[(&str, Change)] = &[
        ("negative size", &|t| t.sizes = vec![-5, 4]),
        ("negative size", &|t| t.sizes = vec![5, i32::MIN.into()]),
        ("strides [1, 5]: only dense", &|t| t.strides = vec![1, 5]),
        ("strides [0, 1]", &|t| t.strides = vec![0, 1]),
        ("strides [4, 0]", &|t| t.strides = vec![4, 0]),
        ("strides [-4, 1]", &|t| t.strides = vec![-4, 1]),
        ("strides [8, 1]", &|t| t.strides = vec![8, 1]),
        ("more than 4 dimensions", &|t| (t.sizes, t.strides) = (vec![1, 1, 1, 5, 4], vec![20, 20, 20, 4, 1])),
        ("2 sizes and 1 strides", &|t| t.strides = vec![1]),
        ("2 sizes and 3 strides", &|t| t.strides = vec![20, 4, 1]),
        ("negative offset", &|t| t.offset = -1),
        ("at offset 1 does not fit data/", &|t| t.offset = 1),
        ("does not fit data/", &|t| t.offset = i64::MAX),
        ("does not fit data/", &|t| t.sizes = vec![6, 4]),
        ("more elements than can be counted", &|t| {
            (t.sizes, t.strides) = (vec![i64::MAX, i64::MAX], vec![i64::MAX, 1])
        }),
        ("does not fit data/", &|t| (t.sizes, t.strides) = (vec![3_000_000_000, 4], vec![4, 1])),
        ("has the shape [1, 1, 5, 4]", &|t| (t.sizes, t.strides) = (vec![1, 1, 5, 4], vec![20, 20, 4, 1])),
        ("has the shape [4, 5]", &|t| (t.sizes, t.strides) = (vec![4, 5], vec![5, 1])),
        ("has the shape [20]", &|t| (t.sizes, t.strides) = (vec![20], vec![1])),
        ("has the shape []", &|t| (t.sizes, t.strides) = (vec![], vec![])),
        ("has the shape [5, 0]", &|t| t.sizes = vec![5, 0]),
    ];
    for (number, (why, change)) in cases.iter().enumerate() {
        let mut parts = Parts::sound();
        change(parts.tensor(HEAD));
        refused(&format!("case {number}"), &parts.bytes(), &[HEAD, why]);
    }
}

#[apply(test!)]
fn storages_that_lie_are_refused_by_key() {
    let key = Parts::sound().tensor(HEAD).key.clone();
    let entry = format!("data/{key}");
    let cases: &[(&[&str], Change)] = &[
        (&[&entry, "has 80 bytes"], &|t| t.count = 19),
        (&[&entry, "has 80 bytes"], &|t| t.count = 3_000_000_000),
        (&[&entry, "has 80 bytes"], &|t| t.count = i64::MAX),
        (&[&key, "-1 elements"], &|t| t.count = -1),
        (&[&entry, "has 80 bytes"], &|t| t.class = "HalfStorage"),
        (&[&entry, "has 80 bytes"], &|t| t.class = "DoubleStorage"),
        (&["no entry data/4711"], &|t| t.key = "4711".into()),
        (&["storage key \"../data/0\""], &|t| t.key = "../data/0".into()),
        (&["storage key \"\""], &|t| t.key = String::new()),
        (&["storage key \"-1\""], &|t| t.key = "-1".into()),
        (&["storage key \"1e3\""], &|t| t.key = "1e3".into()),
        (&["storage key \"٣\""], &|t| t.key = "٣".into()),
    ];
    for (number, (names, change)) in cases.iter().enumerate() {
        let mut parts = Parts::sound();
        change(parts.tensor(HEAD));
        refused(&format!("case {number}"), &parts.bytes(), names);
    }
    // A storage that was mentioned before, with another class of the same width and with another count.
    let first = Parts::sound().tensors[0].clone();
    for spare in [Tensor { class: "IntStorage", ..first.clone() }, Tensor { count: first.count - 1, ..first }]
    {
        let mut parts = Parts::sound();
        parts.tensors.push(Tensor { name: "spare".into(), ..spare });
        refused("two claims", &parts.bytes(), &["storage 0 is", "here and 20 of F32 before"]);
    }
}

#[apply(test!)]
fn persistent_ids_of_another_kind_are_refused() {
    let no_class =
        Pickle::default().raw(b"(").text("storage").ordered_dict().text("0").text("cpu").raw(b"K\x14t");
    for (label, id, why) in [
        ("no tuple", Pickle::default().raw(b"N"), "five-part id"),
        ("four parts", Pickle::default().raw(b"(NNNNt"), "five-part id"),
        ("another tag", id("module", b"X\x01\0\0\x000"), "does not begin with \"storage\""),
        ("a number as its key", id("storage", b"K\0"), "key is a number"),
        ("no class", no_class, "class is not a torch storage"),
    ] {
        let pickle = Pickle::new().raw(b"}").text("x").raw(&id.0).raw(b"Qs").stop();
        refused(label, &Parts { pickle: Some(pickle.0), ..Parts::sound() }.bytes(), &["data.pkl", why]);
    }
}

fn id(tag: &str, key: &[u8]) -> Pickle {
    Pickle::default().raw(b"(").text(tag).global("torch", "FloatStorage").raw(key).text("cpu").raw(b"K\x14t")
}

#[apply(test!)]
fn arguments_of_another_kind_are_refused() {
    let head = Parts::sound().tensor(HEAD).clone();
    let call = |arguments: Pickle| {
        let call = Pickle::new().raw(b"}").text(HEAD).global("torch._utils", "_rebuild_tensor_v2").raw(b"(");
        let pickle = call.raw(&arguments.0).raw(b"tRs").stop();
        Parts { pickle: Some(pickle.0), ..Parts::sound() }.bytes()
    };
    let start = || Pickle::default().storage(&head);
    let shape = |pickle: Pickle| pickle.ints(&head.sizes).ints(&head.strides);
    for (why, arguments) in [
        ("a text as its storage", shape(Pickle::default().text("0").int(0)).raw([0x89]).ordered_dict()),
        ("None as its offset", shape(start().raw(b"N")).raw([0x89]).ordered_dict()),
        ("a number as its sizes", start().int(0).int(5).ints(&head.strides).raw([0x89]).ordered_dict()),
        ("a tuple as its sizes", start().int(0).raw(b"(Nt").ints(&head.strides).raw([0x89]).ordered_dict()),
        ("None as its strides", start().int(0).ints(&head.sizes).raw(b"N").raw([0x89]).ordered_dict()),
        ("a number as its requires_grad", shape(start().int(0)).int(1).ordered_dict()),
        ("hooks, which would be code", shape(start().int(0)).raw([0x89]).ordered_dict().text("a").raw(b"Ns")),
        ("hooks, which would be code", shape(start().int(0)).raw([0x89]).raw(b"}")),
        (
            "metadata",
            shape(start().int(0)).raw([0x89]).ordered_dict().raw(b"}").text("conj").raw([0x88]).raw(b"s"),
        ),
        ("with 8 arguments", shape(start().int(0)).raw([0x89]).ordered_dict().raw(b"NN")),
        ("with 5 arguments", shape(start().int(0)).raw([0x89])),
    ] {
        refused(why, &call(arguments), &["_rebuild_tensor_v2", why]);
    }
}
