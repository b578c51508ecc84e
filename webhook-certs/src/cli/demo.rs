//! `demo`.
use super::{Failure, args::DemoArgs};
pub(super) async fn demo(_args: DemoArgs) -> Result<(), Failure> {
    Err(Failure::Undone("not yet".into()))
}
