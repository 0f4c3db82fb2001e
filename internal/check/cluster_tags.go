package check

import "fmt"

var clusterTags = Check{
	Name: "cluster-tags", Side: Production, Scope: Ground, Needs: []Source{FromClusters},
	Proves:      "the cluster's tags and dbferry's own stay within the 50 that a recovery point and a restored cluster may carry",
	NotPromised: "that nobody adds tags before the backup",
	Run: func(f Facts) []Finding {
		return eachCluster(f, func(c ClusterFacts) Finding {
			return tagsFinding(c.ID, c.Tags, "rds remove-tags-from-resource --resource-name "+c.ARN)
		})
	},
}

// ownTags is how many tags dbferry puts on what it makes; maxTags is AWS's
// limit after merging, beyond which the job fails (docs/aws.md §3, §11).
const (
	ownTags = 4
	maxTags = 50
)

func tagsFinding(name string, tags int, remove string) Finding {
	if tags+ownTags > maxTags {
		return wrong(name, fmt.Sprintf("it has %d tags; with dbferry's %d they are more than the %d that AWS allows", tags, ownTags, maxTags),
			"`aws "+remove+" --tag-keys …`")
	}
	return proved(name, "its %d tags and dbferry's %d stay within %d", tags, ownTags, maxTags)
}
