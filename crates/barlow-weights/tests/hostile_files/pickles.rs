//! Pickles that call, refer, nest or lie, each in an otherwise good checkpoint.

use super::Case;
use super::archive::{
    Tensor, beside_a_tensor, call, checkpoint, global, int, numbers, pickle, storage, text,
};

/// Pickles that would run `command` if something ran them, and the name each is refused for.
pub(crate) fn payloads(command: &str) -> Vec<Case> {
    let python = format!("__import__('os').system({command:?})");
    let one_argument = [
        ("os", "system"),
        ("posix", "system"),
        ("nt", "system"),
        ("os", "popen"),
        ("subprocess", "call"),
        ("subprocess", "getoutput"),
        ("pty", "spawn"),
        ("commands", "getoutput"),
        ("webbrowser", "open"),
        ("shutil", "rmtree"),
        ("runpy", "run_path"),
        ("importlib", "import_module"),
        ("ctypes", "CDLL"),
        ("socket", "create_connection"),
        ("pickle", "loads"),
        ("marshal", "loads"),
        ("torch", "load"),
        ("torch.hub", "load"),
        ("torch.jit", "load"),
        ("torch.storage", "_load_from_bytes"),
        ("torch.utils.cpp_extension", "load"),
        ("numpy", "load"),
        ("operator", "attrgetter"),
        ("types", "CodeType"),
        ("sys", "exit"),
        ("io", "open"),
        ("timeit", "timeit"),
        ("asyncio", "run"),
        ("copyreg", "add_extension"),
        ("os.path", "exists"),
    ];
    let mut cases: Vec<Case> = one_argument
        .into_iter()
        .map(|(module, name)| {
            let bytes = checkpoint(&beside_a_tensor(&call(module, name, command)));
            (format!("{module}.{name}"), bytes, format!("it names `{module}.{name}`"))
        })
        .collect();
    for (module, name) in [
        ("builtins", "exec"),
        ("builtins", "eval"),
        ("__builtin__", "eval"),
        ("__builtin__", "execfile"),
        ("builtins", "__import__"),
        ("builtins", "compile"),
        ("builtins", "open"),
    ] {
        let bytes = checkpoint(&beside_a_tensor(&call(module, name, &python)));
        cases.push((format!("{module}.{name}"), bytes, format!("it names `{module}.{name}`")));
    }
    let mut case = |name: &str, body: &[u8], expected: &str| {
        let bytes = checkpoint(&beside_a_tensor(body));
        cases.push((name.to_owned(), bytes, expected.to_owned()));
    };
    let attribute = [
        global("builtins", "getattr"),
        global("os", "system"),
        text("__call__"),
        b"\x86R".to_vec(),
    ];
    case("a chain of getattr", &attribute.concat(), "it names `builtins.getattr`");
    let stack_global =
        [text("os"), text("system"), b"\x93".to_vec(), text(command), b"\x85R".to_vec()];
    case("a name from the stack", &stack_global.concat(), "it names `os.system`");
    let path =
        [text("torch"), text("os.system"), b"\x93".to_vec(), text(command), b"\x85R".to_vec()];
    case("a path through a module", &path.concat(), "it names `torch.os.system`");
    let new = [global("subprocess", "Popen"), text(command), b"\x85\x81".to_vec()].concat();
    case("an instance by NEWOBJ", &new, "it names `subprocess.Popen`");
    let new = [global("subprocess", "Popen"), b")}\x92".to_vec()].concat();
    case("an instance by NEWOBJ_EX", &new, "it names `subprocess.Popen`");
    case(
        "an instance by INST",
        b"(X\x01\0\0\0aios\nsystem\n",
        "instruction 0x69 (an instance of a class)",
    );
    case("an instance by OBJ", b"(cos\nsystem\no", "it names `os.system`");
    case(
        "an instance by OBJ of what is opaque",
        b"(ca\nb\no",
        "instruction 0x6f (an instance of a class)",
    );
    cases
}

