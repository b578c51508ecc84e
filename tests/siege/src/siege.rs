//! A control plane with a webhook, and one attack after another on it.

use std::{fmt, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use rustix::process::{Resource, getrlimit, setrlimit};
use scenarios::{CALLED, Failure, Installation, PREMADE, Program, TARGET, apply};
use serde_json::json;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

use crate::{
    attacks::Attack,
    cage::Cage,
    calls::{Callers, Calls, large_object},
    front::Front,
    memory::Peak,
    row::Row,
    server::Server,
};

const KIND: &str = "ValidatingWebhookConfiguration";
const WARM_UP: usize = 20;
const LARGE_WARM_UP: usize = 3;
/// What a server has to return its memory, once the attack is over.
const RECOVERY: Duration = Duration::from_secs(30);
/// Memory is the most that a process has in so long, in which a review of 7 MiB is in progress, before an attack and after it.
const SPELL: Duration = Duration::from_secs(2);
/// For attackers to hang up.
const HANGING_UP: Duration = Duration::from_secs(10);

/// A control plane whose API server calls a webhook for each `ConfigMap`.
pub struct Siege {
    cluster: Installation,
    folder: TempDir,
    lasts: Duration,
    descriptors: u64,
    /// How often the bundle's bytes were changed.
    changes: usize,
    attacks: usize,
}

impl fmt::Debug for Siege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Siege").finish_non_exhaustive()
    }
}

impl Siege {
    /// Starts the control plane and has a bundle injected; each attack will go on for so long.
    ///
    /// # Errors
    ///
    /// Whatever does not start.
    pub async fn lay(lasts: Duration) -> Result<Self, Failure> {
        let descriptors = raise_descriptors();
        let cluster = Installation::new(1, PREMADE).await?;
        let mut configuration = cluster.configuration(KIND, TARGET, CALLED);
        if let Some(operations) = configuration.pointer_mut("/webhooks/0/rules/0/operations") {
            *operations = json!(["CREATE", "UPDATE"]);
        }
        apply(&cluster.admin, &configuration.to_string()).await?;
        let siege = Self {
            cluster,
            folder: tempfile::tempdir()?,
            lasts,
            descriptors,
            changes: 0,
            attacks: 0,
        };
        let cage = Cage::make(&siege.cage_name());
        let program = siege.start(Server::Ours, &cage, siege.descriptors).await?;
        let posted = PostParams::default();
        siege.config_maps().create(&posted, &large_object()).await?;
        drop(program);
        Ok(siege)
    }

    /// Why there is no limit of memory here, if there is none: what a server has at most is compared with it instead.
    pub fn has_no_cage(&self) -> Option<String> {
        let cage = Cage::make(&format!("{}-tried", self.cage_name()));
        cage.is_missing().map(str::to_owned)
    }

    /// Puts this attack to a fresh process of this server, while API servers call it.
    ///
    /// # Errors
    ///
    /// Something that is not the attack's doing: a program does not start.
    pub async fn withstand(&mut self, server: Server, attack: Attack) -> Result<Row, Failure> {
        self.attacks += 1;
        let cage = Cage::make(&self.cage_name());
        let descriptors = attack.descriptors().map_or(self.descriptors, u64::from);
        let mut program = self.start(server, &cage, descriptors).await?;
        let callers = self.callers();
        let has_large = warm_up(&callers).await? || attack == Attack::Peace;
        let calls = Calls::start(&callers, has_large);
        let before = spell(&program).await?;

        let peak = Peak::watch(program.id())?;
        let connections = self.attack(attack).await?;
        let peak = peak.bytes();
        let after = recovered(&mut program, before).await?;
        let outcome = calls.finish().await;
        let has_survived = program.ended()?.is_none();
        let row = Row {
            attack,
            server,
            calls: 0,
            failed: 0,
            timed_out: 0,
            reasons: std::collections::BTreeMap::new(),
            memory: [before, peak, after],
            connections,
            is_limited: cage.is_missing().is_none(),
            has_survived,
        };
        Ok(row.with_calls(outcome))
    }

    /// Attacks from threads of its own, and has the API server connect anew in the middle; says how many connections there were, and
    /// how many were ended.
    async fn attack(&mut self, attack: Attack) -> Result<[u64; 2], Failure> {
        let address = self.cluster.service.address.into();
        let front = Front::new(address, self.lasts, attack.is_hidden())?;
        let tally = front.tally();
        let limit = self.lasts + HANGING_UP;
        let attacking = tokio::task::spawn_blocking(move || -> Result<(), Failure> {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()?;
            let attacked = runtime.block_on(async { timeout(limit, attack.run(&front)).await });
            runtime.shutdown_timeout(HANGING_UP);
            Ok(attacked?)
        });
        sleep(self.lasts / 2).await;
        self.change_bundle().await?;
        attacking.await??;
        Ok([tally.opened(), tally.shed()])
    }

    /// The same certificates in other bytes: the API server takes a connection that it has for another webhook's.
    async fn change_bundle(&mut self) -> Result<(), Failure> {
        self.changes += 1;
        let bundle = self.cluster.bundle(KIND, TARGET).await?;
        let bundle = format!("{}{}", bundle.trim_end(), "\n".repeat(self.changes));
        let path = "/webhooks/0/clientConfig/caBundle";
        let change = json!([{ "op": "replace", "path": path, "value": STANDARD.encode(bundle) }]);
        let patch = Patch::Json::<()>(serde_json::from_value(change)?);
        let configurations = self.cluster.configurations(KIND);
        let parameters = PatchParams::default();
        configurations.patch(TARGET, &parameters, &patch).await?;
        Ok(())
    }

    async fn start(
        &self,
        server: Server,
        cage: &Cage,
        descriptors: u64,
    ) -> Result<Program, Failure> {
        let inside = (cage, descriptors);
        let program = server
            .start(&self.cluster, inside, self.folder.path())
            .await?;
        self.cluster.admitted(CALLED, 0).await?;
        Ok(program)
    }

    fn callers(&self) -> Callers {
        Callers {
            config_maps: self.config_maps(),
            address: self.cluster.service.address.into(),
        }
    }

    fn config_maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.cluster.admin.clone(), CALLED)
    }

    fn cage_name(&self) -> String {
        format!(
            "webhook-certs-siege-{}-{}",
            std::process::id(),
            self.attacks
        )
    }
}

/// Says whether the server takes large reviews.
async fn warm_up(callers: &Callers) -> Result<bool, Failure> {
    for _ in 0..WARM_UP {
        callers.clone().small().await?;
        callers.clone().fresh().await?;
    }
    for _ in 0..LARGE_WARM_UP {
        if callers.clone().update().await.is_err() || callers.clone().largest().await.is_err() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Waits until the process has nearly as much memory as before, half a minute at most; says how much it has.
async fn recovered(program: &mut Program, before: u64) -> Result<u64, Failure> {
    let until = Instant::now() + RECOVERY;
    loop {
        if program.ended()?.is_some() {
            return Ok(0);
        }
        let now = spell(program).await.unwrap_or_default();
        if Row::is_back([before, 0, now]) || Instant::now() > until {
            return Ok(now);
        }
    }
}

/// The most that it has for a while.
async fn spell(program: &Program) -> Result<u64, Failure> {
    let peak = Peak::watch(program.id())?;
    sleep(SPELL).await;
    Ok(peak.bytes())
}

/// As many as the system allows; says how many those are.
fn raise_descriptors() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _unchanged = setrlimit(Resource::Nofile, limit);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
