//! The messages that come: each is checked, and delivered or refused by itself; a bad one costs nothing else.

use actorbridge_proto::wire::Value;

use super::{
    Action, Code, Delivery, Effect, EnvelopeView, FAILURES_BEYOND, InFlow, Item, Kind, Link, MAX_HOPS, MAX_OUTCOMES,
    MAX_QUEUED_ANSWERS, MAX_SEQ, Phase, Refusal, RefusalReason, Run, Send, short, v1, writer,
};

/// The number of `Envelope.payload`.
const PAYLOAD: u32 = 2;

impl Link {
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

    pub(super) fn receive_runs(&mut self, runs: Vec<Run>, out: &mut Vec<Action>) -> Result<(), String> {
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
        let (mut prefixes, mut size, mut passed_on) = (0, item.body.len(), false);
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
