//! Certificates that tests make.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use actorbridge::TlsFiles;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType, date_time_ymd};

/// A folder that is removed at the end.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("ab-tls-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    /// The files of the node `name`: its certificate, its key and the CA file.
    pub fn files(&self, name: &str) -> TlsFiles {
        TlsFiles::new(
            self.path(&format!("{name}.pem")),
            self.path(&format!("{name}.key")),
            self.path("ca.pem"),
        )
    }

    /// Trusts these CAs.
    pub fn trust(&self, cas: &[&Ca]) {
        let all: String = cas.iter().map(|ca| ca.0.pem()).collect();
        replace(&self.path("ca.pem"), &all);
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Replaces a file as a careful program does: nobody reads half of it.
pub fn replace(path: &Path, text: &str) {
    let next = path.with_extension("next");
    std::fs::write(&next, text).expect("written");
    std::fs::rename(next, path).expect("renamed");
}

pub struct Ca(CertifiedIssuer<'static, KeyPair>);

/// A certificate for 127.0.0.1 with these URIs.
pub fn params(uris: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("valid");
    let uri = |uri: &&str| SanType::URI((*uri).try_into().expect("ASCII"));
    params.subject_alt_names.extend(uris.iter().map(uri));
    params
}

/// One that was valid last century.
pub fn expired(uris: &[&str]) -> CertificateParams {
    let mut params = params(uris);
    params.not_before = date_time_ymd(1990, 1, 1);
    params.not_after = date_time_ymd(1999, 1, 1);
    params
}

impl Ca {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a CA"))
    }

    /// Issues a certificate: the text of it and of its key.
    pub fn issue(&self, params: &CertificateParams) -> (String, String) {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate");
        (certificate.pem(), key.serialize_pem())
    }

    /// Writes what it issues as the files of the node `name`.
    pub fn give(&self, folder: &Folder, name: &str, params: &CertificateParams) {
        let (certificate, key) = self.issue(params);
        replace(&folder.path(&format!("{name}.pem")), &certificate);
        replace(&folder.path(&format!("{name}.key")), &key);
    }
}