/// Pickles that are refused for their form.
pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut raw = |name: &str, pickle: &[u8], expected: &str| {
        cases.push((name.to_owned(), checkpoint(pickle), expected.to_owned()));
    };
    raw("protocol 6", b"\x80\x06}.", "it has protocol 6; 2 to 5 are read");
    raw("protocol 1", b"\x80\x01}.", "it has protocol 1");
    raw("no protocol", b"}.", "a protocol number has to be first");
    raw(
        "two protocols",
        b"\x80\x02\x80\x02}.",
        "a protocol number has to be first, and only there",
    );
    raw("empty", b"", "1 bytes are wanted, 0 are left");
    raw("no end", b"\x80\x02}", "1 bytes are wanted, 0 are left");
    raw("no value", b"\x80\x02.", "it does not end with one value");
    raw("two values", b"\x80\x02}}.", "it does not end with one value");
    raw("an open mark", b"\x80\x02}(.", "it ends with a mark open");
    raw("bytes behind the end", b"\x80\x02}.}", "bytes follow its end");
    raw("an object", &pickle(b"cmodels\nNet\n)R"), "it holds an object of class `models.Net`");
    raw("a set", &pickle(b"\x8f"), "it holds an object of class `set`");

    let bombs: [(&str, Vec<u8>, &str); 8] = [
        ("tuples of tuples", laughs(b")", 0x86, 40), "more than 1000000 values"),
        ("dictionaries of dictionaries", dictionary_laughs(40), "more than 1000000 values"),
        ("a list in itself", b"]q\0h\0a".to_vec(), "more than 1000 levels"),
        (
            "a dictionary in itself",
            [b"}q\0", &text("a")[..], b"h\0s"].concat(),
            "more than 1000 levels",
        ),
        (
            "2000 lists deep",
            [b"]".repeat(2000), b"a".repeat(1999)].concat(),
            "more than 1000 levels",
        ),
        ("2000 marks deep", b"(".repeat(2000), "more than 1000 open marks"),
        (
            "a million values",
            [b"]".to_vec(), b")0".repeat(1_000_000)].concat(),
            "more than 1000000 values",
        ),
        (
            "millions of instructions",
            [b"}".to_vec(), b"20".repeat(2_000_000)].concat(),
            "more than 4000000 instructions",
        ),
    ];
    for (name, body, expected) in bombs {
        raw(name, &pickle(&body), expected);
    }
    for (name, body, expected) in malformed() {
        raw(name, &pickle(&body), expected);
    }
    for (name, tensor, expected) in tensors() {
        let body = [b"}", &text("t")[..], &tensor, b"s"].concat();
        raw(name, &pickle(&body), expected);
    }
    cases.extend(names());
    cases
}

/// Each level is twice the one below it, which is kept once.
fn laughs(seed: &[u8], pair: u8, levels: usize) -> Vec<u8> {
    let mut body = seed.to_vec();
    for _ in 0..levels {
        body.extend([b'2', pair]);
    }
    body
}

fn dictionary_laughs(levels: u8) -> Vec<u8> {
    let mut body = b"}q\0".to_vec();
    for level in 0..levels {
        let pairs = [text("a"), vec![b'h', level], text("b"), vec![b'h', level]].concat();
        body = [&body[..], b"0}(", &pairs, b"uq", &[level + 1]].concat();
    }
    body
}

