package actorbridge

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// An Error says why a message or a call failed: what happened, to what, and what to do.
//
// errors.Is finds its code (errors.Is(err, ErrMailboxFull)), a [UserError] of the same code, and, if the asker's time was
// over when it came, the context's error: context.Canceled or context.DeadlineExceeded, whatever the code is.
type Error struct {
	// Code is one of the table in docs/ERRORS.md.
	Code Code
	// Effect says whether the handler's effect happened. EffectNone: retry freely.
	Effect Effect
	// Target is the address that it is about.
	Target string
	// Detail is what happened in this case.
	Detail string
	// User is the handler's own error, with CodeHandlerError; otherwise nil.
	User *UserError
	// ReaderVersion is the version that the reader knows, with CodeUnsupportedVersion; 0 = it is not said.
	ReaderVersion uint32
	// Message is what TryTell could not send; otherwise nil.
	Message proto.Message

	cause error
	// ended is why the asker's time was over when the error came: its context's end, or its deadline. It is not in the text.
	ended error
	// says is what Error says of it where the table's row of the code does not fit; nil = that row.
	says row
	// refusal marks an error about the message that is being handled: its asker gets the code as it is. An error that a
	// handler met while asking others becomes the handler's own instead.
	refusal bool
}

// row is what the table says of a [Code] or [Status].
type row interface {
	Means() string
	Mend() string
}

// sentence is a row of its own.
type sentence struct{ means, mend string }

func (s sentence) Means() string { return s.means }
func (s sentence) Mend() string  { return s.mend }

func newError(code Code, target, detail string) *Error {
	return &Error{Code: code, Effect: code.Effect(), Target: target, Detail: detail}
}

func refusedError(target string, refusal *wire.Refusal) *Error {
	return newError(Code(refusal.Code), target, refusal.Detail)
}

// Error says what happened, to what, and what to do.
func (e *Error) Error() string {
	var out strings.Builder
	if e.Target != "" {
		out.WriteString(e.Target + ": ")
	}
	says := row(e.Code)
	if e.says != nil {
		says = e.says
	}
	out.WriteString(says.Means() + " (" + e.Code.String() + ")")
	for _, part := range []string{e.Detail, e.User.text(), causeText(e.cause)} {
		if part != "" {
			out.WriteString(": " + part)
		}
	}
	if mend := says.Mend(); mend != "" {
		out.WriteString("; " + mend)
	}
	return out.String()
}

// Is says whether target is this error's code.
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && code == e.Code
}

// Unwrap gives the handler's own error and the cause, as far as there are any.
func (e *Error) Unwrap() []error {
	var inner []error
	if e.User != nil {
		inner = append(inner, e.User)
	}
	if e.cause != nil {
		inner = append(inner, e.cause)
	}
	if e.ended != nil {
		inner = append(inner, e.ended)
	}
	return inner
}

func causeText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// failure is what the asker of a message is told.
type failure struct {
	code   Code
	effect Effect
	detail string
	user   *UserError
	reader uint32 // with CodeUnsupportedVersion: the version that the reader knows
}

func failed(code Code, detail string) failure {
	return failure{code: code, effect: code.Effect(), detail: detail}
}

// failureOf is what the asker is told of an error that a handler returned.
func failureOf(err error) failure {
	var (
		own  *Error
		user *UserError
		code Code
	)
	switch {
	case errors.As(err, &own) && own.refusal:
		return own.failure()
	case errors.As(err, &user) && user.Code != "":
		return failure{code: CodeHandlerError, effect: CodeHandlerError.Effect(), user: user}
	case own != nil:
		return handlerError(own.Code.String(), err)
	case errors.As(err, &code):
		return failed(code, err.Error())
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded):
		return failed(CodeHandlerTimeout, "the handler was cancelled: "+err.Error())
	}
	return handlerError("ERROR", err)
}

// failure is the error as an asker is told of it.
func (e *Error) failure() failure {
	return failure{code: e.Code, effect: e.Effect, detail: e.Detail, reader: e.ReaderVersion}
}

func handlerError(code string, err error) failure {
	return failure{
		code: CodeHandlerError, effect: CodeHandlerError.Effect(), user: &UserError{Code: code, Message: err.Error()},
	}
}

// text is the failure for logs and dead letters.
func (f *failure) text() string {
	if f.user != nil {
		return f.user.text()
	}
	return f.detail
}

// encode gives the Failure and the payload that goes with it.
func (f *failure) encode() (encoded, payload []byte) {
	encoded = mustMarshal(&pb.Failure{Code: pb.Code(f.code), Effect: pb.Effect(f.effect), Detail: cut(f.detail), ReaderVersion: f.reader})
	if f.user != nil {
		payload = mustMarshal(f.user.onItsWay())
	}
	return encoded, payload
}

// errorOf is an answer's failure, as the asker gets it.
func errorOf(target string, f *pb.Failure, payload []byte) *Error {
	e := newError(Code(f.Code), target, f.Detail)
	e.Effect, e.ReaderVersion = EffectMaybe, f.ReaderVersion
	if f.Effect != pb.Effect_EFFECT_UNSPECIFIED {
		e.Effect = Effect(f.Effect)
	}
	var user pb.UserError
	if e.Code == CodeHandlerError && proto.Unmarshal(payload, &user) == nil && user.Code != "" {
		e.User = &UserError{Code: user.Code, Message: user.Message, Details: user.Details}
	}
	return e
}

// valid is text as it may travel: users' texts need not be UTF-8.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

// mustMarshal encodes a message of this library's own, whose strings are valid.
func mustMarshal(m proto.Message) []byte {
	out, err := proto.Marshal(m)
	if err != nil {
		panic("actorbridge: a message of its own does not encode: " + err.Error())
	}
	return out
}
