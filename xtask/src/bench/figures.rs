//! The measurements of one system in `bench linux`, over several boots.

use super::workloads::Workload;

/// The measurement of a workload on one CPU.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct WorkloadSample {
    /// The workload's name, which is the same on both systems. The next field is the size of its regions in
    /// pages.
    name: String,
    pages: u64,
    /// The number of CPUs that ran the workload at the same time.
    cpus: u32,
    /// The number of loops. The next field is their duration in nanoseconds.
    loops: f64,
    ns: f64,
}

/// All samples of one system, with a list for each boot.
#[derive(Debug, Default)]
pub(super) struct SampleSet(Vec<Vec<WorkloadSample>>);

impl WorkloadSample {
    /// Creates the sample of one CPU.
    pub(super) fn new(name: &str, pages: u64, cpus: u32, loops: f64, ns: f64) -> Self {
        Self { name: name.to_owned(), pages, cpus, loops, ns }
    }

    fn is_of(&self, workload: &Workload, cpus: u32) -> bool {
        self.name == workload.name && self.pages == workload.pages && self.cpus == cpus
    }
}

impl SampleSet {
    /// Adds the samples of one boot.
    pub(super) fn add(&mut self, boot: Vec<WorkloadSample>) {
        self.0.push(boot);
    }

    /// Returns the number of loops per second of all CPUs together, as the median over the boots.
    pub(super) fn rate(&self, workload: &Workload, cpus: u32) -> Option<f64> {
        let rates = self.0.iter().filter_map(|boot| {
            let mut samples = boot.iter().filter(|sample| sample.is_of(workload, cpus)).peekable();
            samples.peek()?;
            Some(samples.map(|sample| sample.loops / sample.ns * 1e9).sum())
        });
        median(rates.collect())
    }

    /// Returns the duration of one loop on one CPU in nanoseconds, as the median over the boots.
    pub(super) fn ns(&self, workload: &Workload) -> Option<f64> {
        self.rate(workload, 1).map(|rate| 1e9 / rate)
    }
}

/// Returns the median of `values`: the middle value, or the mean of the two middle values.
pub(super) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

#[cfg(test)]
mod tests {
    use super::super::workloads::BOTH;
    use super::*;

    #[test]
    fn cpus_are_added_and_boots_compared() {
        let sample = |cpus, ns| WorkloadSample::new("pair_test", 1, cpus, 10.0, ns);
        let mut figures = SampleSet::default();
        for ns in [1000.0, 4000.0, 2000.0] {
            figures.add(vec![sample(1, ns), sample(2, ns), sample(2, ns)]);
        }
        assert_eq!(figures.ns(&BOTH[0]), Some(200.0));
        assert_eq!(figures.rate(&BOTH[0], 2), Some(1e7));
        assert_eq!(figures.rate(&BOTH[1], 1), None);
    }

    #[test]
    fn medians() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
        assert_eq!(median(vec![]), None);
    }
}
