//! `cargo xtask bench [TREE]`: what runs cost on large trees, next to parsing alone and to other tools.

mod table;
mod trees;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use clap::Args;
use serde::Deserialize;

use crate::{Result, process, python, root, tool};
use table::{Measured, Row};
use trees::Tree;

/// How long one run may take.
const LIMIT: Duration = Duration::from_mins(30);
/// LibCST takes so long that only every so many-th file is measured, and the result multiplied by the lines.
const SAMPLE: usize = 50;

/// What to measure.
#[derive(Args)]
pub(crate) struct Options {
    /// The tree; otherwise three large wheels from PyPI and the standard library, for `ecosystem/speed.md`
    tree: Option<PathBuf>,
    /// What that tree is moved to
    #[arg(long, default_value = "anyio")]
    to: String,
    /// What to say of the machine and the build on the page
    #[arg(long)]
    note: Option<String>,
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

/// The programs that are run.
struct Programs {
    python: PathBuf,
    loopshift: String,
    parser: String,
    colours: String,
    ruff: String,
}

/// Measures, and prints the tables; of all trees, writes them too.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let venv = root().join(".venv-loopshift-bench");
    let python = python::environment(&venv, &root().join("tests/requirements-bench.txt"))?;
    let trees = match &options.tree {
        Some(tree) => vec![Tree {
            name: tree.display().to_string(),
            path: std::path::absolute(tree).map_err(|error| error.to_string())?,
            to: vec![options.to.clone()],
        }],
        None => trees::all(&python)?,
    };
    let release = !options.debug;
    let programs = Programs {
        python,
        loopshift: tool::build(release)?.display().to_string(),
        parser: build("xtask", "--bin", "parse-tree", release)?
            .display()
            .to_string(),
        colours: build("loopshift_rules", "--example", "colours", release)?
            .display()
            .to_string(),
        ruff: venv.join("bin/ruff").display().to_string(),
    };
    let mut measured = Vec::new();
    for tree in trees {
        eprintln!("{}", tree.name);
        let tree = measure(&programs, tree, !options.no_libcst)?;
        println!("{}:\n\n{}", tree.name, table::table(&tree));
        measured.push(tree);
    }
    if options.tree.is_none() && release && !options.no_libcst {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let file = root().join("ecosystem/speed.md");
        fs::write(
            &file,
            table::page(&measured, cores, options.note.as_deref()),
        )
        .map_err(|error| format!("{}: {error}", file.display()))?;
    }
    Ok(true)
}

/// All runs on one tree.
fn measure(programs: &Programs, tree: Tree, libcst: bool) -> Result<Measured> {
    let bench = Bench {
        python: &programs.python,
        tree: &tree.path,
    };
    let size = bench.output(Command::new(&programs.parser).arg("."))?;
    let mut rows: Vec<Row> = Vec::new();
    let mut add = |name: String, cost: Cost, aimed: bool| {
        eprintln!("  {name}: {:.2} s CPU, {:.2} s", cost.cpu, cost.wall);
        rows.push(Row { name, cost, aimed });
    };
    let parsing = bench.cost(&[&programs.parser, "."])?;
    add("parsing alone, the same parser".to_owned(), parsing, false);
    let scan = vec!["scan", "--to", &tree.to[0]];
    let moves = tree.to.iter().map(|to| vec!["migrate", "--to", to]);
    for arguments in std::iter::once(scan).chain(moves) {
        let name = format!("loopshift {}", arguments.join(" "));
        let common = ["--quiet", "--exit-zero", "."];
        let cached = [&[programs.loopshift.as_str()], &*arguments, &common].concat();
        let uncached = [&*cached, &["--no-cache"]].concat();
        add(name.clone(), bench.cost(&uncached)?, true);
        bench.cost(&cached)?;
        add(format!("{name}, again"), bench.cost(&cached)?, false);
    }
    let ruff = [
        &*programs.ruff,
        "check",
        "--select",
        "ASYNC",
        "--no-cache",
        "--exit-zero",
        "--isolated",
        ".",
    ];
    let name = "ruff check --select ASYNC --no-cache";
    add(name.to_owned(), bench.cost(&ruff)?, false);
    if libcst {
        let (cost, share) = bench.libcst()?;
        let name = format!("LibCST rename, from {:.0} % of the lines", share * 100.0);
        add(name, cost, false);
    }
    let colours = if tree.to[0] == "asyncio" {
        let share = bench.output(Command::new(&programs.colours).arg("."))?;
        let share = share.trim().parse();
        Some(share.map_err(|error| format!("colours: {error}"))?)
    } else {
        None
    };
    Ok(Measured {
        name: tree.name,
        size: size.trim().to_owned(),
        rows,
        colours,
    })
}

/// A tree, and what measures on it.
struct Bench<'b> {
    python: &'b Path,
    tree: &'b Path,
}

impl Bench<'_> {
    fn output(&self, command: &mut Command) -> Result<String> {
        let output = process::run(command.current_dir(self.tree), LIMIT)?;
        if output.code == Some(0) {
            Ok(output.stdout)
        } else {
            Err(format!("{command:?} failed: {}", output.tail()))
        }
    }

    fn cost(&self, command: &[&str]) -> Result<Cost> {
        let script = root().join("xtask/python/measure.py");
        let text = self.output(Command::new(self.python).arg(script).args(command))?;
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
        python_files(self.tree, &mut files)?;
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
        let cost = self.cost(&["sh", "-c", &shell])?;
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

/// Builds a program that measures: `kind` is `--bin` or `--example`.
fn build(package: &str, kind: &str, name: &str, release: bool) -> Result<PathBuf> {
    let mut command = Command::new("cargo");
    command
        .args(["build", "--quiet", "--package", package, kind, name])
        .current_dir(root());
    if release {
        command.arg("--release");
    }
    process::must(&mut command)?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let built = target.join(if release { "release" } else { "debug" });
    let folder = if kind == "--example" {
        built.join("examples")
    } else {
        built
    };
    Ok(folder.join(name))
}
