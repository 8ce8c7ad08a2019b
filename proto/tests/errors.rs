//! The error table, as Rust reads it.

use actorbridge_proto::v1::{Code, Effect, Status};

#[test]
fn every_code_is_read_back_from_its_number() {
    let known: Vec<Code> = (0..=95).filter_map(|n| Code::try_from(n).ok()).collect();
    assert!(known.len() > 25, "the table has {} codes", known.len());
    for code in known {
        assert_eq!(Code::from_wire(code as i32), code);
    }
}

#[test]
fn an_unknown_number_may_have_had_an_effect() {
    for number in [-1, 31, 63, 95, 4_000, i32::MAX] {
        assert_eq!(Code::from_wire(number), Code::OutcomeUnknown);
        assert_eq!(Code::from_wire(number).effect(), Effect::Maybe);
    }
}

#[test]
fn the_band_of_a_code_agrees_with_its_effect() {
    for number in 1..=95 {
        let Ok(code) = Code::try_from(number) else { continue };
        let effect = if number < 32 { Effect::None } else { Effect::Maybe };
        assert_eq!(code.effect(), effect, "{code:?}");
    }
    assert_eq!(Code::Ok.effect(), Effect::Done);
}

#[test]
fn the_c_status_of_a_code_is_minus_100_minus_its_number_and_ok_is_0() {
    assert_eq!(Code::MailboxFull.c_status(), -106);
    assert_eq!(Code::StateLost.c_status(), -165);
    assert_eq!(Code::Ok.c_status(), Status::Ok as i32);
}

#[test]
fn every_code_and_status_says_what_happened_and_what_to_do() {
    for number in -300..=95 {
        let texts = [
            Code::try_from(number).ok().map(|c| (c.means(), c.mend())),
            Status::try_from(number).ok().map(|s| (s.means(), s.mend())),
        ];
        for (means, mend) in texts.into_iter().flatten() {
            assert!(!means.is_empty() && !mend.is_empty(), "{number}");
        }
    }
    assert_eq!(Code::MailboxFull.grpc(), 8, "RESOURCE_EXHAUSTED");
}
