// Package jsonata evaluates JSONata as Step Functions does: the official
// JavaScript library, version 2.0.6, run in process on goja, without $eval and
// with Step Functions' own $partition, $range, $hash, $random, $uuid and
// $parse (Developer Guide, "Transforming data with JSONata").
//
// Everything an expression can observe comes from the caller: the variables,
// the clock ($now, $millis) and the seed ($random, $uuid). The same call
// therefore gives the same answer every time.
//
// The simplest expressions, such as $states.input.status = 'DONE', are answered
// in Go; see fast.go for the rule that keeps both answers equal.
package jsonata
