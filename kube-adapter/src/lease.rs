//! Elects a leader among replicas, by compare-and-swap on a Lease (`coordination.k8s.io/v1`).
//!
//! Two leaders are safe: the Lease only saves work and log lines.

use rotator_core::Duty;
use serde_json::{Value, json};
use tokio::{sync::watch, time::timeout};

use crate::{
    api_server::ApiServer,
    fault::{Fault, Needs},
    resource::Resource,
};

mod decide;
#[cfg(test)]
mod tests;

use decide::{LEASE, Next, RETRY, Seen, decide, is_lost, patience};

/// One replica's part in the election of a leader.
#[derive(Debug)]
pub struct Election {
    api: ApiServer,
    leases: Resource,
    name: String,
    identity: String,
    told: Told,
}

/// What the log last said about the leader.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Told {
    #[default]
    Nothing,
    /// This replica leads.
    Leads,
    /// The replica with this identity leads.
    StandsBy(String),
    /// This replica led, and does no longer.
    Lost,
    /// Each replica leads, for this reason.
    EachLeads(String),
}

/// The leader after one look and at most one write.
enum Leader {
    /// This replica.
    This,
    /// The replica with this identity.
    Other(String),
    /// Another replica claimed the Lease first.
    Unknown,
}

impl Election {
    /// Makes a candidate. `identity` must differ between replicas: the pod's name, for example.
    pub fn new(api: &ApiServer, namespace: &str, name: &str, identity: &str) -> Self {
        Self {
            api: api.clone(),
            leases: Resource::namespaced("apis/coordination.k8s.io/v1", "leases", namespace),
            name: name.into(),
            identity: identity.into(),
            told: Told::Nothing,
        }
    }

    /// Sets `duty` to what this replica is to do, until dropped.
    ///
    /// Where Leases are forbidden or refused, every replica leads, which costs work and harms nothing; the log says
    /// what to do.
    pub async fn run(&mut self, duty: &watch::Sender<Duty>) {
        let mut seen: Option<Seen> = None;
        let mut renewed = None;
        let mut was_refused = false;
        loop {
            let began = self.api.listener().elapsed();
            let round = timeout(patience(renewed, began), self.round(&mut seen));
            let outcome = round
                .await
                .unwrap_or_else(|_| Err(Fault::unavailable("no answer in time")));
            let now = self.api.listener().elapsed();
            let is_refused = matches!(outcome, Err(Fault::Refused(_)));
            match outcome {
                Ok(leader) => {
                    let leads = matches!(leader, Leader::This);
                    // Other replicas count from the write at the earliest, and this one from before it.
                    renewed = leads.then_some(began);
                    self.tell_leader(leader);
                    set(duty, if leads { Duty::Lead } else { Duty::StandBy });
                }
                Err(Fault::Forbidden(Needs { verb, object })) => {
                    renewed = None;
                    self.tell_impossible(format!("grant {verb} on {object}"));
                    set(duty, Duty::Lead);
                }
                // As with a missing permission, only a repeated refusal counts.
                Err(Fault::Refused(answer)) if was_refused => {
                    renewed = None;
                    self.tell_impossible(format!("Lease {}: {answer}", self.name));
                    set(duty, Duty::Lead);
                }
                Err(fault) => {
                    tracing::debug!(?fault, "the Lease was not renewed");
                    if is_lost(renewed, now) {
                        if *duty.borrow() == Duty::Lead {
                            self.tell_lost();
                        }
                        // This replica no longer leads, so it can wait for the next answer in full.
                        renewed = None;
                        set(duty, Duty::StandBy);
                    }
                }
            }
            was_refused = is_refused;
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Gives the Lease up, if this replica holds it, so that another need not wait until it expires. Best effort.
    pub async fn release(&self) {
        if let Ok(Some(mut lease)) = self.read().await
            && holder(&lease) == self.identity
        {
            set_field(&mut lease, "holderIdentity", json!(""));
            set_field(&mut lease, "leaseDurationSeconds", json!(1));
            if let Err(fault) = self.write(&lease).await {
                tracing::debug!(?fault, "the Lease was not given up");
            }
        }
    }

    /// Does one look and at most one write.
    async fn round(&self, seen: &mut Option<Seen>) -> Result<Leader, Fault> {
        let Some(lease) = self.read().await? else {
            return Ok(this_if(self.create().await?));
        };
        let now = self.api.listener().elapsed();
        let current = Seen::new(&lease, now, seen.take());
        let next = decide(&current, &self.identity, now);
        *seen = Some(current);
        match next {
            Next::Renew => Ok(this_if(self.hold(lease, false).await?)),
            Next::Claim => Ok(this_if(self.hold(lease, true).await?)),
            Next::Wait => Ok(Leader::Other(holder(&lease).to_owned())),
        }
    }

    /// Writes this replica as the holder.
    ///
    /// The times in a Lease are for people and other implementations; this one counts by its own monotonic clock.
    async fn hold(&self, mut lease: Value, anew: bool) -> Result<bool, Fault> {
        let now = self.api.listener().micro_time();
        set_field(&mut lease, "holderIdentity", json!(self.identity));
        set_field(&mut lease, "leaseDurationSeconds", json!(LEASE.as_secs()));
        set_field(&mut lease, "renewTime", json!(now));
        if anew {
            let before = lease
                .pointer("/spec/leaseTransitions")
                .and_then(Value::as_i64);
            set_field(&mut lease, "acquireTime", json!(now));
            set_field(
                &mut lease,
                "leaseTransitions",
                json!(before.unwrap_or(0).saturating_add(1)),
            );
        }
        won(self.write(&lease).await)
    }

    async fn create(&self) -> Result<bool, Fault> {
        let now = self.api.listener().micro_time();
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {
                "name": self.name,
                "labels": { "app.kubernetes.io/managed-by": crate::resource::FIELD_MANAGER },
            },
            "spec": {
                "holderIdentity": self.identity, "leaseDurationSeconds": LEASE.as_secs(),
                "acquireTime": now, "renewTime": now, "leaseTransitions": 0,
            },
        });
        let (request, needs) = self.leases.create(&lease)?;
        won(self.api.call(request, &needs).await.map(drop))
    }

