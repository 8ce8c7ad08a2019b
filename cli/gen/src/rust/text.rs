//! Comments and signatures, laid out.

/// Longer signatures are broken, one parameter a line.
const WIDTH: usize = 110;

/// A documentation comment, behind an empty line of it if something is above. Code in it is not run as a test.
pub(super) fn doc(indent: &str, behind: bool, lines: &[String]) -> String {
    let mut text = if behind && !lines.is_empty() {
        format!("{indent}///\n")
    } else {
        String::new()
    };
    let mut fenced = false;
    for line in lines {
        let fence = line.trim_start().starts_with("```");
        let line = if fence && !fenced {
            "```text"
        } else if fenced {
            line
        } else {
            line.trim_start()
        };
        fenced ^= fence;
        text += format!("{indent}/// {line}").trim_end();
        text.push('\n');
    }
    text
}

/// A method's signature with what is behind it, broken where it is long.
pub(super) fn signature(function: &str, parameters: &[String], output: &str, end: &str) -> String {
    let line = format!("    {function}({}) -> {output}{end}", parameters.join(", "));
    if line.find('\n').is_some_and(|end| end <= WIDTH) {
        return line;
    }
    let parameters: String = parameters.iter().map(|p| format!("        {p},\n")).collect();
    format!("    {function}(\n{parameters}    ) -> {output}{end}")
}
