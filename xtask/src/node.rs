//! `cargo xtask e2e --on node`: what a node needs, and the scenarios on it.

use std::{path::Path, process::Command};

use crate::{control_plane, error::Error, image, shell};

/// A file of each Debian package that a node needs.
const PACKAGES: [(&str, &str); 7] = [
    ("/usr/bin/containerd", "containerd"),
    ("/usr/sbin/runc", "runc"),
    ("/usr/lib/cni/bridge", "containernetworking-plugins"),
    ("/usr/sbin/nft", "nftables"),
    ("/usr/sbin/iptables", "iptables"),
    ("/usr/sbin/conntrack", "conntrack"),
    ("/usr/sbin/ip", "iproute2"),
];

/// Makes sure of what a node needs, builds it, and runs the scenarios.
///
/// # Errors
///
/// [`Error::Missing`], or a scenario fails.
pub(crate) fn scenarios(is_release: bool) -> Result<(), Error> {
    let profile: &[&str] = if is_release { &["--release"] } else { &[] };
    let missing = missing();
    if !missing.is_empty() {
        return Err(Error::Missing { missing });
    }
    install()?;
    let pause = control_plane::build_node()?;
    image::build()?;
    image::pause(&pause)?;
    image::etcd(&control_plane::build()?.etcd)?;
    let mut tests = shell::cargo(["test", "--locked", "-p", "scenarios", "--test", "node"]);
    // A node at a time; the figures are shown.
    shell::run(
        tests
            .args(profile)
            .args(["--", "--test-threads=1", "--nocapture"]),
    )
}

/// What we cannot bring about ourselves.
fn missing() -> Vec<String> {
    let mut missing = Vec::new();
    if !shell::read(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0") {
        missing.push("root: run this as root, in a virtual machine if you like".to_owned());
    }
    if !Path::new("/sys/fs/cgroup/memory").is_dir() {
        missing.push(
            "cgroup v1: boot with `systemd.unified_cgroup_hierarchy=0`; v2 alone is not supported"
                .to_owned(),
        );
    }
    let absent = absent();
    if !absent.is_empty() && !shell::succeeds(Command::new("apt-get").arg("--version")) {
        let names = absent.join(" ");
        missing.push(format!("packages: on Debian `apt-get install {names}`"));
    }
    missing
}

fn absent() -> Vec<&'static str> {
    let absent = PACKAGES
        .iter()
        .filter(|(file, _)| !Path::new(file).exists());
    absent.map(|(_, package)| *package).collect()
}

fn install() -> Result<(), Error> {
    let absent = absent();
    if absent.is_empty() {
        return Ok(());
    }
    shell::run(Command::new("apt-get").args(["update", "-qq"]))?;
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "-qq", "--no-install-recommends"]);
    shell::run(install.args(absent))
}
