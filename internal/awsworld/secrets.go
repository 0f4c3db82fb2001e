package awsworld

import (
	"maps"
	"slices"
	"strings"
)

// Secrets knows every secret value of the world, so that whatever leaves a
// function (state, log, event, report, error) can be searched for them.
type Secrets struct {
	values map[string]string // value → what it is
	leaks  []Leak
}

// Leak is one secret found where it must never be.
type Leak struct{ Secret, Where string }

// NewSecrets returns an empty collection.
func NewSecrets() *Secrets { return &Secrets{values: map[string]string{}} }

// Add registers a value. Values shorter than six characters would be found by
// chance and are refused.
func (s *Secrets) Add(value, what string) {
	if len(value) < 6 {
		panic("awsworld: a secret of fewer than six characters cannot be searched for")
	}
	s.values[value] = what
}

// Search looks for any known secret in text that is about to leave a function.
func (s *Secrets) Search(where, text string) {
	for _, v := range slices.Sorted(maps.Keys(s.values)) {
		if strings.Contains(text, v) {
			s.leaks = append(s.leaks, Leak{Secret: s.values[v], Where: where})
		}
	}
}

// Leaks lists what was found.
func (s *Secrets) Leaks() []Leak { return s.leaks }
