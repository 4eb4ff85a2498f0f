//! `cargo xtask examples DIR...`: the examples of a library of green threads, each moved to asyncio alone.
//!
//! Those that `ecosystem/examples.toml` has a client for are run, before with the library and after without it: what the
//! client prints must be the same.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::Args;
use serde::Deserialize;

use crate::process;
use crate::tool::{self, Migration, Report};
use crate::{Result, python, root};

const LIMIT: Duration = Duration::from_mins(1);

/// Which examples, and with what.
#[derive(Args)]
pub(crate) struct Options {
    /// The directories of the examples, as in the libraries' source distributions
    #[arg(required = true)]
    directories: Vec<PathBuf>,
    /// Only the examples whose name contains this
    #[arg(long, short, default_value = "")]
    only: String,
    /// This program in place of the one that is built from the sources
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Write the table there too
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// How an example is tried.
#[derive(Deserialize)]
struct Trial {
    /// Its file.
    file: String,
    /// What tells it from one of the same name.
    library: String,
    /// A program that talks to it, and prints what it heard; without one the example prints itself.
    client: Option<String>,
}

#[derive(Deserialize)]
struct Trials {
    trial: Vec<Trial>,
}

/// What came of an example.
struct Row {
    name: String,
    state: &'static str,
    run: &'static str,
    reasons: Vec<String>,
    story: String,
}

/// Moves the examples. False if something is wrong.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let python = python::tests()?;
    let loopshift = tool::given_or_built(options.program.as_deref(), false)?;
    let text = std::fs::read_to_string(root().join("ecosystem/examples.toml"))
        .map_err(|error| format!("ecosystem/examples.toml: {error}"))?;
    let trials: Trials = toml::from_str(&text).map_err(|error| error.to_string())?;
    let mut rows = Vec::new();
    for directory in &options.directories {
        for file in files(directory)? {
            let name = file.file_name().and_then(|name| name.to_str());
            let name = name.unwrap_or_default().to_owned();
            if !name.contains(&options.only) {
                continue;
            }
            let of_eventlet = directory.to_string_lossy().contains("eventlet");
            let library = if of_eventlet { "eventlet" } else { "gevent" };
            let mut trials = trials.trial.iter();
            let trial = trials.find(|it| it.file == name && it.library == library);
            let row = example(&loopshift, &python, &file, trial);
            rows.push(Row {
                name: format!("{library}: {name}"),
                ..row.unwrap_or_else(wrong)
            });
        }
    }
    let table = markdown(&rows);
    print!("{table}");
    for row in rows.iter().filter(|row| !row.story.is_empty()) {
        println!("=== {}\n{}", row.name, row.story);
    }
    if let Some(file) = &options.markdown {
        std::fs::write(file, table).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(rows.iter().all(|row| row.story.is_empty()))
}

fn wrong(story: String) -> Row {
    Row {
        name: String::new(),
        state: "WRONG",
        run: "",
        reasons: Vec::new(),
        story,
    }
}

fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let error = |error| format!("{}: {error}", directory.display());
    let mut out = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(error)? {
        let path = entry.map_err(error)?.path();
        if path.extension().is_some_and(|ending| ending == "py") {
            out.push(path);
        }
    }
    out.sort();
    Ok(out)
}

