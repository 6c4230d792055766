//! Apache Parquet: a row group for each piece.

use std::io::Write;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, FloatType};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use barlow_weights::FACTS_KEY;

use super::Table;

const SCHEMA: &str = "message representations {
    required binary path (UTF8);
    optional binary label (UTF8);
    required group vector (LIST) { repeated group list { required float element; } }
}";

pub(super) fn write(table: &Table, out: &mut (impl Write + Send)) -> anyhow::Result<()> {
    let properties = WriterProperties::builder()
        .set_key_value_metadata(Some(vec![KeyValue::new(
            FACTS_KEY.to_owned(),
            table.facts.clone(),
        )]))
        .set_dictionary_enabled(false)
        .build();
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let mut writer = SerializedFileWriter::new(out, schema, Arc::new(properties))?;
    for features in table.features() {
        let features = features?;
        let ids = &features.ids;
        let paths: Vec<ByteArray> =
            ids.iter().map(|&id| table.source.name(id as usize).into_bytes().into()).collect();
        let classes: Vec<Option<&str>> = ids.iter().map(|&id| table.class(id)).collect();
        let is_there: Vec<i16> = classes.iter().map(|class| class.is_some().into()).collect();
        let classes: Vec<ByteArray> = classes.into_iter().flatten().map(ByteArray::from).collect();
        // An element is there, and all but the first of a list repeat it.
        let there = vec![1; features.values.len()];
        let repeats: Vec<i16> =
            (0..features.values.len()).map(|i| (i % table.dim != 0).into()).collect();

        let mut group = writer.next_row_group()?;
        let absent = || anyhow::anyhow!("the schema has three columns");
        let mut column = group.next_column()?.ok_or_else(absent)?;
        column.typed::<ByteArrayType>().write_batch(&paths, None, None)?;
        column.close()?;
        let mut column = group.next_column()?.ok_or_else(absent)?;
        column.typed::<ByteArrayType>().write_batch(&classes, Some(&is_there), None)?;
        column.close()?;
        let mut column = group.next_column()?.ok_or_else(absent)?;
        column.typed::<FloatType>().write_batch(&features.values, Some(&there), Some(&repeats))?;
        column.close()?;
        group.close()?;
    }
    writer.close()?;
    Ok(())
}
