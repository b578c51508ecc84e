//! `control-plane FOLDER APISERVERS`: a control plane for use by hand, started by `cargo xtask control-plane up`.
//!
//! Writes FOLDER/kubeconfig, prints `ready`, and runs until it is interrupted or somebody writes to
//! FOLDER/socket; who did is hung up on when everything has ended.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

use std::{env, error::Error, fs, io, path::Path, process::ExitCode};

use scenarios::ControlPlane;
use tokio::{
    io::AsyncReadExt,
    net::{UnixListener, UnixStream},
    signal::unix::{SignalKind, signal},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [folder, apiservers] = arguments.as_slice() else {
        eprintln!("usage: control-plane FOLDER APISERVERS");
        return ExitCode::from(2);
    };
    match run(Path::new(folder), apiservers).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", with_causes(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run(folder: &Path, apiservers: &str) -> Result<(), Box<dyn Error>> {
    let (socket, kubeconfig) = (folder.join("socket"), folder.join("kubeconfig"));
    // Left behind by one that was killed; whoever called us has found nobody listening.
    let _absent = fs::remove_file(&socket);
    let listener = UnixListener::bind(&socket)?;
    let control_plane = ControlPlane::start(apiservers.parse()?).await?;
    control_plane.admin_kubeconfig(&kubeconfig)?;
    println!("ready");

    let caller = told_to_end(&listener).await?;
    drop(control_plane);
    fs::remove_file(kubeconfig)?;
    fs::remove_file(socket)?;
    drop(caller);
    Ok(())
}

async fn told_to_end(listener: &UnixListener) -> io::Result<Option<UnixStream>> {
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    tokio::select! {
        caller = who_writes(listener) => caller.map(Some),
        _ = terminate.recv() => Ok(None),
        _ = interrupt.recv() => Ok(None),
    }
}

/// Who connects and says nothing only wants to know whether we run.
async fn who_writes(listener: &UnixListener) -> io::Result<UnixStream> {
    loop {
        let (mut caller, _) = listener.accept().await?;
        if caller.read_u8().await.is_ok() {
            return Ok(caller);
        }
    }
}

fn with_causes(error: &dyn Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {}", with_causes(cause)),
        None => error.to_string(),
    }
}
