//! A peer that writes HTTP/2 by hand, so that it can break every rule.

use std::collections::VecDeque;

use actorbridge::proto::v1;
use actorbridge::proto::{Item, Packet, Run, writer};
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::LONG;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
/// HTTP/2's initial window.
const WINDOW: i64 = 65_535;

/// One connection with one gRPC call on it.
pub struct Raw {
    socket: TcpStream,
    /// Bytes of HTTP/2 that have come and are not taken apart.
    incoming: Vec<u8>,
    /// Bytes of gRPC messages.
    body: Vec<u8>,
    /// The prefixes of the node's types, and its answers that nobody has looked at.
    types: Vec<Bytes>,
    answers: VecDeque<Bytes>,
    /// The number of the last frame that was sent.
    pub number: u64,
    over: bool,
    /// It is over since the node has reset the call.
    was_reset: bool,
    /// Other calls that the node has answered, and whether it took them.
    answered: Vec<(u32, bool)>,
    /// What the node lets this peer send yet: on the call, and on the connection. The peer itself grants nothing more.
    call_room: i64,
    room: i64,
}

fn http2(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    out.extend([kind, flags]);
    out.extend(stream.to_be_bytes());
    out.extend(payload);
    out
}

/// Bytes as a gRPC message.
fn message_of(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0];
    out.extend((bytes.len() as u32).to_be_bytes());
    out.extend(bytes);
    out
}

/// Header fields as HPACK literals: POST, http, the path, the authority, content-type and te.
fn headers(path: &str) -> Vec<u8> {
    let mut out = vec![0x83, 0x86];
    let mut literal = |name: &[u8], value: &str| {
        out.extend(name);
        out.push(value.len() as u8);
        out.extend(value.as_bytes());
    };
    literal(&[0x04], path);
    literal(&[0x01], "localhost");
    literal(&[0x0f, 0x10], "application/grpc");
    literal(&[0x00, 2, b't', b'e'], "trailers");
    out
}

/// One header of 3,000 bytes that HPACK's table keeps, and what refers to it, up to so many bytes.
fn large_header(bytes: usize) -> Vec<u8> {
    let mut out = vec![0x40, 1, b'x', 0x7f, 0xb9, 0x16];
    out.extend([b'x'; 3_000]);
    out.extend(vec![0xbe; bytes / 3_033 - 1]);
    out
}

/// A TCP connection to a node's `tcp://` address.
pub async fn socket(address: &str) -> TcpStream {
    let address = address.strip_prefix("tcp://").expect("a TCP address");
    let socket = TcpStream::connect(address).await.expect("it listens");
    // What is written apart comes apart.
    socket.set_nodelay(true).expect("set");
    socket
}

impl Raw {
    /// Calls the method that carries links. No Hello has been said.
    pub async fn call(address: &str) -> Self {
        let mut socket = socket(address).await;
        let mut out = PREFACE.to_vec();
        out.extend(http2(SETTINGS, 0, 0, &[]));
        out.extend(http2(HEADERS, 4, 1, &headers("/actorbridge.v1.Bridge/Link")));
        socket.write_all(&out).await.expect("written");
        Self::on(socket)
    }

    fn on(socket: TcpStream) -> Self {
        Self {
            socket,
            incoming: Vec::new(),
            body: Vec::new(),
            types: Vec::new(),
            answers: VecDeque::new(),
            number: 0,
            over: false,
            was_reset: false,
            answered: Vec::new(),
            call_room: WINDOW,
            room: WINDOW,
        }
    }

    /// Takes a node's dial, and ends the handshake well.
    pub async fn accept(listener: &TcpListener) -> Self {
        let (mut socket, _) = listener.accept().await.expect("a node dials");
        socket.set_nodelay(true).expect("set");
        socket.read_exact(&mut [0; PREFACE.len()]).await.expect("a preface");
        let mut out = http2(SETTINGS, 0, 0, &[]);
        // :status 200 and content-type.
        let answer = [&[0x88, 0x0f, 0x10, 16][..], b"application/grpc"].concat();
        out.extend(http2(HEADERS, 4, 1, &answer));
        socket.write_all(&out).await.expect("written");
        let mut raw = Self::on(socket);
        let hello = raw.next().await.expect("a frame").head.hello.expect("a Hello");
        let welcome = v1::Welcome {
            protocol: hello.max_protocol,
            node: "raw".into(),
            incarnation: 7,
            ..Default::default()
        };
        raw.head(v1::Frame {
            welcome: Some(welcome),
            ..Default::default()
        })
        .await;
        raw
    }

