//! A safetensors file that need not fit into memory: `labels` and `vectors`.

use std::io::Write;

use barlow_weights::FACTS_KEY;
use serde_json::json;

use super::Table;

pub(super) fn write(table: &Table, out: &mut impl Write) -> anyhow::Result<()> {
    let Table { rows, dim, facts, source, .. } = table;
    let (labels, vectors) = (8 * rows, 4 * rows * dim);
    let classes = serde_json::to_string(source.classes())?;
    let header = json!({
        "__metadata__": { (FACTS_KEY): facts, "classes": classes },
        "labels": { "dtype": "I64", "shape": [rows], "data_offsets": [0, labels] },
        "vectors": {
            "dtype": "F32", "shape": [rows, dim], "data_offsets": [labels, labels + vectors]
        },
    });
    let mut header = header.to_string();
    header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    for features in table.features() {
        for id in features?.ids {
            let label = source.label(id as usize).map_or(-1, |label| label as i64);
            out.write_all(&label.to_le_bytes())?;
        }
    }
    for features in table.features() {
        for value in features?.values {
            out.write_all(&value.to_le_bytes())?;
        }
    }
    Ok(())
}
