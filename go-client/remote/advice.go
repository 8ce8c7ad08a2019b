package remote

import (
	"strings"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// advice is what crypto/tls says, of here ("x509:", "tls:") or of the peer ("remote error:"), or the system, what that is counted as
// (notRefused: it is no refusal), and what to do.
var advice = []struct {
	says   []string
	reason pb.RefusalReason
	do     string
}{
	{
		[]string{"remote error: tls: unknown certificate authority", "remote error: tls: error decrypting message"},
		pb.RefusalReason_REFUSAL_REASON_REFUSED_BY_PEER,
		"the peer does not trust the CA of this node's certificate: give both nodes certificates of one CA, or add this node's to " +
			"the peer's CA file",
	},
	{
		[]string{"remote error: tls: expired certificate"},
		pb.RefusalReason_REFUSAL_REASON_REFUSED_BY_PEER,
		"this node's certificate is out of its time: put a new one into its file, and compare the clocks",
	},
	{
		[]string{"remote error: tls: certificate required"},
		pb.RefusalReason_REFUSAL_REASON_REFUSED_BY_PEER,
		"the peer takes links only from nodes that show a certificate: give this node one",
	},
	{
		[]string{"remote error: tls: "},
		pb.RefusalReason_REFUSAL_REASON_REFUSED_BY_PEER,
		"the peer refused this node's certificate, and says why in its log",
	},
	{
		[]string{"x509: certificate signed by unknown authority"},
		pb.RefusalReason_REFUSAL_REASON_UNKNOWN_CA,
		"the peer's certificate is of a CA that this node does not trust: give both nodes certificates of one CA, or add the " +
			"peer's to this node's CA file",
	},
	{
		[]string{"x509: certificate has expired or is not yet valid"},
		pb.RefusalReason_REFUSAL_REASON_EXPIRED,
		"the peer's certificate is out of its time: give the peer a new one, and compare the clocks",
	},
	{
		[]string{"x509: certificate is valid for", "x509: certificate is not valid for any names", "because it doesn't contain any IP SANs"},
		pb.RefusalReason_REFUSAL_REASON_WRONG_HOST,
		"the peer's certificate is not for the host that was dialled: give it one with that DNS name or IP address, or say which " +
			"name it has (ServerName)",
	},
	{
		[]string{"tls: client didn't provide a certificate"},
		pb.RefusalReason_REFUSAL_REASON_NO_CERTIFICATE,
		"the peer showed no certificate: give it one",
	},
	{
		[]string{"first record does not look like a TLS handshake"},
		pb.RefusalReason_REFUSAL_REASON_NO_TLS,
		"one side speaks no TLS: use grpcs:// at both, or tcp:// at both",
	},
	{
		[]string{"connect: connection refused"}, notRefused,
		"nobody listens there: start the node that is to, or correct the address",
	},
	{
		[]string{"no such host", "server misbehaving"}, notRefused,
		"the host's name is not known here: correct it, or write the host's IP address",
	},
	{
		[]string{"connect: no route to host", "connect: network is unreachable"}, notRefused,
		"this machine has no way to that host: correct the address, or look at its routes and firewalls",
	},
	{ // a Unix socket; the files of TLS are read before
		[]string{"connect: no such file or directory"}, notRefused,
		"there is no such socket: correct the path, or start the node that listens there",
	},
	{
		[]string{"connect: permission denied"}, notRefused,
		"this user may not use the socket: run as the node's user, or change who may",
	},
}

const notRefused = pb.RefusalReason_REFUSAL_REASON_UNSPECIFIED

// withAdvice is a reason with what to do about it, where that is known.
func withAdvice(why string) string {
	if i := adviceOf(why); i >= 0 {
		return why + "; " + advice[i].do
	}
	return why
}

// reasonOf is what a handshake is counted as that failed for this; not known: it failed for another reason than a certificate.
func reasonOf(why string) (reason pb.RefusalReason, known bool) {
	if i := adviceOf(why); i >= 0 {
		return advice[i].reason, advice[i].reason != notRefused
	}
	return 0, false
}

// adviceOf is the place of a reason's advice; -1 = there is none.
func adviceOf(why string) int {
	for i, a := range advice {
		for _, says := range a.says {
			if strings.Contains(why, says) {
				return i
			}
		}
	}
	return -1
}
