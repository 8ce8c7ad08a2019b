//! The suite `actors` by cases: the plots of a case stand side by side, one for each number of actors.

use std::fmt::Write as _;

use super::{Colours, beside, each};
use crate::figure::Figure;

/// How the names of cases end, after the number of actors.
const ENDS: [&str; 3] = ["_1k", "_100k", "_1m"];

/// Is this a case that [`numbers`] shows?
pub(super) fn has_numbers(figures: &[Figure], case: &str) -> bool {
    figures.iter().any(|f| f.case == case && f.actors.is_some())
}

/// A section for each case.
pub(super) fn numbers<'a>(figures: &'a [Figure], colours: &Colours<'a>) -> String {
    let mut out = String::new();
    let of_numbers = || figures.iter().filter(|f| f.actors.is_some());
    for case in each(of_numbers().map(|f| without_number(f.case))) {
        let _ = writeln!(
            out,
            "<h2>{case}</h2><p class=\"note\">less is better</p>\n<div class=\"plots\">"
        );
        for with_number in each(of_numbers().map(|f| f.case).filter(|c| without_number(c) == case)) {
            let actors = of_numbers().find(|f| f.case == with_number).and_then(|f| f.actors);
            let _ = writeln!(out, "<div><h3>{}</h3>", title(actors.unwrap_or_default()));
            beside(&mut out, with_number, figures, colours);
            out.push_str("</div>\n");
        }
        out.push_str("</div>\n");
    }
    out
}

fn without_number(case: &str) -> &str {
    ENDS.iter().find_map(|end| case.strip_suffix(end)).unwrap_or(case)
}

/// The number in words, by thousands.
fn title(actors: u64) -> String {
    match actors {
        1 => "1 actor".to_owned(),
        1_000_000.. => format!("{},000,000 actors", actors / 1_000_000),
        _ => format!("{},000 actors", actors / 1_000),
    }
}

#[cfg(test)]
mod tests {
    use crate::figure::Figure;
    use crate::html::page;

    #[test]
    fn a_case_has_one_section_with_a_plot_for_each_number_of_actors() {
        let figure = |case, side, actors| Figure {
            side,
            value: 100.0,
            unit: "ns",
            actors: Some(actors),
            ..Figure::of("actors", case)
        };
        let figures = [
            figure("tell_go", "goroutine", 1),
            figure("tell_go", "ours", 1),
            figure("tell_go_100k", "goroutine", 100_000),
            figure("tell_go_100k", "ours", 100_000),
        ];
        let page = page(&figures, &[]);
        assert_eq!(page.matches("<h2>tell_go</h2>").count(), 1);
        assert_eq!(page.matches("<h2>").count(), 1);
        for number in ["1 actor", "100,000 actors"] {
            assert_eq!(page.matches(&format!("<h3>{number}</h3>")).count(), 1, "{number}");
        }
        assert_eq!(page.matches("<svg").count(), 2);
    }
}
