//! The values that a pickle makes.

use std::ops::Range;

use super::globals::Global;
use super::rebuild::View;
use super::{MAX_VALUES, PickleRefusal};
use crate::tensor_file::{Dtype, MAX_TENSORS};

/// The most tensors that a pickle may make: a parameter is made twice, and some are in two places.
const MAX_MADE: usize = 4 * MAX_TENSORS;

/// Number of a value in its arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Id(u32);

/// Where text or bytes are in the pickle. Pickles are far below 4 GiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    pub(super) fn new(range: Range<usize>) -> Self {
        Self { start: range.start as u32, end: range.end as u32 }
    }
}

/// One value.
#[derive(Debug)]
pub(crate) enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// UTF-8.
    Text(Span),
    Bytes,
    Tuple(Box<[Id]>),
    List(Vec<Id>),
    /// Pairs in the order of the file; a `dict` or an `OrderedDict`.
    Dict(Vec<(Id, Id)>),
    Global(Global),
    Storage(Storage),
    Tensor(Box<View>),
    /// What nothing can be done with: the class or function it comes from, if any.
    Opaque(Option<Global>),
}

/// Elements of one type in an entry of the archive.
#[derive(Debug, Clone)]
pub(crate) struct Storage {
    /// Name of the entry, below `data/`.
    pub(crate) key: Span,
    /// Type of an element; of bytes that have none yet, `None`.
    pub(crate) dtype: Option<Dtype>,
    /// Number of elements, or of bytes.
    pub(crate) elements: u64,
}

/// All values of a pickle, and the text they point to.
#[derive(Debug)]
pub(crate) struct Parsed {
    bytes: Vec<u8>,
    values: Vec<Value>,
    tensors: usize,
    pub(crate) root: Id,
}

impl Parsed {
    /// An empty arena over a pickle; `root` is set when all is read.
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, values: Vec::new(), tensors: 0, root: Id(0) }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn add(&mut self, value: Value) -> Result<Id, PickleRefusal> {
        if self.values.len() == MAX_VALUES {
            return Err(PickleRefusal::Limit { what: "values", limit: MAX_VALUES });
        }
        if let Value::Tensor(_) = value {
            self.tensors += 1;
            if self.tensors > MAX_MADE {
                return Err(PickleRefusal::Limit { what: "tensors", limit: MAX_MADE });
            }
        }
        self.values.push(value);
        Ok(Id(self.values.len() as u32 - 1))
    }

    /// The value of a number that this arena gave.
    pub(crate) fn get(&self, id: Id) -> &Value {
        &self.values[id.0 as usize]
    }

    pub(super) fn get_mut(&mut self, id: Id) -> &mut Value {
        &mut self.values[id.0 as usize]
    }

    pub(super) fn is_text(&self, span: Span) -> bool {
        std::str::from_utf8(&self.bytes[span.start as usize..span.end as usize]).is_ok()
    }

    /// The text of a span that was found to be UTF-8.
    pub(crate) fn text(&self, span: Span) -> &str {
        let bytes = &self.bytes[span.start as usize..span.end as usize];
        std::str::from_utf8(bytes).expect("checked where the span was made")
    }

    /// The text of a value that is text.
    pub(crate) fn text_of(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Value::Text(span) => Some(self.text(*span)),
            _ => None,
        }
    }

    /// The class or function that an opaque value comes from, `module.name`.
    pub(crate) fn class_of(&self, id: Id) -> Option<String> {
        match self.get(id) {
            Value::Opaque(class) => class.map(|global| global.full_name(self)),
            Value::Global(global) => Some(global.full_name(self)),
            _ => None,
        }
    }
}
