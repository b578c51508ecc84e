//! What a pod's limits are to a process: a cgroup with a limit of memory, and a number of descriptors.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::Duration,
};

/// `resources.limits.memory` of the server in `deploy/`, in bytes.
pub const MEMORY_LIMIT: u64 = 128 * 1024 * 1024;

const V1: &str = "/sys/fs/cgroup/memory";
const V2: &str = "/sys/fs/cgroup";
/// Of v2: the controllers of groups below.
const CONTROLLERS: &str = "/sys/fs/cgroup/cgroup.subtree_control";
/// The kernel lets go of a killed process's group a moment after the process.
const ATTEMPTS: u32 = 100;
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Puts itself into the group, if there is one, takes the limit of descriptors, and becomes the program.
const ENTER: &str = r#"[ -z "$0" ] || echo $$ > "$0/cgroup.procs" || exit 3
ulimit -n "$1" || exit 4
shift
exec "$@""#;

/// A group, removed when dropped; or why there is none.
#[derive(Debug)]
pub(crate) struct Cage {
    group: Result<PathBuf, String>,
}

impl Cage {
    pub(crate) fn make(name: &str) -> Self {
        let group = group(name).map_err(|error| error.to_string());
        Self { group }
    }

    /// Why the kernel does not keep the limit.
    pub(crate) fn is_missing(&self) -> Option<&str> {
        self.group.as_ref().err().map(String::as_str)
    }

    /// The program, inside.
    pub(crate) fn command(&self, program: &Path, descriptors: u64) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(ENTER);
        command.arg(self.group.as_deref().unwrap_or_else(|_| Path::new("")));
        command.arg(descriptors.to_string()).arg(program);
        command
    }
}

impl Drop for Cage {
    fn drop(&mut self) {
        let Ok(group) = &self.group else {
            return;
        };
        for _ in 0..ATTEMPTS {
            if fs::remove_dir(group).is_ok() {
                return;
            }
            sleep(LOOK_AGAIN);
        }
    }
}

fn group(name: &str) -> io::Result<PathBuf> {
    let (root, limit) = if Path::new(CONTROLLERS).exists() {
        fs::write(CONTROLLERS, "+memory")?;
        (V2, "memory.max")
    } else {
        (V1, "memory.limit_in_bytes")
    };
    let group = Path::new(root).join(name);
    fs::create_dir(&group)?;
    fs::write(group.join(limit), MEMORY_LIMIT.to_string())?;
    Ok(group)
}
