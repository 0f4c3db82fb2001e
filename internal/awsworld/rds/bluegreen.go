package rds

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// Statuses of a deployment and of its members, and of tasks.
const (
	provisioning       = "PROVISIONING"
	deploymentReady    = "AVAILABLE"
	switching          = "SWITCHOVER_IN_PROGRESS"
	switched           = "SWITCHOVER_COMPLETED"
	switchFailed       = "SWITCHOVER_FAILED"
	invalidDeployment  = "INVALID_CONFIGURATION"
	deletingDeployment = "DELETING"
	missingSource      = "MISSING_SOURCE"
	missingTarget      = "MISSING_TARGET"

	taskPending    = "PENDING"
	taskInProgress = "IN_PROGRESS"
	taskCompleted  = "COMPLETED"
	taskFailed     = "FAILED"
)

// migration is what an account has besides clusters for moving them.
type migration struct {
	deployments map[string]*deployment
	endpoints   map[string]*customEndpoint
	log         []keptEvent
	maintenance []Maintenance
}

// deployment is a Blue/Green deployment. It holds its members by identity, so
// that their names follow every renaming.
type deployment struct {
	id, name, arn   string
	account         *account
	status, details string
	created, gone   time.Time
	tags            map[string]string
	tasks           []*task
	blue, green     *cluster
	members         []*member
	ask             request
	proxies         []string // that had blue as their target when it was created
	epoch           int      // raised to end the process that works on it
}

// request is what the caller asked green to be.
type request struct{ version, clusterGroup, instanceGroup string }

// task is one step of building green.
type task struct {
	name, status string
	do           func() (problem string)
}

// member pairs what is blue with what is green.
type member struct {
	kind          string // "cluster", "db" or "cluster-endpoint"
	status        string
	source        func() (arn string, exists bool)
	target        func() (arn string, exists bool)
	shown         bool // the target is told from AVAILABLE on
	blue, green   *instance
	blueE, greenE *customEndpoint
	greenWas      string // name of the green instance before the switchover
}

func (s *Service) findDeployment(account string, id *string) (*deployment, error) {
	d := s.account(account).deployments[strings.ToLower(aws.ToString(id))]
	if d == nil {
		return nil, &types.BlueGreenDeploymentNotFoundFault{Message: aws.String(fmt.Sprintf("BlueGreenDeployment %s not found.", aws.ToString(id)))}
	}
	return d, nil
}

func deploymentState(format string, args ...any) error {
	return &types.InvalidBlueGreenDeploymentStateFault{Message: aws.String(fmt.Sprintf(format, args...))}
}

// nap lets a process on the deployment wait; false when it has to end.
func (s *Service) nap(d *deployment, epoch int, wait time.Duration) bool {
	return s.w.Kernel.Sleep(context.Background(), wait) == nil && d.epoch == epoch
}

func (s *Service) clusterMember(d *deployment) *member {
	return &member{
		kind: "cluster", status: provisioning,
		source: func() (string, bool) { return d.blue.arn, d.account.clusters[d.blue.ID] == d.blue },
		target: func() (string, bool) {
			if d.green == nil {
				return "", true
			}
			return d.green.arn, d.account.clusters[d.green.ID] == d.green
		},
	}
}

func (s *Service) instanceMember(d *deployment, blue *instance) *member {
	m := &member{kind: "db", status: provisioning, blue: blue}
	m.source = func() (string, bool) { return blue.arn, d.account.instances[blue.ID] == blue }
	m.target = func() (string, bool) {
		if m.green == nil {
			return "", true
		}
		return m.green.arn, d.account.instances[m.green.ID] == m.green
	}
	return m
}

func (s *Service) endpointMember(d *deployment, blue *customEndpoint) *member {
	m := &member{kind: "cluster-endpoint", status: provisioning, blueE: blue}
	m.source = func() (string, bool) {
		return s.endpointARN(d.account.id, blue), d.account.endpoints[blue.id] == blue
	}
	m.target = func() (string, bool) {
		if m.greenE == nil {
			return "", true
		}
		return s.endpointARN(d.account.id, m.greenE), d.account.endpoints[m.greenE.id] == m.greenE
	}
	return m
}

// shows is the status that Describe gives a member.
func (m *member) shows() string {
	if _, ok := m.source(); !ok {
		return missingSource
	}
	if _, ok := m.target(); !ok {
		return missingTarget
	}
	return m.status
}

