//! Small Python modules that the programs under test load: they keep imports in the copy, choose AnyIO's backend, and
//! tell the results of tests.

use std::fs;
use std::path::{Path, PathBuf};

use crate::messages::Problem;

const MODULES: [(&str, &str); 3] = [
    ("sitecustomize.py", include_str!("hooks/sitecustomize.py")),
    (
        "loopshift_pytest.py",
        include_str!("hooks/loopshift_pytest.py"),
    ),
    (
        "loopshift_unittest.py",
        include_str!("hooks/loopshift_unittest.py"),
    ),
];

/// Writes the modules into a folder in `dir`, for `PYTHONPATH`.
///
/// # Errors
/// Where the system refuses.
pub fn write(dir: &Path) -> Result<PathBuf, Problem> {
    let folder = dir.join("hooks");
    fs::create_dir(&folder).map_err(|error| Problem::io("create", &folder, &error))?;
    for (name, text) in MODULES {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| Problem::io("write", &path, &error))?;
    }
    Ok(folder)
}
