//! The functions of `torch` that pickles of tensors call, imitated.
//!
//! Source: `torch/_utils.py`, functions `_rebuild_*`, torch 1.6 to 2.15. Sizes are judged here, before
//! anything of that size exists; whether the storage is as long as it says, where the archive is known.

use super::PickleRefusal;
use super::globals::Meaning;
use super::value::{Id, Parsed, Storage, Value};
use crate::tensor_file::Dtype;

/// The most dimensions, which is NumPy's limit as well.
const MAX_RANK: usize = 64;
/// A view with more elements than its storage repeats some; up to 1 MiB that is taken as meant.
const MAX_REPEATED_BYTES: u64 = 1 << 20;

/// A tensor: elements of a storage.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) storage: Storage,
    pub(crate) dtype: Dtype,
    /// First element.
    pub(crate) offset: u64,
    pub(crate) shape: Vec<usize>,
    /// Elements from one index to the next, of each dimension.
    pub(crate) strides: Vec<u64>,
}

impl View {
    /// The elements of the storage from the first to the last that the view has, which are in it.
    pub(crate) fn reach(&self) -> std::ops::Range<u64> {
        if self.shape.contains(&0) {
            return self.offset..self.offset;
        }
        let steps = self
            .shape
            .iter()
            .zip(&self.strides)
            .map(|(&extent, stride)| (extent as u64 - 1) * stride);
        self.offset..self.offset + steps.sum::<u64>() + 1
    }
}

/// The value of calling one of the functions of tensors.
pub(super) fn call(
    parsed: &Parsed,
    function: Meaning,
    arguments: &[Id],
) -> Result<Value, PickleRefusal> {
    match (function, arguments) {
        (Meaning::RebuildTensor, &[storage, offset, shape, strides])
        | (
            Meaning::RebuildTensorV2,
            &[storage, offset, shape, strides, _, _] | &[storage, offset, shape, strides, _, _, _],
        ) => view("_rebuild_tensor", parsed, [storage, offset, shape, strides], None),
        (
            Meaning::RebuildTensorV3,
            &[storage, offset, shape, strides, _, _, dtype]
            | &[storage, offset, shape, strides, _, _, dtype, _],
        ) => {
            let dtype = match parsed.get(dtype) {
                Value::Global(global) => global.meaning,
                _ => Meaning::Opaque,
            };
            let Meaning::Dtype(dtype) = dtype else {
                return misuse("_rebuild_tensor_v3", "its type is none that is read");
            };
            view("_rebuild_tensor_v3", parsed, [storage, offset, shape, strides], Some(dtype))
        }
        (Meaning::RebuildParameter, &[tensor, _, _])
        | (Meaning::RebuildParameterWithState, &[tensor, _, _, _]) => match parsed.get(tensor) {
            Value::Tensor(view) => Ok(Value::Tensor(view.clone())),
            _ => misuse("_rebuild_parameter", "its data are no tensor"),
        },
        (Meaning::RebuildTensor, _) => misuse("_rebuild_tensor", COUNT),
        (Meaning::RebuildTensorV2, _) => misuse("_rebuild_tensor_v2", COUNT),
        (Meaning::RebuildTensorV3, _) => misuse("_rebuild_tensor_v3", COUNT),
        (Meaning::RebuildParameter, _) => misuse("_rebuild_parameter", COUNT),
        (Meaning::RebuildParameterWithState, _) => misuse("_rebuild_parameter_with_state", COUNT),
        _ => misuse("REDUCE", "a storage or type of elements is called"),
    }
}

const COUNT: &str = "the number of arguments";

