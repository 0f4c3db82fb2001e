package keypolicy

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/golden"
)

func shipped(t *testing.T) config.Config {
	t.Helper()
	c, err := config.Load("../../dbferry.json")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestStatements(t *testing.T) {
	c := shipped(t)
	golden.Equal(t, "testdata/cluster-key.golden.json", []byte("[\n"+JSON(ClusterKeyStatements(c))+"\n]\n"))
	golden.Equal(t, "testdata/vault-key.golden.json", []byte("[\n"+JSON(VaultKeyStatements(c))+"\n]\n"))
}

func TestEveryPrincipalIsAnAccountNarrowedToOneRole(t *testing.T) {
	c := shipped(t)
	for _, s := range append(ClusterKeyStatements(c), VaultKeyStatements(c)...) {
		if s.Condition["ArnEquals"]["aws:PrincipalArn"] == "" {
			t.Errorf("%s: %s is not narrowed by aws:PrincipalArn", s.Sid, s.Principal.AWS)
		}
	}
}

func TestGrantsAreForAWSResourcesOnly(t *testing.T) {
	for _, s := range ClusterKeyStatements(shipped(t)) {
		for _, a := range s.Action {
			if a == "kms:CreateGrant" && s.Condition["Bool"]["kms:GrantIsForAWSResource"] != "true" {
				t.Errorf("%s lets anyone's grant be made", s.Sid)
			}
		}
	}
}

func TestTwoTargets(t *testing.T) {
	c := shipped(t)
	second := c.Targets[0]
	second.Name, second.Account = "qa-eu", "333333333333"
	c.Targets = append(c.Targets, second)
	var sids []string
	for _, s := range ClusterKeyStatements(c) {
		sids = append(sids, s.Sid)
	}
	want := []string{
		"DbferryBackupRoleDescribe", "DbferryBackupRoleUse", "DbferryBackupRoleGrant",
		"DbferryToStagingDescribe", "DbferryToStagingUse", "DbferryToStagingGrant",
		"DbferryToQaEuDescribe", "DbferryToQaEuUse", "DbferryToQaEuGrant",
	}
	if d := cmp.Diff(want, sids); d != "" {
		t.Error(d)
	}
}

func TestJSONIsAStatementArray(t *testing.T) {
	var back []Statement
	list := ClusterKeyStatements(shipped(t))
	if err := json.Unmarshal([]byte("["+JSON(list)+"]"), &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(list, back); d != "" {
		t.Error(d)
	}
}
