//! Objects that reach code which can't be seen, and which would go on to use them as they were.

use std::collections::BTreeMap;

use loopshift_engine::change::Place;
use loopshift_engine::objects::clusters;
use loopshift_python::stdlib::is_stdlib;

use crate::context::Context;
use crate::recipe::root;

/// The objects of some classes that leave what is seen, by the calls that make them.
pub(crate) struct Escaped(BTreeMap<Place, String>);

impl Escaped {
    /// Finds them.
    pub(crate) fn new(cx: &Context<'_>, classes: &[&str]) -> Self {
        let mut out = BTreeMap::new();
        for cluster in clusters(cx.program, |name| classes.contains(&name)) {
            let reason = cluster
                .escapes
                .iter()
                .find(|(_, reason)| counts(cx, reason));
            if let Some((_, reason)) = reason {
                out.extend(cluster.sites.iter().map(|site| (*site, reason.clone())));
            }
        }
        Escaped(out)
    }

    /// Whether what a call makes stays in sight.
    ///
    /// # Errors
    /// Where it does not, in words for the user.
    pub(crate) fn check(&self, site: Place) -> Result<(), String> {
        match self.0.get(&site) {
            Some(reason) => Err(format!("{reason}, and would be used there as before")),
            None => Ok(()),
        }
    }
}

/// Whether an escape leads to code that may use the object: what the catalog and the standard library have does not.
fn counts(cx: &Context<'_>, reason: &str) -> bool {
    if reason.ends_with("which is not known") {
        return true;
    }
    let name = reason.split('`').nth(1).unwrap_or_default();
    reason.starts_with("it is passed to `")
        && cx.catalog.get(name).is_none()
        && !is_stdlib(root(name))
}
