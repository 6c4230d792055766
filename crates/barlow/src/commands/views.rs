//! `barlow views`: a contact sheet of what training will see.

use anyhow::{Context, bail};
use barlow_data::decode::ImageError;
use barlow_data::loader::epoch_order;
use barlow_data::views::{Scratch, SheetRow, ViewKey, contact_sheet};
use barlow_objectives::Registry;
use barlow_train::storage::{Disk, write_atomically};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use serde_json::{Value, json};

use super::output;
use crate::arguments::ViewsArguments;
use crate::exit::{Advised, Exit};
use crate::images;
use crate::settings::resolve;

/// The smallest cell in which a person can judge a view, pixels.
const SMALLEST_CELL_PX: usize = 128;

/// Draws images and their views at positions of an epoch, exactly as training sees them.
///
/// # Errors
/// If settings are wrong, or images or the sheet's file cannot be used.
pub fn views(arguments: &ViewsArguments, registry: &Registry) -> anyhow::Result<Exit> {
    let resolution = resolve(&arguments.typed(), registry)?;
    for note in &resolution.notes {
        output::message(note);
    }
    let mut settings = resolution.settings;
    let source = images::open(&settings.data.source, &images::options(&settings))?;
    images::settle(&mut settings, &*source)?;
    let pipeline = images::pipeline(&settings)?;

    let (seed, epoch) = (settings.train.seed, arguments.epoch);
    let order = epoch_order(seed, epoch, source.len());
    let mut scratch = Scratch::default();
    let (mut rows, mut drawn) = (Vec::new(), Vec::new());
    for position in arguments.positions() {
        if position >= source.len() as u64 {
            if arguments.index.is_none() {
                break;
            }
            bail!(Advised::new(
                format!("there is no position {position}"),
                format!("an epoch of these images has positions 0 to {}", source.len() - 1)
            ));
        }
        let id = order.at(position) as usize;
        let loaded = source.load(id).and_then(|image| pipeline.check(&image).map(|()| image));
        let image = match loaded {
            Ok(image) => image,
            Err(error) => {
                warn_of(&source.name(id), &error);
                continue;
            }
        };
        let mut row = SheetRow { original: pipeline.original(&image, &mut scratch), views: vec![] };
        for view in 0..pipeline.views() {
            let key = ViewKey { seed, epoch, position, view };
            let parameters = pipeline.draw(key, &image);
            let made = pipeline.apply(&image, view, &parameters, &mut scratch);
            row.views.push(made.to_8_bit().into_owned());
            drawn.push(json!({
                "position": position,
                "id": id,
                "name": source.name(id),
                "view": view,
                "parameters": parameters,
            }));
        }
        rows.push(row);
    }
    if rows.is_empty() {
        bail!("none of the images can be decoded");
    }
    if let Some(path) = &arguments.out {
        let sheet = contact_sheet(&rows, settings.views.image_size.max(SMALLEST_CELL_PX));
        let (width, height) = (sheet.width as u32, sheet.height as u32);
        write_atomically(&Disk, path, |writer| -> anyhow::Result<()> {
            let encoder = PngEncoder::new(writer);
            Ok(encoder.write_image(&sheet.pixels, width, height, ExtendedColorType::Rgb8)?)
        })
        .with_context(|| format!("the sheet cannot be written to `{}`", path.display()))?;
        output::message(&format!(
            "{}: {} images of epoch {epoch}, each with its {} views",
            path.display(),
            rows.len(),
            pipeline.views()
        ));
    }
    print(arguments, &drawn)?;
    Ok(Exit::Done)
}

fn warn_of(name: &str, error: &ImageError) {
    output::message(&format!("warning: `{name}` is skipped: {error}"));
}

fn print(arguments: &ViewsArguments, drawn: &[Value]) -> anyhow::Result<()> {
    if arguments.json {
        output::json(&drawn)?;
    } else if arguments.parameters {
        let line = |drawn: &Value| {
            let view = view_name(drawn["view"].as_u64().unwrap_or_default());
            format!(
                "position {} view {view} of {}: {}",
                drawn["position"], drawn["name"], drawn["parameters"]
            )
        };
        output::text(&drawn.iter().map(line).collect::<Vec<_>>().join("\n"))?;
    }
    Ok(())
}

/// What the configuration calls a view.
fn view_name(view: u64) -> String {
    match view {
        0 => "a".to_owned(),
        1 => "b".to_owned(),
        small => format!("small {}", small - 1),
    }
}
