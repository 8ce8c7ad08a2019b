// Certs makes a CA and certificates for nodes on this machine, to try out TLS: ca.pem, and for each node NAME.pem and NAME.key.
// The CA's key is thrown away.
//
//	go run ./certs FOLDER NODE...
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

func main() {
	if len(os.Args) < 3 {
		log.Fatal("usage: certs FOLDER NODE...")
	}
	folder, nodes := os.Args[1], os.Args[2:]
	ca := template("an example's CA")
	ca.IsCA, ca.BasicConstraintsValid, ca.KeyUsage = true, true, x509.KeyUsageCertSign
	caKey := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	write(folder, "ca.pem", "CERTIFICATE", must(x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)))
	for _, node := range nodes {
		own := template(node)
		own.URIs = []*url.URL{{Scheme: "ab", Host: node}} // the node's name; Path "/orders/*" without Host would be a source
		own.DNSNames, own.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
		key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
		write(folder, node+".pem", "CERTIFICATE", must(x509.CreateCertificate(rand.Reader, own, ca, key.Public(), caKey)))
		write(folder, node+".key", "PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key)))
	}
}

// template is a certificate that is valid for a week.
func template(name string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(0, 0, 7),
	}
}

func write(folder, file, kind string, der []byte) {
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(filepath.Join(folder, file), text, 0o600); err != nil {
		log.Fatal(err)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}
