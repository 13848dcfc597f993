//! Shows the workloads of several runs in one table.

use super::result::WorkloadResult;

/// Returns a row for each workload: its name, a cell for each run, and the time of the last run divided by
/// the time of the first run.
pub(super) fn rows(runs: &[Vec<WorkloadResult>]) -> Vec<Vec<String>> {
    let mut names: Vec<&str> = Vec::new();
    for line in runs.iter().flatten() {
        if !names.contains(&line.name.as_str()) {
            names.push(&line.name);
        }
    }
    let row = |name: &str| {
        let lines: Vec<Option<&WorkloadResult>> =
            runs.iter().map(|run| run.iter().find(|line| line.name == name)).collect();
        let cell = |line: &Option<&WorkloadResult>| match line {
            None => "not run".to_owned(),
            Some(line) if line.passed && line.is_good() => format!("{:.0}", line.ns),
            Some(line) => line.verdict().to_owned(),
        };
        let passed: Option<Vec<f64>> =
            lines.iter().map(|line| line.filter(|line| line.passed).map(|line| line.ns)).collect();
        let ratio = match passed.as_deref() {
            Some([first, .., last]) => format!("{:.3}", last / first),
            _ => String::new(),
        };
        let cells = lines.iter().map(cell);
        [name.to_owned()].into_iter().chain(cells).chain([ratio]).collect()
    };
    names.into_iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::guest::result::MUST_FAIL;

    #[test]
    fn runs_are_adjacent_columns() {
        let bare = vec![
            WorkloadResult::named("a", true, 10.0),
            WorkloadResult::named("b", true, 5.0),
            WorkloadResult::named(MUST_FAIL, false, 1.0),
        ];
        let hermit = vec![
            WorkloadResult::named("a", true, 15.0),
            WorkloadResult::named("b", false, 5.0),
            WorkloadResult::named("c", true, 1.0),
        ];
        let rows = rows(&[bare, hermit]);
        assert_eq!(rows[0], ["a", "10", "15", "1.500"]);
        assert_eq!(rows[1], ["b", "5", "failed", ""]);
        assert_eq!(rows[2], [MUST_FAIL, "failed, as it must", "not run", ""]);
        assert_eq!(rows[3], ["c", "not run", "1", ""]);
    }
}
