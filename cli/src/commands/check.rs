//! `plasma check`.

use crate::failure::{Exit, Failure, Result};
use crate::output::{count, json, line, one_line};
use crate::store::Store;
use serde_json::json;

/// Check all structures of a store against each other and print problems
///
/// Writers wait during the check; readers do not. No object is changed. The store is first recovered
/// from a writer that died; after a report of problems the next writer repairs what it can. Exit code 9
/// means that there is a problem.
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
            "checked {}, {}, {} and {}",
            count(report.objects, "object"),
            count(report.extents, "extent"),
            count(report.free_blocks, "free block"),
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
