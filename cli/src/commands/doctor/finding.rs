//! A finding of the doctor, and the machine that it examines.

use std::path::{Path, PathBuf};

/// The severity of a finding.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Ok,
    /// Good to know: it may become a problem.
    Note,
    Problem,
}

impl Level {
    pub fn word(self) -> &'static str {
        match self {
            Level::Ok => "ok",
            Level::Note => "note",
            Level::Problem => "problem",
        }
    }

    pub fn colour(self) -> &'static str {
        match self {
            Level::Ok => "\x1b[32m",
            Level::Note => "\x1b[33m",
            Level::Problem => "\x1b[31m",
        }
    }
}

/// A finding, and the command that solves it.
pub struct Finding {
    pub level: Level,
    pub about: &'static str,
    pub what: String,
    pub mend: Option<String>,
}

impl Finding {
    pub fn ok(about: &'static str, what: impl Into<String>) -> Self {
        Self { level: Level::Ok, about, what: what.into(), mend: None }
    }

    pub fn note(about: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { level: Level::Note, about, what: what.into(), mend: Some(mend.into()) }
    }

    pub fn problem(about: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { level: Level::Problem, about, what: what.into(), mend: Some(mend.into()) }
    }
}

/// The machine, or a directory that looks like one.
pub struct Machine<'a> {
    pub root: &'a Path,
}

impl Machine<'_> {
    pub fn path(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The text of a file; `None` if it cannot be read.
    pub fn read(&self, path: &str) -> Option<String> {
        std::fs::read(self.path(path))
            .ok()
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    pub fn has(&self, path: &str) -> bool {
        self.path(path).exists()
    }
}
