//! A webhook server in another language, fed by files.

use std::process::Command;

use scenarios::{CALLED, Failure, Installation, Load, PREMADE, Program, TARGET, certwatcher};

use crate::{ALONE, report};

#[tokio::test]
async fn a_server_in_go_follows_the_files_through_rotations() -> Result<(), Failure> {
    let _alone = ALONE.lock().await;
    let cluster = Installation::new(1, PREMADE).await?;
    let _service = cluster.balance(2).await?;
    cluster.validating().await?;
    // One replica's sidecar keeps, the other's only follows.
    let (kept, followed) = (
        cluster.folder().join("kept"),
        cluster.folder().join("followed"),
    );
    for folder in [&kept, &followed] {
        std::fs::create_dir(folder)?;
    }
    let write_dir = format!("--write-dir={}", kept.display());
    let mut keeper = cluster.run_fast("keeper", &["--validating", TARGET, &write_dir])?;
    let kubeconfig = format!("--kubeconfig={}", cluster.server_kubeconfig().display());
    let write_dir = format!("--write-dir={}", followed.display());
    let follow = [
        "follow",
        "--namespace=guard-system",
        "--serving-secret=guard-tls",
        &kubeconfig,
        &write_dir,
    ];
    let mut follower = Program::start("follower", "webhook-certs", &follow, cluster.folder())?;
    keeper.says("files written").await?;
    follower.says("files written").await?;
    let mut servers = Vec::new();
    for (index, folder) in [(0, &kept), (1, &followed)] {
        let mut command = Command::new(certwatcher()?);
        command
            .arg(cluster.replica_address(index).to_string())
            .arg(folder);
        let mut server =
            Program::command(&format!("certwatcher-{index}"), command, cluster.folder())?;
        server.says("Serving webhook server").await?;
        servers.push(server);
    }
    cluster.admitted(CALLED, 0).await?;

    let load = Load::start(vec![cluster.admin.clone()], CALLED, 150);
    cluster.rotations(2).await?;
    let outcome = load.stop();
    report(&format!("2 rotations of a server in Go: {outcome}"));
    assert!(outcome.is_kept(1000), "{outcome}");
    Ok(())
}
