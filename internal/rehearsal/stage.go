package rehearsal

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/dbferry/dbferry/internal/awsworld"
	"github.com/dbferry/dbferry/internal/awsworld/autoscaling"
	"github.com/dbferry/dbferry/internal/awsworld/backup"
	"github.com/dbferry/dbferry/internal/awsworld/cloudwatch"
	"github.com/dbferry/dbferry/internal/awsworld/dynamodb"
	"github.com/dbferry/dbferry/internal/awsworld/ecs"
	"github.com/dbferry/dbferry/internal/awsworld/elbv2"
	"github.com/dbferry/dbferry/internal/awsworld/events"
	"github.com/dbferry/dbferry/internal/awsworld/iamapi"
	"github.com/dbferry/dbferry/internal/awsworld/kms"
	"github.com/dbferry/dbferry/internal/awsworld/lambda"
	"github.com/dbferry/dbferry/internal/awsworld/logs"
	"github.com/dbferry/dbferry/internal/awsworld/organizations"
	"github.com/dbferry/dbferry/internal/awsworld/rds"
	"github.com/dbferry/dbferry/internal/awsworld/route53"
	"github.com/dbferry/dbferry/internal/awsworld/s3"
	"github.com/dbferry/dbferry/internal/awsworld/scheduler"
	"github.com/dbferry/dbferry/internal/awsworld/secretsmanager"
	"github.com/dbferry/dbferry/internal/awsworld/service"
	awssns "github.com/dbferry/dbferry/internal/awsworld/sns"
	"github.com/dbferry/dbferry/internal/awsworld/sqs"
	"github.com/dbferry/dbferry/internal/awsworld/ssm"
	"github.com/dbferry/dbferry/internal/awsworld/states"
	"github.com/dbferry/dbferry/internal/awsworld/sts"
	"github.com/dbferry/dbferry/internal/config"
	"github.com/dbferry/dbferry/internal/ground"
	"github.com/dbferry/dbferry/internal/jsonata"
	"github.com/dbferry/dbferry/internal/sim"
	"github.com/dbferry/dbferry/internal/sqlserver"
	"github.com/dbferry/dbferry/internal/stagingapp"
	"github.com/dbferry/dbferry/internal/template"
)

// stage is one simulated world with all its services, wired as AWS is.
type stage struct {
	scenario    Scenario
	config      config.Config
	target      config.Target // the first one that is refreshed
	ground      ground.Ground
	clients     bool // applications call
	deployments []*template.Deployment

	w         *awsworld.World
	kms       *kms.Service
	rds       *rds.Service
	dynamodb  *dynamodb.Service
	backup    *backup.Service
	s3        *s3.Service
	sns       *awssns.Service
	sqs       *sqs.Service
	secrets   *secretsmanager.Service
	metrics   *cloudwatch.Service
	scaling   *autoscaling.Service
	lambda    *lambda.Service
	states    *states.Service
	events    *events.Service
	scheduler *scheduler.Service
	ssm       *ssm.Service
	ecs       *ecs.Service
	route53   *route53.Service
	elb       *elbv2.Service
	logs      *logs.Service

	farm      *sqlserver.Farm
	databases *databases
	vpcs      map[string]string // account/subnet → VPC
	loaded    map[string]bool   // clusters that hold a user's dump
	writers   []*writer
	hooks     []*hook
	hookRuns  []HookRun
	apps      map[string]*stagingapp.App // by target
	starts    int                        // names executions that the operator starts
	warm      map[warmth][]*environment  // idle functions
	broken    error                      // what the rehearsal itself could not do
}

// newStage builds an empty world with services and servers.
func newStage(ctx context.Context, sc Scenario) (*stage, error) {
	deployments, c, err := sc.resolve()
	if err != nil {
		return nil, err
	}
	engine, err := jsonata.Load()
	if err != nil {
		return nil, err
	}
	s := &stage{scenario: sc, config: c, deployments: deployments, vpcs: map[string]string{}, loaded: map[string]bool{}, warm: map[warmth][]*environment{}, apps: map[string]*stagingapp.App{}}
	if s.target, err = sc.target(c); err != nil {
		return nil, err
	}
	if s.ground, err = sc.scene(c); err != nil {
		return nil, err
	}
	if s.farm, err = sqlserver.NewFarm(ctx, sqlserver.FarmOptions{}); err != nil {
		return nil, err
	}
	s.databases = newDatabases(s.farm)
	k := sim.New(begin)
	k.Pace = sc.pace()
	s.w = awsworld.New(k, c.Region, sc.Seed)
	if sc.Latency > 0 {
		s.w.Latency = sc.Latency
	}
	s.w.Journal.Quiet = sc.Tables > 100
	s.services(engine)
	s.connect()
	for _, f := range sc.Faults {
		s.w.Inject(f)
	}
	return s, nil
}

