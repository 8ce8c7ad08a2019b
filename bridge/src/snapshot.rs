//! Snapshots: an actor between two messages as bytes, and files of them. `docs/SNAPSHOT.md` is the table of the format.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use actorbridge_proto::Refusal;
use actorbridge_proto::v1::{Capsule, Code, SnapshotHeader, SnapshotInfo};
use actorbridge_proto::wire::{Fields, Value};
use bytes::{Bytes, BytesMut};
use prost::Message as _;
use sha2::{Digest, Sha256};

use crate::actor::State;
use crate::address::Address;
use crate::error::Error;

const MAGIC: [u8; 8] = *b"\x89ABSNP\r\n";
/// The format version that is written, and the highest least reader that is read.
const FORMAT: u32 = 1;
const PREFIX: usize = 24;
const CHUNK: usize = 64 << 10;
const CRC: usize = 4;
const MAX_HEADER: usize = 64 << 10;
/// Most bytes of a snapshot.
const MAX_BYTES: usize = 64 << 20;
/// A capsule may have so many entries, and one more for each so many bytes of it: many tiny ones would take a hundred times
/// their bytes.
const FREE_ENTRIES: usize = 1 << 18;
const BYTES_AN_ENTRY: usize = 32;
const CODEC: &str = "protobuf";

/// An actor at one moment between two messages: its state, and what makes it the same actor elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Logical address.
    pub actor: String,
    /// The owner's epoch when it was taken.
    pub epoch: u64,
    /// Messages handled when it was taken.
    pub seq: u64,
    /// Its state.
    pub state: State,
    pub(crate) capsule: Capsule,
}

fn bad(what: &str, code: Code, detail: impl Into<String>) -> Error {
    Error::new(code, what, detail)
}

impl Snapshot {
    /// The bytes of a file, and what its header says.
    pub fn to_bytes(&self) -> (Bytes, SnapshotInfo) {
        let capsule_size = self.capsule.encoded_len();
        let mut stored = Vec::with_capacity(capsule_size + self.state.bytes.len());
        // A vector has room for everything.
        let _ = self.capsule.encode(&mut stored);
        stored.extend_from_slice(&self.state.bytes);
        let sha256 = Bytes::copy_from_slice(&Sha256::digest(&stored));
        let header = SnapshotHeader {
            actor: self.actor.clone(),
            epoch: self.epoch,
            seq: self.seq,
            r#type: self.state.type_name.clone(),
            version: self.state.version,
            codec: CODEC.into(),
            compression: 0,
            capsule_size: capsule_size as u64,
            state_size: self.state.bytes.len() as u64,
            sha256: sha256.clone(),
        };
        let head = header.encode_to_vec();
        let mut out = Vec::with_capacity(file_size(head.len(), stored.len()));
        out.extend_from_slice(&MAGIC);
        for number in [FORMAT, FORMAT, head.len() as u32] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        let crc = crc32c::crc32c_append(crc32c::crc32c(&out), &head);
        out.extend_from_slice(&crc.to_le_bytes());
        out.extend_from_slice(&head);
        for chunk in stored.chunks(CHUNK) {
            out.extend_from_slice(chunk);
            out.extend_from_slice(&crc32c::crc32c(chunk).to_le_bytes());
        }
        let info = SnapshotInfo {
            actor: self.actor.clone(),
            epoch: self.epoch,
            seq: self.seq,
            r#type: self.state.type_name.clone(),
            version: self.state.version,
            sha256,
            size: out.len() as u64,
        };
        (out.into(), info)
    }

    /// Reads a file's bytes. `name` is what an error is about.
    ///
    /// # Errors
    /// UNDECODABLE for any damage, and what is damaged; UNSUPPORTED_VERSION for a later format; UNSUPPORTED_CODEC;
    /// TOO_LARGE.
    pub fn read(name: &str, bytes: &[u8]) -> Result<Self, Error> {
        Self::read_hashed(name, bytes).map(|(snapshot, _)| snapshot)
    }

