//! What leaves: bindings, items, states, and the packets made of them.

use actorbridge_proto::packed::plain_size;

use super::items::peek;
use super::queue::ITEM_OVERHEAD;
use super::{
    Action, BindingNumber, Bytes, Code, Control, Entry, Item, LargeOut, Link, MAX_QUEUED_ANSWERS, MAX_SEQ, MAX_TYPES,
    MAX_WHO_BYTES, MAX_WINDOW, Millis, OutFlow, Refusal, Relayed, Transfer, VecDeque, Waiting, What, short, v1,
};

/// What a frame with one step of a move may hold beside it.
const STEP_OVERHEAD: usize = 1 << 10;

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
    /// UNAVAILABLE on a link that is not up, or without a free flow; TOO_LARGE for a who above 4 KiB;
    /// INVALID_ARGUMENT for a `first_seq` of 0.
    pub fn open(&mut self, stream: u64, who: &Bytes, first_seq: u64, binding: BindingNumber) -> Result<u32, Refusal> {
        self.open_relayed(stream, who, first_seq, binding, Relayed::default())
    }

    /// As [`Link::open`], for a stream that ends at another node than the peer, or that came here from another than this one.
    ///
    /// # Errors
    /// As there.
    pub fn open_relayed(
        &mut self,
        stream: u64,
        who: &Bytes,
        first_seq: u64,
        binding: BindingNumber,
        relayed: Relayed,
    ) -> Result<u32, Refusal> {
        let refuse = |code, detail: &str| {
            Err(Refusal {
                code,
                detail: detail.into(),
            })
        };
        if !self.is_up() {
            return refuse(Code::Unavailable, "the link is not up");
        }
        if !(1..=MAX_SEQ).contains(&first_seq) {
            return refuse(Code::InvalidArgument, "a stream's first seq is from 1 to 2^62");
        }
        if who.len() > MAX_WHO_BYTES {
            return refuse(
                Code::TooLarge,
                "the addresses of sender and receiver are over 4 KiB together",
            );
        }
        let Some(flow) = self.new_flow() else {
            return refuse(
                Code::Unavailable,
                "the link has no free flow; the peer's limit is reached",
            );
        };
        let sent = first_seq - 1;
        let passed_on = !relayed.origin.is_empty();
        self.queue.begin(flow, passed_on);
        self.flows[flow as usize - 1] = Some(OutFlow {
            stream,
            who_len: who.len(),
            next_seq: first_seq,
            credit: sent + u64::from(self.peer_limits.initial_credit).min(MAX_WINDOW),
            processed: sent,
            received: sent,
            closing: false,
            first_untold: first_seq,
            beyond: !relayed.destination.is_empty(),
            passed_on,
            confirmed: false,
            at_once: 0,
            frames: VecDeque::new(),
            large: LargeOut::default(),
        });
        self.queue.push_control(Control::Open(v1::StreamOpen {
            flow,
            stream,
            epoch: 1,
            mode: v1::Mode::Flow as i32,
            prefix: who.clone(),
            first_seq,
            binding: binding.number,
            after: binding.after,
            destination: relayed.destination,
            origin: relayed.origin,
            hops: relayed.hops,
            ..Default::default()
        }));
        Ok(flow)
    }

    /// A number that no stream has.
    fn new_flow(&mut self) -> Option<u32> {
        let has_more = self.flows.len() < self.peer_limits.max_flows as usize;
        self.free.pop().or_else(|| {
            has_more.then(|| {
                self.flows.push(None);
                self.flows.len() as u32
            })
        })
    }

    /// Queues one message of a flow.
    pub fn send(&mut self, flow: u32, what: &What, deadline: Option<Millis>, hops: u32, body: &Bytes) -> Send {
        let Some(out) = self.open_flow(flow) else {
            return refused(Code::Unavailable, "the stream is not bound on this link");
        };
        out.large.wanted = 0;
        let (seq, who_len, beyond) = (out.next_seq, out.who_len, out.beyond);
        let has_credit = seq <= out.credit && !out.large.sending;
        let size = who_len + what.bytes.len() + body.len();
        if let Some(no) = self.refusal(what, size) {
            return no;
        }
        if beyond && self.is_large(size) {
            return self.too_large_for_relay(size);
        }
        if self.is_large(size) {
            return match has_credit {
                true => {
                    let transfer = self.transfer(flow, what, deadline, hops, body);
                    self.send_large(flow, transfer)
                }
                false => Send::NoCredit,
            };
        }
        if body.len() + ITEM_OVERHEAD > self.queue.room(flow) {
            self.no_room_said = true;
            return Send::NoRoom;
        }
        if !has_credit {
            return Send::NoCredit;
        }
        self.push_item(flow, seq, what, deadline, hops, body);
        self.open_flow(flow).expect("it was open above").next_seq += 1;
        Send::Queued(seq)
    }

    /// Queues messages of a flow that have nothing but a payload each, as far as that can be: how many, and the last one's seq. Of the
    /// next one, [`Link::send`] says why.
    pub fn send_all(&mut self, flow: u32, what: &What, payloads: &[&[u8]]) -> (usize, u64) {
        let mut room = self.queue.room(flow);
        let Some(out) = self.open_flow(flow) else { return (0, 0) };
        out.large.wanted = 0;
        let (first, beside) = (out.next_seq, out.who_len + what.bytes.len());
        let credit = match out.large.sending {
            true => 0,
            false => (out.credit + 1).saturating_sub(first) as usize,
        };
        let goes = |payload: &&&[u8]| {
            let (body, _) = plain_size(payload.len());
            let fits = body + ITEM_OVERHEAD <= room;
            room = room.saturating_sub(body + ITEM_OVERHEAD);
            fits && !self.is_large(beside + body) && self.refusal(what, beside + body).is_none()
        };
        let count = payloads.iter().take(credit).take_while(goes).count();
        if count == 0 {
            return (0, 0);
        }
        let type_id = self.type_id(what);
        if type_id == 0 {
            return (0, 0); // no number is left: it is written into each body
        }
        self.queue.push_all(flow, first, type_id, &payloads[..count]);
        let next = first + count as u64;
        self.open_flow(flow).expect("it was open above").next_seq = next;
        (count, next - 1)
    }

    /// The seq and the type of a message that its door carries at once, past the queue: nothing waits there, the peer knows the
    /// type, and there is credit. `None` = send it.
    pub fn send_at_once(&mut self, flow: u32, what: &What, size: usize) -> Option<(u64, u32)> {
        let (seq, type_id, _) = self.at_once(flow, what, size)?;
        self.sent_at_once(flow, 1);
        Some((seq, type_id))
    }

    /// The seq and the type that the next message of a flow would have if its door carried it at once, and how many like it, of at most
    /// so many bytes each, there is credit for. `None` = send it.
    pub fn at_once(&mut self, flow: u32, what: &What, size: usize) -> Option<(u64, u32, u64)> {
        let type_id = self.type_at_once(what)?;
        let out = self.open_flow(flow)?;
        let (seq, credit) = (out.next_seq, out.credit);
        let size = out.who_len + what.bytes.len() + size;
        let stays = seq > credit || out.large.sending || self.is_large(size) || self.refusal(what, size).is_some();
        (!stays).then_some((seq, type_id, credit + 1 - seq))
    }

    /// So many messages, for which [`Link::at_once`] has just said that there is room, were carried.
    pub fn sent_at_once(&mut self, flow: u32, count: usize) {
        if let Some(out) = self.open_flow(flow) {
            out.next_seq += count as u64;
            out.at_once = out.next_seq - 1;
        }
    }

    /// Has a flow used up its credit, or has it to wait for the end of a large message?
    pub fn is_spent(&mut self, flow: u32) -> bool {
        let share = self.share();
        self.flow_mut(flow).is_some_and(|out| !out.is_ready(share))
    }

    /// What the peer says of an outgoing flow past the packets: `true` = it has credit. What was said before counts if it was more,
    /// and what cannot be of this binding is ignored.
    pub fn credited(&mut self, flow: u32, processed: u64, credit: u64) -> bool {
        let share = self.share();
        let Some(out) = self.flow_mut(flow).filter(|out| processed < out.next_seq) else {
            return false;
        };
        out.processed = out.processed.max(processed);
        out.received = out.received.max(out.processed);
        while out.frames.front().is_some_and(|(last, _)| *last <= out.processed) {
            out.frames.pop_front();
        }
        out.credit = out.credit.max(credit.min(out.processed + MAX_WINDOW));
        self.large_processed(flow, processed);
        self.flow_mut(flow).is_some_and(|out| out.is_ready(share))
    }

    /// The outgoing flows whose numbers are taken.
    pub fn open_flows(&self) -> Vec<u32> {
        let flows = (1_u32..).zip(&self.flows);
        flows.filter_map(|(flow, out)| out.as_ref().map(|_| flow)).collect()
    }

    /// The open flows to the peer, and how many messages they may still send in all.
    pub fn flows_out(&self) -> (usize, u64) {
        let open = self.flows.iter().flatten().filter(|out| !out.closing);
        open.fold((0, 0), |(flows, credit), out| {
            (flows + 1, credit + (out.credit + 1).saturating_sub(out.next_seq))
        })
    }

    /// Bytes of messages that wait for the writer.
    pub fn queued_bytes(&self) -> usize {
        self.queue.bytes()
    }

    /// Raises the credit of an incoming flow, which its sender is told past the packets; `false` = say it by a state.
    pub fn state_at_once(&mut self, flow: u32, credit: u64) -> bool {
        if self.states.contains_key(&flow) {
            return false;
        }
        // Who waits until a large message is processed waits for a packet.
        let inbound = self.in_flows.get_mut(&flow).filter(|i| i.large.is_processed());
        inbound.map(|i| i.credit = i.credit.max(credit)).is_some()
    }

    /// As [`Link::send_at_once`], outside any stream.
    pub fn answer_at_once(&mut self, what: &What, size: usize) -> Option<u32> {
        let type_id = self.type_at_once(what)?;
        if self.leaving.holds_answers() {
            return None;
        }
        let size = what.bytes.len() + size;
        let refused = self.is_large(size) || self.refusal(what, size).is_some();
        (!refused).then_some(type_id)
    }

    fn type_at_once(&mut self, what: &What) -> Option<u32> {
        if !self.queue.is_empty() || self.front_waits {
            return None;
        }
        if what.bytes.is_empty() {
            return Some(0);
        }
        let (bytes, type_id) = &self.last_type;
        if bytes.as_ptr() == what.bytes.as_ptr() && bytes.len() == what.bytes.len() {
            return Some(*type_id); // as nearly always; it is kept, so that nothing else is there
        }
        let type_id = *self.types.get(&what.bytes)?;
        self.last_type = (what.bytes.clone(), type_id);
        Some(type_id)
    }

    /// Queues one message outside any stream: an answer, or a complete envelope with an empty `what`.
    ///
    /// It needs no credit, and goes also when there is little room, since its asker waits. `NoRoom` comes only above
    /// [`MAX_QUEUED_ANSWERS`]: its asker may then be told so by [`Link::fail`].
    pub fn send_off_stream(&mut self, what: &What, body: &Bytes) -> Send {
        self.forward(what, None, 0, 0, body)
    }

    /// As [`Link::send_off_stream`], for a message that came here and is passed on: with the time left, how often it
    /// was passed on (1 at least), and the epoch of its actor's stay that it is for.
    pub fn forward(&mut self, what: &What, deadline: Option<Millis>, hops: u32, epoch: u64, body: &Bytes) -> Send {
        self.forward_within(MAX_QUEUED_ANSWERS, what, deadline, (hops, epoch), body)
    }

    /// The same, as long as no more than so many bytes wait, those that are passed on for others not counted.
    pub(super) fn forward_within(
        &mut self,
        most: usize,
        what: &What,
        deadline: Option<Millis>,
        (hops, epoch): (u32, u64),
        body: &Bytes,
    ) -> Send {
        if let Some(no) = self.refusal(what, what.bytes.len() + body.len()) {
            return no;
        }
        // Answers of one ask keep their order.
        if self.is_large(what.bytes.len() + body.len()) || hops == 0 && self.leaving.is_behind(body) {
            let mut transfer = self.transfer(0, what, deadline, hops, body);
            transfer.epoch = epoch;
            return self.forward_large(transfer);
        }
        if self.queue.own_bytes() + body.len() + ITEM_OVERHEAD > most {
            return Send::NoRoom;
        }
        self.push_item(0, epoch, what, deadline, hops, body);
        Send::Queued(0)
    }

    /// Why an envelope of this type and size can never be sent here.
    pub(super) fn refusal(&self, what: &What, size: usize) -> Option<Send> {
        let limit = self.largest();
        if !self.is_up() {
            Some(refused(Code::Unavailable, "the link is not up"))
        } else if size as u64 > limit {
            let detail = format!("a message of {size} bytes is over the link's limit of {limit}");
            Some(refused(Code::TooLarge, &detail))
        } else if what.bytes.len() > MAX_WHO_BYTES {
            Some(refused(Code::TooLarge, "the message's type is over 4 KiB"))
        } else {
            None
        }
    }

    fn transfer(&mut self, flow: u32, what: &What, deadline: Option<Millis>, hops: u32, body: &Bytes) -> Transfer {
        let (type_id, body) = self.typed(what, body);
        Transfer {
            flow,
            seq: 0,
            correlation: if flow == 0 && hops == 0 { peek(&body).1 } else { 0 },
            type_id,
            hops,
            epoch: 0,
            deadline,
            body,
            offset: 0,
        }
    }

    /// The number of the type on this lane, and the item.
    fn typed(&mut self, what: &What, body: &Bytes) -> (u32, Bytes) {
        match self.type_id(what) {
            0 => (0, Bytes::from([&what.bytes[..], &body[..]].concat())),
            id => (id, body.clone()),
        }
    }

    pub(super) fn push_item(
        &mut self,
        flow: u32,
        seq: u64,
        what: &What,
        deadline: Option<Millis>,
        hops: u32,
        body: &Bytes,
    ) {
        let (type_id, body) = self.typed(what, body);
        let item = Item {
            type_id,
            ttl_ms: 0,
            body,
        };
        let waiting = Waiting {
            seq,
            hops,
            deadline,
            item,
        };
        self.queue.push(flow, Entry::Item(waiting));
    }

    /// The number of this `what` on this lane; 0 = it goes with the item, because the table is full.
    pub(super) fn type_id(&mut self, what: &What) -> u32 {
        if what.bytes.is_empty() {
            return 0;
        }
        if let Some(id) = self.types.get(&what.bytes) {
            return *id;
        }
        let id = self.types.len() as u32 + 1;
        if id > MAX_TYPES {
            return 0;
        }
        self.types.insert(what.bytes.clone(), id);
        self.queue.push_control(Control::Type(v1::TypeDef {
            id,
            prefix: what.bytes.clone(),
        }));
        id
    }

    /// Ends an outgoing binding: nothing more follows on it. Its number is free once the peer has confirmed it.
    pub fn close(&mut self, flow: u32) {
        let Some(out) = self.open_flow(flow) else { return };
        out.closing = true;
        if !out.large.sending {
            self.queue.push(flow, Entry::Close);
        }
    }

    /// The peer has confirmed the end of a binding. If it was not told of it, what waits leaves no more, and the end does before the
    /// number is used again.
    pub(super) fn close_now(&mut self, flow: u32) {
        if !self.queue.is_idle(flow) {
            self.queue.drop_flow(flow);
            let close = self.close_of(flow);
            close
                .into_iter()
                .for_each(|close| self.queue.push_control(Control::Open(close)));
        }
    }

    /// Another stream may have the number of this flow.
    pub(super) fn release(&mut self, flow: u32) {
        self.flows[flow as usize - 1] = None;
        self.free.push(flow);
    }

    /// The end of a binding, behind everything that was sent on it.
    pub(super) fn close_of(&self, flow: u32) -> Option<v1::StreamOpen> {
        let out = self.flows.get((flow as usize).wrapping_sub(1))?.as_ref()?;
        Some(v1::StreamOpen {
            flow,
            stream: out.stream,
            first_seq: out.next_seq,
            mode: v1::Mode::Flow as i32,
            close: true,
            ..Default::default()
        })
    }

    /// Tells the receiver that an asker has stopped waiting. An ask that has not left whole leaves no more.
    pub fn cancel(&mut self, flow: u32, seq: u64, out: &mut Vec<Action>) {
        let gave_up = self.give_up(flow, seq);
        let Some(sent) = self.flow_mut(flow) else { return };
        let is_awaited = sent.processed < seq && seq < sent.next_seq;
        match (sent.closing, gave_up) {
            (true, true) => return self.queue.push(flow, Entry::Close),
            (true, false) => return,
            (false, true) => out.push(Action::Credit { flow }),
            (false, false) => {}
        }
        if is_awaited {
            self.queue.push(flow, Entry::Skip(seq));
        }
    }

    /// Queues a step of a move. By `Committed` the actor runs at the peer: it leaves behind all that was sent before it. A step's bytes
    /// count for no bound here: the mover has the whole state in memory already.
    ///
    /// # Errors
    /// UNAVAILABLE on a link that is not up, TOO_LARGE for a step that fits in no frame of the peer.
    pub fn send_move(&mut self, step: v1::Move) -> Result<(), Refusal> {
        let size = prost::Message::encoded_len(&step);
        let limit = self.peer_limits.max_frame_bytes as usize - STEP_OVERHEAD;
        let (code, detail) = if !self.is_up() {
            (Code::Unavailable, "the link is not up".into())
        } else if size > limit {
            let detail = format!("a step of a move has {size} bytes, over the link's limit of {limit}");
            (Code::TooLarge, detail)
        } else {
            self.queue.push_move(step);
            return Ok(());
        };
        Err(Refusal { code, detail })
    }

    /// What the actor's pool says of an incoming stream. It may wait: for the next packet, or until [`Link::press_states`].
    pub fn state(&mut self, flow: u32, processed: u64, credit: u64, may_wait: bool) {
        if let Some(inbound) = self.in_flows.get_mut(&flow) {
            inbound.credit = inbound.credit.max(credit);
            let received = inbound.last_seq;
            self.large_done(flow, processed);
            let state = self.next_state(flow);
            state.processed = state.processed.max(processed);
            state.received = received;
            state.credit = state.credit.max(credit);
            self.states_press |= !may_wait;
        }
    }

    /// States that wait leave now.
    pub fn press_states(&mut self) {
        self.states_press = !self.states.is_empty();
    }

    /// An incoming seq ended other than handled.
    pub fn outcome(&mut self, flow: u32, mut outcome: v1::Outcome) {
        if self.is_told(flow) {
            outcome.detail = short(&outcome.detail);
            self.next_state(flow).outcomes.push(outcome);
            self.outcomes += 1;
            self.states_press = true;
        }
    }

    /// The state of an incoming flow that is told next.
    pub(super) fn next_state(&mut self, flow: u32) -> &mut v1::StreamState {
        self.states.entry(flow).or_insert_with(|| {
            self.state_order.push_back(flow);
            v1::StreamState {
                flow,
                ..Default::default()
            }
        })
    }

    /// Ends an incoming binding. What still comes on it is delivered until the peer has closed it.
    pub fn reset(&mut self, flow: u32, code: Code, moved: Option<v1::Moved>) {
        if self.is_told(flow) {
            self.queue.push_control(Control::Reset(v1::StreamReset {
                flow,
                code: code as i32,
                moved,
            }));
        }
    }

    /// Which opening an incoming flow's number stands for now; 0 = none.
    pub fn opened(&self, flow: u32) -> u32 {
        self.in_flows.get(&flow).map_or(0, |inbound| inbound.opened)
    }

    /// The stream that an outgoing flow's number stands for now.
    pub fn stream_of(&self, flow: u32) -> Option<u64> {
        let out = self.flows.get((flow as usize).wrapping_sub(1))?.as_ref()?;
        Some(out.stream)
    }

    /// Does an item of this flow have to be answered UNAVAILABLE (it certainly was not acted on) when the link is down?
    pub fn never_left(&self, flow: u32, seq: u64, last_frame: Option<u64>) -> bool {
        let Some(out) = self.flows.get((flow as usize).wrapping_sub(1)).and_then(Option::as_ref) else {
            return false;
        };
        // In no frame: nobody knows how far it came. Or the peer has said that it came, and its frame may be forgotten.
        if seq <= out.at_once || seq <= out.received.max(out.processed) {
            return false;
        }
        match out.frames.iter().find(|(last, _)| *last >= seq) {
            Some((_, frame)) => last_frame.is_some_and(|acted| *frame > acted),
            None => true,
        }
    }

    /// The streams with messages that nobody can say anything of once the link is down: (stream, first, last).
    pub fn unknown(&self) -> Vec<(u64, u64, u64)> {
        // The sender of what is passed on is told by a reset.
        let ours = self.flows.iter().flatten().filter(|f| !f.passed_on);
        let flows = ours.filter(|f| f.received + 1 < f.next_seq);
        flows.map(|f| (f.stream, f.received + 1, f.next_seq - 1)).collect()
    }

    /// An outgoing flow that we have not closed.
    pub(super) fn open_flow(&mut self, flow: u32) -> Option<&mut OutFlow> {
        self.flow_mut(flow).filter(|out| !out.closing)
    }

    /// An outgoing flow whose number is taken.
    pub(super) fn flow_mut(&mut self, flow: u32) -> Option<&mut OutFlow> {
        self.flows
            .get_mut((flow as usize).wrapping_sub(1))
            .and_then(Option::as_mut)
    }
}

pub(super) fn refused(code: Code, detail: &str) -> Send {
    Send::Refused(Refusal {
        code,
        detail: detail.to_owned(),
    })
}
