//! Metrics by HTTP, for Prometheus: docs/METRICS.md is the list of them.

use std::fmt;
use std::net::SocketAddr;

use actorbridge_proto::v1::{Code, NodeStatus, StatusRequest};
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, prometheus_text};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

use crate::api::Node;
use crate::error::Error;
use crate::metrics::{self, FAMILIES, Family, Kind, Sample};

/// Most actors whose mailboxes have a series each.
const MAILBOXES: u32 = 200;

/// Where the metrics of a node are to be had.
#[derive(Debug, Clone)]
pub struct Options {
    /// `host:port`; port 0: the system chooses.
    pub address: String,
    /// Allow an address that other machines can reach. There is no TLS, and whoever asks is answered.
    pub beyond_loopback: bool,
}

/// Answers `GET /metrics` with the metrics of a node, and of this process, until the node shuts down. Returns where it listens.
///
/// # Errors
/// INVALID_ARGUMENT: the address is none, or may be reached by other machines and that is not allowed. UNAVAILABLE: it is taken.
pub async fn listen(node: &Node, options: &Options) -> Result<SocketAddr, Error> {
    let Options {
        address,
        beyond_loopback,
    } = options;
    let error = |code, why: String| Error::new(code, address, why).saying("no metrics are to be had there", "");
    let invalid = |why: String| error(Code::InvalidArgument, why);
    let resolved = tokio::net::lookup_host(address).await;
    let resolved: Vec<_> = resolved.map_err(|e| invalid(e.to_string()))?.collect();
    if !beyond_loopback && resolved.iter().any(|at| !at.ip().is_loopback()) {
        return Err(invalid(
            "metrics are for this machine only, unless other machines are allowed: set beyond_loopback if the network is trusted"
                .into(),
        ));
    }
    let unavailable = |e: std::io::Error| error(Code::Unavailable, e.to_string());
    let listener = TcpListener::bind(&resolved[..]).await.map_err(unavailable)?;
    let bound = listener.local_addr().map_err(unavailable)?;
    let (inner, closing) = (std::sync::Arc::downgrade(&node.inner), node.closing().clone());
    let scrape = move || {
        let status = inner.upgrade().map(|node| node.status(&request()));
        let text = status.map(text).unwrap_or_default();
        async move { ([(CONTENT_TYPE, prometheus_text::CONTENT_TYPE)], text) }
    };
    let router = Router::new().route("/metrics", get(scrape));
    let serving = async move {
        let _ = axum::serve(listener, router)
            .with_graceful_shutdown(closing.cancelled_owned())
            .await;
    };
    node.inner.tasks.spawn_on(serving, node.handle());
    Ok(bound)
}

fn request() -> StatusRequest {
    StatusRequest {
        most_actors: MAILBOXES,
        ..Default::default()
    }
}

/// A status, and what is to be said of the process, in the Prometheus text format.
fn text(status: NodeStatus) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape(status)));
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = prometheus_text::encode(&mut text, &registry);
    text
}

#[derive(Debug)]
struct Scrape(NodeStatus);

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for family in FAMILIES {
            encode(&mut encoder, family, &self.0.node, metrics::samples(family, &self.0))?;
        }
        for (name, help, bytes) in memory() {
            let gauge = ConstGauge::new(bytes);
            let metric = encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
            gauge.encode(metric)?;
        }
        Ok(())
    }
}

fn encode(
    encoder: &mut DescriptorEncoder<'_>,
    family: &Family,
    system: &str,
    samples: Vec<Sample>,
) -> Result<(), fmt::Error> {
    // The encoder adds the end of a counter's name.
    let name = family.name.trim_end_matches("_total");
    let kind = match family.kind {
        Kind::Counter => ConstCounter::new(0.0).metric_type(),
        Kind::Gauge => ConstGauge::new(0.0).metric_type(),
    };
    let mut metrics = encoder.encode_descriptor(name, family.help, None, kind)?;
    for sample in samples {
        let own = [("system", system)].into_iter();
        let labels: Vec<_> = own
            .chain(
                family
                    .labels
                    .iter()
                    .copied()
                    .zip(sample.labels.iter().map(String::as_str)),
            )
            .collect();
        let metric = metrics.encode_family(&labels)?;
        match family.kind {
            Kind::Counter => ConstCounter::new(sample.value).encode(metric)?,
            Kind::Gauge => ConstGauge::new(sample.value).encode(metric)?,
        }
    }
    Ok(())
}

/// The memory of this process, under the names that Prometheus clients of all languages use; nothing where the system does not say.
fn memory() -> Vec<(&'static str, &'static str, f64)> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim_end().parse().ok()?;
        Some((kib << 10) as f64)
    };
    let resident = bytes("VmRSS:").map(|n| ("process_resident_memory_bytes", "Resident memory size in bytes", n));
    let heap = bytes("VmData:").map(|n| {
        (
            "process_data_memory_bytes",
            "Heap, stacks and other private memory in bytes",
            n,
        )
    });
    let all = bytes("VmSize:").map(|n| ("process_virtual_memory_bytes", "Virtual memory size in bytes", n));
    [resident, heap, all].into_iter().flatten().collect()
}
