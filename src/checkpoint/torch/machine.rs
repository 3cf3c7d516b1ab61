//! The pickle's opcodes, one after the other, over a stack of values.

use std::collections::HashMap;

use super::super::error::shown;
use super::super::quantised::told_by_global;
use super::container::Archive;
use super::objects::{Global, Objects, Value};
use super::opcode::{Opcode, refused_name};
use super::tensor;

const DEEPEST_STACK: usize = 100_000;
const LARGEST_MEMO: usize = 1_000_000;
const LONGEST_NAME: usize = 256;

/// Runs the pickle to its end: the one value that is left, and the tables that it points into.
pub(super) fn run<'a>(pickle: &'a [u8], archive: &Archive) -> Result<(Value<'a>, Objects<'a>), String> {
    let mut machine = Machine {
        input: Input { bytes: pickle, at: 0 },
        archive,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        objects: Objects::default(),
    };
    match pickle {
        [0x80, 2, ..] => machine.input.at = 2,
        [0x80, version, ..] => return Err(format!("PROTO {version}, expected protocol 2")),
        _ => return Err("it does not begin with PROTO 2".into()),
    }
    loop {
        let at = machine.input.at;
        match machine.step().map_err(|why| format!("byte {at}: {why}"))? {
            None => {}
            Some(root) => return Ok((root, machine.objects)),
        }
    }
}

/// The bytes not yet read.
struct Input<'a> {
    bytes: &'a [u8],
    at: usize,
}

struct Machine<'a, 'z> {
    input: Input<'a>,
    archive: &'z Archive,
    stack: Vec<Value<'a>>,
    /// Heights of the stack at each MARK.
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
    objects: Objects<'a>,
}

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let taken = rest.get(..count).ok_or("the pickle is cut off")?;
        self.at += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    fn byte(&mut self) -> Result<u8, String> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// Text up to a newline.
    fn line(&mut self) -> Result<&'a str, String> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest
            .iter()
            .take(LONGEST_NAME + 1)
            .position(|byte| *byte == b'\n')
            .ok_or("GLOBAL: a name is cut off or too long")?;
        self.at += length + 1;
        std::str::from_utf8(&rest[..length]).map_err(|_| "GLOBAL: a name is not UTF-8".into())
    }
}

