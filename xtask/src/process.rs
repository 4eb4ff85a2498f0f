//! Running programs: with a time limit, with their output, several at a time.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;

/// How long a program has to end once it is asked to.
const GRACE: Duration = Duration::from_secs(10);

/// What a program left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Output {
    /// Its exit code; `None` if it was killed, by us at the time limit or by a signal.
    pub code: Option<i32>,
    /// Whether it ran into the time limit.
    pub timed_out: bool,
    /// What it printed, with what is not UTF-8 replaced.
    pub stdout: String,
    /// Its errors.
    pub stderr: String,
}

impl Output {
    /// The last lines of its errors, for messages.
    pub(crate) fn tail(&self) -> String {
        let text = if self.stderr.trim().is_empty() {
            &self.stdout
        } else {
            &self.stderr
        };
        let lines: Vec<&str> = text.trim_end().lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }
}

/// Runs a program to its end, or ends it with all that it started when `limit` is over.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<Output> {
    let file = || tempfile::tempfile().map_err(|error| format!("no temporary file: {error}"));
    let clone = |file: &File| file.try_clone().map_err(|error| error.to_string());
    let (mut stdout, mut stderr) = (file()?, file()?);
    command
        .stdin(Stdio::null())
        .stdout(clone(&stdout)?)
        .stderr(clone(&stderr)?)
        .process_group(0);
    let mut child = command
        .spawn()
        .map_err(|error| format!("{command:?}: {error}"))?;
    let (code, timed_out) = wait(&mut child, limit)?;
    Ok(Output {
        code,
        timed_out,
        stdout: text(&mut stdout)?,
        stderr: text(&mut stderr)?,
    })
}

fn wait(child: &mut Child, limit: Duration) -> Result<(Option<i32>, bool)> {
    let started = Instant::now();
    let mut pause = Duration::from_millis(2);
    loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok((status.code(), false));
        }
        if started.elapsed() > limit {
            ask_to_end(child)?;
            end(child)?;
            return Ok((None, true));
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

fn text(file: &mut File) -> Result<String> {
    let mut bytes = Vec::new();
    file.rewind()
        .and_then(|()| file.read_to_end(&mut bytes))
        .map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Runs a program for as long as `job` takes, then ends it with all that it started.
pub(crate) fn beside<R>(command: &mut Command, job: impl FnOnce() -> Result<R>) -> Result<R> {
    let mut child = command
        .process_group(0)
        .spawn()
        .map_err(|error| format!("{command:?}: {error}"))?;
    let result = job();
    end(&mut child)?;
    result
}

/// Gives a program a while to end by itself, and what it started in groups of their own.
fn ask_to_end(child: &mut Child) -> Result<()> {
    Command::new("kill")
        .arg(child.id().to_string())
        .status()
        .map_err(|error| error.to_string())?;
    let asked = Instant::now();
    while asked.elapsed() < GRACE {
        if child
            .try_wait()
            .map_err(|error| error.to_string())?
            .is_some()
        {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Kills a program that leads its group: everything that it started goes too.
fn end(child: &mut Child) -> Result<()> {
    let group = format!("-{}", child.id());
    Command::new("kill")
        .args(["-KILL", "--", &group])
        .stderr(Stdio::null())
        .status()
        .map_err(|error| error.to_string())?;
    child.wait().map_err(|error| error.to_string())?;
    Ok(())
}

/// Runs a program that has to succeed, its output on ours.
pub(crate) fn must(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?} failed: {status}"))
    }
}

/// Calls `job` for every item, on as many threads as there are cores; the results in the order of the items.
pub(crate) fn parallel<T: Sync, R: Send>(items: &[T], job: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::with_capacity(items.len()));
    let threads = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(items.len());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    let result = job(item);
                    results
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner)
                        .push((index, result));
                }
            });
        }
    });
    let mut results = results
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
