//! Where a remote door listens or dials: `tcp://host:port`, `grpcs://host:port` (with TLS) or `unix:///path`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use actorbridge_proto::packet::MAX_FRAME_BYTES;

use super::tls::TlsFiles;

/// How a remote door behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Allow TCP without TLS to and from other machines. Anyone on the way can then read and forge messages.
    pub plain_tcp_beyond_loopback: bool,
    /// Frames above this end the link before they are read into memory. At most 4 MiB; default 256 KiB.
    pub max_frame_bytes: usize,
    /// How long a connection that comes in may be without a link, for all handshakes together. Default 10 s.
    pub set_up_time: Duration,
    /// Most connections that come in to one address. Those beyond it are closed at once. Default 1,024.
    pub max_connections: usize,
    /// What `grpcs://` needs.
    pub tls: Option<TlsFiles>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            plain_tcp_beyond_loopback: false,
            max_frame_bytes: 256 << 10,
            set_up_time: Duration::from_secs(10),
            max_connections: 1_024,
            tls: None,
        }
    }
}

impl Options {
    pub(super) fn frame_limit(&self) -> usize {
        self.max_frame_bytes.min(MAX_FRAME_BYTES)
    }
}

#[derive(Debug, Clone)]
pub(super) enum Address {
    Tcp(String),
    Tls(String, TlsFiles),
    Unix(PathBuf),
}

impl Address {
    pub(super) fn parse(text: &str, options: &Options) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix://") {
            return match path.starts_with('/') {
                true => Ok(Self::Unix(path.into())),
                false => Err(format!(
                    "{text}: a Unix socket's path must be absolute, as in unix:///run/shop.sock"
                )),
            };
        }
        if let Some(host_port) = text.strip_prefix("grpcs://") {
            host_of(text, host_port)?;
            let tls = options.tls.clone().ok_or_else(|| {
                format!(
                    "{text}: grpcs:// needs a certificate, its key and a CA: give a node TlsFiles, a command --ca, --certificate \
                     and --key, or use tcp:// on this machine"
                )
            })?;
            return Ok(Self::Tls(host_port.to_owned(), tls));
        }
        let Some(host_port) = text.strip_prefix("tcp://") else {
            return Err(format!("{text}: an address begins with tcp://, grpcs:// or unix:///"));
        };
        let host = host_of(text, host_port)?;
        if !options.plain_tcp_beyond_loopback && !is_loopback(host) {
            return Err(format!(
                "{text}: TCP without TLS is for this machine only; use grpcs://, or set plain_tcp_beyond_loopback if the network is \
                 trusted"
            ));
        }
        Ok(Self::Tcp(host_port.to_owned()))
    }
}

fn host_of<'a>(text: &str, host_port: &'a str) -> Result<&'a str, String> {
    let valid = host_port
        .rsplit_once(':')
        .filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    valid.map(|(host, _)| host).ok_or_else(|| {
        format!("{text}: a TCP address has a host and a port, as in tcp://127.0.0.1:7443 or grpcs://rust-core:7443")
    })
}

/// The host of `host:port`, without the brackets of an IPv6 address.
pub(super) fn bare_host(host_port: &str) -> &str {
    let host = host_port.rsplit_once(':').map_or(host_port, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// Is it an address that a remote door can use?
pub(crate) fn is_valid(text: &str, options: &Options) -> bool {
    Address::parse(text, options).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_tcp_stays_on_this_machine_unless_told_otherwise() {
        let parse = |text| Address::parse(text, &Options::default());
        for good in [
            "tcp://127.0.0.1:0",
            "tcp://localhost:7443",
            "tcp://[::1]:1",
            "unix:///tmp/a.sock",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for bad in [
            "tcp://10.0.0.1:1",
            "tcp://0.0.0.0:1",
            "tcp://127.0.0.1",
            "http://x:1",
            "unix://a.sock",
            "tcp://:5",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let open = Options {
            plain_tcp_beyond_loopback: true,
            ..Options::default()
        };
        let parsed = Address::parse("tcp://10.0.0.1:1", &open);
        assert!(matches!(parsed, Ok(Address::Tcp(to)) if to == "10.0.0.1:1"));
    }

    #[test]
    fn an_address_with_tls_needs_files() {
        let why = Address::parse("grpcs://rust-core:7443", &Options::default()).expect_err("no files");
        assert!(why.contains("needs a certificate"), "{why}");
        let with = Options {
            tls: Some(TlsFiles::without_certificate("ca.pem")),
            ..Options::default()
        };
        let parsed = Address::parse("grpcs://rust-core:7443", &with);
        assert!(matches!(parsed, Ok(Address::Tls(to, _)) if to == "rust-core:7443"));
        assert_eq!(bare_host("[::1]:7443"), "::1");
    }
}
