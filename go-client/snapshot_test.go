package actorbridge_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
)

const goldenSnapshots = "../compat-tests/golden/snapshots"

func TestGoReadsRefusesAndWritesTheGoldenSnapshotsAsRustDoes(t *testing.T) {
	index, err := os.ReadFile(filepath.Join(goldenSnapshots, "index.txt"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(strings.TrimSpace(string(index)), "\n\n")
	if len(blocks) < 20 {
		t.Errorf("the index holds only %d files", len(blocks))
	}
	for _, block := range blocks {
		lines := strings.Split(block, "\n")
		name, says := lines[0], lines[2]
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(goldenSnapshots, name+".snapshot"))
			if err != nil {
				t.Fatal(err)
			}
			snapshot, err := ab.ReadSnapshot(name, data)
			if code, refused := strings.CutPrefix(says, "refused CODE_"); refused {
				var fault *ab.Error
				if !errors.As(err, &fault) || fault.Code.String() != code {
					t.Errorf("it is %v, Rust says %s", err, code)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(says, "actor "+snapshot.Actor+" ") || !strings.Contains(says, " type "+snapshot.Type+" ") {
				t.Errorf("it is %s of type %s, Rust reads %s", snapshot.Actor, snapshot.Type, says)
			}
			again, info := snapshot.Bytes()
			if !bytes.Equal(again, data) || info.Size != len(data) {
				t.Errorf("Go writes\n%x\nRust wrote\n%x", again, data)
			}
		})
	}
}

func TestAStoreKeepsTheLatestSnapshotOfEachActorWhole(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(goldenSnapshots, "whole.snapshot"))
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := ab.ReadSnapshot("whole", data)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(t.TempDir(), "snapshots")
	store, err := ab.OpenFileStore(folder)
	if err != nil {
		t.Fatal(err)
	}
	if none, err := store.Load(snapshot.Actor); none != nil || err != nil {
		t.Errorf("before the first save there is %v, %v", none, err)
	}
	for seq := range uint64(3) {
		snapshot.Seq = seq
		if _, err := store.Save(snapshot); err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := store.Load(snapshot.Actor)
	if err != nil || loaded.Seq != 2 || !bytes.Equal(loaded.State, snapshot.State) {
		t.Errorf("the latest is %+v, %v", loaded, err)
	}
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != 1 {
		t.Errorf("the folder holds %v, %v", files, err)
	}
	other, err := store.FileOf("ab:///other")
	if err != nil {
		t.Fatal(err)
	}
	written, _ := snapshot.Bytes()
	if err := os.WriteFile(other, written, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Load("ab:///other"); !errors.Is(err, ab.ErrStateLost) {
		t.Errorf("another actor's file is %v", err)
	}
	for at := range written {
		torn := bytes.Clone(written)
		torn[at] ^= 0x10
		if _, err := ab.ReadSnapshot("torn", torn); err == nil {
			t.Errorf("a flipped bit at %d is not found", at)
		}
		if _, err := ab.ReadSnapshot("torn", written[:at]); err == nil {
			t.Errorf("a file of %d bytes is not found short", at)
		}
	}
}
