//! Certificates as files, for servers in other languages.
//!
//! The folder looks and changes as a Secret that a kubelet mounts (`pkg/volume/util/atomic_writer.go` in Kubernetes):
//! the content is in a folder of its own, `..data` is a symbolic link to it, and `tls.crt`, `tls.key` and `ca.crt` are
//! links through `..data`. One rename of `..data` changes all of them at once.

use std::{
    fmt, fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use ring::digest;

use crate::folder::{Exposed, Exposure, Volumes, exposed, our_user};

const DATA: &str = "..data";
const NEW_DATA: &str = "..data_new";
const FILES: [&str; 3] = ["tls.crt", "tls.key", "ca.crt"];

/// Writes certificates into one folder. It must be the only writer there.
#[derive(Clone, Debug)]
pub struct FileWriter {
    directory: PathBuf,
    key_mode: u32,
    volumes: Volumes,
}

/// The files to write. `Debug` shows no key.
#[derive(Clone, Copy)]
#[expect(
    clippy::exhaustive_structs,
    reason = "callers name the three files; there is no fourth"
)]
pub struct Files<'a> {
    /// The chain, PEM.
    pub tls_crt: &'a [u8],
    /// The private key, PEM.
    pub tls_key: &'a [u8],
    /// The roots, PEM.
    pub ca_crt: &'a [u8],
}

impl fmt::Debug for Files<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}

/// What a write changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third outcome")]
pub enum Written {
    /// Readers see the new files.
    Swapped,
    /// The files were already there: the write touched nothing.
    Unchanged,
}

impl FileWriter {
    /// Makes a writer into `directory`, which is created if missing, and gives `tls.key` the mode `key_mode` (0640
    /// suits a server that shares a group with this process).
    ///
    /// The other files get 0644.
    pub fn new(directory: impl Into<PathBuf>, key_mode: u32) -> Self {
        Self {
            directory: directory.into(),
            key_mode,
            volumes: Volumes::Judged,
        }
    }

    /// Accepts the root of a mounted volume whatever its mode and owner, for a process in a pod.
    ///
    /// A kubelet gives an `emptyDir` the mode 0777, and the author of the pod decides which containers mount and write
    /// it.
    #[must_use]
    pub fn in_pod(mut self) -> Self {
        self.volumes = Volumes::Shared;
        self
    }

    /// Returns the folder that it writes to.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Creates the folder if missing, and checks that it can be written, that no other user can replace what is in it,
    /// and that it contains no file of another program.
    ///
    /// # Errors
    ///
    /// [`FileError`] names the path.
    pub fn check(&self) -> Result<(), FileError> {
        let found = self.in_directory(|directory| {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(directory)?;
            let us = our_user(directory)?;
            exposed(directory, us, self.volumes)
        })?;
        if let Some(Exposed { folder, exposure }) = found {
            return Err(FileError::Exposed { folder, exposure });
        }
        FILES.iter().try_for_each(|file| self.check_ours(file))
    }

    /// Replaces the three files by one rename.
    ///
    /// A crash at any moment leaves the old files or the new ones. Blocks: call it where blocking is fine.
    ///
    /// # Errors
    ///
    /// [`FileError`] names the path. The old files stay.
    pub fn write(&self, files: Files<'_>) -> Result<Written, FileError> {
        let content = [files.tls_crt, files.tls_key, files.ca_crt];
        let name = content_name(&content);
        FILES.iter().try_for_each(|file| self.check_ours(file))?;
        let present = fs::read_link(self.directory.join(DATA)).ok();
        // Touches nothing then, not even to check: a server may react to any change in the folder.
        if let Some(present) = &present
            && self.is_complete(&self.directory.join(present), &content)
        {
            self.link_files()?;
            return Ok(Written::Unchanged);
        }
        self.check()?;
        // Another program changed this content: write it under another name, so that the swap stays atomic.
        let is_taken = present.as_deref() == Some(Path::new(&name));
        let name = if is_taken { format!("{name}-") } else { name };
        self.write_content(&name, &content)?;
        self.swap(&name)?;
        self.link_files()?;
        self.remove_others(&name)?;
        Ok(Written::Swapped)
    }

    fn check_ours(&self, file: &str) -> Result<(), FileError> {
        let path = self.directory.join(file);
        match fs::symlink_metadata(&path) {
            Ok(found) if !found.is_symlink() => Err(FileError::Occupied { path }),
            _ => Ok(()),
        }
    }

