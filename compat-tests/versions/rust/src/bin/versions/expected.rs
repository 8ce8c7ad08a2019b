//! What the writers must say: a head such as `1 -> 2` (writer's version, reader's version), and the lines below it.

use std::collections::HashMap;

/// The lines by writer's and reader's version.
pub(crate) struct Expected(HashMap<(u32, u32), Vec<String>>);

impl Expected {
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut all = HashMap::new();
        let mut block = None;
        for line in text.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
            match line.strip_prefix("  ") {
                Some(said) => {
                    let lines: &mut Vec<String> = block
                        .and_then(|versions| all.get_mut(&versions))
                        .ok_or_else(|| format!("`{line}` has no head such as `1 -> 2` above it"))?;
                    lines.push(said.to_owned());
                }
                None => {
                    let versions = head(line).ok_or_else(|| format!("`{line}` is no head such as `1 -> 2`"))?;
                    all.insert(versions, Vec::new());
                    block = Some(versions);
                }
            }
        }
        Ok(Self(all))
    }

    /// The lines of one cell, whose reader is at the node of this name.
    pub(crate) fn lines(&self, writer: u32, reader: u32, node: &str) -> Vec<String> {
        let lines = self.0.get(&(writer, reader)).into_iter().flatten();
        lines.map(|line| line.replace("{reader}", node)).collect()
    }
}

fn head(line: &str) -> Option<(u32, u32)> {
    let (writer, reader) = line.split_once(" -> ")?;
    Some((writer.parse().ok()?, reader.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_a_head_or_with_another_is_named() {
        let lines = Expected::read("# a note\n1 -> 2\n  a {reader}\n\n").map(|e| e.lines(1, 2, "n"));
        assert_eq!(lines, Ok(vec!["a n".to_owned()]));
        for bad in ["  a\n", "1 to 2\n"] {
            assert!(Expected::read(bad).err().expect("refused").contains(bad.trim()));
        }
    }
}
