//! Constraints on versions, as dependency files write them.

use std::str::FromStr;

use loopshift_python::PythonVersion;
use pep440_rs::{Operator, Version as Pep440, VersionSpecifier, VersionSpecifiers};
use pep508_rs::{Requirement, VerbatimUrl, VersionOrUrl};

use crate::catalog::Version;

/// The newest `AnyIO` that the catalog describes.
pub(crate) const NEWEST_ANYIO: Version = Version {
    major: 4,
    minor: 16,
};

/// The newest `AnyIO` that the catalog describes and that can be installed on a Python.
pub fn newest_anyio(python: PythonVersion) -> Version {
    match (python.major, python.minor) {
        (..=3, ..=8) => Version::new(4, 5),
        (..=3, 9) => Version::new(4, 12),
        _ => NEWEST_ANYIO,
    }
}

/// The oldest `AnyIO` that loopshift writes for.
pub(crate) const OLDEST_ANYIO: Version = Version { major: 4, minor: 0 };

/// Which versions of a package may be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Constraint {
    /// These.
    Versions(VersionSpecifiers),
    /// One from a path, an address or another place that has no versions.
    Elsewhere,
}

impl Constraint {
    /// Any version.
    pub(crate) fn any() -> Self {
        Constraint::Versions(VersionSpecifiers::empty())
    }

    /// As Python's packaging writes it: `>=4,<5`.
    pub(crate) fn pep440(text: &str) -> Option<Self> {
        VersionSpecifiers::from_str(text.trim())
            .ok()
            .map(Constraint::Versions)
    }

    /// As Poetry and Pipenv write it: `^4.0`, `~4.1`, `4.*`, `*` or like Python's packaging.
    pub(crate) fn poetry(text: &str) -> Option<Self> {
        let mut written = Vec::new();
        for part in text.split(',').map(str::trim) {
            if part == "*" {
                continue;
            }
            if let Some(version) = part.strip_prefix('^') {
                // What `^` excludes above is of no matter here but for the first number.
                let version = Pep440::from_str(version.trim()).ok()?;
                let first = version.release().first().copied().unwrap_or(0);
                written.push(format!(">={version}"));
                if first > 0 {
                    written.push(format!("<{}", first + 1));
                }
            } else if let Some(version) = part.strip_prefix('~').filter(|it| !it.starts_with('=')) {
                written.push(format!(">={}", version.trim()));
            } else if part.starts_with(|first: char| first.is_ascii_digit()) {
                written.push(format!("=={part}"));
            } else {
                written.push(part.to_owned());
            }
        }
        Constraint::pep440(&written.join(","))
    }

    /// The first version that is allowed, where something is said of it.
    pub(crate) fn lower(&self) -> Option<Pep440> {
        let Constraint::Versions(specifiers) = self else {
            return None;
        };
        specifiers.iter().filter_map(lower).max()
    }

    /// The oldest `AnyIO` of those that loopshift knows: the lower bound, or the newest that is allowed where there is none,
    /// up to `newest`. `None` where no version from 4.0 on is allowed.
    pub(crate) fn anyio(&self, newest: Version) -> Option<Version> {
        let Constraint::Versions(specifiers) = self else {
            return Some(newest);
        };
        let Some(lower) = self.lower() else {
            let minors = (0..=newest.minor).rev();
            return minors.map(|minor| Version::new(4, minor)).find(|version| {
                specifiers.contains(&Pep440::new([
                    u64::from(version.major),
                    u64::from(version.minor),
                ]))
            });
        };
        let version = short(&lower);
        if version >= OLDEST_ANYIO {
            return Some(version);
        }
        let allowed = (0..=NEWEST_ANYIO.minor)
            .any(|minor| specifiers.contains(&Pep440::new([4, u64::from(minor)])));
        allowed.then_some(OLDEST_ANYIO)
    }

    /// The oldest Python 3.
    pub(crate) fn python(&self) -> Option<PythonVersion> {
        let version = short(&self.lower()?);
        let minor = if version.major < 3 { 8 } else { version.minor };
        Some(PythonVersion {
            major: 3,
            minor: u8::try_from(minor).unwrap_or(u8::MAX).max(8),
        })
    }
}

/// The first two numbers of a version.
pub(super) fn short(version: &Pep440) -> Version {
    let number = |index: usize| {
        let number = version.release().get(index).copied().unwrap_or(0);
        u16::try_from(number).unwrap_or(u16::MAX)
    };
    Version::new(number(0), number(1))
}

fn lower(specifier: &VersionSpecifier) -> Option<Pep440> {
    match specifier.operator() {
        Operator::Equal
        | Operator::EqualStar
        | Operator::ExactEqual
        | Operator::TildeEqual
        | Operator::GreaterThan
        | Operator::GreaterThanEqual => Some(specifier.version().clone()),
        Operator::NotEqual
        | Operator::NotEqualStar
        | Operator::LessThan
        | Operator::LessThanEqual => None,
    }
}

