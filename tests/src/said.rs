//! At the end of every scenario, what its programs said is searched for every private key that its etcd has ever stored.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    thread,
};

use crate::LeakSearch;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----\n";
/// etcd makes its files long before it fills them.
const PART: usize = 1 << 20;

/// Panics when dropped if a log in its folder, or below, has a part of a key in it.
///
/// etcd's write-ahead log has every version of every Secret in plain, also those that were overwritten.
#[derive(Debug)]
pub(crate) struct NoKeyIsSaid {
    folder: PathBuf,
    has_etcd: bool,
}

/// What was searched, and what was found.
#[derive(Debug)]
struct Search {
    journals: usize,
    logs: usize,
    with_keys: Vec<PathBuf>,
}

impl NoKeyIsSaid {
    /// `folder` must still be there when this is dropped.
    pub(crate) fn below(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            has_etcd: false,
        }
    }

    /// From now on it panics, too, if it finds no journal or no log to search.
    pub(crate) fn etcd_is_up(&mut self) {
        self.has_etcd = true;
    }

    /// Panics if it would when dropped now.
    pub(crate) fn so_far(&self) {
        let search = search(&self.folder);
        assert!(
            matches!(&search, Ok(found) if found.with_keys.is_empty()),
            "a private key is in what was said: {search:?}"
        );
        assert!(
            !self.has_etcd || matches!(&search, Ok(it) if it.journals > 0 && it.logs > 0),
            "there was nothing to search for keys: {search:?}"
        );
    }
}

impl Drop for NoKeyIsSaid {
    fn drop(&mut self) {
        if thread::panicking() {
            return;
        }
        self.so_far();
    }
}

fn search(folder: &Path) -> io::Result<Search> {
    let mut files = Vec::new();
    all_below(folder, &mut files)?;
    let mut leaks = LeakSearch::default();
    let mut journals = 0;
    for journal in having(&files, "wal") {
        let Some(text) = if_there(until_zeros(journal))? else {
            continue;
        };
        journals += 1;
        for key in keys(&String::from_utf8_lossy(&text)) {
            // A damaged one, or of a kind that we never make, is nobody's secret.
            let _is_key = leaks.add(key.as_bytes());
        }
    }
    let mut logs = 0;
    let mut with_keys = Vec::new();
    for log in having(&files, "log") {
        let Some(text) = if_there(fs::read(log))? else {
            continue;
        };
        logs += 1;
        if leaks.finds_in(&text) {
            with_keys.push(log.clone());
        }
    }
    Ok(Search {
        journals,
        logs,
        with_keys,
    })
}

fn all_below(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let Some(entries) = if_there(fs::read_dir(folder))? else {
        return Ok(());
    };
    for entry in entries {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            all_below(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// What processes that have not ended yet remove meanwhile is not there.
fn if_there<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        outcome => outcome.map(Some),
    }
}

fn having<'a>(files: &'a [PathBuf], extension: &str) -> impl Iterator<Item = &'a PathBuf> {
    files
        .iter()
        .filter(move |file| file.extension().is_some_and(|is| is == extension))
}

fn until_zeros(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut text = Vec::new();
    let mut part = Vec::new();
    let length = u64::try_from(PART).unwrap_or(u64::MAX);
    loop {
        part.clear();
        Read::by_ref(&mut file)
            .take(length)
            .read_to_end(&mut part)?;
        if part.iter().all(|byte| *byte == 0) {
            return Ok(text);
        }
        text.extend_from_slice(&part);
    }
}

fn keys(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices(BEGIN).filter_map(|(start, _)| {
        let rest = text.get(start..)?;
        rest.get(..rest.find(END)? + END.len())
    })
}

#[cfg(test)]
mod tests {
    use std::slice;

    use certgen::KeyAlgorithm;
    use kube_adapter::SystemEntropy;
    use rotator_core::Entropy;

    use super::*;

    /// A folder as a control plane leaves it, with two keys in the journal.
    fn left() -> (tempfile::TempDir, [String; 2]) {
        let folder = tempfile::tempdir().unwrap();
        let keys = [KeyAlgorithm::P256, KeyAlgorithm::Ed25519].map(|algorithm| {
            let key = SystemEntropy::new().private_key(algorithm).unwrap();
            key.expose_pkcs8_pem().to_string()
        });
        let wal = folder.path().join("etcd/member/wal");
        fs::create_dir_all(&wal).unwrap();
        fs::create_dir(folder.path().join("programs")).unwrap();
        let mut journal = format!("\u{1}tls.key\u{12}{}\u{2}{}", keys[0], keys[1]).into_bytes();
        journal.resize(journal.len() + 2 * PART, 0);
        fs::write(wal.join("0.wal"), journal).unwrap();
        (folder, keys)
    }

    #[test]
    fn a_key_that_etcd_stored_is_found_in_any_log_below() {
        let (folder, keys) = left();
        let log = folder.path().join("programs/keeper.log");
        for key in &keys {
            let half = key.lines().nth(1).unwrap();
            fs::write(&log, format!("saved\nis {half}\n")).unwrap();
            let found = search(folder.path()).unwrap();
            assert_eq!(found.with_keys, slice::from_ref(&log));
        }
        fs::write(&log, "saved\n").unwrap();
        assert!(search(folder.path()).unwrap().with_keys.is_empty());
    }

    #[test]
    fn what_is_no_log_may_have_the_key() {
        let (folder, keys) = left();
        fs::write(folder.path().join("programs/tls.key"), &keys[0]).unwrap();
        assert!(search(folder.path()).unwrap().with_keys.is_empty());
    }

    #[test]
    #[should_panic(expected = "a private key is in what was said")]
    fn a_scenario_whose_programs_say_a_key_fails() {
        let (folder, keys) = left();
        fs::write(folder.path().join("keeper.log"), &keys[0]).unwrap();
        drop(NoKeyIsSaid::below(folder.path()));
    }

    #[test]
    #[should_panic(expected = "there was nothing to search for keys")]
    fn a_control_plane_that_left_no_journal_fails() {
        let (folder, _) = left();
        fs::write(folder.path().join("keeper.log"), "saved\n").unwrap();
        fs::remove_dir_all(folder.path().join("etcd")).unwrap();
        let mut said = NoKeyIsSaid::below(folder.path());
        said.etcd_is_up();
        drop(said);
    }

    #[test]
    fn a_control_plane_that_did_not_start_has_nothing_to_search() {
        drop(NoKeyIsSaid::below(Path::new("not/there")));
    }
}
