//! The tables of `ecosystem/results.md`.

use std::fmt::Write;

use super::results::{Migrated, ProgramResult, Results};

/// The page.
pub(super) fn markdown(results: &Results, build: &str) -> String {
    let mut out = String::from(
        "# Real programs\n\n\
         `cargo xtask ecosystem` makes this file. Each program is obtained from PyPI, with a pinned environment. Its own tests are run three\n\
         times without any change; those that differ are set aside. Then `loopshift verify` runs them on the migrated program and compares\n\
         test by test: on asyncio, and on trio where no module needs asyncio any more. In a control nothing may change.\n\n",
    );
    out.push_str(&totals(results));
    out.push('\n');
    out.push_str(&programs(results));
    if !results.missing.is_empty() {
        let _ = writeln!(out, "\nNot run yet: {}.", results.missing.join(", "));
    }
    let all = results.programs.values();
    let older: Vec<&str> = all
        .filter(|it| it.build != build)
        .map(|it| it.name.as_str())
        .collect();
    if !older.is_empty() {
        let _ = writeln!(
            out,
            "\nRun with another build than the rest: {}.",
            older.join(", ")
        );
    }
    out.push_str(
        "\nWhy what stays stays, over all programs: [what moves](../docs/what-moves.md).\n",
    );
    for result in results.programs.values() {
        program(&mut out, result);
    }
    out
}

fn program(out: &mut String, result: &ProgramResult) {
    let _ = writeln!(
        out,
        "\n## {} {} ({})\n",
        result.name, result.version, result.licence
    );
    if let Some(note) = &result.note {
        let _ = writeln!(out, "Tests: {note}.\n");
    }
    for problem in result.problems() {
        let _ = writeln!(out, "- **{}**", problem.lines().next().unwrap_or_default());
    }
    for test in result.before.iter().flat_map(|it| &it.flaky) {
        let _ = writeln!(out, "- set aside, as it differs without any change: {test}");
    }
    for test in result.before.iter().flat_map(|it| &it.failed) {
        let _ = writeln!(out, "- fails before, too: {test}");
    }
    for (kind, count) in result.reasons() {
        let _ = writeln!(out, "- {count} × {kind}");
    }
}

/// The totals, on the scale of the literature: candidates, transformed, behaviour changed.
pub(super) fn totals(results: &Results) -> String {
    let mut out = String::from(
        "| programs | | lines | candidates (uses) | transformed | with `--unsafe` | programs whose tests tell a difference | with `--unsafe` | tests | broken | with `--unsafe` |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    let all: Vec<&ProgramResult> = results.programs.values().collect();
    let mut groups: Vec<(String, Vec<&ProgramResult>)> = Vec::new();
    for one in &all {
        let kind = match (one.control, one.application) {
            (true, _) => "controls".to_owned(),
            (_, true) => format!("{} → {}, applications", one.from, one.to),
            (_, false) => format!("{} → {}, libraries", one.from, one.to),
        };
        match groups.iter_mut().find(|(name, _)| *name == kind) {
            Some((_, group)) => group.push(one),
            None => groups.push((kind, vec![one])),
        }
    }
    groups.sort_by(|a, b| a.0.cmp(&b.0));
    groups.push(("**all**".to_owned(), all));
    for (name, group) in groups {
        let sum =
            |of: &dyn Fn(&ProgramResult) -> usize| group.iter().map(|it| of(it)).sum::<usize>();
        let uses = sum(&|it| it.uses);
        let share = |moved: usize| match uses {
            0 => "0".to_owned(),
            uses => format!("{moved} ({} %)", moved * 100 / uses),
        };
        let changed = |it: &Option<Migrated>| {
            let after = it.iter().flat_map(|it| &it.after);
            after.map(super::tests::After::changed).max().unwrap_or(0)
        };
        let differs = |it: &Option<Migrated>| {
            usize::from(it.iter().flat_map(|it| &it.after).any(|it| !it.is_same()))
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            out,
            "| {name} | {} | {} | {uses} | {} | {} | {} | {} | {} | {} | {} |",
            group.len(),
            sum(&|it| it.lines),
            share(sum(&|it| it.moved)),
            share(sum(&|it| it.moved_unsafe)),
            sum(&|it| differs(&it.safe)),
            sum(&|it| differs(&it.all)),
            sum(&|it| it.before.as_ref().map_or(0, |before| before.passed)),
            sum(&|it| changed(&it.safe)),
            sum(&|it| changed(&it.all)),
        );
    }
    out
}

/// A row for each program.
pub(super) fn programs(results: &Results) -> String {
    let mut out = String::from(
        "| program | migration | lines | uses | move | with `--unsafe` | declined | become async | scan | tests before | after | after, `--unsafe` |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for result in results.programs.values() {
        let last = result.all.as_ref().or(result.safe.as_ref());
        let declined = last.map_or("-".to_owned(), |it| it.declined.to_string());
        let before = match (&result.before, &result.error) {
            (_, Some(_)) => "**stopped**".to_owned(),
            (Some(before), None) => before.cell(),
            (None, None) => "-".to_owned(),
        };
        let cells = [
            format!("{} {}", result.name, result.version),
            format!("{} → {}", result.from, result.to),
            result.lines.to_string(),
            result.uses.to_string(),
            result.moved.to_string(),
            result.moved_unsafe.to_string(),
            declined,
            format!("{} of {}", result.coloured, result.functions),
            format!("{} s", result.seconds),
            before,
            after(result.safe.as_ref()),
            after(result.all.as_ref()),
        ];
        let _ = writeln!(out, "| {} |", cells.join(" | "));
    }
    out
}

fn after(migrated: Option<&Migrated>) -> String {
    let Some(migrated) = migrated else {
        return "-".to_owned();
    };
    if migrated.files == 0 {
        return "nothing changes".to_owned();
    }
    let cells = migrated.after.iter().map(|after| match &after.backend {
        Some(backend) => format!("{backend}: {}", after.cell()),
        None => after.cell(),
    });
    cells.collect::<Vec<_>>().join("; ")
}
