//! What to do about a TLS handshake that failed.

/// What the TLS library says, of here (`invalid peer certificate`) or of the peer (`fatal alert`), and what to do.
///
/// A CA that was made anew under its old name is found by its signatures.
const ADVICE: &[(&[&str], &str)] = &[
    (
        &["UnknownIssuer", "BadSignature"],
        "the peer's certificate is of a CA that this node does not trust: give both nodes certificates of one CA, or add the \
         peer's to this node's CA file",
    ),
    (
        &["certificate expired", "certificate not valid yet"],
        "the peer's certificate is out of its time: give the peer a new one, and compare the clocks",
    ),
    (
        &["certificate not valid for name"],
        "the peer's certificate is not for the host that was dialled: give it one with that DNS name or IP address, or set the \
         server name here",
    ),
    (
        &["peer sent no certificates"],
        "the peer showed no certificate: give it one",
    ),
    (
        &["alert: UnknownCA", "alert: DecryptError"],
        "the peer does not trust the CA of this node's certificate: give both nodes certificates of one CA, or add this node's to \
         the peer's CA file",
    ),
    (
        &["alert: CertificateExpired"],
        "this node's certificate is out of its time: put a new one into its file, and compare the clocks",
    ),
    (
        &["alert: CertificateRequired"],
        "the peer takes links only from nodes that show a certificate: give this node one",
    ),
    (
        &["fatal alert"],
        "the peer refused this node's certificate, and says why in its log",
    ),
    (
        &["corrupt message"],
        "one side speaks no TLS: use grpcs:// at both, or tcp:// at both",
    ),
];

/// A reason with what to do about it, where that is known.
pub(super) fn with_advice(why: &str) -> String {
    let known = ADVICE.iter().find(|(says, _)| says.iter().any(|s| why.contains(s)));
    known.map_or_else(|| why.to_owned(), |(_, advice)| format!("{why}; {advice}"))
}
