//! As much of protobuf's encoding as a model needs: numbers, text, bytes and messages within them.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding>. A field is a key, `number << 3 | kind`,
//! then its value; integers are variable-length, 7 bits a byte, lowest first.

use std::borrow::Cow;
use std::io::{self, Write};

/// Kinds of values (wire types).
const VARINT: u64 = 0;
const LENGTH_DELIMITED: u64 = 2;
const FIXED_32: u64 = 5;

/// An encoded message. Large values are referred to, not copied, so that weights stand in memory
/// once.
#[derive(Debug, Default)]
pub(super) struct Message<'a> {
    /// The encoding, one piece after the other.
    pieces: Vec<Cow<'a, [u8]>>,
    length: u64,
}

impl<'a> Message<'a> {
    /// Bytes of the encoding.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Appends a field of type `int64` or of an enumeration.
    pub(super) fn integer(&mut self, field: u64, value: i64) {
        self.key(field, VARINT);
        // Two's complement, as the format has negative numbers.
        self.varint(value.cast_unsigned());
    }

    /// Appends a field of type `float`.
    pub(super) fn float(&mut self, field: u64, value: f32) {
        self.key(field, FIXED_32);
        self.append(&value.to_le_bytes());
    }

    /// Appends a field of type `string`.
    pub(super) fn text(&mut self, field: u64, value: &str) {
        self.begin(field, value.len() as u64);
        self.append(value.as_bytes());
    }

    /// Appends a field of type `bytes`, by reference.
    pub(super) fn bytes(&mut self, field: u64, value: &'a [u8]) {
        self.begin(field, value.len() as u64);
        self.push(Cow::Borrowed(value));
    }

    /// Appends a field that is a message.
    pub(super) fn message(&mut self, field: u64, value: Self) {
        self.begin(field, value.length);
        for piece in value.pieces {
            self.push(piece);
        }
    }

    /// Writes the encoding.
    ///
    /// # Errors
    /// If `writer` fails.
    pub(super) fn write(&self, writer: &mut impl Write) -> io::Result<()> {
        self.pieces.iter().try_for_each(|piece| writer.write_all(piece))
    }

    fn begin(&mut self, field: u64, length: u64) {
        self.key(field, LENGTH_DELIMITED);
        self.varint(length);
    }

    fn key(&mut self, field: u64, kind: u64) {
        self.varint(field << 3 | kind);
    }

    fn varint(&mut self, mut value: u64) {
        let mut bytes = [0; 10];
        let mut count = 0;
        while value >= 0x80 {
            bytes[count] = value as u8 | 0x80;
            value >>= 7;
            count += 1;
        }
        bytes[count] = value as u8;
        self.append(&bytes[..=count]);
    }

    fn push(&mut self, piece: Cow<'a, [u8]>) {
        match piece {
            Cow::Borrowed(bytes) => {
                self.length += bytes.len() as u64;
                self.pieces.push(Cow::Borrowed(bytes));
            }
            Cow::Owned(bytes) => self.append(&bytes),
        }
    }

    /// Appends small bytes to the last piece that is ours.
    fn append(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        match self.pieces.last_mut() {
            Some(Cow::Owned(last)) => last.extend_from_slice(bytes),
            _ => self.pieces.push(Cow::Owned(bytes.to_vec())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(message: &Message) -> Vec<u8> {
        let mut bytes = Vec::new();
        message.write(&mut bytes).unwrap();
        assert_eq!(bytes.len() as u64, message.length());
        bytes
    }

    #[test]
    fn examples_of_the_specification_have_its_bytes() {
        let mut test1 = Message::default();
        test1.integer(1, 150);
        assert_eq!(encoded(&test1), [0x08, 0x96, 0x01]);

        let mut test2 = Message::default();
        test2.text(2, "testing");
        assert_eq!(encoded(&test2), b"\x12\x07testing");

        let mut test3 = Message::default();
        test3.message(3, test1);
        assert_eq!(encoded(&test3), [0x1a, 0x03, 0x08, 0x96, 0x01]);

        let mut minus_two = Message::default();
        minus_two.integer(1, -2);
        let expected = [0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(encoded(&minus_two), expected);
    }

    #[test]
    fn referred_bytes_stand_between_the_fields_around_them() {
        let data = [1, 2, 3];
        let mut inner = Message::default();
        inner.float(4, 1.0);
        inner.bytes(9, &data);
        inner.integer(20, 127);
        let mut outer = Message::default();
        outer.message(1, inner);
        outer.integer(2, 0);
        let expected = [
            &[0x0a, 13, 0x25, 0, 0, 0x80, 0x3f, 0x4a, 3, 1, 2, 3, 0xa0, 0x01, 127][..],
            &[0x10, 0],
        ];
        assert_eq!(encoded(&outer), expected.concat());
    }
}
