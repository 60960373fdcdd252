//! Distributions of Python whose modules have our names.

use super::finding::{Finding, Machine};
use std::path::{Path, PathBuf};

/// The distributions of others that install a module `plasma` or `libplasma`, as file names have
/// them.
const FOREIGN: [&str; 2] = ["plasma", "libplasma"];

/// The places of packages, each for any version of Python: `lib/python3*`, and a directory in it.
const PLACES: [(&str, &str); 4] = [
    ("/usr/lib", "dist-packages"),
    ("/usr/local/lib", "dist-packages"),
    ("/usr/lib", "site-packages"),
    ("/usr/local/lib", "site-packages"),
];

pub fn examine(machine: &Machine<'_>) -> Vec<Finding> {
    let own = ["VIRTUAL_ENV", "CONDA_PREFIX"].iter().filter_map(std::env::var_os);
    let own = own.map(|prefix| (PathBuf::from(prefix).join("lib"), "site-packages"));
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/lib"));
    let own = own.chain(home.map(|lib| (lib, "site-packages")));
    let shared = PLACES.iter().map(|(lib, inner)| (PathBuf::from(lib), *inner));
    own.chain(shared)
        .flat_map(|(lib, inner)| {
            entries(&machine.path(&lib.to_string_lossy()))
                .filter(|name| name.starts_with("python3"))
                .map(move |python| lib.join(python).join(inner))
                .collect::<Vec<_>>()
        })
        .filter_map(|place| clash(machine, &place))
        .collect()
}

/// The names in a directory; none if it cannot be read.
fn entries(directory: &Path) -> impl Iterator<Item = String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned())
}

/// The problem of a place that has our distribution and another with its modules.
fn clash(machine: &Machine<'_>, place: &Path) -> Option<Finding> {
    let (mut ours, mut foreign) = (false, Vec::new());
    for name in entries(&machine.path(&place.to_string_lossy())) {
        let metadata = name.strip_suffix(".dist-info").or(name.strip_suffix(".egg-info"));
        let Some((distribution, rest)) = metadata.and_then(|it| it.split_once('-')) else {
            continue;
        };
        let version = rest.split('-').next().unwrap_or(rest); // an egg-info may name its Python, too
        ours |= distribution.eq_ignore_ascii_case("plasma_store");
        if let Some(found) = FOREIGN.iter().find(|it| distribution.eq_ignore_ascii_case(it)) {
            foreign.push((*found, format!("{found} {version}")));
        }
    }
    if !ours || foreign.is_empty() {
        return None;
    }
    foreign.sort();
    let (names, versions): (Vec<_>, Vec<_>) = foreign.into_iter().unzip();
    Some(Finding::problem(
        "Python",
        format!(
            "{} has {} and plasma-store, which overwrite each other's modules",
            place.display(),
            versions.join(", ")
        ),
        format!(
            "pip uninstall {}; then pip install --force-reinstall plasma-store",
            names.join(" ")
        ),
    ))
}
