//! The example operator, installed by one command, and used by `kubectl`.

use std::io::Write;

use scenarios::Failure;
use tempfile::NamedTempFile;

use crate::installed::Installed;

const STORE: &str = "apiVersion: db.example.com/v1
kind: Etcd
metadata:
  name: store
  namespace: called
spec:
  size: 1
  version: 3.7.3
";

#[tokio::test]
async fn an_etcd_of_one_member_becomes_ready() -> Result<(), Failure> {
    let cluster = Installed::start("etcd-operator", &[], "").await?;
    cluster
        .rolled_out("etcd-operator-system", "etcd-operator")
        .await?;
    let store = file(STORE)?;
    let store = store.path().display().to_string();
    // The API server may have seen the definition and not yet the bundle.
    cluster
        .until("an Etcd is admitted", async || {
            Ok(cluster.node.kubectl(&["apply", "-f", &store]).await.is_ok())
        })
        .await?;
    let wait = [
        "-n",
        "called",
        "wait",
        "etcd/store",
        "--for=condition=Ready",
        "--timeout=120s",
    ];
    cluster.node.kubectl(&wait).await?;

    let get = |kind: &'static str, field: &'static str| {
        let cluster = &cluster;
        async move {
            let arguments = ["-n", "called", "get", kind, "store", "-o", field];
            cluster.node.kubectl(&arguments).await
        }
    };
    assert_eq!(
        get("etcds.v1.db.example.com", "jsonpath={.spec.version}").await?,
        "3.7.3"
    );
    assert_eq!(
        get("etcds.v1alpha1.db.example.com", "jsonpath={.spec.replicas}").await?,
        "1"
    );
    let four = file(
        &STORE
            .replace("name: store", "name: four")
            .replace("size: 1", "size: 4"),
    )?;
    let four = four.path().display().to_string();
    let refused = cluster.node.kubectl(&["apply", "-f", &four]).await;
    let refused = refused.err().ok_or("4 members were admitted")?.to_string();
    assert!(refused.contains("give 3 or 5"), "{refused}");
    cluster.node.kubectl(&["delete", "-f", &store]).await?;
    cluster.remove().await
}

fn file(text: &str) -> Result<NamedTempFile, Failure> {
    let mut file = NamedTempFile::with_suffix(".yaml")?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}
