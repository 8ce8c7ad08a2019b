//! Where a remote door listens or dials: `tcp://host:port` or `unix:///path`.

use std::net::IpAddr;
use std::path::PathBuf;

use actorbridge_proto::packet::MAX_FRAME_BYTES;

/// How a remote door behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Allow TCP without TLS to and from other machines. Anyone on the way can then read and forge messages.
    pub plain_tcp_beyond_loopback: bool,
    /// Frames above this end the link before they are read into memory. At most 4 MiB; default 256 KiB.
    pub max_frame_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            plain_tcp_beyond_loopback: false,
            max_frame_bytes: 256 << 10,
        }
    }
}

impl Options {
    pub(super) fn frame_limit(&self) -> usize {
        self.max_frame_bytes.min(MAX_FRAME_BYTES)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    Tcp(String),
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
        let Some(host_port) = text.strip_prefix("tcp://") else {
            return Err(format!("{text}: an address begins with tcp:// or unix:///"));
        };
        let valid = host_port
            .rsplit_once(':')
            .filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        let Some((host, _)) = valid else {
            return Err(format!(
                "{text}: a TCP address has a host and a port, as in tcp://127.0.0.1:7443"
            ));
        };
        if !options.plain_tcp_beyond_loopback && !is_loopback(host) {
            return Err(format!(
                "{text}: TCP without TLS is for this machine only; set plain_tcp_beyond_loopback if the network is trusted"
            ));
        }
        Ok(Self::Tcp(host_port.to_owned()))
    }
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
        assert_eq!(
            Address::parse("tcp://10.0.0.1:1", &open),
            Ok(Address::Tcp("10.0.0.1:1".into()))
        );
    }
}
