//! The files that servers in other languages read.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
    process::Command,
    time::SystemTime,
};

use webhook_serve::{FileError, FileWriter, Files, Written};

const ONE: Files<'_> = Files {
    tls_crt: b"crt 1",
    tls_key: b"key 1",
    ca_crt: b"ca 1",
};
const TWO: Files<'_> = Files {
    tls_crt: b"crt 2",
    tls_key: b"key 2",
    ca_crt: b"ca 2",
};

fn read(directory: &Path) -> [String; 3] {
    ["tls.crt", "tls.key", "ca.crt"].map(|file| fs::read_to_string(directory.join(file)).unwrap())
}

fn content_folders(directory: &Path) -> usize {
    fs::read_dir(directory)
        .unwrap()
        .filter(|item| {
            let name = item.as_ref().unwrap().file_name();
            name.to_string_lossy().starts_with("..content")
        })
        .count()
}

#[test]
fn all_files_change_by_one_link() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("made/on/demand");
    let writer = FileWriter::new(&directory, 0o640);
    assert_eq!(writer.write(ONE).unwrap(), Written::Swapped);
    assert_eq!(read(&directory), ["crt 1", "key 1", "ca 1"]);
    for file in ["tls.crt", "tls.key", "ca.crt"] {
        let link = fs::read_link(directory.join(file)).unwrap();
        assert_eq!(link, Path::new("..data").join(file));
    }
    // What a reader opened before the swap stays whole.
    let before = fs::canonicalize(directory.join("tls.crt")).unwrap();
    assert_eq!(writer.write(TWO).unwrap(), Written::Swapped);
    assert_eq!(read(&directory), ["crt 2", "key 2", "ca 2"]);
    assert!(!before.exists(), "no key is kept longer than it is served");
    assert_eq!(content_folders(&directory), 1);
}

#[test]
fn the_same_files_are_not_written_again() {
    let directory = tempfile::tempdir().unwrap();
    let writer = FileWriter::new(directory.path(), 0o640);
    writer.write(ONE).unwrap();
    let link = fs::read_link(directory.path().join("..data")).unwrap();
    let folder = fs::File::open(directory.path()).unwrap();
    folder.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(writer.write(ONE).unwrap(), Written::Unchanged);
    let modified = folder.metadata().unwrap().modified().unwrap();
    assert_eq!(modified, SystemTime::UNIX_EPOCH, "the folder was touched");
    assert_eq!(
        fs::read_link(directory.path().join("..data")).unwrap(),
        link
    );
}

#[test]
fn modes_are_as_asked_whatever_the_umask() {
    for mode in [0o640, 0o600, 0o666] {
        let directory = tempfile::tempdir().unwrap();
        FileWriter::new(directory.path(), mode).write(ONE).unwrap();
        let mode_of = |file: &str| {
            let metadata = fs::metadata(directory.path().join(file)).unwrap();
            metadata.permissions().mode() & 0o7777
        };
        assert_eq!(mode_of("tls.key"), mode);
        assert_eq!((mode_of("tls.crt"), mode_of("ca.crt")), (0o644, 0o644));
    }
}

#[test]
fn damage_is_mended() {
    let directory = tempfile::tempdir().unwrap();
    let writer = FileWriter::new(directory.path(), 0o640);
    writer.write(ONE).unwrap();
    fs::write(directory.path().join("tls.key"), "other").unwrap();
    for _ in 0..3 {
        writer.write(ONE).unwrap();
        assert_eq!(read(directory.path()), ["crt 1", "key 1", "ca 1"]);
    }
    assert_eq!(writer.write(ONE).unwrap(), Written::Unchanged);
    fs::remove_file(directory.path().join("ca.crt")).unwrap();
    writer.write(ONE).unwrap();
    assert_eq!(read(directory.path()), ["crt 1", "key 1", "ca 1"]);
}

#[test]
fn what_a_crash_left_is_cleared_away() {
    let directory = tempfile::tempdir().unwrap();
    let writer = FileWriter::new(directory.path(), 0o640);
    writer.write(ONE).unwrap();
    // Stopped between making the new content or link and the rename.
    let half = directory.path().join("..content-0000000000000000");
    fs::create_dir(&half).unwrap();
    fs::write(half.join("tls.key"), "half").unwrap();
    symlink(
        "..content-0000000000000000",
        directory.path().join("..data_new"),
    )
    .unwrap();
    assert_eq!(read(directory.path()), ["crt 1", "key 1", "ca 1"]);
    writer.write(TWO).unwrap();
    assert_eq!(read(directory.path()), ["crt 2", "key 2", "ca 2"]);
    assert_eq!(content_folders(directory.path()), 1);
}

