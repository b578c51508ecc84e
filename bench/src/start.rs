//! From the start of the process, when nothing exists, until every target is injected.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, api::DeleteParams};
use scenarios::{Failure, Installation, PREMADE, TARGET, apply, deployed};
use tokio::time::{Instant, sleep, timeout};

use crate::{figure::Figures, stopwatch::median};

const ROUNDS: usize = 5;
const KIND: &str = "ValidatingWebhookConfiguration";
const LIMIT: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

pub(crate) async fn measure(figures: &mut Figures) -> Result<(), Failure> {
    let cluster = Installation::new(1, PREMADE).await?;
    let mut times = Vec::new();
    for round in 0..ROUNDS {
        nothing_yet(&cluster).await?;
        let began = Instant::now();
        let mut program = cluster.run(&format!("start-{round}"), &["--validating", TARGET])?;
        timeout(LIMIT, injected(&cluster)).await??;
        times.push(began.elapsed());
        program.terminate()?;
        program.end().await?;
    }
    let slowest = times.iter().max().copied().unwrap_or_default();
    let time = median(times);
    figures.report(
        "start of the process to all injected",
        format_args!("{time:.0?}, the slowest of {ROUNDS} {slowest:.0?}"),
        "≤ 0.5 s",
    )?;
    Ok(())
}

/// Empty Secrets and a configuration without a bundle.
async fn nothing_yet(cluster: &Installation) -> Result<(), Failure> {
    let secrets: Api<Secret> = Api::namespaced(cluster.admin.clone(), "guard-system");
    for name in ["guard-ca", "guard-tls"] {
        secrets.delete(name, &DeleteParams::default()).await?;
    }
    apply(&cluster.admin, &deployed("premade.yaml")?).await?;
    let configurations = cluster.configurations(KIND);
    // Not there in the first round.
    let _ = configurations
        .delete(TARGET, &DeleteParams::default())
        .await;
    let object = cluster.configuration(KIND, TARGET, "called");
    apply(&cluster.admin, &object.to_string()).await?;
    Ok(())
}

async fn injected(cluster: &Installation) -> Result<(), Failure> {
    while cluster.bundle(KIND, TARGET).await?.is_empty() {
        sleep(LOOK_AGAIN).await;
    }
    Ok(())
}
