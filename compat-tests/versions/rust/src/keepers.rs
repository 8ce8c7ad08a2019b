//! A keeper and a vault have a state each, of another type: only a keeper's is written as an older version.

use std::time::Duration;

use actorbridge::{Cx, Fault, Options, Ref};

use super::super::{adapted, adapted_text, pb, strict, strict_text};

const FREEZE: Duration = Duration::from_secs(2);

pub(super) struct Keeper(pb::Adapted);

pub(super) struct Vault(pb::Strict);

pub(super) fn keeper() -> Keeper {
    Keeper(adapted())
}

pub(super) fn vault() -> Vault {
    Vault(strict())
}

fn shown(cx: &Cx, text: String) -> Result<pb::Shown, Fault> {
    let node = cx.node().name().to_owned();
    Ok(pb::Shown { node, text })
}

impl pb::Keeper for Keeper {
    async fn show(&mut self, cx: &Cx, _: pb::ShowRequest) -> Result<pb::Shown, Fault> {
        shown(cx, adapted_text(&self.0))
    }

    fn snapshot(&self) -> pb::Adapted {
        self.0.clone()
    }

    fn restore(&mut self, state: pb::Adapted) -> Result<(), Fault> {
        self.0 = state;
        Ok(())
    }
}

impl pb::Vault for Vault {
    async fn show(&mut self, cx: &Cx, _: pb::ShowRequest) -> Result<pb::Shown, Fault> {
        shown(cx, strict_text(&self.0))
    }

    #[allow(clippy::clone_on_copy, reason = "only version 1 is Copy")]
    fn snapshot(&self) -> pb::Strict {
        self.0.clone()
    }

    fn restore(&mut self, state: pb::Strict) -> Result<(), Fault> {
        self.0 = state;
        Ok(())
    }
}

/// Moves a keeper and a vault to the reader's node, and says what came of it, where they are then and what they show.
pub(super) async fn moves(cx: &Cx, run: &pb::RunRequest) -> Result<Vec<String>, Fault> {
    let (node, reader) = (cx.node(), &run.reader);
    let path = |kind: &str| format!("{kind}/{}/{reader}/{}", node.name(), run.codec); // another one in each cell
    let k = pb::KeeperRef::spawn(&node, &path("keeper"), keeper, Options::default())?;
    let v = pb::VaultRef::spawn(&node, &path("vault"), vault, Options::default())?;
    let place = |at: pb::Shown| match at.node == *reader {
        true => format!("there: {}", at.text),
        false => format!("here: {}", at.text),
    };
    Ok(vec![
        format!("keeper: {}", moved(cx, k.address(), reader).await),
        place(k.show(cx, &pb::ShowRequest {}).await?),
        format!("vault: {}", moved(cx, v.address(), reader).await),
        place(v.show(cx, &pb::ShowRequest {}).await?),
    ])
}

async fn moved(cx: &Cx, actor: &Ref, node: &str) -> String {
    match cx.node().move_to(actor, node, FREEZE).await {
        Ok(_) => "moved".to_owned(),
        Err(why) => {
            let effect = why.effect().as_str_name().trim_start_matches("EFFECT_");
            let code = why.code().as_str_name().trim_start_matches("CODE_");
            format!("effect {effect}: {code}: {}", why.detail())
        }
    }
}
