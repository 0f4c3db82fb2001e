package simnet

import (
	"bytes"
	"testing"
)

// TestConnectionPhase: the number of the connection and the user are read from the
// first packets, in however many pieces they come.
func TestConnectionPhase(t *testing.T) {
	hello := append([]byte{10}, append([]byte("8.0.36\x00"), 42, 1, 0, 0, 'x', 'y')...)
	hello = append([]byte{byte(len(hello)), 0, 0, 0}, hello...)
	reply := append(bytes.Repeat([]byte{1}, 32), []byte("shop_app\x00secret")...)
	reply = append([]byte{byte(len(reply)), 0, 0, 1}, reply...)
	for n := range hello {
		if _, ok := greeting(hello[:n]); ok {
			t.Errorf("%d bytes of a greeting are taken for all", n)
		}
	}
	if id, ok := greeting(hello); !ok || id != 42+256 {
		t.Errorf("connection %d, %t", id, ok)
	}
	for n := range reply {
		if _, ok := answer(reply[:n]); ok {
			t.Errorf("%d bytes of an answer are taken for all", n)
		}
	}
	if user, ok := answer(reply); !ok || user != "shop_app" {
		t.Errorf("user %q, %t", user, ok)
	}
	for _, b := range [][]byte{nil, {0, 0, 0, 0}, {1, 0, 0, 0, 9}, {2, 0, 0, 0, 10, 0}, {3, 0, 0, 0, 255, 21, 4}} {
		if _, ok := greeting(b); ok {
			t.Errorf("%v is taken for a greeting", b)
		}
		if _, ok := answer(b); ok {
			t.Errorf("%v is taken for an answer", b)
		}
	}
}
