//! What is wrong with a schema or a configuration is said with its place, and with what to do.

use crate::project::{HEAD, Project};

const MESSAGES: &str = "message Ask { int32 a = 1; }
message Answer { int32 a = 1; }
message State { int32 a = 1; }
";

/// What is said of a service's declarations. The service is at line 8, the first line in it at line 9.
fn service(declarations: &str) -> String {
    Project::of(&format!("{MESSAGES}service Cart {{\n{declarations}\n}}\n")).run()
}

/// The same of an actor's methods. The first line is line 10.
fn actor(methods: &str) -> String {
    service(&format!("option (actorbridge.v1.actor) = {{}};\n{methods}"))
}

#[test]
fn a_stream_is_no_message_of_an_actor() {
    let mend = "actors take one message and give one answer: take `stream` out, and send several messages";
    let said = actor("rpc Add(Ask) returns (stream Answer);");
    assert_eq!(
        said,
        format!("proto/shop.proto:10:1: shop.v1.Cart.Add is a stream; {mend}")
    );
    let said = actor("  rpc Add(stream Ask) returns (Answer);");
    assert_eq!(
        said,
        format!("proto/shop.proto:10:3: shop.v1.Cart.Add is a stream; {mend}")
    );
}

#[test]
fn a_request_type_says_which_method_is_meant() {
    assert_eq!(
        actor("rpc Add(Ask) returns (Answer);\nrpc More(Ask) returns (Answer);"),
        "proto/shop.proto:11:1: shop.v1.Cart.More and Add both take shop.v1.Ask; messages are told apart by their type: give \
         each method a request of its own"
    );
}

#[test]
fn the_state_is_a_message_that_the_file_knows() {
    let with = |state: &str| {
        service(&format!(
            "option (actorbridge.v1.actor) = {{ state: \"{state}\" }};\nrpc Add(Ask) returns (Answer);"
        ))
    };
    assert_eq!(
        with("State"),
        "proto/shop.proto:8:1: the state State of shop.v1.Cart is no message that this file knows; write its full name, package \
         included, and import its file"
    );
    assert_eq!(with("shop.v1.State"), "");
}

#[test]
fn what_is_kept_until_it_is_handled_is_neither_inline_nor_an_ask() {
    let call = |returns: &str, inline: &str| {
        actor(&format!(
            "rpc Add(Ask) returns ({returns}) {{ option (actorbridge.v1.call) = {{ delivery: AT_LEAST_ONCE {inline} }}; }}"
        ))
    };
    assert_eq!(
        call("google.protobuf.Empty", "inline: true"),
        "proto/shop.proto:10:1: shop.v1.Cart.Add is inline and AT_LEAST_ONCE; what is kept until it is handled waits by nature: \
         take one of the two out"
    );
    assert_eq!(
        call("Answer", ""),
        "proto/shop.proto:10:1: shop.v1.Cart.Add is an ask and AT_LEAST_ONCE; only tells are kept: return \
         google.protobuf.Empty, or take `delivery` out"
    );
    assert_eq!(call("google.protobuf.Empty", ""), "");
}

#[test]
fn nobody_waits_for_a_tell() {
    assert_eq!(
        actor("rpc Add(Ask) returns (google.protobuf.Empty) { option (actorbridge.v1.call) = { deadline_ms: 5 }; }"),
        "proto/shop.proto:10:1: shop.v1.Cart.Add is a tell and has deadline_ms; nobody waits for a tell: take `deadline_ms` \
         out, or return an answer"
    );
}

#[test]
fn a_message_of_protobuf_itself_has_no_versions() {
    assert_eq!(
        actor("rpc Add(google.protobuf.Empty) returns (Answer);"),
        "proto/shop.proto:10:1: the request google.protobuf.Empty of shop.v1.Cart is protobuf's own; declare a message of \
         yours, so that it can have versions"
    );
}

#[test]
fn a_method_has_no_name_that_generated_code_needs() {
    let said = actor("rpc PostStart(Ask) returns (Answer);");
    assert_eq!(
        said,
        "proto/shop.proto:10:1: shop.v1.Cart.PostStart has a name that generated code needs; rename the method; its messages \
         may keep their names"
    );
    let said = actor("rpc AddAll(Ask) returns (Answer);\nrpc add_all(State) returns (Answer);");
    assert_eq!(
        said,
        "proto/shop.proto:11:1: shop.v1.Cart.add_all and AddAll are both `add_all` in Rust; rename one of them"
    );
}

