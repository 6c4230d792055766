//! Lists of JSON objects with several labels an image.

use serde::Deserialize;
use serde_json::Value;

use super::excerpt::excerpt;
use super::listed::{Listed, Listing};
use crate::source::list::lines::{Malformed, numbered};

/// What a line should be, for messages.
pub(super) const EXPECTED: &str =
    "`{\"path\": \"...\", \"labels\": [\"a\", \"b\"], \"ignored\": [\"c\"]}`, each image once";

/// One line; other keys are passed over.
#[derive(Deserialize)]
struct Line {
    path: String,
    labels: Vec<Value>,
    #[serde(default)]
    ignored: Vec<Value>,
}

/// Reads a list; see [`MultiLabelSpec::JsonLines`](super::MultiLabelSpec::JsonLines). Labels are
/// text or numbers.
pub(super) fn read(bytes: &[u8]) -> Result<Listed, Malformed> {
    let mut listing = Listing::default();
    for line in numbered(bytes) {
        let (line, text) = line?;
        let malformed = |reason| Malformed { line, reason };
        let parsed = serde_json::from_str(text);
        let Line { path, labels, ignored } =
            parsed.map_err(|error| malformed(excerpt(&error.to_string())))?;
        let present = names(&labels).map_err(malformed)?;
        let ignored = names(&ignored).map_err(malformed)?;
        let present = present.iter().map(|name| (name.as_str(), true));
        let ignored = ignored.iter().map(|name| (name.as_str(), false));
        let row = listing.row(present.chain(ignored)).map_err(malformed)?;
        listing.add(line, &path, &row)?;
    }
    Ok(listing.sorted())
}

fn names(values: &[Value]) -> Result<Vec<String>, String> {
    let name = |value: &Value| match value {
        Value::String(text) => Ok(text.trim().to_owned()),
        Value::Number(number) => Ok(number.to_string()),
        other => {
            Err(format!("the label {} is neither text nor a number", excerpt(&other.to_string())))
        }
    };
    values.iter().map(name).collect()
}
