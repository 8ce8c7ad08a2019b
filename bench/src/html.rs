//! The figures as one page with plots, complete in itself.

mod actors;
mod codec;
mod plot;

use std::fmt::Write as _;

use crate::figure::{Figure, ratio_text};
#[cfg(feature = "png")]
pub(crate) use codec::picture;
pub(crate) use plot::shown;
use plot::{Row, escape};

/// Colours are names, since a page is light or dark as its reader's screen is. `c`: what is filled, `s`: what is drawn with a line.
const STYLE: &str = "
:root { color-scheme: light dark; --text: #1b1f24; --soft: #57606a; --line: #d8dee4; --page: #fff; --good: #1a7f37; --bad: #b42318;
  --c0: #2563c9; --c1: #8c959f; --c2: #c2622d; --c3: #4d8f4d; --c4: #8a63b8; --c5: #b08800; --c6: #0e8a8a; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e8eb; --soft: #9aa4af; --line: #3a424b; --page: #14181d; --good: #57c271;
  --bad: #ff8073; --c0: #6ea0f5; --c1: #8c959f; --c2: #e98d5c; --c3: #7fbf7f; --c4: #b795e0; --c5: #dcb53c; --c6: #4cc2c2; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem; color: var(--text);
  background: var(--page); }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .2rem; } h3 { font-size: 1rem; margin: 1rem 0 .3rem; }
p { margin: .4rem 0; } .note, h3 small { color: var(--soft); font-weight: 400; } .met { color: var(--good); } .missed { color: var(--bad); }
svg { display: block; } svg text { font: 12px system-ui, sans-serif; fill: var(--text); } svg .tick { fill: var(--soft); }
.grid { stroke: var(--line); } .stem { stroke: var(--soft); stroke-opacity: .5; } .quartiles { stroke: var(--text); }
.curve { stroke-width: 2; stroke-linecap: round; }
.c0 { fill: var(--c0); } .c1 { fill: var(--c1); } .c2 { fill: var(--c2); } .c3 { fill: var(--c3); } .c4 { fill: var(--c4); }
.c5 { fill: var(--c5); } .c6 { fill: var(--c6); }
.s0 { stroke: var(--c0); } .s1 { stroke: var(--c1); } .s2 { stroke: var(--c2); } .s3 { stroke: var(--c3); } .s4 { stroke: var(--c4); }
.s5 { stroke: var(--c5); } .s6 { stroke: var(--c6); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; }
td, th { padding: .15rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
td:first-child, th:first-child, td:nth-child(2), th:nth-child(2) { text-align: left; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 28rem), 1fr)); column-gap: 2rem; }";
/// How many colours there are for others: ours is the first.
const COLOURS: usize = 7;

/// A sentence for a page: what is between backticks is code.
fn sentence(text: &str) -> String {
    let parts = text.split('`').map(escape).enumerate();
    let part = |(number, part): (usize, String)| match number % 2 {
        0 => part,
        _ => format!("<code>{part}</code>"),
    };
    parts.map(part).collect()
}

/// The page.
pub(crate) fn page(figures: &[Figure], words: &[String]) -> String {
    let suite = figures.first().map_or("", |f| f.suite);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>actorbridge: bench {suite}</title>\n<style>{STYLE}</style>\n<h1>actorbridge: bench {suite}</h1>\n"
    );
    if let Some(f) = figures.first() {
        let noisy = figures.iter().filter(|f| f.noisy > 0).count();
        let _ = writeln!(
            out,
            "<p class=\"note\">{}, {} rounds, {} cores. Bars and dots are medians; the thin line is the distance between the quartiles. \
             A ratio is taken round by round, in one run. Others used the cores in rounds of {noisy} of {} figures.</p>",
            f.versions,
            f.rounds,
            std::thread::available_parallelism().map_or(0, usize::from),
            figures.len(),
        );
    }
    for text in words {
        let _ = writeln!(out, "<p>{}</p>", sentence(text));
    }
    out.push_str(&codec::messages(figures));
    let colours = Colours::of(figures);
    out.push_str(&actors::numbers(figures, &colours));
    let is_shown_elsewhere = |case: &str| {
        let beside = |f: &Figure| f.against == Some(case);
        codec::is_of_a_message(figures, case) || actors::has_numbers(figures, case) || figures.iter().any(beside)
    };
    for case in each(figures.iter().map(|f| f.case)) {
        if !is_shown_elsewhere(case) {
            section(&mut out, case, figures, &colours);
        }
    }
    table(&mut out, figures);
    out + "</html>\n"
}

