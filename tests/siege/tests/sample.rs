//! One attack of each kind on our server. With `SCENARIOS_ALL=1` all of them, for longer.

use std::time::Duration;

use siege::{Attack, LASTS, Server, Siege};

/// Long enough for each to have all its connections.
const SHORT: Duration = Duration::from_secs(3);

#[tokio::test(flavor = "multi_thread")]
async fn the_server_answers_every_call_and_stays_within_its_memory()
-> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (attacks, lasts) = if scenarios::is_whole("every attack of the siege") {
        (Attack::ALL, LASTS)
    } else {
        (Attack::SAMPLE, SHORT)
    };
    let mut siege = Siege::lay(lasts).await?;
    if let Some(reason) = siege.has_no_cage() {
        report(&format!(
            "no limit of memory is set, only compared with: {reason}"
        ));
    }
    let mut faults = Vec::new();
    for attack in attacks {
        let row = siege.withstand(Server::Ours, *attack).await?;
        let found = row.faults(true);
        let (name, calls) = (attack.name(), row.calls);
        let [before, peak, after] = row.memory.map(scenarios::megabytes);
        report(&format!("{name}: memory {before}, {peak}, {after}"));
        report(&format!(
            "proved: admission calls under siege, {name}: {calls} cases, {} violations",
            found.len()
        ));
        faults.extend(found.into_iter().map(|fault| format!("{name}: {fault}")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "figures are for the reader of a run")]
fn report(line: &str) {
    println!("{line}");
}