#[test]
fn a_message_has_no_name_that_an_actor_of_its_package_needs() {
    let project = Project::of(&format!(
        "{MESSAGES}message CartRef {{}}\nservice Cart {{ option (actorbridge.v1.actor) = {{}}; rpc Add(Ask) returns (Answer); }}\n"
    ));
    assert_eq!(
        project.run(),
        "proto/shop.proto:9:1: the actor shop.v1.Cart and shop.v1.CartRef would both be CartRef; rename one of them: generated \
         Rust declares both in one module"
    );
}

#[test]
fn two_actors_of_a_package_do_not_need_the_same_name() {
    let options = "{ option (actorbridge.v1.actor) = {}; rpc Add(Ask) returns (Answer); }";
    assert_eq!(
        Project::of(&format!(
            "{MESSAGES}service Cart {options}\nservice CartRef {options}\n"
        ))
        .run(),
        "proto/shop.proto:9:1: the actors shop.v1.CartRef and shop.v1.Cart both need the name CartRef; rename one of them"
    );
}

#[test]
fn an_actor_without_methods_is_said_to_be_empty() {
    let said = actor("");
    assert_eq!(
        said,
        "proto/shop.proto:8:1: the actor shop.v1.Cart has no methods; declare the messages that it takes, each as an rpc"
    );
}

#[test]
fn versions_count_from_one_and_no_reader_needs_more_than_there_is() {
    let with = |option: &str| {
        Project::of(&format!(
            "message Ask {{\n  option (actorbridge.v1.message) = {{ {option} }};\n}}\n"
        ))
        .run()
    };
    assert_eq!(with("version: 0"), "", "zero is what is absent: version 1");
    assert_eq!(
        with("version: 2, min_reader: 3"),
        "proto/shop.proto:5:1: shop.v1.Ask has min_reader: 3 above its version: 2; no reader knows more than the version: lower \
         min_reader, or raise version"
    );
    let above_zero = with("version: 0, min_reader: 2");
    assert!(
        above_zero.contains("has min_reader: 2 above its version: 1"),
        "{above_zero}"
    );
}

#[test]
fn every_problem_of_a_schema_is_said_at_once() {
    let said = actor("rpc Add(stream Ask) returns (Answer);\nrpc More(State) returns (stream Answer);");
    let places: Vec<&str> = said
        .lines()
        .map(|line| line.split(' ').next().unwrap_or(line))
        .collect();
    assert_eq!(places, ["proto/shop.proto:10:1:", "proto/shop.proto:11:1:"]);
}

#[test]
fn a_service_that_is_no_actor_is_left_alone() {
    assert_eq!(service("rpc Watch(Ask) returns (stream Answer);"), "");
}

#[test]
fn a_syntax_error_has_its_place() {
    let said = Project::of("message Ask {\n  int32 a = ;\n}\n").run();
    assert!(said.starts_with("proto/shop.proto:6:13: expected "), "{said}");
    let said = Project::of("message Ask { Nowhere a = 1; }\n").run();
    assert!(said.starts_with("proto/shop.proto:5:15: "), "{said}");
    assert!(said.contains("'Nowhere'"), "{said}");
}

#[test]
fn an_options_unknown_field_is_named_with_the_ones_there_are() {
    let call = |option: &str| actor(&format!("rpc Add(Ask) returns (Answer) {{\n  option {option};\n}}"));
    let fields = "its fields: inline, delivery, deadline_ms";
    assert_eq!(
        call("(actorbridge.v1.call) = { deadline_ms: 5, inlin: true }"),
        format!(
            "proto/shop.proto:11:3: (actorbridge.v1.call): field 'inlin' not found for message 'actorbridge.v1.CallOptions'; {fields}"
        )
    );
    assert_eq!(
        call("(actorbridge.v1.call).inlin = true"),
        format!("proto/shop.proto:11:3: option field '(actorbridge.v1.call).inlin' is not defined; {fields}")
    );
    assert_eq!(
        call("(actorbridge.v1.call) = { delivery: AT_LEAST }"),
        "proto/shop.proto:11:3: (actorbridge.v1.call): value 'AT_LEAST' was not found for enum \
         'actorbridge.v1.CallOptions.Delivery'; its values: AT_MOST_ONCE, AT_LEAST_ONCE"
    );
    assert_eq!(
        call("(actorbridge.v1.call) = { inline: 5 }"),
        "proto/shop.proto:11:3: (actorbridge.v1.call): expected 0 or 1, but found '5'"
    );
    assert_eq!(
        service("option (actorbridge.v1.actor) = { state: \"}\", stat: \"State\" };"),
        "proto/shop.proto:9:1: (actorbridge.v1.actor): field 'stat' not found for message 'actorbridge.v1.ActorOptions'; its \
         fields: state"
    );
}

