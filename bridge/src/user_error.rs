//! A handler's own error, with typed details.

use actorbridge_proto::v1;
use actorbridge_proto::wire::{Fields, Value, put_bytes};
use bytes::Bytes;
use prost::{Message, Name};

/// Most bytes of each text of a failure on its way to the asker.
const MAX_TEXT: usize = 4 << 10;
/// How much shorter one is cut, so that what is said of the cut is not cut when the error is passed on.
const CUT_SPARE: usize = 128;
/// Most bytes of a failure's details on their way. With its texts it fits into a message.
const MAX_DETAILS: usize = 48 << 10;

/// A handler's own error, apart from the codes of this library. [`Fault::app`](crate::Fault::app) makes one, in Go
/// `NewUserError`, and the asker finds it with [`Error::user`](crate::Error::user).
#[derive(Debug, Clone, PartialEq)]
pub struct UserError(pub(crate) v1::UserError);

impl UserError {
    /// The handler's own code, such as `UNKNOWN_SKU`. Never empty.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// A sentence for people; at most 4 KiB of it travel.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The first detail of this type; `None` = there is none that decodes.
    pub fn detail<T: Message + Name + Default>(&self) -> Option<T> {
        let name = T::full_name();
        let of_type = |(url, value): (String, Bytes)| {
            let is = url.rsplit('/').next() == Some(name.as_str());
            is.then(|| T::decode(value).ok()).flatten()
        };
        self.0.details.iter().filter_map(unpack).find_map(of_type)
    }

    /// All details, each an encoded `google.protobuf.Any`.
    pub fn details(&self) -> &[Bytes] {
        &self.0.details
    }

    pub(crate) fn of_code(code: String) -> Self {
        Self(v1::UserError {
            code,
            ..Default::default()
        })
    }

    pub(crate) fn of_payload(payload: &[u8]) -> Option<Self> {
        let user = v1::UserError::decode(payload).ok()?;
        (!user.code.is_empty()).then_some(Self(user))
    }

    pub(crate) fn add<T: Message + Name>(&mut self, detail: &T) {
        let mut any = Vec::new();
        let url = format!("type.googleapis.com/{}", T::full_name());
        put_bytes(&mut any, 1, url.as_bytes());
        put_bytes(&mut any, 2, &detail.encode_to_vec());
        self.0.details.push(any.into());
    }

    pub(crate) fn text(&self) -> String {
        match self.message() {
            "" => self.code().to_owned(),
            message => format!("{}: {message}", self.code()),
        }
    }

    /// The error as it travels: not larger than a message may be.
    pub(crate) fn to_payload(&self) -> Vec<u8> {
        let mut out = v1::UserError {
            code: cut(self.code()),
            message: cut(self.message()),
            details: Vec::new(),
        };
        let (mut size, all) = (0, self.0.details.len());
        for (i, detail) in self.0.details.iter().enumerate() {
            size += detail.len();
            if size > MAX_DETAILS {
                let left_out = format!(" ({} details were left out: at most 48 KiB of them travel)", all - i);
                out.message += &left_out;
                break;
            }
            out.details.push(detail.clone());
        }
        out.encode_to_vec()
    }
}

/// A text of a failure as it travels.
pub(crate) fn cut(text: &str) -> String {
    if text.len() <= MAX_TEXT {
        return text.to_owned();
    }
    let end = (0..=MAX_TEXT - CUT_SPARE)
        .rev()
        .find(|i| text.is_char_boundary(*i))
        .unwrap_or(0);
    format!("{} …", &text[..end])
}

/// Type URL and value of an encoded `google.protobuf.Any`.
fn unpack(any: &Bytes) -> Option<(String, Bytes)> {
    let (mut url, mut value) = (String::new(), Bytes::new());
    let mut fields = Fields::new(any);
    while let Some(field) = fields.next_field().ok()? {
        match (field.number, field.value) {
            (1, Value::Bytes(bytes)) => url = std::str::from_utf8(bytes).ok()?.to_owned(),
            (2, Value::Bytes(bytes)) => value = any.slice_ref(bytes),
            _ => {}
        }
    }
    Some((url, value))
}
