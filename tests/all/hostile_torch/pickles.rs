//! Pickles that are programs: every opcode, global and call that a file of tensors has no need of is refused by name.

use super::pickle::Pickle;
use super::{Parts, folder, refusal, refused};

/// A file whose pickle is this.
fn with_pickle(pickle: Pickle) -> Vec<u8> {
    Parts { pickle: Some(pickle.0), ..Parts::sound() }.bytes()
}

fn refused_pickle(label: &str, pickle: Pickle, names: &[&str]) {
    refused(label, &with_pickle(pickle), &[&["data.pkl"], names].concat());
}

/// PROTO 2, then these bytes, then STOP.
fn refused_code(label: &str, code: impl AsRef<[u8]>, names: &[&str]) {
    refused_pickle(label, Pickle::new().raw(code).stop(), names);
}

#[apply(test!)]
fn every_opcode_without_use_is_refused_by_its_name() {
    let opcodes: &[(&[u8], &str)] = &[
        (b"I1\n", "INT"),
        (b"L1L\n", "LONG"),
        (b"\x8b\x01\0\0\0\x01", "LONG4"),
        (b"S'a'\n", "STRING"),
        (b"T\x01\0\0\0a", "BINSTRING"),
        (b"U\x01a", "SHORT_BINSTRING"),
        (b"B\x01\0\0\0a", "BINBYTES"),
        (b"C\x01a", "SHORT_BINBYTES"),
        (b"\x8e\x01\0\0\0\0\0\0\0a", "BINBYTES8"),
        (b"\x96\x01\0\0\0\0\0\0\0a", "BYTEARRAY8"),
        (b"\x97", "NEXT_BUFFER"),
        (b"\x98", "READONLY_BUFFER"),
        (b"Va\n", "UNICODE"),
        (b"\x8c\x01a", "SHORT_BINUNICODE"),
        (b"\x8d\x01\0\0\0\0\0\0\0a", "BINUNICODE8"),
        (b"F1.0\n", "FLOAT"),
        (b"G?\xf0\0\0\0\0\0\0", "BINFLOAT"),
        (b"(l", "LIST"),
        (b"(d", "DICT"),
        (b"\x8f", "EMPTY_SET"),
        (b"\x8f(\x90", "EMPTY_SET"),
        (b"(\x90", "ADDITEMS"),
        (b"(\x91", "FROZENSET"),
        (b"N0", "POP"),
        (b"(1", "POP_MARK"),
        (b"N2", "DUP"),
        (b"Nq\0g0\n", "GET"),
        (b"Np0\n", "PUT"),
        (b"N\x94", "MEMOIZE"),
        (b"\x82\x01", "EXT1"),
        (b"\x83\x01\0", "EXT2"),
        (b"\x84\x01\0\0\0", "EXT4"),
        (b"X\x02\0\0\0osX\x06\0\0\0system\x93", "STACK_GLOBAL"),
        (b"(S'true'\nios\nsystem\n", "STRING"),
        (b"(ios\nsystem\n", "INST"),
        (b"(o", "OBJ"),
        (b"ccollections\nOrderedDict\n)\x81", "NEWOBJ"),
        (b"ccollections\nOrderedDict\n)}\x92", "NEWOBJ_EX"),
        (b"\x95\0\0\0\0\0\0\0\0", "FRAME"),
        (b"P0\n", "PERSID"),
        (b"\xff", "0xff is no opcode"),
        (b"\0", "0x00 is no opcode"),
    ];
    for (code, name) in opcodes {
        refused_code(name, code, &[name]);
    }
}

