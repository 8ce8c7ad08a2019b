//go:build v2

package main

import (
	"fmt"
	"strings"

	ab "github.com/actorbridge/actorbridge/go-client"

	pb "github.com/actorbridge/actorbridge/compat-tests/versions/go/v2"
	"github.com/actorbridge/actorbridge/compat-tests/versions/go/v2/versionsv1ab"
)

// name is that of this program's node.
const name = "go2"

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

// What the first version wrote, and what is written for it.
func init() {
	ab.Upcast(1, func(m *quote) error {
		m.Currency = "USD"
		return nil
	})
	ab.Upcast(1, func(m *strict) error {
		if m.Amount < 0 {
			return fmt.Errorf("the amount %d is below 0", m.Amount)
		}
		m.Unit = "cents"
		return nil
	})
	ab.Downcast(1, 1, func(m *adapted) error { // for readers from version 1 on
		m.Name, m.Title = m.Title+" "+m.Name, ""
		return nil
	})
}

func newQuote() *quote { return &quote{Sku: "A1", Currency: "EUR"} }

func newStrict() *strict { return &strict{Amount: 7, Unit: "euros"} }

func newAdapted() *adapted { return &adapted{Name: "Ann", Title: "Dr."} }

func newForwarded(target string) *forwarded {
	return &forwarded{Target: target, Text: "hello", Numbers: []int32{-1, 300}, Quote: newQuote()}
}

func quoteText(m *quote) string { return fmt.Sprintf("sku %s currency %s", m.Sku, m.Currency) }

func strictText(m *strict) string { return fmt.Sprintf("amount %d unit %s", m.Amount, m.Unit) }

func adaptedText(m *adapted) string { return fmt.Sprintf("name %s title %q", m.Name, m.Title) }

func forwardedText(m *forwarded) string {
	numbers := make([]string, 0, len(m.Numbers))
	for _, n := range m.Numbers {
		numbers = append(numbers, fmt.Sprint(n))
	}
	text := ""
	if m.Quote != nil {
		text = quoteText(m.Quote)
	}
	return fmt.Sprintf("text %s numbers %s quote %s", m.Text, strings.Join(numbers, ","), text)
}
