//! What leaves: bindings, items, states, and the packets made of them.

use super::{
    Action, Bytes, Code, Item, Link, MAX_QUEUED_BYTES, MAX_TYPES, MAX_WHO_BYTES, Millis, OutFlow, PACKET_BYTES, Packet,
    Phase, Queued, Refusal, Run, VecDeque, What, v1,
};

/// What became of a `send`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Send {
    /// Queued under this seq (0 off-stream).
    Queued(u64),
    /// The flow has no credit: wait for `Action::Credit`.
    NoCredit,
    /// Too much waits for the writer: wait for `Action::Room`.
    NoRoom,
    /// It can never be sent here, and why.
    Refused(Refusal),
}

impl Link {
    /// Binds a stream to a flow number.
    ///
    /// # Errors
    /// UNAVAILABLE on a link that is not up, or without a free flow; TOO_LARGE for a who above 4 KiB.
    pub fn open(&mut self, stream: u64, who: &Bytes, first_seq: u64, target_epoch: u64) -> Result<u32, Refusal> {
        let refuse = |code, detail: &str| {
            Err(Refusal {
                code,
                detail: detail.into(),
            })
        };
        if self.phase != Phase::Up {
            return refuse(Code::Unavailable, "the link is not up");
        }
        if who.len() > MAX_WHO_BYTES {
            return refuse(
                Code::TooLarge,
                "the addresses of sender and receiver are over 4 KiB together",
            );
        }
        let flow = match self.free.pop() {
            Some(flow) => flow,
            None if self.flows.len() < self.peer_limits.max_flows as usize => {
                self.flows.push(None);
                self.flows.len() as u32
            }
            None => {
                return refuse(
                    Code::Unavailable,
                    "the link has no free flow; the peer's limit is reached",
                );
            }
        };
        let sent = first_seq - 1;
        self.flows[flow as usize - 1] = Some(OutFlow {
            stream,
            next_seq: first_seq,
            credit: sent + u64::from(self.peer_limits.initial_credit),
            processed: sent,
            received: sent,
            frames: VecDeque::new(),
        });
        self.queue.push_back(Queued::Open(v1::StreamOpen {
            flow,
            stream,
            epoch: 1,
            mode: v1::Mode::Flow as i32,
            prefix: who.clone(),
            first_seq,
            target_epoch,
            ..Default::default()
        }));
        Ok(flow)
    }

    /// Queues one message of a flow.
    pub fn send(&mut self, flow: u32, what: &What, deadline: Option<Millis>, hops: u32, body: &Bytes) -> Send {
        let room = self.room(what, body);
        if room != Send::Queued(0) {
            return room;
        }
        let Some(out) = self.flow_mut(flow) else {
            return refused(Code::Unavailable, "the stream is not bound on this link any more");
        };
        if out.next_seq > out.credit {
            return Send::NoCredit;
        }
        let seq = out.next_seq;
        out.next_seq += 1;
        self.push_item(flow, seq, what, deadline, hops, body);
        Send::Queued(seq)
    }

    /// Queues one message outside any stream: an answer, or a complete envelope with an empty `what`.
    pub fn send_off_stream(&mut self, what: &What, body: &Bytes) -> Send {
        let room = self.room(what, body);
        // An answer needs no credit, and its asker waits: it goes also when there is little room.
        if !matches!(room, Send::Queued(_) | Send::NoRoom) {
            return room;
        }
        self.push_item(0, 0, what, None, 0, body);
        Send::Queued(0)
    }

    fn room(&mut self, what: &What, body: &Bytes) -> Send {
        if self.phase != Phase::Up {
            return refused(Code::Unavailable, "the link is not up");
        }
        let size = what.bytes.len() + body.len();
        if size > self.peer_limits.inline_bytes as usize {
            let limit = self.peer_limits.inline_bytes;
            return refused(
                Code::TooLarge,
                &format!("a message of {size} bytes is over the link's limit of {limit}"),
            );
        }
        if self.queued_bytes + body.len() > MAX_QUEUED_BYTES {
            self.no_room_said = true;
            return Send::NoRoom;
        }
        Send::Queued(0)
    }

