package remote

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"sync"
)

// TLS has a door or a server at "grpcs://host:port" use this configuration. What it accepts as a peer's certificate counts as
// verified, and the peer is held to it: its node must have the name of a URI ab://NODE among the subject alternative names. A
// configuration that asks clients for no certificate lets them have any name. See [TLSFiles] for certificates in files.
func TLS(conf *tls.Config) Option {
	return func(o *options) { o.tls = &tlsSource{server: conf, client: conf} }
}

// Files are the PEM files with which a node shows who it is and checks who its peers are.
type Files struct {
	// Certificate is the node's own, with those between it and the CA behind it; Key is its private key. A door may have
	// neither: then the listener must take links from any client.
	Certificate, Key string
	// CA is the CAs whose certificates peers may show.
	CA string
	// AnyClient has a server take links also from nodes that show no certificate. Such a node may have any name, and send as
	// any actor.
	AnyClient bool
	// ServerName is the DNS name or IP address that the listener's certificate must be for, instead of the host in the door's
	// address.
	ServerName string
}

// TLSFiles has a door or a server at "grpcs://host:port" use certificates in files. They are read at each connection: who
// replaces them restarts nothing, and links that are up stay. Files that do not fit together are named in the log, and the
// ones from before are used meanwhile.
func TLSFiles(files Files) Option {
	source := &tlsSource{files: &files}
	return func(o *options) { o.tls = source }
}

// tlsSource has configurations as they are now.
type tlsSource struct {
	files *Files // nil: the configurations do not change

	mu             sync.Mutex
	contents       contents
	server, client *tls.Config
	// complaint is what has been said of newer files that cannot be used.
	complaint string
}

type contents struct{ certificate, key, ca []byte }

func (c *contents) equal(other *contents) bool {
	return bytes.Equal(c.certificate, other.certificate) && bytes.Equal(c.key, other.key) && bytes.Equal(c.ca, other.ca)
}

// load reads the files. Without usable ones it fails, unless there were some before: those are used, and complain is told.
func (s *tlsSource) load(complain func(why string)) (server, client *tls.Config, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files == nil {
		return s.server, s.client, nil
	}
	now, err := s.files.read()
	if err == nil && (s.client == nil || !now.equal(&s.contents)) {
		if server, client, err = s.files.configs(&now); err == nil {
			s.contents, s.server, s.client = now, server, client
		}
	}
	switch {
	case err == nil:
		s.complaint = ""
	case s.client == nil:
		return nil, nil, err
	case s.complaint != err.Error():
		s.complaint = err.Error()
		complain(s.complaint + "; the certificates from before are used until that is mended")
	}
	return s.server, s.client, nil
}

// forServer is a configuration that looks for the newest one at each handshake.
func (s *tlsSource) forServer(complain func(why string)) (*tls.Config, error) {
	server, _, err := s.load(complain)
	if err != nil || s.files == nil {
		return server, err
	}
	if server == nil {
		return nil, errors.New("who listens with TLS needs a certificate and its key: Files.Certificate and Files.Key")
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			server, _, err := s.load(complain)
			return server, err
		},
	}, nil
}

// forClient is a configuration for one door, whose certificate is chosen at the handshake.
func (s *tlsSource) forClient(complain func(why string)) (*tls.Config, error) {
	_, client, err := s.load(complain)
	if err != nil || s.files == nil {
		return client, err
	}
	client = client.Clone()
	client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		server, _, err := s.load(complain)
		if err != nil || server == nil {
			return new(tls.Certificate), err
		}
		return &server.Certificates[0], nil
	}
	return client, nil
}

func (f *Files) read() (c contents, err error) {
	if (f.Certificate == "") != (f.Key == "") {
		return c, errors.New("the files for TLS have a certificate or its key, and not both: name both files (Files.Certificate, Files.Key)")
	}
	if f.Certificate != "" {
		if c.certificate, err = os.ReadFile(f.Certificate); err != nil {
			return c, err
		}
		if c.key, err = os.ReadFile(f.Key); err != nil {
			return c, err
		}
	}
	if f.CA == "" {
		return c, errors.New("the files for TLS are without a CA: name the file with the CAs of the node's peers (Files.CA)")
	}
	c.ca, err = os.ReadFile(f.CA)
	return c, err
}

// configs makes the configurations; without a certificate there is none for a server.
//
// A link lives long: resuming would save nothing, and would skip the check of what has changed meanwhile.
func (f *Files) configs(c *contents) (server, client *tls.Config, err error) {
	cas := x509.NewCertPool()
	if !cas.AppendCertsFromPEM(c.ca) {
		return nil, nil, fmt.Errorf("%s: there is no certificate in it", f.CA)
	}
	client = &tls.Config{
		MinVersion: tls.VersionTLS13, RootCAs: cas, ServerName: f.ServerName, NextProtos: []string{"h2"}, SessionTicketsDisabled: true,
	}
	if c.certificate == nil {
		return nil, client, nil
	}
	own, err := tls.X509KeyPair(c.certificate, c.key)
	if err != nil {
		return nil, nil, fmt.Errorf("%s and %s: %w; name a certificate and the key that it was made with", f.Certificate, f.Key, err)
	}
	server = &tls.Config{
		MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{own}, ClientCAs: cas, ClientAuth: tls.RequireAndVerifyClientCert,
		NextProtos: []string{"h2"}, SessionTicketsDisabled: true,
	}
	if f.AnyClient {
		server.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return server, client, nil
}
