package main

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/fluxcd/cli-utils/pkg/kstatus/polling"
	"github.com/fluxcd/cli-utils/pkg/object"
	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"github.com/fluxcd/pkg/ssa"
	"github.com/fluxcd/pkg/ssa/normalize"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"
)

const (
	toolkit = "kustomize.toolkit.fluxcd.io"
	manager = "kustomize-controller"
	// settled is how often what is pruned or waited for is looked at.
	settled = 100 * time.Millisecond
)

// FluxAnswer is what Flux would note of a Kustomization.
type FluxAnswer struct {
	Changes map[string]ssa.Action `json:"changes"`
	Pruned  map[string]ssa.Action `json:"pruned"`
	// Error is why the manifests could not be applied, Unhealthy why the wait for them failed.
	Error     string `json:"error"`
	Unhealthy string `json:"unhealthy"`
}

// flux does what kustomize-controller does at one reconciliation.
func flux(
	ctx context.Context, command string, config *rest.Config, options Options, objects []*unstructured.Unstructured,
) (any, error) {
	resources, err := newManager(ctx, config, options)
	if err != nil {
		return nil, err
	}
	before, err := readInventory(options.inventory)
	if err != nil {
		return nil, err
	}
	resources.SetOwnerLabels(objects, options.owner, options.namespace)
	answer := &FluxAnswer{Changes: map[string]ssa.Action{}, Pruned: map[string]ssa.Action{}}
	if err := normalize.UnstructuredList(objects); err != nil {
		return nil, err
	}
	changes, err := resources.ApplyAllStaged(ctx, objects, applyOptions(command == "force"))
	if changes != nil {
		answer.Changes = changes.ToMap()
	}
	if err != nil {
		answer.Error = err.Error()
		return answer, nil
	}
	if command == "prune" {
		pruned, err := resources.DeleteAll(ctx, stale(before, objects), deleteOptions(resources, options))
		if err != nil {
			return nil, err
		}
		answer.Pruned = pruned.ToMap()
		before = nil
	}
	if options.wait > 0 {
		waiting := ssa.WaitOptions{Interval: settled, Timeout: options.wait, FailFast: true}
		if err := resources.WaitForSetWithContext(ctx, changes.ToObjMetadataSet(), waiting); err != nil {
			answer.Unhealthy = err.Error()
		}
	}
	return answer, writeInventory(options.inventory, append(stale(before, objects), objects...))
}

func newManager(ctx context.Context, config *rest.Config, options Options) (*ssa.ResourceManager, error) {
	http, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	mapper, err := apiutil.NewDynamicRESTMapper(config, http)
	if err != nil {
		return nil, err
	}
	asking, err := client.New(config, client.Options{HTTPClient: http, Mapper: mapper})
	if err != nil {
		return nil, err
	}
	checks, err := readChecks(options.judges)
	if err != nil {
		return nil, err
	}
	readers, err := cel.PollerWithCustomHealthChecks(ctx, checks)
	if err != nil {
		return nil, err
	}
	with := polling.Options{}
	for _, reader := range readers {
		with.CustomStatusReaders = append(with.CustomStatusReaders, reader(mapper))
	}
	poller := polling.NewStatusPoller(asking, mapper, with)
	return ssa.NewResourceManager(asking, poller, ssa.Owner{Field: manager, Group: toolkit}), nil
}

// readChecks reads the expressions of a Kustomization.
func readChecks(path string) ([]kustomize.CustomHealthCheck, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var read struct {
		Spec struct {
			HealthCheckExprs []kustomize.CustomHealthCheck `json:"healthCheckExprs"`
		} `json:"spec"`
	}
	err = yaml.Unmarshal(text, &read)
	return read.Spec.HealthCheckExprs, err
}

// applyOptions are those of kustomize-controller.
func applyOptions(force bool) ssa.ApplyOptions {
	options := ssa.DefaultApplyOptions()
	options.Force = force
	options.WaitInterval = settled
	options.ExclusionSelector = map[string]string{toolkit + "/reconcile": "disabled", toolkit + "/ssa": "Ignore"}
	options.IfNotPresentSelector = map[string]string{toolkit + "/ssa": "IfNotPresent"}
	options.ForceSelector = map[string]string{toolkit + "/force": "enabled"}
	update := metav1.ManagedFieldsOperationUpdate
	options.Cleanup = ssa.ApplyCleanupOptions{
		Annotations: []string{corev1.LastAppliedConfigAnnotation},
		FieldManagers: []ssa.FieldManager{
			{Name: "kubectl", OperationType: metav1.ManagedFieldsOperationApply},
			{Name: "kubectl", OperationType: update},
			{Name: "before-first-apply", OperationType: update},
			{Name: manager, OperationType: update},
		},
		Exclusions: map[string]string{toolkit + "/ssa": "Merge"},
	}
	return options
}

func deleteOptions(resources *ssa.ResourceManager, options Options) ssa.DeleteOptions {
	return ssa.DeleteOptions{
		PropagationPolicy: metav1.DeletePropagationBackground,
		Inclusions:        resources.GetOwnerLabels(options.owner, options.namespace),
		Exclusions:        map[string]string{toolkit + "/prune": "disabled", toolkit + "/reconcile": "disabled"},
	}
}

// stale is what was made once and is not in the folder any more.
func stale(before, objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	wanted := object.UnstructuredSetToObjMetadataSet(objects)
	left := []*unstructured.Unstructured{}
	for _, one := range before {
		if !wanted.Contains(object.UnstructuredToObjMetadata(one)) {
			left = append(left, one)
		}
	}
	return left
}

func readInventory(path string) ([]*unstructured.Unstructured, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	objects := []*unstructured.Unstructured{}
	return objects, json.Unmarshal(text, &objects)
}

func writeInventory(path string, objects []*unstructured.Unstructured) error {
	text, err := json.Marshal(objects)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}
