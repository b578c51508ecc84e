//! A TLS server that takes a renewed certificate between two connections: `serve tls.crt tls.key`.
//!
//! Give it any two PEM files, or none: then it makes its own. It answers five connections on loopback, made by itself,
//! and renews before each.

use std::{env, error::Error, fs, io::Write, sync::Arc};

use certgen::{ServerNames, UnixTime};
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use webhook_serve::{Acceptor, Resolver, ServingCert};

#[path = "own/mod.rs"]
mod own;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let files: Vec<String> = env::args().skip(1).collect();
    let (root, mut renew) = own::authority()?;
    let resolver = Resolver::new(ServerNames::for_service("guard", "guard-system")?);
    let acceptor = Acceptor::new(&resolver)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;

    let server = tokio::spawn({
        let acceptor = acceptor.clone();
        async move {
            while let Ok((tcp, _)) = listener.accept().await {
                // One slow caller must not hold up the others: a real server spawns, and bounds the time.
                let _handshake = acceptor.accept(tcp).await;
            }
        }
    });

    let mut roots = RootCertStore::empty();
    roots.add(root)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(client));
    for _ in 0..5 {
        let (tls_crt, tls_key) = match files.as_slice() {
            [crt, key] => (fs::read(crt)?, fs::read(key)?),
            _ => renew()?,
        };
        let cert = ServingCert::from_pem(&tls_crt, &tls_key)?;
        // The local time; a program of yours would ask its clock.
        let verdict = resolver.offer(cert.clone(), UnixTime::from_secs(1_790_000_000));
        let name = ServerName::try_from("guard.guard-system.svc")?;
        let call = connector
            .connect(name, TcpStream::connect(address).await?)
            .await;
        writeln!(
            std::io::stdout(),
            "{verdict:?} {:?}: call {}",
            cert.fingerprint(),
            if call.is_ok() { "accepted" } else { "refused" }
        )?;
    }
    server.abort();
    Ok(())
}