// turn gives the deployment another status and tells who watches.
func (s *Service) turn(d *deployment, status string) {
	d.status = status
	if s.Turned != nil {
		s.Turned(d.account.id, d.blue.ID, status)
	}
}

func (d *deployment) mark(status string) {
	for _, m := range d.members {
		m.status = status
	}
}

// deploymentView is the deployment as Describe shows it, freshly built.
func (s *Service) deploymentView(d *deployment) types.BlueGreenDeployment {
	v := types.BlueGreenDeployment{
		BlueGreenDeploymentIdentifier: aws.String(d.id), BlueGreenDeploymentName: aws.String(d.name), Source: aws.String(d.blue.arn),
		Status: aws.String(d.status), CreateTime: aws.Time(d.created), TagList: tagList(d.tags),
	}
	if d.details != "" {
		v.StatusDetails = aws.String(d.details)
	}
	if !d.gone.IsZero() {
		v.DeleteTime = aws.Time(d.gone)
	}
	for _, m := range d.members {
		arn, _ := m.source()
		detail := types.SwitchoverDetail{SourceMember: aws.String(arn), Status: aws.String(m.shows())}
		if target, _ := m.target(); target != "" && m.shown {
			detail.TargetMember = aws.String(target)
			if m.kind == "cluster" {
				v.Target = aws.String(target)
			}
		}
		v.SwitchoverDetails = append(v.SwitchoverDetails, detail)
	}
	for _, t := range d.tasks {
		v.Tasks = append(v.Tasks, types.BlueGreenDeploymentTask{Name: aws.String(t.name), Status: aws.String(t.status)})
	}
	return v
}

// letters draws n lower-case letters and digits, as AWS puts into identifiers.
func (s *Service) letters(n int) string {
	const alphabet = "0123456789abcdefghijklmnopqrstuvwxyz"
	out, raw := make([]byte, n), s.w.Hex(2*n)
	for i := range out {
		var b int
		fmt.Sscanf(raw[2*i:2*i+2], "%02x", &b)
		out[i] = alphabet[b%len(alphabet)]
	}
	return string(out)
}

// greenName is the name of a green member: the blue name, which is cut when
// the whole would be longer than RDS allows, with a suffix of its own.
func (s *Service) greenName(blue string) string {
	return strings.TrimSuffix(blue[:min(len(blue), 63-len("-green-")-6)], "-") + "-green-" + s.letters(6)
}

// oldName is what a blue member is called after the switchover.
func oldName(blue string, taken func(string) bool) string {
	for n := 1; ; n++ {
		suffix := fmt.Sprintf("-old%d", n)
		name := strings.TrimSuffix(blue[:min(len(blue), 63-len(suffix))], "-") + suffix
		if !taken(name) {
			return name
		}
	}
}

// deploymentsOf lists an account's deployments in the order of their creation.
func (a *account) deploymentsOf() []*deployment {
	all := sorted(a.deployments)
	slices.SortStableFunc(all, func(x, y *deployment) int { return cmp.Or(x.created.Compare(y.created), cmp.Compare(x.id, y.id)) })
	return all
}

// inSwitchover refuses changes to members while they are switched over.
func inSwitchover(c *cluster) error {
	if c != nil && c.deployment != nil && c.deployment.status == switching {
		return clusterState("DB cluster %s is being switched over by blue/green deployment %s.", c.ID, c.deployment.id)
	}
	return nil
}

// Outage is a time during which AWS itself refused or misled writers of a
// cluster's name.
type Outage struct {
	Cluster   string // the name that applications use
	From, To  time.Time
	What      string // "switchover", "DNS" while the name still leads to the old cluster, or "proxy" while one is being registered
	ThroughIt bool   // a proxy, which does not wait for DNS, is affected too
	OfProxy   bool   // only those who come through a proxy are affected
}

// Outages lists them in order.
func (s *Service) Outages() []Outage { return slices.Clone(s.outages) }

// Switching tells whether a cluster, by any of its present names, is in a
// switchover, or was until DNS followed.
func (s *Service) Switching(account, id string) bool {
	c := s.account(account).clusters[strings.ToLower(id)]
	return c != nil && c.deployment != nil && c.deployment.status == switching
}
