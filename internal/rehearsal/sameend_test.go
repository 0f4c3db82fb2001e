package rehearsal_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/dbferry/dbferry/internal/asl"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/names"
	"github.com/dbferry/dbferry/internal/refresh"
)

// end is what a refresh comes to, told without its id and its times, so that
// the ends of two can be compared.
type end struct {
	Jobs      map[string]int // AWS's pieces of work, each as often as it was begun
	Clusters  []string
	Tables    []string
	Candidate []refresh.CandidateItem
	Mails     []string // of successes
}

// end reads it, and the refresh's id, which must be one.
func (s *story) end() (e end, id string) {
	for _, key := range s.o.Objects().Objects(s.ledger("222222222222")) {
		var c refresh.Candidate
		if strings.HasPrefix(key, "candidates/") && s.record("222222222222", key, &c) && !c.RecordedAt.Before(s.began) {
			if id != "" {
				s.t.Errorf("two candidates: %s and %s", id, c.RefreshID)
			}
			id, e.Candidate = c.RefreshID, c.Items
		}
	}
	e.Jobs = map[string]int{}
	for _, w := range s.o.World().Waits.All() {
		if !w.Began.Before(s.began) {
			e.Jobs[s.plain(w.Phase+": "+w.What, id)]++
		}
	}
	for i := range e.Candidate {
		e.Candidate[i].Name, e.Candidate[i].CutOff = s.plain(e.Candidate[i].Name, id), refresh.CutOff{}
	}
	for _, m := range s.mails() {
		if strings.HasPrefix(m.Subject, "dbferry Succeeded") {
			e.Mails = append(e.Mails, s.plain(m.Subject, id))
		}
	}
	slices.Sort(e.Mails)
	e.Clusters, e.Tables = s.clusters(id), s.tables(id)
	return e, id
}

func (s *story) plain(text, id string) string {
	if id == "" {
		return text
	}
	return strings.ReplaceAll(text, id, "ID")
}

// clusters describes what was restored: everything that a user would see.
func (s *story) clusters(id string) (out []string) {
	client := rds.NewFromConfig(s.o.AWS("222222222222"))
	all, err := client.DescribeDBClusters(context.Background(), &rds.DescribeDBClustersInput{})
	s.must(err)
	for _, c := range all.DBClusters {
		if id == "" || !strings.HasSuffix(aws.ToString(c.DBClusterIdentifier), id) {
			continue
		}
		c.ClusterCreateTime, c.DbClusterResourceId, c.EarliestRestorableTime, c.LatestRestorableTime = nil, nil, nil, nil
		out = append(out, s.text(c, id))
	}
	instances, err := client.DescribeDBInstances(context.Background(), &rds.DescribeDBInstancesInput{})
	s.must(err)
	for _, i := range instances.DBInstances {
		if id != "" && strings.HasSuffix(aws.ToString(i.DBClusterIdentifier), id) {
			i.InstanceCreateTime, i.DbiResourceId = nil, nil
			out = append(out, s.text(i, id))
		}
	}
	return out
}

func (s *story) tables(id string) (out []string) {
	client := dynamodb.NewFromConfig(s.o.AWS("222222222222"))
	pages := dynamodb.NewListTablesPaginator(client, &dynamodb.ListTablesInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		s.must(err)
		for _, name := range page.TableNames {
			if id != "" && strings.HasSuffix(name, id) {
				out = append(out, s.table(client, name, id))
			}
		}
	}
	return out
}

func (s *story) table(client *dynamodb.Client, name, id string) string {
	t, err := client.DescribeTable(context.Background(), &dynamodb.DescribeTableInput{TableName: &name})
	s.must(err)
	ttl, err := client.DescribeTimeToLive(context.Background(), &dynamodb.DescribeTimeToLiveInput{TableName: &name})
	s.must(err)
	pitr, err := client.DescribeContinuousBackups(context.Background(), &dynamodb.DescribeContinuousBackupsInput{TableName: &name})
	s.must(err)
	tags, err := client.ListTagsOfResource(context.Background(), &dynamodb.ListTagsOfResourceInput{ResourceArn: t.Table.TableArn})
	s.must(err)
	return s.text([]any{
		t.Table.TableName, t.Table.TableStatus, t.Table.KeySchema, t.Table.StreamSpecification, t.Table.DeletionProtectionEnabled,
		ttl.TimeToLiveDescription, pitr.ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus, tags.Tags,
	}, id)
}

