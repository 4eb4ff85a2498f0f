//! What `explain FILE:LINE` prints: the function at a line, its colour, and why.

use std::collections::BTreeSet;

use loopshift_engine::change::{FileId, Outcome, Place};
use loopshift_engine::facts::{Cause, Colour, Facts};
use loopshift_engine::ir::{FuncId, FunctionKind};
use loopshift_engine::program::{Callers, Input, Program, analyse};
use loopshift_python::{TextRange, TextSize};
use loopshift_rules::catalog::Catalog;
use loopshift_rules::migrate::{Migration, Options, migrate};
use loopshift_rules::recipe;
use loopshift_rules::through;
use schemars::JsonSchema;
use serde::Serialize;

use crate::lines::Lines;
use crate::messages::{Problem, count};
use crate::report::{SCHEMA, because};

/// How many callers are listed.
const CALLERS: usize = 10;

/// Explains the function at a line, from 1.
///
/// # Errors
/// Where the file has no such line, or can't be parsed.
pub fn explain(
    inputs: &[Input],
    options: &Options,
    catalog: &Catalog,
    file: FileId,
    line: usize,
) -> Result<Explanation, Problem> {
    let python = options.settings.python;
    let target = through::first_target(inputs, options);
    let recipe = recipe::of(inputs, python, target, catalog);
    let externals = recipe.externals(inputs, catalog);
    let program = analyse(inputs, options.settings.python, &externals);
    let input = program.file(file);
    if let Some(unreadable) = program.unreadable.iter().find(|it| it.file == file) {
        let error = &unreadable.error;
        let place = format!("{}:{}:{}", input.path, error.line, error.column);
        return Err(Problem::at(place, error.message.clone()));
    }
    let Some(range) = line_range(&input.text, line) else {
        let last = input.text.lines().count();
        let reason = format!("there is no such line: it has {}", count(last, "line"));
        return Err(Problem::at(format!("{}:{line}", input.path), reason));
    };
    let func = function_on(&program, file, range);
    let callers = program.callers();
    let apart = recipe.apart(&program, &callers, catalog);
    let bridge = options.settings.bridge;
    let facts = recipe.facts(&program, &callers, catalog, &apart, None, bridge);
    let migration = migrate(inputs, catalog, options);
    let known = Known {
        program: &program,
        facts: &facts,
    };
    let (kind, place) = known.header(func);
    let (colour, because) = known.colour(func);
    Ok(Explanation {
        schema: SCHEMA,
        command: "explain",
        name: program.qualified_name(func),
        kind,
        place,
        colour,
        because,
        chain: known.chain(func),
        more_causes: facts.causes(func).len().saturating_sub(1),
        callers: known.callers(func, &callers),
        handed_over: callers.is_handed_over(func),
        uses: known.uses(func, &migration),
    })
}

/// The range of a line without its indentation and its end.
fn line_range(text: &str, line: usize) -> Option<TextRange> {
    let index = loopshift_python::parse::line_index(text);
    let range = index.line_range(line)?;
    let written = text.get(range.start().to_usize()..range.end().to_usize())?;
    let indent = written.len() - written.trim_start().len();
    let start = range.start() + TextSize::try_from(indent).ok()?;
    Some(TextRange::new(start, range.end().max(start)))
}

/// The function that a line is part of. A line with a `def` or a decorator is part of that function.
fn function_on(program: &Program<'_>, file: FileId, range: TextRange) -> FuncId {
    let start = Place {
        file,
        range: TextRange::empty(range.start()),
    };
    let mut func = program.function_at(start);
    while program.function(func).kind == FunctionKind::Lambda {
        func = program.function(func).parent;
    }
    func
}

/// What is known about a function.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Explanation {
    /// The version of this format.
    pub schema: u32,
    /// `"explain"`.
    pub command: &'static str,
    /// The qualified name of the function, or of the module.
    pub name: String,
    /// `"module"`, `"def"` or `"async def"`.
    pub kind: &'static str,
    /// Where it is: `file:line`, or the file of a module.
    pub place: String,
    /// `"sync"`, `"async"`, `"becomes async"` or `"unknown"`.
    pub colour: &'static str,
    /// What that means, in words.
    pub because: String,
    /// The calls from it down to what waits.
    pub chain: Vec<Step>,
    /// How many more reasons it has to wait.
    pub more_causes: usize,
    /// Where it is called.
    pub callers: Vec<CalledAt>,
    /// Whether code that can't be seen may call it, too.
    pub handed_over: bool,
    /// The uses in it, by place.
    pub uses: Vec<Fate>,
}

