//! Messages that come in parts are put together: see `fragments`.

use super::fragments::{MAX_BEGUN, fits, largest, trim};
use super::{Action, BTreeMap, Bytes, Code, InFlow, Item, Link, Phase, Refusal, VecDeque, v1};

/// A message of which parts have come.
#[derive(Debug)]
pub(super) struct Assembly {
    seq: u64,
    total: u64,
    body: Vec<u8>,
}

/// What is on its way from the peer.
#[derive(Debug, Default)]
pub(super) struct Coming {
    /// Off-stream, by number; and their bytes when they are whole.
    answers: BTreeMap<u64, Assembly>,
    begun: u64,
    /// Bytes of flows' messages: in part here, or whole and not processed.
    unprocessed: u64,
}

/// What an incoming flow has of such messages.
#[derive(Debug, Default)]
pub(super) struct LargeIn {
    assembly: Option<Assembly>,
    /// (seq, bytes) of those that came whole and are not processed.
    whole: VecDeque<(u64, u64)>,
}

impl LargeIn {
    /// Is there nothing that came whole and is not processed?
    pub(super) fn is_processed(&self) -> bool {
        self.whole.is_empty()
    }

    /// Has a message come in part?
    pub(super) fn is_assembling(&self) -> bool {
        self.assembly.is_some()
    }
}

impl Link {
    pub(super) fn on_fragments(&mut self, fragments: Vec<v1::Fragment>, out: &mut Vec<Action>) -> Result<(), String> {
        if !fragments.is_empty() && !self.fragments {
            return Err("a Fragment came, and fragments were not negotiated".into());
        }
        for part in fragments {
            if self.phase != Phase::Up {
                break;
            }
            let end = part.offset.saturating_add(part.data.len() as u64);
            if part.data.is_empty() || end > part.total {
                return Err(format!("a Fragment ends at {end} of {} bytes, or is empty", part.total));
            }
            match part.flow {
                0 => self.on_answer_part(part, out)?,
                _ => self.on_part(part, out)?,
            }
        }
        Ok(())
    }

    fn on_answer_part(&mut self, part: v1::Fragment, out: &mut Vec<Action>) -> Result<(), String> {
        let limits = self.limits();
        if part.offset == 0 {
            if part.total > largest(&limits, true) || !fits(self.coming.begun, part.total, limits.assembly_bytes) {
                return Err(format!(
                    "answers of {} bytes are begun, and one of {}",
                    self.coming.begun, part.total
                ));
            }
            if self.coming.answers.len() == MAX_BEGUN {
                return Err(format!("{MAX_BEGUN} answers are begun, and one more"));
            }
            self.drop_answer(part.seq);
            self.coming.begun += part.total;
            self.coming.answers.insert(part.seq, Assembly::begin(&part));
        }
        let Some(assembly) = self.coming.answers.get_mut(&part.seq) else {
            return Ok(());
        };
        match assembly.add(&part) {
            Added::Part => {}
            Added::Gap => self.drop_answer(part.seq),
            Added::Whole(body) => {
                self.drop_answer(part.seq);
                self.whole(&part, body, out);
            }
        }
        Ok(())
    }

    fn drop_answer(&mut self, number: u64) {
        if let Some(dropped) = self.coming.answers.remove(&number) {
            self.coming.begun -= dropped.total;
        }
    }

    fn on_part(&mut self, part: v1::Fragment, out: &mut Vec<Action>) -> Result<(), String> {
        let (flow, seq) = (part.flow, part.seq);
        let Some(inbound) = self.in_flows.get(&flow) else {
            return Err(format!("a Fragment came on flow {flow}, which is not open"));
        };
        if seq == 0 || seq > super::MAX_SEQ {
            return Err(format!("a Fragment of flow {flow} has seq {seq}"));
        }
        if seq <= inbound.last_seq {
            return Ok(()); // a duplicate, or of one that was refused
        }
        if part.offset == 0 {
            let refusal = self.refusal_of(inbound, &part);
            self.drop_assembly(flow);
            if let Some(refusal) = refusal {
                self.refuse_part(&part, refusal, out);
                return Ok(());
            }
            self.coming.unprocessed += part.total;
            self.large_in(flow).assembly = Some(Assembly::begin(&part));
        }
        let assembly = self.large_in(flow).assembly.as_mut().filter(|a| a.seq == seq);
        match assembly.map_or(Added::Gap, |assembly| assembly.add(&part)) {
            Added::Part => {}
            Added::Gap => self.drop_assembly(flow),
            Added::Whole(body) => {
                self.drop_assembly(flow);
                if self.whole(&part, body, out) {
                    self.coming.unprocessed += part.total;
                    self.large_in(flow).whole.push_back((seq, part.total));
                }
            }
        }
        Ok(())
    }

