//! What comes: frames are checked and acted on in field order; a bad item costs that item, a bad frame the link.

use actorbridge_proto::wire::Value;

use super::{
    Action, BindingNumber, Bytes, Code, Control, Delivery, Effect, EnvelopeView, FAILURES_BEYOND, InFlow, Item, Kind,
    LargeIn, Link, MAX_CONTROLS, MAX_HOPS, MAX_NODE_NAME, MAX_OUTCOMES, MAX_QUEUED_ANSWERS, MAX_SEQ, MAX_TYPES,
    MAX_WINDOW, OUTCOMES_IN_STATE, Packet, Phase, Refusal, RefusalReason, Relayed, Run, Send, What, Who, short, v1,
    writer,
};

/// Most seqs that the Skips of one frame may withdraw: each is acted on by itself.
const MAX_SKIPS: u64 = 4_096;
/// The number of `Envelope.payload`.
const PAYLOAD: u32 = 2;

impl Link {
    /// A frame came.
    pub fn receive(&mut self, packet: Packet, out: &mut Vec<Action>) {
        if self.phase == Phase::Down {
            return;
        }
        let Packet { head, runs } = packet;
        if head.number != self.last_number + 1 {
            let detail = format!("frame {} came after frame {}", head.number, self.last_number);
            return self.bad_frame(&detail, out);
        }
        // Also a frame that turns out bad may have been acted on in part: nobody may say NONE of what it carried.
        self.last_number = head.number;
        self.silent_pings = 0;
        let acted = self.receive_head(head, out).and_then(|()| self.receive_runs(runs, out));
        if let Err(detail) = acted {
            self.bad_frame(&detail, out);
        }
    }

    /// Acts on the head in field order. An error costs the link.
    fn receive_head(&mut self, head: v1::Frame, out: &mut Vec<Action>) -> Result<(), String> {
        if let Some(hello) = &head.hello {
            if self.phase != Phase::Handshake {
                return Err("a second Hello came on the same link".into());
            }
            self.on_hello(hello, out);
        }
        if let Some(welcome) = head.welcome.as_ref().filter(|_| self.phase != Phase::Down) {
            self.on_welcome(welcome, out);
        }
        if self.phase == Phase::Handshake && head.goodbye.is_none() {
            return Err("the first frame holds neither Hello nor Welcome".into());
        }
        if self.phase == Phase::Up {
            self.receive_up(head, out)
        } else {
            head.goodbye.iter().for_each(|g| self.on_goodbye(g, out));
            Ok(())
        }
    }

    fn receive_up(&mut self, head: v1::Frame, out: &mut Vec<Action>) -> Result<(), String> {
        for open in head.open {
            self.on_open(open, out)?;
        }
        for definition in head.r#type {
            self.on_type(definition)?;
        }
        for state in head.state {
            self.on_state(state, out)?;
        }
        self.on_skips(&head.skip, out)?;
        for reset in head.reset {
            self.on_reset(reset, out);
        }
        out.extend(head.r#move.into_iter().map(Action::Moved));
        if let Some(ping) = head.ping {
            self.head.pong = Some(v1::Pong {
                token: ping.token,
                delay_ms: 0,
            });
        }
        if let Some(pong) = &head.pong {
            self.unanswered_pings = 0;
            self.last_pong = self.last_pong.max(Some(pong.token));
        }
        if let Some(goodbye) = &head.goodbye {
            self.on_goodbye(goodbye, out);
        }
        self.on_fragments(head.fragment, out)?;
        self.reads_answers()?;
        if self.queue.heads() > MAX_CONTROLS {
            self.refused_for = Some(RefusalReason::NeverReads);
            return Err(format!(
                "more than {MAX_CONTROLS} answers wait; the peer binds streams and does not read"
            ));
        }
        Ok(())
    }

    fn on_skips(&mut self, skips: &[v1::Skip], out: &mut Vec<Action>) -> Result<(), String> {
        let all: u64 = skips.iter().map(|s| u64::from(s.count)).sum();
        if all > MAX_SKIPS {
            return Err(format!("the Skips of a frame name {all} seqs; at most {MAX_SKIPS}"));
        }
        for skip in skips {
            let last = skip.first.saturating_add(u64::from(skip.count));
            for seq in skip.first..last {
                if !self.withdrawn(skip.flow, seq, out) {
                    out.push(Action::Skipped { flow: skip.flow, seq });
                }
            }
        }
        Ok(())
    }

