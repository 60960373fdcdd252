//! `plasma check`.

use crate::failure::{Exit, Failure, Result};
use crate::output::{count, json, line, one_line};
use crate::store::Store;
use serde_json::json;

/// Compare all structures of a store with each other and say what is wrong
///
/// Writers wait meanwhile, readers do not. No object is changed. What a dead writer left is put in
/// order first; after a report of problems the next writer repairs what can be repaired. Exit code 9:
/// something is wrong.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    json: crate::output::Json,
}

pub fn run(args: &Args, store: &Store) -> Result<()> {
    let client = store.write()?;
    let report = client.check()?;
    if args.json.json {
        let problems: Vec<_> = report
            .problems
            .iter()
            .map(|problem| json!({ "invariant": problem.invariant, "text": problem.text }))
            .collect();
        json(&json!({
            "records": report.records,
            "objects": report.objects,
            "extents": report.extents,
            "free_blocks": report.free_blocks,
            "clients": report.clients,
            "leases": report.leases,
            "problem_count": report.problem_count,
            "problems": problems,
        }))?;
    } else {
        for problem in &report.problems {
            line(one_line(&problem.to_string()))?;
        }
        line(format!(
            "looked at {}, {}, {} and {}",
            count(report.objects, "object"),
            count(report.extents, "used stretch").replace("stretchs", "stretches"),
            count(report.free_blocks, "free one"),
            count(report.leases, "lease"),
        ))?;
    }
    match report.problem_count {
        0 => Ok(()),
        n => Err(Failure::new(
            Exit::Findings,
            format!(
                "{}: save what you need (plasma get), then plasma destroy{}, and please report it",
                count(n, "problem"),
                store.flag()
            ),
        )),
    }
}