    /// Takes a node's dial, and answers its call with so many bytes of headers and no body. Whether the node has reset the call for them.
    pub async fn answer_with_headers(listener: &TcpListener, bytes: usize) -> bool {
        let (mut socket, _) = listener.accept().await.expect("a node dials");
        socket.read_exact(&mut [0; PREFACE.len()]).await.expect("a preface");
        let mut out = http2(SETTINGS, 0, 0, &[]);
        let mut answer = [&[0x88, 0x0f, 0x10, 16][..], b"application/grpc"].concat();
        answer.extend(large_header(bytes));
        out.extend(http2(HEADERS, 4, 1, &answer));
        socket.write_all(&out).await.expect("written");
        let mut raw = Self::on(socket);
        while !raw.over {
            raw.read().await;
        }
        raw.was_reset
    }

    /// Makes another call on the connection, of a method that no node has, with so many bytes of headers. Whether the node takes it.
    pub async fn call_with_headers(&mut self, stream: u32, bytes: usize) -> bool {
        let out = [headers("/no/Such"), large_header(bytes)].concat();
        self.socket
            .write_all(&http2(HEADERS, 5, stream, &out))
            .await
            .expect("written");
        while !self.over {
            if let Some((_, taken)) = self.answered.iter().find(|(of, _)| *of == stream) {
                return *taken;
            }
            let came = tokio::time::timeout(LONG, self.read()).await;
            came.expect("the node answers");
        }
        panic!("the node ended the connection");
    }

    /// Makes calls on the connection until the node ends it: each opens a method of the bridge, and either resets it at once or sends a
    /// whole message and reads nothing. Whether the node has ended it.
    pub async fn flood(mut self, method: &str, message: Option<&[u8]>) -> bool {
        let head = headers(&format!("/actorbridge.v1.Bridge/{method}"));
        for stream in (3..200_000).step_by(2) {
            let mut call = http2(HEADERS, 4, stream, &head);
            call.extend(match message {
                Some(message) => http2(DATA, 1, stream, &message_of(message)),
                None => http2(RST_STREAM, 0, stream, &[0, 0, 0, 8]),
            });
            if self.socket.write_all(&call).await.is_err() {
                return true;
            }
        }
        false
    }

    /// What the node lets this peer send yet on the call.
    pub fn room(&self) -> i64 {
        self.room.min(self.call_room)
    }

    /// Waits until the node has taken the connection: it says something of HTTP/2.
    pub async fn settled(&mut self) {
        let came = tokio::time::timeout(LONG, self.read()).await;
        came.expect("the node speaks first");
    }

    /// Calls, and ends the handshake well.
    pub async fn link(address: &str) -> Self {
        Self::link_with(address, &[]).await
    }

    /// The same, of a peer that can do so much.
    pub async fn link_with(address: &str, capabilities: &[v1::Capability]) -> Self {
        Self::link_as("raw", address, capabilities).await
    }

    /// The same, of a peer of another name.
    pub async fn link_as(node: &str, address: &str, capabilities: &[v1::Capability]) -> Self {
        let mut raw = Self::call(address).await;
        let hello = v1::Hello {
            node: node.into(),
            capabilities: capabilities.iter().map(|c| *c as u32).collect(),
            ..hello(1, 1)
        };
        raw.head(v1::Frame {
            hello: Some(hello),
            ..Default::default()
        })
        .await;
        let welcome = raw.next().await.expect("an answer").head.welcome.expect("a Welcome");
        assert_eq!(welcome.protocol, 1);
        raw
    }

    /// Lets the node send so many bytes more than HTTP/2's initial window.
    pub async fn grant(&mut self, bytes: u32) {
        for stream in [0, 1] {
            let update = http2(WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes());
            self.socket.write_all(&update).await.expect("written");
        }
    }

