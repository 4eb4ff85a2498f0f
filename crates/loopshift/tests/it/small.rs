//! A small engine of the tests' own, and the commands with it.

use std::io;

use clap::Parser;
use loopshift::cli::Cli;
use loopshift::engine::{Engine, Graphed, Job, Planned};
use loopshift::explanation::Explanation;
use loopshift::messages::Problem;
use loopshift::read::Source;
use loopshift::scan_report::{Colour, Left, Module, Prospect, Scanned, Use};
use loopshift::session::Session;
use loopshift_engine::change::{Change, FileId, Outcome, Place, Plan};
use loopshift_python::{TextRange, TextSize};

use crate::tools::Tree;

/// An engine that writes `new` for `old`, defers `maybe`, and declines `never`.
pub(crate) struct Small;

impl Engine for Small {
    fn plan(&self, sources: Vec<Source>, job: &Job) -> Result<Planned, Problem> {
        let mut plan = Plan::default();
        for (index, source) in sources.iter().enumerate() {
            let file = FileId(u32::try_from(index).expect("few files"));
            let text = &source.text.text;
            let place = |word: &str| {
                let at = TextSize::try_from(text.find(word)?).ok()?;
                let range = TextRange::at(at, TextSize::of(word));
                Some(Place { file, range })
            };
            let mut new = text.clone();
            if let Some(place) = place("old") {
                let change = Change::new("word", place, "lib.old", "`old` becomes `new`");
                plan.changes.push((change, Outcome::Applied));
                new = new.replace("old", "new");
            }
            if let Some(place) = place("maybe") {
                let mut change = Change::new("word", place, "lib.maybe", "`maybe` becomes `yes`");
                change.caveat("it may differ");
                let outcome = if job.unsafe_changes {
                    new = new.replace("maybe", "yes");
                    Outcome::Applied
                } else {
                    Outcome::Deferred
                };
                plan.changes.push((change, outcome));
            }
            if let Some(place) = place("never") {
                let reason = "nobody knows how".to_owned();
                let change = Change::declined("word", place, "lib.never", reason.clone());
                plan.changes.push((change, Outcome::Declined { reason }));
            }
            if new != *text {
                plan.texts.push((file, new));
            }
        }
        Ok(Planned {
            plan,
            modules: Vec::new(),
            sources,
            problems: Vec::new(),
        })
    }

    fn scan(&self, sources: Vec<Source>, _job: &Job) -> Result<Scanned, Problem> {
        let one = |api: &str, line, prospect| Use {
            library: "lib".to_owned(),
            api: api.to_owned(),
            file: "a.py".to_owned(),
            package: "a".to_owned(),
            line,
            prospect,
        };
        Ok(Scanned {
            files: sources.len(),
            lines: 3,
            uses: vec![
                one("lib.old", 2, Prospect::Moves),
                one("lib.old", 1, Prospect::Decision),
                one("lib.never", 3, Prospect::Stays),
            ],
            colour: Colour {
                functions: 4,
                async_now: 1,
                become_async: vec![1, 1],
            },
            steps: Vec::new(),
            modules: Some(vec![Module {
                file: "a.py".to_owned(),
                trio_ready: false,
                left: vec![Left {
                    line: 3,
                    api: "lib.never".to_owned(),
                }],
            }]),
            problems: Vec::new(),
        })
    }

    fn graph(&self, sources: Vec<Source>) -> Result<Graphed, Problem> {
        let modules = sources.into_iter().map(|source| source.modules[0].clone());
        Ok(Graphed {
            calls: modules.map(|module| (module, Vec::new())).collect(),
            problems: Vec::new(),
        })
    }

    fn explain(
        &self,
        _sources: Vec<Source>,
        _job: &Job,
        file: &str,
        line: usize,
    ) -> Result<Explanation, Problem> {
        Ok(Explanation {
            schema: 1,
            command: "explain",
            name: "f".to_owned(),
            kind: "def",
            place: format!("{file}:{line}"),
            colour: "sync",
            because: "sync".to_owned(),
            chain: Vec::new(),
            more_causes: 0,
            callers: Vec::new(),
            handed_over: false,
            uses: Vec::new(),
        })
    }

    fn rules(&self) -> Vec<&'static str> {
        vec!["word"]
    }

    fn page(&self, rule: &str) -> Option<&'static str> {
        (rule == "word").then_some("# word\n")
    }
}

pub(crate) struct Ran {
    pub(crate) code: u8,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) fn run(args: &[&str]) -> Ran {
    run_to(args, Vec::new(), |out| {
        String::from_utf8_lossy(&out).into_owned()
    })
}

pub(crate) fn run_to<W: io::Write>(args: &[&str], mut out: W, read: impl Fn(W) -> String) -> Ran {
    let cli =
        Cli::try_parse_from(std::iter::once(&"loopshift").chain(args)).expect("good arguments");
    let mut err = Vec::new();
    let mut session = Session {
        engine: &Small,
        global: &cli.global,
        out: &mut out,
        err: &mut err,
        colour: false,
        err_colour: false,
        cache: None,
        record: None,
    };
    let code = loopshift::run(&cli.command, &mut session);
    Ran {
        code,
        out: read(out),
        err: String::from_utf8_lossy(&err).into_owned(),
    }
}

pub(crate) fn root(tree: &Tree) -> &str {
    tree.root.to_str().expect("Unicode")
}
