//! The stack machine.

use std::collections::HashMap;

use super::globals::{Global, Meaning};
use super::value::{Id, Parsed, Span, Value};
use super::{MAX_DEPTH, MAX_INSTRUCTIONS, PickleError, PickleRefusal, rebuild};

/// Reads a pickle of protocol 2 to 5, which must end with its last byte.
pub(crate) fn read(bytes: Vec<u8>) -> Result<Parsed, PickleError> {
    let mut machine = Machine {
        parsed: Parsed::new(bytes),
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
    };
    for count in 0.. {
        let at = machine.at;
        let refused = |source| PickleError { at, source };
        if count == MAX_INSTRUCTIONS {
            let limit = MAX_INSTRUCTIONS;
            return Err(refused(PickleRefusal::Limit { what: "instructions", limit }));
        }
        if machine.step(count == 0).map_err(refused)? {
            break;
        }
    }
    Ok(machine.parsed)
}

struct Machine {
    parsed: Parsed,
    /// Next byte.
    at: usize,
    stack: Vec<Id>,
    /// Heights of the stack that MARK kept.
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
}

impl Machine {
    /// One instruction; true after the last.
    fn step(&mut self, is_first: bool) -> Result<bool, PickleRefusal> {
        let [code] = self.array()?;
        if is_first != (code == 0x80) {
            return malformed("a protocol number has to be first, and only there");
        }
        match code {
            0x80 => {
                let [version] = self.array()?;
                if !(2..=5).contains(&version) {
                    return Err(PickleRefusal::Protocol { version });
                }
            }
            0x95 => {
                let wanted = u64::from_le_bytes(self.array()?);
                let left = self.parsed.bytes().len() - self.at;
                if wanted > left as u64 {
                    return Err(PickleRefusal::Truncated { wanted, left });
                }
            }
            b'.' => return self.stop().map(|()| true),
            b'(' => {
                if self.marks.len() == MAX_DEPTH {
                    return Err(PickleRefusal::Limit { what: "open marks", limit: MAX_DEPTH });
                }
                self.marks.push(self.stack.len());
            }
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_mark()?),
            b'2' => {
                let top = self.pop()?;
                self.stack.extend([top, top]);
            }
            b'N' => self.push(Value::None)?,
            0x88 => self.push(Value::Bool(true))?,
            0x89 => self.push(Value::Bool(false))?,
            b'J' => {
                let value = i32::from_le_bytes(self.array()?);
                self.push(Value::Int(value.into()))?;
            }
            b'K' => {
                let [value] = self.array()?;
                self.push(Value::Int(value.into()))?;
            }
            b'M' => {
                let value = u16::from_le_bytes(self.array()?);
                self.push(Value::Int(value.into()))?;
            }
            0x8a => self.long::<1>()?,
            0x8b => self.long::<4>()?,
            b'G' => {
                let value = f64::from_be_bytes(self.array()?);
                self.push(Value::Float(value))?;
            }
            b'X' => self.text::<4>()?,
            0x8c => self.text::<1>()?,
            0x8d => self.text::<8>()?,
            b'U' | b'C' => self.bytes::<1>()?,
            b'T' | b'B' => self.bytes::<4>()?,
            0x8e | 0x96 => self.bytes::<8>()?,
            b')' => self.push(Value::Tuple(Box::default()))?,
            0x85..=0x87 => {
                let length = usize::from(code - 0x84);
                let floor = self.floor();
                let start = self.stack.len().checked_sub(length).filter(|&start| start >= floor);
                let items = self.stack.split_off(start.ok_or(UNDERFLOW)?);
                self.push(Value::Tuple(items.into()))?;
            }
            b't' => {
                let items = self.pop_mark()?;
                self.push(Value::Tuple(items.into()))?;
            }
            b']' => self.push(Value::List(Vec::new()))?,
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' | 0x90 => {
                let items = self.pop_mark()?;
                self.append(items)?;
            }
            b'}' => self.push(Value::Dict(Vec::new()))?,
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set(&[key, value])?;
            }
            b'u' => {
                let items = self.pop_mark()?;
                self.set(&items)?;
            }
            0x8f => self.push(Value::Opaque(None))?,
            0x91 => {
                self.pop_mark()?;
                self.push(Value::Opaque(None))?;
            }
            b'c' => {
                let module = self.line()?;
                let name = self.line()?;
                self.global(module, name)?;
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (self.parsed.get(module), self.parsed.get(name)) {
                    (&Value::Text(module), &Value::Text(name)) => self.global(module, name)?,
                    _ => return malformed("a name to import is no text"),
                }
            }
            b'R' | 0x81 => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                self.call(function, arguments)?;
            }
            0x92 => {
                let (_keywords, arguments, class) = (self.pop()?, self.pop()?, self.pop()?);
                if !self.is_opaque(class) {
                    return misuse("NEWOBJ_EX", "what it makes is known to be made otherwise");
                }
                self.call(class, arguments)?;
            }
            b'b' => {
                self.pop()?;
                let target = self.top()?;
                match self.parsed.get(target) {
                    Value::Opaque(_) | Value::Dict(_) => {}
                    Value::Tensor(_) | Value::Storage(_) | Value::Global(_) => {
                        return misuse("BUILD", "a tensor, storage or class is changed");
                    }
                    _ => return malformed("BUILD of a value that has no state"),
                }
            }
            b'q' => {
                let [number] = self.array()?;
                self.remember(number.into())?;
            }
            b'r' => {
                let number = u32::from_le_bytes(self.array()?);
                self.remember(number)?;
            }
            0x94 => self.remember(self.memo.len() as u32)?,
            b'h' => {
                let [number] = self.array()?;
                self.recall(number.into())?;
            }
            b'j' => {
                let number = u32::from_le_bytes(self.array()?);
                self.recall(number)?;
            }
            b'Q' => {
                let id = self.pop()?;
                let storage = rebuild::storage(&self.parsed, id)?;
                self.push(storage)?;
            }
            _ => return Err(PickleRefusal::Instruction { code, name: refused_name(code) }),
        }
        Ok(false)
    }

    fn stop(&mut self) -> Result<(), PickleRefusal> {
        let &[root] = &self.stack[..] else {
            return malformed("it does not end with one value");
        };
        if !self.marks.is_empty() {
            return malformed("it ends with a mark open");
        }
        if self.at != self.parsed.bytes().len() {
            return malformed("bytes follow its end");
        }
        self.parsed.root = root;
        Ok(())
    }

    fn take(&mut self, wanted: u64) -> Result<Span, PickleRefusal> {
        let left = self.parsed.bytes().len() - self.at;
        if wanted > left as u64 {
            return Err(PickleRefusal::Truncated { wanted, left });
        }
        let start = self.at;
        self.at += wanted as usize;
        Ok(Span::new(start..self.at))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleRefusal> {
        let rest = &self.parsed.bytes()[self.at..];
        let truncated = PickleRefusal::Truncated { wanted: N as u64, left: rest.len() };
        let array = *rest.first_chunk().ok_or(truncated)?;
        self.at += N;
        Ok(array)
    }

    /// A length of `N` bytes.
    fn length<const N: usize>(&mut self) -> Result<u64, PickleRefusal> {
        let mut wide = [0; 8];
        wide[..N].copy_from_slice(&self.array::<N>()?);
        Ok(u64::from_le_bytes(wide))
    }

    fn text<const N: usize>(&mut self) -> Result<(), PickleRefusal> {
        let length = self.length::<N>()?;
        let span = self.take(length)?;
        self.check_text(span)?;
        self.push(Value::Text(span))
    }

    fn check_text(&self, span: Span) -> Result<(), PickleRefusal> {
        if self.parsed.is_text(span) { Ok(()) } else { malformed("a text is not UTF-8") }
    }

    fn bytes<const N: usize>(&mut self) -> Result<(), PickleRefusal> {
        let length = self.length::<N>()?;
        self.take(length)?;
        self.push(Value::Bytes)
    }

    /// An integer of any length; what does not fit 64 bits is opaque.
    fn long<const N: usize>(&mut self) -> Result<(), PickleRefusal> {
        let length = self.length::<N>()?;
        let start = self.at;
        self.take(length)?;
        let bytes = &self.parsed.bytes()[start..self.at];
        let value = match bytes {
            [] => Value::Int(0),
            [.., last] if bytes.len() <= 8 => {
                let mut wide = [if last & 0x80 == 0 { 0 } else { 0xff }; 8];
                wide[..bytes.len()].copy_from_slice(bytes);
                Value::Int(i64::from_le_bytes(wide))
            }
            _ => Value::Opaque(None),
        };
        self.push(value)
    }

    /// Text to the end of the line.
    fn line(&mut self) -> Result<Span, PickleRefusal> {
        let rest = &self.parsed.bytes()[self.at..];
        let truncated =
            PickleRefusal::Truncated { wanted: rest.len() as u64 + 1, left: rest.len() };
        let length = rest.iter().position(|&byte| byte == b'\n').ok_or(truncated)?;
        let span = self.take(length as u64)?;
        self.at += 1;
        self.check_text(span)?;
        Ok(span)
    }

    fn global(&mut self, module: Span, name: Span) -> Result<(), PickleRefusal> {
        let global = Global::resolve(&self.parsed, module, name)?;
        self.push(Value::Global(global))
    }

    /// Calls what may be imitated; all else becomes opaque.
    fn call(&mut self, function: Id, arguments: Id) -> Result<(), PickleRefusal> {
        let Value::Tuple(items) = self.parsed.get(arguments) else {
            return malformed("arguments are no tuple");
        };
        let value = match self.parsed.get(function) {
            Value::Opaque(class) => Value::Opaque(*class),
            Value::Global(global) => match global.meaning {
                Meaning::Opaque => Value::Opaque(Some(*global)),
                Meaning::OrderedDict if items.is_empty() => Value::Dict(Vec::new()),
                Meaning::OrderedDict => return misuse("OrderedDict", "it has arguments"),
                Meaning::Size => match items[..] {
                    [shape] if matches!(self.parsed.get(shape), Value::Tuple(_)) => {
                        self.stack.push(shape);
                        return Ok(());
                    }
                    _ => return misuse("torch.Size", "its argument is no tuple"),
                },
                function => rebuild::call(&self.parsed, function, items)?,
            },
            _ => return malformed("a value is called that is no function"),
        };
        self.push(value)
    }

    fn append(&mut self, items: Vec<Id>) -> Result<(), PickleRefusal> {
        let target = self.top()?;
        match self.parsed.get_mut(target) {
            Value::List(list) => list.extend(items),
            Value::Opaque(_) => {}
            _ => return malformed("items are appended to what is no list"),
        }
        Ok(())
    }

    fn set(&mut self, items: &[Id]) -> Result<(), PickleRefusal> {
        let (pairs, []) = items.as_chunks() else {
            return malformed("a key has no value");
        };
        let target = self.top()?;
        match self.parsed.get_mut(target) {
            Value::Dict(dict) => dict.extend(pairs.iter().map(|&[key, value]| (key, value))),
            Value::Opaque(_) => {}
            _ => return malformed("a key is set in what is no dictionary"),
        }
        Ok(())
    }

    fn is_opaque(&self, id: Id) -> bool {
        match self.parsed.get(id) {
            Value::Opaque(_) => true,
            Value::Global(global) => global.meaning == Meaning::Opaque,
            _ => false,
        }
    }

    fn remember(&mut self, number: u32) -> Result<(), PickleRefusal> {
        let top = self.top()?;
        self.memo.insert(number, top);
        Ok(())
    }

    fn recall(&mut self, number: u32) -> Result<(), PickleRefusal> {
        let Some(&id) = self.memo.get(&number) else {
            return malformed("nothing was remembered under the number asked for");
        };
        self.stack.push(id);
        Ok(())
    }

    fn push(&mut self, value: Value) -> Result<(), PickleRefusal> {
        let id = self.parsed.add(value)?;
        self.stack.push(id);
        Ok(())
    }

    /// Where the part of the stack begins that instructions may take from.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self) -> Result<Id, PickleRefusal> {
        self.stack[self.floor()..].last().copied().ok_or(UNDERFLOW)
    }

    fn pop(&mut self) -> Result<Id, PickleRefusal> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// Everything since the last mark.
    fn pop_mark(&mut self) -> Result<Vec<Id>, PickleRefusal> {
        let mark = self.marks.pop().ok_or(PickleRefusal::Malformed { what: "no mark is open" })?;
        Ok(self.stack.split_off(mark))
    }
}

const UNDERFLOW: PickleRefusal =
    PickleRefusal::Malformed { what: "a value is taken from an empty stack" };

/// What an instruction is for that is not read.
fn refused_name(code: u8) -> &'static str {
    match code {
        0x82..=0x84 => "an extension's number",
        b'P' => "a persistent id as text",
        b'i' | b'o' => "an instance of a class",
        0x97 | 0x98 => "a buffer outside of the file",
        b'I' | b'L' | b'F' | b'S' | b'V' | b'g' | b'p' | b'l' | b'd' => "protocol 0",
        _ => "unknown",
    }
}

fn malformed<T>(what: &'static str) -> Result<T, PickleRefusal> {
    Err(PickleRefusal::Malformed { what })
}

fn misuse<T>(name: &'static str, what: &'static str) -> Result<T, PickleRefusal> {
    Err(PickleRefusal::Misuse { name, what })
}
