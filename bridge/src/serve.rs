//! A module as a program of its own: for the remote and the sidecar door.

use std::process::ExitCode;
use std::time::Duration;

use actorbridge_proto::v1::Code;
use prost_types::Timestamp;
use tokio::io::AsyncReadExt as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::actor::Module;
use crate::api::Node;
use crate::codec::Codec;
use crate::compression::Compression;
use crate::links::Waits;
use crate::logs::{About, Level, LogLine};
use crate::remote::TlsFiles;

const HELP: &str = "options:
  --listen ADDRESS        tcp://127.0.0.1:0 (the system chooses a port), grpcs://host:port (with TLS) or unix:///path;
                          may be given more than once
  --dial ADDRESS          link with the node that listens there, which may start later, and again when the link is lost;
                          may be given more than once
  --server-name NAME      the DNS name or IP address that the certificate of who is dialled must have, if it is not the
                          address's host
  --node NAME             the node's name; the module's name if it is not given
  --certificate FILE      the node's certificate, --key FILE its key, --ca FILE the CAs of its peers: PEM, for grpcs://;
                          read again at each connection
  --any-client            with grpcs://, take links also from nodes that show no certificate
  --plain-tcp-beyond-loopback
                          allow tcp:// to other machines: anyone on the way can read and forge messages
  --allow-relay           pass on what its peers send to other nodes that it has a link with
  --accept-relay NODE     take what this relay passes on, and trust what it says of its senders; may be given more than once
  --tenant NAME           work for a tenant: messages carry its name
  --codec CODEC           send protobuf (default), json or messagepack
  --compress ALGORITHM[:BYTES]
                          compress the payloads of so many bytes and more (1024) by zstd or lz4; in programs that are built
                          with the feature zstd or lz4 of the crate actorbridge
  --metrics HOST:PORT     answer GET http://HOST:PORT/metrics, for Prometheus, on this machine's own addresses only; in
                          programs that are built with the feature prometheus
  --metrics-beyond-loopback
                          allow --metrics on an address that other machines can reach
  --until-stdin-closes    also end when standard input is closed: for a child process
  --help                  this text";
/// How often the log is looked at.
const LOOK: Duration = Duration::from_millis(100);

struct Arguments {
    node: String,
    listen: Vec<String>,
    dial: Vec<String>,
    server_name: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
    ca: Option<String>,
    any_client: bool,
    plain_tcp_beyond_loopback: bool,
    allow_relay: bool,
    accept_relay: Vec<String>,
    tenant: Option<String>,
    codec: Codec,
    compress: Option<(Compression, usize)>,
    metrics: Option<String>,
    metrics_beyond_loopback: bool,
    until_stdin_closes: bool,
}

impl Arguments {
    /// The files for TLS, if there are any.
    fn tls(&self) -> Result<Option<TlsFiles>, String> {
        match (&self.certificate, &self.key, &self.ca) {
            (None, None, None) if self.any_client => Err("--any-client needs --certificate, --key and --ca".into()),
            (None, None, None) if self.server_name.is_some() => {
                Err("--server-name needs --certificate, --key and --ca".into())
            }
            (None, None, None) => Ok(None),
            (Some(certificate), Some(key), Some(ca)) => {
                let mut files = TlsFiles::new(certificate, key, ca);
                if self.any_client {
                    files = files.any_client();
                }
                if let Some(name) = &self.server_name {
                    files = files.server_name(name);
                }
                Ok(Some(files))
            }
            _ => Err("--certificate, --key and --ca go together: one of them is missing".into()),
        }
    }
}

