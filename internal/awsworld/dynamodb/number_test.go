package dynamodb

import (
	"math/big"
	"strings"
	"testing"
)

func TestNormalizeNumber(t *testing.T) {
	cases := []struct{ in, want string }{
		{"0", "0"}, {"-0", "0"}, {"0.000", "0"}, {"+5", "5"}, {"007", "7"}, {"1.50", "1.5"}, {".5", "0.5"}, {"5.", "5"},
		{"-12.340", "-12.34"}, {"1e3", "1000"}, {"1.5E+2", "150"}, {"12e-4", "0.0012"}, {"100", "100"}, {"0.10e1", "1"},
		{"1e125", "1" + strings.Repeat("0", 125)}, {"12345678901234567890123456789012345678", "12345678901234567890123456789012345678"},
		{"123456789012345678901234567890123456780", "123456789012345678901234567890123456780"},
	}
	for _, c := range cases {
		if got, err := normalizeNumber(c.in); err != nil || got != c.want {
			t.Errorf("%s: got %s, %v, want %s", c.in, got, err, c.want)
		}
	}
	for _, in := range []string{"", ".", "-", "e5", "1e", "abc", "0x10", "1 ", "NaN", "Infinity", "1e126", "1e-131", "1e9999999", "123456789012345678901234567890123456789"} {
		if got, err := normalizeNumber(in); err == nil {
			t.Errorf("%q became %s", in, got)
		}
	}
}

func FuzzNormalizeNumber(f *testing.F) {
	for _, s := range []string{"0", "-1.50e3", "+.5", "1e-130", "99999999999999999999999999999999999999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		out, err := normalizeNumber(in)
		if err != nil {
			return
		}
		a, okIn := new(big.Rat).SetString(in)
		b, okOut := new(big.Rat).SetString(out)
		if !okIn || !okOut || a.Cmp(b) != 0 {
			t.Fatalf("%q became %q", in, out)
		}
		if again, err := normalizeNumber(out); err != nil || again != out {
			t.Fatalf("%q became %q, then %q, %v", in, out, again, err)
		}
	})
}
