//! A Deployment is updated: for a while one replica has the settings of yesterday, and leads.

use std::net::SocketAddr;

use certgen::Chain;
use scenarios::{CALLED, Failure, Installation, Mode, PREMADE, TARGET, page, until};

use crate::ALONE;

const NAME: &str = "guard.example.com";

/// An update goes on when the new replica is ready, and the old one leads until the update goes on.
#[tokio::test]
async fn a_replica_with_one_more_name_is_ready_though_it_stands_by_and_issues_when_it_leads()
-> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, PREMADE).await?;
    let _service = cluster.balance(1).await?;
    cluster.validating().await?;
    let mut older = cluster.run("older", &["--validating", TARGET])?;
    older.says("bundle written").await?;
    let mut replica = cluster.replica(0, Mode::ServeOnly)?;
    replica.says("ready").await?;
    cluster.admitted(CALLED, 0).await?;

    let files = cluster.folder().join("files");
    let health: SocketAddr = (*cluster.service.address.ip(), 8090).into();
    let flags = [
        "--validating".to_owned(),
        TARGET.to_owned(),
        format!("--dns-name={NAME}"),
        format!("--listen={health}"),
        format!("--write-dir={}", files.display()),
    ];
    let mut newer = cluster.run("newer", &flags)?;
    until("a replica that stands by is ready", async || {
        let answer = page(health, "/readyz").await;
        Ok(answer.is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 200")))
    })
    .await?;
    assert!(files.join("tls.crt").exists(), "ready with its files");
    assert!(!newer.log()?.contains("taking the lead"));

    older.terminate()?;
    older.end().await?;
    newer.says("serving certificate issued").await?;
    let chain = Chain::from_pem(&cluster.entry("guard-tls", "tls.crt").await?)?;
    let names = chain.leaf().facts().server_names().ok_or("no names")?;
    assert!(names.answers(&NAME.parse()?), "{names}");
    Ok(())
}
