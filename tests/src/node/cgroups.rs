//! The node's own groups of processes, one in each hierarchy of cgroup v1.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    thread::sleep,
    time::Duration,
};

use crate::Failure;

const ROOT: &str = "/sys/fs/cgroup";
/// Before the id of the process that they are of, which may have more than one node.
const PREFIX: &str = "webhook-certs-node-";
static NEXT: AtomicU32 = AtomicU32::new(0);
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
    /// This machine has cgroup v2 alone, which is not supported, or does not let us make groups.
    pub(super) fn make() -> Result<Self, Failure> {
        if Path::new(ROOT).join("cgroup.controllers").exists() {
            return Err("this machine has cgroup v2 alone; a node is supported on v1".into());
        }
        remove_left_behind()?;
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
                return;
            }
            sleep(LOOK_AGAIN);
        }
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
