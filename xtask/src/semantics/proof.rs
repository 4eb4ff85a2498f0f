//! One proof: its files, and what came of migrating and running it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::run::{LIMIT, execute};
use super::way::{Forms, Way};
use crate::process::Output;
use crate::tool::{self, Migration};
use crate::{Result, root};

/// How often a program may give something else.
const ATTEMPTS: usize = 4;

/// What all proofs of a run share.
pub(super) struct Setting {
    /// The interpreter, with AnyIO and trio.
    pub python: PathBuf,
    /// The program.
    pub loopshift: PathBuf,
    /// The oldest AnyIO allowed.
    pub anyio: String,
    /// What may differ.
    pub accepted: Vec<Accepted>,
}

/// A proof that may differ, by the page of the proofs.
#[derive(Deserialize)]
pub(super) struct Accepted {
    /// The proof.
    pub name: String,
    /// Whether it may also differ without `--unsafe`.
    #[serde(default)]
    pub safe: bool,
    /// What the page says.
    pub says: String,
}

/// A proof.
pub(super) struct Proof {
    /// What its files begin with.
    pub name: String,
    /// Where it is moved to.
    pub way: Way,
    directory: PathBuf,
    before: String,
    forms: Forms,
    /// The program that talks to it, where it is a server.
    client: Option<PathBuf>,
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
    /// A part moved, some of what it is moved away from stays; it prints the same with that.
    Partly,
    /// Nothing moved, and there is a reason.
    Declined,
    /// It prints something different, and the page of the proofs accepts that.
    Accepted,
    /// Something is wrong: a word for the table and the whole story.
    Wrong(&'static str, String),
}

impl Proof {
    pub(super) fn new(directory: &Path, name: &str) -> Result<Proof> {
        let path = |kind: &str| directory.join(format!("{name}_{kind}.py"));
        let before = path("before");
        let before = std::fs::read_to_string(&before)
            .map_err(|error| format!("{}: {error}", before.display()))?;
        let client = path("client");
        let way = Way::of(&before);
        Ok(Proof {
            name: name.to_owned(),
            way,
            directory: directory.to_owned(),
            forms: Forms::new(directory, name)?,
            before,
            client: client.exists().then_some(client),
        })
    }

    /// The text of the form that the floor allows.
    fn form(&self, anyio: &str) -> Option<&str> {
        let allowed = |text: &&str| {
            header(text, "needs").is_none_or(|needs| version(needs) <= version(anyio))
        };
        let mut forms = self.forms.right.iter().map(String::as_str);
        forms.find(allowed)
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

    fn expected(&self, setting: &Setting) -> Result<Output> {
        let directory = self.project(setting, &self.before)?;
        let output = self.execute(setting, directory.path(), "none")?;
        // A green thread may end its program with any exit code.
        let ends = output.code == Some(0) || (self.way == Way::Asyncio && !output.timed_out);
        if ends && !output.stdout.is_empty() {
            Ok(output)
        } else {
            Err(output.tail())
        }
    }

    /// A directory with the program as a project of its own, which says what it allows.
    fn project(&self, setting: &Setting, text: &str) -> Result<tempfile::TempDir> {
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        let project = format!(
            "[project]\nname = \"proof\"\nversion = \"1\"\nrequires-python = \">=3.11\"\ndependencies = [{}]\n",
            self.way.dependencies(&setting.anyio)
        );
        let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text);
        write("pyproject.toml", &project).map_err(|error| error.to_string())?;
        write(&self.file(), text).map_err(|error| error.to_string())?;
        for module in self.modules() {
            let text = std::fs::read_to_string(self.directory.join(&module));
            let text = text.map_err(|error| error.to_string())?;
            write(&module, &text).map_err(|error| error.to_string())?;
        }
        Ok(directory)
    }

    fn file(&self) -> String {
        format!("{}_before.py", self.name)
    }

