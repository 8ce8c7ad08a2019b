//go:build cgo

package native

import "testing"

// Grants are worked out by several goroutines, and may be told in another order.
func TestAGrantThatComesLateTakesNothingBack(t *testing.T) {
	l, node, _ := bare(t)
	for _, grant := range [][2]uint64{{3, 40}, {2, 30}, {4, 35}} {
		if !l.Grant(9, grant[0], grant[1]) {
			t.Errorf("%v is to be told, and the node waits for nothing", grant)
		}
	}
	if granted := *node.grant(9); granted != [2]uint64{4, 40} {
		t.Errorf("the node finds %v granted", granted)
	}
	*node.grant(9) = [2]uint64{} // it gives the number to another stream
	l.Grant(9, 0, 16)
	if granted := *node.grant(9); granted != [2]uint64{0, 16} {
		t.Errorf("on the next stream of the number the node finds %v granted", granted)
	}
}
