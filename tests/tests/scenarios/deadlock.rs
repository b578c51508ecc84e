//! A webhook that is asked before its own pods are made.

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use scenarios::{Failure, Installation, PREMADE, Program, TARGET, apply, until};
use serde_json::{Value, json};

use crate::{ALONE, events::told};

#[tokio::test]
async fn a_webhook_that_blocks_its_own_pods_is_told_what_to_add_and_then_blocks_none()
-> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, PREMADE).await?;
    let kind = "ValidatingWebhookConfiguration";
    let mut configuration = cluster.configuration(kind, TARGET, "guard-system");
    let entry = &mut configuration["webhooks"][0];
    entry["namespaceSelector"] = json!({});
    entry["rules"] = json!([{
        "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["pods", "nodes"],
    }]);
    apply(&cluster.admin, &configuration.to_string()).await?;
    // So it is: nothing serves, and no pod that could is made.
    until("a pod is refused", async || {
        let refused = pod(&cluster).await.err();
        Ok(refused.is_some_and(|error| error.to_string().contains("failed calling webhook")))
    })
    .await?;

    let mut controller = cluster.run("controller", &["--validating", TARGET])?;
    let log = controller.says("none of these is written").await?;
    assert!(
        log.contains("rules[0] (CREATE, UPDATE of pods, nodes in group \"\")"),
        "{log}"
    );
    assert!(log.contains("before pods, nodes are written"), "{log}");
    controller.says("bundle written").await?;
    let event = told(&cluster, "WebhookBlocksItself", "none of these is written").await?;
    let related = event.related.unwrap_or_default();
    assert_eq!(related.name.as_deref(), Some(TARGET));
    let note = event.note.unwrap_or_default();
    let selector = printed(&note, "matchExpressions: ")?;
    assert_eq!(selector["values"], json!(["guard-system"]));
    let (_, condition) = note.split_once("the expression: ").ok_or("no condition")?;
    // A bundle does not change what is asked for: it is said once.
    let log = controller.log()?;
    assert_eq!(log.matches("none of these is written").count(), 1, "{log}");

    let spare = json!([
        { "op": "add", "path": "/webhooks/0/namespaceSelector", "value": { "matchExpressions": [selector] } },
        { "op": "add", "path": "/webhooks/0/matchConditions", "value": [{ "name": "spare", "expression": condition }] },
    ]);
    let spare: json_patch::Patch = serde_json::from_value(spare)?;
    cluster
        .configurations(kind)
        .patch(TARGET, &PatchParams::default(), &Patch::Json::<()>(spare))
        .await?;
    controller.says("no entry is asked any more").await?;
    until("a pod is made", async || Ok(pod(&cluster).await.is_ok())).await?;
    end(controller).await
}

async fn end(mut controller: Program) -> Result<(), Failure> {
    controller.terminate()?;
    controller.end().await?;
    Ok(())
}

/// The JSON after these words.
fn printed(text: &str, words: &str) -> Result<Value, Failure> {
    let (_, rest) = text.split_once(words).ok_or("nothing is printed")?;
    let first = serde_json::Deserializer::from_str(rest).into_iter().next();
    Ok(first.ok_or("nothing is printed")??)
}

/// As a controller would make it.
async fn pod(cluster: &Installation) -> kube::Result<Pod> {
    let pods: Api<Pod> = Api::namespaced(cluster.admin.clone(), "guard-system");
    let pod = json!({
        "metadata": { "generateName": "guard-" },
        "spec": {
            "serviceAccountName": "guard",
            "containers": [{ "name": "guard", "image": "localhost/guard" }],
        },
    });
    let pod: Pod = serde_json::from_value(pod).map_err(kube::Error::SerdeError)?;
    pods.create(&PostParams::default(), &pod).await
}
