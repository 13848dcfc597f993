//! Tests the states of the page: a page that is not current must say so, and updates must keep a selection.

use std::time::Duration;

use anyhow::ensure;

use super::stage::BrowserStage;

/// A script that selects the name in the third row.
const SELECT: &str = "const cell = document.querySelector('#regions-clients tr:nth-child(3) td'); \
    getSelection().selectAllChildren(cell); return getSelection().toString()";
const SELECTED: &str = "return getSelection().toString()";
const IS_STALE: &str = "return document.body.classList.contains('stale')";
/// A script that returns the colour of the first number.
const COLOR: &str = "return getComputedStyle(document.querySelector('.tile b')).color";
const PAUSE: &str = "document.getElementById('pause').click()";

/// A command during which the image does not answer other requests.
const SUSPEND: &str = "VBENCH pair_test LOOPS 100000000 MS 9000";

pub(super) fn selection(stage: &BrowserStage<'_>) -> anyhow::Result<()> {
    let selected = stage.text(SELECT)?;
    ensure!(!selected.is_empty(), "no text can be selected");
    stage.wait_for_rounds(3)?;
    let left = stage.text(SELECTED)?;
    ensure!(left == selected, "{selected:?} was selected, {left:?} is left");
    stage.browser.run("getSelection().removeAllRanges()")?;
    Ok(())
}

pub(super) fn run(stage: &BrowserStage<'_>) -> anyhow::Result<()> {
    stage.wait_until_live()?;
    ensure!(!stage.is(IS_STALE)?, "a live page is grey");
    let color = stage.text(COLOR)?;

    stage.browser.run(PAUSE)?;
    ensure!(stage.text_of("live")? == "paused", "the page does not show that it is paused");
    ensure!(stage.text_of("age")?.starts_with("paused since "), "since when is it paused?");
    ensure!(
        stage.is(IS_STALE)? && stage.text(COLOR)? != color,
        "old numbers look like current ones"
    );
    // The last update may have been in flight when the image stopped to answer.
    std::thread::sleep(Duration::from_secs(2));
    let requests = stage.counter("http_requests")?;
    std::thread::sleep(Duration::from_secs(3));
    ensure!(stage.counter("http_requests")? == requests, "a paused page still asks");
    stage.keep("paused")?;
    stage.browser.run(PAUSE)?;
    stage.wait_until_live()?;

    std::thread::scope(|scope| {
        let mut client = stage.subject.connect()?;
        let words: Vec<&str> = SUSPEND.split(' ').collect();
        let bench = scope.spawn(move || client.call(&words));
        stage.wait("the page to detect the missing answer", || {
            Ok(stage.text_of("live")? == "no answer")
        })?;
        let age = stage.text_of("age")?;
        ensure!(
            age.starts_with("last answer ") && age.ends_with(" s ago"),
            "the page says {age:?}"
        );
        ensure!(stage.is(IS_STALE)? && stage.text(COLOR)? != color, "a dead page looks live");
        ensure!(stage.text("return document.title")? == "vmalloc (no answer)", "the title is live");
        stage.keep("dead")?;
        let reply = bench.join().map_err(|_| anyhow::anyhow!("the client panicked"))??;
        ensure!(!reply.is_error(), "VBENCH answers {}", reply.terminal().trim_end());
        Ok(())
    })?;
    stage.wait_until_live()?;
    ensure!(stage.text(COLOR)? == color, "a page that lives again stays grey");
    Ok(())
}
