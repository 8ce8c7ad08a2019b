//! What went wrong with a message or a call, and what a handler says went wrong.

use std::fmt;

use actorbridge_proto::v1::{Code, Effect, Failure, UserError};
use actorbridge_proto::{Refusal, wire};
use prost::Message as _;

/// Why a message or a call failed. Its text says what happened, to what, and what to do.
#[derive(Debug, Clone)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    code: Code,
    effect: Effect,
    target: String,
    detail: String,
    user: Option<UserError>,
}

impl Error {
    pub(crate) fn new(code: Code, target: impl Into<String>, detail: impl Into<String>) -> Self {
        let (target, detail) = (target.into(), detail.into());
        Self(Box::new(Inner {
            code,
            effect: code.effect(),
            target,
            detail,
            user: None,
        }))
    }

    pub(crate) fn of_failure(target: &str, failure: &Failure, payload: &[u8]) -> Self {
        let code = Code::from_wire(failure.code);
        let mut error = Self::new(code, target, failure.detail.clone());
        error.0.effect = match failure.effect() {
            Effect::Unspecified => Effect::Maybe,
            effect => effect,
        };
        if code == Code::HandlerError {
            error.0.user = UserError::decode(payload).ok().filter(|u| !u.code.is_empty());
        }
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

    /// The handler's own error, with HANDLER_ERROR.
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
            ..
        } = &*self.0;
        write!(
            f,
            "{target}: {} ({})",
            code.means(),
            code.as_str_name().trim_start_matches("CODE_")
        )?;
        if !detail.is_empty() {
            write!(f, ": {detail}")?;
        }
        if let Some(user) = user {
            write!(f, ": {}: {}", user.code, user.message)?;
        }
        write!(f, "; {}", code.mend())
    }
}

impl std::error::Error for Error {}

/// What a handler returns when it cannot do what it was asked.
#[derive(Debug, Clone)]
pub struct Fault {
    pub(crate) code: Code,
    pub(crate) detail: String,
    pub(crate) user: Option<UserError>,
}

impl Fault {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            user: None,
        }
    }

    /// The user's own error: the asker gets HANDLER_ERROR with this code.
    pub fn app(code: impl Into<String>) -> Self {
        let user = UserError {
            code: code.into(),
            ..Default::default()
        };
        Self {
            code: Code::HandlerError,
            detail: String::new(),
            user: Some(user),
        }
    }

    /// Adds a sentence for people.
    #[must_use]
    pub fn message(mut self, text: impl Into<String>) -> Self {
        match &mut self.user {
            Some(user) => user.message = text.into(),
            None => self.detail = text.into(),
        }
        self
    }

    /// The message's type is not one that this actor handles.
    pub fn unsupported(type_name: &str) -> Self {
        Self::new(
            Code::UnsupportedType,
            format!("{type_name} is not a message of this actor"),
        )
    }

    /// The handler ended early because its token tripped.
    pub fn cancelled() -> Self {
        Self::new(Code::HandlerTimeout, "the handler was cancelled")
    }

    pub(crate) fn failure(&self) -> Failure {
        Failure {
            code: self.code as i32,
            effect: self.code.effect() as i32,
            detail: self.detail.clone(),
            ..Default::default()
        }
    }

    pub(crate) fn text(&self) -> String {
        match &self.user {
            Some(user) => format!("{}: {}", user.code, user.message),
            None => self.detail.clone(),
        }
    }
}

impl From<Error> for Fault {
    /// An error met inside a handler becomes the handler's own: its effect may have happened.
    fn from(error: Error) -> Self {
        let fallback = || UserError {
            code: error.code().as_str_name().trim_start_matches("CODE_").to_owned(),
            message: error.to_string(),
            details: Vec::new(),
        };
        let user = error.user().cloned().unwrap_or_else(fallback);
        Self {
            code: Code::HandlerError,
            detail: String::new(),
            user: Some(user),
        }
    }
}

impl From<wire::Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.code, refusal.detail)
    }
}