    /// The modules beside it that it imports.
    fn modules(&self) -> Vec<String> {
        let words = self.before.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            let is_import = matches!(words.next(), Some("import" | "from"));
            words.next().filter(|_| is_import)
        });
        let files = words.map(|word| format!("{word}.py"));
        files
            .filter(|file| self.directory.join(file).exists())
            .collect()
    }

    fn execute(&self, setting: &Setting, directory: &Path, mode: &str) -> Result<Output> {
        let program = directory.join(self.file());
        execute(&setting.python, mode, &program, self.client.as_deref())
    }

    fn attempt(
        &self,
        setting: &Setting,
        form: Option<&str>,
        unsafe_changes: bool,
        expected: &Output,
        reasons: &mut Vec<String>,
    ) -> Result<Fate> {
        let directory = self.project(setting, &self.before)?;
        let migration = Migration {
            unsafe_changes,
            apply: true,
            to: Some(self.way.target().to_owned()),
            ..Migration::default()
        };
        let report = tool::migrate(&setting.loopshift, directory.path(), &migration, LIMIT)?;
        *reasons = report.reasons();
        let program = directory.path().join(self.file());
        let text = std::fs::read_to_string(&program).map_err(|error| error.to_string())?;
        if text == self.before {
            let deferred = report.count("deferred") > 0;
            let unmoved = !self.way.is_left(&text) || deferred || !reasons.is_empty();
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
        let partly = self.way.is_left(&text);
        let said = form
            .and_then(|form| header(form, "backends"))
            .unwrap_or("asyncio trio bare none");
        for backend in self.way.modes(partly) {
            if !said.contains(backend) {
                continue;
            }
            let Some((expected, output)) =
                self.difference(setting, directory.path(), backend, expected)?
            else {
                continue;
            };
            if let Some(accepted) = self.accepted(setting, unsafe_changes) {
                reasons.push(format!("accepted: {accepted}"));
                return Ok(Fate::Accepted);
            }
            let word = if *backend == "trio" {
                "DIFFERENT on trio"
            } else {
                "DIFFERENT on asyncio"
            };
            let story = format!(
                "--- program\n{text}--- expected (exit code {:?})\n{}--- got (exit code {:?})\n{}{}\n",
                expected.code,
                expected.stdout,
                output.code,
                output.stdout,
                output.tail()
            );
            return Ok(Fate::Wrong(word, story));
        }
        Ok(if partly { Fate::Partly } else { Fate::Same })
    }

    /// What the old program and the new one gave, where that differs. On a busy machine timers meet that do not otherwise:
    /// only what differs each time counts.
    fn difference(
        &self,
        setting: &Setting,
        directory: &Path,
        mode: &str,
        expected: &Output,
    ) -> Result<Option<(Output, Output)>> {
        let mut expected = expected.clone();
        for attempt in 1.. {
            let output = self.execute(setting, directory, mode)?;
            if output.code == expected.code && output.stdout == expected.stdout {
                break;
            }
            if attempt == ATTEMPTS {
                return Ok(Some((expected, output)));
            }
            expected = self.expected(setting)?;
        }
        Ok(None)
    }

    /// What the page of the proofs says of a difference that it accepts.
    fn accepted<'s>(&self, setting: &'s Setting, unsafe_changes: bool) -> Option<&'s str> {
        let mut accepted = setting.accepted.iter();
        let known = accepted.find(|it| it.name == self.name && (it.safe || unsafe_changes))?;
        Some(&known.says)
    }

    /// Whether the program is the same code as the form that is known to be wrong.
    fn is_wrong_form(&self, setting: &Setting, program: &Path) -> Result<bool> {
        if self.forms.wrong.is_empty() {
            return Ok(false);
        }
        let pairs: Vec<_> = (self.forms.wrong.iter())
            .map(|wrong| serde_json::json!([program, wrong]))
            .collect();
        let pairs = serde_json::Value::from(pairs).to_string();
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
