//! What is alive during the soak.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use certgen::Chain;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{Api, Client};
use kube_adapter::local_time;
use rotator_core::Durations;
use scenarios::{
    CALLED, CREATING, Failure, FaultProxy, Installation, Load, Mode, Outcome, Program, RoundRobin,
    TARGET, active_generation, flags, slower,
};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

const PER_SECOND: u32 = 150;
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// What waits for its next attempt after a fault has had it by then.
const PAUSE: Duration = Duration::from_secs(8);
const LIMIT: Duration = Duration::from_secs(120);

pub(crate) type Data = BTreeMap<String, ByteString>;

/// One cluster and everybody in it.
pub(crate) struct World {
    pub(crate) cluster: Installation,
    /// Before the controller that lives, and before the one that is killed.
    pub(crate) proxies: [FaultProxy; 2],
    pub(crate) steady: Program,
    pub(crate) mortal: Program,
    pub(crate) replicas: Vec<Program>,
    /// The authority as it was some time ago.
    pub(crate) backup: Data,
    lives: usize,
    load: Load,
    rotations: Arc<AtomicU64>,
    counting: JoinHandle<()>,
    _service: RoundRobin,
}

impl World {
    pub(crate) async fn new() -> Result<Self, Failure> {
        let cluster = Installation::new(1, CREATING).await?;
        let service = cluster.balance(2).await?;
        cluster.validating().await?;
        let proxies = [cluster.proxy(0).await?, cluster.proxy(1).await?];
        let [first, second] = &proxies;
        let mut steady = cluster.run_behind(first, "steady", &controller_flags())?;
        steady.says("bundle written").await?;
        let mortal = cluster.run_behind(second, "mortal-0", &controller_flags())?;
        let mut replicas = Vec::new();
        for index in 0..2 {
            let mut replica = cluster.replica(index, Mode::ServeOnly)?;
            replica.says("ready").await?;
            replicas.push(replica);
        }
        cluster.admitted(CALLED, 0).await?;
        let rotations = Arc::new(AtomicU64::new(0));
        let counting = tokio::spawn(count(cluster.admin.clone(), Arc::clone(&rotations)));
        Ok(Self {
            load: Load::start(vec![cluster.admin.clone()], CALLED, PER_SECOND),
            backup: data(&cluster.admin, "guard-ca").await?,
            lives: 0,
            cluster,
            proxies,
            steady,
            mortal,
            replicas,
            rotations,
            counting,
            _service: service,
        })
    }

    /// One more life of the controller that is killed.
    pub(crate) fn revive(&mut self) -> Result<(), Failure> {
        self.lives += 1;
        let name = format!("mortal-{}", self.lives);
        let [_, proxy] = &self.proxies;
        // Takes the place of the one before, which ends by that.
        self.mortal = self.cluster.run_behind(proxy, &name, &controller_flags())?;
        Ok(())
    }

    /// Waits until the next fault finds a leaf that has all of its reserve: else two faults together could outlast it.
    pub(crate) async fn recovered(&self) -> Result<(), Failure> {
        sleep(PAUSE).await;
        let renewed = async {
            while !self.has_reserve().await {
                sleep(LOOK_AGAIN).await;
            }
        };
        let renewed = timeout(LIMIT, renewed).await;
        renewed.map_err(|_| "no new leaf after a fault".into())
    }

    async fn has_reserve(&self) -> bool {
        let chain = self.cluster.entry("guard-tls", "tls.crt").await;
        let chain = Chain::from_pem(&chain.unwrap_or_default());
        chain.is_ok_and(|chain| {
            let left = chain
                .leaf()
                .facts()
                .not_after
                .saturating_since(local_time());
            left > life().leaf_renew_before
        })
    }

    pub(crate) fn outcome(&self) -> Outcome {
        self.load.so_far()
    }

    pub(crate) fn rotations(&self) -> u64 {
        self.rotations.load(Relaxed)
    }

    pub(crate) fn end(self) -> Outcome {
        self.counting.abort();
        self.load.stop()
    }
}

fn life() -> Durations {
    slower(2)
}

fn controller_flags() -> Vec<String> {
    // Without a Lease both work all the time.
    let more = ["--leader-election=false", "--validating", TARGET];
    let more = more.map(str::to_owned);
    flags(&life()).into_iter().chain(more).collect()
}

/// Counts each step of the active generation, whatever restores take back.
async fn count(admin: Client, rotations: Arc<AtomicU64>) {
    let mut last = None;
    loop {
        let now = active(&admin).await;
        if let (Some(last), Some(now)) = (last, now) {
            rotations.fetch_add(u64::saturating_sub(now, last), Relaxed);
        }
        last = now.or(last);
        sleep(LOOK_AGAIN).await;
    }
}

async fn active(admin: &Client) -> Option<u64> {
    active_generation(admin, ("guard-system", "guard-ca"))
        .await
        .ok()
}

/// The entries of a Secret.
pub(crate) async fn data(admin: &Client, name: &str) -> Result<Data, Failure> {
    let secrets: Api<Secret> = Api::namespaced(admin.clone(), "guard-system");
    Ok(secrets.get(name).await?.data.unwrap_or_default())
}
