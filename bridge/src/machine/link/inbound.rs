//! What comes: frames are checked and acted on in field order; a bad item costs that item, a bad frame the link.

use super::{
    Action, Bytes, Code, Delivery, Effect, EnvelopeView, InFlow, Item, Kind, Link, MAX_HOPS, MAX_TYPES, Millis, Packet,
    Phase, Refusal, Run, Send, What, Who, v1, writer,
};

impl Link {
    /// A frame came.
    pub fn receive(&mut self, packet: Packet, now: Millis, out: &mut Vec<Action>) {
        if self.phase == Phase::Down {
            return;
        }
        let Packet { head, runs } = packet;
        if head.number != self.last_number + 1 {
            let detail = format!("frame {} came after frame {}", head.number, self.last_number);
            return self.bad_frame(&detail, out);
        }
        self.silent_pings = 0;
        self.receive_head(head, out);
        for run in runs {
            if self.phase != Phase::Up {
                break;
            }
            self.receive_run(run, out);
        }
        if self.phase == Phase::Up {
            self.last_number += 1;
        }
        let _ = now;
    }

    fn receive_head(&mut self, head: v1::Frame, out: &mut Vec<Action>) {
        if let Some(hello) = &head.hello {
            if self.phase != Phase::Handshake {
                return self.bad_frame("a second Hello came on the same link", out);
            }
            self.on_hello(hello, out);
        }
        if let Some(welcome) = &head.welcome {
            self.on_welcome(welcome, out);
        }
        if self.phase == Phase::Handshake && head.goodbye.is_none() {
            return self.bad_frame("the first frame holds neither Hello nor Welcome", out);
        }
        for open in head.open {
            self.on_open(open, out);
        }
        for definition in head.r#type {
            self.on_type(definition, out);
        }
        for state in head.state {
            self.on_state(state, out);
        }
        for skip in head.skip.into_iter().filter(|s| s.count > 0) {
            let last = skip.first.saturating_add(u64::from(skip.count.min(1_024)));
            out.extend((skip.first..last).map(|seq| Action::Skipped { flow: skip.flow, seq }));
        }
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
        if let Some(goodbye) = &head.goodbye {
            self.on_goodbye(goodbye, out);
        }
        if !head.fragment.is_empty() {
            self.bad_frame("a Fragment came, and fragments were not negotiated", out);
        }
    }

    fn on_open(&mut self, open: v1::StreamOpen, out: &mut Vec<Action>) {
        let flow = open.flow;
        if open.close {
            let Some(closed) = self.in_flows.remove(&flow) else {
                return self.bad_frame(&format!("flow {flow} was closed and is not open"), out);
            };
            self.states.remove(&flow);
            let last_seq = open.first_seq.saturating_sub(1);
            return out.push(Action::Closed {
                flow,
                stream: closed.stream,
                last_seq,
            });
        }
        let limits = self.limits();
        if flow == 0 || flow > limits.max_flows || self.in_flows.contains_key(&flow) {
            return self.bad_frame(&format!("flow {flow} is open already, or over the limit"), out);
        }
        if open.mode() != v1::Mode::Flow || open.first_seq == 0 {
            return self.bad_frame(
                &format!("flow {flow}: only streams in mode FLOW with a first_seq are known"),
                out,
            );
        }
        let who = match Who::parse(open.prefix.clone()) {
            Ok(who) if !who.target.is_empty() => who,
            Ok(_) => return self.bad_frame(&format!("flow {flow} names no target"), out),
            Err(refusal) => return self.bad_frame(&format!("flow {flow}: {refusal}"), out),
        };
        let last_seq = open.first_seq - 1;
        let credit = last_seq + u64::from(limits.initial_credit);
        self.in_flows.insert(
            flow,
            InFlow {
                stream: open.stream,
                who_present: who.present,
                last_seq,
                credit,
            },
        );
        out.push(Action::Opened {
            flow,
            stream: open.stream,
            first_seq: open.first_seq,
            who,
        });
    }

    fn on_type(&mut self, definition: v1::TypeDef, out: &mut Vec<Action>) {
        let next = self.in_types.len() as u32 + 1;
        if definition.id != next || next > MAX_TYPES {
            return self.bad_frame(&format!("TypeDef {} came where {next} was next", definition.id), out);
        }
        match What::parse(definition.prefix) {
            Ok(what) => self.in_types.push(what),
            Err(refusal) => self.bad_frame(&format!("TypeDef {next}: {refusal}"), out),
        }
    }

    /// The `what` of a delivery's type id.
    pub fn what(&self, type_id: u32) -> Option<&What> {
        self.in_types.get((type_id as usize).wrapping_sub(1))
    }

    fn on_state(&mut self, state: v1::StreamState, out: &mut Vec<Action>) {
        let flow = state.flow;
        // A state for a flow that was closed meanwhile crossed our close: it says nothing any more.
        let Some(sent) = self.flow_mut(flow) else { return };
        if state.processed >= sent.next_seq || state.received >= sent.next_seq {
            return self.bad_frame(
                &format!("the state of flow {flow} names a seq that was never sent"),
                out,
            );
        }
        sent.processed = sent.processed.max(state.processed);
        sent.received = sent.received.max(state.received).max(sent.processed);
        while sent.frames.front().is_some_and(|(last, _)| *last <= sent.processed) {
            sent.frames.pop_front();
        }
        if state.credit > sent.credit {
            sent.credit = state.credit;
            out.push(Action::Credit { flow });
        }
        out.extend(
            state
                .outcomes
                .into_iter()
                .map(|outcome| Action::Refused { flow, outcome }),
        );
    }

    fn on_reset(&mut self, reset: v1::StreamReset, out: &mut Vec<Action>) {
        let flow = reset.flow;
        let Some(sent) = self.flow_mut(flow) else { return };
        let last_seq = sent.next_seq - 1;
        let code = reset.code();
        self.close(flow);
        out.push(Action::Rebind {
            flow,
            last_seq,
            code,
            moved: reset.moved,
        });
    }

    fn receive_run(&mut self, run: Run, out: &mut Vec<Action>) {
        let Run {
            flow,
            first_seq,
            attempt,
            hops,
            items,
            ..
        } = run;
        let who_present = match self.in_flows.get(&flow) {
            _ if flow == 0 => 0,
            Some(inbound) => inbound.who_present,
            None => return self.bad_frame(&format!("a run came on flow {flow}, which is not open"), out),
        };
        for (i, item) in items.into_iter().enumerate() {
            let seq = if flow == 0 { 0 } else { first_seq + i as u64 };
            let body = item.body.clone();
            match self.check(flow, seq, hops, who_present, &item) {
                Ok(None) => {}
                Ok(Some(mut delivery)) => {
                    delivery.attempt = attempt;
                    out.push(Action::Deliver(delivery));
                }
                Err(refusal) => self.refuse_item(flow, seq, refusal, &item, body, out),
            }
        }
    }

    /// Checks one item. `None` = a duplicate, dropped.
    fn check(&mut self, flow: u32, seq: u64, hops: u32, who: u32, item: &Item) -> Result<Option<Delivery>, Refusal> {
        let refuse = |code, detail: String| Err(Refusal { code, detail });
        let inline = self.limits().inline_bytes;
        if let Some(inbound) = self.in_flows.get_mut(&flow) {
            if seq <= inbound.last_seq {
                return Ok(None);
            }
            if seq > inbound.credit {
                let detail = format!(
                    "seq {seq} of flow {flow} is beyond its credit of {}; wait for more",
                    inbound.credit
                );
                return refuse(Code::MailboxFull, detail);
            }
            inbound.last_seq = seq;
        }
        if hops > MAX_HOPS {
            return refuse(
                Code::NoSuchActor,
                format!("forwarded {hops} times: a routing loop; check who owns the actor"),
            );
        }
        if item.body.len() > inline as usize {
            return refuse(
                Code::TooLarge,
                format!("an item of {} bytes is over the limit of {inline}", item.body.len()),
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
        let view = EnvelopeView::read_body(&item.body, who | what.map_or(0, |w| w.present))?;
        let kind = what.map_or(0, |w| w.kind).max(view.kind);
        match Kind::try_from(kind as i32) {
            Ok(Kind::Unspecified) => return refuse(Code::Undecodable, "the envelope has no kind; set one".into()),
            Err(_) => {
                return refuse(
                    Code::UnsupportedKind,
                    format!("kind {kind} is not known here; upgrade this node"),
                );
            }
            Ok(_) => {}
        }
        Ok(Some(Delivery {
            flow,
            seq,
            type_id: item.type_id,
            ttl_ms: item.ttl_ms,
            attempt: 0,
            hops,
            kind,
            correlation: view.correlation,
            body: item.body.clone(),
        }))
    }

    fn refuse_item(&mut self, flow: u32, seq: u64, refusal: Refusal, item: &Item, body: Bytes, out: &mut Vec<Action>) {
        let is_ask = self.what(item.type_id).is_some_and(|w| w.kind == Kind::Ask as u32);
        // The body may be what is wrong with it: read the correlation as far as it goes.
        let correlation = correlation_of(&item.body);
        if is_ask && correlation != 0 {
            self.fail(correlation, refusal.code, Effect::None, &refusal.detail);
        }
        if flow != 0 {
            let (code, detail) = (refusal.code as i32, refusal.detail.clone());
            let outcome = v1::Outcome {
                seq,
                code,
                effect: Effect::None as i32,
                detail,
                local_attempts: 0,
            };
            self.outcome(flow, outcome);
        }
        out.push(Action::BadItem {
            flow,
            seq,
            refusal,
            body,
        });
    }

    /// Answers an ask with a failure.
    pub fn fail(&mut self, correlation: u64, code: Code, effect: Effect, detail: &str) -> Send {
        let failure = v1::Failure {
            code: code as i32,
            effect: effect as i32,
            detail: detail.to_owned(),
            ..Default::default()
        };
        let failure = prost::Message::encode_to_vec(&failure);
        let fields = writer::BodyFields {
            correlation,
            failure: &failure,
            ..Default::default()
        };
        self.send_off_stream(&writer::what(Kind::Failure, "", 1, 1), &writer::body(fields, &[]))
    }
}

fn correlation_of(body: &[u8]) -> u64 {
    let mut fields = actorbridge_proto::wire::Fields::new(body);
    while let Ok(Some(field)) = fields.next_field() {
        if let (3, actorbridge_proto::wire::Value::Varint(v)) = (field.number, field.value) {
            return v;
        }
    }
    0
}
