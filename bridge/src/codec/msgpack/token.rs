//! Values of MessagePack.

use crate::codec::{MAX_DEPTH, too_deep};

/// A value, or the head of an array or a map.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Token<'a> {
    Nil,
    Bool(bool),
    /// Of 64 bits, with or without a sign.
    Int(i128),
    Float32(f32),
    Float64(f64),
    Text(&'a [u8]),
    Data(&'a [u8]),
    /// So many values follow.
    Array(usize),
    /// So many pairs follow.
    Map(usize),
    Extension(i8, &'a [u8]),
}

impl Token<'_> {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "a bool",
            Self::Int(_) => "an integer",
            Self::Float32(_) => "a float 32",
            Self::Float64(_) => "a float 64",
            Self::Text(_) => "a string",
            Self::Data(_) => "binary",
            Self::Array(_) => "an array",
            Self::Map(_) => "a map",
            Self::Extension(..) => "an extension",
        }
    }

    /// The error of a value that stands where another one belongs.
    pub(super) fn instead_of(&self, other: &str) -> String {
        format!("{} stands where {other} belongs", self.name())
    }

    pub(super) fn int<T: TryFrom<i128>>(self) -> Result<T, String> {
        match self {
            Self::Int(n) => T::try_from(n).map_err(|_| format!("{n} does not fit into {}", std::any::type_name::<T>())),
            other => Err(other.instead_of("an integer")),
        }
    }

    /// A float as it is; an integer if it is the same number.
    pub(super) fn float(self) -> Result<f64, String> {
        /// Up to here each integer has a float of its own.
        const EXACT: i128 = 1 << 53;
        match self {
            Self::Float32(v) => Ok(v.into()),
            Self::Float64(v) => Ok(v),
            Self::Int(n) if (-EXACT..=EXACT).contains(&n) => Ok(n as f64),
            Self::Int(n) => Err(format!("{n} does not fit into a float without loss")),
            other => Err(other.instead_of("a number")),
        }
    }

    /// The nearest number of 32 bits. One that is too large is an error, and so is an integer that would be another one.
    pub(super) fn float32(self) -> Result<f32, String> {
        let wide = self.float()?;
        let narrow = wide as f32;
        if narrow.is_infinite() && wide.is_finite() {
            return Err("a number is too large for a float 32".into());
        }
        match self {
            Self::Int(n) if f64::from(narrow) != wide => Err(format!("{n} does not fit into a float 32 without loss")),
            _ => Ok(narrow),
        }
    }
}

/// Takes values from the front of what is left. Before it makes anything by a length that it reads, it looks whether so much is
/// left.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn take(&mut self, n: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(n).ok_or_else(short)?;
        self.rest = rest;
        Ok(taken)
    }

    /// An unsigned number of so many bytes.
    fn number(&mut self, bytes: usize) -> Result<u64, String> {
        Ok(self.take(bytes)?.iter().fold(0, |n, b| n << 8 | u64::from(*b)))
    }

    fn length(&mut self, bytes: usize) -> Result<usize, String> {
        usize::try_from(self.number(bytes)?).map_err(|_| short())
    }

    /// Takes a value; of an array or a map only the head.
    pub(super) fn next(&mut self) -> Result<Token<'a>, String> {
        let head = self.take(1)?[0];
        Ok(match head {
            0x00..=0x7f => Token::Int(head.into()),
            0x80..=0x8f => self.counted(usize::from(head & 0x0f), Token::Map, 2)?,
            0x90..=0x9f => self.counted(usize::from(head & 0x0f), Token::Array, 1)?,
            0xa0..=0xbf => Token::Text(self.take(usize::from(head & 0x1f))?),
            0xc0 => Token::Nil,
            0xc1 => return Err("a value begins with 0xc1, which MessagePack does not use".into()),
            0xc2 | 0xc3 => Token::Bool(head == 0xc3),
            0xc4..=0xc6 => Token::Data(self.sized(1 << (head - 0xc4))?),
            0xc7..=0xc9 => {
                let length = self.length(1 << (head - 0xc7))?;
                self.extension(length)?
            }
            0xca => Token::Float32(f32::from_bits(self.number(4)? as u32)),
            0xcb => Token::Float64(f64::from_bits(self.number(8)?)),
            0xcc..=0xcf => Token::Int(self.number(1 << (head - 0xcc))?.into()),
            0xd0..=0xd3 => self.signed(1 << (head - 0xd0))?,
            0xd4..=0xd8 => self.extension(1 << (head - 0xd4))?,
            0xd9..=0xdb => Token::Text(self.sized(1 << (head - 0xd9))?),
            0xdc | 0xdd => {
                let count = self.length(2 << (head - 0xdc))?;
                self.counted(count, Token::Array, 1)?
            }
            0xde | 0xdf => {
                let count = self.length(2 << (head - 0xde))?;
                self.counted(count, Token::Map, 2)?
            }
            0xe0..=0xff => Token::Int((head as i8).into()),
        })
    }

    fn sized(&mut self, bytes: usize) -> Result<&'a [u8], String> {
        let length = self.length(bytes)?;
        self.take(length)
    }

    fn signed(&mut self, bytes: usize) -> Result<Token<'a>, String> {
        let unused = 64 - 8 * bytes;
        let value = (self.number(bytes)? << unused) as i64 >> unused;
        Ok(Token::Int(value.into()))
    }

    fn extension(&mut self, length: usize) -> Result<Token<'a>, String> {
        let which = self.take(1)?[0] as i8;
        Ok(Token::Extension(which, self.take(length)?))
    }

    /// The head of what holds so many values, each of at least `least` bytes.
    fn counted(&self, count: usize, make: fn(usize) -> Token<'a>, least: usize) -> Result<Token<'a>, String> {
        match count.checked_mul(least) {
            Some(bytes) if bytes <= self.rest.len() => Ok(make(count)),
            _ => Err(short()),
        }
    }

    /// Takes a whole value, which lies in `depth` containers, and gives its bytes.
    pub(super) fn skip(&mut self, depth: usize) -> Result<&'a [u8], String> {
        let from = *self;
        let values = match self.next()? {
            Token::Array(count) => count,
            Token::Map(count) => 2 * count,
            _ => return Ok(from.taken(self)),
        };
        if depth >= MAX_DEPTH {
            return Err(too_deep());
        }
        for _ in 0..values {
            self.skip(depth + 1)?;
        }
        Ok(from.taken(self))
    }

    /// What a later state of this reader has taken since.
    pub(super) fn taken(&self, since: &Self) -> &'a [u8] {
        &self.rest[..self.rest.len() - since.rest.len()]
    }

    pub(super) fn end(&self) -> Result<(), String> {
        match self.rest.len() {
            0 => Ok(()),
            more => Err(format!("{more} bytes follow its end")),
        }
    }
}