fn example(loopshift: &Path, python: &Path, file: &Path, trial: Option<&Trial>) -> Result<Row> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let name = file.file_name().unwrap_or_default();
    let copy = directory.path().join(name);
    let before = std::fs::read(file).map_err(|error| error.to_string())?;
    std::fs::write(&copy, &before).map_err(|error| error.to_string())?;
    let expected = match trial {
        Some(trial) => Some(tried(python, "none", &copy, trial)?),
        None => None,
    };
    let migration = Migration {
        unsafe_changes: true,
        apply: true,
        python: Some("py311".to_owned()),
        to: Some("asyncio".to_owned()),
        ..Migration::default()
    };
    let report = tool::migrate(loopshift, directory.path(), &migration, LIMIT)?;
    let text = std::fs::read_to_string(&copy).map_err(|error| error.to_string())?;
    compiles(python, &copy)?;
    let reasons = reasons(&report);
    let state = match (imports_green(&text), text.as_bytes() == before) {
        (false, true) => "nothing to move",
        (false, false) => "moved",
        (true, _) if reasons.is_empty() => return Err("it stays without a reason".to_owned()),
        (true, _) => "stays",
    };
    let mut row = Row {
        name: String::new(),
        state,
        run: "",
        reasons,
        story: String::new(),
    };
    if let (Some(trial), Some(expected), "moved") = (trial, expected, state) {
        let got = tried(python, "bare", &copy, trial)?;
        row.run = if got == expected { "same" } else { "DIFFERENT" };
        if got != expected {
            row.story = format!("{text}--- expected\n{expected}--- got\n{got}");
        }
    }
    Ok(row)
}

/// Whether a program imports a library of green threads.
fn imports_green(text: &str) -> bool {
    text.lines().any(|line| {
        let mut words = line.split_whitespace();
        let is_import = matches!(words.next(), Some("import" | "from"));
        let root = words
            .next()
            .and_then(|name| name.split(['.', ',', ';']).next());
        is_import && matches!(root, Some("gevent" | "eventlet" | "greenlet"))
    })
}

/// The reasons, but for those that point at another one.
fn reasons(report: &Report) -> Vec<String> {
    let mut reasons = report.reasons();
    reasons.retain(|reason| {
        !reason.starts_with("it moves together") && !reason.starts_with("it goes together")
    });
    reasons
}

fn compiles(python: &Path, file: &Path) -> Result<()> {
    let mut command = Command::new(python);
    command.args([
        "-c",
        "import sys; compile(open(sys.argv[1]).read(), sys.argv[1], 'exec')",
    ]);
    let output = process::run(command.arg(file), LIMIT)?;
    if output.code == Some(0) {
        Ok(())
    } else {
        Err(output.tail())
    }
}

/// What a trial prints.
fn tried(python: &Path, mode: &str, file: &Path, trial: &Trial) -> Result<String> {
    let mut command = Command::new(python);
    command.args(["-W", "ignore"]);
    command.arg(root().join("xtask/python/driver.py"));
    command.arg(mode).arg(file);
    command.current_dir(file.parent().unwrap_or(file));
    let Some(client) = &trial.client else {
        return process::run(&mut command, LIMIT).map(|output| output.stdout);
    };
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut talk = Command::new(python);
    talk.current_dir(file.parent().unwrap_or(file));
    talk.arg("-c").arg(format!("{HEAD}{client}"));
    let output = process::beside(&mut command, || process::run(&mut talk, LIMIT))?;
    Ok(format!("{}exit code {:?}\n", output.stdout, output.code))
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

fn markdown(rows: &[Row]) -> String {
    let mut out = String::from(
        "# The libraries' own examples, moved to asyncio\n\nEach alone, with `--unsafe`. \"same\": what a client, or the \
         example itself, prints with the library before is what it prints without it after.\n\n\
         | example | becomes | run | stays because |\n| --- | --- | --- | --- |\n",
    );
    for row in rows {
        let reasons = row
            .reasons
            .join("; ")
            .replace('|', "\\|")
            .replace('\n', " ");
        let _ = writeln!(
            out,
            "| {} | {} | {} | {reasons} |",
            row.name, row.state, row.run
        );
    }
    let count = |state: &str| rows.iter().filter(|row| row.state == state).count();
    let same = rows.iter().filter(|row| row.run == "same").count();
    let _ = writeln!(
        out,
        "\n{} examples: {} moved, {} stay, {} have nothing to move; {same} ran the same",
        rows.len(),
        count("moved"),
        count("stays"),
        count("nothing to move"),
    );
    out
}
