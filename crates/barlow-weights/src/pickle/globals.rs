//! What the names in a pickle stand for.

use super::PickleRefusal;
use super::value::{Parsed, Span};
use crate::tensor_file::Dtype;

/// A name that a pickle imports.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Global {
    module: Span,
    name: Span,
    pub(super) meaning: Meaning,
}

/// What may be done with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Meaning {
    OrderedDict,
    Size,
    /// Type of a storage; `None` is of bytes without type.
    Storage(Option<Dtype>),
    Dtype(Dtype),
    RebuildTensor,
    RebuildTensorV2,
    RebuildTensorV3,
    RebuildParameter,
    RebuildParameterWithState,
    Opaque,
}

/// The storages of `torch` with elements that are read, and what the writer names them.
pub(crate) const STORAGES: [(&str, Dtype); 10] = [
    ("FloatStorage", Dtype::F32),
    ("DoubleStorage", Dtype::F64),
    ("HalfStorage", Dtype::F16),
    ("BFloat16Storage", Dtype::BF16),
    ("LongStorage", Dtype::I64),
    ("IntStorage", Dtype::I32),
    ("ShortStorage", Dtype::I16),
    ("CharStorage", Dtype::I8),
    ("ByteStorage", Dtype::U8),
    ("BoolStorage", Dtype::BOOL),
];

const DTYPES: [(&str, Dtype); 13] = [
    ("float32", Dtype::F32),
    ("float64", Dtype::F64),
    ("float16", Dtype::F16),
    ("bfloat16", Dtype::BF16),
    ("int64", Dtype::I64),
    ("int32", Dtype::I32),
    ("int16", Dtype::I16),
    ("int8", Dtype::I8),
    ("uint64", Dtype::U64),
    ("uint32", Dtype::U32),
    ("uint16", Dtype::U16),
    ("uint8", Dtype::U8),
    ("bool", Dtype::BOOL),
];

const UTILS: [(&str, Meaning); 5] = [
    ("_rebuild_tensor", Meaning::RebuildTensor),
    ("_rebuild_tensor_v2", Meaning::RebuildTensorV2),
    ("_rebuild_tensor_v3", Meaning::RebuildTensorV3),
    ("_rebuild_parameter", Meaning::RebuildParameter),
    ("_rebuild_parameter_with_state", Meaning::RebuildParameterWithState),
];

/// Makers of tensors that are not read: by the beginning of their full name.
const UNSUPPORTED: [(&str, &str); 14] = [
    ("torch._utils._rebuild_sparse", "sparse"),
    ("torch._utils._rebuild_nested", "nested"),
    ("torch._utils._rebuild_qtensor", "quantised"),
    ("torch._utils._rebuild_meta", "without data"),
    ("torch._utils._rebuild_wrapper_subclass", "a subclass"),
    ("torch._utils._rebuild_", "of another device or kind"),
    ("torch._tensor.", "a subclass"),
    ("torch.Tensor", "made without its storage"),
    ("torch.nn.parameter.", "made without its storage"),
    ("torch.sparse", "sparse"),
    ("torch.distributed._tensor", "one part of several"),
    ("torch.distributed.tensor", "one part of several"),
    ("torch.complex", "complex"),
    ("torch.float8", "of 8-bit floats"),
];

/// Roots of modules that start programs, touch files and networks, or reach all of Python.
const HARMFUL_ROOTS: [&str; 62] = [
    "__builtin__",
    "__builtins__",
    "_ctypes",
    "_io",
    "_operator",
    "_pickle",
    "_posixsubprocess",
    "_socket",
    "_thread",
    "ast",
    "asyncio",
    "atexit",
    "bdb",
    "builtins",
    "cPickle",
    "cffi",
    "cloudpickle",
    "code",
    "codeop",
    "commands",
    "ctypes",
    "dill",
    "doctest",
    "ftplib",
    "gc",
    "http",
    "httplib",
    "imp",
    "importlib",
    "inspect",
    "io",
    "joblib",
    "linecache",
    "marshal",
    "mmap",
    "multiprocessing",
    "nt",
    "operator",
    "os",
    "pdb",
    "pickle",
    "pip",
    "pkgutil",
    "posix",
    "profile",
    "pty",
    "requests",
    "runpy",
    "setuptools",
    "shelve",
    "shutil",
    "signal",
    "smtplib",
    "socket",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "timeit",
    "types",
    "urllib",
    "webbrowser",
];

