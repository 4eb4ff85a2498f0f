//! Files in the format of `configparser`, with the ranges of what stands in them.

use std::ops::Range;

/// An option of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The section, without brackets.
    pub section: String,
    /// The name, in small letters.
    pub key: String,
    /// The name in the text.
    pub key_range: Range<usize>,
    /// What stands behind the sign on the same line, trimmed.
    pub value: Range<usize>,
    /// The further lines, trimmed, without comments and empty ones.
    pub lines: Vec<Range<usize>>,
}

/// All options, in order.
pub(crate) fn settings(text: &str) -> Vec<Setting> {
    let mut section = String::new();
    let mut out: Vec<Setting> = Vec::new();
    let mut offset = 0;
    let mut continues = false;
    for line in text.split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
            continue;
        }
        let at = start + (line.len() - line.trim_start().len());
        let range = at..at + trimmed.len();
        if line.starts_with([' ', '\t']) {
            if continues && let Some(last) = out.last_mut() {
                last.lines.push(range);
            }
            continue;
        }
        continues = false;
        if let Some(name) = trimmed
            .strip_prefix('[')
            .and_then(|rest| rest.split_once(']'))
        {
            name.0.clone_into(&mut section);
            continue;
        }
        let Some(sign) = trimmed.find(['=', ':']) else {
            continue;
        };
        let key = trimmed[..sign].trim_end();
        let value = trimmed[sign + 1..].trim();
        out.push(Setting {
            section: section.clone(),
            key: key.to_ascii_lowercase(),
            key_range: at..at + key.len(),
            value: range.end - value.len()..range.end,
            lines: Vec::new(),
        });
        continues = true;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::settings;

    #[test]
    fn lines_belong_to_the_option_above_them() {
        let text = "[options]\ninstall_requires =\n    a>=1\n    # why\n    b\n[x]\nk: v\n";
        let found = settings(text);
        let lines: Vec<&str> = found[0].lines.iter().map(|it| &text[it.clone()]).collect();
        assert_eq!(
            (found[0].section.as_str(), lines),
            ("options", vec!["a>=1", "b"])
        );
        assert_eq!(&text[found[1].value.clone()], "v");
        assert_eq!(found[1].section, "x");
    }
}