    /// As [`Snapshot::read`], with the sha256 of what is stored.
    pub(crate) fn read_hashed(name: &str, bytes: &[u8]) -> Result<(Self, Bytes), Error> {
        let damaged = |detail: &str| bad(name, Code::Undecodable, format!("the snapshot is damaged: {detail}"));
        let (header, head_len) = read_header(name, bytes)?;
        if header.codec != CODEC || header.compression != 0 {
            let detail = format!(
                "the snapshot's codec is {:?}, compression {}; protobuf without compression is read here",
                header.codec, header.compression
            );
            return Err(bad(name, Code::UnsupportedCodec, detail));
        }
        let total = header.capsule_size.checked_add(header.state_size);
        let Some(stored_len) = total.filter(|t| *t <= MAX_BYTES as u64) else {
            return Err(bad(name, Code::TooLarge, "the snapshot is over 64 MiB"));
        };
        let stored_len = stored_len as usize;
        let expected = file_size(head_len, stored_len);
        if bytes.len() != expected {
            let text = format!("it has {} bytes, its header says {expected}", bytes.len());
            return Err(damaged(&text));
        }
        let mut stored = BytesMut::with_capacity(stored_len);
        for (i, with_crc) in bytes[PREFIX + head_len..].chunks(CHUNK + CRC).enumerate() {
            let (chunk, crc) = with_crc.split_at(with_crc.len() - CRC);
            if crc32c::crc32c(chunk).to_le_bytes() != crc {
                return Err(damaged(&format!("chunk {i} does not match its checksum")));
            }
            stored.extend_from_slice(chunk);
        }
        let mut stored = stored.freeze();
        if Sha256::digest(&stored)[..] != header.sha256[..] {
            return Err(damaged("its content does not match its sha256"));
        }
        let capsule = stored.split_to(header.capsule_size as usize);
        let undecodable = |why: &str| damaged(&format!("its capsule does not decode: {why}"));
        let most = FREE_ENTRIES + capsule.len() / BYTES_AN_ENTRY;
        let entries = entries(&capsule, &[1, 2]).map_err(|r| undecodable(&r.detail))?;
        if entries > most {
            let bytes = capsule.len();
            let text = format!("the snapshot's capsule of {bytes} bytes has {entries} entries, and may have {most}");
            return Err(bad(name, Code::TooLarge, text));
        }
        let capsule = Capsule::decode(capsule).map_err(|e| undecodable(&e.to_string()))?;
        let snapshot = Self {
            actor: header.actor,
            epoch: header.epoch,
            seq: header.seq,
            state: State {
                type_name: header.r#type,
                version: header.version,
                bytes: stored,
            },
            capsule,
        };
        Ok((snapshot, header.sha256))
    }
}

/// Counts the length-delimited fields of a message, and those inside its fields of these numbers: of a capsule, inputs and
/// outputs have entries of their own.
fn entries(message: &[u8], within: &[u32]) -> Result<usize, Refusal> {
    let (mut fields, mut count) = (Fields::new(message), 0);
    while let Some(field) = fields.next_field()? {
        if let Value::Bytes(inner) = field.value {
            count += 1;
            if within.contains(&field.number) {
                count += entries(inner, &[])?;
            }
        }
    }
    Ok(count)
}

/// The header and its length.
fn read_header(name: &str, bytes: &[u8]) -> Result<(SnapshotHeader, usize), Error> {
    let damaged = |detail: &str| bad(name, Code::Undecodable, format!("the snapshot is damaged: {detail}"));
    if bytes.len() > file_size(MAX_HEADER, MAX_BYTES) {
        return Err(bad(name, Code::TooLarge, "the snapshot is over 64 MiB"));
    }
    if bytes.len() < PREFIX {
        return Err(damaged(&format!(
            "it has {} bytes; a header alone has more",
            bytes.len()
        )));
    }
    if bytes[..8] != MAGIC {
        return Err(damaged("it does not begin as a snapshot does"));
    }
    let number = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let (format, least_reader, head_len) = (number(8), number(12), number(16) as usize);
    if format == 0 || least_reader > FORMAT {
        let detail = format!(
            "the snapshot has format {format} and needs a reader of {least_reader}; this one reads {FORMAT}; upgrade it"
        );
        return Err(bad(name, Code::UnsupportedVersion, detail));
    }
    if head_len > MAX_HEADER {
        return Err(bad(name, Code::TooLarge, "the snapshot's header is over 64 KiB"));
    }
    let Some(head) = bytes.get(PREFIX..PREFIX + head_len) else {
        return Err(damaged("it ends inside its header"));
    };
    if crc32c::crc32c_append(crc32c::crc32c(&bytes[..20]), head) != number(20) {
        return Err(damaged("its header does not match its checksum"));
    }
    let header = SnapshotHeader::decode(head).map_err(|e| damaged(&format!("its header does not decode: {e}")))?;
    Ok((header, head_len))
}

