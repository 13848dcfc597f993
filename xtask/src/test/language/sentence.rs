//! Finds sentences whose beginning leaves the subject unnamed, and words without a referent.

use super::prose::Paragraph;

/// Words that leave the subject of a sentence unnamed at its beginning.
const OPENERS: [&str; 6] = ["what", "who", "whoever", "whatever", "nobody", "nothing"];

/// Words that refer to something without naming it.
const VAGUE: [&str; 5] = ["nobody", "nothing", "somebody", "none", "anybody"];

/// Minimum number of words of a sentence. A shorter text is a label.
const WORDS_MIN: usize = 3;

/// Returns the sentences of a paragraph with their offsets. Clauses after `:` and `;` count as sentences.
pub(super) fn sentences(text: &str) -> Vec<(usize, &str)> {
    let mut sentences = Vec::new();
    let mut begin = 0;
    for (at, char) in text.char_indices() {
        let end = at + char.len_utf8();
        let is_end = ".!?:;".contains(char) && text[end..].starts_with([' ', ')', '"', '*']);
        if is_end {
            sentences.push((begin, &text[begin..end]));
            begin = end;
        }
    }
    sentences.push((begin, &text[begin..]));
    sentences
}

/// Returns the line and the text of each sentence that begins with one of the [`OPENERS`].
pub(super) fn unnamed_subjects(paragraph: &Paragraph) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (offset, sentence) in sentences(&paragraph.text) {
        let text = sentence.trim_start_matches(|c: char| !c.is_alphanumeric());
        let first = text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        let is_opener = OPENERS.iter().any(|opener| first.eq_ignore_ascii_case(opener));
        if is_opener && text.split_whitespace().count() >= WORDS_MIN {
            let at = offset + sentence.len() - text.len();
            found.push((paragraph.line_at(at), text.to_owned()));
        }
    }
    found
}

/// Returns the line and the text of each vague word. A table cell `none` is a value and does not count.
pub(super) fn vague_words(paragraph: &Paragraph) -> Vec<(usize, String)> {
    if paragraph.text.split_whitespace().count() < WORDS_MIN {
        return Vec::new();
    }
    let words = words(&paragraph.text);
    let is_vague = |word: &str| VAGUE.iter().any(|vague| word.eq_ignore_ascii_case(vague));
    let vague = words.filter(|(_, word)| is_vague(word));
    vague.map(|(at, word)| (paragraph.line_at(at), word.to_owned())).collect()
}

/// Returns the words of a text with their offsets.
pub(super) fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let offset = move |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(move |word| (offset(word), word))
}

#[cfg(test)]
mod tests {
    use super::super::prose;
    use super::*;

    fn found(text: &str) -> Vec<(usize, String)> {
        prose::of_markdown(text).iter().flat_map(unnamed_subjects).collect()
    }

    #[test]
    fn sentences_end_before_a_blank() {
        let texts: Vec<_> =
            sentences("A 1.5 b. C: d (e.) f").iter().map(|(_, text)| *text).collect();
        assert_eq!(texts, ["A 1.5 b.", " C:", " d (e.", ") f"]);
    }

    #[test]
    fn sentences_without_a_named_subject_are_found() {
        assert_eq!(found("A region.\n**Who asks** waits."), [(2, "Who asks** waits.".to_owned())]);
        assert_eq!(found("It waits: what is freed is gone").len(), 1);
        assert_eq!(found("- Nothing is freed").len(), 1);
        assert!(found("Regions that nobody needs. Whose? `What` is it").is_empty());
        assert!(found("| what | who |\n|---|---|").is_empty());
    }

    #[test]
    fn vague_words_are_found() {
        let paragraphs = prose::of_markdown("So none of it\nand `None` and Nobody\n| none |");
        let words: Vec<_> = paragraphs.iter().flat_map(vague_words).collect();
        assert_eq!(words, [(1, "none".to_owned()), (2, "Nobody".to_owned())]);
    }
}
