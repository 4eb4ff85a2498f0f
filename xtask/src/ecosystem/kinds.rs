//! Kinds of reasons: a reason without the names and places of one program.

/// The reason of changes that stay because another one does.
pub(super) const FOLLOWS: &str = "it goes together with what stays";

/// Whether a kind of reason only points at another one.
pub(super) fn follows(kind: &str) -> bool {
    kind.ends_with(FOLLOWS) || kind.contains(": its task stays: ")
}

/// A reason with `…` for its names and places.
pub(super) fn kind(reason: &str) -> String {
    if reason.starts_with("it moves together with ") || reason.starts_with("it goes together with ")
    {
        return FOLLOWS.to_owned();
    }
    let mut out = String::new();
    for (index, part) in reason.split('`').enumerate() {
        if index % 2 == 1 {
            out.push_str("`…`");
            continue;
        }
        for (index, word) in part.split(' ').enumerate() {
            if index > 0 {
                out.push(' ');
            }
            out.push_str(&general(word, out.ends_with("line ")));
        }
    }
    out
}

/// A word, or `…` where it names a place.
fn general(word: &str, is_line: bool) -> String {
    let core = word.trim_matches(|c: char| "(),;:".contains(c));
    let path = core.split(':').next().unwrap_or(core);
    let endings = [".py", ".pyi", ".toml", ".cfg", ".ini", ".txt"];
    let is_path = endings.iter().any(|ending| path.ends_with(ending));
    let is_number = !core.is_empty() && core.chars().all(|c| c.is_ascii_digit());
    if is_path || is_line && is_number {
        word.replace(core, "…")
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_places_are_left_out() {
        for (reason, wanted) in [
            (
                "`asyncio.sleep` is replaced by name at tests/conftest.py:204, as tests do",
                "`…` is replaced by name at …, as tests do",
            ),
            (
                "`addopts` sets the mode (line 106 of pyproject.toml)",
                "`…` sets the mode (line … of …)",
            ),
            (
                "below Python 3.11 it is a class",
                "below Python 3.11 it is a class",
            ),
            ("it moves together with a.py:3", FOLLOWS),
            ("at line 203 `x` is used", "at line … `…` is used"),
        ] {
            assert_eq!(kind(reason), wanted);
        }
    }
}
