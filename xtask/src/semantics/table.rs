//! The table of the proofs.

use std::fmt::Write;

use super::proof::{Fate, Outcome, Proof, Setting};
use super::way::Way;

/// The outcomes with the names of their proofs.
pub(super) struct Table<'run> {
    rows: Vec<(&'run str, &'run Outcome)>,
    heading: String,
}

impl Fate {
    fn word(&self) -> &str {
        match self {
            Fate::Same => "same",
            Fate::Partly => "partly, same",
            Fate::Declined => "declined",
            Fate::Accepted => "differs, accepted",
            Fate::Wrong(word, _) => word,
        }
    }

    fn is_wrong(&self) -> bool {
        matches!(self, Fate::Wrong(..))
    }
}

impl<'run> Table<'run> {
    pub(super) fn new(proofs: &'run [Proof], outcomes: &'run [Outcome], setting: &Setting) -> Self {
        Table {
            rows: proofs
                .iter()
                .map(|proof| proof.name.as_str())
                .zip(outcomes)
                .collect(),
            heading: match proofs.first().map(|proof| proof.way) {
                Some(Way::Asyncio) => "from green threads to asyncio, run without them".to_owned(),
                _ => format!("AnyIO {} and newer, on asyncio and trio", setting.anyio),
            },
        }
    }

    /// Whether nothing is wrong.
    pub(super) fn is_good(&self) -> bool {
        self.rows
            .iter()
            .all(|(_, outcome)| !outcome.safe.is_wrong() && !outcome.all.is_wrong())
    }

    fn cells(&self) -> Vec<[String; 5]> {
        let cell = |text: &str| text.replace('|', "\\|").replace('\n', " ");
        self.rows
            .iter()
            .map(|(name, outcome)| {
                let form = if outcome.has_form {
                    "a form"
                } else {
                    "declined"
                };
                let reasons = outcome
                    .reasons
                    .iter()
                    .map(|reason| cell(reason))
                    .collect::<Vec<_>>()
                    .join("; ");
                [
                    (*name).to_owned(),
                    form.to_owned(),
                    outcome.safe.word().to_owned(),
                    outcome.all.word().to_owned(),
                    reasons,
                ]
            })
            .collect()
    }

    /// For the terminal. With `verbose`, the story of everything that is wrong comes first.
    pub(super) fn text(&self, verbose: bool) -> String {
        let mut out = String::new();
        // Writing to a string does not fail.
        if verbose {
            for (name, outcome) in &self.rows {
                for (mode, fate) in [("safe", &outcome.safe), ("--unsafe", &outcome.all)] {
                    if let Fate::Wrong(word, story) = fate {
                        let _ = writeln!(out, "=== {name} ({mode}): {word}\n{story}");
                    }
                }
            }
        }
        let _ = writeln!(
            out,
            "{:32} {:9} {:20} {:20} declined or accepted because",
            "proof", "known", "safe", "--unsafe"
        );
        for [name, form, safe, all, reasons] in self.cells() {
            let _ = writeln!(out, "{name:32} {form:9} {safe:20} {all:20} {reasons}");
        }
        for line in self.totals() {
            let _ = writeln!(out, "{line}");
        }
        out
    }

    pub(super) fn markdown(&self) -> String {
        let mut out = format!(
            "# Proofs: {}\n\n| proof | known | safe | `--unsafe` | declined or accepted because |\n",
            self.heading
        );
        out.push_str("| --- | --- | --- | --- | --- |\n");
        for cells in self.cells() {
            let _ = writeln!(out, "| {} |", cells.join(" | "));
        }
        let _ = writeln!(out, "\n{}", self.totals().join("\n"));
        out
    }

    fn totals(&self) -> Vec<String> {
        let count = |form: bool, test: &dyn Fn(&Outcome) -> bool| {
            self.rows
                .iter()
                .filter(|(_, outcome)| outcome.has_form == form && test(outcome))
                .count()
        };
        let line = |form: bool, fate: &dyn Fn(&Outcome) -> &Fate| {
            format!(
                "{} same, {} partly, {} declined, {} differ and are accepted, {} wrong",
                count(form, &|outcome| *fate(outcome) == Fate::Same),
                count(form, &|outcome| *fate(outcome) == Fate::Partly),
                count(form, &|outcome| *fate(outcome) == Fate::Declined),
                count(form, &|outcome| *fate(outcome) == Fate::Accepted),
                count(form, &|outcome| fate(outcome).is_wrong()),
            )
        };
        vec![
            format!(
                "{} programs with a known form, safe: {}",
                count(true, &|_| true),
                line(true, &|outcome| &outcome.safe)
            ),
            format!(
                "{} programs with a known form, --unsafe: {}",
                count(true, &|_| true),
                line(true, &|outcome| &outcome.all)
            ),
            format!(
                "{} programs to be declined, --unsafe: {}",
                count(false, &|_| true),
                line(false, &|outcome| &outcome.all)
            ),
        ]
    }
}
