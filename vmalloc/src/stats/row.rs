//! The rows of the table of counters, with their names in the metrics of a monitoring system.

/// One row of the table of counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The part of the system that counts: `vmalloc`, `frames` or `tlb`.
    pub section: &'static str,
    /// The name of the counter. It ends with the unit if the counter does not count things.
    pub name: &'static str,
    /// The value when the table was made.
    pub value: u64,
    /// The metric of this row; `None` if other rows determine the value.
    pub metric: Option<Metric>,
}

/// One time series of a [`Family`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// The family of the series.
    pub family: &'static Family,
    /// Names and values of the labels. Unused labels have an empty name.
    pub labels: [(&'static str, &'static str); LABELS_MAX],
}

/// The highest number of labels of a series.
const LABELS_MAX: usize = 2;

/// A metric with one or more time series, which differ in their labels. The rows of a family are
/// adjacent in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// The name, in base units. The name of a counter ends with `_total`.
    pub name: &'static str,
    /// The kind of the values.
    pub kind: MetricKind,
    /// The help text: one sentence.
    pub help: &'static str,
}

/// The kind of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// A value that only increases.
    Counter,
    /// A value that increases and decreases.
    Gauge,
}

impl Family {
    /// Creates a family of counters.
    #[must_use]
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: MetricKind::Counter, help }
    }

    /// Creates a family of gauges.
    #[must_use]
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: MetricKind::Gauge, help }
    }
}

impl Row {
    /// Creates a row without a metric, because other rows determine its value.
    #[must_use]
    pub const fn derived(section: &'static str, name: &'static str, value: u64) -> Self {
        Self { section, name, value, metric: None }
    }

    /// Creates a row of a family.
    #[must_use]
    pub const fn new(
        section: &'static str,
        name: &'static str,
        value: u64,
        family: &'static Family,
    ) -> Self {
        let metric = Some(Metric { family, labels: [("", ""); LABELS_MAX] });
        Self { section, name, value, metric }
    }

    /// Adds a label. If the row already has two labels, the new one is dropped.
    #[must_use]
    pub fn label(mut self, name: &'static str, value: &'static str) -> Self {
        let labels = self.metric.as_mut().map(|metric| &mut metric.labels);
        if let Some(free) = labels.and_then(|labels| labels.iter_mut().find(|l| l.0.is_empty())) {
            *free = (name, value);
        }
        self
    }
}
