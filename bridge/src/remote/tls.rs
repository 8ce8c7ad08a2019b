//! TLS from files that may be replaced while the node runs.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::node::lock;

/// The PEM files with which a node shows who it is and checks who its peers are. They are read at each connection: who
/// replaces them restarts nothing, and links that are up stay. Files that do not fit together are named in the log, and the
/// ones from before are used meanwhile.
#[derive(Clone)]
pub struct TlsFiles {
    /// The certificate, with those between it and the CA behind it, and its private key.
    own: Option<(PathBuf, PathBuf)>,
    ca: PathBuf,
    any_client: bool,
    pub(super) server_name: Option<String>,
    last: Arc<Mutex<Last>>,
}

impl fmt::Debug for TlsFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsFiles")
            .field("own", &self.own)
            .field("ca", &self.ca)
            .field("any_client", &self.any_client)
            .field("server_name", &self.server_name)
            .finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Last {
    contents: Contents,
    configs: Option<Configs>,
    /// What has been said of newer files that cannot be used.
    complaint: String,
}

#[derive(Default, Clone, PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    key: Vec<u8>,
    ca: Vec<u8>,
}

#[derive(Clone)]
pub(super) struct Configs {
    /// `None` = there is no certificate to listen with.
    pub(super) server: Option<Arc<ServerConfig>>,
    pub(super) client: Arc<ClientConfig>,
    /// What has to be logged of the files.
    pub(super) complaint: Option<String>,
}

impl TlsFiles {
    /// A certificate, its private key, and the CAs whose certificates peers may show.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>, ca: impl Into<PathBuf>) -> Self {
        Self {
            own: Some((certificate.into(), key.into())),
            ..Self::without_certificate(ca)
        }
    }

    /// For a node that only dials, and shows no certificate: its peers must allow that (see [`Self::any_client`]).
    pub fn without_certificate(ca: impl Into<PathBuf>) -> Self {
        Self {
            own: None,
            ca: ca.into(),
            any_client: false,
            server_name: None,
            last: Arc::default(),
        }
    }

    /// Takes links also from nodes that show no certificate. Such a node may have any name, and send as any actor.
    #[must_use]
    pub fn any_client(mut self) -> Self {
        self.any_client = true;
        self
    }

    /// The DNS name or IP address that the certificates of the nodes that are dialled must be for, instead of the host in
    /// their address.
    #[must_use]
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// What the files say now. Reads them, on a thread that may block.
    pub(super) async fn load(&self) -> Result<Configs, String> {
        let files = self.clone();
        let loading = tokio::task::spawn_blocking(move || files.load_now());
        loading.await.unwrap_or_else(|e| Err(e.to_string()))
    }

    fn load_now(&self) -> Result<Configs, String> {
        let mut last = lock(&self.last);
        let made = self.read().and_then(|contents| {
            if let Some(configs) = last.configs.as_ref().filter(|_| contents == last.contents) {
                return Ok((contents, configs.clone()));
            }
            let configs = self.configs(&contents)?;
            Ok((contents, configs))
        });
        match (made, &last.configs) {
            (Ok((contents, configs)), _) => {
                *last = Last {
                    contents,
                    configs: Some(configs.clone()),
                    complaint: String::new(),
                };
                Ok(configs)
            }
            (Err(why), Some(before)) => {
                let mut configs = before.clone();
                if why != last.complaint {
                    configs.complaint = Some(format!(
                        "{why}; the certificates from before are used until that is mended"
                    ));
                    last.complaint = why;
                }
                Ok(configs)
            }
            (Err(why), None) => Err(why),
        }
    }

    fn read(&self) -> Result<Contents, String> {
        let read = |path: &Path| std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()));
        let (certificate, key) = match &self.own {
            Some((certificate, key)) => (read(certificate)?, read(key)?),
            None => (Vec::new(), Vec::new()),
        };
        let ca = read(&self.ca)?;
        Ok(Contents { certificate, key, ca })
    }

    fn configs(&self, contents: &Contents) -> Result<Configs, String> {
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        for ca in certificates(&self.ca, &contents.ca)? {
            roots.add(ca).map_err(|e| format!("{}: {e}", self.ca.display()))?;
        }
        let roots = Arc::new(roots);
        let own = match &self.own {
            Some((certificate, key)) => Some((
                certificates(certificate, &contents.certificate)?,
                PrivateKeyDer::from_pem_slice(&contents.key).map_err(|e| format!("{}: {e}", key.display()))?,
            )),
            None => None,
        };
        let server = match &own {
            Some((chain, key)) => Some(self.server(&provider, &roots, (chain.clone(), key.clone_key()))?),
            None => None,
        };
        let client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(|e| e.to_string())?
            .with_root_certificates(roots);
        let mut client = match own {
            Some((chain, key)) => client.with_client_auth_cert(chain, key).map_err(|e| self.unfit(&e))?,
            None => client.with_no_client_auth(),
        };
        client.alpn_protocols = vec![b"h2".to_vec()];
        // A link lives long: resuming would save nothing, and would skip the check of what has changed meanwhile.
        client.resumption = Resumption::disabled();
        Ok(Configs {
            server,
            client: Arc::new(client),
            complaint: None,
        })
    }

    fn server(
        &self,
        provider: &Arc<CryptoProvider>,
        roots: &Arc<RootCertStore>,
        (chain, key): (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>),
    ) -> Result<Arc<ServerConfig>, String> {
        let clients = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone());
        let clients = match self.any_client {
            true => clients.allow_unauthenticated(),
            false => clients,
        };
        let clients = clients.build().map_err(|e| format!("{}: {e}", self.ca.display()))?;
        let mut server = ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13])
            .map_err(|e| e.to_string())?
            .with_client_cert_verifier(clients)
            .with_single_cert(chain, key)
            .map_err(|e| self.unfit(&e))?;
        server.alpn_protocols = vec![b"h2".to_vec()];
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        Ok(Arc::new(server))
    }

    /// Why certificate and key are of no use.
    fn unfit(&self, error: &dyn fmt::Display) -> String {
        let own = self.own.as_ref();
        let names = own.map(|(certificate, key)| format!("{} and {}", certificate.display(), key.display()));
        let names = names.unwrap_or_default();
        format!("{names}: {error}; name a certificate and the key that it was made with")
    }
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match all {
        Ok(all) if all.is_empty() => Err(format!("{}: there is no certificate in it", path.display())),
        Ok(all) => Ok(all),
        Err(e) => Err(format!("{}: {e}", path.display())),
    }
}
