//! What to do about a connection that cannot be made, and what a TLS handshake that failed is counted as.

use actorbridge_proto::v1::RefusalReason;

/// What the TLS library says, of here (`invalid peer certificate`) or of the peer (`fatal alert`), or the system, what that is
/// counted as (`None` = it is no refusal), and what to do.
///
/// A CA that was made anew under its old name is found by its signatures.
const ADVICE: &[(&[&str], Option<RefusalReason>, &str)] = &[
    (
        &["UnknownIssuer", "BadSignature"],
        Some(RefusalReason::UnknownCa),
        "the peer's certificate is of a CA that this node does not trust: give both nodes certificates of one CA, or add the \
         peer's to this node's CA file",
    ),
    (
        &["certificate expired", "certificate not valid yet"],
        Some(RefusalReason::Expired),
        "the peer's certificate is out of its time: give the peer a new one, and compare the clocks",
    ),
    (
        &["certificate not valid for name"],
        Some(RefusalReason::WrongHost),
        "the peer's certificate is not for the host that was dialled: give it one with that DNS name or IP address, or say which \
         name it has (server name)",
    ),
    (
        &["peer sent no certificates"],
        Some(RefusalReason::NoCertificate),
        "the peer showed no certificate: give it one",
    ),
    (
        &["alert: UnknownCA", "alert: DecryptError"],
        Some(RefusalReason::RefusedByPeer),
        "the peer does not trust the CA of this node's certificate: give both nodes certificates of one CA, or add this node's to \
         the peer's CA file",
    ),
    (
        &["alert: CertificateExpired"],
        Some(RefusalReason::RefusedByPeer),
        "this node's certificate is out of its time: put a new one into its file, and compare the clocks",
    ),
    (
        &["alert: CertificateRequired"],
        Some(RefusalReason::RefusedByPeer),
        "the peer takes links only from nodes that show a certificate: give this node one",
    ),
    (
        &["fatal alert"],
        Some(RefusalReason::RefusedByPeer),
        "the peer refused this node's certificate, and says why in its log",
    ),
    (
        &["corrupt message"],
        Some(RefusalReason::NoTls),
        "one side speaks no TLS: use grpcs:// at both, or tcp:// at both",
    ),
    (
        &["Connection refused"],
        None,
        "nobody listens there: start the node that is to, or correct the address",
    ),
    (
        &["failed to lookup address information"],
        None,
        "the host's name is not known here: correct it, or write the host's IP address",
    ),
    (
        &["No route to host", "Network is unreachable"],
        None,
        "this machine has no way to that host: correct the address, or look at its routes and firewalls",
    ),
];

/// A reason with what to do about it, where that is known.
pub(super) fn with_advice(why: &str) -> String {
    known(why).map_or_else(|| why.to_owned(), |(_, advice)| format!("{why}; {advice}"))
}

/// What a handshake is counted as that failed for this; `None` = it failed for another reason than a certificate.
pub(super) fn reason_of(why: &str) -> Option<RefusalReason> {
    known(why).and_then(|(reason, _)| reason)
}

fn known(why: &str) -> Option<(Option<RefusalReason>, &'static str)> {
    let known = ADVICE.iter().find(|(says, ..)| says.iter().any(|s| why.contains(s)));
    known.map(|(_, reason, advice)| (*reason, *advice))
}
