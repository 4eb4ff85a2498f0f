//! One proof: its files, and what came of migrating and running it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::process::{self, Output};
use crate::tool::{self, Migration};
use crate::{Result, root};

const LIMIT: Duration = Duration::from_mins(1);

/// What all proofs of a run share.
pub(super) struct Setting {
    /// The interpreter, with AnyIO and trio.
    pub python: PathBuf,
    /// The program.
    pub loopshift: PathBuf,
    /// The oldest AnyIO allowed.
    pub anyio: String,
}

/// A proof.
pub(super) struct Proof {
    /// What its files begin with.
    pub name: String,
    directory: PathBuf,
    before: String,
    /// The header lines of the form for each floor, where there is one.
    after: Option<String>,
    after40: Option<String>,
}

/// What came of a proof with and without `--unsafe`.
pub(super) struct Outcome {
    /// Whether the README has a form for it at this floor.
    pub has_form: bool,
    /// Without `--unsafe`.
    pub safe: Fate,
    /// With it.
    pub all: Fate,
    /// Why something was declined, with `--unsafe`.
    pub reasons: Vec<String>,
}

/// What came of one migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It moved, and prints the same.
    Same,
    /// A part moved, asyncio stays; it prints the same on asyncio.
    Partly,
    /// Nothing moved, and there is a reason.
    Declined,
    /// Something is wrong: a word for the table and the whole story.
    Wrong(&'static str, String),
}

impl Proof {
    pub(super) fn new(directory: &Path, name: &str) -> Result<Proof> {
        let path = |kind: &str| directory.join(format!("{name}_{kind}.py"));
        let before = path("before");
        let before = std::fs::read_to_string(&before)
            .map_err(|error| format!("{}: {error}", before.display()))?;
        let text = |kind: &str| std::fs::read_to_string(path(kind)).ok();
        Ok(Proof {
            name: name.to_owned(),
            directory: directory.to_owned(),
            before,
            after: text("after"),
            after40: text("after40"),
        })
    }

    /// The text of the form that the floor allows.
    fn form(&self, anyio: &str) -> Option<&str> {
        let allowed = |text: &&str| {
            header(text, "needs").is_none_or(|needs| version(needs) <= version(anyio))
        };
        [&self.after, &self.after40]
            .into_iter()
            .filter_map(|form| form.as_deref())
            .find(allowed)
    }

    pub(super) fn prove(&self, setting: &Setting) -> Outcome {
        let form = self.form(&setting.anyio);
        let mut outcome = Outcome {
            has_form: form.is_some(),
            safe: Fate::Declined,
            all: Fate::Declined,
            reasons: Vec::new(),
        };
        let expected = match self.expected(setting) {
            Ok(expected) => expected,
            Err(story) => {
                outcome.safe = Fate::Wrong("BEFORE FAILS", story.clone());
                outcome.all = Fate::Wrong("BEFORE FAILS", story);
                return outcome;
            }
        };
        let mut attempt = |unsafe_changes: bool| {
            self.attempt(
                setting,
                form,
                unsafe_changes,
                &expected,
                &mut outcome.reasons,
            )
            .unwrap_or_else(|error| Fate::Wrong("ERROR", error))
        };
        let safe = attempt(false);
        let all = attempt(true);
        outcome.safe = safe;
        outcome.all = all;
        outcome
    }

    fn expected(&self, setting: &Setting) -> Result<String> {
        let directory = self.project(setting, &self.before)?;
        let output = self.execute(setting, directory.path(), "none")?;
        if output.code == Some(0) && !output.stdout.is_empty() {
            Ok(output.stdout)
        } else {
            Err(output.tail())
        }
    }