fn malformed() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let tensor = Tensor::default();
    let storage = storage("FloatStorage", &text("0"), &int(6));
    vec![
        ("extension 1", b"\x82\x01".to_vec(), "0x82 (an extension's number)"),
        ("extension 2", b"\x83\x01\0".to_vec(), "0x83 (an extension's number)"),
        ("extension 4", b"\x84\x01\0\0\0".to_vec(), "0x84 (an extension's number)"),
        ("a persistent id as text", b"Pstorage\n".to_vec(), "0x50 (a persistent id as text)"),
        (
            "a persistent id that is text",
            [&text("storage")[..], b"Q"].concat(),
            "a persistent id is not",
        ),
        ("a buffer outside", b"\x97".to_vec(), "0x97 (a buffer outside of the file)"),
        ("protocol 0", b"I1\n".to_vec(), "0x49 (protocol 0)"),
        ("an unknown instruction", b"\xff".to_vec(), "0xff (unknown)"),
        (
            "text longer than the file",
            b"X\xff\xff\xff\x7fabc".to_vec(),
            "2147483647 bytes are wanted, 4 are left",
        ),
        (
            "text of 2^63 bytes",
            b"\x8d\0\0\0\0\0\0\0\x80".to_vec(),
            "9223372036854775808 bytes are wanted",
        ),
        (
            "a number longer than the file",
            b"\x8b\xff\xff\xff\x7f".to_vec(),
            "2147483647 bytes are wanted",
        ),
        (
            "bytes longer than the file",
            b"\x8e\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
            "18446744073709551615 bytes are wanted",
        ),
        (
            "a frame longer than the file",
            b"\x95\xff\0\0\0\0\0\0\0".to_vec(),
            "255 bytes are wanted",
        ),
        ("text that is not UTF-8", b"X\x02\0\0\0\xff\xfe".to_vec(), "a text is not UTF-8"),
        ("a name without end", b"ctorch".to_vec(), "bytes are wanted"),
        ("a name that is a number", b"K\x01K\x02\x93".to_vec(), "a name to import is no text"),
        ("nothing remembered", b"h\x07".to_vec(), "nothing was remembered"),
        ("an empty stack", b"0".to_vec(), "a value is taken from an empty stack"),
        ("a pair of one", b")\x86".to_vec(), "a value is taken from an empty stack"),
        ("a value below the mark", b"}(0".to_vec(), "a value is taken from an empty stack"),
        ("no mark", b"}u".to_vec(), "no mark is open"),
        ("a key without value", b"}(Nu".to_vec(), "a key has no value"),
        ("a key of a list", b"]NNs".to_vec(), "a key is set in what is no dictionary"),
        ("an item of a dictionary", b"}Na".to_vec(), "items are appended to what is no list"),
        ("a call of a number", b"K\x01)R".to_vec(), "a value is called that is no function"),
        (
            "arguments in a list",
            [&global("collections", "OrderedDict")[..], b"]R"].concat(),
            "arguments are no tuple",
        ),
        (
            "an OrderedDict with arguments",
            [&global("collections", "OrderedDict")[..], b"]\x85R"].concat(),
            "it has arguments",
        ),
        (
            "a size of a number",
            [&global("torch", "Size")[..], b"K\x01\x85R"].concat(),
            "its argument is no tuple",
        ),
        (
            "a tensor of its own",
            [&global("torch", "Tensor")[..], b")\x81"].concat(),
            "made by `torch.Tensor`",
        ),
        (
            "a parameter of its own",
            [&global("torch.nn.parameter", "Parameter")[..], b")R"].concat(),
            "made by `torch.nn.parameter.Parameter`",
        ),
        (
            "an OrderedDict by NEWOBJ_EX",
            [&global("collections", "OrderedDict")[..], b")}\x92"].concat(),
            "`NEWOBJ_EX` is not used as PyTorch does",
        ),
        (
            "a changed tensor",
            [&tensor.pickle()[..], b"}b"].concat(),
            "a tensor, storage or class is changed",
        ),
        (
            "a changed storage",
            [&storage[..], b"}b"].concat(),
            "a tensor, storage or class is changed",
        ),
        (
            "a changed class",
            [&global("a", "b")[..], b"}b"].concat(),
            "a tensor, storage or class is changed",
        ),
        ("a changed number", b"K\x01}b".to_vec(), "BUILD of a value that has no state"),
        (
            "a called storage type",
            [&global("torch", "FloatStorage")[..], b")R"].concat(),
            "a storage or type of elements is called",
        ),
    ]
}

