//! What came of all measurements.

use std::collections::BTreeMap;

use super::cell::{Cell, Job, Who};
use super::sample::Sample;

/// What came of one measurement and its repetitions.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    Measured(Vec<Sample>),
    /// The server does not know the command, and says so.
    Unserved(String),
    /// One of them failed; the others do not count.
    Failed(String),
}

/// The outcomes by measurement.
#[derive(Debug, Default)]
pub(super) struct Results(BTreeMap<Job, Outcome>);

impl Results {
    /// Adds what one run brought. One failure counts more than all samples.
    pub(super) fn add(&mut self, job: Job, sample: anyhow::Result<Sample>) {
        let outcome = self.0.entry(job).or_insert_with(|| Outcome::Measured(Vec::new()));
        match (outcome, sample) {
            (Outcome::Measured(samples), Ok(sample)) => samples.push(sample),
            (outcome @ Outcome::Measured(_), Err(error)) => {
                *outcome = Outcome::Failed(format!("{error:#}"));
            }
            (Outcome::Unserved(_) | Outcome::Failed(_), _) => {}
        }
    }

    /// Notes that a command is not served.
    pub(super) fn refuse(&mut self, job: Job, why: &str) {
        self.0.insert(job, Outcome::Unserved(why.to_owned()));
    }

    /// Says whether it is still worth measuring.
    pub(super) fn is_open(&self, job: Job) -> bool {
        matches!(self.0.get(&job), None | Some(Outcome::Measured(_)))
    }

    /// Says whether anything failed.
    pub(super) fn has_failures(&self) -> bool {
        self.0.values().any(|outcome| matches!(outcome, Outcome::Failed(_)))
    }

    /// The medians of who is beside a cell.
    pub(super) fn sample(&self, cell: Cell, who: Who) -> Option<Sample> {
        match self.0.get(&Job::beside(cell, who))? {
            Outcome::Measured(samples) => Sample::median(samples),
            Outcome::Unserved(_) | Outcome::Failed(_) => None,
        }
    }

    /// Shows the figures of who is beside a cell, or why there are none.
    pub(super) fn show(&self, cell: Cell, who: Who, figures: fn(&Sample) -> String) -> String {
        match self.0.get(&Job::beside(cell, who)) {
            Some(Outcome::Unserved(_)) => "not served".to_owned(),
            Some(Outcome::Failed(_)) => "failed".to_owned(),
            Some(Outcome::Measured(_)) | None => {
                self.sample(cell, who).as_ref().map_or_else(String::new, figures)
            }
        }
    }

    /// A line for every measurement that brought nothing.
    pub(super) fn notes(&self) -> Vec<String> {
        let note = |(job, outcome): (&Job, &Outcome)| match outcome {
            Outcome::Measured(_) => None,
            Outcome::Unserved(why) => {
                Some(format!("{} does not serve {}: {why}", job.who, job.cell.request))
            }
            Outcome::Failed(why) => Some(format!("{} failed at {}: {why}", job.who, job.cell)),
        };
        let mut notes: Vec<_> = self.0.iter().filter_map(note).collect();
        notes.dedup();
        notes
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::super::cell::cells;
    use super::*;
    use crate::runtime::Runtime;

    const IMAGE: Who = Who::Image(Runtime::Bare);
    const SAMPLE: Sample = Sample { rate: 5.0, p50_us: 1.0, p99_us: 2.0 };

    #[test]
    fn one_failure_is_shown_and_counts_more_than_samples() {
        let cell = cells("PING, 50 clients, 1 p")[0];
        let job = Job::beside(cell, Who::Guest);
        let mut results = Results::default();
        results.add(job, Ok(SAMPLE));
        assert_eq!((results.sample(cell, Who::Guest), results.is_open(job)), (Some(SAMPLE), true));
        results.add(job, Err(anyhow!("ERR no")));
        results.add(job, Ok(SAMPLE));
        assert_eq!((results.sample(cell, Who::Guest), results.is_open(job)), (None, false));
        assert_eq!(results.show(cell, Who::Guest, |_| "fine".to_owned()), "failed");
        assert!(results.has_failures());
        let note = "Redis in Linux failed at PING, 50 clients, 1 pipelined: ERR no";
        assert_eq!(results.notes(), [note]);
    }

    #[test]
    fn what_is_not_served_is_no_failure_and_noted_once() {
        let mut results = Results::default();
        for cell in cells("SET 64 B, 50") {
            results.refuse(Job::beside(cell, IMAGE), "ERR unknown");
            assert_eq!(results.show(cell, IMAGE, |_| "fine".to_owned()), "not served");
            assert_eq!(results.show(cell, Who::Native, |_| "fine".to_owned()), "");
        }
        assert!(!results.has_failures());
        assert_eq!(results.notes(), ["image does not serve SET 64 B: ERR unknown"]);
    }
}
