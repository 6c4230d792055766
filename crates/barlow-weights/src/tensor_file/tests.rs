use safetensors::SafeTensors;

use super::*;

fn sample() -> Tensors {
    Tensors::from([
        ("fc.weight".to_owned(), Array::from_f32(&[2, 3], &[1., -2., 0.5, 3., 4., 5.]).unwrap()),
        ("bytes".to_owned(), Array::from_values(&[3], &[1u8, 2, 255]).unwrap()),
        ("bn.running_mean".to_owned(), Array::from_f32(&[2], &[f32::MIN_POSITIVE, 7.]).unwrap()),
        ("empty".to_owned(), Array::from_f32(&[0, 4], &[]).unwrap()),
        ("counter".to_owned(), Array::from_u64(&[], &[u64::MAX]).unwrap()),
    ])
}

fn bytes_of(tensors: &Tensors, metadata: Option<(&str, &str)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(tensors, metadata, &mut bytes).unwrap();
    bytes
}

fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

fn refusal(bytes: &[u8]) -> TensorFileError {
    read_from(bytes, bytes.len() as u64).expect_err("this file breaks a rule")
}

#[test]
fn what_is_written_is_read_back_exactly() {
    let bytes = bytes_of(&sample(), Some(("barlow", "{\"epoch\":3}")));
    let (tensors, metadata) = read_from(&bytes[..], bytes.len() as u64).unwrap();
    assert_eq!(tensors, sample());
    assert_eq!(metadata, BTreeMap::from([("barlow".to_owned(), "{\"epoch\":3}".to_owned())]));

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("weights.safetensors");
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(read(&path).unwrap().0, sample());
}

#[test]
fn the_safetensors_crate_reads_what_we_write_and_writes_the_same_bytes() {
    let ours = bytes_of(&sample(), Some(("barlow", "x")));
    let file = SafeTensors::deserialize(&ours).unwrap();
    assert_eq!(file.len(), 5);
    assert_eq!(file.tensor("fc.weight").unwrap().shape(), [2, 3]);
    assert_eq!(file.tensor("fc.weight").unwrap().data(), sample()["fc.weight"].bytes);

    let metadata = HashMap::from([("barlow".to_owned(), "x".to_owned())]);
    let theirs = safetensors::serialize(file.iter(), Some(metadata)).unwrap();
    assert_eq!(ours, theirs);
}

#[test]
fn values_start_at_multiples_of_their_size() {
    let bytes = bytes_of(&sample(), None);
    let header_bytes = u64::from_le_bytes(bytes[..8].try_into().unwrap());
    assert_eq!(header_bytes % 8, 0);
    let header: Metadata = serde_json::from_slice(&bytes[8..8 + header_bytes as usize]).unwrap();
    for (name, info) in header.tensors() {
        assert_eq!(info.data_offsets.0 * 8 % info.dtype.bitsize(), 0, "{name}");
    }
}

#[test]
fn arrays_refuse_wrong_lengths_and_types_with_both_numbers() {
    let error = Array::from_f32(&[2, 2], &[1., 2., 3.]).unwrap_err();
    assert_eq!(error.to_string(), "shape [2, 2] needs 16 bytes, found 12");
    let error = Array::from_u64(&[1], &[1]).unwrap().to_f32().unwrap_err();
    assert_eq!(error.to_string(), "expected values of type F32, found U64");
    let error = Array::from_f32(&[usize::MAX, 2], &[]).unwrap_err();
    assert!(matches!(error, TensorFileError::ArrayLength { expected: usize::MAX, .. }));
}

#[test]
fn every_truncation_and_every_longer_file_is_refused() {
    let bytes = bytes_of(&sample(), Some(("barlow", "x")));
    for length in 0..bytes.len() {
        refusal(&bytes[..length]);
        // A stream that ends before the promised length.
        assert!(read_from(&bytes[..length], bytes.len() as u64).is_err());
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(matches!(refusal(&longer), TensorFileError::FileLength { .. }));
    assert!(read_from(&longer[..], bytes.len() as u64).is_err());
}

#[test]
fn duplicate_keys_are_refused_at_every_depth() {
    let info = r#"{"dtype":"U8","shape":[1],"data_offsets":[0,1]}"#;
    let twice = file(&format!(r#"{{"a":{info},"a":{info}}}"#), &[0]);
    assert_eq!(refusal(&twice).to_string(), "key `a` stands twice in the header");
    let inside = format!(r#"{{"__metadata__":{{"k":"1","k":"2"}},"a":{info}}}"#);
    assert_eq!(refusal(&file(&inside, &[0])).to_string(), "key `k` stands twice in the header");
    let shape = r#"{"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}}"#;
    assert!(matches!(refusal(&file(shape, &[0])), TensorFileError::DuplicateKey { .. }));
}

#[test]
fn gaps_overlaps_and_wrong_sizes_are_refused() {
    for offsets in ["[1,2]", "[0,2]", "[1,0]", "[0,18446744073709551615]"] {
        let header = format!(r#"{{"a":{{"dtype":"U8","shape":[1],"data_offsets":{offsets}}}}}"#);
        assert!(matches!(refusal(&file(&header, &[0])), TensorFileError::Header { .. }));
    }
    let overlap = r#"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},
                      "b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#;
    assert!(matches!(refusal(&file(overlap, &[0; 3])), TensorFileError::Header { .. }));
    let overflow =
        r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,0]}}"#;
    assert!(matches!(refusal(&file(overflow, &[])), TensorFileError::Header { .. }));
}

#[test]
fn a_terabyte_in_the_header_is_refused_before_it_is_allocated() {
    let header = r#"{"a":{"dtype":"U8","shape":[1099511627776],"data_offsets":[0,1099511627776]}}"#;
    let error = refusal(&file(header, &[0; 16]));
    assert!(matches!(error, TensorFileError::FileLength { expected, .. } if expected > 1 << 40));
    let mut bytes = file("{}", &[]);
    bytes[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    assert!(matches!(refusal(&bytes), TensorFileError::HeaderSize { .. }));
    let long = file(&" ".repeat(MAX_HEADER_BYTES as usize + 1), &[]);
    assert!(matches!(refusal(&long), TensorFileError::HeaderSize { .. }));
}

#[test]
fn more_than_ten_thousand_tensors_are_refused_both_ways() {
    let one = Array::from_values::<u8>(&[0], &[]).unwrap();
    let many: Tensors = (0..=MAX_TENSORS).map(|i| (i.to_string(), one.clone())).collect();
    let error = write(&many, None, Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "10001 tensors; at most 10000 are allowed");
    let info = r#"{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#;
    let entries: Vec<String> = (0..=MAX_TENSORS).map(|i| format!("\"{i}\":{info}")).collect();
    let error = refusal(&file(&format!("{{{}}}", entries.join(",")), &[]));
    assert!(matches!(error, TensorFileError::TooManyTensors { found: 10_001, .. }));
}

#[test]
fn a_tensor_cannot_take_the_metadata_key() {
    let tensors = Tensors::from([("__metadata__".to_owned(), sample()["bytes"].clone())]);
    let error = write(&tensors, None, Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "no tensor may be named `__metadata__`");
}

#[test]
fn headers_that_are_no_objects_or_too_deep_are_refused() {
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for header in ["[]", "7", "null", "\"x\"", "{", "{\"a\":1}", &deep] {
        assert!(matches!(refusal(&file(header, &[])), TensorFileError::Header { .. }));
    }
}
