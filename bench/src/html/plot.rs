//! Plots in SVG: values as bars or as dots on a logarithmic axis, and times as curves.
//!
//! Places from left to right are parts of the width, so that a plot is as wide as its reader's screen and its letters are not.

use std::fmt::Write as _;

use crate::figure::Figure;

/// Where the plot's area begins and ends, in percent of the width. Names stand left of it, values right of each mark.
const AREA: (f64, f64) = (27.0, 74.0);
const ROW: f64 = 22.0;
/// The height of the axis and its numbers.
const AXIS: f64 = 24.0;
const CURVES: f64 = 190.0;

/// What one row or curve shows, and in which colour (`c0` to `c6` of the page's style).
pub(super) struct Row<'a> {
    pub(super) name: &'a str,
    pub(super) figure: &'a Figure,
    pub(super) colour: usize,
}

/// What an axis spans.
enum Scale {
    /// From 0.
    Linear(f64),
    Log(f64, f64),
}

impl Scale {
    /// Decades around all values.
    fn log(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = values
            .filter(|v| *v > 0.0)
            .fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
        let (low, high) = if low > high { (1.0, 10.0) } else { (low, high) };
        let (below, above) = (low.log10().floor(), high.log10().ceil());
        Self::Log(10f64.powf(below), 10f64.powf(above.max(below + 1.0)))
    }

    /// The part of the axis at which a value is.
    fn part(&self, value: f64) -> f64 {
        let part = match self {
            Self::Linear(most) => value / most,
            Self::Log(low, high) => (value / low).ln() / (high / low).ln(),
        };
        part.clamp(0.0, 1.0)
    }

    /// In percent of the plot's width.
    fn x(&self, value: f64) -> f64 {
        AREA.0 + (AREA.1 - AREA.0) * self.part(value)
    }

    fn ticks(&self) -> Vec<f64> {
        match self {
            Self::Linear(most) => {
                let rough = 10f64.powf((most / 3.0).log10().floor());
                let step = [1.0, 2.0, 5.0, 10.0].map(|s| s * rough);
                let step = step.into_iter().find(|s| most / s <= 5.0).unwrap_or(*most);
                (0..).map(|n| f64::from(n) * step).take_while(|v| v <= most).collect()
            }
            Self::Log(low, high) => {
                let decades = (high / low).log10().round() as i32;
                // Numbers of more than four decades would touch on a small screen.
                let step = if decades > 4 { 2 } else { 1 };
                (0..=decades).step_by(step).map(|n| low * 10f64.powi(n)).collect()
            }
        }
    }
}

/// How high the plot of so many rows is, in pixels.
pub(super) fn height(rows: usize) -> f64 {
    ROW * rows as f64 + AXIS + 4.0
}

