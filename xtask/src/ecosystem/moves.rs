//! `docs/what-moves.md`: what moves, what does not, and why, counted over all programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::kinds::{FOLLOWS, follows};
use super::results::{Counted, Results};

/// How many APIs are listed.
const APIS: usize = 80;

/// How often something was said, in which programs.
#[derive(Default)]
struct Said<'a> {
    count: usize,
    programs: BTreeSet<&'a str>,
}

/// The page.
pub(super) fn markdown(results: &Results) -> String {
    let mut apis: BTreeMap<&str, Counted> = BTreeMap::new();
    let mut of_api: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    let mut reasons: BTreeMap<&str, Said<'_>> = BTreeMap::new();
    let mut follow = 0;
    for (name, program) in &results.programs {
        for (api, counted) in &program.apis {
            let sum = apis.entry(api).or_default();
            sum.uses += counted.uses;
            sum.moved += counted.moved;
            sum.moved_unsafe += counted.moved_unsafe;
        }
        let last = program.all.as_ref().or(program.safe.as_ref());
        for (api, kinds) in last.into_iter().flat_map(|it| &it.why) {
            for (kind, count) in kinds {
                if follows(kind) {
                    follow += count;
                    continue;
                }
                *of_api.entry(api).or_default().entry(kind).or_default() += count;
                let said = reasons.entry(kind).or_default();
                said.count += count;
                said.programs.insert(name);
            }
        }
    }
    let mut out = String::from(
        "# What moves, what does not, and why\n\n\
         Counted over the [real programs](../ecosystem/results.md) that `cargo xtask ecosystem` migrates; it makes this file, too. What a rule does\n\
         with a use, and when it declines, is told by its [page](rules/README.md).\n\n",
    );
    if !results.missing.is_empty() {
        let _ = writeln!(out, "Not run yet: {}.\n", results.missing.join(", "));
    }
    let _ = writeln!(
        out,
        "## By API\n\n\
         *Moves*: by itself. *With `--unsafe`*: these, and those that may differ in a way that is named. *Why the rest stays*: the most\n\
         frequent reason, with names and places as `…`.\n\n\
         | API | uses | moves | with `--unsafe` | why the rest stays |\n| --- | --- | --- | --- | --- |"
    );
    let mut rows: Vec<(&&str, &Counted)> = apis.iter().collect();
    rows.sort_by_key(|(_, counted)| std::cmp::Reverse(counted.uses));
    for (api, counted) in rows.iter().take(APIS) {
        let kinds = of_api.get(**api).into_iter().flatten();
        let why = kinds.max_by_key(|(_, count)| **count);
        let why = match why {
            _ if counted.moved_unsafe == counted.uses => String::new(),
            Some((kind, _)) => cell(kind),
            None => FOLLOWS.to_owned(),
        };
        let _ = writeln!(
            out,
            "| `{api}` | {} | {} | {} | {why} |",
            counted.uses, counted.moved, counted.moved_unsafe
        );
    }
    let rest: usize = rows
        .iter()
        .skip(APIS)
        .map(|(_, counted)| counted.uses)
        .sum();
    if rest > 0 {
        let more = rows.len() - APIS;
        let _ = writeln!(out, "\n{more} more APIs have {rest} uses.");
    }
    let _ = writeln!(
        out,
        "\n## Why changes are declined\n\n\
         With `--unsafe`; most frequent first: what to build next, where it has a right answer. {follow} more are declined only because\n\
         they go together with one of these.\n\n\
         | | rule | reason | declined | programs |\n| --- | --- | --- | --- | --- |"
    );
    let mut ranked: Vec<(&&str, &Said<'_>)> = reasons.iter().collect();
    ranked.sort_by_key(|(_, said)| std::cmp::Reverse((said.count, said.programs.len())));
    for (index, (kind, said)) in ranked.iter().enumerate() {
        let (rule, reason) = kind.split_once(": ").unwrap_or(("", kind));
        let _ = writeln!(
            out,
            "| {} | {rule} | {} | {} | {} |",
            index + 1,
            cell(reason),
            said.count,
            said.programs.len()
        );
    }
    out
}

/// As a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
