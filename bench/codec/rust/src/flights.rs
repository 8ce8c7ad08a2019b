//! The flights of a file such as `examples/handover/data/flights-2013-01.csv.gz`.

use std::error::Error;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use flate2::read::GzDecoder;

use crate::wire::Flight;

/// All of them, in their order; columns are as in that file. A field that is no number is absent, as an empty one is.
pub(crate) fn read(path: &Path) -> Result<Vec<Flight>, Box<dyn Error>> {
    let mut text = String::new();
    let file = File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    GzDecoder::new(file).read_to_string(&mut text)?;
    let rows = text.lines().skip(1).zip(1..);
    Ok(rows.map(|(line, row)| flight(row, line)).collect())
}

fn flight(row: u64, line: &str) -> Flight {
    let fields: Vec<&str> = line.split(',').collect();
    let text = |at: usize| fields.get(at).copied().unwrap_or_default().to_owned();
    let number = |at: usize| fields.get(at).and_then(|f| f.parse().ok());
    Flight {
        row,
        year: number(0),
        month: number(1),
        day: number(2),
        dep_time: number(3),
        sched_dep_time: number(4),
        dep_delay: number(5),
        arr_time: number(6),
        sched_arr_time: number(7),
        arr_delay: number(8),
        carrier: text(9),
        flight: number(10),
        tailnum: text(11),
        origin: text(12),
        dest: text(13),
        air_time: number(14),
        distance: number(15),
        hour: number(16),
        minute: number(17),
        time_hour: text(18),
    }
}