    /// Why a message of a flow cannot come, by its first part.
    fn refusal_of(&self, inbound: &InFlow, part: &v1::Fragment) -> Option<Refusal> {
        let limits = self.limits();
        let (size, limit) = (
            part.total.saturating_add(inbound.who_len as u64),
            largest(&limits, true),
        );
        let (code, detail) = if part.seq > inbound.credit {
            (Code::MailboxFull, inbound.beyond_credit(part.flow, part.seq))
        } else if inbound.passed_on {
            // They would be put together here, and nobody says here that they are processed. No sender begins one.
            let (total, limit) = (part.total, limits.inline_bytes);
            let detail = format!(
                "a message of {total} bytes came in parts; through a relay it goes whole, of at most {limit} bytes"
            );
            (Code::TooLarge, detail)
        } else if size > limit {
            (
                Code::TooLarge,
                format!("a message of {size} bytes is over the limit of {limit}"),
            )
        } else if !fits(self.coming.unprocessed, part.total, limits.assembly_bytes) {
            let held = self.coming.unprocessed;
            let detail = format!("large messages of {held} bytes are not processed yet; wait for those");
            (Code::MailboxFull, detail)
        } else {
            return None;
        };
        Some(Refusal { code, detail })
    }

    /// Refuses a message of which not all has come, or nothing.
    pub(super) fn refuse_part(&mut self, part: &v1::Fragment, refusal: Refusal, out: &mut Vec<Action>) {
        if let Some(inbound) = self.in_flows.get_mut(&part.flow).filter(|i| part.seq <= i.credit) {
            inbound.last_seq = part.seq;
        }
        let item = Item {
            type_id: part.r#type,
            ttl_ms: part.ttl_ms,
            body: part.data.clone(),
        };
        self.refuse_item(part.flow, part.seq, refusal, item, out);
    }

    /// The peer withdraws a message that has come in part or not at all; `false`: it has come.
    pub(super) fn withdrawn(&mut self, flow: u32, seq: u64, out: &mut Vec<Action>) -> bool {
        let unseen = |i: &&InFlow| i.last_seq < seq && seq <= i.credit;
        if self.in_flows.get(&flow).filter(unseen).is_none() {
            return false;
        }
        self.drop_assembly(flow);
        let refusal = Refusal {
            code: Code::Cancelled,
            detail: "it was withdrawn before it had left".into(),
        };
        let part = v1::Fragment {
            flow,
            seq,
            ..Default::default()
        };
        self.refuse_part(&part, refusal, out);
        true
    }

    /// All parts are there; `true` = it was delivered.
    fn whole(&mut self, part: &v1::Fragment, body: Vec<u8>, out: &mut Vec<Action>) -> bool {
        let item = Item {
            type_id: part.r#type,
            ttl_ms: part.ttl_ms,
            body: Bytes::from(body),
        };
        let seq = if part.flow == 0 { part.actor_epoch } else { part.seq };
        let limit = largest(&self.limits(), true);
        match self.check(part.flow, seq, part.hops, &item, limit) {
            Ok(None) => false,
            Ok(Some(mut delivery)) => {
                delivery.attempt = part.attempt;
                out.push(Action::Deliver(delivery));
                true
            }
            Err(refusal) => {
                self.refuse_item(part.flow, seq, refusal, item, out);
                false
            }
        }
    }

    fn large_in(&mut self, flow: u32) -> &mut LargeIn {
        &mut self.in_flows.get_mut(&flow).expect("the flow is open").large
    }

    /// What came in part of a flow does not come any more.
    pub(super) fn drop_assembly(&mut self, flow: u32) {
        if let Some(dropped) = self.in_flows.get_mut(&flow).and_then(|i| i.large.assembly.take()) {
            self.coming.unprocessed -= dropped.total;
        }
    }

    /// This side has processed an incoming flow's messages up to this one.
    pub(super) fn large_done(&mut self, flow: u32, processed: u64) {
        if let Some(inbound) = self.in_flows.get_mut(&flow) {
            self.coming.unprocessed -= trim(&mut inbound.large.whole, processed);
        }
    }
}

impl Assembly {
    fn begin(part: &v1::Fragment) -> Self {
        Self {
            seq: part.seq,
            total: part.total,
            body: Vec::new(),
        }
    }

    fn add(&mut self, part: &v1::Fragment) -> Added {
        if part.offset != self.body.len() as u64 || part.total != self.total {
            return Added::Gap;
        }
        // It grows with what comes, not by what was announced.
        self.body.extend_from_slice(&part.data);
        if (self.body.len() as u64) < self.total {
            Added::Part
        } else {
            Added::Whole(std::mem::take(&mut self.body))
        }
    }
}

enum Added {
    Part,
    Whole(Vec<u8>),
    /// Something before it did not come.
    Gap,
}
