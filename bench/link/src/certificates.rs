//! Certificates for this machine.

use std::error::Error;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, SanType};

/// Writes a CA as `ca.pem`, and for each node by it NAME.pem and NAME.key, for 127.0.0.1.
pub(crate) fn write(folder: &Path, nodes: &[&str]) -> Result<(), Box<dyn Error>> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    std::fs::write(folder.join("ca.pem"), ca.pem())?;
    for node in nodes {
        let mut params = CertificateParams::new(vec!["127.0.0.1".into()])?;
        let name = format!("ab://{node}").as_str().try_into()?;
        params.subject_alt_names.push(SanType::URI(name));
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &ca)?;
        std::fs::write(folder.join(format!("{node}.pem")), certificate.pem())?;
        std::fs::write(folder.join(format!("{node}.key")), key.serialize_pem())?;
    }
    Ok(())
}
