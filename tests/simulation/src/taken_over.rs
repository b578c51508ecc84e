//! How it stands before a take-over: a certificate that somebody else made is served and trusted.

use std::{collections::BTreeMap, sync::Arc};

use certgen::{KeyAlgorithm, LeafRequest, Serial, ServerNames, UnixTime, issue_leaf};

use crate::{
    chance::Chance,
    cluster::{SecretId, Writer},
    controller::NAME,
    keys,
    ports::SharedCluster,
    rare::stranger,
    script::START,
};

/// Serves a stranger's leaf, which ends `left` seconds after the start, and has every target trust it.
pub(crate) fn prepare(cluster: &SharedCluster, left: i64, chance: &mut Chance) {
    let (root, root_key) = stranger(chance);
    let key = keys::make(KeyAlgorithm::P256, chance);
    let names = ServerNames::new([NAME.parse().expect("a name")], []).expect("not empty");
    let request = LeafRequest {
        names: &names,
        public_key: key.public_key(),
        serial: Serial::from_random(chance.bytes()),
        not_after: UnixTime::from_secs(START + left),
    };
    let leaf = issue_leaf(&request, &root, &root_key).expect("a valid request");
    let entries = BTreeMap::from([
        ("tls.crt".to_owned(), leaf.to_pem().into_bytes()),
        (
            "tls.key".to_owned(),
            key.expose_pkcs8_pem().as_bytes().to_vec(),
        ),
        ("ca.crt".to_owned(), root.to_pem().into_bytes()),
    ]);
    let mut cluster = cluster.lock();
    let by = (Writer::Foreign, cluster.revision);
    cluster.put(SERVING, Some(Arc::new(entries)), by);
    for target in 0..cluster.targets.len() {
        cluster.overwrite_target(target, Some(root.to_pem().as_bytes()), Writer::Foreign);
    }
}

/// The record that it is served from.
pub(crate) const SERVING: SecretId = SecretId::Serving {
    installation: 0,
    record: 0,
};
