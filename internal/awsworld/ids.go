package awsworld

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// digest hashes the seed, a running number and a label.
func (w *World) digest(label string) [32]byte {
	w.ids++
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], w.seed)
	binary.BigEndian.PutUint64(b[8:], w.ids)
	return sha256.Sum256(append(b[:], label...))
}

// UUID makes the next identifier in UUID form, lower case.
func (w *World) UUID() string {
	d := w.digest("uuid")
	h := hex.EncodeToString(d[:16])
	return strings.Join([]string{h[:8], h[8:12], "4" + h[13:16], "a" + h[17:20], h[20:]}, "-")
}

// Hex makes the next identifier of n lower-case hexadecimal digits (n ≤ 64).
func (w *World) Hex(n int) string {
	d := w.digest("hex")
	return hex.EncodeToString(d[:])[:n]
}

// Between draws a duration from [low, high]; the same seed draws the same.
func (w *World) Between(low, high time.Duration) time.Duration {
	if high <= low {
		return low
	}
	d := w.digest("between")
	n := binary.BigEndian.Uint64(d[:8])
	return low + time.Duration(n%uint64(high-low+1))
}

// Chance draws true with probability p (0 to 1).
func (w *World) Chance(p float64) bool {
	d := w.digest("chance")
	return float64(binary.BigEndian.Uint64(d[:8])>>11)/(1<<53) < p
}

// ARN formats an ARN of this world's Region.
func (w *World) ARN(service, account, resource string) string {
	return fmt.Sprintf("arn:aws:%s:%s:%s:%s", service, w.Region, account, resource)
}

// accountOf takes the account id out of an ARN; empty when there is none.
func accountOf(arn string) string {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 {
		return ""
	}
	return parts[4]
}
