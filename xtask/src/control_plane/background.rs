//! A control plane that outlives the command that started it, for use by hand.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    os::unix::{net::UnixStream, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{CACHE, build};
use crate::{error::Error, shell, workspace::Workspace};

/// Starts `apiservers` API servers in the background and prints the path of their kubeconfig.
///
/// # Errors
///
/// [`Error::NotUp`], or a part cannot be built.
pub(crate) fn up(apiservers: usize) -> Result<(), Error> {
    let folder = folder();
    let is_up = UnixStream::connect(socket(&folder)).is_ok();
    if !is_up {
        build()?;
        shell::run(&mut shell::cargo([
            "build",
            "--locked",
            "-p",
            "scenarios",
            "--bin",
            "control-plane",
        ]))?;
        fs::create_dir_all(&folder).map_err(Error::file(&folder))?;
        start(&folder, apiservers)?;
    }
    shell::result(folder.join("kubeconfig").display());
    Ok(())
}

/// Stops what [`up`] started and waits until it has ended. Does nothing if nothing runs.
///
/// # Errors
///
/// It runs but does not answer.
pub(crate) fn down() -> Result<(), Error> {
    let socket = socket(&folder());
    let Ok(mut stream) = UnixStream::connect(&socket) else {
        shell::progress("no control plane is up");
        return Ok(());
    };
    stream.write_all(b"\n").map_err(Error::file(&socket))?;
    // It hangs up when its last process has ended.
    stream
        .read_to_end(&mut Vec::new())
        .map_err(Error::file(socket))?;
    Ok(())
}

fn start(folder: &Path, apiservers: usize) -> Result<(), Error> {
    let log = folder.join("log");
    let mut command = Command::new(
        Workspace::read()?
            .target_directory
            .join("debug/control-plane"),
    );
    command.arg(folder).arg(apiservers.to_string());
    // A process group of its own, so that the terminal's Ctrl-C does not reach it.
    command
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command.stderr(File::create(&log).map_err(Error::file(&log))?);
    let child = command
        .spawn()
        .map_err(|source| shell::not_started(&command, source))?;
    let mut answer = String::new();
    if let Some(stdout) = child.stdout {
        BufReader::new(stdout)
            .read_line(&mut answer)
            .map_err(Error::file(&log))?;
    }
    if answer == "ready\n" {
        return Ok(());
    }
    shell::progress(&fs::read_to_string(&log).map_err(Error::file(&log))?);
    Err(Error::NotUp { log })
}

fn folder() -> PathBuf {
    Path::new(CACHE).join("up")
}

fn socket(folder: &Path) -> PathBuf {
    folder.join("socket")
}
