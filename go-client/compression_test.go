package actorbridge_test

import (
	"errors"
	"strings"
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
)

func TestACompressionWhosePackageIsNotImportedIsRefusedAtTheStart(t *testing.T) {
	_, err := ab.Start(t.Context(), "a", ab.WithCompression(ab.Zstd, 1024))
	if !errors.Is(err, ab.ErrInvalidArgument) || !strings.Contains(err.Error(), "import github.com/actorbridge/actorbridge/go-client/compress/zstd") {
		t.Error(err)
	}
}
