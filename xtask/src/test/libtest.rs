//! Parses the output of Rust's test harness.

use super::tally::Tally;

/// Adds up the results of all harnesses in one output.
pub(super) fn parse(stdout: &str) -> Tally {
    let mut tally = Tally::default();
    for line in stdout.lines() {
        if let Some(summary) = line.strip_prefix("test result: ") {
            tally.passed += count(summary, "passed");
        } else if let Some((name, result)) = test_line(line) {
            match result {
                "FAILED" => tally.failures.push(name.to_owned()),
                _ if result.starts_with("ignored") => tally.skips.push(format!("{name}: {result}")),
                _ => {}
            }
        }
    }
    tally
}

/// Returns the number of failed tests in all summaries.
pub(super) fn failed(stdout: &str) -> usize {
    let summaries = stdout.lines().filter_map(|line| line.strip_prefix("test result: "));
    summaries.map(|summary| count(summary, "failed")).sum()
}

fn test_line(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("test ")?.rsplit_once(" ... ")
}

/// Returns the number before `word` in a summary, for example 3 in `ok. 3 passed; 0 failed; …`.
fn count(summary: &str, word: &str) -> usize {
    let mut words = summary.split([' ', ';']).filter(|text| !text.is_empty());
    let mut before = None;
    words
        .find_map(|text| {
            let number = before.filter(|_| text == word);
            before = text.parse().ok();
            number
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "running 3 tests\n\
        test a::b ... ok\n\
        test a::c ... FAILED\n\
        test a::d ... ignored, too slow\n\n\
        test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished\n\
        running 2 tests\n\
        test src/lib.rs - x (line 3) ... ok\n\
        test e - should panic ... ok\n\
        test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";

    #[test]
    fn harnesses_are_summed_up() {
        let tally = parse(OUTPUT);
        assert_eq!(tally.counts(), (3, 1, 1));
        assert_eq!(tally.failures, ["a::c"]);
        assert_eq!(tally.skips, ["a::d: ignored, too slow"]);
        assert_eq!(failed(OUTPUT), 1);
    }

    #[test]
    fn no_output_is_no_test() {
        assert!(parse("").is_empty());
        assert!(parse("error: could not compile").is_empty());
    }
}
