//go:build cgo

// Package packaging holds what a Go program that uses the native door is promised when it is built. `make lib` and `make
// hello-rustcore` make the archives that the tests link.
package packaging

import (
	"archive/zip"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	root   = "github.com/actorbridge/actorbridge/go-client"
	native = root + "/native"
	hello  = "github.com/actorbridge/actorbridge/examples/hello"
	// The modules refer to each other by this version.
	version = "v0.0.0"
)

// program asks the Rust node of its process for an actor that every node has.
const program = `package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	ab "` + root + `"
	pb "` + root + `/gen/actorbridge/v1"
	"` + native + `"
LIBRARIES
)

func run() error {
	ctx := context.Background()
	quiet := slog.New(slog.DiscardHandler)
	node, err := ab.Start(ctx, "stranger", ab.WithLogger(quiet), ab.WithLink(native.Door(native.Name("rust"))))
	if err != nil {
		return err
	}
	defer node.Shutdown(ctx)
	system, err := node.Ref("ab://rust/system")
	if err != nil {
		return err
	}
	found, err := ab.Ask[*pb.FindReply](ctx, system, &pb.FindRequest{Path: "system"})
	if err != nil {
		return err
	}
	fmt.Println("found at", found.Owner)
	return nil
}

func main() {
	if err := run(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
`

// repository is the path of the checkout that the tests run in.
func repository(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../../..")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// stranger makes a module of its own whose program imports these packages for their effect.
func stranger(t *testing.T, replace bool, libraries ...string) string {
	t.Helper()
	folder := t.TempDir()
	imports := ""
	for _, library := range libraries {
		imports += "\t_ \"" + library + "\"\n"
	}
	mod := "module example.com/stranger\n\ngo 1.26.0\n"
	for path, place := range map[string]string{root: "go-client", native: "go-client/native", hello: "examples/hello"} {
		if path == hello && !strings.Contains(imports, hello) {
			continue
		}
		mod += "\nrequire " + path + " " + version + "\n"
		if replace {
			mod += "\nreplace " + path + " => " + filepath.Join(repository(t), place) + "\n"
		}
	}
	write(t, filepath.Join(folder, "go.mod"), mod)
	write(t, filepath.Join(folder, "main.go"), strings.Replace(program, "LIBRARIES", imports, 1))
	return folder
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// run runs a command in a folder and returns what it said.
func run(t *testing.T, folder string, environment []string, command ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir = folder
	// Everything comes from this machine: the modules' own cache is a proxy too. With -trimpath, what was compiled once is
	// found in the cache wherever a copy of its source lies.
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-trimpath -mod=mod", "GOSUMDB=off", "GOPROXY=file://"+cache(t)+"/cache/download")
	cmd.Env = append(cmd.Env, environment...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func cache(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// works builds the program in a folder and runs it.
func works(t *testing.T, folder string, environment ...string) {
	t.Helper()
	if out, err := run(t, folder, environment, "go", "build", "-o", "program", "."); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := run(t, folder, nil, "./program"); err != nil || out != "found at rust\n" {
		t.Errorf("%v\n%s", err, out)
	}
}

// doesNotLink holds that the linker refuses the program, and names what helps to find out why.
func doesNotLink(t *testing.T, folder, names string) {
	t.Helper()
	out, err := run(t, folder, nil, "go", "build", "-o", "program", ".")
	if err == nil || !strings.Contains(out, names) {
		t.Errorf("the linker should name %s: %v\n%s", names, err, out)
	}
}

func TestAProgramWithOneLibraryPackageWorks(t *testing.T) {
	works(t, stranger(t, true, native+"/lib"))
}

func TestAProgramWithItsOwnRustActorsWorks(t *testing.T) {
	works(t, stranger(t, true, hello+"/rustcore"))
}

func TestAProgramWithoutALibraryPackageDoesNotLink(t *testing.T) {
	doesNotLink(t, stranger(t, true), "ab_abi_version")
}

func TestAProgramWithTwoLibraryPackagesDoesNotLink(t *testing.T) {
	doesNotLink(t, stranger(t, true, native+"/lib", hello+"/rustcore"), "ab_exactly_one_library_package_may_be_imported")
}

func TestAVendoredProgramWorks(t *testing.T) {
	folder := stranger(t, true, native+"/lib")
	for _, command := range [][]string{{"go", "list", "-deps", "."}, {"go", "mod", "vendor"}} {
		if out, err := run(t, folder, nil, command...); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	works(t, folder, "GOFLAGS=-trimpath -mod=vendor", "GOPROXY=off")
}

func TestAStrangersModuleBuildsFromModuleZips(t *testing.T) {
	proxy := t.TempDir()
	publish(t, proxy, root, filepath.Join(repository(t), "go-client"))
	publish(t, proxy, native, filepath.Join(repository(t), "go-client", "native"))
	works(t, stranger(t, false, native+"/lib"),
		"GOPROXY=file://"+proxy+",file://"+cache(t)+"/cache/download",
		"GOMODCACHE="+t.TempDir(), "GOFLAGS=-trimpath -mod=mod -modcacherw")
}

func TestWithoutCgoTheProgramBuildsAndSaysWhatToDo(t *testing.T) {
	folder := stranger(t, true, native+"/lib")
	if out, err := run(t, folder, []string{"CGO_ENABLED=0"}, "go", "build", "-o", "program", "."); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := run(t, folder, nil, "./program")
	if err == nil || !strings.Contains(out, "CGO_ENABLED=1") {
		t.Errorf("%v\n%s", err, out)
	}
}

// publish puts a module into a folder that is a module proxy, with what `make lib` put into it.
func publish(t *testing.T, proxy, module, folder string) {
	t.Helper()
	at := filepath.Join(proxy, module, "@v")
	if err := os.MkdirAll(at, 0o700); err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(at, "list"), version+"\n")
	write(t, filepath.Join(at, version+".mod"), string(mod))
	write(t, filepath.Join(at, version+".info"), `{"Version":"`+version+`","Time":"2026-01-01T00:00:00Z"}`)
	file, err := os.Create(filepath.Join(at, version+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	archive := zip.NewWriter(file)
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != folder && isModule(path):
			return filepath.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		// Not compressed: it is read once.
		to, err := archive.CreateHeader(&zip.FileHeader{Name: module + "@" + version + "/" + filepath.ToSlash(name), Method: zip.Store})
		if err != nil {
			return err
		}
		return appendFile(to, path)
	})
	if err == nil {
		err = archive.Close()
	}
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err != nil {
		t.Fatal(err)
	}
}

func isModule(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err == nil
}

func appendFile(to io.Writer, path string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	_, err = io.Copy(to, from)
	return err
}
