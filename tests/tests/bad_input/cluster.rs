//! Mistakes in the cluster: what stands there is not touched, and the log says what to do.

use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use scenarios::{CREATING, Failure, Installation, Mode, PREMADE, TARGET};
use serde_json::json;

use crate::{ALONE, check_words};

const VALIDATING: [&str; 2] = ["--validating", TARGET];

/// A cluster in which this Secret stands before the program starts.
async fn found(name: &str, secret: serde_json::Value) -> Result<(Installation, Secret), Failure> {
    let cluster = Installation::new(1, CREATING).await?;
    cluster.validating().await?;
    let mut object = secret;
    object["metadata"] = json!({ "name": name, "namespace": "guard-system" });
    let object: Secret = serde_json::from_value(object)?;
    let made = secrets(&cluster)
        .create(&PostParams::default(), &object)
        .await?;
    Ok((cluster, made))
}

fn secrets(cluster: &Installation) -> Api<Secret> {
    Api::namespaced(cluster.admin.clone(), "guard-system")
}

/// The program says all of this, goes on, and has not touched the Secret.
async fn left_alone(
    cluster: &Installation,
    secret: &Secret,
    words: &[&str],
) -> Result<(), Failure> {
    let mut program = cluster.run("program", &VALIDATING)?;
    let mut log = String::new();
    for words in words {
        log = program.says(words).await?;
    }
    check_words(&log);
    let name = secret.metadata.name.clone().unwrap_or_default();
    assert_eq!(secrets(cluster).get(&name).await?, *secret);
    let mut once = cluster.run("once", &[&VALIDATING[..], &["--once"]].concat())?;
    assert_eq!(once.end().await?.code(), Some(1));
    assert!(once.log()?.contains("error: "), "{}", once.log()?);
    assert_eq!(secrets(cluster).get(&name).await?, *secret);
    program.terminate()?;
    assert!(program.end().await?.success());
    Ok(())
}

#[tokio::test]
async fn an_authority_of_the_wrong_type_is_left_alone() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let data = json!({ ".dockerconfigjson": "e30=" });
    let secret = json!({ "type": "kubernetes.io/dockerconfigjson", "data": data });
    let (cluster, secret) = found("guard-ca", secret).await?;
    let words = [
        "guard-ca",
        "its type is kubernetes.io/dockerconfigjson, not Opaque or kubernetes.io/tls; delete it, or name another",
    ];
    left_alone(&cluster, &secret, &words).await
}

#[tokio::test]
async fn an_authority_with_garbage_is_left_alone() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let secret = json!({ "type": "Opaque", "stringData": { "ca.crt": "garbage" } });
    let (cluster, secret) = found("guard-ca", secret).await?;
    left_alone(
        &cluster,
        &secret,
        &[
            "guard-ca",
            "no entry `format`: give another name, or remove its entries",
        ],
    )
    .await
}

#[tokio::test]
async fn an_authority_of_an_unknown_format_is_left_alone() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let secret = json!({ "type": "Opaque", "stringData": { "format": "99", "state": "{}" } });
    let (cluster, secret) = found("guard-ca", secret).await?;
    left_alone(&cluster, &secret, &["guard-ca", "format", "99"]).await
}

#[tokio::test]
async fn a_serving_key_that_is_anothers_is_replaced_with_its_certificate() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, PREMADE).await?;
    cluster.validating().await?;
    let mut program = cluster.run("program", &VALIDATING)?;
    program.says("bundle written").await?;
    let mut replica = cluster.replica(0, Mode::ServeOnly)?;
    replica.says("ready").await?;

    let other = include_str!("../../../certgen/tests/certificates/keys/p256.pkcs8.pem");
    let mut secret = secrets(&cluster).get("guard-tls").await?;
    let data = secret.data.get_or_insert_default();
    data.insert("tls.key".into(), k8s_openapi::ByteString(other.into()));
    secrets(&cluster)
        .replace("guard-tls", &PostParams::default(), &secret)
        .await?;
    let log = program.says("there was none that could be served").await?;
    replica.says_times("serving certificate taken", 2).await?;
    check_words(&log);
    check_words(&replica.log()?);
    Ok(())
}

#[tokio::test]
async fn a_missing_permission_is_named_and_concerns_its_lane_alone() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, PREMADE).await?;
    cluster.validating().await?;
    let roles: Api<k8s_openapi::api::rbac::v1::ClusterRole> = Api::all(cluster.admin.clone());
    roles
        .delete("guard-webhook-certs", &DeleteParams::default())
        .await?;
    let mut program = cluster.run("program", &VALIDATING)?;
    program.says("serving certificate issued").await?;
    let log = program.says("validatingwebhookconfigurations").await?;
    let line = log
        .lines()
        .find(|line| line.contains("validatingwebhookconfigurations"));
    let line = line.unwrap_or_default();
    assert!(line.contains("grant") && line.contains(TARGET), "{line}");
    check_words(&log);
    Ok(())
}
