package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/argoproj/argo-cd/v3/common"
	"github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/argoproj/gitops-engine/pkg/cache"
	"github.com/argoproj/gitops-engine/pkg/diff"
	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/argoproj/gitops-engine/pkg/sync"
	syncs "github.com/argoproj/gitops-engine/pkg/sync/common"
	"github.com/argoproj/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/gitops-engine/pkg/utils/tracing"
	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
)

const (
	group = "kms.coffer.dev"
	// tracking is how Argo CD knows what it made, unless told otherwise.
	tracking = "argocd.argoproj.io/tracking-id"
	pause    = 50 * time.Millisecond
)

// ArgoAnswer is what Argo CD would show of an Application.
type ArgoAnswer struct {
	Phase     string            `json:"phase"`
	Message   string            `json:"message"`
	Resources map[string]string `json:"resources"`
	// OutOfSync are the names of what differs, by the way of comparing: in all three nothing may drift.
	OutOfSync    map[string][]string `json:"outOfSync"`
	Incomparable []string            `json:"incomparable"`
	Health       map[string]string   `json:"health"`
}

// Application is one folder and what of it is in the cluster.
type Application struct {
	config    *rest.Config
	options   Options
	objects   []*unstructured.Unstructured
	overrides lua.ResourceHealthOverrides
	kubectl   *kube.KubectlCmd
	live      cache.ClusterCache
}

type onlyOurs struct{}

// IsExcludedResource spares the watches of all kinds that are none of ours.
func (onlyOurs) IsExcludedResource(named, _, _ string) bool { return named != group }

func argo(
	ctx context.Context, command string, config *rest.Config, options Options, objects []*unstructured.Unstructured,
) (any, error) {
	overrides, err := readOverrides(options.judges)
	if err != nil {
		return nil, err
	}
	app := &Application{config: config, options: options, objects: objects, overrides: overrides}
	app.kubectl = &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}
	for _, object := range objects {
		app.track(object)
	}
	app.live = cache.NewClusterCache(config,
		cache.SetKubectl(app.kubectl), cache.SetLogr(logr.Discard()), cache.SetNamespaces([]string{options.namespace}),
		cache.SetSettings(cache.Settings{ResourceHealthOverride: overrides, ResourcesFilter: onlyOurs{}}),
		cache.SetPopulateResourceInfoHandler(func(object *unstructured.Unstructured, _ bool) (any, bool) {
			return object.GetAnnotations()[tracking], true
		}),
	)
	if err := app.live.EnsureSynced(); err != nil {
		return nil, err
	}
	defer app.live.Invalidate()
	return app.act(ctx, command)
}

// readOverrides reads scripts in Argo CD's layout: GROUP/KIND/health.lua.
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

// track writes the annotation by which Argo CD finds its own again.
func (a *Application) track(object *unstructured.Unstructured) {
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	kind := object.GroupVersionKind().GroupKind()
	annotations[tracking] = fmt.Sprintf(
		"%s:%s/%s:%s/%s", a.options.owner, kind.Group, kind.Kind, object.GetNamespace(), object.GetName(),
	)
	object.SetAnnotations(annotations)
}

func (a *Application) isOurs(found *cache.Resource) bool {
	id, _ := found.Info.(string)
	return strings.HasPrefix(id, a.options.owner+":")
}

func (a *Application) act(ctx context.Context, command string) (any, error) {
	answer := &ArgoAnswer{Phase: "", Resources: map[string]string{}}
	if command != "compare" {
		if err := a.sync(ctx, command, answer); err != nil {
			return nil, err
		}
	}
	if err := a.judge(ctx, answer); err != nil {
		return nil, err
	}
	return answer, a.compare(answer)
}

// reconciled pairs what is in the folder with what is in the cluster.
func (a *Application) reconciled() (sync.ReconciliationResult, error) {
	live, err := a.live.GetManagedLiveObjs(a.objects, a.isOurs)
	if err != nil {
		return sync.ReconciliationResult{}, err
	}
	return sync.Reconcile(a.objects, live, a.options.namespace, a.live), nil
}

