//! Tables as text: comma-separated values (RFC 4180), numbers with the fewest digits that give the
//! same f32 back.

use std::borrow::Cow;
use std::io::Write;

use super::Table;

pub(super) fn write(table: &Table, out: &mut impl Write) -> anyhow::Result<()> {
    write!(out, "path,label")?;
    for index in 0..table.dim {
        write!(out, ",{index}")?;
    }
    writeln!(out)?;
    for features in table.features() {
        let features = features?;
        for (row, &id) in features.ids.iter().enumerate() {
            write_name(table, id, out)?;
            for value in features.row(row) {
                write!(out, ",{value}")?;
            }
            writeln!(out)?;
        }
    }
    Ok(())
}

/// A line for each row of a table whose file holds numbers only.
pub(super) fn write_names(table: &Table, out: &mut impl Write) -> anyhow::Result<()> {
    writeln!(out, "path,label")?;
    for features in table.features() {
        for id in features?.ids {
            write_name(table, id, out)?;
            writeln!(out)?;
        }
    }
    Ok(())
}

fn write_name(table: &Table, id: u64, out: &mut impl Write) -> std::io::Result<()> {
    let name = table.source.name(id as usize);
    write!(out, "{},{}", quoted(&name), quoted(table.class(id).unwrap_or_default()))
}

fn quoted(text: &str) -> Cow<'_, str> {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\"")).into()
    } else {
        text.into()
    }
}