fn view(
    name: &'static str,
    parsed: &Parsed,
    [storage, offset, shape, strides]: [Id; 4],
    dtype: Option<Dtype>,
) -> Result<Value, PickleRefusal> {
    let refused = |what| PickleRefusal::Misuse { name, what };
    let Value::Storage(storage) = parsed.get(storage) else {
        return misuse(name, "its first argument is no storage");
    };
    let numbers = |id: Id, what| match parsed.get(id) {
        Value::Tuple(items) if items.len() <= MAX_RANK => {
            items.iter().map(|&item| number(parsed, item).ok_or(refused(what))).collect()
        }
        _ => Err(refused(what)),
    };
    let offset = number(parsed, offset).ok_or(refused("its offset is no number from 0"))?;
    let shape: Vec<u64> = numbers(shape, "its shape is no tuple of numbers from 0")?;
    let strides: Vec<u64> = numbers(strides, "its strides are no tuple of numbers from 0")?;
    if shape.len() != strides.len() {
        return misuse(name, "shape and strides differ in length");
    }
    let dtype = match (storage.dtype, dtype) {
        (Some(dtype), None) | (None, Some(dtype)) => dtype,
        (Some(own), Some(dtype)) if own == dtype => dtype,
        _ => return misuse(name, "the storage is of another type"),
    };
    let item_bytes = dtype.bitsize() as u64 / 8;
    let overflow = "its size overflows";
    let bytes = shape
        .iter()
        .try_fold(item_bytes, |bytes, &extent| bytes.checked_mul(extent))
        .filter(|&bytes| isize::try_from(bytes).is_ok())
        .ok_or(refused(overflow))?;
    let storage_bytes = match storage.dtype {
        Some(_) => storage.elements.checked_mul(item_bytes).ok_or(refused(overflow))?,
        None => storage.elements,
    };
    // One past the last element that the view reaches.
    let end = if bytes == 0 {
        Some(offset)
    } else {
        shape
            .iter()
            .zip(&strides)
            .try_fold(offset, |end, (&extent, &stride)| {
                end.checked_add((extent - 1).checked_mul(stride)?)
            })
            .and_then(|last| last.checked_add(1))
    };
    let end_bytes = end.and_then(|end| end.checked_mul(item_bytes)).ok_or(refused(overflow))?;
    if end_bytes > storage_bytes {
        return misuse(name, "it reaches past its storage");
    }
    if bytes > storage_bytes.max(MAX_REPEATED_BYTES) {
        return misuse(name, "it repeats elements to more than its storage and 1 MiB");
    }
    // Extents whose product is 0 may each be anything.
    let shape = shape.into_iter().map(usize::try_from).collect::<Result<_, _>>();
    let shape = match shape {
        Ok(shape) => shape,
        Err(_too_large) => return misuse(name, overflow),
    };
    Ok(Value::Tensor(Box::new(View { storage: storage.clone(), dtype, offset, shape, strides })))
}

/// The storage that a persistent id names.
pub(super) fn storage(parsed: &Parsed, id: Id) -> Result<Value, PickleRefusal> {
    let Value::Tuple(parts) = parsed.get(id) else { return Err(PickleRefusal::PersistentId) };
    let &[kind, class, key, location, elements] = &parts[..] else {
        return Err(PickleRefusal::PersistentId);
    };
    let dtype = match parsed.get(class) {
        Value::Global(global) => global.meaning,
        _ => Meaning::Opaque,
    };
    match (
        parsed.text_of(kind),
        dtype,
        parsed.get(key),
        parsed.text_of(location),
        number(parsed, elements),
    ) {
        (Some("storage"), Meaning::Storage(dtype), &Value::Text(key), Some(_), Some(elements))
            if is_key(parsed.text(key)) =>
        {
            Ok(Value::Storage(Storage { key, dtype, elements }))
        }
        _ => Err(PickleRefusal::PersistentId),
    }
}

/// PyTorch numbers its storages.
fn is_key(key: &str) -> bool {
    (1..=19).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_digit())
}

fn number(parsed: &Parsed, id: Id) -> Option<u64> {
    match *parsed.get(id) {
        Value::Int(value) => u64::try_from(value).ok(),
        _ => None,
    }
}

fn misuse<T>(name: &'static str, what: &'static str) -> Result<T, PickleRefusal> {
    Err(PickleRefusal::Misuse { name, what })
}