/// Bars from zero.
pub(super) fn bars(rows: &[Row<'_>]) -> String {
    let most = rows.iter().map(|r| r.figure.value * (1.0 + r.figure.spread));
    plot(rows, &Scale::Linear(most.fold(0.0, f64::max).max(1e-9)))
}

/// Dots on an axis on which ten times as much is always as far: for values of which some are hundreds of others.
pub(super) fn dots(rows: &[Row<'_>]) -> String {
    plot(rows, &Scale::log(rows.iter().map(|r| r.figure.value)))
}

fn plot(rows: &[Row<'_>], scale: &Scale) -> String {
    let bottom = ROW * rows.len() as f64 + 2.0;
    let unit = rows.first().map_or("", |r| r.figure.unit);
    let mut out = open(height(rows.len()));
    for tick in scale.ticks() {
        let x = scale.x(tick);
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{x:.2}%\" x2=\"{x:.2}%\" y1=\"0\" y2=\"{bottom}\"/>\
             <text class=\"tick\" x=\"{x:.2}%\" y=\"{:.0}\" text-anchor=\"middle\">{}</text>",
            bottom + 16.0,
            shown(tick, unit).trim_end_matches(unit_of_rates(unit)),
        );
    }
    for (i, row) in rows.iter().enumerate() {
        mark(&mut out, row, scale, ROW * i as f64 + ROW / 2.0);
    }
    out + "</svg>\n"
}

/// One row: its name, the median as a bar or a dot, the quartiles as a line, and the number.
fn mark(out: &mut String, row: &Row<'_>, scale: &Scale, middle: f64) {
    let Row { name, figure, colour } = row;
    let (low, high) = (
        figure.value * (1.0 - figure.spread),
        figure.value * (1.0 + figure.spread),
    );
    let (from, to, x) = (scale.x(low), scale.x(high), scale.x(figure.value));
    let text = middle + 4.0;
    let _ = write!(
        out,
        "<text x=\"{:.2}%\" y=\"{text:.1}\" text-anchor=\"end\">{}</text>",
        AREA.0 - 2.0,
        escape(name)
    );
    let _ = match scale {
        Scale::Linear(_) => write!(
            out,
            "<rect class=\"c{colour}\" x=\"{:.2}%\" y=\"{:.1}\" width=\"{:.2}%\" height=\"{:.1}\"/>\
             <line class=\"quartiles\" x1=\"{from:.2}%\" x2=\"{to:.2}%\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>",
            AREA.0,
            middle - ROW / 2.0 + 3.0,
            x - AREA.0,
            ROW - 6.0,
        ),
        Scale::Log(..) => write!(
            out,
            "<line class=\"stem\" x1=\"{:.2}%\" x2=\"{x:.2}%\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>\
             <line class=\"quartiles\" x1=\"{from:.2}%\" x2=\"{to:.2}%\" y1=\"{middle:.1}\" y2=\"{middle:.1}\"/>\
             <circle class=\"c{colour}\" cx=\"{x:.2}%\" cy=\"{middle:.1}\" r=\"5\"/>",
            AREA.0,
        ),
    };
    let _ = writeln!(
        out,
        "<text x=\"{:.2}%\" y=\"{text:.1}\" dx=\"9\">{}</text>",
        x.max(to),
        shown(figure.value, figure.unit)
    );
}

/// Times against the part of the messages that took at most that long; both axes so that the slowest can be seen.
pub(super) fn curves(rows: &[Row<'_>]) -> String {
    // The quickest message of all says little.
    let points = |row: &Row<'_>| row.figure.quantiles.iter().skip(1).copied().collect::<Vec<_>>();
    let scale = Scale::log(rows.iter().flat_map(points).map(|q| q.1));
    let x = |part: f64| AREA.0 + (AREA.1 - AREA.0) * -(1.0 - part.min(0.9995)).log10() / 3.4;
    let (top, bottom) = (8.0, CURVES - AXIS);
    let y = |us: f64| bottom - (bottom - top) * scale.part(us);
    let mut out = open(CURVES);
    for part in [0.5, 0.9, 0.99, 0.999] {
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{0:.2}%\" x2=\"{0:.2}%\" y1=\"{top}\" y2=\"{bottom}\"/>\
             <text class=\"tick\" x=\"{0:.2}%\" y=\"{1}\" text-anchor=\"middle\">{2} %</text>",
            x(part),
            bottom + 16.0,
            part * 100.0,
        );
    }
    for us in scale.ticks() {
        let _ = write!(
            out,
            "<line class=\"grid\" x1=\"{}%\" x2=\"{}%\" y1=\"{2:.1}\" y2=\"{2:.1}\"/>\
             <text class=\"tick\" x=\"{3}%\" y=\"{4:.1}\" text-anchor=\"end\">{5}</text>",
            AREA.0,
            AREA.1,
            y(us),
            AREA.0 - 1.0,
            y(us) + 4.0,
            shown(us, "us"),
        );
    }
    for row in rows {
        for pair in points(row).windows(2) {
            let _ = write!(
                out,
                "<line class=\"curve s{}\" x1=\"{:.2}%\" y1=\"{:.1}\" x2=\"{:.2}%\" y2=\"{:.1}\"/>",
                row.colour,
                x(pair[0].0),
                y(pair[0].1),
                x(pair[1].0),
                y(pair[1].1),
            );
        }
    }
    out + "</svg>\n"
}

/// What an axis leaves out, since its numbers would touch on a small screen: each value says it.
fn unit_of_rates(unit: &str) -> &str {
    if unit.contains('/') { unit } else { "" }
}

fn open(height: f64) -> String {
    format!("<svg width=\"100%\" height=\"{height}\" role=\"img\">")
}

/// A value with its unit, with as many digits as one reads: the unit that makes the number small.
pub(crate) fn shown(value: f64, unit: &str) -> String {
    let steps: &[(f64, &str)] = match unit {
        "ns" => &[(1.0, " ns"), (1e3, " µs"), (1e6, " ms"), (1e9, " s")],
        "us" => &[(1.0, " µs"), (1e3, " ms"), (1e6, " s")],
        "B" => &[(1.0, " B"), (1e3, " kB"), (1e6, " MB")],
        _ => &[(1.0, ""), (1e3, " k"), (1e6, " M")],
    };
    let at = steps.iter().rposition(|(size, _)| value.abs() >= *size).unwrap_or(0);
    let (size, name) = steps[at];
    let scaled = value / size;
    let digits = match scaled.abs() {
        v if v == v.trunc() || v >= 100.0 => 0,
        v if v >= 10.0 => 1,
        _ => 2,
    };
    let rest = if matches!(unit, "ns" | "us" | "B" | "") {
        String::new()
    } else {
        format!(" {unit}")
    };
    format!("{scaled:.digits$}{name}{rest}")
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::{Scale, shown};

    #[test]
    fn values_are_shown_in_the_unit_that_makes_them_small() {
        assert_eq!(shown(87.0, "ns"), "87 ns");
        assert_eq!(shown(1571.9, "ns"), "1.57 µs");
        assert_eq!(shown(21_898_484.0, "ns"), "21.9 ms");
        assert_eq!(shown(3_857_150.0, "B"), "3.86 MB");
        assert_eq!(shown(703_387.0, "msg/s"), "703 k msg/s");
        assert_eq!(shown(0.08, ""), "0.08");
    }

    #[test]
    fn an_axis_has_round_numbers_over_all_that_is_drawn() {
        assert_eq!(Scale::Linear(700.0).ticks(), [0.0, 200.0, 400.0, 600.0]);
        let scale = Scale::log([88.0, 21_329.0].into_iter());
        assert_eq!(scale.ticks(), [10.0, 100.0, 1_000.0, 10_000.0, 100_000.0]);
        assert_eq!(scale.part(1_000.0), 0.5);
    }
}