    fn push_item(&mut self, flow: u32, seq: u64, what: &What, deadline: Option<Millis>, hops: u32, body: &Bytes) {
        let (type_id, body) = match self.type_id(what) {
            0 => (0, Bytes::from([&what.bytes[..], &body[..]].concat())),
            id => (id, body.clone()),
        };
        self.queued_bytes += body.len();
        let item = Item {
            type_id,
            ttl_ms: 0,
            body,
        };
        self.queue.push_back(Queued::Item {
            flow,
            seq,
            attempt: 0,
            hops,
            deadline,
            item,
        });
    }

    /// The number of this `what` on this lane; 0 = it goes with the item, because the table is full.
    fn type_id(&mut self, what: &What) -> u32 {
        if what.bytes.is_empty() {
            return 0;
        }
        if let Some((id, _)) = self.types.get(&what.bytes) {
            return *id;
        }
        let id = self.types.len() as u32 + 1;
        if id > MAX_TYPES {
            return 0;
        }
        self.types.insert(what.bytes.clone(), (id, 0));
        self.queue.push_back(Queued::Type(v1::TypeDef {
            id,
            prefix: what.bytes.clone(),
        }));
        id
    }

    /// Ends an outgoing binding: nothing more follows on it.
    pub fn close(&mut self, flow: u32) {
        if let Some(out) = self
            .flows
            .get_mut((flow as usize).wrapping_sub(1))
            .and_then(Option::take)
        {
            self.queue.push_back(Queued::Open(v1::StreamOpen {
                flow,
                stream: out.stream,
                first_seq: out.next_seq,
                mode: v1::Mode::Flow as i32,
                close: true,
                ..Default::default()
            }));
            self.free.push(flow);
        }
    }

    /// Tells the receiver that an asker has stopped waiting.
    pub fn cancel(&mut self, flow: u32, seq: u64) {
        if self.flow_mut(flow).is_some_and(|f| f.processed < seq) {
            let reason = Code::Cancelled as i32;
            self.queue.push_back(Queued::Skip(v1::Skip {
                flow,
                first: seq,
                count: 1,
                reason,
            }));
        }
    }

    /// Queues a step of a move, behind every item that was sent before it.
    pub fn send_move(&mut self, step: v1::Move) {
        if self.phase == Phase::Up {
            self.queue.push_back(Queued::Move(step));
        }
    }

    /// What the actor's pool says of an incoming stream.
    pub fn state(&mut self, flow: u32, processed: u64, credit: u64) {
        if let Some(inbound) = self.in_flows.get_mut(&flow) {
            inbound.credit = inbound.credit.max(credit);
            let received = inbound.last_seq;
            let state = self.states.entry(flow).or_insert_with(|| v1::StreamState {
                flow,
                ..Default::default()
            });
            state.processed = state.processed.max(processed);
            state.received = received;
            state.credit = state.credit.max(credit);
        }
    }

    /// An incoming seq ended other than handled.
    pub fn outcome(&mut self, flow: u32, outcome: v1::Outcome) {
        if let Some(inbound) = self.in_flows.get(&flow) {
            let credit = inbound.credit;
            let state = self.states.entry(flow).or_insert_with(|| v1::StreamState {
                flow,
                credit,
                ..Default::default()
            });
            state.outcomes.push(outcome);
        }
    }

    /// Ends an incoming binding. What still comes on it is delivered until the peer has closed it.
    pub fn reset(&mut self, flow: u32, code: Code, moved: Option<v1::Moved>) {
        if self.in_flows.contains_key(&flow) {
            self.queue.push_back(Queued::Reset(v1::StreamReset {
                flow,
                code: code as i32,
                moved,
            }));
        }
    }

    /// Does an item of this flow have to be answered UNAVAILABLE (it certainly was not acted on) when the link is down?
    pub fn never_left(&self, flow: u32, seq: u64, last_frame: Option<u64>) -> bool {
        let Some(out) = self.flows.get((flow as usize).wrapping_sub(1)).and_then(Option::as_ref) else {
            return false;
        };
        match out.frames.iter().find(|(last, _)| *last >= seq) {
            Some((_, frame)) => last_frame.is_some_and(|acted| *frame > acted),
            None => out.processed < seq,
        }
    }