func (s *story) text(v any, id string) string {
	raw, err := json.Marshal(v)
	s.must(err)
	return s.plain(string(raw), id)
}

func (s *story) must(err error) {
	if err != nil {
		s.t.Errorf("the operator's look: %v", err)
	}
}

// same checks that the story came to the undisturbed end, and that nothing on
// the way was done, told or recorded twice or wrongly. silent tells that the
// trouble kept the success of one side from being told.
func (s *story) same(want end, silent bool) (id string) {
	got, id := s.end()
	if silent && len(got.Mails) == len(want.Mails)-1 {
		got.Mails = want.Mails
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.t.Errorf("another end than undisturbed (-want +got):\n%s", diff)
	}
	s.once(id)
	told := map[string]int{}
	for _, m := range s.mails() {
		told[executionOf.FindStringSubmatch(m.Body)[1]]++
	}
	for _, x := range s.executions() {
		if n := told[x.ARN]; n > 1 {
			s.t.Errorf("%s %s: told %d times", x.Machine, x.Status, n)
		}
		if x.Status != asl.Succeeded && told[x.ARN] != 1 && !hasEntered(x, "Record the successful end") {
			s.t.Errorf("%s ended %s %s and %d mails say so", x.Name, x.Status, x.Error, told[x.ARN])
		}
	}
	return id
}

// once: the manifest was fixed in production's ledger and put into the inbox, and
// the candidate was recorded, each once.
func (s *story) once(id string) {
	puts := map[string]int{}
	for _, c := range s.o.World().Journal.Calls {
		if !c.At.Before(s.began) && c.Operation == "PutObject" && c.Outcome == "ok" {
			puts[c.Site.State]++
		}
	}
	if puts["Publish the manifest"] != 2 || puts["Record the candidate"] != 1 {
		s.t.Errorf("%s: the manifest was put %d times, want 2 (ledger, inbox), the candidate %d times", id, puts["Publish the manifest"], puts["Record the candidate"])
	}
	inbox, _ := s.o.Objects().Object(s.o.Config().Place(s.o.Config().Targets[0]).Inbox(), names.ManifestKey(id))
	for _, account := range []string{"111111111111", "222222222222"} {
		if raw, _ := s.o.Objects().Object(s.ledger(account), "runs/"+id+"/manifest.json"); string(raw) != string(inbox) || len(raw) == 0 {
			s.t.Errorf("account %s holds another manifest than the inbox", account)
		}
	}
}

func hasEntered(x states.Report, state string) bool { return slices.Contains(x.States, state) }

// closed checks that each execution's end stands in the ledger as it was, and
// that no lock is held but by an execution that could not be closed.
func (s *story) closed(unclosed bool) {
	for _, x := range s.executions() {
		var of, got struct {
			RefreshID, Verdict, Error string
			Begun                     bool
		}
		if !s.record(x.Account, "executions/"+x.Name+".json", &of) {
			if hasEntered(x, "Begun?") || hasEntered(x, "Back up every item") {
				s.t.Errorf("%s is not recorded", x.Name)
			}
			continue
		}
		found := s.record(x.Account, "runs/"+of.RefreshID+"/ends/"+x.Name+".json", &got)
		switch want := endOf(x, of.Begun); {
		case want == "" && found:
			s.t.Errorf("%s did nothing and has a recorded end: %+v", x.Name, got)
		case want != "" && !found && !(unclosed && x.Status == asl.Succeeded):
			s.t.Errorf("%s ended %s %s, and the ledger does not know it", x.Name, x.Status, x.Error)
		case found && got.Verdict != want && !inTheAct(x, got.Verdict):
			s.t.Errorf("%s ended %s %s after %v: the ledger says %s, want %s", x.Name, x.Status, x.Error, x.Path, got.Verdict, want)
		}
	}
	for _, account := range []string{"111111111111", "222222222222"} {
		for _, key := range s.o.Objects().Objects(s.ledger(account)) {
			if strings.HasPrefix(key, "locks/") && !unclosed {
				s.t.Errorf("a lock is left in account %s: %s", account, key)
			}
		}
	}
}

