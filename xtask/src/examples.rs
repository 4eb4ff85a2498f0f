//! `cargo xtask examples`: programs without tests, each moved alone, run before and after, and compared by what they print.
//!
//! They are the examples of gevent and eventlet, from the libraries' sources on `PyPI`, and the programs in the asyncio
//! pages of Debian's `python3.11-doc`. `ecosystem/examples.toml` says how to try those that do not simply run: with a client
//! that talks to them, or in pairs, where old and new programs talk to each other.

mod obtain;
mod table;
mod trial;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::process;
use crate::tool::{self, Migration, Report};
use crate::{Result, python, root};
use trial::{Mode, Paired, Trial, Trials};

const LIMIT: Duration = Duration::from_mins(1);

/// Which examples, and with what.
#[derive(Args)]
pub(crate) struct Options {
    /// Directories in place of those that are obtained: named after gevent, eventlet, or else of asyncio
    directories: Vec<PathBuf>,
    /// Only the examples whose name contains this
    #[arg(long, short, default_value = "")]
    only: String,
    /// This program in place of the one that is built from the sources
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Compare only: leave the file with the results alone
    #[arg(long)]
    no_write: bool,
}

/// A directory of examples.
struct Examples {
    library: &'static str,
    files: Vec<PathBuf>,
}

/// What came of an example.
#[derive(Default)]
struct Row {
    name: String,
    state: &'static str,
    run: String,
    reasons: Vec<String>,
    story: String,
}

/// What is the same for all examples.
struct Tools {
    loopshift: PathBuf,
    python: PathBuf,
}

/// Moves the examples. False if something is wrong.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let tools = Tools {
        loopshift: tool::given_or_built(options.program.as_deref(), false)?,
        python: python::tests()?,
    };
    let text = std::fs::read_to_string(root().join("ecosystem/examples.toml"))
        .map_err(|error| format!("ecosystem/examples.toml: {error}"))?;
    let trials: Trials = toml::from_str(&text).map_err(|error| error.to_string())?;
    let mut notes = Vec::new();
    let found = if options.directories.is_empty() {
        obtain::all(&tools.python, &mut notes)?
    } else {
        let named = options.directories.iter();
        named.map(|it| obtain::given(it)).collect::<Result<_>>()?
    };
    let mut rows = Vec::new();
    let mut pairs = Vec::new();
    for examples in &found {
        for file in &examples.files {
            let name = name(file);
            if !name.contains(&options.only) {
                continue;
            }
            eprintln!("{}: {name}", examples.library);
            let trial = trials.of(examples.library, &name);
            let row = example(&tools, examples.library, file, trial.as_ref());
            rows.push(Row {
                name: format!("{}: {name}", examples.library),
                ..row.unwrap_or_else(wrong)
            });
        }
        for pair in trials.pairs(examples.library, &options.only) {
            let Some(server) = examples.files.iter().find(|file| name(file) == pair.server) else {
                continue;
            };
            eprintln!("{}: {} and its client", examples.library, pair.server);
            pairs.push(trial::pair(&tools, examples, server, pair)?);
        }
    }
    let table = table::markdown(&rows, &pairs, &notes);
    print!("{table}");
    let stories = rows.iter().map(|row| (&row.name, &row.story));
    let stories = stories.chain(pairs.iter().map(|pair| (&pair.name, &pair.story)));
    let mut good = true;
    for (name, story) in stories.filter(|(_, story)| !story.is_empty()) {
        println!("=== {name}\n{story}");
        good = false;
    }
    if !options.no_write && options.only.is_empty() && options.directories.is_empty() {
        let file = root().join("ecosystem/examples.md");
        std::fs::write(&file, table).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(good)
}

fn name(file: &Path) -> String {
    let name = file.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn wrong(story: String) -> Row {
    Row {
        state: "WRONG",
        story,
        ..Row::default()
    }
}

/// A program before and after.
struct Moved {
    /// Where both are, in folders `before` and `after` of their own.
    directory: tempfile::TempDir,
    name: String,
    report: Report,
    state: &'static str,
}

impl Moved {
    fn before(&self) -> PathBuf {
        self.directory.path().join("before").join(&self.name)
    }

    fn after(&self) -> PathBuf {
        self.directory.path().join("after").join(&self.name)
    }

    /// How to run it afterwards: where its library can't be imported, or on the backends of `AnyIO`.
    fn modes(&self, library: &str) -> &'static [Mode] {
        match (library, self.state) {
            (_, "stays" | "nothing to move") => &[],
            ("asyncio", "moved") => &["asyncio", "trio"],
            ("asyncio", _) => &["asyncio"],
            _ => &["bare"],
        }
    }
}

/// Moves one file alone.
fn moved(tools: &Tools, library: &str, name: &str, text: &[u8]) -> Result<Moved> {
    let error = |error: std::io::Error| error.to_string();
    let mut moved = Moved {
        directory: tempfile::tempdir().map_err(error)?,
        name: name.to_owned(),
        report: Report::default(),
        state: "stays",
    };
    for copy in [moved.before(), moved.after()] {
        std::fs::create_dir_all(copy.parent().unwrap_or(&copy)).map_err(error)?;
        std::fs::write(&copy, text).map_err(error)?;
    }
    let to = if library == "asyncio" {
        "anyio"
    } else {
        "asyncio"
    };
    let migration = Migration {
        unsafe_changes: true,
        apply: true,
        python: Some("py311".to_owned()),
        to: Some(to.to_owned()),
        ..Migration::default()
    };
    let after = moved.after();
    let place = after.parent().unwrap_or(&after);
    moved.report = tool::migrate(&tools.loopshift, place, &migration, LIMIT)?;
    let new = std::fs::read(&after).map_err(error)?;
    compiles(&tools.python, &after)?;
    let stays = match library {
        "asyncio" => moved.report.modules.iter().any(|module| !module.trio_ready),
        _ => imports_green(&String::from_utf8_lossy(&new)),
    };
    moved.state = match (stays, new == text) {
        (false, true) => "nothing to move",
        (false, false) => "moved",
        (true, true) => "stays",
        (true, false) if library == "asyncio" => "moves in part",
        (true, false) => "stays",
    };
    if stays && reasons(&moved.report).is_empty() {
        return Err("it stays without a reason".to_owned());
    }
    Ok(moved)
}

fn example(tools: &Tools, library: &str, file: &Path, trial: Option<&Trial>) -> Result<Row> {
    let text = std::fs::read(file).map_err(|error| error.to_string())?;
    let moved = moved(tools, library, &name(file), &text)?;
    let mut row = Row {
        state: moved.state,
        reasons: reasons(&moved.report),
        ..Row::default()
    };
    let Some(trial) = trial else { return Ok(row) };
    if let Some(reason) = &trial.skip {
        row.run = format!("not run: {reason}");
        return Ok(row);
    }
    let modes = moved.modes(library);
    if modes.is_empty() {
        return Ok(row);
    }
    let expected = trial::tried(tools, "none", &moved.before(), trial)?;
    let mut ends = Vec::new();
    for mode in modes {
        let got = trial::tried(tools, mode, &moved.after(), trial)?;
        let end = if got == expected { "same" } else { "DIFFERENT" };
        ends.push(match *mode {
            "bare" => end.to_owned(),
            backend => format!("{backend}: {end}"),
        });
        if got != expected {
            let text = std::fs::read_to_string(moved.after()).unwrap_or_default();
            let story = format!("{text}--- expected\n{expected}--- got\n{got}");
            row.story.push_str(&story);
        }
    }
    row.run = ends.join(", ");
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
    let mut command = std::process::Command::new(python);
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
