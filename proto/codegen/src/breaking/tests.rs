//! Each rule is broken once, and what is allowed is done once.

use prost_types::FileDescriptorSet;

use super::compare;
use crate::decode;
use crate::memory::compile;

const BEFORE: &str = r#"
syntax = "proto3";
package shop.v1;
import "google/protobuf/descriptor.proto";
message Item {
  reserved 9, 20 to 29;
  reserved "old_price";
  string sku = 1;
  uint32 qty = 2;
  oneof price { uint64 cents = 3; string words = 4; }
  Inner inner = 5;
  message Inner { bool set = 1; }
}
message Gone { string a = 1; }
enum Color { reserved 7; COLOR_UNSPECIFIED = 0; COLOR_RED = 1; COLOR_BLUE = 2; }
enum Size { SIZE_UNSPECIFIED = 0; }
service Shop { rpc Buy(Item) returns (Item); rpc Look(Item) returns (stream Item); }
service Till { rpc Open(Item) returns (Item); }
extend google.protobuf.FieldOptions { string note = 50001; }
"#;

fn schema(source: &str) -> FileDescriptorSet {
    decode(&compile(source, false)).expect("a descriptor set")
}

/// What is said when `from` becomes `to` in the schema above.
fn breaks(from: &str, to: &str) -> Vec<String> {
    assert_eq!(BEFORE.matches(from).count(), 1, "{from} is there once");
    compare(&schema(BEFORE), &schema(&BEFORE.replace(from, to)))
}

#[test]
fn an_unchanged_schema_breaks_nothing() {
    assert_eq!(compare(&schema(BEFORE), &schema(BEFORE)), [""; 0]);
}

#[test]
fn what_is_added_breaks_nothing() {
    let more = BEFORE
        .replace("uint32 qty = 2;", "uint32 qty = 2; bytes picture = 6; reserved 10;")
        .replace("COLOR_BLUE = 2;", "COLOR_BLUE = 2; COLOR_GREEN = 3;")
        .replace(
            "service Till {",
            "message New {} service Till { rpc Close(New) returns (New);",
        );
    assert_eq!(compare(&schema(BEFORE), &schema(&more)), [""; 0]);
}

/// One test for each rule: its name, the change, and the sentence that must name file, message and field.
macro_rules! rules {
    ($($name:ident: $from:literal => $to:literal, $says:expr;)*) => {$(
        #[test]
        fn $name() {
            assert_eq!(breaks($from, $to), $says);
        }
    )*};
}

rules! {
    a_removed_field_breaks: "string sku = 1;" => "",
        ["memory.proto: field shop.v1.Item.sku = 1 was removed"];
    a_renumbered_field_breaks: "string sku = 1;" => "string sku = 8;",
        ["memory.proto: field shop.v1.Item.sku was number 1 and is 8"];
    a_number_given_to_another_field_breaks: "string sku = 1;" => "string id = 1;",
        ["memory.proto: field shop.v1.Item.sku lost its number 1 to id"];
    a_retyped_field_breaks: "uint32 qty = 2;" => "uint64 qty = 2;",
        ["memory.proto: field shop.v1.Item.qty was uint32 and is uint64"];
    a_field_of_another_message_type_breaks: "Inner inner = 5;" => "Gone inner = 5;",
        ["memory.proto: field shop.v1.Item.inner was shop.v1.Item.Inner and is shop.v1.Gone"];
    a_field_that_becomes_repeated_breaks: "uint32 qty = 2;" => "repeated uint32 qty = 2;",
        ["memory.proto: field shop.v1.Item.qty was singular and is repeated"];
    a_field_that_becomes_optional_breaks: "uint32 qty = 2;" => "optional uint32 qty = 2;",
        ["memory.proto: field shop.v1.Item.qty was singular and is optional"];
    a_field_that_leaves_its_oneof_breaks: "uint64 cents = 3; string words = 4; }" => "string words = 4; } uint64 cents = 3;",
        ["memory.proto: field shop.v1.Item.cents was in oneof price and is in no oneof"];
    a_field_of_a_nested_message_is_watched: "bool set = 1;" => "",
        ["memory.proto: field shop.v1.Item.Inner.set = 1 was removed"];
    a_reused_reserved_number_breaks: "reserved 9, 20 to 29;" => "reserved 20 to 29; string x = 9;",
        ["memory.proto: message shop.v1.Item uses its reserved number 9 for x"];
    a_number_that_is_no_longer_reserved_breaks: "reserved 9, 20 to 29;" => "reserved 9, 20 to 28;",
        ["memory.proto: message shop.v1.Item no longer reserves number 29"];
    a_name_that_is_no_longer_reserved_breaks: "reserved \"old_price\";" => "",
        ["memory.proto: message shop.v1.Item no longer reserves the name old_price"];
    a_removed_message_breaks: "message Gone { string a = 1; }" => "",
        ["memory.proto: message shop.v1.Gone was removed"];
    a_removed_enum_breaks: "enum Size { SIZE_UNSPECIFIED = 0; }" => "",
        ["memory.proto: enum shop.v1.Size was removed"];
    a_removed_enum_value_breaks: "COLOR_BLUE = 2;" => "",
        ["memory.proto: value shop.v1.Color.COLOR_BLUE = 2 was removed"];
    a_renumbered_enum_value_breaks: "COLOR_BLUE = 2;" => "COLOR_BLUE = 3;",
        ["memory.proto: value shop.v1.Color.COLOR_BLUE was 2 and is 3"];
    a_reused_reserved_enum_number_breaks: "reserved 7; COLOR_UNSPECIFIED = 0;" => "COLOR_UNSPECIFIED = 0; COLOR_PINK = 7;",
        ["memory.proto: enum shop.v1.Color uses its reserved number 7 for COLOR_PINK"];
    a_removed_service_breaks: "service Till { rpc Open(Item) returns (Item); }" => "",
        ["memory.proto: service shop.v1.Till was removed"];
    a_removed_method_breaks: "rpc Buy(Item) returns (Item);" => "",
        ["memory.proto: method shop.v1.Shop.Buy was removed"];
    a_method_with_another_signature_breaks: "rpc Look(Item) returns (stream Item);" => "rpc Look(Item) returns (Item);",
        ["memory.proto: method shop.v1.Shop.Look was (shop.v1.Item) returns (stream shop.v1.Item) and is (shop.v1.Item) returns (shop.v1.Item)"];
    a_changed_package_breaks: "package shop.v1;" => "package shop.v2;",
        ["memory.proto: package shop.v1 is now shop.v2"];
    a_removed_option_breaks: "string note = 50001;" => "string memo = 50002;",
        ["memory.proto: extension shop.v1.note was removed"];
    a_renumbered_option_breaks: "string note = 50001;" => "string note = 50002;",
        ["memory.proto: extension shop.v1.note was number 50001 and is 50002"];
}

#[test]
fn a_file_that_is_gone_takes_its_declarations_with_it() {
    let said = compare(&schema(BEFORE), &FileDescriptorSet::default());
    assert!(
        said.contains(&"memory.proto: message shop.v1.Item was removed".to_owned()),
        "{said:?}"
    );
    assert_eq!(
        said.len(),
        8,
        "three messages, two enums, two services and an option: {said:?}"
    );
}
