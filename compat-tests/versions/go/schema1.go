//go:build !v2

package main

import (
	"fmt"

	pb "github.com/actorbridge/actorbridge/compat-tests/versions/go/v1"
	"github.com/actorbridge/actorbridge/compat-tests/versions/go/v1/versionsv1ab"
)

// name is that of this program's node.
const name = "go1"

type (
	quote          = pb.Quote
	strict         = pb.Strict
	adapted        = pb.Adapted
	forwarded      = pb.Forwarded
	seen           = pb.Seen
	arrivedRequest = pb.ArrivedRequest
	arrivedReply   = pb.ArrivedReply
	showRequest    = pb.ShowRequest
	shown          = pb.Shown
	runRequest     = pb.RunRequest
	runReply       = pb.RunReply
	deskHandler    = versionsv1ab.Desk
	writerHandler  = versionsv1ab.Writer
	keeperHandler  = versionsv1ab.Keeper
	vaultHandler   = versionsv1ab.Vault
)

var (
	deskReceiver   = versionsv1ab.DeskReceiver
	deskOf         = versionsv1ab.DeskOf
	writerReceiver = versionsv1ab.WriterReceiver
	writerAt       = versionsv1ab.WriterAt
	keeperReceiver = versionsv1ab.KeeperReceiver
	spawnKeeper    = versionsv1ab.SpawnKeeper
	vaultReceiver  = versionsv1ab.VaultReceiver
	spawnVault     = versionsv1ab.SpawnVault
)

func newQuote() *quote { return &quote{Sku: "A1"} }

func newStrict() *strict { return &strict{Amount: 7} }

func newAdapted() *adapted { return &adapted{Name: "Ann"} }

func newForwarded(target string) *forwarded { return &forwarded{Target: target, Text: "hello"} }

func quoteText(m *quote) string { return "sku " + m.Sku }

func strictText(m *strict) string { return fmt.Sprint("amount ", m.Amount) }

func adaptedText(m *adapted) string { return "name " + m.Name }

func forwardedText(m *forwarded) string { return "text " + m.Text }