fn parse(module: &Module, given: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
    let mut arguments = Arguments {
        node: module.name().to_owned(),
        listen: Vec::new(),
        dial: Vec::new(),
        server_name: None,
        certificate: None,
        key: None,
        ca: None,
        any_client: false,
        plain_tcp_beyond_loopback: false,
        allow_relay: false,
        accept_relay: Vec::new(),
        tenant: None,
        codec: Codec::default(),
        compress: None,
        metrics: None,
        metrics_beyond_loopback: false,
        until_stdin_closes: false,
    };
    let mut given = given;
    while let Some(option) = given.next() {
        let mut value = || given.next().ok_or_else(|| format!("{option} needs a value"));
        match option.as_str() {
            "--listen" => arguments.listen.push(value()?),
            "--dial" => arguments.dial.push(value()?),
            "--server-name" => arguments.server_name = Some(value()?),
            "--node" => arguments.node = value()?,
            "--certificate" => arguments.certificate = Some(value()?),
            "--key" => arguments.key = Some(value()?),
            "--ca" => arguments.ca = Some(value()?),
            "--any-client" => arguments.any_client = true,
            "--plain-tcp-beyond-loopback" => arguments.plain_tcp_beyond_loopback = true,
            "--allow-relay" => arguments.allow_relay = true,
            "--accept-relay" => arguments.accept_relay.push(value()?),
            "--tenant" => arguments.tenant = Some(value()?),
            "--codec" => arguments.codec = value()?.parse()?,
            "--compress" => arguments.compress = Some(compression(&value()?)?),
            "--metrics" => arguments.metrics = Some(value()?),
            "--metrics-beyond-loopback" => arguments.metrics_beyond_loopback = true,
            "--until-stdin-closes" => arguments.until_stdin_closes = true,
            "--help" => return Ok(None),
            _ => return Err(format!("{option} is not an option")),
        }
    }
    if arguments.listen.is_empty() && arguments.dial.is_empty() {
        return Err("--listen and --dial are missing: nobody could reach this node".into());
    }
    arguments.tls()?;
    Ok(Some(arguments))
}

/// An algorithm, and from how many bytes on.
fn compression(given: &str) -> Result<(Compression, usize), String> {
    let (name, least) = given.split_once(':').unwrap_or((given, "1024"));
    let least = least
        .parse()
        .map_err(|_| format!("--compress {given}: {least} is no number of bytes"))?;
    Ok((name.parse()?, least))
}

/// Runs a module's node until SIGTERM or SIGINT, as the program's arguments say (`--help` lists them). Prints on standard
/// output `metrics URL`, if there are any, `listening ADDRESS` for each address, and `linked NODE at ADDRESS` when a node that it
/// dials is there for the first time; on standard error its log, a line for each thing. Blocks.
pub fn serve(module: Module) -> ExitCode {
    match parse(&module, std::env::args().skip(1)) {
        Ok(Some(arguments)) => run(module, &arguments).map_or_else(fail, |()| ExitCode::SUCCESS),
        Ok(None) => {
            println!("{HELP}");
            ExitCode::SUCCESS
        }
        Err(why) => fail(format!("{why} (--help lists the options)")),
    }
}

fn fail(why: String) -> ExitCode {
    eprintln!("{why}");
    ExitCode::FAILURE
}

fn run(module: Module, arguments: &Arguments) -> Result<(), String> {
    let mut builder = Node::builder(&arguments.node).module(module).codec(arguments.codec);
    if let Some(tenant) = &arguments.tenant {
        builder = builder.tenant(tenant);
    }
    if let Some((by, least)) = arguments.compress {
        builder = builder.compression(by, least);
    }
    if let Some(files) = arguments.tls()? {
        builder = builder.tls(files);
    }
    if arguments.plain_tcp_beyond_loopback {
        builder = builder.plain_tcp_beyond_loopback();
    }
    if arguments.allow_relay {
        builder = builder.allow_relay();
    }
    for relay in &arguments.accept_relay {
        builder = builder.accept_relay(relay);
    }
    for address in &arguments.listen {
        builder = builder.listen(address);
    }
    let node = builder.start().map_err(|e| e.to_string())?;
    let outside = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    let ended = outside.block_on(async {
        let mut term = signal(SignalKind::terminate()).map_err(|e| e.to_string())?;
        let mut int = signal(SignalKind::interrupt()).map_err(|e| e.to_string())?;
        if let Some(address) = &arguments.metrics {
            let at = node.handle().spawn(metrics(
                node.clone(),
                address.clone(),
                arguments.metrics_beyond_loopback,
            ));
            println!("metrics http://{}/metrics", at.await.map_err(|e| e.to_string())??);
        }
        node.listening()
            .iter()
            .for_each(|address| println!("listening {address}"));
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
            () = stdin_closed(), if arguments.until_stdin_closes => {}
            why = dial_all(&node, &arguments.dial) => return Err(why),
            () = print_log(&node) => {}
        }
        node.shutdown(Duration::from_secs(5)).await.map_err(|e| e.to_string())
    });
    // A read of standard input cannot be interrupted: do not wait for its thread.
    outside.shutdown_background();
    ended
}

