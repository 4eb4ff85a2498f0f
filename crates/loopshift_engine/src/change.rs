//! Changes and the plan made of them: plain data, the meeting point of rules, verification and the command line.

use loopshift_python::TextRange;
use loopshift_python::edit::Edit;
use serde::Serialize;

/// A module of the program, by its place in [`crate::Program::files`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct FileId(pub u32);

/// How far a change keeps the behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Safety {
    /// The same behaviour.
    Safe,
    /// May differ in a way that the rule's page names.
    Unsafe,
    /// Shown, never applied.
    Manual,
}

/// The number of a change in the list that the rules made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ChangeId(pub u32);

/// A place in the program: what messages point at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file.
    pub file: FileId,
    /// The range in its text.
    pub range: TextRange,
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let key = |place: &Self| (place.file, place.range.start(), place.range.end());
        key(self).cmp(&key(other))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// An atomic group of edits, or the reason why there is none.
///
/// Whatever a rule finds and cannot move is a change without edits and with a `declined` reason, so that
/// every use is accounted for in the closing summary.
#[derive(Clone, Debug)]
pub struct Change {
    /// The rule that made it, in kebab-case.
    pub rule: &'static str,
    /// The use that it is about; what a message points at.
    pub place: Place,
    /// The API it moves: `asyncio.Queue`.
    pub api: String,
    /// One sentence for the reader of the summary: ``asyncio.sleep` becomes `anyio.sleep``.
    pub message: String,
    /// How far it keeps the behaviour.
    pub safety: Safety,
    /// Where `safety` is not safe: what may differ, in words. Empty otherwise.
    pub caveats: Vec<String>,
    /// The edits. All of them are applied, or none.
    pub edits: Vec<(FileId, Edit)>,
    /// The uses (by place) that this change takes care of, beside `place`.
    pub covers: Vec<Place>,
    /// The places of changes without which this one must not be applied: each must be the `place` of, or be covered by,
    /// a change that is applied.
    pub requires: Vec<Place>,
    /// Changes with the same number here are applied together, or none of them is.
    pub together: Option<usize>,
    /// Why nothing is edited. `None` where there are edits.
    pub declined: Option<String>,
}

impl Change {
    /// A safe change with no edits yet.
    pub fn new(
        rule: &'static str,
        place: Place,
        api: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Change {
            rule,
            place,
            api: api.into(),
            message: message.into(),
            safety: Safety::Safe,
            caveats: Vec::new(),
            edits: Vec::new(),
            covers: Vec::new(),
            requires: Vec::new(),
            together: None,
            declined: None,
        }
    }

    /// A use that stays, with the reason.
    pub fn declined(
        rule: &'static str,
        place: Place,
        api: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        let mut change = Change::new(rule, place, api, String::new());
        change.safety = Safety::Manual;
        change.declined = Some(reason.into());
        change
    }

    /// Makes the change unsafe, with what may differ. The same is said once.
    pub fn caveat(&mut self, what: impl Into<String>) {
        self.safety = self.safety.max(Safety::Unsafe);
        let what = what.into();
        if !self.caveats.contains(&what) {
            self.caveats.push(what);
        }
    }

    /// Adds an edit in the file of the change's own place.
    pub fn edit(&mut self, edit: Edit) {
        self.edits.push((self.place.file, edit));
    }
}

/// What became of a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Outcome {
    /// Its edits are part of the new texts.
    Applied,
    /// It is unsafe, and `--unsafe` was not given.
    Deferred,
    /// Nothing is edited.
    Declined {
        /// Why, in words.
        reason: String,
    },
}

/// All changes of one run, and the texts that they lead to.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// The changes with their outcomes, by file and offset.
    pub changes: Vec<(Change, Outcome)>,
    /// The new text of each file that changes, by file. Decoded, with the line ends of the original.
    pub texts: Vec<(FileId, String)>,
    /// What verification took out, in words, for the verbose output.
    pub withdrawn: Vec<String>,
}
