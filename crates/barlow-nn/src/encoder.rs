//! Encoders: a view in, its representation out.

mod resnet;

pub use resnet::ResNet as Encoder;
