//! The figures of the README. Only ratios between two things measured in one run decide whether it succeeds; absolute
//! figures are the machine's as much as ours.

mod cluster;
mod decide;
mod figure;
mod footprint;
mod idle;
mod inject;
mod issue;
mod start;
mod stopwatch;

use std::process::ExitCode;

use scenarios::Failure;

use crate::figure::Figures;

#[tokio::main]
async fn main() -> Result<ExitCode, Failure> {
    let mut figures = Figures::begin()?;
    measure(&mut figures).await?;
    Ok(if figures.hold() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn measure(figures: &mut Figures) -> Result<(), Failure> {
    issue::measure(figures)?;
    decide::measure(figures)?;
    footprint::size(figures)?;
    start::measure(figures).await?;
    inject::measure(figures).await?;
    let cluster = cluster::crowded().await?;
    idle::measure(&cluster, figures).await
}
