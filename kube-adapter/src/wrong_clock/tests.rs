//! Tests of a refused API server, over real TLS.

use std::sync::Arc;

use certgen::{Chain, KeyAlgorithm, LeafRequest, RootRequest, ServerNames, issue_leaf, issue_root};
use kube::{Client, Config};
use rotator_core::{Clock, Entropy};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::{ApiServer, KubeClock, SystemEntropy, local_time};

const YEAR: i64 = 365 * 86_400;

#[tokio::test]
async fn an_api_server_whose_certificate_has_ended_is_refused_and_both_times_are_told() {
    let now = local_time().as_secs();
    let refused = refusal(now - 3 * YEAR, now - YEAR).await;
    assert_eq!(refused.trouble, Trouble::Ended(Some(secs(now - YEAR))));
    assert!((now..now + 600).contains(&refused.local.as_secs()));
    assert_eq!(refused.witnessed, None);
}

#[tokio::test]
async fn an_api_server_whose_certificate_lies_in_the_future_is_refused() {
    let now = local_time().as_secs();
    let refused = refusal(now + YEAR, now + 2 * YEAR).await;
    assert_eq!(refused.trouble, Trouble::NotStarted(Some(secs(now + YEAR))));
}

#[test]
fn the_sentence_names_the_dates_and_what_to_set_right() {
    let at = |text: i64| secs(text);
    let witnessed = |from: i64| Some(TimeBounds::new(at(from), at(from + 2)));
    let sentence = |trouble, witnessed| {
        let refused = WrongClock {
            trouble,
            local: at(2_000_000_000),
            witnessed,
        };
        refused.to_string()
    };
    assert_eq!(
        sentence(
            Trouble::Ended(Some(at(1_900_000_000))),
            witnessed(1_800_000_000)
        ),
        "by the local clock the API server's certificate ended 2030-03-17T17:46:40Z, and that clock says \
         2033-05-18T03:33:20Z; by the API server's last answer it is 2027-01-15T08:00:00Z to 2027-01-15T08:00:02Z: set the \
         local clock right"
    );
    let ended = sentence(
        Trouble::Ended(Some(at(1_700_000_000))),
        witnessed(1_800_000_000),
    );
    assert!(
        ended.ends_with(": renew the API server's certificate"),
        "{ended}"
    );
    let future = sentence(
        Trouble::NotStarted(Some(at(1_700_000_000))),
        witnessed(1_800_000_000),
    );
    assert!(future.ends_with(": set the local clock right"), "{future}");
    for unknown in [
        sentence(Trouble::NotStarted(Some(at(1_700_000_000))), None),
        sentence(Trouble::Ended(None), witnessed(1_800_000_000)),
    ] {
        assert!(
            unknown.ends_with("right, or renew the API server's certificate"),
            "{unknown}"
        );
    }
}

fn secs(secs: i64) -> UnixTime {
    UnixTime::from_secs(secs)
}

/// Returns the error for an API server whose certificate is valid from `start` to `end`.
async fn refusal(start: i64, end: i64) -> WrongClock {
    let entropy = SystemEntropy::new();
    let (root_key, key) = (
        entropy.private_key(KeyAlgorithm::P256).unwrap(),
        entropy.private_key(KeyAlgorithm::P256).unwrap(),
    );
    let root = issue_root(
        &RootRequest {
            common_name: "API servers",
            serial: entropy.serial().unwrap(),
            not_before: secs(start),
            not_after: secs(end),
        },
        &root_key,
    )
    .unwrap();
    let names = ServerNames::new([], [std::net::Ipv4Addr::LOCALHOST.into()]).unwrap();
    let request = LeafRequest {
        names: &names,
        public_key: key.public_key(),
        serial: entropy.serial().unwrap(),
        not_after: secs(end),
    };
    let leaf = issue_leaf(&request, &root, &root_key).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let mut config = Config::new(url.parse().unwrap());
    config.root_cert = Some(vec![root.der().to_vec()]);
    let api = ApiServer::new(Client::try_from(config).unwrap());
    let server = tokio::spawn(serve(listener, Chain::new(leaf, Vec::new()), key));
    let error = KubeClock::new(&api).fresh().await.unwrap_err();
    server.abort();
    *error.source.downcast().unwrap()
}

async fn serve(listener: TcpListener, chain: Chain, key: certgen::PrivateKey) {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

    let chain = CertificateDer::pem_slice_iter(chain.to_pem().as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.expose_pkcs8_pem().as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    while let Ok((tcp, _)) = listener.accept().await {
        // The handshake is refused, which is what is tested.
        let _ = acceptor.accept(tcp).await;
    }
}