    fn on_open(&mut self, open: v1::StreamOpen, out: &mut Vec<Action>) -> Result<(), String> {
        let flow = open.flow;
        if open.close {
            return self.on_close(flow, open.first_seq.saturating_sub(1), out);
        }
        let limits = self.limits();
        if flow == 0 || flow > limits.max_flows || self.is_told(flow) {
            return Err(format!("flow {flow} is open already, or over the limit"));
        }
        if open.mode() != v1::Mode::Flow || open.first_seq == 0 || open.first_seq > MAX_SEQ {
            return Err(format!(
                "flow {flow}: only streams in mode FLOW with a first_seq are known"
            ));
        }
        // A copy: a slice would keep the whole frame in memory as long as the flow is open.
        let who =
            Who::parse(Bytes::copy_from_slice(&open.prefix)).map_err(|refusal| format!("flow {flow}: {refusal}"))?;
        if who.target.is_empty() {
            return Err(format!("flow {flow} names no target"));
        }
        if open.destination.len().max(open.origin.len()) > MAX_NODE_NAME {
            return Err(format!("flow {flow} names a node by more than {MAX_NODE_NAME} bytes"));
        }
        let last_seq = open.first_seq - 1;
        self.opened = self.opened.wrapping_add(1);
        let relayed = Relayed {
            destination: open.destination,
            origin: open.origin,
            hops: open.hops,
        };
        self.in_flows.insert(
            flow,
            InFlow {
                stream: open.stream,
                opened: self.opened,
                who_present: who.present,
                who_len: who.bytes.len(),
                last_seq,
                credit: last_seq + u64::from(limits.initial_credit),
                large: LargeIn::default(),
                passed_on: relayed.is_for_another(&self.config.node),
                relayed: !relayed.origin.is_empty(),
            },
        );
        out.push(Action::Opened {
            flow,
            stream: open.stream,
            opened: self.opened,
            first_seq: open.first_seq,
            binding: BindingNumber {
                number: open.binding,
                after: open.after,
            },
            who,
            relayed,
        });
        Ok(())
    }

    /// The end of a binding. Of one that is passed on, its receiver may still say something.
    fn on_close(&mut self, flow: u32, last_seq: u64, out: &mut Vec<Action>) -> Result<(), String> {
        self.drop_assembly(flow);
        self.large_done(flow, u64::MAX);
        let Some(closed) = self.in_flows.remove(&flow) else {
            return Err(format!("flow {flow} was closed and is not open"));
        };
        if last_seq < closed.last_seq {
            let came = closed.last_seq;
            return Err(format!(
                "flow {flow} was closed at seq {last_seq}, and seq {came} has come"
            ));
        }
        match closed.passed_on {
            true => drop(self.unconfirmed.insert(flow)),
            false => self.say_closed(flow, closed.last_seq),
        }
        out.push(Action::Closed {
            flow,
            stream: closed.stream,
            last_seq,
        });
        Ok(())
    }

    /// Tells the peer what became of a binding that it has closed, and that the flow's number is free again.
    pub(super) fn say_closed(&mut self, flow: u32, received: u64) {
        let mut state = self.states.remove(&flow).unwrap_or_default();
        self.outcomes -= state.outcomes.len();
        state.flow = flow;
        state.received = state.received.max(received);
        let outcomes = std::mem::take(&mut state.outcomes);
        self.queue.push_control(Control::State(state));
        for some in outcomes.chunks(OUTCOMES_IN_STATE) {
            let outcomes = some.to_vec();
            self.queue.push_control(Control::State(v1::StreamState {
                flow,
                outcomes,
                ..Default::default()
            }));
        }
        self.queue.push_control(Control::Reset(v1::StreamReset {
            flow,
            code: Code::Ok as i32,
            moved: None,
        }));
    }

    /// Is the peer told what becomes of an incoming flow?
    pub(super) fn is_told(&self, flow: u32) -> bool {
        self.in_flows.contains_key(&flow) || self.unconfirmed.contains(&flow)
    }

    fn on_type(&mut self, definition: v1::TypeDef) -> Result<(), String> {
        let next = self.in_types.len() as u32 + 1;
        if definition.id != next || next > MAX_TYPES {
            return Err(format!("TypeDef {} came where {next} was next", definition.id));
        }
        let what = What::parse(Bytes::copy_from_slice(&definition.prefix))
            .map_err(|refusal| format!("TypeDef {next}: {refusal}"))?;
        self.in_types.push(what);
        Ok(())
    }