/// The same, where only a part of a package does: beginnings of full names.
const HARMFUL_NAMES: [&str; 12] = [
    "torch._dynamo",
    "torch._inductor",
    "torch.compile",
    "torch.fx",
    "torch.hub",
    "torch.jit",
    "torch.load",
    "torch.package",
    "torch.serialization.load",
    "torch.storage._load_from_bytes",
    "torch.utils.cpp_extension",
    "numpy.load",
];

/// Names of roots above that are types, which pickles of plain data hold.
const HARMLESS_BUILTINS: [&str; 18] = [
    "bool",
    "bytearray",
    "bytes",
    "complex",
    "dict",
    "float",
    "frozenset",
    "int",
    "list",
    "long",
    "object",
    "range",
    "set",
    "slice",
    "str",
    "tuple",
    "unicode",
    "xrange",
];

/// What of `copyreg` plain objects are pickled with.
const HARMLESS_COPYREG: [&str; 3] = ["__newobj__", "__newobj_ex__", "_reconstructor"];

impl Global {
    /// Looks the name up.
    pub(super) fn resolve(
        parsed: &Parsed,
        module: Span,
        name: Span,
    ) -> Result<Self, PickleRefusal> {
        let meaning = meaning(parsed.text(module), parsed.text(name))?;
        Ok(Self { module, name, meaning })
    }

    /// `module.name`, escaped and no longer than a line.
    pub(crate) fn full_name(&self, parsed: &Parsed) -> String {
        full_name(parsed.text(self.module), parsed.text(self.name))
    }
}

fn full_name(module: &str, name: &str) -> String {
    const MAX_CHARACTERS: usize = 120;
    let characters = module.chars().chain(['.']).chain(name.chars());
    characters.take(MAX_CHARACTERS).flat_map(char::escape_debug).collect()
}

fn meaning(module: &str, name: &str) -> Result<Meaning, PickleRefusal> {
    let table = |table: &[(&str, Dtype)]| {
        table.iter().find(|(known, _)| *known == name).map(|&(_, dtype)| dtype)
    };
    match (module, name) {
        ("collections", "OrderedDict") => return Ok(Meaning::OrderedDict),
        ("torch", "Size") => return Ok(Meaning::Size),
        ("torch.storage" | "torch", "UntypedStorage") => return Ok(Meaning::Storage(None)),
        ("torch", _) => {
            if let Some(dtype) = table(&STORAGES) {
                return Ok(Meaning::Storage(Some(dtype)));
            }
            if let Some(dtype) = table(&DTYPES) {
                return Ok(Meaning::Dtype(dtype));
            }
            if name.ends_with("Storage") {
                let name = full_name(module, name);
                let kind = "complex, quantised or of a type unknown";
                return Err(PickleRefusal::Unsupported { name, kind });
            }
        }
        ("torch._utils", _) => {
            if let Some((_, meaning)) = UTILS.iter().find(|(known, _)| *known == name) {
                return Ok(*meaning);
            }
        }
        _ => {}
    }
    if is_harmful(module, name) {
        return Err(PickleRefusal::Harmful { name: full_name(module, name) });
    }
    let name = full_name(module, name);
    match UNSUPPORTED.iter().find(|(start, _)| name.starts_with(start)) {
        Some(&(_, kind)) => Err(PickleRefusal::Unsupported { name, kind }),
        None => Ok(Meaning::Opaque),
    }
}

fn is_harmful(module: &str, name: &str) -> bool {
    let root = |path: &str| path.split('.').next().unwrap_or_default().to_owned();
    match module {
        "builtins" | "__builtin__" => return !HARMLESS_BUILTINS.contains(&name),
        "copyreg" | "copy_reg" => return !HARMLESS_COPYREG.contains(&name),
        _ => {}
    }
    // From protocol 4 on a name may be a path, which reaches what a module has imported.
    let is_harmful_path =
        name.contains('.') && name.split('.').any(|part| HARMFUL_ROOTS.contains(&part));
    let full = full_name(module, name);
    HARMFUL_ROOTS.contains(&root(module).as_str())
        || is_harmful_path
        || HARMFUL_NAMES.iter().any(|start| full.starts_with(start))
}
