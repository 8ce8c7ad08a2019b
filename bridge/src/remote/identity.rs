//! Who a peer is, as its certificate says.

use tokio_rustls::rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

use crate::actor::matches;
use crate::address::Address;

/// What a certificate lets its owner be: the URIs `ab://NODE` and `ab:///PATTERN` among its subject alternative names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The names that its node may have.
    pub nodes: Vec<String>,
    /// Patterns of the logical addresses that it may send as; none = all.
    pub sources: Vec<String>,
}

impl Identity {
    /// Reads a certificate that has been verified.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Result<Self, String> {
        let parsed = EndEntityCert::try_from(certificate).map_err(|e| format!("the peer's certificate: {e}"))?;
        let mut identity = Self::default();
        for name in parsed.valid_uri_names().filter_map(|uri| uri.strip_prefix("ab://")) {
            match name.strip_prefix('/') {
                Some(pattern) => identity.sources.push(pattern.to_owned()),
                None => identity.nodes.push(name.to_owned()),
            }
        }
        Ok(identity)
    }

    /// Why the node `peer` may not send as `source`; `None` = it may.
    pub(crate) fn forbids(&self, peer: &str, source: &str) -> Option<String> {
        let allowed = source.is_empty()
            || source.parse::<Address>().is_ok_and(|address| match address.node() {
                Some(node) => node == peer,
                None => self.sources.is_empty() || self.sources.iter().any(|p| matches(p, address.path())),
            });
        (!allowed).then(|| {
            format!(
                "node {peer} may not send as {source}: that is no source of its certificate; add the URI ab:///PATTERN to it, \
                 or send as another actor"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_the_peers_own_or_one_of_its_certificate() {
        let any = Identity::default();
        let some = Identity {
            nodes: vec!["a".into()],
            sources: vec!["order/*".into(), "porter".into()],
        };
        for (identity, source, allowed) in [
            (&any, "", true),
            (&any, "ab:///x", true),
            (&any, "ab://a/x", true),
            (&any, "ab://b/x", false),
            (&any, "no address", false),
            (&some, "", true),
            (&some, "ab://a/x", true),
            (&some, "ab:///order/1", true),
            (&some, "ab:///porter", true),
            (&some, "ab:///porters", false),
            (&some, "ab:///order", false),
        ] {
            assert_eq!(identity.forbids("a", source).is_none(), allowed, "{source}");
        }
    }
}
