//! The figures as one page with plots: bars with their spread, and times as curves.

use std::fmt::Write as _;

use crate::figure::Figure;

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem;color:#1b1f24}\
h1{font-size:1.5rem}h2{font-size:1.1rem;margin:2rem 0 .3rem}p{margin:.2rem 0}.note{color:#57606a}\
svg text{font:12px system-ui,sans-serif;fill:#1b1f24}.missed{color:#b42318}.met{color:#1a7f37}\
table{border-collapse:collapse}td,th{padding:.15rem .7rem;text-align:right;border-bottom:1px solid #d8dee4}\
td:first-child,th:first-child,td:nth-child(2),th:nth-child(2){text-align:left}";
/// Ours, then others in the order in which they come.
const COLOURS: [&str; 6] = ["#2563c9", "#8c959f", "#c2724f", "#7a9a5b", "#a183b8", "#c9a227"];
const BAR: f64 = 22.0;
const LEFT: f64 = 130.0;
const WIDTH: f64 = 560.0;

/// The page.
pub(crate) fn page(figures: &[Figure], words: &[String]) -> String {
    let suite = figures.first().map_or("", |f| f.suite);
    let mut out = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>actorbridge: bench {suite}</title>\
         <style>{STYLE}</style><h1>actorbridge: bench {suite}</h1>\n"
    );
    if let Some(f) = figures.first() {
        let noisy = figures.iter().filter(|f| f.noisy > 0).count();
        let _ = writeln!(
            out,
            "<p class=\"note\">{}, {} rounds, {} cores. Bars are medians; the thin line is the distance between the quartiles. \
             A ratio is taken round by round, in one run. Others used the cores in rounds of {noisy} of {} figures.</p>",
            f.versions,
            f.rounds,
            std::thread::available_parallelism().map_or(0, usize::from),
            figures.len(),
        );
    }
    for text in words {
        let _ = writeln!(out, "<p>{}</p>", escape(text));
    }
    let mut cases: Vec<&str> = Vec::new();
    for f in figures {
        if !cases.contains(&f.case) {
            cases.push(f.case);
        }
    }
    for case in cases {
        let of: Vec<&Figure> = figures.iter().filter(|f| f.case == case).collect();
        section(&mut out, case, &of);
    }
    out + "</html>\n"
}

/// One case: its bars, its curves, and what is wanted.
fn section(out: &mut String, case: &str, figures: &[&Figure]) {
    let mut sides: Vec<&Figure> = Vec::new();
    for f in figures.iter().filter(|f| f.side == "ours").chain(figures.iter()) {
        if !sides.iter().any(|s| s.side == f.side) {
            sides.push(f);
        }
    }
    let unit = sides.first().map_or("", |f| f.unit);
    let _ = writeln!(out, "<h2>{}</h2>", escape(case));
    bars(out, &sides, unit);
    if sides.iter().any(|f| !f.quantiles.is_empty()) {
        curves(out, &sides);
    }
    for f in figures.iter().filter(|f| f.ratio.is_some() || f.goal.is_some()) {
        let compared = match (f.against, f.ratio) {
            (Some(against), Some(ratio)) => format!("{ratio:.2} × {against}"),
            _ => format!("{:.2} {}", f.value, f.unit),
        };
        let goal = match f.is_reached() {
            Some(true) => format!(" <span class=\"met\">(goal {})</span>", f.goal_text()),
            Some(false) => format!(" <span class=\"missed\">(goal {}, missed)</span>", f.goal_text()),
            None => String::new(),
        };
        let _ = writeln!(out, "<p>{}{goal}</p>", escape(&compared));
    }
}

fn bars(out: &mut String, sides: &[&Figure], unit: &str) {
    let most = sides
        .iter()
        .map(|f| f.value * (1.0 + f.spread))
        .fold(0.0, f64::max)
        .max(1e-9);
    let height = BAR * sides.len() as f64 + 4.0;
    let _ = writeln!(
        out,
        "<svg width=\"{}\" height=\"{height}\" role=\"img\">",
        LEFT + WIDTH + 130.0
    );
    for (i, f) in sides.iter().enumerate() {
        let (y, width) = (i as f64 * BAR, f.value / most * WIDTH);
        let half = f.value * f.spread / most * WIDTH;
        let middle = y + BAR / 2.0;
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{LEFT}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{:.1}\" fill=\"{}\"/>\
             <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\" stroke=\"#1b1f24\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{} {unit}</text>",
            LEFT - 8.0,
            middle + 4.0,
            escape(f.side),
            y + 3.0,
            BAR - 6.0,
            COLOURS[i % COLOURS.len()],
            LEFT + width - half,
            LEFT + width + half,
            LEFT + width + half + 6.0,
            middle + 4.0,
            number(f.value),
        );
    }
    out.push_str("</svg>\n");
}

/// Times against the part of the messages that took at most that long; both axes so that the slowest can be seen.
fn curves(out: &mut String, sides: &[&Figure]) {
    let (height, parts) = (180.0, [0.5, 0.9, 0.99, 0.999]);
    let x = |part: f64| LEFT + WIDTH * (-(1.0 - part.min(0.9995)).log10()) / 3.4;
    let points = sides.iter().flat_map(|f| f.quantiles.iter().skip(1)).map(|q| q.1);
    let (low, high) = points.fold((f64::MAX, 1.0_f64), |(l, h), v| (l.min(v), h.max(v)));
    let y = |us: f64| height - 24.0 - (height - 40.0) * (us / low).ln() / (high / low).ln().max(1e-9);
    let _ = writeln!(
        out,
        "<svg width=\"{}\" height=\"{height}\" role=\"img\">",
        LEFT + WIDTH + 130.0
    );
    for part in parts {
        let _ = writeln!(
            out,
            "<line x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"8\" y2=\"{1:.1}\" stroke=\"#d8dee4\"/>\
             <text x=\"{0:.1}\" y=\"{2:.1}\" text-anchor=\"middle\">{3} %</text>",
            x(part),
            height - 24.0,
            height - 8.0,
            part * 100.0,
        );
    }
    for us in [low, high] {
        let text = format!("{} us", number(us));
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
            LEFT - 8.0,
            y(us) + 4.0
        );
    }
    for (i, f) in sides.iter().enumerate() {
        let path: Vec<String> = f
            .quantiles
            .iter()
            .skip(1)
            .map(|(part, us)| format!("{:.1},{:.1}", x(*part), y(*us)))
            .collect();
        let colour = COLOURS[i % COLOURS.len()];
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        );
    }
    out.push_str("</svg>\n");
}

/// A number with as many digits as one reads.
fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 1e6 => format!("{:.2} M", value / 1e6),
        v if v >= 1e4 => format!("{:.0} k", value / 1e3),
        v if v >= 100.0 => format!("{value:.0}"),
        _ => format!("{value:.2}"),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
