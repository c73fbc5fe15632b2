// What the Prometheus operator makes of our objects, by its own code: `render` prints the configuration of Alertmanager
// that an AlertmanagerConfig becomes, `rule` says what is wrong with a PrometheusRule. Objects come on standard input.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/blang/semver/v4"
	"sigs.k8s.io/yaml"

	corev1 "k8s.io/api/core/v1"

	"github.com/prometheus-operator/prometheus-operator/pkg/alertmanager"
	validationv1alpha1 "github.com/prometheus-operator/prometheus-operator/pkg/alertmanager/validation/v1alpha1"
	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	monitoringv1alpha1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1alpha1"
	"github.com/prometheus-operator/prometheus-operator/pkg/assets"
	"github.com/prometheus-operator/prometheus-operator/pkg/operator"
)

const amVersion = "0.28.1"

// What `render` reads: the Alertmanager, the Secret of the receivers, and the configuration that is there already.
type site struct {
	Alertmanager monitoringv1.Alertmanager             `json:"alertmanager"`
	Secret       corev1.Secret                         `json:"secret"`
	Raw          string                                `json:"raw"`
	Object       monitoringv1alpha1.AlertmanagerConfig `json:"object"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 1 && arguments[0] == "--version" {
		fmt.Println("operator 0.85.0")
		return nil
	}
	if len(arguments) != 1 {
		return errors.New("usage: operator render|rule < objects")
	}
	given, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	switch arguments[0] {
	case "render":
		return render(given)
	case "rule":
		return rule(given)
	}
	return fmt.Errorf("there is no %s", arguments[0])
}

func render(given []byte) error {
	var found site
	if err := yaml.UnmarshalStrict(given, &found); err != nil {
		return err
	}
	if err := validationv1alpha1.ValidateAlertmanagerConfig(&found.Object); err != nil {
		return err
	}
	version := semver.MustParse(amVersion)
	store := assets.NewTestStoreBuilder(&found.Secret)
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	builder := alertmanager.NewConfigBuilder(logger, version, store, &found.Alertmanager)
	if err := builder.InitializeFromRawConfiguration([]byte(found.Raw)); err != nil {
		return err
	}
	objects := map[string]*monitoringv1alpha1.AlertmanagerConfig{"object": &found.Object}
	if err := builder.AddAlertmanagerConfigs(context.Background(), objects); err != nil {
		return err
	}
	written, err := builder.MarshalJSON() // YAML in truth
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(written)
	return err
}

func rule(given []byte) error {
	var found monitoringv1.PrometheusRule
	if err := yaml.UnmarshalStrict(given, &found); err != nil {
		return err
	}
	return errors.Join(operator.ValidateRule(found.Spec)...)
}
