//! `plasma completions`.

use crate::failure::Result;
use crate::output::stdout;
use clap_complete::Shell;
use std::io::Write;

/// Print the completions for a shell
#[derive(clap::Args)]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub fn run(args: &Args, mut commands: clap::Command) -> Result<()> {
    // Into memory first, because the generator panics if its output fails.
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut commands, "plasma", &mut text);
    let mut out = stdout();
    out.write_all(&text)?;
    Ok(out.flush()?)
}
