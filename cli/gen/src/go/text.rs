//! Comments, as gofmt wants them.

/// A comment above a declaration, behind an empty line of it if something is above.
pub(super) fn comment(indent: &str, behind: bool, lines: &[String]) -> String {
    let gap = if behind && !lines.is_empty() {
        format!("{indent}//\n")
    } else {
        String::new()
    };
    gap + &lines
        .iter()
        .map(|line| format!("{}\n", format!("{indent}// {}", as_gofmt(line)).trim_end()))
        .collect::<String>()
}

/// The same, with a sentence of ours where there is none.
pub(super) fn comment_or(lines: &[String], otherwise: &str) -> String {
    if lines.is_empty() {
        format!("// {otherwise}\n")
    } else {
        comment("", false, lines)
    }
}

/// A paragraph of ours above a declaration, in lines of a reader's width.
pub(super) fn wrapped(text: &str) -> String {
    const WIDTH: usize = 120;
    let mut lines = vec![String::from("//")];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is one from the start");
        if line.len() + 1 + word.len() > WIDTH && line != "//" {
            lines.push(format!("// {word}"));
        } else {
            *line += &format!(" {word}");
        }
    }
    lines.join("\n") + "\n"
}

/// gofmt's own form of a line of documentation: it indents the items of lists.
fn as_gofmt(line: &str) -> String {
    let line = line.trim();
    match line.strip_prefix(['-', '*', '+']) {
        Some(item) if item.starts_with(' ') => format!("  - {}", item.trim()),
        _ => line.to_owned(),
    }
}
