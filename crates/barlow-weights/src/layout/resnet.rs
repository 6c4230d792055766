//! Which ResNet a set of tensors is, by their shapes.

use std::collections::BTreeMap;

use super::names::{Found, name_in_file};
use super::{LayoutError, Problem};
use crate::architecture::expected;
use crate::contents::{Contents, TensorInfo};
use crate::encoder::{EncoderConfig, EncoderName, Stem};
use crate::tensor_file::Dtype;

/// Tensors by torchvision's names, with the file's names.
type Translated<'a> = BTreeMap<String, (&'a str, &'a TensorInfo)>;

/// The encoder that the number of blocks and the first convolution say it is.
pub(super) fn config(tensors: &Translated) -> Result<EncoderConfig, LayoutError> {
    refuse_variants(tensors)?;
    let blocks = [1, 2, 3, 4].map(|stage| blocks(tensors, stage));
    let has_bottleneck = tensors.contains_key("layer1.0.conv3.weight");
    let is_it =
        |name: &&EncoderName| name.stages() == blocks && name.has_bottleneck() == has_bottleneck;
    let Some(&name) = EncoderName::ALL.iter().find(is_it) else {
        let convolutions = if has_bottleneck { 3 } else { 2 };
        return Err(LayoutError::Blocks { blocks, convolutions });
    };
    let variant = |variant: &'static str, name: &str, found: &[usize]| {
        Err(LayoutError::Variant { variant, name: name.to_owned(), found: found.to_vec() })
    };
    let Some((stem_name, stem)) = tensors.get("conv1.weight") else {
        return variant("an encoder without a first convolution", "conv1.weight", &[]);
    };
    let (width, channels, stem) = match stem.shape[..] {
        [width, channels, 7, 7] => (width, channels, Stem::Standard),
        [width, channels, 3, 3] => (width, channels, Stem::Small),
        _ => return variant("a stem that is neither 7x7 nor 3x3", stem_name, &stem.shape),
    };
    if width == 0 || channels == 0 {
        return variant("a stem without channels", stem_name, &[width, channels]);
    }
    let config = EncoderConfig { name, width, stem, channels, ..EncoderConfig::default() };
    refuse_widths(tensors, &config)?;
    Ok(config)
}

/// Blocks of a stage: one more than the largest number in a name.
fn blocks(tensors: &Translated, stage: usize) -> usize {
    let start = format!("layer{stage}.");
    let number = |name: &String| name.strip_prefix(&start)?.split('.').next()?.parse::<u16>().ok();
    tensors.keys().filter_map(number).max().map_or(0, |number| usize::from(number) + 1)
}

/// Relatives of ResNet that a name gives away.
fn refuse_variants(tensors: &Translated) -> Result<(), LayoutError> {
    for (name, (theirs, info)) in tensors {
        let variant = if name.contains(".se.") || name.contains(".attn.") {
            "a ResNet with attention to channels"
        } else if name.contains(".downsample.1.") && info.shape.len() == 4 {
            "a ResNet-D, whose shortcuts average"
        } else if name.contains(".aa.") {
            "a ResNet with anti-aliasing"
        } else {
            continue;
        };
        let (name, found) = ((*theirs).to_owned(), info.shape.clone());
        return Err(LayoutError::Variant { variant, name, found });
    }
    Ok(())
}

/// Grouped and wide convolutions, by the first block's middle one.
fn refuse_widths(tensors: &Translated, config: &EncoderConfig) -> Result<(), LayoutError> {
    let Some((name, info)) = tensors.get("layer1.0.conv2.weight") else { return Ok(()) };
    let &[outputs, inputs, _, _] = &info.shape[..] else { return Ok(()) };
    let variant = if inputs < outputs {
        "a ResNeXt, whose convolutions have groups"
    } else if config.name.has_bottleneck() && inputs == outputs && outputs > config.width {
        "a wide ResNet, whose bottlenecks are wider"
    } else {
        return Ok(());
    };
    let (name, found) = ((*name).to_owned(), info.shape.clone());
    Err(LayoutError::Variant { variant, name, found })
}

/// Our names with the file's, if the file has all tensors of the encoder, no others, and each of the
/// shape that it must have.
pub(super) fn compare(
    config: &EncoderConfig,
    tensors: &Translated,
    contents: &Contents,
    found: &Found,
) -> Result<BTreeMap<String, String>, LayoutError> {
    let expected = expected(config);
    let mut names = BTreeMap::new();
    let mut problems = Vec::new();
    for (ours, expected) in &expected {
        let Some((name, info)) = tensors.get(ours) else {
            let name = name_in_file(ours, found);
            problems.push(match contents.opaque.get(&name) {
                Some(class) => Problem::Opaque { name, class: class.clone() },
                None => Problem::Missing { name },
            });
            continue;
        };
        let name = (*name).to_owned();
        names.insert(ours.clone(), name.clone());
        if info.shape != *expected {
            let (expected, found) = (expected.clone(), info.shape.clone());
            problems.push(Problem::Shape { name, expected, found });
        } else if !matches!(info.dtype, Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64) {
            problems.push(Problem::Dtype { name, found: info.dtype.to_string() });
        }
    }
    let unexpected = tensors.iter().filter(|(ours, _)| !expected.contains_key(*ours));
    problems
        .extend(unexpected.map(|(_, (name, _))| Problem::Unexpected { name: (*name).to_owned() }));
    if problems.is_empty() {
        return Ok(names);
    }
    let (encoder, width) = (config.name.as_str(), config.width);
    Err(LayoutError::Mismatch { encoder, width, problems })
}
