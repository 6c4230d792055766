//! The label of a sample, from the member beside its image.

/// The longest member that is read for a label.
pub(super) fn max_bytes(extension: &[u8]) -> Option<u64> {
    match extension {
        b"cls" => Some(4 << 10),
        b"json" => Some(1 << 20),
        _ => None,
    }
}

/// The text of a `.cls` member; of a `.json` member the value of `label` or, without one, `cls`, if
/// that is text or a number. `Err` if the member is no such thing at all.
pub(super) fn read(extension: &[u8], bytes: &[u8]) -> Result<Option<String>, ()> {
    if extension == b"cls" {
        let text = str::from_utf8(bytes).map_err(|_not_text| ())?.trim();
        return Ok((!text.is_empty()).then(|| text.to_owned()));
    }
    let values: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(bytes).map_err(|_not_an_object| ())?;
    let value = ["label", "cls"].into_iter().find_map(|key| values.get(key));
    Ok(match value {
        Some(serde_json::Value::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(number @ serde_json::Value::Number(_)) => Some(number.to_string()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_text_or_numbers() {
        for (extension, text, expected) in [
            ("cls", " 7\n", Ok(Some("7"))),
            ("cls", "Katze", Ok(Some("Katze"))),
            ("cls", "\n", Ok(None)),
            ("json", r#"{"label": "cat", "cls": 3}"#, Ok(Some("cat"))),
            ("json", r#"{"cls": 3, "more": [1]}"#, Ok(Some("3"))),
            ("json", r#"{"label": null, "cls": 3}"#, Ok(None)),
            ("json", r#"{"caption": "cat"}"#, Ok(None)),
            ("json", r#"{"label": [1]}"#, Ok(None)),
            ("json", "[1]", Err(())),
            ("json", "{", Err(())),
        ] {
            let found = read(extension.as_bytes(), text.as_bytes());
            assert_eq!(found.as_ref().map(Option::as_deref), expected.as_ref().copied(), "{text}");
        }
        assert_eq!(read(b"cls", b"\xff"), Err(()));
        let nested = "[".repeat(1 << 19);
        assert_eq!(read(b"json", format!("{{\"a\":{nested}").as_bytes()), Err(()));
    }
}
