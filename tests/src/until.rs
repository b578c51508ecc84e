//! How scenarios wait: never for ever.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::Failure;

/// Generous: the machine may be busy. Usually it takes seconds.
const LIMIT: Duration = Duration::from_secs(300);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Looks again and again until it is so.
///
/// # Errors
///
/// It cannot be told, or five minutes passed, and it is not so: says `what` was waited for.
pub async fn until(
    what: &str,
    mut is_so: impl AsyncFnMut() -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let looking = async {
        while !is_so().await? {
            sleep(LOOK_AGAIN).await;
        }
        Ok(())
    };
    let looked = timeout(LIMIT, looking).await;
    looked.unwrap_or_else(|_| Err(format!("not within {LIMIT:?}: {what}").into()))
}
