//! Attackers with one right each, on a real control plane: what each can do, and that it ends with the right.
//!
//! `SECURITY.md` names a test of these in each row of its tables. With `SCENARIOS_ALL=1` those run, too, that another stands for otherwise.
#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "trust/attacker.rs"]
mod attacker;
#[path = "trust/authority.rs"]
mod authority;
#[path = "trust/disowned.rs"]
mod disowned;
#[path = "trust/forgery.rs"]
mod forgery;
#[path = "trust/healed.rs"]
mod healed;
#[path = "trust/impostor.rs"]
mod impostor;
#[path = "trust/lease.rs"]
mod lease;
#[path = "trust/serving_secret.rs"]
mod serving_secret;
#[path = "trust/take_over.rs"]
mod take_over;
#[path = "trust/targets.rs"]
mod targets;
#[path = "trust/told.rs"]
mod told;

use std::{collections::BTreeSet, time::Duration};

use certgen::{Certificate, Fingerprint};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{DeleteParams, PatchParams},
};
use scenarios::{
    CALLED, CREATING, Failure, Installation, Mode, Program, RoundRobin, TARGET, call_once, until,
};
use tokio::time::{sleep, timeout};

use self::{
    attacker::{AUTHORITY, Object, SERVING, VALIDATING},
    forgery::in_bundle,
};

/// One scenario at a time: the machine must not be busy with another.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Generous: what heals does so within a second.
const SOON: Duration = Duration::from_secs(30);
/// As many as an attack was seen to pass.
const CALLS: usize = 60;
const PER_SECOND: u32 = 50;
/// Fewer admitted calls would show little.
const LEAST: u64 = 300;

/// A cluster whose certificates are kept, and served by a replica that only serves.
struct Stage {
    cluster: Installation,
    keeper: Program,
    _replica: Program,
    service: Option<RoundRobin>,
}

impl Stage {
    /// With standard lifetimes: nothing is due, so the keeper writes only in answer to another writer.
    async fn new() -> Result<Self, Failure> {
        Self::with(&[]).await
    }

    /// The same in fast motion.
    async fn fast() -> Result<Self, Failure> {
        Self::with(&scenarios::fast_flags()).await
    }

    async fn with(flags: &[String]) -> Result<Self, Failure> {
        let cluster = Installation::new(1, CREATING).await?;
        cluster.validating().await?;
        Self::kept(cluster, flags).await
    }

    /// Keeps and serves what is installed there, and waits until calls are admitted.
    async fn kept(cluster: Installation, flags: &[String]) -> Result<Self, Failure> {
        let service = cluster.balance(1).await?;
        let mut all = vec!["--leader-election=false", "--validating", TARGET];
        all.extend(flags.iter().map(String::as_str));
        let mut keeper = cluster.run("keeper", &all)?;
        keeper.says("bundle written").await?;
        let mut replica = cluster.replica(0, Mode::ServeOnly)?;
        replica.says("ready").await?;
        cluster.admitted(CALLED, 0).await?;
        Ok(Self {
            cluster,
            keeper,
            _replica: replica,
            service: Some(service),
        })
    }

    /// The root that signs.
    async fn root(&self) -> Result<Certificate, Failure> {
        let active = self.cluster.active_generation().await?;
        let pem = self
            .cluster
            .entry(AUTHORITY.name, &format!("gen-{active}.crt"))
            .await?;
        let root = in_bundle(&String::from_utf8(pem)?).into_iter().next();
        root.ok_or_else(|| "the authority has no root".into())
    }

    async fn bundle(&self, target: &Object) -> Result<Bundle, Failure> {
        Ok(Bundle(target.bundle(&self.cluster.admin).await?))
    }

    /// Writes an entry as the administrator.
    async fn puts(&self, target: &Object, pem: &str) -> Result<(), Failure> {
        let api = target.api(&self.cluster.admin);
        let params = PatchParams::default();
        api.patch(target.name, &params, &target.holding(pem)?)
            .await?;
        Ok(())
    }

