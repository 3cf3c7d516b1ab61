//! What a pickle of tensors is made of. Values are small and point into tables, so none owns another and a deep
//! nesting costs neither stack nor recursion.

use std::collections::HashMap;
use std::ops::Range;

use safetensors::Dtype;

/// Values in tuples and dictionaries together; a checkpoint of 100,000 tensors has about a million.
const MOST_VALUES: usize = 4_000_000;

/// A value on the machine's stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    Str(&'a str),
    /// Its members in [`Objects::members`].
    Tuple(usize, usize),
    /// Only ever part of ignored metadata: what it holds is dropped.
    List,
    /// Index into [`Objects::dicts`].
    Dict(usize),
    Global(Global),
    /// Index into [`Objects::storages`].
    Storage(usize),
    /// Index into [`Objects::tensors`].
    Tensor(usize),
}

/// The names that a file of tensors needs. Each is a name and no more: nothing can be called through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(Dtype),
}

#[derive(Debug, Default)]
pub(super) struct Dict<'a> {
    pub entries: Vec<(Value<'a>, Value<'a>)>,
    pub ordered: bool,
}

/// The bytes of one `data/<key>`, in the whole file.
#[derive(Debug)]
pub(super) struct Storage<'a> {
    pub key: &'a str,
    pub dtype: Dtype,
    pub count: usize,
    pub bytes: Range<usize>,
}

/// A tensor as the pickle describes it; nothing is checked yet.
#[derive(Debug)]
pub(super) struct TensorClaim {
    pub storage: usize,
    pub offset: i64,
    pub sizes: Vec<i64>,
    pub strides: Vec<i64>,
}

#[derive(Debug, Default)]
pub(super) struct Objects<'a> {
    members: Vec<Value<'a>>,
    pub dicts: Vec<Dict<'a>>,
    pub storages: Vec<Storage<'a>>,
    /// Storages by key.
    pub by_key: HashMap<&'a str, usize>,
    pub tensors: Vec<TensorClaim>,
    /// Members and dictionary entries so far.
    held: usize,
}

impl<'a> Objects<'a> {
    pub fn tuple(&mut self, members: &[Value<'a>]) -> Result<Value<'a>, String> {
        self.hold(members.len())?;
        let start = self.members.len();
        self.members.extend_from_slice(members);
        Ok(Value::Tuple(start, members.len()))
    }

    /// A tuple's members; `None` for anything else.
    pub fn members(&self, value: Value<'a>) -> Option<&[Value<'a>]> {
        match value {
            Value::Tuple(start, length) => self.members.get(start..start + length),
            _ => None,
        }
    }

    pub fn dict(&mut self, ordered: bool) -> Result<Value<'a>, String> {
        self.hold(1)?;
        self.dicts.push(Dict { entries: Vec::new(), ordered });
        Ok(Value::Dict(self.dicts.len() - 1))
    }

    /// Adds keys and values that stand one behind the other.
    pub fn fill(&mut self, dict: usize, pairs: &[Value<'a>]) -> Result<(), String> {
        let (pairs, odd) = pairs.as_chunks::<2>();
        if !odd.is_empty() {
            return Err("a dictionary is given a key without a value".into());
        }
        self.hold(2 * pairs.len())?;
        self.dicts[dict].entries.extend(pairs.iter().map(|&[key, value]| (key, value)));
        Ok(())
    }

    fn hold(&mut self, more: usize) -> Result<(), String> {
        self.held += more;
        if self.held > MOST_VALUES {
            return Err(format!("more than {MOST_VALUES} values"));
        }
        Ok(())
    }
}

impl Value<'_> {
    /// For messages.
    pub fn kind(self) -> &'static str {
        match self {
            Value::None => "None",
            Value::Bool(_) => "a bool",
            Value::Int(_) => "a number",
            Value::Str(_) => "a text",
            Value::Tuple(..) => "a tuple",
            Value::List => "a list",
            Value::Dict(_) => "a dictionary",
            Value::Global(_) => "a global",
            Value::Storage(_) => "a storage",
            Value::Tensor(_) => "a tensor",
        }
    }
}

impl Global {
    /// The global of that name, if a file of tensors may name it.
    pub fn find(module: &str, name: &str) -> Option<Global> {
        match (module, name) {
            ("collections", "OrderedDict") => Some(Global::OrderedDict),
            ("torch._utils", "_rebuild_tensor_v2") => Some(Global::RebuildTensor),
            ("torch._utils", "_rebuild_parameter") => Some(Global::RebuildParameter),
            ("torch", name) => Some(Global::Storage(match name {
                "FloatStorage" => Dtype::F32,
                "HalfStorage" => Dtype::F16,
                "BFloat16Storage" => Dtype::BF16,
                // never weights; a family's list of ignored tensors may hold them
                "DoubleStorage" => Dtype::F64,
                "LongStorage" => Dtype::I64,
                "IntStorage" => Dtype::I32,
                "ShortStorage" => Dtype::I16,
                "CharStorage" => Dtype::I8,
                "ByteStorage" => Dtype::U8,
                "BoolStorage" => Dtype::BOOL,
                _ => return None,
            })),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Global::OrderedDict => "collections OrderedDict",
            Global::RebuildTensor => "torch._utils _rebuild_tensor_v2",
            Global::RebuildParameter => "torch._utils _rebuild_parameter",
            Global::Storage(_) => "a torch storage class",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keys_and_values_are_counted_together() {
        let mut objects = Objects { held: MOST_VALUES - 8, ..Objects::default() };
        objects.dict(false).unwrap();
        objects.tuple(&[Value::None; 3]).unwrap();
        objects.fill(0, &[Value::None; 4]).unwrap();
        assert_eq!(objects.held, MOST_VALUES);
        assert!(objects.fill(0, &[]).is_ok());
        let full = "more than 4000000 values";
        assert_eq!(objects.fill(0, &[Value::None; 2]).unwrap_err(), full);
        assert_eq!(objects.tuple(&[Value::None]).unwrap_err(), full);
    }
}