#[test]
fn a_name_of_ours_without_its_import_is_told_to_import_it() {
    let with = |import: &str| {
        Project::new(&format!(
            "syntax = \"proto3\";\npackage shop.v1;\n{import}\nmessage Ask {{\n  option (actorbridge.v1.message) = {{ version: 1 \
             }};\n  google.protobuf.Empty a = 1;\n}}\n"
        ))
        .run()
    };
    assert_eq!(
        with("import \"google/protobuf/empty.proto\";"),
        "proto/shop.proto:5:3: name 'actorbridge.v1.message' is not defined; add `import \"actorbridge/v1/options.proto\";`"
    );
    assert_eq!(
        with("import \"actorbridge/v1/options.proto\";"),
        "proto/shop.proto:6:3: name 'google.protobuf.Empty' is not defined; add \
         `import \"google/protobuf/empty.proto\";`"
    );
    assert_eq!(
        Project::of("message Ask {\n  option (actorbridge.v1.massage) = {};\n}\n").run(),
        "proto/shop.proto:6:3: name 'actorbridge.v1.massage' is not defined",
        "it is imported"
    );
}

#[test]
fn a_missing_import_has_its_place() {
    let project = Project::new("syntax = \"proto3\";\npackage shop.v1;\nimport \"shop/v1/other.proto\";\n");
    assert_eq!(
        project.run(),
        "proto/shop.proto:3:1: import 'shop/v1/other.proto' not found; put it below a folder of [proto] include, or correct the \
         name"
    );
}

#[test]
fn a_file_without_a_package_is_told_to_have_one() {
    assert_eq!(
        Project::new("syntax = \"proto3\";\nmessage Ask {}\n").run(),
        "proto/shop.proto:1:1: shop.proto has no package; add one with a version, such as `package shop.v1;`"
    );
}

#[test]
fn go_needs_a_module_and_a_package_and_says_which_line_to_add() {
    let project = Project::of(MESSAGES);
    let toml = "[proto]\ninclude = [\"proto\"]\n[go]\nout = \"gen\"\n";
    project.write("go.mod", "module example.com/shop // the shop\n\ngo 1.26\n");
    assert_eq!(
        project.run_toml(toml),
        "proto/shop.proto:2:1: shop.proto has no go_package; add `option go_package = \
         \"example.com/shop/gen/shop/v1;shopv1\";`"
    );
    project.write(
        "proto/shop.proto",
        &format!("{HEAD}option go_package = \"example.com/other\";\n{MESSAGES}"),
    );
    assert_eq!(
        project.run_toml(toml),
        "proto/shop.proto:5:1: go_package example.com/other is not below [go] out, which is example.com/shop/gen; write `option \
         go_package = \"example.com/shop/gen/shop/v1;shopv1\";`, or change [go] out"
    );
}

#[test]
fn without_a_go_module_the_command_that_makes_one_is_named() {
    let project = Project::of(MESSAGES);
    // Above the build folder there is no Go module.
    assert_eq!(
        project.run_toml("[proto]\ninclude = [\"proto\"]\n[go]\nout = \"gen\"\n"),
        "there is no go.mod in gen or above it; run `go mod init example.com/yours` where your Go module starts"
    );
}

#[test]
fn a_configuration_that_is_not_understood_has_its_place() {
    let project = Project::of(MESSAGES);
    let said = project.run_toml("[proto]\ninclude = [\"proto\"]\n[rust]\nout = \"gen\"\nspeed = 3\n");
    assert!(
        said.starts_with("actorbridge.toml:5:1: unknown field `speed`"),
        "{said}"
    );
    let said = project.run_toml("[proto]\ninclude = []\n");
    assert!(
        said.starts_with("actorbridge.toml: [proto] include is empty; "),
        "{said}"
    );
    let said = project.run_toml("[proto]\ninclude = [\"nowhere\"]\n");
    assert!(said.starts_with("nowhere: No such file or directory"), "{said}");
}

#[test]
fn a_configuration_that_is_not_there_is_looked_for_in_vain() {
    let said = actorbridge_gen::Config::read("nowhere/actorbridge.toml")
        .expect_err("there is none")
        .to_string();
    assert!(
        said.contains("run `actorbridge gen` in the folder of actorbridge.toml"),
        "{said}"
    );
}

#[test]
fn a_build_script_that_returns_its_problems_from_main_shows_them_as_sentences() {
    let project = Project::of("service Cart { option (actorbridge.v1.actor) = {}; }\n");
    let problems = project.config().generate().expect_err("an actor without methods");
    let shown = format!("{:?}", Box::<dyn std::error::Error>::from(problems.clone()));
    assert_eq!(shown, problems.to_string());
    assert!(
        shown.contains("proto/shop.proto:5:1: the actor shop.v1.Cart has no methods"),
        "{shown}"
    );
}
