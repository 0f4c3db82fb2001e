package backup_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type sent struct {
	at                  time.Duration
	account, detailType string
	resources           []string
	detail              map[string]any
}

// listen collects the events of a scene.
func (s *scene) listen() *[]sent {
	var got []sent
	s.backup.Emit = func(account, source, detailType string, resources []string, detail map[string]any) {
		if source != "aws.backup" {
			s.t.Errorf("source %s", source)
		}
		got = append(got, sent{s.w.Now().Sub(s.w.Start()), account, detailType, resources, detail})
	}
	return &got
}

func (e sent) state() string {
	for _, k := range []string{"state", "status"} {
		if v, ok := e.detail[k].(string); ok {
			return e.detailType[:4] + " " + k + "=" + v
		}
	}
	return "?"
}

func TestEventsHaveAWSsShapes(t *testing.T) {
	s := newScene(t)
	got := s.listen()
	var point string
	s.run(func() {
		point = *s.backUp(orders).RecoveryPointArn
		c := s.copyOver(point)
		s.restoreNamed(map[string]string{"point": *c.DestinationRecoveryPointArn, "DBClusterIdentifier": "c", "Engine": "aurora-postgresql", "DBSubnetGroupName": "db"})
		s.sleep(10 * time.Minute)
	})
	var states []string
	for _, e := range *got {
		states = append(states, e.state())
		if e.at%(5*time.Minute) != 0 {
			t.Errorf("%s came at %v", e.state(), e.at)
		}
		if _, err := json.Marshal(e.detail); err != nil {
			t.Error(err)
		}
	}
	want := []string{
		"Back state=CREATED", "Back state=PENDING", "Back state=RUNNING", "Back state=COMPLETED",
		"Copy state=CREATED", "Copy state=RUNNING", "Copy state=COMPLETED",
		"Rest state=CREATED", "Rest status=RUNNING", "Rest status=COMPLETED",
	}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	checkShapes(t, *got, point)
}

func checkShapes(t *testing.T, got []sent, point string) {
	t.Helper()
	if r := got[2].resources; r == nil || len(r) != 0 {
		t.Errorf("a running backup names %v", r)
	}
	if diff := cmp.Diff([]string{point}, got[3].resources); diff != "" {
		t.Errorf("a completed backup names (-want +got):\n%s", diff)
	}
	for i, want := range map[int]string{4: "<nil> <nil>", 5: "map[string]interface {} map[]", 6: "string arn"} {
		v := got[i].detail["destinationRecoveryPointArn"]
		text := fmt.Sprintf("%T %.3v", v, v)
		if v == nil {
			text = "<nil> <nil>"
		}
		if text != want {
			t.Errorf("event %d: destinationRecoveryPointArn is %s, want %s", i, text, want)
		}
	}
	if _, ok := got[4].detail["copyJobId"]; ok {
		t.Error("a created copy has an id")
	}
	if _, ok := got[3].detail["backupSizeInBytes"].(string); !ok {
		t.Errorf("size of a backup is a %T", got[3].detail["backupSizeInBytes"])
	}
	if _, ok := got[6].detail["backupSizeInBytes"].(int64); !ok {
		t.Errorf("size of a copy is a %T", got[6].detail["backupSizeInBytes"])
	}
}

func TestEventsAreLostAndDoubled(t *testing.T) {
	for _, tt := range []struct {
		name      string
		loss, dup float64
		want      int
	}{{"all lost", 1, 0, 0}, {"all twice", 0, 1, 8}} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t)
			got := s.listen()
			s.backup.EventLoss, s.backup.EventDup, s.backup.EventDelayMax = tt.loss, tt.dup, 3*time.Minute
			s.run(func() {
				s.backUp(orders)
				s.sleep(10 * time.Minute)
			})
			if len(*got) != tt.want {
				t.Errorf("%d events, want %d", len(*got), tt.want)
			}
		})
	}
}
