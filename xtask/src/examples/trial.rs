//! Trying an example: alone, with a client that talks to it, or as one of a pair.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde::Deserialize;

use super::{Examples, LIMIT, Tools, moved, name};
use crate::process;
use crate::{Result, root};

/// What `driver.py` puts underneath a program.
pub(super) type Mode = &'static str;

/// `examples.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trials {
    trial: Vec<Trial>,
    pair: Vec<Pair>,
}

/// How an example is tried.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trial {
    /// Its file.
    file: String,
    /// What tells it from one of the same name.
    library: String,
    /// A program that talks to it, and prints what it heard; without one the example prints itself.
    client: Option<String>,
    /// Whether its lines may come in any order.
    #[serde(default)]
    any_order: bool,
    /// How many words of each line are compared; all otherwise.
    words: Option<usize>,
    /// Why it is not run.
    pub skip: Option<String>,
}

/// A server and a client that move, too.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pair {
    library: String,
    /// The file of the server.
    pub server: String,
    /// Where it listens.
    port: u16,
    /// The file of the client.
    client: Option<String>,
    /// Or its text.
    program: Option<String>,
}

/// What came of a pair.
pub(super) struct Paired {
    /// The server and the client.
    pub name: String,
    /// For each combination whether both print the same as the old ones.
    pub ends: Vec<(String, bool)>,
    /// What differs.
    pub story: String,
}

impl Trials {
    /// How an example is tried. Those of asyncio run by themselves.
    pub(super) fn of(&self, library: &str, file: &str) -> Option<Trial> {
        let mut trials = self.trial.iter();
        let known = trials.find(|it| it.file == file && it.library == library);
        let by_itself = (library == "asyncio").then(Trial::default);
        known.cloned().or(by_itself)
    }

    /// The pairs of a library.
    pub(super) fn pairs<'a>(
        &'a self,
        library: &'a str,
        only: &'a str,
    ) -> impl Iterator<Item = &'a Pair> {
        let pairs = self.pair.iter();
        pairs.filter(move |it| it.library == library && it.server.contains(only))
    }
}

/// What a trial prints.
pub(super) fn tried(tools: &Tools, mode: Mode, file: &Path, trial: &Trial) -> Result<String> {
    let mut command = program(tools, mode, file);
    let Some(client) = &trial.client else {
        let output = process::run(&mut command, LIMIT)?;
        return Ok(told(&output, trial));
    };
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut talk = Command::new(&tools.python);
    talk.current_dir(file.parent().unwrap_or(file));
    talk.arg("-c").arg(format!("{HEAD}{client}"));
    let output = process::beside(&mut command, || process::run(&mut talk, LIMIT))?;
    Ok(told(&output, trial))
}

/// What a program printed, with `#` for numbers: times, dates and ports.
fn told(output: &process::Output, trial: &Trial) -> String {
    let mut text = without_numbers(&output.stdout);
    if let Some(words) = trial.words {
        let cut = |line: &str| line.split(' ').take(words).collect::<Vec<_>>().join(" ") + "\n";
        text = text.lines().map(cut).collect();
    }
    if trial.any_order {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        text = lines.join("\n") + "\n";
    }
    let end = if output.timed_out {
        "the time limit".to_owned()
    } else {
        format!("{:?}", output.code)
    };
    // The last line of the errors says which one ended it.
    let error = match output.code {
        Some(0) => "",
        _ => output.stderr.trim_end().lines().last().unwrap_or_default(),
    };
    format!("{text}exit code {end} {}\n", without_numbers(error))
}

fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if !c.is_ascii_digit() {
            out.push(c);
        } else if !out.ends_with('#') {
            out.push('#');
        }
    }
    out
}

fn program(tools: &Tools, mode: Mode, file: &Path) -> Command {
    let mut command = Command::new(&tools.python);
    command
        .args(["-u", "-W", "ignore"])
        .arg(root().join("xtask/python/driver.py"))
        .arg(mode)
        .arg(file)
        .current_dir(file.parent().unwrap_or(file));
    command
}

