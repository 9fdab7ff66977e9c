// Package emf puts metrics into log lines, in CloudWatch's embedded metric format.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
package emf

import (
	"log/slog"
	"time"
)

// Unit is a CloudWatch unit.
type Unit string

// The units in use.
const (
	Count        Unit = "Count"
	Milliseconds Unit = "Milliseconds"
	Seconds      Unit = "Seconds"
)

// Metric is one value of a metric.
type Metric struct {
	Name  string
	Unit  Unit
	Value float64
}

// Directive tells CloudWatch to take metrics out of the line that it stands in.
type Directive struct {
	// Dimensions are the sets of dimensions to publish the metrics under; an empty set publishes them without any. Each
	// dimension is a field of the same line, and a string.
	Dimensions [][]string
	Metrics    []Metric
}

// Attrs returns what makes a log line carry metrics: CloudWatch's metadata, and the values. They belong at the top level of a
// line of JSON. Metric names must differ within a line.
func Attrs(at time.Time, namespace string, directives ...Directive) []slog.Attr {
	type definition struct {
		Name string `json:"Name"`
		Unit Unit   `json:"Unit"`
	}
	type cloudWatchMetrics struct {
		Namespace  string       `json:"Namespace"`
		Dimensions [][]string   `json:"Dimensions"`
		Metrics    []definition `json:"Metrics"`
	}
	type metadata struct {
		Timestamp         int64               `json:"Timestamp"` // Unix milliseconds
		CloudWatchMetrics []cloudWatchMetrics `json:"CloudWatchMetrics"`
	}
	meta := metadata{Timestamp: at.UnixMilli()}
	var values []slog.Attr
	for _, d := range directives {
		if len(d.Metrics) == 0 {
			continue
		}
		set := cloudWatchMetrics{Namespace: namespace, Dimensions: d.Dimensions}
		for _, m := range d.Metrics {
			set.Metrics = append(set.Metrics, definition{m.Name, m.Unit})
			values = append(values, slog.Float64(m.Name, m.Value))
		}
		meta.CloudWatchMetrics = append(meta.CloudWatchMetrics, set)
	}
	return append(values, slog.Any("_aws", meta))
}

// Duration is a metric in milliseconds, to the microsecond.
func Duration(name string, d time.Duration) Metric {
	return Metric{Name: name, Unit: Milliseconds, Value: float64(d.Microseconds()) / 1000}
}
