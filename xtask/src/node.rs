//! `cargo xtask e2e --on node`: prepares a node, and runs the scenarios on it.

use std::path::Path;

use crate::{control_plane, error::Error, image, packages, shell, test, workspace::Workspace};

/// The Debian packages that a node needs, each with a file of it.
const PACKAGES: [(&str, &str); 7] = [
    ("/usr/bin/containerd", "containerd"),
    ("/usr/sbin/runc", "runc"),
    ("/usr/lib/cni/bridge", "containernetworking-plugins"),
    ("/usr/sbin/nft", "nftables"),
    ("/usr/sbin/iptables", "iptables"),
    ("/usr/sbin/conntrack", "conntrack"),
    ("/usr/sbin/ip", "iproute2"),
];

/// Prepares and builds a node, and runs the scenarios.
///
/// # Errors
///
/// [`Error::Missing`], or a scenario fails.
pub(crate) fn scenarios(is_release: bool) -> Result<(), Error> {
    let profile: &[&str] = if is_release { &["--release"] } else { &[] };
    build()?;
    let mut tests = test::unoptimised("test");
    // Two nodes at a time: they wait for their clocks more than they work. The figures are shown.
    shell::run(tests.args(["--test", "node"]).args(profile).args([
        "--",
        "--test-threads=2",
        "--nocapture",
    ]))
}

/// Builds a node and the images that run on it.
///
/// # Errors
///
/// [`Error::Missing`], or something cannot be built.
pub(crate) fn build() -> Result<(), Error> {
    prepare()?;
    image::build()?;
    image::etcd(&control_plane::build()?.etcd).map(drop)
}

/// Whether this machine can run a node; installs the packages for it, or reports what is missing.
///
/// # Errors
///
/// A package cannot be installed.
pub(crate) fn is_possible() -> Result<bool, Error> {
    match ready() {
        Ok(()) => Ok(true),
        Err(Error::Missing { missing }) => {
            shell::progress("scenarios on a node are not run here; missing:");
            for what in &missing {
                shell::progress(&format!("  {what}"));
            }
            Ok(false)
        }
        Err(other) => Err(other),
    }
}

/// Runs one server with our certificates and one with cert-controller's on one node, and compares them: makes the table
/// and the picture of the README.
///
/// # Errors
///
/// [`Error::Missing`], or one of the servers does not work.
pub(crate) fn side_by_side() -> Result<(), Error> {
    prepare()?;
    image::side_by_side()?;
    let build = [
        "build",
        "--release",
        "--locked",
        "-p",
        "scenarios",
        "--bin",
        "node",
    ];
    shell::run(&mut shell::cargo(build))?;
    let run = [
        "run",
        "--release",
        "--locked",
        "-p",
        "bench",
        "--bin",
        "side-by-side",
        "--",
    ];
    let node = Workspace::read()?.target_directory.join("release/node");
    let picture = shell::root().join("docs/side-by-side.svg");
    let mut run = shell::cargo(run);
    shell::run(run.arg(node).arg(image::folder()?).arg(picture))
}

/// Installs and builds everything that a node needs.
fn prepare() -> Result<(), Error> {
    ready()?;
    let pause = control_plane::build_node()?;
    image::pause(&pause).map(drop)
}

/// Installs the packages that a node needs.
fn ready() -> Result<(), Error> {
    let missing = missing();
    if missing.is_empty() {
        let absent = absent();
        if absent.is_empty() {
            return Ok(());
        }
        packages::install(&absent)
    } else {
        Err(Error::Missing { missing })
    }
}

/// Lists what this program cannot install itself.
fn missing() -> Vec<String> {
    let mut missing = Vec::new();
    if !packages::is_root() {
        missing.push("root: run this as root, in a virtual machine if you like".to_owned());
    }
    let groups = [
        "/sys/fs/cgroup/memory",
        "/sys/fs/cgroup/cgroup.subtree_control",
    ];
    if !groups.iter().any(|path| Path::new(path).exists()) {
        missing.push("cgroups: mount them at /sys/fs/cgroup, as systemd does".to_owned());
    }
    let absent = absent();
    if !absent.is_empty() && !packages::has_installer() {
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
