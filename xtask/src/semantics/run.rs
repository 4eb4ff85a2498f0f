//! Running the program of a proof: by itself, or as a server that a client talks to.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::process::{self, Output};
use crate::{Result, root};

pub(super) const LIMIT: Duration = Duration::from_mins(1);

/// Runs a program under the driver in one of its modes. With a client, what the client gives is the output.
pub(super) fn execute(
    python: &Path,
    mode: &str,
    program: &Path,
    client: Option<&Path>,
) -> Result<Output> {
    let mut command = Command::new(python);
    command
        .arg(root().join("xtask/python/driver.py"))
        .arg(mode)
        .arg(program)
        .current_dir(program.parent().unwrap_or(program))
        .env_remove("PYTHONPATH")
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let Some(client) = client else {
        return process::run(&mut command, LIMIT);
    };
    let port = free_port()?;
    command
        .arg(port.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut talk = Command::new(python);
    talk.arg(client)
        .arg(port.to_string())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    process::beside(&mut command, || {
        listens(port)?;
        process::run(&mut talk, LIMIT)
    })
}

/// A port that nobody listens on.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    Ok(address.port())
}

/// Waits until somebody listens.
fn listens(port: u16) -> Result<()> {
    let started = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if started.elapsed() > LIMIT {
            return Err("the server does not listen".to_owned());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
