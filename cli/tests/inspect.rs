//! What `actorbridge inspect` shows of a node.

#[path = "../../bridge/tests/common/certs.rs"]
#[allow(dead_code, unreachable_pub)] // other tests use the rest
mod certs;

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::Duration;

use actorbridge::{Actor, Cx, Fault, Message, Node};
use certs::{Ca, Folder, params};

struct Sleeper;

impl Actor for Sleeper {
    async fn receive(&mut self, cx: &Cx, _: &Message) -> Result<(), Fault> {
        cx.cancelled().await;
        Ok(())
    }
}

/// A node that listens, with an actor that has a message in its handler and another in its mailbox.
fn listening() -> Node {
    let builder = Node::builder("shop").listen("tcp://127.0.0.1:0");
    let node = builder.start().expect("it starts");
    let options = actorbridge::Options::default();
    let sleeper = node.spawn("orders/1", || Sleeper, options).expect("spawned");
    node.spawn("prices", || Sleeper, actorbridge::Options::default())
        .expect("spawned");
    let tell = async { node.tell(&sleeper, &()).await };
    node.handle().block_on(tell).expect("told");
    node
}

fn inspect(arguments: &[&str]) -> (bool, String) {
    let Output { stdout, stderr, status } = Command::new(env!("CARGO_BIN_EXE_actorbridge"))
        .arg("inspect")
        .args(arguments)
        .output()
        .expect("the program starts");
    let text = if status.success() { stdout } else { stderr };
    (status.success(), String::from_utf8(text).expect("text"))
}

#[test]
fn a_node_is_shown_with_its_fullest_mailboxes_first() {
    let node = listening();
    let address = &node.listening()[0];
    let (shown, text) = inspect(&[address]);
    assert!(shown, "{text}");
    assert!(text.starts_with("node shop (actorbridge-rust "), "{text}");
    assert!(text.contains("2 actors, 0 links up"), "{text}");
    let row = |path: &str| text.lines().position(|line| line.trim_start().starts_with(path));
    assert!(
        row("orders/1 ") < row("prices ") && row("orders/1 ").is_some(),
        "{text}"
    );
    let (_, one) = inspect(&[address, "--prefix", "pri"]);
    assert!(one.contains("prices") && !one.contains("orders/1"), "{one}");
    node.handle()
        .block_on(node.shutdown(Duration::from_millis(100)))
        .expect("it ends");
}

/// A program that watches a node, and its lines.
struct Watch {
    program: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Watch {
    fn new(address: &str) -> Self {
        let mut program = Command::new(env!("CARGO_BIN_EXE_actorbridge"))
            .args(["inspect", "--watch", "1", address])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let lines = BufReader::new(program.stdout.take().expect("its output")).lines();
        Self { program, lines }
    }

    /// Waits for the next look: how long the node has been up, and how many messages an actor has.
    fn next_look(&mut self) -> (String, String) {
        let mut next = |begins: &str| {
            let mut found = self.lines.by_ref().map(|line| line.expect("text"));
            let found = found.find(|line| line.trim_start().starts_with(begins));
            found.unwrap_or_else(|| panic!("no line begins with {begins}"))
        };
        (next("node shop "), next("orders/1 "))
    }

    /// What it says at its end, and whether that is a good one.
    fn end(self) -> (bool, String) {
        let Output { status, stderr, .. } = self.program.wait_with_output().expect("it ends");
        (status.success(), String::from_utf8(stderr).expect("text"))
    }
}

#[test]
fn a_node_is_watched_until_it_is_gone() {
    let node = listening();
    let mut watch = Watch::new(&node.listening()[0]);
    let (_, first) = watch.next_look();
    let to = "ab:///orders/1".parse().expect("an address");
    node.handle().block_on(node.tell(&to, &())).expect("told");
    let (_, second) = watch.next_look();
    assert_ne!(first, second, "the second look shows what is new");
    let address = node.listening()[0].clone();
    node.handle()
        .block_on(node.shutdown(Duration::from_millis(100)))
        .expect("it ends");
    let (good, said) = watch.end();
    assert!(!good && said.contains(&address), "it ends with the reason: {said}");
}

#[test]
fn who_stops_watching_ends_well() {
    let node = listening();
    let mut watch = Watch::new(&node.listening()[0]);
    watch.next_look();
    let pid = watch.program.id().to_string();
    let sent = Command::new("kill")
        .args(["-INT", &pid])
        .status()
        .expect("kill is there");
    assert!(sent.success());
    assert_eq!(watch.end(), (true, String::new()));
}

#[test]
fn links_and_asks_that_wait_are_shown_at_both_ends() {
    let (shop, desk) = (listening(), Node::builder("desk").listen("tcp://127.0.0.1:0"));
    let desk = desk.start().expect("it starts");
    let at = shop.listening()[0].clone();
    let asking = desk.clone();
    desk.handle().block_on(desk.dial(&at)).expect("linked");
    desk.handle().spawn(async move {
        let to = "ab://shop/orders/1".parse().expect("an address");
        let _: Result<(), _> = asking.ask(&to, &(), Duration::from_secs(600)).await;
    });
    // The ask waits behind what was told before.
    let row = loop {
        let (shown, text) = inspect(&[&desk.listening()[0]]);
        assert!(shown && text.contains("1 links up"), "{text}");
        let row = text
            .lines()
            .find(|line| line.trim_start().starts_with("ab://shop/orders/1 "));
        let waits = row.is_some_and(|row| {
            let cells: Vec<_> = row.split_whitespace().collect();
            cells.len() == 4 && cells[1] == "shop" && cells[2].parse::<u64>().is_ok() && ["ms", "s"].contains(&cells[3])
        });
        if waits {
            let link = text.lines().find(|line| line.trim_start().starts_with("shop "));
            break link.expect("its link").to_owned();
        }
    };
    let cells: Vec<_> = row.split_whitespace().collect();
    assert_eq!(cells[..3], ["shop", "up,", "dialled"], "{row}");
    // Behind the age, which has a unit: streams out, credit, stalled. There is room for more than the ask.
    assert_eq!((cells[5], cells[7]), ("1", "0"), "{row}");
    assert!(cells[6].parse::<u64>().is_ok_and(|credit| credit > 0), "{row}");
    let (_, text) = inspect(&[&at]);
    let row = text.lines().find(|line| line.trim_start().starts_with("desk "));
    assert!(row.is_some_and(|row| row.contains("up, accepted")), "{text}");
}

#[test]
fn json_is_what_protobuf_makes_of_it() {
    let node = listening();
    let (shown, text) = inspect(&[&node.listening()[0], "--json"]);
    assert!(shown, "{text}");
    let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&json["node"], &json["actors"]), (&"shop".into(), &2.into()), "{text}");
    assert_eq!(json["fullest"][0]["path"], "orders/1");
    assert_eq!(json["fullest"][0]["depth"], 1);
}

