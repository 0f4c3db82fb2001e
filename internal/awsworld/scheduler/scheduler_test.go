package scheduler_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/lambda"
	"github.com/dbferry/dbferry/internal/awsworld/scheduler"
	"github.com/dbferry/dbferry/internal/awsworld/worldtest"
)

func TestNext(t *testing.T) {
	const layout = "2006-01-02T15:04"
	for _, c := range []struct{ name, expression, zone, from, want string }{
		{"daily", "cron(0 3 * * ? *)", "", "2026-03-02T03:00", "2026-03-03T03:00 2026-03-04T03:00"},
		{"weekdays by name", "cron(30 22 ? * MON-FRI *)", "", "2026-03-06T00:00", "2026-03-06T22:30 2026-03-09T22:30"},
		{"sunday is 1", "cron(0 0 ? * 1 *)", "", "2026-03-02T00:00", "2026-03-08T00:00 2026-03-15T00:00"},
		{"first of two months", "cron(15 10 1 JAN,jul ? *)", "", "2026-03-02T00:00", "2026-07-01T10:15 2027-01-01T10:15"},
		{"every twenty minutes", "cron(0/20 8 * * ? *)", "", "2026-03-02T08:05", "2026-03-02T08:20 2026-03-02T08:40"},
		{"steps of all", "cron(0 */12 * * ? *)", "", "2026-03-02T03:00", "2026-03-02T12:00 2026-03-03T00:00"},
		{"31st skips short months", "cron(0 0 31 * ? *)", "", "2026-04-01T00:00", "2026-05-31T00:00 2026-07-31T00:00"},
		{"one year only", "cron(0 0 1 1 ? 2027)", "", "2026-03-02T00:00", "2027-01-01T00:00 -"},
		{"berlin in winter and summer", "cron(0 3 * * ? *)", "Europe/Berlin", "2026-03-28T00:00", "2026-03-28T02:00 2026-03-29T01:00"},
		{"a skipped hour does not come", "cron(30 2 * * ? *)", "Europe/Berlin", "2026-03-28T00:00", "2026-03-28T01:30 2026-03-30T00:30"},
		{"a repeated hour comes once", "cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-24T12:00", "2026-10-25T00:30 2026-10-26T01:30"},
		{"rate", "rate(6 hours)", "", "2026-03-02T07:00", "2026-03-02T12:00 2026-03-02T18:00"},
		{"rate of one", "rate(1 day)", "", "2026-03-02T00:00", "2026-03-03T00:00 2026-03-04T00:00"},
		{"at", "at(2026-03-05T10:00:00)", "Europe/Berlin", "2026-03-02T00:00", "2026-03-05T09:00 -"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := scheduler.ParseExpression(c.expression, c.zone)
			if err != nil {
				t.Fatal(err)
			}
			from, _ := time.Parse(layout, c.from)
			began := from.Truncate(24 * time.Hour)
			var got []string
			for range 2 {
				next, ok := e.Next(began, from)
				if !ok {
					got = append(got, "-")
					break
				}
				got = append(got, next.Format(layout))
				from = next
			}
			if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExpressionsThatAreRefused(t *testing.T) {
	for expression, want := range map[string]string{
		"every day":                "want rate",
		"rate(0 minutes)":          "not a rate",
		"rate(5 fortnights)":       "want rate",
		"cron(0 3 * * ?)":          "5 fields",
		"cron(0 3 * * * *)":        "must be ?",
		"cron(0 3 ? * ? *)":        "must be ?",
		"cron(60 3 * * ? *)":       "not from 0 to 59",
		"cron(? 3 * * ? *)":        "days only",
		"cron(0 3 L * ? *)":        "L, W and #",
		"cron(0 3 ? * MON#1 *)":    "L, W and #",
		"cron(0 9-5 * * ? *)":      "backward",
		"cron(0/0 3 * * ? *)":      "not a step",
		"cron(0 3 * FOO ? *)":      "no value",
		"at(2026-13-01T00:00:00)":  "month",
		"cron(0 0 1 1 ? 1969)":     "not from 1970",
		"rate(99999999999 minute)": "not a rate",
	} {
		if _, err := scheduler.ParseExpression(expression, ""); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", expression, err, want)
		}
	}
	if _, err := scheduler.ParseExpression("rate(1 day)", "Europe/Atlantis"); err == nil {
		t.Error("an unknown zone was accepted")
	}
}

func FuzzParseExpression(f *testing.F) {
	for _, s := range []string{"cron(0 3 * * ? *)", "rate(5 minutes)", "at(2026-03-05T10:00:00)", "cron(0/5,7-9 * ? JAN-DEC/2 SUN *)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := scheduler.ParseExpression(text, "")
		if err != nil {
			return
		}
		from := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
		if next, ok := e.Next(from, from); ok && !next.After(from) {
			t.Errorf("%s: next of %s is %s", text, from, next)
		}
	})
}

func TestAScheduleInvokesItsTargetWithItsRole(t *testing.T) {
	for _, c := range []struct {
		name, trust, allow string
		fails              string
	}{
		{"allowed", "scheduler.amazonaws.com", "lambda:InvokeFunction", ""},
		{"not trusted", "events.amazonaws.com", "lambda:InvokeFunction", "sts:AssumeRole"},
		{"not allowed", "scheduler.amazonaws.com", "s3:GetObject", "lambda:InvokeFunction"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := worldtest.New(t)
			l := lambda.New(f.W)
			var ran []string
			l.Run = func(_ context.Context, _ *lambda.Function, _ awsworld.Caller, event []byte) ([]byte, *lambda.FunctionError) {
				ran = append(ran, fmt.Sprint(f.W.Now().Format("2T15:04"), string(event)))
				return []byte("{}"), nil
			}
			fn, err := l.PutFunction(lambda.Function{Name: "ready", Account: worldtest.Staging, RoleARN: f.Role(worldtest.Staging, "fn", "lambda.amazonaws.com")})
			if err != nil {
				t.Fatal(err)
			}
			s := scheduler.New(f.W)
			err = s.PutSchedule(scheduler.Schedule{Name: "hourly", Account: worldtest.Staging, Expression: "cron(0 4,5 * * ? *)", Target: fn, Input: `{"a":1}`,
				RoleARN: f.Role(worldtest.Staging, "sched", c.trust, worldtest.Allow(c.allow, "*"))})
			if err != nil {
				t.Fatal(err)
			}
			s.Start(worldtest.Start.Add(4 * time.Hour))
			f.Run(func() {})
			want := []string{`2T04:00{"a":1}`, `2T05:00{"a":1}`}
			if c.fails != "" {
				want = nil
			}
			if diff := cmp.Diff(want, ran); diff != "" {
				t.Error(diff)
			}
			if got := s.Firings(); len(got) != 2 || !strings.Contains(got[0].Error, c.fails) || (got[0].Error == "") != (c.fails == "") {
				t.Errorf("firings %+v", got)
			}
		})
	}
}