#[apply(test!)]
fn every_other_global_is_refused_by_its_name() {
    for (module, name) in [
        ("os", "system"),
        ("posix", "system"),
        ("builtins", "eval"),
        ("__builtin__", "exec"),
        ("builtins", "getattr"),
        ("subprocess", "Popen"),
        ("runpy", "_run_code"),
        ("torch", "load"),
        ("torch", "QInt8Storage"),
        ("torch", "device"),
        ("torch.storage", "UntypedStorage"),
        ("torch.storage", "_load_from_bytes"),
        ("torch._utils", "_rebuild_tensor_v3"),
        ("torch._utils", "_rebuild_tensor"),
        ("torch._utils", "_rebuild_qtensor"),
        ("torch._utils", "_rebuild_sparse_tensor"),
        ("torch._utils", "_rebuild_parameter_with_state"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy", "dtype"),
        ("collections", "OrderedDict.__init__"),
        ("collections ", "OrderedDict"),
        ("Collections", "OrderedDict"),
        ("", ""),
    ] {
        let quoted = format!("`{module} {name}`");
        refused_pickle(&quoted, Pickle::new().global(module, name).stop(), &[&quoted, "refused"]);
    }
    refused_code("not UTF-8", b"cos\xff\nsystem\n", &["GLOBAL"]);
    refused_code("endless", [&b"c"[..], &[b'a'; 100_000]].concat(), &["GLOBAL"]);
}

/// The type stands behind the function that torch calls for it.
#[apply(test!)]
fn weights_in_eight_bits_are_named_by_their_type() {
    let v3 = |dtype: &str| {
        Pickle::new()
            .raw(b"}")
            .text("model.layers.0.self_attn.q_proj.weight")
            .global("torch._utils", "_rebuild_tensor_v3")
            .raw(b"((")
            .text("storage")
            .global("torch.storage", "UntypedStorage")
            .raw(b"t")
            .global("torch", dtype)
            .raw(b"ts")
            .stop()
    };
    for (name, pickle, kind) in [
        ("fp8", v3("float8_e4m3fn"), "8-bit floats (float8_e4m3fn)"),
        ("the other", v3("float8_e5m2"), "8-bit floats (float8_e5m2)"),
        ("not fp8", v3("uint16"), "no need of it"),
        ("quantised", Pickle::new().global("torch._utils", "_rebuild_qtensor").stop(), "quantised tensors"),
    ] {
        refused_pickle(name, pickle, &["torch._utils _rebuild", kind]);
    }
}

/// Python's own reader would make the file; this one names the global and does nothing.
#[apply(test!)]
fn a_pickle_that_would_run_code_runs_none() {
    let dir = tempfile::tempdir().expect("a folder");
    let trace = dir.path().join("executed");
    let command = format!("touch {}", trace.display());
    let system = |pickle: Pickle, module| pickle.global(module, "system").raw(b"(").text(&command).raw(b"tR");
    for (call, name) in [
        (system(Pickle::new(), "os"), "`os system`"),
        // behind a dictionary of sound tensors
        (
            system(Pickle::new().raw(b"}").items(&Parts::sound().tensors).text("x"), "posix").raw(b"s"),
            "`posix system`",
        ),
        // as the state of an object
        (
            Pickle::new().ordered_dict().raw(b"}").text("_metadata").global("os", "popen").raw(b"sb"),
            "`os popen`",
        ),
    ] {
        refused_pickle(name, call.stop(), &[name, "nothing is executed"]);
    }
    assert!(!trace.exists());
}

#[apply(test!)]
fn calls_and_states_that_are_not_understood_are_refused() {
    let dict = b"ccollections\nOrderedDict\n";
    let with = |rest: &[u8]| [&dict[..], rest].concat();
    refused_code("arguments", with(b"(K\x01tR"), &["OrderedDict with arguments"]);
    refused_code("no tuple", with(b"NR"), &["without a tuple"]);
    refused_code("call of a text", b"X\x01\0\0\0a)R", &["REDUCE of something that is not a global"]);
    refused_code("call of a dict", b"})R", &["REDUCE of something that is not a global"]);
    refused_code("a storage class", b"ctorch\nFloatStorage\n)R", &["REDUCE of a storage class"]);
    refused_code(
        "too few",
        b"ctorch._utils\n_rebuild_tensor_v2\n)R",
        &["_rebuild_tensor_v2 with 0 arguments"],
    );
    refused_code("parameter", b"ctorch._utils\n_rebuild_parameter\n)R", &["_rebuild_parameter"]);
    let first = &Parts::sound().tensors[0];
    let parameter = Pickle::new().global("torch._utils", "_rebuild_parameter").raw(b"(").tensor(first);
    refused_pickle("hooks", parameter.raw(b"\x88}tR").stop(), &["_rebuild_parameter takes"]);
    refused_code("state of a dict", b"}}X\x09\0\0\0_metadata}sb", &["BUILD on a dictionary"]);
    refused_code("state of a text", b"X\x01\0\0\0a}b", &["BUILD on a text"]);
    refused_code("another state", with(b")R}X\x08\0\0\0__dict__}sb"), &["BUILD with a state other than"]);
    refused_code(
        "two states",
        with(b")R}(X\x09\0\0\0_metadata}X\x01\0\0\0a}ub"),
        &["BUILD with a state other than"],
    );
    refused_code("state None", with(b")RNb"), &["BUILD with a state other than"]);
}

#[apply(test!)]
fn broken_programs_are_refused() {
    let empty: [u8; 0] = [];
    for (label, pickle, names) in [
        ("empty", Pickle(vec![]), &["PROTO 2"][..]),
        ("no PROTO", Pickle(b"}.".to_vec()), &["PROTO 2"]),
        ("PROTO 4", Pickle(b"\x80\x04}.".to_vec()), &["PROTO 4"]),
        ("PROTO 3", Pickle(b"\x80\x03}.".to_vec()), &["PROTO 3"]),
        ("no STOP", Pickle(b"\x80\x02}".to_vec()), &["cut off"]),
        ("bytes after STOP", Pickle(b"\x80\x02}.cos\nsystem\n.".to_vec()), &["STOP is followed by 12 bytes"]),
    ] {
        refused_pickle(label, pickle, names);
    }
    refused_code("PROTO twice", b"\x80\x02}", &["second PROTO"]);
    refused_code("nothing", empty, &["STOP with other than one value"]);
    refused_code("two values", b"}}", &["STOP with other than one value"]);
    refused_code("an open mark", b"(}", &["STOP with other than one value"]);
    for (code, name) in [
        (&b"R"[..], "REDUCE finds too few"),
        (b")(R", "REDUCE finds too few"),
        (b"b", "BUILD finds too few"),
        (b"Q", "BINPERSID finds too few"),
        (b"t", "TUPLE without MARK"),
        (b"\x85", "TUPLE1 finds too few"),
        (b"N\x86", "TUPLE2 finds too few"),
        (b"N(N\x87", "TUPLE3 finds too few"),
        (b"u", "SETITEMS without MARK"),
        (b"(u", "SETITEMS on something that is not"),
        (b"N(NNu", "SETITEMS on something that is not"),
        (b"}(Nu", "a key without a value"),
        (b"}s", "SETITEM finds too few"),
        // The dictionary and its key lie below the mark.
        (b"}N(Nst", "SETITEM finds too few"),
        (b"NNNs", "SETITEM on something that is not"),
        (b"e", "APPENDS without MARK"),
        (b"}(Ne", "APPENDS on something that is not"),
        (b"}Na", "APPEND on something that is not"),
        (b"q\0", "BINPUT finds too few"),
        (b"h\x07", "BINGET of 7"),
        (b"j\x07\0\0\0", "BINGET of 7"),
        (b"X\xff\xff\xff\xffa", "BINUNICODE"),
        (b"X\x01\0\0\0\xff", "BINUNICODE"),
        (b"\x8a\x09\x01\0\0\0\0\0\0\0\0", "LONG1 of 9 bytes"),
        (b"\x8a\x01\xff", "LONG1 is negative"),
        (b"\x8a\x08\0\0\0\0\0\0\0\x80", "LONG1 is negative"),
        (b"J\x01", "cut off"),
    ] {
        refused_code(name, code, &[name]);
    }
}

/// Programs that ask for stack, memory or depth without end.
#[apply(test!)]
fn bombs_are_refused() {
    refused_code("marks", vec![b'('; 1 << 20], &["MARK"]);
    refused_code("values", vec![b'N'; 1 << 20], &["values on the stack"]);
    // a tuple in a tuple in a tuple: deep, but nothing here recurses
    let deep = [&b"N"[..], &vec![0x85; 3 << 20]].concat();
    refused_code("nested tuples", deep, &["a tuple"]);
    // each tuple holds the one before twice
    let doubling: Vec<u8> = [&b")"[..], &b"q\0h\0\x86".repeat(1 << 21)].concat();
    refused_code("doubling tuples", doubling, &["more than 4000000 values"]);
    refused_code("dictionaries", b"}0".repeat(1 << 10), &["POP"]);
    let memo: Vec<u8> = (0..1_000_001u32).flat_map(|i| [&b"r"[..], &i.to_le_bytes()].concat()).collect();
    refused_code("memo", [b"N", &memo[..]].concat(), &["remembered values"]);
    let many = [&b"}("[..], &b"X\x01\0\0\0aN".repeat(40_000), b"u"].concat();
    refused_code("one key often", many, &["`a` is None"]);
}

#[apply(test!)]
fn roots_that_are_no_dictionary_of_tensors_are_refused() {
    let tensors = Parts::sound().tensors;
    let first = &tensors[0];
    let root = || Pickle::new().raw(b"}");
    for (label, pickle, names) in [
        ("a list", Pickle::new().raw(b"]"), &["a list, expected a dictionary"][..]),
        ("a tensor", Pickle::new().tensor(first), &["a tensor, expected a dictionary"]),
        ("nothing in it", root(), &["no tensor"]),
        ("a number", root().items(&tensors).text("step").raw(b"K\x01s"), &["`step` is a number"]),
        ("a storage", root().items(&tensors).text("raw").storage(first).raw(b"s"), &["`raw` is a storage"]),
        (
            "a nested dictionary",
            root().items(&tensors).text("inner").raw(b"}s"),
            &["`inner` is a dictionary"],
        ),
        (
            "a number as a name",
            root().items(&tensors).raw(b"K\x01").tensor(first).raw(b"s"),
            &["name is a number"],
        ),
        ("a name twice", root().items(&tensors).items(&tensors[..1]), &[first.name.as_str(), "twice"]),
        (
            "an optimizer",
            root().text("model").raw(b"}").items(&tensors).raw(b"s").text("optimizer").raw(b"}s"),
            &["`optimizer` is a dictionary beside the model's tensors"],
        ),
        (
            "two wrappers",
            root().text("model").raw(b"}").items(&tensors).raw(b"s").text("state_dict").raw(b"}s"),
            &["`state_dict` is a dictionary beside"],
        ),
        (
            "a wrapper in a wrapper",
            root().text("model").raw(b"}").text("model").raw(b"}").items(&tensors).raw(b"ss"),
            &["`model` is a dictionary, expected a tensor"],
        ),
        // a dictionary that holds itself
        ("a circle", root().raw(b"q\0").text("model").raw(b"h\0s"), &["`model` is a dictionary"]),
    ] {
        refused_pickle(label, pickle.stop(), names);
    }
    let dir = folder(&with_pickle(root().items(&tensors[1..]).stop()));
    refusal(dir.path(), "one tensor less", &["data/0", "no tensor of data.pkl uses"]);
}
