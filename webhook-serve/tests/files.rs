//! The files that servers in other languages read.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
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

#[test]
fn debug_shows_no_key() {
    assert_eq!(format!("{ONE:?}"), "Files { .. }");
}
