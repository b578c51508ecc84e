//! `siege SECONDS ours|both [PART OF A NAME]`: each attack on our server and on one in Go, and the table.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

use std::{env, process::ExitCode, time::Duration};

use siege::{Attack, Row, Server, Siege, table};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<ExitCode, Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (seconds, servers, part) = match arguments.as_slice() {
        [seconds, servers] => (seconds, servers, ""),
        [seconds, servers, part] => (seconds, servers, part.as_str()),
        _ => return Err("usage: siege SECONDS ours|both [PART OF A NAME]".into()),
    };
    let servers: &[Server] = match servers.as_str() {
        "ours" => &[Server::Ours],
        _ => &[Server::Ours, Server::Go],
    };
    let mut siege = Siege::lay(Duration::from_secs(seconds.parse()?)).await?;
    if let Some(reason) = siege.has_no_cage() {
        eprintln!("no limit of memory is set, only compared with: {reason}");
    }
    let (mut rows, mut faults) = (Vec::new(), 0);
    let chosen = Attack::ALL
        .iter()
        .filter(|attack| attack.name().contains(part));
    for attack in chosen {
        for server in servers {
            let row = siege.withstand(*server, *attack).await?;
            faults += report(&row);
            rows.push(row);
        }
    }
    println!("\n{}", table(&rows));
    Ok(if faults == 0 {
        ExitCode::SUCCESS
    } else {
        eprintln!("our server has {faults} faults");
        ExitCode::FAILURE
    })
}

/// Says what an attack did; gives the number of faults of ours.
fn report(row: &Row) -> usize {
    let faults = row.faults(false);
    let (attack, server) = (row.attack.name(), row.server.name());
    eprintln!("{attack}, {server}: {} calls", row.calls);
    for fault in &faults {
        eprintln!("  {fault}");
    }
    if row.server == Server::Ours {
        faults.len()
    } else {
        0
    }
}