/// One step towards what waits.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Step {
    /// The function that the step is in.
    pub function: String,
    /// What it does, in words.
    pub does: String,
    /// Where, as `file:line`; `null` where it is no call.
    pub place: Option<String>,
}

/// A call of the function.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct CalledAt {
    /// The function that calls it; `null` for a library.
    pub function: Option<String>,
    /// Where: `file:line`.
    pub place: String,
    /// Whether nothing else can be called there.
    pub only: bool,
}

/// What becomes of a use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Fate {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
    /// Where: `file:line`.
    pub place: String,
    /// The API.
    pub api: String,
    /// `"applied"`, `"deferred"` or `"declined"`.
    pub outcome: &'static str,
    /// The rule that decides it.
    pub rule: String,
    /// What it does, or why nothing is done, in words.
    pub what: String,
}

impl Explanation {
    /// The text for people.
    pub fn text(&self) -> String {
        let mut lines = vec![
            format!("{} {}  ({})", self.kind, self.name, self.place),
            format!("colour: {}", self.because),
        ];
        if !self.chain.is_empty() {
            lines.extend([String::new(), "It suspends:".to_owned()]);
            lines.extend(self.chain.iter().map(|step| {
                let place = step.place.as_ref();
                let place = place.map_or_else(String::new, |place| format!("  ({place})"));
                format!("  {} {}{place}", step.function, step.does)
            }));
            if self.more_causes > 0 {
                let more = count(self.more_causes, "more reason");
                lines.push(format!("  and for {more}"));
            }
        }
        if !self.callers.is_empty() || self.handed_over {
            lines.extend([String::new(), "Called by:".to_owned()]);
            lines.extend(self.callers.iter().take(CALLERS).map(|it| {
                let function = it.function.as_deref().unwrap_or("a library");
                let maybe = if it.only { "" } else { ", or another function" };
                format!("  {function}  ({}{maybe})", it.place)
            }));
            if self.callers.len() > CALLERS {
                let more = count(self.callers.len() - CALLERS, "more call");
                lines.push(format!("  and {more}"));
            }
            if self.handed_over {
                let unseen = "  code that can't be seen, too: the function is handed to it";
                lines.push(unseen.to_owned());
            }
        }
        if !self.uses.is_empty() {
            lines.extend([String::new(), "Uses in it:".to_owned()]);
            let uses = self.uses.iter();
            let mut uses: Vec<String> = uses
                .map(|it| format!("  {}  {}  {}", it.place, it.api, it.what))
                .collect();
            uses.dedup();
            lines.extend(uses);
        }
        lines.push(String::new());
        lines.join("\n")
    }
}

/// What the questions about a function are asked of.
struct Known<'t> {
    program: &'t Program<'t>,
    facts: &'t Facts,
}

