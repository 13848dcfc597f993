//! Parses the output of `redis-benchmark` for one measurement.

use super::super::figures::median;

/// The figures of one measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct RedisBenchmarkSample {
    /// Requests per second.
    pub(super) rate: f64,
    /// Median latency in microseconds.
    pub(super) p50_us: f64,
    /// 99th percentile of the latency in microseconds.
    pub(super) p99_us: f64,
}

/// The header of the columns. The first column is the name of the test, which may contain commas.
const COLUMNS: &str = r#""test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms""#;

impl RedisBenchmarkSample {
    /// Parses the output of `--csv` for one test: a line with the names of the columns, and a line with the
    /// figures.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let (names, figures) = (lines.next()?, lines.next()?);
        if names.trim() != COLUMNS || lines.next().is_some() {
            return None;
        }
        let mut columns = figures.trim().rsplitn(8, ',').map(|word| word.trim_matches('"'));
        let mut next = || columns.next()?.parse::<f64>().ok().filter(|figure| *figure >= 0.0);
        let [_max, p99, _p95, p50, _min, _avg, rate] =
            [next()?, next()?, next()?, next()?, next()?, next()?, next()?];
        (rate > 0.0).then_some(Self { rate, p50_us: p50 * 1e3, p99_us: p99 * 1e3 })
    }

    /// Returns the median of each figure over the samples.
    pub(super) fn median(samples: &[Self]) -> Option<Self> {
        let of = |figure: fn(&Self) -> f64| median(samples.iter().map(figure).collect());
        Some(Self {
            rate: of(|sample| sample.rate)?,
            p50_us: of(|sample| sample.p50_us)?,
            p99_us: of(|sample| sample.p99_us)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_follow_the_name() {
        let text = |line: &str| format!("{COLUMNS}\n{line}\n");
        let line = r#""SET k:__rand_int__ a,b","133333.34","0.207","0.104","0.215","0.255","0.311","0.351""#;
        let sample = RedisBenchmarkSample::parse(&text(line)).unwrap();
        assert_eq!((sample.rate, sample.p50_us, sample.p99_us), (133_333.34, 215.0, 311.0));
        assert_eq!(
            RedisBenchmarkSample::parse(&text(
                r#""SET","nan","0.2","0.1","0.2","0.2","0.3","0.3""#
            )),
            None
        );
        assert_eq!(
            RedisBenchmarkSample::parse(&text(
                r#""SET","0.00","0.2","0.1","0.2","0.2","0.3","0.3""#
            )),
            None
        );
    }

    #[test]
    fn other_output_is_no_sample() {
        assert_eq!(RedisBenchmarkSample::parse(""), None);
        assert_eq!(
            RedisBenchmarkSample::parse(&format!("{COLUMNS}\nError from server: ERR no\n")),
            None
        );
        let two = r#""GET","1","1","1","1","1","1","1""#;
        assert_eq!(RedisBenchmarkSample::parse(&format!("{COLUMNS}\n{two}\n{two}\n")), None);
        assert_eq!(RedisBenchmarkSample::parse(&format!("\"test\",\"rps\"\n{two}\n")), None);
    }

    #[test]
    fn each_figure_has_its_own_median() {
        let sample = |rate, p50_us, p99_us| RedisBenchmarkSample { rate, p50_us, p99_us };
        let all = [sample(1.0, 30.0, 600.0), sample(2.0, 10.0, 500.0), sample(9.0, 20.0, 400.0)];
        assert_eq!(RedisBenchmarkSample::median(&all), Some(sample(2.0, 20.0, 500.0)));
        assert_eq!(RedisBenchmarkSample::median(&[]), None);
    }
}
