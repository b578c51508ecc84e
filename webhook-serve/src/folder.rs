//! Checks whether other users can replace what is in a folder: by its mode and owner, and those of every folder above
//! it.
//!
//! OpenSSH's `StrictModes` requires the same of the files that it trusts.

use std::{
    fmt, fs,
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

const PROBE: &str = "..writer";
const WRITABLE: u32 = 0o022;
const STICKY: u32 = 0o1000;
const ROOT: u32 = 0;

/// A folder in which other users can replace files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exposed {
    pub(crate) folder: PathBuf,
    pub(crate) exposure: Exposure,
}

/// Why other users can write to a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a file system knows these two")]
pub enum Exposure {
    /// Its mode lets a group or every user write.
    Mode(u32),
    /// Its owner is neither root nor the user of this process.
    Owner {
        /// The owner.
        owner: u32,
        /// The user of this process.
        us: u32,
    },
}

impl fmt::Display for Exposure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mode(mode) => write!(f, "other users may write into it (mode {mode:04o})"),
            Self::Owner { owner, .. } => write!(f, "user {owner} owns it"),
        }
    }
}

/// How to check the roots of mounted volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Volumes {
    /// Like every other folder.
    Judged,
    /// Not at all: in a pod, its author decides which containers write to a volume.
    Shared,
}

/// Returns the first folder, from `folder` upwards, in which users other than `us` and root can replace what leads to
/// our files.
///
/// Resolves symbolic links first.
pub(crate) fn exposed(folder: &Path, us: u32, volumes: Volumes) -> io::Result<Option<Exposed>> {
    let folder = folder.canonicalize()?;
    for place in folder.ancestors() {
        let found = fs::metadata(place)?;
        if volumes == Volumes::Shared && is_mounted(place, &found)? {
            return Ok(None);
        }
        let is_parent = *place != *folder;
        if let Some(exposure) = exposure(found.mode(), found.uid(), us, is_parent) {
            let folder = place.to_path_buf();
            return Ok(Some(Exposed { folder, exposure }));
        }
    }
    Ok(None)
}

/// Checks one folder.
///
/// In a sticky folder of root's (`/tmp`) only root and we can rename our folder, so it is a safe parent; but not a safe
/// place for the files themselves, which another user can create first.
fn exposure(mode: u32, owner: u32, us: u32, is_parent: bool) -> Option<Exposure> {
    if owner != us && owner != ROOT {
        return Some(Exposure::Owner { owner, us });
    }
    let is_safe = mode & WRITABLE == 0 || is_parent && mode & STICKY != 0;
    (!is_safe).then_some(Exposure::Mode(mode & 0o7777))
}

/// Whether a file system is mounted there. That of a whole container is no volume.
fn is_mounted(place: &Path, found: &fs::Metadata) -> io::Result<bool> {
    match place.parent() {
        Some(parent) => Ok(fs::metadata(parent)?.dev() != found.dev()),
        None => Ok(false),
    }
}

/// Checks that `folder` can be written; returns the user that the file system takes this process for.
pub(crate) fn our_user(folder: &Path) -> io::Result<u32> {
    let probe = folder.join(PROBE);
    // Remove what a crash left.
    match fs::remove_file(&probe) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&probe)?;
    // From the open file, which is ours even if its name leads elsewhere by now.
    let us = file.metadata()?.uid();
    fs::remove_file(&probe)?;
    Ok(us)
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: u32 = 65532;
    const OTHER: u32 = 1000;

    #[test]
    fn only_we_and_root_may_own_a_folder() {
        for owner in [US, ROOT] {
            assert_eq!(exposure(0o755, owner, US, false), None);
        }
        for is_parent in [false, true] {
            for mode in [0o700, 0o755, 0o1777] {
                let found = exposure(mode, OTHER, US, is_parent);
                let wanted = Exposure::Owner {
                    owner: OTHER,
                    us: US,
                };
                assert_eq!(found, Some(wanted));
            }
        }
    }

    #[test]
    fn a_sticky_folder_is_a_parent_and_no_place_for_files() {
        assert_eq!(exposure(0o1777, ROOT, US, true), None);
        let found = exposure(0o1777, ROOT, US, false);
        assert_eq!(found, Some(Exposure::Mode(0o1777)));
        for mode in [0o777, 0o775, 0o2777, 0o757] {
            for is_parent in [false, true] {
                let found = exposure(mode, US, US, is_parent);
                assert_eq!(found, Some(Exposure::Mode(mode)));
            }
        }
    }
}
