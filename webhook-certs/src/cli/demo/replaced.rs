//! The lane without cross certificates: a new CA replaces the bundle at once.

use std::{sync::Arc, time::Duration};

use certgen::{
    KeyAlgorithm, LeafRequest, RootRequest, ServerNames, UnixTime, issue_leaf, issue_root,
};
use kube_adapter::{SystemEntropy, local_time};
use rotator_core::Entropy;
use tokio::{sync::watch, task::JoinSet};
use webhook_serve::{Resolver, ServingCert};

use super::{
    DELAYS, DURATIONS, Failure, Lane, NAMESPACE, SERVICE, SUBJECT, history::History, replica,
    table::Progress,
};
use crate::words::in_full;

/// Starts two replicas, and makes a new CA whenever the other lane has completed a rotation.
pub(super) async fn start(
    tasks: &mut JoinSet<()>,
    mut progress: watch::Receiver<Progress>,
) -> Result<Lane, Failure> {
    let names = ServerNames::for_service(SERVICE, NAMESPACE)
        .map_err(|error| Failure::Undone(in_full(&error)))?;
    let history = Arc::new(History::default());
    let (certs, served) = watch::channel(None);

    let (mut replicas, mut resolvers) = (Vec::new(), Vec::new());
    for delay in DELAYS {
        let resolver = Resolver::new(names.clone());
        replicas.push(replica::start(tasks, &resolver).await?);
        resolvers.push(resolver.clone());
        tasks.spawn(follow(served.clone(), resolver, delay));
    }

    let (bundle, cert) = new_ca(&names, 1).map_err(Failure::Undone)?;
    history.write(bundle.as_bytes());
    certs.send_replace(Some(cert));
    replica::all_serve(&resolvers).await;
    let lane = Lane {
        history: Arc::clone(&history),
        replicas,
    };
    tasks.spawn(async move {
        let mut done = 0;
        while progress.changed().await.is_ok() {
            let rotations = progress.borrow_and_update().rotations;
            if rotations > done
                && let Ok((bundle, cert)) = new_ca(&names, rotations + 1)
            {
                done = rotations;
                history.write(bundle.as_bytes());
                certs.send_replace(Some(cert));
            }
        }
    });
    Ok(lane)
}

/// Gives each certificate to a replica after the replica's delay.
async fn follow(
    mut served: watch::Receiver<Option<ServingCert>>,
    resolver: Resolver,
    delay: Duration,
) {
    loop {
        tokio::time::sleep(delay).await;
        let cert = served.borrow_and_update().clone();
        if let Some(cert) = cert {
            let _verdict = resolver.offer(cert, local_time());
        }
        if served.changed().await.is_err() {
            return;
        }
    }
}

/// Makes a root and a leaf with the lifetimes of the other lane.
fn new_ca(names: &ServerNames, generation: u64) -> Result<(String, ServingCert), String> {
    let entropy = SystemEntropy::new();
    let from_now = |ahead: Duration| {
        let now = local_time().as_secs();
        UnixTime::from_secs(now.saturating_add_unsigned(ahead.as_secs()))
    };
    let key = || {
        entropy
            .private_key(KeyAlgorithm::P256)
            .map_err(|error| in_full(&error))
    };
    let serial = || entropy.serial().map_err(|error| in_full(&error));
    let (root_key, leaf_key) = (key()?, key()?);
    let root = RootRequest {
        common_name: &format!("{SUBJECT} webhook CA g{generation}"),
        serial: serial()?,
        not_before: local_time(),
        not_after: from_now(DURATIONS.ca_lifetime),
    };
    let root = issue_root(&root, &root_key).map_err(|error| in_full(&error))?;
    let leaf = LeafRequest {
        names,
        public_key: leaf_key.public_key(),
        serial: serial()?,
        not_after: from_now(DURATIONS.ca_lifetime),
    };
    let leaf = issue_leaf(&leaf, &root, &root_key).map_err(|error| in_full(&error))?;
    let cert = ServingCert::from_pem(
        leaf.to_pem().as_bytes(),
        leaf_key.expose_pkcs8_pem().as_bytes(),
    )
    .map_err(|error| in_full(&error))?;
    Ok((root.to_pem(), cert))
}
