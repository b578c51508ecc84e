//! Which replica leads, by compare-and-swap on a Lease (`coordination.k8s.io/v1`).
//!
//! Nothing is unsafe if two replicas lead: the Lease only saves work and log lines.

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

/// Takes part in the election of a leader.
#[derive(Debug)]
pub struct Election {
    api: ApiServer,
    leases: Resource,
    name: String,
    identity: String,
    told: bool,
}

impl Election {
    /// `identity` must differ between replicas: the pod's name, for example.
    pub fn new(api: &ApiServer, namespace: &str, name: &str, identity: &str) -> Self {
        Self {
            api: api.clone(),
            leases: Resource::namespaced("apis/coordination.k8s.io/v1", "leases", namespace),
            name: name.into(),
            identity: identity.into(),
            told: false,
        }
    }

    /// Tells `duty` what this replica is to do, until dropped.
    ///
    /// Where Leases are forbidden or refused every replica leads, which costs work and harms nothing; the log says what to do.
    pub async fn run(&mut self, duty: &watch::Sender<Duty>) {
        let mut seen: Option<Seen> = None;
        let mut renewed = None;
        loop {
            let began = self.api.listener().elapsed();
            let round = timeout(patience(renewed, began), self.round(&mut seen, duty));
            let outcome = round
                .await
                .unwrap_or_else(|_| Err(Fault::unavailable("no answer in time")));
            let now = self.api.listener().elapsed();
            match outcome {
                Ok(leads) => {
                    // Others count from the write at the earliest, and we from before it.
                    renewed = leads.then_some(began);
                    self.told = false;
                    set(duty, if leads { Duty::Lead } else { Duty::StandBy });
                }
                Err(Fault::Forbidden(Needs { verb, object })) => {
                    renewed = None;
                    self.tell_impossible(&format!("grant {verb} on {object}"));
                    set(duty, Duty::Lead);
                }
                Err(Fault::Refused(answer)) => {
                    renewed = None;
                    self.tell_impossible(&format!("Lease {}: {answer}", self.name));
                    set(duty, Duty::Lead);
                }
                Err(fault) => {
                    tracing::debug!(?fault, "the Lease was not renewed");
                    if is_lost(renewed, now) {
                        if *duty.borrow() == Duty::Lead {
                            tracing::warn!(
                                lease = self.name,
                                "standing by: the Lease could not be renewed"
                            );
                        }
                        // Nothing is left to be lost: the next answer is waited for in full.
                        renewed = None;
                        set(duty, Duty::StandBy);
                    }
                }
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Gives the Lease up, if we hold it, so that another replica need not wait for its end. Best effort.
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

    /// One look and at most one write; answers whether we lead.
    async fn round(
        &self,
        seen: &mut Option<Seen>,
        duty: &watch::Sender<Duty>,
    ) -> Result<bool, Fault> {
        let Some(lease) = self.read().await? else {
            return Ok(self.tell_lead(self.create().await?));
        };
        let now = self.api.listener().elapsed();
        let current = Seen::new(&lease, now, seen.take());
        let next = decide(&current, &self.identity, now);
        *seen = Some(current);
        match next {
            Next::Renew => self.hold(lease, false).await,
            Next::Claim => Ok(self.tell_lead(self.hold(lease, true).await?)),
            Next::Wait => {
                if *duty.borrow() == Duty::Lead {
                    tracing::info!(lease = self.name, leader = holder(&lease), "standing by");
                }
                Ok(false)
            }
        }
    }

    /// The time in a Lease is for people and for other implementations; we judge by our own monotonic clock.
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

    /// Only if nobody wrote since it was read: it carries the revision that was read.
    async fn write(&self, lease: &Value) -> Result<(), Fault> {
        let (request, needs) = self.leases.replace(&self.name, lease)?;
        self.api.call(request, &needs).await.map(drop)
    }

    /// Only once the write has won: of several that claim, one leads.
    fn tell_lead(&self, leads: bool) -> bool {
        if leads {
            tracing::info!(lease = self.name, "taking the lead");
        }
        leads
    }

    fn tell_impossible(&mut self, advice: &str) {
        if !self.told {
            self.told = true;
            tracing::warn!(
                "no election of a leader, so every replica leads, which is safe but costs work: {advice}"
            );
        }
    }
}

/// A write that lost is an answer: somebody else leads.
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
