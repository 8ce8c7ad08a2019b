//! Messages on stdin and stdout, each behind its length: 4 bytes, the most significant first.

use std::io::{ErrorKind, Read, Result, Write};

/// No message is longer; a peer that says so is broken.
pub const MAX_BYTES: usize = 96 << 20;

/// Reads one message; `None` at the end.
///
/// # Errors
/// Those of the reader; `InvalidData` above [`MAX_BYTES`].
pub fn read(from: &mut impl Read) -> Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    if let Err(e) = from.read_exact(&mut length) {
        return if e.kind() == ErrorKind::UnexpectedEof {
            Ok(None)
        } else {
            Err(e)
        };
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_BYTES {
        return Err(std::io::Error::new(
            ErrorKind::InvalidData,
            format!("a message of {length} bytes, over the limit of {MAX_BYTES}"),
        ));
    }
    let mut message = vec![0; length];
    from.read_exact(&mut message)?;
    Ok(Some(message))
}

/// Writes one message, and flushes.
///
/// # Errors
/// Those of the writer.
pub fn write(to: &mut impl Write, message: &[u8]) -> Result<()> {
    let length = u32::try_from(message.len()).map_err(|e| std::io::Error::new(ErrorKind::InvalidData, e))?;
    to.write_all(&length.to_be_bytes())?;
    to.write_all(message)?;
    to.flush()
}