// sync goes on until the operation is over, as the controller does at each turn.
func (a *Application) sync(ctx context.Context, command string, answer *ArgoAnswer) error {
	pairs, err := a.reconciled()
	if err != nil {
		return err
	}
	operation, cleanup, err := sync.NewSyncContext("revision", pairs, a.config, a.config, a.kubectl, a.options.namespace,
		a.live.GetOpenAPISchema(), a.settings(command)...)
	if err != nil {
		return err
	}
	defer cleanup()
	for {
		operation.Sync()
		phase, message, results := operation.GetState()
		if phase.Completed() {
			answer.Phase, answer.Message = string(phase), message
			for _, result := range results {
				answer.Resources[result.ResourceKey.Name] = strings.TrimSpace(fmt.Sprintf("%s %s", result.Status, result.Message))
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// settings are those that the controller gives an operation.
func (a *Application) settings(command string) []sync.SyncOpt {
	prune, replace := command == "prune", command == "replace-force"
	propagation := metav1.DeletePropagationForeground
	return []sync.SyncOpt{
		sync.WithLogr(logr.Discard()),
		sync.WithHealthOverride(a.overrides),
		sync.WithOperationSettings(false, prune, replace, false),
		sync.WithReplace(replace),
		sync.WithPrunePropagationPolicy(&propagation),
		sync.WithManifestValidation(true),
		sync.WithServerSideApply(!a.options.clientSide),
		sync.WithServerSideApplyManager(common.ArgoCDSSAManager),
		sync.WithClientSideApplyMigration(true, syncs.DefaultClientSideApplyMigrationManager),
	}
}

// judge asks the scripts until nothing is in progress any more.
func (a *Application) judge(ctx context.Context, answer *ArgoAnswer) error {
	for begin := time.Now(); ; {
		answer.Health = map[string]string{}
		waiting := false
		for _, object := range a.objects {
			kind, name := object.GroupVersionKind(), object.GetName()
			live, err := a.kubectl.GetResource(ctx, a.config, kind, name, object.GetNamespace())
			if err != nil {
				answer.Health[name] = string(health.HealthStatusMissing)
				continue
			}
			found, err := health.GetResourceHealth(live, a.overrides)
			if err != nil {
				return err
			}
			if found != nil {
				answer.Health[name] = string(found.Status)
				waiting = waiting || found.Status == health.HealthStatusProgressing
			}
		}
		if !waiting || time.Since(begin) > a.options.wait {
			return nil
		}
		time.Sleep(pause)
	}
}

// compare tells what differs now, in each of the ways that an Application can choose.
func (a *Application) compare(answer *ArgoAnswer) error {
	a.live.Invalidate()
	if err := a.live.EnsureSynced(); err != nil {
		return err
	}
	dryRuns, cleanup, err := kube.ManageServerSideDiffDryRuns(
		a.config, a.live.GetOpenAPISchema(), a.kubectl.Tracer, a.kubectl.Log, nil,
	)
	if err != nil {
		return err
	}
	defer cleanup()
	always := []diff.Option{
		diff.WithLogr(logr.Discard()), diff.WithGVKParser(a.live.GetGVKParser()), diff.WithManager(common.ArgoCDSSAManager),
	}
	ways := map[string][]diff.Option{
		"threeWay":        nil,
		"structuredMerge": {diff.WithStructuredMergeDiff(true)},
		"serverSide": {
			diff.WithServerSideDiff(true), diff.WithServerSideDryRunner(diff.NewK8sServerSideDryRunner(dryRuns)),
		},
	}
	answer.OutOfSync = map[string][]string{}
	for way, options := range ways {
		pairs, err := a.reconciled()
		if err != nil {
			return err
		}
		found, err := diff.DiffArray(pairs.Target, pairs.Live, append(options, always...)...)
		if err != nil {
			// What the API server would refuse cannot be compared by asking it.
			answer.Incomparable = append(answer.Incomparable, fmt.Sprintf("%s: %s", way, err))
			continue
		}
		answer.OutOfSync[way] = differing(pairs, found)
	}
	return nil
}

func differing(pairs sync.ReconciliationResult, found *diff.DiffResultList) []string {
	names := []string{}
	for number, target := range pairs.Target {
		live := pairs.Live[number]
		switch {
		case target == nil:
			names = append(names, live.GetName())
		case live == nil || found.Diffs[number].Modified:
			names = append(names, target.GetName())
		}
	}
	return names
}
