//! An attacker who may patch the authority Secret is the CA; and how an administrator ends that.

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, api::Patch};
use scenarios::{Failure, Program};
use serde_json::json;

use crate::{
    ALONE, Stage,
    attacker::{AUTHORITY, Attacker, NAMESPACE, SERVING, VALIDATING},
    forgery::in_bundle,
};

const ELSEWHERE: &str = "elsewhere-ca";

#[tokio::test]
async fn a_root_put_into_the_authority_is_trusted_until_both_records_and_the_entry_are_made_anew()
-> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let stage = Stage::new().await?;
    let record = record_elsewhere(&stage).await?;
    let planted = record.data.clone().unwrap_or_default();
    let planted = String::from_utf8(planted["gen-1.crt"].0.clone())?;
    let planted = in_bundle(&planted)[0].fingerprint();

    let attacker = Attacker::of(&stage.cluster, AUTHORITY).await?;
    let patch = Patch::Merge(json!({ "data": record.data }));
    attacker.writes(&patch).await?;
    let is_published = stage
        .soon(async || Ok(stage.bundle(&VALIDATING).await?.has(planted)))
        .await?;
    assert!(is_published, "{}", stage.keeper.log()?);
    // What is served is still verified by the root that stood there.
    let admitted = stage.admits().await?;
    assert!(admitted.is_ok(), "{admitted:?}");

    attacker.loses_it().await?;
    stage.made_anew(&AUTHORITY).await?;
    stage.made_anew(&SERVING).await?;
    stage.puts(&VALIDATING, "").await?;
    let is_healed = stage
        .soon(async || {
            let (bundle, root) = (stage.bundle(&VALIDATING).await?, stage.root().await?);
            Ok(bundle.has(root.fingerprint()) && !bundle.has(planted))
        })
        .await?;
    assert!(is_healed, "{}", stage.keeper.log()?);
    let admitted = stage.admits().await?;
    assert!(admitted.is_ok(), "{admitted:?}");
    Ok(())
}

/// An authority that is valid, and the attacker's own.
async fn record_elsewhere(stage: &Stage) -> Result<Secret, Failure> {
    let kubeconfig = stage.cluster.folder().join("elsewhere");
    stage.cluster.control_plane.admin_kubeconfig(&kubeconfig)?;
    let words = [
        "run".to_owned(),
        "--once".into(),
        format!("--namespace={NAMESPACE}"),
        "--service=elsewhere".into(),
        format!("--kubeconfig={}", kubeconfig.display()),
    ];
    let folder = stage.cluster.folder();
    let mut made = Program::start("elsewhere", "webhook-certs", &words, folder)?;
    assert!(made.end().await?.success(), "{}", made.log()?);
    let secrets: Api<Secret> = Api::namespaced(stage.cluster.admin.clone(), NAMESPACE);
    Ok(secrets.get(ELSEWHERE).await?)
}