// endOf is the verdict that an execution deserves; empty for one that found the
// refresh in hand and did nothing.
func endOf(x states.Report, begun bool) string {
	switch {
	case x.Status == asl.Failed:
		return x.Error
	case x.Status == asl.Succeeded && !hasEntered(x, "Record the successful end"):
		return ""
	case x.Status == asl.Succeeded, hasEntered(x, "Tell about the successful end"):
		return refresh.Succeeded
	case hasEntered(x, "Tell about the refused end"), !begun:
		return refresh.Refused
	}
	return refresh.Failed
}

// inTheAct says that an execution was stopped while its first step worked or
// while its end was recorded, so that the function, which goes on, and the rule
// met: whichever came first is right.
func inTheAct(x states.Report, verdict string) bool {
	return x.Status == asl.Aborted && (len(x.States) == 1 || verdict == refresh.Succeeded && hasEntered(x, "Record the successful end") ||
		verdict == refresh.Refused && hasEntered(x, "Record the refused end"))
}

// sweepAway deletes the clusters of a story, so that their servers go, and its
// candidate, so that no later one inherits them.
func (s *story) sweepAway(id string) {
	client := rds.NewFromConfig(s.o.AWS("222222222222"))
	all, err := client.DescribeDBClusters(context.Background(), &rds.DescribeDBClustersInput{})
	s.must(err)
	for _, c := range all.DBClusters {
		if id == "" || !strings.HasSuffix(aws.ToString(c.DBClusterIdentifier), id) {
			continue
		}
		for _, m := range c.DBClusterMembers {
			_, err := client.DeleteDBInstance(context.Background(), &rds.DeleteDBInstanceInput{DBInstanceIdentifier: m.DBInstanceIdentifier, SkipFinalSnapshot: aws.Bool(true)})
			s.must(err)
		}
		_, err = client.DeleteDBCluster(context.Background(), &rds.DeleteDBClusterInput{DBClusterIdentifier: c.DBClusterIdentifier, SkipFinalSnapshot: aws.Bool(true)})
		s.must(err)
	}
	_, err = s3.NewFromConfig(s.o.AWS("222222222222")).DeleteObject(context.Background(), &s3.DeleteObjectInput{
		Bucket: aws.String(s.ledger("222222222222")), Key: aws.String("candidates/" + id + ".json"),
	})
	s.must(err)
}

// proved compares every row with the cut-off image.
func (s *story) proved(id string) {
	r, err := s.r.Collect(context.Background(), s.outcome(id))
	s.must(err)
	if err != nil {
		return
	}
	for _, i := range r.Items {
		if !i.Same() {
			s.t.Errorf("not the same as at the cut-off: %+v", i)
		}
	}
	if r.Verdict != refresh.Succeeded || len(r.Items) == 0 || len(r.SecretsLeaked) > 0 {
		s.t.Errorf("%s with %d items, leaked %q: %s", r.Verdict, len(r.Items), r.SecretsLeaked, r.Cause)
	}
}

// account of what happened, for the reader of a failed test.
func (s *story) tell() string {
	var out []string
	for _, x := range s.executions() {
		out = append(out, fmt.Sprintf("%s %s %s %s: %.300s\n    %s", x.Name, x.Machine, x.Status, x.Error, x.Cause, strings.Join(x.Path, " → ")))
	}
	for _, m := range s.mails() {
		out = append(out, "mail: "+m.Subject+": "+strings.ReplaceAll(m.Body, "\n", " | "))
	}
	return strings.Join(append(out, "the operator did: "+strings.Join(s.acted, "; ")), "\n  ")
}
