package main

import (
	"context"
	"errors"
	"fmt"

	ab "github.com/actorbridge/actorbridge/go-client"
)

// keeper and vault have a state each, of another type: only a keeper's is written as an older version.
type (
	keeper struct{ state *adapted }
	vault  struct{ state *strict }
)

func newKeeper() keeperHandler { return &keeper{newAdapted()} }

func newVault() vaultHandler { return &vault{newStrict()} }

// Show implements keeperHandler.
func (k *keeper) Show(ctx ab.Context, _ *showRequest) (*shown, error) {
	return &shown{Node: ctx.Node().Name(), Text: adaptedText(k.state)}, nil
}

// Snapshot and Restore make it one that moves.
func (k *keeper) Snapshot(context.Context) (*adapted, error) { return k.state, nil }

func (k *keeper) Restore(_ context.Context, state *adapted) error {
	k.state = state
	return nil
}

// Show implements vaultHandler.
func (v *vault) Show(ctx ab.Context, _ *showRequest) (*shown, error) {
	return &shown{Node: ctx.Node().Name(), Text: strictText(v.state)}, nil
}

// Snapshot and Restore make it one that moves.
func (v *vault) Snapshot(context.Context) (*strict, error) { return v.state, nil }

func (v *vault) Restore(_ context.Context, state *strict) error {
	v.state = state
	return nil
}

// moves moves a keeper and a vault to the reader's node, and says what came of it, where they are then and what they show.
func moves(ctx ab.Context, run *runRequest) ([]string, error) {
	node, reader := ctx.Node(), run.Reader
	path := fmt.Sprintf("/%s/%s/%d", node.Name(), reader, run.Codec) // another one in each cell
	k, err := spawnKeeper(node, "keeper"+path, newKeeper)
	if err != nil {
		return nil, err
	}
	v, err := spawnVault(node, "vault"+path, newVault)
	if err != nil {
		return nil, err
	}
	lines := []string{"keeper: " + moved(ctx, k.Ref(), reader)}
	at, err := k.Show(ctx, &showRequest{})
	if err != nil {
		return nil, err
	}
	lines = append(lines, place(at, reader), "vault: "+moved(ctx, v.Ref(), reader))
	if at, err = v.Show(ctx, &showRequest{}); err != nil {
		return nil, err
	}
	return append(lines, place(at, reader)), nil
}

func moved(ctx ab.Context, actor ab.Ref, node string) string {
	_, err := ctx.Node().Move(ctx, actor, ab.To(node))
	if e := new(ab.Error); errors.As(err, &e) {
		return fmt.Sprintf("effect %s: %s: %s", e.Effect, e.Code.String(), e.Detail)
	}
	return "moved"
}

func place(at *shown, reader string) string {
	if at.Node == reader {
		return "there: " + at.Text
	}
	return "here: " + at.Text
}
