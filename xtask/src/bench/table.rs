//! What was measured, as a page.

use std::fmt::Write as _;

use super::Cost;

/// How much CPU a run may take, where parsing takes 1.
const CPU: f64 = 2.0;
/// How much memory it may take, in MiB.
const PEAK: f64 = 300.0;
/// How much colours may add to a scan.
const COLOURS: f64 = 0.25;

/// What was measured on one tree.
pub(super) struct Measured {
    /// The tree.
    pub name: String,
    /// How many files and lines it has.
    pub size: String,
    /// The runs; the first one is parsing alone.
    pub rows: Vec<Row>,
    /// What the colours of green threads add to a scan, as a share of the rest of it; none where it has none.
    pub colours: Option<f64>,
}

/// One run.
pub(super) struct Row {
    /// What ran.
    pub name: String,
    /// What it cost.
    pub cost: Cost,
    /// Whether the aims hold for it: it is loopshift, and starts from nothing.
    pub aimed: bool,
}

/// The page.
pub(super) fn page(measured: &[Measured], cores: usize, note: Option<&str>) -> String {
    let mut out = format!(
        "# Speed\n\nWritten by `cargo xtask bench`, on a machine with {cores} cores. Nothing is written by `migrate` here. LibCST is \
         reckoned from a sample of the files.\n"
    );
    // Writing to a string does not fail.
    if let Some(note) = note {
        let _ = writeln!(out, "\n{note}");
    }
    for tree in measured {
        let _ = write!(out, "\n## {}\n\n{}", tree.name, table(tree));
    }
    let _ = write!(
        out,
        "\n## Aims\n\nCPU at most {CPU:.0} times that of parsing, and no more than ruff; less than {PEAK:.0} MiB; colours add at \
         most {COLOURS} to a scan.\n\n"
    );
    let missed: Vec<String> = measured.iter().flat_map(missed).collect();
    if missed.is_empty() {
        out.push_str("All are met.\n");
    }
    for line in missed {
        let _ = writeln!(out, "- Not met: {line}.");
    }
    out
}

fn mib(bytes: f64) -> f64 {
    bytes / 1_048_576.0
}

/// The rows of one tree.
pub(super) fn table(tree: &Measured) -> String {
    let base = tree.rows.first().map_or(1.0, |row| row.cost.cpu);
    let mut out = format!(
        "{}\n\n| run | CPU s | wall s | peak MiB | CPU, parsing = 1 |\n| --- | ---: | ---: | ---: | ---: |\n",
        tree.size
    );
    for Row { name, cost, .. } in &tree.rows {
        let _ = writeln!(
            out,
            "| {name} | {:.2} | {:.2} | {:.0} | {:.2} |",
            cost.cpu,
            cost.wall,
            mib(cost.peak),
            cost.cpu / base
        );
    }
    if let Some(share) = tree.colours {
        let _ = writeln!(
            out,
            "\nThe colours of green threads add {share:.2} to a scan."
        );
    }
    out
}

/// The aims that runs on a tree miss.
fn missed(tree: &Measured) -> Vec<String> {
    let cpu = |what: &str| {
        let row = tree.rows.iter().find(|row| row.name.starts_with(what));
        row.map(|row| row.cost.cpu)
    };
    let mut out = Vec::new();
    for row in tree.rows.iter().filter(|row| row.aimed) {
        let Row { name, cost, .. } = row;
        let times = cpu("parsing").map(|base| cost.cpu / base);
        if let Some(times) = times.filter(|times| *times > CPU) {
            out.push(format!(
                "{}: `{name}` costs {times:.1} times parsing",
                tree.name
            ));
        }
        let times = cpu("ruff").map(|base| cost.cpu / base);
        if let Some(times) = times.filter(|times| *times > 1.0) {
            out.push(format!(
                "{}: `{name}` costs {times:.1} times ruff",
                tree.name
            ));
        }
        let peak = mib(cost.peak);
        if peak >= PEAK {
            out.push(format!("{}: `{name}` takes {peak:.0} MiB", tree.name));
        }
    }
    if let Some(share) = tree.colours.filter(|share| *share > COLOURS) {
        out.push(format!("{}: colours add {share:.2} to a scan", tree.name));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_costs_too_much_is_named() {
        let row = |name: &str, cpu: f64, aimed: bool| Row {
            name: name.to_owned(),
            cost: Cost {
                cpu,
                wall: cpu,
                peak: 100.0 * 1_048_576.0,
                code: 0,
            },
            aimed,
        };
        let tree = Measured {
            name: "here".to_owned(),
            size: "1 files, 2 lines".to_owned(),
            rows: vec![
                row("parsing alone", 1.0, false),
                row("scan", 1.5, true),
                row("ruff check", 2.0, false),
                row("migrate", 5.0, true),
            ],
            colours: Some(0.5),
        };
        assert_eq!(
            missed(&tree),
            [
                "here: `migrate` costs 5.0 times parsing",
                "here: `migrate` costs 2.5 times ruff",
                "here: colours add 0.50 to a scan"
            ]
        );
    }
}
