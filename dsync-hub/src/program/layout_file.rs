//! Layout files: read, parsed and checked, all of them before anything is complained about.

use std::fs;
use std::path::{Path, PathBuf};

use dsync_core::{DataLayout, Faults};
use dsync_hub::Hub;
use serde::Deserialize;
use serde_json::Value;

use super::failure::Failure;

pub(crate) type Layouts = Vec<(PathBuf, DataLayout)>;

pub(crate) fn read_all(files: &[PathBuf]) -> Result<Layouts, Failure> {
    let (mut layouts, mut problems) = (Layouts::new(), Vec::new());
    for file in files {
        match read(file) {
            Err(problem) => problems.push((file.clone(), problem)),
            Ok(layout) => match layout.check() {
                Err(faults) => add(&mut problems, file, &faults),
                Ok(()) => layouts.push((file.clone(), layout)),
            },
        }
    }
    finish(layouts, problems)
}

/// Registers all of them; a layout may be right by itself and not go with another one.
pub(crate) fn register(layouts: &Layouts, hub: &Hub) -> Result<(), Failure> {
    let mut problems = Vec::new();
    for (file, layout) in layouts {
        if let Err(faults) = hub.register(layout.clone()) {
            add(&mut problems, file, &faults);
        }
    }
    finish((), problems)
}

fn add(problems: &mut Vec<(PathBuf, String)>, file: &Path, faults: &Faults) {
    problems.extend(
        faults
            .iter()
            .map(|fault| (file.to_owned(), fault.to_string())),
    );
    if faults.omitted() > 0 {
        problems.push((file.to_owned(), format!("and {} more", faults.omitted())));
    }
}

fn finish<T>(good: T, problems: Vec<(PathBuf, String)>) -> Result<T, Failure> {
    if problems.is_empty() {
        Ok(good)
    } else {
        Err(Failure::Layouts(problems))
    }
}

fn read(file: &Path) -> Result<DataLayout, String> {
    #[derive(Deserialize)]
    struct Answer {
        data: DataLayout,
    }

    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let json: Value = serde_json::from_str(&text).map_err(|error| format!("no JSON: {error}"))?;
    if json.is_array() {
        return Err(r#"no data layout, but a list: wrap it as {"data_layout": [...]}"#.to_owned());
    }
    if json.get("entity_name").is_some() {
        return Err(
            r#"no data layout, but one endpoint: wrap it as {"data_layout": [{...}]}"#.to_owned(),
        );
    }
    // Parsed again from the text, so that an error has its line and column.
    let layout = if json.get("data").is_some() && json.get("data_layout").is_none() {
        serde_json::from_str::<Answer>(&text).map(|answer| answer.data)
    } else {
        serde_json::from_str(&text)
    };
    layout.map_err(|error| format!("no data layout: {error}"))
}
