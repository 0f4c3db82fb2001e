package rds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/dbferry/dbferry/internal/awsworld/service"
)

// Logins is a Databases that can prove a login, as a proxy does with its
// secrets. ErrLogin says that user or password are wrong.
type Logins interface {
	Login(ctx context.Context, key, engine, user, password string) error
}

// ErrLogin is what Logins answers to a wrong user or password.
var ErrLogin = errors.New("login refused")

// ProxyTiming is how long RDS Proxy takes. AWS publishes none of these.
type ProxyTiming struct {
	Registering Range         // a new target reads REGISTERING
	Capacity    Range         // then UNAVAILABLE, PENDING_PROXY_CAPACITY
	Modify      Range         // a proxy reads modifying
	HealthCheck time.Duration // for so long a reading of health and secrets holds
}

func defaultProxyTiming() ProxyTiming {
	return ProxyTiming{
		Registering: Range{20 * time.Second, 60 * time.Second},
		Capacity:    Range{90 * time.Second, 4 * time.Minute},
		Modify:      Range{20 * time.Second, time.Minute},
		HealthCheck: 10 * time.Second,
	}
}

// health is what a check of the target found.
type health struct {
	at     time.Time
	state  types.TargetState
	reason types.TargetHealthReason
	text   string
}

func (h health) view() *types.TargetHealth {
	v := &types.TargetHealth{State: h.state, Reason: h.reason}
	if h.text != "" {
		v.Description = aws.String(h.text)
	}
	return v
}

// stale makes the proxy read its secrets and check its target anew.
func (p *proxy) stale() {
	p.knownAt = time.Time{}
	if p.target != nil {
		p.target.health = health{}
	}
}

// healthOf is a member's health as the proxy sees it.
func (s *Service) healthOf(p *proxy, t *proxyTarget, i *instance) health {
	switch {
	case t.stage == stageRegistering:
		return health{state: types.TargetStateRegistering}
	case t.stage == stageCapacity:
		return health{state: types.TargetStateUnavailable, reason: types.TargetHealthReasonPendingProxyCapacity, text: "DBProxy Target is waiting for proxy to scale to desired capacity"}
	case !i.serving():
		return health{state: types.TargetStateUnavailable, reason: types.TargetHealthReasonUnreachable, text: fmt.Sprintf("instance %s is %s", i.ID, i.status)}
	}
	return s.targetHealth(p, t)
}

// targetHealth checks the target, or gives the last check while it is fresh.
// The result depends on the world alone, however often somebody asks.
func (s *Service) targetHealth(p *proxy, t *proxyTarget) health {
	if fresh(s, t.health.at) {
		return t.health
	}
	h := s.check(p, t.cluster)
	h.at = s.w.Now()
	t.health = h
	return h
}

func fresh(s *Service, at time.Time) bool {
	return !at.IsZero() && s.w.Now().Sub(at) < s.Timing.Proxy.HealthCheck
}

func unavailable(reason types.TargetHealthReason, format string, args ...any) health {
	return health{state: types.TargetStateUnavailable, reason: reason, text: fmt.Sprintf(format, args...)}
}

// check follows a connection from the proxy to the writer.
func (s *Service) check(p *proxy, cl *cluster) health {
	if s.writerOf(cl) == nil {
		return unavailable(types.TargetHealthReasonUnreachable, "cluster %s has no available writer", cl.ID)
	}
	if why := s.unreachable(cl, p.place(), cl.Port); why != "" {
		return unavailable(types.TargetHealthReasonUnreachable, "%s", why)
	}
	s.readSecrets(p)
	if len(p.known) == 0 {
		return unavailable(types.TargetHealthReasonAuthFailure, "Proxy does not have any registered credentials: %s", orNone(p.unreadable))
	}
	return s.checkLogins(p, cl)
}

// checkLogins tries the secrets until one logs in.
func (s *Service) checkLogins(p *proxy, cl *cluster) health {
	db, ok := s.Databases.(Logins)
	if !ok {
		return health{state: types.TargetStateAvailable}
	}
	worst := health{}
	for _, user := range slices.Sorted(maps.Keys(p.known)) {
		err := db.Login(context.Background(), cl.dbKey(), cl.Engine, user, p.known[user].password)
		switch {
		case err == nil:
			return health{state: types.TargetStateAvailable}
		case errors.Is(err, ErrLogin):
			worst = unavailable(types.TargetHealthReasonAuthFailure, "cluster %s refuses the user %s of the proxy's secret", cl.ID, user)
		case worst.reason == "":
			worst = unavailable(types.TargetHealthReasonConnectionFailed, "cluster %s does not answer", cl.ID)
		}
	}
	return worst
}

// readSecrets reads what the proxy's secrets say, with the proxy's role, unless
// it has done so lately.
func (s *Service) readSecrets(p *proxy) {
	if fresh(s, p.knownAt) {
		return
	}
	// Reading takes simulated time, in which others see what was known before.
	known, unreadable := s.secretsOf(p)
	p.known, p.unreadable, p.knownAt = known, unreadable, s.w.Now()
}

func (s *Service) secretsOf(p *proxy) (known map[string]login, unreadable string) {
	known = map[string]login{}
	caller, err := s.w.AssumeAsService("rds.amazonaws.com", p.RoleARN, "RDS-Proxy-"+p.Name, s.proxyARN(p))
	if err != nil {
		return known, err.Error()
	}
	var why []string
	for _, arn := range p.Secrets {
		out, err := service.Call[secretsmanager.GetSecretValueOutput](context.Background(), s.w, caller, "Secrets Manager", "GetSecretValue",
			&secretsmanager.GetSecretValueInput{SecretId: aws.String(arn)})
		if err != nil {
			why = append(why, err.Error())
			continue
		}
		var v struct{ Username, Password string }
		if json.Unmarshal([]byte(aws.ToString(out.SecretString)), &v) != nil || v.Username == "" {
			why = append(why, "secret "+arn+" is not a JSON object with username and password")
			continue
		}
		known[v.Username] = login{v.Username, v.Password}
	}
	return known, strings.Join(why, "; ")
}
