//! One change may clear the way for another: a coroutine that provably doesn't raise any more, an object that leaves
//! nothing behind. So the output is migrated again, until nothing changes: a second run then has nothing to do.

use std::collections::BTreeSet;

use loopshift_engine::change::{Change, FileId, Outcome, Plan, Safety};
use loopshift_engine::program::Input;

use crate::moved::Moved;

/// More rounds than this have not been seen to change anything.
const ROUNDS: usize = 4;

/// Adds to `plan` what further rounds change. `once` plans one round for the texts it is given.
pub(crate) fn settle(files: &[Input], plan: &mut Plan, once: impl Fn(&[Input]) -> Plan) {
    let mut later: BTreeSet<FileId> = BTreeSet::new();
    for _ in 1..ROUNDS {
        if plan.texts.is_empty() {
            return;
        }
        let next = once(&after(files, plan));
        if next.texts.is_empty() {
            no_longer_left(plan, &next, &later);
            still_left(plan, &next);
            return;
        }
        later.extend(next.texts.iter().map(|(file, _)| *file));
        for (change, outcome) in &next.changes {
            if *outcome == Outcome::Applied {
                account(plan, change);
            }
        }
        go_on(plan, next.texts, next.withdrawn);
    }
}

/// The files as a plan leaves them. Their lines are known by those of `files`.
pub(crate) fn after(files: &[Input], plan: &Plan) -> Vec<Input> {
    let mut inputs = files.to_vec();
    for (file, text) in &plan.texts {
        let input = &mut inputs[file.0 as usize];
        let moved = Moved::new(&input.text, text);
        let lines = moved.lines().map(|line| {
            let known = input.lines.as_ref().and_then(|lines| lines.get(line));
            known.copied().unwrap_or(line + 1)
        });
        input.lines = Some(lines.collect());
        input.text.clone_from(text);
    }
    inputs
}

/// Lets a plan lead to the texts that a later one makes of those that it led to.
pub(crate) fn go_on(plan: &mut Plan, texts: Vec<(FileId, String)>, withdrawn: Vec<String>) {
    for (file, text) in texts {
        match plan.texts.iter_mut().find(|(known, _)| *known == file) {
            Some(known) => known.1 = text,
            None => plan.texts.push((file, text)),
        }
    }
    plan.texts.sort_by_key(|(file, _)| *file);
    plan.withdrawn.extend(withdrawn);
}

/// Adds the uses that earlier rounds made and the last one leaves: those of which there are more than were left before.
/// Each speaks for a change that was applied in its file.
fn still_left(plan: &mut Plan, last: &Plan) {
    let is_left = |outcome: &Outcome| *outcome != Outcome::Applied;
    let alike =
        |a: &Change, b: &Change| a.place.file == b.place.file && a.rule == b.rule && a.api == b.api;
    let mut known: Vec<bool> = vec![false; plan.changes.len()];
    for (change, outcome) in last.changes.iter().filter(|it| is_left(&it.1)) {
        let before = (plan.changes.iter().zip(&known))
            .position(|((it, outcome), known)| !known && is_left(outcome) && alike(it, change));
        if let Some(index) = before {
            known[index] = true;
            continue;
        }
        let behind = plan.changes.iter().find(|(it, outcome)| {
            let touches = it.edits.iter().any(|(file, _)| *file == change.place.file);
            *outcome == Outcome::Applied && touches
        });
        if let Some((behind, _)) = behind {
            let mut left = change.clone();
            left.covers.clear();
            left.place = behind.place;
            plan.changes.push((left, outcome.clone()));
            known.push(true);
        }
    }
}

/// Takes uses for moved that the first round left and the last one does not know any more: a later change of their file
/// took them along.
fn no_longer_left(plan: &mut Plan, last: &Plan, later: &BTreeSet<FileId>) {
    let left: BTreeSet<(FileId, &str)> = (last.changes.iter())
        .map(|(it, _)| (it.place.file, it.api.as_str()))
        .collect();
    for (change, outcome) in &mut plan.changes {
        let file = change.place.file;
        let is_left = left.contains(&(file, change.api.as_str()));
        if *outcome != Outcome::Applied && later.contains(&file) && !is_left {
            *outcome = Outcome::Applied;
            change.declined = None;
            change.safety = Safety::Safe;
            change.caveats.clear();
            "it goes with a change that another one made possible".clone_into(&mut change.message);
        }
    }
}

/// Finds the change of the first round that a later one applied: of the same rule, for the same API, in the same file.
/// Their places are those of different texts, but come in the same order.
fn account(plan: &mut Plan, applied: &Change) {
    let left = plan.changes.iter_mut().find(|(change, outcome)| {
        *outcome != Outcome::Applied
            && change.place.file == applied.place.file
            && change.rule == applied.rule
            && change.api == applied.api
    });
    if let Some((change, outcome)) = left {
        *outcome = Outcome::Applied;
        change.declined = None;
        change.safety = applied.safety;
        change.caveats.clone_from(&applied.caveats);
        change.message.clone_from(&applied.message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use loopshift_engine::change::Place;
    use loopshift_engine::program::Lines;
    use loopshift_python::{TextRange, TextSize};

    /// What a plan makes of the only file.
    fn written(files: &[Input], text: &str) -> Vec<Input> {
        let plan = Plan {
            texts: vec![(FileId(0), text.to_owned())],
            ..Plan::default()
        };
        after(files, &plan)
    }

    #[test]
    fn messages_about_a_written_text_name_the_lines_of_the_first_one() {
        let first = Input {
            path: "a.py".to_owned(),
            module: "a".to_owned(),
            text: "import a\nx = a.one()\ny = a.two()\n".to_owned(),
            ..Input::default()
        };
        let second = written(&[first], "import b\n\n\nx = b.one()\ny = a.two()\n");
        let third = written(
            &second,
            "# more\nimport b\n\n\nx = b.one()\n\n\ny = b.two()\n",
        );
        let line = |what: &str| {
            let start = TextSize::try_from(third[0].text.find(what).unwrap()).unwrap();
            let (file, range) = (FileId(0), TextRange::empty(start));
            Lines::new(&third).line(Place { file, range })
        };
        assert_eq!((line("x"), line("y"), line("import")), (2, 3, 1));
    }
}
