//! In a cluster as people have it: kubelet, mounts, Service addresses. By `cargo xtask e2e --on node`.
#![expect(clippy::print_stderr, reason = "figures")]

#[path = "node/installed.rs"]
mod installed;
#[path = "node/operator.rs"]
mod operator;
#[path = "node/rights.rs"]
mod rights;
#[path = "node/rotation.rs"]
mod rotation;
#[path = "node/tutorial.rs"]
mod tutorial;

use std::{
    env,
    path::{Path, PathBuf},
};

use scenarios::{Failure, Node, Traces};
use tokio::time::Instant;

const PROGRAM: &str = env!("CARGO_BIN_EXE_node");

/// What `cargo xtask e2e --on node` built beside us.
fn archives() -> Result<Vec<PathBuf>, Failure> {
    let own = env::current_exe()?;
    let target = own.ancestors().nth(3).ok_or("not in a target folder")?;
    let images = [
        "pause",
        "webhook-certs",
        "etcd-operator",
        "certwatcher",
        "etcd",
    ];
    let archives = images.map(|image| target.join(format!("image/{image}.tar")));
    Ok(archives.into())
}

#[tokio::test]
async fn a_pod_runs_and_nothing_is_left_on_the_machine() -> Result<(), Failure> {
    let before = Traces::look();
    let started = Instant::now();
    let node = Node::start(Path::new(PROGRAM), &archives()?).await?;
    eprintln!("node ready after {:.1} s", started.elapsed().as_secs_f64());
    let (folder, cgroup) = (node.folder().to_owned(), node.cgroup().to_owned());
    node.kubectl(&[
        "run",
        "idle",
        concat!("--image=localhost/pause:", env!("CARGO_PKG_VERSION")),
    ])
    .await?;
    node.kubectl(&["wait", "--for=condition=Ready", "pod/idle", "--timeout=60s"])
        .await?;
    // They are seen while it runs.
    let mark = folder.to_str().ok_or("a path that is not UTF-8")?;
    assert!(!Traces::processes_of(mark)?.is_empty());
    assert!(!Traces::cgroups_of(&cgroup)?.is_empty());

    let stopping = Instant::now();
    node.stop().await?;
    eprintln!("gone after {:.1} s", stopping.elapsed().as_secs_f64());
    assert_eq!(Traces::processes_of(mark)?, Vec::<PathBuf>::new());
    assert_eq!(Traces::processes_of(&cgroup)?, Vec::<PathBuf>::new());
    assert_eq!(Traces::cgroups_of(&cgroup)?, Vec::<PathBuf>::new());
    assert!(!folder.exists());
    assert_eq!(Traces::look(), before);
    Ok(())
}