/// Each once, in the order in which they come first.
fn each<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found = Vec::new();
    for name in names {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// Whoever is compared has one colour on the whole page.
struct Colours<'a>(Vec<&'a str>);

impl<'a> Colours<'a> {
    fn of(figures: &'a [Figure]) -> Self {
        let others = figures.iter().flat_map(|f| [f.side, f.against.unwrap_or(f.side)]);
        Self(each(
            ["ours"].into_iter().chain(others.filter(|name| *name != "theirs")),
        ))
    }

    fn row(&self, name: &'a str, figure: &'a Figure) -> Row<'a> {
        let at = self.0.iter().position(|n| *n == name).unwrap_or(1);
        let colour = if at < COLOURS { at } else { 1 + (at - 1) % (COLOURS - 1) };
        Row { name, figure, colour }
    }
}

/// One case under its name.
fn section<'a>(out: &mut String, case: &'a str, figures: &'a [Figure], colours: &Colours<'a>) {
    let shown_first = figures.iter().find(|f| f.case == case);
    let better = shown_first.map_or("", |f| f.better.name());
    let _ = writeln!(out, "<h2>{}</h2><p class=\"note\">{better} is better</p>", escape(case));
    beside(out, case, figures, colours);
}

/// One case: its bars, beside those of a case that it is compared with, its curves, and what is wanted.
fn beside<'a>(out: &mut String, case: &'a str, figures: &'a [Figure], colours: &Colours<'a>) {
    let all = figures;
    let figures: Vec<&Figure> = all.iter().filter(|f| f.case == case).collect();
    let mut sides: Vec<Row<'_>> = Vec::new();
    let mut add = |row: Row<'a>| {
        if !sides.iter().any(|s| s.name == row.name) {
            sides.push(row);
        }
    };
    for figure in figures.iter().filter(|f| f.side == "ours").chain(&figures) {
        add(colours.row(figure.side, figure));
    }
    for against in figures.iter().filter_map(|f| f.against) {
        let theirs = all.iter().find(|f| f.case == against);
        theirs.into_iter().for_each(|figure| add(colours.row(against, figure)));
    }
    out.push_str(&plot::bars(&sides));
    if sides.iter().any(|s| !s.figure.quantiles.is_empty()) {
        out.push_str("<p class=\"note\">The time that so many of the messages took at most</p>\n");
        out.push_str(&plot::curves(&sides));
    }
    for f in figures.iter().filter(|f| f.ratio.is_some() || f.goal.is_some()) {
        let compared = match (f.against, f.ratio) {
            (Some(against), Some(ratio)) => format!("{} × {against}", ratio_text(ratio)),
            _ => shown(f.value, f.unit),
        };
        let goal = match f.is_reached() {
            Some(true) => format!(" <span class=\"met\">(goal {})</span>", f.goal_text()),
            Some(false) => format!(" <span class=\"missed\">(goal {}, missed)</span>", f.goal_text()),
            None => String::new(),
        };
        let whose = if f.side == "ours" {
            String::new()
        } else {
            format!("{}: ", f.side)
        };
        let _ = writeln!(out, "<p>{}{goal}</p>", escape(&(whose + &compared)));
    }
}

/// Every figure, for those who look one up.
fn table(out: &mut String, figures: &[Figure]) {
    out.push_str(
        "<details><summary>All figures</summary><div class=\"scroll\"><table><thead><tr><th>case</th><th>side</th><th>value</th>\
         <th>spread</th><th>CPU</th><th>peer's CPU</th><th>allocations</th><th>allocated</th><th>ratio</th><th>to</th></tr></thead>\n",
    );
    let optional = |value: Option<f64>, unit: &str| value.map_or(String::new(), |v| shown(v, unit));
    for f in figures {
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{:.0} %</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(f.case),
            escape(f.side),
            shown(f.value, f.unit),
            f.spread * 100.0,
            optional(f.cpu_ns, "ns"),
            optional(f.peer_cpu_ns, "ns"),
            optional(f.allocs, ""),
            optional(f.alloc_bytes, "B"),
            f.ratio.map_or(String::new(), ratio_text),
            f.against.unwrap_or(""),
        );
    }
    out.push_str("</table></div></details>\n");
}

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn what_is_between_backticks_is_code() {
        assert_eq!(
            sentence("see `bench door` & more"),
            "see <code>bench door</code> &amp; more"
        );
        assert_eq!(sentence("none < here"), "none &lt; here");
    }
}