fn file_size(head: usize, stored: usize) -> usize {
    PREFIX + head + stored + CRC * stored.div_ceil(CHUNK)
}

/// A folder with the latest snapshot of each actor.
#[derive(Debug, Clone)]
pub struct FileStore {
    folder: PathBuf,
}

impl FileStore {
    /// A store in this folder, which is made if it is not there.
    ///
    /// # Errors
    /// UNAVAILABLE, with what the system said.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, Error> {
        let folder = folder.into();
        fs::create_dir_all(&folder).map_err(|e| failed(&folder, "cannot be made", &e))?;
        Ok(Self { folder })
    }

    /// The file of an actor.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for an address that is not valid.
    pub fn file_of(&self, actor: &str) -> Result<PathBuf, Error> {
        let path = actor.parse::<Address>()?.path().to_owned();
        // No path has a %, so two actors never share a file; long paths are named by their hash.
        let mut name = path.replace('/', "%");
        if name.len() > 200 {
            let hash = Sha256::digest(path.as_bytes());
            name = hash.iter().map(|b| format!("{b:02x}")).collect::<String>() + "%";
        }
        Ok(self.folder.join(name + ".snapshot"))
    }

    /// Saves a snapshot in place of the actor's last one. A reader, and a crash at any moment, see the one or the other.
    ///
    /// # Errors
    /// UNAVAILABLE, with what the system said; the last one is still there.
    pub fn save(&self, snapshot: &Snapshot) -> Result<SnapshotInfo, Error> {
        let (bytes, info) = snapshot.to_bytes();
        let file = self.file_of(&snapshot.actor)?;
        let number = format!("{:016x}", crate::node::random());
        let temporary = self.folder.join(format!(".{number}.tmp"));
        let written = write_synced(&temporary, &bytes).and_then(|()| fs::rename(&temporary, &file));
        if let Err(error) = written {
            let _ = fs::remove_file(&temporary);
            return Err(failed(&file, "cannot be written", &error));
        }
        // The rename itself is on disk only with its folder.
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(|e| failed(&self.folder, "cannot be synced", &e))?;
        Ok(info)
    }

    /// The latest snapshot of an actor; `None` = there is none.
    ///
    /// # Errors
    /// As [`Snapshot::read`]; UNAVAILABLE if the file cannot be read; STATE_LOST if it is another actor's.
    pub fn load(&self, actor: &str) -> Result<Option<Snapshot>, Error> {
        let file = self.file_of(actor)?;
        let mut bytes = Vec::new();
        let opened = match File::open(&file) {
            Ok(opened) => opened,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&file, "cannot be opened", &error)),
        };
        let limit = file_size(MAX_HEADER, MAX_BYTES) as u64 + 1;
        let read = opened.take(limit).read_to_end(&mut bytes);
        read.map_err(|e| failed(&file, "cannot be read", &e))?;
        let snapshot = Snapshot::read(&file.to_string_lossy(), &bytes)?;
        let path = |text: &str| text.parse::<Address>().ok().map(|a| a.path().to_owned());
        if path(&snapshot.actor) != path(actor) {
            let detail = format!("the file holds {}, not {actor}", snapshot.actor);
            return Err(bad(&file.to_string_lossy(), Code::StateLost, detail));
        }
        Ok(Some(snapshot))
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn failed(path: &Path, what: &str, error: &std::io::Error) -> Error {
    bad(
        &path.to_string_lossy(),
        Code::Unavailable,
        format!("it {what}: {error}"),
    )
}

#[cfg(test)]
mod tests;
