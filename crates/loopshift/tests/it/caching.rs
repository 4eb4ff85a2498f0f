//! The cache of what runs printed.

use std::cell::Cell;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;
use loopshift::cache::Cache;
use loopshift::cli::Cli;
use loopshift::engine::{Engine, Graphed, Job, Planned};
use loopshift::explanation::Explanation;
use loopshift::messages::Problem;
use loopshift::read::Source;
use loopshift::scan_report::Scanned;
use loopshift::session::Session;
use loopshift_engine::change::{FileId, Plan};

use crate::tools::Tree;

/// An engine that makes everything upper case, and counts how often it is asked.
#[derive(Default)]
struct Counting(Cell<usize>);

impl Engine for Counting {
    fn plan(&self, sources: Vec<Source>, job: &Job) -> Result<Planned, Problem> {
        self.0.set(self.0.get() + 1);
        if !job.ignore.is_empty() {
            return Err(Problem::new("there is no such rule"));
        }
        let mut plan = Plan::default();
        for (index, source) in sources.iter().enumerate() {
            let file = FileId(u32::try_from(index).expect("few files"));
            plan.texts.push((file, source.text.text.to_uppercase()));
        }
        Ok(Planned {
            plan,
            modules: Vec::new(),
            sources,
            problems: Vec::new(),
        })
    }

    fn scan(&self, sources: Vec<Source>, _job: &Job) -> Result<Scanned, Problem> {
        self.0.set(self.0.get() + 1);
        Ok(Scanned {
            files: sources.len(),
            ..Scanned::default()
        })
    }

    fn graph(&self, _sources: Vec<Source>) -> Result<Graphed, Problem> {
        Err(Problem::new("not asked"))
    }

    fn explain(
        &self,
        _sources: Vec<Source>,
        _job: &Job,
        _file: &str,
        _line: usize,
    ) -> Result<Explanation, Problem> {
        Err(Problem::new("not asked"))
    }

    fn rules(&self) -> Vec<&'static str> {
        Vec::new()
    }

    fn page(&self, _rule: &str) -> Option<&'static str> {
        None
    }
}

/// What a run printed on both streams, its exit code, and whether it asked the engine.
#[derive(Debug, PartialEq)]
struct Ran {
    out: String,
    err: String,
    code: u8,
    asked: bool,
}

/// A tree, and a cache beside it that takes files of any age.
struct Ground {
    tree: Tree,
    cache: Tree,
    settled: Duration,
}

impl Ground {
    fn new(files: &[(&str, &str)]) -> Self {
        Ground {
            tree: Tree::new(files),
            cache: Tree::new(&[]),
            settled: Duration::ZERO,
        }
    }

    /// Runs a command on the tree; `more` are its further arguments.
    fn run(&self, command: &str, more: &[&str]) -> Ran {
        self.run_in_colour(command, more, false)
    }

    fn run_in_colour(&self, command: &str, more: &[&str], colour: bool) -> Ran {
        let root = self.tree.root.to_str().expect("Unicode");
        let line = ["loopshift", command, root, "--to", "anyio"];
        let cli = Cli::try_parse_from(line.iter().chain(more)).expect("good arguments");
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let engine = Counting::default();
        let mut session = Session {
            engine: &engine,
            global: &cli.global,
            out: &mut out,
            err: &mut err,
            colour,
            err_colour: colour,
            cache: Some(Cache {
                dir: self.cache.path("made/when/needed"),
                settled: self.settled,
            }),
            record: None,
        };
        let code = loopshift::run(&cli.command, &mut session);
        Ran {
            out: String::from_utf8(out).expect("UTF-8"),
            err: String::from_utf8(err).expect("UTF-8"),
            code,
            asked: engine.0.get() > 0,
        }
    }

    /// The same command twice: the second does not ask, and is otherwise as the first.
    fn remembers(&self, command: &str, more: &[&str]) {
        let first = self.run(command, more);
        assert!(first.asked, "{command} {more:?}");
        let second = self.run(command, more);
        let wanted = Ran {
            asked: false,
            ..first
        };
        assert_eq!(second, wanted, "{command} {more:?}");
    }

    fn entries(&self) -> Vec<PathBuf> {
        self.cache.snapshot().into_keys().collect()
    }
}

#[test]
fn a_repeated_run_prints_the_same_without_work() {
    let ground = Ground::new(&[("a.py", "x = 1\n"), ("b.py", "\0\n")]);
    for more in [&[][..], &["--output-format", "json"]] {
        ground.remembers("scan", more);
        ground.remembers("migrate", more);
    }
    // Errors go to the other stream here, and the exit code is one of changes.
    ground.remembers("migrate", &["--quiet"]);
    let ran = ground.run("migrate", &["--quiet"]);
    assert!(ran.err.contains("b.py:"), "{}", ran.err);
    assert_eq!(ran.code, 1);
    // These change nothing of what is printed.
    let ran = ground.run("migrate", &["--quiet", "--exit-zero", "--threads", "1"]);
    assert_eq!((ran.code, ran.asked), (0, false));
}

#[test]
fn whatever_matters_for_the_output_makes_another_run() {
    let ground = Ground::new(&[("a.py", "x = 1\n"), ("sub/c.py", "y = 1\n")]);
    ground.remembers("scan", &[]);
    ground.remembers("scan", &["--verbose"]);
    ground.remembers("scan", &["--exclude", "sub"]);
    ground.remembers("migrate", &["--unsafe"]);
    assert!(ground.run_in_colour("scan", &[], true).asked);
    for (name, text) in [
        ("b.py", "z = 1\n"),
        ("loopshift.toml", "target-version = 'py312'\n"),
        ("pyproject.toml", "[project]\nname = 'x'\n"),
        ("requirements/base.txt", "anyio\n"),
        ("sub/pyproject.toml", ""),
    ] {
        ground.tree.write(name, text.as_bytes());
        ground.remembers("scan", &[]);
    }
    fs::remove_file(ground.tree.path("b.py")).expect("it is there");
    ground.remembers("scan", &["--verbose"]);
}

