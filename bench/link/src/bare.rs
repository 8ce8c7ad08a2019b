//! What there is without actors: a gRPC server whose messages are raw bytes, and a TCP server. What is told is a message behind
//! its length (4 bytes, little-endian), one behind the other; they read every byte of it, as the actors do.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{ClientStreamingService, Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status, Streaming};

/// The windows of the remote door, so that they are no difference.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;

/// Counts messages, and adds up their bytes.
#[derive(Default)]
struct Tally {
    messages: u64,
    sum: u64,
}

impl Tally {
    /// Takes the messages that are complete.
    fn take(&mut self, data: &mut impl bytes::Buf) {
        while data.remaining() >= 4 {
            let at = data.chunk();
            let length = u32::from_le_bytes([at[0], at[1], at[2], at[3]]) as usize;
            let Some(message) = at.get(4..4 + length) else { return };
            self.sum += message.iter().map(|b| u64::from(*b)).sum::<u64>();
            self.messages += 1;
            data.advance(4 + length);
        }
    }

    fn to_bytes(&self) -> Bytes {
        Bytes::copy_from_slice(&[self.messages.to_le_bytes(), self.sum.to_le_bytes()].concat())
    }
}

pub(crate) async fn listen_tcp() -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(serve_tcp(socket));
        }
    });
    Ok(address)
}

/// The first byte says what is wanted: `c`, count until the end, or `e`, give back.
async fn serve_tcp(mut socket: TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut buffer = BytesMut::with_capacity(256 << 10);
    let gives_back = socket.read_u8().await? == b'e';
    let mut tally = Tally::default();
    while socket.read_buf(&mut buffer).await? > 0 {
        if gives_back {
            socket.write_all_buf(&mut buffer).await?;
        } else {
            tally.take(&mut buffer);
        }
        buffer.reserve(64 << 10);
    }
    socket.write_all(&tally.to_bytes()).await
}

pub(crate) async fn listen_grpc() -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let incoming = tokio_stream::StreamExt::map(TcpListenerStream::new(listener), |socket| {
        socket.inspect(|s| drop(s.set_nodelay(true)))
    });
    let server = tonic::transport::Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .add_service(Bare);
    tokio::spawn(async move { server.serve_with_incoming(incoming).await });
    Ok(address)
}

#[derive(Clone)]
struct Bare;

impl NamedService for Bare {
    const NAME: &'static str = "bench.Bare";
}

impl tower::Service<http::Request<Body>> for Bare {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = Grpc::new(Raw);
            Ok(match request.uri().path() {
                "/bench.Bare/Count" => grpc.client_streaming(Self, request).await,
                _ => grpc.unary(Self, request).await,
            })
        })
    }
}

impl ClientStreamingService<Bytes> for Bare {
    type Response = Bytes;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Bytes>, Status>> + Send>>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        Box::pin(async move {
            let (mut tally, mut frames) = (Tally::default(), request.into_inner());
            while let Some(mut frame) = frames.message().await? {
                tally.take(&mut frame);
            }
            Ok(Response::new(tally.to_bytes()))
        })
    }
}

impl UnaryService<Bytes> for Bare {
    type Response = Bytes;
    type Future = Ready<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        ready(Ok(Response::new(request.into_inner())))
    }
}

/// Messages as the bytes they are.
#[derive(Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, input: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(input.copy_to_bytes(input.remaining())))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(64 << 10, 256 << 10)
    }
}
