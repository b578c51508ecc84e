//! What a node could leave on the machine.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

/// Lists and settings that are the machine's.
const FILES: [&str; 9] = [
    "/proc/mounts",
    "/proc/net/route",
    "/proc/net/if_inet6",
    "/proc/sys/net/ipv4/ip_forward",
    "/proc/sys/vm/overcommit_memory",
    "/proc/sys/vm/panic_on_oom",
    "/proc/sys/kernel/panic",
    "/proc/sys/kernel/panic_on_oops",
    "/sys/fs/cgroup/cgroup.subtree_control",
];
/// Where its programs store things by default.
const FOLDERS: [&str; 7] = [
    "/run",
    "/run/netns",
    "/var/lib",
    "/var/log",
    "/etc/cni",
    "/opt",
    "/sys/class/net",
];

/// The state of the machine, as far as a node could change it. Equal before and after if nothing is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traces {
    files: BTreeMap<&'static str, Option<String>>,
    folders: BTreeMap<&'static str, BTreeSet<PathBuf>>,
}

impl Traces {
    /// As it is now.
    pub fn look() -> Self {
        let files = FILES
            .iter()
            .map(|path| (*path, fs::read_to_string(path).ok()));
        let folders = FOLDERS.iter().map(|path| {
            let names = entries(Path::new(path)).unwrap_or_default();
            (*path, names.into_iter().collect())
        });
        Self {
            files: files.collect(),
            folders: folders.collect(),
        }
    }

    /// The processes whose command line, cgroup or mounts have `word` in them.
    ///
    /// # Errors
    ///
    /// `/proc` cannot be read.
    pub fn processes_of(word: &str) -> io::Result<Vec<PathBuf>> {
        let own = PathBuf::from(format!("/proc/{}", std::process::id()));
        let has_it = |process: &PathBuf| {
            ["cmdline", "cgroup", "mountinfo"].iter().any(|file| {
                let text = fs::read(process.join(file)).unwrap_or_default();
                String::from_utf8_lossy(&text).contains(word)
            })
        };
        let mut processes = entries(Path::new("/proc"))?;
        processes.retain(|process| *process != own && has_it(process));
        Ok(processes)
    }

    /// The cgroups that have `word` in their path.
    ///
    /// # Errors
    ///
    /// A cgroup cannot be read.
    pub fn cgroups_of(word: &str) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for hierarchy in entries(Path::new("/sys/fs/cgroup"))? {
            if hierarchy.is_dir() {
                let groups = entries(&hierarchy)?;
                let named = |path: &PathBuf| path.to_string_lossy().contains(word);
                found.extend(groups.into_iter().filter(named));
            }
        }
        Ok(found)
    }
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect()
}
