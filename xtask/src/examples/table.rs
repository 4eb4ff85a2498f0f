//! The table of the examples: `ecosystem/examples.md`.

use std::fmt::Write;

use super::{Paired, Row};

/// The page.
pub(super) fn markdown(rows: &[Row], pairs: &[Paired], notes: &[String]) -> String {
    let mut out = String::from(
        "# Programs without tests\n\n\
         `cargo xtask examples` makes this file: the examples of gevent and eventlet, moved to asyncio, and the programs in the asyncio pages\n\
         of Debian's `python3.11-doc` that run by themselves, moved to AnyIO. Each is moved alone, with `--unsafe`. \"same\": what a client, or the\n\
         example itself, prints before is what it prints after, without the library of green threads, or on the backend that is named. Numbers\n\
         (times, dates, ports) are not compared.\n\n",
    );
    for note in notes {
        // Writing to a string does not fail.
        let _ = writeln!(out, "{}\n", note.lines().next().unwrap_or_default());
    }
    out.push_str("| example | becomes | run | stays because |\n| --- | --- | --- | --- |\n");
    for row in rows {
        let reasons = cell(&row.reasons.join("; "));
        let _ = writeln!(
            out,
            "| {} | {} | {} | {reasons} |",
            row.name, row.state, row.run
        );
    }
    let count = |state: &str| rows.iter().filter(|row| row.state == state).count();
    let ran = rows.iter().filter(|row| row.run.contains("same"));
    let same = ran.filter(|row| !row.run.contains("DIFFERENT")).count();
    let different = rows
        .iter()
        .filter(|row| row.run.contains("DIFFERENT"))
        .count();
    let _ = writeln!(
        out,
        "\n{} examples: {} moved, {} in part, {} stay, {} have nothing to move; {same} ran the same, {different} did not",
        rows.len(),
        count("moved"),
        count("moves in part"),
        count("stays"),
        count("nothing to move"),
    );
    if pairs.is_empty() {
        return out;
    }
    out.push_str(
        "\n## Pairs\n\nA server and a client, both moved: old and new ones talk to each other, and both must print what the two old ones print.\n\n\
         | server and client | combination | run |\n| --- | --- | --- |\n",
    );
    for pair in pairs {
        for (what, same) in &pair.ends {
            let end = if *same { "same" } else { "DIFFERENT" };
            let _ = writeln!(out, "| {} | {what} | {end} |", pair.name);
        }
        if pair.ends.is_empty() {
            let _ = writeln!(out, "| {} | | {} |", pair.name, cell(&pair.story));
        }
    }
    out
}

/// As a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
