package names

import (
	"strings"
	"testing"
)

// longest is the longest target name that the configuration accepts, in the
// Region with the longest name.
var longest = Place{Side: strings.Repeat("s", 20), Account: "222222222222", Region: "ap-southeast-1"}

func TestNamesFitAWS(t *testing.T) {
	for what, c := range map[string]struct {
		name  string
		limit int
	}{
		"bucket (S3)":                       {longest.Ledger(), 63},
		"inbox (S3)":                        {longest.Inbox(), 63},
		"vault (AWS Backup)":                {longest.Vault(), 50},
		"role of a function (IAM)":          {longest.FunctionRole("copy-recovery-point"), 64},
		"role of a machine (IAM)":           {MachineRole("production-backup", longest.Side), 64},
		"role of the forwarding rule (IAM)": {ForwardRule(longest.Side), 64},
		"state machine (Step Functions)":    {Machine("production-backup", longest.Side), 80},
		"function (Lambda)":                 {longest.Function("copy-recovery-point"), 64},
		"bus (EventBridge)":                 {longest.Bus(), 256},
	} {
		if len(c.name) > c.limit {
			t.Errorf("%s: %s has %d characters, AWS allows %d", what, c.name, len(c.name), c.limit)
		}
	}
}

func TestARNs(t *testing.T) {
	p := Place{Side: "staging", Account: "222222222222", Region: "eu-west-1"}
	for want, got := range map[string]string{
		"arn:aws:backup:eu-west-1:222222222222:backup-vault:dbferry-staging":                           p.VaultARN(),
		"arn:aws:events:eu-west-1:222222222222:event-bus/default":                                      p.BusARN("default"),
		"arn:aws:sns:eu-west-1:222222222222:dbferry-staging":                                           p.TopicARN(),
		"arn:aws:lambda:eu-west-1:222222222222:function:dbferry-notify":                                p.FunctionARN("notify"),
		"arn:aws:iam::222222222222:root":                                                               p.RootARN(),
		"arn:aws:iam::222222222222:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup": p.RoleARN(BackupServiceLinkedRole),
		"arn:aws:states:eu-west-1:222222222222:stateMachine:dbferry-staging-restore-staging":           p.MachineARN("staging-restore", "staging"),
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestRestoredNames(t *testing.T) {
	const id = "202611230300-a1b2c3"
	long := strings.Repeat("orders", 10) + "xyz" // 63, RDS's limit
	for name, c := range map[string]struct{ got, want string }{
		"short cluster": {RestoredCluster("shop-orders", id), "shop-orders-" + id},
		"table":         {RestoredTable("shop.Carts_v2", id), "shop.Carts_v2-" + id},
		"instance":      {RestoredInstance("shop-orders-"+id, 1), "shop-orders-" + id + "-1"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %s, want %s", name, c.got, c.want)
		}
	}
	first, second := RestoredCluster(long, Attempt(id, 1)), RestoredCluster(long, Attempt(id, 2))
	if first != RestoredCluster(long, id) || second == first || !strings.HasSuffix(second, "-"+id+"-r2") || len(RestoredInstance(second, 16)) > MaxRestoredCluster {
		t.Errorf("attempts are named %s and %s", first, second)
	}
	cluster := RestoredCluster(long, id)
	if n := len(RestoredInstance(cluster, 16)); n > MaxRestoredCluster {
		t.Errorf("instance 16 of %s has %d characters", cluster, n)
	}
	if !strings.HasSuffix(cluster, "-"+id) || strings.Contains(cluster, "--") {
		t.Errorf("%s is no name of a refresh", cluster)
	}
	if other := RestoredCluster(long[:62]+"w", id); other == cluster {
		t.Errorf("two sources share the name %s", cluster)
	}
}

// FuzzRestoredCluster: any identifier that RDS accepts gives one that it
// accepts, with room for the instances.
func FuzzRestoredCluster(f *testing.F) {
	f.Add("shop-orders")
	f.Add("a-" + strings.Repeat("b", 60))
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) == 0 || len(source) > 63 || strings.Trim(source, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" ||
			strings.Contains(source, "--") || strings.HasSuffix(source, "-") || source[0] < 'a' {
			return
		}
		got := RestoredCluster(source, "202611230300-a1b2c3")
		if len(got) > MaxRestoredCluster-3 || strings.Contains(got, "--") || got[0] != source[0] {
			t.Errorf("%s became %s", source, got)
		}
	})
}

// TestRestoredAlarm: every name fits into CloudWatch's 255 characters, and two
// alarms never share one.
func TestRestoredAlarm(t *testing.T) {
	if got := RestoredAlarm("carts-202611230300-a1b2c3", "throttled"); got != "dbferry/carts-202611230300-a1b2c3/throttled" {
		t.Error(got)
	}
	seen := map[string]bool{}
	for _, restored := range []string{strings.Repeat("t", 255), strings.Repeat("t", 254) + "u"} {
		for _, alarm := range []string{strings.Repeat("é", 120), strings.Repeat("é", 119) + "e"} {
			got := RestoredAlarm(restored, alarm)
			if len(got) > 255 || seen[got] || !strings.HasPrefix(got, RestoredAlarms) || strings.ToValidUTF8(got, "") != got {
				t.Errorf("%d bytes: %s", len(got), got)
			}
			seen[got] = true
		}
	}
}

// TestLoginSecret: a generation's secret is told by its ARN from other users',
// other clusters' and the target's own, and no name looks like a part of an ARN.
func TestLoginSecret(t *testing.T) {
	const id, arn = "202611230300-a1b2c3", "arn:aws:secretsmanager:eu-west-1:222222222222:secret:"
	for _, user := range []string{"orders_app", "with-abcdef", "päivi/o'hara", "a b"} {
		name := LoginSecret("staging", "shop-orders", id, user)
		for _, r := range name {
			if !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_+=.@-", r) {
				t.Errorf("%s: Secrets Manager takes no %q", name, r)
			}
		}
		if !IsLoginSecret(arn+name+"-Xy12Zz", "staging", "shop-orders", user) {
			t.Errorf("%s is not known", name)
		}
		for _, other := range []string{name, arn + name, arn + LoginSecret("staging", "shop-orders", id, user+"x") + "-Xy12Zz", arn + LoginSecret("staging", "shop-order", id, user) + "-Xy12Zz",
			arn + LoginSecret("qa", "shop-orders", id, user) + "-Xy12Zz", arn + "staging/shop/app-Xy12Zz"} {
			if IsLoginSecret(other, "staging", "shop-orders", user) {
				t.Errorf("%s is taken for the secret of %s", other, user)
			}
		}
	}
	if LoginSecret("staging", "shop-orders", id, "a b") == LoginSecret("staging", "shop-orders", id, "a_b") {
		t.Error("two users share a name")
	}
}