/// The normalised name and the constraint of a requirement as PEP 508 writes it.
pub(crate) fn requirement(text: &str) -> Option<(String, Constraint)> {
    if !has_whole_names(text) {
        return None;
    }
    let requirement = Requirement::<VerbatimUrl>::from_str(text).ok()?;
    let constraint = match requirement.version_or_url {
        None => Constraint::any(),
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => Constraint::Versions(specifiers),
        Some(VersionOrUrl::Url(_)) => Constraint::Elsewhere,
    };
    Some((requirement.name.to_string(), constraint))
}

/// Whether the names of the package and its extras end as names do. `pep508_rs` panics where one does not: `py26-: mock`.
fn has_whole_names(text: &str) -> bool {
    let names = text.split([';', '(', '<', '>', '=', '!', '~', '@']).next();
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (names.unwrap_or_default().split(|c| !is_part(c))).all(|name| !name.ends_with(['.', '-', '_']))
}

/// A name as package indexes compare it: `Foo.Bar` is `foo-bar`.
pub(crate) fn normalised(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for part in name.split(['-', '_', '.']).filter(|part| !part.is_empty()) {
        if !out.is_empty() {
            out.push('-');
        }
        out.push_str(&part.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{Constraint, NEWEST_ANYIO, newest_anyio, requirement};
    use crate::catalog::Version;
    use loopshift_python::PythonVersion;
    use proptest::prelude::*;

    fn anyio(text: &str) -> Option<Version> {
        requirement(text).and_then(|(_, constraint)| constraint.anyio(NEWEST_ANYIO))
    }

    #[test]
    fn the_oldest_anyio_is_the_lower_bound_or_the_newest_allowed() {
        assert_eq!(anyio("anyio>=4.2,<5"), Some(Version::new(4, 2)));
        assert_eq!(anyio("AnyIO[trio]~=4.14.1"), Some(Version::new(4, 14)));
        assert_eq!(anyio("anyio==4.3.0"), Some(Version::new(4, 3)));
        assert_eq!(anyio("anyio"), Some(Version::new(4, 16)));
        assert_eq!(anyio("anyio<4.10"), Some(Version::new(4, 9)));
        assert_eq!(anyio("anyio>=3.6"), Some(Version::new(4, 0)));
        assert_eq!(anyio("anyio>=3.6,<4"), None);
        assert_eq!(anyio("anyio<4"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_a_requirement_or_none(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "anyio", "a", "-", ".", "_", "[", "]", ",", " ", ">=", "==", "<", "~=", "!=", "===", "1.0", "4.*",
                    "1", ";", "python_version", "'3.8'", "\"3\"", " in ", " and ", " or ", "(", ")", "@", "file:///x",
                    "https://a/b", "#", ":", "{", "}", "$", "extra", "os_name", "é", "\\", "/", "~", "!", "sys_platform",
                    "python_full_version", " not in ", "3.8",
                ]),
                0..12,
            ),
        ) {
            let _ = requirement(&parts.concat());
        }
    }

    #[test]
    fn a_name_does_not_end_with_a_hyphen() {
        assert!(requirement("py26-: mock").is_none());
        assert!(requirement("anyio[trio-]>=4").is_none());
        assert!(requirement("anyio [trio] >=4-").is_none());
        assert!(requirement("a-b[c_d.e] ~= 1.0; python_version < '3-'").is_some());
    }

    #[test]
    fn an_old_python_has_an_old_anyio() {
        let anyio = |text: &str, minor: u8| {
            let newest = newest_anyio(PythonVersion { major: 3, minor });
            requirement(text).and_then(|(_, constraint)| constraint.anyio(newest))
        };
        assert_eq!(anyio("anyio", 8), Some(Version::new(4, 5)));
        assert_eq!(anyio("anyio<5", 9), Some(Version::new(4, 12)));
        assert_eq!(anyio("anyio<4.10", 9), Some(Version::new(4, 9)));
        assert_eq!(anyio("anyio>=4.2", 8), Some(Version::new(4, 2)));
        assert_eq!(anyio("anyio", 10), Some(NEWEST_ANYIO));
    }

    #[test]
    fn poetry_has_signs_of_its_own() {
        let anyio = |text: &str| Constraint::poetry(text).and_then(|it| it.anyio(NEWEST_ANYIO));
        assert_eq!(anyio("^4.14"), Some(Version::new(4, 14)));
        assert_eq!(anyio("~4.2"), Some(Version::new(4, 2)));
        assert_eq!(anyio("*"), Some(Version::new(4, 16)));
        assert_eq!(anyio(">=4.1,<5"), Some(Version::new(4, 1)));
        assert_eq!(anyio("^3.7"), None);
        let python = |text: &str| Constraint::poetry(text).and_then(|it| it.python());
        assert_eq!(
            python("^3.10").map(|it| (it.major, it.minor)),
            Some((3, 10))
        );
        assert_eq!(
            python(">=2.7,!=3.0.*").map(|it| (it.major, it.minor)),
            Some((3, 8))
        );
    }
}
