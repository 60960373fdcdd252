//! Why the command failed: one line for people, and an exit code for programs.

use crate::output::one_line;
use plasma::{Error, Status};
use std::io::{self, Write};
use std::process::ExitCode;

/// The result of anything that can end the command.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// The exit codes; `plasma --help` lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// A failure without a code of its own.
    Failed = 1,
    /// The arguments are wrong.
    Usage = 2,
    /// No such object.
    NotFound = 3,
    /// No such store.
    NoStore = 4,
    /// The system refused access.
    Permission = 5,
    /// No room: in the store, on the disk, or under a limit.
    Full = 6,
    /// The time ran out.
    TimedOut = 7,
    /// The store, id or name exists already.
    Exists = 8,
    /// `check` or `doctor` found a problem.
    Findings = 9,
    /// `run` itself failed, not its command.
    Run = 125,
    /// `run` found its command, and it cannot be run.
    CannotRun = 126,
    /// `run` did not find its command.
    NoCommand = 127,
    /// The reader of the output closed it: 128 + SIGPIPE.
    ClosedPipe = 141,
}

/// Why the command ends without success.
#[derive(Debug)]
pub enum Failure {
    /// With a message.
    Because(Exit, String),
    /// By a signal, after everything unfinished was cleaned up.
    Signal(i32),
}

impl Failure {
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self::Because(exit, message.into())
    }

    /// An error of the arguments that the parser cannot see.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// An error of the system about a file.
    pub fn file(what: &str, path: &std::path::Path, error: &io::Error) -> Self {
        let exit = match error.kind() {
            io::ErrorKind::PermissionDenied => Exit::Permission,
            _ => exit_of_io(error),
        };
        let why = format!("cannot {what} {}: {}", path.display(), words(error));
        Self::new(exit, why + way_out(error))
    }

    /// The same failure with text before its message.
    pub fn context(self, what: impl std::fmt::Display) -> Self {
        match self {
            Self::Because(exit, message) => Self::Because(exit, format!("{what}: {message}")),
            signal => signal,
        }
    }

    /// The same failure with advice after its message.
    pub fn hint(self, hint: impl std::fmt::Display) -> Self {
        match self {
            Self::Because(exit, message) => Self::Because(exit, format!("{message}; {hint}")),
            signal => signal,
        }
    }

    /// Print the failure on stderr, in one line, and return the exit code.
    pub fn report(self) -> ExitCode {
        match self {
            Self::Because(exit, message) => {
                let _ = writeln!(io::stderr(), "plasma: {}", one_line(&message));
                ExitCode::from(exit as u8)
            }
            Self::Signal(signal) => {
                let _ = writeln!(io::stderr(), "plasma: interrupted");
                // End as by the signal, so that a shell sees it.
                let _ = signal_hook::low_level::emulate_default_handler(signal);
                ExitCode::from(128u8.saturating_add(signal as u8))
            }
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Because(_, message) => f.write_str(message),
            Self::Signal(_) => f.write_str("interrupted"),
        }
    }
}

/// The text of an error of the system, without its number.
pub fn words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    text.chars().enumerate().map(|(i, c)| if i == 0 { c.to_ascii_lowercase() } else { c }).collect()
}

/// Advice for an error of the system whose text has none.
fn way_out(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull => "; df -h and df -i show whether bytes or files ran out",
        io::ErrorKind::QuotaExceeded => "; quota shows the limit and its use, df does not",
        io::ErrorKind::FileTooLarge => "; raise the limit on file sizes (ulimit -f)",
        _ => "",
    }
}

fn exit_of_io(error: &io::Error) -> Exit {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            Exit::Full
        }
        io::ErrorKind::BrokenPipe => Exit::ClosedPipe,
        _ => Exit::Failed,
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if error.status() == Status::Interrupted
            && let Some(signal) = crate::interrupt::caught()
        {
            return Self::Signal(signal);
        }
        let exit = match error.status() {
            Status::InvalidArgument => Exit::Usage,
            Status::NotFound => Exit::NotFound,
            Status::StoreNotFound | Status::StoreGone => Exit::NoStore,
            Status::Permission => Exit::Permission,
            Status::OutOfMemory | Status::TooLarge | Status::Limit => Exit::Full,
            Status::Timeout => Exit::TimedOut,
            Status::Exists | Status::NameExists | Status::StoreExists => Exit::Exists,
            _ => Exit::Failed,
        };
        match error.status() {
            // The advice of the library is for programs.
            Status::StoreGone => Self::new(exit, "the store was removed while it was in use"),
            _ => Self::new(exit, error.to_string()),
        }
    }
}

/// There is no room for an object. With an errno the system has none, and the error says why.
pub fn no_room(error: Error) -> Failure {
    let way_out = match error.status() {
        Status::OutOfMemory if error.errno() == 0 => {
            "plasma rm makes room, --timeout waits for room, plasma create -c makes a larger store"
        }
        Status::TooLarge => "plasma create -c makes a larger store",
        _ => return error.into(),
    };
    Failure::new(Exit::Full, fact(&error)).hint(way_out)
}

/// The fact that an error states, without its advice, which is for programs.
pub fn fact(error: &Error) -> String {
    let detail = error.detail().and_then(|detail| detail.split("; ").next());
    detail.unwrap_or(error.status().text()).to_owned()
}

/// Errors of standard output; those of files say which file.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match exit_of_io(&error) {
            Exit::ClosedPipe => {
                Self::new(Exit::ClosedPipe, "the reader of the output closed it; output was lost")
            }
            exit => {
                let why = format!("cannot write to standard output: {}", words(&error));
                Self::new(exit, why + way_out(&error))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_lose_their_number() {
        let error = io::Error::from_raw_os_error(28);
        assert_eq!(words(&error), "no space left on device");
        let failure = Failure::file("write", std::path::Path::new("/x"), &error);
        assert!(matches!(failure, Failure::Because(Exit::Full, text)
            if text.starts_with("cannot write /x: no space left on device; df -h and df -i ")));
    }

    #[test]
    fn a_quota_and_a_limit_on_file_sizes_are_not_a_full_disk() {
        for (errno, words) in [(122, "quota shows"), (27, "ulimit -f")] {
            let error = io::Error::from_raw_os_error(errno);
            let failure = Failure::file("write", std::path::Path::new("/x"), &error);
            assert!(matches!(failure, Failure::Because(Exit::Full, text)
                if text.contains(words) && !text.contains("df -h")));
        }
    }
}
