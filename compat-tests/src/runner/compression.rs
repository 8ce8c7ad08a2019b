//! How the nodes of a pair compress payloads on links, and what came of it.

use compat_peer::ops::{Algorithm, Compressing};

use super::pair::Language;

/// From how many bytes on nodes compress.
pub const LEAST: usize = 256;
/// No message that a mirror shows is longer.
const MOST: usize = 1 << 21;

/// What the nodes of a pair compress by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Go by zstd, Rust by LZ4.
    Own,
    /// Neither compresses.
    Off,
    /// Both by the same.
    Both(Algorithm),
}

impl Compression {
    /// All that nodes may be told instead of [`Compression::Own`].
    pub(super) const CHOSEN: [Self; 3] = [Self::Off, Self::Both(Algorithm::Zstd), Self::Both(Algorithm::Lz4)];

    /// Its value on the axis of this name; empty where it is not chosen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Own => "",
            Self::Off => "none",
            Self::Both(Algorithm::Zstd) => "zstd",
            Self::Both(Algorithm::Lz4) => "lz4",
        }
    }

    /// What a node of this language is told.
    pub fn of(self, language: Language) -> Option<Compressing> {
        let by = match (self, language) {
            (Self::Off, _) => return None,
            (Self::Both(by), _) => by,
            (Self::Own, Language::Rust) => Algorithm::Lz4,
            (Self::Own, Language::Go | Language::GoNoCgo) => Algorithm::Zstd,
        };
        Some(compressing(by))
    }
}

/// What a node is told that compresses.
pub fn compressing(by: Algorithm) -> Compressing {
    Compressing { by, least: LEAST }
}

/// What was compressed. The runner has the libraries of the Rust node, and none of its code.
pub(super) fn decompressed(by: Option<Algorithm>, bytes: Vec<u8>) -> Result<Vec<u8>, String> {
    let wrong = |e: &dyn std::fmt::Display| format!("{} bytes that are not compressed by {by:?}: {e}", bytes.len());
    match by {
        None => Ok(bytes),
        Some(Algorithm::Zstd) => {
            let mut plain = Vec::with_capacity(MOST);
            let done = ruzstd::decoding::FrameDecoder::new().decode_all_to_vec(&bytes, &mut plain);
            done.map(|()| plain).map_err(|e| wrong(&e))
        }
        Some(Algorithm::Lz4) => lz4_flex::block::decompress(&bytes, MOST).map_err(|e| wrong(&e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_compressed_are_told_from_those_that_are() {
        let plain = b"as plain as can be".repeat(20);
        let compressed = lz4_flex::block::compress(&plain);
        assert_eq!(
            decompressed(Some(Algorithm::Lz4), compressed.clone()),
            Ok(plain.clone())
        );
        assert_ne!(decompressed(None, compressed.clone()), Ok(plain.clone()));
        assert!(decompressed(Some(Algorithm::Zstd), compressed).is_err());
        assert!(decompressed(Some(Algorithm::Zstd), plain).is_err());
    }
}
