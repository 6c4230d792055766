//! Which classes an image shows, from the XML of a VOC annotation.
//!
//! Read are `name` and `difficult` of each `object` of the root `annotation`; parts of objects, boxes
//! and all else are passed over. A class is present if any object of it is not difficult, and ignored
//! if all of them are, as in VOC's own files of classes (devkit of 2007, documentation of image sets).
//!
//! The file is read by events and never held as a tree: memory is a small multiple of its size
//! however its elements are nested (an open element takes its name and 8 bytes, and no recursion).
//! Document type definitions are refused, so there are no entities but XML's own five.

use std::collections::BTreeMap;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};

use super::excerpt::{excerpt, quoted};
use crate::source::list::lines::Malformed;

/// The classes of an annotation: whether each is present, or else ignored.
pub(super) fn read(bytes: &[u8]) -> Result<BTreeMap<String, bool>, Malformed> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let malformed = |at: usize, reason: String| {
        let before = &bytes[..at.min(bytes.len())];
        Malformed { line: before.split(|&byte| byte == b'\n').count(), reason }
    };
    let text = std::str::from_utf8(bytes)
        .map_err(|error| malformed(error.valid_up_to(), error.to_string()))?;
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut walk = Walk::default();
    loop {
        let start = reader.buffer_position() as usize;
        let event = reader.read_event().map_err(|error| {
            malformed(reader.error_position() as usize, excerpt(&error.to_string()))
        })?;
        if event == Event::Eof {
            break;
        }
        walk.take(&event).map_err(|reason| malformed(start, reason))?;
    }
    if walk.depth > 0 || !walk.has_root {
        return Err(malformed(bytes.len(), "the file ends before its root element".to_owned()));
    }
    Ok(walk.classes)
}

/// Where in the file the reader is, and what it found so far.
#[derive(Debug, Default)]
struct Walk {
    /// How many elements are open.
    depth: usize,
    has_root: bool,
    /// The object that is open.
    object: Option<Object>,
    /// The field of an object that is open, and its text so far.
    field: Option<(Field, String)>,
    classes: BTreeMap<String, bool>,
}

#[derive(Debug, Default)]
struct Object {
    name: Option<String>,
    is_difficult: Option<bool>,
}

#[derive(Debug, Clone, Copy)]
enum Field {
    Name,
    Difficult,
}

impl Walk {
    fn take(&mut self, event: &Event<'_>) -> Result<(), String> {
        match event {
            Event::Start(tag) => self.open(tag.name().as_ref()),
            Event::End(_) => self.close(),
            Event::Text(text) => self.text(&text.xml10_content()),
            Event::CData(text) => self.text(&text.xml10_content()),
            Event::GeneralRef(reference) => self.text(&resolve(reference)?),
            Event::DocType(_) => Err("a document type definition".to_owned()),
            _ => Ok(()),
        }
    }

    fn open(&mut self, name: &str) -> Result<(), String> {
        match (self.depth, &self.object, name) {
            (0, ..) if self.has_root => return Err("a second root element".to_owned()),
            (0, _, "annotation") => self.has_root = true,
            (0, ..) => return Err(format!("the root element is {}", quoted(name))),
            (1, _, "object") => self.object = Some(Object::default()),
            (2, Some(_), "name") => self.field = Some((Field::Name, String::new())),
            (2, Some(_), "difficult") => self.field = Some((Field::Difficult, String::new())),
            _ if self.field.is_some() => return Err(format!("{} inside a field", quoted(name))),
            _ => {}
        }
        self.depth += 1;
        Ok(())
    }

