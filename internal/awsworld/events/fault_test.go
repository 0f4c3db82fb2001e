package events_test

import (
	"testing"

	"github.com/dbferry/dbferry/internal/awsworld"
)

func mustFault(t *testing.T, text string) awsworld.Fault {
	t.Helper()
	f, err := awsworld.ParseFault(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