    /// Bytes of the call's body, whatever they are.
    pub async fn data(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(16_000) {
            let size = chunk.len() as i64;
            while self.room.min(self.call_room) < size && !self.over {
                self.read().await;
            }
            self.room -= size;
            self.call_room -= size;
            // The node may have ended the connection meanwhile.
            let _ = self.socket.write_all(&http2(DATA, 0, 1, chunk)).await;
        }
    }

    /// The end of the call's body.
    pub async fn end(&mut self) {
        let _ = self.socket.write_all(&http2(DATA, 1, 1, &[])).await;
    }

    /// One gRPC message.
    pub async fn message(&mut self, bytes: &[u8]) {
        self.data(&message_of(bytes)).await;
    }

    /// Thousands of frames that carry nothing, each in a DATA frame of its own. The node must let so much be sent.
    pub async fn empty_frames(&mut self, thousands: usize) {
        for _ in 0..thousands {
            let mut out = Vec::new();
            for _ in 0..1_000 {
                self.number += 1;
                let head = v1::Frame {
                    number: self.number,
                    ..Default::default()
                };
                let message = message_of(&Packet { head, runs: Vec::new() }.to_bytes());
                self.room -= message.len() as i64;
                self.call_room -= message.len() as i64;
                out.extend(http2(DATA, 0, 1, &message));
            }
            self.socket.write_all(&out).await.expect("written");
        }
        assert!(self.room() >= 0, "the node did not let so much be sent");
    }

    pub async fn head(&mut self, head: v1::Frame) {
        self.frame(head, Vec::new()).await;
    }

    pub async fn frame(&mut self, mut head: v1::Frame, runs: Vec<Run>) {
        self.number += 1;
        head.number = self.number;
        self.message(&Packet { head, runs }.to_bytes()).await;
    }

    /// Binds a stream to an actor.
    pub async fn open(&mut self, flow: u32, target: &str) {
        let open = v1::StreamOpen {
            flow,
            stream: u64::from(flow),
            epoch: 1,
            mode: v1::Mode::Flow as i32,
            prefix: writer::who("", target, "ab://raw/system").bytes,
            first_seq: 1,
            ..Default::default()
        };
        self.head(v1::Frame {
            open: vec![open],
            ..Default::default()
        })
        .await;
    }

    /// Messages of a flow, from `first_seq` on.
    pub async fn run(&mut self, flow: u32, first_seq: u64, ttl_ms: u32, bodies: &[Bytes]) {
        let item = |body: &Bytes| Item {
            type_id: 0,
            ttl_ms,
            body: body.clone(),
        };
        let run = Run {
            flow,
            first_seq,
            items: bodies.iter().map(item).collect(),
            ..Run::default()
        };
        self.frame(v1::Frame::default(), vec![run]).await;
    }

    /// The next frame of the node; `None` = the call is over.
    pub async fn next(&mut self) -> Option<Packet> {
        tokio::time::timeout(LONG, self.next_frame())
            .await
            .expect("the node says something, or ends the call, in time")
    }

    async fn next_frame(&mut self) -> Option<Packet> {
        loop {
            if self.body.len() >= 5 {
                let size = u32::from_be_bytes([self.body[1], self.body[2], self.body[3], self.body[4]]) as usize;
                if self.body.len() >= 5 + size {
                    let frame: Bytes = self.body.drain(..5 + size).skip(5).collect();
                    let packet = Packet::read(&frame, usize::MAX).expect("a node sends good frames");
                    self.keep_answers(&packet);
                    return Some(packet);
                }
            }
            if self.over {
                return None;
            }
            self.read().await;
        }
    }

    /// Waits until what `pick` looks for comes.
    pub async fn until<T>(&mut self, what: &str, mut pick: impl FnMut(&Packet) -> Option<T>) -> T {
        loop {
            let packet = self
                .next()
                .await
                .unwrap_or_else(|| panic!("the call ended before {what}"));
            if let Some(found) = pick(&packet) {
                return found;
            }
        }
    }

