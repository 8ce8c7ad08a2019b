//! What the figures of the suite `codec` say, in words: which codec when.

use crate::figure::Figure;
use crate::html::shown;

const LANGUAGES: [(&str, &str); 3] = [("rust", "Rust"), ("go", "Go"), ("java", "Java")];
/// Protobuf is first: the others are compared with it.
const CODECS: [(&str, &str); 3] = [("protobuf", "protobuf"), ("msgpack", "MessagePack"), ("json", "JSON")];
const MESSAGES: [(&str, &str); 4] = [
    ("flight", "a flight record"),
    ("kilobyte", "the envelope of 1 KB"),
    ("batch", "a batch of 100 flights"),
    ("snapshot", "a snapshot of 1 MiB"),
];
/// How many messages a second the share of a core is told for.
const RATE: f64 = 10_000.0;

/// The answer, from these figures alone. What was not measured is not told.
pub(crate) fn words(figures: &[Figure]) -> Vec<String> {
    let told = Told(figures);
    let mut words: Vec<String> = [MESSAGES[0], MESSAGES[3]]
        .iter()
        .filter_map(|m| told.bytes(m))
        .collect();
    words.extend([MESSAGES[0], MESSAGES[3]].iter().filter_map(|m| told.times(m)));
    words.extend(told.share_of_a_core());
    words.extend(told.between_actors());
    words.extend(told.the_others());
    words.extend(told.arrays());
    if words.is_empty() {
        return words;
    }
    if told.time("java", "protobuf", "flight").is_none() {
        words.push("Java was not measured: it takes a JDK (17 or newer) and Maven.".into());
    }
    words.push(
        "Quoted, not measured here, of the project's beginning (1 KB, 100,000 runs, another machine): protobuf with gRPC 42,800 \
         requests/s at 18.2 µs, JSON over HTTP/2 19,500 requests/s at 43.7 µs. Those are whole calls, with two kinds of transport in \
         them; what is above is the codec alone. `bench door` measures codecs in whole calls, by one transport."
            .into(),
    );
    words
}

struct Told<'a>(&'a [Figure]);