#[test]
fn a_file_of_somebody_else_is_not_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("tls.key"), "precious").unwrap();
    let refused = FileWriter::new(directory.path(), 0o640).write(ONE);
    assert!(
        matches!(refused, Err(FileError::Occupied { .. })),
        "{refused:?}"
    );
    assert_eq!(
        fs::read_to_string(directory.path().join("tls.key")).unwrap(),
        "precious"
    );
    assert!(!directory.path().join("..data").exists());
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = FileWriter::new(file.join("sub"), 0o640)
        .write(ONE)
        .unwrap_err();
    assert!(
        error.to_string().contains("file/sub cannot be written"),
        "{error}"
    );
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The folder that the refusal names, and the command that mends it.
fn refused(writer: &FileWriter) -> (PathBuf, String) {
    let error = writer.write(ONE).unwrap_err();
    let text = error.to_string();
    let FileError::Exposed { folder, .. } = error else {
        panic!("{text}");
    };
    let command = text.split('`').nth(1).unwrap_or_default().to_owned();
    (folder, command)
}

#[test]
fn a_folder_that_others_may_write_is_refused_until_the_named_command_is_run() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().canonicalize().unwrap().join("certs");
    fs::create_dir(&directory).unwrap();
    let writer = FileWriter::new(&directory, 0o640);
    for mode in [0o777, 0o775, 0o757, 0o2777, 0o1777] {
        set_mode(&directory, mode);
        let (folder, command) = refused(&writer);
        assert_eq!(folder, directory);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0, "{mode:o}");
        let words: Vec<&str> = command.split(' ').collect();
        let (program, arguments) = words.split_first().unwrap();
        assert!(
            Command::new(program)
                .args(arguments)
                .status()
                .unwrap()
                .success()
        );
        assert!(writer.check().is_ok(), "{command}");
    }
    assert_eq!(writer.write(ONE).unwrap(), Written::Swapped);
    // What is served goes on; the next certificate is not written where others can take it.
    set_mode(&directory, 0o777);
    assert_eq!(writer.write(ONE).unwrap(), Written::Unchanged);
    assert!(writer.write(TWO).is_err());
    assert_eq!(read(&directory), ["crt 1", "key 1", "ca 1"]);
}

#[test]
fn a_parent_that_others_may_write_is_refused_also_behind_a_link() {
    let parent = tempfile::tempdir().unwrap();
    let parent = parent.path().canonicalize().unwrap();
    let open = parent.join("open");
    let private = parent.join("private");
    for folder in [&open, &private] {
        fs::create_dir(folder).unwrap();
        set_mode(folder, 0o755);
    }
    set_mode(&open, 0o777);
    let directory = open.join("made/on/demand");
    let (folder, command) = refused(&FileWriter::new(&directory, 0o640));
    assert_eq!(folder, open);
    assert_eq!(command, format!("chmod go-w {}", open.display()));
    // The link stands in a folder of ours, and leads below that one.
    let link = private.join("link");
    symlink(&directory, &link).unwrap();
    assert_eq!(refused(&FileWriter::new(&link, 0o640)).0, open);
    // As /tmp: others cannot rename what is ours there.
    set_mode(&open, 0o1777);
    FileWriter::new(&link, 0o640).write(ONE).unwrap();
    assert_eq!(read(&directory), ["crt 1", "key 1", "ca 1"]);
}

#[test]
fn a_folder_of_another_user_is_refused() {
    let parent = tempfile::tempdir().unwrap();
    let other = fs::metadata(parent.path()).unwrap().uid() + 1;
    // Only root can give a folder away.
    if chown(parent.path(), Some(other), None).is_ok() {
        let (folder, command) = refused(&FileWriter::new(parent.path().join("certs"), 0o640));
        assert_eq!(folder, parent.path().canonicalize().unwrap());
        assert_eq!(command, format!("chown 0 {}", folder.display()));
    }
}

/// As the mount of an `emptyDir`: everyone may write at its root, and the pod's author decides who that is.
#[test]
#[cfg(target_os = "linux")]
fn in_a_pod_the_root_of_a_volume_is_the_authors_affair_and_what_is_below_is_not() {
    let volume = Path::new("/dev/shm");
    assert!(FileWriter::new(volume, 0o640).check().is_err());
    FileWriter::new(volume, 0o640).in_pod().check().unwrap();
    let below = tempfile::tempdir_in(volume).unwrap();
    let directory = below.path().join("certs");
    FileWriter::new(&directory, 0o640)
        .in_pod()
        .write(ONE)
        .unwrap();
    set_mode(below.path(), 0o777);
    fs::remove_dir_all(&directory).unwrap();
    let (folder, _) = refused(&FileWriter::new(&directory, 0o640).in_pod());
    assert_eq!(folder, below.path());
}

#[test]
fn debug_shows_no_key() {
    assert_eq!(format!("{ONE:?}"), "Files { .. }");
}
