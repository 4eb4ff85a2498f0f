//! From changes to a plan: which of them are applied together, and the texts they lead to.

use std::collections::{BTreeMap, BTreeSet};

use loopshift_python::edit::{Edit, Piece};
use loopshift_python::parse::parse_module;
use loopshift_python::render::{render, render_in};
use loopshift_python::{ParsedModule, PythonVersion};
use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::change::{Change, FileId, Outcome, Place, Plan, Safety};
use crate::program::{Input, Lines};
use crate::sharing::{Importing, Taking};

mod share;
mod tidy;

use share::Shared;
use tidy::{Text, tidy};

/// What a plan is made with.
pub struct Planning<'p> {
    /// The files.
    pub files: &'p [Input],
    /// The oldest Python.
    pub python: PythonVersion,
    /// Whether unsafe changes are applied.
    pub allow_unsafe: bool,
    /// The packages whose imports go when nothing needs them any more.
    pub left: &'p [&'p str],
    /// The packages that are left: their imports go with the last use, even those that nothing needed before.
    pub from: &'p [&'p str],
    /// What modules take from each other of the packages: the imports behind it stay while somebody needs them.
    pub takings: &'p [Taking],
    /// What a module imports of the program.
    pub importing: &'p (dyn Fn(FileId) -> Vec<Importing> + Sync),
    /// Checks the new texts.
    pub verify: &'p Verify<'p>,
}

/// Finds what is wrong in new texts.
pub type Verify<'v> = dyn Fn(&[(FileId, String)]) -> Vec<Fault> + Sync + 'v;

/// Something wrong in a new text: the changes behind it are withdrawn.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fault {
    /// The file.
    pub file: FileId,
    /// The qualified name of the function in which it stands; empty for module level.
    pub function: String,
    /// What is wrong, in words.
    pub message: String,
}

/// Makes the plan.
pub fn plan(planning: &Planning<'_>, changes: Vec<Change>) -> Plan {
    let mut outcomes: Vec<Outcome> = changes
        .iter()
        .map(|change| first_outcome(change, planning.allow_unsafe))
        .collect();
    let mut behind = BTreeMap::new();
    let mut withdrawn = Vec::new();
    let lines = &Lines::new(planning.files);
    let mut rendered = Rendered::default();
    let texts = loop {
        settle_requirements(planning, lines, &changes, &mut outcomes, &mut behind);
        let texts = match render_all(planning, lines, &changes, &outcomes, &mut rendered) {
            Ok(texts) => texts,
            Err(losers) => {
                for (change, reason) in losers {
                    outcomes[change] = Outcome::Declined { reason };
                }
                continue;
            }
        };
        let faults = (planning.verify)(&texts);
        if faults.is_empty() {
            break texts;
        }
        let progress = withdraw(
            (planning, lines),
            &changes,
            &mut outcomes,
            &faults,
            &mut withdrawn,
        );
        if !progress {
            // No change stands behind it: the text was like that before.
            break texts;
        }
    };
    let waiting = waiting((planning, lines), &changes, &outcomes, &behind);
    let mut list: Vec<(Change, Outcome)> = changes.into_iter().zip(outcomes).collect();
    for (index, reason) in waiting {
        list[index].0.caveats.push(reason);
    }
    list.sort_by(|(a, _), (b, _)| (a.place, a.rule, &a.api).cmp(&(b.place, b.rule, &b.api)));
    Plan {
        changes: list,
        texts,
        withdrawn,
    }
}

fn first_outcome(change: &Change, allow_unsafe: bool) -> Outcome {
    if let Some(reason) = &change.declined {
        return Outcome::Declined {
            reason: reason.clone(),
        };
    }
    match change.safety {
        Safety::Safe => Outcome::Applied,
        Safety::Unsafe if allow_unsafe => Outcome::Applied,
        Safety::Unsafe => Outcome::Deferred,
        Safety::Manual => Outcome::Declined {
            reason: change.caveats.join("; "),
        },
    }
}

/// What the changes wait for that are safe by themselves, and go together with one that is not.
fn waiting(
    (planning, lines): (&Planning<'_>, &Lines<'_>),
    changes: &[Change],
    outcomes: &[Outcome],
    behind: &BTreeMap<usize, usize>,
) -> Vec<(usize, String)> {
    let mut out = Vec::new();
    for index in behind.keys() {
        if outcomes[*index] != Outcome::Deferred {
            continue;
        }
        let mut last = *index;
        for _ in 0..behind.len() {
            match behind.get(&last) {
                Some(next) if changes[last].safety == Safety::Safe => last = *next,
                _ => break,
            }
        }
        let line = line_of(planning.files, lines, changes[last].place);
        let why = changes[last].caveats.join("; ");
        out.push((*index, format!("it goes together with line {line}: {why}")));
    }
    out
}

