//! Why the program ends early, in words that help.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use dsync_hub::StartError;

use super::KEY_VARIABLE;

#[derive(Debug)]
pub(crate) enum Failure {
    /// The variable for the API key has no key in it.
    Key(String),
    /// What is wrong with the layout files: every problem, with its file.
    Layouts(Vec<(PathBuf, String)>),
    Signal(io::Error),
    Start(StartError),
}

impl Failure {
    /// 2 if the caller gave something wrong, 1 if the machine did not go along.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Key(_) | Self::Layouts(_) => ExitCode::from(2),
            Self::Signal(_) | Self::Start(_) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(problem) => write!(
                f,
                "the environment variable {KEY_VARIABLE} holds no API key: {problem}; unset it to have one generated"
            ),
            Self::Layouts(problems) => {
                f.write_str("the layout files cannot be used")?;
                for (file, problem) in problems {
                    write!(f, "\n  {}: {problem}", file.display())?;
                }
                f.write_str("\n--help says what a layout file is, with an example")
            }
            Self::Signal(error) => write!(f, "cannot wait for Ctrl-C: {error}"),
            Self::Start(error) => {
                error.fmt(f)?;
                match error.source() {
                    Some(source) => write!(f, " ({source})"),
                    None => Ok(()),
                }
            }
        }
    }
}