// scene is the ground that was given, or the derived one.
func (s Scenario) scene(c config.Config) (ground.Ground, error) {
	var g ground.Ground
	var err error
	if s.Ground != nil {
		g = *s.Ground
	} else if g, err = ground.ForConfig(c); err != nil {
		return g, err
	} else if s.RefreshOnly {
		g = g.WithoutApplications()
	}
	if s.Tables > 0 {
		if g, err = g.WithTables(c, s.Tables); err != nil {
			return g, err
		}
	}
	if s.SwitchTo != "" {
		return s.switchScene(c, g)
	}
	if s.Migrate != nil {
		return g.WithoutApplications().WithMigration(c, s.Migrate.cluster(c))
	}
	return g, nil
}

func (s *stage) services(engine *jsonata.Engine) {
	w := s.w
	sts.Register(w)
	iamapi.Register(w)
	organizations.Register(w)
	s.kms = kms.New(w)
	s.rds = rds.New(w, s.kms)
	s.dynamodb = dynamodb.New(w, s.kms)
	s.backup = backup.New(w, s.kms, s.rds, s.dynamodb)
	s.s3, s.sns, s.sqs = s3.New(w), awssns.New(w), sqs.New(w)
	s.secrets, s.metrics = secretsmanager.New(w), cloudwatch.New(w)
	s.scaling = autoscaling.New(w, s.metrics, s.dynamodb, s.rds)
	s.lambda, s.states = lambda.New(w), states.New(w, engine)
	s.events, s.scheduler = events.New(w), scheduler.New(w)
	s.ssm, s.ecs, s.route53, s.elb = ssm.New(w), ecs.New(w), route53.New(w), elbv2.New(w)
	s.logs = logs.New(w)
}

// connect lets the services reach each other.
func (s *stage) connect() {
	s.logs.Group = s.auditGroup
	emit := s.events.Emit
	s.s3.Emit, s.states.Emit, s.backup.Emit, s.rds.Emit = emit, emit, emit, emit
	s.s3.Keys, s.sns.Keys, s.sqs.Keys, s.secrets.Keys = s.kms, s.kms, s.kms, s.kms
	s.ecs.Emit, s.ssm.Keys = emit, s.kms
	s.rds.Databases = s.databases
	s.rds.Turned = func(account, blue, status string) {
		if status == "SWITCHOVER_COMPLETED" {
			s.scaling.Forget(account, "cluster:"+strings.TrimSuffix(blue, "-old1"))
		}
	}
	s.rds.Broken = func(err error) {
		if s.broken == nil {
			s.broken = fmt.Errorf("database servers: %w", err)
		}
	}
	measure := func(account, namespace, name string, dimensions map[string]string, value float64) {
		s.metrics.Put(account, cloudwatch.Metric{Namespace: namespace, Name: name, Dimensions: dimensions}, value)
	}
	s.states.Measure, s.events.Measure = measure, measure
	s.states.BucketOwner = s.s3.Owner
	s.states.Watch = s.watch
	s.lambda.Run = s.execute
	s.events.Weather = s.scenario.Weather
	s.metrics.Publish = s.publish
	s.metrics.Provide("AWS/RDS", "VolumeBytesUsed", func(account string, m cloudwatch.Metric, _ time.Time) (float64, bool) {
		n, ok := s.rds.VolumeBytes(account, m.Dimensions["DBClusterIdentifier"])
		return float64(n), ok
	})
	s.metrics.Provide("AWS/RDS", "AuroraBinlogReplicaLag", func(account string, m cloudwatch.Metric, at time.Time) (float64, bool) {
		return s.rds.ReplicaLag(account, m.Dimensions, at)
	})
	s.metrics.Provide("AWS/RDS", "OldestReplicationSlotLag", func(account string, m cloudwatch.Metric, at time.Time) (float64, bool) {
		return s.rds.SlotLag(account, m.Dimensions, at)
	})
}

func (s *stage) publish(ctx context.Context, caller awsworld.Caller, topic, subject, message string) error {
	_, err := service.Call[sns.PublishOutput](ctx, s.w, caller, "SNS", "Publish", &sns.PublishInput{TopicArn: &topic, Subject: &subject, Message: &message})
	return err
}

// watch tells the states that are entered, and runs what waits for them.
func (s *stage) watch(step states.Step) {
	s.runHooks(step)
	if s.scenario.Progress == nil {
		return
	}
	s.scenario.Progress(Progress{At: s.since(step.Event.Time), Account: step.Account, Machine: step.Machine, Item: step.Item, State: step.Event.Name, Text: step.Event.Type})
}

func (s *stage) tell(format string, args ...any) {
	if s.scenario.Progress != nil {
		s.scenario.Progress(Progress{At: s.since(s.w.Now()), Text: fmt.Sprintf(format, args...)})
	}
}

func (s *stage) since(t time.Time) time.Duration { return t.Sub(s.w.Start()) }

// close ends every process and server.
func (s *stage) close() error {
	s.w.Kernel.Stop()
	return s.farm.Close()
}