    /// A directory with the program as a project of its own, which says what it allows.
    fn project(&self, setting: &Setting, text: &str) -> Result<tempfile::TempDir> {
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        let project = format!(
            "[project]\nname = \"proof\"\nversion = \"1\"\nrequires-python = \">=3.11\"\ndependencies = [\"anyio>={}\"]\n",
            setting.anyio
        );
        let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text);
        write("pyproject.toml", &project).map_err(|error| error.to_string())?;
        write(&self.file(), text).map_err(|error| error.to_string())?;
        Ok(directory)
    }

    fn file(&self) -> String {
        format!("{}_before.py", self.name)
    }

    fn execute(&self, setting: &Setting, directory: &Path, backend: &str) -> Result<Output> {
        let mut command = Command::new(&setting.python);
        command
            .arg(root().join("xtask/python/driver.py"))
            .arg(backend)
            .arg(directory.join(self.file()));
        command
            .current_dir(directory)
            .env_remove("PYTHONPATH")
            .env("PYTHONDONTWRITEBYTECODE", "1");
        process::run(&mut command, LIMIT)
    }

    fn attempt(
        &self,
        setting: &Setting,
        form: Option<&str>,
        unsafe_changes: bool,
        expected: &str,
        reasons: &mut Vec<String>,
    ) -> Result<Fate> {
        let directory = self.project(setting, &self.before)?;
        let migration = Migration {
            unsafe_changes,
            apply: true,
            ..Migration::default()
        };
        let report = tool::migrate(&setting.loopshift, directory.path(), &migration, LIMIT)?;
        *reasons = report.reasons();
        let program = directory.path().join(self.file());
        let text = std::fs::read_to_string(&program).map_err(|error| error.to_string())?;
        if text == self.before {
            let deferred = report.count("deferred") > 0;
            let unmoved = !imports_asyncio(&text) || deferred || !reasons.is_empty();
            return Ok(if unmoved {
                Fate::Declined
            } else {
                Fate::Wrong("NO REASON", "nothing moved, without a reason".to_owned())
            });
        }
        if self.is_wrong_form(setting, &program)? {
            return Ok(Fate::Wrong("WRONG FORM", text));
        }
        let again = tool::migrate(&setting.loopshift, directory.path(), &migration, LIMIT)?;
        if !again.files.is_empty() {
            let story = format!("a second run changes it again:\n{text}");
            return Ok(Fate::Wrong("UNSTABLE", story));
        }
        let partly = imports_asyncio(&text);
        let said = form
            .and_then(|form| header(form, "backends"))
            .unwrap_or("asyncio trio");
        for backend in ["asyncio", "trio"] {
            if !said.contains(backend) || (partly && backend == "trio") {
                continue;
            }
            let output = self.execute(setting, directory.path(), backend)?;
            if output.code != Some(0) || output.stdout != expected {
                let word = if backend == "trio" {
                    "DIFFERENT on trio"
                } else {
                    "DIFFERENT on asyncio"
                };
                let story = format!(
                    "--- program\n{text}--- expected\n{expected}--- got (exit code {:?})\n{}{}\n",
                    output.code,
                    output.stdout,
                    output.tail()
                );
                return Ok(Fate::Wrong(word, story));
            }
        }
        Ok(if partly { Fate::Partly } else { Fate::Same })
    }

    /// Whether the program is the same code as the form that is known to be wrong.
    fn is_wrong_form(&self, setting: &Setting, program: &Path) -> Result<bool> {
        let wrong = self.directory.join(format!("{}_differs.py", self.name));
        if !wrong.exists() {
            return Ok(false);
        }
        let pairs = serde_json::json!([[program, wrong]]).to_string();
        let mut child = Command::new(&setting.python)
            .arg(root().join("xtask/python/same_code.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| error.to_string())?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin
                .write_all(pairs.as_bytes())
                .map_err(|error| error.to_string())?;
        }
        let output = child
            .wait_with_output()
            .map_err(|error| error.to_string())?;
        let same: Vec<bool> = serde_json::from_slice(&output.stdout)
            .map_err(|error| format!("the migrated program: {error}"))?;
        Ok(same.contains(&true))
    }
}

/// What the header comment `# KEY: VALUE` of a program says, without a remark in parentheses.
fn header<'text>(text: &'text str, key: &str) -> Option<&'text str> {
    let start = format!("# {key}:");
    let value = text
        .lines()
        .take_while(|line| line.starts_with('#'))
        .find_map(|line| line.strip_prefix(&start))?;
    Some(value.split('(').next().unwrap_or(value).trim())
}

fn version(text: &str) -> Vec<u32> {
    text.split('.')
        .map(|part| part.parse().unwrap_or(0))
        .take(2)
        .collect()
}

fn imports_asyncio(text: &str) -> bool {
    let imports = |line: &str| {
        let rest = line
            .strip_prefix("import ")
            .or_else(|| line.strip_prefix("from "));
        rest.is_some_and(|rest| rest.split([',', ' ', '.']).any(|word| word == "asyncio"))
    };
    text.lines().any(|line| imports(line.trim_start()))
}