    /// The highest seq that the peer may send on a flow; `None` = the flow is not open.
    pub fn granted(&self, flow: u32) -> Option<u64> {
        self.in_flows.get(&flow).map(|inbound| inbound.credit)
    }

    /// How many flows the peer has open.
    pub fn flows_in(&self) -> usize {
        self.in_flows.len()
    }

    /// The `what` of a delivery's type id.
    pub fn what(&self, type_id: u32) -> Option<&What> {
        self.in_types.get((type_id as usize).wrapping_sub(1))
    }

    fn on_state(&mut self, state: v1::StreamState, out: &mut Vec<Action>) -> Result<(), String> {
        let flow = state.flow;
        // A flow that we have never opened, or that the peer has confirmed closed.
        let Some(sent) = self.flow_mut(flow).filter(|out| !out.confirmed) else {
            return Err(format!("a state came of flow {flow}, which is not open"));
        };
        let outcomes = state.outcomes.iter().map(|o| o.seq).max().unwrap_or(0);
        if state.processed.max(state.received).max(outcomes) >= sent.next_seq {
            return Err(format!("the state of flow {flow} names a seq that was never sent"));
        }
        sent.first_untold += state.outcomes.len() as u64;
        if sent.first_untold > sent.next_seq {
            return Err(format!(
                "the states of flow {flow} tell of more messages than were sent"
            ));
        }
        sent.processed = sent.processed.max(state.processed);
        sent.received = sent.received.max(state.received).max(sent.processed);
        while sent.frames.front().is_some_and(|(last, _)| *last <= sent.processed) {
            sent.frames.pop_front();
        }
        let credit = state.credit.min(sent.processed + MAX_WINDOW);
        if credit > sent.credit {
            sent.credit = credit;
            if !sent.closing && !sent.passed_on {
                out.push(Action::Credit { flow });
            }
        }
        if sent.passed_on {
            out.push(Action::Progress { flow });
        }
        self.large_processed(flow, state.processed);
        self.large_room(flow, out);
        let refused = |mut outcome: v1::Outcome| {
            outcome.detail = short(&outcome.detail);
            Action::Refused { flow, outcome }
        };
        out.extend(state.outcomes.into_iter().map(refused));
        Ok(())
    }

    fn on_reset(&mut self, reset: v1::StreamReset, out: &mut Vec<Action>) {
        let flow = reset.flow;
        let Some(sent) = self.flow_mut(flow).filter(|out| !out.confirmed) else {
            return;
        };
        let (last_seq, closing, passed_on) = (sent.next_seq - 1, sent.closing, sent.passed_on);
        let (stream, first) = (sent.stream, sent.received + 1);
        // A code of a later version: the binding is gone, whatever the reason.
        let code = Code::try_from(reset.code).unwrap_or(Code::Unavailable);
        // What was on its way is unknown also where the binding has been closed meanwhile.
        let way_lost = code == Code::OutcomeUnknown;
        if way_lost && !passed_on {
            out.push(Action::WayLost {
                flow,
                stream,
                first,
                last_seq,
            });
        }
        if !closing || way_lost && passed_on {
            if !passed_on {
                self.close(flow);
            }
            let moved = reset.moved;
            out.push(Action::Rebind {
                flow,
                last_seq,
                code,
                moved,
            });
        } else if code == Code::Ok {
            self.forget_large(flow);
            self.large_room(flow, out);
            self.close_now(flow);
            match self.flow_mut(flow).filter(|_| passed_on) {
                Some(sent) => {
                    sent.confirmed = true;
                    out.push(Action::Confirmed { flow });
                }
                None => self.release(flow),
            }
        }
    }

    /// Messages came past the packets.
    pub fn receive_items(&mut self, run: Run, out: &mut Vec<Action>) {
        if self.phase == Phase::Down {
            return;
        }
        let acted = match self.phase {
            Phase::Up => self.receive_run(run, out),
            _ => Err("messages came before the handshake was over".into()),
        };
        if let Err(detail) = acted {
            self.bad_frame(&detail, out);
        }
    }

