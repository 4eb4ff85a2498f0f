//! The Code Quality report of GitLab.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;
use serde_json::json;

use super::{Finding, Level};

pub(super) fn render(findings: &[Finding<'_>]) -> serde_json::Result<String> {
    // A fingerprint must stay the same when lines move, and be another one for each finding.
    let mut seen: BTreeMap<u64, usize> = BTreeMap::new();
    let issues: Vec<serde_json::Value> = findings
        .iter()
        .map(|finding| {
            let mut hasher = FxHasher::default();
            (finding.rule, finding.file, &finding.text).hash(&mut hasher);
            let hash = hasher.finish();
            let number = seen.entry(hash).or_insert(0);
            *number += 1;
            json!({
                "description": finding.text,
                "check_name": finding.rule,
                "fingerprint": format!("{hash:016x}-{number}"),
                "severity": match finding.level {
                    Level::Error => "major",
                    Level::Warning => "minor",
                    Level::Note => "info",
                },
                "location": {
                    "path": finding.file.unwrap_or("."),
                    "lines": {"begin": finding.line.unwrap_or(1)},
                },
            })
        })
        .collect();
    Ok(serde_json::to_string_pretty(&issues)? + "\n")
}
