//! Certificates for the nodes of a pair with TLS.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};

/// Writes a CA as `ca.pem`, and for each node by it NAME.pem and NAME.key, for 127.0.0.1.
pub(super) fn write(folder: &Path, nodes: &[&str]) -> Result<(), String> {
    let failed = |e: rcgen::Error| format!("a certificate could not be made: {e}");
    let put = |file: String, text: String| {
        let path = folder.join(file);
        std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))
    };
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().map_err(failed)?;
    let ca = CertifiedIssuer::self_signed(params, key).map_err(failed)?;
    put("ca.pem".into(), ca.pem())?;
    for node in nodes {
        let mut params = CertificateParams::new(vec!["127.0.0.1".into()]).map_err(failed)?;
        let name = format!("ab://{node}").as_str().try_into().map_err(failed)?;
        params.subject_alt_names.push(SanType::URI(name));
        let key = KeyPair::generate().map_err(failed)?;
        let certificate = params.signed_by(&key, &ca).map_err(failed)?;
        put(format!("{node}.pem"), certificate.pem())?;
        put(format!("{node}.key"), key.serialize_pem())?;
    }
    Ok(())
}
