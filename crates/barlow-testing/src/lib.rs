//! The reference numbers under `reference/data`, and the deterministic contents that go with them,
//! for tests; damaged files in [`mutate`]. How the files are laid out: `reference/README.md`.

pub mod mutate;

use std::path::PathBuf;

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

/// One fixture file.
#[derive(Debug)]
pub struct Fixture {
    bytes: Vec<u8>,
    facts: Value,
    name: String,
}

/// Where `reference/data` lies.
pub fn data_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../reference/data")
}

impl Fixture {
    /// Reads `reference/data/NAME.safetensors`.
    ///
    /// # Panics
    /// If the file is not there or not a fixture.
    pub fn open(name: &str) -> Self {
        let path = data_folder().join(format!("{name}.safetensors"));
        let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let (_, metadata) = SafeTensors::read_metadata(&bytes).expect("a safetensors file");
        let facts = metadata.metadata().as_ref().expect("metadata")["fixture"].clone();
        let facts = serde_json::from_str(&facts).expect("JSON under `fixture`");
        Self { bytes, facts, name: name.to_owned() }
    }

    /// A parameter of the case.
    pub fn parameter(&self, key: &str) -> &Value {
        &self.facts["parameters"][key]
    }

    /// A parameter that is a number.
    ///
    /// # Panics
    /// If it is none.
    pub fn number(&self, key: &str) -> f64 {
        self.parameter(key).as_f64().unwrap_or_else(|| panic!("`{key}` of {}", self.name))
    }

    fn tensors(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes).expect("read before")
    }

    /// The names of the arrays, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> =
            self.tensors().names().into_iter().map(ToString::to_string).collect();
        names.sort();
        names
    }

    /// Shape and values of an array, f32 or f64.
    ///
    /// # Panics
    /// If there is none of this name.
    pub fn array(&self, name: &str) -> (Vec<usize>, Vec<f64>) {
        let tensors = self.tensors();
        let view = tensors.tensor(name).unwrap_or_else(|e| panic!("{name} in {}: {e}", self.name));
        let values = match view.dtype() {
            Dtype::F64 => {
                view.data().as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect()
            }
            Dtype::F32 => view
                .data()
                .as_chunks()
                .0
                .iter()
                .map(|b| f64::from(f32::from_le_bytes(*b)))
                .collect(),
            other => panic!("{name} in {} is {other:?}", self.name),
        };
        (view.shape().to_vec(), values)
    }

    /// The one value of an array of one.
    pub fn scalar(&self, name: &str) -> f64 {
        self.array(name).1[0]
    }

    /// Describes where `found` is outside the tolerance that the fixture states for this array
    /// (`|found - expected| <= atol + rtol |expected|`); `None` where it is within.
    ///
    /// # Panics
    /// If lengths differ or no tolerance is stated.
    pub fn deviation(&self, name: &str, found: impl IntoIterator<Item = f64>) -> Option<String> {
        let tolerances = &self.facts["tolerance"];
        let tolerance = tolerances.get(name).unwrap_or(&tolerances["default"]);
        let number = |key: &str| tolerance[key].as_f64().expect("atol and rtol are numbers");
        let (atol, rtol) = (number("atol"), number("rtol"));
        let (_, expected) = self.array(name);
        let found: Vec<f64> = found.into_iter().collect();
        assert_eq!(found.len(), expected.len(), "length of {name} in {}", self.name);
        let excess = |f: f64, e: f64| (f - e).abs() / (atol + rtol * e.abs());
        let worst = (0..found.len()).max_by(|&i, &j| {
            excess(found[i], expected[i]).total_cmp(&excess(found[j], expected[j]))
        })?;
        let times = excess(found[worst], expected[worst]);
        (times.is_nan() || times > 1.0).then(|| {
            format!(
                "{}: {name}[{worst}] is {}, expected {} (atol {atol}, rtol {rtol}: {times:.1} times)",
                self.name, found[worst], expected[worst]
            )
        })
    }

    /// Panics where [`Fixture::deviation`] finds something.
    ///
    /// # Panics
    /// With what is outside the tolerance.
    pub fn assert_close(&self, name: &str, found: impl IntoIterator<Item = f64>) {
        if let Some(deviation) = self.deviation(name, found) {
            panic!("{deviation}");
        }
    }
}

/// Deterministic contents of the tensor called `name` (`fill` of `reference/fill.py`).
pub fn fill(name: &str, len: usize, low: f64, high: f64) -> Vec<f32> {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let (low, high) = (low as f32, high as f32);
    (0..len as u64)
        .map(|i| {
            let unit = (finalise(hash.wrapping_add(i)) >> 40) as f32 / 16_777_216.0;
            low + (high - low) * unit
        })
        .collect()
}

/// Contents of a network's tensor, by its full name and shape, as the fixtures of encoders and of
/// the whole model have them (`fill_model` of `reference/resnet.py`).
///
/// # Panics
/// If a tensor of this name and shape is in no model.
pub fn fill_parameter(name: &str, shape: &[usize]) -> Vec<f32> {
    let (low, high) = match (shape, name.rsplit('.').next()) {
        (&[outputs, _, height, width], _) => symmetric(6.0 / (outputs * height * width) as f64),
        (&[_, inputs], _) => symmetric(3.0 / inputs as f64),
        ([_], Some("weight" | "running_var")) => (0.5, 1.5),
        ([_], Some("bias" | "running_mean")) => (-0.2, 0.2),
        _ => panic!("no model has a tensor `{name}` of shape {shape:?}"),
    };
    fill(name, shape.iter().product(), low, high)
}

fn symmetric(square: f64) -> (f64, f64) {
    (-square.sqrt(), square.sqrt())
}

fn finalise(mut v: u64) -> u64 {
    v = v.wrapping_add(0x9e37_79b9_7f4a_7c15);
    v = (v ^ (v >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    v = (v ^ (v >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    v ^ (v >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fill_gives_the_values_stated_in_the_readme() {
        let expected = [
            0.090_149_879_455_566_4,
            -0.850_370_526_313_781_7,
            0.920_037_746_429_443_4,
            0.687_371_015_548_706,
        ];
        let found: Vec<f64> =
            fill("conv1.weight", 4, -1.0, 1.0).into_iter().map(f64::from).collect();
        assert_eq!(found, expected);
    }
}
