//! Where an actor is found: a logical `ab:///path`, or `ab://node/path` pinned to a node.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use actorbridge_proto::v1::Code;

use crate::codec::Codec;
use crate::error::Error;

/// Most bytes of an address.
pub(crate) const MAX_ADDRESS_BYTES: usize = 1024;
/// The reserved path of each node's own actor.
pub(crate) const SYSTEM: &str = "system";

/// A valid address. `ab:///orders/42` follows the actor wherever it lives; `ab://node/orders/42` is pinned to a node. Two are
/// equal if their text is, whatever [codec](Address::using) they use.
#[derive(Debug, Clone)]
pub struct Address {
    text: Arc<str>,
    path_at: u16,
    codec: Option<Codec>,
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Address {}

impl Hash for Address {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl PartialOrd for Address {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Address {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

/// What messages are sent to: an address.
pub type Ref = Address;

impl Address {
    /// The logical address of a path without leading slash, such as `orders/42`.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a path that is not valid.
    pub fn logical(path: &str) -> Result<Self, Error> {
        format!("ab:///{path}").parse()
    }

    /// The address of a path on one node.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a node or path that is not valid.
    pub fn pinned(node: &str, path: &str) -> Result<Self, Error> {
        if node.is_empty() {
            let why = "its name is empty; a node's name has letters, digits and -_.~@:+=$ only";
            return Err(invalid("a node", why));
        }
        let address: Self = format!("ab://{node}/{path}").parse()?;
        if address.node() != Some(node) {
            return Err(invalid(node, "a node's name has letters, digits and -_.~@:+=$ only"));
        }
        Ok(address)
    }

    /// The same actor, to which messages go in a codec of their own.
    #[must_use]
    pub fn using(&self, codec: Codec) -> Self {
        Self {
            codec: Some(codec),
            ..self.clone()
        }
    }

    /// `None` = its node says.
    pub(crate) fn codec(&self) -> Option<Codec> {
        self.codec
    }

    /// The path, without leading slash.
    pub fn path(&self) -> &str {
        &self.text[usize::from(self.path_at)..]
    }

    /// The node that the address is pinned to; `None` = logical.
    pub fn node(&self) -> Option<&str> {
        let node = &self.text["ab://".len()..usize::from(self.path_at) - 1];
        (!node.is_empty()).then_some(node)
    }

    /// The whole address.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// FNV-1a of the logical address: what `ask_path` carries.
    pub(crate) fn hash_of_path(path: &str) -> u64 {
        let bytes = b"ab:///".iter().chain(path.as_bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325, |h, b| {
            (h ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3)
        })
    }
}

impl FromStr for Address {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        if text.len() > MAX_ADDRESS_BYTES {
            return Err(invalid("an address", "it is over 1,024 bytes"));
        }
        let rest = text
            .strip_prefix("ab://")
            .ok_or_else(|| invalid(text, "an address begins with ab:///, or with ab://node/"))?;
        let (node, path) = rest
            .split_once('/')
            .ok_or_else(|| invalid(text, "an address has a path"))?;
        let good = |c: char| c.is_alphanumeric() || "-_.~@:+=$".contains(c);
        if !node.chars().all(good) {
            return Err(invalid(text, "a node's name has letters, digits and -_.~@:+=$ only"));
        }
        if path.is_empty() || path.split('/').any(|part| part.is_empty() || !part.chars().all(good)) {
            return Err(invalid(
                text,
                "a path has parts of letters, digits and -_.~@:+=$, joined by single slashes",
            ));
        }
        Ok(Self {
            path_at: ("ab://".len() + node.len() + 1) as u16, // an address has at most 1,024 bytes
            text: text.into(),
            codec: None,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Is it the path of a node's own actors?
pub(crate) fn is_reserved(path: &str) -> bool {
    path == SYSTEM || path.starts_with("system/")
}

fn invalid(target: &str, why: &str) -> Error {
    Error::new(Code::InvalidArgument, target, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_valid_or_refused_with_a_reason() {
        for good in ["ab:///a", "ab://node/a/b", "ab:///orders/42", "ab://n-1/system"] {
            assert_eq!(good.parse::<Address>().expect(good).as_str(), good);
        }
        for bad in [
            "",
            "ab:/a",
            "ab://",
            "ab:///",
            "ab:///a//b",
            "ab:///a/",
            "ab:///a b",
            "ab://n ode/a",
            "http://x/y",
        ] {
            assert_eq!(
                bad.parse::<Address>().expect_err(bad).code(),
                Code::InvalidArgument,
                "{bad}"
            );
        }
        let pinned: Address = "ab://n/x/y".parse().expect("valid");
        assert_eq!((pinned.node(), pinned.path()), (Some("n"), "x/y"));
    }
}
