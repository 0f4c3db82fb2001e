// Package elbv2 simulates Elastic Load Balancing version 2 as far as a
// maintenance hook needs it: the rules of a listener.
package elbv2

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/dbferry/dbferry/internal/awsworld"
)

// Service is Elastic Load Balancing in all accounts of one world.
type Service struct {
	// Changed is told of every rule that was made or deleted; nil for nobody.
	Changed func(listener string, made bool)

	w         *awsworld.World
	listeners map[string]*listener // by ARN
}

type listener struct {
	account string
	rules   []*rule // by priority, the default one last
}

// defaultPriority is how AWS names the priority of a listener's default rule.
const defaultPriority = "default"

type rule struct {
	arn, priority string
	conditions    []types.RuleCondition
	actions       []types.Action
	tags          map[string]string
}

// New registers the operations.
func New(w *awsworld.World) *Service {
	s := &Service{w: w, listeners: map[string]*listener{}}
	w.Register(s.ops()...)
	return s
}

// PutListener makes a listener with its default rule.
func (s *Service) PutListener(account, arn string) {
	s.listeners[arn] = &listener{account: account, rules: []*rule{{arn: s.ruleARN(arn), priority: defaultPriority, actions: []types.Action{{Type: types.ActionTypeEnumForward}}}}}
}

// PutRule makes a rule of the user's that forwards every path.
func (s *Service) PutRule(listener string, priority int) {
	l := s.listeners[listener]
	l.rules = append(l.rules, &rule{arn: s.ruleARN(listener), priority: strconv.Itoa(priority), conditions: everyPath(), actions: []types.Action{{Type: types.ActionTypeEnumForward}}})
	l.sort()
}

func everyPath() []types.RuleCondition {
	return []types.RuleCondition{{Field: new("path-pattern"), PathPatternConfig: &types.PathPatternConditionConfig{Values: []string{"*"}}}}
}

// Answers says what a request for a path gets: "forward", or the status code of
// a fixed response.
func (s *Service) Answers(listener, request string) string {
	for _, r := range s.listeners[listener].rules {
		if !r.fits(request) {
			continue
		}
		if a := r.actions[0]; a.Type == types.ActionTypeEnumFixedResponse {
			return *a.FixedResponseConfig.StatusCode
		}
		return string(r.actions[0].Type)
	}
	return ""
}

func (r *rule) fits(request string) bool {
	for _, c := range r.conditions {
		if !slices.ContainsFunc(c.PathPatternConfig.Values, func(pattern string) bool {
			ok, err := path.Match(pattern, request)
			return err == nil && ok || strings.HasSuffix(pattern, "*") && strings.HasPrefix(request, strings.TrimSuffix(pattern, "*"))
		}) {
			return false
		}
	}
	return true
}

// ruleARN is …:listener-rule/app/<name>/<id>/<listener>/<rule>.
func (s *Service) ruleARN(listener string) string {
	return strings.Replace(listener, ":listener/", ":listener-rule/", 1) + "/" + s.w.Hex(16)
}

func (l *listener) sort() {
	number := func(r *rule) int {
		if r.priority == defaultPriority {
			return 1 << 20
		}
		n, _ := strconv.Atoi(r.priority)
		return n
	}
	slices.SortFunc(l.rules, func(a, b *rule) int { return cmp.Compare(number(a), number(b)) })
}

// find is the rule of an ARN, with its listener.
func (s *Service) find(account, arn string) (listenerARN string, l *listener, r *rule) {
	for _, key := range slices.Sorted(maps.Keys(s.listeners)) {
		l := s.listeners[key]
		for _, r := range l.rules {
			if r.arn == arn && l.account == account {
				return key, l, r
			}
		}
	}
	return "", nil, nil
}

func (r *rule) view() types.Rule {
	return types.Rule{RuleArn: new(r.arn), Priority: new(r.priority), Conditions: r.conditions, Actions: r.actions, IsDefault: new(r.priority == defaultPriority)}
}

func tagMap(tags []types.Tag) map[string]string {
	out := map[string]string{}
	for _, t := range tags {
		out[*t.Key] = *t.Value
	}
	return out
}

func noListener(arn string) error {
	return &types.ListenerNotFoundException{Message: new(fmt.Sprintf("One or more listeners not found: %s", arn))}
}

func noRule(arn string) error {
	return &types.RuleNotFoundException{Message: new(fmt.Sprintf("One or more rules not found: %s", arn))}
}