impl Told<'_> {
    fn value(&self, case: &str, language: &str, codec: &str) -> Option<f64> {
        let side = format!("{language} {codec}");
        Some(self.0.iter().find(|f| f.case == case && f.side == side)?.value)
    }

    /// To encode and decode one, in ns.
    fn time(&self, language: &str, codec: &str, message: &str) -> Option<f64> {
        let of = |what| self.value(&format!("{message}_{what}"), language, codec);
        Some(of("encode")? + of("decode")?)
    }

    fn bytes(&self, (message, called): &(&str, &str)) -> Option<String> {
        let of = |what, codec| {
            self.value(&format!("{message}_{what}"), "rust", codec)
                .map(|v| shown(v, "B"))
        };
        let all = |what| {
            CODECS
                .iter()
                .map(|(codec, _)| of(what, codec))
                .collect::<Option<Vec<_>>>()
        };
        let (plain, zipped) = (all("size")?, all("gzip")?);
        Some(format!(
            "Bytes of {called}: {} in protobuf, {} in MessagePack, {} in JSON; after gzip {}, {} and {}.",
            plain[0], plain[1], plain[2], zipped[0], zipped[1], zipped[2]
        ))
    }

    fn times(&self, (message, called): &(&str, &str)) -> Option<String> {
        let of = |(language, name): &(&str, &str)| {
            let base = self.time(language, "protobuf", message)?;
            let others = CODECS[1..].iter().map(|(codec, name)| {
                let time = self.time(language, codec, message)?;
                Some(format!("{} in {name} ({:.0} times)", shown(time, "ns"), time / base))
            });
            let others = others.collect::<Option<Vec<_>>>()?.join(", ");
            Some(format!("in {name} {} in protobuf, {others}", shown(base, "ns")))
        };
        let languages: Vec<String> = LANGUAGES.iter().filter_map(of).collect();
        (!languages.is_empty()).then(|| format!("To encode and decode {called} takes {}.", languages.join("; ")))
    }

    fn share_of_a_core(&self) -> Option<String> {
        let of = |(language, name): &(&str, &str)| {
            let share = |codec| Some(self.time(language, codec, "flight")? * RATE / 1e9 * 100.0);
            let (json, pack, base) = (share("json")?, share("msgpack")?, share("protobuf")?);
            Some(format!(
                "in {name} {json:.1} % in JSON, {pack:.1} % in MessagePack, {base:.2} % in protobuf"
            ))
        };
        let languages: Vec<String> = LANGUAGES.iter().filter_map(of).collect();
        let all = languages.join("; ");
        (!languages.is_empty())
            .then(|| format!("10,000 flight records a second, encoded and decoded, take of one core {all}."))
    }

    /// MessagePack as it is not sent.
    fn arrays(&self) -> Option<String> {
        let (message, called) = MESSAGES[0];
        let bytes = shown(self.value(&format!("{message}_size"), "rust", "array")?, "B");
        let of = |(language, name): &(&str, &str)| {
            let time = self.time(language, "array", message)?;
            Some(format!("in {name} {}", shown(time, "ns")))
        };
        let languages: Vec<String> = LANGUAGES.iter().filter_map(of).collect();
        Some(format!(
            "For comparison, MessagePack as arrays, of structs that rmp-serde, msgpack for Go and Jackson know, where the nodes' MessagePack \
             and JSON go by descriptors: {called} has {bytes}, and takes {}. No actor sends it: a reader of another version of a message \
             would take one field for another.",
            languages.join(", ")
        ))
    }

    /// In which languages and messages a codec takes longer than another; and of how many that is.
    fn slower(&self, codec: &str, than: &str) -> (Vec<String>, usize) {
        let (mut slower, mut all) = (Vec::new(), 0);
        for (language, name) in LANGUAGES {
            for (message, called) in MESSAGES {
                let times = (self.time(language, codec, message), self.time(language, than, message));
                if let (Some(time), Some(other)) = times {
                    all += 1;
                    if time > other {
                        slower.push(format!("{called} in {name}"));
                    }
                }
            }
        }
        (slower, all)
    }

    fn between_actors(&self) -> Option<String> {
        let (mut slower, all) = self.slower("protobuf", "msgpack");
        slower.extend(self.slower("protobuf", "json").0);
        let found = match (all, slower.is_empty()) {
            (0, _) => return None,
            (_, true) => "it is the fastest of the three in every language and message that was measured".to_owned(),
            _ => format!("it is the fastest of the three but for {}", slower.join(", ")),
        };
        Some(format!("Between actors use protobuf: {found}."))
    }

    fn the_others(&self) -> Option<String> {
        let (slower, all) = self.slower("msgpack", "json");
        let ratio = |codec, what| {
            let of = |codec| self.value(&format!("batch_{what}"), "rust", codec);
            Some(of(codec)? / of("protobuf")?)
        };
        let found = match (all, slower.is_empty()) {
            (0, _) => return None,
            (_, true) => "and it is faster than JSON in all that was measured".to_owned(),
            _ => format!("and it is faster than JSON but for {}", slower.join(", ")),
        };
        Some(format!(
            "For people, browsers and tools use JSON; gzip brings a batch of flights from {:.1} to {:.1} times the bytes of protobuf. \
             For programs that have no protobuf use MessagePack: its bytes are {:.2} times those of protobuf, {found}.",
            ratio("json", "size")?,
            ratio("json", "gzip")?,
            ratio("msgpack", "size")?
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::words;
    use crate::figure::Figure;

    fn figures(protobuf: f64, msgpack: f64, json: f64) -> Vec<Figure> {
        let sides = [
            ("rust protobuf", protobuf),
            ("rust msgpack", msgpack),
            ("rust json", json),
        ];
        let cases = ["flight_encode", "flight_decode", "batch_size", "batch_gzip"];
        let of = |case| {
            sides.map(|(side, value)| Figure {
                side,
                value,
                ..Figure::of("codec", case)
            })
        };
        cases.into_iter().flat_map(of).collect()
    }

    #[test]
    fn the_answer_follows_the_figures() {
        let said = words(&figures(100.0, 500.0, 1_000.0)).join("\n");
        assert!(
            said.contains("in Rust 200 ns in protobuf, 1 µs in MessagePack (5 times), 2 µs in JSON (10 times)"),
            "{said}"
        );
        assert!(
            said.contains("use protobuf: it is the fastest of the three in every language"),
            "{said}"
        );
        assert!(said.contains("faster than JSON in all that was measured"), "{said}");
        assert!(said.contains("Java was not measured"), "{said}");
        assert!(!said.contains("as arrays"), "{said}");

        let with_arrays: Vec<Figure> = figures(100.0, 500.0, 1_000.0)
            .into_iter()
            .chain(["flight_size", "flight_encode", "flight_decode"].map(|case| Figure {
                side: "rust array",
                value: 72.0,
                ..Figure::of("codec", case)
            }))
            .collect();
        let said = words(&with_arrays).join("\n");
        assert!(
            said.contains("a flight record has 72 B, and takes in Rust 144 ns"),
            "{said}"
        );

        let said = words(&figures(600.0, 1_500.0, 1_000.0)).join("\n");
        assert!(
            said.contains("faster than JSON but for a flight record in Rust"),
            "{said}"
        );
    }

    #[test]
    fn what_was_not_measured_is_not_told() {
        assert!(words(&[]).is_empty());
    }
}
