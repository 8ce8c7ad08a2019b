//! What went wrong with a message or a call, and what a handler says went wrong.

use std::fmt;

use actorbridge_proto::v1::{Code, Effect, Failure, Status};
use actorbridge_proto::{Refusal, What, wire};
use prost::{Message, Name};

use crate::user_error::{UserError, cut};

/// Why a message or a call failed. Its text says what happened, to what, and what to do.
#[derive(Debug, Clone)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    code: Code,
    effect: Effect,
    target: String,
    detail: String,
    reader_version: u32,
    user: Option<UserError>,
    /// What the text says of it, and what to do, where the table's row of the code does not fit.
    says: Option<(&'static str, &'static str)>,
}

impl Error {
    pub(crate) fn new(code: Code, target: impl Into<String>, detail: impl Into<String>) -> Self {
        let (target, detail) = (target.into(), detail.into());
        Self(Box::new(Inner {
            code,
            effect: code.effect(),
            target,
            detail,
            reader_version: 0,
            user: None,
            says: None,
        }))
    }

    /// The text says this of it, and what to do, instead of what the table says of the code.
    pub(crate) fn saying(mut self, means: &'static str, mend: &'static str) -> Self {
        self.0.says = Some((means, mend));
        self
    }

    /// This node has begun to shut down, or has been.
    pub(crate) fn node_stopped(node: &str, target: impl Into<String>) -> Self {
        let status = Status::NodeStopped;
        Self::new(Code::Stopped, target, format!("node {node} has been shut down"))
            .saying(status.means(), status.mend())
    }

    pub(crate) fn of_failure(target: &str, failure: &Failure, payload: &[u8]) -> Self {
        let code = Code::from_wire(failure.code);
        let mut error = Self::new(code, target, failure.detail.clone());
        error.0.effect = match failure.effect() {
            Effect::Unspecified => Effect::Maybe,
            effect => effect,
        };
        if code == Code::HandlerError {
            error.0.user = UserError::of_payload(payload);
        }
        error.0.reader_version = failure.reader_version;
        error
    }

    /// An answer that came, and does not decode.
    pub(crate) fn of_answer(target: &str, fault: Fault) -> Self {
        // The handler has answered.
        let other_type = fault.code == Code::UnsupportedType;
        let error = Self::unsent(target, fault.done());
        match other_type {
            true => error.saying(
                "the actor handled it, and its reply is of another type than the asker expects",
                "ask for the reply that the actor's protocol names",
            ),
            false => error,
        }
    }

    /// A message that was not sent.
    pub(crate) fn unsent(target: &str, fault: Fault) -> Self {
        let mut error = Self::new(fault.code, target, fault.detail);
        error.0.effect = fault.effect;
        error.0.reader_version = fault.reader_version;
        error
    }

    pub(crate) fn refused(target: &str, refusal: Refusal) -> Self {
        Self::new(refusal.code, target, refusal.detail)
    }

    /// The code; `docs/ERRORS.md` lists them all.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// Did the handler's effect happen? NONE: retry freely.
    pub fn effect(&self) -> Effect {
        self.0.effect
    }

    /// The address that it is about.
    pub fn target(&self) -> &str {
        &self.0.target
    }

    /// What happened in this case.
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// With UNSUPPORTED_VERSION: the version of the message that its reader knows, if it says so; 0 = it does not.
    pub fn reader_version(&self) -> u32 {
        self.0.reader_version
    }

    /// The handler's own error, with HANDLER_ERROR.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use actorbridge::{Actor, Cx, Fault, Message, Node, Options};
    /// # #[derive(Clone, PartialEq, prost::Message)]
    /// # struct Sku { #[prost(string, tag = "1")] sku: String }
    /// # impl prost::Name for Sku { const PACKAGE: &str = "shop.v1"; const NAME: &str = "Sku"; }
    ///
    /// struct Pricer;
    ///
    /// impl Actor for Pricer {
    ///     async fn receive(&mut self, _: &Cx, _: &Message) -> Result<(), Fault> {
    ///         let asked = Sku { sku: "A1".into() };
    ///         Err(Fault::app("UNKNOWN_SKU").message("nobody sells it").detail(&asked))
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), actorbridge::Error> {
    /// # let node = Node::builder("shop").runtime(tokio::runtime::Handle::current()).start()?;
    /// let pricer = node.spawn("pricer/eu", || Pricer, Options::default())?;
    /// let quote = node.ask::<(), _>(&pricer, &(), Duration::from_secs(1)).await;
    /// let error = quote.expect_err("the handler failed");
    /// match error.user().map(|own| (own.code(), own.detail::<Sku>())) {
    ///     Some(("UNKNOWN_SKU", Some(asked))) => assert_eq!(asked.sku, "A1"),
    ///     _ => panic!("{error}"),
    /// }
    /// # node.shutdown(Duration::from_secs(1)).await
    /// # }
    /// ```
    pub fn user(&self) -> Option<&UserError> {
        self.0.user.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            code,
            target,
            detail,
            user,
            says,
            ..
        } = &*self.0;
        let (means, mend) = says.unwrap_or((code.means(), code.mend()));
        write!(
            f,
            "{target}: {} ({})",
            means,
            code.as_str_name().trim_start_matches("CODE_")
        )?;
        if !detail.is_empty() {
            write!(f, ": {detail}")?;
        }
        if let Some(user) = user {
            write!(f, ": {}", user.text())?;
        }
        match mend {
            "" => Ok(()),
            mend => write!(f, "; {mend}"),
        }
    }
}

