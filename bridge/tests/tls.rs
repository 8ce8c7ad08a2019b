//! Links with TLS: who may link, under which name, and as which actors it may send.

use actorbridge::proto::v1::RefusalReason::{
    self, Expired, ForgedSource, ForgedTenant, NoCertificate, NoTls, RefusedByPeer, UnknownCa, WrongHost, WrongName,
};
use actorbridge::proto::v1::{self, Code};
use actorbridge::proto::{Item, Packet, Run, writer};
use actorbridge::remote::Identity;
use actorbridge::{Actor, Builder, Cx, Fault, Level, Message, Node, TlsFiles};
use common::certs::{Ca, Folder, expired, params, replace};
use common::test::{Add, Count, EchoReply, EchoRequest, GetCount};
use common::{LONG, digest, eventually, refusals, worker};
use prost::{Message as _, Name as _};

use crate::common;

const NOWHERE: &str = "grpcs://127.0.0.1:0";

/// A CA, and the files of the nodes `a` and `b` by it.
fn two() -> (Ca, Folder) {
    two_by("one")
}

fn two_by(name: &str) -> (Ca, Folder) {
    let (ca, folder) = (Ca::new(name), Folder::new());
    folder.trust(&[&ca]);
    ca.give(&folder, "a", &params(&["ab://a"]));
    ca.give(&folder, "b", &params(&["ab://b"]));
    (ca, folder)
}

async fn start(builder: Builder) -> Node {
    let builder = builder
        .runtime(tokio::runtime::Handle::current())
        .factory("order/*", worker);
    let started = tokio::task::spawn_blocking(|| builder.start()).await;
    started.expect("no panic").expect("it starts")
}

async fn listening(name: &str, files: TlsFiles) -> (Node, String) {
    let node = start(Node::builder(name).tls(files).listen(NOWHERE)).await;
    let address = node.listening()[0].clone();
    (node, address)
}

/// What the node has in its log of warnings.
#[derive(Default)]
struct Warnings(Vec<String>);

impl Warnings {
    async fn has(&mut self, node: &Node, what: &str) {
        eventually(&format!("a warning with \"{what}\""), || {
            let lines = node
                .logs(usize::MAX)
                .0
                .into_iter()
                .filter(|line| line.level == Level::Warn);
            self.0.extend(lines.map(|line| line.message));
            self.0.iter().any(|line| line.contains(what))
        })
        .await;
    }
}

async fn warns(node: &Node, what: &str) {
    Warnings::default().has(node, what).await;
}

async fn echo(from: &Node, to: &str) -> Result<EchoReply, actorbridge::Error> {
    let to = to.parse().expect("an address");
    from.ask(&to, &EchoRequest::default(), LONG).await
}

#[tokio::test]
async fn nodes_with_certificates_of_one_ca_are_linked() {
    let (_, folder) = two();
    let (b, address) = listening("b", folder.files("b")).await;
    b.spawn("counter", worker, Default::default()).expect("spawned");
    let a = start(Node::builder("a").tls(folder.files("a"))).await;
    assert!(address.starts_with("grpcs://127.0.0.1:"), "{address}");
    assert_eq!(a.dial(&address).await.expect("linked"), "b");
    echo(&a, "ab:///counter").await.expect("an answer");
    let order = a.spawn("order/1", worker, Default::default()).expect("spawned");
    echo(&b, order.as_str()).await.expect("an answer the other way");
}

/// Who of the two is told what, when `a` with one folder's files dials `b` with another's.
/// What `a` and `b` have counted, each.
type Counted = (Option<RefusalReason>, Option<RefusalReason>);