/// Takes out every change that requires one which is not applied, until nothing changes any more. `behind` gets those that
/// wait for `--unsafe` only because another does, with that one.
fn settle_requirements(
    planning: &Planning<'_>,
    lines: &Lines<'_>,
    changes: &[Change],
    outcomes: &mut [Outcome],
    behind: &mut BTreeMap<usize, usize>,
) {
    let mut providers: FxHashMap<Place, Vec<usize>> = FxHashMap::default();
    for (index, change) in changes.iter().enumerate() {
        for place in change.covers.iter().chain([&change.place]) {
            providers.entry(*place).or_default().push(index);
        }
    }
    loop {
        let mut moved = false;
        let missing_of = missing_of_groups(changes, outcomes);
        for index in 0..changes.len() {
            if outcomes[index] != Outcome::Applied {
                continue;
            }
            let other = changes[index].together.and_then(|it| missing_of.get(&it));
            if let Some(&other) = other {
                outcomes[index] = if outcomes[other] == Outcome::Deferred {
                    behind.insert(index, other);
                    Outcome::Deferred
                } else {
                    let place = changes[other].place;
                    let reason = missing((planning, lines), outcomes, &[other], place);
                    Outcome::Declined { reason }
                };
                moved = true;
                continue;
            }
            for required in &changes[index].requires {
                let list = providers.get(required).map_or(&[][..], Vec::as_slice);
                if list
                    .iter()
                    .any(|other| outcomes[*other] == Outcome::Applied)
                {
                    continue;
                }
                let deferred = list
                    .iter()
                    .find(|other| outcomes[**other] == Outcome::Deferred);
                outcomes[index] = if let Some(other) = deferred {
                    behind.insert(index, *other);
                    Outcome::Deferred
                } else {
                    Outcome::Declined {
                        reason: missing((planning, lines), outcomes, list, *required),
                    }
                };
                moved = true;
                break;
            }
        }
        if !moved {
            return;
        }
    }
}

/// Of each group of changes that go together one that is not applied: one that waits for `--unsafe`, where all others do.
fn missing_of_groups(changes: &[Change], outcomes: &[Outcome]) -> FxHashMap<usize, usize> {
    let mut out: FxHashMap<usize, usize> = FxHashMap::default();
    for (index, change) in changes.iter().enumerate() {
        let Some(group) = change
            .together
            .filter(|_| outcomes[index] != Outcome::Applied)
        else {
            continue;
        };
        let first = out.entry(group).or_insert(index);
        if outcomes[*first] == Outcome::Deferred {
            *first = index;
        }
    }
    out
}

fn missing(
    (planning, lines): (&Planning<'_>, &Lines<'_>),
    outcomes: &[Outcome],
    providers: &[usize],
    required: Place,
) -> String {
    let line = line_of(planning.files, lines, required);
    let why = providers.iter().find_map(|index| match &outcomes[*index] {
        Outcome::Declined { reason } => Some(reason.as_str()),
        _ => None,
    });
    // Where that one stays for the sake of a third, the last reason of all is the one to mend.
    let last = why.map(|why| why.rsplit(STAYS).next().unwrap_or(why));
    let last = last.unwrap_or("no rule moves it");
    format!("it goes together with line {line}{STAYS}{last}")
}

/// What stands before the reason of another change.
const STAYS: &str = ", which stays: ";

fn line_of(files: &[Input], lines: &Lines<'_>, place: Place) -> String {
    let file = &files[place.file.0 as usize];
    format!("{} of {}", lines.line(place), file.path)
}

/// The edits of applied changes, by file, each with its change.
fn edits_by_file<'c>(
    changes: &'c [Change],
    outcomes: &[Outcome],
) -> BTreeMap<FileId, Vec<(usize, &'c Edit)>> {
    let mut by_file: BTreeMap<FileId, Vec<(usize, &Edit)>> = BTreeMap::new();
    for (index, change) in changes.iter().enumerate() {
        if outcomes[index] == Outcome::Applied {
            for (file, edit) in &change.edits {
                by_file.entry(*file).or_default().push((index, edit));
            }
        }
    }
    by_file
}

