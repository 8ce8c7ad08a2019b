//! Values of fields, apart from any encoding, to and from the fields of a message.

use bytes::Bytes;

use crate::peerpb::Field;
use crate::peerpb::field::Value;

/// A field with a number.
pub(crate) fn number(name: &str, value: u64) -> Field {
    Field {
        name: name.to_owned(),
        value: Some(Value::Number(value)),
    }
}

/// A field with a text.
pub(crate) fn text(name: &str, value: &str) -> Field {
    Field {
        name: name.to_owned(),
        value: Some(Value::Text(value.to_owned())),
    }
}

/// A field with bytes.
pub(crate) fn data(name: &str, value: &[u8]) -> Field {
    Field {
        name: name.to_owned(),
        value: Some(Value::Data(Bytes::copy_from_slice(value))),
    }
}

/// A part of a message: a field, or a message. Its default is not shown.
pub(crate) trait Part {
    /// Sets it, or the field at `path` in it.
    fn put(&mut self, path: &str, value: &Value) -> Result<(), String>;
    /// Appends it, or its fields, under this name.
    fn show(&self, name: &str, out: &mut Vec<Field>);
}

fn wrong<T>(path: &str, value: &Value) -> Result<T, String> {
    Err(format!("no field takes {value:?} at {path:?}"))
}

impl Part for String {
    fn put(&mut self, path: &str, value: &Value) -> Result<(), String> {
        let Value::Text(text) = value else {
            return wrong(path, value);
        };
        self.clone_from(text);
        Ok(())
    }

    fn show(&self, name: &str, out: &mut Vec<Field>) {
        if !self.is_empty() {
            out.push(text(name, self));
        }
    }
}

impl Part for Bytes {
    fn put(&mut self, path: &str, value: &Value) -> Result<(), String> {
        let Value::Data(bytes) = value else {
            return wrong(path, value);
        };
        self.clone_from(bytes);
        Ok(())
    }

    fn show(&self, name: &str, out: &mut Vec<Field>) {
        if !self.is_empty() {
            out.push(data(name, self));
        }
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl Part for $number {
            fn put(&mut self, path: &str, value: &Value) -> Result<(), String> {
                let Value::Number(number) = value else {
                    return wrong(path, value);
                };
                *self = *number as $number;
                Ok(())
            }

            fn show(&self, name: &str, out: &mut Vec<Field>) {
                if *self != 0 {
                    // A negative one is its two's complement in 64 bits.
                    out.push(number(name, i64::from(*self) as u64));
                }
            }
        }
    )*};
}
numbers!(u32, i64);

impl Part for Vec<i32> {
    fn put(&mut self, path: &str, value: &Value) -> Result<(), String> {
        let Value::Number(number) = value else {
            return wrong(path, value);
        };
        self.push(*number as i32);
        Ok(())
    }

    fn show(&self, name: &str, out: &mut Vec<Field>) {
        out.extend(self.iter().map(|n| number(name, i64::from(*n) as u64)));
    }
}

impl<T: Part + Default> Part for Option<T> {
    fn put(&mut self, path: &str, value: &Value) -> Result<(), String> {
        self.get_or_insert_default().put(path, value)
    }

    fn show(&self, name: &str, out: &mut Vec<Field>) {
        if let Some(part) = self {
            part.show(name, out);
        }
    }
}

/// Makes a message with these fields a [`Part`].
macro_rules! message {
    ($message:ty: $($field:ident)*) => {
        impl $crate::fields::Part for $message {
            fn put(&mut self, path: &str, value: &$crate::peerpb::field::Value) -> Result<(), String> {
                let (head, rest) = path.split_once('.').unwrap_or((path, ""));
                match head {
                    $(stringify!($field) => $crate::fields::Part::put(&mut self.$field, rest, value),)*
                    _ => Err(format!("this schema has no field {path}")),
                }
            }

            fn show(&self, name: &str, out: &mut Vec<$crate::peerpb::Field>) {
                let dot = if name.is_empty() { "" } else { "." };
                $($crate::fields::Part::show(&self.$field, &format!("{name}{dot}{}", stringify!($field)), out);)*
            }
        }
    };
}
pub(crate) use message;
