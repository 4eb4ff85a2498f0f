//! How a list of requirements comes to hold a package in a version that is new enough.

use super::list::{Entry, List, Patch, Shape};
use super::need::Need;
use super::version::{Constraint, NEWEST_ANYIO, short};

/// What to write so that a list holds `anyio` in a version that is new enough; `None` where it does.
pub(super) fn ensure(list: &List, text: &str, need: Need) -> Option<Result<Vec<Patch>, String>> {
    let bound = format!(">={}", need.version);
    let Some(entry) = list.get(need.package) else {
        return Some(Ok(list.add(text, need.package, &bound)));
    };
    if need.package != "anyio" {
        return None;
    }
    let decline = |what: &str| {
        Some(Err(format!(
            "{what}, and the new code needs `anyio{bound}`"
        )))
    };
    match &entry.constraint {
        None => decline("what it says of anyio is not understood"),
        Some(Constraint::Elsewhere) => None,
        Some(constraint @ Constraint::Versions(specifiers)) => match constraint.lower() {
            Some(lower) if short(&lower) >= need.version => None,
            Some(_) if constraint.anyio(NEWEST_ANYIO).is_none() => {
                decline("it allows AnyIO before 4.0 only")
            }
            Some(_) => match raised(entry, text, &bound) {
                Some(patch) => Some(Ok(vec![patch])),
                None => decline("it allows an older AnyIO"),
            },
            None if constraint
                .anyio(NEWEST_ANYIO)
                .is_none_or(|newest| newest < need.version) =>
            {
                decline("it allows older AnyIO only")
            }
            None => match bounded(list, entry, text, &bound, specifiers.is_empty()) {
                Some(patch) => Some(Ok(vec![patch])),
                None => decline("it allows any older AnyIO"),
            },
        },
    }
}

/// `anyio>=4.0` with a higher bound.
fn raised(entry: &Entry, text: &str, bound: &str) -> Option<Patch> {
    let written = text.get(entry.text.clone())?;
    let at = written.find(">=")?;
    let version = written[at + 2..].trim_start();
    let skipped = written.len() - at - version.len();
    let len = version
        .find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '.'))
        .unwrap_or(version.len());
    let start = entry.text.start + at;
    Some((start..start + skipped + len, bound.to_owned()))
}

/// `anyio` and `anyio<5` with a bound.
fn bounded(list: &List, entry: &Entry, text: &str, bound: &str, bare: bool) -> Option<Patch> {
    let written = text.get(entry.text.clone())?;
    if matches!(list.shape, Shape::Keys(_)) {
        if written == "*" {
            return Some((entry.text.clone(), bound.to_owned()));
        }
        let end = entry.text.end;
        return Some((end..end, format!(",{bound}"))).filter(|_| !written.is_empty());
    }
    let requirement = written.split(';').next()?.trim_end();
    if requirement.ends_with(')') {
        return None;
    }
    let end = entry.text.start + requirement.len();
    let comma = if bare { "" } else { "," };
    Some((end..end, format!("{comma}{bound}")))
}
