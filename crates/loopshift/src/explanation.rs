//! What `explain FILE:LINE` prints: the function at a line, its colour, and why.

use std::collections::BTreeSet;
use std::fmt::Write;

use loopshift_engine::change::{FileId, Outcome, Place};
use loopshift_engine::facts::{Cause, Colour, Facts};
use loopshift_engine::ir::{FuncId, FunctionKind};
use loopshift_engine::program::{Callers, Input, Program, analyse};
use loopshift_python::{TextRange, TextSize};
use loopshift_rules::catalog::Catalog;
use loopshift_rules::migrate::{Migration, Options, migrate};
use loopshift_rules::recipe;

use crate::lines::Lines;
use crate::messages::{Problem, count};
use crate::report::because;

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
) -> Result<String, Problem> {
    let python = options.settings.python;
    let recipe = recipe::of(inputs, python, options.target, catalog);
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
    let facts = recipe.facts(&program, &callers, catalog, &apart, options.settings.bridge);
    let migration = migrate(inputs, catalog, options);
    let mut text = Text {
        out: String::new(),
        program: &program,
        facts: &facts,
    };
    text.header(func);
    text.chain(func);
    text.callers(func, &callers);
    text.uses(func, &migration);
    Ok(text.out)
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

struct Text<'t> {
    out: String,
    program: &'t Program<'t>,
    facts: &'t Facts,
}

impl Text<'_> {
    /// Adds a line. Writing to a string does not fail.
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{text}");
    }

    fn header(&mut self, func: FuncId) {
        let program = self.program;
        let function = program.function(func);
        let name = program.qualified_name(func);
        let place = self.at(Place {
            file: program.function_file(func),
            range: function.name_range,
        });
        if function.kind == FunctionKind::Module {
            self.line(&format!(
                "module {name}  ({})",
                program.file(program.function_file(func)).path
            ));
        } else {
            let word = if function.is_async {
                "async def"
            } else {
                "def"
            };
            self.line(&format!("{word} {name}  ({place})"));
        }
        let colour = match self.facts.colour(func) {
            Colour::Sync => "sync".to_owned(),
            Colour::Async if self.facts.chain(func).is_empty() => {
                "async; nothing in it is known to suspend".to_owned()
            }
            Colour::Async => "async".to_owned(),
            Colour::Becomes(0) => "must become async: it holds the cause".to_owned(),
            Colour::Becomes(far) => {
                format!(
                    "must become async: the cause is {} away",
                    count(*far, "call")
                )
            }
            Colour::Behind(_) => {
                "sync, behind a bridge: it runs in a thread that takes turns with the event loop"
                    .to_owned()
            }
            Colour::Enters(_) => "sync: it runs an event loop for what it waits for".to_owned(),
            Colour::Unknown(_) if function.kind == FunctionKind::Module => {
                "sync: what waits in it moves into an event loop".to_owned()
            }
            Colour::Unknown(reason) => {
                format!("it would have to be async, and can't: {reason}")
            }
        };
        self.line(&format!("colour: {colour}"));
    }

    /// The calls from the function down to the suspension.
    fn chain(&mut self, func: FuncId) {
        let chain = self.facts.chain(func);
        if chain.is_empty() {
            return;
        }
        self.out.push('\n');
        self.line("It suspends:");
        for (owner, cause) in &chain {
            let who = self.program.qualified_name(*owner);
            let step = match cause {
                Cause::Api { place, name } => {
                    format!("{who} waits for {name}  ({})", self.at(*place))
                }
                Cause::Call { place, callee } => {
                    let callee = self.program.qualified_name(*callee);
                    format!("{who} calls {callee}  ({})", self.at(*place))
                }
                Cause::Operation(callee) => {
                    let callee = self.program.qualified_name(*callee);
                    format!("{who} runs {callee} by a `for`, a `with` or a property")
                }
                Cause::Override(other) => {
                    let other = self.program.qualified_name(*other);
                    format!("{who} shares its colour with {other}")
                }
                Cause::Sibling { place, other } => {
                    let other = self.program.qualified_name(*other);
                    let at = self.at(*place);
                    format!("{who} shares its colour with {other}: one call reaches both  ({at})")
                }
                Cause::Spawned { place, name } => {
                    format!("{who} runs as a task of {name}  ({})", self.at(*place))
                }
            };
            self.line(&format!("  {step}"));
        }
        let more = self.facts.causes(func).len().saturating_sub(1);
        if more > 0 {
            self.line(&format!("  and for {}", count(more, "more reason")));
        }
    }

    fn callers(&mut self, func: FuncId, callers: &Callers) {
        let sites = callers.of(func);
        if sites.is_empty() && !callers.is_handed_over(func) {
            return;
        }
        self.out.push('\n');
        self.line("Called by:");
        for site in sites.iter().take(CALLERS) {
            let owner = if site.owner == FuncId::NONE {
                "a library".to_owned()
            } else {
                self.program.qualified_name(site.owner)
            };
            let maybe = if site.only {
                ""
            } else {
                ", or another function"
            };
            let place = self.at(site.place);
            self.line(&format!("  {owner}  ({place}{maybe})"));
        }
        if sites.len() > CALLERS {
            let more = count(sites.len() - CALLERS, "more call");
            self.line(&format!("  and {more}"));
        }
        if callers.is_handed_over(func) {
            self.line("  code that can't be seen, too: the function is handed to it");
        }
    }

    /// What a migration does with the uses in the function.
    fn uses(&mut self, func: FuncId, migration: &Migration) {
        let file = self.program.function_file(func);
        let range = self.program.function(func).range;
        let is_module = self.program.function(func).kind == FunctionKind::Module;
        let mut lines: Vec<(TextSize, String)> = Vec::new();
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
                let what = match outcome {
                    Outcome::Applied => format!("moves by {}", change.rule),
                    Outcome::Deferred => {
                        let why = because(&change.caveats);
                        format!("needs --unsafe ({}){why}", change.rule)
                    }
                    Outcome::Declined { reason } => format!("stays ({}): {reason}", change.rule),
                };
                let at = self.at(*place);
                lines.push((
                    place.range.start(),
                    format!("  {at}  {}  {what}", change.api),
                ));
            }
        }
        if lines.is_empty() {
            return;
        }
        lines.sort();
        let mut told = BTreeSet::new();
        lines.retain(|(_, line)| told.insert(line.clone()));
        self.out.push('\n');
        self.line("Uses in it:");
        for (_, line) in lines {
            self.line(&line);
        }
    }

    fn at(&self, place: Place) -> String {
        let input = self.program.file(place.file);
        let lines = Lines::new(&input.text);
        let (line, _) = lines.place(place.range.start().to_usize());
        format!("{}:{line}", input.path)
    }
}
