//! What becomes of a superseded key in etcd, which keeps what was overwritten until it is told to forget.

use std::net::SocketAddrV4;

use base64::{Engine, engine::general_purpose::STANDARD};
use scenarios::{Failure, Installation, LeakSearch, PREMADE, TARGET};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::report;

/// Where an API server keeps the authority.
const KEY: &str = "/registry/secrets/guard-system/guard-ca";

/// As a revision.
const PRESENT: Value = Value::Null;

#[tokio::test]
async fn a_superseded_key_is_not_in_etcd_but_in_its_history_until_that_is_compacted()
-> Result<(), Failure> {
    let cluster = Installation::new(1, PREMADE).await?;
    cluster.validating().await?;
    let mut keeper = cluster.run_fast("keeper", &["--validating", TARGET])?;
    keeper.says("bundle written").await?;
    let etcd = cluster.control_plane.etcd();
    let mut superseded = LeakSearch::default();
    assert!(superseded.add(&cluster.entry("guard-ca", "gen-1.key").await?));
    let then = range(etcd, &PRESENT).await?;
    assert!(superseded.finds_in(&value(&then)?));

    cluster.rotations(1).await?;
    let now = range(etcd, &PRESENT).await?;
    assert!(!superseded.finds_in(&value(&now)?));

    let revision = |answer: &Value| answer["header"]["revision"].clone();
    let past = range(etcd, &revision(&then)).await?;
    assert!(superseded.finds_in(&value(&past)?));
    let compaction = json!({ "revision": revision(&now), "physical": true });
    ask(etcd, "/v3/kv/compaction", &compaction).await?;
    let past = range(etcd, &revision(&then)).await?;
    let refusal = past["message"].as_str().unwrap_or_default();
    assert!(refusal.contains("compacted"), "{refusal}");
    report(
        "a superseded key in etcd: gone with the promotion, and from the history with its compaction",
    );
    Ok(())
}

/// The authority as etcd has it, or had it.
async fn range(etcd: SocketAddrV4, revision: &Value) -> Result<Value, Failure> {
    let range = json!({ "key": STANDARD.encode(KEY), "revision": revision });
    ask(etcd, "/v3/kv/range", &range).await
}

fn value(answer: &Value) -> Result<Vec<u8>, Failure> {
    let value = answer.pointer("/kvs/0/value").and_then(Value::as_str);
    Ok(STANDARD.decode(value.ok_or("etcd has no authority")?)?)
}

/// By etcd's gateway: <https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/>.
async fn ask(etcd: SocketAddrV4, path: &str, question: &Value) -> Result<Value, Failure> {
    let body = question.to_string();
    let request = format!(
        "POST {path} HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(etcd).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    Ok(serde_json::from_str(body)?)
}
