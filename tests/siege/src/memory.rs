//! How much memory a process has, and had at most.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use scenarios::Failure;
use tokio::{task::JoinHandle, time::sleep};

const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Watches the most that a process had since this began. Also of one that is killed, as far as it was seen.
#[derive(Debug)]
pub(crate) struct Peak {
    most: Arc<AtomicU64>,
    watching: JoinHandle<()>,
}

impl Peak {
    /// # Errors
    ///
    /// There is no such process.
    pub(crate) fn watch(id: u32) -> Result<Self, Failure> {
        // proc(5): sets the most to what it is now.
        fs::write(format!("/proc/{id}/clear_refs"), "5")?;
        let most = Arc::new(AtomicU64::new(most(id).unwrap_or_default()));
        let seen = Arc::clone(&most);
        let watching = tokio::spawn(async move {
            while let Some(now) = self::most(id) {
                seen.fetch_max(now, Ordering::Relaxed);
                sleep(LOOK_AGAIN).await;
            }
        });
        Ok(Self { most, watching })
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.most.load(Ordering::Relaxed)
    }
}

impl Drop for Peak {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

fn most(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes: u64 = line?.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}
