//! C: the `AB_…` constants, as Rust constants that cbindgen exports, and their names.

use std::fmt::Write as _;

use super::{MADE, Table, sentence};

pub(super) fn render(table: &Table) -> String {
    let mut out = format!("//! {MADE}\n//!\n//! The statuses that every function of the C library answers with.\n\n");
    out.push_str("use core::ffi::CStr;\n\n");
    for (row, status) in table.c_rows() {
        let (name, means, mend) = (&row.name, sentence(&row.means), sentence(&row.mend));
        writeln!(out, "/// {means}. {mend}.\npub const AB_{name}: i32 = {status};").expect("writing to a string");
    }
    out.push_str(
        "\n/// The constant's name for a status; none for a number that is not one.\n\
        pub(crate) const fn status_name(status: i32) -> Option<&'static CStr> {\n    Some(match status {\n",
    );
    for (row, _) in table.c_rows() {
        writeln!(out, "        AB_{0} => c\"AB_{0}\",", row.name).expect("writing to a string");
    }
    out.push_str("        _ => return None,\n    })\n}\n");
    out
}