/// Where the node's metrics are to be had.
#[cfg(feature = "prometheus")]
async fn metrics(node: Node, address: String, beyond_loopback: bool) -> Result<std::net::SocketAddr, String> {
    let options = crate::prometheus::Options {
        address,
        beyond_loopback,
    };
    let at = crate::prometheus::listen(&node, &options).await;
    at.map_err(|e| e.to_string())
}

#[cfg(not(feature = "prometheus"))]
async fn metrics(_: Node, address: String, _: bool) -> Result<std::net::SocketAddr, String> {
    Err(format!(
        "--metrics {address}: this program is built without metrics; enable the feature `prometheus` of the crate actorbridge"
    ))
}

/// Links with the nodes at these addresses. Returns only if one of them is no address, with the reason.
async fn dial_all(node: &Node, addresses: &[String]) -> String {
    let mut dials = JoinSet::new();
    for address in addresses {
        dials.spawn(dial(node.clone(), address.clone()));
    }
    while let Some(done) = dials.join_next().await {
        match done {
            Ok(Ok((peer, address))) => println!("linked {peer} at {address}"),
            Ok(Err(why)) => return why,
            Err(panicked) => return panicked.to_string(),
        }
    }
    std::future::pending().await
}

/// Links with the node at this address, which may start later, and says who that is. From then on the node keeps the link.
async fn dial(node: Node, address: String) -> Result<(String, String), String> {
    let (mut waits, mut said) = (Waits::new(), String::new());
    loop {
        match node.dial(&address).await {
            Ok(peer) => return Ok((peer, address)),
            Err(error) if error.code() == Code::InvalidArgument => return Err(error.to_string()),
            Err(error) => {
                let why = error.to_string();
                if why != said {
                    let about = About {
                        code: error.code().as_str_name().trim_start_matches("CODE_"),
                        ..About::default()
                    };
                    let text = format!("{why}; it is dialled until it is there");
                    node.inner.log(Level::Warn, about, text);
                    said = why;
                }
            }
        }
        tokio::time::sleep(waits.next(crate::node::random())).await;
        waits.failed(false);
    }
}