type Losers = Vec<(usize, String)>;

/// The new texts so far.
type Rendered = BTreeMap<FileId, Text>;

/// Renders every file with edits, as far as it was not from the same changes; or names the changes that stand in the way.
fn render_all(
    planning: &Planning<'_>,
    lines: &Lines<'_>,
    changes: &[Change],
    outcomes: &[Outcome],
    known: &mut Rendered,
) -> Result<Vec<(FileId, String)>, Losers> {
    let by_file = edits_by_file(changes, outcomes);
    let behind = |edits: &[(usize, &Edit)]| -> Vec<usize> {
        edits.iter().map(|(change, _)| *change).collect()
    };
    let all = by_file
        .iter()
        .flat_map(|(file, edits)| edits.iter().map(|(_, edit)| (*file, *edit)));
    let shared = share::shared(planning, all);
    let none = Shared::new();
    let modules = planning.files.iter().filter(|it| it.is_python());
    let own: FxHashSet<&str> = modules
        .filter_map(|it| it.module.split('.').next())
        .collect();
    let of_others = |file: &FileId| shared.get(file).unwrap_or(&none);
    let new: Vec<_> = by_file
        .iter()
        .filter(|(file, edits)| {
            let rendered = known.get(file);
            rendered
                .is_none_or(|text| text.from != behind(edits) || &text.shared != of_others(file))
        })
        .collect();
    let results: Vec<(FileId, Vec<usize>, Result<String, Losers>)> = new
        .into_par_iter()
        .map(|(file, edits)| {
            let text = render_one(
                (planning, lines, &own),
                changes,
                *file,
                edits,
                of_others(file),
            );
            (*file, behind(edits), text)
        })
        .collect();
    let mut losers = Vec::new();
    for (file, from, text) in results {
        match text {
            Ok(raw) => {
                let text = Text {
                    from,
                    shared: of_others(&file).clone(),
                    raw,
                    ..Text::default()
                };
                known.insert(file, text);
            }
            Err(list) => losers.extend(list),
        }
    }
    if !losers.is_empty() {
        return Err(losers);
    }
    known.retain(|file, _| by_file.contains_key(file));
    tidy(planning, changes, outcomes, known);
    let texts = known.iter().map(|(file, text)| (*file, text.tidy.clone()));
    Ok(texts.collect())
}

fn render_one(
    (planning, lines, own): (&Planning<'_>, &Lines<'_>, &FxHashSet<&str>),
    changes: &[Change],
    file: FileId,
    edits: &[(usize, &Edit)],
    shared: &Shared,
) -> Result<String, Losers> {
    let input = &planning.files[file.0 as usize];
    let everything = |reason: &str| -> Losers {
        let all: BTreeSet<usize> = edits.iter().map(|(change, _)| *change).collect();
        all.into_iter()
            .map(|change| (change, reason.to_owned()))
            .collect()
    };
    if !input.is_python() {
        return match replace_text(&input.text, edits) {
            Ok(text) => Ok(text),
            Err(change) => Err(vec![(
                change,
                format!("another change edits the same place in {}", input.path),
            )]),
        };
    }
    let Ok(before) = parse_module(&input.text, planning.python) else {
        return Err(everything("the file can't be parsed"));
    };
    let list: Vec<Edit> = edits
        .iter()
        .map(|(_, edit)| share::imported(edit, shared))
        .collect();
    let is_own = |module: &str| own.contains(module);
    let text = render_in(&input.text, &before, &list, &is_own).map_err(|conflict| {
        let (first, second) = (edits[conflict.first].0, edits[conflict.second].0);
        if first == second {
            let range = edits[conflict.first].1.range();
            let line = line_of(planning.files, lines, Place { file, range });
            let reason = match conflict.reason {
                Some(why) => format!("the new code can't be written at line {line}: {why}"),
                None => format!("two of its own edits meet at line {line}"),
            };
            return vec![(first, reason)];
        }
        // The change that speaks for less gives way.
        let (keep, lose) = if changes[second].covers.len() > changes[first].covers.len() {
            (second, first)
        } else {
            (first, second)
        };
        let line = line_of(planning.files, lines, changes[keep].place);
        let reason = format!(
            "its edits overlap those of {} at line {line}",
            changes[keep].rule
        );
        vec![(lose, reason)]
    })?;
    if parse_module(&text, planning.python).is_err() {
        return Err(vec![spoiler(planning, &before, input, edits)]);
    }
    Ok(text)
}

