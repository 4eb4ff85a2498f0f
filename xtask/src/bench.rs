//! `cargo xtask bench [TREE]`: what a run costs on a large tree, next to parsing alone and to other tools.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Args;
use serde::Deserialize;

use crate::{Result, process, python, root, tool};

/// The tree that is measured: more than 600,000 lines.
const WHEEL: &str = "nova==34.0.0";
/// How long one run may take.
const LIMIT: Duration = Duration::from_mins(30);
/// LibCST takes so long that only every so many-th file is measured, and the result multiplied by the lines.
const SAMPLE: usize = 20;

/// What to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// The tree; otherwise a large wheel from PyPI
    tree: Option<PathBuf>,
    /// Write the table there too
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Leave out LibCST, which takes the longest
    #[arg(long)]
    no_libcst: bool,
    /// Measure an unoptimised build: only to try this command out
    #[arg(long)]
    debug: bool,
}

/// What `measure.py` prints.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Cost {
    cpu: f64,
    wall: f64,
    peak: f64,
    code: i32,
}

/// Measures, and prints the table.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let venv = root().join(".venv-loopshift-bench");
    let python = python::environment(&venv, &root().join("tests/requirements-bench.txt"))?;
    let tree = match &options.tree {
        Some(tree) => std::path::absolute(tree).map_err(|error| error.to_string())?,
        None => fetch(&python)?,
    };
    let loopshift = tool::build(!options.debug)?;
    let parser = build_parser(!options.debug)?;
    let bench = Bench { python, tree };
    let size = bench.output(Command::new(&parser).arg(&bench.tree))?;
    println!("{}: {}", bench.tree.display(), size.trim());

    let run = |arguments: &[&str]| {
        let mut command = vec![loopshift.display().to_string()];
        command.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        command
    };
    let ruff = venv.join("bin/ruff").display().to_string();
    let mut rows: Vec<(String, Cost)> = Vec::new();
    let mut add = |name: &str, cost: Cost| {
        eprintln!(
            "{name}: {:.2} s CPU, {:.2} s, {:.0} MiB",
            cost.cpu,
            cost.wall,
            cost.peak / 1_048_576.0
        );
        rows.push((name.to_owned(), cost));
    };
    add(
        "parsing alone, the same parser",
        bench.cost(&[parser.display().to_string(), ".".to_owned()])?,
    );
    let scan = ["scan", "--quiet", "--exit-zero", "."];
    let migrate = ["migrate", "--to", "anyio", "--quiet", "--exit-zero", "."];
    for (name, arguments) in [
        ("loopshift scan", &scan[..]),
        ("loopshift migrate --to anyio", &migrate[..]),
    ] {
        let uncached = [arguments, &["--no-cache"]].concat();
        add(&format!("{name} --no-cache"), bench.cost(&run(&uncached))?);
        bench.cost(&run(arguments))?;
        add(
            &format!("{name}, with a cache"),
            bench.cost(&run(arguments))?,
        );
    }
    let check = [
        "check",
        "--select",
        "ASYNC",
        "--no-cache",
        "--exit-zero",
        "--isolated",
        ".",
    ];
    let mut command = vec![ruff];
    command.extend(check.map(str::to_owned));
    add(
        "ruff check --select ASYNC --no-cache",
        bench.cost(&command)?,
    );
    if !options.no_libcst {
        let (cost, share) = bench.libcst()?;
        add(
            &format!("LibCST rename, from {:.0} % of the lines", share * 100.0),
            cost,
        );
    }
    let table = table(&rows, size.trim());
    print!("{table}");
    if let Some(file) = &options.markdown {
        fs::write(file, format!("# Speed\n\n{table}"))
            .map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(true)
}

/// A tree, and what measures on it.
struct Bench {
    python: PathBuf,
    tree: PathBuf,
}

impl Bench {
    fn output(&self, command: &mut Command) -> Result<String> {
        let output = process::run(command.current_dir(&self.tree), LIMIT)?;
        if output.code == Some(0) {
            Ok(output.stdout)
        } else {
            Err(format!("{command:?} failed: {}", output.tail()))
        }
    }

