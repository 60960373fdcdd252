//! `plasma doctor`.

mod distributions;
mod finding;
mod limits;
mod machine;
mod stores;

use crate::failure::{Exit, Failure, Result};
use crate::output::{count, for_people, one_line, stdout};
use crate::store::Store;
use crate::table::colours;
use serde_json::json;
use std::io::{self, Write};
use std::path::PathBuf;

use finding::{Finding, Level, Machine};

/// Examine this machine and its stores, and print problems and the commands that solve them
///
/// It examines /dev/shm, permissions, the limits of the process and of its memory group, containers,
/// RemoveIPC, huge pages, the remains of dead processes, and Python packages that overwrite ours. It
/// changes nothing. Exit code 9 means that there is a problem; notes do not count.
#[derive(clap::Args)]
pub struct Args {
    /// Examine the machine below this directory (for tests)
    #[arg(long, value_name = "DIRECTORY", default_value = "/", hide = true)]
    root: PathBuf,

    #[command(flatten)]
    json: crate::output::Json,
}

pub fn run(args: &Args, store: &Store) -> Result<()> {
    let machine = Machine { root: &args.root };
    let mut findings = machine::examine(&machine);
    findings.extend(limits::examine(&machine));
    findings.extend(stores::examine(&machine, store));
    findings.extend(distributions::examine(&machine));
    let text = if args.json.json { as_json(&findings) } else { as_text(&findings) };
    let mut out = stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // The limit on file sizes, which the text reports, does not apply to a terminal or a pipe.
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            let _ = io::stderr().write_all(text.as_bytes());
            return Err(error.into());
        }
        written => written?,
    }
    match findings.iter().filter(|finding| finding.level == Level::Problem).count() {
        0 => Ok(()),
        n => Err(Failure::new(Exit::Findings, format!("{} found", count(n as u64, "problem")))),
    }
}

fn as_json(findings: &[Finding]) -> String {
    let each = |f: &Finding| json!({ "level": f.level.word(), "about": f.about, "what": f.what, "mend": f.mend });
    let all: serde_json::Value = findings.iter().map(each).collect();
    if for_people() { format!("{all:#}\n") } else { format!("{all}\n") }
}

fn as_text(findings: &[Finding]) -> String {
    findings.iter().map(one).collect()
}

fn one(finding: &Finding) -> String {
    let (on, off) = if colours() { (finding.level.colour(), "\x1b[0m") } else { ("", "") };
    let (level, about) = (finding.level.word(), finding.about);
    let mut text = format!("{on}{level:<8}{off} {about:<12} {}\n", one_line(&finding.what));
    if let Some(mend) = &finding.mend {
        text += &format!("{:<21} -> {}\n", "", one_line(mend));
    }
    text
}