#[test]
fn who_cannot_be_asked_is_named_with_the_reason() {
    for (arguments, says) in [
        (
            &["tcp://127.0.0.1:1"][..],
            "tcp://127.0.0.1:1: transport error: tcp connect error: Connection refused",
        ),
        (&["tcp://127.0.0.1:1"], "nobody listens there: start the node"),
        (&["127.0.0.1:1"], "an address begins with tcp://, grpcs:// or unix:///"),
        (&["tcp://10.0.0.1:1"], "TCP without TLS is for this machine only"),
        (&["grpcs://localhost:1"], "grpcs:// needs a certificate"),
        (
            &["unix:///nowhere/shop.sock"],
            "there is no such socket: correct the path",
        ),
    ] {
        let (shown, text) = inspect(arguments);
        assert!(!shown && text.contains(says), "{text}");
    }
}

#[test]
fn a_node_with_certificates_is_asked_by_who_has_one_of_its_ca_and_trusts_it() {
    let (folder, ca, other) = (Folder::new(), Ca::new("shops"), Ca::new("others"));
    folder.trust(&[&ca]);
    for name in ["shop", "console"] {
        ca.give(&folder, name, &params(&[&format!("ab://{name}")]));
    }
    other.give(&folder, "stranger", &params(&["ab://stranger"]));
    let builder = Node::builder("shop")
        .tls(folder.files("shop"))
        .listen("grpcs://127.0.0.1:0");
    let node = builder.start().expect("it starts");
    let file = |name: &str| folder.path(name).to_str().expect("text").to_owned();
    let ask = |of: Option<&str>| {
        let (address, ca) = (node.listening()[0].clone(), file("ca.pem"));
        let mut arguments = vec![address, "--ca".into(), ca];
        if let Some(of) = of {
            let own = ["--certificate".into(), file(&format!("{of}.pem"))];
            arguments.extend(own);
            arguments.extend(["--key".into(), file(&format!("{of}.key"))]);
        }
        inspect(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let (shown, text) = ask(Some("console"));
    assert!(shown && text.starts_with("node shop "), "{text}");
    let (shown, text) = ask(None);
    assert!(
        !shown && text.contains("takes links only from nodes that show a certificate"),
        "{text}"
    );
    let (shown, text) = ask(Some("stranger"));
    assert!(
        !shown && text.contains("does not trust the CA of this node's certificate"),
        "{text}"
    );
}