/// The change of a file without which, and all that come behind it, the text would be valid Python, with the reason.
fn spoiler(
    planning: &Planning<'_>,
    before: &ParsedModule,
    input: &Input,
    edits: &[(usize, &Edit)],
) -> (usize, String) {
    let all: BTreeSet<usize> = edits.iter().map(|(change, _)| *change).collect();
    let order: Vec<usize> = all.into_iter().collect();
    let error = |count: usize| -> Option<String> {
        let first = &order[..count];
        let list: Vec<Edit> = edits
            .iter()
            .filter(|(change, _)| first.contains(change))
            .map(|(_, edit)| (*edit).clone())
            .collect();
        match render(&input.text, before, &list) {
            Ok(text) => {
                let parsed = parse_module(&text, planning.python);
                parsed.err().map(|error| error.to_string())
            }
            Err(_) => Some("the edits meet".to_owned()),
        }
    };
    let (mut valid, mut invalid) = (0, order.len());
    while invalid - valid > 1 {
        let middle = usize::midpoint(valid, invalid);
        if error(middle).is_some() {
            invalid = middle;
        } else {
            valid = middle;
        }
    }
    let why = error(invalid).unwrap_or_default();
    (
        order[invalid - 1],
        format!("with its edits the file would not be valid Python ({why})"),
    )
}

/// The text of a file that is no Python, with replacements by plain text. The same one of several changes is made once.
///
/// # Errors
/// The change whose edit is none of these, or meets another one.
fn replace_text(text: &str, edits: &[(usize, &Edit)]) -> Result<String, usize> {
    let mut list: Vec<(usize, usize, String, usize)> = Vec::new();
    for (change, edit) in edits {
        let Edit::Replace { range, pieces } = edit else {
            return Err(*change);
        };
        let mut new = String::new();
        for piece in pieces {
            let Piece::Text(text) = piece else {
                return Err(*change);
            };
            new.push_str(text);
        }
        list.push((
            range.start().to_usize(),
            range.end().to_usize(),
            new,
            *change,
        ));
    }
    list.sort();
    list.dedup_by(|a, b| (a.0, a.1, &a.2) == (b.0, b.1, &b.2));
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for (start, end, new, change) in list {
        let between = text.get(at..start).ok_or(change)?;
        text.get(start..end).ok_or(change)?;
        out.push_str(between);
        out.push_str(&new);
        at = end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    Ok(out)
}

/// Withdraws the changes behind the faults: those of the same function, or all of the file.
fn withdraw(
    (planning, lines): (&Planning<'_>, &Lines<'_>),
    changes: &[Change],
    outcomes: &mut [Outcome],
    faults: &[Fault],
    withdrawn: &mut Vec<String>,
) -> bool {
    let mut progress = false;
    let mut done: FxHashSet<(FileId, &str)> = FxHashSet::default();
    for fault in faults {
        if !done.insert((fault.file, fault.function.as_str())) {
            continue;
        }
        let in_file: Vec<usize> = (0..changes.len())
            .filter(|index| outcomes[*index] == Outcome::Applied)
            .filter(|index| {
                changes[*index]
                    .edits
                    .iter()
                    .any(|(file, _)| *file == fault.file)
            })
            .collect();
        let function = function_range(planning, fault);
        let near: Vec<usize> = in_file
            .iter()
            .copied()
            .filter(|index| {
                changes[*index].edits.iter().any(|(file, edit)| {
                    *file == fault.file
                        && function.is_some_and(|range| range.contains_range(edit.range()))
                })
            })
            .collect();
        let behind = if near.is_empty() { in_file } else { near };
        for index in behind {
            withdrawn.push(format!(
                "{}: {} at line {}: {}",
                planning.files[fault.file.0 as usize].path,
                changes[index].rule,
                line_of(planning.files, lines, changes[index].place),
                fault.message
            ));
            outcomes[index] = Outcome::Declined {
                reason: format!("verification: {}", fault.message),
            };
            progress = true;
        }
    }
    progress
}

/// The range, in the old text, of the function that a fault stands in.
fn function_range(planning: &Planning<'_>, fault: &Fault) -> Option<loopshift_python::TextRange> {
    if fault.function.is_empty() {
        return None;
    }
    let input = &planning.files[fault.file.0 as usize];
    let parsed = parse_module(&input.text, planning.python).ok()?;
    crate::verify::find_function(parsed.syntax(), &fault.function)
}
