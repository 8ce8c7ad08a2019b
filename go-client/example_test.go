package actorbridge_test

import (
	"context"
	"errors"
	"fmt"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

// errUnknownSKU is what this program's actors and their callers agree on.
var errUnknownSKU = &ab.UserError{Code: "UNKNOWN_SKU"}

// pricer knows no price.
func pricer(_ ab.Context, m *ab.Message) error {
	var request testpb.EchoRequest
	if err := m.Decode(&request); err != nil {
		return err
	}
	return ab.NewUserError("UNKNOWN_SKU", "there is no "+request.Text, &testpb.EchoRequest{Text: "try B2"})
}

// askForPrice asks a pricer of a node of its own.
func askForPrice(sku string) error {
	ctx := context.Background()
	node, err := ab.Start(ctx, "shop", ab.WithLogger(quiet))
	if err != nil {
		return err
	}
	defer node.Shutdown(ctx)
	to, err := node.Spawn("pricer", func() ab.Receiver { return ab.ReceiverFunc(pricer) })
	if err != nil {
		return err
	}
	_, err = ab.Ask[*testpb.EchoReply](ctx, to, &testpb.EchoRequest{Text: sku})
	return err
}

// A handler's own error comes back with its code, its message and its typed details, whatever lies between.
func ExampleNewUserError() {
	err := askForPrice("A1")
	var user *ab.UserError
	if errors.As(err, &user) {
		fmt.Println(user.Code, "-", user.Message)
	}
	// Output: UNKNOWN_SKU - there is no A1
}

func ExampleDetailOf() {
	err := askForPrice("A1")
	if hint, ok := ab.DetailOf[*testpb.EchoRequest](err); ok {
		fmt.Println(hint.Text)
	}
	// Output: try B2
}

// errors.Is tells a handler's own error, by its code alone, from the codes of the library.
func ExampleUserError_Is() {
	err := askForPrice("A1")
	fmt.Println("ours:", errors.Is(err, errUnknownSKU))
	fmt.Println("the handler's:", errors.Is(err, ab.ErrHandlerError))
	fmt.Println("never handled:", errors.Is(err, ab.ErrMailboxFull))
	// Output:
	// ours: true
	// the handler's: true
	// never handled: false
}

// An *Error says whether the handler's effect happened, so that a caller knows what it may do again.
func ExampleError() {
	ctx := context.Background()
	node, err := ab.Start(ctx, "shop", ab.WithLogger(quiet))
	if err != nil {
		panic(err)
	}
	defer node.Shutdown(ctx)
	_, err = ab.Ask[*testpb.EchoReply](ctx, node.RefAt("ab:///pricer/eu"), &testpb.EchoRequest{})
	var fault *ab.Error
	if errors.As(err, &fault) {
		fmt.Println(fault.Code.String(), fault.Effect, fault.Target)
	}
	fmt.Println(err)
	// Output:
	// NO_SUCH_ACTOR NONE ab:///pricer/eu
	// ab:///pricer/eu: no actor has this address (NO_SUCH_ACTOR); check the address, spawn the actor, or link the node that hosts it
}
