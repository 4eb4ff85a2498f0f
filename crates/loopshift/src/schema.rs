//! The schemas of the JSON that the commands print, made from the types that print it.

use std::collections::BTreeMap;

use schemars::{Schema, schema_for};

use crate::cli::Described;
use crate::commands::undo::UndoJson;
use crate::explanation::Explanation;
use crate::report::MigrateJson;
use crate::scan_report::ScanJson;
use crate::verify::report::VerifyJson;

/// The schema of what a command prints.
pub fn schema(of: Described) -> Schema {
    match of {
        Described::Scan => schema_for!(ScanJson<'static>),
        Described::Migrate => schema_for!(MigrateJson<'static>),
        Described::Undo => schema_for!(UndoJson<'static>),
        Described::Verify => schema_for!(VerifyJson<'static>),
        Described::Explain => schema_for!(Explanation),
        Described::Graph => schema_for!(BTreeMap<String, Vec<String>>),
    }
}
