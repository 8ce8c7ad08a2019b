//! What `actorbridge tap` shows of what goes by a node's links.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use actorbridge::proto::v1::{ListReply, ListRequest};
use actorbridge::{Actor, Address, Cx, Fault, Message, Node, Options, RawType};

static PRICE: RawType = RawType::new("shop.v1.Price");

/// Replies to asks, and takes everything else.
struct Clerk;

impl Actor for Clerk {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        match message.is_ask() {
            true => cx.reply(&ListReply::default()),
            false => Ok(()),
        }
    }
}

/// Two nodes with a link; `shop` listens, and has two actors.
struct Joined {
    shop: Node,
    home: Node,
}

impl Joined {
    fn new() -> Self {
        let shop = Node::builder("shop")
            .listen("tcp://127.0.0.1:0")
            .start()
            .expect("it starts");
        for path in ["orders/1", "prices"] {
            shop.spawn(path, || Clerk, Options::default()).expect("spawned");
        }
        let home = Node::builder("home").start().expect("it starts");
        home.handle()
            .block_on(home.dial(&shop.listening()[0]))
            .expect("they are linked");
        Self { shop, home }
    }

    fn ask(&self, to: &str) {
        let to: Address = to.parse().expect("an address");
        let (list, within) = (ListRequest::default(), Duration::from_secs(10));
        let asking = self.home.ask::<ListReply, _>(&to, &list, within);
        self.home.handle().block_on(asking).expect("it replies");
    }

    /// Tells whose payloads are a secret.
    fn tell(&self, to: &str, count: usize) {
        let to: Address = to.parse().expect("an address");
        let payloads = vec![&b"hunter2"[..]; count];
        let telling = self.home.tell_raw_all(&to, &PRICE, &payloads);
        self.home.handle().block_on(telling).expect("told");
    }
}

impl Drop for Joined {
    fn drop(&mut self) {
        for node in [&self.home, &self.shop] {
            let _ = node.handle().block_on(node.shutdown(Duration::from_millis(100)));
        }
    }
}

/// The program, which looks already.
struct Look {
    child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
}

impl Look {
    fn at(node: &Node, arguments: &[&str]) -> Self {
        let address = &node.listening()[0];
        let mut child = Command::new(env!("CARGO_BIN_EXE_actorbridge"))
            .args(["tap", address])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut said = String::new();
        let stderr = child.stderr.as_mut().expect("it is piped");
        BufReader::new(stderr).read_line(&mut said).expect("text");
        assert_eq!(said, format!("looking at what goes by {address}\n"));
        let stdout = child.stdout.take().expect("it is piped");
        let lines = BufReader::new(stdout).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("it goes on").expect("text")
    }

    fn json(&mut self) -> serde_json::Value {
        serde_json::from_str(&self.line()).expect("JSON")
    }

    /// What it still says before it ends, by itself.
    fn rest(mut self) -> Vec<String> {
        let rest = self.lines.by_ref().map(|line| line.expect("text")).collect();
        assert!(self.child.wait().expect("it ends").success());
        rest
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_ask_and_its_answer_are_shown_without_their_payloads_at_both_ends() {
    let nodes = Joined::new();
    let mut look = Look::at(&nodes.shop, &["--actor", "orders/", "--count", "2"]);
    nodes.ask("ab:///prices");
    nodes.ask("ab:///orders/1");
    let (ask, answer) = (look.line(), look.line());
    assert!(
        ask.contains(" ← home ask for ab:///orders/1 actorbridge.v1.ListRequest v1 protobuf 0 B seq=1 correlation="),
        "{ask}"
    );
    assert!(ask.contains(" ttl_ms="), "{ask}");
    assert!(
        answer.contains(" → home reply actorbridge.v1.ListReply v1 protobuf 0 B correlation="),
        "{answer}"
    );
    let number = |line: &str| {
        line.split("correlation=")
            .nth(1)
            .and_then(|rest| rest.split(' ').next())
            .map(str::to_owned)
    };
    assert_eq!(number(&ask), number(&answer));
    assert!(look.rest().is_empty());
}

#[test]
fn of_tells_that_go_together_each_is_shown_or_counted_as_missed() {
    let nodes = Joined::new();
    let mut look = Look::at(&nodes.shop, &["--json", "--type", "shop.v1."]);
    nodes.tell("ab:///prices", 3_000);
    let (mut shown, mut missed, mut last) = (0, 0, 0);
    while shown + missed < 3_000 {
        let line = look.json();
        let number = |name: &str| line[name].as_str().and_then(|text| text.parse::<u64>().ok());
        if let Some(missed_now) = number("missed") {
            missed = missed_now;
            continue;
        }
        let seq = number("seq").expect("a seq");
        assert!(seq > last, "{line}");
        (last, shown) = (seq, shown + 1);
        let text = line.to_string();
        assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMg"), "{text}");
        let says = [
            "peer",
            "direction",
            "kind",
            "target",
            "type",
            "contentType",
            "payloadBytes",
        ]
        .map(|name| line[name].clone());
        let want = [
            "home",
            "DIRECTION_RECEIVED",
            "KIND_TELL",
            "ab:///prices",
            "shop.v1.Price",
            "CONTENT_TYPE_RAW",
            "7",
        ];
        assert_eq!(says, want.map(serde_json::Value::from));
    }
    assert_eq!(shown + missed, 3_000);
}

#[test]
fn only_what_goes_to_or_comes_from_a_peer_is_shown_if_one_is_named() {
    let nodes = Joined::new();
    let away = Node::builder("away").start().expect("it starts");
    let address = nodes.shop.listening()[0].clone();
    away.handle().block_on(away.dial(&address)).expect("they are linked");
    let mut look = Look::at(&nodes.shop, &["--peer", "away", "--count", "1"]);
    nodes.tell("ab:///prices", 1);
    let to: Address = "ab:///prices".parse().expect("an address");
    let telling = away.tell_raw(&to, &PRICE, &[0; 3]);
    away.handle().block_on(telling).expect("told");
    // What asks for /system goes by the link first.
    let line = look.line();
    assert!(line.contains(" away "), "{line}");
    let _ = away.handle().block_on(away.shutdown(Duration::from_millis(100)));
}

#[test]
fn a_node_that_shuts_down_ends_the_look() {
    let nodes = Joined::new();
    let mut look = Look::at(&nodes.shop, &[]);
    drop(nodes);
    assert!(!look.child.wait().expect("it ends").success());
    let mut said = String::new();
    let stderr = look.child.stderr.as_mut().expect("it is piped");
    stderr.read_to_string(&mut said).expect("text");
    assert!(said.contains("shutting down"), "{said}");
}