fn tensors() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let good = Tensor::default;
    let of = |shape: &[i64], strides: &[i64]| {
        Tensor { shape: numbers(shape), strides: numbers(strides), ..good() }.pickle()
    };
    let stored = |class: &str, key: &[u8], elements: i64| {
        Tensor { storage: storage(class, key, &int(elements)), ..good() }.pickle()
    };
    let made_by = |function| Tensor { function, ..good() }.pickle();
    let opaque = [&global("a", "b")[..], b")R"].concat();
    let parameter =
        [&global("torch._utils", "_rebuild_parameter")[..], &opaque, b"\x88}\x87R"].concat();
    let v3 = |dtype: &str| {
        let rest = [&good().rest[..], &global("torch", dtype)].concat();
        Tensor { function: "_rebuild_tensor_v3", rest, ..good() }.pickle()
    };
    let big = 1 << 62;
    vec![
        ("a negative extent", of(&[-2, 3], &[3, 1]), "its shape is no tuple of numbers from 0"),
        ("a negative stride", of(&[2, 3], &[-3, 1]), "its strides are no tuple of numbers from 0"),
        (
            "a negative offset",
            Tensor { offset: int(-1), ..good() }.pickle(),
            "its offset is no number from 0",
        ),
        (
            "an offset of a fraction",
            Tensor { offset: b"G\0\0\0\0\0\0\0\0".to_vec(), ..good() }.pickle(),
            "its offset is no number from 0",
        ),
        (
            "an offset past the storage",
            Tensor { offset: int(1), ..good() }.pickle(),
            "it reaches past its storage",
        ),
        ("an offset of 2^62", Tensor { offset: int(big), ..good() }.pickle(), "its size overflows"),
        ("extents that overflow", of(&[big, 8], &[1, 1]), "its size overflows"),
        ("extents of 2^62 bytes", of(&[1 << 60], &[0]), "it repeats elements"),
        ("strides that overflow", of(&[3, 3], &[big, big]), "its size overflows"),
        (
            "no elements of overflowing extents",
            of(&[big, big, 0], &[1, 1, 1]),
            "its size overflows",
        ),
        ("a stride past the storage", of(&[2, 3], &[4, 1]), "it reaches past its storage"),
        ("an extent past the storage", of(&[7], &[1]), "it reaches past its storage"),
        (
            "one element a billion times",
            of(&[1 << 30], &[0]),
            "it repeats elements to more than its storage and 1 MiB",
        ),
        ("rows that overlap a million times", of(&[1 << 20, 3], &[0, 1]), "it repeats elements"),
        (
            "a shape that is a list",
            Tensor { shape: b"]".to_vec(), ..good() }.pickle(),
            "its shape is no tuple",
        ),
        (
            "an extent that is true",
            Tensor { shape: b"\x88\x85".to_vec(), ..good() }.pickle(),
            "its shape is no tuple",
        ),
        ("65 dimensions", of(&[1; 65], &[1; 65]), "its shape is no tuple"),
        ("fewer strides than extents", of(&[2, 3], &[1]), "shape and strides differ in length"),
        (
            "a storage too short",
            stored("FloatStorage", &text("0"), 7),
            "should have 28 bytes, found Some(24)",
        ),
        (
            "a storage too long",
            [
                stored("FloatStorage", &text("0"), 6),
                b"0".to_vec(),
                Tensor {
                    storage: storage("FloatStorage", &text("0"), &int(5)),
                    shape: numbers(&[5]),
                    strides: numbers(&[1]),
                    ..good()
                }
                .pickle(),
            ]
            .concat(),
            "should have 20 bytes, found Some(24)",
        ),
        (
            "a storage of another type",
            stored("DoubleStorage", &text("0"), 6),
            "should have 48 bytes, found Some(24)",
        ),
        (
            "a storage that is not there",
            stored("FloatStorage", &text("1"), 6),
            "storage 1 of `t` should have 24 bytes, found None",
        ),
        (
            "a storage of 2^62 numbers",
            stored("FloatStorage", &text("0"), big),
            "its size overflows",
        ),
        (
            "a storage of fewer than none",
            stored("FloatStorage", &text("0"), -6),
            "a persistent id is not",
        ),
        (
            "a storage of another folder",
            stored("FloatStorage", &text("../0"), 6),
            "a persistent id is not",
        ),
        ("a storage without name", stored("FloatStorage", &text(""), 6), "a persistent id is not"),
        (
            "a storage numbered by a number",
            stored("FloatStorage", &int(0), 6),
            "a persistent id is not",
        ),
        (
            "a storage of an unknown class",
            stored("MyStorages", &text("0"), 6),
            "a persistent id is not",
        ),
        (
            "a quantised storage",
            stored("QInt8Storage", &text("0"), 24),
            "made by `torch.QInt8Storage`",
        ),
        (
            "a complex storage",
            stored("ComplexFloatStorage", &text("0"), 3),
            "made by `torch.ComplexFloatStorage`",
        ),
        (
            "an opaque storage",
            Tensor { storage: opaque.clone(), ..good() }.pickle(),
            "its first argument is no storage",
        ),
        (
            "a tensor as storage",
            Tensor { storage: good().pickle(), ..good() }.pickle(),
            "its first argument is no storage",
        ),
        ("an opaque parameter", parameter, "its data are no tensor"),
        (
            "too few arguments",
            Tensor { rest: Vec::new(), ..good() }.pickle(),
            "the number of arguments",
        ),
        ("another type than the storage's", v3("float16"), "the storage is of another type"),
        ("a type that is none", v3("Size"), "its type is none that is read"),
        ("8-bit floats", v3("float8_e5m2"), "made by `torch.float8_e5m2` (of 8-bit floats)"),
        ("a sparse tensor", made_by("_rebuild_sparse_tensor"), "(sparse), which is not read"),
        (
            "a sparse CSR tensor",
            made_by("_rebuild_sparse_csr_tensor"),
            "(sparse), which is not read",
        ),
        ("a quantised tensor", made_by("_rebuild_qtensor"), "(quantised), which is not read"),
        (
            "a tensor without data",
            made_by("_rebuild_meta_tensor_no_storage"),
            "(without data), which is not read",
        ),
        ("a wrapper", made_by("_rebuild_wrapper_subclass"), "(a subclass), which is not read"),
        ("a nested tensor", made_by("_rebuild_nested_tensor"), "(nested), which is not read"),
        (
            "an array of NumPy as tensor",
            made_by("_rebuild_device_tensor_from_numpy"),
            "(of another device or kind)",
        ),
        (
            "a subclass",
            call("torch._tensor", "_rebuild_from_type_v2", "x"),
            "(a subclass), which is not read",
        ),
    ]
}

/// Names that are wrong only when all is read.
fn names() -> Vec<Case> {
    let tensor = Tensor::default().pickle();
    let inner = [b"}", &text("b")[..], &tensor, b"s"].concat();
    let pairs = [text("a.b"), tensor.clone(), text("a"), inner].concat();
    let twice = pickle(&[b"}(", &pairs[..], b"u"].concat());
    let again = [text("a"), tensor.clone(), text("a"), tensor.clone()].concat();
    let again = pickle(&[b"}(", &again[..], b"u"].concat());
    let long = [b"}", &text(&"n".repeat(2000))[..], &tensor, b"s"].concat();
    let remembered = [&tensor[..], b"q\0"].concat();
    let many = pickle(&[b"](", &remembered[..], &b"h\0".repeat(10_000), b"e"].concat());
    let case = |name: &str, pickle: &[u8], expected: &str| {
        (name.to_owned(), checkpoint(pickle), expected.to_owned())
    };
    vec![
        case("one name by two paths", &twice, "two tensors are called `a.b`"),
        case("one key twice", &again, "two tensors are called `a`"),
        case("a name of 2000 bytes", &pickle(&long), "more than 1024 bytes in a name"),
        case("10001 tensors", &many, "more than 10000 tensors"),
    ]
}
