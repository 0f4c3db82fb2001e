package config

import (
	"regexp"
	"slices"
	"strings"
)

// placeholder is a reference in a parameter's or record's value.
var placeholder = regexp.MustCompile(`\$\{([a-zA-Z]+)(?::([^}]*))?\}`)

// Reference is what a value refers to: what of which item, and of a secret whose.
type Reference struct{ What, Item, User string }

// reference reads the two parts of a placeholder.
func reference(what, item string) Reference {
	r := Reference{What: what, Item: item}
	if what == AskSecret {
		r.Item, r.User, _ = strings.Cut(item, "/")
	}
	return r
}

// String is the placeholder.
func (p Reference) String() string {
	text := "${" + p.What
	if p.Item != "" {
		text += ":" + p.Item
	}
	if p.User != "" {
		text += "/" + p.User
	}
	return text + "}"
}

// What a placeholder may ask for. refresh has no item; tables have table,
// tableArn and stream; the rest is of clusters.
const (
	AskEndpoint = "endpoint" // where applications reach the cluster: its proxy's endpoint, or its own
	AskWriter   = "writer"   // the cluster's own endpoint
	AskReader   = "reader"   // the cluster's own reader endpoint
	AskPort     = "port"
	AskCluster  = "cluster" // identifier
	AskSecret   = "secret"  // of a login: ARN of the generation's own secret, or what logins[].secret says
	AskTable    = "table"   // name
	AskTableARN = "tableArn"
	AskStream   = "stream" // ARN of the latest stream
	AskRefresh  = "refresh"
)

var (
	askOfCluster = []string{AskEndpoint, AskWriter, AskReader, AskPort, AskCluster}
	askOfTable   = []string{AskTable, AskTableARN, AskStream}
)

// OfTable says whether the placeholder is about a table.
func (p Reference) OfTable() bool { return slices.Contains(askOfTable, p.What) }

// References lists what a value refers to, in order.
func References(value string) []Reference {
	var out []Reference
	for _, m := range placeholder.FindAllStringSubmatch(value, -1) {
		out = append(out, reference(m[1], m[2]))
	}
	return out
}

// Fill replaces the placeholders of a value.
func Fill(value string, with func(Reference) (string, error)) (string, error) {
	var failed error
	out := placeholder.ReplaceAllStringFunc(value, func(text string) string {
		m := placeholder.FindStringSubmatch(text)
		v, err := with(reference(m[1], m[2]))
		if err != nil && failed == nil {
			failed = err
		}
		return v
	})
	return out, failed
}

// References lists what the values of parameters and records refer to.
func (s Switch) References() []Reference {
	var out []Reference
	for _, v := range s.Parameters {
		out = append(out, References(v.Value)...)
	}
	for _, v := range s.Records {
		out = append(out, References(v.Value)...)
	}
	return out
}

// LeadsToSecret says whether a parameter tells applications which secret a login
// of a cluster has.
func (s *Switch) LeadsToSecret(cluster, user string) bool {
	return s != nil && slices.Contains(s.References(), Reference{AskSecret, cluster, user})
}

// leadsTo says whether a parameter or record names the cluster's endpoint.
func (s Switch) leadsTo(cluster string) bool {
	return slices.Contains(s.References(), Reference{What: AskEndpoint, Item: cluster})
}

// checkSecrets wants the secrets of a value to be of logins that the target has.
func checkSecrets(at, value string, t Target, p *Problems) {
	for _, r := range References(value) {
		if r.What != AskSecret {
			continue
		}
		set, err := t.ClusterSettings(r.Item)
		if err != nil {
			continue // the preflight names a cluster without settings
		}
		if !slices.ContainsFunc(set.Logins, func(l Login) bool { return l.User == r.User }) {
			p.addf("%s: %s: entry %q of the target's clusters has no login of that user", at, r, set.Match)
		}
	}
}

func checkValue(at, value string, p *Problems) {
	found := References(value)
	if len(found) == 0 {
		p.addf("%s: %q has no placeholder such as ${endpoint:shop-orders} or ${table:shop-carts}", at, value)
	}
	if strings.Contains(placeholder.ReplaceAllString(value, ""), "${") || strings.Contains(value, "{{") {
		p.addf("%s: %q has a brace that is not a placeholder", at, value)
	}
	for _, f := range found {
		switch {
		case f.What == AskRefresh && f.Item == "":
		case slices.Contains(askOfCluster, f.What) && clusterID.MatchString(f.Item):
		case f.What == AskSecret && clusterID.MatchString(f.Item) && f.User != "":
		case f.OfTable() && tableName.MatchString(f.Item):
		default:
			p.addf("%s: %s is not known; of clusters there are %s, of tables %s, and ${secret:<cluster>/<user>} and ${refresh}", at, f,
				strings.Join(askOfCluster, ", "), strings.Join(askOfTable, ", "))
		}
	}
}
