//! Stores the results of all measurements.

use std::collections::BTreeMap;

use super::cell::{Cell, Job, SystemUnderTest};
use super::sample::RedisBenchmarkSample;

/// The result of one measurement with its repetitions.
#[derive(Clone, Debug, PartialEq)]
enum JobOutcome {
    Measured(Vec<RedisBenchmarkSample>),
    /// The server does not support the command. The text is the reply of the server.
    Unserved(String),
    /// One repetition failed, so the results of the other repetitions are not used.
    Failed(String),
}

/// The results of all measurements.
#[derive(Debug, Default)]
pub(super) struct Results(BTreeMap<Job, JobOutcome>);

impl Results {
    /// Adds the result of one run. A failure replaces all samples of the measurement.
    pub(super) fn add(&mut self, job: Job, sample: anyhow::Result<RedisBenchmarkSample>) {
        let outcome = self.0.entry(job).or_insert_with(|| JobOutcome::Measured(Vec::new()));
        match (outcome, sample) {
            (JobOutcome::Measured(samples), Ok(sample)) => samples.push(sample),
            (outcome @ JobOutcome::Measured(_), Err(error)) => {
                *outcome = JobOutcome::Failed(format!("{error:#}"));
            }
            (JobOutcome::Unserved(_) | JobOutcome::Failed(_), _) => {}
        }
    }

    /// Records that a server does not support the command of a measurement.
    pub(super) fn refuse(&mut self, job: Job, why: &str) {
        self.0.insert(job, JobOutcome::Unserved(why.to_owned()));
    }

    /// Returns whether further runs of this measurement are useful: it has not failed and is supported.
    pub(super) fn is_open(&self, job: Job) -> bool {
        matches!(self.0.get(&job), None | Some(JobOutcome::Measured(_)))
    }

    /// Returns whether any measurement failed.
    pub(super) fn has_failures(&self) -> bool {
        self.0.values().any(|outcome| matches!(outcome, JobOutcome::Failed(_)))
    }

    /// Returns the median figures of a server in the row of a cell.
    pub(super) fn sample(
        &self,
        cell: Cell,
        system: SystemUnderTest,
    ) -> Option<RedisBenchmarkSample> {
        match self.0.get(&Job::beside(cell, system))? {
            JobOutcome::Measured(samples) => RedisBenchmarkSample::median(samples),
            JobOutcome::Unserved(_) | JobOutcome::Failed(_) => None,
        }
    }

    /// Formats the figures of a server in the row of a cell, or the reason why there are no figures.
    pub(super) fn show(
        &self,
        cell: Cell,
        system: SystemUnderTest,
        figures: fn(&RedisBenchmarkSample) -> String,
    ) -> String {
        match self.0.get(&Job::beside(cell, system)) {
            Some(JobOutcome::Unserved(_)) => "not served".to_owned(),
            Some(JobOutcome::Failed(_)) => "failed".to_owned(),
            Some(JobOutcome::Measured(_)) | None => {
                self.sample(cell, system).as_ref().map_or_else(String::new, figures)
            }
        }
    }

    /// Returns a line for each measurement that has no result.
    pub(super) fn notes(&self) -> Vec<String> {
        let note = |(job, outcome): (&Job, &JobOutcome)| match outcome {
            JobOutcome::Measured(_) => None,
            JobOutcome::Unserved(why) => {
                Some(format!("{} does not serve {}: {why}", job.system, job.cell.request))
            }
            JobOutcome::Failed(why) => {
                Some(format!("{} failed at {}: {why}", job.system, job.cell))
            }
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

    const IMAGE: SystemUnderTest = SystemUnderTest::Image(Runtime::Bare);
    const SAMPLE: RedisBenchmarkSample =
        RedisBenchmarkSample { rate: 5.0, p50_us: 1.0, p99_us: 2.0 };

    #[test]
    fn one_failure_is_shown_and_counts_more_than_samples() {
        let cell = cells("PING, 50 clients, 1 p")[0];
        let job = Job::beside(cell, SystemUnderTest::Guest);
        let mut results = Results::default();
        results.add(job, Ok(SAMPLE));
        assert_eq!(
            (results.sample(cell, SystemUnderTest::Guest), results.is_open(job)),
            (Some(SAMPLE), true)
        );
        results.add(job, Err(anyhow!("ERR no")));
        results.add(job, Ok(SAMPLE));
        assert_eq!(
            (results.sample(cell, SystemUnderTest::Guest), results.is_open(job)),
            (None, false)
        );
        assert_eq!(results.show(cell, SystemUnderTest::Guest, |_| "fine".to_owned()), "failed");
        assert!(results.has_failures());
        let note = "Redis in Linux failed at PING, 50 clients, 1 pipelined: ERR no";
        assert_eq!(results.notes(), [note]);
    }

    #[test]
    fn an_unsupported_command_is_no_failure_and_noted_once() {
        let mut results = Results::default();
        for cell in cells("SET 64 B, 50") {
            results.refuse(Job::beside(cell, IMAGE), "ERR unknown");
            assert_eq!(results.show(cell, IMAGE, |_| "fine".to_owned()), "not served");
            assert_eq!(results.show(cell, SystemUnderTest::Native, |_| "fine".to_owned()), "");
        }
        assert!(!results.has_failures());
        assert_eq!(results.notes(), ["image does not serve SET 64 B: ERR unknown"]);
    }
}
