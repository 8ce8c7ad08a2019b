//! Suites whose cells are named elsewhere: files of a folder, cases of a case file.

use std::path::Path;

use super::axes::Cell;
use super::calls;
use super::suites::{forms, kinds};
use crate::cases;
use crate::runner::compression::Compression;
use crate::runner::pair::Pair;

/// Each cell once for each file or case that belongs to it.
///
/// # Errors
/// A sentence that names the file, or the folder.
pub(super) fn expand(root: &Path, suite: &str, cells: Vec<Cell>) -> Result<Vec<Cell>, String> {
    match suite {
        "corpus" | "limits" => files(root, cells),
        "kinds" => kinds_cases(root, cells),
        "forms" => forms_cases(root, cells),
        "call" => call_cases(root, cells),
        "behaviour" => behaviour_cases(root, cells),
        _ => Ok(cells),
    }
}

fn with(cell: &Cell, axis: &str, value: String) -> Cell {
    let mut cell = cell.clone();
    cell.case.push((axis.to_owned(), value));
    cell
}

fn files(root: &Path, cells: Vec<Cell>) -> Result<Vec<Cell>, String> {
    let mut all = Vec::new();
    for cell in cells {
        let folder = root.join("compat-tests/golden").join(cell.value("folder"));
        let say = |e: std::io::Error| format!("{}: {e}", folder.display());
        let mut names = Vec::new();
        for file in std::fs::read_dir(&folder).map_err(say)? {
            names.push(file.map_err(say)?.file_name().to_string_lossy().into_owned());
        }
        names.retain(|n| n != "index.txt");
        names.sort();
        all.extend(names.into_iter().map(|name| with(&cell, "file", name)));
    }
    Ok(all)
}

fn kinds_cases(root: &Path, cells: Vec<Cell>) -> Result<Vec<Cell>, String> {
    let cases = kinds::load(root)?;
    let of = |cell: Cell| {
        let names = cases.iter().map(|case| case.name.clone());
        names.map(move |name| with(&cell, "case", name)).collect::<Vec<_>>()
    };
    Ok(cells.into_iter().flat_map(of).collect())
}

fn forms_cases(root: &Path, cells: Vec<Cell>) -> Result<Vec<Cell>, String> {
    let mut all = Vec::new();
    for cell in cells {
        let cases = forms::load(root, cell.value("answer"))?;
        let of_codec = cases.into_iter().filter(|case| case.codec == cell.value("content"));
        all.extend(of_codec.map(|case| with(&cell, "case", case.name)));
    }
    Ok(all)
}

fn call_cases(root: &Path, cells: Vec<Cell>) -> Result<Vec<Cell>, String> {
    let cases = calls::load(root)?;
    let mut all = Vec::new();
    for cell in cells {
        for case in &cases {
            let cell = with(&cell, "case", case.name.clone());
            let mut cells = match case.compression.as_slice() {
                [] => vec![cell.clone()],
                all => all
                    .iter()
                    .map(|by| with(&cell, "compression", Compression::Both(*by).name().into()))
                    .collect(),
            };
            cells.extend(case.codecs.iter().map(|codec| with(&cell, "content", codec.clone())));
            for cell in cells {
                match case.sizes.as_slice() {
                    [] => all.push(cell),
                    sizes => all.extend(sizes.iter().map(|size| with(&cell, "size", size.to_string()))),
                }
            }
        }
    }
    Ok(all)
}

fn behaviour_cases(root: &Path, cells: Vec<Cell>) -> Result<Vec<Cell>, String> {
    let cases = cases::load(&root.join("compat-tests/cases/behaviour.yaml"))?;
    let mut all = Vec::new();
    for cell in cells {
        let Some(pair) = Pair::all().into_iter().find(|pair| is_of(&cell, *pair)) else {
            continue;
        };
        let meant = cases.iter().filter(|case| pair.is_meant(&case.only));
        all.extend(meant.map(|case| with(&cell, "case", case.name.clone())));
    }
    Ok(all)
}

/// Is the cell of this pair of nodes?
pub(super) fn is_of(cell: &Cell, pair: Pair) -> bool {
    let nodes = (pair.joint.name(), pair.here.name(), pair.there.name());
    (cell.value("door"), cell.writer.as_str(), cell.reader.as_str()) == nodes
        && cell.value("compression") == pair.compression.name()
}
