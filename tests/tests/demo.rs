//! The demo keeps its promise, and the lane beside it shows what the promise is worth.

use scenarios::{Failure, Program};
use serde_json::Value;

#[tokio::test]
async fn the_demo_rotates_without_a_refused_call_and_the_lane_beside_it_does_not()
-> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let arguments = ["demo", "--duration=25s", "--output=json"];
    let mut demo = Program::start("demo", "webhook-certs", &arguments, folder.path())?;
    let status = demo.end().await?;
    let log = demo.log()?;
    let shown: Value = serde_json::from_str(log.trim())?;
    let number = |pointer: &str| shown.pointer(pointer).and_then(Value::as_u64);
    assert!(status.success(), "{log}");
    assert!(number("/rotations") >= Some(3), "{log}");
    assert!(number("/calls") >= Some(500), "{log}");
    assert_eq!(number("/refused"), Some(0), "{log}");
    assert!(number("/without_crosses/refused") >= Some(50), "{log}");
    Ok(())
}

#[tokio::test]
async fn a_demo_too_short_for_three_rotations_is_refused() -> Result<(), Failure> {
    let folder = tempfile::tempdir()?;
    let arguments = ["demo", "--duration=24s"];
    let mut demo = Program::start("demo", "webhook-certs", &arguments, folder.path())?;
    assert_eq!(demo.end().await?.code(), Some(2));
    assert!(demo.log()?.contains("give at least 25s"));
    Ok(())
}
