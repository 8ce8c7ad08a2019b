package actorbridge

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxFileName is the longest path that names its file itself; longer ones are named by their hash.
const maxFileName = 200

// A FileStore is a folder with the latest snapshot of each actor.
type FileStore struct {
	folder string
}

// OpenFileStore opens a store in this folder, which is made if it is not there. It fails with UNAVAILABLE, and what the
// system said.
func OpenFileStore(folder string) (*FileStore, error) {
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return nil, fileError(folder, "it cannot be made", err)
	}
	return &FileStore{folder}, nil
}

// FileOf is the file of an actor, by its address.
func (s *FileStore) FileOf(actor string) (string, error) {
	ref, err := ParseRef(actor)
	if err != nil {
		return "", err
	}
	// No path has a %, so two actors never share a file.
	name := strings.ReplaceAll(ref.Path(), "/", "%")
	if len(name) > maxFileName {
		name = fmt.Sprintf("%x%%", sha256.Sum256([]byte(ref.Path())))
	}
	return filepath.Join(s.folder, name+".snapshot"), nil
}

// Save puts a snapshot in place of the actor's last one. A reader, and a crash at any moment, see the one or the other. It
// fails with UNAVAILABLE, and what the system said; the last one is still there.
func (s *FileStore) Save(snapshot *Snapshot) (SnapshotInfo, error) {
	data, info := snapshot.Bytes()
	file, err := s.FileOf(snapshot.Actor)
	if err != nil {
		return SnapshotInfo{}, err
	}
	temporary := filepath.Join(s.folder, fmt.Sprintf(".%016x.tmp", randomID()))
	if err = writeSynced(temporary, data); err == nil {
		err = os.Rename(temporary, file)
	}
	if err != nil {
		_ = os.Remove(temporary)
		return SnapshotInfo{}, fileError(file, "it cannot be written", err)
	}
	// The rename itself is on disk only with its folder.
	if err := syncFolder(s.folder); err != nil {
		return SnapshotInfo{}, fileError(s.folder, "it cannot be synced", err)
	}
	return info, nil
}

// Load gives the latest snapshot of an actor; nil without error = there is none. It fails as ReadSnapshot does; with
// UNAVAILABLE if the file cannot be read, with STATE_LOST if it is another actor's.
func (s *FileStore) Load(actor string) (*Snapshot, error) {
	name, err := s.FileOf(actor)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fileError(name, "it cannot be opened", err)
	}
	defer func() { _ = file.Close() }()
	data, err := io.ReadAll(io.LimitReader(file, int64(snapshotSize(maxHeader, maxSnapshot))+1))
	if err != nil {
		return nil, fileError(name, "it cannot be read", err)
	}
	snapshot, err := ReadSnapshot(name, data)
	if err != nil {
		return nil, err
	}
	if in, err := s.FileOf(snapshot.Actor); err != nil || in != name {
		return nil, newError(CodeStateLost, name, "the file holds "+snapshot.Actor+", not "+actor)
	}
	return snapshot, nil
}

func writeSynced(name string, data []byte) error {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Sync(), file.Close())
}

func syncFolder(name string) error {
	folder, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func fileError(name, what string, cause error) error {
	e := newError(CodeUnavailable, name, what)
	e.cause = cause
	return e
}