/// No link is made; `a` is told why, it is in the log of `b`, and both have counted it.
async fn refused(a: TlsFiles, b: TlsFiles, (told, logged): (&str, &str), counted: Counted) {
    let (b, address) = listening("b", b).await;
    let a = start(Node::builder("a").tls(a)).await;
    let error = a.dial(&address).await.expect_err("no link");
    assert_eq!(error.code(), Code::Unavailable, "{error}");
    assert!(error.to_string().contains(told), "{error}");
    warns(&b, logged).await;
    assert!(b.peers().is_empty() && a.peers().is_empty());
    for (node, reason) in [(&a, counted.0), (&b, counted.1)] {
        let all = node.status(&v1::StatusRequest::default()).refusals;
        let told: Vec<_> = all.iter().map(|r| (r.reason(), r.count)).collect();
        assert_eq!(told, Vec::from_iter(reason.map(|r| (r, 1))), "{}", node.name());
    }
}

#[tokio::test]
async fn a_certificate_of_another_ca_is_refused_and_both_are_told() {
    let does_not = "does not trust the CA of this node's certificate: give both nodes certificates of one CA";
    let is_not = "is of a CA that this node does not trust: give both nodes certificates of one CA";
    // One that was made anew under the same name is another one too.
    for name in ["two", "one"] {
        let (_, folder) = two();
        let (other, strange) = two_by(name);
        let counted = (Some(UnknownCa), Some(RefusedByPeer));
        refused(strange.files("a"), folder.files("b"), (is_not, does_not), counted).await;
        // The dialler trusts the listener, but not the other way round.
        other.give(&folder, "a", &params(&["ab://a"]));
        let counted = (Some(RefusedByPeer), Some(UnknownCa));
        refused(folder.files("a"), folder.files("b"), (does_not, is_not), counted).await;
    }
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_refused_and_both_are_told() {
    let (ca, folder) = two();
    let theirs = "the peer's certificate is out of its time: give the peer a new one";
    let ours = "this node's certificate is out of its time: put a new one into its file";
    ca.give(&folder, "a", &expired(&["ab://a"]));
    let counted = (Some(RefusedByPeer), Some(Expired));
    refused(folder.files("a"), folder.files("b"), (ours, theirs), counted).await;
    ca.give(&folder, "a", &params(&["ab://a"]));
    ca.give(&folder, "b", &expired(&["ab://b"]));
    let counted = (Some(Expired), Some(RefusedByPeer));
    refused(folder.files("a"), folder.files("b"), (theirs, ours), counted).await;
}

#[tokio::test]
async fn a_node_must_have_a_name_of_its_certificate() {
    for (node, uris, says) in [
        (
            "a",
            &["ab://c", "ab://d"][..],
            "the certificate of node a is of c, d; give it one with the URI ab://a",
        ),
        (
            "a",
            &["https://a", "ab:///a"][..],
            "the certificate of node a names no node",
        ),
        (
            "b",
            &["ab://a"][..],
            "the certificate of node b is of a; give it one with the URI ab://b",
        ),
    ] {
        let (ca, folder) = two();
        ca.give(&folder, node, &params(uris));
        // Who is named wrongly hears it by a Goodbye.
        let counted = match node {
            "a" => (None, Some(WrongName)),
            _ => (Some(WrongName), None),
        };
        refused(folder.files("a"), folder.files("b"), (says, says), counted).await;
    }
}

#[tokio::test]
async fn a_listener_must_have_a_certificate_for_the_host_that_was_dialled() {
    let (_, folder) = two();
    let says = "is not for the host that was dialled: give it one with that DNS name or IP address";
    let log = "the peer refused this node's certificate";
    let counted = (Some(WrongHost), Some(RefusedByPeer));
    refused(
        folder.files("a").server_name("rust-core"),
        folder.files("b"),
        (says, log),
        counted,
    )
    .await;
    let (_b, address) = listening("b", folder.files("b")).await;
    let a = start(Node::builder("a").tls(folder.files("a").server_name("127.0.0.1"))).await;
    a.dial(&address).await.expect("linked");
}

#[tokio::test]
async fn a_node_without_certificate_is_linked_only_where_that_is_allowed() {
    let (_, folder) = two();
    let bare = || TlsFiles::without_certificate(folder.path("ca.pem"));
    let says = (
        "takes links only from nodes that show a certificate: give this node one",
        "the peer showed no certificate: give it one",
    );
    refused(
        bare(),
        folder.files("b"),
        says,
        (Some(RefusedByPeer), Some(NoCertificate)),
    )
    .await;
    let (b, address) = listening("b", folder.files("b").any_client()).await;
    let a = start(Node::builder("anyone").tls(bare())).await;
    a.dial(&address).await.expect("linked");
    assert_eq!(b.peers(), ["anyone"]);
    let error = a.dial("grpcs://127.0.0.1").await.expect_err("no port");
    assert_eq!(error.code(), Code::InvalidArgument, "{error}");
}

#[tokio::test]
async fn tls_and_plain_tcp_do_not_meet_and_say_so() {
    let (_, folder) = two();
    let (b, secure) = listening("b", folder.files("b")).await;
    let plain = common::listening("tcp://127.0.0.1:0").await;
    let a = start(Node::builder("a").tls(folder.files("a"))).await;
    let error = a.dial(&secure.replace("grpcs", "tcp")).await.expect_err("no link");
    assert_eq!(error.code(), Code::Unavailable, "{error}");
    warns(&b, "one side speaks no TLS").await;
    assert_eq!(refusals(&b, NoTls), 1);
    let error = a
        .dial(&plain.listening()[0].replace("tcp", "grpcs"))
        .await
        .expect_err("no link");
    assert!(error.to_string().contains("one side speaks no TLS"), "{error}");
}

#[tokio::test]
async fn who_listens_without_usable_files_is_told_which() {
    let (ca, folder) = two();
    let (other, _) = ca.issue(&params(&["ab://b"]));
    let start = |files: TlsFiles| {
        let builder = Node::builder("b").tls(files).listen(NOWHERE);
        tokio::task::spawn_blocking(|| builder.start().err().expect("it does not start").to_string())
    };
    let bare = TlsFiles::without_certificate(folder.path("ca.pem"));
    assert!(
        start(bare)
            .await
            .expect("no panic")
            .contains("needs a certificate and its key")
    );
    assert!(
        start(folder.files("nobody"))
            .await
            .expect("no panic")
            .contains("nobody.pem")
    );
    replace(&folder.path("b.pem"), &other);
    let why = start(folder.files("b")).await.expect("no panic");
    assert!(why.contains("b.pem and") && why.contains("b.key"), "{why}");
}

#[tokio::test]
async fn a_forged_source_is_refused_with_a_reason_at_both_ends() {
    let (ca, folder) = two();
    ca.give(&folder, "a", &params(&["ab://a", "ab:///order/*"]));
    let (b, address) = listening("b", folder.files("b")).await;
    b.spawn("counter", worker, Default::default()).expect("spawned");
    let a = start(Node::builder("a").tls(folder.files("a"))).await;
    a.dial(&address).await.expect("linked");
    let through = |to: &str| common::test::AskThrough {
        target: to.into(),
        ..Default::default()
    };
    let good = a.spawn("order/1", worker, Default::default()).expect("spawned");
    let forger = a.spawn("porter", worker, Default::default()).expect("spawned");
    let _: EchoReply = a.ask(&good, &through("ab:///counter"), LONG).await.expect("allowed");
    let error = a
        .ask::<EchoReply, _>(&forger, &through("ab:///counter"), LONG)
        .await
        .expect_err("forbidden");
    let says =
        "node a may not send as ab:///porter: that is no source of its certificate; add the URI ab:///PATTERN to it";
    assert!(error.to_string().contains(says), "{error}");
    assert_eq!(
        error.user().map(|u| u.code().to_owned()).as_deref(),
        Some("FORBIDDEN"),
        "{error}"
    );
    warns(&b, says).await;
    warns(
        &a,
        "it refuses messages of ab:///porter: this node's certificate does not allow them",
    )
    .await;
    assert_eq!(
        b.dead_letter_counts().get("CODE_FORBIDDEN"),
        Some(&1),
        "{:?}",
        b.dead_letter_counts()
    );
    assert_eq!(refusals(&b, ForgedSource), 1);
    echo(&a, "ab:///counter")
        .await
        .expect("outside code is no actor, and may send");
}

/// Replies with the tenant of an ask.
struct Porter;

impl Actor for Porter {
    async fn receive(&mut self, cx: &Cx, message: &Message) -> Result<(), Fault> {
        cx.reply(&EchoReply {
            text: message.tenant().to_owned(),
            ..Default::default()
        })
    }
}

#[tokio::test]
async fn a_forged_tenant_is_refused_with_a_reason_at_both_ends() {
    let (ca, folder) = two();
    let (b, address) = listening("b", folder.files("b")).await;
    b.spawn("porter", || Porter, Default::default()).expect("spawned");
    for (node, tenant) in [("none", ""), ("good", "acme"), ("forger", "globex")] {
        ca.give(&folder, node, &params(&[&format!("ab://{node}"), "ab-tenant:acme"]));
        let a = start(Node::builder(node).tls(folder.files(node)).tenant(tenant)).await;
        a.dial(&address).await.expect("linked");
        let replied = echo(&a, "ab:///porter").await;
        if node != "forger" {
            assert_eq!(replied.expect("allowed").text, tenant);
            continue;
        }
        let error = replied.expect_err("forbidden");
        assert_eq!(error.code(), Code::Forbidden, "{error}");
        let says = "node forger may not send for the tenant globex: that is no tenant of its certificate; add the URI \
                    ab-tenant:globex to it, or start the node for another tenant";
        assert!(error.to_string().contains(says), "{error}");
        warns(&b, says).await;
        let heard =
            "it refuses messages of outside code for the tenant globex: this node's certificate does not allow them";
        warns(&a, heard).await;
    }
    assert!(refusals(&b, ForgedTenant) >= 1);
    let strange = tokio::task::spawn_blocking(|| Node::builder("a").tenant("a/b").start().err());
    let error = strange.await.expect("no panic").expect("it does not start");
    assert_eq!(error.code(), Code::InvalidArgument, "{error}");
}

#[tokio::test]
async fn neither_a_source_nor_a_tenant_can_be_forged_on_any_way() {
    let b = start(Node::builder("b")).await;
    b.spawn("counter", worker, Default::default()).expect("spawned");
    let end = b.accept();
    end.identify(Identity {
        nodes: vec!["a".into()],
        ..Identity::default()
    });
    let hello = v1::Hello {
        node: "a".into(),
        ..common::raw::hello(1, 1)
    };
    let mut number = 0;
    let mut says = |mut head: v1::Frame, runs| {
        number += 1;
        head.number = number;
        end.receive_frame(Packet { head, runs }.to_bytes());
    };
    says(
        v1::Frame {
            hello: Some(hello),
            ..Default::default()
        },
        Vec::new(),
    );
    let forged = "ab://c/porter";
    let (to, reply_to) = ("ab:///counter", "ab://a/system");
    let complete = writer::who(forged, to, reply_to).bytes;
    let bare = writer::who("", to, reply_to).bytes;
    let source = writer::who(forged, "", "").bytes;
    let tenants = writer::who_of_tenant("", to, reply_to, "globex").bytes;
    let tenant = writer::who_of_tenant("", "", "", "globex").bytes;
    let add = Add { by: 1, n: 1 }.encode_to_vec();
    let what = writer::what(v1::Kind::Tell, &Add::full_name(), 1, 1).bytes;
    let tell = [&what[..], &writer::body(writer::BodyFields::default(), &add)[..]].concat();
    // In the stream's prefix, in an item, in a complete envelope.
    for (flow, prefix, before) in [
        (1, Some(&complete), None),
        (2, Some(&bare), Some(&source)),
        (0, None, Some(&complete)),
        (3, Some(&tenants), None),
        (4, Some(&bare), Some(&tenant)),
        (0, None, Some(&tenants)),
    ] {
        let open = prefix.map(|prefix| v1::StreamOpen {
            flow,
            stream: u64::from(flow),
            epoch: 1,
            mode: v1::Mode::Flow as i32,
            prefix: prefix.clone(),
            first_seq: 1,
            ..Default::default()
        });
        let head = v1::Frame {
            open: open.into_iter().collect(),
            ..Default::default()
        };
        let body = [before.map_or(&[][..], |b| &b[..]), &tell[..]].concat().into();
        let items = vec![Item {
            body,
            ..Default::default()
        }];
        let run = Run {
            flow,
            first_seq: u64::from(flow.min(1)),
            items,
            ..Run::default()
        };
        says(head, vec![run]);
    }
    assert!(!end.is_down(), "{:?}", end.fate());
    let counts = b.dead_letter_counts();
    assert_eq!(
        counts.get("CODE_FORBIDDEN"),
        Some(&6),
        "{counts:?}: {:?}",
        b.dead_letters()
    );
    let counter = "ab:///counter".parse().expect("an address");
    let count: Count = b.ask(&counter, &GetCount {}, LONG).await.expect("counted");
    assert_eq!(count.handled, 0);
    assert_eq!((refusals(&b, ForgedSource), refusals(&b, ForgedTenant)), (3, 3));
}

#[tokio::test]
async fn certificates_are_replaced_without_a_restart_and_without_losing_a_message() {
    let (old, folder) = two();
    let (b, address) = listening("b", folder.files("b")).await;
    b.spawn("counter", worker, Default::default()).expect("spawned");
    let a = start(Node::builder("a").tls(folder.files("a"))).await;
    a.dial(&address).await.expect("linked");
    let sender = a.clone();
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let telling = tokio::spawn(async move {
        let to = "ab:///counter".parse().expect("an address");
        let mut n = 0;
        while !*stopped.borrow() || n < 1000 {
            n += 1;
            sender.tell(&to, &Add { by: 1, n }).await.expect("told");
        }
        n
    });
    // First both CAs are trusted, then the certificates are changed, then the old CA goes.
    let new = Ca::new("two");
    folder.trust(&[&old, &new]);
    new.give(&folder, "a", &params(&["ab://a"]));
    new.give(&folder, "b", &params(&["ab://b"]));
    folder.trust(&[&new]);
    let late = start(Node::builder("late").tls(folder.files("late"))).await;
    old.give(&folder, "late", &params(&["ab://late"]));
    let error = late.dial(&address).await.expect_err("the old CA is gone");
    assert!(error.to_string().contains("does not trust the CA"), "{error}");
    new.give(&folder, "late", &params(&["ab://late"]));
    late.dial(&address)
        .await
        .expect("linked by the new CA, without a restart");
    echo(&late, "ab:///counter").await.expect("an answer");
    stop.send(true).expect("it tells");
    let n = telling.await.expect("no panic");
    let counter = "ab:///counter".parse().expect("an address");
    let count: Count = a.ask(&counter, &GetCount {}, LONG).await.expect("counted");
    assert_eq!(
        (count.handled, count.digest),
        (n, digest(n)),
        "none is lost, and none out of order"
    );
}

#[tokio::test]
async fn files_that_do_not_fit_together_are_named_and_those_from_before_are_used() {
    let (ca, folder) = two();
    let (b, address) = listening("b", folder.files("b")).await;
    let (certificate, key) = ca.issue(&params(&["ab://b"]));
    replace(&folder.path("b.pem"), &certificate);
    let a = start(Node::builder("a").tls(folder.files("a"))).await;
    a.dial(&address).await.expect("linked with the certificate from before");
    warns(&b, "the certificates from before are used until that is mended").await;
    replace(&folder.path("b.key"), &key);
    ca.give(&folder, "c", &params(&["ab://c"]));
    let c = start(Node::builder("c").tls(folder.files("c"))).await;
    c.dial(&address).await.expect("linked with the new one");
}
