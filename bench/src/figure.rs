//! A figure, what it is measured against, and the table of them all.

use std::{
    fmt::Display,
    io::{self, Stdout, Write, stdout},
    thread,
};

/// The table, a line at a time: a run takes minutes.
pub(crate) struct Figures {
    table: Stdout,
    broken: usize,
}

impl Figures {
    /// Prints the machine and the head of the table.
    pub(crate) fn begin() -> io::Result<Self> {
        let mut table = stdout();
        let cores = thread::available_parallelism()?;
        writeln!(
            table,
            "On {cores} cores:\n\n| what | measured | aim |\n|---|---|---|"
        )?;
        Ok(Self { table, broken: 0 })
    }

    /// A figure that is the machine's as much as ours.
    pub(crate) fn report(
        &mut self,
        what: &str,
        measured: impl Display,
        aim: &str,
    ) -> io::Result<()> {
        writeln!(self.table, "| {what} | {measured} | {aim} |")
    }

    /// A figure on which the run depends: `holds` compares two things that were measured in this run.
    pub(crate) fn require(
        &mut self,
        what: &str,
        measured: impl Display,
        aim: &str,
        holds: bool,
    ) -> io::Result<()> {
        self.broken += usize::from(!holds);
        let verdict = if holds { "" } else { ": **not met**" };
        self.report(what, measured, &format!("{aim}{verdict}"))
    }

    /// Whether each required figure held.
    pub(crate) fn hold(&self) -> bool {
        self.broken == 0
    }
}
