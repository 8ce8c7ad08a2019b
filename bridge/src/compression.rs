//! Payloads that are compressed on their way over a link, as docs/COMPRESSION.md says.
//!
//! Each algorithm is a cargo feature, `zstd` and `lz4`: a program without it tells its peers that it does not read it, and they
//! send without.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

#[cfg(any(feature = "lz4", feature = "zstd"))]
use actorbridge_proto::v1::Capability;
use actorbridge_proto::v1::{self, Code, Kind};
use actorbridge_proto::view::EnvelopeView;
use actorbridge_proto::{What, writer};
use bytes::Bytes;

use crate::error::Fault;

/// Most bytes of a payload once it is decompressed: the default of `Limits.max_message_bytes`.
const MAX_PAYLOAD: u64 = 16 << 20;
/// No byte of LZ4 stands for more.
#[cfg(feature = "lz4")]
const LZ4_MOST: u64 = 255;

/// An algorithm that payloads are compressed by; each is a cargo feature. [`Builder::compression`](crate::Builder::compression) says
/// which one a node writes. It reads all that it is built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// A frame of [RFC 8878](https://www.rfc-editor.org/rfc/rfc8878), about as level 1 writes it.
    #[cfg(feature = "zstd")]
    Zstd,
    /// An [LZ4 block](https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md), without a frame. The fastest one.
    #[cfg(feature = "lz4")]
    Lz4,
}

impl Compression {
    const ALL: &[Self] = &[
        #[cfg(feature = "zstd")]
        Self::Zstd,
        #[cfg(feature = "lz4")]
        Self::Lz4,
    ];

    /// What this program says that it reads, when a link is made.
    pub(crate) fn capabilities() -> impl Iterator<Item = u32> {
        Self::ALL.iter().map(|by| by.capability())
    }

    pub(crate) fn capability(self) -> u32 {
        match self {
            #[cfg(feature = "zstd")]
            Self::Zstd => Capability::ZstdPayloads as u32,
            #[cfg(feature = "lz4")]
            Self::Lz4 => Capability::Lz4Payloads as u32,
        }
    }

    fn number(self) -> v1::Compression {
        match self {
            #[cfg(feature = "zstd")]
            Self::Zstd => v1::Compression::Zstd,
            #[cfg(feature = "lz4")]
            Self::Lz4 => v1::Compression::Lz4,
        }
    }

    #[cfg_attr(not(any(feature = "zstd", feature = "lz4")), expect(unused_variables))]
    fn compress(self, payload: &[u8]) -> Vec<u8> {
        match self {
            #[cfg(feature = "zstd")]
            Self::Zstd => ruzstd::encoding::compress_to_vec(payload, ruzstd::encoding::CompressionLevel::Fastest),
            #[cfg(feature = "lz4")]
            Self::Lz4 => lz4_flex::block::compress(payload),
        }
    }

    /// The payload, whose size is at most `MAX_PAYLOAD`. The error says why there is none.
    #[cfg_attr(not(any(feature = "zstd", feature = "lz4")), expect(unused_variables))]
    fn decompress(self, compressed: &[u8], size: usize) -> Result<Vec<u8>, String> {
        match self {
            #[cfg(feature = "zstd")]
            Self::Zstd => {
                let mut decoder = ruzstd::decoding::FrameDecoder::new();
                decoder.set_max_window_size(MAX_PAYLOAD);
                let mut payload = vec![0; size];
                let read = decoder
                    .decode_all(compressed, &mut payload)
                    .map_err(|e| e.to_string())?;
                payload.truncate(read);
                Ok(payload)
            }
            #[cfg(feature = "lz4")]
            Self::Lz4 => {
                if size as u64 > LZ4_MOST * compressed.len() as u64 {
                    return Err("no block of this length holds so much".into());
                }
                lz4_flex::block::decompress(compressed, size).map_err(|e| e.to_string())
            }
        }
    }

    /// A message of this node with its payload compressed; `None` = it stays as it is: it would not become smaller, or another
    /// reader than [`decompressed`] looks at it.
    pub(crate) fn of_message(self, least: usize, what: &What, body: &Bytes) -> Option<Arc<(What, Bytes)>> {
        let view = EnvelopeView::read_body(body, 0).ok()?;
        let payload = view.payload;
        let known = view.compression != 0 || view.raw_size != 0 || what.compression != 0;
        // It is written last.
        let head = body.len().checked_sub(payload.len())?;
        let is_last = payload.as_ptr().addr() == body[head..].as_ptr().addr();
        if known || !is_last || payload.len() < least.max(1) || what.kind == Kind::Failure as u32 {
            return None;
        }
        let head = head.checked_sub(writer::payload_head(payload.len()))?;
        let compressed = self.compress(payload);
        let body = writer::compressed_body(&body[..head], payload.len(), &compressed);
        let what = writer::compressed_what(what, self.number());
        (compressed.len() < payload.len()).then(|| Arc::new((what, body)))
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name(self.number() as u32).unwrap_or_default())
    }
}

/// As a program's options name it: zstd or lz4.
impl FromStr for Compression {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        let known = [v1::Compression::Zstd, v1::Compression::Lz4];
        let called =
            |number: &v1::Compression| name(*number as u32).is_some_and(|name| name.eq_ignore_ascii_case(given));
        let Some(number) = known.into_iter().find(called) else {
            return Err(format!("nothing compresses by {given}: zstd, lz4"));
        };
        let by = Self::ALL.iter().find(|by| by.number() == number);
        by.copied().ok_or_else(|| {
            format!("this program is built without {given}; enable the feature `{given}` of the crate actorbridge")
        })
    }
}

fn name(number: u32) -> Option<&'static str> {
    match v1::Compression::try_from(number as i32).ok()? {
        v1::Compression::None => None,
        v1::Compression::Zstd => Some("zstd"),
        v1::Compression::Lz4 => Some("LZ4"),
    }
}

/// The payload that came compressed, `size` bytes of it as its sender says.
pub(crate) fn decompressed(number: u32, compressed: &[u8], size: u64) -> Result<Bytes, Fault> {
    let Some(by) = Compression::ALL.iter().find(|by| by.number() as u32 == number) else {
        let detail = match name(number) {
            Some(name) => format!(
                "its payload is compressed by {name}, which this program is built without: build it with the feature {}",
                name.to_lowercase()
            ),
            None => format!("its payload is compressed by algorithm {number}, which is not known here"),
        };
        return Err(Fault::new(Code::UnsupportedCodec, detail));
    };
    if size > MAX_PAYLOAD {
        let detail = format!("its payload has {size} bytes once it is decompressed; at most {MAX_PAYLOAD}");
        return Err(Fault::new(Code::TooLarge, detail));
    }
    let undecodable = |why: &str| {
        let detail = format!("its payload of {size} bytes does not decompress by {by}: {why}");
        Fault::new(Code::Undecodable, detail)
    };
    if size == 0 {
        return Err(undecodable("raw_size must say how long it is"));
    }
    match by.decompress(compressed, size as usize) {
        Ok(payload) if payload.len() as u64 == size => Ok(payload.into()),
        Ok(payload) => Err(undecodable(&format!("it has {}", payload.len()))),
        Err(why) => Err(undecodable(&why)),
    }
}
