//! `loopshift explain`.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::{Explain, PlainFormat, Target};
use crate::discover;
use crate::explanation::Explanation;
use crate::messages::Problem;
use crate::progress::Progress;
use crate::session::{self, Exit, Session};
use crate::table::{self, Align};

/// Prints a rule's page, or why a function is or must become async.
///
/// # Errors
/// Where there is no such rule, file or function.
pub fn run(session: &mut Session, args: &Explain) -> Result<Exit, Problem> {
    let is_json = args.output_format == PlainFormat::Json;
    let text = match args.what.as_deref() {
        None if is_json => return session.print_json(&listed(session)).map(|()| Exit::Clean),
        None => list(session),
        Some(what) => match place(what) {
            Some((file, line)) => {
                let explanation = explain_place(session, &file, line, args.to)?;
                if is_json {
                    return session.print_json(&explanation).map(|()| Exit::Clean);
                }
                explanation.text()
            }
            None => {
                let page = page(session, what)?;
                if is_json {
                    let page = Listed { rule: what, page };
                    return session.print_json(&page).map(|()| Exit::Clean);
                }
                page.to_owned()
            }
        },
    };
    session.print(&text)?;
    if !text.ends_with('\n') {
        session.print("\n")?;
    }
    Ok(Exit::Clean)
}

/// `app/main.py:12` and `app/main.py:12:5`.
fn place(what: &str) -> Option<(PathBuf, usize)> {
    let (file, number) = what.rsplit_once(':')?;
    let number: usize = number.parse().ok()?;
    if let Some((inner, line)) = file.rsplit_once(':')
        && let Ok(line) = line.parse()
    {
        return Some((PathBuf::from(inner), line));
    }
    Some((PathBuf::from(file), number))
}

fn explain_place(
    session: &mut Session,
    file: &Path,
    line: usize,
    to: Option<Target>,
) -> Result<Explanation, Problem> {
    let real = discover::canonical(&[file.to_path_buf()])?.remove(0);
    // Causes may lie anywhere in the program, so all of it is read, not just the file.
    let cwd = session::current_dir()?;
    let program = if real.starts_with(&cwd) {
        cwd
    } else {
        real.parent().unwrap_or(&real).to_path_buf()
    };
    let ground = session::ground(&[program, real.clone()])?;
    let progress = Progress::new(session.global.quiet);
    let files = session::files(session, &ground, &progress)?;
    let to = to
        .or(ground.settings.to)
        .unwrap_or_else(|| session::suggested(&files.sources));
    let job = ground.job(to, files.source_roots);
    let name = files
        .sources
        .iter()
        .find(|source| source.path == real)
        .map(|source| source.name.clone());
    let Some(name) = name else {
        let shown = file.display().to_string();
        let reason = "this could not be read as Python";
        let told = files.problems.into_iter().find(|problem| {
            let rest = problem
                .place
                .as_deref()
                .and_then(|place| place.strip_prefix(&shown));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        });
        return Err(told.unwrap_or_else(|| Problem::at(shown, reason)));
    };
    progress.stage("following calls");
    session.engine.explain(files.sources, &job, &name, line)
}

fn page(session: &Session, rule: &str) -> Result<&'static str, Problem> {
    session.engine.page(rule).ok_or_else(|| {
        if Path::new(rule).exists() {
            return Problem::at(rule, "the line is missing").next(format!(
                "say which one, as in `loopshift explain {rule}:12`"
            ));
        }
        let rules = session.engine.rules();
        let problem = Problem::at(rule, "there is no such rule");
        match similar::get_close_matches(rule, &rules, 3, 0.6).as_slice() {
            [] => problem.next("`loopshift explain` lists the rules"),
            close => problem.next(format!("did you mean {}?", close.join(" or "))),
        }
    })
}

/// A rule, as JSON.
#[derive(Serialize)]
struct Listed<'a> {
    /// Its name.
    rule: &'a str,
    /// Its page, as Markdown.
    page: &'a str,
}

/// The rules with their pages.
fn listed(session: &Session) -> Vec<Listed<'static>> {
    let rules = session.engine.rules().into_iter();
    rules
        .map(|rule| Listed {
            rule,
            page: session.engine.page(rule).unwrap_or_default(),
        })
        .collect()
}

/// The rules, each with the sentence that its page begins with.
fn list(session: &Session) -> String {
    let rules = session.engine.rules();
    let rows: Vec<Vec<String>> = rules
        .into_iter()
        .map(|rule| {
            let page = session.engine.page(rule).unwrap_or_default();
            let first = page.split("\n\n").nth(1).unwrap_or_default();
            vec![rule.to_owned(), first.replace('\n', " ").trim().to_owned()]
        })
        .collect();
    table::lines(&[Align::Left, Align::Left], &rows).join("\n")
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn places_and_rules_are_told_apart() {
        assert_eq!(place("a/b.py:12"), Some(("a/b.py".into(), 12)));
        assert_eq!(place("a/b.py:12:5"), Some(("a/b.py".into(), 12)));
        assert_eq!(place("asyncio-gather"), None);
        assert_eq!(place("a:b"), None);
    }
}
