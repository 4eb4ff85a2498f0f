//! What every command works with: the switches, where to print, and the files.

use std::env;
use std::fmt::Debug;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use loopshift_rules::{catalog, recipe};
use serde::{Deserialize, Serialize};

use crate::cache::{Cache, Printed, Stream};
use crate::cli::{Global, Target};
use crate::discover::{self, Found, Options};
use crate::engine::{Engine, Job};
use crate::home;
use crate::messages::{Problem, count};
use crate::progress::Progress;
use crate::read::{self, Source};
use crate::settings::{self, Settings};
use crate::style::{RED, YELLOW, paint};
use crate::undo;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// Nothing to do, or done.
    Clean,
    /// There are changes or findings.
    Changes,
}

/// What every command works with.
pub struct Session<'a> {
    /// The engine and the rules.
    pub engine: &'a dyn Engine,
    /// The switches that every command has.
    pub global: &'a Global,
    /// Where the result goes.
    pub out: &'a mut dyn Write,
    /// Where errors and notices go.
    pub err: &'a mut dyn Write,
    /// Whether the result may be coloured.
    pub colour: bool,
    /// Whether errors and notices may be coloured.
    pub err_colour: bool,
    /// Where to keep what was printed; `None` for nowhere.
    pub cache: Option<Cache>,
    /// What was printed since somebody wanted to know it.
    pub record: Option<Vec<(Stream, String)>>,
}

impl Session<'_> {
    /// Prints a part of the result. Styles of our own in it are dropped where there is no colour. That nobody reads
    /// any more (a closed pipe) is no error.
    ///
    /// # Errors
    /// Where the system refuses, as on a full disk.
    pub fn print_styled(&mut self, text: &str) -> Result<(), Problem> {
        if self.colour {
            self.print(text)
        } else {
            let plain = anstream::adapter::strip_str(text).to_string();
            self.print(&plain)
        }
    }

    /// Prints a part of the result as it is.
    ///
    /// # Errors
    /// As for [`Session::print_styled`].
    pub fn print(&mut self, text: &str) -> Result<(), Problem> {
        self.note(Stream::Out, text);
        let written = self
            .out
            .write_all(text.as_bytes())
            .and_then(|()| self.out.flush());
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Problem::new(format!(
                "cannot write the result: {}",
                crate::messages::plain(&error)
            ))),
            _ => Ok(()),
        }
    }

    /// Prints a value as JSON.
    ///
    /// # Errors
    /// As for [`Session::print_styled`].
    pub fn print_json(&mut self, value: &impl serde::Serialize) -> Result<(), Problem> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Problem::new(format!("cannot write the result as JSON: {error}")))?;
        self.print(&text)?;
        self.print("\n")
    }

    /// Tells something on stderr, unless the user wants quiet.
    pub fn notice(&mut self, text: &str) {
        if !self.global.quiet {
            self.tell(&format!("{} {text}", paint(YELLOW, "note:")));
        }
    }

    /// Tells of a problem on stderr.
    pub fn error(&mut self, problem: &Problem) {
        self.tell(&format!("{} {problem}", paint(RED, "error:")));
    }

    fn tell(&mut self, text: &str) {
        let text = if self.err_colour {
            text.to_owned()
        } else {
            anstream::adapter::strip_str(text).to_string()
        };
        self.note(Stream::Err, &text);
        // There is nowhere left to tell of it.
        let _ = writeln!(self.err, "{text}");
    }

    fn note(&mut self, stream: Stream, text: &str) {
        if let Some(record) = &mut self.record {
            record.push((stream, text.to_owned()));
        }
    }

    /// Does `work`, or prints what it printed when it was last done on the same. `asked` tells what it depends on besides the
    /// switches, the ground and the files.
    ///
    /// # Errors
    /// Those of `work`; they are not kept.
    pub fn cached(
        &mut self,
        asked: &impl Debug,
        ground: &Ground,
        found: Found,
        progress: Progress,
        work: impl FnOnce(&mut Self, Found, Progress) -> Result<Exit, Problem>,
    ) -> Result<Exit, Problem> {
        let cache = self.cache.clone().filter(|_| !self.global.no_cache);
        // Neither changes what is printed.
        let switches = Global {
            threads: None,
            exit_zero: false,
            ..self.global.clone()
        };
        let asked = (asked, switches, self.colour, self.err_colour);
        let known = cache.and_then(|cache| Some((cache.key(&asked, ground, &found)?, cache)));
        let Some((key, cache)) = known else {
            return work(self, found, progress);
        };
        if let Some(printed) = cache.read(key) {
            drop(progress);
            return self.print_again(&printed);
        }
        self.record = Some(Vec::new());
        let result = work(self, found, progress);
        let pieces = self.record.take().unwrap_or_default();
        let exit = result?;
        // A cache that cannot be written is no reason to fail, nor to speak.
        let _ = cache.write(key, &Printed { exit, pieces });
        Ok(exit)
    }

    fn print_again(&mut self, printed: &Printed) -> Result<Exit, Problem> {
        for (stream, text) in &printed.pieces {
            match stream {
                Stream::Out => self.print(text)?,
                Stream::Err => self.tell(text),
            }
        }
        Ok(printed.exit)
    }
}

/// Where a run works, and with which settings.
#[derive(Clone, Debug)]
pub struct Ground {
    /// The given paths, canonical; the current directory where none was given.
    pub paths: Vec<PathBuf>,
    /// The root of the run.
    pub root: PathBuf,
    /// The settings that hold for it.
    pub settings: Settings,
    /// The directory of their file.
    pub settings_dir: PathBuf,
}

