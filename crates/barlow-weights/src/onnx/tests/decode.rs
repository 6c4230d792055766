//! Reads a model back: protobuf by its specification, fields by the numbers in `onnx.proto`.

use std::collections::BTreeMap;

/// What the tests look at in a model.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    pub(super) ir_version: u64,
    pub(super) opset: u64,
    pub(super) nodes: Vec<Node>,
    pub(super) constants: BTreeMap<String, Constant>,
    /// Name, and extents as text.
    pub(super) inputs: Vec<(String, Vec<String>)>,
    pub(super) outputs: Vec<(String, Vec<String>)>,
    pub(super) metadata: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) operator: String,
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    pub(super) integers: BTreeMap<String, Vec<i64>>,
    pub(super) floats: BTreeMap<String, f32>,
}

#[derive(Debug)]
pub(super) struct Constant {
    pub(super) shape: Vec<usize>,
    pub(super) bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Integer(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

impl<'a> Value<'a> {
    fn integer(self) -> u64 {
        let Self::Integer(value) = self else { panic!("{self:?} is no integer") };
        value
    }

    fn bytes(self) -> &'a [u8] {
        let Self::Bytes(bytes) = self else { panic!("{self:?} is no bytes") };
        bytes
    }

    fn text(self) -> String {
        String::from_utf8(self.bytes().to_vec()).unwrap()
    }
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first().unwrap();
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return value;
        }
    }
    panic!("a varint of more than 10 bytes");
}

fn fields(mut bytes: &[u8]) -> Vec<(u64, Value<'_>)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let value = match key & 7 {
            0 => Value::Integer(varint(&mut bytes)),
            2 => {
                let length = varint(&mut bytes) as usize;
                let (value, rest) = bytes.split_at(length);
                bytes = rest;
                Value::Bytes(value)
            }
            5 => {
                let (value, rest) = bytes.split_first_chunk().unwrap();
                bytes = rest;
                Value::Fixed32(u32::from_le_bytes(*value))
            }
            kind => panic!("kind {kind} of value"),
        };
        fields.push((key >> 3, value));
    }
    fields
}

/// The one field of this number.
fn field(bytes: &[u8], number: u64) -> Value<'_> {
    let found: Vec<_> = fields(bytes).into_iter().filter(|&(found, _)| found == number).collect();
    assert_eq!(found.len(), 1, "field {number}");
    found[0].1
}

impl Decoded {
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut model = Self::default();
        for (number, value) in fields(bytes) {
            match number {
                1 => model.ir_version = value.integer(),
                7 => model.read_graph(value.bytes()),
                8 => model.opset = field(value.bytes(), 2).integer(),
                14 => {
                    let (key, text) = (field(value.bytes(), 1), field(value.bytes(), 2));
                    model.metadata.insert(key.text(), text.text());
                }
                _ => {}
            }
        }
        model
    }

    fn read_graph(&mut self, bytes: &[u8]) {
        for (number, value) in fields(bytes) {
            match number {
                1 => self.nodes.push(node(value.bytes())),
                5 => {
                    let (name, constant) = constant(value.bytes());
                    assert!(
                        self.constants.insert(name.clone(), constant).is_none(),
                        "{name} twice"
                    );
                }
                11 => self.inputs.push(tensor_type(value.bytes())),
                12 => self.outputs.push(tensor_type(value.bytes())),
                _ => {}
            }
        }
    }
}

fn node(bytes: &[u8]) -> Node {
    let mut node = Node::default();
    for (number, value) in fields(bytes) {
        match number {
            1 => node.inputs.push(value.text()),
            2 => node.outputs.push(value.text()),
            4 => node.operator = value.text(),
            5 => {
                let attribute = value.bytes();
                let name = field(attribute, 1).text();
                match field(attribute, 20).integer() {
                    1 => {
                        let Value::Fixed32(bits) = field(attribute, 2) else { panic!("{name}") };
                        node.floats.insert(name, f32::from_bits(bits));
                    }
                    2 => {
                        let value = field(attribute, 3).integer().cast_signed();
                        node.integers.insert(name, vec![value]);
                    }
                    7 => {
                        let values = fields(attribute).into_iter().filter(|&(n, _)| n == 8);
                        let values = values.map(|(_, value)| value.integer().cast_signed());
                        node.integers.insert(name, values.collect());
                    }
                    kind => panic!("attribute {name} of kind {kind}"),
                }
            }
            _ => {}
        }
    }
    node
}

fn constant(bytes: &[u8]) -> (String, Constant) {
    assert_eq!(field(bytes, 2).integer(), 1, "values are FLOAT");
    let extents = fields(bytes).into_iter().filter(|&(number, _)| number == 1);
    let shape = extents.map(|(_, value)| value.integer() as usize).collect();
    let constant = Constant { shape, bytes: field(bytes, 9).bytes().to_vec() };
    (field(bytes, 8).text(), constant)
}

fn tensor_type(bytes: &[u8]) -> (String, Vec<String>) {
    let tensor = field(field(bytes, 2).bytes(), 1).bytes();
    assert_eq!(field(tensor, 1).integer(), 1, "values are FLOAT");
    let extents = fields(field(tensor, 2).bytes())
        .into_iter()
        .map(|(_, extent)| match fields(extent.bytes())[..] {
            [(1, value)] => value.integer().to_string(),
            [(2, value)] => value.text(),
            _ => panic!("an extent is a value or a name"),
        })
        .collect();
    (field(bytes, 1).text(), extents)
}
