//! `plasma share`: the files that are installed beside the program.

use crate::failure::{Failure, Result};
use clap_complete::Shell;
use std::path::{Path, PathBuf};

/// Write manual pages and completions below a directory, with the layout of PREFIX/share
#[derive(clap::Args)]
pub struct Args {
    /// The directory, which is created if it does not exist
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
}

/// The paths of completions for each shell, below PREFIX/share.
const COMPLETIONS: [(Shell, &str); 3] = [
    (Shell::Bash, "bash-completion/completions/plasma"),
    (Shell::Zsh, "zsh/site-functions/_plasma"),
    (Shell::Fish, "fish/vendor_completions.d/plasma.fish"),
];

/// The manual page of the other program of this crate, which takes options as its original does.
const SERVER_MANUAL: &str = include_str!("../../server/plasma-store-server.1");

/// `all` has manual pages, and `shown` has completions.
pub fn run(args: &Args, all: clap::Command, mut shown: clap::Command) -> Result<()> {
    for (shell, path) in COMPLETIONS {
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut shown, "plasma", &mut text);
        write(&args.directory.join(path), &text)?;
    }
    let man = args.directory.join("man/man1");
    let failed = |error: std::io::Error| Failure::file("write", &man, &error);
    std::fs::create_dir_all(&man).map_err(failed)?;
    clap_mangen::generate_to(all, &man).map_err(failed)?;
    write(&man.join("plasma-store-server.1"), SERVER_MANUAL.as_bytes())
}

fn write(path: &Path, text: &[u8]) -> Result<()> {
    let failed = |error: std::io::Error| Failure::file("write", path, &error);
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(failed)?;
    }
    std::fs::write(path, text).map_err(failed)
}
