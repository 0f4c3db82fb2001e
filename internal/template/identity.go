package template

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// seed is all that a minted name depends on, so that the same assembly always
// gives the same names.
type seed struct {
	account, region, stack, logicalID string
}

func (s seed) sum() [32]byte {
	return sha256.Sum256([]byte(strings.Join([]string{s.account, s.region, s.stack, s.logicalID}, "\n")))
}

// characters draws n characters of an alphabet from the seed.
func (s seed) characters(alphabet string, n int) string {
	sum := s.sum()
	out := make([]byte, n)
	for i := range out {
		out[i] = alphabet[int(sum[i])%len(alphabet)]
	}
	return string(out)
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// mintName is <stack>-<logical id>-<12 characters>. Like CloudFormation it
// shortens stack and logical id, never the random part.
func mintName(s seed, longest int) string {
	hash := s.characters(letters, 12)
	stack, id := s.stack, s.logicalID
	if room := longest - len(hash) - 2; longest > 0 && len(stack)+len(id) > room {
		id = id[:min(len(id), max(room/2, room-len(stack)))]
		stack = stack[:min(len(stack), room-len(id))]
	}
	return stack + "-" + id + "-" + hash
}

func mintLowerName(s seed, longest int) string { return strings.ToLower(mintName(s, longest)) }

// mintUUID has the shape of a random UUID, version 4.
func mintUUID(s seed, _ int) string {
	b := s.sum()
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

func mintGroup(s seed, _ int) string     { return "sg-" + s.characters("0123456789abcdef", 17) }
func mintGroupRule(s seed, _ int) string { return "sgr-" + s.characters("0123456789abcdef", 17) }

// identity is a resource's name and what its Ref and attributes are made of.
type identity struct {
	seed       seed
	properties map[string]any
	values     map[string]string
	problem    string
}

// identify names a resource whose properties are resolved. The problem tells
// why it cannot be named.
func identify(k kind, s seed, properties map[string]any) (*identity, string) {
	i := &identity{seed: s, properties: properties, values: map[string]string{
		"partition": partition(s.region), "region": s.region, "account": s.account, "suffix": urlSuffix(s.region),
		"unique": s.characters(letters, 17),
	}}
	name, given := scalar(properties[k.nameIn])
	switch {
	case given && name != "":
		if k.longest > 0 && len(name) > k.longest {
			return nil, fmt.Sprintf("%s %q has %d characters, AWS allows %d", k.nameIn, name, len(name), k.longest)
		}
	case k.mint == nil:
		return nil, fmt.Sprintf("%s is required", k.nameIn)
	default:
		name = k.mint(s, k.longest)
	}
	i.values["name"] = name
	if k.derive != nil {
		k.derive(i)
	}
	return i, i.problem
}

// expand fills a format of the table.
func (i *identity) expand(format string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(format, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		key, after, _ := strings.Cut(rest, "}")
		b.WriteString(i.values[key])
		format = after
	}
}

// property is a property's text, or otherwise.
func (i *identity) property(name, otherwise string) string {
	if s, ok := scalar(i.properties[name]); ok && s != "" {
		return s
	}
	return otherwise
}

func derivePath(i *identity)     { i.values["path"] = i.property("Path", "/") }
func deriveSchedule(i *identity) { i.values["group"] = i.property("GroupName", "default") }

func deriveSubscription(i *identity) { i.values["topic"] = i.property("TopicArn", "") }

func deriveGroup(i *identity) {
	i.values["vpc"] = i.property("VpcId", "")
	i.values["groupName"] = i.property("GroupName", mintName(i.seed, 255))
}

func deriveParameter(i *identity) {
	i.values["type"] = i.property("Type", "")
	i.values["value"] = i.property("Value", "")
}

// deriveRule: on a bus of its own a rule's id is bus|name, and its ARN names
// the bus too (cloudformation-coverage-roadmap issue 1131).
func deriveRule(i *identity) {
	bus := busName(i.property("EventBusName", defaultBus))
	name := i.values["name"]
	i.values["ruleID"], i.values["rulePath"] = bus+"|"+name, bus+"/"+name
	if bus == defaultBus {
		i.values["ruleID"], i.values["rulePath"] = name, name
	}
}

// serviceRoles are the names AWS gives its service-linked roles, for the
// services dbferry meets ("Using service-linked roles" of each service).
var serviceRoles = map[string]string{
	"backup.amazonaws.com":                           "AWSServiceRoleForBackup",
	"rds.amazonaws.com":                              "AWSServiceRoleForRDS",
	"ecs.amazonaws.com":                              "AWSServiceRoleForECS",
	"dynamodb.application-autoscaling.amazonaws.com": "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable",
	"replication.dynamodb.amazonaws.com":             "AWSServiceRoleForDynamoDBReplication",
}

func deriveServiceRole(i *identity) {
	service := i.property("AWSServiceName", "")
	name, ok := serviceRoles[service]
	if !ok {
		i.problem = fmt.Sprintf("service-linked role of %q is not known; known are those of %s", service, strings.Join(sortedKeys(serviceRoles), ", "))
		return
	}
	if suffix := i.property("CustomSuffix", ""); suffix != "" {
		name += "_" + suffix
	}
	i.values["roleName"] = name
}

// partition is the part of AWS that a Region belongs to.
func partition(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

func urlSuffix(region string) string {
	if strings.HasPrefix(region, "cn-") {
		return "amazonaws.com.cn"
	}
	return "amazonaws.com"
}
