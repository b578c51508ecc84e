//! A settled minute in a crowded cluster: the memory it takes, and what is asked of the API server.

use std::{collections::BTreeSet, time::Duration};

use scenarios::{AuditEvent, CRD, Failure, Installation, TARGET, megabytes, resident};
use tokio::time::sleep;

use crate::{
    cluster::{DEFINITIONS, SECRETS},
    figure::Figures,
};

/// After the last write, for the watches to tell of it.
const SETTLING: Duration = Duration::from_secs(5);
const MINUTE: Duration = Duration::from_secs(60);

pub(crate) async fn measure(cluster: &Installation, figures: &mut Figures) -> Result<(), Failure> {
    let mut program = cluster.run("idle", &["--validating", TARGET, "--crd", CRD])?;
    program.says_times("bundle written", 2).await?;
    sleep(SETTLING).await;
    let before = requests(cluster)?.len();
    sleep(MINUTE).await;
    let memory = resident(program.id())?;
    let asked = requests(cluster)?;
    let asked = asked.get(before..).unwrap_or_default();

    let what = format!("resident memory, beside {SECRETS} Secrets and {DEFINITIONS} definitions");
    figures.report(&what, megabytes(memory), "≤ 20 MB")?;
    let (leases, others): (Vec<_>, Vec<_>) =
        asked.iter().partition(|event| event.resource == "leases");
    let others: BTreeSet<_> = others
        .iter()
        .map(|event| format!("{} {}", event.verb, event.uri))
        .collect();
    figures.require(
        "requests in an idle minute",
        format_args!("{} of the Lease, others: {others:?}", leases.len()),
        "none besides the Lease",
        others.is_empty(),
    )?;
    program.terminate()?;
    program.end().await?;
    Ok(())
}

fn requests(cluster: &Installation) -> Result<Vec<AuditEvent>, Failure> {
    let events = cluster.control_plane.audit(0)?;
    let ours = events
        .into_iter()
        .filter(|event| event.user.ends_with(":guard"));
    Ok(ours.collect())
}