    /// Waits for the node's Goodbye, and the end of the call after it.
    pub async fn goodbye(&mut self) -> v1::Goodbye {
        let goodbye = self.until("a Goodbye", |p| p.head.goodbye.clone()).await;
        assert!(self.next().await.is_none(), "nothing follows a Goodbye");
        goodbye
    }

    /// Waits until the node ends the call, whatever it says before.
    pub async fn ended(&mut self) {
        while self.next().await.is_some() {}
    }

    /// Waits until the node closes the connection.
    pub async fn closed(mut self) {
        let all = async { while !matches!(self.socket.read(&mut [0; 1024]).await, Ok(0) | Err(_)) {} };
        tokio::time::timeout(LONG, all).await.expect("it is closed");
    }

    /// Waits for what the node says of a message that it refused.
    pub async fn outcome(&mut self, flow: u32) -> v1::Outcome {
        let of_flow = |p: &Packet| {
            let state = p.head.state.iter().find(|s| s.flow == flow && !s.outcomes.is_empty())?;
            state.outcomes.first().cloned()
        };
        self.until("an outcome", of_flow).await
    }

    /// Waits for the next answer to an ask: an envelope.
    pub async fn answer(&mut self) -> Bytes {
        while self.answers.is_empty() {
            self.next().await.expect("an answer comes before the end of the call");
        }
        self.answers.pop_front().expect("there is one")
    }

    /// Keeps the answers of a frame as complete envelopes.
    fn keep_answers(&mut self, packet: &Packet) {
        self.types.extend(packet.head.r#type.iter().map(|t| t.prefix.clone()));
        for item in packet
            .runs
            .iter()
            .filter(|r| r.flow == 0)
            .flat_map(|r| r.all().into_owned())
        {
            let what = (item.type_id as usize).checked_sub(1).map(|i| &self.types[i][..]);
            let answer = [what.unwrap_or_default(), &item.body[..]].concat();
            self.answers.push_back(answer.into());
        }
    }

    async fn read(&mut self) {
        let mut buffer = [0; 16_384];
        match self.socket.read(&mut buffer).await {
            Ok(0) | Err(_) => self.over = true,
            Ok(n) => self.incoming.extend(&buffer[..n]),
        }
        while self.incoming.len() >= 9 {
            let size = u32::from_be_bytes([0, self.incoming[0], self.incoming[1], self.incoming[2]]) as usize;
            if self.incoming.len() < 9 + size {
                break;
            }
            let frame: Vec<u8> = self.incoming.drain(..9 + size).collect();
            let (kind, flags, payload) = (frame[3], frame[4], &frame[9..]);
            let stream = u32::from_be_bytes([frame[5], frame[6], frame[7], frame[8]]);
            match kind {
                // 0x88 is :status 200.
                HEADERS | RST_STREAM if stream > 1 => self.answered.push((stream, payload[0] == 0x88)),
                DATA => self.body.extend(payload),
                RST_STREAM | GOAWAY => (self.over, self.was_reset) = (true, self.was_reset || kind == RST_STREAM),
                SETTINGS if flags == 0 => {
                    // They count for the node from this answer on.
                    let _ = self.socket.write_all(&http2(SETTINGS, 1, 0, &[])).await;
                    let initial = |field: &[u8]| field[..2] == [0, 4];
                    if let Some(field) = payload.chunks(6).find(|field| initial(field)) {
                        self.call_room +=
                            i64::from(u32::from_be_bytes([field[2], field[3], field[4], field[5]])) - WINDOW;
                    }
                }
                WINDOW_UPDATE => {
                    let more = i64::from(u32::from_be_bytes([payload[0], payload[1], payload[2], payload[3]]));
                    match stream == 0 {
                        true => self.room += more,
                        false => self.call_room += more,
                    }
                }
                _ => {}
            }
            // A HEADERS frame that ends the stream holds the trailers.
            self.over |= stream == 1 && matches!(kind, DATA | HEADERS) && flags & 1 == 1;
        }
    }
}

/// A Hello of a node named `raw`.
pub fn hello(min_protocol: u32, max_protocol: u32) -> v1::Hello {
    v1::Hello {
        min_protocol,
        max_protocol,
        node: "raw".into(),
        incarnation: 7,
        ..Default::default()
    }
}
