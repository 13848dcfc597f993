//! Tests `redis-cli` on a terminal: hints, help, completion, and a session on one connection.

use anyhow::{Context, ensure};

use super::command::{LIMIT, redis_cli};
use super::terminal::Terminal;
use crate::resp::{Client, Reply};
use crate::test::reports;
use crate::test::tcp::subject::Subject;

/// The key that clears the input line.
const CLEAR: &str = "\u{15}";

/// The document of one command in the reply of `COMMAND DOCS`.
struct Docs {
    syntax: String,
    summary: String,
}

/// Runs an interactive session.
pub(crate) fn run(subject: &Subject) -> anyhow::Result<()> {
    let mut client = subject.connect()?;
    let names = super::commands::names(&mut client)?;
    let mut screen = Terminal::start(&mut redis_cli(subject)?, LIMIT)?;
    // Text that is typed before the prompt appears is lost. redis-cli draws the line again after every key.
    let prompt = format!("{}> ", subject.address());
    screen.await_text(&prompt)?;
    let next_prompt = format!("\n{prompt}");
    for name in &names {
        let docs = Docs::read(&mut client, name)?;
        screen.press(&format!("help {}\r", name.to_lowercase()))?;
        // The name and the syntax of a command have different colours.
        let line = format!("{name}\u{1b}[0m \u{1b}[90m{}\u{1b}[0m", docs.syntax);
        screen.await_text(&line)?;
        screen.await_text(&docs.summary)?;
        screen.await_text(&next_prompt)?;
    }
    screen.press("help @region\r")?;
    for name in ["VFILL", "VMALLOC_NODE", "VZALLOC"] {
        screen.await_text(&format!("{name}\u{1b}[0m"))?;
    }
    screen.await_text(&next_prompt)?;
    let hint = Docs::read(&mut client, "VPROT")?.syntax;
    screen.press("vpr")?;
    screen.press("ot")?;
    screen.await_text(&hint).context("no hint after VPROT")?;
    screen.press(" @a")?;
    screen.await_text("ro|rw|rx|none").context("no hint after its first argument")?;
    screen.press(CLEAR)?;
    screen.press("vprob\t")?;
    screen.await_text("VPROBE").context("TAB completes nothing")?;
    screen.press(CLEAR)?;
    for (line, reply) in [
        ("VMALLOC 10000", "1) (integer) 1\r\n2) \"0xffffc900"),
        ("VMALLOC 1T", "(error) TOOBIG 1T exceeds "),
        ("VREAD 1 9998 2", "\"\\x00\\x00\"\r"),
        ("GET none", "(nil)\r"),
        ("nosuch", "(error) ERR unknown command 'nosuch', with args beginning with: \r"),
        // This connection has one region.
        ("VFREEALL", "(integer) 1\r"),
    ] {
        screen.press(&format!("{line}\r"))?;
        screen.await_text(reply).with_context(|| line.to_owned())?;
        screen.await_text(&next_prompt)?;
    }
    screen.press("quit\r")?;
    let status = screen.end()?;
    ensure!(status.success(), "redis-cli ends with {status}");
    let said = screen.shown().to_lowercase();
    for word in ["warning", "failed", "not connected", "protocol error"] {
        ensure!(!said.contains(word), "redis-cli says: {said}");
    }
    Ok(())
}

impl Docs {
    fn read(client: &mut Client, name: &str) -> anyhow::Result<Self> {
        let reply = reports::array(client.call(&["COMMAND", "DOCS", name])?)?;
        let docs = reports::array(reply.into_iter().nth(1).context("a command without docs")?)?;
        // The document of a command without arguments has no such field.
        let arguments =
            field(&docs, "arguments").map_or_else(|_| Ok(Vec::new()), reports::array)?;
        let parts = arguments.into_iter().map(|argument| {
            let argument = reports::array(argument)?;
            let text = reports::text(field(&argument, "display_text")?)?;
            let is_optional = field(&argument, "flags").is_ok();
            Ok(if is_optional { format!("[{text}]") } else { text })
        });
        let syntax = parts.collect::<anyhow::Result<Vec<_>>>()?.join(" ");
        Ok(Self { syntax, summary: reports::text(field(&docs, "summary")?)? })
    }
}

fn field(pairs: &[Reply], name: &str) -> anyhow::Result<Reply> {
    let is_it = |pair: &&[Reply]| pair[0] == Reply::Bulk(Some(name.into()));
    let pair = pairs.chunks_exact(2).find(is_it).with_context(|| format!("no {name}"))?;
    Ok(pair[1].clone())
}
