//! What comes: frames are checked and acted on in field order; a bad frame costs the link. Their messages are in `items`.

use super::{
    Action, BindingNumber, Bytes, Code, Control, InFlow, LargeIn, Link, MAX_CONTROLS, MAX_NODE_NAME, MAX_SEQ,
    MAX_TYPES, MAX_WINDOW, OUTCOMES_IN_STATE, Packet, Phase, RefusalReason, Relayed, What, Who, short, v1,
};

/// Most seqs that the Skips of one frame may withdraw: each is acted on by itself.
const MAX_SKIPS: u64 = 4_096;

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
}