impl<'a> Machine<'a, '_> {
    /// One opcode; the value that is left if it was the last.
    fn step(&mut self) -> Result<Option<Value<'a>>, String> {
        let byte = self.input.byte()?;
        let Some(opcode) = Opcode::of(byte) else {
            return Err(match refused_name(byte) {
                Some(name) => format!("opcode {name} is refused: a file of tensors has no need of it"),
                None => format!("0x{byte:02x} is no opcode"),
            });
        };
        let value = match opcode {
            Opcode::Proto => return Err("a second PROTO".into()),
            Opcode::Stop => return self.stop().map(Some),
            Opcode::Mark => {
                if self.marks.len() == DEEPEST_STACK {
                    return Err(format!("MARK: more than {DEEPEST_STACK} open marks"));
                }
                self.marks.push(self.stack.len());
                return Ok(None);
            }
            Opcode::Global => self.global()?,
            Opcode::Reduce => self.reduce()?,
            Opcode::Build => self.build()?,
            Opcode::BinPersid => {
                let id = self.pop("BINPERSID")?;
                tensor::storage(id, &mut self.objects, self.archive)?
            }
            Opcode::BinPut => {
                let index = self.input.byte()?.into();
                return self.memoize(index);
            }
            Opcode::LongBinPut => {
                let index = u32::from_le_bytes(self.input.array()?);
                return self.memoize(index);
            }
            Opcode::BinGet => {
                let index = self.input.byte()?.into();
                self.recall(index)?
            }
            Opcode::LongBinGet => {
                let index = u32::from_le_bytes(self.input.array()?);
                self.recall(index)?
            }
            Opcode::None => Value::None,
            Opcode::NewTrue => Value::Bool(true),
            Opcode::NewFalse => Value::Bool(false),
            Opcode::BinInt => Value::Int(i32::from_le_bytes(self.input.array()?).into()),
            Opcode::BinInt1 => Value::Int(self.input.byte()?.into()),
            Opcode::BinInt2 => Value::Int(u16::from_le_bytes(self.input.array()?).into()),
            Opcode::Long1 => self.long()?,
            Opcode::BinUnicode => {
                let length = u32::from_le_bytes(self.input.array()?);
                let text = self.input.take(length as usize).map_err(|why| format!("BINUNICODE: {why}"))?;
                Value::Str(std::str::from_utf8(text).map_err(|_| "BINUNICODE: not UTF-8")?)
            }
            Opcode::EmptyTuple => self.objects.tuple(&[])?,
            Opcode::Tuple => {
                let from = self.mark("TUPLE")?;
                self.tuple(from)?
            }
            Opcode::Tuple1 => self.short_tuple("TUPLE1", 1)?,
            Opcode::Tuple2 => self.short_tuple("TUPLE2", 2)?,
            Opcode::Tuple3 => self.short_tuple("TUPLE3", 3)?,
            Opcode::EmptyDict => self.objects.dict(false)?,
            Opcode::SetItem => {
                let from = self.above("SETITEM", 2)?;
                return self.set_items("SETITEM", from);
            }
            Opcode::SetItems => {
                let from = self.mark("SETITEMS")?;
                return self.set_items("SETITEMS", from);
            }
            Opcode::EmptyList => Value::List,
            Opcode::Append => {
                let from = self.above("APPEND", 1)?;
                return self.append("APPEND", from);
            }
            Opcode::Appends => {
                let from = self.mark("APPENDS")?;
                return self.append("APPENDS", from);
            }
        };
        if self.stack.len() == DEEPEST_STACK {
            return Err(format!("more than {DEEPEST_STACK} values on the stack"));
        }
        self.stack.push(value);
        Ok(None)
    }

    fn stop(&mut self) -> Result<Value<'a>, String> {
        let after = self.input.bytes.len() - self.input.at;
        match (&self.stack[..], &self.marks[..]) {
            (&[root], []) if after == 0 => Ok(root),
            (&[_], []) => Err(format!("STOP is followed by {after} bytes")),
            _ => Err("STOP with other than one value on the stack".into()),
        }
    }

    /// The lowest height that an opcode may pop down to.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self, opcode: &str) -> Result<Value<'a>, String> {
        let at = self.above(opcode, 1)?;
        let value = self.stack[at];
        self.stack.truncate(at);
        Ok(value)
    }

    /// Height below the topmost `count` values.
    fn above(&self, opcode: &str, count: usize) -> Result<usize, String> {
        let at = self.stack.len().checked_sub(count).filter(|at| *at >= self.floor());
        at.ok_or_else(|| format!("{opcode} finds too few values on the stack"))
    }

    /// Height at the last MARK, which is taken away.
    fn mark(&mut self, opcode: &str) -> Result<usize, String> {
        self.marks.pop().ok_or_else(|| format!("{opcode} without MARK"))
    }

    fn tuple(&mut self, from: usize) -> Result<Value<'a>, String> {
        let tuple = self.objects.tuple(&self.stack[from..])?;
        self.stack.truncate(from);
        Ok(tuple)
    }

    fn short_tuple(&mut self, opcode: &str, count: usize) -> Result<Value<'a>, String> {
        let from = self.above(opcode, count)?;
        self.tuple(from)
    }

    fn memoize(&mut self, index: u32) -> Result<Option<Value<'a>>, String> {
        let value = self.stack[self.above("BINPUT", 1)?];
        if self.memo.len() == LARGEST_MEMO {
            return Err(format!("BINPUT: more than {LARGEST_MEMO} remembered values"));
        }
        self.memo.insert(index, value);
        Ok(None)
    }

    fn recall(&self, index: u32) -> Result<Value<'a>, String> {
        self.memo.get(&index).copied().ok_or_else(|| format!("BINGET of {index}, which was never put"))
    }

    /// A number of at most eight bytes, two's complement, not negative.
    fn long(&mut self) -> Result<Value<'a>, String> {
        let length: usize = self.input.byte()?.into();
        let digits = self.input.take(length)?;
        let mut bytes = [0; 8];
        let Some(filled) = bytes.get_mut(..length) else {
            return Err(format!("LONG1 of {length} bytes, at most 8 are read"));
        };
        filled.copy_from_slice(digits);
        if digits.last().is_some_and(|top| top & 0x80 != 0) {
            return Err("LONG1 is negative".into());
        }
        Ok(Value::Int(i64::from_le_bytes(bytes)))
    }

    fn global(&mut self) -> Result<Value<'a>, String> {
        let (module, name) = (self.input.line()?, self.input.line()?);
        Global::find(module, name).map(Value::Global).ok_or_else(|| {
            let why = told_by_global(module, name, self.input.bytes);
            let why =
                why.as_deref().unwrap_or("a file of tensors has no need of it, and nothing is executed");
            format!("the global `{} {}` is refused: {why}", shown(module), shown(name))
        })
    }

    /// A named constructor on a tuple of arguments.
    fn reduce(&mut self) -> Result<Value<'a>, String> {
        let arguments = self.pop("REDUCE")?;
        let Value::Global(global) = self.pop("REDUCE")? else {
            return Err("REDUCE of something that is not a global".into());
        };
        let Some(arguments) = self.objects.members(arguments) else {
            return Err(format!("REDUCE of {} without a tuple of arguments", global.name()));
        };
        match global {
            Global::OrderedDict if arguments.is_empty() => self.objects.dict(true),
            Global::OrderedDict => Err("REDUCE of collections OrderedDict with arguments".into()),
            Global::RebuildTensor => {
                let claim = tensor::claim(arguments, &self.objects)?;
                tensor::add(claim, &mut self.objects)
            }
            Global::RebuildParameter => match *arguments {
                [tensor @ Value::Tensor(_), Value::Bool(_), hooks]
                    if tensor::no_hooks(hooks, &self.objects) =>
                {
                    Ok(tensor)
                }
                _ => Err("torch._utils _rebuild_parameter takes (tensor, bool, no hooks)".into()),
            },
            Global::Storage(_) => Err("REDUCE of a storage class".into()),
        }
    }

    /// `_metadata` of a module's state: version numbers, which are dropped. Anything else would be code.
    fn build(&mut self) -> Result<Value<'a>, String> {
        let state = self.pop("BUILD")?;
        let target = self.pop("BUILD")?;
        let ordered = matches!(target, Value::Dict(dict) if self.objects.dicts[dict].ordered);
        let metadata = match state {
            Value::Dict(dict) => {
                matches!(self.objects.dicts[dict].entries[..], [(Value::Str("_metadata"), _)])
            }
            _ => false,
        };
        match (ordered, metadata) {
            (true, true) => Ok(target),
            (false, _) => Err(format!("BUILD on {}, expected an OrderedDict", target.kind())),
            (true, false) => Err("BUILD with a state other than `_metadata`".into()),
        }
    }

    fn set_items(&mut self, opcode: &str, from: usize) -> Result<Option<Value<'a>>, String> {
        let target = from.checked_sub(1).filter(|at| *at >= self.floor()).map(|at| self.stack[at]);
        let Some(Value::Dict(dict)) = target else {
            return Err(format!("{opcode} on something that is not a dictionary"));
        };
        self.objects.fill(dict, &self.stack[from..])?;
        self.stack.truncate(from);
        Ok(None)
    }

    fn append(&mut self, opcode: &str, from: usize) -> Result<Option<Value<'a>>, String> {
        let target = from.checked_sub(1).filter(|at| *at >= self.floor()).map(|at| self.stack[at]);
        if target != Some(Value::List) {
            return Err(format!("{opcode} on something that is not a list"));
        }
        self.stack.truncate(from);
        Ok(None)
    }
}
