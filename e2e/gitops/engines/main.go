// Engines syncs a folder of manifests as Argo CD and Flux do, by their own engines, and prints what they say as JSON:
//
//	engines argo compare|sync|prune|replace-force OPTIONS
//	engines flux sync|prune|force OPTIONS
//
// Where the engine refuses, that is part of the answer; the program fails only where it could not ask.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/fluxcd/pkg/ssa/utils"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrllog "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/go-logr/logr"
)

// Options say what is synced and how.
type Options struct {
	kubeconfig string
	folder     string
	namespace  string
	// owner is the name of the Application or of the Kustomization.
	owner string
	// judges is a folder of Argo CD's customizations, or a Kustomization with healthCheckExprs.
	judges string
	// inventory is a file in which Flux's side notes what it made.
	inventory  string
	clientSide bool
	wait       time.Duration
}

func main() {
	answer, err := run(os.Args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(answer)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(words []string) (any, error) {
	if len(words) < 2 {
		return nil, errors.New("usage: engines argo|flux COMMAND OPTIONS")
	}
	options, err := parse(words[2:])
	if err != nil {
		return nil, err
	}
	ctrllog.SetLogger(logr.Discard())
	config, err := clientcmd.BuildConfigFromFlags("", options.kubeconfig)
	if err != nil {
		return nil, err
	}
	// As both of them do, ask as often as there is need.
	config.QPS, config.Burst = 300, 600
	objects, err := manifests(options.folder)
	if err != nil {
		return nil, err
	}
	commands := map[string]func(context.Context, string, *rest.Config, Options, []*unstructured.Unstructured) (any, error){
		"argo": argo, "flux": flux,
	}
	command, found := commands[words[0]]
	if !found {
		return nil, fmt.Errorf("no engine %q", words[0])
	}
	ctx, cancel := context.WithTimeout(context.Background(), options.wait+time.Minute)
	defer cancel()
	return command(ctx, words[1], config, options, objects)
}

func parse(words []string) (Options, error) {
	options := Options{}
	flags := flag.NewFlagSet("engines", flag.ContinueOnError)
	flags.StringVar(&options.kubeconfig, "kubeconfig", "", "who asks which API server")
	flags.StringVar(&options.folder, "folder", "", "the manifests")
	flags.StringVar(&options.namespace, "namespace", "", "where they go")
	flags.StringVar(&options.owner, "owner", "keys", "the Application or Kustomization")
	flags.StringVar(&options.judges, "judges", "", "health.lua files in Argo CD's layout, or a Kustomization")
	flags.StringVar(&options.inventory, "inventory", "", "what Flux made, noted in a file")
	flags.BoolVar(&options.clientSide, "client-side", false, "apply as Argo CD does unless told otherwise")
	flags.DurationVar(&options.wait, "wait", 0, "how long to wait for health; not at all where absent")
	return options, flags.Parse(words)
}

// manifests reads every YAML file of a folder, in the order of their names.
func manifests(folder string) ([]*unstructured.Unstructured, error) {
	paths := []string{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && strings.HasSuffix(path, ".yaml") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	sort.Strings(paths)
	objects := []*unstructured.Unstructured{}
	for _, path := range paths {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		read, err := utils.ReadObjects(file)
		file.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		objects = append(objects, read...)
	}
	return objects, nil
}
