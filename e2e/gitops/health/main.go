// Health tells what Argo CD, kstatus and Flux make of resources, by their own code. The first argument is a folder in
// Argo CD's layout of customizations: GROUP/KIND/health.lua, with resources in GROUP/KIND/testdata. The second is a
// Kustomization of Flux with healthCheckExprs.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/yaml"
)

// Verdict is what one of them says.
type Verdict struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// Row is one resource. Script is the verdict of the script alone; Argo decides some things before it runs one.
type Row struct {
	Script  Verdict `json:"script"`
	Argo    Verdict `json:"argo"`
	Kstatus Verdict `json:"kstatus"`
	Flux    Verdict `json:"flux"`
}

// Judges are all that decides of a resource but the resource itself.
type Judges struct {
	overrides   lua.ResourceHealthOverrides
	expressions map[string]*cel.StatusEvaluator
}

func main() {
	rows, err := judge(os.Args[1], os.Args[2])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(rows)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func judge(root, kustomization string) (map[string]Row, error) {
	overrides, err := readOverrides(root)
	if err != nil {
		return nil, err
	}
	expressions, err := readExpressions(kustomization)
	if err != nil {
		return nil, err
	}
	judges := Judges{overrides, expressions}
	paths, err := filepath.Glob(filepath.Join(root, "*", "*", "testdata", "*.yaml"))
	if err != nil {
		return nil, err
	}
	rows := map[string]Row{}
	for _, path := range paths {
		row, err := judges.file(path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return nil, err
		}
		rows[name] = row
	}
	return rows, nil
}

// readOverrides reads scripts as a cluster's configuration gives them to Argo CD: without the standard libraries.
func readOverrides(root string) (lua.ResourceHealthOverrides, error) {
	paths, err := filepath.Glob(filepath.Join(root, "*", "*", "health.lua"))
	if err != nil {
		return nil, err
	}
	overrides := lua.ResourceHealthOverrides{}
	for _, path := range paths {
		script, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		kind, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return nil, err
		}
		overrides[strings.ReplaceAll(kind, "_", "*")] = v1alpha1.ResourceOverride{HealthLua: string(script)}
	}
	return overrides, nil
}

func readExpressions(path string) (map[string]*cel.StatusEvaluator, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var read struct {
		Spec struct {
			HealthCheckExprs []kustomize.CustomHealthCheck `json:"healthCheckExprs"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &read); err != nil {
		return nil, err
	}
	expressions := map[string]*cel.StatusEvaluator{}
	for _, check := range read.Spec.HealthCheckExprs {
		evaluator, err := cel.NewStatusEvaluator(&check.HealthCheckExpressions)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", check.Kind, err)
		}
		expressions[check.APIVersion+"/"+check.Kind] = evaluator
	}
	return expressions, nil
}

func (j Judges) file(path string) (Row, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Row{}, err
	}
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(text, object); err != nil {
		return Row{}, err
	}
	script, err := j.overrides.GetResourceHealth(object)
	if err != nil {
		return Row{}, err
	}
	argo, err := health.GetResourceHealth(object, j.overrides)
	if err != nil {
		return Row{}, err
	}
	result, err := status.Compute(object)
	if err != nil {
		return Row{}, err
	}
	return Row{
		Script:  Verdict{string(script.Status), script.Message},
		Argo:    Verdict{string(argo.Status), argo.Message},
		Kstatus: Verdict{string(result.Status), result.Message},
		Flux:    j.flux(object),
	}, nil
}

// flux waits while an expression cannot be evaluated, as it does for a resource without any status.
func (j Judges) flux(object *unstructured.Unstructured) Verdict {
	evaluator, found := j.expressions[object.GetAPIVersion()+"/"+object.GetKind()]
	if !found {
		return Verdict{"None", "no expression for this kind"}
	}
	result, err := evaluator.Evaluate(context.Background(), object)
	if err != nil {
		return Verdict{"Unknown", err.Error()}
	}
	return Verdict{string(result.Status), result.Message}
}
