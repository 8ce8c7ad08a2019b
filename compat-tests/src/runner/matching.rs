//! Does a result look as expected?

use std::collections::BTreeMap;

use serde_json::Value;

/// What cases keep from one step to the next.
pub(crate) type Saved = BTreeMap<String, Value>;

/// Compares `got` with `want`, and says where they differ.
///
/// Objects: each wanted field, other fields are free. Lists: item by item. Text that begins with `~`: is contained;
/// `|`: one of several; `=`: a sum of numbers and saved values, such as `=sent - refused`; `>=`: at least such a sum;
/// `*`: anything but empty. Everything else: equal.
pub(crate) fn check(want: &Value, got: &Value, saved: &Saved, place: &str) -> Result<(), String> {
    let differs = || Err(format!("{place}: expected {want}, got {got}"));
    match (want, got) {
        (Value::Object(wanted), Value::Object(fields)) => {
            for (name, value) in wanted {
                let inner = fields.get(name).unwrap_or(&Value::Null);
                check(value, inner, saved, &format!("{place}.{name}"))?;
            }
            Ok(())
        }
        (Value::Array(wanted), Value::Array(items)) if wanted.len() == items.len() => {
            let mut pairs = wanted.iter().zip(items).enumerate();
            pairs.try_for_each(|(i, (w, g))| check(w, g, saved, &format!("{place}[{i}]")))
        }
        (Value::String(text), _) => match check_text(text, got, saved)? {
            true => Ok(()),
            false => differs(),
        },
        _ if want == got => Ok(()),
        _ => differs(),
    }
}

fn check_text(want: &str, got: &Value, saved: &Saved) -> Result<bool, String> {
    let shown = match got {
        Value::String(s) => s.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    if let Some(sum) = want.strip_prefix(">=") {
        return Ok({
            let least = evaluate(sum, saved)?;
            number(got).is_some_and(|g| g >= least)
        });
    }
    if let Some(sum) = want.strip_prefix('=') {
        return Ok(number(got) == Some(evaluate(sum, saved)?));
    }
    Ok(match want.strip_prefix('~') {
        Some(part) => shown.contains(part),
        None if want == "*" => !matches!(shown.as_str(), "" | "0" | "[]" | "{}"),
        None if want.contains(" | ") => want.split(" | ").any(|w| w == shown),
        None => want == shown,
    })
}

fn number(value: &Value) -> Option<i128> {
    value
        .as_i64()
        .map(i128::from)
        .or_else(|| value.as_u64().map(i128::from))
}

/// A sum such as `sent - refused + 2`.
fn evaluate(sum: &str, saved: &Saved) -> Result<i128, String> {
    let mut total = 0;
    let mut sign = 1;
    for word in sum.split_whitespace() {
        match word {
            "+" => sign = 1,
            "-" => sign = -1,
            word => {
                let value = word.parse().ok().or_else(|| saved.get(word).and_then(number));
                total += sign * value.ok_or_else(|| format!("{word:?} is neither a number nor saved"))?;
            }
        }
    }
    Ok(total)
}

/// The part of a result at a path such as `reply.info.size`.
pub(super) fn part<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, name| value.get(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_expected_holds_or_the_place_is_named() {
        let saved = Saved::from([("sent".to_owned(), json!(7))]);
        let got = json!({"reply": {"text": "hello", "n": 5}, "list": [1, 2]});
        for want in [
            json!({"reply": {"text": "~ell"}}),
            json!({"reply": {"text": "bye | hello", "n": "=sent - 2"}}),
            json!({"reply": {"n": ">=sent - 3", "text": "*"}, "list": [1, 2]}),
        ] {
            assert_eq!(check(&want, &got, &saved, "result"), Ok(()), "{want}");
        }
        for (want, place) in [
            (json!({"reply": {"text": "~x"}}), "result.reply.text"),
            (json!({"reply": {"n": "=sent"}}), "result.reply.n"),
            (json!({"reply": {"n": ">=6"}}), "result.reply.n"),
            (json!({"reply": {"more": "*"}}), "result.reply.more"),
            (json!({"list": [1]}), "result.list"),
            (json!({"list": [1, 3]}), "result.list[1]"),
        ] {
            let said = check(&want, &got, &saved, "result").expect_err("differs");
            assert!(said.starts_with(place), "{want}: {said}");
        }
        assert!(check(&json!({"list": "=nothing"}), &got, &saved, "result").is_err());
    }
}
