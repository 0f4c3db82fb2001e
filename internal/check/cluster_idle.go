package check

var clusterIdle = Check{
	Name: "cluster-idle", Side: Production, Scope: Ground, Needs: []Source{FromClusters, FromJobs},
	Proves:      "no other backup or copy of the cluster is under way: AWS Backup runs one job of a resource at a time, a second one waits and expires",
	NotPromised: "that no backup plan begins one before dbferry's own",
	Run: func(f Facts) []Finding {
		return eachCluster(f, func(c ClusterFacts) Finding { return idle(f, c.ID, c.ARN) })
	},
}

// idle says whether AWS Backup works on a resource.
func idle(f Facts, name, arn string) Finding {
	for _, j := range f.Jobs {
		if j.ResourceARN != arn {
			continue
		}
		if j.Own {
			return unproved(name, j.Kind+" job "+j.ID+" of another refresh of dbferry is "+j.State+"; the locks decide whether this one may begin")
		}
		by := ""
		if j.Plan != "" {
			by = " of backup plan " + j.Plan
		}
		fix := "wait for its end: `aws backup describe-" + j.Kind + "-job --" + j.Kind + "-job-id " + j.ID + "`"
		if j.Plan != "" {
			fix += ", and keep the plan's window apart from targets[].schedule"
		}
		return wrong(name, j.Kind+" job "+j.ID+by+" is "+j.State+"; dbferry's own would wait for it and expire", fix)
	}
	return proved(name, "AWS Backup has no unfinished backup or copy of it")
}