fn short() -> String {
    "it ends in the middle of a value".into()
}

pub(super) fn put_uint(out: &mut Vec<u8>, n: u64) {
    match n {
        0..=0x7f => out.push(n as u8),
        0x80..=0xff => out.extend([0xcc, n as u8]),
        0x100..=0xffff => put(out, 0xcd, &(n as u16).to_be_bytes()),
        0x1_0000..=0xffff_ffff => put(out, 0xce, &(n as u32).to_be_bytes()),
        _ => put(out, 0xcf, &n.to_be_bytes()),
    }
}

pub(super) fn put_int(out: &mut Vec<u8>, n: i64) {
    match n {
        0.. => put_uint(out, n as u64),
        -32..=-1 => out.push(n as u8),
        -0x80..=-33 => out.extend([0xd0, n as u8]),
        -0x8000..=-0x81 => put(out, 0xd1, &(n as i16).to_be_bytes()),
        -0x8000_0000..=-0x8001 => put(out, 0xd2, &(n as i32).to_be_bytes()),
        _ => put(out, 0xd3, &n.to_be_bytes()),
    }
}

/// There is one NaN for all languages.
pub(super) fn put_float32(out: &mut Vec<u8>, v: f32) {
    let bits = if v.is_nan() { 0x7fc0_0000 } else { v.to_bits() };
    put(out, 0xca, &bits.to_be_bytes());
}

/// As [`put_float32`].
pub(super) fn put_float64(out: &mut Vec<u8>, v: f64) {
    let bits = if v.is_nan() { 0x7ff8_0000_0000_0000 } else { v.to_bits() };
    put(out, 0xcb, &bits.to_be_bytes());
}

fn put(out: &mut Vec<u8>, head: u8, bytes: &[u8]) {
    out.push(head);
    out.extend(bytes);
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    match text.len() {
        length @ 0..=31 => out.push(0xa0 | length as u8),
        length => put_length(out, [Some(0xd9), Some(0xda), Some(0xdb)], length),
    }
    out.extend(text.as_bytes());
}

pub(super) fn put_data(out: &mut Vec<u8>, data: &[u8]) {
    put_length(out, [Some(0xc4), Some(0xc5), Some(0xc6)], data.len());
    out.extend(data);
}

pub(super) fn put_array(out: &mut Vec<u8>, count: usize) {
    match count {
        0..=15 => out.push(0x90 | count as u8),
        _ => put_length(out, [None, Some(0xdc), Some(0xdd)], count),
    }
}

pub(super) fn put_map(out: &mut Vec<u8>, count: usize) {
    match count {
        0..=15 => out.push(0x80 | count as u8),
        _ => put_length(out, [None, Some(0xde), Some(0xdf)], count),
    }
}

pub(super) fn put_extension(out: &mut Vec<u8>, which: i8, data: &[u8]) {
    match data.len() {
        length @ (1 | 2 | 4 | 8 | 16) => out.push(0xd4 + length.ilog2() as u8),
        length => put_length(out, [Some(0xc7), Some(0xc8), Some(0xc9)], length),
    }
    out.push(which as u8);
    out.extend(data);
}

/// Writes a length behind the head for its size: 8, 16 or 32 bits.
fn put_length(out: &mut Vec<u8>, heads: [Option<u8>; 3], length: usize) {
    match (heads, length) {
        ([Some(head), ..], 0..=0xff) => out.extend([head, length as u8]),
        ([_, Some(head), _], 0..=0xffff) => put(out, head, &(length as u16).to_be_bytes()),
        // A message is far below 4 GiB.
        ([.., head], _) => put(out, head.unwrap_or_default(), &(length as u32).to_be_bytes()),
    }
}
