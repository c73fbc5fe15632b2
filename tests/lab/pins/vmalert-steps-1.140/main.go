// What vmalert makes of rule files at given times, by its own code: it evaluates the groups at each step in turn, as it
// does by the clock, and prints the alerts that fire then. `-datasource.url` and the like are vmalert's own options.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/VictoriaMetrics/VictoriaMetrics/app/vmalert/config"
	"github.com/VictoriaMetrics/VictoriaMetrics/app/vmalert/datasource"
	"github.com/VictoriaMetrics/VictoriaMetrics/app/vmalert/notifier"
	"github.com/VictoriaMetrics/VictoriaMetrics/app/vmalert/rule"
	"github.com/VictoriaMetrics/VictoriaMetrics/app/vmalert/templates"
	"github.com/VictoriaMetrics/VictoriaMetrics/lib/buildinfo"
)

var (
	rules = flag.String("rules", "", "The rule file")
	start = flag.Int64("start", 0, "The first evaluation, in seconds since 1970")
	step  = flag.Duration("step", time.Minute, "From one evaluation to the next")
	count = flag.Int("count", 0, "How many evaluations come after the first")
)

// An alert that fires at a step.
type firing struct {
	Step        int               `json:"step"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func main() {
	flag.Parse()
	buildinfo.Init()
	found, err := run()
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(found)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() ([]firing, error) {
	if err := templates.Load(nil, url.URL{}); err != nil {
		return nil, err
	}
	if err := notifier.Init(nil, ""); err != nil {
		return nil, err
	}
	source, err := datasource.Init(nil)
	if err != nil {
		return nil, err
	}
	read, err := config.Parse([]string{*rules}, notifier.ValidateTemplates, true)
	if err != nil {
		return nil, err
	}
	var groups []*rule.Group
	for _, one := range read {
		group := rule.NewGroup(one, source, *step, nil)
		group.Init()
		groups = append(groups, group)
	}
	found := []firing{}
	for number := 0; number <= *count; number++ {
		now := time.Unix(*start, 0).UTC().Add(time.Duration(number) * *step)
		for _, group := range groups {
			for err := range group.ExecOnce(context.Background(), nil, now) {
				if err != nil {
					return nil, fmt.Errorf("%s at step %d: %w", group.Name, number, err)
				}
			}
			found = append(found, firingIn(group, number)...)
		}
	}
	return found, nil
}

func firingIn(group *rule.Group, number int) []firing {
	var found []firing
	for _, one := range group.Rules {
		alerting, ok := one.(*rule.AlertingRule)
		if !ok {
			continue
		}
		for _, alert := range alerting.GetAlerts() {
			if alert.State == notifier.StateFiring {
				found = append(found, firing{number, alert.Labels, alert.Annotations})
			}
		}
	}
	return found
}