impl std::error::Error for Error {}

/// What a handler returns when it cannot do what it was asked.
#[derive(Debug, Clone)]
pub struct Fault {
    pub(crate) code: Code,
    pub(crate) effect: Effect,
    pub(crate) detail: String,
    pub(crate) reader_version: u32,
    user: Option<Box<UserError>>,
}

impl Fault {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            effect: code.effect(),
            detail: detail.into(),
            reader_version: 0,
            user: None,
        }
    }

    /// The user's own error: the asker gets HANDLER_ERROR with this code.
    pub fn app(code: impl Into<String>) -> Self {
        Self::of_user(UserError::of_code(code.into()))
    }

    fn of_user(user: UserError) -> Self {
        Self {
            user: Some(Box::new(user)),
            ..Self::new(Code::HandlerError, "")
        }
    }

    /// Adds a sentence for people.
    #[must_use]
    pub fn message(mut self, text: impl Into<String>) -> Self {
        match &mut self.user {
            Some(user) => user.0.message = text.into(),
            None => self.detail = text.into(),
        }
        self
    }

    /// Adds a typed detail to the user's own error; the asker gets it back with [`UserError::detail`], in Go with
    /// `DetailOf`. At most 48 KiB of details travel, and the message says how many were left out.
    #[must_use]
    pub fn detail<T: Message + Name>(mut self, detail: &T) -> Self {
        if let Some(user) = &mut self.user {
            user.add(detail);
        }
        self
    }

    /// The code that the asker gets.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The user's own error, of [`Fault::app`].
    pub fn user(&self) -> Option<&UserError> {
        self.user.as_deref()
    }

    /// The message's type is not one that this actor handles.
    pub fn unsupported(type_name: &str) -> Self {
        Self::new(
            Code::UnsupportedType,
            format!("{type_name} is not a message of this actor"),
        )
    }

    /// The message needs a newer reader than `reader`, which reads this version.
    pub(crate) fn too_new(what: &What, reader: &str, reads: u32) -> Self {
        let detail = format!(
            "{} of version {} needs a reader of version {}; {reader} reads version {reads}",
            what.type_name, what.version, what.min_reader
        );
        Self {
            reader_version: reads,
            ..Self::new(Code::UnsupportedVersion, detail)
        }
    }

    /// It is of the answer: what was asked for was done.
    #[must_use]
    pub(crate) fn done(mut self) -> Self {
        self.effect = Effect::Done;
        self
    }

    /// The handler ended early because its token tripped.
    pub fn cancelled() -> Self {
        Self::new(Code::HandlerTimeout, "the handler was cancelled")
    }

    pub(crate) fn failure(&self) -> Failure {
        Failure {
            code: self.code as i32,
            effect: self.effect as i32,
            detail: cut(&self.detail),
            reader_version: self.reader_version,
            ..Default::default()
        }
    }

    /// What goes with the failure.
    pub(crate) fn payload(&self) -> Vec<u8> {
        self.user.as_ref().map(|user| user.to_payload()).unwrap_or_default()
    }

    pub(crate) fn text(&self) -> String {
        match &self.user {
            Some(user) => user.text(),
            None => self.detail.clone(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.code.as_str_name().trim_start_matches("CODE_");
        write!(f, "{} ({name}): {}", self.code.means(), self.text())
    }
}

impl From<Error> for Fault {
    /// An error met inside a handler becomes the handler's own: its effect may have happened.
    fn from(error: Error) -> Self {
        let named = || {
            let code = error.code().as_str_name().trim_start_matches("CODE_").to_owned();
            Self::app(code).message(error.to_string())
        };
        error.user().cloned().map_or_else(named, Self::of_user)
    }
}

impl From<wire::Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.code, refusal.detail)
    }
}
