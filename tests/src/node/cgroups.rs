//! The node's own groups of processes: one in each hierarchy of cgroup v1, or the one of v2.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread::sleep,
    time::Duration,
};

use crate::Failure;

const ROOT: &str = "/sys/fs/cgroup";
/// Before the id of the process that they are of, which may have more than one node.
const PREFIX: &str = "webhook-certs-node-";
static NEXT: AtomicU32 = AtomicU32::new(0);
/// Of v2, beside our groups: which controllers they have.
const CONTROLLERS: &str = "/sys/fs/cgroup/cgroup.subtree_control";
/// What stood there before the first node of this process.
static BEFORE: OnceLock<String> = OnceLock::new();
/// The kernel lets go of a killed process's group a moment after the process.
const ATTEMPTS: u32 = 100;
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Removes the groups, and those below them, when dropped.
#[derive(Debug)]
pub(super) struct Cgroups {
    name: String,
}

impl Cgroups {
    /// # Errors
    ///
    /// This machine does not let us make groups.
    pub(super) fn make() -> Result<Self, Failure> {
        remove_left_behind()?;
        if is_v2() {
            enable_controllers()?;
        }
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let cgroups = Self {
            name: format!("{PREFIX}{}-{number}", std::process::id()),
        };
        for hierarchy in hierarchies()? {
            let own = hierarchy.join(&cgroups.name);
            fs::create_dir(&own)?;
            if hierarchy.ends_with("cpuset") {
                // Empty in a new group, which then takes no process.
                for file in ["cpuset.cpus", "cpuset.mems"] {
                    fs::write(own.join(file), fs::read(hierarchy.join(file))?)?;
                }
            }
        }
        Ok(cgroups)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Removes what can be removed by now.
    fn remove(&self) -> Result<(), Failure> {
        for hierarchy in hierarchies()? {
            remove_all(&hierarchy.join(&self.name))?;
        }
        Ok(())
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        for _ in 0..ATTEMPTS {
            if self.remove().is_ok() {
                disable_controllers();
                return;
            }
            sleep(LOOK_AGAIN);
        }
    }
}

fn is_v2() -> bool {
    Path::new(CONTROLLERS).exists()
}

/// A kubelet insists on all of them.
fn enable_controllers() -> io::Result<()> {
    let before = fs::read_to_string(CONTROLLERS)?;
    BEFORE.get_or_init(|| before);
    let all = fs::read_to_string(Path::new(ROOT).join("cgroup.controllers"))?;
    all.split_whitespace()
        .try_for_each(|name| fs::write(CONTROLLERS, format!("+{name}")))
}

/// As it was, unless another node needs them: then that one will.
fn disable_controllers() {
    let (Some(before), Ok(now)) = (BEFORE.get(), fs::read_to_string(CONTROLLERS)) else {
        return;
    };
    let is_new = |name: &&str| !before.split_whitespace().any(|other| other == *name);
    for name in now.split_whitespace().filter(is_new) {
        let _in_use = fs::write(CONTROLLERS, format!("-{name}"));
    }
}

/// Removes the groups of processes that were killed before they could.
fn remove_left_behind() -> io::Result<()> {
    for hierarchy in hierarchies()? {
        for entry in fs::read_dir(hierarchy)? {
            let entry = entry?;
            let name = entry.file_name();
            let own = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
            let id = own.and_then(|own| own.split('-').next());
            if id.is_some_and(|id| !Path::new("/proc").join(id).exists()) {
                // Another node that starts may be at it, too.
                let _gone = remove_all(&entry.path());
            }
        }
    }
    Ok(())
}

fn hierarchies() -> io::Result<Vec<PathBuf>> {
    if is_v2() {
        return Ok(vec![PathBuf::from(ROOT)]);
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(ROOT)? {
        let entry = entry?;
        // Links are second names. That of v2 beside v1 has no controllers, but the runtime makes groups in it, too.
        if entry.file_type()?.is_dir() {
            found.push(entry.path());
        }
    }
    Ok(found)
}

/// Folders alone: the files in a group are the kernel's, and go with it.
fn remove_all(group: &Path) -> io::Result<()> {
    if !group.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(group)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_all(&entry.path())?;
        }
    }
    fs::remove_dir(group)
}
