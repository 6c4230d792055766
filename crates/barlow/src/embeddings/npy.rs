//! NumPy's format, version 1.0 (NEP 1): magic, a Python dictionary as text, the values.

use std::io::Write;

use super::Table;

pub(super) fn write(table: &Table, out: &mut impl Write) -> anyhow::Result<()> {
    let Table { rows, dim, .. } = table;
    let mut header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dim}), }}");
    // The values begin at a multiple of 64 bytes: 10 stand before the header, a line feed ends it.
    let length = (10 + header.len() + 1).next_multiple_of(64) - 10;
    header.push_str(&" ".repeat(length - 1 - header.len()));
    header.push('\n');
    out.write_all(b"\x93NUMPY\x01\x00")?;
    out.write_all(&(length as u16).to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    for features in table.features() {
        for value in features?.values {
            out.write_all(&value.to_le_bytes())?;
        }
    }
    Ok(())
}
