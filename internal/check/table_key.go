package check

import "time"

var tableKey = Check{
	Name: "table-key", Side: Production, Scope: Ground, Needs: []Source{FromTables},
	Proves:      "DynamoDB can use the key of each table, so that its items can be read for a backup",
	NotPromised: "that the key stays enabled; recovery points are under the vault's key, not under this one",
	Run: func(f Facts) []Finding {
		return eachTable(f, func(t TableFacts) Finding {
			k := f.key(t.KeyARN)
			switch {
			case t.KeyARN == "":
				return proved(t.Name, "it is under a key that AWS owns")
			case !t.KeyLostAt.IsZero():
				return wrong(t.Name, "DynamoDB lost the use of its key "+t.KeyARN+" at "+t.KeyLostAt.UTC().Format(time.RFC3339), "`aws kms describe-key --key-id "+t.KeyARN+"`; enable it, and let DynamoDB use it")
			case k.Unread != "":
				return unproved(t.Name, k.Unread)
			case k.Missing:
				return wrong(t.Name, "its key "+t.KeyARN+" does not exist", "give the table another key: `aws dynamodb update-table --table-name "+t.Name+" --sse-specification …`")
			case k.State != "Enabled":
				return wrong(t.Name, "its key "+t.KeyARN+" is "+k.State, "`aws kms enable-key --key-id "+t.KeyARN+"`")
			}
			return proved(t.Name, "its key %s is enabled", t.KeyARN)
		})
	},
}