/// Finds out where a run on `paths` works.
///
/// # Errors
/// Where a path does not exist, or the settings are wrong.
pub fn ground(paths: &[PathBuf]) -> Result<Ground, Problem> {
    let here = [PathBuf::from(".")];
    let paths = if paths.is_empty() { &here[..] } else { paths };
    let paths = discover::canonical(paths)?;
    let cwd = current_dir()?;
    let root = home::root_of_run(&cwd, &paths);
    let above_all = home::above_all(&paths).unwrap_or(&root);
    let (settings, settings_dir) = settings::nearest(above_all)?;
    Ok(Ground {
        paths,
        root,
        settings,
        settings_dir,
    })
}

/// The current directory, canonical.
///
/// # Errors
/// Where it is gone.
pub fn current_dir() -> Result<PathBuf, Problem> {
    env::current_dir()
        .and_then(|dir| dir.canonicalize())
        .map_err(|error| Problem::io("find", Path::new("."), &error))
}

impl Ground {
    /// How to discover files here.
    pub fn options(&self, global: &Global) -> Options {
        let mut exclude = self.settings.exclude.clone();
        exclude.extend(global.exclude.iter().cloned());
        let src = &self.settings.src;
        Options {
            exclude,
            base: self.settings_dir.clone(),
            root: self.root.clone(),
            source_roots: src.iter().map(|dir| self.settings_dir.join(dir)).collect(),
        }
    }

    /// The job that the settings alone describe.
    pub fn job(&self, to: Target, source_roots: Vec<PathBuf>) -> Job {
        Job {
            to,
            from: self.settings.from.clone(),
            only: Vec::new(),
            select: self.settings.select.clone(),
            ignore: self.settings.ignore.clone(),
            unsafe_changes: self.settings.unsafe_changes.unwrap_or(false),
            target_version: self.settings.target_version,
            anyio_version: self.settings.anyio_version,
            bridge: self.settings.bridge.unwrap_or_default(),
            rows: self.settings.api.clone(),
            left_out: Vec::new(),
            root: self.root.clone(),
            paths: self.paths.clone(),
            source_roots,
        }
    }
}

impl Ground {
    /// What `--only` names: paths from the root, where there is such a path, and dotted names.
    pub fn only(&self, names: &[String]) -> Vec<String> {
        let from_root = |name: &String| {
            let path = std::fs::canonicalize(name).ok()?;
            let path = path.strip_prefix(&self.root).ok()?;
            let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
            Some(if parts.is_empty() {
                ".".to_owned()
            } else {
                parts.join("/")
            })
        };
        let names = names.iter();
        names
            .map(|name| from_root(name).unwrap_or_else(|| name.clone()))
            .collect()
    }
}

/// The files of a run.
pub struct Files {
    /// Those that were read, by name.
    pub sources: Vec<Source>,
    /// The source roots.
    pub source_roots: Vec<PathBuf>,
    /// What could not be looked at, read or decoded. What does not parse is told of by the engine.
    pub problems: Vec<Problem>,
}

/// Finds and reads the files of a run.
///
/// # Errors
/// Where an exclude is wrong. What could not be read is among the problems.
pub fn files(
    session: &mut Session,
    ground: &Ground,
    progress: &Progress,
) -> Result<Files, Problem> {
    let found = find(session, ground, progress)?;
    Ok(read(found, progress))
}

/// Finds the files of a run.
///
/// # Errors
/// Where an exclude is wrong. What could not be looked at is among the problems.
pub fn find(session: &mut Session, ground: &Ground, progress: &Progress) -> Result<Found, Problem> {
    let options = ground.options(session.global);
    find_with(session, ground, &options, progress)
}

/// The same with other options than those of the settings.
///
/// # Errors
/// As for [`find`].
pub fn find_with(
    session: &mut Session,
    ground: &Ground,
    options: &Options,
    progress: &Progress,
) -> Result<Found, Problem> {
    progress.stage("looking for files");
    let found = discover::discover(&ground.paths, options)?;
    for home in found.homes.iter().filter(|home| **home != ground.root) {
        warn_of_unfinished(session, home);
    }
    Ok(found)
}

/// Reads what was found. What could not be read is among the problems.
pub fn read(found: Found, progress: &Progress) -> Files {
    progress.stage(format!("reading {}", count(found.files.len(), "file")));
    let (sources, unread) = read::read_all(found.files);
    let mut problems = found.problems;
    problems.extend(unread);
    problems.sort();
    Files {
        sources,
        source_roots: found.source_roots,
        problems,
    }
}

/// The target to judge a program by where none is asked for.
pub fn suggested(sources: &[Source]) -> Target {
    let texts = sources.iter().map(|source| source.text.text.as_str());
    match recipe::suggested(texts) {
        catalog::Target::Asyncio => Target::Asyncio,
        catalog::Target::Anyio => Target::Anyio,
    }
}

/// Tells of an apply in `home` that is not complete.
pub fn warn_of_unfinished(session: &mut Session, home: &Path) {
    if let Some(run) = undo::unfinished(home) {
        session.notice(&format!(
            "run {run} in {} is not complete: it was interrupted, or is still going on, and files may be half-way; \
             `loopshift undo` there puts the tree right",
            home.display()
        ));
    }
}
