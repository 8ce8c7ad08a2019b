//! The lock file's rules: each is broken once, and what is allowed is done once. docs/VERSIONS.md has them as a table.

use crate::project::{HEAD, Project};

const RELEASED: &str = r#"message Item {
  option (actorbridge.v1.message) = { version: 2, min_reader: 2 };
  string sku = 1;
  uint32 qty = 2;
  Size size = 3;
  oneof price { int64 cents = 4; string words = 5; }
  Inner inner = 6;
  message Inner { bool set = 1; }
}
message Gone { string a = 1; }
enum Size { SIZE_UNSPECIFIED = 0; SIZE_BIG = 1; SIZE_SMALL = 2; }
"#;

/// A project that released the schema above, and begins with version 2 of Item.
fn released() -> Project {
    let project = Project::of(RELEASED);
    assert_eq!(project.generate(&project.config().amend("shop.v1.Item")), "");
    project
}

/// What is said when each `from` becomes its `to`.
fn change(project: &Project, changes: &[(&str, &str)]) -> String {
    let mut text = RELEASED.to_owned();
    for (from, to) in changes {
        assert_eq!(text.matches(from).count(), 1, "{from} is there once");
        text = text.replace(from, to);
    }
    project.write("proto/shop.proto", &format!("{HEAD}{text}"));
    project.run()
}

const NEXT: (&str, &str) = ("version: 2,", "version: 3,");

/// One test for each rule: its name, the changes, and what is said.
macro_rules! rules {
    ($($name:ident: [$($change:expr),*], $says:expr;)*) => {$(
        #[test]
        fn $name() {
            assert_eq!(change(&released(), &[$($change),*]), $says);
        }
    )*};
}

rules! {
    a_new_field_needs_a_new_version: [("uint32 qty = 2;", "uint32 qty = 2; bool gift = 7;")],
        "proto/shop.proto:8:19: shop.v1.Item has a new field gift = 7 and still version: 2; raise it: option \
         (actorbridge.v1.message) = { version: 3, min_reader: 2 }; or, if version 2 was not released, run `actorbridge gen \
         --amend shop.v1.Item`";
    a_field_that_goes_needs_a_new_version: [("uint32 qty = 2;", "reserved 2; reserved \"qty\";")],
        "proto/shop.proto:5:1: shop.v1.Item lost its field qty = 2 and still has version: 2; raise it: option \
         (actorbridge.v1.message) = { version: 3, min_reader: 2 }; or, if version 2 was not released, run `actorbridge gen \
         --amend shop.v1.Item`";
    a_field_that_goes_is_reserved_by_number_and_name: [NEXT, ("uint32 qty = 2;", "reserved 2;")],
        "proto/shop.proto:5:1: shop.v1.Item no longer has field qty = 2, and does not reserve it; add `reserved 2; reserved \
         \"qty\";` so that neither is used again";
    a_version_does_not_go_back: [("version: 2, min_reader: 2", "version: 1")],
        "proto/shop.proto:5:1: shop.v1.Item has version: 1, and version 2 was released; versions only go up: write version: \
         2, or 3 for a change";
    a_version_is_not_skipped: [("version: 2,", "version: 4,")],
        "proto/shop.proto:5:1: shop.v1.Item has version: 4, and the latest that was released is 2; versions are counted: \
         write version: 3";
    a_released_version_keeps_its_min_reader: [("min_reader: 2", "min_reader: 1")],
        "proto/shop.proto:5:1: shop.v1.Item has min_reader: 1, and version 2 was released with 2; write min_reader: 2, or \
         raise the version";
    a_min_reader_does_not_go_down: [NEXT, ("min_reader: 2", "min_reader: 1")],
        "proto/shop.proto:5:1: shop.v1.Item has min_reader: 1, and version 2 had 2; what old readers could not read they \
         cannot read now: write min_reader: 2";
    a_min_reader_is_at_most_the_version: [("min_reader: 2", "min_reader: 3")],
        "proto/shop.proto:5:1: shop.v1.Item has min_reader: 3 above its version: 2; no reader knows more than the version: \
         lower min_reader, or raise version";
    a_number_keeps_its_type: [NEXT, ("uint32 qty = 2;", "uint64 qty = 2;")],
        "proto/shop.proto:8:3: field 2 of shop.v1.Item was uint32 qty and is uint64 qty; old readers take it for the old \
         one: put back `uint32 qty` and give the new field another number, such as 7";
    a_number_keeps_its_message_type: [NEXT, ("Inner inner = 6;", "Gone inner = 6;")],
        "proto/shop.proto:11:3: field 6 of shop.v1.Item was shop.v1.Item.Inner inner and is shop.v1.Gone inner; old readers \
         take it for the old one: put back `shop.v1.Item.Inner inner` and give the new field another number, such as 7";
    a_number_keeps_its_cardinality: [NEXT, ("uint32 qty = 2;", "repeated uint32 qty = 2;")],
        "proto/shop.proto:8:3: field 2 of shop.v1.Item was uint32 qty and is repeated uint32 qty; old readers take it for the \
         old one: put back `uint32 qty` and give the new field another number, such as 7";
    a_number_keeps_its_presence: [NEXT, ("uint32 qty = 2;", "optional uint32 qty = 2;")],
        "proto/shop.proto:8:3: field 2 of shop.v1.Item was uint32 qty and is optional uint32 qty; old readers take it for \
         the old one: put back `uint32 qty` and give the new field another number, such as 7";
    a_number_keeps_its_oneof: [NEXT, ("int64 cents = 4; string words = 5; }", "string words = 5; } int64 cents = 4;")],
        "proto/shop.proto:10:37: field 4 of shop.v1.Item was int64 cents in oneof price and is int64 cents; old readers take \
         it for the old one: put back `int64 cents in oneof price` and give the new field another number, such as 7";
    a_number_keeps_its_name: [NEXT, ("uint32 qty = 2;", "uint32 pieces = 2;")],
        "proto/shop.proto:8:3: field 2 of shop.v1.Item was qty and is pieces; old readers take it for the old one: put back \
         `uint32 qty` and give the new field another number, such as 7";
    a_name_keeps_its_number: [NEXT, ("uint32 qty = 2;", "reserved 2; uint32 qty = 7;")],
        "proto/shop.proto:8:15: field qty of shop.v1.Item was number 2 and is 7; old readers look for it at 2: give it that \
         number, or another name";
    a_nested_message_has_versions_too: [("bool set = 1;", "bool set = 1; bool more = 2;")],
        "proto/shop.proto:12:33: shop.v1.Item.Inner has a new field more = 2 and still version: 1; raise it: option \
         (actorbridge.v1.message) = { version: 2, min_reader: 1 }; or, if version 1 was not released, run `actorbridge gen \
         --amend shop.v1.Item.Inner`";
    an_enum_value_keeps_its_number: [("SIZE_SMALL = 2", "SIZE_SMALL = 3")],
        "proto/shop.proto:15:49: SIZE_SMALL of shop.v1.Size was 2 and is 3; old readers take it for another value: write \
         SIZE_SMALL = 2";
    an_enum_value_keeps_its_name: [("SIZE_SMALL = 2", "SIZE_TINY = 2")],
        "proto/shop.proto:15:49: 2 of shop.v1.Size was SIZE_SMALL and is SIZE_TINY; put SIZE_SMALL = 2 back, and give the new \
         value a number that was never used";
    an_enum_value_that_goes_is_reserved: [(" SIZE_SMALL = 2;", "")],
        "proto/shop.proto:15:1: shop.v1.Size no longer has SIZE_SMALL = 2, and does not reserve it; add `reserved 2; reserved \
         \"SIZE_SMALL\";` so that neither is used again";
}

