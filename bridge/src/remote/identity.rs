//! Who a peer is, as its certificate says.

use actorbridge_proto::Who;
use actorbridge_proto::v1::RefusalReason;
use tokio_rustls::rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

use crate::actor::matches;
use crate::address::Address;

/// What a certificate lets its owner be: the URIs `ab://NODE`, `ab:///PATTERN` and `ab-tenant:NAME` among its subject alternative
/// names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The names that its node may have.
    pub nodes: Vec<String>,
    /// Patterns of the logical addresses that it may send as; none = all.
    pub sources: Vec<String>,
    /// The tenants that its messages may be of; none = of no tenant.
    pub tenants: Vec<String>,
}

impl Identity {
    /// Reads a certificate that has been verified.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Result<Self, String> {
        let parsed = EndEntityCert::try_from(certificate).map_err(|e| format!("the peer's certificate: {e}"))?;
        let mut identity = Self::default();
        for uri in parsed.valid_uri_names() {
            if let Some(tenant) = uri.strip_prefix("ab-tenant:") {
                identity.tenants.push(tenant.to_owned());
            } else if let Some(pattern) = uri.strip_prefix("ab:///") {
                identity.sources.push(pattern.to_owned());
            } else if let Some(node) = uri.strip_prefix("ab://") {
                identity.nodes.push(node.to_owned());
            }
        }
        Ok(identity)
    }

    /// Why the node `peer` may not send as that; `None` = it may.
    pub(crate) fn forbids(&self, peer: &str, who: &Who) -> Option<(RefusalReason, String)> {
        let source = self.forbids_source(peer, &who.source);
        let tenant = || self.forbids_tenant(peer, &who.tenant);
        let source = source.map(|why| (RefusalReason::ForgedSource, why));
        source.or_else(|| tenant().map(|why| (RefusalReason::ForgedTenant, why)))
    }

    fn forbids_tenant(&self, peer: &str, tenant: &str) -> Option<String> {
        let allowed = tenant.is_empty() || self.tenants.iter().any(|t| t == tenant);
        (!allowed).then(|| {
            format!(
                "node {peer} may not send for the tenant {tenant}: that is no tenant of its certificate; add the URI \
                 ab-tenant:{tenant} to it, or start the node for another tenant"
            )
        })
    }

    fn forbids_source(&self, peer: &str, source: &str) -> Option<String> {
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
    use actorbridge_proto::writer;

    use super::*;

    #[test]
    fn a_tenant_is_none_or_one_of_the_certificate() {
        let (any, one) = (
            Identity::default(),
            Identity {
                tenants: vec!["acme".into()],
                ..Identity::default()
            },
        );
        for (identity, tenant, allowed) in [
            (&any, "", true),
            (&any, "acme", false),
            (&one, "", true),
            (&one, "acme", true),
            (&one, "acm", false),
        ] {
            let who = writer::who_of_tenant("", "", "", tenant);
            assert_eq!(identity.forbids("a", &who).is_none(), allowed, "{tenant}");
        }
    }

    #[test]
    fn a_source_is_the_peers_own_or_one_of_its_certificate() {
        let any = Identity::default();
        let some = Identity {
            nodes: vec!["a".into()],
            sources: vec!["order/*".into(), "porter".into()],
            tenants: vec!["acme".into()],
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
            let who = writer::who(source, "", "");
            assert_eq!(identity.forbids("a", &who).is_none(), allowed, "{source}");
        }
    }
}
