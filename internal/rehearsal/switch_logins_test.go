package rehearsal_test

import (
	"encoding/json"
	"testing"

	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/dbconn"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
	"github.com/dbferry/dbferry/internal/rehearsal"
	"github.com/dbferry/dbferry/internal/simnet"
)

// logsIn logs in to a generation of shop-orders from the application's subnets
// with what staging's secrets hold, as the master user and as the application.
func logsIn(t *testing.T, o *rehearsal.Operator, when, refreshID string) {
	t.Helper()
	target, err := o.Config().Target("staging")
	if err != nil {
		t.Fatal(err)
	}
	account, cluster := target.Account, names.RestoredCluster("shop-orders", refreshID)
	set, err := target.ClusterSettings("shop-orders")
	if err != nil {
		t.Fatal(err)
	}
	host, _, ok := o.RDS().ClusterEndpoints(account, cluster)
	if !ok {
		t.Errorf("%s: there is no %s", when, cluster)
		return
	}
	net := simnet.Dialer{RDS: o.RDS(), From: rds.NetworkPlace{Account: account, VPC: target.Network.VPC, Subnets: target.Network.FunctionSubnets, SecurityGroups: target.Switch.ProxySecurityGroups}}
	for _, secret := range []string{set.MasterSecret, set.Logins[0].Secret} {
		raw, _ := o.SecretValues().Value(account, secret)
		var v struct{ Username, Password string }
		if err := json.Unmarshal([]byte(raw), &v); err != nil {
			t.Errorf("secret %s: %v", secret, err)
		}
		login := dbconn.Login{Engine: dbconn.AuroraMySQL, Host: host, Port: 3306, User: v.Username, Password: v.Password}
		db, err := dbconn.Open(t.Context(), net, login)
		if err != nil {
			t.Errorf("%s: %s cannot log in to %s: %v", when, v.Username, cluster, err)
			continue
		}
		db.Close()
		login.Password += "x"
		if db, err := dbconn.Open(t.Context(), net, login); err == nil {
			db.Close()
			t.Errorf("%s: %s logs in to %s with any password", when, v.Username, cluster)
		}
	}
}

// TestStagingsSecretsStayValid: what staging's secrets hold opens the serving
// generation before, during and after a refresh, a switch and the way back, and
// the new one from the end of the restore on, as the application and as the
// master user. Nobody writes into the secrets.
func TestStagingsSecretsStayValid(t *testing.T) {
	play(t, servingWorld(t, ground.LanePair, earlier), func(_ *rehearsal.Rehearsal, o *rehearsal.Operator) error {
		secrets := func() (all []string) {
			for _, name := range []string{"staging/shop/master", "staging/shop/app"} {
				v, ok := o.SecretValues().Value("222222222222", name)
				if !ok {
					t.Errorf("there is no secret %s", name)
				}
				all = append(all, v)
			}
			return all
		}
		held := secrets()
		logsIn(t, o, "before", earlier)
		during := 0
		look := func(machine, state string) {
			o.OnEnter(func(s states.Step) bool { return s.Machine == machine && s.Event.Name == state }, func() {
				during++
				logsIn(t, o, "at "+state, earlier)
			})
		}
		for _, state := range []string{"Restore the cluster (cluster)", "Reset the credentials (cluster)", "Finish the cluster (cluster)"} {
			look("staging-restore", state)
		}
		out, err := o.Refresh("staging", refresh.BackupInput{})
		if err != nil || out.Verdict != rehearsal.VerdictSucceeded {
			t.Fatalf("%s %s %v", out.Verdict, out.Cause, err)
		}
		s := &switcher{o, t, out.RefreshID}
		s.must(nil, o.Settle())
		both := func(when string) {
			logsIn(t, o, when, earlier)
			logsIn(t, o, when, s.id)
		}
		both("restored")
		for _, state := range []string{"Write the parameters", "Verify what serves"} {
			look("staging-switch", state)
			o.OnEnter(func(x states.Step) bool { return x.Machine == "staging-switch" && x.Event.Name == state }, func() { logsIn(t, o, "at "+state, s.id) })
		}
		s.to(rehearsal.VerdictSucceeded, s.id)
		both("switched")
		s.to(rehearsal.VerdictSucceeded, earlier)
		both("back")
		if during != 5 {
			t.Errorf("looked %d times while it went on", during)
		}
		for i, v := range secrets() {
			if v != held[i] {
				t.Error("a secret was written")
			}
		}
		return o.Settle()
	})
}
