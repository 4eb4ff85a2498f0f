//! `{name}`: see its page, `docs/rules/{name}.md`.

use crate::rule::{Context, Rule};

/// The rule, for the registry.
pub static RULE: Rule = Rule {
    name: "{name}",
    plan,
};

/// Finds the uses that the rule is about, and adds a change for each: with its edits, or with the reason why it stays.
fn plan(context: &mut Context) {
    let _ = context;
}