    fn cost(&self, command: &[String]) -> Result<Cost> {
        let script = root().join("xtask/python/measure.py");
        let text = self.output(Command::new(&self.python).arg(script).args(command))?;
        let cost: Cost =
            serde_json::from_str(&text).map_err(|error| format!("measure.py: {error}"))?;
        if cost.code == 0 {
            Ok(cost)
        } else {
            Err(format!(
                "{} failed: exit code {}",
                command.join(" "),
                cost.code
            ))
        }
    }

    /// The cost of LibCST on the whole tree, reckoned from a share of its lines, and the share. The peak is that
    /// of the sample: LibCST holds one file at a time.
    fn libcst(&self) -> Result<(Cost, f64)> {
        let mut files = Vec::new();
        python_files(&self.tree, &mut files)?;
        files.sort();
        let lines = |files: &[&PathBuf]| -> usize {
            files
                .iter()
                .filter_map(|file| fs::read(file).ok())
                .map(|text| text.split(|byte| *byte == b'\n').count())
                .sum()
        };
        let all: Vec<&PathBuf> = files.iter().collect();
        let sample: Vec<&PathBuf> = files.iter().step_by(SAMPLE).collect();
        #[allow(clippy::cast_precision_loss, reason = "lines of a tree fit")]
        let share = lines(&sample) as f64 / lines(&all).max(1) as f64;
        let list = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
        let names: Vec<String> = sample
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        fs::write(list.path(), names.join("\n")).map_err(|error| error.to_string())?;
        let shell = format!(
            "'{}' '{}' < '{}'",
            self.python.display(),
            root().join("xtask/python/libcst_rename.py").display(),
            list.path().display()
        );
        let cost = self.cost(&["sh".to_owned(), "-c".to_owned(), shell])?;
        Ok((
            Cost {
                cpu: cost.cpu / share,
                wall: cost.wall / share,
                ..cost
            },
            share,
        ))
    }
}

fn python_files(directory: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let error = |error| format!("{}: {error}", directory.display());
    for entry in fs::read_dir(directory).map_err(error)? {
        let path = entry.map_err(error)?.path();
        if path.is_dir() {
            python_files(&path, files)?;
        } else if path.extension().is_some_and(|ending| ending == "py") {
            files.push(path);
        }
    }
    Ok(())
}

/// The wheel, unpacked in the cache.
fn fetch(python: &Path) -> Result<PathBuf> {
    let directory = root().join(".cache/bench").join(WHEEL.replace("==", "-"));
    let tree = directory.join("tree");
    if tree.exists() {
        return Ok(tree);
    }
    eprintln!("Fetching {WHEEL}");
    fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
    let mut pip = Command::new(python);
    pip.args([
        "-m",
        "pip",
        "--quiet",
        "download",
        "--no-deps",
        "--only-binary",
        ":all:",
        WHEEL,
        "--dest",
    ])
    .arg(&directory);
    process::must(&mut pip)?;
    let wheel = fs::read_dir(&directory)
        .map_err(|error| error.to_string())?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|ending| ending == "whl"))
        .ok_or("pip left no wheel")?;
    let unpacked = directory.join("unpacking");
    process::must(
        Command::new(python)
            .args(["-m", "zipfile", "-e"])
            .arg(wheel)
            .arg(&unpacked),
    )?;
    fs::rename(&unpacked, &tree).map_err(|error| error.to_string())?;
    Ok(tree)
}

fn build_parser(release: bool) -> Result<PathBuf> {
    let mut command = Command::new("cargo");
    command
        .args([
            "build",
            "--quiet",
            "--package",
            "xtask",
            "--bin",
            "parse-tree",
        ])
        .current_dir(root());
    if release {
        command.arg("--release");
    }
    process::must(&mut command)?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    Ok(target
        .join(if release { "release" } else { "debug" })
        .join("parse-tree"))
}

fn table(rows: &[(String, Cost)], size: &str) -> String {
    let base = rows.first().map_or(1.0, |(_, cost)| cost.cpu);
    let mut out = format!(
        "{size}\n\n| run | CPU s | wall s | peak MiB | CPU, parsing = 1 |\n| --- | ---: | ---: | ---: | ---: |\n"
    );
    for (name, cost) in rows {
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "| {name} | {:.2} | {:.2} | {:.0} | {:.2} |",
            cost.cpu,
            cost.wall,
            cost.peak / 1_048_576.0,
            cost.cpu / base
        );
    }
    out
}
