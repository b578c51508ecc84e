//! What `Debug` shows of everything that holds a key, and what errors say about damage that has one in it.

use std::error::Error;

use certgen::{Chain, PrivateKey, parse_bundle};
use kube_adapter::{
    ApiServer, KubeClock, KubeSecretStore, KubeWebhookPatcher, SystemEntropy, Target, local_time,
};
use rotator_core::{
    Authority, Duty, MemoryStore, Ports, Record, RecordName, SecretStore, Serving, ServingSettings,
    Settings,
};
use scenarios::{Failure, Installation, TARGET, fast_policy};
use webhook_certs::{Keeper, WebhookCerts};
use webhook_serve::{Acceptor, FileWriter, Files, Resolver, ServingCert};

const RECORDS: [&str; 2] = ["guard-ca", "guard-tls"];

/// Made of the records as they stand there now.
pub(crate) async fn everything_that_holds_a_key(cluster: &Installation) -> Result<String, Failure> {
    let api = ApiServer::new(cluster.admin.clone());
    let store = KubeSecretStore::new(&api, "guard-system");
    let mut shown = vec![format!("{store:?}")];
    for name in RECORDS.map(RecordName::new) {
        let stored = store.load(&name).await?;
        shown.push(format!("{stored:?}"));
        let record = stored.record.ok_or("there is no record")?;
        shown.extend(decoded(&record));
        shown.extend(damaged(&record));
        let memory = MemoryStore::new();
        memory.put(&name, Some(record.duplicate()));
        shown.push(format!("{memory:?}"));
        if name.as_str() == "guard-tls" {
            shown.extend(served(&record)?);
        }
    }
    shown.push(kept(cluster, &api).await?);
    shown.push(held(cluster).await?);
    Ok(shown.join("\n"))
}

fn decoded(record: &Record) -> Vec<String> {
    let (serving, authority) = (Serving::decode(record), Authority::decode(record));
    let mut shown = vec![format!("{record:?} {serving:?} {authority:?}")];
    for (_, pem) in record.expose_entries() {
        shown.push(shown_or_told(PrivateKey::from_pem(pem)));
        shown.push(shown_or_told(Chain::from_pem(pem)));
        shown.push(format!("{:?}", parse_bundle(pem)));
    }
    shown
}

/// Each entry in turn holds each key, or half of it.
fn damaged(record: &Record) -> Vec<String> {
    let mut shown = Vec::new();
    let keys = record
        .expose_entries()
        .filter(|(entry, _)| entry.contains(".key"));
    for (_, key) in keys {
        let (half, _) = key.split_at(key.len() / 2);
        for (entry, content) in record.names().flat_map(|name| [(name, key), (name, half)]) {
            let mut damaged = record.duplicate();
            damaged.insert(entry, content);
            shown.push(shown_or_told(Authority::decode(&damaged)));
            shown.push(format!("{:?}", Serving::decode(&damaged)));
            let entry = |name| damaged.expose(name).unwrap_or_default();
            let cert = ServingCert::from_pem(entry("tls.crt"), entry("tls.key"));
            shown.push(shown_or_told(cert));
        }
    }
    shown
}

fn served(record: &Record) -> Result<Vec<String>, Failure> {
    let entry = |name| record.expose(name).unwrap_or_default();
    let cert = ServingCert::from_pem(entry("tls.crt"), entry("tls.key"))?;
    let resolver = Resolver::for_any_name();
    let verdict = resolver.offer(cert.clone(), local_time());
    let acceptor = Acceptor::new(&resolver)?;
    let config = resolver.server_config()?;
    let files = Files {
        tls_crt: entry("tls.crt"),
        tls_key: entry("tls.key"),
        ca_crt: entry("ca.crt"),
    };
    let writer = FileWriter::new("files", 0o600);
    Ok(vec![
        format!("{cert:?} {verdict:?} {resolver:?} {acceptor:?} {config:?}"),
        format!("{files:?} {writer:?}"),
    ])
}

/// A keeper that has read all of it.
async fn kept(cluster: &Installation, api: &ApiServer) -> Result<String, Failure> {
    let [authority, serving] = RECORDS.map(RecordName::new);
    let store = |name| KubeSecretStore::new(api, "guard-system").watching([name]);
    let target = Target {
        kind: "ValidatingWebhookConfiguration".parse()?,
        name: TARGET.into(),
        entries: webhook_inject::Selector::of_service("guard-system", "guard"),
    };
    let ports = Ports {
        authority: store(&authority),
        serving: store(&serving),
        patcher: KubeWebhookPatcher::watching(api, [target]),
        clock: KubeClock::new(api),
        entropy: SystemEntropy::new(),
    };
    let names = cluster.service.name.clone() + "." + &cluster.service.namespace + ".svc";
    let settings = Settings {
        subject: "guard.guard-system".into(),
        authority,
        serving: vec![ServingSettings {
            record: serving,
            names: certgen::ServerNames::new([names.parse()?], [])?,
        }],
        policy: fast_policy()?,
    };
    let mut keeper = Keeper::new(settings, ports);
    let report = keeper.step(Duty::StandBy).await;
    Ok(format!("{keeper:?} {report:?}"))
}

/// What an operator holds.
async fn held(cluster: &Installation) -> Result<String, Failure> {
    let builder = WebhookCerts::builder("guard", "guard-system").serve_only();
    let shown = format!("{builder:?}");
    let certs = builder.start(cluster.admin.clone())?;
    certs.serving().await;
    let config = certs.rustls_config()?;
    Ok(format!(
        "{shown} {certs:?} {:?} {config:?}",
        certs.resolver()
    ))
}

/// `Debug` of what was made, or of the error, and what it says, with its causes.
fn shown_or_told<T: std::fmt::Debug, E: Error>(made: Result<T, E>) -> String {
    match made {
        Ok(made) => format!("{made:?}"),
        Err(error) => {
            let mut told = format!("{error:?} {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                told = format!("{told}: {error}");
                cause = error.source();
            }
            told
        }
    }
}