    async fn read(&self) -> Result<Option<Value>, Fault> {
        let (request, needs) = self.leases.get(&self.name)?;
        match self.api.call(request, &needs).await {
            Ok(body) => serde_json::from_slice(&body)
                .map(Some)
                .map_err(Fault::unavailable),
            Err(Fault::Absent) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// Writes only if the Lease has not changed since it was read: `lease` carries the revision that was read.
    async fn write(&self, lease: &Value) -> Result<(), Fault> {
        let (request, needs) = self.leases.replace(&self.name, lease)?;
        self.api.call(request, &needs).await.map(drop)
    }

    /// Logs each change of the leader once.
    fn tell_leader(&mut self, leader: Leader) {
        let lease = self.name.as_str();
        let told = match leader {
            Leader::This => Told::Leads,
            Leader::Other(name) => Told::StandsBy(name),
            // The next look finds out which replica leads.
            Leader::Unknown => return,
        };
        match &told {
            _ if told == self.told => return,
            Told::StandsBy(leader) => tracing::info!(lease, leader, "standing by"),
            _ if self.told == Told::Lost => {
                tracing::info!(lease, "leading again: the Lease was renewed");
            }
            _ => tracing::info!(lease, "taking the lead"),
        }
        self.told = told;
    }

    fn tell_lost(&mut self) {
        if self.told != Told::Lost {
            tracing::warn!(
                lease = self.name,
                "standing by: the Lease could not be renewed"
            );
            self.told = Told::Lost;
        }
    }

    fn tell_impossible(&mut self, advice: String) {
        if matches!(&self.told, Told::EachLeads(known) if *known == advice) {
            return;
        }
        tracing::warn!(
            "no election of a leader, so every replica leads, which is safe but costs work: {advice}"
        );
        self.told = Told::EachLeads(advice);
    }
}

fn this_if(won: bool) -> Leader {
    if won { Leader::This } else { Leader::Unknown }
}

/// A lost write is an answer: another replica leads.
fn won(outcome: Result<(), Fault>) -> Result<bool, Fault> {
    match outcome {
        Ok(()) => Ok(true),
        Err(Fault::Conflict) => Ok(false),
        Err(fault) => Err(fault),
    }
}

fn set(duty: &watch::Sender<Duty>, new: Duty) {
    duty.send_if_modified(|held| std::mem::replace(held, new) != new);
}

fn holder(lease: &Value) -> &str {
    lease
        .pointer("/spec/holderIdentity")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn set_field(lease: &mut Value, field: &str, value: Value) {
    if let Some(object) = lease.as_object_mut() {
        let spec = object.entry("spec").or_insert_with(|| json!({}));
        if let Some(spec) = spec.as_object_mut() {
            spec.insert(field.into(), value);
        }
    }
}
