//! The Python SDK as a contender.

use std::env;
use std::error::Error;
use std::path::Path;
use std::process::Command;

use crate::figures::Series;

/// What a script of `bench/python` prints, run by run; nothing where DSYNC_TEST_PYTHON names no
/// interpreter. The script measures itself, so that starting it does not count.
pub(crate) fn series(script: &str, arguments: &[&str]) -> Result<Option<Series>, Box<dyn Error>> {
    let Some(interpreter) = env::var_os("DSYNC_TEST_PYTHON") else {
        return Ok(None);
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
    let output = Command::new(&interpreter)
        .arg(folder.join(script))
        .args(arguments)
        .output()?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{} failed:\n{text}", interpreter.display()).into());
    }
    let mut series = Series::new("the Python SDK");
    for word in String::from_utf8(output.stdout)?.split_whitespace() {
        series.values.push(word.parse()?);
    }
    Ok(Some(series))
}
