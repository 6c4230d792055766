use std::collections::BTreeMap;
use std::io::Cursor;

use barlow_testing::data_folder;
use serde::Deserialize;

use super::*;
use crate::contents::Scalar;
use crate::tensor_file::{Dtype, Tensors};

/// A tensor as PyTorch described it.
#[derive(Deserialize)]
struct Expected {
    dtype: String,
    shape: Vec<usize>,
    strides: Vec<u64>,
    values: Vec<f64>,
}

fn expected() -> BTreeMap<String, BTreeMap<String, Expected>> {
    let path = data_folder().join("weights/expected.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn open(name: &str) -> Result<TorchFile, TorchError> {
    TorchFile::open(&data_folder().join("weights").join(name))
}

fn dtype(torch: &str) -> Dtype {
    match torch {
        "float16" => Dtype::F16,
        "bfloat16" => Dtype::BF16,
        "float32" => Dtype::F32,
        "float64" => Dtype::F64,
        "int64" => Dtype::I64,
        "int32" => Dtype::I32,
        "int16" => Dtype::I16,
        "int8" => Dtype::I8,
        "uint64" => Dtype::U64,
        "uint32" => Dtype::U32,
        "uint16" => Dtype::U16,
        "uint8" => Dtype::U8,
        "bool" => Dtype::BOOL,
        other => panic!("type {other}"),
    }
}

#[test]
fn tensors_of_every_type_stride_and_protocol_are_those_that_pytorch_wrote() {
    let files = expected();
    assert_eq!(files.len(), 9);
    for (file_name, expected) in files {
        let mut file = open(&file_name).unwrap_or_else(|e| panic!("{file_name}: {e:?}"));
        let names: Vec<_> = file.contents().tensors.keys().cloned().collect();
        assert!(names.iter().eq(expected.keys()), "{file_name}: {names:?}");
        for (name, expected) in expected {
            let what = format!("{name} in {file_name}");
            let info = file.contents().tensors[&name].clone();
            assert_eq!(info.dtype, dtype(&expected.dtype), "{what}");
            assert_eq!(info.shape, expected.shape, "{what}");
            assert_eq!(file.strides(&name).unwrap(), expected.strides, "{what}");
            let array = file.read(&name).unwrap();
            assert_eq!((array.dtype, &array.shape), (info.dtype, &info.shape), "{what}");
            let values = array.into_f32().unwrap().to_f32().unwrap();
            let rounded: Vec<f32> = expected.values.iter().map(|&value| value as f32).collect();
            assert_eq!(values, rounded, "{what}");
        }
    }
}

#[test]
fn what_stands_beside_tensors_is_kept_as_numbers_or_as_opaque() {
    for name in ["nested.pth", "nested5.pth"] {
        let file = open(name).unwrap();
        let scalars = [
            ("arch", Scalar::Text("resnet50".to_owned())),
            ("best", Scalar::Float(0.625)),
            ("done", Scalar::Bool(false)),
            ("epoch", Scalar::Int(7)),
            ("negative", Scalar::Int(-3)),
        ];
        let scalars = scalars.map(|(name, value)| (name.to_owned(), value)).into();
        assert_eq!(file.contents().scalars, scalars, "{name}");
        let opaque = &file.contents().opaque;
        assert_eq!(opaque["args"], "argparse.Namespace", "{name}");
        assert_eq!(opaque["dtype"], "torch.float16", "{name}");
        assert!(opaque["loss"].starts_with("numpy."), "{name}: {}", opaque["loss"]);
        assert!(opaque["path"].starts_with("pathlib"), "{name}: {}", opaque["path"]);
    }
}

#[test]
fn formats_and_tensors_that_are_not_read_are_refused_with_what_to_do() {
    let cases = [
        (
            "legacy.pth",
            "it has the format of PyTorch before 1.6; save it anew, `torch.save(torch.load(f), g)`",
        ),
        (
            "script.pt",
            "it is a TorchScript archive, which holds code; save `torch.jit.load(f).state_dict()`",
        ),
        (
            "whole_module.pth",
            "it holds an object of class `torch.nn.modules.linear.Linear`, not its tensors; save its `state_dict()`",
        ),
        ("sparse.pth", "made by `torch._utils._rebuild_sparse_tensor` (sparse), which is not read"),
        ("quantised.pth", "made by `torch._utils._rebuild_qtensor` (quantised), which is not read"),
        ("complex.pth", "made by `torch.ComplexFloatStorage` (complex, quantised"),
        ("meta.pth", "made by `torch._utils._rebuild_meta_tensor_no_storage` (without data)"),
        ("float8.pth", "made by `torch.float8_e4m3fn` (of 8-bit floats)"),
    ];
    for (name, expected) in cases {
        let error = chain(&open(name).expect_err(name));
        assert!(error.contains(expected), "{name}: {error}");
    }
}

/// The messages of an error and all its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

fn sample() -> Tensors {
    let arrays = [
        ("conv.weight", Array::from_f32(&[2, 1, 3], &[1., -2., 0.5, f32::MAX, -0.0, 5.]).unwrap()),
        ("steps", Array::from_values(&[], &[7_i64]).unwrap()),
        ("bytes", Array::from_values(&[3], &[1_u8, 2, 255]).unwrap()),
        ("empty", Array::from_f32(&[0, 4], &[]).unwrap()),
        ("wide", Array::from_values(&[1, 2], &[0.1_f64, -0.2]).unwrap()),
    ];
    arrays.map(|(name, array)| (name.to_owned(), array)).into()
}

fn written(tensors: &Tensors) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(tensors, &mut bytes).unwrap();
    bytes
}