#[test]
fn a_file_that_only_looks_as_before_is_read_again() {
    let ground = Ground::new(&[("a.py", "x = 1\n")]);
    ground.remembers("migrate", &[]);
    let path = ground.tree.path("a.py");
    let written = path.metadata().and_then(|found| found.modified());
    let written = written.expect("a time");
    // The clock that files are stamped with may be a coarse one.
    std::thread::sleep(Duration::from_millis(30));
    ground.tree.write("a.py", b"y = 2\n");
    let file = File::options().append(true).open(&path);
    let set = file.and_then(|file| file.set_modified(written));
    set.expect("the time of before");
    let ran = ground.run("migrate", &[]);
    assert!(ran.asked);
    assert!(ran.out.contains("+Y = 2"), "{}", ran.out);
}

#[test]
fn what_was_written_just_now_is_not_trusted() {
    let mut ground = Ground::new(&[("a.py", "x = 1\n")]);
    ground.settled = Duration::from_hours(1);
    assert!(ground.run("scan", &[]).asked);
    assert!(ground.run("scan", &[]).asked);
    assert_eq!(ground.entries(), [] as [&Path; 0]);
}

#[test]
fn what_must_not_be_kept_is_not() {
    let ground = Ground::new(&[("a.py", "x = 1\n")]);
    for _ in 0..2 {
        assert!(ground.run("scan", &["--no-cache"]).asked);
        let failed = ground.run("migrate", &["--ignore", "nothing"]);
        assert_eq!((failed.code, failed.asked), (2, true));
    }
    assert!(ground.run("migrate", &["--apply"]).asked);
    assert_eq!(ground.entries(), [] as [&Path; 0]);
    ground.remembers("scan", &[]);
    assert!(ground.run("scan", &["--no-cache"]).asked);
    // An apply works on what is there, whatever was said before.
    ground.remembers("migrate", &[]);
    assert!(ground.run("migrate", &["--apply"]).asked);
}

#[test]
fn a_broken_entry_is_as_good_as_none() {
    let ground = Ground::new(&[("a.py", "x = 1\n")]);
    let first = ground.run("scan", &[]);
    let [entry] = ground.entries().try_into().expect("one entry");
    let whole = fs::read(&entry).expect("it can be read");
    let mut flipped = whole.clone();
    let last = flipped.len() - 3;
    flipped[last] ^= 1;
    let strange: [&[u8]; 5] = [b"", b"loopshift", b"\n{}", b"\xff\xfe\n", &flipped];
    let cut = (0..whole.len()).step_by(7).map(|end| &whole[..end]);
    for bytes in strange.into_iter().chain(cut) {
        fs::write(&entry, bytes).expect("it can be written");
        assert_eq!(ground.run("scan", &[]), first);
        let again = ground.run("scan", &[]);
        assert!(!again.asked, "it is mended");
        assert_eq!(again.out, first.out);
    }
}

#[test]
fn a_cache_that_cannot_be_written_changes_nothing() {
    let ground = Ground::new(&[("a.py", "x = 1\n")]);
    let first = ground.run("scan", &[]);
    let other = Ground {
        tree: Tree::at(ground.tree.root.clone()),
        cache: Tree::new(&[("made", "this is a file")]),
        settled: Duration::ZERO,
    };
    assert_eq!(other.run("scan", &[]), first);
    assert_eq!(other.run("scan", &[]), first);
}

#[test]
fn only_the_newest_entries_are_kept() {
    let ground = Ground::new(&[("a.py", "x = 1\n")]);
    ground.remembers("scan", &[]);
    let [first] = ground.entries().try_into().expect("one entry");
    ground.cache.write("made/when/needed/notes", b"somebody's");
    for number in 0..40 {
        let glob = format!("no{number}");
        ground.run("scan", &["--exclude", &glob]);
        // What is used stays.
        assert!(!ground.run("scan", &[]).asked, "{number}");
        std::thread::sleep(Duration::from_millis(6));
    }
    assert!(first.exists());
    let entries = ground.entries();
    assert_eq!(entries.len(), 32 + 1, "{entries:?}");
    assert!(ground.run("scan", &["--exclude", "no0"]).asked);
    assert!(!ground.run("scan", &["--exclude", "no39"]).asked);
}

#[test]
fn runs_at_the_same_time_do_not_disturb_each_other() {
    let ground = Ground::new(&[("a.py", "x = 1\n")]);
    let mut wanted = ground.run("migrate", &["--no-cache"]);
    let (tree, cache) = (&ground.tree.root, &ground.cache.root);
    std::thread::scope(|scope| {
        let started: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let ground = Ground {
                        tree: Tree::at(tree.clone()),
                        cache: Tree::at(cache.clone()),
                        settled: Duration::ZERO,
                    };
                    let ran: Vec<Ran> = (0..20).map(|_| ground.run("migrate", &[])).collect();
                    ran
                })
            })
            .collect();
        for ran in started
            .into_iter()
            .flat_map(|one| one.join().expect("it ran"))
        {
            wanted.asked = ran.asked;
            assert_eq!(ran, wanted);
        }
    });
    assert_eq!(ground.entries().len(), 1);
}
