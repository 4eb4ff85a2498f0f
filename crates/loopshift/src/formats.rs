//! What a migration has to tell, in the formats of other programs: one finding for each use and each file that could
//! not be read.

mod github;
mod gitlab;
mod junit;
mod sarif;

use crate::cli::Format;
use crate::engine::Engine;
use crate::messages::Problem;
use crate::report::{Fate, Report, Row};

/// What stands for the rule where a file could not be read.
const UNREADABLE: &str = "unreadable";

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// A file that could not be read.
    Error,
    /// A use that moves, by itself or with `--unsafe`.
    Warning,
    /// A use that stays.
    Note,
}

/// One thing to tell, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding<'a> {
    rule: &'a str,
    /// From the root of the run; `None` where it is about no file.
    file: Option<&'a str>,
    line: Option<usize>,
    column: Option<usize>,
    level: Level,
    text: String,
}

/// The report in a format of another program; `None` for those of our own.
///
/// # Errors
/// Where it cannot be written as JSON.
pub fn render(
    report: &Report,
    format: Format,
    engine: &dyn Engine,
) -> serde_json::Result<Option<String>> {
    let findings = findings(report);
    Ok(match format {
        Format::Text | Format::Json => None,
        Format::Sarif => Some(sarif::render(&findings, engine)?),
        Format::Github => Some(github::render(&findings)),
        Format::Gitlab => Some(gitlab::render(&findings)?),
        Format::Junit => Some(junit::render(&findings)),
    })
}

/// What is left to do, by file and place: what was written is not among it.
fn findings(report: &Report) -> Vec<Finding<'_>> {
    let written = |row: &&Row| report.applied.is_some() && row.outcome == Fate::Applied;
    let rows = report.rows.iter().filter(|row| !written(row)).map(of_row);
    let mut findings: Vec<Finding<'_>> = report.problems.iter().map(of_problem).collect();
    findings.extend(rows);
    findings.sort_by_key(|finding| (finding.file, finding.line, finding.column));
    findings
}

fn of_row(row: &Row) -> Finding<'_> {
    let moves = match row.message.as_str() {
        "" => format!("{} moves", row.api),
        message => message.to_owned(),
    };
    let (level, text) = match row.outcome {
        Fate::Applied => (Level::Warning, moves),
        Fate::Deferred => (
            Level::Warning,
            format!("{moves}, with --unsafe{}", row.because()),
        ),
        Fate::Declined => (
            Level::Note,
            format!(
                "{} stays: {}",
                row.api,
                row.reason.as_deref().unwrap_or("no reason was given")
            ),
        ),
    };
    Finding {
        rule: &row.rule,
        file: Some(&row.file),
        line: Some(row.line),
        column: Some(row.column),
        level,
        text,
    }
}

fn of_problem(problem: &Problem) -> Finding<'_> {
    let (file, line, column) = problem
        .place
        .as_deref()
        .map_or((None, None, None), |place| {
            let (file, numbers) = split(place);
            (Some(file), numbers[0], numbers[1])
        });
    let text = match &problem.next {
        Some(next) => format!("{}; {next}", problem.reason),
        None => problem.reason.clone(),
    };
    Finding {
        rule: UNREADABLE,
        file,
        line,
        column,
        level: Level::Error,
        text,
    }
}

/// `a.py:3:5` as the file, the line and the column; either may be missing.
fn split(place: &str) -> (&str, [Option<usize>; 2]) {
    let number = |text: &str| text.parse::<usize>().ok();
    let Some((file, last)) = place.rsplit_once(':') else {
        return (place, [None; 2]);
    };
    let Some(last) = number(last) else {
        return (place, [None; 2]);
    };
    match file
        .rsplit_once(':')
        .map(|(file, line)| (file, number(line)))
    {
        Some((file, Some(line))) => (file, [Some(line), Some(last)]),
        _ => (file, [Some(last), None]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_taken_apart() {
        assert_eq!(split("a.py:3:5"), ("a.py", [Some(3), Some(5)]));
        assert_eq!(split("a.py:3"), ("a.py", [Some(3), None]));
        assert_eq!(split("a.py"), ("a.py", [None, None]));
        assert_eq!(split("odd:name.py"), ("odd:name.py", [None, None]));
    }

    /// A finding with all that has to be escaped somewhere.
    fn odd(level: Level) -> Finding<'static> {
        Finding {
            rule: "word",
            file: Some("a,b/é &:1.py"),
            line: Some(3),
            column: Some(5),
            level,
            text: "50% of <it>\nis \"new\"".to_owned(),
        }
    }

    #[test]
    fn github_reads_every_character() {
        assert_eq!(
            github::render(&[odd(Level::Warning)]),
            "::warning title=loopshift (word),file=a%2Cb/é &%3A1.py,line=3,col=5::\
             50%25 of <it>%0Ais \"new\"\n"
        );
    }

    #[test]
    fn gitlab_tells_equal_findings_apart() {
        let text = gitlab::render(&[odd(Level::Note), odd(Level::Note)]).expect("JSON");
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(json[0]["severity"], "info");
        assert_eq!(json[0]["location"]["lines"]["begin"], 3);
        assert_ne!(json[0]["fingerprint"], json[1]["fingerprint"]);
    }

    #[test]
    fn junit_is_xml() {
        let text = junit::render(&[odd(Level::Error)]);
        assert!(
            text.contains(
                "<testsuite name=\"a,b/é &amp;:1.py\" tests=\"1\" failures=\"0\" errors=\"1\">"
            ),
            "{text}"
        );
        assert!(
            text.contains("<error message=\"50% of &lt;it&gt;&#10;is &quot;new&quot;\""),
            "{text}"
        );
    }
}
