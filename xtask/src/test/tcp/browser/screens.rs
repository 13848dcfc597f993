//! Tests the page on a laptop and on a phone, with light and dark colours, and without colours.

use anyhow::ensure;

use super::axe::Axe;
use super::driver::Screen;
use super::stage::{BrowserStage, POINTS};

/// Minimum difference of lightness, from 0 to 255, between the fillings of two kinds, as the mean over all
/// points. Two plain greys with this difference can be distinguished easily.
const DIFFERENCE: f64 = 16.0;

/// A script that returns the points of each kind in the map's legend, as lightness.
const KINDS: &str = "return Array.from(document.querySelectorAll('.legend .swatch'), (swatch) => { \
    const inner = (at) => [at % swatch.width, Math.floor(at / swatch.width)] \
        .every((place) => place > 1 && place < swatch.width - 2); \
    const points = Array.from(points_of(swatch).filter((_, at) => inner(at)), (point) => \
        0.2126 * (point & 255) + 0.7152 * (point >> 8 & 255) + 0.0722 * (point >> 16 & 255)); \
    return { kind: swatch.dataset.kind, points }; })";

const OVERFLOW: &str = "return document.documentElement.scrollWidth - innerWidth";

/// Checks that the fillings of two kinds differ in lightness or pattern, in the light and the dark scheme.
pub(super) fn kinds(stage: &BrowserStage<'_>) -> anyhow::Result<()> {
    for is_dark in [false, true] {
        stage.browser.show_on(Screen { is_dark, ..Screen::LAPTOP })?;
        stage.wait_for_rounds(1)?;
        let kinds = stage.browser.run(&format!("{POINTS}{KINDS}"))?;
        let kinds = kinds.as_array().map_or(&[][..], Vec::as_slice);
        ensure!(kinds.len() == 6, "{} kinds", kinds.len());
        for (at, one) in kinds.iter().enumerate() {
            for other in &kinds[..at] {
                let difference = difference(&one["points"], &other["points"]);
                ensure!(
                    difference >= DIFFERENCE,
                    "{} and {} differ by {difference:.0} (dark: {is_dark})",
                    one["kind"],
                    other["kind"]
                );
            }
        }
    }
    stage.browser.show_on(Screen::LAPTOP)
}

/// Returns the mean difference of two fillings, point by point.
fn difference(one: &serde_json::Value, other: &serde_json::Value) -> f64 {
    let points = |value: &serde_json::Value| -> Vec<f64> {
        let points = value.as_array().map_or(&[][..], Vec::as_slice);
        points.iter().filter_map(serde_json::Value::as_f64).collect()
    };
    let (one, other) = (points(one), points(other));
    let pairs = one.iter().zip(&other);
    let (sum, count) = pairs
        .fold((0.0, 0.0), |(sum, count), (one, other)| (sum + (one - other).abs(), count + 1.0));
    sum / f64::max(count, 1.0)
}

/// Checks that the page fits on each screen, and that axe finds no violation. Keeps a screenshot of each
/// screen.
pub(super) fn run(stage: &BrowserStage<'_>) -> anyhow::Result<()> {
    let axe = Axe::install(&stage.subject.file(""));
    for size in [Screen::LAPTOP, Screen::PHONE] {
        for (is_dark, is_grey) in [(false, false), (true, false), (false, true), (true, true)] {
            let screen = Screen { is_dark, is_grey, ..size };
            stage.browser.show_on(screen)?;
            stage.wait_for_rounds(1)?;
            let overflow = stage.browser.run(OVERFLOW)?;
            ensure!(overflow.as_i64() == Some(0), "{}: {overflow} too wide", screen.name());
            stage.keep(&screen.name())?;
            if let (Ok(axe), false) = (&axe, is_grey) {
                axe.judge(stage.browser).map_err(|error| error.context(screen.name()))?;
            }
        }
    }
    stage.browser.show_on(Screen::LAPTOP)?;
    axe.map(|_| ())
}
