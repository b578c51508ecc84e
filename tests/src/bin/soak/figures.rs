//! How things stand.

use std::{fmt::Write, fs};

use scenarios::{Failure, Program, TARGET, resident};

use crate::world::{World, data};

/// At one moment: what, and how much.
pub(crate) struct Figures(Vec<(&'static str, u64)>);

impl Figures {
    pub(crate) async fn of(world: &World) -> Result<Self, Failure> {
        let outcome = world.outcome();
        let admin = &world.cluster.admin;
        let size = async |name| {
            let entries = data(admin, name).await?.into_values();
            count(entries.map(|entry| entry.0.len()).sum())
        };
        let bundle = world
            .cluster
            .bundle("ValidatingWebhookConfiguration", TARGET)
            .await?;
        let mut figures = vec![
            ("rotations", world.rotations()),
            ("calls", outcome.calls),
            ("refused for a certificate reason", outcome.refused()),
            ("failed otherwise", outcome.failed()),
            (
                "controller: resident kB",
                resident(world.steady.id())? / 1024,
            ),
            ("controller: descriptors", descriptors(&world.steady)?),
        ];
        if let [first, second] = world.replicas.as_slice() {
            figures.extend([
                ("replica 0: resident kB", resident(first.id())? / 1024),
                ("replica 0: descriptors", descriptors(first)?),
                ("replica 1: resident kB", resident(second.id())? / 1024),
                ("replica 1: descriptors", descriptors(second)?),
            ]);
        }
        figures.extend([
            ("authority record: bytes", size("guard-ca").await?),
            ("serving record: bytes", size("guard-tls").await?),
            ("bundle: bytes", count(bundle.len())?),
            (
                "bundle: roots",
                count(bundle.matches("BEGIN CERTIFICATE").count())?,
            ),
        ]);
        Ok(Self(figures))
    }
}

/// Both beside each other.
pub(crate) fn table(first: &Figures, last: &Figures) -> String {
    let mut table = String::from("| | start | end |\n|---|---:|---:|\n");
    for ((what, start), (_, end)) in first.0.iter().zip(&last.0) {
        // Writing to a String does not fail.
        let _ = writeln!(table, "| {what} | {start} | {end} |");
    }
    table
}

fn count(number: usize) -> Result<u64, Failure> {
    Ok(u64::try_from(number)?)
}

fn descriptors(program: &Program) -> Result<u64, Failure> {
    count(fs::read_dir(format!("/proc/{}/fd", program.id()))?.count())
}