    /// Takes messages of a stream, if there is nothing to say of any of them: then they are delivered. `false` = nothing has
    /// happened; `receive_items` says what is wrong with which. The shape is type, hops, and the most bytes that one has. Plain: they
    /// are tells with nothing but payloads; else their bytes have been read, with the prefixes' fields.
    pub fn accept_run(&mut self, flow: u32, first_seq: u64, count: u64, shape: (u32, u32, usize), plain: bool) -> bool {
        let (type_id, hops, longest) = shape;
        let limit = self.limits().inline_bytes as usize;
        let what = self
            .what(type_id)
            .map(|what| (what.kind, what.present, what.bytes.len()));
        let (Some((kind, present, what_len)), Some(inbound)) = (what, self.in_flows.get_mut(&flow)) else {
            return false;
        };
        // A plain payload is written with a tag and its length.
        let size = inbound.who_len + what_len + longest + if plain { 8 } else { 0 };
        let payload = if plain { 1 << PAYLOAD } else { 0 };
        let good_kind = kind == Kind::Tell as u32 || !plain && kind == Kind::Ask as u32;
        let last = first_seq.saturating_add(count - count.min(1));
        let good = self.phase == Phase::Up
            && good_kind
            && !inbound.large.is_assembling()
            && !inbound.passed_on
            && (present | payload) & inbound.who_present == 0
            && present & payload == 0
            && hops <= MAX_HOPS
            && size <= limit
            && count > 0
            && first_seq > inbound.last_seq
            && last <= inbound.credit.min(MAX_SEQ);
        if good {
            inbound.last_seq = last;
        }
        good
    }

    fn receive_runs(&mut self, runs: Vec<Run>, out: &mut Vec<Action>) -> Result<(), String> {
        for run in runs {
            if self.phase != Phase::Up {
                break;
            }
            self.receive_run(run, out)?;
        }
        Ok(())
    }

    fn receive_run(&mut self, run: Run, out: &mut Vec<Action>) -> Result<(), String> {
        let Run {
            flow,
            first_seq,
            hops,
            attempt,
            ..
        } = run;
        let open = flow == 0 || self.in_flows.contains_key(&flow);
        if !open {
            return Err(format!("a run came on flow {flow}, which is not open"));
        }
        if flow != 0 && (first_seq == 0 || first_seq > MAX_SEQ) {
            return Err(format!("a run of flow {flow} begins at seq {first_seq}"));
        }
        let inline = u64::from(self.limits().inline_bytes);
        for (i, item) in (0_u64..).zip(run.into_items()) {
            let seq = if flow == 0 { first_seq } else { first_seq + i };
            match self.check(flow, seq, hops, &item, inline) {
                Ok(None) => {}
                Ok(Some(mut delivery)) => {
                    delivery.attempt = attempt;
                    out.push(Action::Deliver(delivery));
                }
                Err(refusal) => self.refuse_item(flow, seq, refusal, item, out),
            }
        }
        self.reads_answers()
    }

    /// Does the peer read what is said of its messages, and the answers to them?
    pub(super) fn reads_answers(&mut self) -> Result<(), String> {
        let why = if self.outcomes > MAX_OUTCOMES {
            format!("more than {MAX_OUTCOMES} refusals wait; the peer sends and does not read")
        } else if self.answer_lost {
            let most = (MAX_QUEUED_ANSWERS + FAILURES_BEYOND) >> 20;
            format!("answers of more than {most} MiB wait; the peer asks and does not read")
        } else {
            return Ok(());
        };
        self.refused_for = Some(RefusalReason::NeverReads);
        Err(why)
    }

    /// Checks one item, of at most so many bytes with its prefixes. `None` = a duplicate, dropped.
    pub(super) fn check(
        &mut self,
        flow: u32,
        seq: u64,
        hops: u32,
        item: &Item,
        limit: u64,
    ) -> Result<Option<Delivery>, Refusal> {
        let refuse = |code, detail: String| Err(Refusal { code, detail });
        let (mut prefixes, mut size, mut limit, mut passed_on) = (0, item.body.len(), limit, false);
        if let Some(inbound) = self.in_flows.get_mut(&flow) {
            if seq <= inbound.last_seq {
                return Ok(None);
            }
            if seq > inbound.credit {
                return refuse(Code::MailboxFull, inbound.beyond_credit(flow, seq));
            }
            inbound.last_seq = seq;
            prefixes = inbound.who_present;
            size += inbound.who_len;
            passed_on = inbound.passed_on;
            if inbound.large.is_assembling() {
                self.drop_assembly(flow); // the rest of an earlier one does not come
            }
        }
        if hops > MAX_HOPS {
            return refuse(
                Code::NoSuchActor,
                format!("forwarded {hops} times: a routing loop; check who owns the actor"),
            );
        }
        let what = match item.type_id {
            0 => None,
            id => match self.what(id) {
                Some(what) => Some(what),
                None => {
                    return refuse(
                        Code::Undecodable,
                        format!("type {id} is not defined on this link; define it first"),
                    );
                }
            },
        };
        if let Some(what) = what {
            size += what.bytes.len();
            if prefixes & what.present != 0 {
                let detail = "the stream's prefix and the type's prefix set the same field; set it in one of them";
                return refuse(Code::BadOverride, detail.into());
            }
            prefixes |= what.present;
        }
        if passed_on {
            limit = limit.min(u64::from(self.limits().inline_bytes));
        }
        if size as u64 > limit {
            return refuse(
                Code::TooLarge,
                format!("a message of {size} bytes is over the limit of {limit}"),
            );
        }
        let mut kind = what.map_or(0, |w| w.kind);
        let mut correlation = 0;
        if !passed_on {
            let view = EnvelopeView::read_body(&item.body, prefixes)?;
            (kind, correlation) = (kind.max(view.kind), view.correlation);
            check_kind(kind, correlation)?;
        }
        Ok(Some(Delivery {
            flow,
            seq,
            type_id: item.type_id,
            ttl_ms: item.ttl_ms,
            attempt: 0,
            hops,
            kind,
            correlation,
            body: item.body.clone(),
        }))
    }

