package remote

import "strings"

// advice is what crypto/tls says, of here ("x509:", "tls:") or of the peer ("remote error:"), and what to do.
var advice = []struct {
	says []string
	do   string
}{
	{
		[]string{"remote error: tls: unknown certificate authority", "remote error: tls: error decrypting message"},
		"the peer does not trust the CA of this node's certificate: give both nodes certificates of one CA, or add this node's to " +
			"the peer's CA file",
	},
	{
		[]string{"remote error: tls: expired certificate"},
		"this node's certificate is out of its time: put a new one into its file, and compare the clocks",
	},
	{
		[]string{"remote error: tls: certificate required"},
		"the peer takes links only from nodes that show a certificate: give this node one",
	},
	{
		[]string{"remote error: tls: "},
		"the peer refused this node's certificate, and says why in its log",
	},
	{
		[]string{"x509: certificate signed by unknown authority"},
		"the peer's certificate is of a CA that this node does not trust: give both nodes certificates of one CA, or add the " +
			"peer's to this node's CA file",
	},
	{
		[]string{"x509: certificate has expired or is not yet valid"},
		"the peer's certificate is out of its time: give the peer a new one, and compare the clocks",
	},
	{
		[]string{"x509: certificate is valid for", "x509: certificate is not valid for any names", "because it doesn't contain any IP SANs"},
		"the peer's certificate is not for the host that was dialled: give it one with that DNS name or IP address, or set the " +
			"server name here",
	},
	{
		[]string{"tls: client didn't provide a certificate"},
		"the peer showed no certificate: give it one",
	},
	{
		[]string{"first record does not look like a TLS handshake"},
		"one side speaks no TLS: use grpcs:// at both, or tcp:// at both",
	},
}

// withAdvice is a reason with what to do about it, where that is known.
func withAdvice(why string) string {
	for _, a := range advice {
		for _, says := range a.says {
			if strings.Contains(why, says) {
				return why + "; " + a.do
			}
		}
	}
	return why
}
