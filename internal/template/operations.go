package template

import "encoding/json"

// LogGroup is a CloudWatch Logs group.
type LogGroup struct {
	LogicalID     string
	Name          string
	ARN           string // ends with :*
	RetentionDays int    // 0: for ever
	KeyARN        string
	Class         string // STANDARD by default
	Tags          map[string]string
}

// Alarm is a CloudWatch alarm.
type Alarm struct {
	LogicalID   string
	Name        string
	ARN         string
	Description string
	Namespace   string
	MetricName  string
	Dimensions  map[string]string
	Actions     []string        // ARNs told when the state becomes ALARM
	Properties  json.RawMessage // everything, as resolved
}

// MetricFilter counts log lines into a metric. Logs are not simulated, so it is
// read and shown, never evaluated.
type MetricFilter struct {
	LogicalID  string
	LogGroup   string
	Pattern    string
	Properties json.RawMessage // everything, as resolved
}

func metricFilterView(f *fields, r *Resource) any {
	v := &MetricFilter{LogicalID: r.LogicalID, LogGroup: f.need("LogGroupName"), Pattern: f.need("FilterPattern"), Properties: encode(r.Properties)}
	f.harmless(sortedKeys(r.Properties)...)
	return v
}

// Dashboard is a CloudWatch dashboard.
type Dashboard struct {
	LogicalID string
	Name      string
	Body      string
}

// Parameter is a Systems Manager parameter.
type Parameter struct {
	LogicalID   string
	Name        string
	ARN         string
	Type        string // String or StringList
	Value       string
	Description string
	Tags        map[string]string
}

func logGroupView(f *fields, r *Resource) any {
	v := &LogGroup{LogicalID: r.LogicalID, Name: r.Ref, ARN: r.Attributes["Arn"], RetentionDays: f.number("RetentionInDays", 0),
		KeyARN: f.str("KmsKeyId"), Class: f.choice("LogGroupClass", "STANDARD", "INFREQUENT_ACCESS", "DELIVERY"), Tags: f.tags("Tags")}
	f.harmless("LogGroupName", "DeletionProtectionEnabled")
	return v
}

// alarmView keeps all properties: alarms are shown and counted, not evaluated.
func alarmView(f *fields, r *Resource) any {
	v := &Alarm{LogicalID: r.LogicalID, Name: r.Ref, ARN: r.Attributes["Arn"], Description: f.str("AlarmDescription"),
		Namespace: f.str("Namespace"), MetricName: f.str("MetricName"), Actions: f.texts("AlarmActions"), Properties: encode(r.Properties)}
	f.objects("Dimensions", func(d *fields) {
		if v.Dimensions == nil {
			v.Dimensions = map[string]string{}
		}
		v.Dimensions[d.need("Name")] = d.str("Value")
	})
	f.harmless(sortedKeys(r.Properties)...)
	return v
}

func dashboardView(f *fields, r *Resource) any {
	f.harmless("DashboardName", "Tags")
	return &Dashboard{LogicalID: r.LogicalID, Name: r.Ref, Body: f.need("DashboardBody")}
}

func parameterView(f *fields, r *Resource) any {
	v := &Parameter{LogicalID: r.LogicalID, Name: r.Ref, Type: f.choice("Type", "String", "StringList"), Value: f.need("Value"),
		Description: f.str("Description"), Tags: f.tags("Tags")}
	f.only("DataType", "text")
	f.harmless("Name", "Tier", "AllowedPattern")
	return v
}
