package actorbridge

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

const (
	// maxFailureText is the most bytes of each text of a failure on its way to the asker.
	maxFailureText = 4 << 10
	// maxDetails is the most bytes of a failure's details on their way. With its texts it fits into a message.
	maxDetails = 48 << 10
)

// A UserError is a handler's own error, apart from the codes of this library: a handler returns one, and the asker finds
// it with errors.As or, by its code alone, with errors.Is. [DetailOf] gives its typed details back.
type UserError struct {
	// Code is the user's own, such as "UNKNOWN_SKU". Never empty.
	Code string
	// Message is a sentence for people; at most 4 KiB of it travel.
	Message string
	// Details are typed details, each an encoded google.protobuf.Any; at most 48 KiB of them travel, and the message says how
	// many were left out. [NewUserError] makes them.
	Details [][]byte
}

// NewUserError makes a handler's own error with typed details, which the asker gets back in either language. A detail that
// does not encode is named in the message instead.
func NewUserError(code, message string, details ...proto.Message) *UserError {
	e := &UserError{Code: code, Message: message}
	for _, detail := range details {
		var packed []byte
		carrier, err := anypb.New(detail)
		if err == nil {
			packed, err = proto.Marshal(carrier)
		}
		if err != nil {
			e.Message += fmt.Sprintf(" (a detail of type %T does not encode: %v)", detail, err)
			continue
		}
		e.Details = append(e.Details, packed)
	}
	return e
}

// Detail fills into with the first detail of its type; false = there is none that decodes, and into is empty then.
func (e *UserError) Detail(into proto.Message) bool {
	var carrier anypb.Any
	for _, packed := range e.Details {
		if proto.Unmarshal(packed, &carrier) == nil && carrier.MessageIs(into) &&
			proto.Unmarshal(carrier.Value, into) == nil {
			return true
		}
	}
	proto.Reset(into)
	return false
}

// DetailOf gives the first detail of type T of the [UserError] in err; false = there is none.
func DetailOf[T proto.Message](err error) (detail T, ok bool) {
	var user *UserError
	if !errors.As(err, &user) {
		return detail, false
	}
	found, ok := detail.ProtoReflect().New().Interface().(T)
	if !ok || !user.Detail(found) {
		return detail, false
	}
	return found, true
}

// Error is the code and the message.
func (e *UserError) Error() string { return e.text() }

// Is says whether target is a UserError of the same code, so that errors.Is works with a sentinel of the user's.
func (e *UserError) Is(target error) bool {
	other, ok := target.(*UserError)
	return ok && other.Code == e.Code
}

func (e *UserError) text() string {
	switch {
	case e == nil:
		return ""
	case e.Message == "":
		return e.Code
	}
	return e.Code + ": " + e.Message
}

// onItsWay is the error as it travels: not larger than a message may be.
func (e *UserError) onItsWay() *pb.UserError {
	out := &pb.UserError{Code: cut(e.Code), Message: cut(e.Message)}
	size := 0
	for i, detail := range e.Details {
		if size += len(detail); size > maxDetails {
			out.Message += fmt.Sprintf(" (%d details were left out: at most 48 KiB of them travel)", len(e.Details)-i)
			break
		}
		out.Details = append(out.Details, detail)
	}
	return out
}

// cut is a text of a failure as it travels.
func cut(text string) string {
	if len(text) > maxFailureText {
		text = text[:maxFailureText] + " …"
	}
	return valid(text)
}
