package asl

import "time"

// Service quotas of Standard workflows (Developer Guide, "Service quotas").
const (
	MaxPayload      = 262_144              // bytes of any input, output, result or variable
	MaxEvents       = 25_000               // history events of one execution
	MaxVariables    = 10 << 20             // bytes of all variables of one execution
	MaxRun          = 365 * 24 * time.Hour // the longest execution
	MaxDefinition   = 1 << 20              // bytes of a definition
	MaxName         = 80                   // characters of a state, variable or execution name
	MaxInline       = 40                   // iterations of an Inline Map at once
	MaxDistributed  = 10_000               // children of a Distributed Map at once
	maxSeconds      = 99_999_999           // the largest number of seconds in a definition
	maxDelaySeconds = 31_622_400           // the largest MaxDelaySeconds
)