#[test]
fn what_is_written_is_read_back_and_always_has_the_same_bytes() {
    let bytes = written(&sample());
    assert_eq!(bytes, written(&sample()));
    let mut file = TorchFile::from_reader(Cursor::new(bytes)).unwrap();
    assert_eq!(file.contents().tensors.len(), sample().len());
    for (name, array) in sample() {
        assert_eq!(file.read(&name).unwrap(), array, "{name}");
    }
    assert_eq!(file.strides("conv.weight").unwrap(), [3, 3, 1]);
    assert_eq!(file.strides("empty").unwrap(), [4, 1]);
    TorchFile::from_reader(Cursor::new(written(&Tensors::new()))).expect("an empty dictionary");
}

#[test]
fn storages_are_written_at_multiples_of_64_bytes() {
    let array = Array::from_values(&[4], &[0x0123_4567_89ab_cdef_u64 as i64; 4]).unwrap();
    for name_length in 1..70 {
        let tensors = Tensors::from([("n".repeat(name_length), array.clone())]);
        let bytes = written(&tensors);
        let at = bytes.windows(array.bytes.len()).position(|window| window == array.bytes).unwrap();
        assert_eq!(at % 64, 0, "a name of {name_length}");
    }
}

#[test]
fn arrays_that_pytorch_has_no_storage_for_are_not_written() {
    let unsigned = Tensors::from([("n".to_owned(), Array::from_u64(&[1], &[1]).unwrap())]);
    let error = write(&unsigned, Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "tensor `n` is of type U64, of which PyTorch has no storage");
    let short = Array { dtype: Dtype::F32, shape: vec![2], bytes: vec![0; 4] };
    let error = write(&Tensors::from([("n".to_owned(), short)]), Vec::new()).unwrap_err();
    assert_eq!(chain(&error), "tensor `n` cannot be written: shape [2] needs 8 bytes, found 4");
}

#[test]
fn damage_in_a_storage_is_found_when_it_is_read() {
    let mut bytes = written(&sample());
    let place = bytes.windows(8).position(|w| w == 0.1_f64.to_le_bytes()).unwrap();
    bytes[place] ^= 1;
    let mut file = TorchFile::from_reader(Cursor::new(bytes)).unwrap();
    file.read("conv.weight").unwrap();
    let error = chain(&file.read("wide").unwrap_err());
    assert!(error.contains("entry `archive/data/4` is damaged: check sum"), "{error}");
}
