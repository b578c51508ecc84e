//! What goes wrong.

use std::{fmt, time::Duration};

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use scenarios::{Failure, Fault, Moment};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::{
    chance::Chance,
    world::{Data, World, data},
};

/// A leaf's reserve is four times as long.
const SPELL: Duration = Duration::from_secs(3);
const BETWEEN_CUTS: Duration = Duration::from_millis(250);

/// One fault.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    Requests(Fault),
    CutWatches,
    Killed(Moment),
    EtcdAway,
    ApiServerAway,
    AuthorityGarbled,
    AuthorityDeleted,
    AuthorityOfOld,
    ServingGarbled,
    ServingDeleted,
}

impl Trouble {
    pub(crate) fn any(chance: &mut Chance) -> Self {
        let all = [
            Self::CutWatches,
            Self::Killed(Moment::Before),
            Self::Killed(Moment::After),
            Self::EtcdAway,
            Self::ApiServerAway,
            Self::AuthorityGarbled,
            Self::AuthorityDeleted,
            Self::AuthorityOfOld,
            Self::ServingGarbled,
            Self::ServingDeleted,
        ];
        let all: Vec<Self> = Fault::ALL
            .map(Self::Requests)
            .into_iter()
            .chain(all)
            .collect();
        chance.pick(&all).copied().unwrap_or(Self::CutWatches)
    }

    /// Makes it, and ends what does not end by itself.
    pub(crate) async fn make(self, world: &mut World, chance: &mut Chance) -> Result<(), Failure> {
        match self {
            Self::Requests(fault) => {
                for proxy in &world.proxies {
                    proxy.set(fault);
                }
                sleep(SPELL).await;
                for proxy in &world.proxies {
                    proxy.set(Fault::None);
                }
            }
            Self::CutWatches => {
                for _ in 0..12 {
                    for proxy in &world.proxies {
                        proxy.cut_watches();
                    }
                    sleep(BETWEEN_CUTS).await;
                }
            }
            Self::Killed(moment) => {
                let [_, proxy] = &world.proxies;
                let caught = proxy.catch(chance.up_to(3), moment);
                // If it does not write meanwhile it dies all the same.
                if let Ok(caught) = timeout(SPELL * 4, caught).await {
                    println!("         {}", caught?.write);
                }
                world.revive()?;
            }
            Self::EtcdAway => {
                world.cluster.control_plane.kill_etcd()?;
                sleep(SPELL).await;
                world.cluster.control_plane.start_etcd()?;
            }
            Self::ApiServerAway => {
                world.cluster.control_plane.kill_apiserver(0)?;
                sleep(SPELL).await;
                world.cluster.control_plane.start_apiserver(0).await?;
            }
            _ => self.befall_a_record(world).await?,
        }
        Ok(())
    }

    async fn befall_a_record(self, world: &mut World) -> Result<(), Failure> {
        let admin = &world.cluster.admin;
        match self {
            Self::AuthorityGarbled => {
                let good = data(admin, "guard-ca").await?;
                put(world, "guard-ca", &with(&good, "state")).await?;
                sleep(SPELL).await;
                put(world, "guard-ca", &good).await?;
            }
            Self::AuthorityOfOld => {
                let present = data(admin, "guard-ca").await?;
                put(world, "guard-ca", &world.backup).await?;
                world.backup = present;
            }
            Self::ServingGarbled => {
                let good = data(admin, "guard-tls").await?;
                put(world, "guard-tls", &with(&good, "tls.crt")).await?;
            }
            Self::AuthorityDeleted => delete(world, "guard-ca").await?,
            Self::ServingDeleted => delete(world, "guard-tls").await?,
            _ => {}
        }
        Ok(())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requests(fault) => write!(f, "requests: {fault:?}"),
            Self::Killed(moment) => write!(f, "a controller killed: {moment:?} a write"),
            other => write!(f, "{other:?}"),
        }
    }
}

fn with(good: &Data, entry: &str) -> Data {
    let mut garbled = good.clone();
    garbled.insert(entry.into(), ByteString("garbage".into()));
    garbled
}

fn secrets(world: &World) -> Api<Secret> {
    Api::namespaced(world.cluster.admin.clone(), "guard-system")
}

async fn put(world: &World, name: &str, data: &Data) -> Result<(), Failure> {
    let patch: json_patch::Patch =
        serde_json::from_value(json!([{ "op": "replace", "path": "/data", "value": data }]))?;
    let patch = Patch::Json::<()>(patch);
    secrets(world)
        .patch(name, &PatchParams::default(), &patch)
        .await?;
    Ok(())
}

async fn delete(world: &World, name: &str) -> Result<(), Failure> {
    secrets(world)
        .delete(name, &DeleteParams::default())
        .await?;
    Ok(())
}