    fn close(&mut self) -> Result<(), String> {
        self.depth = self.depth.checked_sub(1).ok_or("an element is closed twice")?;
        match (self.depth, self.field.take()) {
            (2, Some((field, text))) => self.object.get_or_insert_default().set(field, text.trim()),
            (1, _) => self.object.take().map_or(Ok(()), |object| self.add(object)),
            _ => Ok(()),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        if let Some((_, field)) = &mut self.field {
            field.push_str(text);
        } else if self.depth == 0 && !text.trim().is_empty() {
            return Err("text outside of the root element".to_owned());
        }
        Ok(())
    }

    fn add(&mut self, object: Object) -> Result<(), String> {
        let name = object.name.ok_or("an object has no `name`")?;
        let is_present = !object.is_difficult.unwrap_or(false);
        *self.classes.entry(name).or_default() |= is_present;
        Ok(())
    }
}

impl Object {
    fn set(&mut self, field: Field, text: &str) -> Result<(), String> {
        let was_set = match (field, text) {
            (Field::Name, "") => return Err("an object's `name` is empty".to_owned()),
            (Field::Name, name) => self.name.replace(name.to_owned()).is_some(),
            (Field::Difficult, "0") => self.is_difficult.replace(false).is_some(),
            (Field::Difficult, "1") => self.is_difficult.replace(true).is_some(),
            (Field::Difficult, other) => {
                return Err(format!("`difficult` is {}, not 0 or 1", quoted(other)));
            }
        };
        if was_set { Err(format!("an object has two {field:?} fields")) } else { Ok(()) }
    }
}

/// The text of a reference to a character or to one of XML's own entities.
fn resolve(reference: &BytesRef<'_>) -> Result<String, String> {
    let character = reference.resolve_char_ref().map_err(|error| excerpt(&error.to_string()))?;
    if let Some(character) = character {
        return Ok(character.into());
    }
    let entity = resolve_predefined_entity(reference).map(str::to_owned);
    entity.ok_or_else(|| format!("the entity {} is not defined", quoted(reference)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(name: &str, fields: &str) -> String {
        format!("<object>\n<name>{name}</name>{fields}</object>\n")
    }

    #[test]
    fn a_class_is_ignored_only_if_all_its_objects_are_difficult() {
        let (easy, hard) = ("<difficult>0</difficult>", "<difficult> 1 </difficult>");
        let part = "<part><name>head</name><difficult>9</difficult></part>";
        let objects = [
            object("cat", hard),
            object("cat", easy),
            object("cat", hard),
            object("dog", hard),
            object("dog", hard),
            object("person", part),
            object("<![CDATA[a<b]]> &amp; &#x63;", easy),
            object(" tv monitor\r\n", "<difficult>1</difficult><bndbox/>"),
        ];
        let name = "<source><name>no class</name><object>none</object></source>";
        let text = format!(
            "\u{feff}<?xml version=\"1.0\"?>\n<!-- -- -->\n<annotation a='1'>{name}{}</annotation>\n",
            objects.concat()
        );
        let expected = [
            ("a<b & c", true),
            ("cat", true),
            ("dog", false),
            ("person", true),
            ("tv monitor", false),
        ];
        let expected = expected.map(|(class, present)| (class.to_owned(), present));
        assert_eq!(read(text.as_bytes()), Ok(expected.into()));
        assert_eq!(read(b"<annotation/>"), Ok(BTreeMap::new()));
    }

    #[test]
    fn what_is_no_annotation_is_refused_with_its_line() {
        let within = |text: &str| format!("<annotation>\n{text}\n</annotation>");
        let laughs = "<!DOCTYPE annotation [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]>\n";
        let mut wrong = Vec::new();
        for (text, line, reason) in [
            (String::new(), 1, "ends before"),
            ("\n<annotation>\n<object>\n".to_owned(), 4, "ends before"),
            ("<annotation>\n<object".to_owned(), 2, "not closed"),
            ("\n<html></html>".to_owned(), 2, "root element is `html`"),
            (within("") + "\n<annotation/>", 4, "second root"),
            (within("") + "text", 3, "outside of the root"),
            (within("<a>\n</b>"), 3, "`</b>`"),
            (within("</annotation>"), 3, "annotation"),
            (laughs.to_owned() + &within(&object("&b;", "")), 1, "document type"),
            (within(&object("&b;", "")), 3, "entity `b`"),
            (within(&object("&#0;", "")), 3, ""),
            (within(&object("a & b", "")), 3, ""),
            (within(&object("<b>a</b>", "")), 3, "`b` inside a field"),
            (within(&object(" ", "")), 3, "`name` is empty"),
            (within("<object></object>"), 2, "no `name`"),
            (within(&object("a", "<name>b</name>")), 3, "two Name"),
            (within(&object("a", "<difficult/>")), 3, "not 0 or 1"),
            (within(&object("a", "\n<difficult>yes</difficult>")), 4, "`yes`"),
        ] {
            let error = read(text.as_bytes()).unwrap_err();
            if error.line != line || !error.reason.contains(reason) {
                wrong.push(format!("{text:?}: {error:?}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert_eq!(read(b"<annotation>\n\xff</annotation>").unwrap_err().line, 2);
    }

    #[test]
    fn elements_may_be_nested_as_deep_as_the_file_is_long() {
        let nested = "<a>".repeat(100_000) + &"</a>".repeat(100_000);
        let text = format!("<annotation>{nested}{}</annotation>", object("cat", ""));
        assert_eq!(read(text.as_bytes()), Ok([("cat".to_owned(), true)].into()));
        let error = read(text.split_once("</a>").unwrap().0.as_bytes()).unwrap_err();
        assert!(error.reason.contains("ends before"), "{error:?}");
    }
}
