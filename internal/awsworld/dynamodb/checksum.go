package dynamodb

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
	"time"
)

// Checksum counts a table's items and sums their contents. Two tables with the
// same items have the same sum in whatever order they were written; a changed
// attribute or type changes it.
func (s *Service) Checksum(account, name string) (items int, sum string, err error) {
	t, err := s.find(account, name)
	if err != nil {
		return 0, "", err
	}
	items, sum = checksum(t.items)
	return items, sum, nil
}

// ImageChecksum is Checksum of an image, which tells what the table held at the
// cut-off.
func (s *Service) ImageChecksum(imageName string) (items int, sum string, at time.Time, ok bool) {
	i := s.images[imageName]
	if i == nil {
		return 0, "", time.Time{}, false
	}
	items, sum = checksum(i.items)
	return items, sum, i.at, true
}

// checksum adds the digests of the items modulo 2^256, so that their order does
// not matter.
func checksum(items map[string]Item) (int, string) {
	var total [4]uint64
	for _, item := range items {
		digest := sha256.Sum256(encodeMap(nil, item))
		carry := uint64(0)
		for i := range total {
			total[i], carry = bits.Add64(total[i], binary.LittleEndian.Uint64(digest[8*i:]), carry)
		}
	}
	var out [32]byte
	for i, word := range total {
		binary.LittleEndian.PutUint64(out[8*i:], word)
	}
	return len(items), hex.EncodeToString(out[:])
}
