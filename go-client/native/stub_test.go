//go:build !cgo

package native

import (
	"errors"
	"testing"
)

func TestWithoutCgoDialSaysHowToGetTheDoor(t *testing.T) {
	if _, err := Door().Dial(t.Context()); !errors.Is(err, ErrNoCgo) {
		t.Errorf("Dial returned %v", err)
	}
}
