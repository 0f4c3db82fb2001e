package asl

import (
	"context"
	"errors"
	"testing"
	"time"
)

const tokenTask = `"A":{"Type":"Task","Resource":"arn:aws:states:::x:ask.waitForTaskToken","Arguments":{"token":"{% $states.context.Task.Token %}"}`

func apiError(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Name
	}
	return ""
}

func TestTaskToken(t *testing.T) {
	for _, c := range []struct {
		name, rest string
		ask        func(w *world, token string)
		want       string
	}{
		{"success", `,"End":true}`, func(w *world, token string) {
			w.engine.Kernel.After(time.Hour, func() { _ = w.engine.Tokens.Succeed(token, []byte(`{"yes":true}`)) })
		}, `{"yes":true}`},
		{"failure", `,"End":true}`, func(w *world, token string) {
			w.engine.Kernel.After(time.Hour, func() { _ = w.engine.Tokens.Fail(token, "Declined", "no") })
		}, "FAILED Declined"},
		{"an answer before the call returns", `,"End":true}`, func(w *world, token string) {
			_ = w.engine.Tokens.Succeed(token, []byte("1"))
		}, "1"},
		{"no answer", `,"TimeoutSeconds":60,"End":true}`, func(*world, string) {}, "FAILED States.Timeout"},
		{"heartbeats keep it alive", `,"HeartbeatSeconds":60,"End":true}`, func(w *world, token string) {
			w.engine.Kernel.Go(func() {
				for range 5 {
					_ = w.sleep(context.Background(), 50*time.Second)
					_ = w.engine.Tokens.Heartbeat(token)
				}
				_ = w.engine.Tokens.Succeed(token, []byte("5"))
			})
		}, "5"},
		{"heartbeats do not stretch the time-out", `,"HeartbeatSeconds":60,"TimeoutSeconds":120,"End":true}`, func(w *world, token string) {
			w.engine.Kernel.Go(func() {
				for range 5 {
					_ = w.sleep(context.Background(), 50*time.Second)
					_ = w.engine.Tokens.Heartbeat(token)
				}
			})
		}, "FAILED States.Timeout"},
		{"too few heartbeats", `,"HeartbeatSeconds":60,"End":true}`, func(w *world, token string) {
			w.engine.Kernel.After(50*time.Second, func() { _ = w.engine.Tokens.Heartbeat(token) })
		}, "FAILED States.HeartbeatTimeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.tasks["ask"] = func(_ context.Context, call TaskCall) (string, error) {
				c.ask(w, call.Token)
				return `"ignored"`, nil
			}
			x := w.run(machine(tokenTask+c.rest), "{}")
			if got := outcomeOf(x); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestTokensGoStale(t *testing.T) {
	w := newWorld(t)
	var tokens []string
	w.tasks["ask"] = func(_ context.Context, call TaskCall) (string, error) {
		tokens = append(tokens, call.Token)
		return "", nil
	}
	x := w.start(machine(tokenTask+`,"TimeoutSeconds":60,"Retry":[{"ErrorEquals":["States.Timeout"]}],"End":true}`), "{}")
	api := w.engine.Tokens
	w.engine.Kernel.After(90*time.Second, func() {
		if got := apiError(api.Succeed(tokens[0], []byte("1"))); got != "TaskTimedOut" {
			t.Errorf("the token of the first attempt: %q", got)
		}
		if got := apiError(api.Succeed(tokens[1], []byte("{"))); got != "InvalidOutput" {
			t.Errorf("an answer that is not JSON: %q", got)
		}
		if err := api.Succeed(tokens[1], []byte("2")); err != nil {
			t.Error(err)
		}
		if got := apiError(api.Fail(tokens[1], "E", "")); got != "TaskTimedOut" {
			t.Errorf("a second answer: %q", got)
		}
	})
	if w.finish(x); outcomeOf(x) != "2" || len(tokens) != 2 || tokens[0] == tokens[1] {
		t.Errorf("got %s with tokens %v", outcomeOf(x), tokens)
	}
	if got := apiError(api.Heartbeat("made up")); got != "InvalidToken" {
		t.Errorf("an unknown token: %q", got)
	}
	if got := apiError(api.Heartbeat(tokens[1])); got != "TaskTimedOut" {
		t.Errorf("the token of an ended execution: %q", got)
	}
}

func TestATaskThatCannotAskFails(t *testing.T) {
	w := newWorld(t)
	w.tasks["ask"] = func(context.Context, TaskCall) (string, error) { return "", &Error{"Denied", ""} }
	if x := w.run(machine(tokenTask+`,"End":true}`), "{}"); outcomeOf(x) != "FAILED Denied" {
		t.Error(outcomeOf(x))
	}
}