    /// Takes our root from the entry, and returns what the keeper makes of it: it has then read whatever was written before.
    async fn repaired(&self) -> Result<Bundle, Failure> {
        let ours = self.root().await?.fingerprint();
        let rest = self.bundle(&VALIDATING).await?.without(ours);
        self.puts(&VALIDATING, &rest).await?;
        until("our root is back", async || {
            Ok(self.bundle(&VALIDATING).await?.has(ours))
        })
        .await?;
        self.bundle(&VALIDATING).await
    }

    /// Whether it is so within half a minute.
    async fn soon(
        &self,
        mut is_so: impl AsyncFnMut() -> Result<bool, Failure>,
    ) -> Result<bool, Failure> {
        let looking = async {
            while !is_so().await? {
                sleep(LOOK_AGAIN).await;
            }
            Ok(())
        };
        timeout(SOON, looking)
            .await
            .map_or(Ok(false), |looked: Result<(), Failure>| {
                looked.map(|()| true)
            })
    }

    /// Whether calls pass, once the API server has seen the newest bundle; says what the last one said if not.
    async fn admits(&self) -> Result<Result<(), String>, Failure> {
        let api = self.calls();
        let mut last = Ok(());
        let is_open = self
            .soon(async || {
                last = call_once(&api).await.map_err(|error| error.to_string());
                Ok(last.is_ok())
            })
            .await?;
        if !is_open {
            return Ok(last);
        }
        for _ in 0..CALLS {
            if let Err(error) = call_once(&api).await {
                return Ok(Err(error.to_string()));
            }
        }
        Ok(Ok(()))
    }

    fn calls(&self) -> Api<ConfigMap> {
        Api::namespaced(self.cluster.admin.clone(), CALLED)
    }

    /// The certificates of an entry of the serving Secret; none if there is no Secret.
    async fn served(&self, entry: &str) -> Result<Vec<Certificate>, Failure> {
        let served = self.cluster.entry(SERVING.name, entry).await;
        Ok(in_bundle(&String::from_utf8(served.unwrap_or_default())?))
    }

    /// Deletes a Secret, and waits until it is made anew.
    async fn made_anew(&self, secret: &Object) -> Result<(), Failure> {
        let api = secret.api(&self.cluster.admin);
        let before = api.get(secret.name).await?.metadata.uid;
        api.delete(secret.name, &DeleteParams::default()).await?;
        until("the Secret is made anew", async || {
            let now = api.get_opt(secret.name).await?;
            Ok(now.is_some_and(|now| now.metadata.uid != before))
        })
        .await
    }

    /// How often the keeper wrote an object with success.
    fn our_writes(&self, object: &Object) -> Result<usize, Failure> {
        let writes = self.cluster.control_plane.audit(0)?;
        Ok(writes
            .iter()
            .filter(|event| event.is_write() && event.user.ends_with(":guard"))
            .filter(|event| event.resource == object.plural && event.status < 400)
            .filter(|event| event.name.as_deref() == Some(object.name))
            .count())
    }
}

/// What an entry holds.
struct Bundle(String);

impl Bundle {
    fn certificates(&self) -> Vec<Certificate> {
        in_bundle(&self.0)
    }

    fn fingerprints(&self) -> BTreeSet<Fingerprint> {
        let all = self.certificates().into_iter();
        all.map(|certificate| certificate.fingerprint()).collect()
    }

    fn has(&self, fingerprint: Fingerprint) -> bool {
        self.fingerprints().contains(&fingerprint)
    }

    fn without(&self, fingerprint: Fingerprint) -> String {
        let all = self.certificates().into_iter();
        all.filter(|certificate| certificate.fingerprint() != fingerprint)
            .map(|certificate| certificate.to_pem())
            .collect()
    }
}

/// What does not hold, so that one run shows all of it.
#[derive(Default)]
struct Broken(Vec<String>);

impl Broken {
    fn unless(&mut self, holds: bool, what: impl Into<String>) {
        if !holds {
            self.0.push(what.into());
        }
    }

    fn judge(self) {
        assert!(self.0.is_empty(), "{:#?}", self.0);
    }
}
