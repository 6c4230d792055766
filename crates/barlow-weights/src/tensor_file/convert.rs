//! Values of any usual type as `f32`.

use half::{bf16, f16};

use super::{Array, Dtype, TensorFileError};

impl Array {
    /// The same values as `f32`, rounded to nearest where they are of a wider type; true is 1.
    ///
    /// # Errors
    /// [`TensorFileError::NotConvertible`] of 8-bit floats and complex numbers, and
    /// [`TensorFileError::ArrayLength`] if bytes and shape do not belong together.
    pub fn into_f32(self) -> Result<Self, TensorFileError> {
        fn map<const N: usize>(bytes: &[u8], convert: impl Fn([u8; N]) -> f32) -> Vec<u8> {
            let (items, _) = bytes.as_chunks::<N>();
            items.iter().flat_map(|&item| convert(item).to_le_bytes()).collect()
        }
        self.check_length()?;
        let bytes = match self.dtype {
            Dtype::F32 => return Ok(self),
            Dtype::F64 => map(&self.bytes, |item| f64::from_le_bytes(item) as f32),
            Dtype::F16 => map(&self.bytes, |item| f16::from_le_bytes(item).to_f32()),
            Dtype::BF16 => map(&self.bytes, |item| bf16::from_le_bytes(item).to_f32()),
            Dtype::I64 => map(&self.bytes, |item| i64::from_le_bytes(item) as f32),
            Dtype::U64 => map(&self.bytes, |item| u64::from_le_bytes(item) as f32),
            Dtype::I32 => map(&self.bytes, |item| i32::from_le_bytes(item) as f32),
            Dtype::U32 => map(&self.bytes, |item| u32::from_le_bytes(item) as f32),
            Dtype::I16 => map(&self.bytes, |item| f32::from(i16::from_le_bytes(item))),
            Dtype::U16 => map(&self.bytes, |item| f32::from(u16::from_le_bytes(item))),
            Dtype::I8 => map(&self.bytes, |item| f32::from(i8::from_le_bytes(item))),
            Dtype::U8 => map(&self.bytes, |[item]| f32::from(item)),
            Dtype::BOOL => map(&self.bytes, |[item]| f32::from(u8::from(item != 0))),
            found => return Err(TensorFileError::NotConvertible { found }),
        };
        Ok(Self { dtype: Dtype::F32, shape: self.shape, bytes })
    }
}