/// Never ends.
async fn print_log(node: &Node) {
    loop {
        for line in node.logs(usize::MAX).0 {
            eprintln!("{}", text_of(&line));
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// A line of the log as one line of `key=value`, like those of Go's `slog.TextHandler`: what is no plain word is quoted.
fn text_of(line: &LogLine) -> String {
    let link = match line.link {
        0 => String::new(),
        link => link.to_string(),
    };
    let level = match line.level {
        Level::Error => "ERROR",
        Level::Warn => "WARN",
        Level::Info => "INFO",
    };
    let time = Timestamp {
        seconds: (line.unix_nanos / 1_000_000_000) as i64,
        // Milliseconds, as Go has them.
        nanos: (line.unix_nanos % 1_000_000_000 / 1_000_000 * 1_000_000) as i32,
    };
    let mut text = format!("time={time} level={level} msg={:?}", line.message);
    for (key, value) in [
        ("link", &link),
        ("peer", &line.peer),
        ("actor", &line.actor),
        ("code", &line.code),
    ] {
        let is_plain = value.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '='));
        match (value.is_empty(), is_plain) {
            (true, _) => {}
            (false, true) => text += &format!(" {key}={value}"),
            (false, false) => text += &format!(" {key}={value:?}"),
        }
    }
    text
}

async fn stdin_closed() {
    let (mut stdin, mut buffer) = (tokio::io::stdin(), [0_u8; 256]);
    while !matches!(stdin.read(&mut buffer).await, Ok(0) | Err(_)) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_or_refused_by_name() {
        let parse = |given: &[&str]| parse(&Module::new("m"), given.iter().map(|s| (*s).to_owned()));
        let good = parse(&["--listen", "tcp://127.0.0.1:0", "--until-stdin-closes"])
            .expect("valid")
            .expect("no help");
        assert_eq!(
            (good.node.as_str(), good.listen.len(), good.until_stdin_closes),
            ("m", 1, true)
        );
        let sent = parse(&[
            "--listen",
            "tcp://127.0.0.1:0",
            "--tenant",
            "acme",
            "--codec",
            "messagepack",
        ]);
        let sent = sent.expect("valid").expect("no help");
        assert_eq!((sent.tenant.as_deref(), sent.codec), (Some("acme"), Codec::MessagePack));
        assert!(parse(&["--help"]).expect("valid").is_none());
        for (bad, says) in [
            (&["--port"][..], "--port"),
            (&["--listen"][..], "needs a value"),
            (&[][..], "--listen and --dial are missing"),
            (
                &["--dial", "tcp://127.0.0.1:1", "--server-name", "a"][..],
                "--server-name needs",
            ),
            (&["--listen", "grpcs://a:1", "--ca", "c"][..], "go together"),
            (
                &["--listen", "tcp://127.0.0.1:0", "--any-client"][..],
                "--any-client needs",
            ),
            (
                &["--codec", "xml"][..],
                "no codec is called xml: protobuf, json, messagepack",
            ),
            (&["--compress", "zip"][..], "zip"),
            (&["--compress", "zstd:much"][..], "much is no number of bytes"),
        ] {
            assert!(parse(bad).err().expect("refused").contains(says));
        }
    }

    #[test]
    fn a_line_says_what_it_is_about_in_fields_and_stays_one_line() {
        let about = About {
            peer: "shop 1",
            link: 3,
            code: "LINK_DOWN",
            ..About::default()
        };
        let mut line = LogLine::new(Level::Warn, about, "it said \"no\"\nlevel=ERROR".into());
        line.unix_nanos = 1_767_225_600_250_000_001;
        let text = r#"time=2026-01-01T00:00:00.250Z level=WARN msg="it said \"no\"\nlevel=ERROR" link=3 peer="shop 1" code=LINK_DOWN"#;
        assert_eq!(text_of(&line), text);
    }

    #[tokio::test]
    async fn a_node_that_starts_later_is_dialled_until_it_is_there() {
        let folder = std::env::temp_dir().join(format!("actorbridge-serve-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let address = format!("unix://{}", folder.join("later.sock").display());
        let early = Node::builder("early").start().expect("a node");
        let mut dialling = tokio::spawn(dial(early.clone(), address.clone()));
        // Nobody listens there yet: it goes on all the same.
        let waited = tokio::time::timeout(Duration::from_millis(300), &mut dialling).await;
        assert!(waited.is_err(), "{waited:?}");
        let later = Node::builder("later").listen(&address).start().expect("a node");
        let linked = tokio::time::timeout(Duration::from_secs(60), dialling).await;
        let linked = linked.expect("in time").expect("no panic").expect("linked");
        assert_eq!((linked.0.as_str(), early.peers()), ("later", vec!["later".to_owned()]));
        for node in [early, later] {
            node.shutdown(Duration::from_secs(5)).await.expect("it ends");
        }
        std::fs::remove_dir_all(&folder).expect("the folder");
    }

    #[tokio::test]
    async fn what_is_no_address_is_not_dialled_again() {
        let node = Node::builder("n").start().expect("a node");
        let addresses = ["tcp:/127.0.0.1:1".to_owned()];
        let why = tokio::time::timeout(Duration::from_secs(60), dial_all(&node, &addresses)).await;
        assert!(why.expect("in time").contains("begins with tcp://"));
        node.shutdown(Duration::from_secs(5)).await.expect("it ends");
    }
}