impl Known<'_> {
    /// The kind of the function and its place.
    fn header(&self, func: FuncId) -> (&'static str, String) {
        let function = self.program.function(func);
        let file = self.program.function_file(func);
        let range = function.name_range;
        if function.kind == FunctionKind::Module {
            return ("module", self.program.file(file).path.clone());
        }
        let kind = if function.is_async {
            "async def"
        } else {
            "def"
        };
        (kind, self.at(Place { file, range }))
    }

    /// The colour, and what it means.
    fn colour(&self, func: FuncId) -> (&'static str, String) {
        let is_module = self.program.function(func).kind == FunctionKind::Module;
        match self.facts.colour(func) {
            Colour::Sync => ("sync", "sync".to_owned()),
            Colour::Async if self.facts.chain(func).is_empty() => {
                let why = "async; nothing in it is known to suspend";
                ("async", why.to_owned())
            }
            Colour::Async => ("async", "async".to_owned()),
            Colour::Becomes(0) => {
                let why = "must become async: it holds the cause";
                ("becomes async", why.to_owned())
            }
            Colour::Becomes(far) => {
                let far = count(*far, "call");
                let why = format!("must become async: the cause is {far} away");
                ("becomes async", why)
            }
            Colour::Behind(_) => {
                let why = "sync, behind a bridge: it runs in a thread that takes turns with the event loop";
                ("sync", why.to_owned())
            }
            Colour::Enters(_) => {
                let why = "sync: it runs an event loop for what it waits for";
                ("sync", why.to_owned())
            }
            Colour::Outside(_) => {
                let why = "sync: it waits as green threads do, and stays as it is";
                ("sync", why.to_owned())
            }
            Colour::Unknown(_) if is_module => {
                let why = "sync: what waits in it moves into an event loop";
                ("sync", why.to_owned())
            }
            Colour::Unknown(reason) => {
                let why = format!("it would have to be async, and can't: {reason}");
                ("unknown", why)
            }
        }
    }

    /// The calls from the function down to the suspension.
    fn chain(&self, func: FuncId) -> Vec<Step> {
        let name = |func: FuncId| self.program.qualified_name(func);
        let step = |(owner, cause): &(FuncId, &Cause)| {
            let (does, place) = match cause {
                Cause::Api { place, name } => (format!("waits for {name}"), Some(*place)),
                Cause::Call { place, callee } => (format!("calls {}", name(*callee)), Some(*place)),
                Cause::Operation(callee) => {
                    let callee = name(*callee);
                    (
                        format!("runs {callee} by a `for`, a `with` or a property"),
                        None,
                    )
                }
                Cause::Override(other) => {
                    (format!("shares its colour with {}", name(*other)), None)
                }
                Cause::Sibling { place, other } => {
                    let other = name(*other);
                    let does = format!("shares its colour with {other}: one call reaches both");
                    (does, Some(*place))
                }
                Cause::Spawned { place, name } => {
                    (format!("runs as a task of {name}"), Some(*place))
                }
            };
            Step {
                function: name(*owner),
                does,
                place: place.map(|place| self.at(place)),
            }
        };
        self.facts.chain(func).iter().map(step).collect()
    }

    fn callers(&self, func: FuncId, callers: &Callers) -> Vec<CalledAt> {
        let sites = callers.of(func).iter();
        sites
            .map(|site| CalledAt {
                function: (site.owner != FuncId::NONE)
                    .then(|| self.program.qualified_name(site.owner)),
                place: self.at(site.place),
                only: site.only,
            })
            .collect()
    }

    /// What a migration does with the uses in the function.
    fn uses(&self, func: FuncId, migration: &Migration) -> Vec<Fate> {
        let file = self.program.function_file(func);
        let range = self.program.function(func).range;
        let is_module = self.program.function(func).kind == FunctionKind::Module;
        let mut fates: BTreeSet<Fate> = BTreeSet::new();
        for (change, outcome) in &migration.plan.changes {
            if !self.program.file(change.place.file).is_python() {
                continue;
            }
            let places = change.covers.iter().chain([&change.place]);
            for place in places.filter(|place| place.file == file) {
                let inside = if is_module {
                    self.program.function_at(*place) == func
                } else {
                    range.contains_range(place.range)
                };
                if !inside {
                    continue;
                }
                let rule = change.rule;
                let (outcome, what) = match outcome {
                    Outcome::Applied => ("applied", format!("moves by {rule}")),
                    Outcome::Deferred => {
                        let why = because(&change.caveats);
                        ("deferred", format!("needs --unsafe ({rule}){why}"))
                    }
                    Outcome::Declined { reason } => {
                        ("declined", format!("stays ({rule}): {reason}"))
                    }
                };
                let (line, column) = self.line_and_column(*place);
                fates.insert(Fate {
                    line,
                    column,
                    place: self.at(*place),
                    api: change.api.clone(),
                    outcome,
                    rule: rule.to_owned(),
                    what,
                });
            }
        }
        fates.into_iter().collect()
    }

    fn line_and_column(&self, place: Place) -> (usize, usize) {
        let input = self.program.file(place.file);
        Lines::new(&input.text).place(place.range.start().to_usize())
    }

    fn at(&self, place: Place) -> String {
        let (line, _) = self.line_and_column(place);
        format!("{}:{line}", self.program.file(place.file).path)
    }
}