    fn is_complete(&self, target: &Path, content: &[&[u8]; 3]) -> bool {
        FILES.iter().zip(content).all(|(file, bytes)| {
            let path = target.join(file);
            let mode = fs::metadata(&path).map(|found| found.permissions().mode() & 0o7777);
            fs::read(&path).is_ok_and(|found| found == **bytes)
                && mode.is_ok_and(|mode| mode == self.mode_of(file))
        })
    }

    fn mode_of(&self, file: &str) -> u32 {
        if file == "tls.key" {
            self.key_mode
        } else {
            0o644
        }
    }

    fn write_content(&self, name: &str, content: &[&[u8]; 3]) -> Result<(), FileError> {
        let target = self.directory.join(name);
        let at = |source| FileError::at(&target, source);
        // Remove what a crash before the swap left.
        remove_folder(&target).map_err(at)?;
        fs::DirBuilder::new()
            .mode(0o755)
            .create(&target)
            .map_err(at)?;
        for (file, bytes) in FILES.iter().zip(content) {
            let path = target.join(file);
            write_file(&path, bytes, self.mode_of(file))
                .map_err(|source| FileError::at(&path, source))?;
        }
        fs::File::open(&target)
            .and_then(|folder| folder.sync_all())
            .map_err(at)
    }

    fn swap(&self, name: &str) -> Result<(), FileError> {
        self.in_directory(|directory| {
            let new = directory.join(NEW_DATA);
            if fs::symlink_metadata(&new).is_ok() {
                fs::remove_file(&new)?;
            }
            symlink(name, &new)?;
            fs::rename(&new, directory.join(DATA))?;
            fs::File::open(directory)?.sync_all()
        })
    }

    fn link_files(&self) -> Result<(), FileError> {
        for file in FILES {
            let path = self.directory.join(file);
            let wanted = Path::new(DATA).join(file);
            match fs::read_link(&path) {
                Ok(found) if found == wanted => {}
                Ok(_) => return Err(FileError::Occupied { path }),
                Err(_) => {
                    symlink(&wanted, &path).map_err(|source| FileError::at(&path, source))?;
                }
            }
        }
        Ok(())
    }

    /// Removes older content, so that no key stays longer than it is served.
    fn remove_others(&self, keep: &str) -> Result<(), FileError> {
        self.in_directory(|directory| {
            for item in fs::read_dir(directory)? {
                let item = item?;
                let name = item.file_name();
                let is_content = name.to_string_lossy().starts_with("..content-");
                if is_content && name != *keep {
                    remove_folder(&item.path())?;
                }
            }
            Ok(())
        })
    }

    fn in_directory<T>(&self, work: impl FnOnce(&Path) -> io::Result<T>) -> Result<T, FileError> {
        work(&self.directory).map_err(|source| FileError::at(&self.directory, source))
    }
}

/// Names content by a hash of all three files: the same files have the same name, which reveals nothing of the key.
fn content_name(content: &[&[u8]; 3]) -> String {
    let mut hash = digest::Context::new(&digest::SHA256);
    for bytes in content {
        hash.update(digest::digest(&digest::SHA256, bytes).as_ref());
    }
    let start = hash
        .finish()
        .as_ref()
        .iter()
        .take(8)
        .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    format!("..content-{start:016x}")
}

fn write_file(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    // The umask may have cleared bits.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn remove_folder(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Why the files were not replaced.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The folder contains a file of this name that another program made. Move it away, or name another folder.
    #[error("{} exists and is not ours; move it away or name another folder", path.display())]
    Occupied {
        /// The file's path.
        path: PathBuf,
    },
    /// Another user can replace the files in this folder, which is the one to write into or a parent of it.
    #[error(
        "{}: {exposure} and can replace the key and the certificate; run `{}`, or name another folder",
        folder.display(),
        remedy(folder, *exposure)
    )]
    Exposed {
        /// The folder, with symbolic links resolved.
        folder: PathBuf,
        /// Which other users can write to it.
        exposure: Exposure,
    },
    /// The operating system refuses.
    #[error("{} cannot be written", path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

fn remedy(folder: &Path, exposure: Exposure) -> String {
    let folder = folder.display();
    match exposure {
        Exposure::Mode(_) => format!("chmod go-w {folder}"),
        Exposure::Owner { us, .. } => format!("chown {us} {folder}"),
    }
}

impl FileError {
    fn at(path: &Path, source: io::Error) -> Self {
        Self::Io {
            path: path.to_path_buf(),
            source,
        }
    }
}