    /// The streams with messages that nobody can say anything of once the link is down: (stream, first, last).
    pub fn unknown(&self) -> Vec<(u64, u64, u64)> {
        let flows = self.flows.iter().flatten().filter(|f| f.received + 1 < f.next_seq);
        flows.map(|f| (f.stream, f.received + 1, f.next_seq - 1)).collect()
    }

    /// The writer is ready: the next packet, if there is anything to say.
    pub fn poll(&mut self, now: Millis, out: &mut Vec<Action>) -> Option<Packet> {
        if self.phase == Phase::Down && !std::mem::take(&mut self.goodbye_said) {
            return None;
        }
        let mut packet = Packet {
            head: std::mem::take(&mut self.head),
            runs: Vec::new(),
        };
        packet.head.state = std::mem::take(&mut self.states).into_values().collect();
        let handshaking = packet.head.hello.is_some() || packet.head.welcome.is_some();
        if self.phase == Phase::Up && packet.head.hello.is_none() {
            self.fill(now, &mut packet);
        }
        if !handshaking && packet.runs.is_empty() && packet.head == v1::Frame::default() {
            return None;
        }
        self.number += 1;
        packet.head.number = self.number;
        packet.head.sent_ms = (now - self.opened_at) as u32;
        self.note_frames(&packet);
        if self.no_room_said && self.queued_bytes < MAX_QUEUED_BYTES / 2 {
            self.no_room_said = false;
            out.push(Action::Room);
        }
        Some(packet)
    }

    /// Moves what is queued into the packet. A head field behind an item of the queue must not overtake it, and a reader
    /// acts on heads first: so the packet ends there.
    fn fill(&mut self, now: Millis, packet: &mut Packet) {
        let mut size = 0;
        while size < PACKET_BYTES {
            let is_item = matches!(self.queue.front(), Some(Queued::Item { .. }));
            if !is_item && !packet.runs.is_empty() {
                break;
            }
            match self.queue.pop_front() {
                None => break,
                Some(Queued::Open(open)) => {
                    size += open.prefix.len() + 32;
                    packet.head.open.push(open);
                }
                Some(Queued::Type(definition)) => {
                    size += definition.prefix.len() + 8;
                    packet.head.r#type.push(definition);
                }
                Some(Queued::Skip(skip)) => packet.head.skip.push(skip),
                Some(Queued::Reset(reset)) => packet.head.reset.push(reset),
                Some(Queued::Move(step)) => {
                    size += prost::Message::encoded_len(&step);
                    packet.head.r#move.push(step);
                }
                Some(Queued::Item {
                    flow,
                    seq,
                    attempt,
                    hops,
                    deadline,
                    mut item,
                }) => {
                    size += item.body.len() + 8;
                    self.queued_bytes -= item.body.len();
                    // A deadline that has passed still travels with 1 ms: the receiver answers EXPIRED.
                    item.ttl_ms = deadline.map_or(0, |d| d.saturating_sub(now).clamp(1, u64::from(u32::MAX)) as u32);
                    add_item(&mut packet.runs, flow, seq, attempt, hops, item);
                }
            }
            // Opens of one packet share its frame with up to 64 KiB of items.
        }
    }

    fn note_frames(&mut self, packet: &Packet) {
        for run in &packet.runs {
            let frame = self.number;
            if let Some(out) = self.flow_mut(run.flow) {
                out.frames
                    .push_back((run.first_seq + run.items.len() as u64 - 1, frame));
            }
        }
    }

    pub(super) fn flow_mut(&mut self, flow: u32) -> Option<&mut OutFlow> {
        self.flows
            .get_mut((flow as usize).wrapping_sub(1))
            .and_then(Option::as_mut)
    }
}

fn add_item(runs: &mut Vec<Run>, flow: u32, seq: u64, attempt: u32, hops: u32, item: Item) {
    if let Some(run) = runs.last_mut() {
        let next = run.first_seq + run.items.len() as u64;
        let same = run.flow == flow && run.attempt == attempt && run.hops == hops;
        if same && (flow == 0 || next == seq) {
            run.items.push(item);
            return;
        }
    }
    runs.push(Run {
        flow,
        first_seq: seq,
        attempt,
        hops,
        queued: 0,
        items: vec![item],
    });
}

fn refused(code: Code, detail: &str) -> Send {
    Send::Refused(Refusal {
        code,
        detail: detail.to_owned(),
    })
}
