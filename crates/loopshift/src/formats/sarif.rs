//! SARIF 2.1.0, which code scanning services read.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::{Value, json};

use super::{Finding, Level};
use crate::engine::Engine;

pub(super) fn render(findings: &[Finding<'_>], engine: &dyn Engine) -> serde_json::Result<String> {
    let (errors, results): (Vec<&Finding<'_>>, Vec<&Finding<'_>>) =
        (findings.iter()).partition(|finding| finding.level == Level::Error);
    let names: BTreeSet<&str> = results.iter().map(|finding| finding.rule).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "loopshift",
                "version": env!("CARGO_PKG_VERSION"),
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": names.iter().map(|name| rule(name, engine)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results.iter().map(|finding| json!({
                "ruleId": finding.rule,
                "ruleIndex": names.iter().position(|name| *name == finding.rule),
                "level": level(finding.level),
                "message": {"text": finding.text},
                "locations": locations(finding),
            })).collect::<Vec<_>>(),
            "invocations": [{
                "executionSuccessful": true,
                "toolExecutionNotifications": errors.iter().map(|finding| json!({
                    "level": level(finding.level),
                    "message": {"text": finding.text},
                    "locations": locations(finding),
                })).collect::<Vec<_>>(),
            }],
        }],
    });
    Ok(serde_json::to_string_pretty(&log)? + "\n")
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    }
}

/// A rule with its page: the sentence below its heading, and all of it.
fn rule(name: &str, engine: &dyn Engine) -> Value {
    let page = engine.page(name).unwrap_or(name);
    let mut paragraphs = page.split("\n\n");
    let first = paragraphs.nth(1).unwrap_or(name).replace('\n', " ");
    json!({
        "id": name,
        "shortDescription": {"text": first.trim()},
        "help": {"text": page, "markdown": page},
    })
}

fn locations(finding: &Finding<'_>) -> Vec<Value> {
    let Some(file) = finding.file else {
        return Vec::new();
    };
    let mut place = json!({"artifactLocation": {"uri": uri(file)}});
    if let Some(line) = finding.line {
        place["region"] = json!({"startLine": line});
        if let Some(column) = finding.column {
            place["region"]["startColumn"] = json!(column);
        }
    }
    vec![json!({"physicalLocation": place})]
}

/// A path with `/` between its parts as a relative reference.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            // Writing to a string does not fail.
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn paths_are_references() {
        assert_eq!(super::uri("a/é b:1.py"), "a/%C3%A9%20b%3A1.py");
    }
}
