package actorbridge_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/actorbridge/actorbridge/go-client/remote"
)

// folder has the files of nodes: NAME.pem, NAME.key, and ca.pem.
type folder struct {
	t    *testing.T
	path string
}

func newFolder(t *testing.T) folder { return folder{t, t.TempDir()} }

// files are those of a node.
func (f folder) files(name string) remote.Files {
	at := filepath.Join(f.path, name)
	return remote.Files{Certificate: at + ".pem", Key: at + ".key", CA: filepath.Join(f.path, "ca.pem")}
}

// trust has all nodes of the folder trust these CAs.
func (f folder) trust(cas ...*ca) {
	f.t.Helper()
	var all []byte
	for _, c := range cas {
		all = append(all, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.certificate.Raw})...)
	}
	f.replace("ca.pem", all)
}

// replace writes a file as a careful program does: nobody reads half of it.
func (f folder) replace(file string, text []byte) {
	f.t.Helper()
	next := filepath.Join(f.path, file+".next")
	must(f.t, os.WriteFile(next, text, 0o600))
	must(f.t, os.Rename(next, filepath.Join(f.path, file)))
}

// ca issues certificates.
type ca struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newCA(t *testing.T, name string) *ca {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(t, err)
	certificate, err := x509.ParseCertificate(der)
	must(t, err)
	return &ca{t, certificate, key}
}

// valid is a certificate for 127.0.0.1 with these URIs.
func valid(t *testing.T, uris ...string) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	for _, text := range uris {
		uri, err := url.Parse(text)
		must(t, err)
		template.URIs = append(template.URIs, uri)
	}
	return template
}

// expired is one that was valid last century.
func expired(t *testing.T, uris ...string) *x509.Certificate {
	t.Helper()
	template := valid(t, uris...)
	template.NotBefore, template.NotAfter = time.Unix(0, 0), time.Unix(1000, 0)
	return template
}

// issue makes a certificate: its text, and that of its key.
func (c *ca) issue(template *x509.Certificate) (certificate, key []byte) {
	c.t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(c.t, err)
	der, err := x509.CreateCertificate(rand.Reader, template, c.certificate, private.Public(), c.key)
	must(c.t, err)
	text, err := x509.MarshalPKCS8PrivateKey(private)
	must(c.t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})
}

// give issues the files of a node.
func (c *ca) give(f folder, name string, template *x509.Certificate) {
	c.t.Helper()
	certificate, key := c.issue(template)
	f.replace(name+".pem", certificate)
	f.replace(name+".key", key)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// twoBy is a CA, and a folder with the files of the nodes a and b by it.
func twoBy(t *testing.T, name string) (*ca, folder) {
	t.Helper()
	c, f := newCA(t, name), newFolder(t)
	f.trust(c)
	c.give(f, "a", valid(t, "ab://a"))
	c.give(f, "b", valid(t, "ab://b"))
	return c, f
}
