//! Loads the cases from text files in `xtask/differential`. Each block of lines is one conversation.
//!
//! A file begins with `cases N`; another number of cases than `N` is an error. Blank lines separate blocks.
//! `{a|b}` in a block makes one case for each alternative. A line `# …` is a comment. Directives stand before
//! the steps of a block: `@resp2` and `@resp3` restrict the case to one version of the protocol, `@password`
//! runs it against servers with a password, and `@ends` declares that both servers end in the case. A
//! directive with two signs (`@@password`) applies to the rest of the file. `step` describes all other lines.

use std::path::Path;

use anyhow::{Context, bail, ensure};

use super::step::CaseStep;

/// Minimum number of cases. A smaller number shows that cases were lost.
const CASES_MIN: usize = 700;

/// The requirements of a case for the servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Demands {
    /// The versions of the protocol in which the case runs, once for each.
    pub(super) protocols: Vec<u8>,
    /// Whether the servers must have a password.
    pub(super) password: bool,
    /// Whether both servers end in the case, so that new servers are needed after it.
    pub(super) ends: bool,
}

/// One case: a conversation with requirements.
#[derive(Clone, Debug)]
pub(super) struct DifferentialCase {
    /// The name of the file, and the steps in one line.
    pub(super) name: String,
    /// The requirements of the case for the servers.
    pub(super) demands: Demands,
    /// The steps, in order.
    pub(super) steps: Vec<CaseStep>,
}

/// Loads the cases from every file in a folder.
///
/// # Errors
/// A file cannot be read, or its number of cases differs from the number in its first line.
pub(super) fn load(folder: &Path) -> anyhow::Result<Vec<DifferentialCase>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "cases") {
            paths.push(path);
        }
    }
    paths.sort();
    let mut cases: Vec<DifferentialCase> = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        cases.extend(parse(&stem, &text).with_context(|| path.display().to_string())?);
    }
    ensure!(cases.len() >= CASES_MIN, "{} cases, at least {CASES_MIN} are wanted", cases.len());
    let mut names: Vec<_> = cases.iter().map(|case| &case.name).collect();
    names.sort();
    let twice: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    ensure!(twice.is_empty(), "cases that are there twice: {twice:?}");
    Ok(cases)
}

fn parse(stem: &str, text: &str) -> anyhow::Result<Vec<DifferentialCase>> {
    let (first, rest) = text.split_once('\n').context("an empty file")?;
    let announced = first.strip_prefix("cases ").context("the first line is `cases N`")?;
    let announced: usize = announced.trim().parse().context("the first line is `cases N`")?;
    let mut cases = Vec::new();
    let mut demands = Demands { protocols: vec![2, 3], password: false, ends: false };
    for block in rest.split("\n\n") {
        let lines: Vec<_> = block.lines().filter(|line| !line.starts_with('#')).collect();
        for line in lines.iter().filter_map(|line| line.strip_prefix("@@")) {
            demand(&mut demands, line)?;
        }
        let block = lines.iter().filter(|line| !line.starts_with("@@") && !line.is_empty());
        let block = block.copied().collect::<Vec<_>>().join("\n");
        if !block.is_empty() {
            for text in expand(&block)? {
                cases.push(case(stem, &text, demands.clone()).with_context(|| text)?);
            }
        }
    }
    ensure!(cases.len() == announced, "{} cases, {announced} are announced", cases.len());
    Ok(cases)
}

fn case(stem: &str, text: &str, mut demands: Demands) -> anyhow::Result<DifferentialCase> {
    let mut steps = Vec::new();
    let mut shown = Vec::new();
    for line in text.lines() {
        match line.strip_prefix('@') {
            Some(word) if steps.is_empty() && demand(&mut demands, word).is_ok() => {}
            _ => {
                steps.push(CaseStep::parse(line).with_context(|| line.to_owned())?);
                shown.push(line);
            }
        }
    }
    ensure!(!steps.is_empty(), "a case without steps");
    Ok(DifferentialCase { name: format!("{stem}: {}", shown.join(" / ")), demands, steps })
}

fn demand(demands: &mut Demands, word: &str) -> anyhow::Result<()> {
    match word {
        "resp2" => demands.protocols = vec![2],
        "resp3" => demands.protocols = vec![3],
        "password" => demands.password = true,
        "ends" => demands.ends = true,
        other => bail!("no directive {other:?}"),
    }
    Ok(())
}

/// Expands every `{a|b}` in a text. Returns a text for each combination of alternatives.
fn expand(text: &str) -> anyhow::Result<Vec<String>> {
    let Some((before, rest)) = text.split_once('{') else { return Ok(vec![text.to_owned()]) };
    let (choices, after) = rest.split_once('}').context("an open {")?;
    let mut all = Vec::new();
    for choice in choices.split('|') {
        // An empty alternative must not leave two spaces.
        let before = if choice.is_empty() { before.trim_end_matches(' ') } else { before };
        all.extend(expand(&format!("{before}{choice}{after}"))?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_expanded() {
        let texts = expand("SET k {a|b} {EX 1|}\nGET k").unwrap();
        let expected = ["SET k a EX 1\nGET k", "SET k a\nGET k", "SET k b EX 1\nGET k"];
        assert_eq!(texts[..3], expected);
        assert_eq!(texts.len(), 4);
        assert!(expand("SET {a").is_err());
    }

    #[test]
    fn a_file_that_lost_a_case_is_an_error() {
        let text = "cases 2\n# why\nGET k\n\n@resp3\n@password\n@ends\nGET k\n2> PING\n";
        let cases = parse("x", text).unwrap();
        assert_eq!(cases[1].name, "x: GET k / 2> PING");
        assert_eq!(cases[1].demands, Demands { protocols: vec![3], password: true, ends: true });
        assert_eq!(cases[0].demands.protocols, [2, 3]);
        let error = parse("x", "cases 3\nGET k\n\nGET l\n").unwrap_err().to_string();
        assert_eq!(error, "2 cases, 3 are announced");
        assert!(parse("x", "GET k\n").is_err());
    }

    #[test]
    fn the_corpus_loads() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("differential");
        load(&folder).unwrap();
        assert!(load(&folder.join("..").join("src")).is_err(), "a folder without cases");
    }
}
