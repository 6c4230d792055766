//! Archives and pickles, written byte by byte so that each of them can be wrong.

/// A tensor's fields that a pickle gives, each to be replaced.
#[derive(Clone)]
pub(crate) struct Tensor {
    pub(crate) function: &'static str,
    pub(crate) storage: Vec<u8>,
    pub(crate) offset: Vec<u8>,
    pub(crate) shape: Vec<u8>,
    pub(crate) strides: Vec<u8>,
    pub(crate) rest: Vec<u8>,
}

impl Default for Tensor {
    /// `[2, 3]` of storage 0, which has six numbers of four bytes.
    fn default() -> Self {
        Self {
            function: "_rebuild_tensor_v2",
            storage: storage("FloatStorage", &text("0"), &int(6)),
            offset: int(0),
            shape: numbers(&[2, 3]),
            strides: numbers(&[3, 1]),
            rest: [b"\x89", &global("collections", "OrderedDict")[..], b")R"].concat(),
        }
    }
}

impl Tensor {
    pub(crate) fn pickle(&self) -> Vec<u8> {
        let function = global("torch._utils", self.function);
        let parts = [&self.storage, &self.offset, &self.shape, &self.strides, &self.rest];
        [function, b"(".to_vec(), parts.into_iter().flatten().copied().collect(), b"tR".to_vec()]
            .concat()
    }
}

/// `("storage", torch.CLASS, key, "cpu", elements)` as a persistent id.
pub(crate) fn storage(class: &str, key: &[u8], elements: &[u8]) -> Vec<u8> {
    let parts = [&text("storage"), &global("torch", class), key, &text("cpu"), elements];
    [b"(", parts.concat().as_slice(), b"tQ"].concat()
}

pub(crate) fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

/// `LONG1` of eight bytes.
pub(crate) fn int(value: i64) -> Vec<u8> {
    [&[0x8a, 8], &value.to_le_bytes()[..]].concat()
}

/// A tuple.
pub(crate) fn numbers(values: &[i64]) -> Vec<u8> {
    let values: Vec<u8> = values.iter().flat_map(|&value| int(value)).collect();
    [b"(", &values[..], b"t"].concat()
}

pub(crate) fn global(module: &str, name: &str) -> Vec<u8> {
    format!("c{module}\n{name}\n").into_bytes()
}

/// A call with one text.
pub(crate) fn call(module: &str, name: &str, argument: &str) -> Vec<u8> {
    [global(module, name), text(argument), b"\x85R".to_vec()].concat()
}

/// A pickle of protocol 2.
pub(crate) fn pickle(body: &[u8]) -> Vec<u8> {
    [b"\x80\x02", body, b"."].concat()
}

/// `{"weight": tensor, "other": body}`: a good tensor beside what is to be judged.
pub(crate) fn beside_a_tensor(body: &[u8]) -> Vec<u8> {
    let parts = [&text("weight"), &Tensor::default().pickle(), &text("other"), body];
    pickle(&[b"}(", parts.concat().as_slice(), b"u"].concat())
}

/// A checkpoint with this pickle and a storage 0 of 24 bytes.
pub(crate) fn checkpoint(pickle: &[u8]) -> Vec<u8> {
    archive(&[("a/data.pkl", pickle), ("a/byteorder", b"little"), ("a/data/0", &[0; 24])])
}

/// A stored archive, without data descriptors.
pub(crate) fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in entries {
        let start = bytes.len() as u32;
        let size = (data.len() as u32).to_le_bytes();
        let sum = crc32fast::hash(data).to_le_bytes();
        let name_bytes = (name.len() as u16).to_le_bytes();
        let head = [&[10, 0, 0, 8, 0, 0, 0, 0, 0, 0][..], &sum, &size, &size, &name_bytes].concat();
        bytes.extend([b"PK\x03\x04", &head[..], &[0, 0], name.as_bytes(), data].concat());
        directory.extend([b"PK\x01\x02\x0a\0", &head[..], &[0; 12], &start.to_le_bytes()].concat());
        directory.extend(name.as_bytes());
    }
    let start = (bytes.len() as u32).to_le_bytes();
    let count = (entries.len() as u16).to_le_bytes();
    let size = (directory.len() as u32).to_le_bytes();
    let end = [b"PK\x05\x06\0\0\0\0", &count[..], &count, &size, &start, &[0, 0]].concat();
    [bytes, directory, end].concat()
}

/// The entries of a good archive, which may have data descriptors and an end record of zip64.
pub(crate) fn entries(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let short = |at: usize| usize::from(u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap()));
    let mut entries = Vec::new();
    let mut at = number(bytes.len() - 6);
    while bytes[at..].starts_with(b"PK\x01\x02") {
        let name = String::from_utf8(bytes[at + 46..][..short(at + 28)].to_vec()).unwrap();
        let local = number(at + 42);
        let data = local + 30 + short(local + 26) + short(local + 28);
        entries.push((name, bytes[data..][..number(at + 24)].to_vec()));
        at += 46 + short(at + 28) + short(at + 30) + short(at + 32);
    }
    entries
}

/// Where the local header of the entry begins.
pub(crate) fn local(bytes: &[u8], name: &str) -> usize {
    header(bytes, b"PK\x03\x04", 30, name)
}

/// Where the central header of the entry begins.
pub(crate) fn central(bytes: &[u8], name: &str) -> usize {
    header(bytes, b"PK\x01\x02", 46, name)
}

fn header(bytes: &[u8], magic: &[u8], length: usize, name: &str) -> usize {
    (0..bytes.len())
        .find(|&at| {
            bytes[at..].starts_with(magic) && bytes[at + length..].starts_with(name.as_bytes())
        })
        .expect("the archive has the entry")
}

/// The archive with bytes replaced, at a distance from a place.
pub(crate) fn patched(bytes: &[u8], at: usize, replacement: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at..at + replacement.len()].copy_from_slice(replacement);
    bytes
}
