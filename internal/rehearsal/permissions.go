package rehearsal

import (
	"path"
	"slices"
	"strings"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/iam"
)

// grants are the (role, action) pairs that dbferry's own policies grant, by
// policy name: the policies that AWS writes are not dbferry's to trim. An
// action with a wildcard counts as one.
type grants struct {
	role    map[string]*awsworld.Role // policy name → role
	granted map[string]bool           // "role action"
	used    map[string]bool
}

// permissions compares what the deployed roles may do with what decided calls
// of the run.
func (s *stage) permissions() Permissions {
	g := grants{map[string]*awsworld.Role{}, map[string]bool{}, map[string]bool{}}
	for _, d := range s.deployments {
		for _, v := range d.Roles {
			if role := s.w.Account(d.Account).Role(v.ARN); role != nil {
				g.add(role)
			}
		}
	}
	for _, d := range s.w.Journal.Decisions {
		if d.Decision.Allowed {
			g.use(d)
		}
	}
	p := Permissions{Granted: len(g.granted), Used: len(g.used)}
	for pair := range g.granted {
		if !g.used[pair] {
			p.Unused = append(p.Unused, pair)
		}
	}
	slices.Sort(p.Unused)
	return p
}

func (g grants) add(role *awsworld.Role) {
	for _, p := range role.Policies {
		if strings.HasPrefix(p.Name, "arn:aws:iam::aws:") {
			continue
		}
		g.role[p.Name] = role
		for _, st := range p.Doc.Statements {
			for _, action := range st.Action {
				if st.Effect == iam.Allow {
					g.granted[pair(role, action)] = true
				}
			}
		}
	}
}

// use marks the action patterns of the statements that allowed a call.
func (g grants) use(d awsworld.Decided) {
	for _, id := range d.Decision.By {
		role := g.role[id.Policy]
		if role == nil {
			continue
		}
		for _, p := range role.Policies {
			if p.Name != id.Policy || id.Index >= len(p.Doc.Statements) {
				continue
			}
			for _, action := range p.Doc.Statements[id.Index].Action {
				if ok, _ := path.Match(strings.ToLower(action), strings.ToLower(d.Action)); ok {
					g.used[pair(role, action)] = true
				}
			}
		}
	}
}

func pair(role *awsworld.Role, action string) string {
	return role.Account + "/" + role.Name + " " + action
}