#[test]
fn what_is_added_with_a_new_version_is_a_new_entry() {
    let project = released();
    let more = ("uint32 qty = 2;", "uint32 qty = 2; bool gift = 7;");
    let added = ("SIZE_BIG = 1;", "SIZE_BIG = 1; SIZE_HUGE = 3;");
    assert_eq!(change(&project, &[NEXT, more, added]), "");
    let lock = project.read("actorbridge.lock");
    assert!(
        lock.contains("\n  version 2 min_reader 2 sha256:"),
        "the old revision stays: {lock}"
    );
    let new = lock
        .split("\n  version 3 min_reader 2 sha256:")
        .nth(1)
        .expect("the new revision");
    assert!(new.contains("\n    7 gift bool\n"), "{lock}");
    assert!(lock.contains("\n    3 SIZE_HUGE\n"), "{lock}");
}

#[test]
fn a_field_may_go_with_a_new_version_and_does_not_come_back_as_another() {
    let project = released();
    assert_eq!(
        change(&project, &[NEXT, ("uint32 qty = 2;", "reserved 2; reserved \"qty\";")]),
        ""
    );
    let back = change(
        &project,
        &[("version: 2,", "version: 4,"), ("uint32 qty = 2;", "string note = 2;")],
    );
    assert!(
        back.contains("field 2 of shop.v1.Item was uint32 qty and is string note"),
        "{back}"
    );
    let unreserved = change(&project, &[("version: 2,", "version: 4,"), ("uint32 qty = 2;", "")]);
    assert!(
        unreserved.contains("no longer has field qty = 2, and does not reserve it"),
        "{unreserved}"
    );
}

#[test]
fn the_name_of_a_removed_type_is_not_used_again() {
    let project = released();
    assert_eq!(change(&project, &[("message Gone { string a = 1; }\n", "")]), "");
    assert!(
        project
            .read("actorbridge.lock")
            .contains("\nremoved message shop.v1.Gone\n")
    );
    assert_eq!(
        change(&project, &[]),
        "proto/shop.proto:14:1: shop.v1.Gone was removed, and its name cannot be used again; call the new message something \
         else; if it was removed by mistake, take actorbridge.lock from version control"
    );
}

