//! `cargo xtask side-by-side`: the two servers of `bench/webhook-certs` and `bench/cert-controller`, installed the same way
//! on the same node under the same load. Prints a table, and draws the refused calls.
#![expect(clippy::print_stdout, reason = "a program for the terminal")]

mod lane;
mod plot;
mod rotations;

use std::{
    env, fs,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use scenarios::{Failure, Node, megabytes};
use tokio::time::sleep;

use crate::{
    lane::{CERT_CONTROLLER, Lane, WEBHOOK_CERTS},
    rotations::{LIFETIMES, PER_SECOND, Rotations},
};

/// How often each is installed for the time of its first call.
const INSTALLATIONS: usize = 3;
/// After the last write, for caches to fill and collectors to run.
const SETTLING: Duration = Duration::from_secs(60);
const IDLE: Duration = Duration::from_secs(300);

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [program, images, picture] = arguments.as_slice() else {
        return Err("usage: side-by-side NODE IMAGES PICTURE".into());
    };
    let lanes = [WEBHOOK_CERTS, CERT_CONTROLLER];
    let archives = lanes.map(|lane| images.join(format!("bench-{}.tar", lane.name)));
    let mut all = vec![images.join("pause.tar")];
    all.extend(archives.iter().cloned());
    let node = Node::start(program, &all).await?;

    head()?;
    row("image", sizes(&archives)?);
    row(
        "first call admitted after `kubectl apply`, median",
        first_calls(&node, lanes).await?,
    );
    let [memory, requests] = idle(&node, lanes).await?;
    row("memory of a replica, idle", memory);
    row(
        "requests to the API server an hour, idle, 2 replicas",
        requests,
    );
    let rotations = Rotations::watch(&node, lanes).await?;
    for (what, figures) in rotations.figures() {
        row(&what, figures);
    }
    fs::write(picture, plot::svg(&rotations.drawn()))?;
    node.stop().await?;
    println!(
        "\nLoad: {PER_SECOND} calls/s each, every call a new connection. {LIFETIMES} First calls: {INSTALLATIONS} installations each, in turn."
    );
    Ok(())
}

/// A line at a time: a run takes half an hour.
fn head() -> Result<(), Failure> {
    let cores = thread::available_parallelism()?;
    // proc(5): "MemTotal:       12345 kB".
    let memory = fs::read_to_string("/proc/meminfo")?;
    let memory = memory.split_whitespace().nth(1).ok_or("no MemTotal")?;
    let gigabytes = memory.parse::<u64>()?.div_ceil(1_000_000);
    println!(
        "One node, {cores} cores, {gigabytes} GB:\n\n| | webhook-certs | cert-controller 0.16 |\n|---|---|---|"
    );
    Ok(())
}

fn row(what: &str, [ours, theirs]: [String; 2]) {
    println!("| {what} | {ours} | {theirs} |");
}

fn sizes(archives: &[PathBuf; 2]) -> Result<[String; 2], Failure> {
    let size =
        |path: &Path| -> Result<String, Failure> { Ok(megabytes(fs::metadata(path)?.len())) };
    let [ours, theirs] = archives;
    Ok([size(ours)?, size(theirs)?])
}

async fn first_calls(node: &Node, lanes: [Lane; 2]) -> Result<[String; 2], Failure> {
    let mut measured = [Vec::new(), Vec::new()];
    for _ in 0..INSTALLATIONS {
        for (lane, measured) in lanes.iter().zip(&mut measured) {
            measured.push(lane.install(node, &[]).await?);
            lane.remove(node).await?;
        }
    }
    Ok(measured.map(|mut measured| {
        measured.sort();
        let seconds: Vec<_> = measured.iter().map(Duration::as_secs_f64).collect();
        match seconds.as_slice() {
            [least, median, most] => format!("{median:.1} s ({least:.1} to {most:.1})"),
            other => format!("{other:?}"),
        }
    }))
}

/// Memory, and requests.
async fn idle(node: &Node, lanes: [Lane; 2]) -> Result<[[String; 2]; 2], Failure> {
    for lane in lanes {
        lane.install(node, &[]).await?;
        lane.rolled_out(node).await?;
    }
    sleep(SETTLING).await;
    let [ours, theirs] = lanes;
    let (before_ours, before_theirs) = (ours.requests(node)?, theirs.requests(node)?);
    sleep(IDLE).await;
    let asked = [
        ours.requests(node)? - before_ours,
        theirs.requests(node)? - before_theirs,
    ];
    let per_hour = 3600 / usize::try_from(IDLE.as_secs())?;
    let requests = asked.map(|asked| (asked * per_hour).to_string());
    let memory = [ours.resident()?, theirs.resident()?].map(megabytes);
    for lane in lanes {
        lane.remove(node).await?;
    }
    Ok([memory, requests])
}
