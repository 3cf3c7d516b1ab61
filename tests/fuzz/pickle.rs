//! Pickles of protocol 2, sound or not, byte by byte.

/// A pickle as it grows.
#[derive(Clone, Default)]
pub struct Pickle(pub Vec<u8>);

impl Pickle {
    pub fn new() -> Self {
        Pickle(vec![0x80, 2])
    }

    pub fn raw(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend_from_slice(bytes.as_ref());
        self
    }

    pub fn text(self, text: &str) -> Self {
        self.raw(b"X").raw((text.len() as u32).to_le_bytes()).raw(text)
    }

    /// BININT, or LONG1 where that is too small.
    pub fn int(self, number: i64) -> Self {
        match i32::try_from(number) {
            Ok(small) => self.raw(b"J").raw(small.to_le_bytes()),
            Err(_) => self.raw([0x8a, 8]).raw(number.to_le_bytes()),
        }
    }

    pub fn global(self, module: &str, name: &str) -> Self {
        self.raw(format!("c{module}\n{name}\n"))
    }

    pub fn ints(self, numbers: &[i64]) -> Self {
        numbers.iter().fold(self.raw(b"("), |pickle, number| pickle.int(*number)).raw(b"t")
    }

    /// `OrderedDict()`.
    pub fn ordered_dict(self) -> Self {
        self.global("collections", "OrderedDict").raw(b")R")
    }

    /// The storage's persistent id and BINPERSID.
    pub fn storage(self, tensor: &Tensor) -> Self {
        self.raw(b"(")
            .text("storage")
            .global("torch", tensor.class)
            .text(&tensor.key)
            .text("cpu")
            .int(tensor.count)
            .raw(b"tQ")
    }

    /// `_rebuild_tensor_v2(...)`.
    pub fn tensor(self, tensor: &Tensor) -> Self {
        self.global("torch._utils", "_rebuild_tensor_v2")
            .raw(b"(")
            .storage(tensor)
            .int(tensor.offset)
            .ints(&tensor.sizes)
            .ints(&tensor.strides)
            .raw([0x89])
            .ordered_dict()
            .raw(b"tR")
    }

    /// Names and tensors into the dictionary that lies on the stack.
    pub fn items(self, tensors: &[Tensor]) -> Self {
        let filled = |pickle: Pickle, tensor: &Tensor| pickle.text(&tensor.name).tensor(tensor);
        tensors.iter().fold(self.raw(b"("), filled).raw(b"u")
    }

    pub fn stop(self) -> Self {
        self.raw(b".")
    }

    /// What `torch.save` writes of a dictionary.
    pub fn of(tensors: &[Tensor]) -> Self {
        Pickle::new().raw(b"}").items(tensors).stop()
    }
}

/// A tensor as a pickle describes it.
#[derive(Clone)]
pub struct Tensor {
    pub name: String,
    pub class: &'static str,
    pub key: String,
    /// Elements of the storage.
    pub count: i64,
    pub offset: i64,
    pub sizes: Vec<i64>,
    pub strides: Vec<i64>,
}