#[test]
fn the_name_of_a_removed_enum_is_not_used_again() {
    let project = released();
    let without = [
        (RELEASED.lines().last().expect("the enum"), ""),
        ("  Size size = 3;\n", "  reserved 3; reserved \"size\";\n"),
        NEXT,
    ];
    assert_eq!(change(&project, &without), "");
    let back = change(
        &project,
        &[
            ("version: 2,", "version: 4,"),
            ("  Size size = 3;\n", "  reserved 3; reserved \"size\";\n"),
        ],
    );
    assert!(
        back.contains("shop.v1.Size was removed, and its name cannot be used again"),
        "{back}"
    );
}

#[test]
fn a_revision_that_was_changed_in_the_lock_file_is_refused() {
    let project = released();
    let lock = project.read("actorbridge.lock");
    let line = 1 + lock
        .lines()
        .position(|l| l.starts_with("  version 2"))
        .expect("Item's revision");
    project.write(
        "actorbridge.lock",
        &lock.replace("    2 qty uint32\n", "    2 qty uint64\n"),
    );
    assert_eq!(
        project.run(),
        format!(
            "actorbridge.lock:{line}:1: version 2 of shop.v1.Item is not what was released: its fingerprint differs; take \
             actorbridge.lock from version control; if this version was not released, run `actorbridge gen --amend \
             shop.v1.Item` there"
        )
    );
}

#[test]
fn a_line_that_is_none_of_a_lock_file_is_named() {
    let project = released();
    project.write("actorbridge.lock", "message shop.v1.Item\n<<<<<<< ours\n");
    let said = project.run();
    assert!(
        said.starts_with("actorbridge.lock:2:1: `<<<<<<< ours` is no line of a lock file; "),
        "{said}"
    );
    project.write("actorbridge.lock", "message shop.v1.Item\nmessage shop.v1.Item\n");
    assert!(
        project.run().starts_with("actorbridge.lock:2:1: "),
        "a bad merge made an entry twice"
    );
}

#[test]
fn an_unreleased_version_is_amended() {
    let project = released();
    let more = ("uint32 qty = 2;", "uint32 qty = 2; bool gift = 7;");
    assert_ne!(change(&project, &[more]), "");
    let amended = project.generate(&project.config().amend("shop.v1.Item"));
    assert_eq!(amended, "");
    assert!(project.read("actorbridge.lock").contains("\n    7 gift bool\n"));
    assert_eq!(project.run(), "", "what was amended is what is locked");
    let unknown = project.generate(&project.config().amend("shop.v1.Other"));
    assert!(
        unknown.starts_with("shop.v1.Other is not in the lock file, nor a message of the schema; "),
        "{unknown}"
    );
}

#[test]
fn the_type_of_a_field_that_no_earlier_version_had_is_amended_too() {
    let project = released();
    let other = ("uint32 qty = 2;", "uint64 qty = 2;");
    let said = change(&project, &[other]);
    assert!(
        said.ends_with("such as 7; or, if version 2 was not released, run `actorbridge gen --amend shop.v1.Item`"),
        "{said}"
    );
    assert_eq!(project.generate(&project.config().amend("shop.v1.Item")), "");
    assert_eq!(change(&project, &[NEXT, other]), "");
    let said = change(&project, &[("version: 2,", "version: 3,")]);
    assert!(
        said.ends_with("such as 7"),
        "version 2 has the field too, so amending version 3 is not enough: {said}"
    );
}

#[test]
fn a_lock_file_that_is_lost_is_not_made_anew_without_a_word() {
    let project = released();
    let lock = project.read("actorbridge.lock");
    let lost = "proto/shop.proto:5:1: shop.v1.Item has version: 2, and actorbridge.lock has no version of it; take \
                actorbridge.lock from version control; for a new message write version: 1; to begin anew with version 2, as \
                if none before it was released, run `actorbridge gen --amend shop.v1.Item`";
    project.remove("actorbridge.lock");
    assert_eq!(project.run(), lost);
    project.write("actorbridge.lock", "message shop.v1.Item\n");
    assert_eq!(project.run(), lost, "an entry without versions is no better");
    project.remove("actorbridge.lock");
    assert_eq!(project.generate(&project.config().amend("shop.v1.Item")), "");
    assert_eq!(project.read("actorbridge.lock"), lock);
}

#[test]
fn a_lock_file_that_lacks_the_current_version_is_stale() {
    let project = released();
    let next = format!("{HEAD}{}", RELEASED.replace("version: 2,", "version: 3,"));
    project.write("proto/shop.proto", &next);
    let generated = project.config().generate().expect("a version may be raised");
    let stale: Vec<_> = generated.stale().map(|path| path.display().to_string()).collect();
    assert_eq!(stale, ["actorbridge.lock", "gen/shop.v1.rs"]);
}

#[test]
fn comments_and_order_change_no_fingerprint() {
    let project = released();
    let before = project.read("actorbridge.lock");
    let said = change(
        &project,
        &[(
            "  string sku = 1;\n  uint32 qty = 2;\n",
            "  // How many.\n  uint32 qty = 2;\n  string sku = 1;\n",
        )],
    );
    assert_eq!(said, "");
    assert_eq!(project.read("actorbridge.lock"), before);
}
