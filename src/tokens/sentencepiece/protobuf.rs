//! The wire format of protocol buffers: fields by number, everything else skipped.
//!
//! Source: protobuf.dev/programming-guides/encoding.

/// A field's value as it stands on the wire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Fixed64,
    Fixed32([u8; 4]),
    Bytes(&'a [u8]),
}

/// The fields of a message, in order.
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub fn of(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// Number and value of the next field; `None` at the end.
    pub fn next(&mut self) -> Result<Option<(u64, Wire<'a>)>, String> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let number = tag >> 3;
        if number == 0 {
            return Err("a field has the number 0: not a protocol buffer".into());
        }
        let value = match tag & 7 {
            0 => Wire::Varint(self.varint()?),
            1 => {
                self.take(8)?;
                Wire::Fixed64
            }
            2 => {
                let length = self.varint()?;
                let length = usize::try_from(length).map_err(|_| "a field is longer than memory")?;
                Wire::Bytes(self.take(length)?)
            }
            5 => {
                let mut word = [0; 4];
                word.copy_from_slice(self.take(4)?);
                Wire::Fixed32(word)
            }
            other => return Err(format!("field {number} has the wire type {other}, which is not in use")),
        };
        Ok(Some((number, value)))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or("a field is cut off")?;
        self.rest = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?.first().copied().unwrap_or_default();
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("a number has more than ten bytes".into())
    }
}

impl<'a> Wire<'a> {
    pub fn bytes(self, field: &str) -> Result<&'a [u8], String> {
        match self {
            Wire::Bytes(bytes) => Ok(bytes),
            _ => Err(format!("`{field}` is not a message or text")),
        }
    }

    pub fn text(self, field: &str) -> Result<&'a str, String> {
        std::str::from_utf8(self.bytes(field)?).map_err(|_| format!("`{field}` is not UTF-8"))
    }

    pub fn number(self, field: &str) -> Result<u64, String> {
        match self {
            Wire::Varint(number) => Ok(number),
            _ => Err(format!("`{field}` is not a whole number")),
        }
    }

    pub fn flag(self, field: &str) -> Result<bool, String> {
        Ok(self.number(field)? != 0)
    }

    pub fn float(self, field: &str) -> Result<f32, String> {
        match self {
            Wire::Fixed32(bytes) => Ok(f32::from_le_bytes(bytes)),
            _ => Err(format!("`{field}` is not a float")),
        }
    }
}