    pub(super) fn refuse_item(&mut self, flow: u32, seq: u64, refusal: Refusal, item: Item, out: &mut Vec<Action>) {
        // The body may be what is wrong with it: read it as far as it goes.
        let (kind, correlation) = peek(&item.body);
        let kind = self.what(item.type_id).map_or(kind, |w| u64::from(w.kind));
        let answers = self.in_flows.get(&flow).is_none_or(|i| !i.passed_on && !i.relayed);
        let mut asked = if kind == Kind::Ask as u64 { correlation } else { 0 };
        if answers && asked != 0 {
            self.fail(asked, refusal.code, Effect::None, &refusal.detail);
            asked = 0;
        }
        if flow != 0 {
            let outcome = v1::Outcome {
                seq,
                code: refusal.code as i32,
                effect: Effect::None as i32,
                detail: refusal.detail.clone(),
                local_attempts: 0,
            };
            self.outcome(flow, outcome);
        }
        out.push(Action::BadItem {
            flow,
            seq,
            refusal,
            body: item.body,
            asked,
        });
    }

    /// Answers an ask with a failure.
    pub fn fail(&mut self, correlation: u64, code: Code, effect: Effect, detail: &str) -> Send {
        let failure = v1::Failure {
            code: code as i32,
            effect: effect as i32,
            detail: short(detail),
            ..Default::default()
        };
        let failure = prost::Message::encode_to_vec(&failure);
        let fields = writer::BodyFields {
            correlation,
            failure: &failure,
            ..Default::default()
        };
        let (what, body) = (writer::what(Kind::Failure, "", 1, 1), writer::body(fields, &[]));
        let sent = self.forward_within(MAX_QUEUED_ANSWERS + FAILURES_BEYOND, &what, None, (0, 0), &body);
        self.answer_lost |= sent == Send::NoRoom;
        sent
    }
}

impl InFlow {
    pub(super) fn beyond_credit(&self, flow: u32, seq: u64) -> String {
        let credit = self.credit;
        format!("seq {seq} of flow {flow} is beyond its credit of {credit}; wait for more")
    }
}

/// Kind and correlation of a body that may be damaged.
pub(super) fn peek(body: &[u8]) -> (u64, u64) {
    let (mut kind, mut correlation) = (0, 0);
    let mut fields = actorbridge_proto::wire::Fields::new(body);
    while let Ok(Some(field)) = fields.next_field() {
        match (field.number, field.value) {
            (1, Value::Varint(v)) => kind = v,
            (3, Value::Varint(v)) => correlation = v,
            _ => {}
        }
    }
    (kind, correlation)
}

/// Is it a kind of message that is taken here?
fn check_kind(kind: u32, correlation: u64) -> Result<(), Refusal> {
    let (code, detail) = match Kind::try_from(kind as i32) {
        Ok(Kind::Unspecified) => (Code::Undecodable, "the envelope has no kind; set one".into()),
        Ok(Kind::Ask) if correlation == 0 => (Code::Undecodable, "an ask has no correlation; set one".into()),
        Ok(_) => return Ok(()),
        Err(_) => (
            Code::UnsupportedKind,
            format!("kind {kind} is not known here; upgrade this node"),
        ),
    };
    Err(Refusal { code, detail })
}