/// Runs a pair in all combinations of old and new.
pub(super) fn pair(
    tools: &Tools,
    examples: &Examples,
    server: &Path,
    pair: &Pair,
) -> Result<Paired> {
    let library = examples.library;
    let read = |file: &Path| std::fs::read(file).map_err(|error| error.to_string());
    let (client_name, client) = match (&pair.client, &pair.program) {
        (Some(file), _) => {
            let found = examples.files.iter().find(|it| name(it) == *file);
            let found = found.ok_or_else(|| format!("there is no {file}"))?;
            (file.clone(), read(found)?)
        }
        (None, Some(text)) => ("client.py".to_owned(), text.clone().into_bytes()),
        (None, None) => return Err(format!("the pair of {} has no client", pair.server)),
    };
    let servers = moved(tools, library, &pair.server, &read(server)?)?;
    let clients = moved(tools, library, &client_name, &client)?;
    let mut paired = Paired {
        name: format!("{library}: {} and {client_name}", pair.server),
        ends: Vec::new(),
        story: String::new(),
    };
    let (old_server, old_client) = (&*servers.before(), &*clients.before());
    let expected = both(tools, ("none", old_server), ("none", old_client), pair.port)?;
    for (moved, what) in [(&servers, "server"), (&clients, "client")] {
        if moved.modes(library).is_empty() {
            paired.story = format!(
                "the {what} does not move: {:?}",
                super::reasons(&moved.report)
            );
            return Ok(paired);
        }
    }
    let modes = servers.modes(library);
    let (new_server, new_client) = (&*servers.after(), &*clients.after());
    for mode in modes.iter().copied() {
        let on = if mode == "bare" {
            String::new()
        } else {
            format!(" on {mode}")
        };
        let combinations = [
            (
                "old server, new client",
                ("none", old_server),
                (mode, new_client),
            ),
            (
                "new server, old client",
                (mode, new_server),
                ("none", old_client),
            ),
            (
                "new server, new client",
                (mode, new_server),
                (mode, new_client),
            ),
        ];
        for (what, server, client) in combinations {
            let got = both(tools, server, client, pair.port)?;
            let what = format!("{what}{on}");
            if got != expected {
                let story = format!("{what}\n--- expected\n{expected}--- got\n{got}");
                paired.story.push_str(&story);
            }
            paired.ends.push((what, got == expected));
        }
    }
    Ok(paired)
}

/// What a client and its server print.
fn both(tools: &Tools, server: (Mode, &Path), client: (Mode, &Path), port: u16) -> Result<String> {
    let file = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    let printed = File::create(file.path()).map_err(|error| error.to_string())?;
    let mut serve = program(tools, server.0, server.1);
    serve
        .stdin(Stdio::null())
        .stdout(printed)
        .stderr(Stdio::null());
    let output = process::beside(&mut serve, || {
        await_listener(port)?;
        let output = process::run(&mut program(tools, client.0, client.1), LIMIT);
        // The server has heard the last of the client a little later than the client is done.
        thread::sleep(Duration::from_secs(1));
        output
    })?;
    let served = std::fs::read_to_string(file.path()).map_err(|error| error.to_string())?;
    // Several connections are served at once: what is told of them may come in any order.
    let served = without_numbers(&served);
    let mut words: Vec<&str> = served.split_whitespace().collect();
    words.sort_unstable();
    Ok(format!(
        "{}server: {}\n",
        told(&output, &Trial::default()),
        words.join(" ")
    ))
}

/// Waits until somebody listens at a port, without a connection that the server would tell of.
fn await_listener(port: u16) -> Result<()> {
    let local = format!(":{port:04X} ");
    for _ in 0..600 {
        for (table, state) in [("tcp", " 0A "), ("tcp6", " 0A "), ("udp", ""), ("udp6", "")] {
            let text = std::fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default();
            let mut lines = text.lines().skip(1);
            if lines.any(|line| line.contains(&local) && line.contains(state)) {
                return Ok(());
            }
        }
        thread::sleep(Duration::from_millis(50));
    }
    Err(format!("nobody listens at {port}"))
}

/// What every client has: `connect(port)` waits until the example listens.
const HEAD: &str = "
import socket, time

def connect(address, family=socket.AF_INET):
    for _ in range(200):
        sock = socket.socket(family)
        sock.settimeout(10)
        try:
            sock.connect(address)
            return sock
        except OSError:
            sock.close()
            time.sleep(0.05)
    raise SystemExit('nobody listens')

";
