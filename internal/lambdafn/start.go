package lambdafn

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambda/messages"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/fault"
)

// Start runs a step as a Lambda function; it does not return. A function that
// cannot start says why in its first log line and ends, so that the state
// machine sees the cause.
func Start(name string, build Constructor) {
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	h, err := prepare(name, build, log)
	if err != nil {
		log.Error("function cannot start", "function", name, "err", err.Error())
		os.Exit(1)
	}
	lambda.Start(func(ctx context.Context, payload json.RawMessage) (json.RawMessage, error) {
		out, failure := Invoke(ctx, name, log, h, payload)
		if failure != nil {
			return nil, *failure
		}
		return out, nil
	})
}

func prepare(name string, build Constructor, log *slog.Logger) (Handler, error) {
	rt, err := Load(os.Getenv, os.ReadFile)
	if err != nil {
		return nil, err
	}
	if rt.Function != name {
		return nil, fmt.Errorf("this is the function %s, but %s says %s", name, EnvFunction, rt.Function)
	}
	if rt.AWS, err = awsconfig.LoadDefaultConfig(context.Background(), sdkOptions...); err != nil {
		return nil, fmt.Errorf("AWS settings: %w", err)
	}
	rt.Now, rt.Sleep, rt.Dialer, rt.Log = time.Now, sleep, dbconn.TLS(), log
	return build(rt)
}

// sdkOptions fit the SDK to Each: as many connections are kept as are used, and
// an API that answers "slow down" is called more slowly instead of failing the
// step; AWS does not publish the rates of most.
var sdkOptions = []func(*awsconfig.LoadOptions) error{
	awsconfig.WithHTTPClient(awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.MaxIdleConnsPerHost = AtOnce })),
	awsconfig.WithRetryer(func() aws.Retryer {
		return retry.NewAdaptiveMode(func(o *retry.AdaptiveModeOptions) {
			o.StandardOptions = append(o.StandardOptions, func(s *retry.StandardOptions) { s.MaxAttempts = 6 })
		})
	}),
}

// longestMessage keeps an error within what Step Functions takes as a cause
// (32,768 characters); a longer one would end the execution with an error that
// no Catch sees.
const longestMessage = 30_000

func brief(message string) string {
	if len(message) <= longestMessage {
		return message
	}
	return strings.ToValidUTF8(message[:longestMessage], "") + " … (cut; the whole text is in the function's log)"
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// killed is how the rehearsal ends a function in the middle; it must not be
// taken for a bug of the step.
type killed interface{ FunctionKilled() }

// Invoke runs a handler once and names its error for the state machine:
// errorType is a fault.Name, errorMessage one readable text without secrets.
func Invoke(ctx context.Context, name string, log *slog.Logger, h Handler, payload []byte) (out []byte, failure *messages.InvokeResponse_Error) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if _, ok := r.(killed); ok {
			panic(r)
		}
		log.Error("step panicked", "function", name, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
		out, failure = nil, &messages.InvokeResponse_Error{Type: string(fault.Bug),
			Message: fmt.Sprintf("%s panicked: %v. Next: report this with the function's log", name, r)}
	}()
	out, err := h(ctx, payload)
	if err != nil {
		log.Error("step failed", "function", name, "error", string(fault.NameOf(err)), "err", err.Error())
		return nil, &messages.InvokeResponse_Error{Type: string(fault.NameOf(err)), Message: brief(err.Error())}
	}
	log.Info("step answered", "function", name, "answer", json.RawMessage(out))
	return out, nil
}
