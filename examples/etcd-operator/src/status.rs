//! Derives the status of an `Etcd` from its `StatefulSet`.

use k8s_openapi::{
    api::apps::v1::StatefulSet,
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};

use crate::{
    api::v1::{Etcd, EtcdStatus},
    defaults,
};

/// Returns the status to write. A condition that has not changed keeps its time, so that nothing is written without
/// news.
pub(crate) fn status(etcd: &Etcd, members: &StatefulSet, now: Timestamp) -> EtcdStatus {
    let size = etcd.spec.size.unwrap_or(defaults::SIZE);
    let ready = members
        .status
        .as_ref()
        .and_then(|it| it.ready_replicas)
        .unwrap_or(0);
    let count = u32::try_from(ready).unwrap_or(0);
    let has_majority = count > size / 2;
    let before = etcd.status.as_ref();
    let was_ready =
        before.is_some_and(|before| before.phase != "Creating" && !before.phase.is_empty());
    let phase = if count >= size {
        "Ready"
    } else if has_majority || was_ready {
        "Degraded"
    } else {
        "Creating"
    };
    let observed_generation = etcd.metadata.generation.unwrap_or_default();
    let mut condition = Condition {
        type_: "Ready".into(),
        status: if has_majority { "True" } else { "False" }.into(),
        reason: if has_majority {
            "MajorityReady"
        } else {
            "NoMajority"
        }
        .into(),
        message: format!("{count} of {size} members are ready"),
        observed_generation: Some(observed_generation),
        last_transition_time: Time(now),
    };
    let earlier = before.and_then(|before| before.conditions.iter().find(|it| it.type_ == "Ready"));
    if let Some(earlier) = earlier.filter(|earlier| earlier.status == condition.status) {
        condition.last_transition_time = earlier.last_transition_time.clone();
    }
    EtcdStatus {
        phase: phase.into(),
        ready_members: ready,
        observed_generation,
        conditions: vec![condition],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1::EtcdSpec;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn members(ready: i32) -> StatefulSet {
        serde_json::from_value(
            serde_json::json!({ "status": { "replicas": 3, "readyReplicas": ready } }),
        )
        .unwrap()
    }

    #[test]
    fn a_cluster_is_created_ready_and_degraded() {
        let mut etcd = Etcd::new("store", EtcdSpec::default());
        for (ready, phase, has_majority) in [
            (0, "Creating", "False"),
            (1, "Creating", "False"),
            (2, "Degraded", "True"),
            (3, "Ready", "True"),
            (1, "Degraded", "False"),
        ] {
            let status = status(&etcd, &members(ready), at(i64::from(ready)));
            assert_eq!(
                (status.phase.as_str(), status.ready_members),
                (phase, ready)
            );
            assert_eq!(status.conditions[0].status, has_majority);
            etcd.status = Some(status);
        }
    }

    #[test]
    fn without_news_nothing_changes() {
        let mut etcd = Etcd::new("store", EtcdSpec::default());
        etcd.status = Some(status(&etcd, &members(3), at(100)));
        assert_eq!(Some(status(&etcd, &members(3), at(200))), etcd.status);
        let changed = status(&etcd, &members(1), at(300));
        assert_eq!(changed.conditions[0].last_transition_time, Time(at(300)));
    }
}
